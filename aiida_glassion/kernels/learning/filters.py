"""Frames that nobody should label, whatever the committee says of them: each with the reason and its numbers.

Runs of a potential that is still bad visit what no substance visits. Their deviations are large, so they would be the
first to be chosen; labels of them cost as much as any, often do not converge, and teach what is never needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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
    _add(found, frames, lambda part: _close_contacts(part, min_distance_factor))
    _add(found, frames, lambda part: _detached_atoms(part, detached_factor))
    return found


def _add(found: list[Discard | None], frames: Frames, judge: Callable[[Frames], list[Discard | None]]) -> None:
    """Let the next judge see those frames that nothing was said about."""
    left = [index for index, discard in enumerate(found) if discard is None]
    if not left:
        return
    for index, discard in zip(left, judge(frames[left]), strict=True):
        found[index] = discard


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


def _close_contacts(frames: Frames, factor: float | None) -> list[Discard | None]:
    if not factor:
        return [None] * frames.n_frames
    return [
        None
        if close is None
        else Discard(
            CLOSE_CONTACT,
            f'{frames.symbols[close.first]} {close.first} and {frames.symbols[close.second]} {close.second} are '
            f'{close.distance:.3f} Å apart, less than {close.limit:.3f} Å',
        )
        for close in closest_atoms(frames, factor)
    ]


def _detached_atoms(frames: Frames, factor: float | None) -> list[Discard | None]:
    if not factor:
        return [None] * frames.n_frames
    from ase.data import atomic_numbers, covalent_radii

    radii = np.array([covalent_radii[atomic_numbers[element]] for element in frames.elements])
    limits = factor * (radii[:, None] + radii)
    found: list[Discard | None] = []
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        pairs = neighbour_list(np.asarray(positions, float), np.asarray(cell, float), limits, frames.types, frames.pbc)
        alone = np.flatnonzero(np.diff(pairs.offsets) == 0)
        if not len(alone):
            found.append(None)
            continue
        atom = int(alone[0])
        others = f' and {len(alone) - 1} more atoms' if len(alone) > 1 else ''
        found.append(
            Discard(
                DETACHED,
                f'{frames.symbols[atom]} {atom}{others}: no neighbour within {factor:g} times the sum of the covalent '
                'radii',
            )
        )
    return found
