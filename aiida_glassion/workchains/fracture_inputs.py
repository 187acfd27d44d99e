"""What the inputs of pulls mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aiida import orm

from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.notch import Notch
from aiida_glassion.kernels.mechanics import along_strain_settings, pull_plan
from aiida_glassion.kernels.mechanics.pull_settings import (
    AXES,
    Axis,
    FractureSettings,
    PullSettings,
    read_fracture,
    read_pull,
)
from aiida_glassion.workchains.diffusion_inputs import check_seed
from aiida_glassion.workchains.fan_out_inputs import check_room

_NEUTRAL = 1e-5
"""e for an atom."""


def notch_request(
    node: orm.Data, settings: PullSettings, axis: Axis, seed: int, charges: Mapping[str, float] | None
) -> dict[str, Any]:
    """What :func:`.cut_notch` is asked for.

    :param node: the sample.
    :raises ValueError: the notch does not fit, or the cell leans.
    """
    lengths = pull_plan.cell_lengths(as_frames(node).cells[-1])
    notch = asdict(settings.notch.notch(axis, lengths))
    asked = {'exact': settings.notch.exact, 'shell': settings.notch.shell, 'seed': seed}
    return {'notch': {**notch, 'centre': list(notch['centre'])}, **asked, 'charges': charges and dict(charges)}


def check_pull_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings of one pull, with values that make sense."""
    try:
        settings = read_pull(node.get_dict())
        _check_schedules(settings)
    except ValueError as error:
        return f'settings.{error}'
    return None


def check_fracture_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings of many pulls, with values that make sense."""
    try:
        settings = read_fracture(node.get_dict())
        rates: Sequence[float | None] = settings.rates or [None]
        for rate in rates:
            _check_schedules(read_pull(settings.pull('tension', rate)))
    except ValueError as error:
        return f'settings.{error}'
    return None


def _check_schedules(settings: PullSettings) -> None:
    """What is pulled can be written down as schedules, and the analysis is one."""
    pull_plan.equilibration(settings)
    pull_plan.piece(settings, 'z', 0)
    try:
        along_strain_settings.read_settings({'axis': 'z', **settings.analysis})
    except ValueError as error:
        raise ValueError(f'analysis: {error}') from None


def check_axis(node: orm.Str, _: Any) -> str | None:
    """One of three."""
    return None if node.value in AXES else f'axis: {node.value!r} given, expected x, y or z'


def check_young(node: orm.Float | None, _: Any) -> str | None:
    """A modulus."""
    if node is not None and not 0 < node.value < 1e4:
        return f'young: {node.value:g} GPa given, expected a modulus above 0'
    return None


def check_poisson(node: orm.Float | None, _: Any) -> str | None:
    """A ratio that a stable body can have."""
    if node is not None and not -1 < node.value <= 0.5:
        return f'poisson: {node.value:g} given, expected above -1 and up to 0.5'
    return None


def check_pull(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs of one pull are seen together."""
    if any(name not in inputs for name in ('configuration', 'settings', 'axis', 'md')):
        return None
    problem = check_pull_settings(inputs['settings'], None) or check_axis(inputs['axis'], None)
    if problem:
        return problem
    settings = read_pull(inputs['settings'].get_dict())
    return (
        _check_potential({'configuration': inputs['configuration']}, inputs)
        or _check_sample('configuration', inputs['configuration'], settings, inputs['axis'].value, (1, 1, 1))
        or _check_labels('regions', inputs.get('regions'), inputs['configuration'])
        or _check_charges(inputs, {'configuration': inputs['configuration']})
    )


def check_fracture(inputs: Any, _: Any) -> str | None:
    """Check what only shows when all inputs are seen together: what a pull would refuse is refused here."""
    if any(name not in inputs for name in ('settings', 'md', 'seed')):
        return None
    problem = check_fracture_settings(inputs['settings'], None) or check_seed(inputs['seed'], None)
    problem = problem or check_room(inputs)
    if problem:
        return problem
    glasses = dict(inputs.get('glasses') or {})
    if not glasses:
        return 'glasses: none given, expected at least one configuration of a glass, by a name'
    named = {f'glasses.{name}': node for name, node in glasses.items()}
    return (
        _check_potential(named, inputs)
        or _check_samples(glasses, read_fracture(inputs['settings'].get_dict()))
        or _check_regions(glasses, dict(inputs.get('regions') or {}))
        or _check_charges(inputs, named)
    )


def _check_samples(glasses: Mapping[str, orm.Data], settings: FractureSettings) -> str | None:
    rate = settings.rates[0] if settings.rates else None
    for name, node in glasses.items():
        for kind in settings.kinds:
            one = read_pull(settings.pull(kind, rate))
            for axis in settings.axes:
                for size in settings.sizes:
                    problem = _check_sample(f'glasses.{name}', node, one, axis, size)
                    if problem:
                        return problem
    return None


def _check_sample(
    name: str, node: orm.Data, settings: PullSettings, axis: Axis, size: tuple[int, int, int]
) -> str | None:
    """The cell has right angles, and the notch fits into it."""
    try:
        frames: Frames = as_frames(node)
        lengths = pull_plan.cell_lengths(frames.cells[-1])
    except (TypeError, ValueError) as error:
        return f'{name}: {error}'
    if settings.kind != 'notched':
        return None
    repeated = tuple(length * times for length, times in zip(lengths, size, strict=True))
    try:
        notch: Notch = settings.notch.notch(axis, (repeated[0], repeated[1], repeated[2]))
        notch.crack_area([[repeated[0], 0, 0], [0, repeated[1], 0], [0, 0, repeated[2]]])  # type: ignore[arg-type]
    except ValueError as error:
        words = str(error)
        return f'settings.{words if words.startswith("notch.") else f"notch.{words}"} ({name})'
    return None


def _check_potential(samples: Mapping[str, orm.Data], inputs: Any) -> str | None:
    """The potential covers the samples, which are periodic and neutral with it."""
    potential = (inputs['md'].get('md') or {}).get('potential')
    if potential is None:
        return None
    for name, node in samples.items():
        try:
            check_system(node, potential, 'md.md.potential')
        except (TypeError, ValueError) as error:
            words = str(error)
            return words if words.startswith('md.') else f'{name}: {words.removeprefix("configuration: ")}'
    return None


def _check_regions(glasses: Mapping[str, orm.Data], regions: Mapping[str, orm.ArrayData]) -> str | None:
    unknown = sorted(set(regions) - set(glasses))
    if unknown:
        return f'regions.{unknown[0]}: there is no such glass, expected names of {", ".join(sorted(glasses))}'
    for name, node in regions.items():
        problem = _check_labels(f'regions.{name}', node, glasses[name])
        if problem:
            return problem
    return None


def _check_labels(name: str, node: orm.ArrayData | None, sample: orm.Data) -> str | None:
    """A label for each atom."""
    if node is None:
        return None
    if 'labels' not in node.get_arraynames():
        return f'{name}: has no array `labels`, expected an index of its region for each atom'
    shape, n_atoms = node.get_shape('labels'), as_frames(sample).n_atoms
    if tuple(shape) != (n_atoms,):
        return f'{name}: {shape[0] if shape else 0} labels for {n_atoms} atoms, expected one for each'
    return None


def _check_charges(inputs: Any, samples: Mapping[str, orm.Data]) -> str | None:
    """Charges of all elements, which sum to zero."""
    if 'charges' not in inputs or inputs['charges'] is None:
        return None
    charges = inputs['charges'].get_dict()
    for name, node in samples.items():
        counts = as_frames(node).counts
        missing = [element for element in counts if element not in charges]
        if missing:
            return f'charges: none given for {", ".join(missing)} of {name}'
        total = sum(charges[element] * number for element, number in counts.items())
        if abs(total) > _NEUTRAL * sum(counts.values()):
            return f'charges: they sum to {total:+.4g} e for {name}, expected 0'
    return None
