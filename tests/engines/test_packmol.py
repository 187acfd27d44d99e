"""The real packmol under AiiDA: atoms, formula units, a pack that cannot be, and the same seed twice."""

from __future__ import annotations

import numpy as np
import pytest
from aiida.engine import run_get_node

from aiida_glassion.calculations.packmol import PackmolCalculation
from aiida_glassion.data.frames import FramesData
from aiida_glassion.kernels.build.apportion import apportion, formula_unit_counts
from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.kernels.build.packing import minimum_distances, shortest_distances

pytestmark = pytest.mark.engine


def periodic_distances(positions, lengths):
    """All distances by brute force over the nearest images, Å."""
    vectors = positions[:, None] - positions[None]
    vectors -= np.round(vectors / lengths) * lengths
    distances = np.sqrt((vectors**2).sum(axis=-1))
    np.fill_diagonal(distances, np.inf)
    return distances


def pack(code, **inputs):
    results, node = run_get_node(PackmolCalculation, code=code, **inputs)
    return results, node


def test_atoms(packmol_code):
    counts = apportion(parse_composition('20Na2O-80SiO2'), 300).counts
    results, node = pack(packmol_code, counts=counts, density=2.38, seed=11)
    assert node.is_finished_ok, node.exit_message
    frames = results['configuration'].frames
    assert isinstance(results['configuration'], FramesData)
    assert frames.symbols == ('Na',) * 40 + ('O',) * 180 + ('Si',) * 80
    assert frames.densities[0] == pytest.approx(2.38)
    lengths = np.diag(frames.cells[0])
    assert (frames.positions >= 0).all()
    assert (frames.positions < lengths).all()
    distances = periodic_distances(frames.positions[0], lengths)
    symbols = np.array(frames.symbols)
    for pair, wanted in minimum_distances(['Na', 'Si', 'O']).items():
        first, second = pair.split('-')
        found = distances[np.ix_(symbols == first, symbols == second)].min()
        assert found > 0.95 * wanted, pair
        assert found == pytest.approx(results['results']['shortest_distances'][pair], abs=1e-4)
    assert results['results']['packmol_version'].startswith('2')


def test_same_seed_same_atoms_other_seed_others(packmol_code):
    first = pack(packmol_code, seed=5, counts={'Si': 10, 'O': 20}, cell=[9.0, 10.0, 11.0])[0]['configuration']
    again = pack(packmol_code, seed=5, counts={'O': 20, 'Si': 10}, cell=[9.0, 10.0, 11.0])[0]['configuration']
    other = pack(packmol_code, seed=6, counts={'O': 20, 'Si': 10}, cell=[9.0, 10.0, 11.0])[0]['configuration']
    np.testing.assert_array_equal(first.frames.positions, again.frames.positions)
    assert np.abs(first.frames.positions - other.frames.positions).max() > 1


def test_formula_units(packmol_code):
    wanted = formula_unit_counts(parse_composition('75Na2S-25P2S5'), 160)
    results, node = pack(packmol_code, units=wanted.units, density=1.9, seed=2)
    assert node.is_finished_ok, node.exit_message
    frames = results['configuration'].frames
    assert frames.counts == wanted.counts
    assert frames.symbols[:3] == ('Na', 'Na', 'S')
    assert results['results']['units'] == wanted.units
    assert shortest_distances(frames.symbols, frames.positions[0], np.diag(frames.cells[0]))['P-S'] > 1.7


def test_orthorhombic_cell_and_own_distance(packmol_code):
    inputs = {'counts': {'Si': 20, 'O': 40}, 'cell': [8.0, 10.0, 14.0], 'minimum_distances': {'Si-Si': 2.4}}
    results, node = pack(packmol_code, seed=1, **inputs)
    assert node.is_finished_ok, node.exit_message
    assert results['results']['shortest_distances']['Si-Si'] > 0.95 * 2.4
    np.testing.assert_allclose(np.diag(results['configuration'].frames.cells[0]), [8.0, 10.0, 14.0])


def test_impossible_pack_is_an_exit_code(packmol_code):
    inputs = {'counts': {'O': 200}, 'cell': [11.2] * 3, 'minimum_distances': {'O-O': 1.915}, 'loops': 1}
    results, node = pack(packmol_code, seed=1, **inputs)
    assert node.exit_status == 303, (node.exit_status, node.exit_message)
    assert 'minimum_distances' in node.exit_message
    assert 'configuration' not in results


def test_other_program_is_an_exit_code(aiida_code_installed, localhost):
    code = aiida_code_installed(
        label='true', default_calc_job_plugin='glassion.packmol', computer=localhost, filepath_executable='/bin/true'
    )
    _, node = pack(code, counts={'Si': 1, 'O': 2}, density=0.1, seed=1)
    assert node.exit_status == 300
