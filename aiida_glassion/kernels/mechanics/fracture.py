"""Fracture energy, toughness and brittleness of a sample that was pulled apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.kernels.mechanics.tension import BROKEN_PART, WINDOW, smoothed

FloatArray = npt.NDArray[np.float64]
Plane = Literal['strain', 'stress']

LEAST_ATOMS = 75_000
"""Below this K_Ic of a notched sample depends on its size (arXiv:1910.06181)."""
HIGHEST_RATE = 1e-3
"""Strain rate, 1/ps (10⁹ 1/s), above which strength and toughness are clearly those of the rate."""


@dataclass(frozen=True)
class Value:
    """A number and its standard error, None where it is not known."""

    value: float
    error: float | None = None


@dataclass(frozen=True)
class FractureEnergy:
    """Work to separate a sample, per area of its ligament.

    :param energy: G_c, J/m².
    :param work: ∫F dL/A₀ before it is put on the ligament, J/m².
    :param complete: whether the stress fell to zero; else ``energy`` is a lower bound.
    :param length: where the integral ends, Å.
    :param ligament: (A₀ − A_crack)/A₀.
    """

    energy: float
    work: float
    complete: bool
    length: float
    ligament: float


def fracture_energy(
    lengths: npt.ArrayLike,
    stresses: npt.ArrayLike,
    area: float,
    crack_area: float = 0.0,
    areas: npt.ArrayLike | None = None,
    broken_part: float = BROKEN_PART,
    window: float = WINDOW,
) -> FractureEnergy:
    """Critical energy release rate G_c = [A₀/(A₀ − A_crack)] ∫ σ dL, from L₀ until the stress is zero for good.

    Brochard, Hantal, Laubie, Ulm and Pellenq, Poromechanics V, 2471 (2013); Bauchy et al., J. Non-Cryst.
    Solids 419, 58 (2015).
    The work of the pull is all that is spent when nothing elastic is left, hence "until σ → 0": taken as where the
    noise-averaged stress falls below ``broken_part`` of its maximum and stays there. The rest of the curve is noise.

    :param lengths: (n,), Å, of the cell along the load, increasing; the first is L₀.
    :param stresses: (n,), GPa, along the load over the present cross section, tensile positive.
    :param area: A₀, Å², cross section of the cell at L₀.
    :param crack_area: Å², of the notch, projected along the load; 0 without a notch.
    :param areas: (n,), Å², present cross sections. To be given where the sides are free (constant pressure): the force
        is the stress times these. Default: the sides are fixed.
    :raises ValueError: shapes differ, not finite, lengths not increasing, areas not positive, or a notch as large as
        the cross section.
    """
    x, s = np.asarray(lengths, dtype=np.float64), np.asarray(stresses, dtype=np.float64)
    if x.ndim != 1 or x.shape != s.shape or len(x) < 3:
        raise ValueError(
            f'lengths and stresses: shapes {x.shape} and {s.shape}, expected as many of both, three at least'
        )
    if not (np.isfinite(x).all() and np.isfinite(s).all() and (np.diff(x) > 0).all() and x[0] > 0):
        raise ValueError('lengths and stresses: expected finite numbers, lengths positive and increasing')
    if not 0 < area < np.inf:
        raise ValueError(f'area: {area}, expected a positive area in Å²')
    if not 0 <= crack_area < area:
        raise ValueError(f'crack_area: {crack_area} Å², expected 0 or more and below the cross section, {area} Å²')
    if areas is not None:
        present = np.asarray(areas, dtype=np.float64)
        if present.shape != x.shape or not (present > 0).all():
            raise ValueError(f'areas: shape {present.shape}, expected {x.shape} positive areas in Å²')
        s = s * present / area
    smooth = smoothed(x / x[0], s, window)
    top = int(np.argmax(smooth))
    if smooth[top] <= 0:
        raise ValueError(
            'stresses: never tensile; expected a positive maximum (the sign of a pressure is the opposite)'
        )
    last = int(np.flatnonzero(smooth >= broken_part * smooth[top])[-1])
    complete = last < len(x) - 1
    end = min(last + 1, len(x) - 1)
    work = float(np.trapezoid(s[: end + 1], x[: end + 1])) * units.GPA_ANGSTROM_TO_J_PER_M2
    ligament = 1 - crack_area / area
    return FractureEnergy(float(work / ligament), work, complete, float(x[end]), float(ligament))


def toughness(energy: Value, young: Value, poisson: Value | None = None, plane: Plane = 'strain') -> Value:
    """K_Ic = √(G_c E/(1 − ν²)) in plane strain (a thick body, choice), √(G_c E) in plane stress (a thin sheet).

    Griffith and Irwin: linear elastic, isotropic. Errors are carried through as independent; one that is not known
    counts as 0, and if none is known the result has none.

    :param energy: G_c, J/m².
    :param young: E, GPa.
    :param poisson: ν; needed in plane strain.
    :returns: MPa·√m.
    :raises ValueError: not positive, ν outside −1 … 0.5, ν absent in plane strain, or no such plane.
    """
    factor, relative = _factor(poisson, plane)
    for name, given, unit in (('energy', energy, 'J/m²'), ('young', young, 'GPa')):
        if not 0 < given.value < np.inf:
            raise ValueError(f'{name}: {given.value} {unit}, expected a positive number')
    # J/m² × GPa = 10⁹ N²/m³; its root in Pa·√m; to MPa·√m
    value = float(np.sqrt(energy.value * young.value * 1e9 * factor)) * 1e-6
    terms = [given.error / given.value for given in (energy, young) if given.error is not None]
    terms += [] if relative is None else [relative]
    return Value(value, value / 2 * float(np.linalg.norm(terms)) if terms else None)


def release_rate(toughness: float, young: float, poisson: float | None = None, plane: Plane = 'strain') -> float:
    """G_c, J/m², of a known K_Ic, MPa·√m, E, GPa, and ν: the inverse of :func:`toughness`.

    :raises ValueError: as :func:`toughness`.
    """
    factor, _ = _factor(None if poisson is None else Value(poisson), plane)
    if not (toughness > 0 and young > 0):
        raise ValueError(f'toughness, young: {toughness} MPa√m, {young} GPa, expected positive numbers')
    return float((toughness * 1e6) ** 2 / (young * 1e9) / factor)


def surface_energy(separated: float, whole: float, area: float) -> float:
    """γ_s = (E_separated − E_whole)/(2A), J/m²: each of the two faces that were made has the area A.

    Both energies are of the same atoms, relaxed at no stress and no temperature. For a notched sample ``whole`` is the
    notched one, whose notch both have, and A is the ligament.

    :param separated: potential energy of the sample after it broke, eV.
    :param whole: potential energy before, eV.
    :param area: of the cut, Å², projected along the load.
    :raises ValueError: the area is not positive, or an energy is not finite.
    """
    if not 0 < area < np.inf:
        raise ValueError(f'area: {area}, expected a positive area in Å²')
    if not (np.isfinite(separated) and np.isfinite(whole)):
        raise ValueError(f'separated, whole: {separated}, {whole} eV, expected finite energies')
    return float((separated - whole) / (2 * area) * units.EV_PER_ANGSTROM2_TO_J_PER_M2)


def brittleness(surface: Value, energy: Value) -> Value:
    """B = 2γ_s/G_c: 1 where all work goes into surfaces, less where some goes into flow.

    :param surface: γ_s, J/m².
    :param energy: G_c, J/m².
    :raises ValueError: G_c is not positive.
    """
    if not 0 < energy.value < np.inf:
        raise ValueError(f'energy: {energy.value} J/m², expected a positive number')
    value = float(2 * surface.value / energy.value)
    terms = [given.error / given.value for given in (surface, energy) if given.error is not None and given.value != 0]
    return Value(value, abs(value) * float(np.linalg.norm(terms)) if terms else None)


def fracture_warnings(
    n_atoms: int,
    rate: float | None = None,
    notched: bool = True,
    complete: bool = True,
    lateral_free: bool = True,
    poisson_assumed: bool = False,
) -> list[str]:
    """What the reader of a fracture toughness should know, one sentence each.

    :param n_atoms: atoms of the sample.
    :param rate: strain rate, 1/ps; None for steps with minimisations, which have none.
    :param notched: whether there was a notch.
    :param complete: whether the stress fell to zero.
    :param lateral_free: whether the sides were at constant pressure.
    :param poisson_assumed: whether ν was taken from elsewhere.
    """
    said = []
    if notched and n_atoms < LEAST_ATOMS:
        said.append(
            f'{n_atoms} atoms: below {LEAST_ATOMS} the toughness of a notched sample depends on its size '
            '(arXiv:1910.06181); compare only samples of one size'
        )
    if notched and not lateral_free:
        said.append(
            'the sides were fixed, so that stress across the load builds up too; arXiv:1910.06181 asks for constant '
            'pressure, for a toughness that does not depend on the size'
        )
    if rate is not None and rate > HIGHEST_RATE:
        said.append(
            f'a rate of {rate * units.PER_PS_TO_PER_S:.1e} 1/s, against about 1e-3 1/s in a test: strength and '
            'toughness rise with the rate; compare only equal rates'
        )
    if not complete:
        bounds = 'G_c and K_Ic are lower bounds' if notched else 'work and toughness are lower bounds'
        said.append(f'the sample was not fully broken at the end: {bounds}; pull further')
    if not notched:
        said.append(
            'without a notch the crack must first be made: the work is more than the energy to let one grow, so no G_c '
            'and K_Ic are given'
        )
    if poisson_assumed:
        said.append("Poisson's ratio was assumed, not computed: K_Ic in plane strain depends on it weakly")
    return said


def _factor(poisson: Value | None, plane: Plane) -> tuple[float, float | None]:
    """1/(1 − ν²) in plane strain, 1 in plane stress; and its relative error."""
    if plane not in ('strain', 'stress'):
        raise ValueError(f'plane: {plane!r}, expected strain or stress')
    if plane == 'stress':
        return 1.0, None
    if poisson is None:
        raise ValueError("poisson: absent; plane strain needs Poisson's ratio, e.g. 0.2, or take plane 'stress'")
    nu = poisson.value
    if not -1 < nu <= 0.5:
        raise ValueError(f'poisson: {nu}, expected above -1 and up to 0.5')
    relative = None if poisson.error is None else 2 * nu * poisson.error / (1 - nu**2)
    return 1 / (1 - nu**2), relative
