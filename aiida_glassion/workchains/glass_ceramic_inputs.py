"""The checks that refuse inputs of a glass-ceramic that make no sense."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import as_frames
from aiida_glassion.kernels.build.glass_ceramic import grain_shapes
from aiida_glassion.kernels.build.glass_ceramic_settings import read_grains, read_settings
from aiida_glassion.workchains.diffusion_inputs import check_seed


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings are those of a protocol, with values that make sense."""
    try:
        read_settings(node.get_dict())
    except ValueError as error:
        return f'settings.{error}'
    return None


def check_charges(node: orm.Dict | None, _: Any) -> str | None:
    """Numbers by element."""
    for element, charge in {} if node is None else node.get_dict().items():
        if isinstance(charge, (bool, str)) or not isinstance(charge, (int, float)) or not np.isfinite(charge):
            return f'charges: {element} {charge!r} given, expected a number in e'
    return None


def check_glass_ceramic(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs are seen together: grains fit, the potential covers glass and crystal."""
    if any(name not in inputs for name in ('glass', 'crystal', 'settings', 'seed', 'md')):
        return None
    problem = check_settings(inputs['settings'], None) or check_seed(inputs['seed'], None)
    if problem:
        return problem
    frames = {}
    for name in ('glass', 'crystal'):
        try:
            frames[name] = as_frames(inputs[name])
        except (TypeError, ValueError) as error:
            return f'{name}: {error}'
        if not all(frames[name].pbc):
            return f'{name}: periodic in {frames[name].pbc}, expected a cell periodic in all three directions'
    grains = read_grains(inputs['settings'].get_dict()['grains'])
    try:
        if grains.shape != 'slab':
            grain_shapes(np.asarray(frames['glass'].cells[-1], dtype=float), grains, inputs['seed'].value)
    except ValueError as error:
        return f'settings.grains.{error}'
    potential = (inputs['md'].get('md') or {}).get('potential')
    if potential is None:
        return None
    for name in frames:
        try:
            check_system(inputs[name], potential, 'md.md.potential')
        except (TypeError, ValueError) as error:
            words = str(error)
            return words if words.startswith('md.') else f'{name}: {words.removeprefix("configuration: ")}'
    return None
