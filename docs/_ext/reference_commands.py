"""The ``glassion`` command with all that is below it, read from click."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from markdown import code, prose, table


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name."""
    from aiida_glassion.cli import main

    yield from _below('glassion', main)


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _below(f'{name} {child}', found)


def page() -> str:
    """Usage, description, arguments and options of every command."""
    parts = []
    for name, command in commands():
        context = click.Context(command, info_name=name)
        usage = ' '.join(command.collect_usage_pieces(context))
        parts += [f'## `{name}`\n', f'```text\n{name} {usage}\n```\n', _help(command), _options(command)]
    return '\n'.join(parts)


def _help(command: click.Command) -> str:
    """Paragraphs of a help; one marked with a backspace keeps its lines."""
    parts = []
    for paragraph in (command.help or '').split('\n\n'):
        if paragraph.strip().startswith('\b'):
            lines = [line.strip() for line in paragraph.replace('\b', '').strip().splitlines()]
            parts.append('```bash\n' + '\n'.join(lines) + '\n```')
        else:
            parts.append(prose(' '.join(paragraph.split())))
    return '\n\n'.join(parts) + '\n'


def _options(command: click.Command) -> str:
    rows = [_row(option) for option in command.params if isinstance(option, click.Option) and not option.hidden]
    return table(('option', 'default', 'what it does'), rows) if rows else ''


def _row(option: click.Option) -> tuple[str, str, str]:
    names = ', '.join(code(name) for name in (*option.opts, *option.secondary_opts))
    if not option.is_flag:
        names += f' {option.make_metavar(click.Context(click.Command("x")))}'.replace('[', '').replace(']', '')
    default: Any = option.default if option.show_default or not option.is_flag else ''
    shown = '' if default is None or callable(default) or 'UNSET' in str(default).upper() else code(default)
    return names, '' if shown in ('`()`', '`False`') else shown, prose(option.help or '')
