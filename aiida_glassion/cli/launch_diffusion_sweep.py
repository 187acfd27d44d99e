"""``glassion launch diffusion-sweep``: from glasses to D(T), σ(T), their energy of activation and σ at 300 K."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, committee_of, job_options
from aiida_glassion.cli.launch_settings import Charges, check, with_changes
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

_POSITIVE = click.FloatRange(min=0, min_open=True)


class Temperatures(click.ParamType):
    """``900,1000,1100`` in K."""

    name = 'K,K,…'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """Split and read."""
        found = []
        for word in str(value).replace(' ', ',').strip(',').split(','):
            try:
                number = float(word)
            except ValueError:
                self.fail(f'{word!r} is no temperature; write them as 900,1000,1100 (K)', param, ctx)
            found.append(int(number) if number == int(number) else number)
        return found


@click.command('diffusion-sweep')
@click.argument('sources', nargs=-1, metavar='GLASS...')
@click.option(
    '--potential', metavar='NAME|FILE|PK', help='As in melt-quench.  [default: the one that made the glasses]'
)
@click.option('--coulomb', type=click.Choice(['pppm', 'dsf']), default='pppm', show_default=True)
@click.option('--valence', 'valences', type=Assignment(), multiple=True, help='V=4: where a potential has several.')
@click.option('--temperatures', type=Temperatures(), help='K: 900,1000,1100; napso has its own.')
@click.option('--protocol', metavar='NAME', help='fast, moderate, napso.  [default: moderate]')
@click.option('--rate', type=_POSITIVE, help='Glasses of which quench rate, K/ps.')
@click.option('--replicas', type=click.IntRange(min=1), help='Runs of each glass at each temperature.')
@click.option('--segment', type=_POSITIVE, help='First piece of production, ps; every next doubles the whole.')
@click.option('--budget', type=_POSITIVE, help='Longest production of a run, ps.')
@click.option('--relative-error', type=_POSITIVE, help='Of D, at which a run is long enough: 0.1.')
@click.option('--ions', metavar='Na,Li', help='What diffuses.  [default: the network modifiers]')
@click.option('--charges', type=Charges(), help='For σ, e.  [default: formal charges of the ions]')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting of the protocol: timestep=2')
@click.option('--beside-data', is_flag=True, help='Frames stay on the computer and are analysed there.')
@click.option(
    '--python', metavar='CODE', help='Python there, with glassion.  [default: python@ the computer of --code]'
)
@click.option('--continue', 'earlier', metavar='PK', help='An earlier sweep once more, changed by what else is given.')
@click.option('--seed', type=click.IntRange(min=0), help='Of the whole sweep.  [default: 1]')
@click.option('--ranks', type=click.IntRange(min=1), default=1, show_default=True, help='MPI ranks of each run.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.')
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS; a job that is cut goes on in the next one.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@click.option('--max-concurrent', type=click.IntRange(min=1), help='Runs at a time.  [default: 2]')
@click.option('--tolerate', type=click.FloatRange(0, 1), help='Fraction of the runs that may fail.')
@click.option('--code', default='lmp@localhost', show_default=True, help='LAMMPS.')
@submission_options
@click.pass_context
def diffusion_sweep(ctx: click.Context, /, sources: tuple[str, ...], profile: str | None, **given: Any) -> None:
    """Diffusion and conductivity of GLASSes over temperatures: D(T), σ(T), their energy of activation, σ at 300 K.

    GLASS is the PK of a configuration, the PK of a melt-quench (all its glasses), or a structure file. Each run goes on
    until the error of its D is small enough or its budget is spent.

    \b
    glassion launch diffusion-sweep 1234 --temperatures 900,1000,1100,1200 --dry-run
    glassion launch diffusion-sweep --continue 2345 --budget 10000
    """  # noqa: D301
    _check_options(sources, given)
    load(profile)
    if given['earlier'] is not None:
        from aiida_glassion.cli.launch_diffusion_sweep_continue import take_up

        builder, told = take_up(given)
    else:
        builder, told = _from_glasses(sources, given)
    console().print(told)
    submit(ctx, builder, given)


def _check_options(sources: Sequence[str], given: Mapping[str, Any]) -> None:
    """Refuse options that do not go together.

    :raises GlassionError: says which.
    """
    if given['earlier'] is None and not sources:
        message = 'Give a GLASS: the PK of a melt-quench or of a configuration, or a structure file.'
        raise GlassionError(message, mend='glassion launch diffusion-sweep --help', exit_code=2)
    if given['python'] is not None and not given['beside_data']:
        raise GlassionError('--python is for the analysis beside the data: add --beside-data.', exit_code=2)
    if given['earlier'] is not None:
        fixed = {'a GLASS': sources, '--protocol': given['protocol'], '--potential': given['potential']}
        for name, value in {**fixed, '--rate': given['rate'], '--beside-data': given['beside_data']}.items():
            if value:
                message = f'--continue takes it from the earlier sweep: leave {name} away.'
                raise GlassionError(message, exit_code=2)


def _from_glasses(sources: Sequence[str], given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Builder, checked, and what it will do, ready to print."""
    from aiida_glassion.cli.launch_diffusion_sweep_text import describe
    from aiida_glassion.cli.launch_glasses import potential_for, read_glasses
    from aiida_glassion.workchains import protocols
    from aiida_glassion.workchains.diffusion_sweep import DiffusionSweepWorkChain

    glasses = read_glasses(sources, given['rate'])
    settings = protocols.load('diffusion_sweep', given['protocol'], overrides_of(given))
    settings = with_changes(settings, given['changes'])
    if not settings['temperatures']:
        raise GlassionError(
            f'--temperatures: none given, and protocol {settings["protocol"]} has none of its own; give some at which '
            'the ions diffuse in the time: 1500,1750,2000 for an oxide, 500,600,700 for a sulfide, say.',
            exit_code=2,
        )
    potential, warnings = potential_for(given, glasses)
    code = code_of(given['code'], 'code', 'glassion.md')
    python = python_beside(given['python'], code) if given['beside_data'] else None
    builder = DiffusionSweepWorkChain.get_builder_from_protocol(
        code,
        potential,
        {glass.label: glass.node for glass in glasses},
        settings['temperatures'],
        protocol=settings['protocol'],
        overrides={key: value for key, value in settings.items() if key != 'protocol'},
        seed=1 if given['seed'] is None else given['seed'],
        options=job_options(given),
        analysis_code=python,
        analysis_options=analysis_options(given) if python is not None else None,
        max_concurrent=given['max_concurrent'] or 2,
        committee=committee_of(given['potential']),
    )
    finish(builder, given)
    names = ', '.join(glass.label for glass in glasses)
    builder.metadata.label = f'diffusion of {names} ({settings["protocol"]})'[:250]
    check(builder)
    plan = plan_of(builder, given['ranks'])
    beside = None if python is None else python.computer.label
    origins = {glass.label: glass.origin for glass in glasses}
    return builder, describe(plan, potential.potential, origins, beside, warnings)


def overrides_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for which there are options, those that were given."""
    named = ('temperatures', 'replicas', 'segment', 'budget', 'relative_error', 'charges')
    overrides = {name: given[name] for name in named if given[name] is not None}
    if given['ions'] is not None:
        overrides['ions'] = [word for word in given['ions'].replace(',', ' ').split() if word]
    return overrides


def python_beside(label: str | None, lammps: Any) -> Any:
    """Python on the computer of the frames.

    :param label: of the code; None: ``python`` on the computer of LAMMPS.
    :raises GlassionError: there is none, or it is on another computer.
    """
    computer = lammps.computer.label
    code = code_of(label or f'python@{computer}', 'python', 'glassion.analysis', also=['glassion.label.ase'])
    if code.computer.uuid != lammps.computer.uuid:
        message = f'--python: {code.full_label} runs on {code.computer.label}, but the frames lie on {computer}.'
        raise GlassionError(message, exit_code=2)
    return code


def analysis_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the jobs that analyse: one rank, the rest as the runs have it."""
    return job_options({**given, 'ranks': 1})


def finish(builder: Any, given: Mapping[str, Any]) -> None:
    """Lay over a builder what is no setting."""
    from aiida import orm

    if given['tolerate'] is not None:
        builder.tolerated_failures = orm.Float(given['tolerate'])
    if given['threads'] > 1:
        builder.md.md.accelerator = {'suffix': 'omp', 'package': f'omp {given["threads"]}'}


def plan_of(builder: Any, ranks: int) -> Any:
    """What a checked builder will do."""
    from aiida_glassion.cli.launch_diffusion_sweep_plan import plan_sweep
    from aiida_glassion.cli.launch_plan import ATOM_STEPS_PER_SECOND, speed_kind
    from aiida_glassion.data.frames import as_frames
    from aiida_glassion.kernels.transport.sweep_plan import read_settings

    settings = read_settings(builder.settings.get_dict())
    kind = speed_kind(builder.md.md.potential.potential)
    counts = {label: as_frames(node).counts for label, node in sorted(builder.glasses.items())}
    run = {'ranks': ranks, 'seed': builder.seed.value, 'max_concurrent': builder.max_concurrent.value}
    return plan_sweep(counts, settings, builder.temperatures.get_list(), ATOM_STEPS_PER_SECOND[kind], kind, **run)
