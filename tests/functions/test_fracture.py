"""Calcfunctions of fracture on made-up pulls: notches and copies of cells, snapshots, summaries."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from aiida import orm

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.functions.fracture import gather_snapshots
from aiida_glassion.functions.mechanics_samples import cut_notch, replicate
from aiida_glassion.kernels.mechanics.pull_plan import cell_lengths
from aiida_glassion.kernels.mechanics.pull_settings import NotchSettings

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

GLASS = Path(__file__).parents[1] / 'fixtures' / 'silica' / 'glass.extxyz'


@pytest.fixture
def glass(aiida_profile_clean):
    return FramesData.from_ase(ase.io.read(GLASS)).store()


def request(glass, exact='formula', **notch):
    found = NotchSettings(**{'opening': 5.0, 'length': 0.4, **notch}).notch('z', cell_lengths(glass.frames.cells[-1]))
    fields = {name: getattr(found, name) for name in ('length', 'opening', 'load_axis', 'length_axis')}
    return {'notch': fields, 'exact': exact, 'shell': 0.0, 'seed': 3, 'charges': None}


def test_a_notch_leaves_whole_units_and_their_labels(glass):
    labels = orm.ArrayData({'labels': np.arange(192, dtype=np.int16)})
    found = cut_notch(glass, orm.Dict(request(glass)), regions=labels)
    sample, record = found['sample'].frames, found['record'].get_dict()
    assert sample.counts['O'] == 2 * sample.counts['Si'] < 128
    assert record['crack_area'] / record['area'] == pytest.approx(0.4)
    kept = found['regions'].get_array('labels')
    np.testing.assert_array_equal(sample.positions[0], glass.frames.positions[-1][kept])
    assert [glass.symbols[index] for index in kept] == list(sample.symbols)
    again = cut_notch(glass, orm.Dict(request(glass)))
    np.testing.assert_array_equal(again['sample'].frames.positions, sample.positions)


def test_what_cannot_be_cut_says_why(glass):
    _, node = cut_notch.run_get_node(glass, orm.Dict(request(glass, length=0.001)))
    assert (node.exit_status, 'take a larger pore' in node.exit_message) == (210, True)


def test_copies_have_copies_of_the_labels(glass):
    labels = orm.ArrayData({'labels': np.arange(192) % 3})
    found = replicate(glass, orm.List([1, 2, 1]), regions=labels)
    assert found['sample'].n_atoms == 384
    np.testing.assert_array_equal(found['regions'].get_array('labels')[192:], np.arange(192) % 3)


def piece(lengths, steps, shift=0.0):
    """Frames of one atom in cells of these lengths along z."""
    cells = np.array([np.diag([10.0, 10.0, length]) for length in lengths])
    positions = np.full((len(lengths), 1, 3), shift) + np.arange(len(lengths), dtype=float)[:, None, None]
    frames = Frames(('Si',), positions, cells, steps=np.asarray(steps), times=np.asarray(steps) * 1e-3)
    return FramesData(frames=frames)


def test_snapshots_are_the_ends_of_holds_without_a_doubled_frame():
    reference = piece([20.0], [0])
    pieces = {
        'piece_000': piece([20.0, 21.0, 21.0, 22.0], [0, 100, 200, 300], 10),
        'piece_001': piece([22.0, 23.0], [0, 100], 20),
    }
    found = gather_snapshots(orm.Dict({'axis': 'z', 'starts': [0.0, 0.3]}), reference, **pieces).frames
    np.testing.assert_allclose(found.cells[:, 2, 2], [20, 21, 22, 23])
    np.testing.assert_allclose(found.positions[:, 0, 0], [0, 12, 13, 21])
    np.testing.assert_allclose(found.times, [0, 0.2, 0.3, 0.4])
    assert found.positions.dtype == np.float32
