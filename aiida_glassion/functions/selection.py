"""Calcfunctions that decide what is learned next: trust levels, what is known, which frames are labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.calibration import HeldOut, find_levels
from aiida_glassion.kernels.learning.levels import LevelSettings
from aiida_glassion.kernels.learning.memory import Memory
from aiida_glassion.kernels.learning.selection import CODES, Selection, Visited, select_frames
from aiida_glassion.kernels.learning.selection_report import report_selection
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings
from aiida_glassion.kernels.learning.settings import read_settings
from aiida_glassion.kernels.structure.descriptor import SETTINGS, rearrange


@calcfunction
def set_levels(settings: orm.Dict, errors: orm.Dict, parity: orm.ArrayData, seed: orm.Int | None = None) -> orm.Dict:
    """Set the trust levels, given or calibrated by held-out frames; levels and errors eV/Å.

    :param settings: see section ``levels`` of ``protocols/active_learning.yaml``.
    :param errors: of the committee, meV/Å (output of a training).
    :param parity: of its mean prediction, with ``max_force_deviation`` and ``max_force_error``, eV/Å.
    :param seed: integer; of the resampling that gives the error bars.
    """
    levels = read_settings(LevelSettings, settings.get_dict(), 'levels')
    held_out = HeldOut.of(errors.get_dict(), parity.arrays)
    return orm.Dict(find_levels(levels, held_out, 0 if seed is None else seed.value))


@calcfunction
def remember_frames(elements: orm.List, **datasets: DatasetData) -> orm.ArrayData:
    """Fingerprints and descriptors of labelled frames, by which later selections know them.

    :param elements: all that can occur in the loop; they lay out the descriptors.
    :param datasets: labelled frames, positions Å.
    """
    parts = (part for _, node in sorted(datasets.items()) for part in node.iter_frames())
    return _memory_node(Memory.of(parts, elements.get_list()), elements.get_list())


@calcfunction
def select_candidates(
    settings: orm.Dict, levels: orm.Dict, elements: orm.List, seed: orm.Int, **nodes: Any
) -> dict[str, Any]:
    """Choose visited frames to be labelled; every frame's fate is in ``classes``, the numbers in ``report``.

    :param settings: see section ``selection`` of ``protocols/active_learning.yaml``.
    :param levels: of :func:`set_levels`, eV/Å.
    :param elements: layout of the descriptors, all elements that can occur.
    :param seed: integer, of every draw.
    :param nodes: namespaces ``trajectories`` (Å) and ``deviations`` (eV/Å) by run, ``memory`` of known frames.
    """
    chosen = read_settings(SelectionSettings, settings.get_dict(), 'selection')
    layout = elements.get_list()
    visited = {name: _visited(nodes, name) for name in sorted(nodes['deviations'])}
    memory = [read_memory(node, layout) for _, node in sorted((nodes.get('memory') or {}).items())]
    selection = select_frames(visited, memory, levels.get_dict(), chosen, layout, seed.value)
    report = orm.Dict(report_selection(selection, chosen, levels.get_dict()))
    outputs: dict[str, Any] = {'report': report, 'classes': _classes_node(selection)}
    if selection.memory is not None:
        outputs['frames'] = {name: _bare(visited[name].read()[rows]) for name, rows in selection.chosen.items()}
        outputs['memory'] = _memory_node(selection.memory, layout)
    return outputs


def _visited(nodes: Mapping[str, Any], name: str) -> Visited:
    trajectory = nodes['trajectories'][name]
    return Visited(lambda: as_frames(trajectory), nodes['deviations'][name].arrays)


def _bare(frames: Frames) -> FramesData:
    """Configurations without what the explored potential said of them: nobody may take that for a label."""
    return FramesData(frames=replace(frames, velocities=None, forces=None, energies=None, virials=None))


def _memory_node(memory: Memory, elements: list[str]) -> orm.ArrayData:
    node = orm.ArrayData({'fingerprints': memory.fingerprints, 'descriptors': memory.descriptors})
    units = {'fingerprints': '1', 'descriptors': '1'}
    node.base.attributes.set_many({'elements': elements, 'settings': SETTINGS, 'units': units})
    return node


def read_memory(node: orm.ArrayData, elements: list[str]) -> Memory:
    """Memory that :func:`remember_frames` or :func:`select_candidates` left, in the layout of these elements.

    :raises ValueError: it was made with other settings, or of elements that are not among these.
    """
    made = node.base.attributes.get('settings')
    if made != SETTINGS:
        raise ValueError(f'memory: descriptors made with {made}, expected {SETTINGS}: remember the frames again')
    rows = rearrange(node.get_array('descriptors'), node.base.attributes.get('elements'), elements)
    return Memory(node.get_array('fingerprints'), rows)


@calcfunction
def merge_memories(elements: orm.List, **memories: orm.ArrayData) -> orm.ArrayData:
    """Join what is remembered of several iterations.

    :param elements: layout of the descriptors, all elements that can occur.
    :param memories: of :func:`remember_frames` or :func:`select_candidates`.
    """
    layout = elements.get_list()
    parts = [read_memory(node, layout) for _, node in sorted(memories.items())]
    return _memory_node(Memory.joined(parts), layout)


def _classes_node(selection: Selection) -> orm.ArrayData:
    arrays: dict[str, Any] = {}
    for name, run in selection.runs.items():
        arrays |= {f'{name}__class': run.code, f'{name}__deviation': run.deviation, f'{name}__frame': run.index}
    node = orm.ArrayData(arrays)
    node.base.attributes.set_many({'codes': CODES, 'units': {'class': '1', 'deviation': 'eV/Å', 'frame': '1'}})
    return node
