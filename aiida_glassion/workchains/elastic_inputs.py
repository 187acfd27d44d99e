"""What the inputs of elastic runs mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.kernels.mechanics import elastic_settings
from aiida_glassion.kernels.mechanics.elastic_plan import equilibration, plan_jobs, relaxation
from aiida_glassion.kernels.mechanics.elastic_settings import read_settings
from aiida_glassion.workchains.diffusion_inputs import check_seed, elements_of
from aiida_glassion.workchains.fan_out_inputs import check_room


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings are those of a protocol, with values that make sense."""
    try:
        settings = read_settings(node.get_dict())
        relaxation(settings)
        for temperature in (0.0, 300.0):
            plan_jobs(settings, temperature)
        equilibration(settings, 300.0)
    except ValueError as error:
        return f'settings.{error}'
    return None


def check_temperatures(node: orm.List, _: Any) -> str | None:
    """Different temperatures; 0 is one of them."""
    return elastic_settings.check_temperatures(node.get_list())


def check_temperature(node: orm.Float, _: Any) -> str | None:
    """A temperature that something can have; 0: relaxed."""
    problem = elastic_settings.check_temperatures([node.value])
    return problem and problem.replace('temperatures', 'temperature', 1)


def check_sample(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs of one sample are seen together."""
    if any(name not in inputs for name in ('configuration', 'settings', 'temperature', 'md')):
        return None
    problem = check_settings(inputs['settings'], None) or check_temperature(inputs['temperature'], None)
    if problem:
        return problem
    return _check_series(inputs, [inputs['temperature'].value]) or _check_glasses(
        {'configuration': inputs['configuration']}, inputs
    )


def check_elastic(inputs: Any, _: Any) -> str | None:
    """Check what only shows when all inputs are seen together: what a sample would refuse is refused here."""
    if any(name not in inputs for name in ('settings', 'temperatures', 'md', 'seed')):
        return None
    problem = (
        check_settings(inputs['settings'], None)
        or check_temperatures(inputs['temperatures'], None)
        or check_seed(inputs['seed'], None)
    )
    problem = problem or check_room(inputs)
    if problem:
        return problem
    glasses = {f'glasses.{name}': node for name, node in dict(inputs.get('glasses') or {}).items()}
    if not glasses:
        return 'glasses: none given, expected at least one configuration of a glass, by a name'
    return _check_series(inputs, inputs['temperatures'].get_list()) or _check_glasses(glasses, inputs)


def _check_series(inputs: Any, temperatures: list[float]) -> str | None:
    """Series of stresses at the temperatures that are really run are long enough."""
    try:
        read_settings({**inputs['settings'].get_dict(), 'temperatures': temperatures})
    except ValueError as error:
        return f'settings.{error}'
    return None


def _check_glasses(glasses: Mapping[str, orm.Data], inputs: Any) -> str | None:
    """The potential covers every glass, and each is neutral and periodic."""
    potential = (inputs['md'].get('md') or {}).get('potential')
    for name, node in glasses.items():
        try:
            elements_of(node)
            if potential is not None:
                check_system(node, potential, 'md.md.potential')
        except (TypeError, ValueError) as error:
            words = str(error)
            return words if words.startswith('md.') else f'{name}: {words.removeprefix("configuration: ")}'
    return None
