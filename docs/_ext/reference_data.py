"""The published potentials, and what the data nodes hold."""

from __future__ import annotations

from markdown import code, docstring, prose, table


def potentials_page() -> str:
    """Name, elements, cut-offs and citation of each published potential."""
    from aiida_glassion.potentials import library

    tables = {name: library.read_table(name) for name in library.available()}
    rows = []
    for name, content in tables.items():
        elements = ' '.join(sorted(content['charges']))
        cutoffs = f'{content["short_range_cutoff"]:g} / {content["coulomb_cutoff"]:g}'
        rows.append((code(name), elements, cutoffs, 'one source only' if content.get('one-source') else ''))
    parts = [table(('name', 'elements', 'cut-offs: short range / Coulomb, Å', ''), rows)]
    for name, content in tables.items():
        charges = ', '.join(f'{element} {charge:+g}' for element, charge in sorted(content['charges'].items()))
        parts += [
            f'## `{name}`\n',
            f'Published in: {prose(content["citation"])}\n',
            f'Charges, e: {charges}.\n',
            f'{prose(content["notes"])}\n',
        ]
    return '\n'.join(parts)


def data_nodes_page() -> str:
    """Arrays and attributes of the data nodes."""
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.data.frames import UNITS, FramesData
    from aiida_glassion.data.potential import PotentialData

    shapes = {
        'positions': '(frames, atoms, 3)',
        'cells': '(frames, 3, 3), rows are the cell vectors',
        'velocities': '(frames, atoms, 3)',
        'forces': '(frames, atoms, 3)',
        'energies': '(frames,)',
        'virials': '(frames, 3, 3), positive where the cell wants to grow',
        'magnetisations': '(frames, atoms)',
        'charges': '(atoms,)',
        'times': '(frames,)',
    }
    arrays = [(code(name), shapes[name], unit) for name, unit in UNITS.items()]
    arrays += [(code('steps'), '(frames,)', 'integration step'), (code('stages'), '(frames,)', 'index of the stage')]
    attributes = [
        (code('n_atoms'), 'number of atoms'),
        (code('n_frames'), 'number of configurations'),
        (code('counts'), 'atoms of each element'),
        (code('units'), 'unit of each array'),
        (code('symbols'), 'element of each atom'),
    ]
    fields = [
        (code(name), prose(field.description or ''))
        for name, field in PotentialData.AttributesModel.model_fields.items()
        if field.description and name not in _core_fields()
    ]
    return '\n'.join(
        [
            '## `glassion.frames`: FramesData\n',
            docstring(FramesData) + '\n',
            table(('array', 'shape', 'unit'), arrays),
            table(('attribute', 'what it is'), attributes),
            '## `glassion.dataset`: DatasetData\n',
            docstring(DatasetData) + '\n',
            '## `glassion.potential`: PotentialData\n',
            docstring(PotentialData) + '\n',
            table(('attribute', 'what it is'), fields),
        ]
    )


def _core_fields() -> set[str]:
    from aiida import orm

    return set(orm.Data.AttributesModel.model_fields)


def thermo_table() -> str:
    """Arrays of the thermodynamic output."""
    from aiida_glassion.formats.lammps.thermo import UNITS

    return table(('array', 'unit'), [(code(name), '' if unit == '1' else unit) for name, unit in UNITS.items()])
