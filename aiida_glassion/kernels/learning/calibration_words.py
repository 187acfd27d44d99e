"""Trust levels in words: where they come from, and what speaks against believing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_glassion.kernels.learning.levels import LevelSettings

_ERR_TOGETHER = 2.0
"""Error over deviation, rms, beyond which members are said to err together."""
_SAYS_LITTLE = 0.3
"""Rank correlation of deviation and error below which the deviation is said to tell little."""


def explain_levels(report: Mapping[str, Any], settings: LevelSettings) -> str:
    """Say in some sentences where the levels come from.

    :param report: numbers of :func:`~.calibration.find_levels`, eV/Å.
    :param settings: that it was given.
    """
    n, lower, upper = report['n_frames'], _plain(report['lower']), _plain(report['upper'])
    if settings.kind == 'fixed':
        return f'Levels {lower} and {upper} eV/Å were given.'
    if n == 0:
        return (
            'No held-out frame has both a deviation and an error, so the levels given for that case hold: '
            f'{lower} and {upper} eV/Å.'
        )
    if report['ratio'] is None:
        return (
            f'Only {n} held-out frames, {settings.min_frames} are needed for a calibration. Lower level {lower} eV/Å: '
            f'the larger of the one given for that case, {_plain(settings.lower)}, and the median deviation of these, '
            f'{_plain(report["floor"])}; upper level {upper} eV/Å.'
        )
    by_multiple = report['upper'] <= settings.upper_over_lower * report['lower']
    where = f'where that error reaches {_plain(report["reject_error"])} eV/Å'
    if by_multiple:
        where = f'{settings.upper_over_lower:g} times the lower one'
    beyond = ''
    if report['upper'] > report['largest']:
        beyond = f', beyond the largest held-out deviation of {_plain(report["largest"])}: extrapolated'
    terms = ''
    if (w := report['relative']) is not None:
        terms = f' Deviations and errors count times w/(F + w): w = {_plain(w)} eV/Å, F the rms force of the frame.'
    return f'{_explain_lower(report, settings)} Upper level {upper} eV/Å: {where}{beyond}.{terms}'


def _explain_lower(report: Mapping[str, Any], settings: LevelSettings) -> str:
    n, accept, rms, w = (report[key] for key in ('n_frames', 'accept_error', 'reference_rms', 'relative'))
    head = f'Lower level {_plain(report["lower"])} eV/Å: '
    accepted = f'{_plain(accept)} eV/Å'
    if w is not None:
        accepted += f' ({_plain(accept / w)} of F + w)'
    elif rms:
        accepted += f' ({_plain(accept / rms)} of the rms force component)'
    covered = (
        f'{_percent(settings.quantile)} of {n} held-out frames err by less than {_plain(report["ratio"])} ± '
        f'{_plain(report["ratio_error"], 2)} times their deviation'
    )
    trained = report['test_over_training']
    compared = '' if trained is None else f'the held-out force error is {trained:.2f} times that on the training data'
    keep = f'Frames below the level may err by {_plain(report["error_at_lower"])} eV/Å.'
    if report['lower_from'] == 'error':
        more = ''
        if report['floor'] > report['lower']:
            more = f' Frames like the data are candidates too: {compared}, so more of them help.'
        return f'{head}{covered}, so that there the largest error of a force reaches the accepted {accepted}.{more}'
    if report['lower_from'] == 'largest':
        return (
            f'{head}{settings.largest_factor:g} times the largest held-out deviation. The accepted error of {accepted} '
            f'is reached at {_plain(report["by_error"])} eV/Å only ({covered}), but so far out no error is known.'
        )
    if report['lower_from'] == 'between':
        return (
            f'{head}between {_plain(report["by_error"])}, which would promise the accepted error of {accepted} since '
            f'{covered}, and {_plain(report["floor"])}, {_floor(settings, n)}; {compared}, so more data of the same '
            f'kind help somewhat. {keep}'
        )
    return (
        f'{head}{_floor(settings, n)}. To promise the accepted error of {accepted} it had to be '
        f'{_plain(report["by_error"])} ({covered}), but then frames like the data would be candidates, of which more '
        f'would teach little{": " if compared else ""}{compared}. {keep}'
    )


def warn_of_levels(report: Mapping[str, Any], settings: LevelSettings, n_members: int) -> list[str]:
    """Say what speaks against believing the levels.

    :param report: numbers of :func:`~.calibration.find_levels`.
    :param settings: that it was given.
    :param n_members: of the committee.
    """
    said = []
    n, together, rank = report['n_frames'], report['error_over_deviation'], report['rank_correlation']
    if settings.kind == 'calibrated' and n == 0:
        said.append('The trust levels could not be calibrated: no held-out frame has forces and a deviation.')
    elif settings.kind == 'calibrated' and n < settings.min_frames:
        said.append(f'The trust levels rest on {n} held-out frames: hold out more.')
    if together is not None and together > _ERR_TOGETHER:
        alone = 1 / max(1, n_members - 1) ** 0.5
        said.append(
            f'The members err together: the error of their mean is {_plain(together)} times their deviation (rms over '
            f'all atoms), {_plain(alone, 2)} if they erred independently. A small deviation then promises little; a '
            'larger net, more steps or cleaner labels would help.'
        )
    if rank is not None and rank < _SAYS_LITTLE and n >= settings.min_frames:
        said.append(
            f'Among the {n} held-out frames the deviation says little about the error (rank correlation {rank:.2f}): '
            'frames chosen by it are hardly better than random ones there.'
        )
    if report['lower_from'] in ('floor', 'between') and report.get('accept_error'):
        over = report['error_at_lower'] / report['accept_error']
        said.append(
            f'Frames called accurate may err by {_plain(over)} times the accepted error: this committee cannot do '
            'better on frames like its data yet.'
        )
    return said


def _floor(settings: LevelSettings, n: int) -> str:
    share = _percent(settings.floor_quantile)
    return f'{settings.floor_factor:g} times the deviation that {share} of {n} held-out frames keep'


def _plain(value: float, digits: int = 3) -> str:
    """A number of some significant digits, without an exponent as long as it is readable."""
    return f'{float(f"{value:.{digits}g}"):g}'


def _percent(share: float) -> str:
    return f'{100 * share:g} %'
