"""Whether one run of a sweep is long enough, and what it says at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion import units

CONVERGED, BUDGET, NOT_DIFFUSIVE = 'converged', 'budget', 'not_diffusive'


@dataclass(frozen=True)
class Verdict:
    """Of a run so far.

    :param D: cm²/s by ion; None: the analysis says none.
    :param relative_error: by ion, standard error over D.
    :param diffusive: by ion.
    :param reached: every ion is diffusive and its D as precise as wanted.
    :param reason: why, or why not.
    """

    D: dict[str, float | None]
    relative_error: dict[str, float | None]
    diffusive: dict[str, bool]
    reached: bool
    reason: str


def judge_run(numbers: Mapping[str, Any], goal: float) -> Verdict:
    """Whether a run may end.

    :param numbers: of its analysis, see :func:`aiida_glassion.analysis.store.as_dict`.
    :param goal: largest relative standard error of D.
    """
    entry = numbers.get('analyses', {}).get('diffusion')
    if entry is None:
        reason = numbers.get('failed', {}).get('diffusion') or 'the analysis says nothing of diffusion'
        return Verdict({}, {}, {}, False, str(reason))
    ions = entry['numbers']['ions']
    D = {element: _mean(ion) for element, ion in ions.items()}
    relative = {element: _relative(ion) for element, ion in ions.items()}
    diffusive = {element: bool(ion['diffusive']) for element, ion in ions.items()}
    reasons = []
    for element, ion in ions.items():
        error = relative[element]
        if not diffusive[element]:
            reasons.append(f'{element} is not diffusive: {ion["reason"]}')
        elif error is None or error > goal:
            told = 'none' if error is None else f'{100 * error:.0f} %'
            reasons.append(f'{element}: relative error of D {told}, wanted {100 * goal:.3g} %')
    return Verdict(D, relative, diffusive, not reasons, '; '.join(reasons) or _precise(relative))


def _mean(ion: Mapping[str, Any]) -> float | None:
    value = ion['D']['mean']
    return None if value is None else float(value)


def _relative(ion: Mapping[str, Any]) -> float | None:
    mean, error = ion['D']['mean'], ion['D']['standard_error']
    return float(error / mean) if mean and error is not None and mean > 0 else None


def _precise(relative: Mapping[str, float | None]) -> str:
    return 'relative error of D: ' + ', '.join(f'{element} {100 * (e or 0):.2g} %' for element, e in relative.items())


def report_run(
    about: Mapping[str, Any], progress: Sequence[Mapping[str, Any]], numbers: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Results and history of a run.

    :param about: ``temperature`` K, ``seed``, ``relative_error`` (wanted), ``lengths`` (of the run after each segment,
        ps) and, where a segment failed, ``stopped``.
    :param progress: numbers of the analysis after each segment.
    :param numbers: of the last analysis; None: there is none.
    """
    goal, lengths = about['relative_error'], about['lengths']
    history = [
        {'length': length, **asdict(judge_run(entry, goal))} for length, entry in zip(lengths, progress, strict=False)
    ]
    last = numbers if numbers is not None else progress[-1] if progress else None
    verdict = None if last is None else judge_run(last, goal)
    status = NOT_DIFFUSIVE
    if verdict is not None and verdict.diffusive and all(verdict.diffusive.values()):
        status = CONVERGED if verdict.reached else BUDGET
    reason = 'there was no production' if verdict is None else verdict.reason
    if about.get('stopped'):
        reason = f'{reason}; production ended early: {about["stopped"]}'
    found = ((last or {}).get('analyses', {}).get('diffusion') or {}).get('numbers', {})
    volume = found.get('volume')
    results = {
        'temperature': about['temperature'],
        'seed': about['seed'],
        'length': lengths[-1] if lengths else 0.0,
        'n_segments': len(lengths),
        'status': status,
        'reason': reason,
        'relative_error': {} if verdict is None else verdict.relative_error,
        'volume': volume,
        'density': None if volume is None or last is None else density_of(last['system']['counts'], volume),
        'units': {'temperature': 'K', 'length': 'ps', 'volume': 'Å³', 'density': 'g/cm³'},
    }
    by_segment = {f'segment_{number:02d}': entry for number, entry in enumerate(history)}
    return results, {'segments': by_segment, 'wanted': goal, 'units': {'length': 'ps', 'D': 'cm²/s'}}


def density_of(counts: Mapping[str, int], volume: float) -> float:
    """Mass density, g/cm³.

    :param counts: atoms by element.
    :param volume: Å³.
    """
    from ase.data import atomic_masses, atomic_numbers

    mass = sum(number * atomic_masses[atomic_numbers[element]] for element, number in counts.items())
    return float(mass / volume * units.AMU_PER_ANGSTROM3_TO_G_PER_CM3)


def mean_cell(cells: npt.NDArray[np.float64], last_part: float = 0.5) -> npt.NDArray[np.float64]:
    """Mean of the last part of a run's cells, (3, 3), Å.

    :param cells: (n, 3, 3), Å.
    :raises ValueError: there is none.
    """
    if not len(cells):
        raise ValueError('cells: none, expected those of a run')
    mean: npt.NDArray[np.float64] = cells[int(len(cells) * (1 - last_part)) :].mean(axis=0)
    return mean


def moved_framework(
    curves: Mapping[str, npt.NDArray[Any]], numbers: Mapping[str, Any], kind: str = 'flexibility'
) -> str | None:
    """In words, that a network former went further than a bond: a melt, not a glass. None: none did, or nobody knows.

    :param curves: arrays ``flexibility__msd_Si__y``, Å².
    """
    system = numbers.get('system') or {}
    for former in sorted(element for element, role in system.get('roles', {}).items() if role == 'former'):
        msd = curves.get(f'{kind}__msd_{former}__y')
        bonds = [
            length
            for pair, length in system.get('bond_lengths', {}).items()
            if former in pair.split('-') and any(system['roles'].get(e) == 'anion' for e in pair.split('-'))
        ]
        if msd is None or not len(msd) or not bonds:
            continue
        went = float(np.sqrt(max(0.0, float(msd[-1]))))
        if went > min(bonds):
            return (
                f'{former} goes {went:.1f} Å, further than its bond of {min(bonds):.1f} Å: a melt, not a glass; '
                'its line need not go on below the glass transition'
            )
    return None
