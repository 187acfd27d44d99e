"""``glassion launch active-learning``: what it says it will do, and everything it refuses, from one study file."""

from __future__ import annotations

import io
import re
from pathlib import Path

import ase.io
import pytest
import yaml
from ase.build import bulk
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.cli.study_builder import assemble
from aiida_glassion.cli.study_file import StudyError, read_study

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / 'workchains' / 'active_learning'
SILICA = ROOT / 'tests' / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
QUARTZ_LIKE = {'label': {'engine': 'lammps', 'potential': 'pmmcs'}, 'protocol': 'fast', 'train': {'protocol': 'tiny'}}


@pytest.fixture
def codes(aiida_profile_clean, lmp_code, lmp_deepmd_code, packmol_code, dp_code):
    """Labels of the codes, by the part of a study that they are for."""
    return {
        'label.code': lmp_code.full_label,
        'initial.code': lmp_code.full_label,
        'initial.packmol': packmol_code.full_label,
        'train.code': dp_code.full_label,
        'explore.code': lmp_deepmd_code.full_label,
    }


@pytest.fixture
def write(tmp_path, codes):
    """Write a study with the codes of the tests."""

    def to_file(content, **changes):
        study = {**content, **changes}
        for where, label in codes.items():
            part, _, key = where.partition('.')
            if isinstance(study.get(part), dict) or part in ('train', 'explore'):
                study[part] = {**(study.get(part) or {}), key: label}
        path = tmp_path / 'study.yaml'
        path.write_text(yaml.safe_dump(study, sort_keys=False))
        return path

    return to_file


@pytest.fixture
def salt(tmp_path):
    path = tmp_path / 'salt.cif'
    ase.io.write(path, bulk('MgO', 'rocksalt', a=4.21, cubic=True))
    return path


@pytest.fixture
def invoke(aiida_profile_clean):
    def run(*arguments):
        options = ('--profile', aiida_profile_clean.name, '--dry-run')
        words = [str(word) for word in arguments]
        return CliRunner(env={'COLUMNS': '140'}).invoke(main, ['launch', 'active-learning', *words, *options])

    return run


def valid(builder):
    ports = builder.process_class.spec().inputs
    return ports.validate(ports.pre_process(builder._inputs(prune=True))) is None


def refused(path, *changes):
    try:
        assemble(path, changes)
    except StudyError as error:
        return str(error.message)
    return 'it was accepted'


def test_the_teacher_study(write, invoke):
    path = write(yaml.safe_load((SHIPPED / 'teacher.yaml').read_text()))
    builder = assemble(path).builder
    assert valid(builder)
    assert builder.settings['max_iterations'] == 12
    assert builder.train.settings['committee'] == 3
    assert builder.initial.mixtures['soda_silicate']['n_atoms'] == 60
    assert builder.label.lammps.potential.base.attributes.get('name') == 'pmmcs'
    done = invoke(path)
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        'Sodium silicate from its teacher',
        'structures, made and labelled first; explores from soda_silicate_dynamics (10 of 60 atoms)',
        'lammps, protocol teacher',
        '3 models (fast: se_e2_a',
        'calibrated from the held-out frames',
        'at 12 iterations, 1000 labels',
        'melt',
        'core-hours',
        'Nothing was submitted',
    ):
        assert words in said, said


@pytest.fixture
def pseudo_family(aiida_profile_clean):
    """Label of a family whose pseudopotentials hold nothing but the header that is read."""
    from aiida_pseudo.data.pseudo.upf import UpfData
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    family = CutoffsPseudoPotentialFamily(label='headers').store()
    for element, valence in (('O', 6), ('Si', 4)):
        head = f'element="{element}" pseudo_type="NC" functional="PBE" z_valence="{valence}.0"'
        text = f'<UPF version="2.0.1"><PP_HEADER {head}/></UPF>'
        family.add_nodes([UpfData(io.BytesIO(text.encode()), filename=f'{element}.upf').store()])
    family.set_cutoffs({element: {'cutoff_wfc': 42.0, 'cutoff_rho': 168.0} for element in ('O', 'Si')}, 'normal')
    family.set_default_stringency('normal')
    return family.label


def test_the_study_with_quantum_espresso(write, codes, pw_code, pseudo_family):
    content = yaml.safe_load((SHIPPED / 'quantum_espresso.yaml').read_text())
    codes['label.code'] = pw_code.full_label
    content['label']['pseudo_family'] = pseudo_family
    builder = assemble(write(content)).builder
    assert valid(builder)
    assert sorted(builder.label.quantumespresso.pseudos) == ['O', 'Si']
    options = builder.label.quantumespresso.options
    assert options['max_wallclock_seconds'] == 4 * 3600  # YAML reads 04:00:00 as a number
    assert options['resources']['num_mpiprocs_per_machine'] == 32
    assert builder.settings['selection']['max_labels'] == 30


def test_the_study_of_the_paper(write, tmp_path, codes, vasp_code, potcar_family):
    content = yaml.safe_load((SHIPPED / 'napso.yaml').read_text())
    codes['label.code'] = vasp_code.full_label
    content['crystals'] = {'rocksalt': 'salt.cif'}  # the crystals of the paper are not ours to ship
    ase.io.write(tmp_path / 'salt.cif', bulk('NaS', 'rocksalt', a=5.5, cubic=True))
    content['label']['overrides'] = {'potential_family': potcar_family, 'potcars': {'Na': 'Na', 'S': 'S'}}
    builder = assemble(write(content)).builder
    assert valid(builder)
    assert builder.label.engine_settings['encut'] == 400
    assert [stage['name'] for stage in builder.settings['stages']] == ['pressure', 'heat', 'deform']
    assert builder.train.settings['parameters']['training']['numb_steps'] == 500000


def test_changes_are_laid_over_the_file(write, salt):
    path = write(QUARTZ_LIKE, crystals={'salt': 'salt.cif'}, initial={'protocol': 'fast'})
    changes = (
        ('settings.max_labels', 77),
        ('explore.max_concurrent', 3),
        ('train.overrides.committee', 2),
        ('seed', 9),
    )
    builder = assemble(path, changes, protocol='moderate').builder
    assert builder.settings['max_labels'] == 77
    assert builder.settings['protocol'] == 'moderate'
    assert builder.explore.max_concurrent.value == 3
    assert builder.train.settings['committee'] == 2
    assert builder.seed.value == 9
    assert builder.initial.crystals['salt'].n_atoms == 8


def test_labelled_frames_to_begin_with(write, tmp_path):
    """A folder of frames that the user vouches for gets the method of the study; the rest is refused."""
    path = write(QUARTZ_LIKE, datasets={'start': {'path': str(SILICA), 'like_label': True}})
    built = assemble(path).builder
    node = built.datasets['start']
    assert node.n_frames == 90
    assert node.method['potential'] == 'pmmcs'
    assert not node.is_stored
    assert valid(built)
    assert 'labelled nobody says how' in refused(write(QUARTZ_LIKE, datasets={'start': str(SILICA)}))
    other = {'path': str(SILICA), 'method': {'functional': 'PBE'}}
    message = refused(write(QUARTZ_LIKE, datasets={'start': other}))
    assert "labelled otherwise than `label` will (charges: None and {'Al'" in message
    assert 'like_label: true' in message


def test_datasets_by_pk(write, invoke):
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.deepmd.systems import read_system

    node = DatasetData.from_frames(read_system(SILICA), {'engine': 'own'}).store()
    path = write(QUARTZ_LIKE, datasets={'start': {'pk': node.pk, 'like_label': True}})
    declared = assemble(path).builder.datasets['start']
    assert declared.content_hash == node.content_hash
    assert declared.base.extras.get('sources')[0]['uuid'] == node.uuid
    done = invoke(path)
    assert done.exit_code == 0, done.output
    assert '90 labelled frames; explores from data_start_O16Si8 (90 of 24 atoms)' in ' '.join(done.output.split())


def test_structures_to_explore_from(write, tmp_path, salt):
    for number, length in enumerate((4.1, 4.2)):
        ase.io.write(tmp_path / f'POSCAR_{number}', bulk('MgO', 'rocksalt', a=length, cubic=True), format='vasp')
    ase.io.write(tmp_path / 'big.extxyz', bulk('MgO', 'rocksalt', a=4.2, cubic=True).repeat(2))
    given = {'sys_000': 'POSCAR_*', 'mixed': ['POSCAR_0', 'big.extxyz']}
    path = write(QUARTZ_LIKE, crystals={'salt': 'salt.cif'}, initial={'protocol': 'fast'}, configurations=given)
    found = assemble(path).builder.configurations
    assert {name: (node.numsteps, node.n_atoms) for name, node in found.items()} == {
        'sys_000': (2, 8), 'mixed': (1, 8), 'mixed_1': (1, 64),
    }  # fmt: skip


def test_stages_of_ones_own(write, salt, invoke):
    stage = {'name': 'warm', 'programs': [{'kind': 'hold', 'temperatures': [300, 600], 'duration': 2}], 'max_labels': 7}
    explore = {'stages': [stage], 'run': {'stop_factor': 2.0}, 'tolerated_failures': 0.5}
    path = write(QUARTZ_LIKE, crystals={'salt': 'salt.cif'}, initial={'protocol': 'fast'}, explore=explore)
    builder = assemble(path).builder
    assert [stage['name'] for stage in builder.settings['stages']] == ['warm']
    assert builder.explore.settings['stop_factor'] == 2.0
    assert builder.explore.tolerated_failures.value == 0.5
    done = invoke(path)
    said = ' '.join(done.output.split())
    assert '2 × hold (300 to 600 K) 2 4 2 ≤ 7' in said, said


TEACHER = {'engine': 'lammps', 'potential': 'pmmcs'}
#: what a study says instead, and what is said of that.
REFUSED = [
    ({'labl': {}}, "labl: not known; did you mean 'label'?"),
    ({'label': {'engin': 'ase'}}, "label.engin: not known; did you mean 'engine'?"),
    ({'label': {}}, 'label.engine: expected who labels: one of lammps, ase, quantumespresso, vasp'),
    ({'label': {'engine': 'lamps'}}, "label.engine: 'lamps' given"),
    ({'label': {'engine': 'lammps', 'potential': 'pmms'}}, 'label.potential: '),
    ({'label': {'engine': 'lammps', 'potential': 'li2s_sis2'}}, 'Mg'),
    ({'label': {**TEACHER, 'pseudo_family': 'SSSP'}}, 'is of the engine quantumespresso'),
    ({'label': {'engine': 'lammps', 'potential': 'mine.yaml'}}, 'there is no file'),
    ({'label': {'engine': 'ase'}}, 'label: '),
    ({'label': {'engine': 'quantumespresso'}}, 'label: pseudo_family is missing'),
    ({'label': {'engine': 'vasp', 'overrides': {}}}, 'potential_family: not given'),
    ({'label': {**TEACHER, 'overrides': {'ecut': 3}}}, 'label: ecut is not a setting'),
    ({'crystals': None}, 'nothing to begin with: give crystals or mixtures'),
    ({'crystals': {'salt': 'nowhere.cif'}}, 'crystals.salt: there is no file'),
    ({'crystals': {'salt': 987654}}, 'crystals.salt: There is no node 987654'),
    ({'crystals': ['salt.cif']}, "crystals: ['salt.cif'] given, expected entries by name"),
    ({'mixtures': {'glass': '20NaO'}}, 'mixtures.glass: '),
    ({'mixtures': {'glass': {'composition': 'SiO2', 'atoms': 9}}}, "mixtures.glass: 'atoms' is not known"),
    ({'datasets': {'start': 987654}}, 'not used where datasets are given'),
    ({'configurations': {'earlier_salt': 'salt.cif'}}, 'are those of the loop itself'),
    ({'train': {'protocol': 'tinny'}}, "train: protocol 'tinny' is not known; did you mean 'tiny'?"),
    ({'train': {'overrides': {'committe': 3}}}, "train.overrides: committe is not a setting; did you mean 'c"),
    ({'train': {'overrides': {'committee': 1}}}, 'expected at least 2: one model alone cannot disagree'),
    ({'train': {'walltime': 'a day'}}, "train.walltime: 'a day' given, expected a time as HH:MM:SS"),
    ({'train': {'options': {'queue': 'gpu'}}}, 'queue: jobs have no such option; did you mean queue_name?'),
    ({'explore': {'protocol': 'fst'}}, "protocol 'fst' is not known; did you mean 'fast'?"),
    ({'explore': {'stages': [{'name': 'a', 'program': []}]}}, "did you mean 'programs'?"),
    ({'explore': {'max_concurrent': 0}}, 'explore.max_concurrent: 0 given, expected a whole number of at least 1'),
    ({'initial': {'overrides': {'dynamics': {'engine': 'md'}}}}, 'initial.potential: '),
    ({'initial': {'overrides': {'crystal': {'strian': 1}}}}, "did you mean 'strain'?"),
    ({'settings': {'max_label': 5}}, "settings: max_label is not a setting; did you mean 'max_labels'?"),
    ({'settings': {'convergence': {'checks': 0}}}, 'checks'),
    ({'settings': {'max_labels': 0}}, 'max_labels: 0 given'),
    ({'protocol': 'fats'}, "protocol 'fats' is not known; did you mean 'fast'?"),
    ({'seed': -1}, 'seed: -1 given, expected a whole number from 0'),
    ({'settings': 3}, 'settings: 3 given, expected entries by name'),
]  # fmt: skip


def test_refusals(write, salt):
    missing = []
    for changes, words in REFUSED:
        study = {**QUARTZ_LIKE, 'crystals': {'salt': 'salt.cif'}, 'initial': {'protocol': 'fast'}} | changes
        message = refused(write({key: value for key, value in study.items() if value is not None}))
        missing += [] if words in message else [f'{words}\n -> {message}']
    assert '\n'.join(missing) == ''


def test_everything_wrong_is_said_at_once_with_its_line(tmp_path, aiida_profile_clean):
    path = tmp_path / 'study.yaml'
    path.write_text(
        'crystals:\n  quartz: quartz.cif\nlabel:\n  engine: lammps\n  potental: pmmcs\n'
        'train: {code: nothing@nowhere}\nlimits: 3\nseed: one\n'
    )
    message = refused(path)
    for words in (
        'things are wrong; nothing was submitted.',
        "line 5: label.potental: not known; did you mean 'potential'?",
        'line 7: limits: not known',
        "line 8: seed: 'one' given",
        'line 2: crystals.quartz: there is no file',
        'line 6: train.code: There is no code nothing@nowhere in this profile',
        'explore.code: There is no code lmp-deepmd@localhost-deepmd',
        '(mend it with: glassion setup)',
    ):
        assert words in message, message


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('label: {engine: lammps\nseed: 1', 'line 2: not YAML'),
        ('- a\n- b', 'expected settings by name'),
        ('a: !!python/object/apply:os.system [echo]', 'not YAML'),
    ],
)
def test_files_that_are_no_study(tmp_path, invoke, text, words):
    path = tmp_path / 'study.yaml'
    path.write_text(text)
    done = invoke(path)
    assert done.exit_code == 2, done.output
    assert words in ' '.join(done.output.split())


def test_a_key_given_twice(tmp_path):
    path = tmp_path / 'study.yaml'
    path.write_text('seed: 1\nlabel: {engine: ase}\nseed: 2\n')
    assert 'line 1: seed: given twice' in read_study(path).problems[0]


def test_aliases_do_not_go_on_for_ever(tmp_path):
    """Ten lists of ten of the one before would be ten thousand million entries."""
    lines = ['a0: &a0 [x, x]'] + [f'a{n}: &a{n} [{", ".join([f"*a{n - 1}"] * 10)}]' for n in range(1, 11)]
    path = tmp_path / 'study.yaml'
    path.write_text('\n'.join(lines))
    assert len(read_study(path).problems) == 11


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ((), 'Give a study file, or --continue PK'),
        (('nowhere.yaml',), 'There is no file nowhere.yaml'),
        (('--more-iterations', 3, 'study.yaml'), '--more-iterations goes with --continue'),
        (('--continue', 987654), 'There is no node 987654'),
        (('--continue', 1, 'study.yaml'), 'leave a study file away'),
        (('--continue', 1, '--protocol', 'fast'), 'leave --protocol away'),
        (('study.yaml', '--from-frames', 987654), 'There is no node 987654'),
    ],
)
def test_options_that_do_not_fit(invoke, arguments, words):
    done = invoke(*arguments)
    assert done.exit_code == 2, done.output
    assert words in ' '.join(done.output.split())


@pytest.mark.parametrize('page', ['active-learning-vasp', 'active-learning-qe-cluster', 'from-dpgen'])
def test_the_keys_of_the_manual_are_known(page, tmp_path):
    text = (ROOT / 'docs' / 'howto' / f'{page}.md').read_text(encoding='utf-8')
    for body in re.findall(r'```yaml\n(.*?)```', text, re.DOTALL):
        (tmp_path / 'study.yaml').write_text(body)
        assert read_study(tmp_path / 'study.yaml').problems == []


@pytest.mark.parametrize('path', sorted(SHIPPED.glob('*.yaml')), ids=lambda path: path.stem)
def test_the_keys_of_the_shipped_studies_are_known(path):
    assert read_study(path).problems == []
