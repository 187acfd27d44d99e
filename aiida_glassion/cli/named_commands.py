"""Groups of commands that are known by name and imported when they are called."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click

from aiida_glassion.cli import debug_option


class NamedCommands(click.Group):
    """A group that imports a command when it is called, and answers an unknown name with the nearest known one.

    :param rooms: name -> (where the command is, what the help of the group says of it).
    """

    def __init__(self, *args: Any, rooms: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rooms = rooms

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return list(self.rooms)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import a command; an unknown name is answered with the nearest known one."""
        if cmd_name not in self.rooms:
            near = difflib.get_close_matches(cmd_name, self.rooms, n=1, cutoff=0.4)
            hint = f'Did you mean `glassion {self.name} {near[0]}`?' if near else f'There are: {", ".join(self.rooms)}.'
            ctx.fail(f'There is no `glassion {self.name} {cmd_name}`. {hint}')
        module, _, attribute = self.rooms[cmd_name][0].partition(':')
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if not any(parameter.name == 'debug' for parameter in command.params):
            command.params.append(debug_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, text) for name, (_, text) in self.rooms.items()])
