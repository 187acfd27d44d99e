"""Is it a melt? Three tests with numbers: formers have moved, the energy has settled, the start is forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.statistics import line_fit
from aiida_glassion.kernels.structure.neighbours import check_types

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer[Any]]

_MIN_INDEPENDENT = 16.0
"""Fewer independent energies cannot tell a drift from slow wandering: of random walks 1 % pass with 16, 24 % with 8."""


@dataclass(frozen=True)
class MeltTest:
    """One test: what was measured (None: nothing could be), against what, and a sentence."""

    value: float | None
    threshold: float
    unit: str
    passed: bool
    message: str


@dataclass(frozen=True)
class MeltVerdict:
    """Whether a hold produced a melt: all of ``tests`` passed; ``reason`` says which did not, or why it is one.

    :param tests: ``'displacement'``, ``'energy_drift'`` and ``'memory'``.
    """

    is_melt: bool
    tests: dict[str, MeltTest]
    reason: str

    def summary(self) -> dict[str, Any]:
        """JSON-ready: is_melt, reason, tests by name with value, threshold, unit, passed and message."""
        return asdict(self)


def judge_melt(
    positions: npt.NDArray[np.floating[Any]],
    cells: npt.NDArray[np.floating[Any]],
    types: IntArray,
    bond_lengths: Mapping[int, float],
    potential_energy: npt.NDArray[np.floating[Any]],
    masses: npt.NDArray[np.floating[Any]] | None = None,
    elements: Sequence[str] | None = None,
    start_positions: npt.NDArray[np.floating[Any]] | None = None,
    start_cell: npt.NDArray[np.floating[Any]] | None = None,
    last_part: float = 0.5,
    k_sigma: float = 3.0,
    energy_tolerance: float = 1e-3,
    overlap_fraction: float = 0.3,
    max_memory: float = 0.1,
) -> MeltVerdict:
    """Judge the hold of a would-be melt. All three tests must pass.

    *Displacement*: every former has moved, root mean square over the hold, further than its bond to the anion.
    *Energy drift*: see :func:`energy_drift`. *Memory*: see :func:`site_overlap`; of every former less than
    ``max_memory`` of the starting sites is still occupied, beyond chance. The first is carried by the fast atoms and
    the last by the slow ones: half-molten samples fail it, and so does a crystal whose atoms hop from site to site.

    :param positions: (n_frames, n_atoms, 3), Å, *unwrapped*, frames of the hold in order.
    :param cells: (n_frames, 3, 3), Å, rows are the cell vectors.
    :param types: (n_atoms,), from 0.
    :param bond_lengths: type of each network former → its bond length to the anion, Å (first peak of g(r)). Without
        formers name the slowest cations.
    :param potential_energy: (n_samples,), eV, whole cell, equally spaced over the hold.
    :param masses: (n_atoms,), g/mol, for the centre of mass whose drift is removed; equal if not given.
    :param elements: element of each type, for the messages.
    :param start_positions: (n_atoms, 3), Å, configuration whose order is to be forgotten (the crystal or the packing
        before heating), unwrapped as ``positions``; the first frame if not given.
    :param start_cell: (3, 3), Å, the cell of the start; the first frame's if not given.
    :param last_part: fraction of the energies, from the end, in which there must be no drift.
    :param k_sigma: a drift below this many standard errors is none.
    :param energy_tolerance: eV per atom; a drift over the last part below this is none.
    :param overlap_fraction: radius around a starting site that counts as being on it, as fraction of the bond length.
    :param max_memory: largest fraction of occupied starting sites.
    :raises ValueError: a shape does not fit, fewer than two frames, no former, or a former without atoms.
    """
    r, boxes, checked, weights = _check(positions, cells, types, bond_lengths, masses)
    moved = displacements(r[0], boxes[0], r[-1], boxes[-1], weights)
    former_types = sorted(bond_lengths)

    def name(kind: int) -> str:
        return f'type {kind}' if elements is None else elements[kind]

    rms = {kind: float(np.sqrt((moved[checked == kind] ** 2).sum(axis=1).mean())) for kind in former_types}
    slowest = min(former_types, key=lambda kind: rms[kind] / bond_lengths[kind])
    far_enough = rms[slowest] > bond_lengths[slowest]
    tests = {
        'displacement': MeltTest(
            rms[slowest],
            bond_lengths[slowest],
            'Å',
            far_enough,
            f'the slowest former ({name(slowest)}) moved {rms[slowest]:.2f} Å during the hold, '
            f'{"more" if far_enough else "not more"} than its bond of {bond_lengths[slowest]:.2f} Å',
        ),
        'energy_drift': energy_drift(potential_energy, r.shape[1], last_part, k_sigma, energy_tolerance),
    }
    start = r[0] if start_positions is None else np.asarray(start_positions, dtype=np.float64)
    start_in = boxes[0] if start_cell is None else np.asarray(start_cell, dtype=np.float64)
    if start.shape != r[0].shape or start_in.shape != (3, 3):
        raise ValueError(f'start: shapes {start.shape} and {start_in.shape}, expected {r[0].shape} and (3, 3)')
    now = start + displacements(start, start_in, r[-1], boxes[-1], weights)
    memory = {
        kind: site_overlap(start[checked == kind], now[checked == kind], start_in, overlap_fraction * length)
        for kind, length in bond_lengths.items()
    }
    keenest = max(former_types, key=lambda kind: memory[kind])
    forgotten = memory[keenest] < max_memory
    tests['memory'] = MeltTest(
        memory[keenest],
        max_memory,
        'fraction of sites',
        forgotten,
        f'{memory[keenest]:.1%} of the starting sites of {name(keenest)} are still occupied beyond chance, '
        f'{"less" if forgotten else "not less"} than {max_memory:.0%}',
    )
    failed = [test.message for test in tests.values() if not test.passed]
    reason = 'not a melt: ' + '; '.join(failed) if failed else 'a melt: all three tests passed'
    return MeltVerdict(not failed, tests, reason)


def displacements(
    before: FloatArray, cell_before: FloatArray, after: FloatArray, cell_after: FloatArray, weights: FloatArray
) -> FloatArray:
    """Displacements between two configurations, without the change of the cell and the drift of the whole.

    Taken between fractional coordinates, so that an atom that only follows its cell has not moved, and given back in
    the cell before.

    :param before: (n_atoms, 3), Å, unwrapped.
    :param cell_before: (3, 3), Å.
    :param after: (n_atoms, 3), Å, unwrapped.
    :param cell_after: (3, 3), Å.
    :param weights: (n_atoms,), masses for the centre of mass.
    :returns: (n_atoms, 3), Å.
    """
    moved = after @ np.linalg.inv(cell_after) - before @ np.linalg.inv(cell_before)
    moved -= weights @ moved / weights.sum()
    return np.asarray(moved @ cell_before)


def energy_drift(
    potential_energy: npt.NDArray[np.floating[Any]],
    n_atoms: int,
    last_part: float = 0.5,
    k_sigma: float = 3.0,
    tolerance: float = 1e-3,
) -> MeltTest:
    """Is the potential energy stationary over the last part of a hold?

    A line is fitted; its change over the part is the drift, with an error that knows the autocorrelation of the
    residuals. No drift: the change is below ``k_sigma`` errors or below ``tolerance`` per atom. The first alone would
    pass a run so short that nothing can be seen in it: at least 16 independent samples are asked for.

    :param potential_energy: (n_samples,), eV, equally spaced.
    :param n_atoms: number of atoms.
    :param last_part: fraction of the samples, from the end, that is looked at.
    :param k_sigma: standard errors.
    :param tolerance: eV per atom; the potential energy of a melt at 2000 K is about 0.26 eV per atom above 0 K.
    :returns: value and threshold in eV per atom.
    :raises ValueError: energies not one-dimensional or not finite, or no atom.
    """
    if not 0 < last_part <= 1:
        raise ValueError(f'last_part: {last_part}, expected 0 < last_part ≤ 1')
    energy = np.asarray(potential_energy, dtype=np.float64)
    if energy.ndim != 1 or not np.isfinite(energy).all() or n_atoms < 1:
        raise ValueError(f'potential_energy: shape {energy.shape} for {n_atoms} atoms, expected finite (n_samples,)')
    part = energy[len(energy) - round(last_part * len(energy)) :]
    if len(part) < _MIN_INDEPENDENT:
        message = (
            f'the last part of the hold has {len(part)} energies, {_MIN_INDEPENDENT:.0f} are needed to see a drift'
        )
        return MeltTest(None, tolerance, 'eV/atom', False, message)
    fit = line_fit(np.arange(len(part), dtype=np.float64), part)
    drift = abs(fit.slope) * (len(part) - 1) / n_atoms
    error = fit.slope_error * (len(part) - 1) / n_atoms
    independent = len(part) / fit.inefficiency
    if drift > tolerance and independent < _MIN_INDEPENDENT:
        message = (
            f'the last part of the hold has {independent:.1f} independent energies, '
            f'{_MIN_INDEPENDENT:.0f} are needed to see a drift'
        )
        return MeltTest(drift, tolerance, 'eV/atom', False, message)
    threshold = max(k_sigma * error, tolerance)
    settled = drift < threshold
    message = (
        f'the energy changes by {drift:.2g} ± {error:.2g} eV per atom over the last part, '
        f'{"below" if settled else "not below"} {threshold:.2g}'
    )
    return MeltTest(drift, threshold, 'eV/atom', settled, message)


def site_overlap(sites: FloatArray, positions: FloatArray, cell: FloatArray, radius: float) -> float:
    """Memory of the starting sites: the fraction that is occupied by *any* atom of the species, beyond chance.

    (choice) q = (Q − Q_chance)/(1 − Q_chance), with Q the fraction of sites that have an atom within ``radius`` and
    Q_chance = 1 − exp(−ρ 4πr³/3) that of atoms at random; 1 at the start, 0 when the start is forgotten. It asks for
    the site, not for the atom's identity, so that exchange of atoms among lattice sites does not pass for melting, and
    not for bonds, so that molten salts of long-lived units (PS4 in Na3PS4) count as melts. An overlap of occupied cells
    as in Biroli et al., Nat. Phys. 4, 771 (2008).

    :param sites: (n, 3), Å.
    :param positions: (m, 3), Å, in the same cell.
    :param cell: (3, 3), Å, rows are the cell vectors.
    :param radius: Å.
    """
    from scipy.spatial import cKDTree

    inverse = np.linalg.inv(cell)
    heights = 1 / np.linalg.norm(inverse, axis=0)
    margin = radius / heights
    wrapped = positions @ inverse % 1.0
    images = [wrapped]
    for axis in range(3):
        everything = np.concatenate(images)
        step = np.eye(3)[axis]
        images.append(everything[everything[:, axis] < margin[axis]] + step)
        images.append(everything[everything[:, axis] > 1 - margin[axis]] - step)
    tree = cKDTree(np.concatenate(images) @ cell)
    distance, _ = tree.query(sites @ inverse % 1.0 @ cell, distance_upper_bound=radius)
    occupied = float(np.isfinite(distance).mean())
    chance = -np.expm1(-len(positions) / abs(np.linalg.det(cell)) * 4 / 3 * np.pi * radius**3)
    return float((occupied - chance) / (1 - chance))


def _check(
    positions: npt.NDArray[np.floating[Any]],
    cells: npt.NDArray[np.floating[Any]],
    types: IntArray,
    bond_lengths: Mapping[int, float],
    masses: npt.NDArray[np.floating[Any]] | None,
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int32], FloatArray]:
    """Arrays in double precision and of matching shapes, or a ValueError."""
    r: FloatArray = np.array(positions, dtype=np.float64)
    boxes: FloatArray = np.array(cells, dtype=np.float64)
    if r.ndim != 3 or r.shape[2] != 3 or len(r) < 2:
        raise ValueError(f'positions: shape {r.shape}, expected (n_frames, n_atoms, 3), at least two frames')
    if boxes.shape != (len(r), 3, 3):
        raise ValueError(f'cells: shape {boxes.shape}, expected ({len(r)}, 3, 3)')
    if not (np.isfinite(r).all() and np.isfinite(boxes).all()):
        raise ValueError('positions or cells: not finite (NaN or infinity)')
    n_atoms = r.shape[1]
    checked = check_types(types, n_atoms, int(np.max(types, initial=0)) + 1)
    weights = np.ones(n_atoms) if masses is None else np.asarray(masses, dtype=np.float64)
    if weights.shape != (n_atoms,):
        raise ValueError(f'masses: shape {weights.shape}, expected ({n_atoms},)')
    if not bond_lengths:
        raise ValueError('bond_lengths: no former is named')
    for kind, length in bond_lengths.items():
        if not (checked == kind).any():
            raise ValueError(f'bond_lengths: no atom of type {kind}')
        if not length > 0:
            raise ValueError(f'bond_lengths: {length} Å for type {kind}, expected a positive length')
    return r, boxes, checked, weights
