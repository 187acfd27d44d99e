"""Calcfunctions that put a crystal into a glass and say what became of it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_glassion.analysis import store
from aiida_glassion.analysis.glass_ceramic import Built, measure, reason_of_loss
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.glass_ceramic import build_glass_ceramic
from aiida_glassion.kernels.build.glass_ceramic_crystal import mean_unit_cell, supercell
from aiida_glassion.kernels.build.glass_ceramic_settings import read_grains, read_settings
from aiida_glassion.kernels.space.regions import REGIONS

PER_ATOM_UNITS = {'distance': 'Å'}


@calcfunction
def repeat_crystal(crystal: orm.Data, settings: orm.Dict) -> FramesData:
    """A crystal repeated for a run of its own.

    :param crystal: positions and cell, Å; the last frame.
    :param settings: ``crystal.size``: least height of the supercell, Å.
    """
    size = read_settings(settings.get_dict()).crystal.size
    return FramesData(frames=supercell(as_frames(crystal)[-1], size))


@calcfunction
def mean_crystal(crystal: orm.Data, settings: orm.Dict, sample: FramesData) -> dict[str, Any] | ExitCode:
    """Mean unit cell of a crystal over the last stage of its run: as the potential has it.

    Gives ``crystal`` (one frame, in the orientation of the one given) and ``report``.

    :param crystal: as it was given, Å.
    :param settings: ``crystal.size``: least height of the supercell that was run, Å.
    :param sample: trajectory of the supercell, Å.
    """
    size = read_settings(settings.get_dict()).crystal.size
    try:
        found = mean_unit_cell(as_frames(crystal)[-1], size, _last_stage(sample.frames))
    except ValueError as error:
        return ExitCode(452, f'the crystal does not stay one: {error}')
    return {'crystal': FramesData(frames=found.frames), 'report': orm.Dict(found.report)}


@calcfunction
def put_crystal_in_glass(
    glass: orm.Data, crystal: orm.Data, settings: orm.Dict, seed: orm.Int, charges: orm.Dict | None = None
) -> dict[str, Any] | ExitCode:
    """Grains of a crystal in place of some of a glass, in exact whole numbers, no atom on top of another.

    Gives ``built`` (one frame), ``placed`` (arrays ``labels`` by place and ``grain``, −1 for the glass), ``report`` and
    ``frozen`` (indices of the atoms of the crystal).

    :param glass: positions and cell, Å; the last frame.
    :param crystal: the same.
    :param settings: the fields of :class:`.Grains`, lengths Å, under ``grains``.
    :param seed: a whole number, 1 to 2147483647, of places, orientations and choices among equals.
    :param charges: e, by element; default: the usual oxidation states.
    """
    given = None if charges is None else charges.get_dict()
    try:
        grains = read_grains(settings.get_dict()['grains'])
        made = build_glass_ceramic(as_frames(glass), as_frames(crystal), grains, seed.value, given)
    except (TypeError, ValueError) as error:
        return ExitCode(240, f'nothing could be built: {error}')
    placed = orm.ArrayData({'labels': made.labels, 'grain': made.grain})
    return {
        'built': FramesData(frames=made.frames),
        'placed': placed,
        'report': orm.Dict(made.report),
        'frozen': orm.List(np.flatnonzero(made.grain >= 0).tolist()),
    }


@calcfunction
def measure_glass_ceramic(
    built: FramesData,
    placed: orm.ArrayData,
    report: orm.Dict,
    settings: orm.Dict,
    sample: FramesData | None = None,
    crystal: orm.Dict | None = None,
) -> dict[str, Any]:
    """Crystal that is left, widths of the interface, profiles across it and a label for each atom.

    Gives ``results``, ``curves`` (arrays ``profiles__<name>__x``, ``…__y``, ``…__error`` over the distance from the
    grains, Å) and ``regions``.

    :param built: as it was put together, Å.
    :param placed: labels and grains of its atoms.
    :param report: of the build.
    :param settings: ``measure``: see ``protocols/glass_ceramic.yaml``, lengths Å.
    :param sample: trajectory of which the last stage is taken, Å; absent: it was not healed.
    :param crystal: of the run of the crystal alone; absent: there was none.
    """
    chosen = read_settings(settings.get_dict()).measure
    start = Built(built.frames, placed.get_array('labels'), placed.get_array('grain'), report.get_dict())
    result = measure(start, None if sample is None else _last_stage(sample.frames), chosen)
    result.numbers['crystal_cell'] = None if crystal is None else crystal.get_dict()
    return _nodes(result, start)


def _last_stage(frames: Frames) -> Frames:
    if frames.stages is None:
        return frames
    return frames[np.flatnonzero(frames.stages == frames.stages.max())]


def _about(curve: Curve) -> dict[str, Any]:
    return {one.name: getattr(curve, one.name) for one in fields(curve) if one.name not in ('x', 'y', 'error')}


def _nodes(result: Result, start: Built) -> dict[str, orm.Data]:
    """What was measured as nodes, not stored."""
    numbers = {**result.numbers, 'loss': reason_of_loss(result.numbers), 'warnings': result.warnings}
    curves = orm.ArrayData(store.curve_arrays({'profiles': result}))
    curves.base.attributes.set('curves', {f'profiles__{name}': _about(c) for name, c in result.curves.items()})
    regions = orm.ArrayData(dict(result.per_atom))
    regions.base.attributes.set_many(
        {'units': PER_ATOM_UNITS, 'labels': dict(enumerate(REGIONS)), 'symbols': list(start.frames.symbols)}
    )
    return {'results': orm.Dict({**numbers, 'units': result.units}), 'curves': curves, 'regions': regions}
