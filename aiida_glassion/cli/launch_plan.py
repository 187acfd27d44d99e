"""What a melt-quench will do, worked out before anything is submitted. Knows nothing of AiiDA."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.apportion import Apportionment, apportion, formula_unit_counts
from aiida_glassion.kernels.build.composition import Composition, parse_composition
from aiida_glassion.kernels.build.density import estimate_density
from aiida_glassion.kernels.build.melt_quench import melt_schedule, quench_schedule
from aiida_glassion.potentials import library
from aiida_glassion.potentials.potential import Potential
from aiida_glassion.schedule import Hold, Ramp, StagePlan, Timeless

ATOM_STEPS_PER_SECOND = {'long-range': 1.2e5, 'cut off': 4e5, 'deepmd': 7.4e3, 'gap': 430.0}
"""Per MPI rank, measured on one core of a desktop machine: pppm, dsf, compressed DeePMD, GAP."""


@dataclass(frozen=True)
class StageRow:
    """A stage in words: job, name, ensemble, temperature, ps, steps."""

    job: str
    name: str
    ensemble: str
    temperature: str
    duration: float
    steps: int


@dataclass(frozen=True)
class Plan:
    """A melt-quench before it is submitted.

    :param counts: atoms of each element.
    :param deviation: largest deviation of an atomic fraction from the wanted one; None for a configuration.
    :param density: g/cm³, and ``density_from``: where it comes from.
    :param stages: of one replica.
    :param longest: steps of one replica one after another, when all its quenches run side by side.
    :param speed: atom-steps per second and rank that the estimate assumes, for potentials of ``speed_kind``.
    """

    title: str
    counts: dict[str, int]
    n_atoms_wanted: int | None
    deviation: float | None
    units: dict[str, int] | None
    density: float
    density_from: str
    settings: dict[str, Any]
    stages: tuple[StageRow, ...]
    steps: int
    longest: int
    speed: float
    speed_kind: str
    ranks: int
    seed: int
    max_concurrent: int

    @property
    def n_atoms(self) -> int:
        """Atoms of one replica."""
        return sum(self.counts.values())

    @property
    def total_steps(self) -> int:
        """Integration steps of all replicas and rates."""
        return int(self.settings['replicas'] * self.steps)

    @property
    def seconds_waiting(self) -> float:
        """Time until the end, s, where every job of a replica and ``max_concurrent`` replicas run side by side."""
        batches = math.ceil(self.settings['replicas'] / self.max_concurrent)
        return float(batches * self.longest * self.n_atoms / (self.speed * self.ranks))

    @property
    def core_seconds(self) -> float:
        """Computing time of all ranks of all jobs together, s."""
        return self.total_steps * self.n_atoms / self.speed


def candidates(elements: Sequence[str]) -> list[str]:
    """Published potentials that cover some elements; one that rests on a single source only where no other does."""
    tables = {name: library.read_table(name) for name in library.available()}
    covering = [name for name, table in tables.items() if set(elements) <= set(table['charges'])]
    return [name for name in covering if not tables[name].get('one-source')] or covering


def choose_potential(elements: Sequence[str]) -> str:
    """The one published potential that covers some elements.

    :raises ValueError: none does, or several do; says which.
    """
    found = candidates(elements)
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f'{" and ".join(found)} cover {", ".join(elements)}; choose one with --potential {found[0]}')
    known = '; '.join(
        f'{name} lacks {", ".join(sorted(set(elements) - set(library.read_table(name)["charges"])))}'
        for name in library.available()
    )
    raise ValueError(
        f'no published potential covers {", ".join(elements)} ({known}); give your own with --potential FILE.yaml'
    )


def load_published(
    name: str, elements: Sequence[str], coulomb: str, valences: Mapping[str, int]
) -> tuple[Potential, list[str]]:
    """A published potential for some elements, and what it warns of.

    :raises ValueError: unknown, or it lacks an element.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', library.OneSourceWarning)
        potential = library.load(name, elements, coulomb=coulomb, valences=valences)
    return potential, [str(entry.message) for entry in caught if issubclass(entry.category, library.OneSourceWarning)]


def speed_kind(potential: Potential) -> str:
    """Which of :data:`ATOM_STEPS_PER_SECOND` a potential is nearest to."""
    if potential.kind in ATOM_STEPS_PER_SECOND:
        return potential.kind
    is_long = any(command.startswith('kspace_style') for command in potential.commands)
    return 'long-range' if is_long else 'cut off'


def plan_composition(
    text: str,
    potential: Potential,
    settings: Mapping[str, Any],
    oxidation_states: Mapping[str, float] | None = None,
    density: float | None = None,
    **run: int,
) -> Plan:
    """Plan for a composition to be packed.

    :param run: ``ranks``, ``seed``, ``max_concurrent``.
    :raises ValueError: the composition cannot be packed, or is not neutral with the charges of the potential.
    """
    composition: Composition = parse_composition(text)
    states = dict(oxidation_states or {}) or None
    divide = formula_unit_counts if settings['pack_by'] == 'units' else apportion
    found: Apportionment = divide(composition, settings['n_atoms'], states)
    if density is None:
        estimate = estimate_density(composition, states)
        value, source = estimate.value, f'estimated: {estimate.method}'
    else:
        value, source = density, 'as given'
    _check_neutral(potential, found.counts)
    return Plan(
        title=composition.label,
        counts=found.counts,
        n_atoms_wanted=settings['n_atoms'],
        deviation=found.max_deviation,
        units=found.units,
        density=value,
        density_from=source,
        **_run(potential, settings, run),
    )


def plan_configuration(
    name: str, frames: Frames, potential: Potential, settings: Mapping[str, Any], **run: int
) -> Plan:
    """Plan for a configuration to be melted; its last frame is taken.

    :raises ValueError: it is not periodic, or not neutral with the charges of the potential.
    """
    if not all(frames.pbc):
        raise ValueError(f'{name}: periodic in {frames.pbc}; a cell that is periodic in all three directions is needed')
    _check_neutral(potential, frames.counts)
    return Plan(
        title=name.rpartition('/')[2],
        counts=frames.counts,
        n_atoms_wanted=None,
        deviation=None,
        units=None,
        density=float(frames.densities[-1]),
        density_from='of the configuration',
        **_run(potential, settings, run),
    )


def _check_neutral(potential: Potential, counts: Mapping[str, int]) -> None:
    net = potential.net_charge(counts)
    if abs(net) > 1e-6 * sum(counts.values()):
        raise ValueError(
            f'with the charges of potential {potential.name} these atoms are not neutral ({net:+.4g} e): '
            f'{", ".join(f"{element} {potential.charges.get(element, 0.0):+g}" for element in counts)}. They '
            'belong to certain oxidation states: --oxidation (and --valence, where it has several) must agree with them'
        )


def _run(potential: Potential, settings: Mapping[str, Any], run: Mapping[str, int]) -> dict[str, Any]:
    """The part of a plan that does not depend on where the atoms come from."""
    melt = melt_schedule(settings)
    quenches = {rate: quench_schedule(settings, rate) for rate in settings['rates']}
    stages = [stage_row('melt', plan) for plan in melt.plan()]
    for rate, schedule in quenches.items():
        stages += [stage_row(f'quench {rate:g} K/ps', plan) for plan in schedule.plan()]
    kind = speed_kind(potential)
    return {
        'settings': dict(settings),
        'stages': tuple(stages),
        'steps': melt.last_step + sum(schedule.last_step for schedule in quenches.values()),
        'longest': melt.last_step + max(schedule.last_step for schedule in quenches.values()),
        'speed': ATOM_STEPS_PER_SECOND[kind],
        'speed_kind': kind,
        **run,
    }


def stage_row(job: str, plan: StagePlan) -> StageRow:
    """A stage of a schedule in words.

    :param job: which job runs it.
    """
    stage = plan.stage
    if isinstance(stage, Timeless):
        return StageRow(job, stage.name, stage.kind, '', 0.0, 0)
    temperature = f'{stage.temperature:g} K'
    if isinstance(stage, Ramp):
        temperature = f'{stage.temperature:g} → {stage.temperature_end:g} K'
    ensemble = stage.ensemble.upper() if isinstance(stage, (Hold, Ramp)) else f'{stage.ensemble.upper()}, {stage.kind}'
    if stage.ensemble == 'npt':
        ensemble += f' {stage.pressure:g} GPa'
    return StageRow(job, stage.name, ensemble, temperature, plan.time_at(plan.last) - plan.time, plan.steps)
