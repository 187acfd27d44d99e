"""Everything that can be said of a data set in one report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.duplicates import TOLERANCE, find_duplicates
from aiida_glassion.kernels.dataset.energy_shifts import CompositionEnergies
from aiida_glassion.kernels.dataset.outliers import (
    ENERGY_SCORE,
    LARGEST_FORCE,
    LARGEST_PRESSURE,
    OutlierSearch,
)
from aiida_glassion.kernels.dataset.statistics import UNITS, DatasetStatistics

DEFAULTS: dict[str, float] = {
    'energy_score': ENERGY_SCORE,
    'largest_force': LARGEST_FORCE,
    'largest_pressure': LARGEST_PRESSURE,
    'tolerance': TOLERANCE,
}
"""Limits of outliers (robust standard deviations, eV/Å, GPa) and of duplicates (Å)."""


def report_frames(read: Callable[[], Iterable[Frames]], settings: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Statistics by formula, shifts of energy, outliers and duplicates.

    :param read: gives the frames, one set after another, always the same.
    :param settings: changes of :data:`DEFAULTS`.
    :returns: plain numbers; frames are named by their number in the order in which they come.
    :raises ValueError: an unknown setting, or no frames.
    """
    limits = check_settings(settings)
    tolerance = limits.pop('tolerance')
    statistics, energies, search = DatasetStatistics(), CompositionEnergies(), OutlierSearch(**limits)
    for frames in read():
        for part in (statistics, energies, search):
            part.add(frames)
    fitted = energies.fit()
    formulas = statistics.result()
    return {
        'n_frames': sum(entry['n_frames'] for entry in formulas.values()),
        'formulas': formulas,
        'energy_fit': {**asdict(fitted), 'message': fitted.message},
        'outliers': [asdict(outlier) for outlier in search.outliers()],
        'duplicates': [{'frame': frame, 'of': first} for frame, first in find_duplicates(read, tolerance)],
        'settings': {**limits, 'tolerance': tolerance},
        'units': {**UNITS, 'energy_fit': 'eV per atom', 'tolerance': 'Å', 'largest_force': 'eV/Å',
                  'largest_pressure': 'GPa', 'energy_score': 'robust standard deviations'},
    }  # fmt: skip


def check_settings(settings: Mapping[str, float] | None) -> dict[str, float]:
    """:data:`DEFAULTS` with changes.

    :raises ValueError: an unknown key.
    """
    unknown = sorted(set(settings or {}) - set(DEFAULTS))
    if unknown:
        raise ValueError(f'unknown setting {", ".join(unknown)}; there are {", ".join(DEFAULTS)}')
    return {**DEFAULTS, **(settings or {})}


def refused_frames(report: Mapping[str, Any], outliers: bool, duplicates: bool) -> dict[int, str]:
    """Frames to leave out, with the reason of each.

    :param report: what :func:`report_frames` returned.
    :param outliers: leave outliers out.
    :param duplicates: leave duplicates out; the first frame of each geometry stays unless it is an outlier, then the
        next one stays.
    """
    refused: dict[int, str] = {}
    if outliers:
        for outlier in report['outliers']:
            known = refused.get(outlier['frame'])
            refused[outlier['frame']] = f'{known}; {outlier["reason"]}' if known else outlier['reason']
    stays: dict[int, int] = {}
    for entry in report['duplicates'] if duplicates else []:
        frame, first = entry['frame'], entry['of']
        if frame in refused:
            continue
        keeper = stays.get(first, first)
        if keeper in refused:
            stays[first] = frame
        else:
            refused[frame] = f'the same geometry as frame {keeper} of the dataset'
    return dict(sorted(refused.items()))


def ledger_of(refused: Mapping[int, str], systems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Refused frames by system, as plain values.

    :param refused: number of a frame -> why.
    :param systems: name and n_frames of each, in the order in which their frames come.
    """
    entries: list[dict[str, Any]] = []
    start = 0
    for system in systems:
        last = start + system['n_frames']
        entries += [
            {'frame': frame, 'system': system['name'], 'in_system': frame - start, 'reason': reason}
            for frame, reason in refused.items()
            if start <= frame < last
        ]
        start = last
    return {'n_frames': start, 'n_refused': len(refused), 'refused': entries}
