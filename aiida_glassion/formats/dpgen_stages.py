"""``model_devi_jobs`` of DP-GEN as stages of a curriculum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_glassion import units
from aiida_glassion.formats.dpgen import DpgenRun, expand_indices
from aiida_glassion.formats.dpgen_notes import Notes

_ALIASES = {'ensemble': 'ens', 'temps': 'Ts', 'press': 'Ps', 'trj_freq': 't_freq', 'nsteps': 'nsteps'}
_NOT_HERE = {
    'template': 'a LAMMPS script of your own decides what is run, which a stage cannot say',
    'nbeads': 'path integrals are not run here',
    'pka_e': 'no atom is kicked here',
}
_OTHER = {
    'taut': 'thermostat: damping times are those of glassion.md',
    'taup': 'barostat: damping times are those of glassion.md',
    'neidelay': 'neighbour lists: as glassion.md sets them',
    'rev_mat': 'of the template',
    'sys_rev_mat': 'of the template',
    'dt': 'DP-GEN itself does not use it: model_devi_dt holds for every job',
    'task_min': 'any number of new frames is learned from',
    'skip_train': 'a committee is trained in every iteration',
    'skip_training': 'a committee is trained in every iteration',
}
_TRUST = ('model_devi_f_trust_lo', 'model_devi_f_trust_hi', 'model_devi_v_trust_lo', 'model_devi_v_trust_hi')
_COUPLING = {'i': 'iso', 'a': 'aniso', 't': 'tri'}
_ENSEMBLES = ('nvt', 'nve', 'npt', 'npt-i', 'npt-iso', 'npt-a', 'npt-aniso', 'npt-t', 'npt-tri')


def set_name(number: int) -> str:
    """Name here of a system of ``sys_configs``."""
    return f'sys_{number:03d}'


def stages_of(run: DpgenRun, notes: Notes) -> list[dict[str, Any]]:
    """Stages for the jobs, in their order; equal jobs one after another make one stage, which repeats by itself.

    :raises ValueError: a job lacks what it needs; the message names it.
    """
    stages: list[dict[str, Any]] = []
    jobs: list[list[int]] = []
    for number, job in enumerate(run.param['model_devi_jobs']):
        stage = _stage(run, number, job, notes)
        if stage is None:
            continue
        if stages and stages[-1] == stage:
            jobs[-1].append(number)
        else:
            stages.append(stage)
            jobs.append([number])
    for stage, numbers in zip(stages, jobs, strict=True):
        name = f'job_{numbers[0]:03d}' + (f'_to_{numbers[-1]:03d}' if len(numbers) > 1 else '')
        stage['name'] = name
    return [{'name': stage['name'], **stage} for stage in stages]


def _stage(run: DpgenRun, number: int, job: Mapping[str, Any], notes: Notes) -> dict[str, Any] | None:
    where = f'model_devi_jobs[{number}]'
    if not isinstance(job, Mapping):
        raise ValueError(f'{where}: {job!r} given, expected settings by name')
    for key, words in _NOT_HERE.items():
        if job.get(key) is not None:
            notes.lose(f'{where}.{key}', f'{words}; the whole job is left out')
            return None
    for key in job:
        if key in _OTHER:
            notes.lose(f'model_devi_jobs.{key}', _OTHER[key])
        elif key not in (*_ALIASES, *_ALIASES.values(), 'traj_freq', 'sys_idx', *_TRUST):
            notes.lose(f'{where}.{key}', 'not known to this import')
    ensemble = str(_get(job, 'ensemble', where))
    if ensemble not in _ENSEMBLES:
        raise ValueError(f'{where}.ensemble: {ensemble!r} given, expected one of {", ".join(_ENSEMBLES)}')
    temperatures = _get(job, 'temps', where)
    if any(isinstance(value, list) for value in temperatures):
        notes.lose(f'{where}.temps', 'temperatures of the electrons are not known here; the whole job is left out')
        return None
    systems = expand_indices(job.get('sys_idx') or [])
    unknown = [index for index in systems if index not in run.configurations]
    if unknown or not systems:
        raise ValueError(f'{where}.sys_idx: {job.get("sys_idx")!r} given, there are 0 to {len(run.configurations) - 1}')
    timestep = float(run.param['model_devi_dt'])
    every = _get(job, 'trj_freq', where) * timestep
    duration = _get(job, 'nsteps', where) * timestep
    pressures: list[Any] = [None]
    if ensemble.startswith('npt'):
        pressures = [_number(value * units.BAR_TO_GPA) for value in _get(job, 'press', where)]
    if ensemble == 'nve':
        notes.change('model_devi_jobs.ensemble: nve', 'held at its temperature (NVT)')
    n_starts = max(len(run.configurations[index]) for index in systems)
    hold = {'kind': 'hold', 'temperatures': list(temperatures), 'pressures': pressures, 'duration': _number(duration)}
    coupling = _COUPLING.get(ensemble.partition('-')[2][:1])
    if coupling and ensemble.startswith('npt'):
        hold['coupling'] = coupling
    stage: dict[str, Any] = {
        'starts': [f'{set_name(index)}*' for index in systems],
        'n_starts': max(1, n_starts),
        'programs': [hold],
        'seeds': 1,
        'timestep': _number(timestep / units.FS_TO_PS),
        'every': _number(every),
    }
    if run.param.get('fp_task_max'):
        stage['max_labels'] = int(run.param['fp_task_max']) * len(systems)
    threshold = run.param.get('fp_accurate_threshold')
    if threshold is not None and 0 < float(threshold) < 1:
        stage['candidate_fraction'] = _number(1 - float(threshold))
    return stage


def _get(job: Mapping[str, Any], key: str, where: str) -> Any:
    for name in (key, _ALIASES[key], 'traj_freq' if key == 'trj_freq' else key):
        if job.get(name) is not None:
            return job[name]
    raise ValueError(f'{where}: {key} is missing')


def _number(value: float) -> float | int:
    """A number as one would write it: 0.02, not 0.020000000000000004; 2, not 2.0."""
    rounded = float(f'{value:.10g}')
    return int(rounded) if rounded == int(rounded) else rounded


def trust_levels(run: DpgenRun, key: str) -> list[float]:
    """Every value of a trust level: of the whole, of each system, of each job; lowest first.

    :param key: e.g. ``model_devi_f_trust_lo``.
    """
    found: set[float] = set()
    for source in (run.param, *run.param['model_devi_jobs']):
        value = source.get(key) if isinstance(source, Mapping) else None
        if isinstance(value, Mapping):
            value = list(value.values())
        found |= {float(entry) for entry in (value if isinstance(value, list) else [value]) if entry is not None}
    return sorted(found)
