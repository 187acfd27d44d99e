"""What ``glassion launch glass-ceramic`` says before it submits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli.launch_diffusion_sweep_text import spaced

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.launch_glass_ceramic_plan import CeramicPlan
    from aiida_glassion.potentials.potential import Potential


def describe(
    plan: CeramicPlan, crystal: str, origin: str, potential: Potential, warnings: Sequence[str] = ()
) -> RenderableType:
    """What will be done, ready to print.

    :param crystal: its name.
    :param origin: where the glass is from.
    :param warnings: of the potential.
    """
    from rich.console import Group
    from rich.text import Text

    from aiida_glassion.cli import show_parts as parts

    facts = parts.facts_table(_facts(plan, crystal, origin, potential))
    head = ['job', '<stage', '<ensemble', '<temperature', 'ps', 'steps']
    rows = [
        [
            row.job,
            row.name + (', crystal frozen' if row.job == 'heal' else ''),
            row.ensemble,
            row.temperature,
            f'{row.duration:g}' if row.steps else '',
            spaced(row.steps) if row.steps else '',
        ]
        for row in plan.stages
    ]
    shown: list[Any] = [parts.section('Glass-ceramic', f'{crystal} in {origin}'), facts]
    shown += [*parts.warning_lines(warnings), Text(), parts.numbers_table('', head, rows), Text(), _cost(plan)]
    return Group(*shown)


def _facts(plan: CeramicPlan, crystal: str, origin: str, potential: Potential) -> Iterator[tuple[str, str]]:
    from aiida_glassion.workchains import protocols

    report = plan.report
    yield 'glass', f'{plan.n_glass} atoms, {origin}'
    yield 'crystal', f'{crystal}: {plan.n_crystal} atoms in {grains_in_words(report["grains"])}'
    volume = f'{100 * report["fraction"]:.1f} % of the volume ({100 * report["fraction_wanted"]:g} % wanted)'
    if plan.n_alone:
        yield '', 'its mean cell with the potential is found first: what is below may change a little with it'
    yield 'fraction', f'{volume}, {100 * report["atom_fraction"]:.1f} % of the atoms'
    if report['match']:
        yield 'fit', match_in_words(report['match'])
    yield 'removed', removed_in_words(report)
    atoms = ', '.join(f'{number} {element}' for element, number in plan.counts.items())
    kept = 'its composition exact' if report['exact'] == 'formula' else 'glass and grain each exactly neutral'
    cell = ' × '.join(f'{length:.1f}' for length in plan.lengths)
    yield 'atoms', f'{plan.n_atoms}: {atoms}; {kept}; cell {cell} Å'
    yield 'potential', f'{potential.name} ({potential.kind})'
    yield '', potential.citation or 'no citation given'
    about = protocols.available('glass_ceramic').get(plan.settings.protocol)
    yield 'protocol', plan.settings.protocol + (f': {about}' if about else '')
    yield 'runs', f'{plan.jobs} jobs, {plan.ranks} MPI rank{"s" * (plan.ranks > 1)} each; seed {plan.seed}'


def grains_in_words(grains: Sequence[Any]) -> str:
    """``2 spheres of 14.1 Å``; a slab by its thickness."""
    first = grains[0]
    if first['shape'] == 'sphere':
        number = f'{len(grains)} spheres' if len(grains) > 1 else 'a sphere'
        return f'{number} of {first["diameter"]:.1f} Å across'
    if first['shape'] == 'slit':
        return f'a slab of {first["width"]:.1f} Å across {first["axis"]}'
    return 'a box of ' + ' × '.join(f'{length:.2f}' for length in first['lengths']) + ' of the cell'


def match_in_words(match: Any) -> str:
    """How a slab fits the cell."""
    plane = ' '.join(f'{index:g}' for index in match['miller'])
    low, high = (100 * strain for strain in match['strains'])
    supercell = ', '.join('[' + ' '.join(str(n) for n in row) + ']' for row in match['supercell'])
    return f'plane ({plane}), supercell {supercell}, strained by {low:+.2f} and {high:+.2f} %'


def removed_in_words(report: Any) -> str:
    """How many atoms of the glass went, and why."""
    also = report['n_also_removed']
    far = '' if not also else f' (up to {report["farthest_also_removed"]:.1f} Å from the surface)'
    return (
        f'{report["n_inside"]} atoms of the glass within, {report["n_overlapping"]} too near to the crystal, '
        f'{also} to keep the numbers whole{far}'
    )


def _cost(plan: CeramicPlan) -> RenderableType:
    """How much work it is, and at which speed that was reckoned."""
    from rich.text import Text

    from aiida_glassion.cli.watch import duration

    alone = f', {spaced(plan.steps_alone)} of {plan.n_alone}' if plan.n_alone else ''
    basis = f'{plan.speed:,.0f} atom-steps/s per rank ({plan.speed_kind} forces)'.replace(',', ' ')
    return Text.assemble(
        f'  {spaced(plan.steps)} steps of {plan.n_atoms} atoms{alone}: about ',
        (duration(plan.core_seconds / plan.ranks), 'bold'),
        f', {plan.core_seconds / 3600:.2g} core-hours\n  at {basis}; yours may differ by a factor of 3.',
    )
