"""Numbers as text."""

from __future__ import annotations

import pytest

from aiida_glassion.report.numbers import Number, find_number, format_number, read_number
from aiida_glassion.report.quantities import flattened, quantities


@pytest.mark.parametrize(
    ('number', 'text'),
    [
        (Number(2.48312, 0.01234), '2.483 ± 0.012'),
        (Number(-14.70871, 0.0017), '−14.7087 ± 0.0017'),
        (Number(1488.2, 15.4), '1488 ± 15'),
        (Number(1.6088), '1.609'),
        (Number(0.0), '0'),
        (Number(3.2, 0.0), '3.200'),
        (Number(-1.5e-9), '−1.500e−9'.replace('e−9', 'e-09')),
        (None, '–'),
    ],
)
def test_format(number, text):
    assert format_number(number) == text


def test_a_value_takes_the_places_of_another():
    assert format_number(Number(2.39123), like=Number(2.4, 0.012)) == '2.391'


def test_leaves():
    assert read_number({'mean': 2.0, 'standard_error': None, 'n': 1}) == Number(2.0, None, 1)
    assert read_number(True) is None
    assert read_number(float('nan')) is None
    assert read_number('<script>') is None
    assert find_number({'a': {'b': 3}}, 'a', 'b') == Number(3.0)
    assert find_number({'a': 1}, 'a', 'b') is None


def test_quantities_are_in_their_units(averaged):
    found = {quantity.path: quantity for quantity in quantities(averaged)}
    mean = flattened(averaged)
    q3 = found['network.qn.Si.Q3']
    assert q3.unit == '%'
    assert q3.of(mean).value == pytest.approx(100 * averaged['network']['qn']['Si']['Q3']['mean'])
    assert found['density'].unit == 'g/cm³'
    assert 'network.qn.Si.Q0' not in found
    assert 'network.qn.Si.Q0' in {quantity.path for quantity in quantities(averaged, everything=True)}
