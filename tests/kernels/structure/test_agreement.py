"""Agreement of glasses: what sampling alone explains passes, another density or broken bonds do not."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.agreement import LIMITS, compare_glasses, expected_r_chi, r_chi
from aiida_glassion.kernels.structure.anions import default_cutoffs
from aiida_glassion.kernels.structure.measured import blocked_rdf, measure_glass
from aiida_glassion.kernels.structure.rdf import partial_rdfs


def gas(seed, n=300, n_frames=1):
    rng = np.random.default_rng(seed)
    cell = 16.0 * np.eye(3)
    symbols = ('Na',) * (n // 3) + ('O',) * (n - n // 3)
    return Frames(symbols, rng.random((n_frames, n, 3)) @ cell, np.tile(cell, (n_frames, 1, 1)))


def measure(*samples, r_max=8.0, n_bins=160):
    seen = [blocked_rdf(frames, r_max, n_bins) for frames in samples]
    rdf = seen[0].rdf
    cutoffs, _ = default_cutoffs(rdf.elements, rdf.r, np.mean([found.rdf.g for found in seen], axis=0))
    return [measure_glass(frames, found, cutoffs) for frames, found in zip(samples, seen, strict=True)]


def compare(*samples, reference=None, **limits):
    measured = measure(*samples, *([reference] if reference else []))
    glasses = dict(zip('abcdef', measured[: len(samples)], strict=False))
    found = compare_glasses(glasses, LIMITS | limits, measured[-1] if reference else None)
    return {criterion['name']: criterion for criterion in found}


def test_r_chi_by_its_definition():
    t = np.array([1.0, 2.0, 3.0])
    assert r_chi(t, t) == 0
    assert r_chi(1.1 * t, t, base=t) == pytest.approx(10)
    assert r_chi(np.array([3.0, 4.0]), np.array([0.0, 4.0]), base=np.array([3.0, 4.0])) == pytest.approx(60)
    assert r_chi(np.zeros(3), np.zeros(3)) == 0


def test_rdf_from_blocks_is_the_rdf(network):
    frames = network(1)
    blocked = blocked_rdf(frames, 6.0, 120)
    rdf, seen = blocked.rdf, blocked.seen
    whole = partial_rdfs(frames.positions, frames.cells, frames.types, frames.elements, 6.0, 120)
    np.testing.assert_allclose(rdf.g, whole.g, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(rdf.running, whole.running, rtol=1e-9, atol=1e-9)
    assert rdf.counts.tolist() == whole.counts.tolist()
    np.testing.assert_allclose(seen.mean(axis=1), whole.g, rtol=1e-9, atol=1e-9)


def test_expected_difference_is_what_independent_samples_show():
    """Random points: pairs of independent samples differ by what their blocks say, within a tenth."""
    measured = measure(*(gas(seed) for seed in range(16)))
    ratios = {'total': [], 'Na-Na': [], 'Na-O': [], 'O-O': []}
    for one, other in zip(measured[::2], measured[1::2], strict=True):
        for name, found in ratios.items():
            first, second = (m.total if name == 'total' else m.pairs[name] for m in (one, other))
            found.append((r_chi(first.values, second.values), expected_r_chi(first, second)))
    for name, found in ratios.items():
        observed, expected = np.sqrt(np.mean(np.square(found), axis=0))
        print(name, observed, expected)
        assert observed == pytest.approx(expected, rel=0.1), name


def test_errors_of_counts_are_those_of_a_binomial(network):
    """A third of the oxygen torn off at random: the share's error is √(p(1−p)/N)."""
    (glass,) = measure(network(2, opened=1 / 3))
    share = glass.shares['anions O']['terminal']
    n_oxygen = 27 * 16
    assert share.mean == pytest.approx(1 / 3, abs=0.01)
    assert share.error == pytest.approx(np.sqrt(share.mean * (1 - share.mean) / n_oxygen), rel=0.02)
    assert glass.coordination['Si'].mean == pytest.approx(4 - 2 / 3, abs=0.02)


def test_no_error_is_zero_where_so_few_atoms_were_counted(network):
    (glass,) = measure(network(3))
    assert glass.coordination['Si'].mean == 4
    assert glass.coordination['Si'].error == pytest.approx(1 / 216)


@pytest.mark.parametrize('seed', range(3))
def test_glasses_that_differ_by_chance_only_agree(network, seed):
    found = compare(*(network(10 * seed + i, breathing=1e-3) for i in range(3)))
    assert set(found) == {
        'rdf_total', 'rdf_O-O', 'rdf_O-Si', 'rdf_Si-Si', 'coordination_Si', 'anions_O', 'clusters_Si', 'qn_Si',
        'density',
    }  # fmt: skip
    assert [criterion['words'] for criterion in found.values() if not criterion['met']] == []
    assert all(criterion['resolved'] for name, criterion in found.items() if name != 'rdf_Si-Si')


def test_small_cells_that_differ_by_chance_only_agree_and_are_called_unresolved(network):
    found = compare(network(1, repeats=1, disorder=0.4), network(2, repeats=1, disorder=0.4))
    assert [criterion['words'] for criterion in found.values() if not criterion['met']] == []
    assert not found['rdf_total']['resolved']


def test_another_density_is_seen(network):
    found = compare(network(1, breathing=1e-3), network(2, scale=1.03, breathing=1e-3))
    assert not found['density']['met']
    assert found['density']['value'] == pytest.approx(3 * 0.03, rel=0.1)
    assert not found['rdf_total']['met']
    assert not found['rdf_O-Si']['met']
    assert 'g/cm³' in found['density']['words']


def test_density_is_not_judged_at_fixed_volume(network):
    assert 'density' not in compare(network(1), network(2))


def test_broken_bonds_are_seen(network):
    found = compare(network(1), network(2), network(3, opened=0.2))
    wrong = {name for name, criterion in found.items() if not criterion['met']}
    assert {'coordination_Si', 'anions_O', 'qn_Si', 'rdf_O-Si'} <= wrong
    assert found['anions_O']['value'] == pytest.approx(0.2, abs=0.02)
    assert 'terminal' in found['anions_O']['words'] or 'bridging' in found['anions_O']['words']
    assert ' of b and c' in found['anions_O']['words'] or ' of a and c' in found['anions_O']['words']


def test_members_that_agree_may_both_differ_from_the_reference(network):
    members, reference = (network(1, opened=0.2), network(2, opened=0.2)), network(3)
    assert all(criterion['met'] for criterion in compare(*members).values())
    found = compare(*members, reference=reference)
    assert not found['coordination_Si']['met']
    assert 'the reference' in found['coordination_Si']['words']


def test_limits_are_inputs(network):
    wide = {'coordination': 1.0, 'anions': 0.3, 'qn': 1.0, 'rdf_total': 100.0, 'rdf_pair': 100.0}
    assert all(criterion['met'] for criterion in compare(network(1), network(3, opened=0.2), **wide).values())
