"""Fields of a schedule, read from its models, and the protocols, read from their YAML."""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping
from importlib import resources
from typing import Any

import yaml
from markdown import code, docstring, prose, table

_STAGES = ('Hold', 'Ramp', 'Deform', 'Minimise', 'Strain')


def schedule_page() -> str:
    """Fields of the schedule and of each kind of stage."""
    from aiida_glassion import schedule

    parts = ['## The schedule\n', docstring(schedule.Schedule) + '\n', _fields(schedule.Schedule)]
    common = set(schedule.Hold.model_fields) & set(schedule.Ramp.model_fields) & set(schedule.Deform.model_fields)
    common -= {'temperature', 'duration'}
    for name in _STAGES:
        model = getattr(schedule, name)
        kind = model.model_fields['kind'].default
        left_out = set() if name in ('Minimise', 'Strain') else common
        parts += [f'## `kind: {kind}`\n', docstring(model) + '\n', _fields(model, left_out)]
    parts += ['## Of every hold, ramp and deform\n', _fields(schedule.Hold, {'temperature', 'duration'})]
    return '\n'.join(parts)


def _fields(model: Any, left_out: Collection[str] = ()) -> str:
    rows = []
    for name, field in model.model_fields.items():
        if name == 'kind' or name in left_out:
            continue
        default = 'required' if field.is_required() else '' if field.default is None else code(field.default)
        description = field.description or _ELSEWHERE.get(name, '')
        rows.append((code(name), _type(field.annotation), default, prose(description)))
    return table(('field', 'type', 'default', 'what it is'), rows)


_ELSEWHERE = {'name': 'Name of the stage: letters, digits, underscores.', 'stages': 'The stages, in their order.'}


def _type(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return ', '.join(code(value) for value in typing.get_args(annotation))
    if typing.get_origin(annotation) is list:
        return 'list of stages'
    arguments = [found for found in typing.get_args(annotation) if found is not type(None)]
    if arguments and typing.get_origin(annotation) is not typing.Annotated:
        return ', '.join(dict.fromkeys(_type(found) for found in arguments))
    return {'float': 'number', 'int': 'whole number', 'str': 'text'}.get(getattr(annotation, '__name__', ''), 'text')


def _yaml(name: str) -> str:
    return (resources.files('aiida_glassion.workchains.protocols') / f'{name}.yaml').read_text(encoding='utf-8')


def protocols_page() -> str:
    """Every protocol with its defaults filled in."""
    from aiida_glassion.workchains import protocols

    parts = []
    for name, description in protocols.available('melt_quench').items():
        settings = yaml.safe_dump(
            protocols.load('melt_quench', name), sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
        )
        parts += [f'## `{name}`\n', prose(description) + '\n', f'```yaml\n{settings}```\n']
    return '\n'.join(parts)


def protocol_table() -> str:
    """The protocols side by side, in the numbers that decide what they cost and what they are worth."""
    from aiida_glassion.kernels.build.melt_quench import melt_schedule, quench_schedule
    from aiida_glassion.workchains import protocols

    rows = []
    for name in protocols.available('melt_quench'):
        settings = protocols.load('melt_quench', name)
        quench = quench_schedule(settings, settings['rates'][0])
        steps = melt_schedule(settings).last_step + quench.last_step
        hold = melt_schedule(settings).plan()[-1].stage.duration
        rates = ', '.join(f'{rate:g}' for rate in settings['rates'])
        rows.append(
            (
                code(name),
                f'{settings["replicas"]} × {settings["n_atoms"]}',
                f'{settings["melt_temperature"]:g} K, {hold:g} ps',
                f'{rates} K/ps, {_held(settings["quench"])}',
                f'{_relax(settings):g} ps',
                f'{settings["timestep"]:g}',
                f'{steps / 1e6:.2g}',
                f'{settings["replicas"] * settings["n_atoms"] * steps / 1.2e5 / 3600:.2g}',
            )
        )
    columns = ('', 'replicas × atoms', 'melt', 'quench', 'relaxed', 'step, fs', '10⁶ steps each', 'core-hours')
    return table(columns, rows)


def _held(quench: Mapping[str, Any]) -> str:
    """What is held during the quench."""
    if quench['ensemble'] == 'nvt':
        return 'constant volume'
    hot = quench.get('free_below')
    return 'constant pressure' if hot is None else f'constant volume to {hot:g} K, then constant pressure'


def _relax(settings: Mapping[str, Any]) -> float:
    return float(sum(stage['duration'] for stage in settings['relax']))
