"""``glassion dataset``: labelled frames in and out; each command is in a file of its own."""

from __future__ import annotations

import difflib
import importlib

import click

from aiida_glassion.cli import debug_option

#: name -> (where the command is, what ``glassion dataset --help`` says of it).
ROOMS: dict[str, tuple[str, str]] = {
    'import': ('aiida_glassion.cli.dataset_import:import_', 'Labelled frames from files, into one dataset.'),
    'show': ('aiida_glassion.cli.dataset_show:show', 'Statistics, outliers, duplicates, smallest distances.'),
    'export': ('aiida_glassion.cli.dataset_export:export', 'Datasets to files that other programs read.'),
    'merge': ('aiida_glassion.cli.dataset_change:merge', 'Join datasets of one method.'),
    'split': ('aiida_glassion.cli.dataset_change:split', 'Hold frames or formulas out for a test.'),
    'select': ('aiida_glassion.cli.dataset_change:select', 'Leave outliers and duplicates out.'),
    'shift': ('aiida_glassion.cli.dataset_change:shift', 'Take the energies of atoms off, or put them back.'),
}


class DatasetGroup(click.Group):
    """Commands by name; one is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return list(ROOMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import a command; an unknown name is answered with the nearest known one."""
        if cmd_name not in ROOMS:
            near = difflib.get_close_matches(cmd_name, ROOMS, n=1, cutoff=0.4)
            hint = f'Did you mean `glassion dataset {near[0]}`?' if near else f'There are: {", ".join(ROOMS)}.'
            ctx.fail(f'No such command `{cmd_name}`. {hint}')
        module, _, attribute = ROOMS[cmd_name][0].partition(':')
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if not any(parameter.name == 'debug' for parameter in command.params):
            command.params.append(debug_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, text) for name, (_, text) in ROOMS.items()])


@click.group(cls=DatasetGroup)
def dataset() -> None:
    """Labelled frames: energies, forces and virials to learn from, with how they were labelled."""
