"""Porous glasses: what is left is whole formula units, clusters are never cut, and what makes no sense is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.pores import Sphere, shape_from_dict
from aiida_glassion.kernels.build.pores_together import distance_to_regions
from aiida_glassion.kernels.build.porous import carve_glass, cluster_labels
from aiida_glassion.kernels.build.porous_plan import pores_in_words, read_settings
from aiida_glassion.workchains import protocols

SPHERE = [{'shape': 'sphere', 'diameter': 11.0}]
FORMAL = {'Na': 1, 'Si': 4, 'O': -2}


def settings(protocol='fast', **overrides):
    return read_settings(protocols.load('porous_glass', protocol, overrides))


def silicate(units=80, edge=20.0, seed=0):
    """Na2Si2O5, atoms anywhere."""
    symbols = ('Na', 'Na', 'Si', 'Si', *['O'] * 5) * units
    positions = np.random.default_rng(seed).uniform(0, edge, (1, len(symbols), 3))
    return Frames(symbols, positions, np.eye(3)[None] * edge)


def thiophosphate(cells=5, spacing=7.2, seed=0):
    """Li3PS4 as a glass has it: PS4 tetrahedra turned at random, shaken, and Li between them."""
    rng = np.random.default_rng(seed)
    corners = 2.05 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    symbols, places = [], []
    for site in np.ndindex(cells, cells, cells):
        middle = (np.array(site) + 0.5) * spacing + rng.normal(scale=0.15, size=3)
        turned = Rotation.random(random_state=rng).apply(corners)
        symbols += ['P', *['S'] * 4, *['Li'] * 3]
        away = np.eye(3) * spacing / 2
        places += [middle, *(middle + turned), *(np.array(site) * spacing + away)]
    return Frames(tuple(symbols), np.array(places)[None], np.eye(3)[None] * cells * spacing)


@pytest.mark.parametrize(
    'pores',
    [
        SPHERE,
        [{'shape': 'cylinder', 'axis': 'b', 'diameter': 8.0}],
        [{'shape': 'slit', 'axis': 'a', 'width': 5.0}],
        {'diameter': 7.0, 'n': 3, 'gap': 1.0},
        {'porosity': 0.2, 'diameter': 8.0, 'fit_diameter': True},
        [{'shape': 'sphere', 'diameter': 9.0}, {'shape': 'sphere', 'centre': [0, 0, 0], 'diameter': 9.0}],
    ],
)
@pytest.mark.parametrize('seed', [1, 2])
def test_composition_and_neutrality_hold_exactly(pores, seed):
    glass = silicate(seed=seed)
    made = carve_glass(glass, settings(pores=pores), seed)
    counts = made.frames.counts
    assert counts['Na'] == counts['Si']
    assert 2 * counts['O'] == 5 * counts['Na']
    assert counts['Na'] % 2 == 0
    assert sum(FORMAL[element] * n for element, n in counts.items()) == 0
    chosen, record = made.chosen, made.record
    np.testing.assert_array_equal(np.sort(np.concatenate([chosen['kept'], chosen['removed']])), np.arange(720))
    np.testing.assert_array_equal(made.frames.positions[0], glass.positions[0][chosen['kept']])
    assert made.frames.symbols == tuple(glass.symbols[i] for i in chosen['kept'])
    shapes = [shape_from_dict(entry) for entry in record['pores']]
    distance = distance_to_regions(shapes, glass.positions[0], glass.cells[0])
    surprising = {'removed': set(np.flatnonzero(distance < 0)) ^ set(chosen['removed'].tolist())}
    told = {entry['atom'] for name in ('also_removed', 'left_inside') for entry in record[name]}
    assert surprising['removed'] == told
    for name, sign in (('also_removed', 1), ('left_inside', -1)):
        assert all(entry['distance'] * sign >= 0 for entry in record[name])
    assert made.frames.velocities is None
    assert json.loads(json.dumps(record)) == record


def test_porosity_is_that_of_the_shapes_as_placed():
    exact = carve_glass(silicate(), settings(pores={'porosity': 0.2, 'diameter': 8.0, 'fit_diameter': True}), 3)
    assert exact.record['porosity'] == pytest.approx(0.2)
    near = carve_glass(silicate(), settings(pores={'porosity': 0.2, 'diameter': 8.0}), 3)
    assert near.record['porosity'] == pytest.approx(len(near.record['pores']) * np.pi / 6 * 8**3 / 20**3)
    assert near.record['porosity'] != pytest.approx(0.2)


def test_the_seed_decides_places_and_choice_and_nothing_else_does():
    several = settings(pores={'diameter': 6.0, 'n': 3})
    first, again, other = (carve_glass(silicate(), several, seed) for seed in (1, 1, 2))
    assert first.record == again.record
    assert first.record['pores'] != other.record['pores']
    one = [carve_glass(silicate(), settings(pores=SPHERE), seed).chosen['kept'] for seed in (1, 2)]
    np.testing.assert_array_equal(*one)  # the nearest atoms are the same ones
    chance = [carve_glass(silicate(), settings(pores=SPHERE, shell=2.0), seed).chosen['kept'] for seed in (1, 2)]
    assert len(chance[0]) == len(chance[1])
    assert not np.array_equal(*chance)


def test_anion_clusters_stay_whole():
    glass, wide = thiophosphate(), [{'shape': 'sphere', 'diameter': 18.0}]
    labels = cluster_labels(glass)
    assert sorted(np.bincount(labels[labels >= 0]).tolist()) == [5] * 125
    assert (labels[np.array(glass.symbols) == 'Li'] == -1).all()
    whole = carve_glass(glass, settings(pores=wide, keep_clusters=True), 1)
    kept = np.zeros(glass.n_atoms, dtype=bool)
    kept[whole.chosen['kept']] = True
    for cluster in range(125):
        assert len(set(kept[labels == cluster])) == 1
    assert set(np.bincount(cluster_labels(whole.frames)[np.array(whole.frames.symbols) != 'Li'])) == {5}
    counts = whole.frames.counts
    assert counts['Li'] == 3 * counts['P']
    assert counts['S'] == 4 * counts['P']
    assert counts['P'] < 125
    assert whole.record['carving']['kept_whole'] == 125
    np.testing.assert_array_equal(whole.chosen['clusters'], labels)
    cut = carve_glass(glass, settings(pores=wide), 1)
    broken = np.zeros(glass.n_atoms, dtype=bool)
    broken[cut.chosen['kept']] = True
    assert any(len(set(broken[labels == cluster])) == 2 for cluster in range(125))  # so it is the setting that does it


def test_where_no_whole_unit_fits_only_neutrality_is_exact():
    symbols = (*['Na'] * 31, *['Si'] * 41, *['O'] * 97, 'Na')
    glass = Frames(symbols, np.random.default_rng(1).uniform(0, 14, (1, len(symbols), 3)), np.eye(3)[None] * 14)
    glass = Frames((*symbols, 'O'), np.append(glass.positions, [[[1.0, 1.0, 1.0]]], axis=1), glass.cells)
    charges = {'Na': 0.6, 'Si': 2.4, 'O': -1.2}
    assert sum(charges[s] for s in glass.symbols) == pytest.approx(0)
    with pytest.raises(ValueError, match=r"have no common divisor.*exact='neutral'"):
        carve_glass(glass, settings(pores=[{'shape': 'sphere', 'diameter': 7.0}]), 1)
    made = carve_glass(glass, settings(pores=[{'shape': 'sphere', 'diameter': 7.0}], exact='neutral'), 1, charges)
    assert sum(charges[s] for s in made.frames.symbols) == pytest.approx(0, abs=1e-9)
    assert made.record['carving']['charge'] == 0


def test_charges_of_atoms_tell_species_of_one_element_apart():
    symbols = (*['V'] * 40, *['O'] * 90)
    charges = np.array([4.0] * 20 + [5.0] * 20 + [-2.0] * 90)
    positions = np.random.default_rng(2).uniform(0, 12, (1, 130, 3))
    glass = Frames(symbols, positions, np.eye(3)[None] * 12, charges=charges)
    made = carve_glass(glass, settings(pores=[{'shape': 'sphere', 'diameter': 7.0}]), 1)
    assert made.frames.charges.sum() == 0
    assert (made.frames.charges == 4).sum() == (made.frames.charges == 5).sum()


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'pores': []}, r"^pores: \[\] given, expected a list of pores"),
        ({'pores': 'sphere'}, "^pores: 'sphere' given"),
        ({'pores': [3]}, '^pores.0: 3 given, expected settings of a pore'),
        ({'pores': [{'shape': 'ball'}]}, "^pores.0.shape: 'ball' given, expected one of sphere"),
        ({'pores': [{'shape': 'sphere', 'size': 3}]}, '^pores.0.size: not a setting of a sphere'),
        ({'pores': [{'shape': 'sphere', 'diameter': -3}]}, r'^pores.0.diameter: -3 given, expected a length above 0'),
        ({'pores': [{'shape': 'slit', 'axis': 'x'}]}, "^pores.0.axis: 'x' given"),
        ({'pores': [*SPHERE, *SPHERE]}, '^pores.1: the same pore as 0 once more'),
        ({'pores': {'diameter': 5, 'n': 0}}, r'^pores.n: .*\(given: 0\)'),
        ({'pores': {'diameter': 5, 'n': 2, 'gapp': 1}}, r"^pores.gapp: no such setting; did you mean 'gap'\?"),
        ({'pores': {'n': 2}}, '^pores.diameter: missing'),
        ({'pores': {'porosity': 0.8, 'diameter': 5}}, '^pores.porosity: 0.8 given, but equal spheres fill at most 0'),
        ({'pores': {'porosity': -0.1, 'diameter': 5}}, r'^pores.porosity: .*\(given: -0.1\)'),
        ({'exact': 'nearly'}, r"^exact: .*\(given: 'nearly'\)"),
        ({'shell': -1}, r'^shell: .*\(given: -1\)'),
        ({'closed_below': 1}, r'^closed_below: .*\(given: 1\)'),
        ({'temperature': 0}, r'^temperature: .*\(given: 0\)'),
        ({'coupling': 'isotropic'}, "^coupling: .*given: 'isotropic'"),
        ({'cutoffs': {'P-S': 2.4}}, '^cutoffs: they are bonds within clusters, which are not kept'),
        ({'cutoffs': {'P-S': -2.4}, 'keep_clusters': True}, '^cutoffs.P-S: -2.4 given, expected a length above 0'),
        ({'relax': []}, '^relax: '),
        ({'temprature': 3}, r"^temprature is not a setting; did you mean 'temperature'\?"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        settings(**changes)


@pytest.mark.parametrize(
    ('relax', 'words'),
    [
        ([{'kind': 'minimise'}], 'relax: the last stage is a minimise, expected one with dynamics'),
        ([{'kind': 'hold', 'duration': -1}], r'relax.0.duration'),
        ([{'kind': 'hold', 'duraton': 1}], r'duraton.*duration'),
        ([{'kind': 'boil', 'duration': 1}], r'relax.0'),
    ],
)
def test_stages_that_make_no_sense_are_refused(relax, words):
    with pytest.raises(ValueError, match=words):
        settings(relax=relax).schedule()


@pytest.mark.parametrize(
    ('pores', 'words'),
    [
        ([{'shape': 'sphere', 'diameter': 21}], '^pores.diameter: a sphere of 21 Å reaches its own image'),
        ([{'shape': 'cylinder', 'diameter': 20}], '^pores.diameter: a cylinder of 20 Å along c reaches'),
        ([{'shape': 'slit', 'width': 25}], '^pores.width: a slit of 25 Å across c leaves nothing'),
        ({'diameter': 14, 'n': 9}, '^pores.n: no places were found for 9 spheres'),
        ({'porosity': 0.01, 'diameter': 10}, '^pores.porosity: 0.01 given, but one sphere of 10 Å makes 0.065'),
        ([{'shape': 'sphere', 'diameter': 0.01}], '^regions: no atom lies within'),
    ],
)
def test_pores_that_do_not_fit_the_cell_are_refused(pores, words):
    with pytest.raises(ValueError, match=words):
        carve_glass(silicate(), settings(pores=pores), 1)


def test_a_network_is_no_cluster_that_could_go_as_a_whole():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing='ij'), axis=-1).reshape(-1, 3) * 3.2
    bridges = np.concatenate([grid + 1.6 * axis for axis in np.eye(3)[:2]])
    positions = np.concatenate([grid, bridges]) + rng.normal(scale=0.05, size=(648, 3))
    glass = Frames(('Si',) * 216 + ('O',) * 432, positions[None], np.eye(3)[None] * 19.2)
    with pytest.raises(ValueError, match='A network cannot be kept intact'):
        carve_glass(glass, settings(pores=SPHERE, keep_clusters=True), 1)
    counts = carve_glass(glass, settings(pores=SPHERE), 1).frames.counts
    assert counts['O'] == 2 * counts['Si'] < 432


def test_stages_that_name_no_temperature_or_pressure_have_that_of_the_settings():
    stages = settings('napso', temperature=350, pressure=0.5, coupling='aniso').schedule().stages
    assert [(stage.temperature, stage.pressure, stage.coupling) for stage in stages] == [(350, 0.5, 'aniso')] * 2
    assert [stage.ensemble for stage in stages] == ['npt'] * 2
    own = [{'kind': 'hold', 'duration': 1, 'temperature': 500}]
    assert settings(relax=own).schedule().stages[0].temperature == 500


def test_the_protocol_of_the_paper():
    napso = settings('napso')
    assert napso.pores == [{'shape': 'sphere', 'centre': [0.5, 0.5, 0.5], 'diameter': 14}]
    schedule = napso.schedule()
    assert schedule.duration == pytest.approx(200)
    assert schedule.timestep == 1.0
    assert {(stage.temperature, stage.pressure) for stage in schedule.stages} == {(300, 1e-4)}


def test_pores_in_words():
    spheres = [Sphere((0.1 * k, 0, 0), 14.0) for k in range(3)]
    more = [shape_from_dict({'shape': 'slit', 'axis': 'b', 'width': 7.5}), shape_from_dict({'shape': 'box'})]
    assert pores_in_words([*spheres, *more]) == (
        '3 spheres of 14 Å, 1 slit of 7.5 Å across b, 1 box of 0.5 × 0.5 × 0.5 of the cell'
    )
