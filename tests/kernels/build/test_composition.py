"""Notations that a researcher would write, and the ones that must be refused with a way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.kernels.build.formula import parse_formula
from aiida_glassion.kernels.build.oxidation import net_charge, neutral_states, oxidation_states

SODIUM_SILICATE = {'Na2O': 0.25, 'SiO2': 0.75}
BOROPHOSPHATE = {'Li2O': 0.45, 'B2O3': 0.275, 'P2O5': 0.275}


@pytest.mark.parametrize(
    ('text', 'components'),
    [
        ('25Na2O-75SiO2', SODIUM_SILICATE),
        ('0.25Na2O-0.75SiO2', SODIUM_SILICATE),
        ('25 Na2O – 75 SiO2', SODIUM_SILICATE),
        ('25% Na2O, 75% SiO2', SODIUM_SILICATE),
        ('25 mol% Na2O + 75 mol% SiO2', SODIUM_SILICATE),
        ('25Na2O 75SiO2', SODIUM_SILICATE),
        ('25Na₂O·75SiO₂', SODIUM_SILICATE),
        ('Na2O·3SiO2', SODIUM_SILICATE),
        ('1Na2O:3SiO2', SODIUM_SILICATE),
        ('(Na2O)0.25(SiO2)0.75', SODIUM_SILICATE),
        ({'Na2O': 25, 'SiO2': 75}, SODIUM_SILICATE),
        ({'Na2O': 0.25, 'SiO2': 0.75}, SODIUM_SILICATE),
        ('(Li2S)0.7(P2S5)0.3', {'Li2S': 0.7, 'P2S5': 0.3}),
        ('0.7Li2S-0.3P2S5', {'Li2S': 0.7, 'P2S5': 0.3}),
        ('70Li2S-30P2S5', {'Li2S': 0.7, 'P2S5': 0.3}),
        ('45Li2O-55(0.5B2O3-0.5P2O5)', BOROPHOSPHATE),
        ('45Li2O–55[50B2O3–50P2O5]', BOROPHOSPHATE),
        ('0.5B2O3-0.5P2O5+45Li2O', BOROPHOSPHATE),
        ('45Li2O+0.5B2O3-0.5P2O5', BOROPHOSPHATE),
        ({'Li2O': 45, '0.5B2O3-0.5P2O5': 55}, BOROPHOSPHATE),
        ('30LiCl-70(75Li2S-25P2S5)', {'LiCl': 0.3, 'Li2S': 0.525, 'P2S5': 0.175}),
        ('Na3PS3.85O0.15', {'Na3PS3.85O0.15': 1.0}),
        ('50Ca(PO3)2-50NaPO3', {'Ca(PO3)2': 0.5, 'NaPO3': 0.5}),
        ('33.3Na2O-33.3SiO2-33.3B2O3', {'Na2O': 1 / 3, 'SiO2': 1 / 3, 'B2O3': 1 / 3}),
        ('20SiO2-30Na2O-50SiO2', {'SiO2': 0.7, 'Na2O': 0.3}),
    ],
)
def test_notations(text, components):
    assert parse_composition(text).components == pytest.approx(components)


def test_elements_are_atomic_fractions():
    assert parse_composition('20Na2O-80SiO2').elements == pytest.approx({'Na': 0.4 / 3, 'O': 1.8 / 3, 'Si': 0.8 / 3})
    oxysulfide = {'Na': 3 / 8, 'P': 1 / 8, 'S': 3.85 / 8, 'O': 0.15 / 8}
    assert parse_composition('Na3PS3.85O0.15').elements == pytest.approx(oxysulfide)


@pytest.mark.parametrize('value', [{'Na': 40, 'Si': 80, 'O': 180}, {'Na': 0.4 / 3, 'Si': 0.8 / 3, 'O': 0.6}])
def test_mapping_of_elements(value):
    assert parse_composition(value).elements == pytest.approx(parse_composition('20Na2O-80SiO2').elements)


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=5))
def test_label_parses_to_the_same(amounts):
    names = ['Na2O', 'SiO2', 'B2O3', 'P2S5', 'LiCl'][: len(amounts)]
    total = sum(amounts)
    wanted = parse_composition({name: 100 * amount / total for name, amount in zip(names, amounts, strict=True)})
    assert parse_composition(wanted.label).elements == pytest.approx(wanted.elements, abs=1e-6)


@pytest.mark.parametrize(
    ('value', 'words'),
    [
        ('', ['empty', '25Na2O-75SiO2']),
        ({}, ['empty']),
        (12, ['12', 'int']),
        ('25Na2O-70SiO2', ['95', '26.3158Na2O-73.6842SiO2']),
        ('3Na2O-1SiO2', ['sum to 4', '75Na2O-25SiO2', '3Na2O·1SiO2']),
        ('25Na2O·70SiO2', ['95']),
        ('Na2O-3SiO2', ["no amount before 'Na2O'", 'Na2O·3SiO2']),
        ('Li2S-P2S5', ['no amount']),
        ('25Nq2O-75SiO2', ["'Nq'", 'Na']),
        ('25Na2O-75Sio2', ["'SiO2'"]),
        ('25na2o-75sio2', ["'Na2O'"]),
        ('25Na2O-75D2O', ["'D'"]),
        ('-25Na2O-125SiO2', ['negative']),
        ({'Na2O': -25, 'SiO2': 125}, ["'Na2O'", '-25', 'positive']),
        ({'Na2O': float('nan')}, ['nan']),
        ({'Na2O': '25', 'SiO2': 75}, ["'25'"]),
        ({1: 100}, ['1 is not a formula']),
        ('0Na2O-100SiO2', ["'Na2O' is 0"]),
        ('25Na2O.75SiO2', ['ambiguous']),
        ('75SiO2.25Na2O', ['SiO2.25Na2O', '100 %']),
        ('0.5B2O3-0.5P2O5+0.45Li2O', ['ambiguous', '45Li2O-55(0.5B2O3-0.5P2O5)']),
        ('25Na2O-75', ['75', 'no formula']),
        ('25Na2O-75(SiO2', ['brackets']),
        (')25Na2O-75SiO2(', ['brackets']),
        ('25 wt% Na2O - 75 wt% SiO2', ['mol %']),
        ('(Li2S)0.7(P2S5)0.2', ['0.9']),
        ('25Na2O-75SiO2!', ['SiO2!']),
        ('Na0', ['no atoms']),
        ('hello', ['hello']),
    ],
)
def test_nonsense_says_what_would_be_right(value, words):
    with pytest.raises(ValueError, match='composition') as caught:
        parse_composition(value)
    for word in words:
        assert word in str(caught.value)


@given(st.text(alphabet='NaSiOLPB0123456789.-+·()[] %:,x₂', max_size=25))
def test_any_text_is_read_or_refused_with_valueerror(text):
    try:
        composition = parse_composition(text)
    except ValueError:
        return
    assert sum(composition.components.values()) == pytest.approx(1)
    assert sum(composition.elements.values()) == pytest.approx(1)


def test_formula():
    assert parse_formula('Ca(PO3)2') == {'Ca': 1, 'O': 6, 'P': 2}
    assert parse_formula('Na₃PS₄') == {'Na': 3, 'P': 1, 'S': 4}


def test_neutral_compositions():
    for text in ('25Na2O-75SiO2', '70Li2S-30P2S5', 'Na3PS3.85O0.15', '30LiI-70Li3PS4', '20Na2O-40V2O5-40P2O5'):
        elements = parse_composition(text).elements
        assert net_charge(elements, neutral_states(elements)) == pytest.approx(0, abs=1e-12)


def test_overrides_make_neutral():
    with pytest.raises(ValueError, match=r"'V': 3"):
        parse_composition('Na3V2P3O12').neutral_states()
    assert parse_composition('Na3V2P3O12').neutral_states({'V': 3})['V'] == 3
    assert parse_composition('50Na2O-25V2O5-25V2O4').neutral_states({'V': 4.5})['V'] == 4.5


def test_charged_composition_gives_the_charge():
    with pytest.raises(ValueError, match=r"'NaSiO2'.*\+0\.250 e per atom.*Si") as caught:
        parse_composition('NaSiO2').neutral_states()
    assert 'Na +1, O -2, Si +4' in str(caught.value)


@pytest.mark.parametrize(
    ('overrides', 'words'), [({'K': 1}, 'K'), ({'Na': 'x'}, "'x'"), ({'Na': 99}, '99'), ({'Na': float('nan')}, 'nan')]
)
def test_bad_overrides(overrides, words):
    with pytest.raises(ValueError, match=words):
        oxidation_states(['Na', 'O'], overrides)


def test_element_without_state():
    with pytest.raises(ValueError, match=r"'U': 3"):
        oxidation_states(['U', 'O'])
