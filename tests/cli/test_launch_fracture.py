"""``glassion launch fracture``: what it says it will do, what it hands over, and how it refuses."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.cli.launch_fracture_plan import plan_fracture
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.workchains import protocols

GLASS = Path(__file__).parents[1] / 'fixtures' / 'silica' / 'glass.extxyz'
USUAL = ('--potential', 'pmmcs', '--protocol', 'fast', '--notch-opening', '5')


@pytest.fixture
def invoke(aiida_profile_clean, aiida_code_installed, localhost):
    """The command in this process, in the profile of the tests; it never asks and never submits to a daemon."""
    code = aiida_code_installed(
        label='lmp', default_calc_job_plugin='glassion.md', computer=localhost, filepath_executable='/bin/true'
    )

    def run(*arguments):
        words = [*arguments, '--code', code.full_label, '--profile', aiida_profile_clean.name]
        return CliRunner(env={'COLUMNS': '200'}).invoke(main, ['launch', 'fracture', *map(str, words)])

    return run


@pytest.fixture
def built(invoke, monkeypatch):
    """Builder of a launch that would have been submitted."""

    def run(*arguments):
        kept = {}
        monkeypatch.setattr(
            'aiida_glassion.cli.launch_fracture.submit', lambda ctx, builder, given: kept.update(builder=builder)
        )
        done = invoke(*arguments)
        assert done.exit_code == 0, done.output
        return kept['builder']

    return run


def test_dry_run_says_what_will_be_done(invoke):
    done = invoke(f'dense={GLASS}', *USUAL, '--kind', 'both', '--sizes', '1,2x2x1', '--axes', 'x,z', '--dry-run')
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        'Fracture SiO2',
        'dense: 192 atoms (128 O, 64 Si), SiO2',
        'pmmcs (published)',
        '8, at most 2 at a time; seed 1; 1 MPI rank each',
        'sides free, at 0 GPa',
        'below 75 000 K_Ic depends on the size',
        'dense tension x, z 1x1x1 2e+10 192 14 × 14 × 14 – 14',
        'dense notched x, z 2x2x1 2e+10 7',
        ' of 768 28 × 28 × 14 ',
        'Nothing was submitted',
    ):
        assert words in said, words


def test_the_plan_counts_jobs_steps_and_time():
    glass = Frames.from_ase(ase.io.read(GLASS))
    settings = protocols.load('fracture', 'default', {'kinds': ['tension'], 'rates': [0.01, 0.001], 'axes': ['x', 'y']})
    run = {'ranks': 2, 'seed': 1, 'max_concurrent': 3}
    plan = plan_fracture({'a': glass}, settings, None, 1e5, 'cut off', **run)
    fast, slow = plan.rows
    assert (fast.rate, fast.axes, fast.jobs) == (0.01, ('x', 'y'), 1 + 22 + 2)
    assert fast.steps == 50_000 + 110_000 + 3 * 400
    assert slow.steps == 50_000 + 1_100_000 + 3 * 400
    assert plan.n_pulls == 4
    assert plan.core_seconds == pytest.approx(2 * (fast.steps + slow.steps) * 192 / 1e5)
    assert plan.seconds_waiting == pytest.approx(slow.steps * 192 / 2e5)
    assert plan.bytes_of_snapshots == pytest.approx(2 * 12 * 110 * 4 * 192)
    steps = plan_fracture(
        {'a': glass}, {**protocols.load('fracture', 'aau_notch', {'notch': {'opening': 5.0}})}, None, 1e5, '', **run
    )
    (row,) = steps.rows
    assert (row.rate, row.notch[1]) == (None, 5.0)
    assert row.n_atoms < row.n_before == 192
    assert row.steps == 50_000 + 111 * 10_000 + (1 + 2 * 111 + 2) * 400


def test_options_become_inputs(built):
    builder = built(
        GLASS, *USUAL, '--kind', 'notched', '--axes', 'y', '--rates', '0.05,0.01', '--sizes', '2x1x1', '--lateral',
        'fixed', '--temperature', '500', '--notch-length', '0.25', '--max-strain', '0.6', '--young', '72', '--poisson',
        '0.17', '--charges', 'Si=4,O=-2', '--set', 'notch.exact=neutral', '--set', 'analyse=false', '--seed', '7',
        '--max-concurrent', '3', '--tolerate', '0.25', '--ranks', '2', '--threads', '2',
    )  # fmt: skip
    settings = builder.settings.get_dict()
    wanted = {
        'kinds': ['notched'], 'axes': ['y'], 'rates': [0.05, 0.01], 'sizes': [[2, 1, 1]], 'lateral': 'fixed',
        'temperature': 500, 'max_strain': 0.6, 'analyse': False,
    }  # fmt: skip
    assert {name: settings[name] for name in wanted} == wanted
    assert {name: settings['notch'][name] for name in ('length', 'opening', 'exact')} == {
        'length': 0.25, 'opening': 5, 'exact': 'neutral',
    }  # fmt: skip
    assert (builder.young.value, builder.poisson.value, builder.charges.get_dict()) == (72, 0.17, {'Si': 4, 'O': -2})
    assert (builder.seed.value, builder.max_concurrent.value, builder.tolerated_failures.value) == (7, 3, 0.25)
    assert builder.md.md.accelerator == {'suffix': 'omp', 'package': 'omp 2'}
    assert 'glass (fast)' in builder.metadata.label
    steps = built(GLASS, *USUAL, '--mode', 'steps')
    assert (steps.settings['mode'], steps.settings['rates']) == ('steps', [])


def test_regions_of_a_glass_ceramic_come_along(built, aiida_profile_clean):
    study = orm.WorkChainNode()
    study.set_process_label('GlassCeramicWorkChain')
    study.store()
    outputs = {
        'glass': FramesData.from_ase(ase.io.read(GLASS)),
        'regions': orm.ArrayData({'labels': np.zeros(192, dtype=np.int8)}),
    }
    for name, node in outputs.items():
        job = orm.CalcFunctionNode()
        job.base.links.add_incoming(study, LinkType.CALL_CALC, name)
        job.store()
        node.base.links.add_incoming(job, LinkType.CREATE, 'result')
        node.store().base.links.add_incoming(study, LinkType.RETURN, name)
    study.set_process_state('finished')
    builder = built(f'ceramic={study.pk}', *USUAL)
    assert builder.regions['ceramic'].uuid == outputs['regions'].uuid
    assert 'regions' not in built(f'plain={GLASS}', *USUAL)._inputs(prune=True)


BAD = {
    'no glass': ([], 'Give a GLASS'),
    'no file': (['nothing.extxyz', *USUAL], 'GLASS: there is no file nothing.extxyz'),
    'a notch as long as the cell': ([GLASS, *USUAL, '--notch-length', '1.2'], 'a notch as long as the cell cuts it'),
    'a notch that opens too far': ([GLASS, *USUAL, '--notch-opening', '20'], 'cuts through this cell, which is 13.93'),
    'a notch along the load': ([GLASS, *USUAL, '--set', 'notch.along=z'], 'z is the axis of the load too'),
    'a notch without an atom': ([GLASS, *USUAL, '--set', 'notch.length=0.001'], 'notch of glass'),
    'a rate of 0': ([GLASS, *USUAL, '--rates', '0'], 'rates.0: '),
    'a negative rate': ([GLASS, *USUAL, '--rates', '-0.01'], 'greater than 0'),
    'a rate in words': ([GLASS, *USUAL, '--rates', 'slow'], "'slow' is no rate"),
    'equal rates': ([GLASS, *USUAL, '--rates', '0.01,0.01'], '0.01 is given twice'),
    'rates of steps': ([GLASS, *USUAL, '--mode', 'steps', '--rates', '0.1'], '--rates: steps have no rate'),
    'an unknown axis': ([GLASS, *USUAL, '--axes', 'x,w'], "'w' is no axis"),
    'equal axes': ([GLASS, *USUAL, '--axes', 'x,x'], 'x is given twice'),
    'a size in words': ([GLASS, *USUAL, '--sizes', '2x2'], "'2x2' is no size"),
    'no size': ([GLASS, *USUAL, '--sizes', '0'], 'expected how often a cell is repeated'),
    'charges that do not cancel': ([GLASS, *USUAL, '--charges', 'Si=3,O=-2'], 'charges: they sum to -64 e'),
    'a charge that is missing': ([GLASS, *USUAL, '--charges', 'O=-2'], 'none given for Si'),
    'no modulus': ([GLASS, *USUAL, '--young', '-3'], 'expected a modulus above 0'),
    'no ratio': ([GLASS, *USUAL, '--poisson', '0.7'], 'expected above -1 and up to 0.5'),
    'potential without an element': ([GLASS, '--potential', 'li2s-sis2', '--protocol', 'fast'], 'O'),
    'misspelt protocol': ([GLASS, '--potential', 'pmmcs', '--protocol', 'aau_nocht'], "did you mean 'aau_notch'?"),
    'misspelt setting': ([GLASS, *USUAL, '--set', 'notch.lenght=0.2'], "did you mean 'length'?"),
    'misspelt setting of the analysis': ([GLASS, *USUAL, '--set', 'analysis.radius=-1'], 'settings.analysis: radius'),
}  # fmt: skip


@pytest.mark.parametrize('case', BAD)
def test_what_cannot_be_is_refused_in_a_sentence(invoke, case):
    arguments, words = BAD[case]
    done = invoke(*arguments)
    said = ' '.join(done.output.split())
    assert done.exit_code == 2, done.output
    assert words in said
    assert 'Traceback' not in said
    assert 'defect' not in said


def test_a_cell_that_leans_or_is_open_is_refused(invoke, tmp_path):
    atoms = ase.io.read(GLASS)
    leaning = atoms.copy()
    leaning.set_cell([*atoms.cell[:2], [2.0, 0.0, atoms.cell[2, 2]]], scale_atoms=True)
    ase.io.write(tmp_path / 'leaning.extxyz', leaning)
    done = invoke(tmp_path / 'leaning.extxyz', *USUAL)
    assert (done.exit_code, 'edges at right angles' in ' '.join(done.output.split())) == (2, True), done.output
    atoms.pbc = (True, True, False)
    ase.io.write(tmp_path / 'slab.extxyz', atoms)
    done = invoke(tmp_path / 'slab.extxyz', *USUAL)
    assert (done.exit_code, 'periodic' in done.output) == (2, True), done.output


def test_without_daemon_nothing_is_submitted(invoke):
    done = invoke(GLASS, *USUAL, '--yes')
    assert (done.exit_code, 'daemon start' in done.output) == (1, True), done.output
    assert orm.QueryBuilder().append(orm.ProcessNode).count() == 0
