"""The curriculum of an exploration: stages from easy to hard, and the runs that a stage asks for in a round.

A stage combines starting configurations with programs at their conditions and with seeds of velocities.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from pydantic import Field, ValidationError, model_validator

from aiida_glassion import units
from aiida_glassion.kernels.build.initial_data import seed_of
from aiida_glassion.kernels.build.programs import KINDS, NAME, Program, StrictModel, Variant
from aiida_glassion.schedule import Schedule

_THERMO = 0.1
"""Longest interval of thermodynamic output, ps; a run that explodes is found by it."""
_RESTARTS = 20
"""Restart files of a run: so little of it is lost where it is taken up with a shorter timestep."""


class Stage(StrictModel):
    """A step of the curriculum: what is explored until the potential is at home there."""

    name: str = Field(pattern=NAME, description='Name of the stage.')
    starts: list[str] = Field(
        ['*'],
        min_length=1,
        description='Patterns of the names of starting sets: `*` is all, `quartz*` those that begin so.',
    )
    n_starts: int = Field(1, ge=1, description='How many configurations of each set begin runs in a round.')
    programs: list[Program] = Field(min_length=1, description='What the runs do.')
    seeds: int = Field(1, ge=1, le=1000, description='How many runs of each combination, by velocities of their own.')
    max_runs: int | None = Field(
        None, ge=1, description='Most runs in a round, other ones each round until all had their turn; null: all.'
    )
    timestep: float = Field(1.0, gt=0, le=20, description='fs.')
    every: float = Field(0.1, gt=0, description='Interval of frames and of records of the deviation, ps.')
    max_labels: int = Field(100, ge=1, description='Most frames that are labelled in a round.')
    candidate_fraction: float | None = Field(
        None, gt=0, lt=1, description='Fraction of candidates below which a check is passed; null: that of the loop.'
    )
    min_frames: int | None = Field(
        None, ge=1, description='Number of visited frames before a check counts; null: that of the loop.'
    )
    checks: int | None = Field(
        None, ge=1, description='How many checks in a row must be passed; null: that of the loop.'
    )
    max_rounds: int | None = Field(None, ge=1, description='Most rounds of the stage; null: that of the loop.')
    gate: bool = Field(False, description='Whether short glasses are judged before the stage is left.')

    @model_validator(mode='after')
    def _can_be_run(self) -> Stage:
        steps = self.every / (self.timestep * units.FS_TO_PS)
        if round(steps) < 1 or abs(steps - round(steps)) > 1e-6 * steps:
            raise ValueError(f'every: {self.every:g} ps is not a whole number of timesteps of {self.timestep:g} fs')
        labels = set()
        for name, variant in self.variants():
            try:
                duration = self.schedule(variant).duration
            except ValidationError as error:
                raise ValueError(f'{name} {variant.label}: {_reason(error)}') from None
            if duration < self.every * (1 - 1e-9):
                raise ValueError(f'{name} {variant.label}: {duration:g} ps are over before the first {self.every:g} ps')
            if (name, variant.label) in labels:
                raise ValueError(f'{name}: {variant.label} is asked for twice; give each condition once')
            labels.add((name, variant.label))
        return self

    def variants(self) -> Iterator[tuple[str, Variant]]:
        """Name of the program and conditions of every run that there may be from one configuration."""
        seen: dict[str, int] = {}
        for program in self.programs:
            name = program.name or program.kind
            seen[name] = seen.get(name, 0) + 1
            unique = name if seen[name] == 1 else f'{name}_{seen[name]}'
            for variant in program.variants():
                yield unique, variant

    def schedule(self, variant: Variant) -> Schedule:
        """Schedule of a run: frames and thermodynamic output at the interval of the stage, and restart files."""
        content = {
            'stages': variant.stages,
            'timestep': self.timestep,
            'thermo_every': min(_THERMO, self.every),
            'frames_every': self.every,
        }
        duration = Schedule.model_validate(content).duration
        return Schedule.model_validate({**content, 'restart_every': max(self.every, duration / _RESTARTS)})


@dataclass(frozen=True)
class Run:
    """A run that a round asks for.

    :param label: name, one of its own in the round: letters, digits and single underscores.
    :param set: name of the starting set.
    :param index: index of the configuration in it.
    :param schedule: what the run does.
    :param seed: of its velocities, 1 to 2147483647.
    :param program: name of its program.
    :param temperature: K, the highest.
    :param pressure: GPa, at the end; None: constant volume.
    """

    label: str
    set: str
    index: int
    schedule: Schedule
    seed: int
    program: str
    temperature: float
    pressure: float | None


def read_curriculum(content: Sequence[Mapping[str, Any]]) -> list[Stage]:
    """Validate the stages of a curriculum.

    :raises ValueError: with every problem on its own line: where, what was given, what would be right.
    """
    given = {'stages': content if isinstance(content, str) else [*content]}
    try:
        return _Curriculum.model_validate(given).stages
    except ValidationError as error:
        raise ValueError('\n'.join(_explain(error))) from None


def read_stage(content: Mapping[str, Any]) -> Stage:
    """Validate one stage.

    :raises ValueError: see :func:`read_curriculum`.
    """
    try:
        return Stage.model_validate(dict(content))
    except ValidationError as error:
        raise ValueError('\n'.join(_explain(error))) from None


def matching(stage: Stage, sets: Mapping[str, int]) -> list[str]:
    """Names of the starting sets of a stage, in alphabetical order.

    :param sets: number of configurations of each set.
    :raises ValueError: no set has such a name, or one that has is empty.
    """
    found = sorted(name for name in sets if any(fnmatchcase(name, pattern) for pattern in stage.starts))
    if not found:
        known = ', '.join(sorted(sets)) or 'none'
        near = difflib.get_close_matches(stage.starts[0], sorted(sets), 1)
        hint = f"; did you mean '{near[0]}'?" if near else ''
        raise ValueError(f'stage {stage.name}: starts {stage.starts} fits none of the sets ({known}){hint}')
    empty = [name for name in found if sets[name] < 1]
    if empty:
        raise ValueError(f'stage {stage.name}: set {empty[0]} holds no configuration')
    return found


def expand(stage: Stage, sets: Mapping[str, int], seed: int, round: int) -> list[Run]:
    """The runs of a round: starting configurations × programs at their conditions × seeds.

    Configurations are taken in a random order of their set, those that come next in each round. Of more combinations
    than ``max_runs`` each round takes those that come next in a random order in which the programs alternate by their
    share, so that every combination has its turn. All of it follows from the seed.

    :param sets: number of configurations of each starting set, by its name.
    :param seed: 0 or more.
    :param round: number of the round, 0 or more.
    :raises ValueError: no set fits the stage.
    """
    variants = list(stage.variants())
    chosen = {
        name: _turn(_order(seed, f'set_{name}', sets[name]), stage.n_starts, round) for name in matching(stage, sets)
    }
    combinations = [
        (name, slot, variant, number)
        for name, indices in chosen.items()
        for slot in range(len(indices))
        for variant in range(len(variants))
        for number in range(1, stage.seeds + 1)
    ]
    taken = list(range(len(combinations)))
    if stage.max_runs is not None and stage.max_runs < len(combinations):
        order = _alternating(seed, [variants[variant][0] for _, _, variant, _ in combinations])
        taken = sorted(_turn(order, stage.max_runs, round))
    runs = []
    for position in taken:
        name, slot, which, number = combinations[position]
        program, variant = variants[which]
        index = chosen[name][slot]
        label = f'{name}_{index}_{program}_{variant.label}' + (f'_seed_{number}' if stage.seeds > 1 else '')
        schedule, own_seed = stage.schedule(variant), seed_of(seed, f'round_{round}_{label}')
        runs.append(Run(label, name, index, schedule, own_seed, program, variant.temperature, variant.pressure))
    return runs


class _Curriculum(StrictModel):
    stages: list[Stage] = Field(min_length=1)

    @model_validator(mode='after')
    def _names(self) -> _Curriculum:
        names = [stage.name for stage in self.stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f'two stages have the name {twice[0]!r}')
        return self


def _order(seed: int, what: str, n: int) -> list[int]:
    return [int(i) for i in np.random.default_rng(seed_of(seed, what)).permutation(n)]


def _turn(order: Sequence[int], n: int, round: int) -> list[int]:
    """Those that come next: so many of an order that is gone through again and again."""
    return [order[(round * n + i) % len(order)] for i in range(min(n, len(order)))]


def _alternating(seed: int, programs: Sequence[str]) -> list[int]:
    """A random order of combinations; whichever piece of it is taken, each program has its share (to within one)."""
    places: list[tuple[float, str, int]] = []
    for program in sorted(set(programs)):
        own = [position for position, name in enumerate(programs) if name == program]
        order = _order(seed, f'program_{program}', len(own))
        places += [((rank + 0.5) / len(own), program, own[i]) for rank, i in enumerate(order)]
    return [position for _, _, position in sorted(places)]


def _reason(error: ValidationError) -> str:
    return '; '.join(problem['msg'].removeprefix('Value error, ') for problem in error.errors())


def _explain(error: ValidationError) -> Iterator[str]:
    kinds = {model.model_fields['kind'].default: model for model in KINDS}
    for problem in error.errors():
        location = problem['loc']
        path = '.'.join(str(part) for part in location if part not in kinds)
        message = problem['msg'].removeprefix('Value error, ')
        if problem['type'] == 'extra_forbidden':
            kind = next((part for part in location if part in kinds), None)
            known = {'stages'} if len(location) == 1 else set()
            known |= set((kinds[str(kind)] if kind else Stage).model_fields)
            near = difflib.get_close_matches(str(location[-1]), sorted(known), 1)
            message = 'unknown key' + (
                f"; did you mean '{near[0]}'?" if near else f'; known are {", ".join(sorted(known))}'
            )
        if problem['type'] in ('union_tag_invalid', 'union_tag_not_found'):
            given = problem['input'].get('kind') if isinstance(problem['input'], Mapping) else None
            near = difflib.get_close_matches(str(given), list(kinds), 1)
            message = f'kind must be one of {", ".join(kinds)}' + (f"; did you mean '{near[0]}'?" if near else '')
            message += f' (given: {given!r})'
        value = problem.get('input')
        shown = '' if isinstance(value, (Mapping, list)) else f' (given: {value!r})'
        yield f'curriculum: {path or "top level"}: {message}{shown}'
