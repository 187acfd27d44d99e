"""Which engine the inputs of a LabelWorkChain choose, and the checks that refuse inputs that make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_glassion.data.frames import as_frames
from aiida_glassion.kernels.dataset.gate import Limits
from aiida_glassion.label_engines import engines
from aiida_glassion.label_engines.engine import LabelEngine
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.fan_out_inputs import check_room


def engine_called(name: str) -> type[LabelEngine]:
    """Engine by name.

    :raises ValueError: there is none.
    """
    if name not in engines():
        raise ValueError(f'there is no label engine {name!r}{protocols.nearest(name, engines())}')
    return engines()[name]


def frames_per_job(engine: type[LabelEngine], settings: Mapping[str, Any], engine_settings: Mapping[str, Any]) -> int:
    """How many frames a job takes: as the settings say, else as the engine does it."""
    return int(settings.get('frames_per_job') or engine_settings.get('frames_per_job') or engine.frames_per_job)


def chosen_engine(inputs: Any) -> str:
    """Name of the engine whose namespace is given: the one with a code in it.

    :raises ValueError: none, or several.
    """
    given = [name for name in engines() if _has_code(inputs.get(name))]
    if len(given) != 1:
        known = ', '.join(engines())
        raise ValueError(f'give the inputs of one engine ({known}), not {" and ".join(given) or "none"}')
    return given[0]


def fill(namespace: Any, inputs: Mapping[str, Any]) -> None:
    """Set the inputs of a namespace one by one, so that the defaults of the others are still filled in."""
    for name, value in inputs.items():
        if isinstance(value, Mapping) and isinstance(namespace.get(name), Mapping):
            fill(namespace[name], value)
        else:
            namespace[name] = value


def _has_code(inputs: Any) -> bool:
    if isinstance(inputs, Mapping):
        return any(_has_code(value) for value in inputs.values())
    return isinstance(inputs, orm.AbstractCode)


def check_inputs(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    try:
        name = chosen_engine(inputs)
    except ValueError as error:
        return str(error)
    try:
        problem = _check_numbers(inputs)
        if problem or 'frames' not in inputs or not inputs['frames']:
            return problem or 'frames: none given, expected configurations by name'
        settings = inputs['settings'].get_dict()
        Limits(**settings['gate'])
        engine_settings = inputs['engine_settings'].get_dict()
        per_job = frames_per_job(engines()[name], settings, engine_settings)
        if per_job < 1:
            return f'settings.frames_per_job: {per_job} given, expected at least 1'
        for key, node in sorted(inputs['frames'].items()):
            frames = as_frames(node)
            if not frames.n_frames or not frames.n_atoms:
                return f'frames.{key}: it holds no configuration'
            wrong = engines()[name].check(frames, engine_settings, inputs[name])
            if wrong:
                return f'frames.{key}: {wrong}'
        engines()[name].method(engine_settings, inputs[name])
    except KeyError as error:
        return (
            f'settings, engine_settings or {name}: {error} is missing; get_builder_from_protocol fills all of them in'
        )
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _check_numbers(inputs: Any) -> str | None:
    return check_room(inputs)
