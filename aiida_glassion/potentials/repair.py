"""Buckingham's short-range part without its catastrophe at short distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RepairedBuckingham:
    """U(r) = A exp(−r/ρ) − C/r⁶ for r ≥ r0 and B/rⁿ + D r² below, Coulomb apart.

    At high temperature two ions can pass the barrier of Buckingham's form and fall into −C/r⁶. Du and Cormack replace
    the inside of the barrier: r0 is the inner root of U''', and n, B, D make U, U' and U'' continuous there. The
    Coulomb energy has no part in this (found by trying: only so are the published n, B, D reproduced).

    :param A: eV.
    :param rho: Å.
    :param C: eV Å⁶; 0 needs no repair.
    """

    A: float
    rho: float
    C: float

    def derivatives(self, r: FloatArray | float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Unrepaired U, U', U'', U''' at distances r (Å), in eV and Å."""
        r = np.asarray(r, dtype=float)
        wall = self.A * np.exp(-r / self.rho)
        return (
            wall - self.C / r**6,
            -wall / self.rho + 6 * self.C / r**7,
            wall / self.rho**2 - 42 * self.C / r**8,
            -wall / self.rho**3 + 336 * self.C / r**9,
        )

    def repair(self) -> tuple[float, float, float, float] | None:
        """Find the inner form.

        :returns: r0 (Å), n, B (eV Åⁿ), D (eV Å⁻²), or ``None`` if C = 0.
        :raises ValueError: U''' has no root, so that there is no barrier to repair.
        """
        from scipy.optimize import brentq

        if self.C == 0:
            return None
        # U''' = 0 where r⁹ exp(−r/ρ) = 336 C ρ³/A; the left side rises up to r = 9ρ, so the inner root lies below.
        try:
            r0 = float(brentq(lambda r: self.derivatives(r)[3], 1e-2 * self.rho, 9 * self.rho, xtol=1e-14))
        except ValueError as error:
            raise ValueError(f'no inner root of the third derivative for {self}') from error
        u, u1, u2, _ = (float(value) for value in self.derivatives(r0))
        n = -(u2 * r0**2 - u1 * r0) / (u1 * r0 - 2 * u)
        inner = (2 * u - u1 * r0) / (n + 2)  # B/r0ⁿ
        return r0, n, inner * r0**n, (u - inner) / r0**2

    def energy_and_force(self, r: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Repaired energy (eV) and force −dU/dr (eV/Å) at distances r, shape (n,), Å."""
        r = np.asarray(r, dtype=float)
        energy, slope, _, _ = self.derivatives(r)
        repair = self.repair()
        if repair is not None:
            r0, n, B, D = repair
            inside = r < r0
            energy = np.where(inside, B / r**n + D * r**2, energy)
            slope = np.where(inside, -n * B / r ** (n + 1) + 2 * D * r, slope)
        return energy, -slope
