"""What somebody is told who asks for structures that cannot be made; nothing is run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from ase import Atoms
from ase.build import bulk

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.kernels.build.initial_data import chosen_starts, packing_distances, seed_of, unrelaxed
from aiida_glassion.label_engines import quantumespresso_relax
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.initial_data import InitialDataWorkChain

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

LAUNCH = Path(__file__).parents[2] / 'workchains' / 'initial_data'


@pytest.fixture
def code(aiida_code_installed, aiida_computer_local):
    def make(plugin):
        return aiida_code_installed(
            default_calc_job_plugin=plugin,
            computer=aiida_computer_local(label='localhost-initial'),
            filepath_executable='/bin/true',
        )

    return make


@pytest.fixture
def build(code):
    """Maker of builders, right unless told otherwise."""

    def make(overrides=None, **changes):
        settings = {'relax': {'engine': 'md'}, 'dynamics': {'engine': 'md'}, **(overrides or {})}
        arguments = {
            'crystals': {'salt': FramesData.from_ase(bulk('NaCl', 'rocksalt', a=5.64))},
            'mixtures': {'glass': {'composition': '20Na2O-80SiO2'}},
            'code': code('glassion.md'),
            'potential': PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si']),
            'packmol': code('glassion.packmol'),
            **changes,
        }
        return InitialDataWorkChain.get_builder_from_protocol(protocol='fast', overrides=settings, **arguments)

    return make


def soda(n=2):
    cell = FramesData.from_ase(Atoms('Na2O', positions=np.eye(3) * 2.2, cell=[5.0] * 3, pbc=True))
    return {f'soda_{i}': cell for i in range(n)}


def refusal(make, *arguments, **changes):
    """What is said of inputs, as soon as they are set or when a process is to be made of them."""
    try:
        instantiate_process(get_manager().get_runner(), make(*arguments, **changes))
    except ValueError as error:
        return str(error)
    return 'nothing'


def check(refusals):
    """Every refusal holds the words expected of it."""
    assert [(words, said) for words, said in refusals if words not in said] == []


SETTINGS = [
    ({'crystal': {'strain': 3}}, 'crystal.strain: 3 given'),
    ({'crystal': {'scales': [95, 100]}}, 'crystal.scales: 95 given'),
    ({'crystal': {'max_atoms': 4}}, 'crystals.soda_0: [2, 2, 2] repeats make 24 atoms'),
    ({'mixture': {'closest': 2}}, 'settings.mixture.closest: 2 given'),
    ({'mixture': {'n_atoms': 1}}, 'n_atoms: 1 given'),
    ({'dynamics': {'engine': 'md', 'steps': 0}}, 'dynamics.steps: 0 given'),
    ({'dynamics': {'engine': 'md', 'every': 50}}, 'dynamics.every: 50 is more than the 10 steps'),
    ({'dynamics': {'engine': 'md', 'temperature': -5}}, 'dynamics.temperature: -5 given'),
    ({'dynamics': {'engine': 'mace'}}, "settings.dynamics.engine: 'mace' given, expected one of none, md"),
    ({'dynamics': {'engine': 'vasp'}}, 'settings.dynamics.engine is vasp, but its inputs are missing'),
    ({'dynamics': {'engine': None}}, 'settings.dynamics.engine: this protocol wants a choice'),
    ({'relax': {'engine': 'md', 'coupling': 'cubic'}}, 'coupling'),
]


def test_settings(build):
    check([(words, refusal(build, overrides, crystals=soda(1))) for overrides, words in SETTINGS])


MIXTURES = [
    ({'glass': {'composition': 'nonsense!'}}, 'mixtures.glass.composition'),
    ({'glass': {'n_atoms': 50}}, "mixtures.glass: expected e.g. {'composition'"),
    ({'glass': {'composition': 'SiO2', 'n_atom': 50}}, "mixtures.glass: 'n_atom' is not known"),
    ({'glass': {'composition': 'SiO2', 'density': 220}}, 'mixtures.glass.density: 220 given'),
    ({'glass-1': {'composition': 'SiO2'}}, 'mixtures.glass-1: the name must be'),
    ({'soda_0': {'composition': 'SiO2'}}, 'a crystal has the same name'),
    ({'glass': {'composition': '50P2O5-50SiO2'}}, 'mixtures.glass: md.md.potential: '),
]


def test_mixtures(build):
    check([(words, refusal(build, crystals=soda(1), mixtures=mixtures)) for mixtures, words in MIXTURES])


def test_the_rest(build):
    slab = FramesData.from_ase(Atoms('Na2O', positions=np.eye(3) * 2.2, cell=[5.0] * 3, pbc=[True, True, False]))
    assert refusal(build, crystals=soda(1)) == 'nothing'
    cases = [
        ('crystals.salt: md.md.potential: ', {}),
        ('give crystals', {'crystals': None, 'mixtures': None}),
        ('max_concurrent: 0', {'crystals': soda(1), 'max_concurrent': 0}),
        ('seed: -1', {'crystals': soda(1), 'seed': -1}),
        ('crystals.slab: periodic in', {'crystals': {'slab': slab}}),
        ('settings.relax.engine is md, but its inputs are missing', {'crystals': soda(1), 'code': None}),
    ]
    check([(words, refusal(build, **changes)) for words, changes in cases])


def test_the_protocol_of_the_paper_wants_engines_chosen():
    settings = protocols.load('initial_data', 'napso')
    assert settings['crystal']['structures'] == 30
    assert settings['crystal']['scales'] == [0.95, 1.0, 1.05]
    assert (settings['crystal']['displacement'], settings['crystal']['strain']) == (0.01, 0.03)
    assert (settings['dynamics']['steps'], settings['dynamics']['temperature']) == (10, 300)
    assert settings['dynamics']['engine'] is None
    builder = InitialDataWorkChain.get_builder()
    with pytest.raises(ValueError, match=r'settings\.relax\.engine: this protocol wants a choice'):
        builder.settings = orm.Dict(settings)


def test_small_rules():
    assert chosen_starts(6, None) == [0, 1, 2, 3, 4, 5]
    assert chosen_starts(6, 2) == [0, 3]
    assert chosen_starts(2, 5) == [0, 1]
    assert seed_of(1, 'quartz') == seed_of(1, 'quartz')
    assert len({seed_of(1, 'quartz'), seed_of(2, 'quartz'), seed_of(1, 'soda')}) == 3
    assert 1 <= seed_of(0, '') < 2**31
    distances = packing_distances(['Si', 'O'], 0.6)
    assert distances['Si-Si'] == pytest.approx(1.06 * 0.6 * 2 * 1.11, abs=1e-4)
    assert distances['O-Si'] > 1.06 * 0.6 * (1.11 + 0.66) - 1e-4
    settings = protocols.load('initial_data', 'fast')
    assert unrelaxed(0.1, settings) == ''
    assert 'the cell is at 6 GPa' in unrelaxed(6.0, settings)


def test_relaxation_by_pw(code, monkeypatch):
    """What pw.x is told of pressure and forces, in its own units."""
    seen = {}
    monkeypatch.setattr(quantumespresso_relax.pw, 'parameters', lambda *_, **more: {'CONTROL': dict(more)})
    monkeypatch.setattr(quantumespresso_relax.pw, 'base_job', lambda *given: seen.update(given[3]))
    node = FramesData.from_ase(bulk('Si', 'diamond', a=5.43))
    quantumespresso_relax.relax_inputs(node, {}, {}, 1.5, 0.2, 'iso', 25.71104309541616, 50)
    assert seen['CONTROL']['calculation'] == 'vc-relax'
    assert seen['CONTROL']['forc_conv_thr'] == pytest.approx(1.0)  # 25.711 eV/Å are 1 Ry/bohr
    assert seen['CELL']['press'] == pytest.approx(15.0)  # kbar
    assert seen['CELL']['press_conv_thr'] == pytest.approx(2.0)
    assert seen['CELL']['cell_dofree'] == 'volume'


def load_launcher():
    spec = importlib.util.spec_from_file_location('launch_initial_data', LAUNCH / 'launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_yaml_of_the_launcher_makes_a_valid_builder(tmp_path, code):
    content = yaml.safe_load((LAUNCH / 'inputs.yaml').read_text())
    content |= {'code': code('glassion.md').uuid, 'packmol': code('glassion.packmol').uuid}
    path = tmp_path / 'inputs.yaml'
    path.write_text(yaml.safe_dump(content))
    builder = load_launcher().builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    path.write_text(yaml.safe_dump(content | {'crystal': {}}))
    with pytest.raises(ValueError, match=r'unknown crystal; known are code, crystals'):
        load_launcher().builder(path)
