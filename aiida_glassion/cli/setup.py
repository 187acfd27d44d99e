"""``glassion setup``: everything that a calculation needs on this machine, made once and left alone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from aiida_glassion.cli.engines import Program, find_lammps, find_packmol, mpirun_command, says
from aiida_glassion.cli.profile import NAME, configuration, profile_option
from aiida_glassion.cli.terminal import console, line

if TYPE_CHECKING:
    from aiida.manage.configuration import Config

COMPUTER = 'localhost'
#: processes whose results are taken from the profile when the same inputs come again.
CACHED = ['aiida.calculations:glassion.*']
#: how often a running job is looked at, s. Measured: 0 s costs the worker 85 % of a core, 0.5 s 13 %, 1 s 7 %.
POLL_INTERVAL = 1.0
#: longest wait for an answer of the daemon, s; AiiDA's 2 s are too short on a busy machine.
DAEMON_TIMEOUT = 20
#: one OpenMP thread per rank unless the job says otherwise.
PREPEND = 'export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}'

#: plugin -> (how its program is made to say its name, the name).
GREETINGS = {
    'glassion.md': ('-h', 'Large-scale Atomic/Molecular Massively Parallel Simulator'),
    'glassion.packmol': ('', 'PACKMOL'),
}

_EXECUTABLE = click.Path(exists=True, dir_okay=False, executable=True, resolve_path=False, path_type=Path)


class Step(NamedTuple):
    """What one step did: ``new``, ``same`` or ``failed``; the part; what is there now; what mends it."""

    verdict: str
    part: str
    seen: str
    mend: str | None = None


@click.command()
@profile_option
@click.option('--lmp', type=_EXECUTABLE, help='The LAMMPS executable. Default: beside this Python, then on PATH.')
@click.option('--packmol', type=_EXECUTABLE, help='The Packmol executable. Default: beside this Python, then on PATH.')
@click.option('--mpirun', type=_EXECUTABLE, help='The mpirun of this LAMMPS. Default: the first that fits.')
@click.option(
    '--workdir',
    type=click.Path(file_okay=False, path_type=Path),
    help='Where jobs run. Default: inside the AiiDA home.',
)
@click.option('--daemon/--no-daemon', default=True, show_default=True, help='Start the daemon, with one worker.')
@click.option(
    '--caching/--no-caching', default=True, show_default=True, help='In a new profile: never compute the same twice.'
)
@click.pass_context
def setup(
    ctx: click.Context,
    profile: str | None,
    lmp: Path | None,
    packmol: Path | None,
    mpirun: Path | None,
    workdir: Path | None,
    daemon: bool,
    caching: bool,
) -> None:
    """Prepare this machine: AiiDA profile, computer, codes, daemon.

    The profile is the one named, made if it does not exist (SQLite and the built-in broker, no services).
    What is already there stays as it is, so it can be called at any time.
    """
    terminal = console()
    steps = []
    for step in _steps(profile or NAME, lmp, packmol, mpirun, workdir, daemon, caching):
        steps.append(step)
        terminal.print(line(*step))
    if any(step.verdict == 'failed' for step in steps):
        ctx.exit(1)
    if all(step.verdict == 'same' for step in steps):
        terminal.print('Nothing to do: everything was already there.')
    else:
        terminal.print('Ready. Next: [bold]glassion doctor[/]')


def _steps(
    profile: str,
    lmp: Path | None,
    packmol: Path | None,
    mpirun: Path | None,
    workdir: Path | None,
    daemon: bool,
    caching: bool,
) -> Iterator[Step]:
    """Every step in turn; each looks before it makes."""
    config = configuration(create=True)
    yield from _profile(config, profile, caching)
    from aiida.manage.configuration import load_profile

    load_profile(profile, allow_switch=True)
    lammps = find_lammps(lmp)
    computer, step = _computer(Path(config.dirpath), profile, workdir, lammps, mpirun)
    yield step
    yield _code('lmp', 'glassion.md', computer, lammps, asked=lmp is not None)
    yield _code('packmol', 'glassion.packmol', computer, find_packmol(packmol), asked=packmol is not None)
    if daemon:
        yield _daemon(profile)


def _profile(config: Config, name: str, caching: bool) -> Iterator[Step]:
    if name in config.profile_names:
        yield Step('same', 'profile', f'{name} (in {config.dirpath})')
        return
    import logging

    from aiida.common.log import override_log_level
    from aiida.manage.configuration import create_profile

    with override_log_level(logging.CRITICAL):
        create_profile(
            config,
            name=name,
            email='aiida@localhost',
            storage_backend='core.sqlite_dos',
            storage_config={},
            broker_backend='core.zeromq',
            broker_config={'supervised_by_daemon': True},
        )
    first = config.default_profile_name is None
    config.set_default_profile(name, overwrite=False)
    config.set_option('runner.poll.interval', 1, scope=name)
    config.set_option('daemon.timeout', DAEMON_TIMEOUT, scope=name)
    if caching:
        config.set_option('caching.enabled_for', CACHED, scope=name)
    config.store()
    default = 'now the default profile' if first else f'the default stays {config.default_profile_name}'
    yield Step('new', 'profile', f'{name}: SQLite and the built-in broker, in {config.dirpath}; {default}')
    if caching:
        yield Step('new', 'caching', 'on: what was computed once is taken over, not run again')


def _computer(
    home: Path, profile: str, workdir: Path | None, lammps: Program | None, mpirun: Path | None
) -> tuple[Any, Step]:
    """Return this machine as an AiiDA computer, without a queue; a computer of that name stays as it is."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import Computer

    try:
        computer = Computer.collection.get(label=COMPUTER)
    except NotExistent:
        pass
    else:
        return computer, _existing(computer, mpirun)
    launcher = _launcher(lammps, mpirun)
    place = (workdir or home / 'scratch' / profile).absolute()
    computer = Computer(
        label=COMPUTER,
        hostname='localhost',
        description='This machine, without a queue.',
        transport_type='core.local',
        scheduler_type='core.direct',
        workdir=str(place),
    )
    computer.set_prepend_text(PREPEND)
    computer.set_mpirun_command(launcher)
    computer.set_default_mpiprocs_per_machine(1)
    computer.store()
    computer.configure(safe_interval=0.0, use_login_shell=False)
    computer.set_minimum_job_poll_interval(POLL_INTERVAL)
    ranks = launcher[0] if launcher else 'no mpirun that fits, one rank only'
    return computer, Step('new', 'computer', f'{COMPUTER}: {ranks}; jobs run in {place}')


def _existing(computer: Any, mpirun: Path | None) -> Step:
    """Leave a computer as it is, but for an mpirun that was asked for."""
    if mpirun is not None:
        launcher = mpirun_command(mpirun.absolute())
        if launcher != list(computer.get_mpirun_command()):
            computer.set_mpirun_command(launcher)
            computer.store()
            return Step('new', 'computer', f'{COMPUTER}: mpirun is now {launcher[0]}')
    if not computer.is_configured:
        computer.configure(safe_interval=0.0, use_login_shell=False)
        return Step('new', 'computer', f'{COMPUTER} configured for this user')
    return Step('same', 'computer', COMPUTER)


def _launcher(lammps: Program | None, mpirun: Path | None) -> list[str]:
    if mpirun is not None:
        return mpirun_command(mpirun.absolute())
    if lammps is None:
        return []
    from aiida_glassion.cli.checks.lammps import find_mpirun

    return find_mpirun(lammps)


def _code(label: str, plugin: str, computer: Any, program: Program | None, asked: bool) -> Step:
    """Store a program as a code. One that is there stays, unless another was asked for or its file is gone."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import InstalledCode, load_code

    full = f'{label}@{computer.label}'
    old = None
    try:
        old = load_code(full)
    except NotExistent:
        pass
    else:
        path = Path(old.filepath_executable)
        if path.is_file() and not (asked and program is not None and program.path != path):
            return Step('same', full, str(path))
    if program is None:
        gone = f'{old.filepath_executable} is gone, and none was' if old is not None else 'not'
        return Step(
            'failed', full, f'{gone} found beside this Python or on PATH', 'pip install "aiida-glassion[engines]"'
        )
    if not says(program, *GREETINGS[plugin]):
        seen = f'{program.path} does not start, or is another program'
        return Step('failed', full, seen, f'glassion setup --{label} PATH')
    was = ''
    if old is not None:
        old.label = f'{label}-{old.pk}'
        old.is_hidden = True
        was = f' (the old one is now {old.full_label})'
    InstalledCode(
        label=label,
        computer=computer,
        filepath_executable=str(program.path),
        default_calc_job_plugin=plugin,
        prepend_text=program.prepend,
    ).store()
    return Step('new', full, f'{program.path}{was}')


def _daemon(profile: str) -> Step:
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage import get_manager

    if not get_manager().get_profile().process_control_backend:
        mend = f'verdi -p {profile} profile configure-broker core.zeromq -n'
        return Step('failed', 'daemon', 'the profile has no broker', mend)
    client = get_daemon_client(profile)
    if client.is_daemon_running:
        return Step('same', 'daemon', 'running')
    client.start_daemon(number_workers=1)
    return Step('new', 'daemon', f'started with one worker (stop it: verdi -p {profile} daemon stop)')
