"""``glassion launch label``: energies, forces and virials of frames, by any engine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, job_options
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.launch_label_plan import LabelOutlook

#: engine -> (default code, calculation that the code was set up for).
CODES = {
    'lammps': ('lmp@localhost', 'glassion.md'),
    'ase': ('python@localhost', 'glassion.label.ase'),
    'quantumespresso': ('pw@localhost', 'quantumespresso.pw'),
    'vasp': ('vasp@localhost', 'vasp.vasp'),
}
_OF_ONE_ENGINE = {'potential': 'lammps', 'calculator': 'ase', 'files': 'ase', 'pseudo_family': 'quantumespresso'}


@click.command()
@click.argument('frames', nargs=-1, required=True, metavar='FILE|PK...')
@click.option('--engine', type=click.Choice(sorted(CODES)), required=True, help='Who labels.')
@click.option('--code', help='Its program.  [default: lmp, python, pw or vasp @localhost]')
@click.option('--potential', metavar='NAME|FILE|PK', help='lammps: published potential, your own YAML file, or a node.')
@click.option('--coulomb', type=click.Choice(['pppm', 'dsf']), default='pppm', show_default=True, help='lammps.')
@click.option('--calculator', metavar='PATH', help='ase: module and class, e.g. ase.calculators.emt:EMT.')
@click.option('--file', 'files', metavar='FILE', multiple=True, help='ase: that the calculator reads, e.g. a model.')
@click.option('--elements', metavar='Na,P,S', help='Of the whole study.  [default: of the frames]')
@click.option('--pseudo-family', metavar='LABEL', help='quantumespresso: installed family of pseudopotentials.')
@click.option('--protocol', metavar='NAME', help='Of the engine: what is computed.')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting of it: kwargs.rc=7, ecutwfc=…')
@click.option('--gate', metavar='NAME', help='Which labels are good enough: moderate, strict, open.')
@click.option('--limit', 'limits', type=Assignment(), multiple=True, help='Any limit of the gate: max_force=30.')
@click.option('--frames-per-job', type=click.IntRange(min=1), help='Frames of the same atoms in one job.')
@click.option('--known', metavar='PK', multiple=True, help='Dataset whose frames are not labelled again.')
@click.option('--max-concurrent', type=click.IntRange(min=1), default=8, show_default=True, help='Jobs at a time.')
@click.option('--tolerate', type=click.FloatRange(0, 1), default=0.1, show_default=True, help='Fraction refused.')
@click.option('--ranks', type=click.IntRange(min=1), default=1, show_default=True, help='MPI ranks of each job.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.')
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@submission_options
@click.pass_context
def label(
    ctx: click.Context,
    /,
    profile: str | None,
    **given: Any,
) -> None:
    """Label every frame of files (extXYZ, traj, CIF, POSCAR, LAMMPS data), nodes, or of what a process gave.

    \b
    glassion launch label melt.extxyz --engine lammps --potential pmmcs --dry-run
    """  # noqa: D301
    from aiida_glassion.cli import launch_label_plan as planning

    terminal = console()
    load(profile)
    sources = planning.read_sources(given['frames'])
    settings = _settings(given)
    code_label, plugin = CODES[given['engine']]
    code = code_of(given['code'] or code_label, 'code', plugin)
    builder = _builder(given, sources, settings, code)
    outlook = planning.look_ahead(given['engine'], sources, builder)
    terminal.print(describe(outlook, builder))
    _check(builder)
    if not outlook.n_frames and not given['dry_run']:
        terminal.print('Nothing is left to be labelled; nothing was submitted.')
        return
    submit(ctx, builder, given)


def _settings(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What was given, as overrides of the engine's protocol and of the gate's."""
    overrides: dict[str, Any] = {}
    for path, value in given['changes']:
        _put(overrides, path.split('.'), value)
    if given['calculator'] is not None:
        overrides['path'] = given['calculator']
    gate: dict[str, Any] = {'gate': dict(given['limits'])} if given['limits'] else {}
    if given['frames_per_job'] is not None:
        gate['frames_per_job'] = given['frames_per_job']
    return {'overrides': overrides, 'settings': gate}


def _put(nested: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        nested = nested.setdefault(key, {})
    nested[path[-1]] = value


def _builder(given: Mapping[str, Any], sources: Mapping[str, Any], settings: Mapping[str, Any], code: Any) -> Any:
    from aiida_glassion.cli.launch_label_plan import known_datasets, model_files, teacher
    from aiida_glassion.workchains.label import LabelWorkChain

    elements = sorted({element for node in sources.values() for element in node.elements})
    special: dict[str, Any] = {}
    if given['engine'] == 'lammps':
        special['potential'] = teacher(given['potential'], elements, given['coulomb'])
    elif given['engine'] == 'ase' and given['files']:
        special['files'] = model_files(given['files'])
    elif given['engine'] in ('quantumespresso', 'vasp'):
        special['elements'] = _elements(given['elements'], elements)
    elif given['elements']:
        raise GlassionError('--elements is of quantumespresso and vasp.', exit_code=2)
    for option, engine in _OF_ONE_ENGINE.items():
        if given[option] and given['engine'] != engine:
            name = option.replace('_', '-').removesuffix('s')
            raise GlassionError(f'--{name} is of the engine {engine}, not of {given["engine"]}.', exit_code=2)
    if given['pseudo_family'] is not None:
        special['pseudo_family'] = given['pseudo_family']
    builder = LabelWorkChain.get_builder_from_protocol(
        given['engine'],
        code,
        sources,
        given['protocol'],
        settings['overrides'],
        gate=given['gate'],
        settings=settings['settings'],
        known=known_datasets(given['known']),
        options=job_options(given),
        max_concurrent=given['max_concurrent'],
        tolerated_failures=given['tolerate'],
        **special,
    )
    builder.metadata.label = f'label {", ".join(sources)} ({given["engine"]})'[:250]
    return builder


def _elements(given: str | None, of_frames: Sequence[str]) -> list[str]:
    """Elements of the whole study: what is chosen for them is one method, whichever frames hold them.

    :raises GlassionError: not elements, or one of the frames' is missing.
    """
    from aiida_glassion.kernels.build.formula import known_elements

    wanted = sorted(set(re.split(r'[\s,]+', given.strip(' ,')))) if given else list(of_frames)
    unknown = [element for element in wanted if element not in known_elements()]
    if unknown:
        raise GlassionError(f'--elements: {", ".join(unknown)} is no element; write them as Na,P,S.', exit_code=2)
    missing = [element for element in of_frames if element not in wanted]
    if missing:
        raise GlassionError(f'--elements: {", ".join(missing)} of the frames is not among them.', exit_code=2)
    return wanted


def _check(builder: Any) -> None:
    """Check as it will be on submission.

    :raises GlassionError: the WorkChain refuses the inputs.
    """
    ports = builder.process_class.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        raise GlassionError(f'{problem.port}: {problem.message}', exit_code=2)


def describe(outlook: LabelOutlook, builder: Any) -> RenderableType:
    """What will be done, ready to print."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    facts.add_column(style='bold', no_wrap=True)
    facts.add_column(overflow='fold')
    at_a_time = min(outlook.n_jobs, builder.max_concurrent.value)
    jobs = f'{outlook.n_jobs}, {outlook.frames_per_job} frames in each at most, {at_a_time} at a time'
    rows = [('frames', outlook.frames_line), ('jobs', jobs), ('engine', outlook.engine)]
    rows += [('' if number else 'method', line) for number, line in enumerate(outlook.method_lines)]
    limits = ', '.join(f'{name} {value}' for name, value in builder.settings['gate'].items())
    rows += [('gate', limits), ('tolerated', f'{builder.tolerated_failures.value:.0%} of the frames may be refused')]
    for name, line in rows:
        facts.add_row(name, Text(str(line)))
    sources = Table(box=None, padding=(0, 0, 0, 2), header_style='dim')
    for column in ('from', 'atoms'):
        sources.add_column(column, no_wrap=True)
    for column in ('frames', 'new', 'known', 'twice', 'refused'):
        sources.add_column(column, justify='right')
    for row in outlook.sources:
        sources.add_row(*(Text(str(cell)) for cell in row))
    refused = [Text(f'  ! {line}', style='yellow') for line in outlook.refused]
    return Group(Text('Label frames', style='bold'), facts, Text(), sources, *refused)
