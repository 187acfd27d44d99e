"""Unphysical frames: each kind is found, with its numbers, and what is physical is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.filters import find_unphysical

SILICA = Path(__file__).parents[2] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
ALL = {'min_distance_factor': 0.6, 'density_change': 3.0, 'detached_factor': 2.0}


@pytest.fixture(scope='module')
def silica():
    return Frames.concatenate(list(read_system(SILICA)))


@pytest.fixture
def salt():
    return Frames.from_ase(bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(2))


def test_a_melt_and_a_crystal_pass(silica, salt):
    assert find_unphysical(silica, start_density=float(silica.densities[0]), **ALL) == [None] * silica.n_frames
    assert find_unphysical(salt, start_density=float(salt.densities[0]), **ALL) == [None]


def test_close_contact_says_which_atoms(salt):
    positions = salt.positions.copy()
    positions[0, 1] = positions[0, 0] + [0.9, 0, 0]
    (found,) = find_unphysical(replace(salt, positions=positions), **ALL)
    assert found.kind == 'close_contact'
    assert found.reason == 'Na 0 and Cl 1 are 0.900 Å apart, less than 1.608 Å'
    assert find_unphysical(replace(salt, positions=positions), min_distance_factor=0.3) == [None]


def test_density_by_change_and_by_limits(salt):
    start = float(salt.densities[0])
    scales = np.array([0.9, 1.0, 1.2, 1.5])
    frames = replace(
        salt,
        positions=salt.positions * scales[:, None, None],
        cells=salt.cells * scales[:, None, None],
    )
    assert start == pytest.approx(2.163, abs=2e-3)
    kinds = [d and d.kind for d in find_unphysical(frames, density_change=1.5, start_density=start)]
    assert kinds == [None, None, 'density', 'density']
    assert [d and d.kind for d in find_unphysical(frames, density_change=1.3, start_density=start)] == [
        'density', None, 'density', 'density',
    ]  # fmt: skip
    limits = find_unphysical(frames, density_min=1.0, density_max=2.5)
    assert [d and d.reason for d in limits] == ['2.97 g/cm³, more than 2.5', None, None, '0.641 g/cm³, less than 1']
    assert find_unphysical(frames, density_change=1.01) == [None] * 4
    cluster = replace(frames, pbc=(False, False, False))
    assert find_unphysical(cluster, density_change=1.01, start_density=start, density_max=0.1) == [None] * 4


def test_detached_atoms_are_in_a_gas(salt):
    cells = salt.cells * [[[1.0], [1.0], [3.0]]]
    positions = salt.positions.copy()
    positions[0, 5, 2] += 16.0
    (found,) = find_unphysical(replace(salt, positions=positions, cells=cells), detached_factor=2.0)
    assert found.kind == 'detached'
    assert found.reason.startswith(f'{salt.symbols[5]} 5: no neighbour within 2 times')
    # a slab has a vacuum and no detached atom; a gas of pairs has none either
    assert find_unphysical(replace(salt, cells=cells), detached_factor=2.0) == [None]
    (gas,) = find_unphysical(replace(salt, positions=salt.positions * 3, cells=salt.cells * 3), detached_factor=2.0)
    assert gas.reason.startswith('Na 0 and 63 more atoms')


def test_of_several_reasons_one_is_given_and_limits_can_be_switched_off(salt):
    positions = salt.positions.copy()
    positions[0, 1] = positions[0, 0] + [0.9, 0, 0]
    broken = replace(salt, positions=positions)
    (found,) = find_unphysical(broken, density_max=1.0, **ALL)
    assert found.kind == 'density'
    assert find_unphysical(broken) == [None]
    assert find_unphysical(broken, min_distance_factor=0.0, detached_factor=0.0) == [None]
    assert find_unphysical(salt[:0], **ALL) == []
