"""``glassion launch diffusion-sweep``: what it says it will do, what it hands over, and how it refuses."""

from __future__ import annotations

from pathlib import Path

import ase.io
import pytest
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.cli.launch_diffusion_sweep_plan import plan_sweep, size
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.kernels.transport.sweep_plan import read_settings
from aiida_glassion.workchains import protocols

GLASS = Path(__file__).parents[2] / 'examples' / 'structure' / 'glass_1.extxyz'
USUAL = ('--potential', 'pmmcs', '--protocol', 'fast')


@pytest.fixture
def lmp_code(aiida_code_installed, localhost):
    """A code for LAMMPS; nothing is run here."""
    return aiida_code_installed(
        label='lmp', default_calc_job_plugin='glassion.md', computer=localhost, filepath_executable='/bin/true'
    )


@pytest.fixture
def invoke(aiida_profile_clean, lmp_code):
    """The command in this process, in the profile of the tests; it never asks and never submits to a daemon."""

    def run(*arguments, code=lmp_code, temperatures='1000,1250,1500'):
        runner = CliRunner(env={'COLUMNS': '160'})
        named = () if code is None else ('--code', code.full_label)
        if temperatures and not {'--temperatures', '--continue'} & set(map(str, arguments)):
            named = (*named, '--temperatures', temperatures)
        words = [str(argument) for argument in (*arguments, *named, '--profile', aiida_profile_clean.name)]
        return runner.invoke(main, ['launch', 'diffusion-sweep', *words])

    return run


@pytest.fixture
def built(invoke, monkeypatch):
    """Builder of a launch that would have been submitted."""

    def run(*arguments, **more):
        kept = {}
        monkeypatch.setattr(
            'aiida_glassion.cli.launch_diffusion_sweep.submit', lambda ctx, builder, given: kept.update(builder=builder)
        )
        done = invoke(*arguments, **more)
        assert done.exit_code == 0, done.output
        return kept['builder']

    return run


@pytest.fixture
def melt_quench(aiida_profile_clean):
    """A melt-quench of two replicas at two rates, with the potential that made it."""
    from aiida import orm
    from aiida.common.links import LinkType

    potential = PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si']).store()
    study = orm.WorkChainNode(process_type='aiida.workflows:glassion.melt_quench')
    study.set_process_label('MeltQuenchWorkChain')
    study.base.links.add_incoming(potential, LinkType.INPUT_WORK, 'md__md__potential')
    study.store()
    glass = ase.io.read(GLASS)
    for number in (0, 1):
        for rate in ('rate_10', 'rate_2p5'):
            job = orm.CalcFunctionNode()
            job.base.links.add_incoming(study, LinkType.CALL_CALC, f'glass_{number}_{rate}')
            job.store()
            node = FramesData.from_ase(glass)
            node.base.links.add_incoming(job, LinkType.CREATE, 'result')
            node.store().base.links.add_incoming(study, LinkType.RETURN, f'glass__replica_{number:02d}_{rate}')
    study.set_process_state('finished')
    study.set_exit_status(0)
    study.seal()
    return study


def test_dry_run_says_what_will_be_done(invoke):
    done = invoke(GLASS, *USUAL, '--temperatures', '1500,1000,1250', '--replicas', '2', '--dry-run')
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        'Diffusion sweep Na2Si4O9',
        'glass_1: 600 atoms (80 Na, 360 O, 160 Si)',
        'pmmcs (published)',
        '6: 3 temperatures × 1 glass × 2, at most 2 at a time; seed 1',
        'Na; formal charges',
        'the error of their D is 30 %',
        'every 0.1 ps; all come home and are analysed here, up to 35 MB',
        '1500 2 10 NPT 20 … 80 15 000 … 45 000',
        '90 000 … 270 000 steps of 600 atoms in all',
        'Nothing was submitted',
    ):
        assert words in said, words
    assert said.index('1500 2 10 NPT') < said.index('1000 2 10 NPT')


def test_the_plan_counts_runs_steps_time_and_frames():
    settings = protocols.load('diffusion_sweep', 'napso', {'replicas': 2, 'timestep': 2.0})
    counts = {'a': {'Na': 100, 'P': 100}, 'b': {'Na': 200, 'P': 200}}
    run = {'ranks': 4, 'seed': 1, 'max_concurrent': 3}
    plan = plan_sweep(counts, read_settings(settings), [333.15, 423], 1e5, 'cut off', **run)
    assert [(row.temperature, row.runs, row.least, row.most) for row in plan.rows] == [
        (423.0, 4, 5000.0, 20000.0),
        (333.15, 4, 5000.0, 50000.0),
    ]
    assert plan.steps_of_run(5000.0) == 2_600_000  # with 200 ps before it, of 2 fs
    assert plan.steps(at_most=False) == 8 * 2_600_000
    assert plan.steps(at_most=True) == 4 * 10_100_000 + 4 * 25_100_000
    seconds = plan.steps(at_most=True) * 300 / 1e5
    assert plan.core_seconds(at_most=True) == pytest.approx(seconds)
    assert plan.seconds_waiting(at_most=True) == pytest.approx(seconds / 4 / 3)
    assert plan.bytes_of_frames(at_home=False) == pytest.approx((4 * 20000 + 4 * 50000) * 300 * 40)
    assert plan.bytes_of_frames(at_home=True, every=100) == pytest.approx(280_000 * 300 * 12 / 100)
    lone = plan_sweep(counts, read_settings(settings), [333.15, 423], 1e5, 'cut off', **(run | {'max_concurrent': 99}))
    assert lone.seconds_waiting(at_most=True) == pytest.approx(25_100_000 * 400 / 1e5 / 4)  # the longest of the largest


@pytest.mark.parametrize(
    ('number', 'text'), [(512, '1 kB'), (2.345e6, '2.3 MB'), (1.2e8, '120 MB'), (4.2e10, '42 GB'), (3e12, '3 TB')]
)
def test_sizes_in_the_largest_unit_below(number, text):
    assert size(number) == text


def test_options_become_inputs(built):
    builder = built(
        GLASS, *USUAL, '--temperatures', '900,1000.5', '--segment', '10', '--budget', '40', '--relative-error', '0.2',
        '--ions', 'Na', '--charges', 'Na=1,Si=4,O=-2', '--set', 'timestep=1', '--set', 'analyses.channels.spacing=0.5',
        '--seed', '7', '--max-concurrent', '3', '--tolerate', '0.25', '--ranks', '2', '--walltime', '01:00:00',
    )  # fmt: skip
    settings = builder.settings.get_dict()
    assert builder.temperatures.get_list() == [900, 1000.5]
    assert {key: settings[key] for key in ('segment', 'budget', 'relative_error', 'ions', 'timestep')} == {
        'segment': 10, 'budget': 40, 'relative_error': 0.2, 'ions': ['Na'], 'timestep': 1,
    }  # fmt: skip
    assert settings['charges'] == {'Na': 1, 'Si': 4, 'O': -2}
    assert settings['analyses']['channels'] == {'spacing': 0.5}
    assert (builder.seed.value, builder.max_concurrent.value, builder.tolerated_failures.value) == (7, 3, 0.25)
    assert builder.md.md.metadata.options['max_wallclock_seconds'] == 3600
    assert builder.md.md.metadata.options['resources']['num_mpiprocs_per_machine'] == 2
    assert list(builder.glasses) == ['glass_1']
    assert 'glass_1 (fast)' in builder.metadata.label


def test_frames_stay_where_they_are_and_are_analysed_there(built, invoke, python_code, aiida_code_installed):
    builder = built(GLASS, *USUAL, '--beside-data', '--ranks', '4')
    assert builder.analysis.code.uuid == python_code.uuid
    assert builder.analysis.metadata.options['resources']['num_mpiprocs_per_machine'] == 1
    said = ' '.join(invoke(GLASS, *USUAL, '--beside-data', '--dry-run').output.split())
    assert 'they stay on localhost-glassion' in said
    assert 'one in 20 comes home' in said


def test_python_on_another_computer_is_refused(invoke, aiida_code_installed, aiida_computer_local):
    far = aiida_code_installed(
        label='python', default_calc_job_plugin='glassion.analysis', filepath_executable='/usr/bin/python3',
        computer=aiida_computer_local(label='far'),
    )  # fmt: skip
    done = invoke(GLASS, *USUAL, '--beside-data', '--python', far.full_label)
    assert done.exit_code == 2
    assert 'python@far runs on far, but the frames lie on localhost-glassion' in ' '.join(done.output.split())


def test_every_glass_of_a_melt_quench_with_the_potential_that_made_it(built, invoke, melt_quench):
    refused = invoke(melt_quench.pk)
    assert refused.exit_code == 2
    assert 'quenched at 10, 2.5 K/ps: choose one with --rate' in ' '.join(refused.output.split())
    wrong = invoke(melt_quench.pk, '--rate', '5')
    assert 'did not quench at 5 K/ps, but at 10, 2.5' in ' '.join(wrong.output.split())
    builder = built(melt_quench.pk, '--rate', '2.5', '--protocol', 'fast')
    assert sorted(builder.glasses) == ['replica_00', 'replica_01']
    assert builder.glasses['replica_00'].uuid == melt_quench.outputs.glass.replica_00_rate_2p5.uuid
    assert builder.md.md.potential.uuid == melt_quench.inputs.md.md.potential.uuid
    one = melt_quench.outputs.glass.replica_01_rate_10
    builder = built(one.pk, GLASS, '--potential', 'teter', '--protocol', 'fast')
    assert sorted(builder.glasses) == ['glass_1', f'glass_{one.pk}']
    assert builder.md.md.potential.base.attributes.get('name') == 'teter'
    alone = built(one.pk, '--protocol', 'fast')
    assert alone.md.md.potential.uuid == melt_quench.inputs.md.md.potential.uuid
    mixed = invoke(one.pk, GLASS, '--protocol', 'fast')
    assert mixed.exit_code == 2
    assert 'that of glass_1 is not known: choose with --potential' in ' '.join(mixed.output.split())


def test_two_files_of_one_name_are_two_glasses(built, tmp_path):
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / '20Na.extxyz').write_bytes(GLASS.read_bytes())
    builder = built(tmp_path / 'a' / '20Na.extxyz', tmp_path / 'b' / '20Na.extxyz', *USUAL)
    assert sorted(builder.glasses) == ['glass_20Na_1', 'glass_20Na_2']


BAD = {
    'no glass': ([], 'Give a GLASS'),
    'no file': (['nothing.extxyz', *USUAL], 'GLASS: there is no file nothing.extxyz'),
    'no node': (['987654', *USUAL], 'There is no node 987654'),
    'one temperature': ([GLASS, *USUAL, '--temperatures', '900'], 'only 900 K given'),
    'equal temperatures': ([GLASS, *USUAL, '--temperatures', '900,1000,900'], '900 K is given twice'),
    'temperature in words': ([GLASS, *USUAL, '--temperatures', '900,warm'], "'warm' is no temperature"),
    'negative temperature': ([GLASS, *USUAL, '--temperatures', '900,-5'], '-5 given'),
    'ion that is not there': ([GLASS, *USUAL, '--ions', 'Li'], 'there is no Li in the glasses, which hold Na, O, Si'),
    'charges that do not cancel': ([GLASS, *USUAL, '--charges', 'Na=1,Si=3,O=-2'], 'charges'),
    'charge in words': ([GLASS, *USUAL, '--charges', 'Na=plus'], "'Na=plus' is no charge"),
    'budget below the segment': ([GLASS, *USUAL, '--segment', '50', '--budget', '20'], 'shorter than the first'),
    'misspelt protocol': ([GLASS, '--potential', 'pmmcs', '--protocol', 'fats'], "did you mean 'fast'?"),
    'misspelt setting': ([GLASS, *USUAL, '--set', 'relativ_error=1'], "did you mean 'relative_error'?"),
    'misspelt potential': ([GLASS, '--potential', 'pmcs'], 'did you mean pmmcs?'),
    'two potentials': ([GLASS, '--protocol', 'fast'], 'choose one with --potential'),
    'potential without an element': ([GLASS, '--potential', 'li2s-sis2', '--protocol', 'fast'], 'Na'),
    'python without need': ([GLASS, *USUAL, '--python', 'python@localhost'], 'add --beside-data'),
    'no code': ([GLASS, *USUAL, '--beside-data', '--python', 'python@moon'], 'There is no code python@moon'),
    'a glass and an earlier sweep': ([GLASS, '--continue', '12'], 'leave a GLASS away'),
    'no earlier sweep': (['--continue', '987654'], 'There is no node 987654'),
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


def test_temperatures_are_asked_for(invoke):
    done = invoke(GLASS, *USUAL, temperatures=None)
    assert done.exit_code == 2
    assert '--temperatures: none given' in ' '.join(done.output.split())


def test_a_wrapped_or_open_cell_is_told(invoke, tmp_path):
    atoms = ase.io.read(GLASS)
    atoms.pbc = (True, True, False)
    ase.io.write(tmp_path / 'slab.extxyz', atoms)
    done = invoke(tmp_path / 'slab.extxyz', *USUAL)
    assert done.exit_code == 2
    assert 'periodic' in done.output


def test_without_daemon_nothing_is_submitted(invoke):
    from aiida.orm import ProcessNode, QueryBuilder

    done = invoke(GLASS, *USUAL, '--yes')
    assert done.exit_code == 1
    assert 'daemon start' in done.output
    assert QueryBuilder().append(ProcessNode).count() == 0


def test_a_process_without_a_glass_is_answered(invoke):
    from aiida import orm

    study = orm.WorkChainNode()
    study.set_process_label('LabelWorkChain')
    study.store().set_process_state('finished')
    done = invoke(study.pk, *USUAL)
    assert done.exit_code == 2
    assert 'has no glass among its outputs' in done.output


@pytest.fixture
def earlier(built, lmp_code):
    """A sweep that was killed."""
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    builder = built(GLASS, *USUAL, '--temperatures', '1500,1000', '--seed', '7', '--walltime', '01:00:00')
    node = instantiate_process(get_manager().get_runner(), builder).node
    node.set_process_state('killed')
    node.seal()
    return node


def test_an_earlier_sweep_once_more_with_what_is_changed(built, invoke, earlier):
    builder = built('--continue', earlier.pk, '--budget', '320', '--temperatures', '1500,1250,1000', code=None)
    settings, before = builder.settings.get_dict(), earlier.inputs.settings.get_dict()
    assert settings == {**before, 'budget': 320, 'temperatures': [1500, 1250, 1000]}
    assert builder.temperatures.get_list() == [1500, 1250, 1000]
    assert builder.seed.value == 7
    assert builder.glasses['glass_1'].uuid == earlier.inputs.glasses.glass_1.uuid
    assert builder.md.md.potential.uuid == earlier.inputs.md.md.potential.uuid
    assert builder.md.md.code.uuid == earlier.inputs.md.md.code.uuid
    assert builder.md.md.metadata.options['max_wallclock_seconds'] == 3600
    said = ' '.join(invoke('--continue', earlier.pk, '--budget', '320', '--dry-run', code=None).output.split())
    assert f'Once more: diffusion sweep {earlier.pk}' in said
    assert 'caching is off in this profile' in said
    assert '20 … 320' in said


def test_what_an_earlier_sweep_does_not_take(invoke, earlier):
    refused = invoke('--continue', earlier.pk, '--budget', '5', code=None)
    assert refused.exit_code == 2
    assert 'shorter than the first segment' in ' '.join(refused.output.split())
    glass = earlier.inputs.glasses.glass_1
    wrong = invoke('--continue', glass.pk, code=None)
    assert wrong.exit_code == 2
    assert f'node {glass.pk} is FramesData, no diffusion sweep' in wrong.output
