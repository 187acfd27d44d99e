"""Judging the hold of a run: the right frames, rows, cations and bond lengths reach the melt test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.hold import bond_lengths, judge_hold

SPACING = 4.0
N = 4


def sites(former='Si', anion='O'):
    """A chequerboard of formers with one anion each, 1.6 Å away in a corner of the cube: (symbols, positions, cell)."""
    grid = np.stack(np.meshgrid(*[np.arange(N)] * 3, indexing='ij'), axis=-1).reshape(-1, 3) * SPACING
    offset = 1.6 * np.array([1.0, 2.0, 2.0]) / 3
    return (former,) * len(grid) + (anion,) * len(grid), np.concatenate([grid, grid + offset]), np.eye(3) * SPACING * N


def run(step, n_frames=40, stages=None, **kind):
    """A random walk in which bonds stay whole: former and anion move together."""
    rng = np.random.default_rng(3)
    symbols, start, cell = sites(**kind)
    moves = rng.normal(size=(n_frames, len(start) // 2, 3)) * step
    moves[0] = 0
    walk = np.tile(moves.cumsum(axis=0), (1, 2, 1))
    vibration = rng.normal(size=(n_frames, len(start), 3)) * 0.03
    stages = np.ones(n_frames, dtype=int) if stages is None else stages
    return Frames(symbols, start + walk + vibration, np.tile(cell, (n_frames, 1, 1)), stages=stages)


def thermo(n=2000, drift=0.0):
    rng = np.random.default_rng(4)
    energy = lfilter([1.0], [1.0, -0.5], rng.normal(size=n)) - 1000 + drift * np.linspace(0, 1, n)
    return {'stage': np.r_[np.zeros(5, dtype=int), np.ones(n, dtype=int)], 'potential_energy': np.r_[[0.0] * 5, energy]}


def test_what_diffuses_is_a_melt_and_what_vibrates_is_none():
    assert judge_hold(run(0.5), thermo())['is_melt']
    verdict = judge_hold(run(0.0), thermo())
    assert not verdict['is_melt']
    assert 'Si' in verdict['reason'], 'the message names the element, not a type number'


def test_a_drift_of_the_energy_is_seen():
    verdict = judge_hold(run(0.5), thermo(drift=-500.0))
    assert not verdict['tests']['energy_drift']['passed']
    assert verdict['tests']['displacement']['passed']


def test_frames_and_rows_of_earlier_stages_do_not_count():
    still, moving = run(0.0), run(0.5)
    joined = Frames.concatenate([run(0.0, stages=np.zeros(40, dtype=int)), moving])
    assert judge_hold(joined, thermo())['tests'] == judge_hold(moving, thermo())['tests']
    joined = Frames.concatenate([run(0.5, stages=np.zeros(40, dtype=int)), still])
    assert not judge_hold(joined, thermo())['is_melt']


@pytest.mark.parametrize('n_frames', [0, 1])
def test_too_few_frames_say_what_to_change(n_frames):
    stages = np.r_[np.zeros(40 - n_frames, dtype=int), np.ones(n_frames, dtype=int)]
    verdict = judge_hold(run(0.5, stages=stages), thermo())
    assert not verdict['is_melt']
    assert f'{n_frames} stored frames' in verdict['reason']
    assert 'frames_every' in verdict['reason']


def test_limits_are_passed_on():
    assert judge_hold(run(0.5), thermo(), max_memory=0.2)['tests']['memory']['threshold'] == 0.2


def test_bond_lengths_are_the_first_peak_of_former_and_anion():
    frames = run(0.0)
    lengths = bond_lengths(frames)
    assert lengths == {frames.elements.index('Si'): pytest.approx(1.6, abs=0.03)}


def test_without_a_former_all_cations_count():
    frames = run(0.0, former='Mg')
    assert list(bond_lengths(frames)) == [frames.elements.index('Mg')]


def test_without_an_anion_it_cannot_be_judged():
    verdict = judge_hold(run(0.5, former='Si', anion='Ge'), thermo())
    assert not verdict['is_melt']
    assert 'cannot be judged' in verdict['reason']
