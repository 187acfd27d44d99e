"""Quantum ESPRESSO: recorded outputs of pw.x; geometry, labels and signs agree with ASE."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.formats.labelled.read import Reading, read_labelled
from aiida_glassion.frames import Frames

FIXTURES = Path(__file__).parents[2] / 'fixtures' / 'espresso'
CELL = np.array([[0.02, 2.72, 2.70], [2.71, 0.0, 2.75], [2.68, 2.71, 0.0]])


def frames_of(path, reading=None):
    return Frames.concatenate(list(read_labelled(path, reading=reading)))


def unzipped(name, folder, change=lambda text: text):
    path = folder / f'{name}.out'
    path.write_text(change(gzip.decompress((FIXTURES / f'{name}.out.gz').read_bytes()).decode()))
    return path


@pytest.mark.parametrize(('name', 'number'), [('scf', 1), ('md', 3), ('vc_relax', 9), ('spin', 1)])
def test_ase_agrees(name, number, tmp_path):
    from ase.io import read

    path = unzipped(name, tmp_path)
    frames = frames_of(path)
    images = [image for image in read(path, index=':', format='espresso-out') if 'forces' in image.calc.results]
    assert frames.n_frames == len(images) == number
    assert frames.symbols == ('Si', 'Si')
    for i, image in enumerate(images):
        np.testing.assert_allclose(frames.positions[i], image.positions, atol=1e-5)
        np.testing.assert_allclose(frames.cells[i], image.cell.array, atol=1e-5)
        np.testing.assert_allclose(frames.forces[i], image.get_forces(), atol=1e-6)
        np.testing.assert_allclose(frames.virials[i], -image.get_volume() * image.get_stress(voigt=False), atol=1e-4)
        assert frames.energies[i] == pytest.approx(image.get_potential_energy(), abs=1e-4)


@pytest.mark.parametrize('positions', ['angstrom', 'bohr', 'alat'])
@pytest.mark.parametrize('cell', ['bohr', 'alat= 5.13000000'])
def test_units_of_positions_and_cell(positions, cell, tmp_path):
    """The same numbers in another unit than pw.x wrote them: ASE reads the same from them."""
    from ase.io import read

    def change(text):
        text = text.replace('ATOMIC_POSITIONS (crystal)', f'ATOMIC_POSITIONS ({positions})')
        return text.replace('CELL_PARAMETERS (angstrom)', f'CELL_PARAMETERS ({cell})')

    path = unzipped('vc_relax', tmp_path, change)
    frames = frames_of(path)[:-1]  # the last one is printed again at the beginning of the final scf
    images = [image for image in read(path, index=':', format='espresso-out') if 'forces' in image.calc.results][:-1]
    np.testing.assert_allclose(frames.positions, [image.positions for image in images], atol=1e-5)
    np.testing.assert_allclose(frames.cells, [image.cell.array for image in images], atol=1e-5)


def test_cell_and_positions_are_those_of_the_input():
    frames = frames_of(FIXTURES / 'scf.out.gz')
    np.testing.assert_allclose(frames.cells[0], CELL, atol=5e-6)
    np.testing.assert_allclose(frames.positions[0, 1], [0.27, 0.24, 0.26] @ CELL, atol=5e-6)


def test_energy_has_the_entropy_of_the_smeared_electrons():
    frames = frames_of(FIXTURES / 'spin.out.gz')
    assert frames.energies[0] == pytest.approx(-15.56141611 * 13.605693, abs=1e-5)
    np.testing.assert_allclose(frames.magnetisations, [[0.3830, 0.3828]])


def test_the_final_scf_of_a_relaxation_has_the_relaxed_cell():
    frames = frames_of(FIXTURES / 'vc_relax.out.gz')
    np.testing.assert_allclose(frames.cells[-1], frames.cells[-2], atol=2e-5)
    assert not np.allclose(frames.cells[0], frames.cells[-1], atol=1e-2)


def test_unconverged():
    reading = Reading()
    with pytest.raises(ValueError, match='the first because unconverged: convergence NOT achieved after'):
        frames_of(FIXTURES / 'unconverged.out.gz', reading)
    assert [entry.kind for entry in reading.skipped] == ['unconverged']


@pytest.mark.parametrize(
    ('mark', 'after', 'n_frames'),
    [('!    total energy', 2, 2), ('Forces acting', 2, 2), ('total   stress', 2, 2), ('JOB DONE', 0, 3)],
)
def test_killed(mark, after, n_frames, tmp_path):
    def cut(text):
        parts = text.split(mark)
        return mark.join(parts[: after + 1]) + (mark + ' ' if after else '')

    reading = Reading()
    frames = frames_of(unzipped('md', tmp_path, cut), reading)
    assert frames.n_frames == n_frames
    assert [entry.kind for entry in reading.skipped] == ['truncated']


def test_killed_in_the_first_step_says_why(tmp_path):
    def fail(text):
        return text.split('!    total energy')[0] + '\n     Error in routine cdiaghg (159):\n'

    with pytest.raises(ValueError, match=r'first self-consistent step is complete \(Error in routine cdiaghg'):
        frames_of(unzipped('scf', tmp_path, fail))


def test_without_forces(tmp_path):
    def drop(text):
        return text.replace('Forces acting on atoms', '')

    path = unzipped('scf', tmp_path, drop)
    with pytest.raises(ValueError, match=r'scf.out, step 1: no forces; energies alone teach little'):
        frames_of(path)
    assert frames_of(path, Reading(without_forces=True)).forces is None


def test_runs_one_after_another_in_a_file(tmp_path):
    path = tmp_path / 'both.out'
    path.write_bytes(b''.join(gzip.decompress((FIXTURES / f'{name}.out.gz').read_bytes()) for name in ('md', 'scf')))
    frames = frames_of(path)
    assert frames.n_frames == 4
    assert frames.energies[0] == frames.energies[3]
    np.testing.assert_array_equal(frames.positions[0], frames.positions[3])
