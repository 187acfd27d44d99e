"""Units and signs of virials by finite strains: PMMCS in LAMMPS, density functional theory in Quantum ESPRESSO."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.formats.labelled.read import read_labelled
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.library import load

pytestmark = pytest.mark.engine
SILICA = Path(__file__).parents[1] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'

LAMMPS = """units metal
atom_style charge
box tilt large
read_data atoms.data
{potential}
pair_modify pair coul/long table 0
kspace_style ewald 1e-12
thermo_style custom pe
thermo_modify format float %.15g
{strains}
"""


def pmmcs_energies(lmp: str, frame: Frames, step: float, folder: Path) -> dict[str, list[float]]:
    """Energy of a frame in an orthogonal cell, strained by plus and minus a step in each of six ways."""
    edges = np.diag(frame.cells[0])
    positions = frame.positions[0] - np.floor(frame.positions[0] / edges) * edges
    charges = [{'O': -1.2, 'Si': 2.4}[symbol] for symbol in frame.symbols]
    types = [{'O': 1, 'Si': 2}[symbol] for symbol in frame.symbols]
    atoms = [
        f'{i + 1} {kind} {charge} {x:.16g} {y:.16g} {z:.16g}'
        for i, (kind, charge, (x, y, z)) in enumerate(zip(types, charges, positions, strict=True))
    ]
    box = '\n'.join(f'0 {edge:.16g} {axis}lo {axis}hi' for axis, edge in zip('xyz', edges, strict=True))
    header = f'\n{len(atoms)} atoms\n2 atom types\n{box}\n0 0 0 xy xz yz\n\nMasses\n\n1 15.999\n2 28.085\n\nAtoms\n\n'
    (folder / 'atoms.data').write_text(header + '\n'.join(atoms) + '\n')
    strains, names = [], []
    lengths = dict(zip('xyz', edges, strict=True))
    for name in ('xx', 'yy', 'zz', 'xy', 'xz', 'yz'):
        a, b = name
        for sign in (1, -1):
            if a == b:
                there = f'change_box all {a} final 0 {lengths[a] * (1 + sign * step):.16g} remap'
                back = f'change_box all {a} final 0 {lengths[a]:.16g} remap'
            else:
                there = f'change_box all {name} final {sign * step * lengths[b]:.16g} remap'
                back = f'change_box all {name} final 0 remap'
            strains += [there, 'run 0', back]
            names.append(name)
    potential = [line for line in load('pmmcs').commands_for(['O', 'Si']) if not line.startswith('kspace_style')]
    script = LAMMPS.format(potential='\n'.join(potential), strains='\n'.join(strains))
    (folder / 'in.strain').write_text(script)
    done = subprocess.run(
        [lmp, '-in', 'in.strain'], cwd=folder, capture_output=True, text=True, check=True, timeout=600
    )
    lines = done.stdout.splitlines()
    values = [float(lines[i + 1]) for i, line in enumerate(lines) if line.strip() == 'PotEng']
    energies: dict[str, list[float]] = {}
    for name, value in zip(names, values, strict=True):
        energies.setdefault(name, []).append(value)
    return energies


def test_pmmcs_by_lammps(lmp, tmp_path):
    """The virials of the teacher data are minus the derivative of the energy by strain; a shear of x by y gives xy."""
    frame = next(iter(read_system(SILICA)))[3]
    step = 1e-5
    energies = pmmcs_energies(lmp, frame, step, tmp_path)
    virial = frame.virials[0]
    for name, (plus, minus) in energies.items():
        i, j = ('xyz'.index(axis) for axis in name)
        assert -(plus - minus) / (2 * step) == pytest.approx(virial[i, j], abs=2e-3), name
    assert np.abs(virial).max() > 1


SILICON = """&control calculation='scf' prefix='si' pseudo_dir='{pseudo}' outdir='./tmp' tprnfor=.true. tstress=.true. /
&system ibrav=0 nat=2 ntyp=1 ecutwfc=60 nosym=.true. /
&electrons conv_thr=1e-12 /
CELL_PARAMETERS angstrom
{cell}
ATOMIC_SPECIES
Si 28.0855 Si.pz-vbc.UPF
ATOMIC_POSITIONS crystal
Si 0.00 0.00 0.00
Si 0.27 0.24 0.26
K_POINTS gamma
"""
CELL = np.array([[0.02, 2.72, 2.70], [2.71, 0.0, 2.75], [2.68, 2.71, 0.0]])
PSEUDOS = '/usr/share/espresso/pseudo'


def silicon(pw: str, cell: np.ndarray, folder: Path) -> Frames:
    folder.mkdir()
    rows = '\n'.join(' '.join(f'{x:.12f}' for x in row) for row in cell)
    (folder / 'si.in').write_text(SILICON.format(cell=rows, pseudo=PSEUDOS))
    with (folder / 'si.out').open('w') as output:
        subprocess.run([pw, '-in', 'si.in'], cwd=folder, stdout=output, check=True, timeout=600)
    return Frames.concatenate(list(read_labelled(folder / 'si.out')))


def test_quantum_espresso(pw, tmp_path):
    """At 60 Ry the Pulay stress of silicon's soft pseudopotential is below the figure that is asked for."""
    virial = silicon(pw, CELL, tmp_path / 'unstrained').virials[0]
    step = 4e-3
    for name in ('xx', 'xz'):
        i, j = ('xyz'.index(axis) for axis in name)
        energies = []
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[i, j] += sign * step / 2
            strain[j, i] += sign * step / 2
            energies.append(silicon(pw, CELL @ (np.eye(3) + strain), tmp_path / f'{name}{sign}').energies[0])
        derivative = (energies[0] - energies[1]) / (2 * step)
        assert -derivative == pytest.approx(virial[i, j], abs=2e-3), name
    assert np.abs(virial).max() > 1
