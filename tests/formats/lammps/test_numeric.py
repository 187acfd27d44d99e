from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.formats.lammps.numeric import read_rows


def read(text: str | bytes, n_columns: int, max_rows: int = 1000):
    data = text if isinstance(text, bytes) else text.encode()
    return read_rows(np.frombuffer(data, dtype=np.uint8), 0, len(data), n_columns, max_rows)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.floats(), min_size=1, max_size=20), st.sampled_from(['%r', '%.17g', '%.15g', '%g', '%.6e', '%.3f']))
def test_every_number_is_the_nearest_double(values, layout):
    words = [layout % value for value in values]
    table, end = read(' '.join(words) + '\n', len(words))
    np.testing.assert_array_equal(table, [[float(word) for word in words]])
    assert end == len(' '.join(words)) + 1


@pytest.mark.parametrize(
    'word',
    ['0', '-0', '+1.5', '.5', '5.', '1e5', '1E+05', '-1.e-3', 'nan', '-nan', 'NaN', 'inf', '-Inf', '1e400', '1e-400',
     '0.000000000000000000000000012345', '123456789012345678901234567890', '00012', '9007199254740993', '1e99999999999',
     '18446744073709551616.5', '0e999999'],
)  # fmt: skip
def test_unusual_numbers(word):
    table, _ = read(f'  {word}\t7 \r\n', 2)
    np.testing.assert_array_equal(table, [[float(word), 7]])
    assert math.copysign(1, table[0, 0]) == math.copysign(1, float(word)) or math.isnan(table[0, 0])


@pytest.mark.parametrize(
    'word', ['', '-', '.', 'e5', '1e', '1e+', '1.2.3', '1-2', '--1', 'infinity', 'nano', 'x', '1\x00', 'é']
)
def test_what_is_no_number_ends_the_table(word):
    table, end = read(f'1 2\n3 4\n{word} 6\n7 8\n', 2)
    np.testing.assert_array_equal(table, [[1, 2], [3, 4]])
    assert end == 8


@pytest.mark.parametrize('row', ['5', '5 6 7', '5 6', '', ' '])
def test_a_row_needs_all_its_numbers_and_a_newline(row):
    ending = '' if row == '5 6' else '\n'
    table, end = read(f'1 2\n3 4\n{row}{ending}', 2)
    np.testing.assert_array_equal(table, [[1, 2], [3, 4]])
    assert end == 8


def test_no_more_rows_than_asked_for():
    table, end = read('1\n2\n3\n', 1, max_rows=2)
    np.testing.assert_array_equal(table, [[1], [2]])
    assert end == 4


@settings(deadline=None)  # the first call compiles
@given(st.binary(max_size=60), st.integers(1, 3))
def test_no_bytes_break_it(data, n_columns):
    table, end = read(data, n_columns)
    assert data[:end].count(b'\n') == len(table)
    assert table.shape[1] == n_columns
