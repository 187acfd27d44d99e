"""The scripts of the top-level ``workchains/`` build what their YAML asks for, and are imported by nothing."""

from __future__ import annotations

import importlib.util
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
