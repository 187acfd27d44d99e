"""Outputs of `dp test` and `dp model-devi`, whole and cut; unlabelled systems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.formats.deepmd.deviation_output import read_deviations
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.formats.deepmd.test_output import read_detail
from aiida_glassion.formats.deepmd.unlabelled import write_unlabelled
from aiida_glassion.frames import Frames

LOGS = Path(__file__).parents[2] / 'fixtures' / 'deepmd' / 'logs'
HEAD = '# {}\n# step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f devi_e\n'


def test_deviations_of_a_recorded_file():
    found = read_deviations((LOGS / 'model_devi.out').read_text())
    table = found['data/O16Si8']
    np.testing.assert_array_equal(table['frame'], np.arange(28))
    assert table['max_force_deviation'][0] == 2.560084e-05
    assert table['mean_virial_deviation'][1] == 7.230020e-07
    assert table['energy_deviation'][1] == 5.774200e-08


def test_deviations_of_several_systems_and_a_cut_line():
    row = ' '.join(['0'] + ['1.0e-3'] * 7) + '\n'
    text = HEAD.format('frames/a') + row + HEAD.format('frames/b') + row + row.replace('0 ', '1 ', 1)
    found = read_deviations(text)
    assert {name: len(table['frame']) for name, table in found.items()} == {'frames/a': 1, 'frames/b': 2}
    assert {n: len(t['frame']) for n, t in read_deviations(text[:-3]).items()} == {'frames/a': 1, 'frames/b': 1}
    assert read_deviations('') == {}


def test_details_pass_over_the_names_of_systems():
    label, prediction = read_detail(
        '# a/b: data_e pred_e\n-1.0 -1.5\n-2.0 -2.5\n# c: data_e pred_e\n-3 -3.5\n-4 -', 'energies'
    )
    np.testing.assert_array_equal(label, [[-1], [-2], [-3]])
    np.testing.assert_array_equal(prediction, [[-1.5], [-2.5], [-3.5]])
    assert read_detail('', 'forces')[0].shape == (0, 3)


@pytest.mark.parametrize(('text', 'words'), [('1 2 3\n', '3 columns, expected 2'), ('1 x\n', 'detail.e.out: ')])
def test_details_that_are_damaged(text, words):
    with pytest.raises(ValueError, match=words):
        read_detail(text, 'energies')


def test_unlabelled_frames_keep_the_order_of_their_atoms(tmp_path):
    positions = np.random.default_rng(2).random((1003, 3, 3))
    frames = Frames(('Si', 'O', 'Si'), positions, np.repeat(4 * np.eye(3)[None], 1003, axis=0))
    write_unlabelled(tmp_path / 'a', frames)
    parts = list(read_system(tmp_path / 'a'))
    assert [part.n_frames for part in parts] == [1000, 3]
    assert parts[0].symbols == ('Si', 'O', 'Si')
    np.testing.assert_array_equal(np.concatenate([part.positions for part in parts]), positions)
    with pytest.raises(ValueError, match='all directions or none'):
        write_unlabelled(tmp_path / 'b', Frames(('O',), np.zeros((1, 1, 3)), np.eye(3)[None], (True, True, False)))
    with pytest.raises(ValueError, match='no frames'):
        write_unlabelled(tmp_path / 'c', frames[:0])
