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
- **Lower level**: where k d reaches the error that one can live with. But not below ``floor_factor`` times the
  deviation that 95 % of the held-out frames keep: these are like the data, and if they were candidates more data of
  their kind would be asked for without end. Then the reason says which error frames below the level may have.
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

from aiida_glassion.kernels.learning.levels import LevelSettings, relative_to_force

FloatArray = npt.NDArray[np.floating[Any]]

_RESAMPLED = 400
_ERR_TOGETHER = 2.0
_SAYS_LITTLE = 0.3
_MILLI = 1e3


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What is known of held-out frames; NaN where it is not.

    :param deviations: largest force deviation of each frame, eV/Å, (n,).
    :param errors: largest error of a force of the mean prediction, eV/Å, (n,).
    :param reference_rms: rms of the components of the reference forces, eV/Å.
    :param forces: rms length of a force in each frame, eV/Å, (n,).
    :param error_over_deviation: rms error over rms deviation of all atoms.
    :param n_members: of the committee.
    """

    deviations: FloatArray
    errors: FloatArray
    reference_rms: float
    forces: FloatArray | None = None
    error_over_deviation: float | None = None
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
            n_members=len(errors.get('members') or ()) or 2,
        )


def find_levels(settings: LevelSettings, held_out: HeldOut, seed: int = 0) -> dict[str, Any]:
    """Trust levels with the reason for them.

    :param settings: fixed levels, or how to calibrate.
    :param held_out: deviations and errors.
    :param seed: of the resampling, which decides the error bars alone.
    :returns: ``lower``, ``upper`` (eV/Å), ``kind``, ``relative`` (None or eV/Å), ``reason``, ``warnings``, ``ratio``
        (None: fixed or not enough frames), ``ratio_error``, ``lower_error``, ``lower_from`` (``given``, ``error``,
        ``floor``), ``error_at_lower`` (eV/Å, that the wanted share of frames at the lower level keeps), ``n_frames``,
        ``quantile``, ``rank_correlation`` of deviation and error, ``error_over_deviation``, ``shares`` of the held-out
        frames that the levels call accurate, candidate, failed.
    """
    d, e = _known(settings, held_out)
    report: dict[str, Any] = {
        'kind': settings.kind,
        'relative': settings.relative,
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
        'unit': 'eV/Å',
        'warnings': [],
    }
    if settings.kind == 'fixed':
        report['reason'] = f'Levels {settings.lower:g} and {settings.upper:g} eV/Å were given.'
    elif len(d) == 0:
        report['reason'] = (
            f'No held-out frame has both a deviation and an error, so the levels given for that case hold: '
            f'{settings.lower:g} and {settings.upper:g} eV/Å.'
        )
        report['warnings'].append('The trust levels could not be calibrated: no held-out frame has forces.')
    elif len(d) < settings.min_frames:
        _from_few(report, settings, d)
    else:
        _calibrate(report, settings, held_out, d, e, seed)
    report['shares'] = _shares(d, report['lower'], report['upper'])
    report['warnings'] += _warnings(held_out, report)
    return report


def conformal_ratio(d: FloatArray, e: FloatArray, quantile: float) -> float:
    """The ⌈(n + 1) q⌉-th smallest ratio of error to deviation; the largest where n is too small for the share."""
    ratios = np.sort(np.asarray(e, dtype=float) / np.asarray(d, dtype=float))
    rank = int(np.ceil((len(ratios) + 1) * quantile - 1e-9))
    return float(ratios[min(rank, len(ratios)) - 1])


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
    if settings.relative is not None:
        if held_out.forces is None or len(held_out.forces) != len(d):
            raise ValueError('relative levels need the forces of the held-out frames')
        d, e = (relative_to_force(values, held_out.forces, settings.relative) for values in (d, e))
        known &= np.isfinite(d)
    return d[known], e[known]


def _from_few(report: dict[str, Any], settings: LevelSettings, d: FloatArray) -> None:
    floor = settings.floor_factor * float(np.quantile(d, settings.floor_quantile))
    lower = max(floor, settings.lower)
    report |= {'lower': lower, 'upper': max(settings.upper, settings.upper_over_lower * lower)}
    report['lower_from'] = 'floor' if floor >= settings.lower else 'given'
    report['reason'] = (
        f'Only {len(d)} held-out frames, {settings.min_frames} are needed for a calibration. Lower level '
        f'{_plain(lower)} eV/Å: the larger of the one given for that case, {_plain(settings.lower)}, and '
        f'{settings.floor_factor:g} times the deviation that {_percent(settings.floor_quantile)} of these frames keep, '
        f'{_plain(floor)}; upper level {_plain(report["upper"])} eV/Å.'
    )
    report['warnings'].append(f'The trust levels rest on {len(d)} held-out frames: hold out more.')


def _calibrate(
    report: dict[str, Any], settings: LevelSettings, held_out: HeldOut, d: FloatArray, e: FloatArray, seed: int
) -> None:
    accept = settings.accept_error or settings.accept_over_rms * held_out.reference_rms
    reject = settings.reject_error or settings.reject_over_rms * held_out.reference_rms
    ratio = conformal_ratio(d, e, settings.quantile)
    floor = settings.floor_factor * float(np.quantile(d, settings.floor_quantile))
    picks = np.random.default_rng(seed).integers(len(d), size=(_RESAMPLED, len(d)))
    ratio_error = float(np.std([conformal_ratio(d[p], e[p], settings.quantile) for p in picks], ddof=1))
    floor_error = settings.floor_factor * float(np.std(np.quantile(d[picks], settings.floor_quantile, axis=1), ddof=1))
    if ratio == 0:
        ratio = float(np.finfo(float).tiny)
    from_error = accept / ratio
    lower = max(from_error, floor)
    upper = max(reject / ratio, settings.upper_over_lower * lower)
    by_floor = floor > from_error
    report |= {
        'lower': lower,
        'upper': upper,
        'lower_from': 'floor' if by_floor else 'error',
        'ratio': ratio,
        'ratio_error': ratio_error,
        'lower_error': floor_error if by_floor else lower * ratio_error / ratio,
        'error_at_lower': ratio * lower,
        'accept_error': accept,
        'reject_error': reject,
        'floor': floor,
        'largest_held_out': float(d.max()),
    }
    rms = f' ({_plain(accept / held_out.reference_rms)} of the rms force component)' if held_out.reference_rms else ''
    covered = (
        f'{_percent(settings.quantile)} of {len(d)} held-out frames err by less than {_plain(ratio)} ± '
        f'{_plain(ratio_error, 2)} times their deviation'
    )
    if by_floor:
        report['reason'] = (
            f'Lower level {_plain(lower)} eV/Å: {settings.floor_factor:g} times the deviation that '
            f'{_percent(settings.floor_quantile)} of {len(d)} held-out frames keep. To promise the accepted error of '
            f'{_plain(accept)} eV/Å{rms} it had to be {_plain(from_error)} eV/Å ({covered}), but then frames like '
            f'the data would be candidates without end; frames below the level may err by {_plain(ratio * lower)} '
            f'eV/Å. '
        )
    else:
        report['reason'] = (
            f'Lower level {_plain(lower)} eV/Å: {covered}, so that there the largest error of a force reaches the '
            f'accepted {_plain(accept)} eV/Å{rms}. '
        )
    why = f'{settings.upper_over_lower:g} times the lower one'
    if upper > settings.upper_over_lower * lower:
        why = f'where that error reaches {_plain(reject)} eV/Å'
    beyond = f', beyond the largest held-out deviation of {_plain(d.max())}: extrapolated' if upper > d.max() else ''
    report['reason'] += f'Upper level {_plain(upper)} eV/Å: {why}{beyond}.'


def _shares(d: FloatArray, lower: float, upper: float) -> dict[str, float] | None:
    if not len(d):
        return None
    accurate, failed = float(np.mean(d < lower)), float(np.mean(d >= upper))
    return {'accurate': accurate, 'candidate': 1 - accurate - failed, 'failed': failed}


def _warnings(held_out: HeldOut, report: Mapping[str, Any]) -> list[str]:
    said = []
    together = held_out.error_over_deviation
    if together is not None and together > _ERR_TOGETHER:
        alone = 1 / np.sqrt(max(1, held_out.n_members - 1))
        said.append(
            f'The members err together: the error of their mean is {_plain(together)} times their deviation (rms over '
            f'all atoms), {_plain(alone)} if they erred independently. A small deviation then promises little: a '
            'larger net, more steps or cleaner labels would help.'
        )
    rank = report['rank_correlation']
    if rank is not None and rank < _SAYS_LITTLE and report['n_frames'] >= 20:
        said.append(
            f'Among the {report["n_frames"]} held-out frames the deviation says little about the error (rank '
            f'correlation {rank:.2f}): selection by deviation is hardly better than a random one there.'
        )
    if report['lower_from'] == 'floor' and report.get('accept_error'):
        over = report['error_at_lower'] / report['accept_error']
        said.append(
            f'Frames called accurate may err by {_plain(over)} times the accepted error: this committee cannot do '
            'better on frames like its data yet.'
        )
    return said


def _plain(value: float, digits: int = 3) -> str:
    """A number of some significant digits, without an exponent as long as it is readable."""
    return f'{float(f"{value:.{digits}g}"):g}'


def _percent(share: float) -> str:
    return f'{100 * share:g} %'
