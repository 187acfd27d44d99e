"""The largest sphere in each pore of a configuration, and whether the pores are still open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.distance_field import distances_at, surface_distances
from aiida_glassion.kernels.space.images import with_images

FloatArray = npt.NDArray[np.float64]
_AT_ONCE = 500_000
"""Points of the grid that are looked at together."""
_FINE = 1e-3
"""Å."""


class Region(Protocol):
    """A part of a periodic cell."""

    def inside(self, positions: FloatArray, cell: FloatArray) -> npt.NDArray[np.bool_]:
        """Which positions lie inside, (n,)."""
        ...


def largest_in_regions(
    positions: FloatArray,
    cell: FloatArray,
    radii: FloatArray,
    regions: Sequence[Region],
    built: FloatArray,
    spacing: float = 0.25,
) -> FloatArray:
    """Diameter of the largest sphere between the atoms with its centre in each region, (n_regions,), Å.

    The best point of a grid within the region, moved from there as long as the sphere grows, to about 10⁻² Å.

    :param positions: (n_atoms, 3), Å, periodic in all directions.
    :param cell: (3, 3), Å, rows are the cell vectors.
    :param radii: (n_atoms,), Å.
    :param regions: where they were cut: a cell that has changed since took them along, in fractions of its vectors.
    :param built: (3, 3), cell in which the regions were cut, Å.
    :param spacing: of the grid, Å; a region that holds none of its points has no sphere (0).
    """
    field = surface_distances(positions, cell, radii, spacing)
    shape = np.array(field.shape)
    order, flat = np.argsort(-field, axis=None, kind='stable'), field.reshape(-1)
    best: dict[int, FloatArray] = {}
    for start in range(0, len(flat), _AT_ONCE):
        fractions = np.stack(np.unravel_index(order[start : start + _AT_ONCE], field.shape), axis=-1) / shape
        for number in [number for number in range(len(regions)) if number not in best]:
            inside = regions[number].inside(fractions @ built, built)
            if inside.any():
                best[number] = fractions[int(np.argmax(inside))] @ cell
        if len(best) == len(regions):
            break
    grown = [_grown(best[n], spacing, positions, cell, radii) if n in best else 0.0 for n in range(len(regions))]
    return 2 * np.maximum(np.array(grown, dtype=np.float64), 0.0)


def _grown(start: FloatArray, spacing: float, positions: FloatArray, cell: FloatArray, radii: FloatArray) -> float:
    """Radius of the sphere that grew from a point, uphill in ever shorter steps, at most two spacings of the grid away.

    :param start: (3,), Å, inside the cell.
    """
    reach = 2 * spacing
    first = float(distances_at(start[None], positions, cell, radii)[0])
    limit = max(first, 0.0) + 2 * reach + float(radii.max())
    around, atoms = with_images(positions, cell, limit)
    near = np.linalg.norm(around - start, axis=1) < limit
    walls, sizes = around[near], radii[atoms[near]]
    corners = np.array(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3)).reshape(3, -1).T
    centre, radius, step = start, first, spacing
    while step > _FINE and len(walls):
        places = centre + step * corners
        places = places[np.linalg.norm(places - start, axis=1) <= reach]
        values = (np.linalg.norm(places[:, None] - walls[None], axis=2) - sizes).min(axis=1)
        highest = int(np.argmax(values))
        if values[highest] <= radius + 1e-9:
            step /= 2
            continue
        radius, centre = float(values[highest]), places[highest]
    return radius


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
    fallen, narrow = ([pore for pore in shut if (pore['kept'] is None) == was_narrow] for was_narrow in (False, True))
    words = []
    if fallen:
        worst = min(fallen, key=lambda pore: float(pore['kept']))
        words.append(
            f'{_which(fallen, pores)} closed: the largest sphere fell from {worst["carved"]:.2f} to '
            f'{worst["relaxed"]:.2f} Å, {100 * max(worst["kept"], 0):.0f} % of what it was wider than the widest hole '
            f'of the glass itself ({dense:.2f} Å) is left, less than {100 * closed_below:g} %'
        )
    if narrow:
        were = 'was' if len(narrow) == 1 else 'were'
        words.append(
            f'{_which(narrow, pores)} {were} cut no wider than the widest hole of the glass itself ({dense:.2f} Å): '
            'take a larger diameter'
        )
    return '; '.join(words)


def _which(some: Sequence[dict[str, Any]], pores: Sequence[dict[str, Any]]) -> str:
    if len(some) == len(pores):
        return 'the pore' if len(pores) == 1 else f'all {len(pores)} pores'
    return f'{len(some)} of {len(pores)} pores'
