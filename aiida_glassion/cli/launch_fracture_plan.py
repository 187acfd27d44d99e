"""What a study of fracture will do at most, before anything is submitted. Knows nothing of AiiDA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_glassion import units
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.carve import carve
from aiida_glassion.kernels.build.repeat import repeat_cell
from aiida_glassion.kernels.mechanics import pull_plan
from aiida_glassion.kernels.mechanics.pull_plan import PlannedPull, plan_pulls
from aiida_glassion.kernels.mechanics.pull_settings import FractureSettings, PullSettings, read_fracture, read_pull
from aiida_glassion.schedule import Minimise

MINIMISER_STEPS = 400
"""Evaluations of the forces that a minimisation takes."""
_BYTES_HOME = 12


@dataclass(frozen=True)
class PullRow:
    """Pulls of one glass, kind, size and rate, along all axes.

    :param n_atoms: left, the most over the axes; ``n_before``: before the notch.
    :param lengths: of the cell, Å.
    :param notch: length, opening and thickness of the first axis, Å; None without.
    :param axes: along which it is pulled.
    :param jobs: of one pull at most; ``steps``: of one pull at most, those of minimisers as estimated.
    """

    glass: str
    kind: str
    size: tuple[int, int, int]
    rate: float | None
    axes: tuple[str, ...]
    n_atoms: int
    n_before: int
    lengths: tuple[float, float, float]
    notch: tuple[float, float, float] | None
    jobs: int
    steps: int


@dataclass(frozen=True)
class FracturePlan:
    """A study before it is submitted.

    :param counts: atoms of each element, by the label of the glass.
    :param speed: atom-steps per second and rank that the estimate assumes, for potentials of ``speed_kind``.
    """

    counts: dict[str, dict[str, int]]
    settings: FractureSettings
    rows: tuple[PullRow, ...]
    speed: float
    speed_kind: str
    ranks: int
    seed: int
    max_concurrent: int

    @property
    def n_pulls(self) -> int:
        """Pulls in all."""
        return sum(len(row.axes) for row in self.rows)

    @property
    def core_seconds(self) -> float:
        """Computing time of all ranks of all pulls together at most, s."""
        return sum(len(row.axes) * row.steps * row.n_atoms for row in self.rows) / self.speed

    @property
    def seconds_waiting(self) -> float:
        """Time until the end at most, s, where ``max_concurrent`` pulls go side by side."""
        longest = max(row.steps * row.n_atoms for row in self.rows) / (self.speed * self.ranks)
        return max(longest, self.core_seconds / self.ranks / min(self.max_concurrent, self.n_pulls))

    @property
    def bytes_of_snapshots(self) -> float:
        """Size of all stored configurations at most; they are stored piece by piece and once more together."""
        each = self.settings.max_strain / self.settings.snapshots_every
        return 2 * _BYTES_HOME * each * sum(len(row.axes) * row.n_atoms for row in self.rows)


def plan_fracture(
    glasses: Mapping[str, Frames],
    settings: Mapping[str, Any],
    charges: Mapping[str, float] | None,
    speed: float,
    speed_kind: str,
    **run: int,
) -> FracturePlan:
    """What checked settings mean. Notches are cut for a try: what cannot be cut is refused before anything is begun.

    :param glasses: last frames by label.
    :param charges: e, by element.
    :param speed: atom-steps per second and rank; ``speed_kind``: of which potentials.
    :param run: ``ranks``, ``seed``, ``max_concurrent``.
    :raises ValueError: a notch cannot be cut.
    """
    read = read_fracture(settings)
    groups: dict[tuple[Any, ...], list[PlannedPull]] = {}
    for pull in plan_pulls(read, list(glasses), run['seed']):
        groups.setdefault((pull.glass, pull.kind, pull.size, pull.rate), []).append(pull)
    rows = tuple(_row(group, glasses[group[0].glass], read, charges) for group in groups.values())
    counts = {label: frames.counts for label, frames in glasses.items()}
    return FracturePlan(counts, read, rows, speed, speed_kind, **run)


def _row(
    group: list[PlannedPull], glass: Frames, settings: FractureSettings, charges: Mapping[str, float] | None
) -> PullRow:
    first = group[0]
    one = read_pull(settings.pull(first.kind, first.rate))
    sample = glass if first.size == (1, 1, 1) else repeat_cell(glass, first.size)
    lengths = pull_plan.cell_lengths(sample.cells[-1])
    left, shape = sample.n_atoms, None
    if one.kind == 'notched':
        left = max(_atoms_left(sample, one, pull, lengths, charges) for pull in group)
        notch = one.notch.notch(first.axis, lengths)
        thickness = lengths['abc'.index(notch.through_axis)]
        shape = (notch.length, notch.opening, thickness)
    steps, jobs = _work(one, first)
    return PullRow(
        first.glass, first.kind, first.size, first.rate, tuple(pull.axis for pull in group), left, sample.n_atoms,
        lengths, shape, jobs, steps,
    )  # fmt: skip


def _atoms_left(
    sample: Frames,
    settings: PullSettings,
    pull: PlannedPull,
    lengths: tuple[float, float, float],
    charges: Mapping[str, float] | None,
) -> int:
    notch = settings.notch.notch(pull.axis, lengths)
    cell = np.asarray(sample.cells[-1], dtype=np.float64)
    try:
        carved = carve(sample.positions[-1], cell, sample.symbols, [notch], exact=settings.notch.exact, charges=charges)
    except ValueError as error:
        raise ValueError(f'notch of {pull.glass} along {pull.axis}: {error}') from None
    return len(carved.kept)


def _work(settings: PullSettings, pull: PlannedPull) -> tuple[int, int]:
    """Steps and jobs of one pull at most."""
    schedules = [pull_plan.equilibration(settings)]
    schedules += [pull_plan.piece(settings, pull.axis, number) for number in range(settings.n_pieces)]
    minimised = sum(isinstance(stage, Minimise) for schedule in schedules for stage in schedule.stages)
    ends = 2 if settings.surface_energy else 0
    steps = sum(schedule.last_step for schedule in schedules) + (minimised + ends) * MINIMISER_STEPS
    return steps, len(schedules) + ends


def per_second(rate: float) -> float:
    """Strain rate in 1/s."""
    return rate * units.PER_PS_TO_PER_S
