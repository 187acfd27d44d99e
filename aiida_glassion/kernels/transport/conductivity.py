"""Ionic conductivity: of independent ions (Nernst-Einstein) and of all charges together (Einstein-Helfand)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.kernels.transport.diffusion import DiffusionFit, Method, fit_diffusion, positive_interval
from aiida_glassion.kernels.transport.msd import Msd, mean_squared_displacement

FloatArray = npt.NDArray[np.floating[Any]]

FORMAL_CHARGES: dict[str, int] = {
    **dict.fromkeys(('H', 'Li', 'Na', 'K', 'Rb', 'Cs', 'Cu', 'Ag', 'Tl'), 1),
    **dict.fromkeys(('Mg', 'Ca', 'Sr', 'Ba', 'Zn', 'Cd', 'Pb'), 2),
    **dict.fromkeys(('F', 'Cl', 'Br', 'I'), -1),
}
"""Charge of an ion that moves as a whole, e: what a battery's current counts, whatever the potential's charges are."""

FINITE_SIZE_NOTE = (
    'Finite size: the hydrodynamic correction of Yeh and Hummer (J. Phys. Chem. B 108, 15873 (2004)) is that of '
    'liquids; in a glass the framework takes up the momentum and no such correction applies. Compare two sizes of '
    'cell instead.'
)
CHARGE_TOLERANCE = 1e-3
"""Charge of the whole cell that counts as zero, e per atom that carries any."""


@dataclass(frozen=True)
class Conductivity:
    """A conductivity and its standard deviation, S/cm."""

    value: float
    error: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Range that holds the true value with a probability of ``level``, S/cm."""
        return positive_interval(self.value, self.error, level)


def per_diffusion(n_ions: float, volume: float, temperature: float, charge: float = 1.0) -> float:
    """Factor from a D in cm²/s to a conductivity in S/cm: n z² e²/(V k_B T).

    :param n_ions: ions in the cell.
    :param volume: Å³.
    :param temperature: K.
    :param charge: of one ion, e.
    :raises ValueError: a volume or a temperature that is not positive.
    """
    for name, value, unit in (('volume', volume, 'Å³'), ('temperature', temperature, 'K')):
        if not value > 0:
            raise ValueError(f'{name}: {value}, expected a positive number in {unit}')
    density = n_ions * charge**2 / (volume * units.KB_EV_PER_K * temperature)
    return float(density * units.E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM / units.ANGSTROM2_PER_PS_TO_CM2_PER_S)


def nernst_einstein(
    diffusion: Mapping[str, tuple[float, float]],
    counts: Mapping[str, int],
    charges: Mapping[str, float],
    volume: float,
    temperature: float,
) -> Conductivity:
    """Conductivity of ions that know nothing of each other: Σ n z² e² D/(V k_B T) over the mobile species.

    :param diffusion: D and its standard deviation of each mobile species, cm²/s; errors of species are independent.
    :param counts: ions of each species in the cell.
    :param charges: of one ion, e.
    :param volume: Å³, of the cell (mean over frames).
    :param temperature: K.
    :raises ValueError: a species without count or charge.
    """
    value = variance = 0.0
    for species, (coefficient, error) in diffusion.items():
        for name, table in (('counts', counts), ('charges', charges)):
            if species not in table:
                raise ValueError(f'{name}: none for {species}, which diffuses')
        factor = per_diffusion(counts[species], volume, temperature, charges[species])
        value += factor * coefficient
        variance += (factor * error) ** 2
    return Conductivity(float(value), float(np.sqrt(variance)))


@dataclass(frozen=True, eq=False)
class CollectiveFit:
    """Outcome of Einstein-Helfand.

    :param conductivity: S/cm.
    :param fit: of the squared charge displacement; its D is in e² cm²/s.
    :param mscd: mean squared charge displacement of the whole cell, e² Å².
    """

    conductivity: Conductivity
    fit: DiffusionFit
    mscd: Msd


def einstein_helfand(
    charge_displacement: FloatArray,
    frame_time: float,
    volume: float,
    temperature: float,
    method: Method = 'gls',
    window: tuple[int, int] | None = None,
) -> CollectiveFit:
    """Conductivity of all charges together: σ = lim d/dt⟨|Σ z_i e Δr_i|²⟩/(2 d V k_B T).

    The whole cell is one random walker, so the relative error is larger than that of D by about the square root of the
    number of ions; it follows from the same closed-form covariance, of one walker.

    :param charge_displacement: (n_frames, n_directions), Σ z_i Δr_i, e Å. Where only mobile ions carry a charge in it,
        in the frame of the framework.
    :param frame_time: ps.
    :param volume: Å³.
    :param temperature: K.
    :param window: first and last lag, frames.
    :raises ValueError: as :func:`.fit_diffusion`.
    """
    mscd = mean_squared_displacement(np.asarray(charge_displacement, dtype=np.float64)[:, None])
    fit = fit_diffusion(mscd, frame_time, method, window, n_walkers=1)
    factor = per_diffusion(1, volume, temperature)
    return CollectiveFit(Conductivity(factor * fit.D, factor * fit.error), fit, mscd)


@dataclass(frozen=True)
class Haven:
    """Haven ratio σ_NE/σ = D*/D_σ, its standard deviation and 95 % interval.

    The interval reaches further up than down where the collective conductivity is uncertain; ``high`` is infinite where
    that may be zero.
    """

    value: float
    error: float
    low: float
    high: float


def haven_ratio(tracer: Conductivity, collective: Conductivity) -> Haven:
    """Haven ratio of a tracer and a collective conductivity (or D), their errors taken as independent.

    :raises ValueError: the collective one is not positive.
    """
    if not collective.value > 0:
        raise ValueError(f'collective: {collective.value:.3g} S/cm, expected a positive conductivity')
    ratio = tracer.value / collective.value
    relative = float(
        np.hypot(tracer.error / tracer.value if tracer.value > 0 else 0.0, collective.error / collective.value)
    )
    low, high = positive_interval(1.0, relative)
    return Haven(ratio, ratio * relative, ratio / high, ratio / low if low > 0 else float('inf'))


def check_charges(
    counts: Mapping[str, int], charges: Mapping[str, float], mobile: Collection[str], allow_net: bool = False
) -> bool:
    """Whether charges are those of all elements (True) or of mobile ones only, in the frame of the rest (False).

    Charges of a neutral cell give the same collective displacement in any frame; those of mobile ions alone need that
    of the framework, which carries the opposite charge and rests.

    :param counts: atoms of each element in the cell.
    :param charges: e, by element.
    :param mobile: elements that diffuse.
    :param allow_net: let a charged cell pass.
    :raises ValueError: an element that is not there, a mobile one or some of the framework without a charge, or a sum
        that is not zero.
    """
    if absent := [element for element in charges if element not in counts]:
        raise ValueError(f'charges: there is no {absent[0]} among {", ".join(counts)}')
    if missing := [element for element in mobile if element not in charges]:
        raise ValueError(f'charges: none for {missing[0]}, which is to diffuse')
    if set(charges) <= set(mobile) and set(mobile) != set(counts):
        return False
    if missing := [element for element in counts if element not in charges]:
        raise ValueError(
            f'charges: none for {", ".join(missing)}; give those of all elements, or of the mobile ones alone '
            f'({", ".join(mobile)}), which then move against the framework'
        )
    net = sum(counts[element] * charge for element, charge in charges.items())
    carriers = sum(counts[element] for element, charge in charges.items() if charge)
    if abs(net) > CHARGE_TOLERANCE * max(1, carriers) and not allow_net:
        terms = ' '.join(f'{charges[element]:+g}×{counts[element]} ({element})' for element in counts)
        raise ValueError(
            f'charges: {terms} make {net:+.4g} e in the cell, expected zero; a net charge makes the current depend on '
            'the frame of reference'
        )
    return True
