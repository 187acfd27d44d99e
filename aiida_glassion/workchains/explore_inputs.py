"""What the inputs of an ExploreWorkChain mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import as_frames
from aiida_glassion.kernels.build.curriculum import Run, Stage, expand, matching, read_curriculum, read_stage
from aiida_glassion.potentials.committee import check_committee
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.train_inputs import LARGEST_SEED


def load_curriculum(protocol: str | None = None, overrides: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The stages of a curriculum, each with every field filled in.

    :param protocol: see ``protocols/explore.yaml``; None: the default one.
    :param overrides: ``stages``, which replace those of the protocol, and ``stage_defaults``.
    :raises ValueError: an unknown protocol or setting, or a stage that makes no sense.
    """
    settings = protocols.load('explore', protocol, overrides)
    given = settings['stages']
    if not isinstance(given, list) or not all(isinstance(stage, Mapping) for stage in given):
        raise ValueError(f'stages: {given!r} given, expected a list of stages, each with a name and programs')
    stages = read_curriculum([{**settings['stage_defaults'], **stage} for stage in given])
    return [stage.model_dump() for stage in stages]


def load_settings(protocol: str | None = None, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """How the runs of an exploration are stopped and retried, see ``run`` in ``protocols/explore.yaml``.

    :param overrides: of the protocol, nested: ``{'run': {'stop_factor': 2.0}}``.
    :raises ValueError: an unknown protocol or setting.
    """
    run: dict[str, Any] = protocols.load('explore', protocol, overrides)['run']
    return run


def count_configurations(node: orm.Data) -> int:
    """Number of configurations in a node, without reading its arrays where it says so itself."""
    if isinstance(node, orm.TrajectoryData):
        return int(node.numsteps)
    return as_frames(node).n_frames


def plan_runs(inputs: Any) -> list[Run]:
    """The runs that the inputs ask for; the same inputs always give the same.

    :raises ValueError: the stage is not valid, or no set fits it.
    """
    stage = read_stage(inputs['stage'].get_dict())
    sets = {name: count_configurations(node) for name, node in inputs['configurations'].items()}
    return expand(stage, sets, inputs['seed'].value, inputs['round'].value)


def check_stage(node: orm.Dict, _: Any) -> str | None:
    """The stage must be valid."""
    try:
        read_stage(node.get_dict())
    except ValueError as error:
        return str(error).replace('curriculum:', 'stage:')
    return None


def check_levels(node: orm.Dict, _: Any) -> str | None:
    """Two trust levels, the lower one first."""
    levels = node.get_dict()
    for key in ('lower', 'upper'):
        if not _is_number(levels.get(key)) or levels[key] <= 0:
            return f'levels: {key} = {levels.get(key)!r}; expected a force deviation above 0 in eV/Å'
    if levels['lower'] >= levels['upper']:
        return f'levels: lower {levels["lower"]:g} eV/Å is not below upper {levels["upper"]:g} eV/Å'
    return None


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings are those of a protocol, with numbers that make sense."""
    settings = node.get_dict()
    try:
        protocols.load('explore', None, {'run': settings})
        for key, least in (('stop_after', 1), ('max_softer', 0)):
            if type(settings[key]) is not int or settings[key] < least:
                return f'settings.{key}: {settings[key]!r} given, expected a whole number of at least {least}'
        factor = settings['stop_factor']
        if factor is not None and (not _is_number(factor) or factor < 1):
            return f'settings.stop_factor: {factor!r} given, expected a number of at least 1, or null: never stopped'
        if not isinstance(settings['keep_remote'], bool):
            return f'settings.keep_remote: {settings["keep_remote"]!r} given, expected true or false'
    except KeyError as error:
        return f'settings: {error} is missing; take them from a protocol'
    except ValueError as error:
        return f'settings: {str(error).removeprefix("run.")}'
    return None


def check_inputs(inputs: Any, _: Any) -> str | None:
    """Check what only shows when all inputs are seen together: what a run would refuse is refused here."""
    needed = ('stage', 'configurations', 'potential', 'levels', 'settings', 'seed', 'round')
    if any(name not in inputs for name in needed):
        return None
    for name, check in (('stage', check_stage), ('levels', check_levels), ('settings', check_settings)):
        problem = check(inputs[name], None)
        if problem:
            return problem
    return _check_numbers(inputs) or _check_md(inputs) or _check_atoms(inputs)


def _check_numbers(inputs: Any) -> str | None:
    for name, least, most in (('seed', 0, LARGEST_SEED), ('round', 0, LARGEST_SEED), ('max_concurrent', 1, None)):
        value = inputs[name].value
        if value < least or (most is not None and value > most):
            return f'{name}: {value} given, expected {least} or more' + (f', up to {most}' if most else '')
    if not 0 <= inputs['tolerated_failures'].value <= 1:
        return f'tolerated_failures: {inputs["tolerated_failures"].value} given, expected a fraction, 0 to 1'
    return None


def _check_md(inputs: Any) -> str | None:
    md = (inputs.get('md') or {}).get('md') or {}
    if 'retrieve' in md and md['retrieve'].get_dict().get('trajectory') is False:
        return 'md.md.retrieve: trajectory = False; the frames are what an exploration is for: leave it true'
    return None


def _check_atoms(inputs: Any) -> str | None:
    """Sets fit the stage, the committee is one, and it covers every set that is taken."""
    stage: Stage = read_stage(inputs['stage'].get_dict())
    sets = dict(inputs['configurations'] or {})
    if not sets:
        return 'configurations: none given, expected starting configurations by the name of their set'
    members = dict(inputs.get('committee') or {})
    if not members:
        return 'committee: none given; one model alone does not know what it does not know: give at least one more'
    try:
        check_committee(inputs['potential'].potential, {name: members[name].potential for name in sorted(members)})
        taken = matching(stage, {name: count_configurations(node) for name, node in sets.items()})
    except (TypeError, ValueError) as error:
        return str(error)
    for name in taken:
        try:
            check_system(sets[name], inputs['potential'])
        except (TypeError, ValueError) as error:
            return f'configurations.{name}: {str(error).removeprefix("configuration: ")}'
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value < float('inf')
