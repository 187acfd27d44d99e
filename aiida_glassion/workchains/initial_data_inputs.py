"""The checks of initial data: what makes no sense is refused before anything is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import as_frames
from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.kernels.build.initial_data import (
    check_dynamics,
    dynamics_schedule,
    mixture_settings,
    perturbation,
    relax_schedule,
    unrelaxed,
)
from aiida_glassion.kernels.build.perturb import repeats_for
from aiida_glassion.label_engines import engines
from aiida_glassion.workchains.fan_out_inputs import check_room

AIMD_ENGINES = ('quantumespresso', 'vasp')
RELAX_ENGINES = ('none', 'md', 'quantumespresso')
DYNAMICS_ENGINES = ('none', 'md', *AIMD_ENGINES)


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Validate the settings as a port does."""
    settings = node.get_dict()
    try:
        perturbation(settings)
        relax_schedule(settings)
        unrelaxed(0.0, settings)
        check_dynamics(settings['dynamics'])
        dynamics_schedule(settings, settings['dynamics']['temperature'])
        mixture_settings(settings, {'composition': 'SiO2'}, 'default')
        for stage, known in (('relax', RELAX_ENGINES), ('dynamics', DYNAMICS_ENGINES)):
            engine = settings[stage]['engine']
            if engine is None:
                return f'settings.{stage}.engine: this protocol wants a choice, give one of {", ".join(known)}'
            if engine not in known:
                return f'settings.{stage}.engine: {engine!r} given, expected one of {", ".join(known)}'
        for part in ('mixture', 'dynamics'):
            closest = settings[part]['closest']
            if not 0 <= closest < 1:
                return f'settings.{part}.closest: {closest!r} given, expected a fraction of the radii, 0 to below 1'
    except KeyError as error:
        return f'settings: {error} is missing; get complete settings from a protocol'
    except (TypeError, ValueError) as error:
        return f'settings: {error}'
    return None


def check_inputs(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    if 'settings' not in inputs:
        return None
    problem = check_settings(inputs['settings'], None)
    if problem:
        return problem
    settings = inputs['settings'].get_dict()
    crystals = dict(inputs.get('crystals') or {})
    try:
        mixtures = mixtures_of(inputs)
        if not crystals and not mixtures:
            return 'give crystals (a namespace of structures), mixtures (a Dict), or both; neither was given'
        for name, crystal in crystals.items():
            _check_crystal(name, crystal, settings)
        for check in (_check_numbers, _check_engines):
            problem = check(inputs, settings)
            if problem:
                return problem
        if mixtures and 'packmol' not in inputs:
            return 'packmol.code: missing; mixtures are packed by packmol'
        if 'md' in (settings['relax']['engine'], settings['dynamics']['engine']):
            _check_potential(inputs, settings, crystals, mixtures)
    except (KeyError, TypeError, ValueError) as error:
        return str(error)
    return None


def mixtures_of(inputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every mixture with its defaults filled in, by name.

    :raises ValueError: a key or value makes no sense.
    """
    if 'mixtures' not in inputs:
        return {}
    settings = inputs['settings'].get_dict()
    given = sorted(inputs['mixtures'].get_dict().items())
    found = {name: mixture_settings(settings, mixture, name) for name, mixture in given}
    twice = sorted(set(found) & set(inputs.get('crystals') or {}))
    if twice:
        raise ValueError(f'mixtures.{twice[0]}: a crystal has the same name; outputs go by name, so choose another')
    return found


def _check_crystal(name: str, crystal: orm.Data, settings: Mapping[str, Any]) -> None:
    try:
        frames = as_frames(crystal)
        if not frames.n_frames or not frames.n_atoms:
            raise ValueError('it holds no atoms')
        if not all(frames.pbc):
            raise ValueError(f'periodic in {frames.pbc}, expected a crystal periodic in all three directions')
        chosen = perturbation(settings)
        repeats = repeats_for(frames.cells[-1], chosen.repeats, chosen.least_height)
        n_atoms = frames.n_atoms * repeats[0] * repeats[1] * repeats[2]
        if n_atoms > chosen.max_atoms:
            raise ValueError(
                f'{repeats} repeats make {n_atoms} atoms, more than settings.crystal.max_atoms ({chosen.max_atoms})'
            )
    except ValueError as error:
        raise ValueError(f'crystals.{name}: {error}') from error


def _check_numbers(inputs: Any, settings: Mapping[str, Any]) -> str | None:
    if inputs['seed'].value < 0:
        return f'seed: {inputs["seed"].value} given, expected 0 or more'
    return check_room(inputs)


def _check_engines(inputs: Any, settings: Mapping[str, Any]) -> str | None:
    for stage in ('relax', 'dynamics'):
        engine = settings[stage]['engine']
        if engine != 'none' and not _has_code(inputs.get(engine)):
            return f'settings.{stage}.engine is {engine}, but its inputs are missing: give `{engine}`, or choose none'
    for engine in ab_initio_engines(settings):
        if 'engine_settings' not in inputs:
            return f'engine_settings: missing; {engine} needs those of a protocol in protocols/label_{engine}.yaml'
        for name, crystal in (inputs.get('crystals') or {}).items():
            wrong = engines()[engine].check(as_frames(crystal), inputs['engine_settings'].get_dict(), inputs[engine])
            if wrong:
                return f'crystals.{name}: {wrong}'
    return None


def _has_code(inputs: Any) -> bool:
    """Whether a namespace was really given: with a program in it."""
    if isinstance(inputs, Mapping):
        return any(_has_code(value) for value in inputs.values())
    return isinstance(inputs, orm.AbstractCode)


def ab_initio_engines(settings: Mapping[str, Any]) -> list[str]:
    """The label engine that relaxes crystals or runs dynamics, if any.

    :raises ValueError: two different ones.
    """
    chosen = sorted({settings[stage]['engine'] for stage in ('relax', 'dynamics')} & set(AIMD_ENGINES))
    if len(chosen) > 1:
        raise ValueError(f'settings: relax.engine and dynamics.engine are {" and ".join(chosen)}, expected the same')
    return chosen


def _check_potential(
    inputs: Any, settings: Mapping[str, Any], crystals: Mapping[str, Any], mixtures: Mapping[str, Any]
) -> None:
    potential = inputs['md']['md']['potential']
    for name, crystal in crystals.items():
        try:
            check_system(crystal, potential, 'md.md.potential')
        except ValueError as error:
            raise ValueError(f'crystals.{name}: {error}') from error
    if settings['dynamics']['engine'] != 'md':
        return
    for name, mixture in mixtures.items():
        try:
            potential.potential.commands_for(parse_composition(mixture['composition']).elements)
        except ValueError as error:
            raise ValueError(f'mixtures.{name}: md.md.potential: {error}') from error
