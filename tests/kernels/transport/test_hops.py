"""Oracles: hops made by hand, a jump process of known rate, wells of known places, cages changed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.transport.cages import CageHops
from aiida_glassion.kernels.transport.hops import (
    assign_sites,
    density_sites,
    find_hops,
    hop_statistics,
    nearest_images,
    stay_survival,
)

TRICLINIC = np.array([[9.0, 0, 0], [3.0, 8.0, 0], [-2.0, 2.5, 10.0]])


def series(*ions: str):
    """One string per ion; a digit is a site, a dot is nowhere."""
    return np.array([[-1 if sign == '.' else int(sign) for sign in ion] for ion in ions]).T


def test_hops_made_by_hand():
    hops = find_hops(series('00.1110.2222', '222222222222', '..1....1..00'), 3)
    assert hops.ions.tolist() == [0, 0, 0, 2]
    assert hops.frames.tolist() == [3, 6, 8, 10]
    assert hops.origins.tolist() == [0, 1, 0, 1]
    assert hops.targets.tolist() == [1, 0, 2, 0]
    assert hops.stays.tolist() == [3, 3, 2, 8]
    assert hops.first.tolist() == [True, False, False, True]
    assert hops.seen == 12 + 12 + 10
    # ion 0: 2 + 1 on site 0, …, until it is elsewhere
    np.testing.assert_allclose(hops.occupied * 12, [3 + 2 + 2, 3 + 8, 4 + 12])


def test_passing_by_and_coming_back_are_no_hops():
    at = series('0000110000111.12')
    assert find_hops(at, 3).frames.tolist() == [4, 6, 10, 15]
    found = find_hops(at, 3, 3)
    assert found.frames.tolist() == [10]
    assert found.stays.tolist() == [10]
    assert len(find_hops(series('0.0.0.0'), 1, 2)) == 0


def test_statistics_by_hand():
    hops = find_hops(series('0011100022', '1111111111'), 3)
    sites = np.array([[0.0, 0, 0], [0.2, 0, 0], [0.9, 0, 0]])
    found = hop_statistics(hops, 0.5, sites, 10 * np.eye(3))
    assert found.n_hops == 3
    assert found.rate == pytest.approx(3 / (20 * 0.5))
    assert found.residence_time == pytest.approx(10 / 3)
    assert found.rate_error == pytest.approx(0.3 / np.sqrt(3))
    assert found.median_stay == pytest.approx(1.5)
    assert found.return_share == pytest.approx(1 / 2)
    assert found.distance == pytest.approx((2 + 2 + 1) / 3)
    assert (found.never, found.sites_used) == (0.5, 3)
    none = hop_statistics(find_hops(series('....'), 1), 1.0)
    assert (none.n_hops, none.rate, none.residence_time, none.never) == (0, None, None, 1.0)
    stuck = hop_statistics(find_hops(series('0000'), 1), 1.0)
    assert (stuck.rate, stuck.residence_time) == (0.0, None)


def jumps(rate: float, n_frames: int, n_ions: int, n_sites: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random((n_frames, n_ions)) < rate, rng.integers(1, n_sites, (n_frames, n_ions)), 0)
    return steps.cumsum(axis=0) % n_sites


def test_a_jump_process_of_known_rate():
    """A step to any other of 8 sites with probability 0.02: rate 0.02, one in seven returns, exponential stays."""
    hops = find_hops(jumps(0.02, 2000, 100, 8), 8)
    found = hop_statistics(hops, 2.0)
    assert abs(found.rate - 0.01) < 4 * found.rate_error
    assert found.rate_error == pytest.approx(0.01 / np.sqrt(0.02 * 2000 * 100), rel=0.05)
    assert found.return_share == pytest.approx(1 / 7, abs=0.02)
    assert found.median_stay == pytest.approx(np.log(2) / 0.02 * 2, rel=0.07)
    np.testing.assert_allclose(hops.occupied, 100 / 8, rtol=0.2)
    survival = stay_survival(hops, 150)
    np.testing.assert_allclose(survival, 0.98 ** np.arange(151), atol=0.03)


def test_stays_that_have_not_ended_count():
    """Trajectory shorter than a stay: completed stays are far too short, rate and survival are not."""
    hops = find_hops(jumps(0.01, 60, 3000, 5, 1), 5)
    found = hop_statistics(hops, 1.0)
    assert found.residence_time == pytest.approx(100, rel=0.1)
    assert found.median_stay < 30
    survival = stay_survival(hops)
    np.testing.assert_allclose(survival[:41], 0.99 ** np.arange(41), atol=0.03)


def test_sites_from_a_density():
    f = np.stack(np.meshgrid(np.arange(27) / 27, np.arange(24) / 24, np.arange(30) / 30, indexing='ij'), -1)
    centres = np.array([[0.0, 0.0, 0.0], [10 / 27, 0.5, 0.2], [0.5 + 0.5 / 27, 0.5, 0.2], [26 / 27, 0.5, 0.9]])
    weights = [1.0, 0.8, 0.6, 0.05]
    density = np.zeros(f.shape[:3])
    for centre, weight in zip(centres, weights, strict=True):
        r = nearest_images((f - centre).reshape(-1, 3), TRICLINIC).reshape(density.shape)
        density += weight * np.exp(-(r**2) / (2 * 0.4**2))
    found = density_sites(density, TRICLINIC, 0.02, 1.0)
    assert len(found) == 4
    np.testing.assert_allclose(found, np.rint(centres * 27 * 8 * 10) / (27 * 8 * 10), atol=0.02)
    assert len(density_sites(density, TRICLINIC, 0.1, 1.0)) == 3
    assert len(density_sites(density, TRICLINIC, 0.1, 2.0)) == 2
    assert len(density_sites(density, TRICLINIC, 5.0, 1.0)) == 0


@pytest.mark.parametrize('radius', [0.9, 1.4, 2.5, 3.7])
def test_nearest_site_against_all_images(radius):
    rng = np.random.default_rng(3)
    sites, r = rng.random((7, 3)), rng.random((5, 40, 3)) * 4 - 2
    found = assign_sites(r, sites, TRICLINIC, radius)
    shifts = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing='ij'), -1).reshape(-1, 3)
    lengths = np.linalg.norm((r[:, :, None, None] - sites[:, None] - shifts) @ TRICLINIC, axis=-1).min(axis=-1)
    expected = np.where(lengths.min(axis=-1) < radius, lengths.argmin(axis=-1), -1)
    np.testing.assert_array_equal(found, expected)
    assert (found == -1).any()


def add_all(cages, *frames):
    """Each frame: for each ion the anions around it."""
    for frame in frames:
        first = np.repeat(np.arange(len(frame)), [len(anions) for anions in frame])
        cages.add(first, np.array([ord(a) for anions in frame for a in anions], dtype=int))


def test_cages_changed_by_hand():
    cages = CageHops(2)
    add_all(cages, ['', 'abcd'], ['abcd', 'abcd'], ['abce', 'abcd'], ['abfe', 'abcd'], ['agfe', 'abcd'], ['agfh', ''])
    # two of four is still a half; one of four is a hop, and the new cage is that of then
    hops = cages.hops()
    assert (hops.ions.tolist(), hops.frames.tolist(), hops.stays.tolist()) == ([0], [4], [3])
    assert hops.seen == 5 + 6
    # an ion without neighbours is on its way; it has hopped when it has others
    add_all(cages, ['agfh', 'wxyz'])
    assert (cages.hops().ions.tolist(), cages.hops().frames.tolist()) == ([0, 1], [4, 6])


def test_a_cage_that_is_left_for_a_moment():
    frames = [['abcd']] * 3 + [['wxyz']] + [['abcd']] * 3 + [['wxyz']] * 4
    at_once, patient = CageHops(1), CageHops(1, least=3)
    for cages in (at_once, patient):
        add_all(cages, *frames)
    assert at_once.hops().frames.tolist() == [3, 4, 7]
    assert patient.hops().frames.tolist() == [7]
    found = hop_statistics(patient.hops(), 1.0)
    assert (found.n_hops, found.return_share) == (1, None)
    assert found.residence_time == pytest.approx(11)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: find_hops(series('0123'), 3), 'site 3'),
        (lambda: find_hops(np.zeros(3), 3), 'n_frames, n_ions'),
        (lambda: find_hops(series('01'), 2, 0), 'least: 0'),
        (lambda: assign_sites(np.zeros((1, 1, 3)), np.zeros((1, 3)), TRICLINIC, 5.0), 'half the cell'),
        (lambda: assign_sites(np.zeros((1, 1, 3)), np.zeros((0, 3)), TRICLINIC, 1.0), 'at least one'),
        (lambda: hop_statistics(find_hops(series('01'), 2), 0), 'frame_time: 0'),
        (lambda: density_sites(np.ones((2, 2, 2)), TRICLINIC, 0.1, 0), 'separation: 0'),
        (lambda: CageHops(1, 0), 'share: 0'),
    ],
)
def test_what_cannot_be_done_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
