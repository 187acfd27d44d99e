"""Elastic runs of made-up bodies: thermodynamic output as LAMMPS would leave it, and the graph of a finished run."""

from __future__ import annotations

import numpy as np
from graphs import GraphBuilder

from aiida_glassion.kernels.mechanics.elastic_measure import measure_job
from aiida_glassion.kernels.mechanics.elastic_plan import plan_jobs, plan_samples
from aiida_glassion.kernels.mechanics.elastic_sample import analyse_sample
from aiida_glassion.kernels.mechanics.elastic_settings import read_settings
from aiida_glassion.kernels.mechanics.elastic_summary import summarise
from aiida_glassion.kernels.mechanics.strain import (
    VOIGT,
    gradient_between,
    green_lagrange,
    stress_from_voigt,
    stress_to_voigt,
)
from aiida_glassion.schedule import Hold, Strain

SETTINGS = {
    'methods': ['bulk', 'stiffness'], 'strains': [0.005, 0.01], 'volume_strains': [0.005, 0.01],
    'equilibrate': 5.0, 'settle': 0.5, 'sample': 2.0, 'thermo_every': 0.02,
}  # fmt: skip
OFFSET = np.array([0.6, -0.4, 0.2, 0.1, -0.2, 0.3])
"""Stress that is let go where atoms change their places, GPa."""
CELL = np.array([[20.0, 0, 0], [-6.0, 18.0, 0], [1.0, 2.0, 22.0]])
AXES = {'xx': (0, 0), 'yy': (1, 1), 'zz': (2, 2), 'xy': (0, 1), 'xz': (0, 2), 'yz': (1, 2)}


def settings(**changes):
    return read_settings({**SETTINGS, **changes})


def body(seed=3):
    m = np.random.default_rng(seed).normal(size=(6, 6))
    return m @ m.T * 4 + np.diag([80.0] * 3 + [30.0] * 3)


def play(job, constants, cell=CELL, residual=(0.0,) * 6, noise=0.0, plastic=()):
    """Thermodynamic output of a body with these constants and no atoms: stress by its own law at each stage."""
    rng, now, rows = np.random.default_rng(7), cell.copy(), []
    left_behind = 0.0
    for index, stage in enumerate(job.schedule.stages):
        if isinstance(stage, Strain):
            f = np.eye(3)
            if stage.mode == 'volume':
                f *= 1 + stage.strain
            elif len(stage.mode) == 1:
                f[AXES[stage.mode * 2]] += stage.strain
            else:
                f[AXES[stage.mode]] = stage.strain
            now = now @ f.T
            continue
        left_behind += 0.5 if stage.name in plastic else 0.0
        gradient = gradient_between(cell, now)
        second = stress_from_voigt(np.array(residual) + left_behind * OFFSET + constants @ green_lagrange(gradient))
        cauchy = stress_to_voigt(gradient @ second @ gradient.T / np.linalg.det(gradient))
        for number in range(120 if isinstance(stage, Hold) else 2):
            six = cauchy + rng.normal(0, noise, 6)
            rows.append(
                {
                    'stage': index,
                    'iteration': 0 if isinstance(stage, Hold) else 10 * number,
                    'density': 2.2,
                    'potential_energy': -100.0 + left_behind,
                    'pressure': -six[:3].mean(),
                    **{f'pressure_{name}': -six[VOIGT.index(name)] for name in AXES},
                    **{f'cell_{name}': now[i, j] for name, (i, j) in EDGES.items()},
                }
            )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


EDGES = {'lx': (0, 0), 'ly': (1, 1), 'lz': (2, 2), 'xy': (1, 0), 'xz': (2, 0), 'yz': (2, 1)}


DENSE, CARVED = {'Na': 20, 'O': 90, 'Si': 40}, {'Na': 18, 'O': 81, 'Si': 36}
GLASSES = {'dense_1': (DENSE, 1.0), 'dense_2': (DENSE, 1.02), 'porous': (CARVED, 0.6)}
FAILED = 'T0300_porous'
REASON = 'The sample could not be brought to no stress: the disk was full'


def analysed(temperature, factor=1.0, **changes):
    """A sample of a body whose constants are so many times those of :func:`body`."""
    chosen = settings(**changes)
    noise = 0.05 if temperature else 0.0
    measured = [
        one
        for job in plan_jobs(chosen, temperature)
        for one in measure_job(job, play(job, factor * body(), noise=noise))
    ]
    return analyse_sample(chosen, temperature, 150, measured)


def made_up_run():
    """Plan and samples of dense replicas beside a porous one, at 0 and 300 K; one has failed."""
    plan, samples = {}, {}
    for sample in plan_samples([0, 300], GLASSES, 1):
        counts, factor = GLASSES[sample.glass]
        plan[sample.label] = {'glass': sample.glass, 'temperature': sample.temperature, 'counts': counts}
        if sample.label == FAILED:
            plan[sample.label]['reason'] = REASON
        else:
            samples[sample.label] = analysed(sample.temperature, factor)
    return plan, samples


def elastic_graph(running=False):
    """A stored ElasticWorkChain; while it runs it has no results of its own."""
    from aiida import orm

    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.data.potential import PotentialData
    from aiida_glassion.frames import Frames

    builder, (plan, samples) = GraphBuilder(), made_up_run()
    glasses = {}
    for name, (counts, _) in GLASSES.items():
        symbols = [element for element, number in counts.items() for _ in range(number)]
        positions = np.random.default_rng(1).uniform(0, 12, (1, len(symbols), 3))
        glasses[name] = FramesData(frames=Frames(symbols=symbols, positions=positions, cells=12 * np.eye(3)[None]))
    potential = PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf')
    inputs = {
        'settings': orm.Dict({'protocol': 'custom', **SETTINGS}),
        'seed': orm.Int(1),
        'md__md__potential': potential,
    }
    run = builder.process(
        orm.WorkChainNode, 'ElasticWorkChain', running=running,
        inputs={
            **inputs, 'temperatures': orm.List([0, 300]),
            **{f'glasses__{name}': node for name, node in glasses.items()},
        },
    )  # fmt: skip
    for label, entry in plan.items():
        failed = label == FAILED
        sample = builder.process(
            orm.WorkChainNode, 'ElasticSampleWorkChain', run, label, status=330 if failed else 0,
            message=REASON if failed else '',
            inputs={'settings': orm.Dict(SETTINGS), 'configuration': glasses[entry['glass']],
                    'temperature': orm.Float(entry['temperature']), 'seed': orm.Int(3)},
        )  # fmt: skip
        if failed:
            continue
        report = builder.process(orm.CalcFunctionNode, 'report_elastic_sample', sample, 'report')
        found = samples[label]
        builder.create(orm.Dict(found.results), report, 'results', (sample, 'results'))
        builder.create(orm.ArrayData(found.curves), report, 'curves', (sample, 'curves'), (run, f'curves__{label}'))
    if not running:
        summary = builder.process(orm.CalcFunctionNode, 'summarise_elastic', run, 'summarise')
        results = summarise(plan, {label: found.results for label, found in samples.items()})
        builder.create(orm.Dict(results), summary, 'result', (run, 'results'))
        ledger = orm.Dict({FAILED: {'pk': 1, 'seed': 3, 'exit_status': 330, 'reason': REASON}}).store()
        builder.returned.append((ledger, run, 'ledger'))
    builder.hand_out()
    return run
