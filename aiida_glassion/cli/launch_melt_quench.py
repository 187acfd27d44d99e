"""``glassion launch melt-quench``: from a composition to a glass."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.launch_plan import Plan
    from aiida_glassion.potentials.potential import Potential

_POSITIVE = click.FloatRange(min=0, min_open=True)


class Assignment(click.ParamType):
    """``key=value`` with a value that YAML reads."""

    name = 'key=value'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split and read."""
        import yaml

        key, sign, text = str(value).partition('=')
        if not sign or not key.strip():
            self.fail(f'{value!r} is not of the form key=value', param, ctx)
        try:
            return key.strip(), yaml.safe_load(text)
        except yaml.YAMLError:
            self.fail(f'the value of {key} cannot be read: {text!r}', param, ctx)


class Walltime(click.ParamType):
    """A time as HH:MM:SS, in seconds."""

    name = 'hh:mm:ss'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read hours, minutes, seconds."""
        found = re.fullmatch(r'(\d+):([0-5]?\d):([0-5]?\d)', str(value))
        if not found or not any(int(part) for part in found.groups()):
            self.fail(f'{value!r} is not a time as HH:MM:SS, e.g. 12:00:00', param, ctx)
        hours, minutes, seconds = (int(part) for part in found.groups())
        return 3600 * hours + 60 * minutes + seconds


@click.command('melt-quench')
@click.argument('composition', required=False)
@click.option(
    '--configuration', metavar='FILE|PK', help='Melt this instead (extXYZ, CIF, POSCAR, LAMMPS data; node).'
)
@click.option('--potential', metavar='NAME|FILE|PK', help='Published potential, your own YAML file, or a node.')
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
@click.option(
    '--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.'
)
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS; a job that is cut goes on in the next one.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@click.option('--max-concurrent', type=click.IntRange(min=1), default=2, show_default=True, help='Replicas at a time.')
@click.option('--code', default='lmp@localhost', show_default=True, help='LAMMPS.')
@click.option('--packmol', default='packmol@localhost', show_default=True, help='Packmol.')
@profile_option
@click.option('--dry-run', is_flag=True, help='Say what would be done and leave.')
@click.option('--wait', is_flag=True, help='Watch it until it ends.')
@click.option('--yes', is_flag=True, help='Do not ask.')
@click.pass_context
def melt_quench(ctx: click.Context, profile: str | None, dry_run: bool, wait: bool, yes: bool, **given: Any) -> None:
    r"""Melt and quench COMPOSITION (20Na2O-80SiO2, 70Li2S-30P2S5, Na3PS3.85O0.15 …), or a configuration.

    \b
    glassion launch melt-quench 20Na2O-80SiO2 --potential pmmcs --protocol fast --dry-run
    """
    if (given['composition'] is None) == (given['configuration'] is None):
        raise GlassionError('Give either a COMPOSITION, e.g. 20Na2O-80SiO2, or --configuration.', exit_code=2)
    terminal = console()
    load(profile)
    potential_node, warnings = _potential(given)
    plan = _plan(given, potential_node.potential)
    terminal.print(describe(plan, potential_node.potential, given['coulomb'], warnings))
    codes = {name: _code(given[name]) for name in _codes_needed(given)}
    builder = _builder(given, plan, potential_node, codes)
    if dry_run:
        terminal.print('Nothing was submitted (--dry-run).')
        return
    _check_daemon()
    if not yes and sys.stdin.isatty():
        click.confirm('Submit?', default=True, abort=True)
    from aiida.engine import submit

    node = submit(builder)
    terminal.print(f'[green]✓[/] submitted: [bold]{node.pk}[/]. Watch it with: [bold]glassion watch {node.pk}[/]')
    if wait:
        from aiida_glassion.cli.watch import follow

        ctx.exit(follow(node.pk))


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the protocol with everything that was given laid over it.

    :raises ValueError: an unknown protocol or setting, or a number that cannot be.
    """
    from aiida_glassion.workchains import protocols

    named = {'n_atoms': given['atoms'], 'replicas': given['replicas'], 'melt_temperature': given['melt_temperature']}
    overrides: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if given['rates']:
        overrides['rates'] = list(dict.fromkeys(given['rates']))
    settings = protocols.load('melt_quench', given['protocol'], overrides)
    name = settings.pop('protocol')
    for path, value in given['changes']:
        settings = protocols.merge(settings, _nested(path, value, settings))
    for key, least in (('replicas', 1), ('n_atoms', 2)):
        value = settings[key]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            option = {'replicas': '--replicas', 'n_atoms': '--atoms'}[key]
            raise ValueError(f'{option}: {value!r} given, expected a whole number of at least {least}')
    return {'protocol': name, **settings}


def _nested(path: str, value: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``a.b=value`` as a nested mapping; a number in the path is the place in a list, whose rest is kept.

    :raises ValueError: no such place.
    """
    first, _, rest = path.partition('.')
    if not rest:
        return {first: value}
    inner = settings.get(first)
    if isinstance(inner, list):
        place, _, key = rest.partition('.')
        names = [entry.get('name') if isinstance(entry, Mapping) else None for entry in inner]
        index = names.index(place) if place in names else int(place) if place.isdigit() else len(inner)
        if index >= len(inner) or not key:
            known = ', '.join(f'{first}.{name}.…' for name in names if name)
            raise ValueError(f'--set {path}: there is no such place; there are {known}')
        changed = [dict(entry) for entry in inner]
        changed[index][key] = value
        return {first: changed}
    return {first: _nested(rest, value, inner if isinstance(inner, Mapping) else {})}


def _elements(given: Mapping[str, Any]) -> Sequence[str]:
    """Elements of what is to be melted."""
    if given['configuration'] is not None:
        return list(read_configuration(given['configuration']).elements)
    from aiida_glassion.kernels.build.composition import parse_composition

    return list(parse_composition(given['composition']).elements)


def _potential(given: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Node of the potential, not stored if new, and what it warns of.

    :raises ValueError: none was chosen, it is unknown, or it lacks an element.
    """
    from pathlib import Path

    from aiida_glassion.cli import launch_plan
    from aiida_glassion.data.potential import PotentialData

    name, elements = given['potential'], _elements(given)
    valences = {element: value for element, value in given['valences']}
    if name is None:
        name = launch_plan.choose_potential(elements)
    if name.isdigit() or re.fullmatch(r'[0-9a-f]{8}-[0-9a-f-]{27}', name):
        return _potential_node(name, elements), []
    if name.endswith(('.yaml', '.yml')) or Path(name).is_file():
        node = PotentialData.from_file(name)
        node.potential.check_covers(elements)
        return node, []
    try:
        potential, warnings = launch_plan.load_published(name, elements, given['coulomb'], valences)
    except ValueError as error:
        others = [other for other in launch_plan.candidates(elements) if other != name]
        hint = f'. These cover all of it: {", ".join(others)}' if 'no parameters' in str(error) and others else ''
        raise ValueError(f'{error}{hint}') from None
    return PotentialData.from_potential(potential), warnings


def _potential_node(identifier: str, elements: Sequence[str]) -> Any:
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node
    from aiida_lammps.data.potential import LammpsPotentialData

    from aiida_glassion.data.potential import PotentialData

    try:
        node = load_node(identifier)
    except NotExistent:
        raise GlassionError(f'--potential: there is no node {identifier} in this profile.', exit_code=2) from None
    if isinstance(node, LammpsPotentialData):
        node = PotentialData.from_lammps_potential(node)
    if not isinstance(node, PotentialData):
        raise GlassionError(f'--potential: node {identifier} is {type(node).__name__}, no potential.', exit_code=2)
    node.potential.check_covers(elements)
    return node


def read_configuration(where: str) -> Any:
    """Frames of a file or node; the last frame of several.

    :raises GlassionError: there is none, or it cannot be read.
    """
    from pathlib import Path

    from aiida_glassion.frames import Frames

    if where.isdigit():
        return configuration_node(where)[1]
    path = Path(where)
    if not path.is_file():
        raise GlassionError(f'--configuration: there is no file {where}.', exit_code=2)
    try:
        if path.suffix in ('.data', '.lmp', '.lammps') or path.name.startswith('data.'):
            from aiida_glassion.formats.lammps.data import read_data

            return read_data(path.read_text(encoding='utf-8'))
        import ase.io

        return Frames.from_ase(ase.io.read(path))
    except Exception as error:  # every reader of ASE has errors of its own
        raise GlassionError(f'--configuration: {where} cannot be read: {error}', exit_code=2) from None


def configuration_node(identifier: str) -> tuple[Any, Any]:
    """Node that holds a configuration, and its frames.

    :raises GlassionError: no such node, or one without atoms.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node

    from aiida_glassion.data.frames import as_frames

    try:
        node = load_node(identifier)
        return node, as_frames(node)
    except (NotExistent, TypeError, ValueError) as error:
        raise GlassionError(f'--configuration: {error}', exit_code=2) from None


def _plan(given: Mapping[str, Any], potential: Potential) -> Plan:
    from aiida_glassion.cli import launch_plan

    settings = settings_of(given)
    run = {name: given[name] for name in ('ranks', 'seed', 'max_concurrent')}
    try:
        if given['configuration'] is not None:
            frames = read_configuration(given['configuration'])
            return launch_plan.plan_configuration(given['configuration'], frames, potential, settings, **run)
        states = {element: float(value) for element, value in given['oxidation']}
        return launch_plan.plan_composition(given['composition'], potential, settings, states, given['density'], **run)
    except KeyError as error:
        raise ValueError(f'settings: {error} is missing') from None
    except TypeError as error:
        raise ValueError(f'settings: {error}') from None


def _codes_needed(given: Mapping[str, Any]) -> tuple[str, ...]:
    return ('code',) if given['composition'] is None else ('code', 'packmol')


def _code(label: str) -> Any:
    """Code by label or PK.

    :raises GlassionError: there is none.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import InstalledCode, QueryBuilder, load_code

    try:
        return load_code(label)
    except MultipleObjectsError:
        raise GlassionError(
            f'Several codes are called {label}: add @computer.', exit_code=2
        ) from None
    except NotExistent:
        known = sorted({code.full_label for (code,) in QueryBuilder().append(InstalledCode).iterall()})
        message = f'There is no code {label} in this profile; there are: {", ".join(known) or "none"}.'
        raise GlassionError(message, mend='glassion setup', exit_code=2) from None


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
        oxidation_states={element: float(value) for element, value in given['oxidation']},
        options=job_options(given),
        max_concurrent=given['max_concurrent'],
    )
    builder.metadata.label = f'melt-quench {plan.title} ({plan.settings["protocol"]})'
    if given['threads'] > 1:
        builder.md.md.accelerator = {'suffix': 'omp', 'package': f'omp {given["threads"]}'}
    ports = MeltQuenchWorkChain.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        raise GlassionError(f'{problem.port}: {problem.message}', exit_code=2)
    return builder


def job_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """``metadata.options`` of the LAMMPS jobs."""
    resources = {'num_machines': 1, 'num_mpiprocs_per_machine': given['ranks']}
    options: dict[str, Any] = {'resources': resources}
    if given['threads'] > 1:
        resources['num_cores_per_mpiproc'] = given['threads']
        options['environment_variables'] = {'OMP_NUM_THREADS': str(given['threads'])}
    if given['walltime'] is not None:
        options['max_wallclock_seconds'] = given['walltime']
    return options | dict(given['options'])


def _check_daemon() -> None:
    """Refuse to submit what nobody would take up."""
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage import get_manager

    profile = get_manager().get_profile()
    name = profile.name if profile else 'glassion'
    if not get_daemon_client(name).is_daemon_running:
        message = 'The daemon, which runs what is submitted, is not running. Nothing was submitted.'
        raise GlassionError(message, mend=f'verdi -p {name} daemon start')


def describe(plan: Plan, potential: Potential, coulomb: str, warnings: Sequence[str]) -> RenderableType:
    """What will be done, ready to print."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    facts.add_column(style='bold', no_wrap=True)
    facts.add_column(overflow='fold')
    for name, text in _facts(plan, potential, coulomb):
        facts.add_row(name, text)
    for text in warnings or ([potential.notes] if potential.notes else []):
        facts.add_row('[yellow]!' if warnings else 'note', Text(text, style='yellow' if warnings else ''))
    stages = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), header_style='dim')
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
