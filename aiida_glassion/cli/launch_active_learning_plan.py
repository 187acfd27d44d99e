"""What an active learning will do, worked out before anything is submitted: stages, runs, labels, limits, work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod
from typing import Any

from aiida_glassion.cli.launch_plan import ATOM_STEPS_PER_SECOND
from aiida_glassion.cli.launch_train_plan import plan_training
from aiida_glassion.kernels.build.curriculum import Stage, expand, read_curriculum
from aiida_glassion.kernels.learning.training_length import training_parameters

COMMITTEE_COST = 1.4
"""Time of dynamics that four models watch over that of one alone, deviations every ten steps, measured."""


@dataclass(frozen=True)
class StartingSet:
    """Configurations that exploration may begin with.

    :param n_frames: how many.
    :param n_atoms: atoms of each.
    """

    n_frames: int
    n_atoms: int


@dataclass(frozen=True)
class StageOutlook:
    """A stage of the curriculum.

    :param programs: what its runs do, in words.
    :param runs: in a round.
    :param picoseconds: of all these runs together; ``longest`` of one.
    :param atom_steps: steps times atoms of a round.
    :param sets: names of the starting sets that fit it; empty: none has such a name yet.
    """

    stage: Stage
    programs: list[str]
    runs: int
    picoseconds: float
    longest: float
    atom_steps: float
    sets: list[str]

    @property
    def core_seconds(self) -> float:
        """Computing time of a round on one core each, s; an estimate."""
        return self.atom_steps * COMMITTEE_COST / ATOM_STEPS_PER_SECOND['deepmd']


@dataclass(frozen=True)
class LoopOutlook:
    """The whole loop.

    :param n_first: labelled frames to begin with, or structures to be labelled first.
    :param are_labelled: which of the two.
    :param training: work of the first committee.
    """

    sets: dict[str, StartingSet]
    stages: list[StageOutlook]
    n_first: int
    are_labelled: bool
    training: Any


def look_ahead(builder: Any, seed: int, earlier: bool = False) -> LoopOutlook:
    """Work out what a builder will do.

    :param builder: of an ActiveLearningWorkChain, complete.
    :param earlier: it goes on from an earlier loop.
    """
    inputs = builder._inputs(prune=True)
    settings = inputs['settings'].get_dict()
    sets = dict(starting_sets(inputs))
    stages = [_stage(stage, sets, seed) for stage in read_curriculum(settings['stages'])]
    datasets = [*(inputs.get('datasets') or {}).values(), *(inputs.get('test') or {}).values()]
    systems = [system for node in datasets for system in node.systems]
    n_first = sum(node.n_frames for node in datasets)
    if not datasets:
        made = dict(initial_sets(inputs))
        n_first = sum(part.n_frames for part in made.values())
        systems = [{'counts': {'X': part.n_atoms}, 'n_frames': part.n_frames} for part in made.values()]
    training = _training(inputs, settings, systems, n_first, warm=earlier) if n_first else None
    return LoopOutlook(sets, stages, n_first, bool(datasets), training)


def starting_sets(inputs: Mapping[str, Any]) -> Iterator[tuple[str, StartingSet]]:
    """Sets that exploration begins with: those given, with the first frames where these are made; else those of the
    datasets by composition.
    """
    from aiida_glassion.data.frames import as_frames
    from aiida_glassion.workchains.active_learning_inputs import explored_from

    given = dict(inputs.get('configurations') or {})
    if not inputs.get('datasets'):
        made = dict(initial_sets(inputs))
        yield from ((name, made[name]) for name in explored_from(made, inputs['initial']))
    for name, node in given.items():
        frames = as_frames(node)
        yield name, StartingSet(frames.n_frames, frames.n_atoms)
    if given:
        return
    for name, node in (inputs.get('datasets') or {}).items():
        for system in node.systems:
            yield f'data_{name}_{system["formula"]}', StartingSet(system['n_frames'], sum(system['counts'].values()))


def initial_sets(inputs: Mapping[str, Any]) -> Iterator[tuple[str, StartingSet]]:
    """Structures that will be made, by crystal and mixture."""
    from aiida_glassion.data.frames import as_frames
    from aiida_glassion.kernels.build.initial_data import chosen_starts, perturbation
    from aiida_glassion.kernels.build.perturb import repeats_for

    initial = inputs.get('initial') or {}
    if 'settings' not in initial:
        return
    settings = initial['settings'].get_dict()
    chosen, dynamics = perturbation(settings), settings['dynamics']
    made: dict[str, StartingSet] = {}
    for name, node in (initial.get('crystals') or {}).items():
        frames = as_frames(node)
        repeats = repeats_for(frames.cells[-1], chosen.repeats, chosen.least_height)
        n_structures = chosen.structures + len(chosen.scales) * chosen.unperturbed
        made[name] = StartingSet(n_structures, frames.n_atoms * prod(repeats))
    mixtures = initial['mixtures'].get_dict() if 'mixtures' in initial else {}
    for name, mixture in mixtures.items():
        own = {**settings['mixture'], **mixture}
        made[name] = StartingSet(own['structures'], own['n_atoms'])
    for name, part in made.items():
        yield name, part
        if dynamics['engine'] == 'md':
            kept = dynamics['steps'] // dynamics['every']
            n_frames = len(chosen_starts(part.n_frames, dynamics['starts'])) * kept
            yield f'{name}_dynamics', StartingSet(n_frames, part.n_atoms)


def _stage(stage: Stage, sets: Mapping[str, StartingSet], seed: int) -> StageOutlook:
    fitting = {name: part for name, part in sets.items() if any(fnmatchcase(name, p) for p in stage.starts)}
    known = fitting or dict(sets)
    if not known:
        return StageOutlook(stage, _programs(stage), 0, 0.0, 0.0, 0.0, [])
    any_start = stage if fitting else stage.model_copy(update={'starts': ['*']})
    runs = expand(any_start, {name: part.n_frames for name, part in known.items()}, seed, 1)
    durations = [run.schedule.duration for run in runs]
    steps = sum(run.schedule.last_step * known[run.set].n_atoms for run in runs)
    return StageOutlook(
        stage, _programs(stage), len(runs), sum(durations), max(durations), float(steps), sorted(fitting)
    )


def _programs(stage: Stage) -> list[str]:
    """Programs in words: name, number of conditions, range of temperatures and pressures."""
    conditions: dict[str, list[Any]] = {}
    for name, variant in stage.variants():
        conditions.setdefault(name, []).append(variant)
    lines = []
    for name, variants in conditions.items():
        hottest = sorted({variant.temperature for variant in variants})
        pressures = sorted({variant.pressure for variant in variants if variant.pressure is not None})
        where = [_range(hottest, 'K')]
        if pressures:
            also = 'constant volume and ' if any(variant.pressure is None for variant in variants) else ''
            where.append(f'{also}{_range(pressures, "GPa")}')
        many = f'{len(variants)} × ' if len(variants) > 1 else ''
        lines.append(f'{many}{name} ({", ".join(where)})')
    return lines


def _range(values: Sequence[float], unit: str) -> str:
    return f'{values[0]:g} {unit}' if len(values) == 1 else f'{values[0]:g} to {values[-1]:g} {unit}'


def _training(
    inputs: Mapping[str, Any], settings: Mapping[str, Any], systems: Sequence[Any], n_first: int, *, warm: bool
) -> Any:
    """Plan of the first committee's training."""
    training = inputs['train']['settings'].get_dict()
    held_out = 0 if inputs.get('test') else round(settings['held_out'] * n_first)
    n_train = max(1, n_first - held_out)
    atoms = sum(sum(system['counts'].values()) * system['n_frames'] for system in systems) / max(1, n_first)
    changes = training_parameters(training['parameters'], n_train, settings['training'], warm, atoms)
    for section, values in changes.items():
        training['parameters'].setdefault(section, {}).update(values)
    counts = Counter({'training': n_train, 'validation': 0, 'test': held_out})
    concurrent = inputs['train']['max_concurrent'].value
    return plan_training(training, systems, counts, concurrent, inputs['seed'].value)
