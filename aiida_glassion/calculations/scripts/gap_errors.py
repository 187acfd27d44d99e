"""Ask a GAP for its predictions. Runs in the user's environment: needs Python 3.8, ASE, numpy and quippy-ase.

Reads ``evaluate.json`` (files and the indices of the frames in each) and ``gap.xml``, writes ``predictions.npz`` with
energies (eV), forces (eV/Å) and virials (eV, minus volume times ASE's stress), frame after frame, file after file.
"""

from __future__ import annotations

import json

import numpy as np


def main() -> None:
    """Predict every chosen frame."""
    import ase.io
    from quippy.potential import Potential

    with open('evaluate.json', encoding='utf-8') as handle:
        wanted = json.load(handle)
    calculator = Potential(param_filename='gap.xml')
    energies, forces, virials = [], [], []
    for name, indices in wanted.items():
        chosen = set(indices)
        for index, atoms in enumerate(ase.io.iread(name, index=':', format='extxyz')):
            if index not in chosen:
                continue
            atoms.calc = calculator
            energies.append(atoms.get_potential_energy())
            forces.append(np.array(atoms.get_forces()))
            periodic = all(atoms.pbc)
            virials.append(-atoms.get_volume() * atoms.get_stress(voigt=False) if periodic else np.full((3, 3), np.nan))
    np.savez('predictions.npz', energies=np.array(energies), forces=np.concatenate(forces), virials=np.array(virials))


if __name__ == '__main__':
    main()
