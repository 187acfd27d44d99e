"""What ``glassion launch fracture`` says before it submits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli.launch_diffusion_sweep_plan import size as bytes_told
from aiida_glassion.cli.launch_diffusion_sweep_text import spaced
from aiida_glassion.cli.launch_fracture_plan import MINIMISER_STEPS, FracturePlan, PullRow, per_second
from aiida_glassion.kernels.mechanics.fracture import HIGHEST_RATE, LEAST_ATOMS
from aiida_glassion.kernels.mechanics.pull_plan import size_label
from aiida_glassion.kernels.transport.sweep import formula_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.potentials.potential import Potential

_LATERAL = {'free': 'free, at {:g} GPa', 'fixed': 'fixed'}


def describe(
    plan: FracturePlan, potential: Potential, origins: Mapping[str, str], warnings: Sequence[str] = ()
) -> RenderableType:
    """What will be done, ready to print.

    :param origins: where each glass is from, by label.
    :param warnings: of the potential.
    """
    from rich.console import Group
    from rich.text import Text

    from aiida_glassion.cli import show_parts as parts

    title = ', '.join(dict.fromkeys(formula_of(counts) for counts in plan.counts.values()))
    facts = parts.facts_table(
        [
            *_glasses(plan, origins),
            ('potential', f'{potential.name} ({potential.kind})'),
            ('', potential.citation or 'no citation given'),
            *_choices(plan),
        ]
    )
    head = ['glass', '<kind', '<along', 'size', 'rate / 1/s', 'atoms', 'cell / Å', 'notch / Å', 'jobs', 'steps']
    shown: list[Any] = [parts.section('Fracture', title), facts, *parts.warning_lines([*warnings, *_remarks(plan)])]
    shown += [Text(), parts.numbers_table('', head, map(_row, plan.rows)), Text(), _cost(plan)]
    return Group(*shown)


def _glasses(plan: FracturePlan, origins: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for number, (label, counts) in enumerate(plan.counts.items()):
        atoms = ', '.join(f'{count} {element}' for element, count in counts.items())
        text = f'{label}: {sum(counts.values())} atoms ({atoms}), {formula_of(counts)}, {origins[label]}'
        yield ('' if number else 'glasses', text)


def _choices(plan: FracturePlan) -> Iterator[tuple[str, str]]:
    from aiida_glassion.workchains import protocols

    settings = plan.settings
    about = protocols.available('fracture').get(settings.protocol)
    yield 'protocol', settings.protocol + (f': {about}' if about else '')
    side = f'at most {min(plan.n_pulls, plan.max_concurrent)} at a time'
    ranks = f'{plan.ranks} MPI rank{"s" * (plan.ranks > 1)} each'
    yield 'pulls', f'{plan.n_pulls}, {side}; seed {plan.seed}; {ranks}'
    if settings.mode == 'steps':
        then = ', minimise' if settings.measure == 'minimised' else ''
        how = f'in steps of {100 * settings.step:g} %: strain, minimise, {settings.hold:g} ps{then}'
    else:
        how = 'at a constant rate of the length at the start'
    yield 'pulled', f'{how}; {settings.temperature:g} K; sides {_LATERAL[settings.lateral].format(settings.pressure)}'
    part = f'{100 * settings.broken_part:g} %'
    yield 'ends', f'stress below {part} of the strength over {settings.lasting:g} of strain, or {settings.max_strain:g}'
    stored = bytes_told(plan.bytes_of_snapshots)
    yield 'snapshots', f'every {settings.snapshots_every:g} of strain, at most {stored}'


def _row(row: PullRow) -> list[str]:
    notch = '–' if row.notch is None else ' × '.join(f'{length:.0f}' for length in row.notch)
    return [
        row.glass,
        row.kind,
        ', '.join(row.axes),
        size_label(row.size),
        'steps' if row.rate is None else f'{per_second(row.rate):.0e}',
        spaced(row.n_atoms) + (f' of {spaced(row.n_before)}' if row.notch is not None else ''),
        ' × '.join(f'{length:.0f}' for length in row.lengths),
        notch,
        str(row.jobs),
        spaced(row.steps),
    ]


def _remarks(plan: FracturePlan) -> Iterator[str]:
    """What the reader should know before it begins."""
    small = [row.n_atoms for row in plan.rows if row.kind == 'notched' and row.n_atoms < LEAST_ATOMS]
    if small:
        yield (
            f'{spaced(min(small))} atoms with a notch: below {spaced(LEAST_ATOMS)} K_Ic depends on the size '
            '(arXiv:1910.06181); compare only samples of one size'
        )
    fast = [rate for rate in plan.settings.rates if rate > HIGHEST_RATE]
    if fast:
        yield f'{per_second(max(fast)):.0e} 1/s is fast: strength and toughness rise with the rate'
    if 'tension' not in plan.settings.kinds:
        yield 'no tension without a notch: K_Ic takes E from --young, else from the notched sample, which is too soft'


def _cost(plan: FracturePlan) -> RenderableType:
    """How much work it is, and at which speed that was reckoned."""
    from rich.text import Text

    from aiida_glassion.cli.watch import duration

    steps = spaced(sum(len(row.axes) * row.steps for row in plan.rows))
    least, most = (spaced(end(row.n_atoms for row in plan.rows)) for end in (min, max))
    sizes = least if least == most else f'{least} … {most}'
    basis = f'{plan.speed:,.0f} atom-steps/s per rank ({plan.speed_kind} forces)'.replace(',', ' ')
    return Text.assemble(
        f'  at most {steps} steps of {sizes} atoms in all: about ',
        (duration(plan.seconds_waiting), 'bold'),
        f', {plan.core_seconds / 3600:.2g} core-hours\n  at {basis}; a minimisation counts as {MINIMISER_STEPS} steps; '
        'yours may differ by a factor of 3. A pull that breaks earlier ends earlier.',
    )
