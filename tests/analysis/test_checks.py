from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.analysis.checks import CheckAnalysis, CheckSettings
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.elements import network_roles

LENGTH = 20.0


def check(frames, settings=None, pbc=(True, True, True), size=None):
    system = System(
        frames.symbols, frames.elements, frames.types, pbc, network_roles(frames.elements), {('Si', 'O'): 2.0}, {},
        LENGTH, 1,
    )  # fmt: skip
    analysis = CheckAnalysis(CheckSettings(**(settings or {})), system)
    for first in range(0, frames.n_frames, size or frames.n_frames):
        part = frames[range(first, min(first + (size or frames.n_frames), frames.n_frames))]
        analysis.add(Chunk(system, part, first))
    return analysis.result()


def tetrahedra(rng, n=80, n_frames=1, fractions=None):
    """SiO4 units with Na, each where it likes: no network, but Si with four O."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3) * 1.6
    grid = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing='ij'), -1).reshape(-1, 3)[:n] * 4.0
    frames = []
    for _ in range(n_frames):
        centres = grid + rng.uniform(-0.1, 0.1, grid.shape)
        turns = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
        oxygens = (centres[:, None] + corners @ turns).reshape(-1, 3)
        sodium = rng.random((n, 3)) * LENGTH if fractions is None else fractions * LENGTH
        frames.append(np.vstack([centres, oxygens, sodium]))
    symbols = ['Si'] * n + ['O'] * 4 * n + ['Na'] * n
    return Frames(tuple(symbols), np.array(frames), np.tile(LENGTH * np.eye(3), (n_frames, 1, 1)))


def test_what_is_looked_at():
    rng = np.random.default_rng(0)
    found = check(tetrahedra(rng, 125)).numbers['checks']
    assert set(found) == {
        'crystallised_Na', 'crystallised_O', 'crystallised_Si', 'separated_density', 'separated_Na', 'coordination_Si',
    }  # fmt: skip
    # centres stand on a grid, the rest does not
    assert found['crystallised_Si']['flagged']
    assert not found['crystallised_Na']['flagged']
    assert not found['coordination_Si']['flagged']
    assert found['coordination_Si']['value'] == 0
    for entry in found.values():
        assert {'value', 'limit', 'flagged', 'words'} <= set(entry)
        assert entry['flagged'] == (entry['value'] > entry['limit'])


def test_wrong_coordination_is_warned_of():
    rng = np.random.default_rng(1)
    good = tetrahedra(rng, 125)
    positions = good.positions.copy()
    positions[:, 125 : 125 + 4 * 25 : 4] += 9.0
    found = check(Frames(good.symbols, positions, good.cells))
    entry = found.numbers['checks']['coordination_Si']
    away = positions[0, :125, None] - positions[0, None, 125:625]
    distance = np.linalg.norm(away - LENGTH * np.round(away / LENGTH), axis=-1)
    assert entry['value'] == pytest.approx(((distance < 2.0).sum(axis=1) != 4).mean())
    assert entry['value'] > 0.1
    assert entry['flagged']
    assert entry['words'] in found.warnings
    calm = check(Frames(good.symbols, positions, good.cells), {'odd_coordination': 0.5})
    assert not calm.numbers['checks']['coordination_Si']['flagged']


def test_sodium_in_one_half_is_a_phase_of_its_own():
    rng = np.random.default_rng(2)
    found = check(tetrahedra(rng, 125, 2, rng.random((125, 3)) * [0.5, 1, 1])).numbers['checks']['separated_Na']
    assert found['flagged']
    assert found['p'] <= found['p_limit']
    assert found['value'] > found['limit']


def test_long_trajectories_are_looked_at_evenly_whatever_the_chunks():
    rng = np.random.default_rng(3)
    frames = tetrahedra(rng, 27, 70)
    one = check(frames)
    assert one.numbers['frames_with_peaks_and_waves'] == 18
    assert check(frames, size=9).numbers == one.numbers


def test_too_small_and_not_periodic():
    small = Frames(('Si', 'O'), np.array([[[0.0, 0, 0], [1.6, 0, 0]]]), 4.0 * np.eye(3)[None])
    found = check(small).numbers['checks']
    assert found['crystallised_Si']['flagged'] is None
    assert found['separated_density']['flagged'] is None
    open_cell = check(tetrahedra(np.random.default_rng(4), 27), pbc=(True, True, False))
    assert list(open_cell.numbers['checks']) == ['coordination_Si']
    assert any('periodic' in warning for warning in open_cell.warnings)
