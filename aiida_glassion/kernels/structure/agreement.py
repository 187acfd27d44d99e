"""Do glasses agree? Differences of g(r), coordination, anions, clusters and density against limits and errors."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.anions import MANY
from aiida_glassion.kernels.structure.measured import Curve, MeasuredGlass, Value

FloatArray = npt.NDArray[np.float64]
Criterion = dict[str, Any]

LIMITS: dict[str, float] = {
    'rdf_total': 5.0,
    'rdf_pair': 10.0,
    'coordination': 0.1,
    'anions': 0.05,
    'qn': 0.1,
    'clusters': 0.1,
    'density': 0.03,
    'k_sigma': 3.0,
    'noise_margin': 1.5,
}
"""What two glasses may differ by beyond their sampling errors.

``rdf_total``, ``rdf_pair``: R_χ of T(r), %; ``coordination``: neighbours; ``anions``, ``qn``, ``clusters``: shares of
the atoms; ``density``: relative. ``k_sigma``: so many standard errors are granted in addition; ``noise_margin``: so
many times the R_χ that two samples of one glass would show, added in quadrature.
"""


def r_chi(first: FloatArray, second: FloatArray, base: FloatArray | None = None) -> float:
    """R_χ = 100 √(Σ(T_a − T_b)²/ΣT²), per cent (A. C. Wright, J. Non-Cryst. Solids 159, 264 (1993)).

    :param first: (n_bins,), T(r).
    :param second: (n_bins,), T(r) on the same r.
    :param base: T in the denominator; default the mean of both (choice: neither is the experiment).
    """
    below = (first + second) / 2 if base is None else base
    norm = float((below**2).sum())
    return 100 * float(np.sqrt(((first - second) ** 2).sum() / norm)) if norm > 0 else 0.0


def expected_r_chi(first: Curve, second: Curve) -> float:
    """R_χ that two samples of the same glass show by their errors alone, per cent."""
    norm = float((((first.values + second.values) / 2) ** 2).sum())
    noise = float((first.error**2 + second.error**2).sum())
    return 100 * float(np.sqrt(noise / norm)) if norm > 0 else 0.0


def compare_glasses(
    glasses: Mapping[str, MeasuredGlass], limits: Mapping[str, float], reference: MeasuredGlass | None = None
) -> list[Criterion]:
    """Compare glasses with each other, or each with a reference: one criterion by quantity, of the worst pair.

    :param glasses: by member.
    :param limits: see :data:`LIMITS`.
    :param reference: if given, each glass is compared with it instead of with the others.
    """
    if reference is None:
        pairs = list(combinations(sorted(glasses), 2))
        sides = [((a, b), glasses[a], glasses[b]) for a, b in pairs]
    else:
        sides = [((name, 'the reference'), glass, reference) for name, glass in sorted(glasses.items())]
    found: dict[str, Criterion] = {}
    for names, one, other in sides:
        for criterion in _differences(names, one, other, limits):
            kept = found.get(criterion['name'])
            if kept is None or _excess(criterion) > _excess(kept):
                found[criterion['name']] = criterion
    return list(found.values())


def _excess(criterion: Criterion) -> float:
    return float(criterion['value'] / criterion['limit']) if criterion['limit'] else np.inf


def _differences(
    names: tuple[str, str], one: MeasuredGlass, other: MeasuredGlass, limits: Mapping[str, float]
) -> list[Criterion]:
    found = [_curve(names, 'rdf_total', 'g(r) of all atoms', one.total, other.total, limits['rdf_total'], limits)]
    for pair in one.pairs:
        words = f'{pair} g(r)'
        found.append(
            _curve(names, f'rdf_{pair}', words, one.pairs[pair], other.pairs[pair], limits['rdf_pair'], limits)
        )
    for former, value in one.coordination.items():
        words = f'mean number of anions around {former}'
        limit = limits['coordination']
        found.append(_number(names, f'coordination_{former}', words, value, other.coordination[former], limit, limits))
    for quantity, shares in one.shares.items():
        found.append(_shares(names, quantity, shares, other.shares[quantity], limits))
    if one.density is not None and other.density is not None:
        mean = (one.density.mean + other.density.mean) / 2
        ours, theirs = (Value(d.mean / mean, d.error / mean) for d in (one.density, other.density))
        criterion = _number(names, 'density', 'density over its mean', ours, theirs, limits['density'], limits)
        values = f'{one.density.mean:.3f} and {other.density.mean:.3f} g/cm³'
        found.append({**criterion, 'words': f'{criterion["words"]}; {values}'})
    return found


def _curve(
    names: tuple[str, str], name: str, words: str, one: Curve, other: Curve, limit: float, limits: Mapping[str, float]
) -> Criterion:
    """R_χ of two T(r): allowed is the limit and, in quadrature, what sampling alone shows."""
    n_bins = min(len(one.values), len(other.values))
    one, other = (Curve(curve.values[:n_bins], curve.error[:n_bins]) for curve in (one, other))
    base = other.values if names[1] == 'the reference' else None
    value, noise = r_chi(one.values, other.values, base), expected_r_chi(one, other)
    resolved = bool(np.isfinite(noise) and noise <= limit)
    allowed = float(np.hypot(limit, limits['noise_margin'] * noise)) if np.isfinite(noise) else 1e3
    said = (
        f'{words} of {names[0]} and {names[1]} differ by R_χ {value:.1f} % '
        f'(limit {limit:g} %, {allowed:.1f} % with the sampling error of {noise:.1f} %)'
    )
    return _criterion(name, value, allowed, noise if np.isfinite(noise) else None, resolved, said)


def _number(
    names: tuple[str, str], name: str, words: str, one: Value, other: Value, limit: float, limits: Mapping[str, float]
) -> Criterion:
    difference, error = abs(one.mean - other.mean), float(np.hypot(one.error, other.error))
    allowed = limit + limits['k_sigma'] * error
    said = (
        f'{words} of {names[0]} and {names[1]}: {one.mean:.3f} and {other.mean:.3f}, difference {difference:.3f} '
        f'(limit {limit:g}, {allowed:.3f} with {limits["k_sigma"]:g} times the error of {error:.3f})'
    )
    return _criterion(name, difference, allowed, error, error <= limit, said)


def _shares(
    names: tuple[str, str],
    quantity: str,
    one: Mapping[str, Value],
    other: Mapping[str, Value],
    limits: Mapping[str, float],
) -> Criterion:
    """The class whose shares differ most, relative to what is allowed."""
    kind, element = quantity.split(' ')
    error = max(value.error for value in [*one.values(), *other.values()]) / np.sqrt(2)
    absent = Value(0.0, error)
    of = {'anions': f'of {element} that are', 'clusters': f'of {element} in', 'qn': f'of {element} that are'}[kind]
    criteria = [
        _number(
            names,
            f'{kind}_{element}',
            f'share {of} {"clusters of three formers or more" if label == MANY else label}',
            one.get(label, absent),
            other.get(label, absent),
            limits[kind],
            limits,
        )
        for label in sorted({*one, *other})
    ]
    return max(criteria, key=_excess)


def _criterion(name: str, value: float, limit: float, error: float | None, resolved: bool, words: str) -> Criterion:
    """``resolved``: the error is smaller than what is looked for, so that a difference would have shown."""
    met = bool(value <= limit)
    return {
        'name': name,
        'value': value,
        'limit': limit,
        'met': met,
        'words': words,
        'error': error,
        'resolved': resolved,
    }
