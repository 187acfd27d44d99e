"""Splits: reproducible, every system in both parts, the wished fraction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_glassion.kernels.dataset.split import split_by_formula, split_by_frame, split_pooled


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8).filter(lambda sizes: max(sizes) > 1),
    fraction=st.floats(0.02, 0.98),
    seed=st.integers(0, 5),
)
def test_every_system_is_in_both_parts_and_the_fraction_is_met(sizes, fraction, seed):
    n_frames = {f's{i}': size for i, size in enumerate(sizes)}
    split = split_by_frame(n_frames, fraction, seed)
    held = {name: int(mask.sum()) for name, mask in split.items()}
    for name, size in n_frames.items():
        assert len(split[name]) == size
        assert held[name] == 0 if size == 1 else 1 <= held[name] <= size - 1
    lowest, highest = sum(size > 1 for size in sizes), sum(size - 1 for size in sizes)
    assert sum(held.values()) == min(max(round(fraction * sum(sizes)), lowest), highest)


def test_seeded():
    n_frames = {'a': 50, 'b': 30}
    first, again, other = (split_by_frame(n_frames, 0.2, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in n_frames)
    assert not np.array_equal(first['a'], other['a'])
    assert first['a'].sum() == 10
    assert first['b'].sum() == 6


def test_choice_within_a_system_does_not_depend_on_the_others():
    alone = split_by_frame({'a': 50}, 0.2, 1)['a']
    among = split_by_frame({'z': 500, 'a': 50, 'b': 10}, 0.2, 1)['a']
    np.testing.assert_array_equal(alone, among)


def test_by_formula():
    formulas = {'O2Si1': 'O2Si1', 'O2Si1_ef': 'O2Si1', 'Na2O1': 'Na2O1'}
    split = split_by_formula(formulas, {'O2Si1': 3, 'O2Si1_ef': 1, 'Na2O1': 2}, ['O2Si1'])
    assert {name: mask.tolist() for name, mask in split.items()} == {
        'O2Si1': [True] * 3, 'O2Si1_ef': [True], 'Na2O1': [False] * 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ('held_out', 'message'),
    [
        (['SiO2'], 'no frames of SiO2; there are Na2O1, O2Si1'),
        ([], 'nothing would be held out'),
        (['O2Si1', 'Na2O1'], 'everything would be held out'),
    ],
)
def test_formulas_that_make_no_split(held_out, message):
    with pytest.raises(ValueError, match=message):
        split_by_formula({'a': 'O2Si1', 'b': 'Na2O1'}, {'a': 1, 'b': 1}, held_out)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match='fraction: 1 is not between'):
        split_by_frame({'a': 5}, 1, 0)
    with pytest.raises(ValueError, match='seed: -1 is negative'):
        split_by_frame({'a': 5}, 0.1, -1)
    with pytest.raises(ValueError, match='no system has two frames'):
        split_by_frame({'a': 1, 'b': 1}, 0.1, 0)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8), fraction=st.floats(0.02, 0.98), seed=st.integers(0, 5)
)
def test_pooled_takes_the_fraction_of_all_and_asks_nothing_of_a_system(sizes, fraction, seed):
    n_frames = {f's{i}': size for i, size in enumerate(sizes)}
    split = split_pooled(n_frames, fraction, seed)
    assert {name: len(mask) for name, mask in split.items()} == n_frames
    total = sum(sizes)
    wanted = 0 if total == 1 else min(max(round(fraction * total), 1), total - 1)
    assert sum(int(mask.sum()) for mask in split.values()) == wanted
    again = split_pooled(n_frames, fraction, seed)
    assert all(np.array_equal(split[name], again[name]) for name in n_frames)


def test_pooled_draws_every_frame_alike():
    counts = sum(
        np.concatenate(list(split_pooled({'a': 2, 'b': 8}, 0.2, seed).values())).astype(int) for seed in range(500)
    )
    assert abs(counts - 100).max() < 4 * np.sqrt(500 * 0.2 * 0.8)
