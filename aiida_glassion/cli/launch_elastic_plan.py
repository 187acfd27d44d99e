"""What an elastic run will do, before anything is submitted. Knows nothing of AiiDA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiida_glassion.kernels.mechanics.elastic_plan import (
    NONE,
    equilibration,
    plan_jobs,
    relaxation,
    replica_groups,
)
from aiida_glassion.kernels.mechanics.elastic_settings import ElasticSettings
from aiida_glassion.schedule import Minimise, Schedule

MINIMISER_STEPS = 700
"""Evaluations of the forces that a minimisation of a glass near its minimum takes; from a strain of 1 %."""


@dataclass(frozen=True)
class TemperatureRow:
    """What is planned at one temperature.

    :param temperature: K; 0: relaxed.
    :param samples: one for each glass.
    :param jobs: LAMMPS jobs of one sample, the preparation with them.
    :param strained: strained states of one sample.
    :param unstrained: states of one sample at no strain.
    :param steps: integration steps of one sample; at 0 K minimiser steps as estimated.
    :param minimisations: of one sample.
    """

    temperature: float
    samples: int
    jobs: int
    strained: int
    unstrained: int
    steps: int
    minimisations: int


@dataclass(frozen=True)
class ElasticPlan:
    """An elastic run before it is submitted.

    :param counts: atoms of each element, by the label of the glass.
    :param rows: the coldest first.
    :param speed: atom-steps per second and rank that the estimate assumes, for potentials of ``speed_kind``.
    """

    counts: dict[str, dict[str, int]]
    settings: ElasticSettings
    rows: tuple[TemperatureRow, ...]
    speed: float
    speed_kind: str
    ranks: int
    seed: int
    max_concurrent: int

    @property
    def n_atoms(self) -> dict[str, int]:
        """Atoms of each glass."""
        return {label: sum(counts.values()) for label, counts in self.counts.items()}

    @property
    def groups(self) -> dict[str, list[str]]:
        """Which glasses are replicas of each other."""
        return replica_groups(self.counts)

    @property
    def n_samples(self) -> int:
        """Glasses times temperatures."""
        return sum(row.samples for row in self.rows)

    @property
    def n_jobs(self) -> int:
        """LAMMPS jobs in all."""
        return sum(row.samples * row.jobs for row in self.rows)

    @property
    def core_seconds(self) -> float:
        """Computing time of all ranks of all jobs together, s."""
        return sum(row.steps for row in self.rows) * sum(self.n_atoms.values()) / self.speed

    @property
    def seconds_waiting(self) -> float:
        """Time until the end, s, where ``max_concurrent`` samples go side by side."""
        longest = max(row.steps for row in self.rows) * max(self.n_atoms.values()) / (self.speed * self.ranks)
        return max(longest, self.core_seconds / self.ranks / min(self.max_concurrent, self.n_samples))


def plan_elastic(
    counts: Mapping[str, Mapping[str, int]],
    settings: ElasticSettings,
    temperatures: Sequence[float],
    speed: float,
    speed_kind: str,
    **run: int,
) -> ElasticPlan:
    """What checked settings mean.

    :param counts: atoms of each element, by the label of the glass.
    :param temperatures: K, 0: relaxed.
    :param speed: atom-steps per second and rank; ``speed_kind``: of which potentials.
    :param run: ``ranks``, ``seed``, ``max_concurrent``.
    """
    rows = tuple(_row(settings, float(value), len(counts)) for value in sorted(temperatures))
    plain = {label: dict(of_glass) for label, of_glass in counts.items()}
    return ElasticPlan(plain, settings, rows, speed, speed_kind, **run)


def _row(settings: ElasticSettings, temperature: float, samples: int) -> TemperatureRow:
    jobs = plan_jobs(settings, temperature)
    before = relaxation(settings) if temperature == 0 else equilibration(settings, temperature)
    schedules = [before, *(job.schedule for job in jobs)]
    minimisations = sum(_minimisations(schedule) for schedule in schedules)
    states = [state for job in jobs for state in job.states]
    return TemperatureRow(
        temperature,
        samples,
        len(schedules),
        sum(state.component != NONE for state in states),
        sum(state.component == NONE for state in states),
        sum(schedule.last_step for schedule in schedules) + minimisations * MINIMISER_STEPS,
        minimisations,
    )


def _minimisations(schedule: Schedule) -> int:
    return sum(isinstance(stage, Minimise) for stage in schedule.stages)
