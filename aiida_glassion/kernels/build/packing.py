"""How large the box is and how close atoms may start: what a packing program must know, and the check of its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

from aiida_glassion import units

FloatArray = npt.NDArray[np.floating]

IONIC_RADII: dict[str, float] = {
    'H': 0.30, 'Li': 0.76, 'Na': 1.02, 'K': 1.38, 'Rb': 1.52, 'Cs': 1.67, 'Ag': 1.15, 'Cu': 0.77, 'Tl': 1.50,
    'Be': 0.27, 'Mg': 0.72, 'Ca': 1.00, 'Sr': 1.18, 'Ba': 1.35, 'Zn': 0.60, 'Cd': 0.95, 'Pb': 1.19,
    'Mn': 0.83, 'Co': 0.745, 'Ni': 0.69,
    'B': 0.11, 'Al': 0.39, 'Ga': 0.47, 'In': 0.80, 'Sc': 0.745, 'Y': 0.90, 'Cr': 0.615, 'Fe': 0.49,
    'As': 0.58, 'Sb': 0.76, 'Bi': 1.03,
    'La': 1.03, 'Ce': 1.01, 'Pr': 0.99, 'Nd': 0.98, 'Sm': 0.96, 'Eu': 0.95, 'Gd': 0.94, 'Tb': 0.92, 'Dy': 0.91,
    'Ho': 0.90, 'Er': 0.89, 'Tm': 0.88, 'Yb': 0.87, 'Lu': 0.86,
    'Si': 0.26, 'Ge': 0.39, 'Sn': 0.69, 'Ti': 0.605, 'Zr': 0.72, 'Hf': 0.71, 'Te': 0.66,
    'P': 0.17, 'V': 0.54, 'Nb': 0.64, 'Ta': 0.64, 'Mo': 0.59, 'W': 0.60,
    'N': 1.46, 'O': 1.38, 'S': 1.84, 'Se': 1.98, 'F': 1.33, 'Cl': 1.81, 'Br': 1.96, 'I': 2.20,
}  # fmt: skip
"""Ionic radii at the coordination usual in glass, Å (R. D. Shannon, Acta Cryst. A 32, 751 (1976)); H is nominal."""

DISTANCE_SCALE = 0.75
"""Default minimum distances, as a share of the sum of the ionic radii: below the first peak of the finished glass."""

SMALLEST_RADIUS = 0.5
"""Å; small cations (B, P, Si) keep this radius, so that no two of them start closer than 1 Å."""

DENSEST_PACKING = 0.55
"""Share of the cell that spheres of half the minimum distances may fill; random packing ends near 0.6."""


def cubic_length(counts: Mapping[str, int], density: float) -> float:
    """Edge of the cubic cell that holds the atoms at a density.

    :param counts: atoms of each element.
    :param density: g/cm³.
    :returns: Å.
    :raises ValueError: density not positive, or no atoms.
    """
    from ase.data import atomic_masses, atomic_numbers

    mass = sum(number * atomic_masses[atomic_numbers[element]] for element, number in counts.items())
    if not density > 0 or not mass > 0:
        raise ValueError(f'a cell for {dict(counts)} at {density} g/cm³ is impossible; both must be positive')
    return float((mass / density * units.AMU_PER_ANGSTROM3_TO_G_PER_CM3) ** (1 / 3))


def pair_name(first: str, second: str) -> str:
    """`O-Si` for silicon and oxygen in whichever order."""
    return '-'.join(sorted((first, second)))


def minimum_distances(
    elements: Sequence[str], given: Mapping[str, float] | None = None, scale: float = DISTANCE_SCALE
) -> dict[str, float]:
    """Shortest distance allowed between atoms at the start, for every pair of elements.

    By default `scale` × the sum of the ionic radii, with small cations enlarged to :data:`SMALLEST_RADIUS`: O–O 2.07,
    S–S 2.76, Na–O 1.80, Si–O 1.54 Å, close to or below the bonded distance, so that packing is easy and melting quick.

    :param elements: chemical symbols.
    :param given: distances that replace the defaults, `{'Si-O': 1.4}`, Å; the order in a pair does not matter.
    :param scale: share of the sum of the radii.
    :returns: distance of each pair, keys alphabetical (`O-Si`), Å.
    :raises ValueError: a pair that is not of these elements, a distance out of range, or an element without a radius.
    """
    elements = sorted(set(elements))
    pairs = {pair_name(*pair): pair for pair in combinations_with_replacement(elements, 2)}
    chosen: dict[str, float] = {}
    for key, distance in (given or {}).items():
        parts = str(key).replace('–', '-').split('-')
        name = pair_name(*parts) if len(parts) == 2 else ''
        if name not in pairs:
            raise ValueError(f'pair {key!r} is not one of {", ".join(pairs)}')
        if isinstance(distance, bool) or not isinstance(distance, (int, float)) or not 0 < distance <= 10:
            raise ValueError(f'minimum distance of {key!r}: {distance!r} is not a length between 0 and 10 Å')
        if chosen.get(name, distance) != distance:
            raise ValueError(f'minimum distance of {key!r} is given twice, as {chosen[name]} and {distance} Å')
        chosen[name] = float(distance)
    for name, (first, second) in pairs.items():
        if name not in chosen:
            chosen[name] = round(_radius(first, scale) + _radius(second, scale), 4)
    return {name: chosen[name] for name in pairs}


def _radius(element: str, scale: float) -> float:
    if element not in IONIC_RADII:
        raise ValueError(f'no ionic radius is known for {element}; give the minimum distances of all its pairs')
    return max(scale * IONIC_RADII[element], SMALLEST_RADIUS)


def packing_radii(distances: Mapping[str, float]) -> dict[str, float]:
    """Smallest radius of each element such that every pair's radii add up to at least its minimum distance, Å.

    Packmol knows radii of atoms, not of pairs; a linear program finds the smallest ones that keep all pairs apart.
    """
    from scipy.optimize import linprog

    pairs = [name.split('-') for name in distances]
    elements = sorted({element for pair in pairs for element in pair})
    rows = np.zeros((len(pairs), len(elements)))
    for row, pair in zip(rows, pairs, strict=True):
        for element in pair:
            row[elements.index(element)] -= 1
    solution = linprog(np.ones(len(elements)), A_ub=rows, b_ub=-np.array(list(distances.values())), method='highs')
    return {element: round(float(radius), 6) for element, radius in zip(elements, solution.x, strict=True)}


def filled_fraction(counts: Mapping[str, int], radii: Mapping[str, float], volume: float) -> float:
    """Share of the volume (Å³) inside the atoms' spheres."""
    return sum(4 / 3 * np.pi * radii[element] ** 3 * number for element, number in counts.items()) / volume


def wrap(positions: FloatArray, lengths: Sequence[float]) -> FloatArray:
    """Positions moved into the orthorhombic cell, 0 ≤ x < L, Å."""
    size = np.asarray(lengths, dtype=float)
    wrapped = np.mod(positions, size)
    return np.where(wrapped >= size, 0.0, wrapped)


def shortest_distances(
    symbols: Sequence[str], positions: FloatArray, lengths: Sequence[float] | None
) -> dict[str, float]:
    """Shortest distance of each pair of elements.

    :param symbols: chemical symbol of each atom.
    :param positions: (n_atoms, 3), Å.
    :param lengths: edges of the orthorhombic periodic cell, Å; None for a molecule in vacuum.
    :returns: Å; a pair without two atoms is left out.
    """
    from scipy.spatial import cKDTree

    labels = np.asarray(symbols)
    points = (
        np.asarray(positions, dtype=float) if lengths is None else wrap(np.asarray(positions, dtype=float), lengths)
    )
    groups = {element: points[labels == element] for element in sorted(set(symbols))}
    trees = {element: cKDTree(group, boxsize=lengths) for element, group in groups.items()}
    found: dict[str, float] = {}
    for first, second in combinations_with_replacement(groups, 2):
        neighbour = 2 if first == second else 1
        if len(groups[second]) >= neighbour:
            distance, _ = trees[first].query(groups[second], k=[neighbour])
            found[pair_name(first, second)] = float(distance.min())
    return found
