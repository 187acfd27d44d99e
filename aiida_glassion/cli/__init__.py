"""The ``glassion`` command. Subcommands are imported when they are called, so that ``glassion --help`` is immediate."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from aiida_glassion import __version__
from aiida_glassion.cli.errors import explained, set_debug

#: name -> (where the command is, what ``glassion --help`` says of it), in the order in which a user meets them.
COMMANDS: dict[str, tuple[str, str]] = {
    'setup': ('aiida_glassion.cli.setup:setup', 'Prepare this machine: AiiDA profile, computer, codes, daemon.'),
    'doctor': ('aiida_glassion.cli.doctor:doctor', 'Prove each part by a tiny real run; say what mends it.'),
    'dataset': ('aiida_glassion.cli.dataset:dataset', 'Labelled frames in and out: import, show, split, export.'),
    'launch': ('aiida_glassion.cli.launch:launch', 'Start a study; says first what it will do.'),
    'analyse': ('aiida_glassion.cli.analyse:analyse', 'Structure of any trajectory, beside measured curves.'),
    'watch': ('aiida_glassion.cli.watch:watch', 'Watch a study while it runs.'),
    'show': ('aiida_glassion.cli.show:show', 'Tables of what came out.'),
    'report': ('aiida_glassion.cli.report:report', 'Write a page, figures and tables of a study.'),
    'export': ('aiida_glassion.cli.export:export', 'Configurations of a node as extXYZ, LAMMPS data, CIF, POSCAR.'),
    'archive': ('aiida_glassion.cli.archive:archive', 'Export a study with its whole provenance to one file.'),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of :data:`COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, and give it the ``--debug`` option that every command has."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(':')
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if not any(parameter.name == 'debug' for parameter in command.params):
            command.params.append(debug_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown name is answered with the nearest known one."""
        if args and args[0] not in COMMANDS and not args[0].startswith('-'):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            hint = f'Did you mean `glassion {near[0]}`?' if near else f'There are: {", ".join(COMMANDS)}.'
            ctx.fail(f'No such command `{args[0]}`. {hint}')
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what can be expected to go wrong becomes one message instead of a traceback."""
        with explained():
            return super().invoke(ctx)


def debug_option() -> click.Option:
    """Return the option that shows tracebacks, as the variable ``GLASSION_DEBUG=1`` does."""
    return click.Option(
        ['--debug'],
        is_flag=True,
        expose_value=False,
        callback=lambda ctx, parameter, value: set_debug(value),
        help='Show the traceback of an error (also: GLASSION_DEBUG=1).',
    )


@click.group(cls=LazyGroup, params=[debug_option()], context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(__version__, prog_name='glassion')
def main() -> None:
    """From a composition to a defended number for a glass.

    Start with `glassion setup`, then `glassion doctor`.
    """
