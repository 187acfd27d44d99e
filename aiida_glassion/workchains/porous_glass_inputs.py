"""What the inputs of a porous glass mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.analysis.pore_states import check_voids
from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import as_frames
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.porous_plan import PorousSettings, place_pores, read_settings
from aiida_glassion.kernels.transport.sweep_plan import seed_of
from aiida_glassion.workchains.diffusion_inputs import check_seed

MOST_SURPLUS = 1e-5
"""Charge of an atom on average, e, below which a cell is neutral but for rounding."""


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings are those of a protocol, with values that make sense."""
    try:
        settings = read_settings(node.get_dict())
        settings.schedule()
    except ValueError as error:
        return f'settings.{error}'
    try:
        check_voids(settings.voids)
    except ValueError as error:
        return f'settings.{str(error).removeprefix("analyses.").removeprefix("analyses: ")}'
    return None


def check_charges(node: orm.Dict | None, _: Any) -> str | None:
    """Numbers by element."""
    for element, charge in {} if node is None else node.get_dict().items():
        if isinstance(charge, bool) or not isinstance(charge, (int, float)) or not np.isfinite(charge):
            return f'charges.{element}: {charge!r} given, expected a number in e, e.g. {{Na: 1, O: -2}}'
    return None


def check_porous(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    if any(name not in inputs for name in ('glass', 'settings', 'md', 'seed')):
        return None
    problem = (
        check_settings(inputs['settings'], None)
        or check_seed(inputs['seed'], None)
        or check_charges(inputs.get('charges'), None)
    )
    if problem:
        return problem
    try:
        frames = as_frames(inputs['glass'])
    except (TypeError, ValueError) as error:
        return f'glass: {error}'
    settings = read_settings(inputs['settings'].get_dict())
    return (
        _check_cell(frames, settings, inputs['seed'].value)
        or _check_elements(frames, settings, inputs)
        or _check_potential(inputs)
    )


def _check_cell(frames: Frames, settings: PorousSettings, seed: int) -> str | None:
    if not all(frames.pbc):
        return f'glass: periodic in {frames.pbc}, expected a cell that is periodic in all three directions'
    try:
        place_pores(settings, np.asarray(frames.cells[-1], dtype=np.float64), seed_of(seed, 'pores'))
    except ValueError as error:
        return f'settings.{error}'
    return None


def _check_elements(frames: Frames, settings: PorousSettings, inputs: Mapping[str, Any]) -> str | None:
    """Charges are known of all elements and sum to zero; radii are of elements of the glass."""
    if inputs.get('charges') is not None:
        charges = inputs['charges'].get_dict()
        missing = [element for element in frames.elements if element not in charges]
        if missing:
            return f'charges: none given for {", ".join(missing)}, expected one of every element of the glass'
        net = sum(charges[element] * count for element, count in frames.counts.items())
        if abs(net) > MOST_SURPLUS * frames.n_atoms:
            told = ', '.join(f'{element} {charges[element]:+g}' for element in frames.elements)
            return f'charges: {told} add up to {net:+.4g} e for {frames.counts}, expected 0'
    strange = sorted(set(settings.voids.get('radii') or {}) - set(frames.elements))
    if strange:
        return f'settings.voids.radii: {", ".join(strange)} is no element of this glass ({", ".join(frames.elements)})'
    return None


def _check_potential(inputs: Mapping[str, Any]) -> str | None:
    potential = (inputs['md'].get('md') or {}).get('potential')
    if potential is None:
        return None
    try:
        check_system(inputs['glass'], potential, 'md.md.potential')
    except (TypeError, ValueError) as error:
        words = str(error)
        return words if words.startswith('md.') else f'glass: {words.removeprefix("configuration: ")}'
    return None


def charges_to_keep(
    settings: PorousSettings, given: orm.Dict | None, potential: PotentialData
) -> dict[str, float] | None:
    """Charges that must sum to zero after the cut, e: those given; else of the potential, where only neutrality holds.

    :param given: input `charges`.
    """
    if given is not None:
        return dict(given.get_dict())
    of_potential = potential.potential.charges
    return dict(of_potential) if settings.exact == 'neutral' and any(of_potential.values()) else None
