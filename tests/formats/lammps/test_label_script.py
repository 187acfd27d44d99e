"""What a label job is given, and what is read of what it left, cut anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.formats.lammps.dump import read_dump
from aiida_glassion.formats.lammps.label_script import (
    PRESSURE_TIMES_VOLUME,
    first_frame,
    is_triclinic,
    oriented,
    read_labels,
    write_frames,
    write_label_script,
)
from aiida_glassion.frames import Frames
from aiida_glassion.units import EV_PER_ANGSTROM3_TO_GPA, KCAL_PER_MOL_TO_EV

RNG = np.random.default_rng(3)


def frames(n_frames=3, skew=0.3):
    cells = np.eye(3) * 6.0 + skew * RNG.normal(size=(n_frames, 3, 3))
    cells[1] *= [[-1], [1], [1]]
    fractions = RNG.uniform(-1, 2, (n_frames, 4, 3))
    return Frames(('Si', 'O', 'O', 'Si'), fractions @ cells, cells)


def written(labels, given):
    """Files as LAMMPS writes them, for given energies, forces and virials in the original orientation."""
    text, dump = '', ''
    for index, (energy, forces, virial) in enumerate(labels):
        cell, rotation = oriented(given.cells[index])
        pressure = rotation.T @ virial @ rotation / abs(np.linalg.det(cell.matrix)) * PRESSURE_TIMES_VOLUME['metal']
        numbers = [energy, *(pressure[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)))]
        text += f'GLASSION frame {index} ' + ' '.join(f'{number:.17g}' for number in numbers) + '\n'
        dump += f'ITEM: TIMESTEP\n{index}\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n' + '0 9\n' * 3
        dump += 'ITEM: ATOMS id type x y z fx fy fz\n'
        for number, (kind, force) in enumerate(zip((2, 1, 1, 2), forces @ rotation, strict=True), 1):
            dump += f'{number} {kind} 0 0 0 ' + ' '.join(f'{x:.17g}' for x in force) + '\n'
    return text, dump.encode()


def some_labels(n_frames=3):
    virials = RNG.normal(size=(n_frames, 3, 3))
    return [(RNG.normal(), RNG.normal(size=(4, 3)), virial + virial.T) for virial in virials]


def test_frames_go_into_lammps_orientation_unharmed(tmp_path):
    given = frames()
    assert is_triclinic(given)
    write_frames(given, tmp_path / 'frames.dump')
    dump = read_dump(tmp_path / 'frames.dump')
    assert dump.complete
    assert list(dump.steps) == [0, 1, 2]
    for index in range(3):
        assert np.linalg.det(dump.cells[index]) > 0
        inside = dump.positions[index] @ np.linalg.inv(dump.cells[index])
        assert (inside > -1e-12).all()
        assert (inside < 1 + 1e-12).all()
        moved = inside @ np.abs(np.eye(3)) - given.positions[index] @ np.linalg.inv(
            given.cells[index] if np.linalg.det(given.cells[index]) > 0 else -given.cells[index]
        )
        np.testing.assert_allclose(moved, np.rint(moved), atol=1e-12)
    assert np.linalg.det(first_frame(given[1]).cells[0]) > 0


def test_boxes_are_all_tilted_or_none(tmp_path):
    cuboid = Frames(('O',), np.zeros((1, 1, 3)), 5 * np.eye(3)[None])
    write_frames(cuboid, tmp_path / 'a')
    assert 'xy' not in (tmp_path / 'a').read_text()
    assert 'change_box' not in write_label_script(['pair_style zero 5'], 1, 'metal', 'atomic', False)
    tilted = cuboid.cells.copy()
    tilted[0, 1, 0] = 1.0
    write_frames(Frames.concatenate([cuboid, Frames(('O',), cuboid.positions, tilted)]), tmp_path / 'b')
    assert (tmp_path / 'b').read_text().count('ITEM: BOX BOUNDS xy xz yz pp pp pp') == 2
    script = write_label_script(['pair_style zero 5'], 2, 'metal', 'atomic', True)
    assert script.index('change_box all triclinic') < script.index('pair_style')
    assert 'variable frame loop 0 1\n' in script


def test_labels_come_back_in_the_original_orientation():
    given, labels = frames(), some_labels()
    found = read_labels(given, *written(labels, given), 'metal')
    assert found.indices == [0, 1, 2]
    for index, (energy, forces, virial) in enumerate(labels):
        assert found.energies[index] == energy
        np.testing.assert_allclose(found.forces[index], forces, atol=1e-14)
        np.testing.assert_allclose(found.virials[index], virial, atol=1e-12)


def test_units():
    assert 1 / PRESSURE_TIMES_VOLUME['metal'] == pytest.approx(1e-4 / EV_PER_ANGSTROM3_TO_GPA, rel=1e-6)
    atm = 1.01325e-4 / EV_PER_ANGSTROM3_TO_GPA
    assert KCAL_PER_MOL_TO_EV / PRESSURE_TIMES_VOLUME['real'] == pytest.approx(atm, rel=1e-6)
    given, labels = frames(), some_labels()
    metal, real = (read_labels(given, *written(labels, given), units) for units in ('metal', 'real'))
    np.testing.assert_allclose(real.energies, np.array(metal.energies) * KCAL_PER_MOL_TO_EV)
    np.testing.assert_allclose(real.forces, np.array(metal.forces) * KCAL_PER_MOL_TO_EV)


def test_cut_anywhere_only_whole_labels_are_read():
    given, labels = frames(), some_labels()
    text, dump = written(labels, given)
    seen = set()
    for size in (*range(0, len(dump), 7), len(dump)):
        found = read_labels(given, text, dump[:size], 'metal')
        seen.add(tuple(found.indices))
        for row, index in enumerate(found.indices):
            np.testing.assert_allclose(found.forces[row], labels[index][1], atol=1e-13)
    assert seen == {(), (0,), (0, 1), (0, 1, 2)}
    for size in range(0, len(text) + 1, 5):
        found = read_labels(given, text[:size], dump, 'metal')
        assert found.energies == [label[0] for label in labels[: len(found.energies)]]
    assert read_labels(given, text, None, 'metal').damage == 'forces of frame 0: missing'
    assert read_labels(given, 'GLASSION frame x 1 2 3 4 5 6 7\nrubbish\n', dump, 'metal').indices == []


def test_what_is_no_number_is_named():
    given, labels = frames(), some_labels()
    text, dump = written(labels, given)
    lines = text.splitlines(keepends=True)
    lines[1] = 'GLASSION frame 1 inf -nan -nan -nan 0 0 0\n'
    found = read_labels(given, ''.join(lines), dump, 'metal')
    assert found.indices == [0, 2]
    assert found.not_finite[1].startswith('energy inf eV')
    broken = dump.replace(b'ITEM: TIMESTEP\n1\n', b'ITEM: TIMESTEP\n1\nITEM: rubbish\n')
    found = read_labels(given, text, broken, 'metal')
    assert found.indices == [0, 2], 'one damaged frame does not hide those after it'
    assert found.damage.startswith('forces of frame 1:')
