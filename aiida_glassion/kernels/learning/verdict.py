"""May the errors of a committee be believed, and could they be smaller: with numbers, not with hope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_glassion.kernels.learning.curve import End

_MILLI = 1e3
_FEW_FRAMES = 30
_LEARNED_LITTLE = 0.5
"""An error of forces larger than this part of the forces themselves is that of a model that knows little."""
_UNITS = {'energy': 'meV/atom', 'force': 'meV/Å', 'virial': 'meV/atom'}


def judge_committee(
    errors: Mapping[str, Any],
    ends: Mapping[str, Mapping[str, Mapping[str, End]]],
    nearest: Sequence[float] = (),
    *,
    fall: float = 0.1,
    test_over_training: float = 1.5,
    near: float = 0.1,
) -> dict[str, Any]:
    """Verdict on a training.

    ``converged`` is true where the curves are flat and the test error is that of the training; false where one of
    both is measurably not so; None where the numbers are too noisy to tell.

    :param errors: table of :func:`~aiida_glassion.kernels.learning.errors.committee_errors`.
    :param ends: ends of the learning curves by member (:func:`~aiida_glassion.kernels.learning.curve.ends_of`).
    :param nearest: distance of each test frame to the nearest training frame, Å.
    :param fall: relative fall over the judged part of the steps that counts as still falling.
    :param test_over_training: ratio of test and training error beyond which a model has learned by heart.
    :param near: distance below which a test frame was as good as learned, Å.
    :returns: ``converged``, ``reason``, ``warnings``, and the numbers behind them.
    """
    curves = {
        name: curve for name in ('force', 'energy') if (curve := _committee_curve(ends, name, fall))['n_members'] > 0
    }
    training = {name: final for name in _UNITS if (final := _training_error(ends, name)) is not None}
    ratios = {
        name: errors[name]['rmse']['mean'] / value for name, value in training.items() if name in errors and value > 0
    }
    verdict: dict[str, Any] = {
        'curves': curves,
        'training_rmse': training,
        'test_over_training': ratios,
        'leak': _leak(np.asarray(nearest, dtype=float), near),
    }
    fit = {name: _judge_ratio(errors[name], training[name], ratios[name], test_over_training) for name in ratios}
    says = _sentences(errors, verdict, fit, test_over_training, near)
    main = curves.get('force') or curves.get('energy')
    still = main['verdict'] if main else 'unclear'
    first = fit.get('force') or fit.get('energy') or 'unclear'
    converged: bool | None = None
    if still in ('falling', 'rising') or first == 'worse' or _relative(errors) > _LEARNED_LITTLE:
        converged = False
    elif still == 'flat' and first == 'alike':
        converged = True
    words = {True: 'The errors have settled.', False: 'Not converged.', None: 'It cannot be told whether it converged.'}
    return {
        **verdict,
        'converged': converged,
        'reason': ' '.join([words[converged], *says['reason']]),
        'warnings': says['warnings'],
    }


def _committee_curve(
    ends: Mapping[str, Mapping[str, Mapping[str, End]]], quantity: str, limit: float
) -> dict[str, Any]:
    """Fall of one error at the end of training over all members, of validation data where there are some."""
    found = []
    source = 'training'
    for curves in ends.values():
        source = 'validation' if quantity in curves.get('validation', {}) else 'training'
        end = curves.get(source, {}).get(quantity)
        if end is not None and end.fall is not None:
            found.append(end)
    result: dict[str, Any] = {'of': source, 'n_members': len(found), 'fall': None, 'fall_error': None}
    result['verdict'] = 'unclear'
    if found:
        falls = [float(end.fall or 0.0) for end in found]
        # members differ by chance and each is noisy: the larger of both spreads
        own = float(np.sqrt(np.sum([float(end.fall_error or 0.0) ** 2 for end in found]))) / len(found)
        between = float(np.std(falls, ddof=1) / np.sqrt(len(falls))) if len(falls) > 1 else 0.0
        mean, error = float(np.mean(falls)), max(own, between)
        result |= {'fall': mean, 'fall_error': error}
        if abs(mean) > limit and abs(mean) > 2 * error:
            result['verdict'] = 'falling' if mean > 0 else 'rising'
        elif abs(mean) + 2 * error < limit:
            result['verdict'] = 'flat'
    return result


def _training_error(ends: Mapping[str, Mapping[str, Mapping[str, End]]], quantity: str) -> float | None:
    """Error on the training data at the end, mean over the members, in the unit of the test error."""
    finals = [curves['training'][quantity].final for curves in ends.values() if quantity in curves.get('training', {})]
    return _MILLI * float(np.mean(finals)) if finals else None


def _judge_ratio(entry: Mapping[str, Any], training: float, ratio: float, limit: float) -> str:
    """Is the test error more than ``limit`` times that of the training, beyond its own uncertainty?"""
    error = float(entry['rmse'].get('standard_error') or 0.0)
    if ratio > limit and entry['rmse']['mean'] - 2 * error > limit * training:
        return 'worse'
    return 'alike' if ratio <= limit else 'unclear'


def _relative(errors: Mapping[str, Any]) -> float:
    """Force error in units of the forces themselves; 0 where it is not known."""
    force = errors.get('force') or {}
    reference = force.get('reference_rms')
    return float(force['rmse']['mean'] / reference) if reference else 0.0


def _leak(nearest: Any, near: float) -> dict[str, Any]:
    known = nearest[np.isfinite(nearest)]
    return {
        'n_compared': len(nearest),
        'n_near': int(np.sum(nearest < near)),
        'n_same': int(np.sum(nearest < 1e-3)),
        'n_other_atoms': int(len(nearest) - len(known)),
        'median_distance': float(np.median(known)) if len(known) else None,
        'near': near,
        'unit': 'Å',
    }


def _sentences(
    errors: Mapping[str, Any], verdict: Mapping[str, Any], fit: Mapping[str, str], limit: float, near: float
) -> dict[str, list[str]]:
    reason, warnings = [], []
    for name, curve in verdict['curves'].items():
        if curve['verdict'] == 'unclear' and name != 'force':
            continue
        words = {'falling': 'still falls', 'rising': 'rises', 'flat': 'is flat', 'unclear': 'is too noisy to judge'}
        text = f'The {name} error of the {curve["of"]} data {words[curve["verdict"]]}'
        change = f'{100 * curve["fall"]:.0f} ± {100 * curve["fall_error"]:.0f} %' if curve['fall'] is not None else ''
        reason.append(f'{text} over the last part of the steps ({change} less at the end).'.replace('-', '−'))
        if curve['verdict'] == 'falling':
            warnings.append(f'{text} at the end of training ({change}): train for more steps.')
        if curve['verdict'] == 'rising':
            warnings.append(f'{text} at the end of training ({change}): it is learning by heart, or unstable.')
    for name, ratio in verdict['test_over_training'].items():
        test, training = errors[name]['rmse'], verdict['training_rmse'][name]
        error = '' if test.get('standard_error') is None else f' ± {_plain(test["standard_error"], 2)}'
        numbers = (
            f'{_plain(test["mean"])}{error} {_UNITS[name]} on the test set, {_plain(training)} on the training data'
        )
        if name == 'force' or fit[name] == 'worse':
            reason.append(f'{name.capitalize()} error: {numbers} (× {ratio:.2f}).')
        if fit[name] == 'worse':
            warnings.append(
                f'The {name} error is {ratio:.1f} times larger on the test set ({numbers}): more data or a smaller '
                f'model would help; up to × {limit:g} is usual.'
            )
    if (relative := _relative(errors)) > _LEARNED_LITTLE:
        numbers = f'{_plain(errors["force"]["rmse"]["mean"])} of {_plain(errors["force"]["reference_rms"])} meV/Å'
        warnings.append(
            f'The force error is {100 * relative:.0f} % of the forces themselves ({numbers}): little was learned.'
        )
    leak = verdict['leak']
    if leak['n_near']:
        warnings.append(
            f'{leak["n_near"]} of {leak["n_compared"]} test frames compared lie within {near:g} Å (rms) of a training '
            f'frame, {leak["n_same"]} are the same: their error is one of training; hold out runs or compositions.'
        )
    if errors.get('n_frames', 0) < _FEW_FRAMES:
        warnings.append(f'The test set has {errors.get("n_frames", 0)} frames: its errors are uncertain.')
    ratio = (errors.get('deviation') or {}).get('error_over_deviation')
    if ratio is not None and ratio > 2:
        warnings.append(
            f'The members err together: the error of their mean is {ratio:.1f} times their disagreement, so trust '
            'levels must be set by the error and not by the deviation alone.'
        )
    return {'reason': reason, 'warnings': warnings}


def _plain(value: float, digits: int = 3) -> str:
    """A number of some significant digits, without an exponent as long as it is readable: 2130, 0.0412."""
    return f'{float(f"{value:.{digits}g}"):g}'
