"""The script that asks an ASE calculator, as it runs in a user's environment; and what may be asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from ase.build import bulk
from ase.calculators.emt import EMT

from aiida_glassion.calculations import scripts
from aiida_glassion.calculations.label_ase import FRAMES_FILE, LABELS_FILE, SETTINGS_FILE, _packed, check_calculator
from aiida_glassion.frames import Frames
from aiida_glassion.parsers.label_ase import labelled_frames, read_lines, sort_lines

SCRIPT = Path(scripts.__file__).with_name('label_ase.py')


def run_script(folder, frames, path='ase.calculators.emt:EMT', energy='energy', **kwargs):
    (folder / FRAMES_FILE).write_bytes(_packed(frames))
    (folder / SETTINGS_FILE).write_text(json.dumps({'path': path, 'kwargs': kwargs, 'energy': energy}))
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    done = subprocess.run(
        [sys.executable, SCRIPT.name], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )
    return done, (folder / LABELS_FILE).read_bytes()


def copper(n_frames=2):
    rng = np.random.default_rng(5)
    images = []
    for _ in range(n_frames):
        atoms = bulk('Cu', cubic=True) * (2, 1, 1)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.03, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        images.append(atoms)
    return Frames.from_ase(images)


def energy_of(atoms):
    atoms.calc = EMT()
    return atoms.get_potential_energy()


def test_the_virial_is_minus_the_derivative_by_a_strain_and_the_force_by_a_move(tmp_path):
    frames = copper(1)
    done, content = run_script(tmp_path, frames)
    assert done.returncode == 0, done.stderr
    rows, refused = sort_lines(frames, read_lines(content))
    assert refused == []
    labels = labelled_frames(frames, rows)
    step = 1e-5
    numerical = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            energies = []
            for sign in (1, -1):
                strain = np.eye(3)
                strain[i, j] += sign * step / 2
                strain[j, i] += sign * step / 2
                atoms = frames.to_ase()
                atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
                energies.append(energy_of(atoms))
            numerical[i, j] = -(energies[0] - energies[1]) / (2 * step)
    np.testing.assert_allclose(labels.virials[0], numerical, atol=2e-6)
    energies = []
    for sign in (1, -1):
        atoms = frames.to_ase()
        atoms.positions[3, 1] += sign * step
        energies.append(energy_of(atoms))
    assert labels.forces[0, 3, 1] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-7)


def test_cut_anywhere_only_whole_lines_are_read(tmp_path):
    frames = copper()
    _, content = run_script(tmp_path, frames, energy='free_energy')
    whole, _ = sort_lines(frames, read_lines(content))
    assert set(whole) == {0, 1}
    for size in range(0, len(content), 97):
        rows, refused = sort_lines(frames, read_lines(content[:size]))
        assert refused == []
        for index, row in rows.items():
            np.testing.assert_array_equal(row['forces'], whole[index]['forces'])
    assert read_lines(b'\xff\xfe rubbish\n[1, 2]\n{"index": 0') == []


def test_a_frame_that_fails_says_why_and_does_not_stop_the_others(tmp_path):
    (tmp_path / 'picky.py').write_text(
        'from ase.calculators.emt import EMT\n'
        'class Picky(EMT):\n'
        '    def calculate(self, atoms=None, properties=None, system_changes=()):\n'
        '        if atoms.cell[0, 0] > 9:\n'
        '            raise RuntimeError("too long for me")\n'
        '        super().calculate(atoms, properties or ["energy"], system_changes)\n'
    )
    frames = copper(3)
    frames.cells[1, 0, 0] = 9.5
    done, content = run_script(tmp_path, frames, path='picky:Picky')
    assert done.returncode == 0, done.stderr
    rows, refused = sort_lines(frames, read_lines(content))
    assert sorted(rows) == [0, 2]
    expected = {'index': 1, 'kind': 'missing', 'reason': 'the calculator raised RuntimeError: too long for me'}
    assert refused == [expected]
    assert 'too long for me' in done.stderr, 'the traceback is in the output'


def test_wrong_shapes_and_no_numbers_are_refused():
    frames = copper()
    forces = np.zeros((8, 3)).tolist()
    lines = [
        {'index': 0, 'energy': float('nan'), 'forces': forces},
        {'index': 1, 'energy': 1.0, 'forces': forces[:3]},
        {'index': 7, 'energy': 1.0, 'forces': forces},
    ]
    rows, refused = sort_lines(frames, lines)
    assert rows == {}
    assert [entry['kind'] for entry in refused] == ['not_finite', 'missing']

    good = {'energy': 1.0, 'forces': forces}
    lines = [{'index': 0, **good, 'virial': np.eye(3).tolist()}, {'index': 1, **good}]
    rows, refused = sort_lines(frames, lines)
    assert list(rows) == [0]
    assert refused == [{'index': 1, 'kind': 'missing', 'reason': 'no virial, which other frames have'}]
    assert labelled_frames(frames, rows).virials.shape == (1, 3, 3)


@pytest.mark.parametrize(
    'path', ['os:system', 'ase.build:bulk', 'subprocess:Popen', 'ase.calculators.emt:no_such', 'no_such_module:EMT']
)
def test_only_the_class_of_a_calculator_is_called(tmp_path, path):
    done, content = run_script(tmp_path, copper(), path=path, args='touch owned')
    assert done.returncode != 0
    assert read_lines(content) == []
    assert not (tmp_path / 'owned').exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'path': 'ase.calculators.emt.EMT'}, 'a module and a class in it'),
        ({'path': '../emt:EMT'}, 'a module and a class in it'),
        ({'path': "os:system('x')"}, 'a module and a class in it'),
        ({'path': '__builtins__:eval'}, 'a module and a class in it'),
        ({'path': None}, 'a module and a class in it'),
        ({'path': 'a.b:C', 'kwargs': [1]}, 'arguments by name'),
        ({'path': 'a.b:C', 'energy': 'total'}, 'energy or free_energy'),
        ({'path': 'a.b:C', 'keywords': {}}, "unknown key 'keywords'"),
    ],
)
def test_a_calculator_that_cannot_be_is_refused(aiida_profile_clean, content, message):
    assert message in check_calculator(orm.Dict(content))


def test_a_calculator_that_can_be(aiida_profile_clean):
    assert check_calculator(orm.Dict({'path': 'mace.calculators:MACECalculator', 'kwargs': {'a': 1}})) is None
