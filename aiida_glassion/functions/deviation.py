"""Calcfunction that sorts the deviations of frames from several runs by run."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def deviations_by_source(deviations: orm.ArrayData) -> dict[str, orm.ArrayData]:
    """The rows of each node of frames apart, as molecular dynamics with a committee records them.

    :param deviations: of a ``glassion.deepmd.deviation``: forces eV/Å, virials eV/atom, by ``source``.
    """
    attributes = deviations.base.attributes
    units = {key: unit for key, unit in attributes.get('units').items() if key != 'source'}
    arrays = deviations.arrays
    source = arrays.pop('source')
    found = {}
    for index, name in enumerate(attributes.get('sources')):
        node = orm.ArrayData({key: np.asarray(values)[source == index] for key, values in arrays.items()})
        node.base.attributes.set('units', units)
        found[name] = node
    return found
