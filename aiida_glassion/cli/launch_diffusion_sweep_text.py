"""What ``glassion launch diffusion-sweep`` says before it submits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli.launch_diffusion_sweep_plan import SweepPlan, size
from aiida_glassion.kernels.transport.sweep import formula_of
from aiida_glassion.kernels.transport.sweep_plan import ions_in

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.potentials.potential import Potential


def describe(
    plan: SweepPlan, potential: Potential, origins: Mapping[str, str], beside: str | None, warnings: Sequence[str] = ()
) -> RenderableType:
    """What will be done, ready to print.

    :param origins: where each glass is from, by label.
    :param beside: computer on which the frames stay; None: they come home.
    :param warnings: of the potential.
    """
    from rich.console import Group
    from rich.text import Text

    from aiida_glassion.cli import show_parts as parts

    settings = plan.settings
    formulas = [formula_of(counts) for counts in plan.counts.values()]
    title = ', '.join(dict.fromkeys(formulas))
    facts = parts.facts_table(
        [
            *_glasses(plan, formulas, origins),
            ('potential', f'{potential.name} ({potential.kind})'),
            ('', potential.citation or 'no citation given'),
            *_choices(plan),
            ('frames', _frames(plan, beside)),
        ]
    )
    head = ['T / K', 'runs', 'equilibrate / ps', 'production / ps', 'steps of a run']
    before = f'{settings.equilibrate.duration:g} {settings.equilibrate.ensemble.upper()}'
    rows = [
        [
            f'{row.temperature:g}',
            str(row.runs),
            before,
            _between(f'{row.least:g}', f'{row.most:g}'),
            _between(spaced(plan.steps_of_run(row.least)), spaced(plan.steps_of_run(row.most))),
        ]
        for row in plan.rows
    ]
    shown: list[Any] = [parts.section('Diffusion sweep', title), facts, *parts.warning_lines(warnings)]
    shown += [Text(), parts.numbers_table('', head, rows), Text(), _cost(plan)]
    return Group(*shown)


def _glasses(plan: SweepPlan, formulas: Sequence[str], origins: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for number, (label, formula) in enumerate(zip(plan.counts, formulas, strict=True)):
        atoms = ', '.join(f'{count} {element}' for element, count in plan.counts[label].items())
        text = f'{label}: {plan.n_atoms[label]} atoms ({atoms}), {formula}, {origins[label]}'
        yield ('' if number else 'glasses', text)


def _choices(plan: SweepPlan) -> Iterator[tuple[str, str]]:
    from aiida_glassion.workchains import protocols

    settings, glasses = plan.settings, len(plan.counts)
    about = protocols.available('diffusion_sweep').get(settings.protocol)
    yield 'protocol', settings.protocol + (f': {about}' if about else '')
    each = f'{len(plan.rows)} temperatures × {glasses} glass{"es" * (glasses > 1)} × {settings.replicas}'
    side = f'at most {min(plan.n_runs, plan.max_concurrent)} at a time'
    yield 'runs', f'{plan.n_runs}: {each}, {side}; seed {plan.seed}; {plan.ranks} MPI rank{"s" * (plan.ranks > 1)} each'
    ions = sorted({ion for counts in plan.counts.values() for ion in ions_in(settings, counts)})
    charges = settings.charges
    told = ', '.join(f'{element} {value:+g}' for element, value in charges.items()) if charges else 'formal charges'
    yield 'ions', f'{", ".join(ions)}; {told}' + (' (e)' if charges else '')
    share = f'{100 * settings.relative_error:g} %'
    yield 'a run ends', f'when its ions are diffusive and the error of their D is {share}, or its budget is spent'


def _frames(plan: SweepPlan, beside: str | None) -> str:
    every, copied = plan.settings.frame_interval, plan.settings.copy_every
    if beside is None:
        return f'every {every:g} ps; all come home and are analysed here, up to {size(plan.bytes_of_frames(True))}'
    stay = f'stay on {beside}, up to {size(plan.bytes_of_frames(False))}, and are analysed there'
    return f'every {every:g} ps; they {stay}; one in {copied} comes home, {size(plan.bytes_of_frames(True, copied))}'


def _cost(plan: SweepPlan) -> RenderableType:
    """How much work it is, and at which speed that was reckoned."""
    from rich.text import Text

    from aiida_glassion.cli.watch import duration

    steps = _between(spaced(plan.steps(False)), spaced(plan.steps(True)))
    sizes = _between(str(min(plan.n_atoms.values())), str(max(plan.n_atoms.values())))
    hours = _between(f'{plan.core_seconds(False) / 3600:.2g}', f'{plan.core_seconds(True) / 3600:.2g}')
    times = _between(*(duration(plan.seconds_waiting(at_most)) for at_most in (False, True)))
    basis = f'{plan.speed:,.0f} atom-steps/s per rank ({plan.speed_kind} forces)'.replace(',', ' ')
    return Text.assemble(
        f'  {steps} steps of {sizes} atoms in all: about ',
        (times, 'bold'),
        f', {hours} core-hours\n  at {basis}; yours may differ by a factor of 3. The analyses come on top.',
    )


def _between(least: str, most: str) -> str:
    return least if least == most else f'{least} … {most}'


def spaced(number: int) -> str:
    """Thousands apart."""
    return f'{number:_}'.replace('_', ' ')
