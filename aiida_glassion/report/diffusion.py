"""A diffusion sweep as its page takes it: points, what they gave, and the numbers over all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.frames import Frames

Curves = Mapping[str, Curve]


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and 95 % interval, as far as they are known.

    :param n: replicas, or ions, behind it.
    :param widened: factor on the error because replicas scatter more than their own errors say.
    """

    value: float
    error: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    widened: float | None = None

    def scaled(self, factor: float) -> Estimate:
        """The number in another unit."""
        error, low, high = (None if x is None else x * factor for x in (self.error, self.low, self.high))
        return Estimate(self.value * factor, error, low, high, self.n, self.widened)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper end, where both are known; of one that has an error alone, 1.96 of it to either side."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        if self.error is None:
            return None
        return self.value - 1.96 * self.error, self.value + 1.96 * self.error


def read_estimate(record: Any) -> Estimate | None:
    """A number of the results, None where there is none."""
    if not isinstance(record, Mapping) or _real(record.get('mean')) is None:
        return None
    n = _real(record.get('n'))
    error, low, high = (_real(record.get(key)) for key in ('standard_error', 'low', 'high'))
    count = None if n is None else int(n)
    return Estimate(float(record['mean']), error, low, high, count, _real(record.get('widened')))


def _real(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


@dataclass(frozen=True, eq=False)
class Maps:
    """Arrays of one point that are no curves.

    :param arrays: by kind and name: ``channels__density_Na`` on a grid over the cell, ``channels__paths_Na`` …
    :param frames: decimated trajectory, Å; None where none came home.
    """

    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    frames: Frames | None = None


@dataclass(eq=False)
class Point:
    """One glass at one temperature with one seed.

    :param counts: atoms by element.
    :param state: ``ok``, ``failed`` or ``running``: of the process.
    :param plain: everything that its analysis says but arrays.
    :param status: ``converged``, ``budget`` or ``not_diffusive``; empty before its end.
    :param numbers: by kind of analysis.
    :param curves: by kind of analysis.
    :param history: by segment: length, D, relative error.
    :param load: reads the maps, which are large.
    """

    label: str
    temperature: float
    glass: str = ''
    composition: str = ''
    counts: Mapping[str, int] = field(default_factory=dict)
    pk: int = 0
    uuid: str = ''
    seed: int | None = None
    state: str = 'ok'
    exit_text: str = ''
    status: str = ''
    reason: str = ''
    length: float | None = None
    results: Mapping[str, Any] = field(default_factory=dict)
    plain: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    curves: Mapping[str, Curves] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    history: Sequence[Mapping[str, Any]] = ()
    load: Callable[[], Maps] = Maps

    def of_ion(self, kind: str, ion: str) -> Mapping[str, Any]:
        """Numbers of one ion in one analysis; empty where there are none."""
        found = (self.numbers.get(kind) or {}).get('ions') or {}
        return found.get(ion) or {}

    def curve(self, kind: str, name: str) -> Curve | None:
        """A curve, None where it is not there."""
        return (self.curves.get(kind) or {}).get(name)


@dataclass(frozen=True, eq=False)
class Group:
    """Points of one composition.

    :param record: its part of the results; empty while there are none.
    """

    formula: str
    points: Sequence[Point]
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def temperatures(self) -> list[float]:
        """K, from the hottest."""
        known = [point.temperature for point in self.points]
        known += [float(entry['temperature']) for entry in (self.record.get('temperatures') or {}).values()]
        return sorted(set(known), reverse=True)

    def at(self, temperature: float) -> list[Point]:
        """Points at a temperature."""
        return [point for point in self.points if abs(point.temperature - temperature) < 0.01]

    def record_at(self, temperature: float) -> Mapping[str, Any]:
        """The results at a temperature; empty where there are none."""
        for entry in (self.record.get('temperatures') or {}).values():
            if abs(float(entry['temperature']) - temperature) < 0.01:
                return dict(entry)
        return {}


@dataclass(eq=False)
class Sweep:
    """All that a reader of a diffusion sweep wants to know.

    :param results: as ``summarise_sweep`` writes them; empty before the end.
    :param preliminary: the results were formed for the page, from the points that had ended.
    :param lines: Arrhenius lines: arrays ``T``, ``value``, ``low``, ``high`` by name, ``0__D_Na``.
    :param about_lines: composition, quantity and unit of each line, by the same names.
    :param single: not a sweep but one of its points.
    """

    pk: int
    uuid: str
    state: str
    exit_text: str
    exit_status: int | None
    started: datetime
    ended: datetime | None = None
    description: str = ''
    settings: dict[str, Any] = field(default_factory=dict)
    temperatures: list[float] = field(default_factory=list)
    seed: int | None = None
    potential: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    preliminary: bool = False
    lines: dict[str, dict[str, npt.NDArray[Any]]] = field(default_factory=dict)
    about_lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    ledger: dict[str, Any] = field(default_factory=dict)
    glasses: dict[str, tuple[int, str]] = field(default_factory=dict)
    nodes: dict[str, tuple[int, str]] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)
    single: bool = False

    @property
    def title(self) -> str:
        """What moves in what."""
        formulas = [group.formula for group in self.groups if group.formula]
        ions = ', '.join(self.ions) or 'ions'
        where = formulas[0] if len(formulas) == 1 else f'{len(formulas)} compositions' if formulas else 'glass'
        return f'Diffusion of {ions} in {where}'

    @property
    def ions(self) -> list[str]:
        """Elements that diffuse."""
        named = self.results.get('ions') or self.settings.get('ions')
        if named:
            return [str(name) for name in named]
        found = [ion for point in self.points for ion in (point.numbers.get('diffusion') or {}).get('ions') or {}]
        return list(dict.fromkeys(found))

    @property
    def goal(self) -> float | None:
        """Relative standard error of D at which a run may end."""
        return _real(self.settings.get('relative_error'))

    @property
    def groups(self) -> list[Group]:
        """Points by composition, in the order of the results; what has none comes last."""
        records = self.results.get('compositions') or {}
        names = [*sorted(records), *sorted({p.composition for p in self.points} - set(records))]
        found = []
        for name in names:
            own = sorted((p for p in self.points if p.composition == name), key=lambda p: (-p.temperature, p.label))
            found.append(Group(str(records.get(name, {}).get('formula') or name), own, records.get(name, {})))
        return found

    def line(self, group: Group, quantity: str) -> dict[str, npt.NDArray[Any]] | None:
        """The Arrhenius line of a quantity (``D_Na``, ``sigma_T``), None where there is none."""
        keys = sorted(self.results.get('compositions') or {})
        for name, arrays in self.lines.items():
            index, _, what = name.partition('__')
            if what == quantity and index.isdigit() and int(index) < len(keys):
                record = self.results['compositions'][keys[int(index)]]
                if record is group.record or str(record.get('formula') or keys[int(index)]) == group.formula:
                    return arrays
        return None


def mean_over_replicas(curves: Sequence[Curve]) -> Curve:
    """Mean of one curve over replicas, as far as the shortest of them reaches.

    Its error is the standard error from their scatter or from their own errors, whichever is larger.

    :param curves: at least one; x increases.
    """
    if len(curves) == 1:
        return curves[0]
    first = min(curves, key=lambda curve: float(curve.x[-1]))
    x = np.asarray(first.x, dtype=float)
    x = x[x >= max(float(curve.x[0]) for curve in curves)]

    def at(curve: Curve, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        if len(curve.x) == len(x) and np.allclose(curve.x, x):
            return np.asarray(values, dtype=float)
        own = np.asarray(curve.x, dtype=float)
        by_ratio = x[0] > 0
        at_x, from_x = (np.log(x), np.log(own)) if by_ratio else (x, own)
        return np.asarray(np.interp(at_x, from_x, np.asarray(values, dtype=float)))

    rows = np.array([at(curve, curve.y) for curve in curves])
    error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    known = [at(curve, curve.error) for curve in curves if curve.error is not None]
    if len(known) == len(rows):
        error = np.maximum(error, np.sqrt((np.array(known) ** 2).sum(axis=0)) / len(rows))
    return replace(first, x=x, y=rows.mean(axis=0), error=error)
