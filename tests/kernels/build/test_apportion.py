"""Whole neutral atoms: against an exhaustive search, for any mixture, and at a hundred thousand atoms."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.build.apportion import SIZE_WEIGHT, apportion, formula_unit_counts
from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.kernels.build.oxidation import net_charge

COMPONENTS = ['Na2O', 'SiO2', 'B2O3', 'P2O5', 'Li2S', 'P2S5', 'LiI', 'CaO', 'V2O5']


def cost(counts, composition, n_atoms):
    total = sum(counts.values())
    misplaced = sum(abs(counts[element] - x * total) for element, x in composition.elements.items())
    return misplaced + SIZE_WEIGHT * abs(total - n_atoms)


def best_by_search(composition, states, n_atoms, window):
    """Every neutral combination of the first elements; the last element is fixed by neutrality."""
    *free, last = composition.elements
    best = None
    for numbers in itertools.product(range(1, n_atoms + window + 1), repeat=len(free)):
        counts = dict(zip(free, numbers, strict=True))
        rest = -net_charge(counts, states) / states[last]
        counts[last] = round(rest)
        if rest < 1 or rest != round(rest) or abs(sum(counts.values()) - n_atoms) > window:
            continue
        value = cost(counts, composition, n_atoms)
        best = value if best is None else min(best, value)
    return best


@pytest.mark.parametrize('text', ['20Na2O-80SiO2', '33Na2O-67B2O3', '70Li2S-30P2S5', '17LiI-83Li2S'])
@pytest.mark.parametrize('n_atoms', [9, 20, 31, 47])
def test_optimal_against_exhaustive_search(text, n_atoms):
    composition = parse_composition(text)
    found = apportion(composition, n_atoms, tolerance=3)
    best = best_by_search(composition, found.oxidation_states, n_atoms, 3)
    assert cost(found.counts, composition, n_atoms) == pytest.approx(best, abs=1e-6)


def test_exact_where_it_can_be():
    found = apportion(parse_composition('20Na2O-80SiO2'), 300)
    assert found.counts == {'Na': 40, 'O': 180, 'Si': 80}
    assert (found.obtained, found.requested) == (300, 300)
    assert found.max_deviation < 1e-12
    found = apportion(parse_composition('Na3PS3.85O0.15'), 1600)
    assert found.counts == {'Na': 600, 'O': 30, 'P': 200, 'S': 770}


def test_deviation_is_reported():
    found = apportion(parse_composition('Na3PS3.85O0.15'), 40)
    assert found.counts['O'] == 1
    total = found.obtained
    for element, wanted in parse_composition('Na3PS3.85O0.15').elements.items():
        assert found.deviations[element] == pytest.approx(found.counts[element] / total - wanted)
    assert found.max_deviation == max(abs(d) for d in found.deviations.values()) > 0


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from(COMPONENTS), st.integers(1, 20), min_size=1, max_size=5),
    st.integers(400, 20_000),
)
def test_always_neutral_and_near_the_size(parts, n_atoms):
    total = sum(parts.values())
    composition = parse_composition({unit: amount / total for unit, amount in parts.items()})
    found = apportion(composition, n_atoms)
    assert net_charge(found.counts, found.oxidation_states) == pytest.approx(0, abs=1e-6)
    assert min(found.counts.values()) >= 1
    assert abs(found.obtained - n_atoms) <= 0.01 * n_atoms + 1
    assert found.max_deviation < 2 / n_atoms


def test_mean_oxidation_state_is_a_mixture():
    composition = parse_composition('30Na2O-10V2O5-20V2O4-40P2O5')
    mean = (10 * 5 + 20 * 4) / 30
    found = apportion(composition, 1001, {'V': mean})
    assert net_charge(found.counts, found.oxidation_states) == pytest.approx(0, abs=1e-9)
    assert found.oxidation_states['V'] == pytest.approx(mean, abs=0.02)
    assert found.max_deviation < 1e-3


def test_many_atoms_are_fast():
    composition = parse_composition('20Na2O-10CaO-5MgO-3Al2O3-2K2O-1TiO2-4ZnO-55SiO2')
    apportion(composition, 1000)
    start = time.perf_counter()
    found = apportion(composition, 100_000)
    assert time.perf_counter() - start < 2
    assert net_charge(found.counts, found.oxidation_states) == 0


def test_deterministic():
    composition = parse_composition('30Na2O-20V2O5-50P2O5')
    assert apportion(composition, 1000) == apportion(composition, 1000)


@pytest.mark.parametrize('text', ['Na3PS3.85O0.15', '2Na2O-98SiO2', '20Na2O-80SiO2', 'SiO2'])
def test_too_few_atoms_names_the_smallest_number(text):
    composition = parse_composition(text)
    with pytest.raises(ValueError, match='too few') as caught:
        apportion(composition, 1)
    smallest = int(str(caught.value).split()[-1])
    assert apportion(composition, smallest).obtained >= 3
    with pytest.raises(ValueError, match='too few'):
        apportion(composition, smallest - 1)


@pytest.mark.parametrize('n_atoms', [0, -3, 2.5, True, 'many'])
def test_bad_number(n_atoms):
    with pytest.raises(ValueError, match='not a positive whole number'):
        apportion(parse_composition('SiO2'), n_atoms)


def test_charged_composition():
    with pytest.raises(ValueError, match='not neutral'):
        apportion(parse_composition('10Na-90SiO2'), 300)


def test_formula_units():
    found = formula_unit_counts(parse_composition('20Na2O-80SiO2'), 300)
    assert found.units == {'Na2O': 20, 'SiO2': 80}
    assert found.counts == {'Na': 40, 'O': 180, 'Si': 80}
    found = formula_unit_counts(parse_composition('75Li2S-25P2S5'), 100_000)
    assert found.obtained == 100_000
    assert found.max_deviation < 1e-12


@pytest.mark.parametrize(
    ('text', 'n_atoms', 'words'),
    [
        ('Na3PS3.85O0.15', 1600, 'fractional subscripts'),
        ('20Na2O-80SiO2', 4, 'smallest number that works'),
        ({'Na': 2, 'O': 1}, 300, 'cannot be packed as a unit'),
    ],
)
def test_units_that_cannot_be(text, n_atoms, words):
    with pytest.raises(ValueError, match=words):
        formula_unit_counts(parse_composition(text), n_atoms)
