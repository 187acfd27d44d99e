"""The end of every launcher: say that nothing was submitted, or submit, and watch if asked to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from aiida_glassion.cli.daemon import daemon_runs
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import profile_option
from aiida_glassion.cli.terminal import console

_Command = TypeVar('_Command', bound=Callable[..., Any])

_OPTIONS = (
    profile_option,
    click.option('--dry-run', is_flag=True, help='Say what would be done and leave.'),
    click.option('--wait', is_flag=True, help='Watch it until it ends.'),
    click.option('--yes', is_flag=True, help='Do not ask.'),
    click.option('--pk-file', type=click.Path(dir_okay=False, writable=True), help='Write the PK into this file.'),
)


def submission_options(command: _Command) -> _Command:
    """Give a launcher the options that :func:`submit` needs, and ``--profile``."""
    decorated: _Command = reduce(lambda inner, option: option(inner), reversed(_OPTIONS), command)
    return decorated


def submit(ctx: click.Context, builder: Any, given: Mapping[str, Any]) -> None:
    """Submit what the launcher has described, unless it was only to be described.

    :param ctx: of the launcher; it exits with the status of the process if that is waited for.
    :param builder: complete and checked.
    :param given: options of the launcher, with ``dry_run``, ``wait``, ``yes`` and ``pk_file``.
    """
    terminal = console()
    if given['dry_run']:
        terminal.print('Nothing was submitted (--dry-run).')
        return
    check_daemon()
    if not given['yes'] and sys.stdin.isatty():
        click.confirm('Submit?', default=True, abort=True)
    from aiida.engine import submit as submit_to_daemon

    node = submit_to_daemon(builder)
    if given['pk_file']:
        Path(given['pk_file']).write_text(f'{node.pk}\n', encoding='utf-8')
    terminal.print(f'[green]✓[/] submitted: [bold]{node.pk}[/]. Watch it with: [bold]glassion watch {node.pk}[/]')
    if given['wait']:
        from aiida_glassion.cli.watch import follow

        ctx.exit(follow(node.pk))


def check_daemon() -> None:
    """Refuse to submit what nobody would take up."""
    from aiida.manage import get_manager

    profile = get_manager().get_profile()
    name = profile.name if profile else 'glassion'
    if not daemon_runs(name):
        message = 'The daemon, which runs what is submitted, is not running. Nothing was submitted.'
        raise GlassionError(message, mend=f'verdi -p {name} daemon start')
