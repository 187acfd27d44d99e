"""``glassion launch``: one subcommand for every WorkChain, each in a file of its own."""

from __future__ import annotations

import difflib
import importlib

import click

from aiida_glassion.cli import debug_option

#: name -> (where the command is, what ``glassion launch --help`` says of it).
LAUNCHERS: dict[str, tuple[str, str]] = {
    'melt-quench': ('aiida_glassion.cli.launch_melt_quench:melt_quench', 'From a composition to a glass.'),
    'train': ('aiida_glassion.cli.launch_train:train', 'A committee of models from labelled frames.'),
    'initial-data': ('aiida_glassion.cli.launch_initial_data:initial_data', 'Structures to be labelled first.'),
    'label': ('aiida_glassion.cli.launch_label:label', 'Energies, forces and virials of frames, by any engine.'),
}


class LaunchGroup(click.Group):
    """Launchers by name; one is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the launchers."""
        return list(LAUNCHERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import a launcher; an unknown name is answered with the nearest known one."""
        if cmd_name not in LAUNCHERS:
            near = difflib.get_close_matches(cmd_name, LAUNCHERS, n=1, cutoff=0.4)
            hint = f'Did you mean `glassion launch {near[0]}`?' if near else f'There are: {", ".join(LAUNCHERS)}.'
            ctx.fail(f'There is nothing to launch called `{cmd_name}`. {hint}')
        module, _, attribute = LAUNCHERS[cmd_name][0].partition(':')
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if not any(parameter.name == 'debug' for parameter in command.params):
            command.params.append(debug_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the launchers without importing any."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, text) for name, (_, text) in LAUNCHERS.items()])


@click.group(cls=LaunchGroup)
def launch() -> None:
    """Start a study. It says first what it will do and how long that may take."""
