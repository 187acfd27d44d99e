"""The largest sphere in each pore of a configuration, and whether the pores are still open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.distance_field import Field

FloatArray = npt.NDArray[np.float64]
_AT_ONCE = 500_000
"""Points of the grid that are looked at together."""


class Region(Protocol):
    """A part of a periodic cell."""

    def inside(self, positions: FloatArray, cell: FloatArray) -> npt.NDArray[np.bool_]:
        """Which positions lie inside, (n,)."""
        ...


def largest_in_regions(field: Field, cell: FloatArray, regions: Sequence[Region]) -> FloatArray:
    """Diameter of the largest sphere between the atoms with its centre in each region, (n_regions,), Å.

    Regions are where they were cut: a cell that has changed since has taken them along, in fractions of its vectors.

    :param field: (n_a, n_b, n_c), distance to the nearest atom's surface, Å (:func:`.surface_distances`).
    :param cell: (3, 3), in which the regions were cut, Å.
    :param regions: at least one point of the grid must lie in each, else it has none (0).
    """
    shape = np.array(field.shape)
    order = np.argsort(-field, axis=None, kind='stable')
    found = np.full(len(regions), np.nan)
    flat = field.reshape(-1)
    for start in range(0, len(order), _AT_ONCE):
        points = order[start : start + _AT_ONCE]
        places = np.stack(np.unravel_index(points, field.shape), axis=-1) / shape @ cell
        for number in np.flatnonzero(np.isnan(found)).tolist():
            inside = regions[number].inside(places, cell)
            if inside.any():
                found[number] = 2 * float(flat[points[int(np.argmax(inside))]])
        if not np.isnan(found).any():
            break
    diameters: FloatArray = np.maximum(np.nan_to_num(found), 0.0)
    return diameters


def judge_closed(dense: float, carved: FloatArray, relaxed: FloatArray, closed_below: float) -> dict[str, Any]:
    """Whether pores have closed.

    A pore that was cut wider than any hole of the glass itself is open as long as it has kept a share of that (choice).

    :param dense: diameter of the largest sphere in the glass without pores, Å.
    :param carved: (n_pores,), diameter of the largest sphere in each pore as it was cut, Å.
    :param relaxed: (n_pores,), the same after relaxation, Å.
    :param closed_below: least share that is kept, 0 to 1.
    :returns: JSON-ready: ``closed`` (all of them), ``n_closed``, ``pores`` (``carved``, ``relaxed`` Å, ``kept``: share;
        None for one that was never wider than a hole of the glass, ``closed``), ``rule``, ``reason``.
    """
    pores: list[dict[str, Any]] = []
    for before, after in zip(carved.tolist(), relaxed.tolist(), strict=True):
        room = before - dense
        kept = (after - dense) / room if room > 0 else None
        pores.append(
            {'carved': before, 'relaxed': after, 'kept': kept, 'closed': bool(kept is None or kept < closed_below)}
        )
    n_closed = sum(pore['closed'] for pore in pores)
    return {
        'closed': n_closed == len(pores),
        'n_closed': n_closed,
        'dense': dense,
        'closed_below': closed_below,
        'pores': pores,
        'rule': (
            'closed where (relaxed − dense)/(carved − dense) of the diameter of the largest sphere between the atoms '
            f'is below {closed_below:g}'
        ),
        'reason': _reason(pores, dense, closed_below),
    }


def _reason(pores: Sequence[dict[str, Any]], dense: float, closed_below: float) -> str:
    shut = [pore for pore in pores if pore['closed']]
    if not shut:
        least = min(pores, key=lambda pore: float(pore['kept']))
        which = 'open' if len(pores) == 1 else f'all {len(pores)} open'
        told = '' if len(pores) == 1 else ' in the one that shrank most'
        return (
            f'{which}: the largest sphere{told} went from {least["carved"]:.2f} to {least["relaxed"]:.2f} Å, and the '
            f'glass itself has holes of {dense:.2f} Å'
        )
    worst = min(shut, key=lambda pore: pore['relaxed'])
    which = 'the pore' if len(pores) == 1 else f'{len(shut)} of {len(pores)} pores'
    if worst['kept'] is None:
        return (
            f'{which} cut no wider ({worst["carved"]:.2f} Å) than the widest hole of the glass itself ({dense:.2f} Å): '
            'take a larger one'
        )
    return (
        f'{which} closed: the largest sphere fell from {worst["carved"]:.2f} to {worst["relaxed"]:.2f} Å, where the '
        f'glass itself has holes of {dense:.2f} Å; {100 * worst["kept"]:.0f} % is left, less than '
        f'{100 * closed_below:g} %'
    )
