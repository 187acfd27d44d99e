"""What a diffusion sweep will do at least and at most, before anything is submitted. Knows nothing of AiiDA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiida_glassion import units
from aiida_glassion.kernels.transport.sweep_plan import SweepSettings

_BYTES_STORED, _BYTES_HOME = 40, 12
"""Of an atom in a frame: five doubles of the binary dump where it was made, three singles at home."""


@dataclass(frozen=True)
class TemperatureRow:
    """What is planned at one temperature.

    :param temperature: K.
    :param runs: over all glasses.
    :param least: ps of production of one run; ``most``: its budget.
    """

    temperature: float
    runs: int
    least: float
    most: float


@dataclass(frozen=True)
class SweepPlan:
    """A diffusion sweep before it is submitted.

    :param counts: atoms of each element, by the label of the glass.
    :param rows: the hottest first.
    :param speed: atom-steps per second and rank that the estimate assumes, for potentials of ``speed_kind``.
    """

    counts: dict[str, dict[str, int]]
    settings: SweepSettings
    rows: tuple[TemperatureRow, ...]
    speed: float
    speed_kind: str
    ranks: int
    seed: int
    max_concurrent: int

    @property
    def n_runs(self) -> int:
        """Runs of all temperatures and glasses."""
        return sum(row.runs for row in self.rows)

    @property
    def n_atoms(self) -> dict[str, int]:
        """Atoms of each glass."""
        return {label: sum(counts.values()) for label, counts in self.counts.items()}

    def steps_of_run(self, production: float) -> int:
        """Integration steps of one run with so many ps of production."""
        length = self.settings.equilibrate.duration + production
        return round(length / (self.settings.timestep * units.FS_TO_PS))

    def steps(self, at_most: bool) -> int:
        """Integration steps of all runs."""
        return sum(row.runs * self.steps_of_run(row.most if at_most else row.least) for row in self.rows)

    def core_seconds(self, at_most: bool) -> float:
        """Computing time of all ranks of all runs together, s."""
        of_one = {label: number / self.speed for label, number in self.n_atoms.items()}
        mean = sum(of_one.values()) / len(of_one)
        return self.steps(at_most) * mean

    def seconds_waiting(self, at_most: bool) -> float:
        """Time until the end, s, where ``max_concurrent`` runs go side by side."""
        longest = max(self.steps_of_run(row.most if at_most else row.least) for row in self.rows)
        one = longest * max(self.n_atoms.values()) / (self.speed * self.ranks)
        side_by_side = min(self.max_concurrent, self.n_runs)
        return max(one, self.core_seconds(at_most) / self.ranks / side_by_side)

    def bytes_of_frames(self, at_home: bool, every: int = 1) -> float:
        """Size of the frames of all runs where each spends its budget.

        :param at_home: as positions in single precision; else as the simulation writes them.
        :param every: how many frames of the run there are to one that counts.
        """
        atoms = sum(self.n_atoms.values()) / len(self.n_atoms)
        frames = sum(row.runs * row.most for row in self.rows) / self.settings.frame_interval / every
        return frames * atoms * (_BYTES_HOME if at_home else _BYTES_STORED)


def plan_sweep(
    counts: Mapping[str, Mapping[str, int]],
    settings: SweepSettings,
    temperatures: Sequence[float],
    speed: float,
    speed_kind: str,
    **run: int,
) -> SweepPlan:
    """What checked settings mean.

    :param counts: atoms of each element, by the label of the glass.
    :param temperatures: K.
    :param speed: atom-steps per second and rank; ``speed_kind``: of which potentials.
    :param run: ``ranks``, ``seed``, ``max_concurrent``.
    """
    runs = len(counts) * settings.replicas
    rows = tuple(
        TemperatureRow(float(value), runs, settings.next_segment(0.0, value), settings.budget_at(value))
        for value in sorted(temperatures, reverse=True)
    )
    plain = {label: dict(of_glass) for label, of_glass in counts.items()}
    return SweepPlan(plain, settings, rows, speed, speed_kind, **run)


def size(number: float) -> str:
    """Bytes in the largest unit below."""
    for unit, factor in (('TB', 1e12), ('GB', 1e9), ('MB', 1e6)):
        if number >= factor:
            return f'{number / factor:.2g} {unit}' if number < 100 * factor else f'{number / factor:.0f} {unit}'
    return f'{number / 1e3:.0f} kB'
