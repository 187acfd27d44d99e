"""``glassion launch glass-ceramic``: what it says it will do, what it refuses, and what its script makes of a file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml
from ase.io import write
from ase.spacegroup import crystal
from click.testing import CliRunner

from aiida_glassion.cli import main

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

ROOT = Path(__file__).parents[2]
GLASS = ROOT / 'examples' / 'structure' / 'glass_1.extxyz'


@pytest.fixture
def quartz(tmp_path):
    path = tmp_path / 'quartz.cif'
    sites = [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)]
    write(path, crystal(['Si', 'O'], sites, spacegroup=154, cellpar=[4.916, 4.916, 5.4054, 90, 90, 120]))
    return path


@pytest.fixture
def launch(quartz, fake_lmp_code):
    def run(*options, source=GLASS, solid=quartz):
        arguments = [
            'launch',
            'glass-ceramic',
            str(source),
            str(solid),
            '--dry-run',
            '--code',
            fake_lmp_code.full_label,
        ]
        return CliRunner().invoke(main, [*arguments, '--protocol', 'fast', '--potential', 'pmmcs', *map(str, options)])

    return run


def test_it_says_what_will_be_built(launch):
    done = launch('--fraction', 0.3, '--grains', 2, '--orientation', 'random')
    assert done.exit_code == 0, done.output
    words = ' '.join(done.output.split())
    assert 'quartz: 198 atoms in 2 spheres' in words
    assert '(30 % wanted)' in words
    assert 'glass and grain each exactly neutral' in words
    assert '3 jobs' in words
    assert 'Nothing was submitted' in words
    slab = ' '.join(launch('--shape', 'slab', '--max-strain', 0.1, '--set', 'crystal.relax=false').output.split())
    assert 'plane (0 0 1), supercell' in slab
    assert '2 jobs' in slab


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--fraction', 0.8], 'spheres fill at most 0.74'),
        (['--fraction', -1], 'grains.fraction: -1.0 given'),
        (['--shape', 'cube'], 'expected one of sphere, slab, box'),
        (['--grains', 2, '--shape', 'box'], 'only spheres can be several'),
        (['--axis', 'q'], "grains.axis: 'q' given"),
        (['--shape', 'slab', '--max-strain', 0.001], 'no supercell of the crystal fits'),
        (['--orientation', 'upside-down'], 'expected random, Euler angles'),
        (['--centre', '1,2'], 'expected three numbers'),
        (['--set', 'measure.bins=2'], 'measure.bins is not a setting'),
        (['--hot', 100], 'hot_temperature: 100 K given'),
        (['--charges', 'Na=1,Si=3,O=-2'], 'charges: the glass carries'),
        (['--potential', 'li2s_sis2'], 'no parameters'),
    ],
)
def test_what_is_refused_in_a_sentence(launch, options, words):
    done = launch(*options)
    told = ' '.join(done.output.split())
    assert done.exit_code != 0
    assert words in told
    assert 'Traceback' not in told


def test_no_such_crystal(launch, tmp_path):
    assert 'CRYSTAL: there is no file' in launch(solid=tmp_path / 'no.cif').output.replace('\n', ' ')


def test_the_yaml_of_the_script_makes_a_valid_builder(quartz, tmp_path, fake_lmp_code):
    folder = ROOT / 'workchains' / 'glass_ceramic'
    spec = importlib.util.spec_from_file_location('launch_glass_ceramic_script', folder / 'launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / 'glass.extxyz').write_bytes(GLASS.read_bytes())
    quartz.rename(tmp_path / 'crystal.cif')
    for name in ('inputs.yaml', 'slab.yaml'):
        content = yaml.safe_load((folder / name).read_text()) | {'code': fake_lmp_code.full_label}
        path = tmp_path / name
        path.write_text(yaml.safe_dump(content))
        builder = module.builder(path)
        ports = builder.process_class.spec().inputs
        assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None
    assert builder.settings['grains']['shape'] == 'slab'
    path.write_text(yaml.safe_dump(content | {'grain': 1}))
    with pytest.raises(ValueError, match=r'unknown grain; known are .*glass'):
        module.builder(path)
