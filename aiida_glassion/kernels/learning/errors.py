"""Errors of a model on labelled frames, with the standard error that a finite set of frames leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.learning.parity import (
    Parity,
    check_same_frames,
    error_over_deviation,
    force_deviations,
    mean_prediction,
)
from aiida_glassion.kernels.statistics import block_standard_error

FloatArray = npt.NDArray[np.floating[Any]]

UNITS = {'energy': 'meV/atom', 'force': 'meV/Å', 'virial': 'meV/atom'}
_MILLI = 1e3
_FEWEST_FOR_BLOCKS = 8


@dataclass(frozen=True, eq=False)
class FrameSums:
    """Errors of one quantity gathered by frame, of frames that have it.

    :param squares: sum of squared errors in each frame, (n,).
    :param absolutes: sum of absolute errors, (n,).
    :param signed: sum of errors, (n,).
    :param counts: how many values each frame has, (n,).
    """

    squares: FloatArray
    absolutes: FloatArray
    signed: FloatArray
    counts: FloatArray

    @classmethod
    def of(cls, errors: FloatArray, frames: npt.NDArray[np.integer[Any]], n_frames: int) -> FrameSums:
        """Gather.

        :param errors: (n_values,); NaN: no label.
        :param frames: the frame of each value, (n_values,).
        """
        known = np.isfinite(errors)
        errors, frames = errors[known], frames[known]
        weights = (errors**2, np.abs(errors), errors, np.ones_like(errors))
        sums = [np.bincount(frames, weights=weight, minlength=n_frames).astype(float) for weight in weights]
        squares, absolutes, signed, counts = (part[sums[3] > 0] for part in sums)
        return cls(squares, absolutes, signed, counts)

    @property
    def rmse(self) -> float:
        """Root mean square error over all values."""
        return float(np.sqrt(self.squares.sum() / self.counts.sum()))

    @property
    def rmse_influence(self) -> FloatArray:
        """How much each frame moves the RMSE, first order; its sum is zero, (n,)."""
        total, value = self.counts.sum(), self.rmse
        if value == 0:
            return np.zeros_like(self.squares)
        influence: FloatArray = (self.squares - value**2 * self.counts) / (2 * value * total)
        return influence

    @property
    def mae(self) -> float:
        """Mean absolute error over all values."""
        return float(self.absolutes.sum() / self.counts.sum())

    @property
    def mae_influence(self) -> FloatArray:
        """How much each frame moves the mean absolute error, (n,)."""
        influence: FloatArray = (self.absolutes - self.mae * self.counts) / self.counts.sum()
        return influence

    @property
    def bias(self) -> float:
        """Mean error with its sign."""
        return float(self.signed.sum() / self.counts.sum())


def influence_error(influence: FloatArray) -> float | None:
    """Standard error of an estimate from what each frame contributes to it; None for a single frame.

    The values inside a frame are not independent, frames are: √(n/(n−1) Σ d²), the infinitesimal jackknife (Efron and
    Tibshirani, An Introduction to the Bootstrap (1993), ch. 21). Frames that follow each other in a run resemble each
    other, which widens it by the inefficiency that blocking finds.

    :param influence: (n,), in the order of the frames.
    """
    n = len(influence)
    if n < 2:
        return None
    naive = float(np.sqrt(n / (n - 1) * np.sum(influence**2)))
    if n < _FEWEST_FOR_BLOCKS:
        return naive
    return naive * float(np.sqrt(max(1.0, block_standard_error(influence).inefficiency)))


def sums_of(parity: Parity, quantity: str, element: str | None = None, formula: str | None = None) -> FrameSums:
    """Errors of one quantity by frame.

    :param quantity: ``energy``, ``force`` (each component) or ``virial`` (each component), in :data:`UNITS`.
    :param element: forces on this element only.
    :param formula: frames of this formula only.
    """
    frames = np.arange(parity.n_frames)
    wanted = np.array([formula is None or name == formula for name in parity.formulas])
    if quantity == 'force':
        errors, owners, width = parity.predicted_forces - parity.forces, parity.frame_of_atom, 3
        chosen = wanted[owners]
        if element is not None:
            chosen = chosen & (parity.atom_elements == parity.elements.index(element))
        errors, owners = errors[chosen], owners[chosen]
    elif quantity == 'energy':
        errors, owners, width = (parity.predicted_energies - parity.energies) / parity.n_atoms, frames, 1
        errors, owners = errors[wanted], owners[wanted]
    elif parity.virials is None or parity.predicted_virials is None:
        errors, owners, width = np.zeros(0), np.zeros(0, dtype=int), 1
    else:
        errors = (parity.predicted_virials - parity.virials).reshape(-1, 9) / parity.n_atoms[:, None]
        errors, owners, width = errors[wanted], frames[wanted], 9
    return FrameSums.of(_MILLI * errors.ravel(), np.repeat(owners, width), parity.n_frames)


def committee_errors(members: Mapping[str, Parity]) -> dict[str, Any]:
    """Errors of a committee: mean over the members, their spread, and the error that the number of frames leaves.

    Every number is ``{'mean', 'spread' (standard deviation over the members, None for one), 'standard_error' (of the
    mean, from the finite number of test frames), 'n'}``. ``committee`` is the error of the members' mean prediction.

    :param members: parity of each member, on the same frames.
    :returns: ``energy``, ``force``, ``virial``: ``rmse``, ``mae``, and ``by_element``, ``by_formula`` with their rmse;
        :data:`UNITS`. ``force.reference_rms``: the error of a model that predicts no force at all.
        ``deviation`` with two members or more: eV/Å.
    :raises ValueError: no member, or different frames.
    """
    parities = list(members.values())
    check_same_frames(parities)
    first = parities[0]
    table: dict[str, Any] = {'n_frames': first.n_frames, 'members': list(members), 'units': dict(UNITS)}
    formulas = list(dict.fromkeys(first.formulas))
    table['formulas'] = {formula: first.formulas.count(formula) for formula in formulas}
    whole = mean_prediction(parities)
    for quantity in UNITS:
        sums = [sums_of(parity, quantity) for parity in parities]
        if not len(sums[0].counts):
            continue
        entry: dict[str, Any] = {
            'rmse': _averaged([s.rmse for s in sums], [s.rmse_influence for s in sums]),
            'mae': _averaged([s.mae for s in sums], [s.mae_influence for s in sums]),
            'n_frames': len(sums[0].counts),
        }
        if len(parities) > 1:
            together = sums_of(whole, quantity)
            entry['committee'] = _averaged([together.rmse], [together.rmse_influence])
        if quantity == 'energy':
            entry['bias'] = _spread([s.bias for s in sums])
        if quantity == 'force':
            known = first.forces[np.isfinite(first.forces)]
            entry['reference_rms'] = _MILLI * float(np.sqrt(np.mean(known**2)))
            chosen = ((name, {'element': name}) for name in first.elements)
            entry['by_element'] = dict(_parts(parities, quantity, chosen))
        if len(formulas) > 1:
            chosen = ((name, {'formula': name}) for name in formulas)
            entry['by_formula'] = dict(_parts(parities, quantity, chosen))
        table[quantity] = entry
    if len(parities) > 1 and 'force' in table:
        table['deviation'] = _deviation(parities)
    return table


def _parts(parities: Sequence[Parity], quantity: str, chosen: Any) -> Any:
    """RMSE of parts of the data, where there is any."""
    for name, choice in chosen:
        sums = [sums_of(parity, quantity, **choice) for parity in parities]
        if len(sums[0].counts):
            yield name, _averaged([s.rmse for s in sums], [s.rmse_influence for s in sums])


def _averaged(values: Sequence[float], influences: Sequence[FloatArray]) -> dict[str, Any]:
    return {**_spread(values), 'standard_error': influence_error(np.mean(influences, axis=0))}


def _spread(values: Sequence[float]) -> dict[str, Any]:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {'mean': float(np.mean(values)), 'spread': spread, 'n': len(values)}


def _deviation(parities: Sequence[Parity]) -> dict[str, Any]:
    """How the members' disagreement on the test frames stands to their error."""
    deviations = force_deviations(parities)
    errors = mean_prediction(parities).max_force_errors
    known = np.isfinite(errors) & np.isfinite(deviations)
    quantiles = np.quantile(deviations[known], (0.5, 0.95, 1.0))
    ratio = error_over_deviation(parities)
    return {
        'median': float(quantiles[0]),
        'quantile_95': float(quantiles[1]),
        'largest': float(quantiles[2]),
        'median_largest_error': float(np.median(errors[known])),
        'error_over_deviation': ratio if np.isfinite(ratio) else None,
        'unit': 'eV/Å',
    }
