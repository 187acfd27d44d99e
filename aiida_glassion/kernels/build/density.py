"""A first density for a glass whose density nobody gave; the constant-pressure stages of the simulation correct it.

Additive molar volumes: each cation brings the volume of its oxide (or sulfide) component, each halide its excess over
the oxygen that it replaces; in an oxysulfide the two are weighed by the anions' charge. A scheme in the manner
of A. A. Appen; the numbers are this project's own calibration, good to start a box with and not to be cited. Modifiers
were set so that common silicate glasses come out; formers on the pure glasses (rounded room-temperature densities,
g/cm³: SiO2 2.20, GeO2 3.65, B2O3 1.83, P2O5 2.37, TeO2 5.6, SiS2 2.0, GeS2 2.74, As2S3 3.20), Li2S and P2S5
on 75Li2S-25P2S5 (1.95), Na2S on Na3PS4 glass (2.0), Al2O3 on albite glass (2.38); the rest are crystals' volumes.
Boron in BO4 tetrahedra packs closer than in BO3 triangles: each modifier charge turns one boron, up to half of them
(the borate anomaly as 11B NMR shows it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiida_glassion.kernels.build.composition import Composition
from aiida_glassion.kernels.build.formula import parse_formula

OXIDE_VOLUMES: dict[str, float] = {
    'Li2O': 11.0, 'Na2O': 20.2, 'K2O': 34.1, 'Rb2O': 43.0, 'Cs2O': 57.0, 'Ag2O': 29.0, 'Cu2O': 24.0, 'Tl2O': 42.0,
    'BeO': 8.0, 'MgO': 12.5, 'CaO': 14.4, 'SrO': 17.5, 'BaO': 22.0, 'ZnO': 14.5, 'CdO': 17.5, 'PbO': 22.0,
    'MnO': 14.0, 'CoO': 12.5, 'NiO': 12.0,
    'B2O3': 38.2, 'Al2O3': 36.0, 'Ga2O3': 36.0, 'In2O3': 40.0, 'Sc2O3': 38.0, 'Y2O3': 45.0, 'La2O3': 50.0,
    'Fe2O3': 34.0, 'Cr2O3': 31.0, 'As2O3': 53.0, 'Sb2O3': 56.0, 'Bi2O3': 52.0,
    'SiO2': 27.3, 'GeO2': 28.7, 'TiO2': 20.5, 'ZrO2': 23.0, 'HfO2': 23.0, 'SnO2': 22.0, 'TeO2': 28.5,
    'P2O5': 60.5, 'V2O5': 60.0, 'Nb2O5': 56.0, 'Ta2O5': 56.0, 'MoO3': 31.0, 'WO3': 32.0,
}  # fmt: skip
"""Volume of one mole of the oxide in a glass, cm³/mol."""

SULFIDE_VOLUMES: dict[str, float] = {
    'Li2S': 25.5, 'Na2S': 40.0, 'K2S': 58.0, 'Ag2S': 34.0, 'MgS': 21.0, 'CaS': 28.0, 'BaS': 39.0, 'ZnS': 24.0,
    'B2S3': 67.0, 'Al2S3': 63.0, 'Ga2S3': 65.0, 'La2S3': 75.0, 'As2S3': 76.9, 'Sb2S3': 80.0,
    'SiS2': 46.0, 'GeS2': 49.9, 'SnS2': 41.0, 'P2S5': 108.0,
}  # fmt: skip
"""Volume of one mole of the sulfide in a glass, cm³/mol."""

HALIDE_EXCESS: dict[str, float] = {'F': 4.0, 'Cl': 15.0, 'Br': 20.0, 'I': 28.0}
"""Volume of one halide minus that of the half oxygen it replaces, cm³/mol, from LiX and NaX crystals."""

BO4_CONTRACTION = 6.4
"""Volume lost by one mole of boron from BO3 to BO4, cm³/mol, from Li2B4O7 (2.27) and Na2B4O7 (2.37 g/cm³) glasses."""

METHOD = 'sum of molar volumes of the oxide, sulfide and halide components, calibrated on known glasses, about ±10 %'


@dataclass(frozen=True)
class DensityEstimate:
    """An estimated density.

    :param value: g/cm³; :param method: how it was obtained.
    """

    value: float
    method: str


def estimate_density(composition: Composition, oxidation_states: Mapping[str, float] | None = None) -> DensityEstimate:
    """Density of a glass at room temperature from its composition.

    Within 10 % of the measured density for the silicate, phosphate, borate, borophosphate, germanate, thiophosphate,
    thiosilicate and oxysulfide glasses in the tests, mostly within 4 %.

    :param composition: the glass.
    :param oxidation_states: states that replace the table's, e.
    :raises ValueError: no volume is known for an element; the user then has to give a density.
    """
    atoms = composition.elements
    states = composition.neutral_states(oxidation_states)
    anions = {element: -atoms[element] * states[element] for element in atoms if states[element] < 0}
    cations = [element for element in atoms if states[element] > 0]
    if not cations or not anions:
        raise ValueError(
            f'no density estimate for {composition.text!r}, which has no cations or no anions; give a density in g/cm³'
        )
    unknown = [element for element in anions if element not in ('O', 'S', *HALIDE_EXCESS)]
    unknown += [element for element in cations if element not in _cation_volumes(OXIDE_VOLUMES)]
    if unknown:
        raise ValueError(
            f'no molar volume is known for {", ".join(unknown)} in {composition.text!r}; give a density in g/cm³'
        )
    oxides, sulfides = _cation_volumes(OXIDE_VOLUMES), _cation_volumes(SULFIDE_VOLUMES)
    sulfur = anions.get('S', 0.0) / sum(anions.values())
    volume = 0.0
    for element in cations:
        if sulfur > 0 and element not in sulfides:
            raise ValueError(
                f'no molar volume is known for a sulfide of {element} in {composition.text!r}; give a density in g/cm³'
            )
        volume += atoms[element] * ((1 - sulfur) * oxides[element] + sulfur * sulfides.get(element, 0.0))
    volume += sum(atoms.get(halide, 0.0) * excess for halide, excess in HALIDE_EXCESS.items())
    volume -= BO4_CONTRACTION * _tetrahedral_boron(atoms, states) * (1 - sulfur)
    return DensityEstimate(_mass(atoms) / volume, METHOD)


def _cation_volumes(components: Mapping[str, float]) -> dict[str, float]:
    """Volume per cation, with its share of the anions, cm³/mol."""
    volumes = {}
    for component, volume in components.items():
        cation = next(
            (element, number) for element, number in parse_formula(component).items() if element not in ('O', 'S')
        )
        volumes[cation[0]] = volume / cation[1]
    return volumes


def _tetrahedral_boron(atoms: Mapping[str, float], states: Mapping[str, float]) -> float:
    """Atoms of boron in BO4: one per charge of the modifiers, at most half of the boron."""
    modifiers = sum(number * states[element] for element, number in atoms.items() if 0 < states[element] < 3)
    return min(modifiers, 0.5 * atoms.get('B', 0.0))


def _mass(atoms: Mapping[str, float]) -> float:
    from ase.data import atomic_masses, atomic_numbers

    return float(sum(number * atomic_masses[atomic_numbers[element]] for element, number in atoms.items()))
