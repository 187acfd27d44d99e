"""Calcfunctions that make the samples of mechanical tests: repeated cells, and cells with a notch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.carve import carve
from aiida_glassion.kernels.build.notch import Notch
from aiida_glassion.kernels.build.repeat import repeat_cell, repeat_labels


@calcfunction
def replicate(configuration: orm.Data, size: orm.List, regions: orm.ArrayData | None = None) -> dict[str, Any]:
    """A larger sample of copies of a cell side by side: as disordered as the cell, not more.

    Gives ``sample``, without velocities, and ``regions``, if any were given.

    :param configuration: last frame, positions and cell Å.
    :param size: how often it is repeated along each cell vector.
    :param regions: array ``labels``, one a atom.
    """
    counts = size.get_list()
    found: dict[str, Any] = {'sample': FramesData(frames=repeat_cell(as_frames(configuration), counts))}
    if regions is not None:
        labels = repeat_labels(regions.get_array('labels'), counts)
        found['regions'] = orm.ArrayData({'labels': labels})
    return found


@calcfunction
def cut_notch(
    configuration: orm.Data, request: orm.Dict, regions: orm.ArrayData | None = None
) -> dict[str, Any] | ExitCode:
    """A sample with an elliptical notch through its thickness, atoms taken out so that it stays neutral.

    Gives ``sample``, ``record`` (what was removed, chosen and why; areas Å²) and ``regions``, if any were given.

    :param configuration: last frame, positions and cell Å.
    :param request: ``notch`` (fields of :class:`.Notch`, Å), ``exact``, ``shell`` Å, ``seed`` and ``charges`` e.
    :param regions: array ``labels``, one a atom.
    """
    asked, frames = request.get_dict(), as_frames(configuration)[-1]
    notch = Notch(**{**asked['notch'], 'centre': tuple(asked['notch'].get('centre', (0.5, 0.5)))})
    cell = np.asarray(frames.cells[0], dtype=np.float64)
    more = {'exact': asked['exact'], 'shell': asked['shell'], 'seed': asked['seed'], 'charges': asked.get('charges')}
    try:
        carved = carve(frames.positions[0], cell, frames.symbols, [notch], **more)
        areas = {'area': notch.cross_section(cell), 'crack_area': notch.crack_area(cell)}
    except ValueError as error:
        return ExitCode(210, str(error))
    found: dict[str, Any] = {'sample': FramesData(frames=_kept(frames, carved.kept))}
    found['record'] = orm.Dict({**carved.report, **areas, 'volume': notch.volume(cell), 'notch': asked['notch']})
    if regions is not None:
        found['regions'] = orm.ArrayData({'labels': regions.get_array('labels')[carved.kept]})
    return found


def _kept(frames: Frames, kept: Any) -> Frames:
    """The atoms that stay, with their velocities and charges."""
    return replace(
        frames,
        symbols=tuple(frames.symbols[index] for index in kept),
        positions=frames.positions[:, kept],
        velocities=None if frames.velocities is None else frames.velocities[:, kept],
        charges=None if frames.charges is None else frames.charges[kept],
        forces=None,
        energies=None,
        virials=None,
        magnetisations=None,
    )
