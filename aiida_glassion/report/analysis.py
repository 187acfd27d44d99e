"""What was found in trajectories, as tables, figures and the page take it: one, or the mean over replicas."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.run import Outcome
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.statistics import average_records, curve_mean_and_error
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.report.figures.style import formula_text

_SPECIES = frozenset(
    {
        *('units', 'clusters', 'cluster_counts', 'cluster_shares', 'distribution', 'anions', 'qn', 'bridges'),
        *('anion_pairs', 'free_anions', 'formers_by_size', 'per_node', 'per_cell'),
    }
)
"""Keys under which the numbers of species stand; one that is missing is zero."""


@dataclass(frozen=True, eq=False)
class Analysed:
    """A trajectory that was analysed, or the mean over several replicas of one glass.

    :param name: of the trajectory, as figures and tables call it.
    :param counts: atoms of each element.
    :param results: by kind of analysis.
    :param failed: why a kind has no result.
    :param n_frames: frames that were analysed, over all replicas.
    :param cutoffs: of bonds, Å, by pair of elements (``Si-O``); means over replicas.
    :param bond_lengths: first maxima of g(r), Å, by the same pairs.
    :param warnings: what is odd, by kind; ``''`` for the trajectory as a whole.
    :param frames: the last frame, for its picture; None: none is shown.
    :param members: names of the replicas.
    :param seconds: wall time of each part.
    """

    name: str
    counts: Mapping[str, int]
    results: Mapping[str, Result]
    failed: Mapping[str, str] = field(default_factory=dict)
    n_frames: int = 1
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    bond_lengths: Mapping[str, float] = field(default_factory=dict)
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    frames: Frames | None = None
    members: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return sum(self.counts.values())

    @property
    def formula(self) -> str:
        """Atoms of the cell, ``Na80O360Si160``."""
        return ''.join(f'{element}{count}' for element, count in self.counts.items())

    @property
    def reduced_formula(self) -> str:
        """The same in the smallest whole numbers, as a heading: ``Na₂Si₄O₉``, anions last."""
        roles = network_roles(self.counts)
        divisor = math.gcd(*self.counts.values())
        ordered = sorted(self.counts, key=lambda element: ('modifier', 'former', 'anion').index(roles[element]))
        numbers = {element: self.counts[element] // divisor for element in ordered}
        return formula_text(''.join(f'{element}{n if n > 1 else ""}' for element, n in numbers.items()))

    @property
    def errors_from(self) -> str:
        """Where the errors come from, in words."""
        if len(self.members) > 1:
            return f'mean ± standard error of {len(self.members)} replicas'
        if self.n_frames > 1:
            return f'mean ± standard error over blocks of {self.n_frames} frames of one trajectory'
        return 'one frame: no error can be given'

    def curves(self, *kinds: str) -> dict[str, Curve]:
        """Curves of some kinds of analysis, together."""
        return {
            name: curve for kind in kinds if kind in self.results for name, curve in self.results[kind].curves.items()
        }

    def all_warnings(self) -> Iterator[tuple[str, str]]:
        """Kind (empty: the trajectory) and sentence of every warning, each once."""
        seen: set[str] = set()
        for kind, sentences in self.warnings.items():
            for sentence in sentences:
                if sentence not in seen:
                    seen.add(sentence)
                    yield kind, sentence


def analysed(name: str, outcome: Outcome, frames: Frames | None = None) -> Analysed:
    """What was found in one trajectory.

    :param frames: its last frame, for the picture.
    """
    system = outcome.system
    warnings = {'': [*outcome.warnings, *system.warnings]}
    warnings |= {kind: list(result.warnings) for kind, result in outcome.results.items()}
    return Analysed(
        name=name,
        counts=dict(sorted(Counter(system.symbols).items())),
        results=outcome.results,
        failed=outcome.failed,
        n_frames=outcome.n_frames,
        cutoffs=_named(system.cutoffs),
        bond_lengths=_named(system.bond_lengths),
        warnings=warnings,
        frames=frames,
        members=(name,),
        seconds=outcome.seconds,
    )


def _named(pairs: Mapping[tuple[str, str], float]) -> dict[str, float]:
    return {'-'.join(pair): float(value) for pair, value in pairs.items()}


def mean_of_replicas(replicas: Sequence[Analysed], name: str) -> Analysed:
    """Mean over replicas of one glass, with the standard error over them; each counts once, however many frames it has.

    :raises ValueError: no replica, or the replicas are not of the same composition.
    """
    first = replicas[0]
    for replica in replicas[1:]:
        if shares(replica.counts) != shares(first.counts):
            raise ValueError(
                f'{first.name} is {first.formula}, {replica.name} is {replica.formula}: replicas are of one '
                'composition; compare them with --as compare'
            )
    if len(replicas) == 1:
        return first
    kinds = list(dict.fromkeys(kind for replica in replicas for kind in replica.results))
    there = {kind: [replica.results[kind] for replica in replicas if kind in replica.results] for kind in kinds}
    failed = {f'{kind} of {r.name}': reason for r in replicas for kind, reason in r.failed.items()}
    lost = {kind: reason for kind, reason in first.failed.items() if all(kind in r.failed for r in replicas)}
    return Analysed(
        name=name,
        counts=first.counts,
        results={kind: _mean_result(found) for kind, found in there.items()},
        failed=lost or failed,
        n_frames=sum(replica.n_frames for replica in replicas),
        cutoffs=_mean_pairs([replica.cutoffs for replica in replicas]),
        bond_lengths=_mean_pairs([replica.bond_lengths for replica in replicas]),
        warnings=_whose(replicas),
        frames=first.frames,
        members=tuple(replica.name for replica in replicas),
        seconds={key: sum(r.seconds.get(key, 0.0) for r in replicas) for key in first.seconds},
    )


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Atomic fractions to one in a thousand: what tells whether two glasses are of one composition."""
    total = sum(counts.values())
    return {element: round(count / total, 3) for element, count in sorted(counts.items())}


def _whose(replicas: Sequence[Analysed]) -> dict[str, list[str]]:
    """Warnings of replicas, each once with the names of those it is true of; numbers in it may differ."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for replica in replicas:
        for kind, sentence in replica.all_warnings():
            found.setdefault((kind, re.sub(r'\d+(\.\d+)?', '#', sentence)), []).append((replica.name, sentence))
    warnings: dict[str, list[str]] = {}
    for (kind, _), entries in found.items():
        names, sentence = [name for name, _ in entries], entries[0][1]
        whose = 'all replicas' if len(names) == len(replicas) else ', '.join(names)
        warnings.setdefault(kind, []).append(f'{sentence} ({whose})')
    return warnings


def _mean_pairs(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    pairs = dict.fromkeys(pair for table in tables for pair in table)
    return {pair: float(np.mean([table[pair] for table in tables if pair in table])) for pair in pairs}


def _mean_result(results: Sequence[Result]) -> Result:
    if all('checks' in result.numbers for result in results):
        return Result({'checks': _worst([result.numbers['checks'] for result in results])})
    units = {key: unit for result in results for key, unit in result.units.items()}
    numbers = average_records(_filled([_means(result.numbers) for result in results]))
    _keep_words(numbers, [result.numbers for result in results])
    names = [name for name in results[0].curves if all(name in result.curves for result in results)]
    curves = {name: mean_curve([result.curves[name] for result in results]) for name in names}
    return Result(numbers, units, curves)


def _worst(checks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each check as it came out worst among the replicas."""
    order = {True: 2, False: 1, None: 0}
    names = dict.fromkeys(name for table in checks for name in table)
    found = {name: [table[name] for table in checks if name in table] for name in names}
    return {
        name: max(entries, key=lambda e: (order[e.get('flagged')], e.get('value') or 0.0))
        for name, entries in found.items()
    }


def _means(record: Any) -> Any:
    """Numbers without the errors within their trajectory."""
    if not isinstance(record, Mapping):
        return record
    if 'mean' in record and 'standard_error' in record:
        return record['mean']
    return {key: _means(value) for key, value in record.items()}


def _filled(records: Sequence[Mapping[str, Any]], in_table: bool = False) -> list[dict[str, Any]]:
    """Records with a zero for each species that some replicas hold and others do not: what was not found is none."""
    filled = [dict(record) for record in records]
    for key in dict.fromkeys(key for record in records for key in record):
        inside = in_table or key in _SPECIES
        values = [record.get(key) for record in records]
        if any(isinstance(value, Mapping) for value in values):
            if inside or all(isinstance(value, Mapping) for value in values):
                parts = _filled([value if isinstance(value, Mapping) else {} for value in values], inside)
                for record, part in zip(filled, parts, strict=True):
                    record[key] = part
        elif in_table and any(isinstance(value, (int, float)) for value in values):
            for record, value in zip(filled, values, strict=True):
                record[key] = 0.0 if value is None else value
    return filled


def _keep_words(averaged: dict[str, Any], records: Sequence[Mapping[str, Any]]) -> None:
    """Put words, lists and verdicts that all replicas share beside the means."""
    for key, value in records[0].items():
        values = [record.get(key) for record in records]
        if isinstance(value, Mapping) and isinstance(averaged.get(key), dict):
            tables = [inner for inner in values if isinstance(inner, Mapping)]
            if 'standard_error' not in value and len(tables) == len(records):
                _keep_words(averaged[key], tables)
        elif isinstance(value, (str, bool, list)) and all(other == value for other in values):
            averaged[key] = value


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """Mean of one curve over replicas and its standard error, on the axis of the first within the range of all.

    A curve that is the same in all (a measured one) stays as it is.
    """
    first = curves[0]
    if all(np.array_equal(c.x, first.x) and np.array_equal(c.y, first.y) for c in curves[1:]):
        return first
    low, high = max(float(c.x[0]) for c in curves), min(float(c.x[-1]) for c in curves)
    x = np.asarray(first.x)[(first.x >= low - 1e-9) & (first.x <= high + 1e-9)]
    values = np.array([np.interp(x, c.x, c.y) for c in curves])
    known = np.isfinite(values).all(axis=0)
    x, (y, error) = x[known], curve_mean_and_error(values[:, known])
    about = {key: value for key, value in first.about.items() if all(c.about.get(key) == value for c in curves)}
    about['replicas'] = len(curves)
    return Curve(x, y, first.x_name, first.x_unit, first.y_name, first.y_unit, error, first.convention, about)
