"""``glassion analyse``: the structure of any trajectory, without any workflow."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.analyse_inputs import analysis_options, request_of, species_of
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import profile_option
from aiida_glassion.cli.terminal import console, line

if TYPE_CHECKING:
    from aiida_glassion.analysis.request import Request
    from aiida_glassion.analysis.run import Outcome
    from aiida_glassion.analysis.sources import FrameSource
    from aiida_glassion.cli.analyse_text import Look
    from aiida_glassion.report.analysis import Analysed

_REPLICA = re.compile(r'(.*?)replica_\d+_?(.*)')


@click.command()
@click.argument('sources', nargs=-1, required=True, metavar='FILE|PK...')
@analysis_options
@click.option('--as', 'mode', type=click.Choice(['replicas', 'compare']), help='Several: their mean, or side by side.')
@click.option(
    '-o', '--output', type=click.Path(file_okay=False, path_type=Path), help='Folder for page, figures, data.'
)
@click.option('-f', '--force', is_flag=True, help='Write into the folder though it is not empty.')
@click.option('--json', 'as_json', is_flag=True, help='All numbers as JSON, with units.')
@click.option('--dry-run', is_flag=True, help='Say what would be done and leave.')
@profile_option
@click.pass_context
def analyse(ctx: click.Context, /, sources: tuple[str, ...], profile: str | None, **given: Any) -> None:
    """The structure of trajectories: files (extXYZ, LAMMPS, VASP, CIF, …) or nodes, also of a finished study.

    Files need no AiiDA profile. Several are compared; with --as replicas their mean and its error are formed.

    \b
    glassion analyse glass.extxyz
    glassion analyse glass.extxyz --experiment data.sq --quantity S --radiation neutron --output results
    """  # noqa: D301
    check_folder(given['output'], given['force'])
    from aiida_glassion.cli.analyse_sources import sources_of

    found = sources_of(sources, profile, given['form'], species_of(given['species']))
    request, looks = plan(found, given)
    mode = chosen_mode(found, sources, given['mode'])
    said = in_words(mode, len(found))
    terminal = console()
    if given['dry_run']:
        from aiida_glassion.cli.analyse_text import plan_tables

        for part in plan_tables(looks, request, said, None if given['output'] is None else str(given['output'])):
            terminal.print(part)
        terminal.print('Nothing was analysed (--dry-run).')
        return
    outcomes = run(request, found, quiet=given['as_json'])
    glasses = arrange(outcomes, found, request, mode)
    written = write(given['output'], glasses, outcomes, request, said) if given['output'] is not None else []
    if given['as_json']:
        from aiida_glassion.report.analysis_files import content

        click.echo(json.dumps(content(glasses, outcomes, request, said), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        from aiida_glassion.cli.analyse_text import outcome_tables

        for part in outcome_tables(glasses, said):
            terminal.print(part)
        _end(terminal, sources, given, glasses, written)
    asked = (
        set(request.analyses) if given['what'] or given['request'] else {'scattering'} if given['experiment'] else set()
    )
    failed = {kind for outcome in outcomes.values() for kind in outcome.failed}
    if asked & failed or not any(glass.results for glass in glasses):
        ctx.exit(1)


def check_folder(folder: Path | None, force: bool) -> None:
    """Refuse a folder with something in it before any work is done.

    :raises GlassionError: it is not empty.
    """
    if folder is not None and folder.is_dir() and any(folder.iterdir()) and not force:
        raise GlassionError(f'--output: {folder} is not empty; --force writes into it all the same.', exit_code=2)


def plan(sources: Mapping[str, FrameSource], given: Mapping[str, Any]) -> tuple[Request, list[Look]]:
    """The request, checked against the first frame of every trajectory.

    :raises ValueError: something that was asked for cannot be.
    """
    from aiida_glassion.analysis.request import read_request
    from aiida_glassion.cli.analyse_choice import default_kinds
    from aiida_glassion.cli.analyse_text import Look

    counts = {name: source.read(source.indices()[:1]).counts for name, source in sources.items()}
    together: dict[str, int] = {}
    for table in counts.values():
        together |= {element: max(count, together.get(element, 0)) for element, count in table.items()}
    request = read_request(request_of(given, default_kinds(together)))
    looks = [
        Look(name, counts[name], source.n_frames or 0, len(source.indices(request.first, request.last, request.every)))
        for name, source in sources.items()
    ]
    for pair in [pair for pair, _ in given['cutoffs']] or request.cutoffs:
        absent = [element for element in pair.split('-') if element not in together]
        if absent:
            raise GlassionError(
                f'--cutoff {pair}: there is no {absent[0]}; the elements are {", ".join(sorted(together))}', exit_code=2
            )
    return request, looks


def chosen_mode(found: Mapping[str, FrameSource], given: Sequence[str], mode: str | None) -> str:
    """``replicas``, ``compare`` or ``one``: the replicas of one study are averaged, files are compared."""
    if len(found) == 1:
        return 'one'
    if mode is not None:
        return mode
    return 'replicas' if len(given) == 1 and all(_REPLICA.fullmatch(name) for name in found) else 'compare'


def in_words(mode: str, n: int) -> str:
    """How the trajectories are taken, for a heading."""
    return {
        'one': '',
        'replicas': f'{n} trajectories as replicas of one glass: mean ± standard error (--as compare: side by side)',
        'compare': f'{n} trajectories side by side (--as replicas: their mean and its error)',
    }[mode]


def run(request: Request, sources: Mapping[str, FrameSource], quiet: bool = False) -> dict[str, Outcome]:
    """Analyse all of them, with a bar on a terminal.

    :raises GlassionError: a trajectory cannot be analysed at all.
    """
    from aiida_glassion.analysis.run import analyse as run_analyses

    outcomes: dict[str, Outcome] = {}
    with _bar(quiet) as show:
        for number, (name, source) in enumerate(sources.items(), 1):
            label = name if len(sources) == 1 else f'{name} ({number}/{len(sources)})'
            outcomes[name] = run_analyses(request, source, progress=show(label))
    return outcomes


@contextmanager
def _bar(quiet: bool) -> Iterator[Callable[[str], Callable[[int, int], None] | None]]:
    """Gives, for a trajectory, what shows how far it is; nothing is shown where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    terminal = Console(stderr=True)
    if quiet or not terminal.is_terminal:
        yield lambda label: None
        return
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('frames'),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=terminal, transient=True) as progress:

        def show(label: str) -> Callable[[int, int], None]:
            task = progress.add_task(label, total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield show


def arrange(
    outcomes: Mapping[str, Outcome], sources: Mapping[str, FrameSource], request: Request, mode: str
) -> list[Analysed]:
    """What the tables show: each trajectory, or the mean over replicas (of each quench rate, if there are several)."""
    from aiida_glassion.report.analysis import analysed, mean_of_replicas

    glasses = {}
    for name, outcome in outcomes.items():
        last = sources[name].indices(request.first, request.last, request.every)[-1:]
        glasses[name] = analysed(name, outcome, sources[name].read(last))
    if mode != 'replicas':
        return list(glasses.values())
    groups: dict[str, list[Analysed]] = {}
    for name, glass in glasses.items():
        found = _REPLICA.fullmatch(name)
        groups.setdefault(f'{found[1]}{found[2]}'.strip(' :') if found else 'mean', []).append(glass)
    if len(groups) > 1 and any(len(members) < 2 for members in groups.values()):
        groups = {'mean': list(glasses.values())}
    return [mean_of_replicas(members, name or 'mean') for name, members in groups.items()]


def write(
    folder: Path, glasses: Sequence[Analysed], outcomes: Mapping[str, Outcome], request: Request, said: str
) -> list[Path]:
    """Write page, figures and data; returns what was written, the page first."""
    from aiida_glassion.report.analysis_files import write_analysis

    with console().status('figures') if console().is_terminal else _nothing():
        return write_analysis(glasses, outcomes, request, folder, said)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _end(
    terminal: Any,
    sources: Sequence[str],
    given: Mapping[str, Any],
    glasses: Sequence[Analysed],
    written: Sequence[Path],
) -> None:
    """What was written, and what comes next."""
    if written:
        terminal.print(line('new', 'report', f'{given["output"]} ({len(written)} files)'))
        terminal.print(f'Open it in a browser: [bold]{written[0].absolute()}[/]')
        return
    files = shlex.join(sources)
    commands = [f'glassion analyse {files} --output results']
    if not given['experiment'] and any('scattering' in glass.results for glass in glasses):
        commands.append(f'glassion analyse {files} --experiment FILE --quantity S --radiation neutron')
    terminal.print(parts.next_line(*commands))
