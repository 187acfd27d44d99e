"""Conversion factors, each from CODATA 2018 by way of :mod:`scipy.constants`.

Inside the package: Å, eV, ps (times), K, g/mol, e; pressure and stress GPa; density g/cm³; velocities Å/ps.
Multiply a number in the first unit of the name by the factor to obtain the second.
"""

from __future__ import annotations

from scipy import constants

EV_TO_JOULE: float = constants.e
"""Electronvolt to joule."""

KB_EV_PER_K: float = constants.k / constants.e
"""Boltzmann constant, eV/K."""

AMU_TO_GRAM: float = constants.atomic_mass * 1e3
"""Atomic mass unit to gram."""

ANGSTROM3_TO_CM3: float = 1e-24
"""Cubic ångström to cubic centimetre."""

AMU_PER_ANGSTROM3_TO_G_PER_CM3: float = AMU_TO_GRAM / ANGSTROM3_TO_CM3
"""Mass density, g/mol per Å³ of formula volume to g/cm³ (1.6605)."""

KCAL_PER_MOL_TO_EV: float = constants.calorie * 1e3 / constants.N_A / constants.e
"""LAMMPS `real` energy (kcal/mol) to eV."""

BAR_TO_GPA: float = 1e-4
"""LAMMPS `metal` pressure (bar) to GPa."""

ATM_TO_GPA: float = constants.atm * 1e-9
"""LAMMPS `real` pressure (atm) to GPa."""

FS_TO_PS: float = 1e-3
"""Femtosecond to picosecond."""

ANGSTROM2_PER_PS_TO_CM2_PER_S: float = 1e-4
"""Diffusion coefficient, Å²/ps to cm²/s."""

E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM: float = constants.e / (1e-10 * 1e-12) * 1e-2
"""Conductivity z² D/(V k_BT) with charges in e, Å²/ps, Å³ and eV to S/cm (16.02)."""

EV_PER_ANGSTROM3_TO_GPA: float = constants.e * 1e30 * 1e-9
"""Energy density eV/Å³ to GPa (160.22)."""

EV_PER_ANGSTROM2_TO_J_PER_M2: float = constants.e * 1e20
"""Energy of a surface, eV/Å² to J/m² (16.02)."""

GPA_TO_J_PER_M3: float = 1e9
"""Energy density under a stress–strain curve, GPa to J/m³."""

GPA_ANGSTROM_TO_J_PER_M2: float = 1e9 * 1e-10
"""Work per area, stress in GPa over a length in Å to J/m² (0.1)."""

PER_PS_TO_PER_S: float = 1e12
"""Rate, 1/ps to 1/s."""

COULOMB_EV_ANGSTROM: float = constants.e / (4 * constants.pi * constants.epsilon_0) * 1e10
"""Coulomb energy of two unit charges one ångström apart, eV (14.3996)."""

RYDBERG_TO_EV: float = constants.value('Rydberg constant times hc in eV')
"""Rydberg to eV (13.6057)."""

BOHR_TO_ANGSTROM: float = constants.value('Bohr radius') * 1e10
"""Bohr radius to Å (0.529177)."""

RYDBERG_TIME_TO_PS: float = constants.hbar / (constants.value('Rydberg constant times hc in J')) * 1e12
"""Rydberg atomic unit of time, ħ/Ry, to ps (4.8378e-5)."""
