"""Pieces of Markdown that the generated pages share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Table whose cells hold Markdown."""
    lines = ['| ' + ' | '.join(columns) + ' |', '|' + '---|' * len(columns)]
    lines += ['| ' + ' | '.join(_cell(value) for value in row) + ' |' for row in rows]
    return '\n'.join(lines) + '\n'


def _cell(value: Any) -> str:
    return ' '.join(str(value).split()).replace('|', '\\|')


def code(text: Any) -> str:
    """Text as code, empty where there is none."""
    return f'`{text}`' if str(text) else ''


def prose(text: str) -> str:
    """Text of a docstring or a help as Markdown: literal where it is code, else as it reads."""
    text = re.sub(r':[a-z]+:`~?\.?([^`]+)`', lambda found: f'`{found[1].rsplit(".", 1)[-1]}`', text)
    text = text.replace('``', '`')
    parts = re.split(r'(`[^`]*`)', text)
    return ''.join(part if part.startswith('`') else re.sub(r'([*<\[\]$])', r'\\\1', part) for part in parts)


def docstring(thing: Any) -> str:
    """Description in a docstring, without its parameters."""
    text = inspect.cleandoc(thing.__doc__ or '')
    return prose(re.split(r'^:(?:param|returns?|raises)\b', text, flags=re.MULTILINE)[0].strip())
