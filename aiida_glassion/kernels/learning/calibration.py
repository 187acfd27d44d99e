"""Trust levels from what the committee's deviations were worth on frames whose labels it has not seen.

What others do. Levels fixed by hand: 0.05 and 0.15 eV/Å in most DP-GEN examples, 0.15 and 0.35 eV/Å for Na3PS4−xOx (J.
Mater. Chem. A 12, 33518 (2024)). A lower level that follows the data: DP-GEN's ``adaptive lower`` counts a wanted
number of candidates below the upper level, whatever their errors. A deviation scaled to be an error: Musil et al., J.
Chem. Theory Comput. 15, 906 (2019); with a guarantee: Hu et al., Mach. Learn.: Sci. Technol. 3, 045028 (2022).

What is done here. Of each held-out frame both the largest deviation d and the largest error e of the mean prediction
are known.

- **Ratio** k: e ≤ k d holds for the wanted share of frames like these. The ⌈(n + 1) q⌉-th smallest e/d, the split
  conformal quantile (Papadopoulos et al., ECML 2002): it needs no shape of the distribution, only frames that could
  have come in any order. Members that err independently have e < d on the same atom, 1/√(m − 1) for m members; an error
  that all share (too small a net, noisy labels, a region none has seen) adds to e and not to d. Where it does, k is
  largest at small d, so the lower level comes out low rather than high.
- **Lower level**: where k d reaches the error that one can live with. A small net never gets there, and would ask for
  more of the same without end. So where more of the same does not help, the level is at least ``floor_factor`` times
  the deviation that 95 % of the held-out frames keep, and the reason says which error frames below it may have. Whether
  it helps is read from the force error on held-out over that on training data: near 1 the net errs on what it has
  learned as on what it has not, and the floor holds; well above 1 it lacks data, and there is no floor; in between the
  level lies between (geometrically), so that it does not jump from one iteration to the next.
  And the level is at most ``largest_factor`` times the largest held-out deviation: of frames further out nobody knows
  the error.
- **Relative levels** (``relative``: w) are the default, since one level in eV/Å follows the hottest frames: what is
  little beside their forces is much beside those of a glass. Deviations and errors of a frame with the rms force F
  count times w/(F + w) throughout, and the accepted error is a part of w: so of F + w, in the frame's own terms.
- **Upper level**: where k d reaches an error as large as the forces themselves, and ``upper_over_lower`` times the
  lower one at least. It lies mostly beyond the held-out deviations: an extrapolation, which is said.

The standard error of k is that of resampled frames (bootstrap, seeded); frames of one run resemble each other, which
makes it too small. Deviations are those of the worst atom, which grow slowly with the number of atoms: held-out frames
should not be much smaller than the explored ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.learning.calibration_words import explain_levels, warn_of_levels
from aiida_glassion.kernels.learning.levels import LevelSettings, relative_to_force

FloatArray = npt.NDArray[np.floating[Any]]

_RESAMPLED = 400
_LEAST_RATIO = 1e-3


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What is known of held-out frames; NaN where it is not.

    :param deviations: largest force deviation of each frame, eV/Å, (n,).
    :param errors: largest error of a force of the mean prediction, eV/Å, (n,).
    :param reference_rms: rms of the components of the reference forces, eV/Å.
    :param forces: rms length of a force in each frame, eV/Å, (n,).
    :param error_over_deviation: rms error over rms deviation of all atoms.
    :param test_over_training: force error on held-out over that on training data; None: unknown, taken for 1.
    :param n_members: of the committee.
    """

    deviations: FloatArray
    errors: FloatArray
    reference_rms: float
    forces: FloatArray | None = None
    error_over_deviation: float | None = None
    test_over_training: float | None = None
    n_members: int = 2

    @classmethod
    def of(cls, errors: Mapping[str, Any], parity: Mapping[str, FloatArray]) -> HeldOut:
        """Take from a table of errors (:func:`~.errors.committee_errors`) and the arrays of the mean's parity."""
        none = np.zeros(0)
        forces, n_atoms = parity.get('forces', np.zeros((0, 3))), parity.get('n_atoms', none)
        known = forces[np.isfinite(forces)]
        squares = np.sum(np.asarray(forces, dtype=float) ** 2, axis=1)
        starts = np.concatenate([[0], np.cumsum(n_atoms)[:-1]]).astype(np.intp) if len(n_atoms) else none.astype(int)
        means = np.add.reduceat(squares, starts) / n_atoms if len(starts) else none
        return cls(
            deviations=np.asarray(parity.get('max_force_deviation', none), dtype=float),
            errors=np.asarray(parity.get('max_force_error', none), dtype=float),
            reference_rms=float(np.sqrt(np.mean(known**2))) if len(known) else 0.0,
            forces=np.sqrt(means),
            error_over_deviation=(errors.get('deviation') or {}).get('error_over_deviation'),
            test_over_training=((errors.get('verdict') or {}).get('test_over_training') or {}).get('force'),
            n_members=len(errors.get('members') or ()) or 2,
        )


def find_levels(settings: LevelSettings, held_out: HeldOut, seed: int = 0) -> dict[str, Any]:
    """Trust levels with the reason for them.

    :param settings: fixed levels, or how to calibrate.
    :param held_out: deviations and errors.
    :param seed: of the resampling, which decides the error bars alone.
    :returns: ``lower``, ``upper`` (eV/Å), ``kind``, ``relative`` (None or eV/Å), ``reason``, ``warnings``, ``ratio``
        (None: fixed or not enough frames), ``ratio_error``, ``lower_error``, ``lower_from`` (``given``, ``error``,
        ``floor``, ``between`` the two, ``largest`` deviation known, ``median`` of too few frames), ``error_at_lower``
        (eV/Å; the wanted share of frames at the lower level errs by less), ``n_frames``, ``quantile``,
        ``rank_correlation`` of deviation and error, ``error_over_deviation``, ``test_over_training``, ``shares`` of the
        held-out frames that the levels call accurate, candidate, failed; ``largest_force``: the largest rms force of
        a held-out frame, eV/Å, or None; of a calibration also ``accept_error``,
        ``reject_error``, ``by_error`` (level that the error asks for), ``floor``, ``largest``, eV/Å.
    """
    d, e = _known(settings, held_out)
    report: dict[str, Any] = {
        'kind': settings.kind,
        'relative': settings.force_level,
        'lower': settings.lower,
        'upper': settings.upper,
        'lower_from': 'given',
        'ratio': None,
        'ratio_error': None,
        'lower_error': None,
        'error_at_lower': None,
        'n_frames': len(d),
        'quantile': settings.quantile,
        'rank_correlation': rank_correlation(d, e),
        'error_over_deviation': held_out.error_over_deviation,
        'test_over_training': held_out.test_over_training,
        'reference_rms': held_out.reference_rms,
        'largest_force': _largest(held_out.forces),
        'unit': 'eV/Å',
    }
    if settings.kind == 'calibrated' and len(d) >= settings.min_frames:
        report |= _calibrate(settings, held_out, d, e, seed)
    elif settings.kind == 'calibrated' and len(d):
        # few frames know little: half of those like them are asked for again, and the largest is no measure
        middle = float(np.median(d))
        lower = max(middle, settings.lower)
        report |= {'lower': lower, 'upper': max(settings.upper, settings.upper_over_lower * lower), 'floor': middle}
        report['lower_from'] = 'median' if middle >= settings.lower else 'given'
    report['shares'] = _shares(d, report['lower'], report['upper'])
    report['reason'] = explain_levels(report, settings)
    report['warnings'] = warn_of_levels(report, settings, held_out.n_members)
    return report


def conformal_ratio(d: FloatArray, e: FloatArray, quantile: float) -> float:
    """The ⌈(n + 1) q⌉-th smallest ratio of error to deviation; the largest where n is too small for the share."""
    return float(_conformal(np.asarray(e, dtype=float) / np.asarray(d, dtype=float), quantile))


def _conformal(ratios: FloatArray, quantile: float) -> FloatArray:
    n = ratios.shape[-1]
    rank = min(int(np.ceil((n + 1) * quantile - 1e-9)), n) - 1
    chosen: FloatArray = np.partition(ratios, rank, axis=-1)[..., rank]
    return chosen


def rank_correlation(d: FloatArray, e: FloatArray) -> float | None:
    """Spearman's correlation of deviation and error; None where there are fewer than 3 frames or all are alike."""
    if len(d) < 3 or np.ptp(d) == 0 or np.ptp(e) == 0:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(d, e).statistic)


def _known(settings: LevelSettings, held_out: HeldOut) -> tuple[FloatArray, FloatArray]:
    d, e = held_out.deviations, held_out.errors
    if len(d) != len(e):
        return np.zeros(0), np.zeros(0)
    known = np.isfinite(d) & np.isfinite(e) & (d > 0)
    if settings.force_level is not None and len(d):
        if held_out.forces is None or len(held_out.forces) != len(d):
            raise ValueError('relative levels need the forces of the held-out frames')
        d, e = (relative_to_force(values, held_out.forces, settings.force_level) for values in (d, e))
        known &= np.isfinite(d)
    return d[known], e[known]


def _calibrate(settings: LevelSettings, held_out: HeldOut, d: FloatArray, e: FloatArray, seed: int) -> dict[str, Any]:
    forces = held_out.reference_rms if settings.force_level is None else settings.force_level
    accept = settings.accept_error or settings.accept_over_rms * forces
    reject = settings.reject_error or settings.reject_over_rms * forces
    ratio = max(conformal_ratio(d, e, settings.quantile), _LEAST_RATIO)
    floor = settings.floor_factor * float(np.quantile(d, settings.floor_quantile))
    picks = np.random.default_rng(seed).integers(len(d), size=(_RESAMPLED, len(d)))
    ratio_error = float(np.std(_conformal((e / d)[picks], settings.quantile), ddof=1))
    floor_error = settings.floor_factor * float(np.std(np.quantile(d[picks], settings.floor_quantile, axis=1), ddof=1))
    by_error, largest = accept / ratio, settings.largest_factor * float(d.max())
    wanted = min(by_error, largest)
    hunger = _hunger(settings, held_out.test_over_training) if wanted > 0 else 0.0
    lower = wanted if floor <= wanted else floor ** (1 - hunger) * wanted**hunger
    source = 'largest' if by_error > largest else 'error'
    if floor > wanted and hunger < 1:
        source = 'between' if hunger else 'floor'
    part = {'floor': 0.0, 'between': hunger}.get(source, 1.0)
    spread = (
        0.0 if source == 'largest' else float(np.hypot(part * ratio_error / ratio, (1 - part) * floor_error / floor))
    )
    return {
        'lower': lower,
        'upper': max(reject / ratio, settings.upper_over_lower * lower),
        'lower_from': source,
        'lower_error': lower * spread,
        'ratio': ratio,
        'ratio_error': ratio_error,
        'error_at_lower': ratio * lower,
        'accept_error': accept,
        'reject_error': reject,
        'by_error': by_error,
        'floor': floor,
        'largest': float(d.max()),
    }


def _largest(forces: FloatArray | None) -> float | None:
    known = np.zeros(0) if forces is None else forces[np.isfinite(forces)]
    return float(known.max()) if len(known) else None


def _hunger(settings: LevelSettings, test_over_training: float | None) -> float:
    """How much more data of the same kind would help, 0 to 1."""
    if test_over_training is None:
        return 0.0
    part = (test_over_training - settings.floor_full) / (settings.floor_none - settings.floor_full)
    return float(np.clip(part, 0.0, 1.0))


def _shares(d: FloatArray, lower: float, upper: float) -> dict[str, float] | None:
    if not len(d):
        return None
    accurate, failed = float(np.mean(d < lower)), float(np.mean(d >= upper))
    return {'accurate': accurate, 'candidate': 1 - accurate - failed, 'failed': failed}
