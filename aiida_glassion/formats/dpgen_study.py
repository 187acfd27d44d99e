"""A DP-GEN run as a study here: its settings in the words of a study file, and a remark on each that has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_glassion.formats.dpgen import DpgenRun
from aiida_glassion.formats.dpgen_labels import label_settings
from aiida_glassion.formats.dpgen_notes import Note, Notes
from aiida_glassion.formats.dpgen_stages import set_name, stages_of, trust_levels
from aiida_glassion.formats.dpgen_training import training_parameters

_NO_LIMIT = 1e9
_MASS_TOLERANCE = 0.05
"""Relative: masses are rounded in many inputs; isotopes differ by more."""
_DATA = ('type_map', 'init_data_prefix', 'init_data_sys', 'sys_configs_prefix', 'sys_configs')
_WARM = ('training_init_model', 'training_reuse_iter', 'training_reuse_old_ratio', 'training_reuse_numb_steps',
         'training_reuse_stop_batch', 'training_reuse_start_lr', 'training_reuse_start_pref_e',
         'training_reuse_start_pref_f')  # fmt: skip
_LOST = {
    'use_ele_temp': 'the temperature of the electrons is none of the inputs here',
    'init_batch_size': 'one batch size holds for all data: that of train.overrides.parameters.training',
    'sys_batch_size': 'one batch size holds for all data: that of train.overrides.parameters.training',
    'training_iter0_model_path': 'the first committee begins with random weights',
    'training_init_frozen_model': 'the first committee begins with random weights',
    'training_finetune_model': 'the first committee begins with random weights',
    'dp_train_skip_neighbor_stat': 'neighbours are counted, as compression needs them',
    'model_devi_activation_func': 'members differ by their seed only',
    'srtab_file_path': 'no table of short-range repulsion is laid under the net',
    'one_h5': 'data travel as DeePMD systems',
    'model_devi_skip': 'frames from the first steps are judged like the others',
    'model_devi_adapt_trust_lo': 'levels are calibrated from the errors on held-out frames instead',
    'model_devi_f_avg_relative': 'settings.levels.relative is relative to each force instead',
    'model_devi_nopbc': 'what is explored must be periodic',
    'model_devi_plumed': 'PLUMED is not used',
    'model_devi_plumed_path': 'PLUMED is not used',
    'use_relative_v': 'the virial deviation has absolute levels here',
    'epsilon_v': 'the virial deviation has absolute levels here',
    'shuffle_poscar': 'atoms stay where the configuration has them',
    'lmp_d3': 'dispersion belongs into the labels here, so that the net learns it: label.overrides.dispersion',
    'model_devi_taut': 'damping times are those of glassion.md',
    'model_devi_taup': 'damping times are those of glassion.md',
    'model_devi_neidelay': 'neighbour lists: as glassion.md sets them',
    'lmp_neigh_modify_one': 'neighbour lists: as glassion.md sets them',
    'fp_task_min': 'any number of candidates is labelled and learned from',
    'fp_accurate_soft_threshold': 'the limit on labels does not shrink on the way',
    'fp_skip_bad_box': 'cells are judged by settings.selection.density_change and min_distance_factor',
    'fp_cluster_vacuum': 'clusters are not cut out',
    'cluster_cutoff': 'clusters are not cut out',
    'use_clusters': 'clusters are not cut out',
    'cvasp': "aiida-vasp's handlers mend what fails",
}
_MEANINGLESS = ('model_devi_clean_traj', 'model_devi_merge_traj', 'detailed_report_make_fp', 'mlp_engine', 'machine')
"""How DP-GEN keeps its files: nothing to take over, nothing lost."""


@dataclass(frozen=True)
class MappedStudy:
    """Settings of a run in the words of a study file.

    :param study: sections ``label``, ``train``, ``explore``, ``settings`` and ``configurations`` (names of sets ->
        number of the system of ``sys_configs``).
    :param notes: every key that has no place there, or another meaning, and why.
    """

    study: dict[str, Any]
    notes: list[Note]


def map_study(run: DpgenRun, parameters: Mapping[str, Any], elements: Sequence[str] | None = None) -> MappedStudy:
    """Say a run's settings in the words of a study file.

    :param parameters: training parameters of the protocol that the run's are laid over.
    :param elements: of the data, alphabetical; None: those of ``type_map``.
    :raises ValueError: a setting of DP-GEN that it would not take itself.
    """
    param, notes = run.param, Notes()
    notes.take(*_DATA, *_MEANINGLESS, 'model_devi_jobs', 'model_devi_dt')
    elements = sorted(elements or param['type_map'])
    if str(param.get('sys_format', 'vasp/poscar')) != 'vasp/poscar':
        notes.change('sys_format', f'{param["sys_format"]}: configurations are read by what is in the file')
    notes.take('sys_format')
    study = {
        'label': _labels(run, notes),
        'train': {'protocol': 'moderate', 'overrides': _training(param, parameters, elements, notes)},
        'explore': _exploration(run, notes),
        'settings': {'levels': _levels(run, notes), **_selection(run, notes)},
        'configurations': {set_name(number): number for number, files in run.configurations.items() if files},
    }
    _masses(param, notes)
    for key, value in param.items():
        if key in notes.seen:
            continue
        if key in _LOST:
            if value not in (None, False, 0, [], 'auto'):
                notes.lose(key, _LOST[key])
        else:
            notes.lose(key, 'not known to this import')
    return MappedStudy(study, list(notes))


def _masses(param: Mapping[str, Any], notes: Notes) -> None:
    from ase.data import atomic_masses, atomic_numbers

    notes.take('mass_map')
    if not isinstance(param.get('mass_map'), list):
        return
    for element, mass in zip(param['type_map'], param['mass_map'], strict=False):
        own = float(atomic_masses[atomic_numbers[element]]) if element in atomic_numbers else 0.0
        if abs(mass - own) > _MASS_TOLERANCE * own:
            notes.lose('mass_map', f'{element} has {mass:g} u there, {own:.4g} u here')


def _labels(run: DpgenRun, notes: Notes) -> dict[str, Any]:
    label = label_settings(run.param, run.folder, notes)
    notes.take('ratio_failed')
    return {**label, 'tolerated_failures': float(run.param.get('ratio_failed', 0.05))}


def _training(
    param: Mapping[str, Any], base: Mapping[str, Any], elements: Sequence[str], notes: Notes
) -> dict[str, Any]:
    notes.take('numb_models', 'default_training_param', 'train_backend', 'dp_compress')
    overrides: dict[str, Any] = {'committee': int(param['numb_models'])}
    overrides['backend'] = str(param.get('train_backend', 'tensorflow'))
    if not param.get('dp_compress', False):
        notes.change('dp_compress', 'models are compressed here: the same forces, several times faster')
    overrides['parameters'] = training_parameters(
        param['default_training_param'], base, param['type_map'], elements, notes
    )
    for key in _WARM:
        if param.get(key) is not None:
            notes.lose(key, 'settings.training says when a committee begins with the weights of the one before')
    return overrides


def _exploration(run: DpgenRun, notes: Notes) -> dict[str, Any]:
    engine = run.param.get('model_devi_engine', 'lammps')
    notes.take('model_devi_engine')
    if engine != 'lammps':
        notes.lose('model_devi_engine', f'{engine!r}: only jobs of LAMMPS become stages; protocol moderate stands in')
        return {'protocol': 'moderate'}
    if 'model_devi_dt' not in run.param:
        raise ValueError(f'{run.file}: model_devi_dt is missing')
    stages = stages_of(run, notes)
    if not stages:
        notes.lose('model_devi_jobs', 'no job could become a stage; the protocol moderate stands in')
        return {'protocol': 'moderate'}
    notes.change('model_devi_jobs', 'a stage repeats until its checks are passed, not once for each job')
    return {'stages': stages}


def _levels(run: DpgenRun, notes: Notes) -> dict[str, Any]:
    notes.take('model_devi_f_trust_lo', 'model_devi_f_trust_hi', 'use_relative', 'epsilon')
    levels: dict[str, Any] = {'kind': 'fixed'}
    for key, name, choose in (('model_devi_f_trust_lo', 'lower', min), ('model_devi_f_trust_hi', 'upper', max)):
        values = trust_levels(run, key)
        if not values or (name == 'lower' and run.param.get('model_devi_adapt_trust_lo')):
            return {'kind': 'calibrated'}
        levels[name] = choose(values)
        if len(values) > 1:
            words = (
                f'{", ".join(f"{value:g}" for value in values)} for different systems or jobs: {levels[name]:g} here'
            )
            notes.change(key, words)
    if run.param.get('use_relative'):
        levels['relative'] = float(run.param.get('epsilon') or 1.0)
    return levels


def _selection(run: DpgenRun, notes: Notes) -> dict[str, Any]:
    param = run.param
    selection: dict[str, Any] = {}
    for key, name, choose in (
        ('model_devi_v_trust_lo', 'virial_lower', min),
        ('model_devi_v_trust_hi', 'virial_upper', max),
    ):
        values = [value for value in trust_levels(run, key) if value < _NO_LIMIT]
        notes.take(key)
        if values:
            selection[name] = choose(values)
    for key in (
        'model_devi_numb_candi_f',
        'model_devi_numb_candi_v',
        'model_devi_perc_candi_f',
        'model_devi_perc_candi_v',
    ):
        if key in param:
            notes.lose(key, 'goes with model_devi_adapt_trust_lo')
    notes.take('fp_task_max', 'fp_accurate_threshold')
    if 'fp_task_max' in param:
        notes.change('fp_task_max', 'for each system there; max_labels of a stage is for all its systems together')
        notes.change(
            'candidates', 'drawn at random there; the most different ones first here (settings.selection.method)'
        )
    if 'fp_accurate_threshold' in param:
        notes.change('fp_accurate_threshold', 'one minus it is the candidate_fraction that a stage must fall below')
    return {'selection': selection} if selection else {}
