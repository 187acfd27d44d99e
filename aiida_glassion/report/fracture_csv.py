"""Numbers and curves of a fracture study as tables for other programs: what is in the figures, and every sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from aiida_glassion.kernels.mechanics.along_strain_record import unit_of
from aiida_glassion.kernels.mechanics.fracture_summary import UNITS, number_of
from aiida_glassion.report.fracture import Fracture, Pull
from aiida_glassion.report.fracture_facts import QUANTITIES, pull_status

Table = tuple[str, list[str], list[list[Any]]]
_ABOUT = ['pull', 'kind', 'sample', 'axis', 'rate (1/ps)', 'size']
_PREFIXES: dict[str, tuple[str, ...]] = {
    'bond_switching': ('bonds__',),
    'coordination': ('coordination__',),
    'nonaffine': ('d2min__', 'shear__', 'localisation__'),
    'crack': ('crack__',),
}


def fracture_tables(study: Fracture) -> Iterator[Table]:
    """Name, head with units, and rows of every table that is not empty."""
    for table in _all_tables(study):
        if table[2]:
            yield table


def _all_tables(study: Fracture) -> Iterator[Table]:
    yield 'pooled', _pooled_head(), list(_pooled_rows(study))
    names = list(QUANTITIES)
    yield (
        'samples',
        [*_ABOUT, 'state', 'atoms', *(_headed(name, UNITS.get(name, '')) for name in names), 'how it ended'],
        [
            [*_about(pull), pull_status(pull), pull.n_atoms, *(number_of(pull.results, name) for name in names),
             pull.results.get('reason') or pull.exit_text]
            for pull in study.pulls
        ],
    )  # fmt: skip
    yield (
        'stress_strain',
        [*_ABOUT, 'strain', 'stress (GPa)', 'length (angstrom)', 'area (angstrom2)', 'temperature (K)'],
        [
            [*_about(pull), *row]
            for pull in study.pulls
            if 'strain' in pull.curves
            for row in zip(*_columns(pull), strict=True)
        ],
    )
    yield (
        'mean_stress_strain',
        ['kind', 'rate (1/ps)', 'size', 'n', 'strain', 'stress (GPa)', 'standard_error (GPa)'],
        [
            [group.kind, group.rate, _size(group.size), len(group.pulls), *row]
            for group in study.groups
            if group.mean
            for row in zip(
                group.mean['strain'], group.mean['stress'],
                group.mean.get('error', [None] * len(group.mean['strain'])), strict=True,
            )
        ],
    )  # fmt: skip
    for name, prefix in _PREFIXES.items():
        yield _along(study, name, prefix)
    yield _profiles(study)
    yield _paths(study)


def _about(pull: Pull) -> list[Any]:
    return [pull.label, pull.kind, pull.sample, pull.axis, pull.rate, _size(pull.size)]


def _size(size: tuple[int, int, int]) -> str:
    return 'x'.join(str(n) for n in size)


def _headed(name: str, unit: str) -> str:
    plain = unit.replace('²', '2').replace('³', '3').replace('Å', 'angstrom').replace('·', ' ')
    return name if unit in ('', '1') else f'{name} ({plain})'


def _pooled_head() -> list[str]:
    return ['kind', 'rate (1/ps)', 'size', 'samples', 'broken', 'quantity', 'unit', 'mean', 'standard_error', 'n']


def _pooled_rows(study: Fracture) -> Iterator[list[Any]]:
    for group in study.groups:
        for name in QUANTITIES:
            number = group.number(name)
            if number is not None:
                record = group.record
                yield [
                    group.kind, group.rate, _size(group.size), record.get('n'), record.get('n_broken'),
                    name, UNITS.get(name, ''), number.value, number.error, number.n,
                ]  # fmt: skip


def _columns(pull: Pull) -> list[Any]:
    n = len(pull.curves['strain'])
    return [pull.curves.get(name, [None] * n) for name in ('strain', 'stress', 'lengths', 'areas', 'temperature')]


def _along(study: Fracture, name: str, prefix: tuple[str, ...]) -> Table:
    """Curves over strain of all pulls, a column for each."""
    pulls = [pull for pull in study.pulls if 'strain' in pull.along]
    columns = list(dict.fromkeys(key for pull in pulls for key in pull.along if key.startswith(prefix)))
    rows = [
        [*_about(pull), strain, *(_cell(pull, column, k) for column in columns)]
        for pull in pulls
        for k, strain in enumerate(pull.along['strain'])
    ]
    head = [_headed(column.replace('__', ' '), unit_of(column)) for column in columns]
    return name, [*_ABOUT, 'strain', *head], rows if columns else []


def _cell(pull: Pull, column: str, k: int) -> Any:
    values = pull.along.get(column)
    return None if values is None or not np.isfinite(values[k]) else values[k]


def _profiles(study: Fracture) -> Table:
    names = ('shear', 'd2min', 'switched')
    rows = [
        [pull.label, strain, place, *(_number(pull.along[f'profile__{name}'][k, slab]) for name in names)]
        for pull in study.pulls
        if 'profile__place' in pull.along
        for k, strain in enumerate(pull.along['strain'])
        for slab, place in enumerate(pull.along['profile__place'])
    ]
    head = ['pull', 'strain', 'place along the load, unstrained (angstrom)', 'local shear', 'D2min (angstrom2)']
    return 'profiles', [*head, 'share of the formers with switched bonds'], rows


def _paths(study: Fracture) -> Table:
    """The crack of every snapshot where it is open."""
    rows = [
        [pull.label, pull.along['strain'][k], *(float(pull.along[f'path__{name}'][k, place]) for name in _PATH)]
        for pull in study.pulls
        if 'path__middle' in pull.along
        for k, place in np.argwhere(np.isfinite(pull.along['path__middle'])).tolist()
    ]
    head = ['pull', 'strain', 'across (angstrom)', 'middle along the load (angstrom)', 'opening (angstrom)']
    return 'crack_paths', head, rows


_PATH = ('across', 'middle', 'opening')


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
