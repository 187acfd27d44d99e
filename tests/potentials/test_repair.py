"""The short-range repair: derivation against the published rows, continuity, and the table written from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from aiida_glassion.potentials.library import read_table
from aiida_glassion.potentials.pair_table import INNER, POINTS, pair_table
from aiida_glassion.potentials.repair import RepairedBuckingham

TABLE = read_table('teter')
ROWS = {f'{i}-{j}': RepairedBuckingham(**row) for (i, j), row in TABLE['pairs'].items()}


@pytest.mark.parametrize('pair', sorted(TABLE['published_repairs']))
def test_published_repairs_follow_from_the_rule(pair):
    """They agree to about one in their last digit; B and D vary most, as they come from rounded r0 and n."""
    r0, n, B, D = ROWS[pair].repair()
    published = TABLE['published_repairs'][pair]
    assert r0 == pytest.approx(published['r0'], abs=1.2e-4)
    assert n == pytest.approx(published['n'], abs=1.1e-3)
    assert abs(B - published['B']) < 0.02
    assert abs(D - published['D']) < 6e-3


def test_coulomb_has_no_part_in_the_rule():
    """With the Coulomb energy of Si-O in U the rule would give n = -17, nothing like the published 3.932."""
    form = ROWS['Si-O']
    c = -14.399645 * 2.4 * 1.2
    r = 1.17993  # inner root of U''' with Coulomb
    u, u1, u2, u3 = (float(x) for x in form.derivatives(r))
    assert abs(u3 - 6 * c / r**4) < 0.2
    u, u1, u2 = u + c / r, u1 - c / r**2, u2 + 2 * c / r**3
    assert -(u2 * r * r - u1 * r) / (u1 * r - 2 * u) == pytest.approx(-16.59, abs=0.1)


@pytest.mark.parametrize('pair', sorted(set(ROWS) - {'Li-O'}))
def test_energy_and_two_derivatives_are_continuous(pair):
    form = ROWS[pair]
    r0, n, B, D = form.repair()
    u, u1, u2, u3 = form.derivatives(r0)
    assert B / r0**n + D * r0**2 == pytest.approx(float(u), rel=1e-10)
    assert -n * B / r0 ** (n + 1) + 2 * D * r0 == pytest.approx(float(u1), rel=1e-10)
    assert n * (n + 1) * B / r0 ** (n + 2) + 2 * D == pytest.approx(float(u2), rel=1e-10)
    assert abs(float(u3)) < 1e-6 * form.A
    assert n > 1  # steeper than Coulomb's attraction
    assert r0 < 2


def test_the_root_is_the_inner_one():
    """Si-O has a second root at 2.485 Å, beyond the bond length, which must not be taken."""
    assert ROWS['Si-O'].repair()[0] < 1.2


def test_without_attraction_nothing_is_repaired():
    assert ROWS['Li-O'].repair() is None
    r = np.array([0.5, 1.0])
    energy, force = ROWS['Li-O'].energy_and_force(r)
    assert energy == pytest.approx(41051.938 * np.exp(-r / 0.151160))
    assert force == pytest.approx(energy / 0.151160)


def test_a_row_without_barrier_is_refused():
    with pytest.raises(ValueError, match='no inner root'):
        RepairedBuckingham(A=1e-9, rho=0.1, C=1000.0).repair()


@pytest.mark.parametrize('pair', sorted(ROWS))
def test_table_reproduces_the_energy(pair):
    """A cubic spline through the rows, which is how LAMMPS reads them, gives U to 1e-6 eV or 1e-6 of it."""
    form = ROWS[pair]
    lines = pair_table('X', 8.0, form.energy_and_force).decode().splitlines()
    assert lines[2:4] == ['X', f'N {POINTS}']
    rows = np.array([line.split() for line in lines[5:]], dtype=float)
    assert rows[:, 0] == pytest.approx(np.arange(1, POINTS + 1))
    assert (rows[0, 1], rows[-1, 1]) == (INNER, 8.0)
    r = np.linspace(0.5, 7.99, 3001)
    energy, force = form.energy_and_force(r)
    assert CubicSpline(rows[:, 1], rows[:, 2])(r) == pytest.approx(energy, abs=1e-6, rel=1e-6)
    assert CubicSpline(rows[:, 1], rows[:, 3])(r) == pytest.approx(force, abs=1e-4, rel=1e-5)


def test_table_refuses_infinite_energies():
    with pytest.raises(ValueError, match='not finite'):
        pair_table('X', 8.0, lambda r: (np.full_like(r, np.inf), r))
