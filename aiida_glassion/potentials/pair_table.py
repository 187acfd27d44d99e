"""A pair potential as a file for LAMMPS' ``pair_style table``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

INNER = 0.1
"""Innermost distance, Å: LAMMPS stops with an error below it; no configuration that can be run comes so near."""

POINTS = 2000
"""Rows of a file. Distances are spaced geometrically, which keeps the relative error of the cubic spline through them
the same at all distances: below 1e-8."""

RUN_POINTS = 10000
"""Points, even in r², at which LAMMPS tabulates its spline; relative error at 0.5 Å below 1e-6, at a bond 1e-9."""


def pair_table(
    section: str, outer: float, energy_and_force: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
) -> bytes:
    """Write the file.

    :param section: name of the section in the file.
    :param outer: cutoff, Å.
    :param energy_and_force: energy (eV) and force −dU/dr (eV/Å) at an array of distances (Å).
    :returns: content of the file.
    :raises ValueError: energy or force is not finite.
    """
    r = np.geomspace(INNER, outer, POINTS)
    r[0], r[-1] = INNER, outer
    energy, force = energy_and_force(r)
    if not (np.isfinite(energy).all() and np.isfinite(force).all()):
        raise ValueError(f'pair table {section}: energy or force is not finite')
    rows = '\n'.join(
        f'{i} {a:.12f} {b:.15e} {c:.15e}' for i, (a, b, c) in enumerate(zip(r, energy, force, strict=True), start=1)
    )
    return f'# UNITS: metal\n\n{section}\nN {POINTS}\n\n{rows}\n'.encode()
