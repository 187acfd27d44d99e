"""What the settings of initial data mean: how structures are made, and the dynamics that follow."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.kernels.build.packing import minimum_distances
from aiida_glassion.kernels.build.perturb import Perturbation
from aiida_glassion.schedule import Schedule, read_schedule

NAME = re.compile(r'[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*')
LARGEST_SEED = 2**31 - 1
MIXTURE_KEYS = ('composition', 'density', 'n_atoms', 'oxidation_states', 'pack_by', 'structures')


def perturbation(settings: Mapping[str, Any]) -> Perturbation:
    """How crystals are perturbed.

    :raises ValueError: a setting makes no sense; the message names it.
    """
    try:
        return Perturbation(**settings['crystal'])
    except ValueError as error:
        raise ValueError(f'crystal.{error}') from error


def mixture_settings(settings: Mapping[str, Any], mixture: Mapping[str, Any], name: str) -> dict[str, Any]:
    """One mixture with the defaults filled in.

    :param mixture: at least ``composition``; further ``density`` (g/cm³), ``oxidation_states`` (e), and what replaces
        the settings: ``n_atoms``, ``structures``, ``pack_by``.
    :raises ValueError: a key or value makes no sense; the message names it.
    """
    where = f'mixtures.{name}'
    if not NAME.fullmatch(name):
        raise ValueError(f'{where}: the name must be letters, digits and single _, e.g. soda_silicate')
    if not isinstance(mixture, Mapping) or 'composition' not in mixture:
        raise ValueError(f"{where}: expected e.g. {{'composition': '20Na2O-80SiO2', 'n_atoms': 100}}")
    for key in mixture:
        if key not in MIXTURE_KEYS:
            raise ValueError(f'{where}: {key!r} is not known; known are {", ".join(MIXTURE_KEYS)}')
    defaults = {key: settings['mixture'][key] for key in ('n_atoms', 'structures', 'pack_by')}
    chosen = {'density': None, 'oxidation_states': None, **defaults, **mixture}
    for key, least in (('n_atoms', 2), ('structures', 1)):
        value = chosen[key]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f'{where}.{key}: {value!r} given, expected a whole number of at least {least}')
    if chosen['pack_by'] not in ('atoms', 'units'):
        raise ValueError(f"{where}.pack_by: {chosen['pack_by']!r} given, expected 'atoms' or 'units'")
    density = chosen['density']
    number = isinstance(density, (int, float)) and not isinstance(density, bool)
    if density is not None and not (number and 0.1 <= density <= 25):
        raise ValueError(f'{where}.density: {density!r} given, expected 0.1 to 25 g/cm³')
    try:
        chosen['composition'] = parse_composition(chosen['composition']).label
    except ValueError as error:
        raise ValueError(f'{where}.composition: {error}') from error
    return chosen


def relax_schedule(settings: Mapping[str, Any]) -> Schedule:
    """Minimise atoms and cell, then let both settle in cold dynamics, then minimise the atoms.

    A conjugate-gradient search of the cell stops wherever the energy jumps, as it does in a potential that is cut off
    without a shift when a shell of neighbours crosses the cutoff: it may stop at gigapascals. Dynamics follows the
    forces and goes on.

    :raises ValueError: the settings make no valid schedule.
    """
    relax = settings['relax']
    minimise = {key: relax[key] for key in ('force_tolerance', 'max_steps')}
    cell = {key: relax[key] for key in ('pressure', 'coupling')}
    stages: list[dict[str, Any]] = [{'kind': 'minimise', 'name': 'relax', **minimise, **cell}]
    if relax['settle']:
        damping = {'temperature_damping': 0.05, 'pressure_damping': 0.3}
        cold = {'temperature': 10.0, 'temperature_end': 1.0, 'duration': relax['settle'], 'frames_every': 0}
        stages.append({'kind': 'ramp', 'name': 'settle', 'ensemble': 'npt', **cold, **cell, **damping})
    stages.append({'kind': 'minimise', 'name': 'rest', **minimise})
    return read_schedule({'stages': stages})


def unrelaxed(pressure: float, settings: Mapping[str, Any]) -> str:
    """What is wrong with a relaxation that ended at a pressure, GPa; empty: nothing."""
    wanted, tolerance = settings['relax']['pressure'], settings['relax']['pressure_tolerance']
    if abs(pressure - wanted) <= tolerance:
        return ''
    return (
        f'the cell is at {pressure:.3g} GPa, further from {wanted:g} GPa than relax.pressure_tolerance, {tolerance:g}'
    )


def dynamics_schedule(settings: Mapping[str, Any], temperature: float, settle: bool = False) -> Schedule:
    """Hold at a temperature and volume; every ``every``-th step becomes a frame.

    :param settle: minimise first: atoms packed at random sit so high on the repulsion that they would heat up by
        thousands of kelvin within a few steps.
    :raises ValueError: the settings make no valid schedule, or no frame would be stored.
    """
    dynamics = settings['dynamics']
    check_dynamics(dynamics)
    timestep, every = dynamics['timestep'], dynamics['every']
    hold = {
        'kind': 'hold',
        'name': 'dynamics',
        'ensemble': 'nvt',
        'temperature': temperature,
        'duration': dynamics['steps'] * timestep * 1e-3,
        'frames_every': every * timestep * 1e-3,
        'thermo_every': every * timestep * 1e-3,
    }
    first = [{'kind': 'minimise', 'name': 'settle', 'max_steps': 200}] if settle else []
    return read_schedule({'stages': [*first, hold], 'timestep': timestep})


def check_dynamics(dynamics: Mapping[str, Any]) -> None:
    """Refuse numbers that make no sense.

    :raises ValueError: names the setting, what was given and what would be right.
    """
    for key, least in (('steps', 1), ('every', 1), ('starts', 1)):
        value = dynamics[key]
        if key == 'starts' and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f'dynamics.{key}: {value!r} given, expected a whole number of at least {least}')
    if dynamics['every'] > dynamics['steps']:
        raise ValueError(f'dynamics.every: {dynamics["every"]} is more than the {dynamics["steps"]} steps')
    for key, unit in (('timestep', 'fs'), ('temperature', 'K'), ('mixture_temperature', 'K')):
        value = dynamics[key]
        if key == 'mixture_temperature' and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise ValueError(f'dynamics.{key}: {value!r} given, expected a positive number in {unit}')


def chosen_starts(n_frames: int, wanted: int | None) -> list[int]:
    """Which frames start a dynamics: spread evenly over all, the first one included.

    :param wanted: None: every frame.
    """
    if wanted is None or wanted >= n_frames:
        return list(range(n_frames))
    return [int(index) for index in np.linspace(0, n_frames, wanted, endpoint=False)]


def packing_distances(elements: Collection[str], closest: float) -> dict[str, float]:
    """Shortest distances in a packed mixture, Å: those of packing, and none that would be refused as too close.

    :param closest: fraction of the sum of the covalent radii below which atoms are too close.
    """
    from ase.data import atomic_numbers, covalent_radii

    def radius(element: str) -> float:
        return float(covalent_radii[atomic_numbers[element]])

    # packmol's own precision leaves distances up to 5 % short (parsers/packmol.py)
    least = 1.06 * closest
    distances = minimum_distances(sorted(elements))
    return {
        pair: max(distance, round(least * sum(radius(element) for element in pair.split('-')), 4))
        for pair, distance in distances.items()
    }


def seed_of(seed: int, name: str) -> int:
    """Seed of one part of the whole, 1 to 2147483647: it depends on the part's name and not on which others there are.

    :param seed: seed of the whole, 0 or more.
    """
    state = np.random.SeedSequence([seed, *name.encode()]).generate_state(1)
    return int(state[0] % LARGEST_SEED) + 1
