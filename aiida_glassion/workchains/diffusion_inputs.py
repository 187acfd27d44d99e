"""What the inputs of diffusion runs and sweeps mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aiida import orm

from aiida_glassion.analysis.base import kind_of
from aiida_glassion.analysis.request import read_request
from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import as_frames
from aiida_glassion.functions.analysis import request_node
from aiida_glassion.kernels.transport import sweep_plan
from aiida_glassion.kernels.transport.sweep_plan import HOTTEST, SweepSettings, read_settings
from aiida_glassion.workchains.fan_out_inputs import check_room
from aiida_glassion.workchains.train_inputs import LARGEST_SEED


def elements_of(node: orm.Data) -> dict[str, int]:
    """Atoms by element of a configuration."""
    return as_frames(node).counts


def analyses_of(
    settings: SweepSettings, elements: Collection[str], temperature: float, *, everything: bool
) -> dict[str, Any]:
    """Request of the analysis of a run: diffusion alone, or all analyses of the settings.

    Jumps at the boundaries are undone: no ion goes as far as half the cell between two frames.

    :param elements: of the glass; settings of others are left out.
    :param temperature: K.
    :raises ValueError: a kind or a setting is not known, or nothing diffuses.
    """
    ions = sweep_plan.ions_in(settings, elements)
    reference = settings.reference and [element for element in settings.reference if element in elements]
    shared = {'ions': ions, 'reference': reference, 'unwrap': 'minimum_image'}
    diffusion = {
        **shared,
        'temperature': temperature,
        'charges': sweep_plan.charges_in(settings, elements),
        'method': settings.method,
        'window': settings.window,
    }
    analyses: dict[str, Any] = {'diffusion': diffusion}
    for kind, given in settings.analyses.items() if everything else ():
        if given is None:
            continue
        known = read_request({'analyses': {kind: given}}).analyses[kind]
        fields = kind_of(kind).Settings.model_fields
        filled = {name: value for name, value in shared.items() if name in fields and name not in given}
        analyses[kind] = {**known, **filled} if kind != 'diffusion' else {**diffusion, **given}
    return {'analyses': analyses}


def analysis_node(
    settings: SweepSettings, elements: Collection[str], temperature: float, *, everything: bool
) -> orm.Dict:
    """The same as a node with all defaults written out."""
    return request_node(analyses_of(settings, elements, temperature, everything=everything))


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings are those of a protocol, with values that make sense."""
    try:
        settings = read_settings(node.get_dict())
        settings.equilibration(300.0)
        settings.production(300.0, settings.segment)
    except ValueError as error:
        return f'settings.{error}'
    for kind, given in settings.analyses.items():
        try:
            if given is not None:
                read_request({'analyses': {kind: given}})
        except ValueError as error:
            return f'settings.analyses: {str(error).removeprefix("analyses: ")}'
    return None


def check_temperatures(node: orm.List, _: Any) -> str | None:
    """At least two different temperatures."""
    return sweep_plan.check_temperatures(node.get_list())


def check_temperature(node: orm.Float, _: Any) -> str | None:
    """A temperature that something can have."""
    if not 0 < node.value <= HOTTEST:
        return f'temperature: {node.value:g} K given, expected one above 0 and up to {HOTTEST:g} K'
    return None


def check_seed(node: orm.Int, _: Any) -> str | None:
    """A seed that LAMMPS takes."""
    if not 0 < node.value <= LARGEST_SEED:
        return f'seed: {node.value} given, expected 1 to {LARGEST_SEED}'
    return None


def check_point(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs of one run are seen together."""
    if any(name not in inputs for name in ('configuration', 'settings', 'temperature', 'md')):
        return None
    problem = check_settings(inputs['settings'], None) or check_temperature(inputs['temperature'], None)
    if problem:
        return problem
    temperatures = [inputs['temperature'].value]
    return _check_glasses({'configuration': inputs['configuration']}, temperatures, inputs) or _check_codes(inputs)


def check_sweep(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs of a sweep are seen together: what a run would refuse is refused here."""
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
    return _check_glasses(glasses, inputs['temperatures'].get_list(), inputs) or _check_codes(inputs)


def _check_glasses(glasses: Mapping[str, orm.Data], temperatures: Collection[float], inputs: Any) -> str | None:
    """Glasses have the elements that the settings name, charges sum to zero, and the potential covers them."""
    settings = read_settings(inputs['settings'].get_dict())
    try:
        counts = {name.removeprefix('glasses.'): elements_of(node) for name, node in glasses.items()}
    except (TypeError, ValueError) as error:
        return f'glasses: {error}'
    try:
        sweep_plan.check_elements(settings, counts)
        for temperature in temperatures:
            settings.budget_at(temperature)
        for elements in counts.values():
            analysis_node(settings, list(elements), temperatures_first(temperatures), everything=True)
    except ValueError as error:
        return f'settings.{error}'
    potential = (inputs['md'].get('md') or {}).get('potential')
    for name, node in glasses.items():
        if potential is None:
            return None
        try:
            check_system(node, potential, 'md.md.potential')
        except (TypeError, ValueError) as error:
            words = str(error)
            return words if words.startswith('md.') else f'{name}: {words.removeprefix("configuration: ")}'
    return None


def temperatures_first(temperatures: Collection[float]) -> float:
    """Any of them."""
    return float(next(iter(temperatures)))


def _check_codes(inputs: Any) -> str | None:
    """What analyses beside the data must be where the data are."""
    if 'analysis' not in inputs or not inputs['analysis']:
        return None
    if 'code' not in inputs['analysis']:
        return 'analysis.code: missing, expected the Python of an environment with aiida-glassion beside the data'
    there, here = inputs['analysis']['code'].computer, (inputs['md'].get('md') or {}).get('code')
    here = None if here is None else here.computer
    if here is not None and there is not None and there.uuid != here.uuid:
        return f'analysis.code: is on {there.label}, LAMMPS on {here.label}; frames are analysed where they lie'
    return None
