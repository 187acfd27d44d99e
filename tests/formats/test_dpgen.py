"""Runs of DP-GEN as they lie on disk: parameters, data, and how their settings are said here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from aiida_glassion.formats.deepmd.input import normalise
from aiida_glassion.formats.dpgen import expand_indices, read_param, read_run
from aiida_glassion.formats.dpgen_labels import read_incar
from aiida_glassion.formats.dpgen_study import map_study
from aiida_glassion.kernels.build.curriculum import read_curriculum
from aiida_glassion.workchains import protocols

FIXTURES = Path(__file__).parents[1] / 'fixtures'
SILICA = FIXTURES / 'deepmd' / 'silica' / 'O16Si8'


@pytest.fixture
def folder(tmp_path):
    """A run with data: two folders to begin with, two iterations, of which one is finished."""
    path = tmp_path / 'run'
    shutil.copytree(FIXTURES / 'dpgen' / 'vasp', path)
    for name in ('start/melt', 'start/glass', 'iter.000000/02.fp/data.000', 'iter.000001/02.fp/data.000'):
        shutil.copytree(SILICA, path / name)
    (path / 'iter.000001/02.fp/task.000.000000').mkdir()
    (path / 'record.dpgen').write_text(''.join(f'0 {task}\n' for task in range(9)) + '1 0\n1 1\n')
    for name in ('melt/POSCAR_1', 'melt/POSCAR_0', 'glass/POSCAR'):
        (path / 'structures' / name).parent.mkdir(parents=True, exist_ok=True)
        (path / 'structures' / name).write_text('')
    return path


def changed(folder, **changes):
    """The run with other parameters."""
    param = json.loads((folder / 'param.json').read_text()) | changes
    (folder / 'param.json').write_text(json.dumps({key: value for key, value in param.items() if value is not None}))
    return read_run(folder)


def mapped(run, elements=None):
    return map_study(run, protocols.load('train', 'moderate')['parameters'], elements)


def remarks(study):
    return {note.key: note.words for note in study.notes}


def test_what_lies_there_is_found(folder):
    run = read_run(folder)
    assert [path.name for path in run.initial] == ['melt', 'glass']
    assert {number: len(paths) for number, paths in run.iterations.items()} == {0: 1, 1: 1}
    assert [path.name for path in run.configurations[0]] == ['POSCAR_0', 'POSCAR_1']
    assert run.finished == 1
    assert run.missing == []
    assert not any(key.startswith('_') for key in run.param)


def test_what_is_missing_is_named(folder):
    shutil.rmtree(folder / 'start' / 'glass')
    (folder / 'structures' / 'glass' / 'POSCAR').unlink()
    run = read_run(folder)
    assert [path.name for path in run.initial] == ['melt']
    assert len(run.missing) == 2
    assert 'init_data_sys: ' in run.missing[0]
    assert 'sys_configs[1]: no file matches' in run.missing[1]


def test_units_of_the_jobs(folder):
    stages = mapped(read_run(folder)).study['explore']['stages']
    first, second = stages
    assert first['name'] == 'job_000_to_001'  # two equal jobs
    assert first['timestep'] == 1.5  # fs, of 0.0015 ps
    assert first['every'] == 0.03  # ps, 20 steps
    program = first['programs'][0]
    assert program['duration'] == 3  # ps, 2000 steps
    assert program['pressures'] == [0.0001, 2]  # GPa, of 1 and 20000 bar
    assert program['coupling'] == 'aniso'
    assert second['programs'][0]['pressures'] == [None]  # constant volume
    assert second['starts'] == ['sys_000*', 'sys_001*']  # of "0-2", whose end is not included
    assert first['n_starts'] == 2
    assert (first['max_labels'], second['max_labels']) == (30, 60)  # fp_task_max is for each system
    assert first['candidate_fraction'] == pytest.approx(0.02)
    read_curriculum(stages)


def test_the_same_net_is_trained(folder):
    """What DeePMD-kit would train from the old input and what it would train from the one here are one."""
    given = read_run(folder).param['default_training_param']
    overrides = mapped(read_run(folder)).study['train']['overrides']
    own = protocols.load('train', 'moderate', overrides)
    assert own['committee'] == 3
    there = normalise(completed(given, ['Si', 'O']))
    here = normalise(completed(own['parameters'], ['O', 'Si']))
    assert there['model']['descriptor']['sel'] == [20, 45]
    assert here['model']['descriptor']['sel'] == [45, 20]
    for content in (there, here):
        content['model']['descriptor'].pop('sel')
        for part in ('descriptor', 'fitting_net'):
            content['model'][part].pop('seed', None)
        content['model'].pop('type_map')
    assert here == there


def completed(content, type_map):
    data = {**content['training'].get('training_data', {}), 'systems': []}
    model, training = {**content['model'], 'type_map': type_map}, {**content['training'], 'training_data': data}
    return {**content, 'model': model, 'training': {**training, 'disp_file': 'lcurve.out', 'save_ckpt': 'model.ckpt'}}


def test_neighbours_are_counted_where_the_elements_differ(folder):
    study = mapped(read_run(folder), ['Na', 'O', 'Si'])
    descriptor = study.study['train']['overrides']['parameters']['model']['descriptor']
    assert descriptor['sel'] == 'auto:1.1'


def test_levels_and_labels(folder):
    study = mapped(read_run(folder)).study
    assert study['settings']['levels'] == {'kind': 'fixed', 'lower': 0.15, 'upper': 0.5}
    assert study['settings']['selection'] == {'virial_lower': 0.02, 'virial_upper': 0.09}
    assert study['label']['engine'] == 'vasp'
    assert study['label']['tolerated_failures'] == 0.2
    own = protocols.load('label_vasp', None, study['label']['overrides'])
    wanted = {'encut': 450, 'sigma': 0.1, 'ediff': 2e-6, 'dispersion': 'd3-bj', 'k_spacing': 0.4, 'lreal': 'Auto'}
    assert {key: own[key] for key in wanted} == wanted
    assert (own['prec'], own['lasph']) == ('Normal', False)  # VASP's own, as the INCAR is silent


def test_relative_deviations(folder):
    levels = mapped(changed(folder, use_relative=True, epsilon=0.8)).study['settings']['levels']
    assert levels['relative'] == 0.8


def test_the_other_style():
    run = read_run(FIXTURES / 'dpgen' / 'pwscf')
    study = mapped(run)
    assert run.param['type_map'] == ['O', 'Si']
    assert study.study['settings']['levels'] == {'kind': 'calibrated'}  # the lower one adapts itself there
    label = study.study['label']
    assert (label['engine'], label['overrides']['dispersion']) == ('quantumespresso', 'd3-zero')
    protocols.load('label_quantumespresso', None, label['overrides'])
    (stage,) = study.study['explore']['stages']  # with the short names Ts, Ps, t_freq, ens
    assert stage['programs'] == [{'kind': 'hold', 'temperatures': [600, 1200], 'pressures': [0], 'duration': 10}]
    said = remarks(study)
    assert 'whole cell' in said['user_fp_params.electrons.conv_thr']
    assert len(run.missing) == 2


def test_every_key_that_is_left_out_is_named(folder):
    study = mapped(read_run(folder))
    lost = {note.key for note in study.notes if note.lost}
    assert {
        'walltime_of_hope', 'training_reuse_iter', 'fp_pp_files', 'fp_task_min', 'model_devi_skip',
        'model_devi_jobs[3].template', 'model_devi_jobs.taut', 'fp_incar NCORE', 'fp_incar LMAXMIX', 'sys_batch_size',
    } <= lost  # fmt: skip
    assert remarks(study)['walltime_of_hope'] == 'not known to this import'
    assert '0.4, 0.5 for different systems' in remarks(study)['model_devi_f_trust_hi']
    assert 'mass_map' not in lost  # rounded, not heavy water
    heavy = mapped(changed(folder, mass_map=[28.1, 18.0]))
    assert 'O has 18 u there, 16 u here' in remarks(heavy)['mass_map']


@pytest.mark.parametrize('style', ['cp2k', 'gaussian'])
def test_a_labeller_that_is_not_here(folder, style):
    study = mapped(changed(folder, fp_style=style))
    assert study.study['label'] == {'tolerated_failures': 0.2}
    assert 'no engine here; choose lammps, ase' in remarks(study)['fp_style']


def test_another_explorer_or_net_leaves_the_protocol(folder):
    run = changed(
        folder, model_devi_engine='calypso', default_training_param={'model': {'descriptor': {'type': 'dpa2'}}}
    )
    study = mapped(run)
    assert study.study['explore'] == {'protocol': 'moderate'}
    assert study.study['train']['overrides']['parameters'] == {}
    assert "descriptor 'dpa2'" in remarks(study)['default_training_param']


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"type_map": ["O"],}', r'param\.json, line 1: not JSON'),
        ('[]', 'expected the parameters of dpgen run by name'),
        ('{"type_map": ["O"]}', 'init_data_sys, sys_configs, default_training_param, model_devi_jobs, numb_models m'),
    ],
)
def test_files_that_are_no_parameters(tmp_path, text, message):
    path = tmp_path / 'param.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_param(path)


def test_a_file_must_be_chosen(folder):
    (folder / 'param.yaml').write_text(yaml.safe_dump(json.loads((folder / 'param.json').read_text())))
    with pytest.raises(ValueError, match=r'param\.json, param\.yaml there; name the file'):
        read_run(folder)
    assert read_run(folder, folder / 'param.yaml').param == read_run(folder, folder / 'param.json').param
    with pytest.raises(ValueError, match='there is no such folder'):
        read_run(folder / 'elsewhere')


JOB = {'sys_idx': [0], 'temps': [300], 'trj_freq': 1, 'nsteps': 10, 'ensemble': 'nvt'}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'sys_idx': [2]}, r'model_devi_jobs\[0\]\.sys_idx: \[2\] given, there are 0 to 1'),
        ({'sys_idx': ['x']}, 'expected a number or a range'),
        ({'ensemble': 'nvp'}, "ensemble: 'nvp' given"),
        ({'nsteps': None}, r'model_devi_jobs\[0\]: nsteps is missing'),
    ],
)
def test_jobs_that_make_no_sense(folder, changes, message):
    with pytest.raises(ValueError, match=message):
        mapped(changed(folder, model_devi_jobs=[JOB | changes]))


def test_small_parts():
    assert expand_indices([3, '0-6:2']) == [3, 0, 2, 4]
    assert read_incar('encut = 300 # eV\n ISMEAR=0; SIGMA = 0.05 ! small\nnothing') == {
        'ENCUT': '300', 'ISMEAR': '0', 'SIGMA': '0.05',
    }  # fmt: skip
