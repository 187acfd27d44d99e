"""What the inputs of a structure gate mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import as_frames
from aiida_glassion.kernels.structure.agreement import LIMITS
from aiida_glassion.kernels.structure.artefacts import ARTEFACT_LIMITS
from aiida_glassion.schedule import Schedule, read_schedule
from aiida_glassion.workchains import protocols

SAMPLE_STAGE = 'sample'
_POSITIVE = {'melt': 'K', 'room': 'K', 'hold': 'ps', 'rate': 'K/ps', 'sample': 'ps', 'timestep': 'fs'}


def gate_schedule(settings: Mapping[str, Any]) -> Schedule:
    """Melt, quench at fixed volume, relax and sample; only the sample's frames are stored.

    :raises ValueError: names the setting, what was given and what would be right.
    """
    for key, unit in _POSITIVE.items():
        _check_number(key, settings[key], unit, above=0.0)
    for key, unit in (('relax', 'ps'), ('minimise', 'steps')):
        _check_number(key, settings[key], unit, least=0.0)
    if settings['melt'] <= settings['room']:
        raise ValueError(f'melt: {settings["melt"]:g} K given, expected more than room ({settings["room"]:g} K)')
    if settings['ensemble'] not in ('nvt', 'npt'):
        raise ValueError(f"ensemble: {settings['ensemble']!r} given, expected 'nvt' or 'npt'")
    frames = settings['frames']
    if isinstance(frames, bool) or not isinstance(frames, int) or frames < 1:
        raise ValueError(f'frames: {frames!r} given, expected a whole number of at least 1')
    melt, room = settings['melt'], settings['room']
    end: dict[str, Any] = {'kind': 'hold', 'temperature': room, 'ensemble': settings['ensemble']}
    if settings['ensemble'] == 'npt':
        end |= {'pressure': settings['pressure'], 'coupling': settings['coupling']}
    stages: list[dict[str, Any]] = [
        {'kind': 'hold', 'name': 'melt', 'temperature': melt, 'duration': settings['hold']},
        {'kind': 'ramp', 'name': 'quench', 'temperature': melt, 'temperature_end': room, 'rate': settings['rate']},
    ]
    if settings['minimise']:
        stages.insert(0, {'kind': 'minimise', 'name': 'minimise', 'max_steps': int(settings['minimise'])})
    if settings['relax']:
        stages.append({**end, 'name': 'relax', 'duration': settings['relax']})
    every = max(settings['sample'] / frames, settings['timestep'] * 1e-3)
    stages.append({**end, 'name': SAMPLE_STAGE, 'duration': settings['sample'], 'frames_every': every})
    total = settings['hold'] + (melt - room) / settings['rate'] + settings['relax'] + settings['sample']
    return read_schedule(
        {
            'timestep': settings['timestep'],
            'frames_every': 0.0,
            'thermo_every': min(0.1, total / 20),
            'restart_every': min(10.0, total),
            'stages': stages,
        }
    )


def _check_number(key: str, value: Any, unit: str, above: float | None = None, least: float | None = None) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if above is not None and not (number and above < value < float('inf')):
        raise ValueError(f'{key}: {value!r} given, expected a number above {above:g} ({unit})')
    if least is not None and not (number and least <= value < float('inf')):
        raise ValueError(f'{key}: {value!r} given, expected a number of at least {least:g} ({unit})')


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Validate the settings as a port does."""
    settings = node.get_dict()
    try:
        gate_schedule(settings)
        _check_limits('limits', settings['limits'], LIMITS)
        _check_limits('artefacts', settings['artefacts'], ARTEFACT_LIMITS)
        for name in settings['fail_on']:
            if name not in ARTEFACT_LIMITS:
                return f'settings.fail_on: {name!r} is no artefact{protocols.nearest(name, ARTEFACT_LIMITS)}'
        for key in ('r_max', 'n_bins'):
            _check_number(f'analysis.{key}', settings['analysis'][key], 'Å' if key == 'r_max' else 'bins', above=0.0)
        for pair, cutoff in settings['analysis']['cutoffs'].items():
            _check_number(f'analysis.cutoffs.{pair}', cutoff, 'Å', above=0.0)
    except KeyError as error:
        return f'settings: {error} is missing; get complete settings from a protocol'
    except (TypeError, ValueError) as error:
        return f'settings.{error}'
    return None


def _check_limits(where: str, given: Mapping[str, Any], known: Mapping[str, float]) -> None:
    for key, value in given.items():
        if key not in known:
            raise ValueError(f'{where}.{key} is no setting{protocols.nearest(key, known)}')
        _check_number(f'{where}.{key}', value, 'see protocols/structure_gate.yaml', least=0.0)


def check_inputs(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    potentials, starts = dict(inputs.get('potentials') or {}), dict(inputs.get('configurations') or {})
    reference = dict(inputs.get('reference') or {})
    if len(potentials) < 2 and not (potentials and reference):
        return f'potentials: {len(potentials)} given, expected at least two, or one and a reference'
    if not starts:
        return 'configurations: none given, expected at least one to start from'
    labels = [glass_label(start, member) for start in starts for member in potentials]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        return f'configurations, potentials: two glasses would be called {twice[0]}; choose other names'
    if inputs['seed'].value < 0:
        return f'seed: {inputs["seed"].value} given, expected 0 or more'
    if inputs['max_concurrent'].value < 1:
        return f'max_concurrent: {inputs["max_concurrent"].value} given, expected at least 1'
    try:
        for start, configuration in starts.items():
            if not as_frames(configuration).n_frames:
                raise ValueError(f'configurations.{start}: it holds no frame')
            for member, potential in potentials.items():
                _check_system(start, configuration, member, potential)
        for name, node in reference.items():
            if not node.n_frames:
                raise ValueError(f'reference.{name}: it holds no frame')
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _check_system(start: str, configuration: orm.Data, member: str, potential: Any) -> None:
    try:
        check_system(configuration, potential, f'potentials.{member}')
    except ValueError as error:
        raise ValueError(f'configurations.{start}: {error}') from error


def glass_label(start: str, member: str) -> str:
    """Name of the glass that a member made from a start."""
    return f'{start}_{member}'
