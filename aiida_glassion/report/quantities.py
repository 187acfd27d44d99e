"""Names, units and order of the numbers of a glass, for tables, CSV and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiida_glassion.report.numbers import Number, walk_numbers

_BULK = {
    'density': ('Density', 'g/cm³'),
    'potential_energy_per_atom': ('Potential energy', 'eV/atom'),
    'glass_transition.temperature': ('Glass transition T_g at this rate', 'K'),
    'temperature': ('Temperature of the sample', 'K'),
    'pressure': ('Pressure of the sample', 'GPa'),
}
_TABLES = {
    'bond_lengths': ('Bonds', 'Bond length {0}', 'Å', 1.0),
    'cutoffs': ('Bonds', 'Bond cut-off {0}', 'Å', 1.0),
    'coordination': ('Coordination', 'Neighbours {0}', '', 1.0),
    'angles': ('Angles', '{0}, {1}', 'degrees', 1.0),
    'network.qn': ('Network', '{0} as {1}', '%', 100.0),
    'network.anions': ('Network', '{0} {1}', '%', 100.0),
    'network.connectivity': ('Network', 'Bridging anions per {0}', '', 1.0),
    'crystallinity': ('Order', 'Bragg contrast {0} (a glass: about 1)', '', 1.0),
}
GROUPS = ('Bulk', 'Bonds', 'Coordination', 'Network', 'Angles', 'Order', 'Other')
_NOT_SHOWN = ('n_frames', 'n_atoms', 'replicas', 'glass_transition.error', 'network.mean_connectivity')


@dataclass(frozen=True)
class Quantity:
    """One number of a report.

    :param path: its dotted name in the report.
    :param factor: by which the report's number is multiplied for the unit shown.
    """

    path: str
    group: str
    label: str
    unit: str
    factor: float = 1.0

    def of(self, numbers: Mapping[str, Number]) -> Number | None:
        """Value in the unit shown, from the flattened numbers of a report."""
        number = numbers.get(self.path)
        return None if number is None else number.scaled(self.factor)


def flattened(numbers: Mapping[str, Any]) -> dict[str, Number]:
    """Numbers of a report by dotted name."""
    return dict(walk_numbers({key: value for key, value in numbers.items() if key not in ('units', 'warnings')}))


def quantities(numbers: Mapping[str, Any], everything: bool = False) -> list[Quantity]:
    """Quantities of a report in the order of :data:`GROUPS`.

    :param numbers: report on a glass.
    :param everything: also distributions and what is zero, as files want it; else what a page should show.
    """
    found = []
    for path, number in flattened(numbers).items():
        quantity = _quantity(path)
        hidden = path in _NOT_SHOWN or '.distribution.' in path or path.endswith(('_error', '.threshold'))
        empty = quantity.group == 'Network' and abs(number.value) < 5e-4
        if everything or not (hidden or empty):
            found.append(quantity)
    order = {path: index for index, path in enumerate(_BULK)}
    return sorted(found, key=lambda quantity: (GROUPS.index(quantity.group), order.get(quantity.path, 99)))


def _quantity(path: str) -> Quantity:
    if path in _BULK:
        return Quantity(path, 'Bulk', *_BULK[path])
    for prefix, (group, label, unit, factor) in _TABLES.items():
        if path.startswith(f'{prefix}.'):
            parts = [_shown(part) for part in path.removeprefix(f'{prefix}.').split('.')]
            text = label.format(*[*parts, ''])
            if prefix == 'coordination' and '.distribution.' in path:
                return Quantity(path, group, f'{parts[0]} with {parts[-1]} neighbours', '%', 100.0)
            return Quantity(path, group, text, unit, factor)
    return Quantity(path, 'Other', path, '')


def _shown(part: str) -> str:
    return part.replace('_', '-') if part == 'non_bridging' else part.replace('-', '–')


def unit_of_curve(name: str) -> str:
    """Unit of an array of the curves, empty where it has none."""
    base = name.removesuffix('_error')
    if base in ('r', 'r_outer'):
        return 'Å'
    if base == 'angle':
        return 'degrees'
    if base.startswith('angle_'):
        return '1/degree'
    return 'K' if base == 'cooling_temperature' else ''
