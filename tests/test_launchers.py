"""The scripts of the top-level ``workchains/`` build what their YAML asks for, and are imported by nothing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1] / 'workchains'
LAUNCHERS = sorted(ROOT.glob('*/launch.py'))


def load(path):
    spec = importlib.util.spec_from_file_location(f'launch_{path.parent.name}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_launcher():
    assert {'melt_quench', 'label'} <= {path.parent.name for path in LAUNCHERS}


def as_verdi_runs(path, *arguments):
    """What ``verdi run`` does with a script: the bare name as its ``__file__``, wherever it is called from."""
    sys.argv = [str(path), *map(str, arguments)]
    exec(compile(path.read_text(), str(path), 'exec'), {'__name__': '__main__', '__file__': path.name})


@pytest.mark.parametrize('path', LAUNCHERS, ids=lambda path: path.parent.name)
def test_from_anywhere_it_finds_the_file_beside_it_and_says_what_is_wrong(
    path, aiida_profile_clean, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', [])
    with pytest.raises(SystemExit, match=r'here is no|No such file|no Code|missing|at least one') as stopped:
        as_verdi_runs(path)
    beside = path.with_name('teacher.yaml' if path.parent.name == 'active_learning' else 'inputs.yaml')
    if path.parent.name != 'active_learning':  # its study is read before anything is looked up in the profile
        assert str(stopped.value).startswith(f'{beside}: ')
    with pytest.raises(SystemExit, match=r'nowhere\.yaml'):
        as_verdi_runs(path, 'nowhere.yaml')


def test_a_script_runs_to_the_end_and_exits_with_the_status(
    tmp_path, aiida_profile_clean, python_code, monkeypatch, capsys
):
    path = ROOT / 'analysis' / 'launch.py'
    content = yaml.safe_load(path.with_name('inputs.yaml').read_text()) | {'code': python_code.full_label}
    content['request']['analyses'] = {'network': {}}
    content['data'] = 'glass.extxyz'
    (tmp_path / 'glass.extxyz').write_bytes((ROOT.parent / 'examples' / 'structure' / 'glass_1.extxyz').read_bytes())
    (tmp_path / 'mine.yaml').write_text(yaml.safe_dump(content))
    monkeypatch.setattr(sys, 'argv', [])
    with pytest.raises(SystemExit) as ended:
        as_verdi_runs(path, tmp_path / 'mine.yaml')
    assert ended.value.code == 0
    assert 'exit status 0; see: glassion show ' in capsys.readouterr().out


def written(folder, tmp_path, lmp_code, packmol_code, **changes):
    content = yaml.safe_load((folder / 'inputs.yaml').read_text())
    content |= {'code': lmp_code.full_label, 'packmol': packmol_code.full_label, **changes}
    path = tmp_path / 'inputs.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_yaml_beside_it_makes_a_valid_builder(tmp_path, aiida_profile_clean, lmp_code, packmol_code):
    path = ROOT / 'melt_quench' / 'launch.py'
    builder = load(path).builder(written(path.parent, tmp_path, lmp_code, packmol_code))
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.settings['n_atoms'] == 600
    assert builder.composition.value == '20Na2O-80SiO2'
    assert builder.md.md.potential.elements == ['Na', 'O', 'Si']


def test_an_unknown_key_is_named(tmp_path, aiida_profile_clean, lmp_code, packmol_code):
    path = written(ROOT / 'melt_quench', tmp_path, lmp_code, packmol_code, densty=2.3)
    with pytest.raises(ValueError, match=r'unknown densty; known are .*density'):
        load(ROOT / 'melt_quench' / 'launch.py').builder(path)


def test_the_yaml_of_a_labelling_makes_a_valid_builder(tmp_path, aiida_profile_clean, lmp_code):
    import ase.io
    from ase.build import bulk

    ase.io.write(tmp_path / 'melt.extxyz', [bulk('MgO', 'rocksalt', a, cubic=True) for a in (4.1, 4.2)])
    content = yaml.safe_load((ROOT / 'label' / 'inputs.yaml').read_text()) | {'code': lmp_code.full_label}
    path = tmp_path / 'inputs.yaml'
    path.write_text(yaml.safe_dump(content))
    builder = load(ROOT / 'label' / 'launch.py').builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.frames['melt'].n_frames == 2
    assert builder.lammps.potential.base.attributes.get('name') == 'pmmcs'
    path.write_text(yaml.safe_dump(content | {'engin': 'ase'}))
    with pytest.raises(ValueError, match=r'unknown engin; known are .*engine'):
        load(ROOT / 'label' / 'launch.py').builder(path)


def test_the_yaml_of_a_training_makes_a_valid_builder(tmp_path, aiida_profile_clean, dp_code):
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.deepmd.systems import read_system

    module = load(ROOT / 'train' / 'launch.py')
    silica = Path(__file__).parent / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
    node = DatasetData.from_frames(read_system(silica)).store()
    content = yaml.safe_load((ROOT / 'train' / 'inputs.yaml').read_text()) | {'code': dp_code.full_label}
    path = tmp_path / 'inputs.yaml'
    path.write_text(yaml.safe_dump(content | {'datasets': {'start': node.pk}}))
    builder = module.builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.datasets['start'].uuid == node.uuid
    assert builder.settings['committee'] == 4
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match='datasets: name at least one'):
        module.builder(path)
    path.write_text(yaml.safe_dump(content | {'datasets': {'start': dp_code.pk}}))
    with pytest.raises(ValueError, match=r'datasets\.start: node .* is InstalledCode, expected a dataset'):
        module.builder(path)


@pytest.fixture
def committee(aiida_profile_clean):
    """A training that left two models."""
    from aiida import orm
    from aiida.common.links import LinkType

    from aiida_glassion.data.potential import PotentialData

    training = orm.WorkChainNode().store()
    for number in (1, 2):
        job = orm.CalcFunctionNode()
        job.base.links.add_incoming(training, LinkType.CALL_CALC, f'seed_{number}')
        job.store()
        model = PotentialData.from_deepmd(Path(__file__).parent / 'fixtures' / 'deepmd' / f'silica_{number}.pb')
        model.base.links.add_incoming(job, LinkType.CREATE, 'model')
        model.store().base.links.add_incoming(training, LinkType.RETURN, f'potentials__seed_{number}')
    return training


@pytest.mark.parametrize('name', ['explore', 'structure_gate'])
def test_the_yaml_of_an_exploration_and_of_a_gate(name, tmp_path, committee, lmp_deepmd_code):
    from aiida_glassion.formats.deepmd.systems import read_system

    frames = next(iter(read_system(Path(__file__).parent / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8')))
    frames.to_ase(0).write(tmp_path / 'melt.extxyz')
    module, path = load(ROOT / name / 'launch.py'), tmp_path / 'inputs.yaml'
    content = yaml.safe_load((ROOT / name / 'inputs.yaml').read_text()) | {'code': lmp_deepmd_code.full_label}
    path.write_text(yaml.safe_dump(content | {'training': committee.pk}))
    builder = module.builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.configurations['melt'].n_atoms == 24
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match='training missing'):
        module.builder(path)
    path.write_text(yaml.safe_dump(content | {'trainings': 1}))
    with pytest.raises(ValueError, match=r'unknown trainings; known are .*training'):
        module.builder(path)


def test_the_yaml_of_an_active_learning_makes_a_valid_builder(
    tmp_path, aiida_profile_clean, lmp_code, lmp_deepmd_code, packmol_code, dp_code
):
    content = yaml.safe_load((ROOT / 'active_learning' / 'teacher.yaml').read_text())
    codes = {'initial': lmp_code, 'label': lmp_code, 'train': dp_code, 'explore': lmp_deepmd_code}
    for part, code in codes.items():
        content[part]['code'] = code.full_label
    content['initial']['packmol'] = packmol_code.full_label
    path = tmp_path / 'study.yaml'
    path.write_text(yaml.safe_dump(content))
    builder = load(ROOT / 'active_learning' / 'launch.py').builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.metadata.label == 'Sodium silicate from its teacher'


def test_the_yaml_of_an_analysis_makes_a_valid_builder(tmp_path, aiida_profile_clean, python_code):
    module = load(ROOT / 'analysis' / 'launch.py')
    content = yaml.safe_load((ROOT / 'analysis' / 'inputs.yaml').read_text()) | {'code': python_code.full_label}
    glass = ROOT.parent / 'examples' / 'structure' / 'glass_1.extxyz'
    (tmp_path / 'glass.extxyz').write_bytes(glass.read_bytes())
    path = tmp_path / 'inputs.yaml'
    path.write_text(yaml.safe_dump(content))
    builder = module.builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.folder.filename == 'glass.extxyz'
    assert builder.request['analyses']['scattering']['q_max'] == 20
    path.write_text(yaml.safe_dump(content | {'data': '/scratch/run_7', 'files': ['dump.lammpstrj']}))
    builder = module.builder(path)
    assert builder.remote.get_remote_path() == '/scratch/run_7'
    assert builder.remote.computer.uuid == python_code.computer.uuid
    path.write_text(yaml.safe_dump(content | {'data': 'no.extxyz'}))
    with pytest.raises(ValueError, match=r'data: there is no file .*no\.extxyz'):
        module.builder(path)
    path.write_text(yaml.safe_dump(content | {'requests': {}}))
    with pytest.raises(ValueError, match='unknown requests; known are'):
        module.builder(path)


def test_the_yaml_of_a_diffusion_sweep_makes_a_valid_builder(tmp_path, aiida_profile_clean, lmp_code, python_code):
    module = load(ROOT / 'diffusion_sweep' / 'launch.py')
    content = yaml.safe_load((ROOT / 'diffusion_sweep' / 'inputs.yaml').read_text()) | {'code': lmp_code.full_label}
    glass = ROOT.parent / 'examples' / 'structure' / 'glass_1.extxyz'
    (tmp_path / 'glass.extxyz').write_bytes(glass.read_bytes())
    path = tmp_path / 'inputs.yaml'
    path.write_text(yaml.safe_dump(content | {'python': python_code.full_label}))
    builder = module.builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.temperatures.get_list() == [2250, 2500, 2750]
    assert builder.settings['budget'] == 160
    assert builder.md.md.potential.elements == ['Na', 'O', 'Si']
    assert builder.analysis.code.uuid == python_code.uuid
    path.write_text(yaml.safe_dump(content | {'glasses': None}))
    with pytest.raises(ValueError, match='glasses missing'):
        module.builder(path)
    path.write_text(yaml.safe_dump(content | {'temperature': [1, 2]}))
    with pytest.raises(ValueError, match=r'unknown temperature; known are .*temperatures'):
        module.builder(path)
    path.write_text(yaml.safe_dump(content | {'potential': 'pmmcs'}))
    with pytest.raises(ValueError, match='potential: give a published one by `name`'):
        module.builder(path)


@pytest.mark.parametrize(('name', 'rates'), [('inputs.yaml', [0.02]), ('aau_notch.yaml', [])])
def test_the_yaml_of_a_fracture_makes_a_valid_builder(name, rates, tmp_path, aiida_profile_clean, lmp_code):
    module = load(ROOT / 'fracture' / 'launch.py')
    content = yaml.safe_load((ROOT / 'fracture' / name).read_text()) | {'code': lmp_code.full_label}
    glass = ROOT.parent / 'tests' / 'fixtures' / 'silica' / 'glass.extxyz'
    (tmp_path / 'glass.extxyz').write_bytes(glass.read_bytes())
    path = tmp_path / name
    path.write_text(yaml.safe_dump(content))
    builder = module.builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.settings['rates'] == rates
    assert builder.md.md.potential.elements == ['O', 'Si']
    path.write_text(yaml.safe_dump(content | {'glases': None}))
    with pytest.raises(ValueError, match=r'unknown glases; known are .*glasses'):
        module.builder(path)


def test_the_yaml_of_a_porous_glass_makes_a_valid_builder(tmp_path, aiida_profile_clean, lmp_code):
    module = load(ROOT / 'porous_glass' / 'launch.py')
    content = yaml.safe_load((ROOT / 'porous_glass' / 'inputs.yaml').read_text()) | {'code': lmp_code.full_label}
    glass = ROOT.parent / 'examples' / 'structure' / 'glass_1.extxyz'
    (tmp_path / 'glass.extxyz').write_bytes(glass.read_bytes())
    path = tmp_path / 'inputs.yaml'
    path.write_text(yaml.safe_dump(content))
    builder = module.builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.settings['pores'][0]['diameter'] == 10
    assert builder.md.md.potential.elements == ['Na', 'O', 'Si']
    more = yaml.safe_load((ROOT / 'porous_glass' / 'clusters.yaml').read_text())
    path.write_text(yaml.safe_dump(content | {'overrides': more['overrides'], 'protocol': more['protocol']}))
    assert module.builder(path).settings['keep_clusters'] is True
    path.write_text(yaml.safe_dump(content | {'pores': 3}))
    with pytest.raises(ValueError, match='unknown pores; known are'):
        module.builder(path)


def test_the_yaml_of_an_elastic_run_makes_a_valid_builder(tmp_path, aiida_profile_clean, lmp_code):
    module = load(ROOT / 'elastic' / 'launch.py')
    content = yaml.safe_load((ROOT / 'elastic' / 'inputs.yaml').read_text()) | {'code': lmp_code.full_label}
    glass = ROOT.parent / 'examples' / 'structure' / 'glass_1.extxyz'
    (tmp_path / 'dense.extxyz').write_bytes(glass.read_bytes())
    path = tmp_path / 'inputs.yaml'
    path.write_text(yaml.safe_dump(content))
    builder = module.builder(path)
    ports = builder.process_class.spec().inputs
    assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.temperatures.get_list() == [0, 300]
    assert builder.settings['strains'] == [0.005]
    path.write_text(yaml.safe_dump(content | {'temperature': [0]}))
    with pytest.raises(ValueError, match=r'unknown temperature; known are .*temperatures'):
        module.builder(path)
