"""What a glass-ceramic will be, built before anything is submitted. Knows nothing of AiiDA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_glassion.cli.launch_plan import ATOM_STEPS_PER_SECOND, StageRow, speed_kind, stage_row
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.glass_ceramic import build_glass_ceramic
from aiida_glassion.kernels.build.glass_ceramic_crystal import supercell
from aiida_glassion.kernels.build.glass_ceramic_settings import GlassCeramicSettings, read_grains, read_settings
from aiida_glassion.potentials.potential import Potential


@dataclass(frozen=True)
class CeramicPlan:
    """A glass-ceramic before it is submitted.

    :param n_glass: atoms of the glass that is given.
    :param counts: atoms of each element of what is built.
    :param n_crystal: atoms of crystal in it.
    :param report: of the build, as the process will make it.
    :param lengths: of the cell, Å.
    :param n_alone: atoms of the crystal's supercell that is run alone; 0: it is not.
    :param stages: of all runs.
    :param speed: atom-steps per second and rank that the estimate assumes, for potentials of ``speed_kind``.
    """

    n_glass: int
    counts: dict[str, int]
    n_crystal: int
    n_alone: int
    report: dict[str, Any]
    lengths: tuple[float, float, float]
    settings: GlassCeramicSettings
    stages: tuple[StageRow, ...]
    jobs: int
    steps: int
    steps_alone: int
    speed: float
    speed_kind: str
    ranks: int
    seed: int

    @property
    def n_atoms(self) -> int:
        """Atoms of what is built."""
        return sum(self.counts.values())

    @property
    def core_seconds(self) -> float:
        """Computing time of all ranks together, s."""
        return (self.steps * self.n_atoms + self.steps_alone * self.n_alone) / self.speed


def plan_glass_ceramic(
    glass: Frames,
    crystal: Frames,
    settings: Mapping[str, Any],
    potential: Potential,
    charges: Mapping[str, float] | None = None,
    *,
    seed: int,
    ranks: int,
) -> CeramicPlan:
    """Build it, and count the steps.

    :param settings: checked.
    :raises ValueError: it cannot be built; names the setting.
    """
    chosen = read_settings(settings)
    try:
        made = build_glass_ceramic(glass, crystal, read_grains(chosen.grains), seed, charges)
    except ValueError as error:
        words = str(error)
        raise ValueError(words if words.startswith(('glass', 'crystal', 'charges')) else f'grains.{words}') from None
    schedules = {'crystal': chosen.crystal_run(), 'heal': chosen.healing(), 'relax': chosen.relaxation()}
    planned = {job: schedule.plan() for job, schedule in schedules.items() if schedule is not None}
    kind = speed_kind(potential)
    a, b, c = (float(length) for length in np.linalg.norm(made.frames.cells[-1], axis=1))
    return CeramicPlan(
        n_glass=glass.n_atoms,
        counts=made.frames.counts,
        n_crystal=int((made.grain >= 0).sum()),
        n_alone=supercell(crystal, chosen.crystal.size).n_atoms if 'crystal' in planned else 0,
        report=made.report,
        lengths=(a, b, c),
        settings=chosen,
        stages=tuple(stage_row(job, plan) for job, plans in planned.items() for plan in plans),
        jobs=len(planned),
        steps=sum(plans[-1].last for job, plans in planned.items() if job != 'crystal'),
        steps_alone=planned['crystal'][-1].last if 'crystal' in planned else 0,
        speed=ATOM_STEPS_PER_SECOND[kind],
        speed_kind=kind,
        ranks=ranks,
        seed=seed,
    )
