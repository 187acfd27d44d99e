"""Anions over a trajectory: thiophosphate clusters built by hand, what a frame lacks, artefacts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.frames import Frames

BOND = 2.05
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
CUTOFFS = {'P-S': 2.5, 'P-P': 2.6, 'S-S': 2.3}


def outcome(frames, cutoffs=CUTOFFS, **settings):
    return analyse(read_request({'analyses': {'anions': settings}, 'cutoffs': cutoffs}), of_frames(frames))


def thiophosphates(n_frames=2):
    """PS4, P2S7, P2S6 and edge-sharing P2S6; in the last frame the corner of P2S7 is broken: P2S6 of it is PS4, PS3."""
    left = BOND * TETRAHEDRON
    corner = np.vstack([[[0, 0, 0]], left, [2 * left[0]], 2 * left[0] - left[1:]])
    axis = 2.2 * TETRAHEDRON[0]
    bonded = np.vstack([[[0, 0, 0]], left[1:], [axis], axis - left[1:]])
    height = np.sqrt(BOND**2 - 1.4**2)
    edge = np.array([[0, 0, 0], [2.8, 0, 0], [1.4, height, 0], [1.4, -height, 0]])
    edge = np.vstack([edge, [[-1.1, 0, 1.73], [-1.1, 0, -1.73], [3.9, 0, 1.73], [3.9, 0, -1.73]]])
    parts = [np.vstack([[[0, 0, 0]], left]), corner, bonded, edge]
    symbols = ['P', *['S'] * 4] + ['P', *['S'] * 4, 'P', *['S'] * 3] + ['P', *['S'] * 3] * 2 + ['P', 'P', *['S'] * 6]
    positions = np.vstack([part + np.array([0, 0, 11 * i]) for i, part in enumerate(parts)]) + 1.0
    frames = np.array([positions] * n_frames)
    frames[-1, 10:14] += 1.5 * TETRAHEDRON[0]
    return Frames(tuple(symbols), frames, np.tile(44.0 * np.eye(3), (n_frames, 1, 1)))


def test_clusters_by_share_and_count():
    result = outcome(thiophosphates()).results['anions']
    shares = {kind: entry['mean'] for kind, entry in result.numbers['clusters']['P'].items()}
    # 7 P; the last frame has PS4 twice, PS3, and no P2S7: what is not there counts as zero
    assert shares == pytest.approx({'PS4': 3 / 14, 'P2S7': 1 / 7, 'P2S6': 2 / 7, 'P2S6_edge': 2 / 7, 'PS3': 1 / 14})
    counts = {kind: entry['mean'] for kind, entry in result.numbers['cluster_counts'].items()}
    assert counts == pytest.approx({'PS4': 1.5, 'P2S7': 0.5, 'P2S6': 1, 'P2S6_edge': 1, 'PS3': 0.5})
    assert result.numbers['clusters']['P']['PS3']['standard_error'] == pytest.approx(1 / 14)
    assert sum(entry['mean'] for entry in result.numbers['anions']['S'].values()) == pytest.approx(1)
    assert sum(entry['mean'] for entry in result.numbers['cluster_shares'].values()) == pytest.approx(1)
    assert result.numbers['former_pairs']['P-P']['mean'] == 1
    units = result.numbers['units']['P']
    assert units['PS4']['share']['mean'] == pytest.approx((5 + 4) / 14)
    assert result.per_atom['species'][:5].tolist() == ['PS4', *['terminal S'] * 4]
    assert result.per_atom['terminal_anions'][[0, 5]].tolist() == [4, 4]
    json.dumps(result.numbers)


def test_artefacts_are_flagged_by_their_mean_over_frames():
    found = outcome(thiophosphates()).results['anions']
    edge = found.numbers['artefacts']['edge_sharing']
    assert edge['value']['mean'] == pytest.approx(2 / 7)
    assert edge['flagged'] is True
    assert found.warnings == ['edge_sharing: 28.6% of P share edges with another tetrahedron (limit 5.0%)']
    calm = outcome(thiophosphates(), limits={'edge_sharing': 0.5}).results['anions']
    assert calm.warnings == []
    assert calm.numbers['artefacts']['former_chains']['flagged'] is False


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'limits': {'edges': 0.1}}, "limits: 'edges', expected some of edge_sharing"),
        ({'limits': {'anion_bonds': 5.0}}, 'anion_bonds: 5.0, expected a share'),
    ],
)
def test_refuses(settings, words):
    assert words in outcome(thiophosphates(), **settings).failed['anions']


def test_without_a_former():
    salt = Frames(('Na', 'Cl'), np.array([[[0, 0, 0], [2.8, 0, 0]]]), 5.6 * np.eye(3)[None])
    assert 'no former with an anion' in outcome(salt, {'Na-Cl': 3.0}).failed['anions']
