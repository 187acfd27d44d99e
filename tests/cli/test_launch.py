"""``glassion launch melt-quench``: what it says it will do, what it hands over, and how it refuses."""

from __future__ import annotations

import ase.io
import pytest
from ase.build import bulk
from click.testing import CliRunner

from aiida_glassion.cli import launch_plan, main
from aiida_glassion.cli.launch_inputs import job_options, settings_of
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.workchains import protocols

GIVEN = {
    'atoms': None,
    'replicas': None,
    'melt_temperature': None,
    'rates': (),
    'protocol': 'fast',
    'changes': (),
}


@pytest.fixture
def invoke(aiida_profile_clean, lmp_code, packmol_code):
    """The command in this process, in the profile of the tests; it never asks and never submits to a daemon."""

    def run(*arguments, codes=True):
        named = ('--code', lmp_code.full_label, '--packmol', packmol_code.full_label) if codes else ()
        profile = ('--profile', aiida_profile_clean.name)
        runner = CliRunner(env={'COLUMNS': '100'})
        return runner.invoke(main, ['launch', 'melt-quench', *arguments, *named, *profile])

    return run


def test_dry_run_says_what_will_be_done(invoke):
    done = invoke('20Na2O-80SiO2', '--potential', 'pmmcs', '--protocol', 'fast', '--atoms', '300', '--dry-run')
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        '300: 40 Na, 180 O, 80 Si',
        'exactly as wanted',
        'g/cm³, estimated:',
        'pmmcs (published, Coulomb by pppm)',
        'doi:10.1021/jp0611018',
        '2500 → 300 K 22 11 000',
        '77 000 steps of 300 atoms',
        'Nothing was submitted',
    ):
        assert words in said


def test_the_estimate_of_time_is_atoms_times_steps_over_speed():
    settings = protocols.load('melt_quench', 'fast', {'replicas': 3, 'rates': [100, 50]})
    potential, _ = launch_plan.load_published('pmmcs', ['Na', 'O', 'Si'], 'dsf', {})
    plan = launch_plan.plan_composition(
        '20Na2O-80SiO2', potential, settings, None, 2.4, ranks=2, seed=1, max_concurrent=2
    )
    melt, after, fast, slow = 10000, 10000, 18500, 37000
    assert plan.total_steps == 3 * (melt + 2 * after + fast + slow)
    assert plan.core_seconds == pytest.approx(plan.total_steps * 600 / 4e5)
    assert plan.seconds_waiting == pytest.approx(2 * (melt + after + slow) * 600 / (2 * 4e5))
    assert plan.density_from == 'as given'


def test_without_daemon_nothing_is_submitted_and_the_command_is_told(invoke):
    from aiida.orm import ProcessNode, QueryBuilder

    done = invoke('20Na2O-80SiO2', '--potential', 'pmmcs', '--protocol', 'fast', '--yes')
    assert done.exit_code == 1
    assert 'daemon start' in done.output
    assert QueryBuilder().append(ProcessNode).count() == 0


BAD = {
    'no composition': ([], 'Give either a COMPOSITION'),
    'both': (['SiO2', '--configuration', 'x.cif'], 'Give either a COMPOSITION'),
    'unknown element': (['20Qx2O-80SiO2', '--potential', 'pmmcs'], 'Qx'),
    'wrong sum': (['20Na2O-70SiO2', '--potential', 'pmmcs'], 'sum to 90'),
    'charged': (['30Na-70SiO2', '--potential', 'pmmcs'], 'neutral'),
    'two candidates': (['20Na2O-80SiO2'], 'pmmcs and teter cover Na, O, Si; choose one with --potential'),
    'no candidate': (['70Li2S-30P2S5'], 'no published potential covers Li, P, S'),
    'element not covered': (['70Li2S-30SiS2', '--potential', 'pmmcs'], 'no parameters for S'),
    'misspelt potential': (['SiO2', '--potential', 'pmcs'], 'did you mean pmmcs?'),
    'no potential file': (['SiO2', '--potential', 'mine.yaml'], 'there is no potential file mine.yaml'),
    'no potential node': (['SiO2', '--potential', '987654'], 'there is no node 987654'),
    'misspelt protocol': (['SiO2', '--potential', 'pmmcs', '--protocol', 'fats'], "did you mean 'fast'?"),
    'misspelt setting': (['SiO2', '--potential', 'pmmcs', '--set', 'n_atom=3'], "did you mean 'n_atoms'?"),
    'misspelt stage': (['SiO2', '--potential', 'pmmcs', '--set', 'relax.smple.duration=3'], 'relax.sample'),
    'misspelt stage key': (
        ['SiO2', '--potential', 'pmmcs', '--set', 'relax.sample.durtion=3'],
        "did you mean 'duration'?",
    ),
    'no value': (['SiO2', '--potential', 'pmmcs', '--set', 'n_atoms'], 'not of the form key=value'),
    'negative rate': (['SiO2', '--potential', 'pmmcs', '--rate', '-5'], '--rate'),
    'no atoms': (['SiO2', '--potential', 'pmmcs', '--atoms', '-5'], '--atoms: -5 given'),
    'too few atoms': (['1Na2O-99SiO2', '--potential', 'pmmcs', '--atoms', '12'], 'smallest number that works'),
    'no replicas': (['SiO2', '--potential', 'pmmcs', '--replicas', '0'], '--replicas: 0 given'),
    'impossible density': (['SiO2', '--potential', 'pmmcs', '--density', '99'], '--density'),
    'walltime in words': (['SiO2', '--potential', 'pmmcs', '--walltime', '2 hours'], 'HH:MM:SS'),
    'unknown option of the job': (
        ['SiO2', '--potential', 'pmmcs', '--option', 'queue=long'],
        '--option queue: jobs have no such option; did you mean queue_name?',
    ),
    'melt colder than the glass': (
        ['SiO2', '--potential', 'pmmcs', '--melt-temperature', '200'],
        'melt_temperature: 200 K given',
    ),
    'oxidation in words': (['SiO2', '--potential', 'pmmcs', '--oxidation', 'Si=four'], 'Si=four: expected a number'),
    'oxidation against charges': (
        ['V2O4', '--potential', 'bmp-vanadium', '--oxidation', 'V=4', '--density', '4'],
        '--valence',
    ),
    'no configuration file': (
        ['--configuration', 'nothing.cif', '--potential', 'pmmcs'],
        'there is no file nothing.cif',
    ),
    'no configuration node': (['--configuration', '987654', '--potential', 'pmmcs'], '987654'),
}


@pytest.mark.parametrize('name', BAD)
def test_bad_inputs_are_refused_in_one_message(invoke, name):
    arguments, words = BAD[name]
    done = invoke(*arguments, '--yes')
    assert done.exit_code == 2, done.output
    assert words in done.output
    assert 'Traceback' not in done.output
    assert 'defect' not in done.output


def test_a_missing_code_is_mended_by_setup(invoke):
    done = invoke('SiO2', '--potential', 'pmmcs', '--yes', '--code', 'lammps@moon', codes=False)
    assert done.exit_code == 2
    assert 'lammps@moon' in done.output
    assert 'glassion setup' in done.output


def test_codes_that_were_swapped_are_refused(invoke, packmol_code, lmp_code):
    named = ('--code', packmol_code.full_label, '--packmol', lmp_code.full_label)
    done = invoke('SiO2', '--potential', 'pmmcs', '--yes', *named, codes=False)
    assert done.exit_code == 2
    assert '--code' in done.output
    assert 'is a code for glassion.packmol' in ' '.join(done.output.split())


def test_a_valence_that_agrees_is_taken(invoke):
    done = invoke('V2O4', '--potential', 'bmp-vanadium', '--oxidation', 'V=4', '--valence', 'V=4', '--density', '4',
                  '--protocol', 'fast', '--dry-run')  # fmt: skip
    assert done.exit_code == 0, done.output
    assert 'one source' in ' '.join(done.output.split())


@pytest.mark.parametrize('suffix', ['extxyz', 'cif', 'data', 'vasp'])
def test_a_configuration_file_is_melted_instead(invoke, tmp_path, suffix):
    atoms = bulk('MgO', 'rocksalt', 4.21, cubic=True) * (2, 2, 2)
    path = tmp_path / f'start.{suffix}'
    if suffix == 'data':
        from aiida_glassion.formats.lammps.data import write_data
        from aiida_glassion.frames import Frames

        path.write_text(write_data(Frames.from_ase(atoms), charges={'Mg': 1.2, 'O': -1.2}))
    else:
        ase.io.write(path, atoms)
    done = invoke('--configuration', str(path), '--potential', 'pmmcs', '--protocol', 'fast', '--dry-run')
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    assert '64: 32 Mg, 32 O' in said
    assert '3.588 g/cm³, of the configuration' in said


def test_settings_take_numbers_lists_and_places_in_lists():
    changes = (('relax.sample.duration', 5), ('melt.1.duration', 7), ('melt_test.max_longer', 0), ('rates', [5, 10]))
    settings = settings_of({**GIVEN, 'atoms': 90, 'changes': changes})
    default = protocols.load('melt_quench', 'fast')
    assert settings['n_atoms'] == 90
    assert settings['relax'][1] == {**default['relax'][1], 'duration': 5}
    assert settings['relax'][0] == default['relax'][0]
    assert settings['melt'][1]['duration'] == 7
    assert settings['melt_test'] == {**default['melt_test'], 'max_longer': 0}
    assert settings['rates'] == [5, 10]


def test_several_rates_are_kept_in_order_and_once():
    assert settings_of({**GIVEN, 'rates': (10.0, 2.2, 10.0)})['rates'] == [10.0, 2.2]


def test_job_options():
    given = {'ranks': 4, 'threads': 2, 'walltime': 7200, 'options': (('queue_name', 'long'),)}
    assert job_options(given) == {
        'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 4, 'num_cores_per_mpiproc': 2},
        'environment_variables': {'OMP_NUM_THREADS': '2'},
        'max_wallclock_seconds': 7200,
        'queue_name': 'long',
    }


def test_the_only_potential_that_covers_is_taken_without_asking():
    assert launch_plan.choose_potential(['Li', 'S', 'Si']) == 'li2s-sis2'
    assert launch_plan.candidates(['Na', 'O', 'Si']) == ['pmmcs', 'teter']
    assert launch_plan.choose_potential(['Na', 'O', 'P', 'V']) == 'bmp-vanadium'


def test_help_lists_the_launchers_and_a_misspelt_one_is_answered():
    runner = CliRunner()
    assert 'melt-quench' in runner.invoke(main, ['launch', '--help']).output
    wrong = runner.invoke(main, ['launch', 'meltquench'])
    assert wrong.exit_code == 2
    assert 'Did you mean `glassion launch melt-quench`?' in wrong.output


def test_a_committee_watches_the_quench_with_its_first_model(invoke, lmp_code, packmol_code):
    from aiida.common.links import LinkType
    from aiida.orm import WorkChainNode

    from aiida_glassion.cli.launch_inputs import committee_of, potential_node

    training = WorkChainNode(label='training').store()
    models = {}
    for number in (1, 2):
        models[number] = PotentialData.from_library('pmmcs', elements=['Si', 'O']).store()
        models[number].base.links.add_incoming(training, LinkType.RETURN, f'potentials__seed_{number}')
    assert potential_node(str(training.pk), ['Si', 'O']).uuid == models[1].uuid
    assert {name: node.uuid for name, node in committee_of(str(training.pk)).items()} == {'seed_2': models[2].uuid}
    assert committee_of('pmmcs') == committee_of(None) == committee_of(str(models[1].pk)) == {}
