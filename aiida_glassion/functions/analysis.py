"""Structure analyses of what is small enough to be at hand, and how an outcome becomes nodes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_glassion.analysis import store
from aiida_glassion.analysis.parts import TimedSource, join_in_time
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import Outcome, analyse
from aiida_glassion.analysis.sources import FrameSource, of_frames, open_source
from aiida_glassion.data.frames import FramesData, as_frames


@calcfunction
def analyse_frames(request: orm.Dict, frames: orm.Data) -> dict[str, Any] | ExitCode:
    """The structure of a trajectory: g(r), S(Q), rings … as asked for, averaged over its frames.

    Gives ``numbers``, ``curves`` (see :func:`outcome_nodes`) and, where there are any, ``per_atom``: the same as the
    job `glassion.analysis` for the same request and frames.

    :param request: see :class:`.Request`; lengths Å. :func:`request_node` writes out the defaults, so that two requests
        that mean the same have one hash.
    :param frames: FramesData, TrajectoryData, StructureData or LammpsTrajectory, Å.
    """
    try:
        return outcome_nodes(analyse(read_request(request.get_dict()), node_source(frames)))
    except (TypeError, ValueError) as error:
        return ExitCode(330, f'nothing could be analysed: {error}')


@calcfunction
def analyse_segments(request: orm.Dict, starts: orm.List, **segments: FramesData) -> dict[str, Any] | ExitCode:
    """Analyse the trajectories of several runs, each going on from the one before it, as one.

    Gives what the job `glassion.analysis` gives for the same frames as ``parts``. The frame with which one segment ends
    and the next begins is taken once.

    :param request: see :class:`.Request`; lengths Å.
    :param starts: time of the whole at the first frame of each segment, ps.
    :param segments: the frames with their times, Å and ps, in the alphabetical order of their names.
    """
    try:
        return outcome_nodes(analyse(read_request(request.get_dict()), _joined(starts.get_list(), segments)))
    except (TypeError, ValueError) as error:
        return ExitCode(330, f'nothing could be analysed: {error}')


def _joined(starts: list[Any], segments: Mapping[str, FramesData]) -> FrameSource:
    if len(starts) != len(segments):
        raise ValueError(f'starts: {len(starts)} times for {len(segments)} segments, expected one for each')
    parts = []
    for start, (name, node) in zip(starts, sorted(segments.items()), strict=True):
        frames = as_frames(node)
        if frames.times is None:
            raise ValueError(f'segments: {name} holds no times')
        times = float(start) + frames.times - frames.times[0]
        parts.append(TimedSource(name, frames.n_frames, source=of_frames(frames, name), times=times))
    return join_in_time(parts)


def request_node(request: Mapping[str, Any]) -> orm.Dict:
    """Node of a request with all defaults written out, not stored.

    :raises ValueError: something in it cannot be done.
    """
    return orm.Dict(read_request(request).as_dict())


def node_source(node: orm.Data) -> FrameSource:
    """The frames of a node, all of them.

    :raises TypeError: it holds no configuration.
    :raises ValueError: a trajectory without cells or elements.
    """
    from aiida_lammps.data.trajectory import LammpsTrajectory

    if not isinstance(node, LammpsTrajectory):
        return of_frames(as_frames(node), type(node).__name__)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'trajectory.dump'
        write_lammps_trajectory(node, path)
        source = open_source(path, 'lammps-dump')
        return of_frames(source.read(source.indices()), type(node).__name__, source.unwrapped)


def write_lammps_trajectory(node: orm.Data, path: Path) -> None:
    """Write aiida-lammps' LammpsTrajectory as the dump that it was made of."""
    with path.open('w', encoding='utf-8') as file:
        for step in range(node.number_steps):
            file.write(node.get_step_string(step).rstrip('\n') + '\n')


def outcome_nodes(outcome: Outcome) -> dict[str, orm.Data]:
    """An outcome as nodes, not stored.

    ``numbers``: everything but arrays, with units. ``curves``: arrays ``kind__curve__x``, ``…__y`` and ``…__error``
    (standard error over blocks of frames); the attribute ``curves`` names axes, units, convention and what else decides
    the values. ``per_atom``: arrays of the last frame, ``kind__name``.
    """
    plain = store.as_dict(outcome)
    plain.pop('seconds')
    about = {
        f'{kind}__{name}': content
        for kind, entry in plain['analyses'].items()
        for name, content in entry.pop('curves').items()
    }
    nodes: dict[str, orm.Data] = {'numbers': orm.Dict(plain)}
    if about:
        nodes['curves'] = orm.ArrayData(store.curve_arrays(outcome.results))
        nodes['curves'].base.attributes.set('curves', about)
    per_atom = {f'{kind}__{name}': a for kind, result in outcome.results.items() for name, a in result.per_atom.items()}
    if per_atom:
        nodes['per_atom'] = orm.ArrayData(per_atom)
        nodes['per_atom'].base.attributes.set('symbols', list(outcome.system.symbols))
    return nodes
