"""Whether a number still falls from iteration to iteration, and how surely: fractions, errors, and their pace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.learning.errors import influence_error, sums_of
from aiida_glassion.kernels.learning.parity import Parity

FloatArray = npt.NDArray[np.floating[Any]]

_NORMAL_95 = 1.959964
_FEWEST_COMMON = 5
_DIGITS = 6


def wilson_interval(hits: int, total: int, z: float = _NORMAL_95) -> tuple[float, float]:
    """Interval of a fraction that was counted, for independent draws.

    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927), eq. 4: it also holds for few draws and for none that hit.

    :param hits: how many hit.
    :param total: how many were drawn.
    :param z: standard deviations; 1.96 is 95 %.
    :raises ValueError: more hits than draws, or negative numbers.
    """
    if not 0 <= hits <= total:
        raise ValueError(f'{hits} of {total} is no fraction')
    if total == 0:
        return 0.0, 1.0
    p, scale = hits / total, 1 + z**2 / total
    centre = (p + z**2 / (2 * total)) / scale
    half = z / scale * float(np.sqrt(p * (1 - p) / total + z**2 / (4 * total**2)))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Fall:
    """How much smaller an error became.

    :param value: relative fall, 0.1 for 10 % less; negative: it rose.
    :param error: its standard error: of the frames, and of the seeds.
    :param before: the earlier error, unit of the words.
    :param after: the present one.
    :param since: number of the iteration that it is compared with.
    :param of: what is compared, in words.
    :param same_frames: whether both are errors on the same frames.
    """

    value: float
    error: float
    before: float
    after: float
    since: int
    of: str
    same_frames: bool


def fall_of_records(before: Mapping[str, Any], after: Mapping[str, Any], since: int) -> Fall | None:
    """Fall of the force error between two iterations, each on the frames held out at its time.

    Later held-out frames come from where the committee was unsure, so they are harder and a model that got better may
    show a larger error. Of the error itself and of the error relative to the forces of the frames, the one that fell
    more is therefore taken: it is the one that speaks against having converged.

    :param before: ``errors`` of the earlier record.
    :param after: ``errors`` of the present one.
    :param since: number of the earlier iteration.
    :returns: None where one of them has no force error.
    """
    old, new = before.get('force') or {}, after.get('force') or {}
    if not (old.get('rmse') or {}).get('mean') or not (new.get('rmse') or {}).get('mean'):
        return None
    ratio = new['rmse']['mean'] / old['rmse']['mean']
    error = ratio * float(np.hypot(_relative_error(old['rmse']), _relative_error(new['rmse'])))
    frames = f'{before.get("n_frames")} frames held out then and {after.get("n_frames")} now'
    plain = Fall(1 - ratio, error, old['rmse']['mean'], new['rmse']['mean'], since, f'meV/Å, {frames}', False)
    if not old.get('reference_rms') or not new.get('reference_rms'):
        return plain
    harder = old['reference_rms'] / new['reference_rms']
    scaled = Fall(
        1 - ratio * harder,
        error * harder,
        100 * old['rmse']['mean'] / old['reference_rms'],
        100 * new['rmse']['mean'] / new['reference_rms'],
        since,
        f'% of the forces, {frames}',
        False,
    )
    return max(plain, scaled, key=lambda fall: fall.value)


def fall_on_common_frames(
    before: Parity,
    after: Parity,
    since: int,
    errors: Sequence[Mapping[str, Any]] = (),
) -> Fall | None:
    """Fall of the committee's force error on the frames that were held out in both iterations.

    Frame by frame the same question is asked twice, so that neither harder frames nor the luck of the draw count.

    :param before: mean prediction of the earlier committee.
    :param after: of the present one.
    :param since: number of the earlier iteration.
    :param errors: ``errors`` of both records: other seeds would have given another error, by the spread of the members.
    :returns: None where fewer than five frames with forces are common.
    """
    old, new = _frame_keys(before), _frame_keys(after)
    common = [(old[key], new[key]) for key in new if key in old]
    if len(common) < _FEWEST_COMMON:
        return None
    first, other = (sums_of(_part(parity, [pair[i] for pair in common]), 'force')
                    for i, parity in enumerate((before, after)))  # fmt: skip
    if len(first.counts) < _FEWEST_COMMON or first.rmse == 0 or other.rmse == 0:
        return None
    ratio = other.rmse / first.rmse
    frames = influence_error(other.rmse_influence / other.rmse - first.rmse_influence / first.rmse) or 0.0
    seeds = [_seed_error((entry.get('force') or {}).get('rmse') or {}) for entry in errors]
    error = ratio * float(np.sqrt(frames**2 + np.sum(np.square(seeds))))
    words = f'meV/Å, mean prediction on the {len(first.counts)} frames held out both times'
    return Fall(1 - ratio, error, first.rmse, other.rmse, since, words, True)


@dataclass(frozen=True)
class Trend:
    """Pace of the logarithm of a number over the rounds.

    :param slope: change of ln(value) per round; negative: it falls.
    :param error: its standard error; infinite where two values or fewer say nothing.
    :param n: values.
    """

    slope: float
    error: float
    n: int

    def falls(self, sigma: float = 2.0) -> bool:
        """Whether it falls, beyond so many standard errors."""
        return bool(np.isfinite(self.error) and self.slope < -sigma * self.error)


def trend_of(values: Sequence[float], errors: Sequence[float]) -> Trend:
    """Line through the logarithms of positive numbers, one for each round.

    :param values: of consecutive rounds.
    :param errors: their relative standard errors, of which the scatter about the line makes the larger count.
    """
    y, own = np.log(np.asarray(values, dtype=float)), np.asarray(errors, dtype=float)
    n = len(y)
    if n < 3:
        return Trend(0.0, float('inf'), n)
    x = np.arange(n) - (n - 1) / 2
    spread = float(x @ x)
    slope = float(x @ y) / spread
    residuals = y - y.mean() - slope * x
    scatter = float(np.sqrt(residuals @ residuals / (n - 2) / spread))
    counted = float(np.sqrt(np.sum((x * own) ** 2))) / spread
    return Trend(slope, max(scatter, counted), n)


def trend_of_fractions(hits: Sequence[int], totals: Sequence[int]) -> Trend:
    """Pace of a counted fraction; half a hit is added to each count so that none has a logarithm too.

    :param hits: of each round.
    :param totals: of each round, at least 1.
    """
    counts, drawn = np.asarray(hits, dtype=float) + 0.5, np.asarray(totals, dtype=float) + 1.0
    fractions = np.minimum(counts / drawn, 1.0)
    return trend_of(fractions.tolist(), np.sqrt((1 - fractions) / counts).tolist())


def _relative_error(entry: Mapping[str, Any]) -> float:
    """Relative standard error of a mean over members: of the finite number of frames and of seeds together."""
    frames = float(entry.get('standard_error') or 0.0) / float(entry['mean'])
    return float(np.hypot(frames, _seed_error(entry)))


def _seed_error(entry: Mapping[str, Any]) -> float:
    """Relative standard error that the choice of seeds leaves."""
    members = int(entry.get('n') or 1)
    if not entry.get('mean') or not entry.get('spread'):
        return 0.0
    return float(entry['spread']) / float(entry['mean']) / float(np.sqrt(members))


def _frame_keys(parity: Parity) -> dict[tuple[Any, ...], int]:
    """What tells a labelled frame from every other: formula, energy, and sums over its forces."""
    starts = np.concatenate([[0], np.cumsum(parity.n_atoms)]).astype(int)
    keys: dict[tuple[Any, ...], int] = {}
    for index, formula in enumerate(parity.formulas):
        forces = parity.forces[starts[index] : starts[index + 1]]
        numbers = (parity.energies[index], float(np.sum(np.abs(forces))), float(np.sum(forces[:, 0] * forces[:, 1])))
        keys.setdefault((formula, *(float(f'{number:.{_DIGITS}g}') for number in numbers)), index)
    return {key: index for key, index in keys.items() if all(np.isfinite(number) for number in key[1:])}


def _part(parity: Parity, frames: Sequence[int]) -> Parity:
    """Some frames of a parity, their forces only."""
    starts = np.concatenate([[0], np.cumsum(parity.n_atoms)]).astype(int)
    atoms = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in frames])
    chosen = np.asarray(frames, dtype=int)
    return Parity(
        formulas=tuple(parity.formulas[i] for i in frames),
        n_atoms=parity.n_atoms[chosen],
        elements=parity.elements,
        atom_elements=parity.atom_elements[atoms],
        energies=parity.energies[chosen],
        predicted_energies=parity.predicted_energies[chosen],
        forces=parity.forces[atoms],
        predicted_forces=parity.predicted_forces[atoms],
    )
