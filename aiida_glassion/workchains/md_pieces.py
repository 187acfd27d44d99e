"""Where the frames of a finished run lie: the pieces of an MdWorkChain, found by provenance."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_glassion import units
from aiida_glassion.calculations.md_inputs import restart_point
from aiida_glassion.formats.lammps.script import frames_file
from aiida_glassion.formats.lammps.thermo import Limits, locate_fault
from aiida_glassion.kernels.segments import Segment
from aiida_glassion.schedule import Schedule, StagePlan, read_schedule


def parts_of(node: orm.WorkChainNode, name: str, time: float) -> tuple[dict[str, orm.RemoteData], list[dict[str, Any]]]:
    """The frames of the last stage of a run where they lie, for the ports `remotes` and `parts` of glassion.analysis.

    :param node: of an MdWorkChain that ended; whether its trajectory was retrieved makes no difference.
    :param name: what the labels of the folders begin with: ``name_00``, ``name_01`` …
    :param time: of the whole at the beginning of the stage, ps.
    :returns: the folders by label, and the parts in the order of time (see :class:`.analysis.parts.Part`).
    :raises ValueError: the run left no frames of its last stage, or a folder was cleaned.
    """
    pieces = _pieces(node)
    begin = pieces[0][1].time + _last_stage(pieces[0][0]).time
    remotes: dict[str, orm.RemoteData] = {}
    parts: list[dict[str, Any]] = []
    for index, (piece, segment) in enumerate(pieces):
        plan, until = _last_stage(piece), _last_step(piece, segment)
        if not _holds_frames(piece, plan, until, finished=index == len(pieces) - 1):
            continue
        label = f'{name}_{len(parts):02d}'
        remotes[label] = _folder(node, piece)
        timestep = plan.timestep * units.FS_TO_PS
        at_step_0 = time + (segment.time + plan.time - begin) - plan.first * timestep
        parts.append(
            {
                'remote': label,
                'file': frames_file(plan.index),
                'time': at_step_0,
                'timestep': timestep,
                'until': until,
            }
        )
    if not parts:
        raise ValueError(f'run {node.pk}: no frame of its last stage was stored')
    return remotes, parts


def species_of(node: orm.WorkChainNode) -> dict[str, str]:
    """Element of each type in the files of a run, for the port `species` of glassion.analysis: {'1': 'Na', …}."""
    from aiida_glassion.data.frames import as_frames

    elements = as_frames(node.inputs.md.configuration).elements
    return {str(number): element for number, element in enumerate(elements, 1)}


def _pieces(node: orm.WorkChainNode) -> list[tuple[orm.CalcJobNode, Segment]]:
    """The jobs of a run that count, and where each lies in the whole."""
    if 'results' not in node.outputs:
        raise ValueError(f'run {node.pk}: it left no results, so there are no frames')
    creator = node.outputs.results.creator
    if isinstance(creator, orm.CalcJobNode):
        n_stages = len(_schedule(creator).stages)
        return [(creator, Segment(0, 0.0, tuple(range(n_stages)), None))]
    if creator is None or 'bookkeeping' not in creator.inputs:
        raise ValueError(f'run {node.pk}: its results were not made by molecular dynamics of this package')
    entries = creator.inputs.bookkeeping.get_list()
    segments = [Segment(**{**entry, 'stages': tuple(entry['stages'])}) for entry in entries]
    return [(creator.inputs[f'results_{index}'].creator, segment) for index, segment in enumerate(segments)]


def _schedule(piece: orm.CalcJobNode) -> Schedule:
    return read_schedule(piece.inputs.schedule.get_dict())


def _last_stage(piece: orm.CalcJobNode) -> StagePlan:
    return _schedule(piece).plan()[-1]


def _last_step(piece: orm.CalcJobNode, segment: Segment) -> int | None:
    """Last step, as the piece counts them, whose frame counts: before the next piece, the fault, the loss of trust."""
    ends: list[int] = [] if segment.until is None else [segment.until - segment.step]
    left = piece.outputs.results.get_dict().get('left_trusted_region')
    if left is not None:
        ends.append(left['step'])
    if 'thermo' in piece.outputs:
        fault = locate_fault(piece.outputs.thermo.arrays, Limits.of(_schedule(piece)))
        ends += [] if fault is None else [fault.step - 1]
    return min(ends, default=None)


def _holds_frames(piece: orm.CalcJobNode, plan: StagePlan, until: int | None, finished: bool) -> bool:
    """Whether frames of the last stage were surely written that count and that the next piece does not begin with."""
    results = piece.outputs.results.get_dict()
    if not plan.frames or results.get('stage', -1) < plan.index:
        return False
    start = restart_point(piece.inputs)
    begun = plan.first if start is None or start.fresh else max(plan.first, start.step)
    first = -(-begun // plan.frames) * plan.frames
    if finished and results['finished']:
        return first <= plan.last
    last: int = min(results['last_step'], plan.last if until is None else until)
    return first < last


def _folder(node: orm.WorkChainNode, piece: orm.CalcJobNode) -> orm.RemoteData:
    if 'remote_folder' not in piece.outputs or piece.outputs.remote_folder.is_cleaned:
        raise ValueError(
            f'run {node.pk}: the folder of its job {piece.pk} was cleaned, so its frames are gone; keep the folders of '
            'runs that are analysed where they lie'
        )
    folder: orm.RemoteData = piece.outputs.remote_folder
    return folder
