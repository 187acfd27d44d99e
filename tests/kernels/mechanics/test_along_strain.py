"""A pull of cristobalite whose every change is made by hand: what is found is what was done."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.mechanics.along_strain import along_strain
from aiida_glassion.kernels.mechanics.along_strain_record import curves_of, numbers_of
from aiida_glassion.kernels.mechanics.along_strain_settings import read_settings
from aiida_glassion.kernels.mechanics.bond_switching import SWITCHES
from aiida_glassion.kernels.mechanics.localisation import half_in, participation

EDGE = 7.16
CUTOFFS = {'Si-O': 2.2}


def cristobalite(shape=(3, 3, 4), noise=0.05, seed=3):
    """Si and O of ideal β-cristobalite, a little shaken."""
    silicon = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]) / 4
    ways = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8
    basis = np.concatenate([silicon, (silicon[:4, None] + ways).reshape(-1, 3)])
    cells = np.array(list(np.ndindex(*shape)))
    positions = ((cells[:, None] + basis).reshape(-1, 3) + 0.06) * EDGE
    positions += np.random.default_rng(seed).normal(0, noise, positions.shape)
    symbols = (('Si',) * 8 + ('O',) * 16) * len(cells)
    return Frames(symbols, positions[None], cells=np.diag(np.array(shape) * EDGE)[None])


def pulled(reference, strains, change=None, wrapped=False):
    """Snapshots of an affine pull along z; ``change(r, k)`` does what else is done to the atoms of snapshot k."""
    positions, cells = [], []
    for k, strain in enumerate(strains):
        stretch = np.diag([1 - 0.2 * strain, 1 - 0.2 * strain, 1 + strain])
        cell = reference.cells[0] @ stretch
        r = reference.positions[0] @ stretch
        r = r if change is None else change(r.copy(), k)
        positions.append((r @ np.linalg.inv(cell) % 1.0) @ cell if wrapped else r)
        cells.append(cell)
    return Frames(reference.symbols, np.array(positions), cells=np.array(cells))


def found_of(reference, snapshots, regions=None, **request):
    return along_strain(reference, snapshots, read_settings({'axis': 'z', 'cutoffs': CUTOFFS} | request), regions)


@pytest.mark.parametrize('wrapped', [False, True])
def test_an_affine_pull_changes_nothing_but_the_strain(wrapped):
    """D²min is 0, the shear that of the pull, no bond is switched, nothing opens; folding atoms does not matter."""
    reference = cristobalite()
    strains = [0.02, 0.05, 0.08]
    found = found_of(reference, pulled(reference, strains, wrapped=wrapped))
    np.testing.assert_allclose(found.strains, strains, rtol=1e-9)
    for record, strain in zip(found.records, strains, strict=True):
        long, wide = ((1 + strain) ** 2 - 1) / 2, ((1 - 0.2 * strain) ** 2 - 1) / 2
        shear = abs(long - wide) / np.sqrt(3)
        assert record['d2min']['all']['p95'] == pytest.approx(0, abs=1e-12)
        assert record['shear']['all']['median'] == pytest.approx(shear, rel=1e-9)
        assert record['localisation']['shear_spread'] == pytest.approx(0, abs=1e-9)
        assert record['bonds']['Si']['all']['unchanged'] == 1
        assert record['coordination']['Si-O'] == {'mean': 4.0, 'change': 0.0, 'distribution': {'4': 1.0}}
        assert record['crack']['open_area'] == record['crack']['opening'] == 0
        assert record['crack']['separated'] is False
    np.testing.assert_allclose(found.profiles['switched'], 0)
    np.testing.assert_allclose(found.profiles['shear'][1], found.records[1]['shear']['all']['median'], rtol=1e-6)


def test_a_slab_that_is_cut_through():
    """The upper half moves away: separated, open all across, as wide as it was moved, the path where it was cut."""
    reference = cristobalite()
    length = reference.cells[0][2, 2]
    upper = reference.positions[0][:, 2] > length / 2
    strains = [0.1, 0.4]

    def open_up(_, k):
        r = reference.positions[0].copy()
        r[upper, 2] += strains[k] * length
        return r

    lateral = reference.cells[0].copy()
    cells = np.array([lateral + np.diag([0, 0, strain * length]) for strain in strains])
    snapshots = Frames(reference.symbols, np.array([open_up(None, k) for k in (0, 1)]), cells=cells)
    found = found_of(reference, snapshots, least=6.0, across='x')
    last = found.records[-1]
    assert last['crack']['separated'] is True
    assert last['crack']['open_share'] == 1
    assert last['crack']['grown_area'] == pytest.approx(lateral[0, 0] * lateral[1, 1], rel=1e-9)
    assert last['crack']['opening'] == pytest.approx(0.4 * length, abs=3.0)
    assert found.records[0]['crack']['opening'] < last['crack']['opening']
    np.testing.assert_allclose(found.paths['middle'][-1], length / 2 + 0.2 * length, atol=2.0)
    assert np.isfinite(found.paths['opening']).all()
    bonds = last['bonds']['Si']['all']
    assert 0 < bonds['decreased'] < 0.5
    assert bonds['increased'] == bonds['swapped'] == 0
    assert last['coordination']['Si-O']['change'] < 0
    assert last['coordination']['Si-O']['change'] == pytest.approx(bonds['change'])
    place, switched = found.profiles['place'], found.profiles['switched'][-1]
    assert abs(place[np.nanargmax(switched)] - length / 2) < EDGE / 2
    assert switched[np.abs(place - length / 2) > EDGE].max() == 0


def test_a_notch_is_not_counted_as_grown():
    """A slit that was open before is in the open area, not in what the crack added."""
    whole = cristobalite((6, 3, 5))
    middle = whole.cells[0][2, 2] / 2
    r = whole.positions[0]
    kept = ~((np.abs(r[:, 2] - middle) < 6) & (r[:, 0] < whole.cells[0][0, 0] / 2))
    symbols = tuple(np.array(whole.symbols)[kept])
    notched = Frames(symbols, r[kept][None], cells=whole.cells)
    found = found_of(notched, pulled(notched, [0.01]), across='x')
    assert found.reference['crack']['open_share'] == pytest.approx(1 / 2, abs=0.07)
    assert found.records[0]['crack']['open_area'] > 0
    assert abs(found.records[0]['crack']['grown_area']) < 30


def test_shares_sum_to_one_and_regions_are_told_apart():
    """Only atoms of the crystal are shaken; glass stays unchanged. Every set of shares sums to 1."""
    reference = cristobalite()
    low = reference.positions[0][:, 2] < reference.cells[0][2, 2] / 2
    regions = np.where(low, 2, 0).astype(np.int8)
    noise = np.random.default_rng(5).normal(0, 0.45, reference.positions[0].shape)

    def shake(r, k):
        r[low] += noise[low] * k
        return r

    found = found_of(reference, pulled(reference, [0.01, 0.02], shake), regions)
    before, last = (record['bonds']['Si'] for record in found.records)
    assert before['glass']['unchanged'] == before['crystal']['unchanged'] == 1
    assert sorted(last) == ['all', 'crystal', 'glass']
    for shares in last.values():
        assert sum(shares[name] for name in SWITCHES) == pytest.approx(1)
    assert last['crystal']['unchanged'] < 0.7
    assert last['glass']['unchanged'] > 0.9
    d2min = found.records[-1]['d2min']
    assert d2min['crystal']['mean'] > 5 * d2min['glass']['mean'] > 0
    assert d2min['all']['n'] == reference.n_atoms
    maps = found.maps
    assert maps['d2min'].shape == (2, reference.n_atoms)
    assert maps['d2min'].dtype == np.float32
    assert maps['d2min'][-1].mean() == pytest.approx(d2min['all']['mean'], rel=1e-6)
    formers = np.array(reference.symbols) == 'Si'
    assert (maps['switching'][:, ~formers] == -1).all()
    assert (maps['switching'][-1, formers] > 0).mean() == pytest.approx(1 - last['all']['unchanged'])


def test_curves_and_numbers_of_it():
    """Every record is in the curves under its own name, with a unit; numbers are plain."""
    reference = cristobalite()
    snapshots = pulled(reference, np.linspace(0.01, 0.1, 10))
    settings = read_settings({'axis': 'z', 'map_strains': [0.05, 0.096, 0.1], 'radius': 5.0})
    found = along_strain(reference, snapshots, settings)
    assert found.maps['snapshot'].tolist() == [4, 9]
    assert 1.8 < found.cutoffs['Si-O'] < 3.5
    arrays, units = curves_of(found)
    assert sorted(arrays) == sorted(units)
    np.testing.assert_allclose(arrays['strain'], found.strains)
    for k in range(10):
        record = found.records[k]
        assert arrays['bonds__Si__all__unchanged'][k] == record['bonds']['Si']['all']['unchanged']
        assert arrays['shear__all__median'][k] == record['shear']['all']['median']
        assert arrays['coordination__Si_O__distribution__4'][k] == 1
    assert np.isnan(arrays['crack__roughness']).all()
    assert (units['d2min__all__p95'], units['crack__open_area'], units['crack__opening']) == ('Å²', 'Å²', 'Å')
    assert arrays['profile__d2min'].shape == (10, len(arrays['profile__place']))
    numbers = numbers_of(found, settings)
    json.dumps(numbers, allow_nan=False)
    assert [record['strain'] for record in numbers['at_maps']] == pytest.approx([0.05, 0.1])
    assert numbers['settings']['across'] == 'x'
    assert numbers['settings']['radius'] == 5.0


def test_atoms_without_a_network():
    """A sample of one kind has no bonds to switch, and the rest is still told."""
    reference = cristobalite()
    metal = Frames(('Cu',) * reference.n_atoms, reference.positions, cells=reference.cells)
    found = along_strain(metal, pulled(metal, [0.03]), read_settings({'axis': 'x'}))
    assert found.records[0]['bonds'] == {}
    assert found.records[0]['d2min']['all']['mean'] == pytest.approx(0, abs=1e-12)
    assert found.warnings == ['no bond of a network former with an anion: no bond switching']
    assert np.isnan(found.profiles['switched']).all()


def test_two_anions_around_a_former():
    """Neighbours of a former are those of all its anions; each pair has its own coordination number."""
    whole = cristobalite()
    symbols = np.array(whole.symbols)
    oxygens = np.flatnonzero(symbols == 'O')
    symbols[oxygens[::3]] = 'S'
    reference = Frames(tuple(symbols), whole.positions, cells=whole.cells)
    found = found_of(reference, pulled(reference, [0.02]), cutoffs={'Si-O': 2.2, 'S-Si': 2.3})
    assert found.records[0]['bonds']['Si']['all']['unchanged'] == 1
    first = found.reference['coordination']
    assert first['Si-O']['mean'] + first['Si-S']['mean'] == pytest.approx(4)
    assert found.cutoffs == {'Si-O': 2.2, 'Si-S': 2.3}


@pytest.mark.parametrize(
    ('request_', 'words'),
    [
        ({}, 'axis: absent'),
        ({'axis': 'w'}, "axis: 'w', expected x, y or z"),
        ({'axis': 'z', 'across': 'z'}, 'across: z, as the load'),
        ({'axis': 'z', 'radius': -1}, 'radius: -1, expected a positive length'),
        ({'axis': 'z', 'cutofs': {}}, 'did you mean cutoffs'),
        ({'axis': 'z', 'cutoffs': {'Si-O': 0}}, 'cutoffs'),
        ({'axis': 'z', 'map_strains': ['a']}, 'map_strains'),
    ],
)
def test_what_is_refused(request_, words):
    with pytest.raises(ValueError, match=words):
        read_settings(request_)


def test_samples_that_do_not_fit():
    reference = cristobalite()
    snapshots = pulled(reference, [0.01])
    other = Frames(tuple(reversed(reference.symbols)), snapshots.positions, cells=snapshots.cells)
    with pytest.raises(ValueError, match='other atoms'):
        found_of(reference, other)
    with pytest.raises(ValueError, match='snapshots: none'):
        found_of(reference, snapshots[[]])
    with pytest.raises(ValueError, match='Na-O'):
        found_of(reference, snapshots, cutoffs={'Na-O': 3.0})
    with pytest.raises(ValueError, match='labels'):
        found_of(reference, snapshots, np.full(reference.n_atoms, 7))


def test_how_few_carry_it():
    one = np.zeros(100)
    one[3] = 2.0
    assert (participation(one), half_in(one)) == (pytest.approx(0.01), 0.01)
    assert (participation(np.ones(100)), half_in(np.ones(100))) == (pytest.approx(1.0), 0.5)
    assert participation(np.zeros(5)) is half_in(np.zeros(5)) is None
    with pytest.raises(ValueError, match='not negative'):
        participation(np.array([1.0, -1.0]))
