from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion import units
from aiida_glassion.formats.lammps.cell import to_lammps
from aiida_glassion.formats.lammps.data import read_data, write_data
from aiida_glassion.frames import Frames

CHARGES = {'Na': 0.6, 'O': -1.2, 'Si': 2.4}
CELLS = {
    'cuboid': np.diag([9.0, 10.0, 11.0]),
    'tilted': np.array([[9.0, 0, 0], [-3.1, 10, 0], [2.2, 4.9, 11]]),
    'skewed': np.array([[9.0, 0, 0], [8.1, 10, 0], [-7.2, 9.9, 11]]),
    'turned': np.array([[1.0, 9, 2], [-8, 1.5, 3], [2, -3, 12]]),
}


def frames(cell: np.ndarray, seed: int = 1, n_atoms: int = 40) -> Frames:
    rng = np.random.default_rng(seed)
    return Frames(
        symbols=tuple(rng.permutation(['Na'] * 10 + ['O'] * (n_atoms - 18) + ['Si'] * 8).tolist()),
        positions=rng.uniform(-2, 3, (2, n_atoms, 3)) @ cell,
        cells=np.array([2 * cell, cell]),
        velocities=rng.normal(0, 5, (2, n_atoms, 3)),
    )


def distances(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Shortest distance of every pair among all images near by."""
    images = np.array(list(product(range(-3, 4), repeat=3))) @ cell
    delta = positions[:, None] - positions
    delta -= np.round(delta @ np.linalg.inv(cell)) @ cell
    return np.linalg.norm(delta[:, :, None] + images, axis=-1).min(axis=-1)


@pytest.mark.parametrize('name', CELLS)
@pytest.mark.parametrize('unit_style', ['metal', 'real'])
def test_round_trip(name, unit_style):
    before = frames(CELLS[name])
    after = read_data(write_data(before, charges=CHARGES, unit_style=unit_style))
    cell, rotation = to_lammps(CELLS[name])
    assert after.symbols == before.symbols
    assert after.charges.tolist() == [CHARGES[symbol] for symbol in before.symbols]
    np.testing.assert_allclose(after.cells[0], cell.matrix, rtol=0, atol=1e-12)
    np.testing.assert_allclose(after.velocities[0], before.velocities[1] @ rotation, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(after.positions[0], before.positions[1] @ rotation, rtol=0, atol=1e-12)
    text = write_data(before, charges=CHARGES, unit_style=unit_style, velocities=False)
    wrapped = np.array([line.split()[3:6] for line in text.rpartition('# charge\n\n')[2].splitlines()], dtype=float)
    fractional = wrapped @ np.linalg.inv(cell.matrix)
    assert fractional.min() > -1e-12
    assert fractional.max() < 1 + 1e-12
    expected = distances(before.positions[1], before.cells[1])
    np.testing.assert_allclose(distances(after.positions[0], after.cells[0]), expected, atol=1e-10)


def test_an_image_too_far_for_lammps_is_given_up():
    far = frames(CELLS['cuboid'])
    positions = far.positions.copy()
    positions[-1, :3] = [[9.0 * 511 + 1, 2, 3], [9.0 * 512 + 1, 2, 3], [1, 2, -11.0 * 600 + 3]]
    after = read_data(write_data(Frames(far.symbols, positions, far.cells), charges=CHARGES))
    np.testing.assert_allclose(after.positions[0, :3], [[9.0 * 511 + 1, 2, 3], [1, 2, 3], [1, 2, 3]], atol=1e-9)


def test_atoms_inside_keep_every_digit():
    inside = frames(CELLS['cuboid'])
    inside = Frames(inside.symbols, np.random.default_rng(3).random((1, 40, 3)) * 9, inside.cells[1:])
    assert (read_data(write_data(inside, charges=CHARGES)).positions == inside.positions).all()


def test_what_the_file_says():
    lines = write_data(frames(CELLS['tilted']), charges=CHARGES).splitlines()
    assert lines[2:4] == ['40 atoms', '3 atom types']
    assert lines[5:9] == ['0.0 9.0 xlo xhi', '0.0 10.0 ylo yhi', '0.0 11.0 zlo zhi', '-3.1 2.2 4.9 xy xz yz']
    assert lines[10:15] == ['Masses', '', '1 22.98976928 # Na', '2 15.999 # O', '3 28.085 # Si']
    assert 'xy xz yz' not in write_data(frames(CELLS['cuboid']), charges=CHARGES)
    assert 'Velocities' not in write_data(frames(CELLS['cuboid']), charges=CHARGES, velocities=False)


def test_charges_of_the_atoms_themselves():
    plain = frames(CELLS['cuboid'])
    with pytest.raises(ValueError, match='give the charge of each element'):
        write_data(plain)
    with pytest.raises(ValueError, match='no charge given for O'):
        write_data(plain, charges={'Na': 1, 'Si': 4})
    own = Frames(plain.symbols, plain.positions, plain.cells, charges=np.linspace(-1, 1, 40))
    assert (read_data(write_data(own)).charges == own.charges).all()
    assert read_data(write_data(own, atom_style='atomic')).charges is None


def test_a_left_handed_cell_is_refused():
    with pytest.raises(ValueError, match='left-handed'):
        write_data(frames(CELLS['cuboid'][[1, 0, 2]]), charges=CHARGES)


def program() -> str:
    found = shutil.which('lmp') or shutil.which('lmp', path=str(Path(sys.executable).parent))
    assert found, 'lmp is not installed'
    return found


@pytest.mark.engine
@pytest.mark.parametrize('name', CELLS)
@pytest.mark.parametrize(('unit_style', 'atom_style'), [('metal', 'charge'), ('real', 'atomic'), ('metal', 'full')])
def test_lammps_reads_it_and_writes_the_same(name, unit_style, atom_style, tmp_path):
    before = frames(CELLS[name])
    text = write_data(before, atom_style='atomic' if atom_style == 'atomic' else 'charge', charges=CHARGES,
                      unit_style=unit_style)  # fmt: skip
    if atom_style == 'full':
        head, _, tail = text.partition('Atoms # charge\n\n')
        atoms, separator, rest = tail.partition('\nVelocities')
        rows = [line.split() for line in atoms.strip().splitlines()]
        atoms = '\n'.join(' '.join([row[0], '0', *row[1:]]) for row in rows)
        text = f'{head}Atoms # full\n\n{atoms}\n{separator}{rest}'
    (tmp_path / 'in.data').write_text(text)
    (tmp_path / 'in.lammps').write_text(
        f'units {unit_style}\natom_style {atom_style}\nread_data in.data\npair_style zero 3\npair_coeff * *\n'
        'fix 1 all nve\nset atom 1*20 image 1 -2 3\nrun 0\nwrite_data out.data\n'
    )
    run = [program(), '-in', 'in.lammps', '-screen', 'none']
    done = subprocess.run(run, cwd=tmp_path, check=False, env={'OMP_NUM_THREADS': '1'}, timeout=600)
    assert done.returncode == 0, (tmp_path / 'log.lammps').read_text()[-500:]
    after = read_data((tmp_path / 'out.data').read_text())
    expected = read_data(text, unit_style=unit_style)
    assert after.symbols == before.symbols == expected.symbols
    np.testing.assert_allclose(after.cells, expected.cells, rtol=0, atol=1e-12)
    cell = expected.cells[0]
    images = np.floor(expected.positions[0] @ np.linalg.inv(cell))
    new = np.where(np.arange(40)[:, None] < 20, [1, -2, 3], images)
    np.testing.assert_allclose(after.positions[0], expected.positions[0] + (new - images) @ cell, atol=1e-12)
    np.testing.assert_allclose(after.velocities, expected.velocities, rtol=1e-13)
    energy = 0.5 * (before.masses * (after.velocities[0] ** 2).sum(axis=1)).sum()
    assert energy == pytest.approx(0.5 * (before.masses * (before.velocities[1] ** 2).sum(axis=1)).sum())
    assert np.abs(after.velocities).max() == pytest.approx(
        np.abs(before.velocities[1] @ to_lammps(CELLS[name])[1]).max()
    )
    if atom_style != 'atomic':
        assert after.charges.tolist() == [CHARGES[symbol] for symbol in before.symbols]


def test_velocities_in_real_units_are_per_femtosecond():
    before = frames(CELLS['cuboid'])
    after = read_data(write_data(before, charges=CHARGES, unit_style='real'), unit_style='metal')
    np.testing.assert_allclose(after.velocities[0], before.velocities[1] * units.FS_TO_PS)


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('Atoms # charge', 'Atoms', 'atom style unknown'),
        ('Atoms # charge', 'Atoms # sphere', 'atom style sphere'),
        ('Atoms # charge', 'Bonds', 'no section Atoms'),
        ('40 atoms', '41 atoms', '40 rows for 41 atoms'),
        ('40 atoms', '', 'no number of atoms'),
        ('zlo zhi', 'zlow zhigh', 'no box'),
        ('22.98976928', '500', 'no element has the mass 500'),
        ('Masses', 'Masse', 'give the elements'),
        ('units = metal', 'units = lj', 'units lj'),
    ],
)
def test_what_is_no_data_file(old, new, message):
    with pytest.raises(ValueError, match=message):
        read_data(write_data(frames(CELLS['cuboid']), charges=CHARGES).replace(old, new, 1))


def test_elements_given():
    text = write_data(frames(CELLS['cuboid']), charges=CHARGES)
    assert read_data(text, elements=['Li', 'S', 'P']).counts == {'Li': 10, 'P': 8, 'S': 22}
    with pytest.raises(ValueError, match='types 1 to 3 for 2 elements'):
        read_data(text, elements=['Li', 'S'])
