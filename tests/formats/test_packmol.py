"""Packmol's files, against recorded outputs of packmol 21.2.3, whole and cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_glassion.formats.packmol import Molecule, read_log, read_xyz, write_input, write_xyz

RECORDED = Path(__file__).parent.parent / 'fixtures' / 'packmol'


def recorded(name, file='packmol.log'):
    return (RECORDED / name / file).read_text()


def atom(element, number):
    return Molecule(element, (element,), np.zeros((1, 3)), number)


def test_input_is_the_recorded_one():
    files = write_input([atom('O', 20), atom('Si', 10)], [8.0] * 3, {'O': 1.035, 'Si': 0.5}, seed=5)
    assert files['packmol.inp'] == recorded('solved', 'packmol.inp')
    assert sorted(files) == ['01_O.xyz', '02_Si.xyz', 'packmol.inp']


def test_molecules_and_loops():
    unit = Molecule('Ca(PO3)2', ('O', 'P', 'O'), np.arange(9.0).reshape(3, 3), 7)
    files = write_input([unit], [8.0, 9.0, 10.0], {'O': 1.0, 'P': 0.5}, seed=1, loops=4)
    text = files['packmol.inp']
    assert 'pbc 0.0 0.0 0.0 8.000000 9.000000 10.000000' in text
    assert 'nloop 4' in text
    assert '  atoms 1 3\n    radius 1.000000\n  end atoms' in text
    symbols, positions = read_xyz(files['01_Ca_PO3_2.xyz'])
    assert symbols == unit.symbols
    np.testing.assert_allclose(positions, unit.positions)


def test_nothing_to_pack():
    with pytest.raises(ValueError, match='nothing to pack'):
        write_input([], [8.0] * 3, {}, seed=1)


def test_xyz():
    symbols, positions = read_xyz(recorded('solved', 'packed.xyz'))
    assert symbols == ('O',) * 20 + ('Si',) * 10
    assert positions.shape == (30, 3)
    assert positions.min() > -0.2
    assert positions.max() < 8.2


@pytest.mark.parametrize(
    'text', ['', '\n', '3\n', '-1\n\n', 'x\n\n', '1\n\nO 0 0\n', '1\n\nO 0 0 x\n', '1\n\nO 0 0 nan\n']
)
def test_bad_xyz(text):
    with pytest.raises(ValueError, match='xyz'):
        read_xyz(text)


@given(st.integers(0, 1 << 20))
def test_cut_xyz_is_refused(cut):
    text = recorded('solved', 'packed.xyz')
    with pytest.raises(ValueError, match='xyz'):
        read_xyz(text[: cut % len(text)])


def test_logs():
    solved = read_log(recorded('solved'))
    assert (solved.version, solved.solved, solved.imperfect, solved.error) == ('21.2.3', True, False, None)
    assert solved.objective is not None
    assert solved.distance_violation is not None
    assert read_log(recorded('single')).solved
    imperfect = read_log(recorded('imperfect'))
    assert (imperfect.solved, imperfect.imperfect) == (False, True)
    assert imperfect.objective > 1
    assert 'missing.xyz' in read_log(recorded('bad_input')).error
    assert 'pbx' in read_log(recorded('bad_keyword')).error


@given(st.sampled_from(['solved', 'single', 'imperfect', 'bad_input', 'bad_keyword']), st.integers(0, 1 << 20))
def test_cut_log_is_never_solved(name, cut):
    text = recorded(name)
    log = read_log(text[: cut % max(1, len(text) - 200)])
    assert not log.solved


def test_xyz_text():
    assert write_xyz(atom('Na', 3)) == '1\nNa\nNa     0.000000     0.000000     0.000000\n'
