"""g(r) over a trajectory: ideal crystal, ideal gas, and the kernel that counts."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.rdf import partial_rdfs, total_rdf


def rdf(frames: Frames, **settings):
    outcome = analyse(read_request({'analyses': {'rdf': settings}}), of_frames(frames))
    assert outcome.failed == {}
    return outcome.results['rdf']


def shaken(n_frames: int, width: float = 0.05, seed: int = 0) -> Frames:
    random = np.random.default_rng(seed)
    atoms = bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(3)
    images = []
    for _ in range(n_frames):
        image = atoms.copy()
        image.positions += random.normal(0, width, image.positions.shape)
        images.append(image)
    return Frames.from_ase(images)


def test_rock_salt():
    result = rdf(shaken(5))
    shells = result.numbers['first_shells']
    assert shells['Cl-Na']['distance'] == pytest.approx(5.64 / 2, abs=0.01)
    assert shells['Na-Na']['distance'] == pytest.approx(5.64 / np.sqrt(2), abs=0.01)
    assert (shells['Cl-Na']['Na_around_Cl'], shells['Cl-Na']['Cl_around_Na']) == (6.0, 6.0)
    assert shells['Na-Na']['Na_around_Na'] == 12.0
    cut = result.numbers['cutoffs']['Na-Cl']
    assert 3.3 < cut['value'] < 4.2
    assert cut['source'] == 'first minimum of g(r)'
    assert result.numbers['r_max'] == pytest.approx(3 * 5.64 / 2, abs=0.01)
    assert result.numbers['number_density']['mean'] == pytest.approx(8 / 5.64**3)
    assert {curve.x_unit for curve in result.curves.values()} == {'Å'}


def test_curves_are_those_of_the_kernel_over_all_frames():
    frames = shaken(7, 0.3)
    result = rdf(frames, r_max=7.0, bin_width=0.05)
    whole = partial_rdfs(frames.positions, frames.cells, frames.types, frames.elements, 7.0, 140)
    np.testing.assert_allclose(result.curves['g_Cl_Na'].y, whole.g[0, 1], rtol=1e-12)
    np.testing.assert_allclose(result.curves['g_total'].y, total_rdf(whole), rtol=1e-12)
    np.testing.assert_allclose(result.curves['running_Na_Cl'].y, whole.running[1, 0], rtol=1e-12)
    np.testing.assert_allclose(result.curves['g_Cl_Na'].error, whole.g_error[0, 1], rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(result.curves['running_Na_Cl'].x, whole.edges[1:])
    assert set(result.curves) == {
        'g_Cl_Cl', 'g_Cl_Na', 'g_Na_Na', 'g_total', 'running_Cl_Cl', 'running_Cl_Na', 'running_Na_Cl', 'running_Na_Na',
    }  # fmt: skip


def test_ideal_gas_is_flat_and_its_error_is_that_of_counting():
    random = np.random.default_rng(1)
    frames = Frames(('Ar',) * 400, random.uniform(0, 20, (60, 400, 3)), np.tile(np.eye(3) * 20.0, (60, 1, 1)))
    curve = rdf(frames, bin_width=0.5).curves['g_Ar_Ar']
    far = curve.x > 3
    expected = 1 - 1 / 400
    deviations = (curve.y[far] - expected) / curve.error[far]
    assert np.abs(deviations).max() < 5
    assert 0.5 < np.sqrt((deviations**2).mean()) < 1.6


def test_one_frame_tells_no_error():
    result = rdf(shaken(1))
    assert result.curves['g_Cl_Na'].error is None
    assert result.numbers['number_density'] == {
        'mean': pytest.approx(0.04459, abs=1e-4),
        'standard_error': None,
        'n': 1,
    }


def test_beyond_half_the_cell_is_said():
    assert rdf(shaken(1)).warnings == []
    assert 'more than half the shortest width' in rdf(shaken(1), r_max=12.0).warnings[0]
