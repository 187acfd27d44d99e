"""Label frames with an ASE calculator. Runs in the user's environment: needs Python 3.8, ASE and numpy.

Reads ``settings.json`` and ``frames.npz`` (never pickled), appends one line of JSON to ``labels.jsonl`` for each frame
as soon as it is done: energy (eV), forces (eV/Å), virial (eV, minus volume times ASE's stress), or why there is none.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from typing import Any

import numpy as np

SETTINGS, FRAMES, LABELS = 'settings.json', 'frames.npz', 'labels.jsonl'


def calculator_class(path: str) -> Any:
    """The class that an import path names, if it is one of a calculator.

    Nothing is called before this is known: a path may come in someone else's archive.
    """
    from ase.calculators.abc import GetPropertiesMixin
    from ase.calculators.calculator import BaseCalculator

    module, _, name = path.partition(':')
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, type) or not issubclass(found, (BaseCalculator, GetPropertiesMixin)):
        raise TypeError(f'{path} is not the class of an ASE calculator')
    return found


def stress_of(atoms: Any) -> Any:
    """Stress, eV/Å³, or None where the calculator has none."""
    from ase.calculators.calculator import PropertyNotImplementedError

    try:
        return atoms.get_stress(voigt=False)
    except (PropertyNotImplementedError, NotImplementedError):
        return None


def label(atoms: Any, energy: str) -> dict[str, Any]:
    """Labels of one configuration."""
    value = atoms.get_potential_energy(force_consistent=energy == 'free_energy')
    found: dict[str, Any] = {'energy': float(value), 'forces': np.asarray(atoms.get_forces(), dtype=float).tolist()}
    if all(atoms.pbc):
        stress = stress_of(atoms)
        if stress is not None:
            found['virial'] = (-atoms.get_volume() * np.asarray(stress, dtype=float)).tolist()
    moments = getattr(atoms.calc, 'results', {}).get('magmoms')
    if moments is not None:
        found['magnetisations'] = np.asarray(moments, dtype=float).tolist()
    return found


def main() -> None:
    """Label every frame; one that fails does not stop the others."""
    from ase import Atoms
    from ase import __version__ as version

    with open(SETTINGS, encoding='utf-8') as handle:
        settings = json.load(handle)
    with np.load(FRAMES, allow_pickle=False) as arrays:
        numbers, positions, cells, pbc = (arrays[name] for name in ('numbers', 'positions', 'cells', 'pbc'))
    with open(LABELS, 'w', encoding='utf-8') as handle:

        def write(content: dict[str, Any]) -> None:
            handle.write(json.dumps(content) + '\n')
            handle.flush()

        calculator = calculator_class(settings['path'])
        module = sys.modules[settings['path'].partition('.')[0].partition(':')[0]]
        write(
            {
                'python': sys.version.split()[0],
                'ase': version,
                'module': str(getattr(module, '__version__', '')),
                'frames': len(positions),
            }
        )
        calc = None
        for index in range(len(positions)):
            content: dict[str, Any] = {'index': index}
            try:
                if calc is None:
                    calc = calculator(**settings['kwargs'])
                atoms = Atoms(numbers, positions=positions[index], cell=cells[index], pbc=pbc)
                atoms.calc = calc
                content.update(label(atoms, settings['energy']))
            except Exception as error:  # whatever a calculator raises belongs to its frame
                content['error'] = f'{type(error).__name__}: {error}'[:500]
                traceback.print_exc()
                calc = None
            write(content)
        write({'done': True})


if __name__ == '__main__':
    main()
