"""How the commands print: one line per part, a mark, a name, what was seen."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.text import Text

_WIDTH_OF_FILES = 140
"""Columns of what is written into a file or a pipe, where nothing says how wide it may be."""

#: mark and colour of each verdict.
MARKS = {
    'ok': ('✓', 'green'),
    'new': ('+', 'green'),
    'same': ('=', 'dim'),
    'warning': ('!', 'yellow'),
    'failed': ('✗', 'red'),
    'skipped': ('–', 'dim'),
}


def console() -> Console:
    """Return the terminal; plain text when the output is not a terminal, and never a line broken inside a path."""
    width = None if sys.stdout.isatty() or 'COLUMNS' in os.environ else _WIDTH_OF_FILES
    return Console(highlight=False, soft_wrap=True, width=width)


def line(verdict: str, name: str, seen: str, mend: str | None = None) -> Text:
    """Return one line of a report.

    :param verdict: a key of :data:`MARKS`.
    :param name: the part.
    :param seen: what was done or seen.
    :param mend: the one command that mends it, on a line of its own.
    """
    mark, colour = MARKS[verdict]
    text = Text.assemble('  ', (mark, f'bold {colour}'), ' ', (f'{name:<22}', 'bold'), ' ', seen)
    if mend:
        text.append(f'\n{"":<27}mend it with: ', style='dim').append(mend, style='bold yellow')
    return text
