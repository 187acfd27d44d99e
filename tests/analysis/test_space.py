"""Angles, Voronoi cells, voids, disorder, profiles and regions over frames."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from aiida_glassion.analysis.base import kind_of
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.elements import network_roles

KINDS = ('angles', 'voronoi', 'voids', 'disorder', 'profiles', 'regions', 'checks')
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
LENGTH = 16.0


def silica(n_frames=3, seed=0, noise=0.03):
    """SiO2 like ideal cristobalite, 8 cells of 24 atoms, and a few Na: not a glass, but with the right neighbours."""
    rng = np.random.default_rng(seed)
    si = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]) * 2.0
    o = np.concatenate([si[:4] + 1.0 * corner * np.sqrt(3) for corner in TETRAHEDRON])
    one = np.vstack([si, o])
    shifts = np.stack(np.meshgrid(*[[0, 8.0]] * 3, indexing='ij'), -1).reshape(-1, 3)
    atoms = (one[None] + shifts[:, None]).reshape(-1, 3)
    symbols = (['Si'] * 8 + ['O'] * 16) * 8 + ['Na'] * 4
    positions = np.vstack([atoms, rng.random((4, 3)) * LENGTH])
    frames = positions + rng.normal(size=(n_frames, *positions.shape)) * noise
    return Frames(tuple(symbols), frames, np.tile(LENGTH * np.eye(3), (n_frames, 1, 1)))


def system_of(frames, cutoffs=None, pbc=(True, True, True)):
    return System(
        frames.symbols,
        frames.elements,
        frames.types,
        pbc,
        network_roles(frames.elements),
        {('Si', 'O'): 2.3} if cutoffs is None else cutoffs,
        {('Si', 'O'): 1.73},
        LENGTH,
        1,
    )


def run(kind, settings=None, frames=None, chunks=None, cutoffs=None):
    frames = silica() if frames is None else frames
    system = system_of(frames, cutoffs)
    made = kind_of(kind)
    analysis = made(made.Settings(**(settings or {})), system)
    at = 0
    for size in chunks or [frames.n_frames]:
        analysis.add(Chunk(system, frames[range(at, at + size)], at))
        at += size
    return analysis.result()


@pytest.mark.parametrize('kind', KINDS)
def test_results_do_not_depend_on_chunks_and_are_json(kind):
    whole, parts = run(kind), run(kind, chunks=[1, 2])
    text = json.dumps(whole.numbers, allow_nan=False)
    assert json.loads(text) == json.loads(json.dumps(parts.numbers))
    for name, curve in whole.curves.items():
        np.testing.assert_array_equal(curve.y, parts.curves[name].y)
        assert '.' not in name
    for name, values in whole.per_atom.items():
        assert len(values) == 196
        np.testing.assert_array_equal(values, parts.per_atom[name])


@pytest.mark.parametrize('kind', KINDS)
def test_one_frame_knows_no_error(kind):
    found = run(kind, frames=silica(1))
    assert all(curve.error is None for curve in found.curves.values())

    def errors(table):
        for key, value in table.items():
            if isinstance(value, dict):
                yield from errors(value)
            elif key == 'standard_error':
                yield value

    assert all(error is None for error in errors(found.numbers))


@pytest.mark.parametrize('kind', KINDS)
def test_an_unknown_setting_is_refused(kind):
    with pytest.raises(ValidationError, match='surprise'):
        kind_of(kind).Settings(surprise=1)


@pytest.mark.parametrize('kind', [kind for kind in KINDS if kind not in ('angles', 'checks')])
def test_what_needs_a_periodic_cell_says_so(kind):
    frames = silica(1)
    made = kind_of(kind)
    with pytest.raises(ValueError, match='periodic'):
        made(made.Settings(), system_of(frames, pbc=(True, True, False)))


def test_angles():
    found = run('angles')
    assert set(found.curves) == {'angle_O_Si_O', 'angle_Si_O_Si'}
    inner = found.numbers['O-Si-O']
    assert inner['mean']['mean'] == pytest.approx(109.47, abs=0.3)
    assert 0 < inner['mean']['standard_error'] < 0.2
    assert inner['per_frame'] == 6 * 64
    assert found.numbers['Si-O-Si']['mean']['mean'] > 170
    curve = found.curves['angle_O_Si_O']
    assert curve.y.sum() * 1.0 == pytest.approx(1)
    assert curve.about['cutoffs'] == {'Si-O': 2.3}
    assert (curve.error[curve.y == 0] == 0).all()
    solid = run('angles', {'per_solid_angle': True, 'bin_width': 2.0}).curves['angle_Si_O_Si']
    assert len(solid.x) == 90
    assert solid.y[-3:].max() > 100


def test_chosen_triples():
    found = run('angles', {'triples': ['Si-Si-O']}, cutoffs={('Si', 'O'): 2.3, ('Si', 'Si'): 3.8})
    assert list(found.curves) == ['angle_Si_Si_O']
    assert found.numbers['Si-Si-O']['per_frame'] == 64 * 4 * 4
    for triples, match in (
        (['O-Si'], 'three'),
        (['O-Xx-O'], 'three'),
        (['Na-O-Si'], 'cut-off for O-Na'),
        (['O-Si-O', 'O-Si-O'], 'twice'),
    ):
        with pytest.raises(ValueError, match=match):
            run('angles', {'triples': triples})
    with pytest.raises(ValueError, match='cut-offs'):
        run('angles', cutoffs={})


def test_voronoi():
    found = run('voronoi')
    volume = found.numbers['volume']
    total = 64 * volume['Si']['mean'] + 128 * volume['O']['mean'] + 4 * volume['Na']['mean']
    assert total == pytest.approx(LENGTH**3, rel=1e-9)
    assert found.per_atom['volume'].sum() == pytest.approx(LENGTH**3, rel=1e-9)
    for curve in found.curves.values():
        assert curve.y.sum() * (curve.x[1] - curve.x[0]) == pytest.approx(1)
    by = found.numbers['coordination_by']
    around = sum(by[f'Si-{e}']['mean'] for e in ('Na', 'O', 'Si'))
    assert around == pytest.approx(found.numbers['coordination']['Si']['mean'])
    every = run('voronoi', {'least_face': 0.0}).numbers['coordination_by']
    assert every['Na-O']['mean'] * 4 == pytest.approx(every['O-Na']['mean'] * 128)


def test_voids():
    settings = {'radii': {'Si': 1.0, 'O': 1.4, 'Na': 0.0}, 'probe': 0.5, 'spacing': 0.4}
    found = run('voids', settings)
    numbers = found.numbers
    assert numbers['radii'] == {'Na': 0.0, 'O': 1.4, 'Si': 1.0}
    fractions = [numbers[name]['mean'] for name in ('centre_fraction', 'occupiable_fraction', 'free_fraction')]
    assert 0 < fractions[0] < fractions[1] <= fractions[2] < 1
    assert numbers['percolates'].keys() == {'a', 'b', 'c'}
    pores = found.curves['pore_sizes']
    assert pores.y.sum() * 0.1 + pores.about['left_out'] == pytest.approx(1)
    assert pores.x[0] == pytest.approx(1.65), 'a sphere narrower than four steps of the grid is not resolved'
    assert 0 < pores.about['left_out'] < 1
    largest = numbers['largest_sphere_radius']['mean']
    assert pores.x[pores.y > 0][-1] / 2 == pytest.approx(largest, abs=0.3)
    mass = 64 * 28.085 + 128 * 15.999 + 4 * 22.98976928
    per_mass = numbers['free_volume_per_mass']['mean']
    assert per_mass == pytest.approx(fractions[2] * LENGTH**3 * 0.602214 / mass, rel=1e-4)
    surface = numbers['surface']['mean']
    assert numbers['surface_per_mass']['mean'] == pytest.approx(surface * 6022.14 / mass, rel=1e-4)
    cavities = found.curves['cavity_radii']
    assert cavities.x[0] == pytest.approx(0.85)
    assert cavities.y.sum() == pytest.approx(numbers['cavities']['mean'] * (1 - cavities.about['left_out']))
    lean = run('voids', {**settings, 'pore_sizes': False, 'surface': False})
    assert 'pore_sizes' not in lean.curves
    assert lean.per_atom == {}
    assert lean.numbers['centre_fraction'] == numbers['centre_fraction']


@pytest.mark.parametrize(('radii', 'match'), [({'Fe': 1.0}, 'Fe'), ({'O': -1.0}, 'radii'), ({'O': 99.0}, 'radii')])
def test_voids_refuse(radii, match):
    with pytest.raises(ValueError, match=match):
        run('voids', {'radii': radii})


def test_a_pore_wider_than_the_curves_is_said():
    assert any('largest' in warning for warning in run('voids', {'largest': 1.5, 'spacing': 0.6}).warnings)


def test_disorder_of_a_crystal_and_of_a_gas():
    ordered = run('disorder', {'elements': ['Si', 'O']})
    assert ordered.numbers['degree']['mean'] < 0.35
    rng = np.random.default_rng(0)
    frames = silica(6)
    gas = Frames(frames.symbols, rng.random(frames.positions.shape) * LENGTH, frames.cells)
    assert run('disorder', frames=gas).numbers['degree']['mean'] == pytest.approx(1, abs=0.25)
    with pytest.raises(ValueError, match='Fe'):
        run('disorder', {'elements': ['Fe']})
    with pytest.raises(ValueError, match='k_min'):
        run('disorder', {'k_min': 5.0})
    few = run('disorder', {'elements': ['Na']})
    assert any('too few' in warning for warning in few.warnings)


def test_profiles():
    found = run('profiles', {'along': 'a'})
    width = LENGTH / 32
    for element, n in (('Na', 4), ('O', 128), ('Si', 64)):
        assert found.numbers['atoms'][element]['mean'] == n
        assert found.curves[f'number_density_{element}'].y.sum() * width * LENGTH**2 == pytest.approx(n)
    assert found.curves['number_density'].y.sum() * width * LENGTH**2 == pytest.approx(196)
    shares = sum(found.curves[f'share_{e}'].y for e in ('Na', 'O', 'Si'))
    assert ((np.abs(shares - 1) < 1e-9) | (shares < 1)).all()
    radial = run('profiles', {'along': 'radial', 'centre': (0.0, 0.0, 0.0), 'bin_width': 1.0})
    assert len(radial.curves['mass_density'].x) == 8
    assert radial.curves['mass_density'].about['centre'] == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match='r_max'):
        run('profiles', {'along': 'a', 'r_max': 3.0})
    beyond = run('profiles', {'along': 'radial', 'r_max': 12.0})
    assert any('images' in warning for warning in beyond.warnings)


def test_regions_by_order_and_by_place():
    ordered = run('regions')
    assert ordered.numbers['atoms']['crystal']['mean'] == 1
    assert ordered.per_atom['region'].dtype == np.int8
    assert ordered.curves['order'].y.sum() / 50 == pytest.approx(1)
    slab = run('regions', {'crystal': {'shape': 'slab', 'axis': 'c', 'low': 0.25, 'high': 0.75}, 'width': 0.0})
    assert slab.numbers['atoms']['crystal']['mean'] == pytest.approx(0.5, abs=0.1)
    assert slab.numbers['atoms']['interface']['mean'] == 0
    sphere = run('regions', {'crystal': {'shape': 'sphere', 'radius': 5.0}, 'width': 2.0})
    distance = sphere.per_atom['distance']
    assert ((sphere.per_atom['region'] == 2) == (distance < -1)).all()
    with pytest.raises(ValidationError):
        run('regions', {'crystal': {'shape': 'cone'}})
    with pytest.raises(ValueError, match='thickness'):
        run('regions', {'crystal': {'shape': 'slab', 'low': 0.5, 'high': 0.5}})
    with pytest.raises(ValueError, match='Fe'):
        run('regions', {'centres': ['Fe']})


def test_regions_of_a_cell_too_narrow_to_judge():
    found = run('regions', {'reach': 20.0})
    assert any('reach' in warning for warning in found.warnings)
