"""Coordination, Qn and bridging anions as bars with error bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.report.figures.style import COLOURS, PAGE_WIDTH, empty_figure, new_figure, styled
from aiida_glassion.report.numbers import Number, read_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ANION_KINDS = {
    'free': 'free',
    'non_bridging': 'non-\nbridging',
    'bridging': 'bridging',
    'tricluster': 'tri-\ncluster',
}
_LEAST_SHOWN = 5e-4

Shares = dict[str, dict[str, Number]]


def coordination_shares(numbers: Mapping[str, Any]) -> Shares:
    """Fraction of the atoms by number of neighbours, for every pair of the report."""
    pairs = _mapping(numbers, 'coordination')
    roles = network_roles([name.partition('-')[0] for name in pairs])
    ordered = sorted(pairs, key=lambda name: roles[name.partition('-')[0]] != 'former')
    return _shares({name: _mapping(pairs[name], 'distribution') for name in ordered})


def qn_shares(numbers: Mapping[str, Any]) -> Shares:
    """Fraction of the atoms by number of bridging anions, for every former."""
    return _shares(_mapping(_mapping(numbers, 'network'), 'qn'))


def anion_shares(numbers: Mapping[str, Any]) -> Shares:
    """Fraction of the atoms by kind (free, non-bridging, bridging, tricluster), for every anion."""
    return _shares(_mapping(_mapping(numbers, 'network'), 'anions'))


def draw_shares(axes: Any, shares: Shares, labels: Sequence[str], names: Mapping[str, str] | None = None) -> None:
    """Grouped bars in per cent with error bars.

    :param shares: series → label → fraction.
    :param labels: the groups along the axis.
    :param names: what to write under a group, where it is not the label itself.
    """
    width = 0.8 / max(1, len(shares))
    for index, (series, values) in enumerate(shares.items()):
        numbers = [values.get(label, Number(0.0)).scaled(100) for label in labels]
        at = np.arange(len(labels)) + (index - (len(shares) - 1) / 2) * width
        axes.bar(
            at,
            [number.value for number in numbers],
            width * 0.92,
            color=COLOURS[index % len(COLOURS)],
            label=series.replace('-', '–'),
        )
        errors = [number.error for number in numbers]
        if any(error is not None for error in errors):
            heights = [number.value for number in numbers]
            axes.errorbar(at, heights, [error or 0.0 for error in errors], fmt='none', ecolor='#202020', elinewidth=0.9)
    axes.set_xticks(range(len(labels)), [(names or {}).get(label, label) for label in labels])
    axes.set_ylabel('Share of atoms (%)')
    axes.set_ylim(0, max(5.0, axes.get_ylim()[1]) * 1.04)
    axes.legend(loc='best')


def draw_qn(axes: Any, numbers: Mapping[str, Any]) -> None:
    """Qn of every former on one axis."""
    shares = qn_shares(numbers)
    draw_shares(axes, shares, _range(shares, 'Q'))
    axes.set_title('Network')
    axes.set_xlabel('n bridging anions per former (Qn)')


@styled
def network_figure(numbers: Mapping[str, Any]) -> Figure:
    """How the atoms are coordinated and linked; the bars' errors are standard errors over the replicas.

    :param numbers: report on a glass, of one replica or averaged: ``coordination`` and ``network``.
    """
    coordination, qn, anions = coordination_shares(numbers), qn_shares(numbers), anion_shares(numbers)
    parts = [bool(coordination), bool(qn), bool(anions)]
    if not any(parts):
        return empty_figure('No coordination numbers and no network were found in this glass.')
    ratios = [ratio for ratio, shown in zip((1.3, 1.05, 1.2), parts, strict=True) if shown]
    figure = new_figure(PAGE_WIDTH * max(0.55, sum(ratios) / 3.55), 2.9)
    grid = iter(figure.add_gridspec(1, len(ratios), width_ratios=ratios))
    if coordination:
        axes = figure.add_subplot(next(grid))
        draw_shares(axes, coordination, _range(coordination))
        axes.set_title('Coordination')
        axes.set_xlabel('Number of neighbours')
    if qn:
        draw_qn(figure.add_subplot(next(grid)), numbers)
    if anions:
        axes = figure.add_subplot(next(grid))
        draw_shares(axes, anions, list(_ANION_KINDS), _ANION_KINDS)
        axes.set_title('Anions')
        axes.set_xlabel('Role of the anion')
        axes.tick_params(axis='x', labelsize=7)
    return figure


def _mapping(record: Any, key: str) -> Mapping[str, Any]:
    found = record.get(key) if isinstance(record, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _shares(tables: Mapping[str, Any]) -> Shares:
    shares: Shares = {}
    for name, table in tables.items():
        numbers = {str(key): read_number(value) for key, value in table.items()} if isinstance(table, Mapping) else {}
        known = {key: number for key, number in numbers.items() if number is not None}
        if known:
            shares[name] = known
    return shares


def _range(shares: Shares, prefix: str = '') -> list[str]:
    """Labels from the lowest to the highest number that occurs, none left out between them."""
    occurring = [
        int(label.removeprefix(prefix))
        for values in shares.values()
        for label, number in values.items()
        if number.value > _LEAST_SHOWN and label.removeprefix(prefix).isdigit()
    ]
    return [f'{prefix}{n}' for n in range(min(occurring), max(occurring) + 1)] if occurring else []
