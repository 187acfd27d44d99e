"""Pulls of glasses as their page takes them: each one, groups of equal ones, and the numbers over all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.report.numbers import Number, read_number

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is large of one pull.

    :param snapshots: at increasing strain, Å; None where none came home.
    :param maps: ``strain``, ``snapshot`` (m,) and, per atom, ``shear``, ``d2min`` Å², ``switching``.
    """

    snapshots: Frames | None = None
    maps: Arrays = field(default_factory=dict)


@dataclass(eq=False)
class Pull:
    """One sample pulled along one axis.

    :param kind: ``tension`` or ``notched``.
    :param rate: 1/ps; None of steps.
    :param size: how often the glass was repeated.
    :param state: ``ok``, ``failed`` or ``running``: of the process; one that was not broken is no failure.
    :param results: as ``summarise_pull`` writes them, with G_c and K_Ic where the study has them; empty before the end.
    :param curves: ``strain``, ``stress`` GPa, ``lengths`` Å, ``areas`` Å².
    :param numbers: of the analysis along the strain.
    :param along: its curves over ``strain``, see :func:`.curves_of`.
    :param load: reads what is large.
    """

    label: str
    sample: str = ''
    kind: str = ''
    axis: str = ''
    rate: float | None = None
    size: tuple[int, int, int] = (1, 1, 1)
    pk: int = 0
    uuid: str = ''
    seed: int | None = None
    state: str = 'ok'
    exit_text: str = ''
    results: Mapping[str, Any] = field(default_factory=dict)
    curves: Arrays = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    along: Arrays = field(default_factory=dict)
    formula: str = ''
    load: Callable[[], Pictures] = Pictures

    @property
    def n_atoms(self) -> int | None:
        """Atoms that were pulled."""
        return self.results.get('n_atoms')

    @property
    def tension(self) -> Mapping[str, Any]:
        """Numbers of its stress–strain curve; empty where there are none."""
        return self.results.get('tension') or {}

    @property
    def broken(self) -> bool:
        """Whether the stress was gone for good."""
        return bool(self.results.get('broken'))


@dataclass(frozen=True, eq=False)
class Group:
    """Pulls of one kind, rate and size, over glasses and axes.

    :param record: its entry in ``pooled``; empty while there is none.
    :param mean: ``strain``, ``stress`` and, over several, ``error``, GPa.
    """

    kind: str
    rate: float | None
    size: tuple[int, int, int]
    pulls: Sequence[Pull]
    record: Mapping[str, Any] = field(default_factory=dict)
    mean: Arrays = field(default_factory=dict)

    def number(self, name: str) -> Number | None:
        """Mean over its pulls with its standard error."""
        return read_number(self.record.get(name))

    @property
    def n_atoms(self) -> int | None:
        """Atoms of its largest sample."""
        known = [pull.n_atoms for pull in self.pulls if pull.n_atoms]
        return max(known) if known else None

    @property
    def analysed(self) -> list[Pull]:
        """Those whose snapshots were analysed."""
        return [pull for pull in self.pulls if 'strain' in pull.along and len(pull.along['strain']) > 1]


@dataclass(eq=False)
class Fracture:
    """All that a reader of a fracture study wants to know.

    :param results: as ``summarise_fracture`` writes them; empty before the end.
    :param preliminary: the means were formed for the page, from the pulls that had ended.
    :param means: mean curves by the index of the group in ``pooled``.
    :param single: not a study but one of its pulls.
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
    seed: int | None = None
    potential: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    preliminary: bool = False
    means: dict[int, dict[str, npt.NDArray[Any]]] = field(default_factory=dict)
    pulls: list[Pull] = field(default_factory=list)
    ledger: dict[str, Any] = field(default_factory=dict)
    glasses: dict[str, tuple[int, str]] = field(default_factory=dict)
    nodes: dict[str, tuple[int, str]] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)
    planned: int = 0
    single: bool = False

    @property
    def title(self) -> str:
        """What is broken."""
        formulas = list(dict.fromkeys(pull.formula for pull in self.pulls if pull.formula))
        where = formulas[0] if len(formulas) == 1 else f'{len(formulas)} compositions' if formulas else 'glass'
        return f'Fracture of {where}'

    @property
    def plane(self) -> str:
        """``strain`` or ``stress``, of K_Ic."""
        return str(self.results.get('plane') or self.settings.get('plane') or 'strain')

    @property
    def groups(self) -> list[Group]:
        """Pulls by kind, rate and size: tension first, then by falling rate and by size."""
        pooled = [_entry(index, record) for index, record in enumerate(self.results.get('pooled') or [])]
        found: dict[tuple[Any, ...], list[Pull]] = {}
        for pull in self.pulls:
            if pull.kind:
                found.setdefault((pull.kind, pull.rate, pull.size), []).append(pull)
        order = sorted(found, key=lambda key: (key[0] == 'notched', -(key[1] or 0.0), int(np.prod(key[2])), key[2]))
        groups = []
        for key in order:
            index, record = next(((index, record) for own, index, record in pooled if own == key), (-1, {}))
            kind, rate, size = key
            own = sorted(found[key], key=lambda pull: pull.label)
            groups.append(Group(kind, rate, size, own, record, self.means.get(index, {})))
        return groups

    def main(self, kind: str) -> Group | None:
        """The group that tells most of a kind: the slowest of the largest that has something to show."""
        own = [group for group in self.groups if group.kind == kind]
        told = [group for group in own if group.analysed] or own
        return max(told, key=lambda g: (np.prod(g.size), -(g.rate or 0.0)), default=None)


def _entry(index: int, record: Mapping[str, Any]) -> tuple[tuple[Any, ...], int, Mapping[str, Any]]:
    a, b, c = record['size']
    return (record['kind'], record['rate'], (int(a), int(b), int(c))), index, record


def mean_over_pulls(
    pulls: Sequence[Pull], name: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64] | None] | None:
    """Mean of one curve of the analyses over pulls, as far as the shortest of them reaches.

    :returns: strains (those of the first pull), means and standard errors (None of one); None where none has it.
    """
    curves = [
        (np.asarray(p.along['strain'], float), np.asarray(p.along[name], float)) for p in pulls if name in p.along
    ]
    curves = [(x[np.isfinite(y)], y[np.isfinite(y)]) for x, y in curves]
    curves = [(x, y) for x, y in curves if len(x) > 1]
    if not curves:
        return None
    end, start = min(float(x[-1]) for x, _ in curves), max(float(x[0]) for x, _ in curves)
    grid = curves[0][0][(curves[0][0] <= end + 1e-9) & (curves[0][0] >= start - 1e-9)]
    if not len(grid):
        return None
    rows = np.array([np.interp(grid, x, y) for x, y in curves])
    error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else None
    return grid, rows.mean(axis=0), error
