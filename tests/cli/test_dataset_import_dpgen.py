"""``glassion dataset import-dpgen``: a run of DP-GEN becomes datasets and a study that can be launched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.cli.study_builder import assemble

FIXTURES = Path(__file__).parents[1] / 'fixtures'
SILICA = FIXTURES / 'deepmd' / 'silica' / 'O16Si8'


@pytest.fixture
def folder(tmp_path):
    """A run: data to begin with, one iteration, one configuration for each system."""
    path = tmp_path / 'run'
    shutil.copytree(FIXTURES / 'dpgen' / 'vasp', path)
    for name in ('start/melt', 'iter.000000/02.fp/data.000'):
        shutil.copytree(SILICA, path / name)
    from aiida_glassion.formats.deepmd.systems import read_system

    atoms = next(iter(read_system(SILICA))).to_ase(0)
    for name in ('melt/POSCAR_0', 'glass/POSCAR'):
        (path / 'structures' / name).parent.mkdir(parents=True)
        atoms.write(path / 'structures' / name, format='vasp')
    return path


@pytest.fixture
def invoke(aiida_profile_clean, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        words = [str(word) for word in arguments]
        return CliRunner(env={'COLUMNS': '140'}).invoke(
            main, ['dataset', 'import-dpgen', *words, '--profile', aiida_profile_clean.name]
        )

    return run


def test_a_run_becomes_a_study(folder, invoke, tmp_path, lmp_code, lmp_deepmd_code, dp_code):
    from aiida_glassion.data.dataset import DatasetData

    done = invoke(folder, '--functional', 'PBE')
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    assert 'initial: 90 frames; 90 O16Si8' in said
    assert 'dpgen_000: 90 frames' in said
    assert 'init_data_sys: ' in said  # start/glass is not there
    text = (tmp_path / 'study.yaml').read_text()
    study = yaml.safe_load(text)
    pks = {name: entry['pk'] for name, entry in study['datasets'].items()}
    assert list(pks) == ['initial', 'dpgen_000']
    from aiida.orm import load_node

    node = load_node(pks['dpgen_000'])
    assert isinstance(node, DatasetData)
    assert node.method == {'functional': 'PBE'}
    assert node.base.extras.get('sources') == [{'name': 'iter.000000/02.fp/data.000'}]
    assert '#   walltime_of_hope: not known to this import' in text
    assert '#   fp_pp_files: pseudopotentials come from a family in this profile' in text
    # what is missing is the labeller's; with another one the study can be launched as it is
    changes = [('label', {'engine': 'lammps', 'potential': 'pmmcs', 'code': lmp_code.full_label, 'overrides': None})]
    changes += [('train.code', dp_code.full_label), ('explore.code', lmp_deepmd_code.full_label)]
    builder = assemble(tmp_path / 'study.yaml', tuple(changes)).builder
    assert sorted(builder.datasets) == ['dpgen_000', 'initial']
    assert builder.datasets['initial'].method['potential'] == 'pmmcs'
    assert {name: node.n_atoms for name, node in builder.configurations.items()} == {'sys_000': 24, 'sys_001': 24}
    assert [stage['name'] for stage in builder.settings['stages']] == ['job_000_to_001', 'job_002']
    assert builder.settings['levels']['lower'] == 0.15
    assert builder.settings['selection']['virial_upper'] == 0.09
    assert builder.train.settings['parameters']['model']['descriptor']['sel'] == [45, 20]
    assert builder.train.settings['committee'] == 3
    again = invoke(folder)
    assert again.exit_code == 2
    assert 'There is a study.yaml already' in again.output


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda param: param.pop('type_map'), 'type_map missing'),
        (lambda param: param['model_devi_jobs'][0].update(sys_idx=[7]), 'sys_idx: [7] given'),
        (lambda param: param.update(init_data_sys=[]), 'no labelled frames'),
    ],
)
def test_refusals(folder, invoke, change, words):
    param = json.loads((folder / 'param.json').read_text())
    change(param)
    shutil.rmtree(folder / 'iter.000000')
    (folder / 'param.json').write_text(json.dumps(param))
    done = invoke(folder)
    assert done.exit_code == 2, done.output
    assert words in ' '.join(done.output.split())
    assert not Path('study.yaml').exists()
