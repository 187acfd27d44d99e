"""What is asked of the snapshots of a pull: axes, cut-offs and lengths, read from a plain dictionary and checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

AXES = 'xyz'


@dataclass(frozen=True)
class AlongStrainSettings:
    """What is looked for along a pull.

    :param axis: ``x``, ``y`` or ``z``, the cell vector along which it is pulled.
    :param across: another, along which the crack goes; the third is the thickness. Default: the next of x, y, z, x.
    :param cutoffs: bond cut-offs by pair, ``{'Si-O': 2.2}``, Å; default: the first minima of g(r) in the reference, of
        each former or modifier with each anion.
    :param radius: Å, neighbours for D²min and local strain.
    :param map_strains: strains at which maps are kept, each the nearest snapshot; default: four evenly spread.
    :param slab: Å, thickness of the slabs of the profiles along the load.
    :param column: Å, width of the columns in which the crack is looked for.
    :param least: Å, shortest stretch without an atom that is open.
    :param chain: Å, atoms nearer than this hold a sample together.
    :raises ValueError: an axis is none, a length not positive, or a strain not a number.
    """

    axis: str
    across: str = ''
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    radius: float = 6.0
    map_strains: Sequence[float] | None = None
    slab: float = 2.5
    column: float = 5.0
    least: float = 8.0
    chain: float = 3.5

    def __post_init__(self) -> None:
        for name in ('axis', 'across'):
            value = getattr(self, name)
            if value not in ((*AXES, '') if name == 'across' else tuple(AXES)):
                raise ValueError(f'{name}: {value!r}, expected x, y or z')
        if self.axis == self.across:
            raise ValueError(f'across: {self.across}, as the load; expected another axis')
        for name in ('radius', 'slab', 'column', 'least', 'chain'):
            if not _positive(getattr(self, name)):
                raise ValueError(f'{name}: {getattr(self, name)!r}, expected a positive length in Å')
        if not isinstance(self.cutoffs, Mapping):
            raise ValueError(f"cutoffs: {self.cutoffs!r}, expected lengths by pair, as {{'Si-O': 2.2}}")
        for pair, length in self.cutoffs.items():
            if not _positive(length) or str(pair).count('-') != 1:
                raise ValueError(f"cutoffs: {pair!r}: {length!r}, expected a positive length in Å by pair, as 'Si-O'")
        if self.map_strains is not None and not all(_number(strain) for strain in self.map_strains):
            raise ValueError(f'map_strains: {self.map_strains!r}, expected a list of strains')

    @property
    def load(self) -> int:
        """Index of the cell vector along which it is pulled."""
        return AXES.index(self.axis)

    @property
    def way(self) -> int:
        """Index of the cell vector along which the crack goes."""
        return AXES.index(self.across) if self.across else (self.load + 1) % 3


def read_settings(request: Mapping[str, Any]) -> AlongStrainSettings:
    """Settings from a plain dictionary; what is absent or None has its default.

    :raises ValueError: an unknown key, no axis, or as :class:`AlongStrainSettings`.
    """
    known = [each.name for each in fields(AlongStrainSettings)]
    for name in request:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f'did you mean {near[0]}?' if near else f'expected {", ".join(known)}'
            raise ValueError(f'request: unknown {name!r}; {hint}')
    if not request.get('axis'):
        raise ValueError('axis: absent; expected x, y or z')
    return AlongStrainSettings(**{name: value for name, value in request.items() if value is not None})


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _positive(value: Any) -> bool:
    return _number(value) and value > 0
