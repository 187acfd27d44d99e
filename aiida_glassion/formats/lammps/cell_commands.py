"""LAMMPS' words for the cell: what follows a pressure, and a strain put on at once."""

from __future__ import annotations

from aiida_glassion.schedule import Strain


def lengths(coupling: str, target: str) -> str:
    """What of the cell follows a pressure, as LAMMPS' barostats say it."""
    if coupling in ('iso', 'aniso', 'tri'):
        return f'{coupling} {target}'
    return ' '.join(f'{axis} {target}' for axis in coupling)


def change_cell(stage: Strain) -> str:
    """The command that changes the cell at once: its new edges are F times the old, F upper triangular."""
    f = {'xx': 1.0, 'yy': 1.0, 'zz': 1.0, 'xy': 0.0, 'xz': 0.0, 'yz': 0.0}
    for axis in 'xyz' if stage.mode == 'volume' else stage.mode if len(stage.mode) == 1 else ():
        f[2 * axis] += stage.strain
    if len(stage.mode) == 2:
        f[stage.mode] = stage.strain
    edges = {
        'xy': (('xx', 'xy'), ('xy', 'ly')),
        'xz': (('xx', 'xz'), ('xy', 'yz'), ('xz', 'lz')),
        'yz': (('yy', 'yz'), ('yz', 'lz')),
    }
    words = [f'{axis} scale {f[2 * axis]:.15g}' for axis in 'xyz' if f[2 * axis] != 1]
    for tilt, terms in edges.items():
        products = '+'.join(f'{f[entry]:.15g}*{edge}' for entry, edge in terms if f[entry])
        words.append(f'{tilt} final $({products}:%.17g)')
    return f'change_box all {" ".join(words)} remap units box'
