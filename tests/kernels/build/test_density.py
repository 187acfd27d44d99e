"""The density estimate against measured glasses."""

from __future__ import annotations

import pytest

from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.kernels.build.density import estimate_density

SET_ON = {
    'SiO2': 2.20,
    'B2O3': 1.83,
    'GeO2': 3.65,
    'P2O5': 2.37,
    '75Li2S-25P2S5': 1.95,
    'Na3PS4': 2.0,
    'NaAlSi3O8': 2.38,
}
"""Glasses on which the volumes were set, g/cm³."""

PREDICTED = {
    '20Na2O-80SiO2': 2.38,
    '33Na2O-67SiO2': 2.49,
    '20K2O-80SiO2': 2.39,
    '30Li2O-70SiO2': 2.30,
    '15Na2O-10CaO-75SiO2': 2.47,
    'CaMgSi2O6': 2.85,
    'CaAl2Si2O8': 2.70,
    'NaPO3': 2.5,
    'LiPO3': 2.33,
    'Ca(PO3)2': 2.65,
    '70Li2S-30P2S5': 1.95,
    '60Li2S-40SiS2': 1.88,
    'Na3PS3.85O0.15': 2.0,
}
"""Glasses that had no part in it, g/cm³."""


@pytest.mark.parametrize(('text', 'measured'), SET_ON.items())
def test_glasses_it_was_set_on(text, measured):
    assert estimate_density(parse_composition(text)).value == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize(('text', 'measured'), PREDICTED.items())
def test_predicted_within_ten_percent(text, measured):
    assert estimate_density(parse_composition(text)).value == pytest.approx(measured, rel=0.10)


def test_mean_error_is_small():
    errors = [abs(estimate_density(parse_composition(text)).value / rho - 1) for text, rho in PREDICTED.items()]
    assert sum(errors) / len(errors) < 0.03


def test_oxygen_for_sulfur_densifies():
    values = [estimate_density(parse_composition(f'Na3PS{4 - x}O{x}')).value for x in (0.15, 0.5, 1.0)]
    assert values == sorted(values)


def test_says_how():
    assert 'molar volumes' in estimate_density(parse_composition('SiO2')).method


@pytest.mark.parametrize(
    ('text', 'states', 'words'),
    [
        ('Li3PO3.5N0.333333', None, 'no molar volume is known for N'),
        ('U2O5', {'U': 5}, 'U.*give a density'),
        ('20PbS-80SiS2', None, 'sulfide of Pb'),
        ({'Na': 1, 'Cl': 2}, None, 'not neutral'),
    ],
)
def test_unknown_asks_for_a_density(text, states, words):
    with pytest.raises(ValueError, match=words):
        estimate_density(parse_composition(text), states)
