"""One model, four ways to ask it: DeePMD-kit's Python interface, `dp test`, ASE and LAMMPS give the same forces."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion import units
from aiida_glassion.formats.deepmd.systems import SystemsWriter, find_systems, read_system
from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.formats.lammps.deviation import read_deviations
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.committee import committee_commands, committee_files
from aiida_glassion.potentials.deepmd import deepmd_potential
from aiida_glassion.schedule import read_schedule

pytestmark = pytest.mark.engine

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'
MODELS = ('silica_1', 'silica_2', 'silica_si_o')
ONE_THREAD = {'OMP_NUM_THREADS': '1', 'DP_INTRA_OP_PARALLELISM_THREADS': '1', 'DP_INTER_OP_PARALLELISM_THREADS': '1'}
TOLERANCE = 1e-4
"""eV/Å"""
BAR_A3_TO_EV = units.BAR_TO_GPA / units.EV_PER_ANGSTROM3_TO_GPA

ASK = """
import sys
import numpy as np
from ase import Atoms
from deepmd.calculator import DP
from deepmd.infer import DeepPot

given = np.load('given.npz')
symbols, positions, cells = given['symbols'].tolist(), given['positions'], given['cells']
answers = {}
for name in sys.argv[1:]:
    model = DeepPot(f'{name}.pb')
    types = [model.get_type_map().index(symbol) for symbol in symbols]
    energies, forces, virials = model.eval(positions.reshape(len(positions), -1), cells.reshape(-1, 9), types)[:3]
    answers |= {f'{name}_energies': energies[:, 0], f'{name}_forces': forces, f'{name}_virials': virials}
    asked, calculator = [], DP(model=f'{name}.pb')
    for x, cell in zip(positions, cells):
        atoms = Atoms(symbols, positions=x, cell=cell, pbc=True, calculator=calculator)
        stress = atoms.get_stress(voigt=False)
        asked.append((atoms.get_potential_energy(), atoms.get_forces(), -stress * atoms.get_volume()))
    for label, values in zip(('energies', 'forces', 'virials'), zip(*asked)):
        answers[f'{name}_ase_{label}'] = np.array(values)
np.savez('answers.npz', **answers)
"""
HEAD = """clear
units metal
atom_style atomic
boundary p p p
box tilt large
read_data {index}.data
{commands}
compute virial all pressure NULL virial
thermo_style custom step pe vol c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]
thermo_modify format float %.15g
dump forces all custom 1 {index}.forces fx fy fz
dump_modify forces sort id format float %.15g
run 0
"""


@pytest.fixture(scope='module')
def frames() -> Frames:
    """Three configurations from 2000 to 5000 K, the last sheared: its cell is triclinic."""
    (folder,) = find_systems(FIXTURES / 'silica')
    chosen = next(iter(read_system(folder)))[[3, 40, 75]]
    tilt = np.array([[1, 0, 0], [0.1, 1, 0], [-0.05, 0.2, 1]])
    cells, positions = chosen.cells.copy(), chosen.positions.copy()
    cells[-1], positions[-1] = cells[-1] @ tilt, positions[-1] @ tilt
    return replace(chosen, cells=cells, positions=positions)


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('forces')
    for name in MODELS:
        (folder / f'{name}.pb').write_bytes((FIXTURES / f'{name}.pb').read_bytes())
    return folder


@pytest.fixture(scope='module')
def asked(dp, frames, folder) -> dict[str, np.ndarray]:
    """What DeePMD-kit's Python interface and its ASE calculator answer."""
    np.savez(folder / 'given.npz', symbols=frames.symbols, positions=frames.positions, cells=frames.cells)
    (folder / 'ask.py').write_text(ASK)
    python = Path(dp).parent / 'python'
    subprocess.run([python, 'ask.py', *MODELS], cwd=folder, env={**os.environ, **ONE_THREAD}, check=True, timeout=600)
    with np.load(folder / 'answers.npz', allow_pickle=False) as answers:
        return dict(answers)


@pytest.fixture(scope='module')
def lammps(dp, lmp_deepmd, frames, folder):
    """Energies (eV), forces (eV/Å) and virials (eV) of LAMMPS, and what it writes of a committee."""

    def _lammps(commands, ranks=1):
        script = ''
        for index in range(len(frames)):
            (folder / f'{index}.data').write_text(write_data(frames[index], atom_style='atomic'))
            own = '\n'.join(commands).replace('model_devi.out', f'{index}.devi')
            script += HEAD.format(index=index, commands=own)
        (folder / 'in.forces').write_text(script)
        mpirun = f'{Path(dp).parent / "mpirun"} -np {ranks} ' if ranks > 1 else ''
        command = f'{lmp_deepmd.prepend}\n{mpirun}{lmp_deepmd.path} -in in.forces'
        environment = {**os.environ, **ONE_THREAD}
        done = subprocess.run(
            ['bash', '-c', command], cwd=folder, env=environment, capture_output=True, check=False, timeout=600
        )
        assert done.returncode == 0, done.stdout[-2000:]
        lines = done.stdout.decode().splitlines()
        rows = np.array([line.split() for line in lines if line.startswith(' ' * 9 + '0 ')], dtype=float)
        xx, yy, zz, xy, xz, yz = (rows[:, 3:] * rows[:, 2:3] * BAR_A3_TO_EV).T
        blocks = [(folder / f'{i}.forces').read_text().split('fz\n')[1] for i in range(len(frames))]
        forces = np.array([[line.split() for line in block.splitlines()] for block in blocks], dtype=float)
        virials = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=1).reshape(-1, 3, 3)
        return rows[:, 1], forces, virials

    return _lammps


def potential(name):
    return deepmd_potential((FIXTURES / f'{name}.pb').read_bytes(), name=name, file=f'{name}.pb')


@pytest.mark.parametrize('name', MODELS)
def test_lammps_ase_and_python_agree(name, asked, lammps, frames):
    """Also for the model that counts silicon before oxygen: elements go by their names."""
    energies, forces, virials = lammps(potential(name).commands_for(frames.elements))
    for way in ('', 'ase_'):
        np.testing.assert_allclose(asked[f'{name}_{way}forces'], forces, atol=TOLERANCE)
        np.testing.assert_allclose(asked[f'{name}_{way}energies'], energies, atol=1e-6)
        np.testing.assert_allclose(asked[f'{name}_{way}virials'].reshape(-1, 3, 3), virials, atol=1e-4)


def test_dp_test_agrees(dp, frames, folder, lammps):
    _, forces, _ = lammps(potential('silica_1').commands_for(frames.elements))
    with SystemsWriter(folder / 'systems') as writer:
        writer.add(frames)
    (system,) = find_systems(folder / 'systems')
    command = [dp, 'test', '-m', 'silica_1.pb', '-s', str(system), '-n', str(len(frames)), '-d', 'detail']
    subprocess.run(command, cwd=folder, env={**os.environ, **ONE_THREAD}, check=True, capture_output=True, timeout=600)
    (detail,) = folder.glob('detail*.f.out')
    predicted = np.loadtxt(detail)[:, 3:].reshape(forces.shape)
    np.testing.assert_allclose(predicted, forces, atol=TOLERANCE)


def test_the_other_order_of_types_is_not_a_matter_of_chance(lammps, frames):
    """The model that counts Si, O is near its teacher; with the elements exchanged it would be far away."""
    model = potential('silica_si_o')
    assert model.type_map == ('Si', 'O')
    commands = model.commands_for(frames.elements)
    assert commands[-1] == 'pair_coeff * * O Si'
    right, wrong = (lammps([commands[0], coefficients])[1][:2] for coefficients in (commands[1], 'pair_coeff * * Si O'))
    errors = [np.sqrt(np.mean((forces - frames.forces[:2]) ** 2)) for forces in (right, wrong)]
    assert errors[0] < 1.0 < 1.5 < errors[1]
    assert np.abs(right - wrong).max() > 3


def test_two_ranks_give_the_forces_of_one(lammps, frames):
    commands = potential('silica_1').commands_for(frames.elements)
    (energy, forces, virials), (energy_2, forces_2, virials_2) = lammps(commands), lammps(commands, ranks=2)
    np.testing.assert_allclose(energy_2, energy, rtol=1e-10)
    np.testing.assert_allclose(forces_2, forces, atol=1e-10)
    np.testing.assert_allclose(virials_2, virials, atol=1e-8)


def test_the_deviation_is_what_it_is_said_to_be(asked, lammps, frames, folder):
    """ε_i = √⟨|F_i − ⟨F_i⟩|²⟩ over the models; of the virial √⟨(Ξ − ⟨Ξ⟩)²⟩/N, their mean being quadratic."""
    driver, member = potential('silica_1'), potential('silica_2')
    for name, content in committee_files([member]).items():
        (folder / name).write_bytes(content)
    schedule = read_schedule({'stages': [{'kind': 'hold', 'temperature': 300, 'duration': 1}]})
    for ranks in (1, 2):
        energies, _, _ = lammps(committee_commands(driver, [member], frames.elements, 5), ranks)
        np.testing.assert_allclose(energies, asked['silica_1_energies'], atol=1e-6)
        forces, virials = (
            np.stack([asked[f'{name}_{what}'] for name in ('silica_1', 'silica_2')]) for what in ('forces', 'virials')
        )
        of_forces = np.sqrt(((forces - forces.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0))
        of_virials = virials.reshape(2, -1, 9).std(axis=0) / frames.n_atoms
        for index in range(len(frames)):
            record = read_deviations((folder / f'{index}.devi').read_bytes(), schedule)
            wanted = {
                'max_force_deviation': of_forces[index].max(),
                'min_force_deviation': of_forces[index].min(),
                'mean_force_deviation': of_forces[index].mean(),
                'max_virial_deviation': of_virials[index].max(),
                'min_virial_deviation': of_virials[index].min(),
                'mean_virial_deviation': np.sqrt((of_virials[index] ** 2).mean()),
            }
            for name, value in wanted.items():
                np.testing.assert_allclose(record[name], [value], rtol=2e-6, err_msg=f'{name}, {ranks} ranks')
