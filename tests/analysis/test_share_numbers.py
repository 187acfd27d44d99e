"""Averages of records whose keys come and go."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.analysis.share_numbers import ShareNumbers


def test_what_a_frame_lacks_is_zero_there():
    numbers = ShareNumbers()
    numbers.add({'a': 1.0, 'b': {'x': 2}})
    numbers.add({'a': 3.0, 'b': {'y': 4.0}, 'c': None})
    averages = numbers.averages()
    assert averages['a'] == {'mean': 2.0, 'standard_error': 1.0, 'n': 2}
    assert {key: entry['mean'] for key, entry in averages['b'].items()} == {'x': 1.0, 'y': 2.0}
    assert 'c' not in averages


def test_a_key_that_comes_late_counts_over_all_frames_whatever_the_blocks():
    rng = np.random.default_rng(0)
    values = rng.random(45)
    late, whole = ShareNumbers(), ShareNumbers()
    for frame, value in enumerate(values):
        late.add({'a': 1.0, **({'b': value} if frame >= 30 else {})})
        whole.add({'a': 1.0, 'b': value if frame >= 30 else 0.0})
    assert late.averages()['b']['mean'] == pytest.approx(values[30:].sum() / 45)
    assert late.averages() == whole.averages()
    assert late.averages()['b']['standard_error'] > 0
