"""Published points from a CSV file: units, refusals, and what a citation may hold."""

from __future__ import annotations

import re

import numpy as np
import pytest

from aiida_glassion.report.diffusion_literature import MAX_BYTES, read_literature

GOOD = '# unit: S/cm\n# citation: Doe, J. Glass 1, 2 (1999)\nT_K,value,error\n600,0.02,0.001\n500,0.01,\n'


def write(tmp_path, text):
    path = tmp_path / 'points.csv'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_points_are_sorted_and_sigma_is_multiplied_by_t(tmp_path):
    found = read_literature(write(tmp_path, GOOD))
    assert found.quantity == 'sigma_T'
    assert found.citation == 'Doe, J. Glass 1, 2 (1999)'
    assert found.temperature.tolist() == [500, 600]
    assert found.value.tolist() == [5.0, 12.0]
    assert np.isnan(found.error[0])
    assert found.error[1] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ('unit', 'quantity', 'factor'),
    [
        ('cm2/s', 'D', 1.0), ('cm²/s', 'D', 1.0), ('cm^2 s^-1', 'D', 1.0), ('m2/s', 'D', 1e4), ('Å²/ps', 'D', 1e-4),
        ('S/cm', 'sigma_T', 500.0), ('mS/cm', 'sigma_T', 0.5), ('S/m', 'sigma_T', 5.0), ('S K/cm', 'sigma_T', 1.0),
        ('S·K/cm', 'sigma_T', 1.0), ('K S cm⁻¹', 'sigma_T', 1.0),
    ],
)  # fmt: skip
def test_units(tmp_path, unit, quantity, factor):
    text = f'# citation: Doe\n# unit: {unit}\n# ion: Na\nvalue,T_K\n2,500\n'
    found = read_literature(write(tmp_path, '\ufeff' + text))
    assert (found.quantity, found.ion) == (quantity, 'Na')
    assert found.value[0] == pytest.approx(2 * factor, rel=1e-12)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'no points'),
        ('# unit: S/cm\n# citation: Doe\nT_K,value\n', 'no points'),
        (GOOD.replace('# unit: S/cm\n', ''), 'no unit; expected a line "# unit: …"'),
        (GOOD.replace('S/cm', 'furlong'), "unit 'furlong', expected one of cm2/s"),
        (GOOD.replace('# citation: Doe, J. Glass 1, 2 (1999)\n', ''), 'where the points are from'),
        (GOOD.replace('T_K,value,error', 'T,sigma'), 'line 3: columns T, sigma; expected T_K,value'),
        (GOOD.replace('T_K,value,error', 'T_K,value,value'), 'a column stands twice'),
        (GOOD.replace('600,0.02', '600,high'), "line 4: value is 'high', expected a number"),
        (GOOD.replace('600,0.02', '600,-0.02'), 'line 4: value is -0.02, expected a positive number'),
        (GOOD.replace('600,', '0,'), 'line 4: T_K is 0, expected a positive number'),
        (GOOD.replace('600,0.02', 'nan,0.02'), 'line 4: T_K is nan'),
        (GOOD.replace('0.001', '-0.001'), 'line 4: error is -0.001'),
        (GOOD.replace('500,0.01,', '500,0.01'), 'line 5: 2 fields, expected 3'),
        (GOOD.encode() + b'\0', 'a binary file'),
        (b'\xff\xfe\x00', 'no text in UTF-8'),
        (GOOD + '#' * MAX_BYTES, 'expected a table of at most 1 MB'),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        read_literature(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert '\n' not in message


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match='cannot be read'):
        read_literature(tmp_path / 'none.csv')
