"""``glassion launch melt-quench``: from a composition to a glass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import (
    Assignment,
    Walltime,
    code_of,
    committee_of,
    configuration_node,
    job_options,
    oxidation_of,
    potential_of,
    read_configuration,
    settings_of,
)
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.launch_plan import Plan
    from aiida_glassion.potentials.potential import Potential

_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command('melt-quench')
@click.argument('composition', required=False)
@click.option('--configuration', metavar='FILE|PK', help='Melt this instead (extXYZ, CIF, POSCAR, LAMMPS data; node).')
@click.option(
    '--potential', metavar='NAME|FILE|PK', help='Published, a YAML file, a node, or a training: its committee watches.'
)
@click.option('--coulomb', type=click.Choice(['pppm', 'dsf']), default='pppm', show_default=True)
@click.option('--valence', 'valences', type=Assignment(), multiple=True, help='V=4: where a potential has several.')
@click.option('--protocol', metavar='NAME', help='fast, moderate, napso, aau, pmmcs.  [default: moderate]')
@click.option('--atoms', type=int, help='Atoms of one replica.')
@click.option('--replicas', type=int, help='How many independent glasses.')
@click.option('--rate', 'rates', type=_POSITIVE, multiple=True, help='Quench rate, K/ps; several from one melt.')
@click.option('--melt-temperature', type=_POSITIVE, help='K.')
@click.option('--density', type=click.FloatRange(0.1, 25), help='Of the packed box, g/cm³.  [default: estimated]')
@click.option('--oxidation', type=Assignment(), multiple=True, help='V=4.5: oxidation state other than the usual one.')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting of the protocol: relax.0.x=…')
@click.option('--seed', type=click.IntRange(min=0), default=1, show_default=True, help='Of the whole study.')
@click.option('--ranks', type=click.IntRange(min=1), default=1, show_default=True, help='MPI ranks of each job.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.')
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS; a job that is cut goes on in the next one.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@click.option('--max-concurrent', type=click.IntRange(min=1), default=2, show_default=True, help='Replicas at a time.')
@click.option('--code', default='lmp@localhost', show_default=True, help='LAMMPS.')
@click.option('--packmol', default='packmol@localhost', show_default=True, help='Packmol.')
@submission_options
@click.pass_context
def melt_quench(
    ctx: click.Context,
    /,
    profile: str | None,
    **given: Any,
) -> None:
    """Melt and quench COMPOSITION (20Na2O-80SiO2, 70Li2S-30P2S5, Na3PS3.85O0.15 …), or a configuration.

    \b
    glassion launch melt-quench 20Na2O-80SiO2 --potential pmmcs --protocol fast --dry-run
    """  # noqa: D301
    if (given['composition'] is None) == (given['configuration'] is None):
        raise GlassionError('Give either a COMPOSITION, e.g. 20Na2O-80SiO2, or --configuration.', exit_code=2)
    terminal = console()
    load(profile)
    potential_node, warnings = potential_of(given)
    plan = _plan(given, potential_node.potential)
    terminal.print(describe(plan, potential_node.potential, given['coulomb'], warnings))
    codes = {name: code_of(given[name], name, plugin) for name, plugin in _codes_needed(given).items()}
    builder = _builder(given, plan, potential_node, codes)
    submit(ctx, builder, given)


def _plan(given: Mapping[str, Any], potential: Potential) -> Plan:
    from aiida_glassion.cli import launch_plan

    settings = settings_of(given)
    run = {name: given[name] for name in ('ranks', 'seed', 'max_concurrent')}
    try:
        if given['configuration'] is not None:
            frames = read_configuration(given['configuration'])
            return launch_plan.plan_configuration(given['configuration'], frames, potential, settings, **run)
        states = oxidation_of(given)
        return launch_plan.plan_composition(given['composition'], potential, settings, states, given['density'], **run)
    except KeyError as error:
        raise ValueError(f'settings: {error} is missing') from None
    except TypeError as error:
        raise ValueError(f'settings: {error}') from None


def _codes_needed(given: Mapping[str, Any]) -> dict[str, str]:
    """Which options name codes, and the calculation that each is for."""
    packing = {} if given['composition'] is None else {'packmol': 'glassion.packmol'}
    return {'code': 'glassion.md', **packing}


def _builder(given: Mapping[str, Any], plan: Plan, potential: Any, codes: Mapping[str, Any]) -> Any:
    """Builder of the WorkChain, checked as it will be on submission.

    :raises ValueError: the WorkChain refuses the inputs.
    """
    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.workchains.melt_quench import MeltQuenchWorkChain

    configuration = None
    if given['configuration'] is not None:
        where = given['configuration']
        is_node = where.isdigit()
        configuration = configuration_node(where)[0] if is_node else FramesData(frames=read_configuration(where)[-1])
    overrides = {key: value for key, value in plan.settings.items() if key != 'protocol'}
    builder = MeltQuenchWorkChain.get_builder_from_protocol(
        codes['code'],
        codes.get('packmol'),
        potential,
        given['composition'],
        configuration=configuration,
        protocol=plan.settings['protocol'],
        overrides=overrides,
        seed=given['seed'],
        density=given['density'],
        oxidation_states=oxidation_of(given),
        options=job_options(given),
        max_concurrent=given['max_concurrent'],
        committee=committee_of(given['potential']),
    )
    builder.metadata.label = f'melt-quench {plan.title} ({plan.settings["protocol"]})'
    if given['threads'] > 1:
        builder.md.md.accelerator = {'suffix': 'omp', 'package': f'omp {given["threads"]}'}
    ports = MeltQuenchWorkChain.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        raise GlassionError(f'{problem.port}: {problem.message}', exit_code=2)
    return builder


def describe(plan: Plan, potential: Potential, coulomb: str, warnings: Sequence[str]) -> RenderableType:
    """What will be done, ready to print."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    facts.add_column(style='bold', no_wrap=True)
    facts.add_column(overflow='fold')
    for name, text in _facts(plan, potential, coulomb):
        facts.add_row(name, text)
    for text in warnings or ([potential.notes] if potential.notes else []):
        facts.add_row('[yellow]!' if warnings else 'note', Text(text, style='yellow' if warnings else ''))
    stages = Table(box=None, padding=(0, 0, 0, 2), header_style='dim')
    for column in ('job', 'stage', 'ensemble', 'temperature'):
        stages.add_column(column, no_wrap=True)
    for column in ('ps', 'steps'):
        stages.add_column(column, justify='right', no_wrap=True)
    job = ''
    for row in plan.stages:
        shown = '' if row.job == job else row.job
        job = row.job
        steps, length = (_spaced(row.steps), f'{row.duration:g}') if row.steps else ('', '')
        stages.add_row(shown, row.name, row.ensemble, row.temperature, length, steps)
    return Group(Text(f'Melt-quench of {plan.title}', style='bold'), facts, Text(), stages, Text(), _cost(plan))


def _facts(plan: Plan, potential: Potential, coulomb: str) -> list[tuple[str, Any]]:
    atoms = f'{plan.n_atoms}: ' + ', '.join(f'{number} {element}' for element, number in plan.counts.items())
    if plan.units:
        atoms += ' (' + ', '.join(f'{number} {unit}' for unit, number in plan.units.items()) + ')'
    if plan.n_atoms_wanted is not None and plan.deviation is not None:
        asked = '' if plan.n_atoms == plan.n_atoms_wanted else f'{plan.n_atoms_wanted} asked for, '
        exact = 'exactly as wanted' if plan.deviation < 1e-9 else f'within {100 * plan.deviation:.2g} at. %'
        atoms += f'; {asked}neutral, composition {exact}'
    style = f', Coulomb by {coulomb}' if potential.kind == 'published' else ''
    replicas = plan.settings['replicas']
    many = f'{replicas}, at most {min(replicas, plan.max_concurrent)} at a time' if replicas > 1 else '1'
    from aiida_glassion.workchains import protocols

    protocol = plan.settings['protocol']
    return [
        ('atoms', atoms),
        ('density', f'{plan.density:.3f} g/cm³, {plan.density_from}'),
        ('potential', f'{potential.name} ({potential.kind}{style})'),
        ('', potential.citation or 'no citation given'),
        ('protocol', f'{protocol}: {protocols.available("melt_quench")[protocol]}'),
        ('replicas', f'{many}; seed {plan.seed}; {plan.ranks} MPI rank{"s" * (plan.ranks > 1)} for each job'),
    ]


def _cost(plan: Plan) -> RenderableType:
    """How much work it is, and at which speed that was reckoned."""
    from rich.text import Text

    from aiida_glassion.cli.watch import duration

    basis = f'{plan.speed:,.0f} atom-steps/s per rank ({plan.speed_kind} forces)'.replace(',', ' ')
    return Text.assemble(
        f'  {_spaced(plan.total_steps)} steps of {plan.n_atoms} atoms in all: about ',
        (duration(plan.seconds_waiting), 'bold'),
        f', {plan.core_seconds / 3600:.2g} core-hours\n  at {basis}; yours may differ by a factor of 3.\n'
        '  A melt that is none yet is held longer.',
    )


def _spaced(number: int) -> str:
    return f'{number:_}'.replace('_', ' ')
