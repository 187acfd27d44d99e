"""``glassion show`` of a dataset: what its attributes tell at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts

if TYPE_CHECKING:
    from rich.console import RenderableType


def dataset_summary(node: Any) -> dict[str, Any]:
    """Attributes of a DatasetData."""
    return {'pk': node.pk, 'uuid': str(node.uuid), 'label': node.label, **node.base.attributes.all}


def dataset_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Systems, labels, method and shifts."""
    from rich.text import Text

    method = '\n'.join(f'{key}: {value}' for key, value in content['method'].items())
    shifts = ', '.join(f'{element} {value:g}' for element, value in content['energy_shifts'].items())
    facts = [
        ('frames', str(content['n_frames'])),
        ('elements', ', '.join(content['elements'])),
        ('labels', ', '.join(content['labels'])),
        ('method', method or 'unknown'),
        ('energies of atoms / eV', f'{shifts} (subtracted)' if shifts else 'not subtracted'),
    ]
    rows = [
        [system['name'], system['formula'], str(sum(system['counts'].values())), str(system['n_frames']),
         ', '.join(system['labels'])]
        for system in content['systems']
    ]  # fmt: skip
    title = Text.assemble(('Dataset', 'bold'), f'  pk {content["pk"]}  ', (content['label'], 'dim'))
    columns = ['system', '<formula', 'atoms', 'frames', '<labels']
    return [
        title,
        parts.facts_table(facts),
        parts.blank(),
        parts.numbers_table('', columns, rows),
        parts.next_line(f'glassion dataset show {content["pk"]}', f'glassion dataset export {content["pk"]} DIR'),
    ]
