"""``glassion show`` of data: potentials, configurations, packed boxes; a short word on anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.cli import show_parts as parts

if TYPE_CHECKING:
    from rich.console import RenderableType


def potential_summary(node: Any) -> dict[str, Any]:
    """Attributes of a PotentialData."""
    return {
        'pk': node.pk,
        'uuid': str(node.uuid),
        **node.base.attributes.all,
        'units_of': {'charges': 'e', 'cutoff': 'Å'},
    }


def potential_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Elements, charges, commands, source and warnings of a potential."""
    charges = ', '.join(f'{element} {charge:+g}' for element, charge in content['charges'].items())
    cutoff = content.get('cutoff')
    facts = [
        ('elements', ', '.join(content['elements'])),
        ('charges / e', charges or 'none'),
        ('cutoff', '–' if cutoff is None else f'{cutoff:g} Å'),
        ('LAMMPS', f'units {content["units"]}, atom_style {content["atom_style"]}'),
        ('commands', '\n'.join(content['commands'])),
        ('files', ', '.join(content['files']) or 'none'),
        ('citation', content['citation'] or 'none given'),
    ]
    title = _title(f'Potential {content["name"]}', content, content['kind'])
    return [title, parts.facts_table(facts), *parts.warning_lines([content['notes']] if content['notes'] else [])]


def frames_summary(node: Any) -> dict[str, Any]:
    """Counts, cell, density and span of a FramesData."""
    frames = node.frames
    lengths = np.linalg.norm(frames.cells[-1], axis=1)
    cell = frames.cells[-1]
    sides = [(cell[1], cell[2]), (cell[0], cell[2]), (cell[0], cell[1])]
    cosines = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in sides]
    return {
        'pk': node.pk,
        'uuid': str(node.uuid),
        'n_frames': frames.n_frames,
        'n_atoms': frames.n_atoms,
        'counts': frames.counts,
        'cell_lengths': lengths.tolist(),
        'cell_angles': np.degrees(np.arccos(cosines)).tolist(),
        'density': float(frames.densities[-1]),
        'volume': float(frames.volumes[-1]),
        'times': None if frames.times is None else [float(frames.times[0]), float(frames.times[-1])],
        'arrays': sorted(frames.arrays()),
        'units': {'cell_lengths': 'Å', 'cell_angles': 'degrees', 'density': 'g/cm³', 'volume': 'Å³', 'times': 'ps'},
    }


def frames_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """What a FramesData holds; the cell is that of the last frame."""
    several = content['n_frames'] > 1
    facts = [
        ('atoms', f'{content["n_atoms"]}: ' + ', '.join(f'{n} {element}' for element, n in content['counts'].items())),
        ('frames', f'{content["n_frames"]}' + (' (cell and density: of the last)' if several else '')),
        ('cell', ' × '.join(f'{a:.3f}' for a in content['cell_lengths']) + ' Å; ' + _angles(content['cell_angles'])),
        ('density', f'{content["density"]:.4f} g/cm³, volume {content["volume"]:.1f} Å³'),
    ]
    if content['times'] is not None:
        first, last = content['times']
        facts.append(('time', f'{first:g} to {last:g} ps' if several else f'{last:g} ps'))
    facts.append(('arrays', ', '.join(content['arrays'])))
    python = f'orm.load_node({content["pk"]}).to_ase() in `verdi shell`'
    return [_title('Configurations', content, ''), parts.facts_table(facts), parts.next_line(python)]


def packmol_summary(node: Any) -> dict[str, Any]:
    """What was packed."""
    results = node.outputs.results.get_dict() if 'results' in node.outputs else {}
    return {**parts.process_facts(node), 'results': results, 'outputs': parts.outputs_of(node)}


def packmol_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Atoms, box and the shortest distance of every pair."""
    results = content['results']
    shown: list[RenderableType] = [parts.heading(content)]
    if results:
        atoms = ', '.join(f'{n} {element}' for element, n in results['counts'].items())
        facts = [
            ('atoms', f'{results["n_atoms"]}: {atoms}'),
            ('density', f'{results["density"]:.4f} g/cm³'),
            ('cell', ' × '.join(f'{a:.3f}' for a in results['cell']) + ' Å'),
            ('seed', str(results['seed'])),
        ]
        wanted = results['minimum_distances']
        rows = [[p, f'{d:.3f}', f'{wanted[p]:.3f}'] for p, d in results['shortest_distances'].items() if p in wanted]
        table = parts.numbers_table('Shortest distances', ['pair', 'found / Å', 'at least / Å'], rows)
        shown += [parts.facts_table(facts), parts.blank(), table]
    if content['outputs']:
        outputs = ', '.join(f'{name} {pk}' for name, pk in content['outputs'].items())
        shown.append(parts.facts_table([('outputs (pk)', outputs)]))
    return shown


def any_summary(node: Any) -> dict[str, Any]:
    """What can be said of any node."""
    from aiida.orm import ProcessNode

    common = {'pk': node.pk, 'uuid': str(node.uuid), 'type': type(node).__name__, 'label': node.label}
    if isinstance(node, ProcessNode):
        return {**common, **parts.process_facts(node), 'outputs': parts.outputs_of(node)}
    attributes = {key: value for key, value in node.base.attributes.all.items() if len(str(value)) <= 400}
    return {**common, 'attributes': attributes}


def any_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Short facts of a node that glassion has no table for, and the command that tells more."""
    pk = content['pk']
    if 'process' in content:
        facts = [
            ('outputs (pk)', ', '.join(f'{name} {number}' for name, number in content['outputs'].items()) or 'none')
        ]
        more = [f'verdi process status {pk}', f'verdi process report {pk}', f'verdi process show {pk}']
        return [parts.heading(content), parts.facts_table(facts), parts.next_line(*more)]
    facts = [(str(key), str(value)) for key, value in content['attributes'].items()]
    title = _title(content['type'], content, content['label'])
    return [title, parts.facts_table(facts), parts.next_line(f'verdi node show {pk}')]


def _title(name: str, content: Mapping[str, Any], more: str) -> RenderableType:
    from rich.text import Text

    return Text.assemble((name, 'bold'), f'  pk {content["pk"]}  ', (more or '', 'dim'))


def _angles(angles: list[float]) -> str:
    if all(abs(angle - 90) < 1e-6 for angle in angles):
        return 'right angles'
    return ', '.join(f'{angle:.2f}' for angle in angles) + '°'
