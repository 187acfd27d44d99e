"""A compact shape for one formula unit (Na2S, P2S5, SiO2 ...), so that a mixture of units can be packed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.formula import parse_formula
from aiida_glassion.kernels.build.oxidation import oxidation_states
from aiida_glassion.kernels.build.packing import IONIC_RADII
from aiida_glassion.units import COULOMB_EV_ANGSTROM

FloatArray = npt.NDArray[np.float64]

LARGEST_UNIT = 60
"""Atoms; a larger formula is not a unit but a glass."""

BORN_EXPONENT = 8
"""Steepness of the repulsion, usual for ionic crystals."""

LIKE_CHARGES = 0.5
"""Share of the repulsion between like charges that is kept: the rest stands for screening and keeps units compact."""

N_STARTS = 8
"""Random starts of which the lowest minimum is taken."""


def formula_unit(formula: str) -> tuple[tuple[str, ...], FloatArray]:
    """Shape of one formula unit in vacuum.

    The ions attract and repel by Coulomb's law with their usual states and a Born repulsion that puts each
    cation–anion pair at the sum of the ionic radii (M. Born and A. Landé, 1918); the lowest of several minima,
    always the same one, is taken. It is a start for melting, not a prediction.

    :param formula: whole subscripts, at most 60 atoms.
    :returns: symbols (alphabetical) and positions centred on the origin, (n_atoms, 3), Å.
    :raises ValueError: not such a formula, an element without radius, or a polyatomic unit of cations or anions only.
    """
    symbols, positions = _relaxed(formula)
    return symbols, positions.copy()


def unit_atoms(formula: str) -> dict[str, int]:
    """Atoms of each element in one formula unit.

    :raises ValueError: not a formula, fractional subscripts, or too many atoms.
    """
    atoms = parse_formula(formula)
    if not all(number.is_integer() for number in atoms.values()):
        raise ValueError(f'{formula!r} has fractional subscripts; a formula unit holds whole atoms')
    if sum(atoms.values()) > LARGEST_UNIT:
        raise ValueError(f'{formula!r} holds {sum(atoms.values()):g} atoms; a formula unit has at most {LARGEST_UNIT}')
    return {element: int(number) for element, number in atoms.items()}


@lru_cache(maxsize=64)
def _relaxed(formula: str) -> tuple[tuple[str, ...], FloatArray]:
    from scipy.optimize import minimize

    atoms = unit_atoms(formula)
    symbols = tuple(element for element, number in atoms.items() for _ in range(number))
    if len(symbols) == 1:
        return symbols, np.zeros((1, 3))
    missing = [element for element in atoms if element not in IONIC_RADII]
    if missing:
        raise ValueError(f'no ionic radius is known for {", ".join(missing)} in {formula!r}; pack by atoms')
    charges = _charges(formula, symbols)
    radii = np.array([IONIC_RADII[element] for element in symbols])
    size = len(symbols)
    coulomb = COULOMB_EV_ANGSTROM * np.outer(charges, charges)
    np.fill_diagonal(coulomb, 0.0)
    coulomb = np.where(coulomb > 0, LIKE_CHARGES * coulomb, coulomb)
    born = np.abs(coulomb) * np.add.outer(radii, radii) ** (BORN_EXPONENT - 1) / BORN_EXPONENT
    scale = np.abs(coulomb).max()

    def energy(flat: FloatArray) -> tuple[float, FloatArray]:
        positions = flat.reshape(size, 3)
        vectors = positions[:, None] - positions[None]
        distances = np.maximum(np.sqrt((vectors**2).sum(axis=-1)), 0.3)
        potential = coulomb / distances + born / distances**BORN_EXPONENT
        slope = -coulomb / distances**2 - BORN_EXPONENT * born / distances ** (BORN_EXPONENT + 1)
        gradient = (vectors * (slope / distances)[..., None]).sum(axis=1)
        return 0.5 * float(potential.sum()) / scale, gradient.ravel() / scale

    random = np.random.default_rng(20241)
    starts = [random.normal(scale=size ** (1 / 3), size=3 * size) for _ in range(N_STARTS)]
    settings = {'maxiter': 500, 'ftol': 1e-8, 'gtol': 1e-4}
    minima = [minimize(energy, start, jac=True, method='L-BFGS-B', options=settings) for start in starts]
    best = min(minima, key=lambda minimum: float(minimum.fun)).x.reshape(size, 3)
    return symbols, np.round(best - best.mean(axis=0), 6)


def _charges(formula: str, symbols: tuple[str, ...]) -> FloatArray:
    """Usual charges, the anions' scaled so that the unit is neutral."""
    states = oxidation_states(symbols)
    charges = np.array([states[element] for element in symbols])
    positive, negative = charges[charges > 0].sum(), -charges[charges < 0].sum()
    if positive == 0 or negative == 0:
        raise ValueError(f'{formula!r} has no cation or no anion, so nothing holds it together; pack it by atoms')
    return np.where(charges < 0, charges * positive / negative, charges)
