from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.signal import lfilter

from aiida_glassion.kernels.structure.melt import energy_drift, judge_melt, site_overlap

BOND = 1.6
CELL = np.array([[20.0, 0, 0], [4.0, 19.0, 0], [-3.0, 2.0, 21.0]])


def lattice(n=6, cell=CELL):
    """A simple lattice of n³ sites in a triclinic cell, two species by chequerboard: (positions, types)."""
    index = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing='ij'), axis=-1).reshape(-1, 3)
    return (index + 0.25) / n @ cell, index.sum(axis=1) % 2


def quiet(rng, n=4000, phi=0.9):
    """Stationary, correlated energies of 216 atoms, eV."""
    return -3000 + lfilter([1.0], [1.0, -phi], rng.normal(size=n)) * 2.0


def walk(rng, start, n_frames, step):
    steps = rng.normal(size=(n_frames, *start.shape)) * step
    steps[0] = 0
    return start + steps.cumsum(axis=0)


def judged(positions, energies, types, cells=None, **more):
    cells = np.tile(CELL, (len(positions), 1, 1)) if cells is None else cells
    return judge_melt(positions, cells, types, {0: BOND}, energies, **more)


def test_a_random_walk_is_a_melt():
    rng = np.random.default_rng(0)
    start, types = lattice()
    verdict = judged(walk(rng, start, 50, 0.4), quiet(rng), types)
    assert verdict.is_melt, verdict.reason
    assert set(verdict.tests) == {'displacement', 'energy_drift', 'memory'}
    assert verdict.tests['displacement'].value == pytest.approx(0.4 * np.sqrt(3 * 49), rel=0.15)
    assert verdict.tests['displacement'].threshold == BOND
    assert verdict.tests['memory'].value < 0.05
    assert json.loads(json.dumps(verdict.summary()))['is_melt'] is True


def test_vibration_around_sites_is_not_a_melt():
    rng = np.random.default_rng(1)
    start, types = lattice()
    positions = start + rng.normal(size=(50, *start.shape)) * 0.15
    verdict = judged(positions, quiet(rng), types, elements=['Si', 'O'])
    assert not verdict.is_melt
    assert not verdict.tests['displacement'].passed
    assert verdict.tests['displacement'].value == pytest.approx(0.15 * np.sqrt(6), rel=0.2)
    assert verdict.tests['energy_drift'].passed
    assert not verdict.tests['memory'].passed
    assert 'Si' in verdict.reason


def test_a_drifting_energy_is_not_a_melt():
    rng = np.random.default_rng(2)
    start, types = lattice()
    energies = quiet(rng) - np.linspace(0, 10, 4000)
    verdict = judged(walk(rng, start, 50, 0.4), energies, types)
    assert not verdict.is_melt
    assert [name for name, test in verdict.tests.items() if not test.passed] == ['energy_drift']
    assert verdict.tests['energy_drift'].value == pytest.approx(5 / 216, rel=0.3)
    assert 'energy' in verdict.reason


def test_hops_between_lattice_sites_are_not_a_melt():
    """Every atom sits on another site of its kind, far away: moved, but the crystal is all there."""
    rng = np.random.default_rng(3)
    start, types = lattice()
    end = start.copy()
    for kind in (0, 1):
        mine = np.flatnonzero(types == kind)
        end[mine] = start[rng.permutation(mine)]
    images = rng.integers(-1, 2, (len(start) // 2, 3))
    end += np.concatenate([images, -images]) @ CELL
    end += rng.normal(size=start.shape) * 0.1
    verdict = judged(np.stack([start, end]), quiet(rng), types)
    assert verdict.tests['displacement'].passed
    assert not verdict.tests['memory'].passed
    assert verdict.tests['memory'].value > 0.5
    assert not verdict.is_melt


def test_a_half_molten_sample_is_not_a_melt():
    rng = np.random.default_rng(4)
    start, types = lattice()
    positions = walk(rng, start, 50, 0.6)
    solid = start[:, 0] < np.median(start[:, 0])
    positions[:, solid] = start[solid] + rng.normal(size=(50, solid.sum(), 3)) * 0.05
    verdict = judged(positions, quiet(rng), types)
    assert verdict.tests['displacement'].passed
    assert verdict.tests['memory'].value == pytest.approx(0.5, abs=0.1)
    assert not verdict.is_melt


def test_only_the_slowest_former_counts():
    rng = np.random.default_rng(5)
    start, types = lattice()
    positions = walk(rng, start, 50, 0.5)
    positions[:, types == 1] = start[types == 1] + rng.normal(size=(50, (types == 1).sum(), 3)) * 0.1
    cells = np.tile(CELL, (50, 1, 1))
    assert judge_melt(positions, cells, types, {0: BOND}, quiet(rng)).is_melt
    both = judge_melt(positions, cells, types, {0: BOND, 1: 1.9}, quiet(rng))
    assert not both.is_melt
    assert both.tests['displacement'].threshold == 1.9


def test_drift_of_the_whole_and_of_the_cell_are_not_motion():
    """A crystal that slides by many ångström while its cell expands and shears has not melted."""
    rng = np.random.default_rng(6)
    start, types = lattice()
    fractional = start @ np.linalg.inv(CELL)
    shear = np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 1]])
    cells = np.array([CELL @ (np.eye(3) + strain * shear) for strain in np.linspace(0, 0.15, 20)])
    positions = np.einsum('ni,fij->fnj', fractional, cells) + rng.normal(size=(20, *start.shape)) * 0.02
    positions += np.linspace(0, 12, 20)[:, None, None] * np.array([1.0, 0.3, -0.5])
    verdict = judged(positions, quiet(rng), types, cells)
    assert verdict.tests['displacement'].value < 0.1
    assert verdict.tests['memory'].value > 0.95


def test_masses_weigh_the_drift():
    """One heavy species at rest, a light one displaced as a whole: no drift by mass, half of it by number."""
    start, types = lattice()
    end = start + np.where(types[:, None] == 0, 2.0, 0.0) * np.array([1.0, 0, 0])
    energies = quiet(np.random.default_rng(7))
    heavy = judged(np.stack([start, end]), energies, types, masses=np.where(types == 0, 1e-6, 1.0))
    equal = judged(np.stack([start, end]), energies, types)
    assert heavy.tests['displacement'].value == pytest.approx(2.0, abs=1e-4)
    assert equal.tests['displacement'].value == pytest.approx(1.0)


def test_the_start_may_lie_before_the_hold():
    """A hold that is too short to forget its own first frame, but long after the crystal was lost."""
    rng = np.random.default_rng(8)
    crystal, types = lattice(cell=0.95 * CELL)
    molten = walk(rng, lattice()[0], 60, 0.5)[20:]
    cells = np.tile(CELL, (2, 1, 1))
    positions = np.stack([molten[0], molten[0] + rng.normal(size=crystal.shape) * 0.1])
    own = judge_melt(positions, cells, types, {0: BOND}, quiet(rng))
    first = judge_melt(positions, cells, types, {0: BOND}, quiet(rng), start_positions=crystal, start_cell=0.95 * CELL)
    assert own.tests['memory'].value > 0.9
    assert first.tests['memory'].value < 0.1


@pytest.mark.parametrize('phi', [0.0, 0.9, 0.97])
def test_energy_drift_seldom_cries_wolf(phi):
    rng = np.random.default_rng(9)
    passed = [energy_drift(quiet(rng, phi=phi), 216, tolerance=0.0).passed for _ in range(200)]
    assert np.mean(passed) > 0.94


def test_a_relaxing_energy_is_not_settled():
    """A slow exponential decay must not hide behind its own correlated residuals."""
    rng = np.random.default_rng(10)
    time = np.linspace(0, 1, 2000)
    for tau in (0.2, 0.5, 1.0):
        energies = 40 * np.exp(-time / tau) + rng.normal(size=2000) * 0.05
        assert not energy_drift(energies, 216).passed


def test_a_small_drift_is_tolerated():
    energies = -3000 + np.linspace(0, 0.2, 1000) + np.random.default_rng(11).normal(size=1000) * 1e-4
    assert energy_drift(energies, 216).passed
    assert not energy_drift(energies, 216, tolerance=1e-5).passed


def test_a_short_correlated_series_is_not_enough():
    rng = np.random.default_rng(12)
    walks = np.cumsum(rng.normal(size=(100, 200)), axis=1) * 5
    assert np.mean([energy_drift(walk, 216).passed for walk in walks]) < 0.05
    few = energy_drift(np.ones(10), 216)
    assert not few.passed
    assert few.value is None
    assert 'needed' in few.message


def test_overlap_of_atoms_at_random_is_zero():
    rng = np.random.default_rng(13)
    values = [site_overlap(rng.random((300, 3)) @ CELL, rng.random((300, 3)) @ CELL, CELL, 1.5) for _ in range(40)]
    assert abs(np.mean(values)) < 0.02
    assert np.std(values) > 0


def test_overlap_against_all_images():
    """Sites on the cell's faces, atoms across them, in any image."""
    rng = np.random.default_rng(14)
    sites = rng.random((150, 3)) @ CELL
    sites[:20] = (rng.random((20, 3)) * [1, 1, 1e-4]) @ CELL
    atoms = sites + rng.normal(size=sites.shape) * 0.3 + rng.integers(-3, 4, sites.shape) @ CELL
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 3) @ CELL
    wrapped = atoms @ np.linalg.inv(CELL) % 1.0 @ CELL
    distance = np.linalg.norm(sites[:, None, None] - wrapped[None, :, None] - shifts, axis=-1).min(axis=(1, 2))
    occupied = np.mean(distance < 0.5)
    chance = 1 - np.exp(-150 / np.linalg.det(CELL) * 4 / 3 * np.pi * 0.5**3)
    assert 0.3 < occupied < 0.9
    assert site_overlap(sites, atoms, CELL, 0.5) == pytest.approx((occupied - chance) / (1 - chance))
    assert site_overlap(sites, sites, CELL, 0.5) == pytest.approx(1)


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        ({'positions': np.zeros((1, 4, 3))}, 'two frames'),
        ({'cells': np.zeros((3, 3, 3))}, 'cells'),
        ({'types': np.zeros(5, int)}, 'types'),
        ({'bond_lengths': {}}, 'no former'),
        ({'bond_lengths': {3: 1.6}}, 'no atom of type 3'),
        ({'bond_lengths': {0: 0.0}}, 'positive'),
        ({'masses': np.ones(3)}, 'masses'),
        ({'start_positions': np.zeros((3, 3))}, 'start'),
        ({'positions': np.full((2, 4, 3), np.nan)}, 'finite'),
    ],
)
def test_refuses(change, match):
    given = {
        'positions': np.random.default_rng(0).random((2, 4, 3)),
        'cells': np.tile(10 * np.eye(3), (2, 1, 1)),
        'types': np.zeros(4, int),
        'bond_lengths': {0: 1.6},
        'potential_energy': np.zeros(100),
    }
    with pytest.raises(ValueError, match=match):
        judge_melt(**{**given, **change})
