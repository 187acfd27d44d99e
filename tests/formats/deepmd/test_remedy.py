"""Changes to the input of a training that failed."""

from __future__ import annotations

import pytest

from aiida_glassion.formats.deepmd.remedy import halve_batch, lower_rate, other_seed


def test_seeds_of_attempts_differ_and_repeat():
    seeds = [other_seed(7, attempt) for attempt in range(1, 6)]
    assert len({7, *seeds}) == 6
    assert seeds == [other_seed(7, attempt) for attempt in range(1, 6)]


def test_lower_rate():
    given = {'learning_rate': {'start_lr': 1e-3, 'stop_lr': 1e-3, 'decay_steps': 5}}
    assert lower_rate(given, 0.1)['learning_rate'] == pytest.approx(
        {'start_lr': 1e-4, 'stop_lr': 1e-5, 'decay_steps': 5}
    )
    assert given['learning_rate']['start_lr'] == 1e-3
    assert lower_rate({}, 0.1)['learning_rate'] == pytest.approx({'start_lr': 1e-4})


@pytest.mark.parametrize(
    ('size', 'n_atoms', 'half'),
    [
        (4, 24, 2), (1, 24, None), ([4, 1], 24, [2, 1]), ([1, 1], 24, None), ('auto', 24, 'auto:16'),
        ('auto', 40, None), ('auto:256', 24, 'auto:128'), ('auto:20', 24, None), (None, 10, 'auto:16'),
    ],
)  # fmt: skip
def test_halve_batch(size, n_atoms, half):
    data = {} if size is None else {'batch_size': size}
    smaller = halve_batch({'training': {'training_data': data}}, n_atoms)
    assert (None if smaller is None else smaller['training']['training_data']['batch_size']) == half
