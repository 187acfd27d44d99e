"""What a researcher is told who gives nonsense: each message names the port, the value and what would be right.

Nothing is run: a process is refused before it is made, whether it is run or submitted.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from aiida import orm
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory, WorkflowFactory
from ase import Atoms
from ase.build import bulk

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

HOLD = {'kind': 'hold', 'temperature': 300, 'duration': 1.0}
RAMP = {'kind': 'ramp', 'temperature': 300, 'temperature_end': 600}


@pytest.fixture
def code(aiida_code_installed, aiida_computer_local):
    def _code(plugin):
        return aiida_code_installed(
            default_calc_job_plugin=plugin,
            computer=aiida_computer_local(label='localhost-inputs'),
            filepath_executable='/bin/true',
        )

    return _code


def quartz():
    """A neutral cell of SiO2, 9 atoms, Å."""
    positions = np.random.default_rng(1).uniform(0, 1, (9, 3))
    return Atoms('Si3O6', scaled_positions=positions, cell=[6.0, 6.0, 6.0], pbc=True)


@pytest.fixture
def md(code):
    """Builder of an MdCalculation whose inputs are all right."""
    builder = CalculationFactory('glassion.md').get_builder()
    builder.code = code('glassion.md')
    builder.configuration = FramesData.from_ase(quartz())
    builder.potential = PotentialData.from_library('pmmcs', elements=['O', 'Si'], coulomb='dsf')
    builder.schedule = {'stages': [HOLD, {**RAMP, 'rate': 10}]}
    builder.seed = 1
    return builder


@pytest.fixture
def melt_quench(code):
    """Maker of builders of a MeltQuenchWorkChain, right unless told otherwise."""

    def _builder(composition='20Na2O-80SiO2', **given):
        return WorkflowFactory('glassion.melt_quench').get_builder_from_protocol(
            code('glassion.md'),
            code('glassion.packmol'),
            PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf'),
            composition,
            **given,
        )

    return _builder


def make(builder, **changes):
    """Make the process, as `run` and `submit` do first of all; a port may refuse as soon as it is set."""
    for name, value in changes.items():
        builder[name] = value
    return instantiate_process(get_manager().get_runner(), builder)


def refusal(inputs, **changes):
    """What is said of a builder after these changes."""
    with pytest.raises((ValueError, TypeError)) as caught:
        make(inputs, **changes)
    assert orm.QueryBuilder().append(orm.ProcessNode).count() == 0, 'refused, yet a process was stored'
    return str(caught.value)


def says(message, *words):
    """Whether a message has all the words, in any order."""
    missing = [word for word in words if not re.search(word, message)]
    assert not missing, f'{missing} not in: {message}'


def test_right_inputs_are_let_in(md, melt_quench):
    make(md)
    make(melt_quench())


@pytest.mark.parametrize('port', ['code', 'configuration', 'potential', 'schedule', 'seed'])
def test_md_without(md, port):
    del md[port]
    says(refusal(md), port, 'required|missing')


def test_md_with_a_code_that_belongs_to_no_computer(md, tmp_path):
    (tmp_path / 'lmp').write_text('')
    code = orm.PortableCode(label='lmp', filepath_executable='lmp', filepath_files=tmp_path)
    says(refusal(md, code=code), 'no computer', r'metadata\.computer', 'code')


@pytest.mark.parametrize(
    ('port', 'value', 'words'),
    [
        ('configuration', lambda: orm.Int(1), ('FramesData', 'StructureData', 'Int')),
        ('potential', lambda: orm.Dict({'pair_style': 'lj/cut'}), ('PotentialData', 'Dict')),
        ('schedule', lambda: orm.Str('300 K'), ('Dict', 'Str')),
        ('seed', lambda: orm.Float(1.5), ('Int', 'Float')),
        ('keep_velocities', lambda: orm.Str('no'), ('Bool', 'Str')),
        ('retrieve', lambda: orm.Int(1), ('Dict', 'Int')),
    ],
)
def test_md_with_the_wrong_kind_of_node(md, port, value, words):
    says(refusal(md, **{port: value()}), port, *words)


@pytest.mark.parametrize('seed', [0, -1, 2**31])
def test_md_seed(md, seed):
    says(refusal(md, seed=seed), 'seed', str(seed), '1 and 2147483647')


@pytest.mark.parametrize(
    ('schedule', 'words'),
    [
        ({}, ('stages', 'required')),
        ({'stages': []}, ('stages', 'at least 1')),
        ({'stages': [HOLD], 'timestep': -1}, ('timestep', 'greater than 0', '-1')),
        ({'stages': [HOLD], 'timestep': 50}, ('timestep', 'less than or equal to 20', '50')),
        ({'stages': [HOLD], 'time_step': 1}, ('time_step', "did you mean 'timestep'")),
        ({'stages': [{**HOLD, 'temprature': 300}]}, (r'stages\.0\.temprature', "did you mean 'temperature'")),
        ({'stages': [{**HOLD, 'temperature': -5}]}, (r'stages\.0\.temperature', 'greater than 0', '-5')),
        ({'stages': [{**HOLD, 'temperature': 'hot'}]}, (r'stages\.0\.temperature', 'number', 'hot')),
        ({'stages': [{**HOLD, 'duration': 0}]}, (r'stages\.0\.duration', 'greater than 0')),
        ({'stages': [{**HOLD, 'duration': 1e-5}]}, ('stage 0', 'shorter than one timestep')),
        ({'stages': [{**HOLD, 'ensemble': 'nph'}]}, (r'stages\.0\.ensemble', 'npt', 'nph')),
        ({'stages': [{**HOLD, 'kind': 'wait'}]}, (r'stages\.0', "'minimise', 'strain', 'hold', 'ramp', 'deform'")),
        ({'stages': [HOLD, RAMP]}, (r'stages\.1', r'rate \(K/ps\) or duration \(ps\)')),
        ({'stages': [{**RAMP, 'rate': 1, 'duration': 1}]}, (r'stages\.0', 'either rate')),
        ({'stages': [{**RAMP, 'rate': 1, 'ensemble': 'nve'}]}, (r'stages\.0', 'needs a thermostat')),
    ],
)
def test_md_schedule(md, schedule, words):
    says(refusal(md, schedule=schedule), 'schedule', *words)


def test_md_configuration_that_is_not_neutral(md):
    atoms = quartz()
    del atoms[-1]
    words = ('configuration', 'pmmcs', r'\+1\.2 e', "'O': 5, 'Si': 3", 'neutral')
    says(refusal(md, configuration=FramesData.from_ase(atoms)), *words)


def test_md_configuration_that_is_not_periodic(md):
    atoms = quartz()
    atoms.pbc = (True, True, False)
    words = ('configuration', r'\(True, True, False\)', 'periodic in all three')
    says(refusal(md, configuration=FramesData.from_ase(atoms)), *words)


def test_md_potential_that_lacks_an_element(md):
    message = refusal(md, configuration=FramesData.from_ase(bulk('NaCl', 'rocksalt', a=5.64)))
    says(message, r'potential: ', 'pmmcs', 'Cl, Na', 'covers O, Si')


@pytest.mark.parametrize(
    ('accelerator', 'words'),
    [
        ({'sufix': 'gpu'}, ("'sufix'", "'suffix', 'package' or 'kokkos'")),
        ({'suffix': '-in'}, ("suffix = '-in'", "e.g. 'gpu 1'")),
        ({'package': 'gpu 1 -in other.in'}, ("'gpu 1 -in other.in'", "e.g. 'gpu 1'")),
        ({'suffix': 'gpu; id'}, ("suffix = 'gpu; id'", "e.g. 'gpu 1'")),
        ({'kokkos': 1}, ('kokkos = 1', "e.g. 'gpu 1'")),
        ({'suffix': ''}, ("suffix = ''", "e.g. 'gpu 1'")),
    ],
)
def test_md_accelerator(md, accelerator, words):
    says(refusal(md, accelerator=accelerator), 'accelerator', *words)


def test_md_accelerator_that_is_right(md):
    md.accelerator = {'suffix': 'gpu', 'package': 'gpu 1 neigh no', 'kokkos': 'on g 1'}
    make(md)
    md.accelerator = {'suffix': 'hybrid gpu omp', 'package': 'gpu 0 split -1.0'}
    make(md)


def test_md_retrieve(md):
    says(refusal(md, retrieve={'trajectories': True}), 'retrieve', 'trajectories', "'trajectory'", 'true or false')


@pytest.mark.parametrize(
    ('point', 'words'),
    [
        ({'file': 'a.restart', 'stage': 5, 'step': 10}, ('step 10', 'stage 5', 'stages 0 to 1')),
        ({'file': 'a.restart', 'stage': 0, 'step': 1500}, ('step 1500', 'stage 0', 'steps 0 to 1000')),
        ({'file': 'a.restart', 'stage': 1, 'step': 500}, ('step 500', 'stage 1', 'steps 1000 to 31000')),
        ({'file': '../a.restart', 'stage': 0, 'step': 10}, (r"'\.\./a\.restart'", 'plain file name')),
        ({'file': '..', 'stage': 0, 'step': 10}, (r"'\.\.'", 'plain file name')),
        ({'stage': 0, 'step': 10}, ("'file'", 'missing')),
        ({'file': 'a.restart', 'stage': 0, 'step': 10, 'steps': 1}, ("'steps'", "'fresh'")),
        ({'file': 'a.restart', 'stage': 'melt', 'step': 10}, ('stage', "'melt'", 'whole number')),
        ({'file': 7, 'stage': 0, 'step': 10}, ('file', '7', 'plain file name')),
    ],
)
def test_md_restart_point(md, point, words, aiida_computer_local):
    folder = orm.RemoteData(computer=aiida_computer_local(label='localhost-inputs'), remote_path='/tmp')
    says(refusal(md, restart={'folder': folder, 'point': point}), r'restart\.point', *words)


def test_md_restart_point_without_a_folder(md):
    point = {'file': 'a.restart', 'stage': 0, 'step': 10}
    says(refusal(md, restart={'point': point}), r'restart\.folder', 'missing')


@pytest.mark.parametrize('port', ['settings', 'seed'])
def test_melt_quench_without(melt_quench, port):
    builder = melt_quench()
    del builder[port]
    says(refusal(builder), port, 'required|missing')


@pytest.mark.parametrize('port', ['code', 'potential'])
def test_melt_quench_without_what_the_md_needs(melt_quench, port):
    builder = melt_quench()
    del builder.md.md[port]
    says(refusal(builder), r'md\.md', port, 'required|missing')


@pytest.mark.parametrize(
    ('port', 'value', 'words'),
    [
        ('composition', lambda: orm.Int(1), ('Str', 'Dict', 'Int')),
        ('configuration', lambda: orm.Dict({}), ('FramesData', 'Dict')),
        ('settings', lambda: orm.Str('fast'), ('Dict', 'Str')),
        ('seed', lambda: orm.Str('one'), ('Int', 'Str')),
        ('density', lambda: orm.Str('2.4'), ('Float', 'Str')),
        ('max_concurrent', lambda: orm.Float(0.5), ('Int', 'Float')),
    ],
)
def test_melt_quench_with_the_wrong_kind_of_node(melt_quench, port, value, words):
    says(refusal(melt_quench(), **{port: value()}), port, *words)


def test_composition_and_configuration(melt_quench):
    message = refusal(melt_quench(configuration=FramesData.from_ase(quartz())))
    says(message, 'either composition or configuration', 'composition and configuration')
    says(refusal(melt_quench(None)), 'either composition or configuration', 'neither')


@pytest.mark.parametrize(
    ('port', 'value', 'words'),
    [
        ('density', 99.0, ('99', '0.1 to 25')),
        ('density', -1.0, ('-1', '0.1 to 25')),
        ('tolerated_failures', 2.0, ('2', '0 to 1')),
        ('max_concurrent', 0, ('0', 'at least 1')),
        ('seed', -1, ('-1', '0 or more')),
    ],
)
def test_melt_quench_numbers(melt_quench, port, value, words):
    says(refusal(melt_quench(), **{port: value}), rf'{port}: ', *words)


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'replicas': 0}, (r'settings\.replicas', '0', 'at least 1')),
        ({'replicas': 2.5}, (r'settings\.replicas', r'2\.5', 'whole number')),
        ({'replicas': True}, (r'settings\.replicas', 'True', 'whole number')),
        ({'n_atoms': 1}, (r'settings\.n_atoms', '1', 'at least 2')),
        ({'rates': []}, (r'settings\.rates', r'e\.g\. \[10\]')),
        ({'rates': [-10]}, ('settings', 'rate', '-10', 'greater than 0')),
        ({'rates': 10}, (r'settings\.rates', '10', 'list')),
        ({'melt_temperature': 200}, ('settings', 'melt_temperature', '200', r'room_temperature \(300')),
        ({'melt': [{'kind': 'minimise'}]}, ('settings', 'melt', "'hold'", 'last stage')),
        (
            {'melt': [{'kind': 'hold', 'temperature': 'melt', 'duration': 1}, {'kind': 'minimise'}]},
            ('settings', 'melt', "'hold'", 'last stage'),
        ),
        ({'melt': []}, ('settings', 'stages', 'at least 1')),
        ({'relax': [{'kind': 'hold', 'temperature': 'room', 'duration': 1, 'frames_every': 0}]}, ('relax', 'frames')),
        ({'timestep': 'short'}, ('settings', 'timestep', 'short', 'number')),
        ({'melt': [{'kind': 'hold', 'temperature': 'warm', 'duration': 1}]}, ('temperature', "'warm'", "'melt'")),
    ],
)
def test_melt_quench_settings(melt_quench, overrides, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is looked at below
        make(melt_quench(overrides=overrides))
    says(str(caught.value), 'settings', *words)


def test_melt_quench_settings_that_lack_one(melt_quench):
    builder = melt_quench()
    settings = builder.settings.get_dict()
    del settings['rates']
    says(refusal(builder, settings=settings), 'settings', 'rates', 'missing', 'protocol')


def test_unknown_protocol_and_setting(melt_quench):
    for given, words in (
        ({'protocol': 'modrate'}, ("'modrate'", "did you mean 'moderate'")),
        ({'protocol': 'xyz'}, ("'xyz'", 'fast, moderate, napso, aau')),
        ({'overrides': {'replica': 3}}, ('replica', "did you mean 'replicas'")),
        ({'overrides': {'analysis': {'rmax': 3}}}, (r'analysis\.rmax', "did you mean 'r_max'")),
        ({'overrides': {'analysis': 3}}, ('analysis', '3', 'r_max')),
    ):
        with pytest.raises(ValueError, match=words[0]) as caught:
            melt_quench(**given)
        says(str(caught.value), *words)


@pytest.mark.parametrize(
    ('composition', 'words'),
    [
        ('20Na2O-70SiO2', ('90', '20Na2O-70SiO2')),
        ('glass', ('glass',)),
        ('50Xx2O-50SiO2', ('Xx',)),
        ('', ('25Na2O-75SiO2',)),
    ],
)
def test_compositions_that_are_none(melt_quench, composition, words):
    builder = melt_quench()
    says(refusal(builder, composition=composition), 'composition', *words)
    with pytest.raises(ValueError, match=r'25Na2O-75SiO2|100|element'):
        melt_quench(composition)


def test_melt_quench_potential_that_lacks_an_element(melt_quench):
    says(refusal(melt_quench('20Li2O-80SiO2')), r'md\.md\.potential', 'pmmcs', 'Li', 'covers Na, O, Si')


def test_melt_quench_configuration_that_is_not_neutral_or_periodic(melt_quench):
    atoms = quartz()
    del atoms[-1]
    message = refusal(melt_quench(None, configuration=FramesData.from_ase(atoms)))
    says(message, 'configuration', 'pmmcs', r'\+1\.2 e', 'neutral')
    atoms = quartz()
    atoms.pbc = False
    message = refusal(melt_quench(None, configuration=FramesData.from_ase(atoms)))
    says(message, 'configuration', 'False', 'periodic in all three')


def test_composition_without_packmol(melt_quench):
    builder = melt_quench()
    del builder['packmol']
    says(refusal(builder), r'packmol\.code', 'missing|required')


@pytest.mark.parametrize(
    ('attribute', 'value'),
    [
        ('commands', ['pair_style zero 5', 'shell rm -rf x']),
        ('commands', ['pair_style python 5']),
        ('commands', ['pair_style zero 5', 'python run input 1']),
        ('commands', ['pair_style zero 5', 'include input.in']),
        ('commands', ['pair_style zero 5', 'pair_coeff * * $(shell)']),
        ('files', {'input.in': 'f' * 32}),
        ('files', {'../x': 'f' * 32}),
    ],
)
def test_no_process_is_made_with_a_potential_that_was_tampered_with(md, melt_quench, attribute, value):
    """As from an archive made by hand: the node is stored past its own check."""
    builder = melt_quench()
    for inputs, potential in ((md, md.potential), (builder, builder.md.md.potential)):
        potential.store().backend_entity.set_attribute(attribute, value)
        with pytest.raises(ValueError, match=r'refused|repository'):
            _ = orm.load_node(potential.pk).potential
        says(refusal(inputs), 'potential', 'refused|repository')
