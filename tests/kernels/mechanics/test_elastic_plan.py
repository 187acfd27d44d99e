"""Elastic runs without an engine: the strains of a schedule on a made-up body give back its constants."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.mechanics.elastic_measure import measure_job
from aiida_glassion.kernels.mechanics.elastic_plan import plan_jobs, plan_samples, relaxation, replica_groups
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
from aiida_glassion.schedule import Hold, Minimise, Strain

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


@pytest.mark.parametrize('jobs', ['sample', 'component'])
def test_constants_come_back_from_a_skew_cell_under_stress(jobs):
    """Neither the shape of the cell nor a stress of 1 GPa at no strain enters the constants."""
    chosen, c = settings(jobs=jobs), body()
    planned = plan_jobs(chosen, 0)
    assert len(planned) == (1 if jobs == 'sample' else 7)
    residual = np.array([1.0, -0.5, 0.3, 0.2, -0.1, 0.4])
    measured = [one for job in planned for one in measure_job(job, play(job, c, residual=residual))]
    found = analyse_sample(chosen, 0, 500, measured)
    np.testing.assert_allclose(found.stiffness.constants, c, rtol=1e-6, atol=1e-6)
    assert found.results['residual_stress'] == pytest.approx(residual.tolist())
    assert found.results['reversible'] is True
    assert len(found.results['returns']) == 14, 'after each sign of seven components'
    assert found.results['warnings'] == ['the pressure at no strain is -0.27 GPa, 0 GPa were wanted; relax or '
                                         'equilibrate longer']  # fmt: skip
    assert found.results['stiffness']['moduli']['bulk_voigt']['mean'] == pytest.approx(c[:3, :3].sum() / 9, rel=1e-5)


def test_bulk_modulus_is_that_of_a_volume():
    """Under no stress, −V dp/dV of equal strains is Voigt's bulk modulus."""
    chosen, c = settings(methods=['bulk']), body()
    (job,) = plan_jobs(chosen, 0)
    found = analyse_sample(chosen, 0, 500, measure_job(job, play(job, c)))
    assert found.results['bulk']['modulus']['mean'] == pytest.approx(c[:3, :3].sum() / 9, rel=2e-3)
    assert found.results['bulk']['points'] == 5
    assert found.results['stiffness'] is None
    np.testing.assert_allclose(found.curves['bulk__strain'], [-0.01, -0.005, 0, 0.005, 0.01], atol=1e-9)


def test_every_state_begins_where_it_should():
    """Strains are those asked for, at every stage that is measured, whatever came before."""
    chosen = settings()
    (job,) = plan_jobs(chosen, 0)
    for one in measure_job(job, play(job, body())):
        strain = green_lagrange(gradient_between(CELL, one.cell))
        if one.state.component == 'volume':
            assert one.volume / np.linalg.det(CELL) - 1 == pytest.approx(one.state.strain, abs=1e-12)
        elif one.state.component == 'none':
            np.testing.assert_allclose(strain, 0, atol=1e-12)
        else:
            assert strain[VOIGT.index(one.state.component)] == pytest.approx(one.state.strain, abs=1e-12)
    names = [stage.name for stage in job.schedule.stages]
    assert names[:4] == ['unstrained_00', 'to_volume_plus_0p01', 'volume_plus_0p01', 'to_volume_plus_0p005']
    assert job.schedule.last_step == 0


def test_at_a_temperature_errors_are_those_of_the_noise():
    chosen, c = settings(), body()
    (job,) = plan_jobs(chosen, 300)
    assert isinstance(job.schedule.stages[0], Hold)
    scores = []
    measured = measure_job(job, play(job, c, noise=0.3))
    found = analyse_sample(chosen, 300, 500, measured)
    errors = np.array(found.results['stiffness']['errors'])
    scores = ((found.stiffness.constants - c) / errors)[np.triu_indices(6)]
    assert 0.4 < np.sqrt((scores**2).mean()) < 2
    bulk = found.results['bulk']['modulus']
    assert abs(bulk['mean'] - c[:3, :3].sum() / 9) < 4 * bulk['standard_error']
    assert found.results['stiffness']['moduli']['young']['standard_error'] > 0
    assert {one['after'] for one in found.results['returns']} == {'xy'}


def test_atoms_that_stay_elsewhere_are_told_and_do_not_matter():
    """Where a strain rearranges atoms the way back is elastic: the constants are not spoiled."""
    chosen, c = settings(methods=['stiffness']), body()
    (job,) = plan_jobs(chosen, 0)
    found = analyse_sample(chosen, 0, 500, measure_job(job, play(job, c, plastic=('yy_minus_0p01', 'xy_plus_0p01'))))
    assert found.results['reversible'] is False
    assert [number for number, one in enumerate(found.results['returns']) if not one['reversible']] == [3, 10]
    assert 'atoms changed places for good when strained in yy, xy (by up to +0.5 eV' in found.results['warnings'][0]
    np.testing.assert_allclose(found.stiffness.constants, c, rtol=1e-3, atol=2e-2)


def test_what_is_not_stable_has_constants_and_no_moduli():
    chosen, c = settings(), np.diag([40.0, 40, 40, 20, 20, 20])
    c[:3, :3] += 50 * (1 - np.eye(3))
    (job,) = plan_jobs(chosen, 0)
    found = analyse_sample(chosen, 0, 500, measure_job(job, play(job, c)))
    assert found.results['stiffness']['stable'] is False
    assert found.results['stiffness']['moduli'] is None
    assert 'not stable' in found.results['warnings'][-1]


def test_part_of_the_jobs_gives_part_of_the_results():
    chosen = settings(jobs='component')
    jobs = [job for job in plan_jobs(chosen, 0) if job.label != 'strain_yz']
    measured = [one for job in jobs for one in measure_job(job, play(job, body()))]
    found = analyse_sample(chosen, 0, 500, measured, {'strain_yz': 'the disk was full'})
    assert found.stiffness is None
    assert found.results['bulk']['modulus']['mean'] > 0
    assert found.results['warnings'] == ['strain_yz failed: the disk was full']
    with pytest.raises(ValueError, match='no output of stage'):
        measure_job(jobs[0], {'stage': np.zeros(0)})


def test_relaxation_follows_the_pressure():
    minimise, cold = relaxation(settings(pressure=1.5, coupling='aniso', relax={'duration': 3})).stages
    assert isinstance(minimise, Minimise)
    assert (cold.pressure, cold.coupling, cold.ensemble, cold.duration) == (1.5, 'aniso', 'npt', 3)
    (only,) = relaxation(settings(coupling='none')).stages
    assert only.method == 'fire'


def test_replicas_and_what_is_none():
    """One name but for a number, and as many atoms: a pore makes another glass of it."""
    whole, carved = {'Si': 100, 'O': 200}, {'Si': 90, 'O': 180}
    assert replica_groups({'dense_1': whole, 'dense_2': whole, 'porous_1': carved, 'porous_2': carved}) == {
        'dense': ['dense_1', 'dense_2'],
        'porous': ['porous_1', 'porous_2'],
    }
    assert replica_groups({'glass_71': whole, 'glass_93': carved}) == {
        'glass_71': ['glass_71'],
        'glass_93': ['glass_93'],
    }
    assert replica_groups({'dense_1': whole}) == {'dense_1': ['dense_1']}


def test_samples_have_seeds_of_their_own():
    every = plan_samples([300, 0], ['b', 'a'], 5)
    assert [one.label for one in every] == ['T0000_a', 'T0000_b', 'T0300_a', 'T0300_b']
    assert len({one.seed for one in every}) == 4
    assert plan_samples([300], ['a'], 5)[0] == every[2]


def test_dense_and_porous_side_by_side():
    """Means over replicas with the error of their scatter; a failed one is named, the others stand."""
    whole, carved = {'Si': 100, 'O': 200}, {'Si': 90, 'O': 180}
    chosen = settings()
    (job,) = plan_jobs(chosen, 0)
    plan, samples = {}, {}
    for glass, counts, factor in (
        ('dense_1', whole, 1.0), ('dense_2', whole, 1.02), ('porous_1', carved, 0.6), ('porous_2', carved, 0.6),
    ):  # fmt: skip
        plan[f'T0000_{glass}'] = {'glass': glass, 'counts': counts, 'temperature': 0}
        c = factor * body()
        samples[f'T0000_{glass}'] = analyse_sample(chosen, 0, 300, measure_job(job, play(job, c))).results
    del samples['T0000_porous_2']
    plan['T0000_porous_2']['reason'] = 'lost atoms'
    results = summarise(plan, samples)
    dense, porous = (results['groups'][name]['T0000'] for name in ('dense', 'porous'))
    one, two = (samples[f'T0000_dense_{number}']['bulk']['modulus']['mean'] for number in (1, 2))
    assert dense['bulk']['mean'] == pytest.approx((one + two) / 2)
    assert dense['bulk']['standard_error'] == pytest.approx(abs(two - one) / 2)
    assert (dense['n'], porous['n'], porous['glasses']) == (2, 1, ['porous_1', 'porous_2'])
    assert porous['bulk']['mean'] == pytest.approx(0.6 / 1.01 * dense['bulk']['mean'])
    assert porous['moduli']['young']['n'] == 1
    np.testing.assert_allclose(dense['stiffness']['constants'], 1.01 * body(), rtol=1e-6, atol=1e-6)
    assert results['warnings'] == ['T0000_porous_2: lost atoms']
    assert results['samples']['T0000_porous_2']['group'] == 'porous'


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'methods': []}, "methods: none given, expected 'bulk'"),
        ({'methods': ['bulk', 'bulk']}, 'methods: bulk is given twice'),
        ({'methods': ['shear']}, r'methods\.0.*bulk'),
        ({'strains': []}, 'strains: none given'),
        ({'strains': [-0.01]}, r'strains: -0.01 is no size of a strain; expected one above 0'),
        ({'strains': [0.5]}, 'up to 0.1'),
        ({'strains': [0.01, 0.01]}, 'each size once'),
        ({'volume_strains': [0]}, 'volume_strains: 0 is no size'),
        ({'temperatures': [-5]}, 'temperatures: -5.0 given, expected 0'),
        ({'temperatures': [300, 300]}, '300 K is given twice'),
        ({'coupling': 'isotropic'}, 'coupling: '),
        ({'strain': [0.01]}, "strain: no such setting; did you mean 'strains'"),
        ({'relax': {'length': 2}}, 'relax.length: no such setting'),
        ({'temperatures': [300], 'sample': 0.1}, 'sample: 0.1 ps holds fewer than 20 lines'),
        ({'settle': 0}, 'settle: Input should be greater than 0'),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        settings(**changes)


def test_a_setting_that_is_missing():
    with pytest.raises(ValueError, match='methods: missing'):
        read_settings({})


def test_minimising_by_forces_alone_leaves_the_cell():
    with pytest.raises(ValueError, match="'fire' cannot relax the cell"):
        Minimise(method='fire', pressure=0.0)
