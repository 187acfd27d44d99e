"""Calcfunctions of samples that are strained: what becomes of their atoms."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_glassion.data.frames import FramesData
from aiida_glassion.kernels.mechanics.along_strain import along_strain
from aiida_glassion.kernels.mechanics.along_strain_record import curves_of, numbers_of
from aiida_glassion.kernels.mechanics.along_strain_settings import read_settings


@calcfunction
def analyse_pull(
    reference: FramesData, snapshots: FramesData, request: orm.Dict, regions: orm.ArrayData | None = None
) -> dict[str, Any] | ExitCode:
    """Bond switching, coordination, D²min, local shear and the crack along a pull, each snapshot against the reference.

    Gives ``numbers`` (settings, the unstrained sample, the last snapshot and those of which there are maps), ``curves``
    (arrays over ``strain``; names and units: :func:`.curves_of`, attribute ``units``) and ``maps`` (``d2min`` Å²,
    ``shear``, ``switching``: one row for each of ``strain``, ``snapshot`` is its index among the snapshots).

    :param reference: the unstrained sample in which the pull began, Å.
    :param snapshots: the same atoms at increasing strain, Å, wrapped or not.
    :param request: ``axis`` (x, y or z, of the load) and whatever else :class:`.AlongStrainSettings` knows: ``across``,
        ``cutoffs`` Å, ``radius`` Å, ``map_strains`` …
    :param regions: array ``labels``, one a atom: index into glass, interface, crystal, in the reference.
    """
    try:
        settings = read_settings(request.get_dict())
        labels = None if regions is None else regions.get_array('labels')
        found = along_strain(reference.frames, snapshots.frames, settings, labels)
    except (KeyError, ValueError) as error:
        return ExitCode(330, f'nothing could be analysed: {error}')
    arrays, units = curves_of(found)
    curves, maps = orm.ArrayData(arrays), orm.ArrayData(found.maps)
    curves.base.attributes.set('units', units)
    maps.base.attributes.set('units', {'d2min': 'Å²', 'shear': '1', 'switching': 'index into SWITCHES', 'strain': '1'})
    return {'numbers': orm.Dict(numbers_of(found, settings)), 'curves': curves, 'maps': maps}
