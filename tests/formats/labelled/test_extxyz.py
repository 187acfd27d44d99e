"""Extended XYZ: ASE writes and reads the same; signs of stress and virial; finite differences of a known potential."""

from __future__ import annotations

import io

import numpy as np
import pytest

from aiida_glassion.formats.labelled.extxyz_write import write_extxyz
from aiida_glassion.formats.labelled.read import Reading, read_labelled
from aiida_glassion.frames import Frames


def copper(n_frames=3, seed=1):
    """Copper by ASE's EMT: energies, forces and stress of a calculator."""
    from ase.build import bulk
    from ase.calculators.emt import EMT
    from ase.calculators.singlepoint import SinglePointCalculator

    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n_frames):
        atoms = bulk('Cu', 'fcc', a=3.6, cubic=True).repeat((2, 1, 1))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        results = {
            'energy': atoms.get_potential_energy(),
            'forces': atoms.get_forces(),
            'stress': atoms.get_stress(voigt=True),
        }
        atoms.calc = SinglePointCalculator(atoms, **results)
        images.append(atoms)
    return images


def frames_of(path, **how):
    return Frames.concatenate(list(read_labelled(path, reading=Reading(**how))))


def test_what_ase_writes(tmp_path):
    from ase.io import write

    images = copper()
    path = tmp_path / 'train.xyz'
    write(path, images, format='extxyz')
    frames = frames_of(path)
    for i, image in enumerate(images):
        np.testing.assert_allclose(frames.positions[i], image.positions, atol=1e-7)
        np.testing.assert_allclose(frames.cells[i], image.cell.array, atol=1e-7)
        np.testing.assert_allclose(frames.forces[i], image.get_forces(), atol=1e-7)
        assert frames.energies[i] == pytest.approx(image.get_potential_energy())
        np.testing.assert_allclose(frames.virials[i], -image.get_volume() * image.get_stress(voigt=False), atol=1e-6)


def test_virial_is_minus_the_derivative_of_the_energy_by_strain(tmp_path):
    from ase.calculators.emt import EMT
    from ase.io import write

    [atoms] = copper(1)
    write(tmp_path / 'one.xyz', atoms, format='extxyz')
    virial = frames_of(tmp_path / 'one.xyz').virials[0]
    step, derivative = 1e-5, np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            energies = []
            for sign in (1, -1):
                strain = np.zeros((3, 3))
                strain[i, j] += sign * step / 2
                strain[j, i] += sign * step / 2
                strained = atoms.copy()
                strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
                strained.calc = EMT()
                energies.append(strained.get_potential_energy())
            derivative[i, j] = (energies[0] - energies[1]) / (2 * step)
    np.testing.assert_allclose(virial, -derivative, atol=1e-6)
    assert np.abs(virial).max() > 1


def test_round_trip_is_exact_and_ase_reads_it(tmp_path):
    from ase.io import read

    rng = np.random.default_rng(2)
    symbols = ('Si', 'O', 'O', 'V')
    virials = rng.normal(size=(4, 3, 3))
    frames = Frames(
        symbols,
        rng.random((4, 4, 3)) * 9,
        np.eye(3) * 6 + rng.normal(scale=0.3, size=(4, 3, 3)),
        energies=rng.normal(size=4) - 1e4,
        forces=rng.normal(size=(4, 4, 3)),
        virials=virials + virials.swapaxes(1, 2),
        magnetisations=rng.normal(size=(4, 4)),
    )
    path = tmp_path / 'all.xyz'
    with path.open('w') as file:
        write_extxyz(file, frames)
    back = frames_of(path)
    for name, array in frames.arrays().items():
        np.testing.assert_array_equal(getattr(back, name), array, err_msg=name)
    images = read(path, ':')
    for i, image in enumerate(images):
        np.testing.assert_allclose(image.get_forces(), frames.forces[i])
        np.testing.assert_allclose(image.get_stress(voigt=False), -frames.virials[i] / frames.volumes[i])
        assert image.get_potential_energy() == frames.energies[i]


def one(extra='energy=-3.0', properties='species:S:1:pos:R:3:forces:R:3', rows=('Si 0 0 0 0 0 1', 'O 0 0 1.6 0 0 -1')):
    return (
        f'{len(rows)}\nLattice="5 0 0 0 5 0 0 0 5" Properties={properties} {extra} pbc="T T T"\n'
        + '\n'.join(rows)
        + '\n'
    )


def read_text(tmp_path, text, **how):
    path = tmp_path / 'data.xyz'
    path.write_text(text)
    return frames_of(path, **how)


def test_labels_under_other_names(tmp_path):
    text = one('REF_energy=-3.0 REF_virial="1 0 0 0 2 0 0 0 3"', 'species:S:1:pos:R:3:REF_forces:R:3')
    frames = read_text(tmp_path, text)
    assert frames.energies.tolist() == [-3.0]
    np.testing.assert_array_equal(frames.virials[0], np.diag([1, 2, 3]))
    frames = read_text(tmp_path, one('total=-7.0 energy=-3.0'), keys={'energy': 'total'})
    assert frames.energies.tolist() == [-7.0]
    with pytest.raises(ValueError, match="frame 0: no 'total' for energy; there are Lattice, Properties, energy, pbc"):
        read_text(tmp_path, one(), keys={'energy': 'total'})


def test_free_energy_goes_before_energy(tmp_path):
    assert read_text(tmp_path, one('energy=-3.0 free_energy=-3.1')).energies.tolist() == [-3.1]


def test_voigt_stress(tmp_path):
    frames = read_text(tmp_path, one('energy=-3 stress="0.1 0.2 0.3 0.4 0.5 0.6"'))
    np.testing.assert_allclose(frames.virials[0] / -125, [[0.1, 0.6, 0.5], [0.6, 0.2, 0.4], [0.5, 0.4, 0.3]])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (one('', ), 'frame 0: no energy, so there is nothing to learn'),
        (one(properties='species:S:1:pos:R:3', rows=('Si 0 0 0', 'O 0 0 1.6')), 'frame 0: no forces; energies alone'),
        (one('energy=nan'), 'frame 0: energies: not finite'),
        (one() + one(rows=('Si 0 0 0 0 0 1', 'O 0 0 1.6 0 0 nan')), 'frame 1: forces: not finite'),
        (one('energy=many'), r'could not convert string to float: .*many'),
        ('2\nwater\nSi 0 0 0\nO 0 0 1.6\n', 'plain XYZ without `Properties'),
        (one('energy=-3 stress="1 0 0 0 1 0 0 0 1" virial="125 0 0 0 125 0 0 0 125"'), 'contradict each other'),
        (one(rows=('Si 0 0 0 0 0 1', 'O 0 0 1.6')), '11 words of atoms, expected 2 rows of 7'),
        (one(rows=('Si 0 0 0 0 0 1', 'Xx 0 0 1.6 0 0 1')), 'Xx is not an element'),
        (one() + 'nonsense\n', "frame 1: expected the number of atoms, found 'nonsense'"),
        (one(rows=('Si 0 0 0 0 0 1',))[:60], 'no frame to learn from in it: 1 left out, the first because truncated'),
    ],
)  # fmt: skip
def test_bad_files_are_answered_in_a_sentence(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_text(tmp_path, text)


@pytest.mark.parametrize('lost', [20, 3])
def test_cut_off_in_the_last_frame(lost, tmp_path):
    path = tmp_path / 'data.xyz'
    whole = one(rows=('Si 0 0 0.00 0 0 1.00', 'O  0 0 1.60 0 0 1.00'))
    path.write_text(whole + whole[:-lost])
    reading = Reading()
    assert sum(part.n_frames for part in read_labelled(path, reading=reading)) == 1
    assert [(entry.frame, entry.kind) for entry in reading.skipped] == [(1, 'truncated')]


def test_compositions_come_mixed_and_are_joined_in_order(tmp_path):
    other = one(rows=('Na 0 0 0 0 0 0',))
    text = ''.join(one(f'energy={-i}') + (other if i % 2 else '') for i in range(6))
    path = tmp_path / 'data.xyz'
    path.write_text(text)
    parts = list(read_labelled(path))
    assert [(part.symbols, part.n_frames) for part in parts] == [(('Si', 'O'), 6), (('Na',), 3)]
    assert parts[0].energies.tolist() == [0, -1, -2, -3, -4, -5]


def test_molecules_have_no_cell(tmp_path):
    text = '2\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-3\nO 0 0 0 0 0 0\nO 0 0 1.2 0 0 0\n'
    frames = read_text(tmp_path, text)
    assert frames.pbc == (False, False, False)
    file = io.StringIO()
    write_extxyz(file, frames)
    assert 'Lattice' not in file.getvalue()
    np.testing.assert_array_equal(read_text(tmp_path, file.getvalue()).positions, frames.positions)
