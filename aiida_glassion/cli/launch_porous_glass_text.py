"""What ``glassion launch porous-glass`` says before it submits: the pores, what is taken out, how it is relaxed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.pores import shape_from_dict
from aiida_glassion.kernels.build.porous import PorousGlass, carve_glass
from aiida_glassion.kernels.build.porous_plan import PorousSettings, pores_in_words
from aiida_glassion.kernels.transport.sweep import formula_of
from aiida_glassion.schedule import Schedule

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.launch_glasses import Glass
    from aiida_glassion.potentials.potential import Potential


@dataclass(frozen=True, eq=False)
class PorousPlan:
    """A porous glass before it is submitted: cut already, not relaxed.

    :param density: of the glass without pores, g/cm³.
    """

    counts: dict[str, int]
    density: float
    settings: PorousSettings
    carved: PorousGlass
    schedule: Schedule
    potential: Potential
    seed: int


def plan_porous(
    frames: Frames,
    settings: PorousSettings,
    seed: int,
    charges: Mapping[str, float] | None,
    potential: Potential,
) -> PorousPlan:
    """Cut as the WorkChain will.

    :param charges: that must sum to zero, e.
    :raises ValueError: the pores cannot be cut.
    """
    carved = carve_glass(frames, settings, seed, charges)
    schedule = settings.schedule()
    return PorousPlan(frames.counts, float(frames.densities[-1]), settings, carved, schedule, potential, seed)


def describe(plan: PorousPlan, glass: Glass, ranks: int, warnings: Sequence[str] = ()) -> RenderableType:
    """What will be done, ready to print.

    :param warnings: of the potential.
    """
    from rich.console import Group
    from rich.text import Text

    from aiida_glassion.cli import show_parts as parts
    from aiida_glassion.cli.launch_diffusion_sweep_text import spaced
    from aiida_glassion.cli.launch_plan import stage_row

    rows = [stage_row('relax', stage) for stage in plan.schedule.plan()]
    cells = [
        [row.name, row.ensemble, row.temperature, f'{row.duration:g}' if row.steps else '', spaced(row.steps)]
        for row in rows
    ]
    shown: list[Any] = [
        parts.section('Porous glass', formula_of(plan.counts)),
        parts.facts_table(_facts(plan, glass)),
        *parts.warning_lines(warnings),
        Text(),
        parts.numbers_table('', ['stage', '<ensemble', '<temperature', 'ps', 'steps'], cells),
        Text(),
        _cost(plan, ranks),
    ]
    return Group(*shown)


def _facts(plan: PorousPlan, glass: Glass) -> Iterator[tuple[str, str]]:
    from aiida_glassion.workchains import protocols

    record, frames = plan.carved.record, plan.carved.frames
    carving = record['carving']
    yield 'glass', f'{glass.label}: {in_words(plan.counts)}, {glass.origin}'
    yield 'potential', f'{plan.potential.name} ({plan.potential.kind})'
    yield '', plan.potential.citation or 'no citation given'
    about = protocols.available('porous_glass').get(plan.settings.protocol)
    yield 'protocol', plan.settings.protocol + (f': {about}' if about else '')
    shapes = [shape_from_dict(entry) for entry in record['pores']]
    yield 'pores', f'{pores_in_words(shapes)}; porosity {record["porosity"]:.4f}; seed {plan.seed}'
    gone = {element: n - carving['counts_after'].get(element, 0) for element, n in plan.counts.items()}
    yield 'taken out', f'{in_words({element: n for element, n in gone.items() if n})}; {chosen_in_words(carving)}'
    yield 'left', f'{in_words(frames.counts)}; {kept_in_words(carving)}'
    yield 'density', f'{plan.density:.3f} → {float(frames.densities[-1]):.3f} g/cm³ as cut'


def in_words(counts: Mapping[str, int]) -> str:
    """``600 atoms (80 Na, 360 O, 160 Si)``."""
    each = ', '.join(f'{number} {element}' for element, number in counts.items())
    return f'{sum(counts.values())} atoms ({each})'


def chosen_in_words(carving: Mapping[str, Any]) -> str:
    """How many atoms were chosen besides those within, and how far from the surface they are."""
    also, left = carving['n_also_removed'], carving['n_left_inside']
    words = f'{carving["n_inside"]} lie within'
    if also:
        words += f', {also} outside go too, up to {carving["farthest_also_removed"]:.2f} Å from the surface'
    if left:
        words += f', {left} within stay, up to {carving["deepest_left_inside"]:.2f} Å deep'
    return words


def kept_in_words(carving: Mapping[str, Any]) -> str:
    """What held exactly."""
    if carving['units_after'] is not None:
        unit = formula_of(carving['unit'])
        return f'{carving["units_after"]} of {carving["units_before"]} units {unit}, exactly'
    change = 100 * carving['composition_change']
    return f'exactly neutral, the composition within {change:.2g} at. %'


def _cost(plan: PorousPlan, ranks: int) -> RenderableType:
    from rich.text import Text

    from aiida_glassion.cli.launch_diffusion_sweep_text import spaced
    from aiida_glassion.cli.launch_plan import ATOM_STEPS_PER_SECOND, speed_kind
    from aiida_glassion.cli.watch import duration

    kind = speed_kind(plan.potential)
    speed, n_atoms, steps = ATOM_STEPS_PER_SECOND[kind], plan.carved.frames.n_atoms, plan.schedule.last_step
    seconds = steps * n_atoms / speed
    return Text.assemble(
        f'  1 job, {spaced(steps)} steps of {n_atoms} atoms: about ',
        (duration(seconds / ranks), 'bold'),
        f', {seconds / 3600:.2g} core-hours\n  at {spaced(round(speed))} atom-steps/s per rank ({kind} forces); '
        'yours may differ by a factor of 3.',
    )
