"""Calcfunctions that cut pores into a glass and say what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_glassion.analysis.pore_states import report_pores
from aiida_glassion.analysis.result import Curve
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.kernels.build.porous import carve_glass
from aiida_glassion.kernels.build.porous_plan import read_settings


@calcfunction
def carve_pores(
    glass: orm.Data, settings: orm.Dict, seed: orm.Int, charges: orm.Dict | None = None
) -> dict[str, Any] | ExitCode:
    """Take the atoms within pores out of a glass; composition and neutrality hold exactly.

    Gives ``carved`` (Å), ``record`` (pores as placed, what was removed and chosen) and ``chosen`` (indices of the atoms
    that were kept, removed, removed besides, left within).

    :param glass: its last frame is taken, Å.
    :param settings: see :class:`.PorousSettings`.
    :param seed: seed of the places of pores and of the choice among atoms equally near.
    :param charges: e, by element; absent: those of the glass, or usual oxidation states where they are needed.
    """
    try:
        given = None if charges is None else charges.get_dict()
        made = carve_glass(as_frames(glass), read_settings(settings.get_dict()), seed.value, given)
    except ValueError as error:
        return ExitCode(230, str(error))
    return {
        'carved': FramesData(frames=made.frames),
        'record': orm.Dict(made.record),
        'chosen': orm.ArrayData(made.chosen),
    }


@calcfunction
def describe_pores(
    glass: orm.Data,
    carved: FramesData,
    record: orm.Dict,
    settings: orm.Dict,
    relaxed: FramesData | None = None,
    thermo: orm.ArrayData | None = None,
) -> dict[str, Any] | ExitCode:
    """Porosity, pore sizes and density of a glass before pores were cut, after, and after relaxation; are they open?

    Gives ``results`` and ``curves``: arrays ``<state>__<curve>__x`` and ``…__y``; the attribute ``curves`` names axes,
    units and what else decides the values.

    :param glass: without pores, Å.
    :param carved: with pores as they were cut, Å.
    :param record: what :func:`carve_pores` said.
    :param settings: see :class:`.PorousSettings`.
    :param relaxed: after relaxation, Å; absent where it failed.
    :param thermo: thermodynamic output of the relaxation; densities g/cm³.
    """
    after = None if relaxed is None else relaxed.frames
    course = None if thermo is None else thermo.arrays
    try:
        about = read_settings(settings.get_dict())
        results, curves = report_pores(as_frames(glass), carved.frames, after, course, record.get_dict(), about)
    except ValueError as error:
        return ExitCode(332, str(error))
    return {'results': orm.Dict(results), 'curves': curve_node(curves)}


def curve_node(curves: Mapping[str, Curve]) -> orm.ArrayData:
    """Curves as a node, not stored: arrays ``<name>__x``, ``…__y`` and ``…__error``, and the attribute ``curves``."""
    arrays: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name, curve in curves.items():
        parts = {'x': curve.x, 'y': curve.y, 'error': curve.error}
        arrays |= {f'{name}__{part}': values for part, values in parts.items() if values is not None}
        about = ('x_name', 'x_unit', 'y_name', 'y_unit', 'convention', 'about')
        told[name] = {key: getattr(curve, key) for key in about}
    node = orm.ArrayData(arrays)
    node.base.attributes.set('curves', told)
    return node
