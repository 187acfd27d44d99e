"""Has the glass separated into phases, or torn open? Fluctuations at the longest wavelengths that the cell holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.structure.neighbours import check_configuration, check_types

FloatArray = npt.NDArray[np.float64]

LARGEST_Q = 0.9
"""Å⁻¹: longer wave vectors than this see the first sharp diffraction peak, not phases."""
_FEWEST = 9
"""Wave vectors at least, where the cell holds so many below the limit: (100) and (110) of a cube."""
_BATCH, _ENOUGH = 200, 10
"""Shuffles at a time, and how many of them must be as uneven as the glass to end: then p is far above any limit."""


@dataclass(frozen=True)
class Fluctuation:
    """How much larger than by chance the longest waves of a density or of a composition are.

    :param value: mean intensity of the waves over what chance makes of it: 1 for an ideal gas or a random mixture, less
        in a glass, much more where phases or pores are.
    :param p: share of random arrangements with at least this value. Flagging at p ≤ α is wrong for a share α of random
        arrangements, and for fewer of the glasses, which are more even than chance.
    :param limit: α.
    :param threshold: the value that random arrangements exceed with probability α (of shuffles: from the Gamma
        distribution of their mean and variance).
    :param q_min: shortest of the wave vectors, Å⁻¹.
    :param q_max: longest of them, Å⁻¹.
    :param n_wave_vectors: q and −q counted once.
    :param judged: False where the cell is too small to hold a wave long enough, or too few atoms are there; then
        ``separated`` is False too.
    """

    value: float
    p: float
    limit: float
    threshold: float
    q_min: float
    q_max: float
    n_wave_vectors: int
    judged: bool

    @property
    def separated(self) -> bool:
        """Whether fluctuations stand out from chance."""
        return self.judged and self.p <= self.limit

    def summary(self) -> dict[str, Any]:
        """JSON-ready: all fields and ``separated``."""
        return {**asdict(self), 'separated': self.separated}


def density_fluctuation(
    positions: npt.NDArray[np.floating[Any]], cell: npt.NDArray[np.floating[Any]], limit: float = 1e-3
) -> Fluctuation:
    """Look for density waves: S(q) = |Σ_j exp(iq·r_j)|²/N, averaged over the smallest wave vectors of the cell.

    Independent atoms make each S(q) an exponential variable of mean 1, and the mean of n of them a Gamma variable: its
    tail is ``p``. A liquid or glass has S(0) = ρ k_B T κ ≪ 1, so a false alarm is far rarer there. A pore, a bubble or
    a dense and a light phase make S(q) of the order of the number of atoms that are missing or too many, squared,
    over N.

    :param positions: (n_atoms, 3), Å, wrapped or not; periodic in all directions.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape.
    :param limit: p at or below which the density counts as uneven.
    :raises ValueError: a shape does not fit, the cell has no volume, no atom, or the limit is not between 0 and 1.
    """
    from scipy.stats import gamma

    r, box = _checked(positions, cell, limit)
    q, orders = smallest_wave_vectors(box)
    if not len(q) or len(r) < 20:
        return _not_judged(limit, q)
    value = float((np.abs(_phases(r, box, orders).sum(axis=0)) ** 2 / len(r)).mean())
    p, threshold = float(gamma.sf(value * len(q), len(q))), float(gamma.isf(limit, len(q))) / len(q)
    return Fluctuation(value, p, limit, threshold, float(q[0]), float(q[-1]), len(q), True)


def composition_fluctuation(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    chosen: npt.NDArray[np.bool_],
    limit: float = 1e-3,
    n_shuffles: int = 1999,
    seed: int = 0,
) -> Fluctuation:
    """Look for composition waves: are the chosen ones of some atoms gathered, beyond a random choice on the same sites?

    S_cc(q) = |Σ_j (x_j − x̄) exp(iq·r_j)|²/(N x̄ (1 − x̄)), x_j = 1 for the chosen, averaged over the smallest wave
    vectors, is compared with its values when the labels are dealt out anew: an exact test, right whatever the sites
    look like. Cations among cations, and anions among anions, are the natural mixtures: cations and anions avoid their
    like.

    :param positions: (n_atoms, 3), Å, of the atoms that mix.
    :param cell: (3, 3), Å.
    :param chosen: (n_atoms,), which of them are of one element.
    :param limit: p at or below which the composition counts as uneven; at least 1/(n_shuffles + 1).
    :param n_shuffles: number of random arrangements at most; fewer where ten are soon as uneven (Besag and Clifford,
        Biometrika 78, 301 (1991)).
    :param seed: of these.
    :raises ValueError: as :func:`density_fluctuation`, a shape does not fit, or too few shuffles for the limit.
    """
    from scipy.stats import gamma

    r, box = _checked(positions, cell, limit)
    flags = np.asarray(chosen, dtype=np.float64)
    if flags.shape != (len(r),):
        raise ValueError(f'chosen: shape {flags.shape}, expected ({len(r)},)')
    if (n_shuffles + 1) * limit < 1:
        raise ValueError(
            f'n_shuffles: {n_shuffles} cannot tell p ≤ {limit}, expected at least {np.ceil(1 / limit - 1):.0f}'
        )
    q, orders = smallest_wave_vectors(box)
    share = float(flags.mean())
    if not len(q) or min(flags.sum(), len(flags) - flags.sum()) < 10:
        return _not_judged(limit, q)
    phases = _phases(r, box, orders)
    waves = np.concatenate([phases.real, phases.imag], axis=1)
    norm = len(r) * share * (1 - share) * len(q)

    rng = np.random.default_rng(seed)
    value = float((((flags - share) @ waves) ** 2).sum() / norm)
    others = np.empty(0)
    while len(others) < n_shuffles and (others >= value * (1 - 1e-9)).sum() < _ENOUGH:
        n = min(_BATCH, n_shuffles - len(others))
        dealt = rng.permuted(np.tile(flags - share, (n, 1)), axis=1)
        others = np.concatenate([others, ((dealt @ waves) ** 2).sum(axis=1) / norm])
    p = (int((others >= value * (1 - 1e-9)).sum()) + 1) / (len(others) + 1)
    mean, variance = float(others.mean()), float(others.var())
    threshold = float(gamma.isf(limit, mean**2 / variance, scale=variance / mean))
    return Fluctuation(value, p, limit, threshold, float(q[0]), float(q[-1]), len(q), True)


def phase_separation(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    types: npt.NDArray[np.integer[Any]],
    elements: Sequence[str],
    limit: float = 1e-3,
    roles: Mapping[str, str] | None = None,
) -> dict[str, Fluctuation]:
    """All fluctuations of a glass: ``density``, each cation among the cations and each anion among the anions.

    The limit is divided by their number, so that a random arrangement is flagged with at most this probability.

    :param positions: (n_atoms, 3), Å; ``cell`` (3, 3), Å; periodic in all directions.
    :param types: (n_atoms,), index into ``elements``.
    :param elements: element of each type.
    :param limit: probability to flag a random arrangement at all.
    :param roles: role of each element; by default :func:`.network_roles`.
    :returns: by name: ``density``, ``Na`` …; of a mixture of two elements only the rarer (the other says the same).
    """
    checked = check_types(types, len(positions), len(elements))
    roles = roles if roles is not None else network_roles(elements)
    counts = np.bincount(checked, minlength=len(elements))
    tests: list[tuple[int, list[int]]] = []
    for anions in (True, False):
        mixture = [i for i, e in enumerate(elements) if (roles[e] == 'anion') == anions and counts[i]]
        if len(mixture) > 1:
            some = [min(mixture, key=lambda i: int(counts[i]))] if len(mixture) == 2 else mixture
            tests += [(kind, mixture) for kind in some]
    share = limit / (1 + len(tests))
    shuffles = max(1999, int(np.ceil(2 / share)))
    found = {'density': density_fluctuation(positions, cell, share)}
    for kind, mixture in tests:
        sites = np.isin(checked, mixture)
        found[elements[kind]] = composition_fluctuation(
            np.asarray(positions)[sites], cell, checked[sites] == kind, share, shuffles
        )
    return found


def smallest_wave_vectors(cell: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """The smallest wave vectors of a periodic cell, each pair ±q once: whole shells until nine are there.

    :param cell: (3, 3), Å.
    :returns: lengths (n,), Å⁻¹, ascending, none above :data:`LARGEST_Q`; and orders (n, 3) by cell vector.
    """
    most = np.maximum(np.floor(LARGEST_Q * np.linalg.norm(cell, axis=1) / (2 * np.pi)), 1).astype(int)
    most = np.minimum(most, 9)
    m = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing='ij'), axis=-1).reshape(-1, 3)
    half = (m[:, 2] > 0) | ((m[:, 2] == 0) & ((m[:, 1] > 0) | ((m[:, 1] == 0) & (m[:, 0] > 0))))
    m = m[half]
    q = 2 * np.pi * np.linalg.norm(m @ np.linalg.inv(cell).T, axis=1)
    order = np.argsort(q, kind='stable')
    q, m = q[order], m[order]
    if len(q) > _FEWEST:
        keep = q <= q[_FEWEST - 1] * (1 + 1e-6)
        q, m = q[keep], m[keep]
    below = q <= LARGEST_Q
    return q[below], m[below].astype(np.int64)


def _phases(positions: FloatArray, cell: FloatArray, orders: npt.NDArray[np.int64]) -> npt.NDArray[np.complex128]:
    """exp(iq·r) of each atom and wave vector, (n_atoms, n_q)."""
    phases: npt.NDArray[np.complex128] = np.exp(2j * np.pi * (positions @ np.linalg.inv(cell)) @ orders.T)
    return phases


def _checked(
    positions: npt.NDArray[np.floating[Any]], cell: npt.NDArray[np.floating[Any]], limit: float
) -> tuple[FloatArray, FloatArray]:
    r, box = check_configuration(positions, cell)
    if len(r) == 0:
        raise ValueError('positions: no atom')
    if abs(np.linalg.det(box)) < 1e-6:
        raise ValueError('cell: no volume')
    if not 0 < limit < 1:
        raise ValueError(f'limit: {limit}, expected a probability between 0 and 1')
    return np.asarray(r, dtype=np.float64), np.asarray(box, dtype=np.float64)


def _not_judged(limit: float, q: FloatArray) -> Fluctuation:
    return Fluctuation(0.0, 1.0, limit, 0.0, 0.0, 0.0, len(q), False)
