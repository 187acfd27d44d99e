"""What ``glassion launch elastic`` says before it submits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli.launch_diffusion_sweep_text import spaced
from aiida_glassion.cli.launch_elastic_plan import MINIMISER_STEPS, ElasticPlan
from aiida_glassion.kernels.transport.sweep import formula_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.potentials.potential import Potential

_METHODS = {'bulk': 'bulk modulus', 'stiffness': 'all elastic constants'}
_COUPLED = {
    'none': 'its cell stays as it is', 'iso': 'its size follows', 'aniso': 'its three lengths follow',
    'tri': 'lengths and angles follow',
}  # fmt: skip


def describe(
    plan: ElasticPlan, potential: Potential, origins: Mapping[str, str], warnings: Sequence[str] = ()
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
    head = ['T / K', 'samples', 'jobs of each', 'strained states', 'at no strain', '<each state', 'steps of each']
    rows = [
        [
            '0' if row.temperature == 0 else f'{row.temperature:g}',
            str(row.samples),
            str(row.jobs),
            str(row.strained),
            str(row.unstrained),
            'minimised' if row.temperature == 0 else f'{plan.settings.settle:g} + {plan.settings.sample:g} ps',
            f'~ {spaced(row.steps)}' if row.temperature == 0 else spaced(row.steps),
        ]
        for row in plan.rows
    ]
    shown: list[Any] = [parts.section('Elasticity', title), facts, *parts.warning_lines(warnings)]
    shown += [Text(), parts.numbers_table('', head, rows), Text(), _cost(plan)]
    return Group(*shown)


def _glasses(plan: ElasticPlan, origins: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for number, (label, counts) in enumerate(plan.counts.items()):
        atoms = ', '.join(f'{count} {element}' for element, count in counts.items())
        text = f'{label}: {plan.n_atoms[label]} atoms ({atoms}), {formula_of(counts)}, {origins[label]}'
        yield ('' if number else 'glasses', text)
    pooled = {group: names for group, names in plan.groups.items() if len(names) > 1}
    if pooled:
        told = '; '.join(f'{group}: {", ".join(names)}' for group, names in pooled.items())
        yield 'replicas', told


def _choices(plan: ElasticPlan) -> Iterator[tuple[str, str]]:
    from aiida_glassion.workchains import protocols

    settings = plan.settings
    about = protocols.available('elastic').get(settings.protocol)
    yield 'protocol', settings.protocol + (f': {about}' if about else '')
    side = f'at most {min(plan.n_samples, plan.max_concurrent)} at a time'
    ranks = f'{plan.ranks} MPI rank{"s" * (plan.ranks > 1)} each'
    yield 'samples', f'{plan.n_samples} in {plan.n_jobs} jobs, {side}; seed {plan.seed}; {ranks}'
    yield 'wanted', ', '.join(_METHODS[method] for method in settings.methods)
    if 'stiffness' in settings.methods:
        yield 'strains', f'±{_percent(settings.strains)} in each of six components'
    if 'bulk' in settings.methods:
        yield 'volume', f'±{_percent(settings.volume_strains)}'
    before = _COUPLED[settings.coupling]
    yield 'before', before if settings.coupling == 'none' else f'{before} {settings.pressure:g} GPa'


def _percent(sizes: Sequence[float]) -> str:
    return ', ±'.join(f'{100 * size:g} %' for size in sizes)


def _cost(plan: ElasticPlan) -> RenderableType:
    """How much work it is, and at which speed that was reckoned."""
    from rich.text import Text

    from aiida_glassion.cli.watch import duration

    least, most = min(plan.n_atoms.values()), max(plan.n_atoms.values())
    sizes = str(least) if least == most else f'{least} … {most}'
    steps = spaced(sum(row.samples * row.steps for row in plan.rows))
    basis = f'{plan.speed:,.0f} atom-steps/s per rank ({plan.speed_kind} forces)'.replace(',', ' ')
    cold = f'; a minimisation counts as {MINIMISER_STEPS} steps' if any(row.minimisations for row in plan.rows) else ''
    return Text.assemble(
        f'  {steps} steps of {sizes} atoms in all: about ',
        (duration(plan.seconds_waiting), 'bold'),
        f', {plan.core_seconds / 3600:.2g} core-hours\n  at {basis}{cold}; yours may differ by a factor of 3.',
    )
