"""The analysis of a pull as nodes."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.functions.mechanics import analyse_pull

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


def sample(n=240, seed=2):
    """Si and O at random places."""
    rng = np.random.default_rng(seed)
    cell = np.diag([15.0, 15.0, 18.0])
    symbols = ('Si',) * (n // 3) + ('O',) * (n - n // 3)
    return Frames(symbols, (rng.random((n, 3)) @ cell)[None], cells=cell[None])


def stretched(frames, strains):
    stretches = np.array([np.diag([1.0, 1.0, 1 + strain]) for strain in strains])
    return Frames(frames.symbols, frames.positions @ stretches, cells=frames.cells @ stretches)


def test_nodes_of_an_affine_pull():
    frames = sample()
    labels = orm.ArrayData({'labels': (np.arange(frames.n_atoms) % 2 * 2).astype(np.int8)})
    request = orm.Dict({'axis': 'z', 'cutoffs': {'Si-O': 2.0}, 'map_strains': [0.03]})
    snapshots = FramesData.from_frames(stretched(frames, [0.01, 0.03]))
    found = analyse_pull(FramesData.from_frames(frames), snapshots, request, labels)
    assert sorted(found) == ['curves', 'maps', 'numbers']
    arrays = found['curves'].arrays
    np.testing.assert_allclose(arrays['strain'], [0.01, 0.03])
    np.testing.assert_allclose(arrays['d2min__crystal__mean'], 0, atol=1e-12)
    assert found['curves'].base.attributes.get('units')['d2min__crystal__mean'] == 'Å²'
    numbers = found['numbers'].get_dict()
    assert numbers['cutoffs'] == {'Si-O': 2.0}
    assert set(numbers['last']['bonds']['Si']) == {'all', 'glass', 'crystal'}
    assert found['maps'].get_array('shear').shape == (1, frames.n_atoms)
    assert found['maps'].get_array('strain')[0] == pytest.approx(0.03)


def test_what_cannot_be_analysed_is_said():
    frames = sample()
    node, request = FramesData.from_frames(frames), orm.Dict({'axis': 'z', 'cutoffs': {'Na-O': 2.0}})
    _, process = analyse_pull.run_get_node(node, FramesData.from_frames(stretched(frames, [0.01])), request)
    assert process.exit_status == 330
    assert 'no pair of a cation and an anion of this sample: Na-O' in process.exit_message
