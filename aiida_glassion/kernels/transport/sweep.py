"""A diffusion sweep as numbers: which runs count, what they say together, which temperatures are left out and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import gcd
from typing import Any

import numpy as np

from aiida_glassion import units
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.transport.conductivity import Conductivity, haven_ratio, per_diffusion
from aiida_glassion.kernels.transport.replicas import Pooled, pool_replicas

Number = dict[str, Any]

_SHARE_DIFFUSIVE = 0.5
"""Fewer of the runs diffusive: the temperature is left out."""
_NEGLIGIBLE = 0.05
"""Share of the conductivity that ions may carry whose D the run does not tell."""
_TOLD = 2.0
"""Standard errors that a collective conductivity must be from zero."""
_FASTEST_DIFFUSION = 1.1


@dataclass(frozen=True)
class IonOfRun:
    """One kind of ion in one run.

    :param D: cm²/s, and its standard deviation.
    :param diffusive: whether that is a diffusion coefficient.
    :param reason: why, or why not.
    :param limit: D may be no larger, cm²/s; None: the run does not say.
    """

    D: float
    error: float
    diffusive: bool
    reason: str
    limit: float | None


@dataclass(frozen=True)
class Run:
    """One glass at one temperature with one seed.

    :param temperature: K.
    :param counts: atoms by element.
    :param length: ps of production.
    :param status: ``converged``, ``budget``, ``not_diffusive`` or ``failed``.
    :param reason: why it ended so.
    :param volume: Å³, mean over the production; None where there was none.
    :param density: g/cm³.
    :param ions: by element; empty where the analysis failed.
    :param charges: of the ions, e; empty where there is no conductivity.
    :param nernst_einstein: S/cm and its standard deviation.
    :param collective: S/cm and its standard deviation.
    """

    label: str
    temperature: float
    glass: str
    seed: int
    counts: Mapping[str, int]
    length: float = 0.0
    status: str = 'failed'
    reason: str = ''
    volume: float | None = None
    density: float | None = None
    ions: Mapping[str, IonOfRun] = field(default_factory=dict)
    charges: Mapping[str, float] = field(default_factory=dict)
    nernst_einstein: tuple[float, float] | None = None
    collective: tuple[float, float] | None = None


def read_run(
    label: str, about: Mapping[str, Any], results: Mapping[str, Any] | None, numbers: Mapping[str, Any] | None
) -> Run:
    """A run from what its work chain and its analysis say.

    :param about: ``temperature`` K, ``glass``, ``seed``, ``counts`` of atoms by element; ``reason`` where it failed.
    :param results: ``length`` ps, ``status``, ``reason``, ``volume`` Å³, ``density`` g/cm³; None: it failed.
    :param numbers: of the analysis, see :func:`aiida_glassion.analysis.store.as_dict`; None: there are none.
    """
    kept = dict(results or {})
    found = ((numbers or {}).get('analyses', {}).get('diffusion') or {}).get('numbers') or {}
    sigma = found.get('conductivity') or {}
    if numbers is not None and not found:
        told = numbers.get('failed', {}).get('diffusion')
        kept['reason'] = f'{kept.get("reason", "")}; {told}'.lstrip('; ') if told else kept.get('reason', '')
    return Run(
        label=label,
        temperature=float(about['temperature']),
        glass=str(about['glass']),
        seed=int(about['seed']),
        counts=dict(about['counts']),
        length=float(kept.get('length') or 0.0),
        status=str(kept.get('status', 'failed')),
        reason=str(kept.get('reason') or about.get('reason') or ''),
        volume=kept.get('volume'),
        density=kept.get('density'),
        ions={element: _ion(entry, float(found['length'])) for element, entry in found.get('ions', {}).items()},
        charges=dict(sigma.get('charges') or {}),
        nernst_einstein=_pair(sigma.get('nernst_einstein')),
        collective=_pair(sigma.get('collective')),
    )


def _ion(entry: Mapping[str, Any], length: float) -> IonOfRun:
    D = entry['D']
    exponent = (entry.get('exponent') or {}).get('mean')
    limit = None
    if length > 0 and (exponent is None or exponent <= _FASTEST_DIFFUSION):
        limit = upper_limit(float(entry['msd_longest']), length, int(D['n']))
    return IonOfRun(float(D['mean']), float(D['standard_error']), bool(entry['diffusive']), str(entry['reason']), limit)


def _pair(number: Mapping[str, Any] | None) -> tuple[float, float] | None:
    return None if number is None else (float(number['mean']), float(number['standard_error']))


def upper_limit(msd: float, time: float, n_ions: int) -> float:
    """The largest D that an MSD without diffusion allows: MSD/(6t), raised to what as many equal walkers exclude.

    The MSD of ions in cages bends down, so its slope is never more than MSD/t; the intercept, what rattling adds, makes
    the limit safer. Walkers with a larger D would show so small an MSD in 2.5 % of draws (a χ² of three numbers each).

    :param msd: at the longest lag, Å².
    :param time: that lag, ps.
    :returns: cm²/s.
    """
    from scipy.stats import chi2

    freedom = 3 * n_ions
    return float(freedom / chi2.ppf(0.025, freedom) * msd / (6 * time) * units.ANGSTROM2_PER_PS_TO_CM2_PER_S)


def temperature_label(temperature: float) -> str:
    """``T0900`` of 900 K, ``T0333p15`` of 333.15 K."""
    whole, _, decimals = f'{temperature:.10g}'.partition('.')
    return f'T{int(whole):04d}' + (f'p{decimals}' if decimals else '')


def formula_of(counts: Mapping[str, int]) -> str:
    """Reduced formula, modifiers first, anions last: ``Na2Si4O9``."""
    roles = network_roles(counts)
    order = {'modifier': 0, 'former': 1, 'anion': 3}
    divisor = reduce(gcd, counts.values())
    elements = sorted(counts, key=lambda element: (order.get(roles[element], 2), element))
    numbers = {element: counts[element] // divisor for element in elements}
    return ''.join(element + (str(number) if number > 1 else '') for element, number in numbers.items())


def pool(runs: Sequence[tuple[str, float, float, float]], by_length: bool = False) -> Number:
    """One number from several runs: those of one glass first, then the glasses, which may differ.

    :param runs: glass, value, its standard deviation, length in ps.
    :param by_length: weights are lengths and values may be negative, as those of a collective conductivity: the whole
        cell is one walker, and a weight by its relative error would favour what came out large.
    """
    mean: Callable[[Sequence[tuple[float, float, float]]], Pooled] = _by_length if by_length else _by_error
    glasses: dict[str, list[tuple[float, float, float]]] = {}
    for glass, *numbers in runs:
        glasses.setdefault(glass, []).append((numbers[0], numbers[1], numbers[2]))
    of_glass = {glass: mean(members) for glass, members in glasses.items()}
    found = next(iter(of_glass.values()))
    widened = found.widened
    if len(of_glass) > 1:
        lengths = {glass: sum(length for *_, length in members) for glass, members in glasses.items()}
        found = mean([(one.value, one.error, lengths[glass]) for glass, one in of_glass.items()])
        widened = found.widened * max(one.widened for one in of_glass.values())
    low, high = found.interval()
    return {
        'mean': found.value, 'standard_error': found.error, 'low': low, 'high': high, 'n': len(runs),
        'n_glasses': len(glasses), 'widened': widened,
    }  # fmt: skip


def _by_error(members: Sequence[tuple[float, float, float]]) -> Pooled:
    return pool_replicas([value for value, *_ in members], [error for _, error, _ in members])


def _by_length(members: Sequence[tuple[float, float, float]]) -> Pooled:
    values, errors, lengths = np.array(members, dtype=np.float64).T
    weights = lengths / lengths.sum()
    mean, error, widened = float(weights @ values), float(np.sqrt((weights**2) @ errors**2)), 1.0
    if len(values) > 1 and error > 0:
        scatter = np.sqrt((weights * (values - mean) ** 2).sum() / (len(values) - 1))
        widened = max(1.0, float(scatter) / error)
    return Pooled(mean, error * widened, widened, len(values))


def plain_mean(values: Sequence[float]) -> Number | None:
    """Mean over runs whose own errors are not known; its error is their scatter."""
    if not values:
        return None
    from scipy.stats import t

    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return {'mean': mean, 'standard_error': None, 'low': None, 'high': None, 'n': 1, 'widened': 1.0}
    error = float(np.std(values, ddof=1) / np.sqrt(n))
    reach = float(t.ppf(0.975, n - 1)) * error
    return {
        'mean': mean, 'standard_error': error, 'low': mean - reach, 'high': mean + reach, 'n': n, 'widened': 1.0,
    }  # fmt: skip


def pool_ion(runs: Sequence[Run], element: str) -> dict[str, Any]:
    """D of an ion at one temperature, or why there is none and what it cannot exceed.

    :param runs: of one composition at one temperature.
    """
    told = [(run, run.ions[element]) for run in runs if element in run.ions]
    if not told:
        return {'D': None, 'upper_limit': None, 'excluded': _no_result(runs)}
    good = [(run, ion) for run, ion in told if ion.diffusive and ion.D > 0 and ion.error > 0]
    if good and len(good) >= _SHARE_DIFFUSIVE * len(told):
        number = pool([(run.glass, ion.D, ion.error, run.length) for run, ion in good])
        return {'D': number, 'upper_limit': None, 'excluded': None}
    limits = [ion.limit for _, ion in told]
    limit = None if None in limits else max(value for value in limits if value is not None)
    why = next(ion.reason for _, ion in told if (not ion.diffusive) or ion.D <= 0)
    many = 'the run is not diffusive' if len(told) == 1 else f'none of {len(told)} runs is diffusive'
    if good:
        many = f'only {len(good)} of {len(told)} runs {"are" if len(good) > 1 else "is"} diffusive'
    how = '' if limit is None else f'; D is below {limit:.2g} cm²/s (97.5 % limit of the largest MSD over 6t)'
    return {'D': None, 'upper_limit': limit, 'excluded': f'{many} ({why}){how}'}


def _no_result(runs: Sequence[Run]) -> str:
    reasons = list(dict.fromkeys(run.reason for run in runs if run.reason))
    return 'no run gave a result' + (f': {reasons[0]}' if reasons else '')


def conducts(run: Run) -> str | None:
    """Why a run has no conductivity; None: it has one.

    Ions whose D the run does not tell are forgiven where they could carry a twentieth of the current at most.
    """
    if run.nernst_einstein is None or run.volume is None:
        return 'no conductivity was found' if run.ions else _no_result([run])
    carried, unknown = 0.0, []
    for element, ion in run.ions.items():
        charge = run.charges.get(element, 0.0)
        factor = per_diffusion(run.counts[element], run.volume, run.temperature, charge)
        if not ion.diffusive and charge:
            unknown.append(element)
            carried += factor * max(ion.D, ion.limit if ion.limit is not None else float('inf'))
    if carried > _NEGLIGIBLE * run.nernst_einstein[0]:
        return f'{", ".join(unknown)}: {run.ions[unknown[0]].reason}'
    return None if run.nernst_einstein[0] > 0 and run.nernst_einstein[1] > 0 else 'the ions do not move'


def pool_conductivity(runs: Sequence[Run]) -> dict[str, Any]:
    """Both conductivities and the Haven ratio at one temperature, or why there are none."""
    nothing = {'nernst_einstein': None, 'collective': None, 'haven_ratio': None}
    told = [run for run in runs if run.ions]
    if not told:
        return {**nothing, 'excluded': _no_result(runs)}
    good = [run for run in told if conducts(run) is None]
    if not good or len(good) < _SHARE_DIFFUSIVE * len(told):
        why = next(reason for run in told if (reason := conducts(run)))
        return {**nothing, 'excluded': f'{len(good)} of {len(told)} runs tell it ({why})'}
    tracer = pool([(run.glass, *run.nernst_einstein, run.length) for run in good if run.nernst_einstein])
    with_collective = [(run.glass, *run.collective, run.length) for run in good if run.collective is not None]
    collective = pool(with_collective, by_length=True) if with_collective else None
    haven = None
    if collective is not None and collective['mean'] > 0:
        one, two = (Conductivity(n['mean'], n['standard_error']) for n in (tracer, collective))
        ratio = haven_ratio(one, two)
        haven = {
            'mean': ratio.value, 'standard_error': ratio.error, 'low': ratio.low,
            'high': ratio.high if np.isfinite(ratio.high) else None, 'n': collective['n'],
            'widened': max(tracer['widened'], collective['widened']),
        }  # fmt: skip
    return {'nernst_einstein': tracer, 'collective': collective, 'haven_ratio': haven, 'excluded': None}


def is_told(number: Mapping[str, Any]) -> bool:
    """Whether a number is further from zero than chance."""
    return bool(number['mean'] > _TOLD * number['standard_error'])
