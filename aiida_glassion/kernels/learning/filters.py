"""Frames that nobody should label, whatever the committee says of them: each with the reason and its numbers.

Runs of a potential that is still bad visit what no substance visits. Their deviations are large, so they would be the
first to be chosen; labels of them cost as much as any, often do not converge, and teach what is never needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.closest import closest_atoms
from aiida_glassion.kernels.structure.neighbours import neighbour_list

CLOSE_CONTACT, DENSITY, DETACHED = 'close_contact', 'density', 'detached'


@dataclass(frozen=True)
class Discard:
    """Why a frame is left out.

    :param kind: ``close_contact``, ``density`` or ``detached``.
    :param reason: one sentence with the numbers.
    """

    kind: str
    reason: str


def find_unphysical(
    frames: Frames,
    *,
    min_distance_factor: float | None = None,
    density_change: float | None = None,
    start_density: float | None = None,
    density_min: float | None = None,
    density_max: float | None = None,
    detached_factor: float | None = None,
) -> list[Discard | None]:
    """Judge each frame; of several reasons the first counts: density, close contact, detached atom.

    :param frames: configurations.
    :param min_distance_factor: shortest distance of two atoms over the sum of their covalent radii.
    :param density_change: largest factor, ≥ 1, by which the density may have risen or fallen since the start.
    :param start_density: g/cm³; None: no comparison with a start.
    :param density_min: g/cm³.
    :param density_max: g/cm³.
    :param detached_factor: an atom whose every neighbour is farther than this times the sum of the covalent radii is
        in a gas.
    :returns: (n_frames,) None where nothing is wrong. A limit that is None is not looked at.
    """
    found: list[Discard | None] = [None] * frames.n_frames
    if all(frames.pbc):
        for index, density in enumerate(frames.densities):
            found[index] = _judge_density(float(density), density_change, start_density, density_min, density_max)
    left = [index for index, discard in enumerate(found) if discard is None]
    if left and (min_distance_factor or detached_factor):
        judged = _judge_neighbours(frames[left], min_distance_factor or 0.0, detached_factor or np.inf)
        for index, discard in zip(left, judged, strict=True):
            found[index] = discard
    return found


def _judge_density(
    density: float, change: float | None, start: float | None, least: float | None, most: float | None
) -> Discard | None:
    if change is not None and start is not None and not start / change <= density <= start * change:
        return Discard(
            DENSITY, f'{density:.3g} g/cm³, at the start {start:.3g}: changed by more than a factor of {change:g}'
        )
    if least is not None and density < least:
        return Discard(DENSITY, f'{density:.3g} g/cm³, less than {least:g}')
    if most is not None and density > most:
        return Discard(DENSITY, f'{density:.3g} g/cm³, more than {most:g}')
    return None


def _judge_neighbours(frames: Frames, close: float, detached: float) -> list[Discard | None]:
    """Contacts nearer than ``close``, atoms farther from all others than ``detached``, times the sum of the radii."""
    from ase.data import atomic_numbers, covalent_radii

    radii = np.array([covalent_radii[atomic_numbers[element]] for element in frames.elements])
    sums = radii[:, None] + radii
    reach = max(close, detached) if np.isfinite(detached) else close
    found: list[Discard | None] = []
    for index, (positions, cell) in enumerate(zip(frames.positions, frames.cells, strict=True)):
        pairs = neighbour_list(
            np.asarray(positions, float), np.asarray(cell, float), reach * sums, frames.types, frames.pbc
        )
        ratios = pairs.distances / sums[frames.types[pairs.first], frames.types[pairs.second]]
        near = np.bincount(pairs.first[ratios < detached], minlength=frames.n_atoms)
        discard = _close_contact(frames[index], close) if (ratios < close).any() else None
        if discard is None and np.isfinite(detached):
            discard = _detached_atom(frames, np.flatnonzero(near == 0), detached)
        found.append(discard)
    return found


def _close_contact(frame: Frames, factor: float) -> Discard | None:
    (close,) = closest_atoms(frame, factor)
    if close is None:
        return None
    pair = f'{frame.symbols[close.first]} {close.first} and {frame.symbols[close.second]} {close.second}'
    return Discard(CLOSE_CONTACT, f'{pair} are {close.distance:.3f} Å apart, less than {close.limit:.3f} Å')


def _detached_atom(frames: Frames, alone: npt.NDArray[np.integer[Any]], factor: float) -> Discard | None:
    if not len(alone):
        return None
    others = f' and {len(alone) - 1} more atoms' if len(alone) > 1 else ''
    return Discard(
        DETACHED,
        f'{frames.symbols[int(alone[0])]} {alone[0]}{others}: no neighbour within {factor:g} times the sum of the '
        'covalent radii',
    )
