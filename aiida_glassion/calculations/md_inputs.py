"""What the inputs of an MdCalculation mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

import re
from typing import Any

from aiida import orm
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job

from aiida_glassion.data.frames import as_frames
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.lammps.deviation import interval_in_steps
from aiida_glassion.formats.lammps.script import RestartPoint
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.committee import check_committee
from aiida_glassion.potentials.potential import Potential
from aiida_glassion.schedule import Schedule, read_schedule

_ACCELERATOR = re.compile(
    r'([A-Za-z0-9_./:][A-Za-z0-9_./:-]*|-[0-9.]+)( +([A-Za-z0-9_./:][A-Za-z0-9_./:-]*|-[0-9.]+))*'
)
"""Words and numbers; a word that begins with `-` would be another option of LAMMPS."""
RETRIEVE_DEFAULTS = {'trajectory': True, 'velocities': True, 'forces': False, 'single_precision': True}

DEVIATION_DEFAULTS: dict[str, Any] = {'every': None, 'stop_above': None, 'stop_after': 5}


def retrieve_settings(inputs: Any) -> dict[str, bool]:
    """What comes home, with the defaults filled in."""
    return RETRIEVE_DEFAULTS | (inputs['retrieve'].get_dict() if 'retrieve' in inputs else {})


def restart_point(inputs: Any) -> RestartPoint | None:
    """The restart point among the inputs of a calculation, if any."""
    if 'restart' not in inputs or 'point' not in inputs['restart']:
        return None
    return RestartPoint(**inputs['restart']['point'].get_dict())


def committee_members(inputs: Any) -> dict[str, Potential]:
    """The other models of the committee by name, in alphabetical order; empty without a committee."""
    if 'committee' not in inputs:
        return {}
    return {name: inputs['committee'][name].potential for name in sorted(inputs['committee'])}


def deviation_settings(inputs: Any) -> dict[str, Any]:
    """What is recorded of the committee's deviation and where the run ends, with the defaults filled in."""
    return DEVIATION_DEFAULTS | (inputs['deviation'].get_dict() if 'deviation' in inputs else {})


def deviation_interval(inputs: Any, schedule: Schedule) -> int:
    """Integration steps between two records of the deviation.

    :raises ValueError: the schedule stores no frames and no interval is given, or records and frames do not meet.
    """
    every = deviation_settings(inputs)['every'] or schedule.frames_every
    try:
        if not every:
            raise ValueError('not given, and the schedule stores no frames; give the interval of the records in ps')
        return interval_in_steps(schedule, every)
    except ValueError as error:
        raise ValueError(f'deviation: every: {error}') from error


def check_schedule(node: orm.Dict, _: Any) -> str | None:
    """The schedule must be valid."""
    try:
        read_schedule(node.get_dict())
    except ValueError as error:
        return str(error)
    return None


def check_seed(node: orm.Int, _: Any) -> str | None:
    """The seed must be one that LAMMPS takes."""
    if not 1 <= node.value < 2**31:
        return f'seed: {node.value} is not between 1 and 2147483647'
    return None


def check_frozen(node: orm.List | None, _: Any) -> str | None:
    """Whole numbers from 0, each once."""
    if node is None:
        return None
    indices = node.get_list()
    wrong = [index for index in indices if isinstance(index, bool) or not isinstance(index, int) or index < 0]
    if wrong:
        return f'frozen: {wrong[0]!r} is no index of an atom; expected whole numbers from 0'
    if len(set(indices)) < len(indices):
        return 'frozen: an atom stands in the list twice'
    return None


def check_retrieve(node: orm.Dict | None, _: Any) -> str | None:
    """Only known settings, each true or false."""
    if node is None:
        return None
    for key, value in node.get_dict().items():
        if key not in RETRIEVE_DEFAULTS or not isinstance(value, bool):
            return f'retrieve: {key} = {value!r}; expected true or false for any of {sorted(RETRIEVE_DEFAULTS)}'
    return None


def check_deviation(node: orm.Dict | None, _: Any) -> str | None:
    """Only known settings, positive numbers."""
    if node is None:
        return None
    for key, value in node.get_dict().items():
        if key not in DEVIATION_DEFAULTS:
            return f'deviation: unknown key {key!r}; expected any of {", ".join(map(repr, DEVIATION_DEFAULTS))}'
        whole = key == 'stop_after'
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or not 0 < value < float('inf'):
            wanted = {'every': 'an interval in ps', 'stop_above': 'a force in eV/Å', 'stop_after': 'a whole number'}
            return f'deviation: {key} = {value!r}; expected {wanted[key]} above 0'
    return None


def check_accelerator(node: orm.Dict | None, _: Any) -> str | None:
    """Only known options, in words and numbers."""
    if node is None:
        return None
    for key, value in node.get_dict().items():
        if key not in ('suffix', 'package', 'kokkos'):
            return f"accelerator: unknown key {key!r}; expected 'suffix', 'package' or 'kokkos'"
        if not isinstance(value, str) or not _ACCELERATOR.fullmatch(value):
            return f"accelerator: {key} = {value!r}; expected words and numbers as LAMMPS takes them, e.g. 'gpu 1'"
    return None


def check_inputs(inputs: Any, namespace: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    if 'code' not in inputs and 'remote_folder' not in inputs:
        return 'code: missing, expected LAMMPS as an InstalledCode, e.g. the one that `glassion setup` stored'
    problem: str | None = validate_calc_job(inputs, namespace)
    if problem:
        return problem
    if 'configuration' not in inputs or 'potential' not in inputs:
        return None
    try:
        check_system(inputs['configuration'], inputs['potential'])
        _check_frozen_atoms(inputs)
        _check_committee(inputs)
        point = restart_point(inputs)
        if point is not None:
            _check_restart(point, inputs, read_schedule(inputs['schedule'].get_dict()))
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def _check_frozen_atoms(inputs: Any) -> None:
    """Stages that keep atoms where they are need atoms to keep, and some that move."""
    stages = read_schedule(inputs['schedule'].get_dict()).stages
    name = next((stage.name for stage in stages if getattr(stage, 'frozen', False)), None)
    indices = inputs['frozen'].get_list() if 'frozen' in inputs else []
    if name is None:
        return
    if not indices:
        raise ValueError(f'frozen: missing or empty; stage {name} of the schedule keeps atoms where they are')
    n_atoms = as_frames(inputs['configuration']).n_atoms
    if max(indices) >= n_atoms:
        raise ValueError(f'frozen: index {max(indices)}, but the configuration has atoms 0 to {n_atoms - 1}')
    if len(indices) == n_atoms:
        raise ValueError('frozen: all atoms; none is left to move')


def check_system(configuration: orm.Data, potential_node: PotentialData, port: str = 'potential') -> None:
    """Refuse atoms that are not periodic, that the potential does not cover, or that are not neutral with it.

    :param port: name of the potential's port.
    :raises ValueError: names the port, what was given and what would be right.
    """
    frames = as_frames(configuration)
    _check_configuration(frames)
    try:
        potential = potential_node.potential
        potential.commands_for(frames.elements)
    except ValueError as error:
        raise ValueError(f'{port}: {error}') from error
    net_charge = potential.net_charge(frames.counts)
    if abs(net_charge) > 1e-6 * max(1, frames.n_atoms):
        raise ValueError(
            f'configuration: the charges of potential {potential.name} add up to {net_charge:+.4g} e for '
            f'{frames.counts}; an Ewald sum needs a neutral cell: change the composition or the charges'
        )


def _check_committee(inputs: Any) -> None:
    try:
        members = committee_members(inputs)
    except ValueError as error:
        raise ValueError(f'committee: {error}') from error
    if not members:
        if 'deviation' in inputs:
            raise ValueError('deviation: given without a committee; give further models in the namespace `committee`')
        return
    check_committee(inputs['potential'].potential, members)
    deviation_interval(inputs, read_schedule(inputs['schedule'].get_dict()))


def _check_configuration(frames: Frames) -> None:
    if frames.n_frames < 1 or frames.n_atoms < 1:
        raise ValueError('configuration: it holds no atoms')
    if not all(frames.pbc):
        raise ValueError(f'configuration: periodic in {frames.pbc}, expected a cell periodic in all three directions')


def check_point(node: orm.Dict | None, _: Any) -> str | None:
    """A restart point names a plain file, a stage and a step."""
    if node is None:
        return None
    point = node.get_dict()
    for key in ('file', 'stage', 'step'):
        if key not in point:
            return f"restart.point: '{key}' is missing, expected 'file', 'stage' and 'step'"
    unknown = sorted(set(point) - {'file', 'stage', 'step', 'fresh'})
    if unknown:
        return f"restart.point: unknown key {unknown[0]!r}, expected 'file', 'stage', 'step' or 'fresh'"
    if not isinstance(point['file'], str) or not re.fullmatch(r'[A-Za-z0-9_][A-Za-z0-9_.]*', point['file']):
        return f'restart.point: file {point["file"]!r} is not a plain file name, e.g. stage_00_end.restart'
    for key in ('stage', 'step'):
        if isinstance(point[key], bool) or not isinstance(point[key], int):
            return f'restart.point: {key} = {point[key]!r}; expected a whole number'
    if not isinstance(point.get('fresh', False), bool):
        return f'restart.point: fresh = {point["fresh"]!r}; expected true or false'
    return None


def _check_restart(point: RestartPoint, inputs: Any, schedule: Schedule) -> None:
    if 'folder' not in inputs['restart']:
        raise ValueError('restart.folder: missing; restart.point names a file in it')
    plans = schedule.plan()
    if point.fresh:
        return
    where = f'restart.point: step {point.step} does not lie in stage {point.stage} of the schedule'
    if not 0 <= point.stage < len(plans):
        raise ValueError(f'{where}, which has stages 0 to {len(plans) - 1}')
    plan = plans[point.stage]
    if not plan.first <= point.step <= plan.last:
        raise ValueError(f'{where}, which has steps {plan.first} to {plan.last}')
