"""The parts that the tables of ``glassion show`` share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

_FOLDED_WORDS = 12
"""Columns of the terminal in which words can be folded."""
_GAP = 2
"""Columns of the terminal between two columns of a table."""


def process_facts(node: Any) -> dict[str, Any]:
    """How a process stands."""
    return {
        'pk': node.pk,
        'uuid': str(node.uuid),
        'process': node.process_label,
        'label': node.label,
        'state': node.process_state.value if node.process_state else 'created',
        'exit_status': node.exit_status,
        'exit_message': node.exit_message,
    }


def outputs_of(node: Any) -> dict[str, Any]:
    """Pk of every output, by its name (``glass.replica_00_rate_10``)."""
    from aiida.common.links import LinkType

    links = node.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)).all()
    return {link.link_label.replace('__', '.'): link.node.pk for link in sorted(links, key=lambda link: link.node.pk)}


def heading(content: Mapping[str, Any]) -> RenderableType:
    """Name and state of a process, with the reason if it failed."""
    from rich.text import Text

    text = Text.assemble((f'{content["process"]} {content["pk"]}', 'bold'), f'  {content["label"]}  ')
    if content['state'] != 'finished':
        return text.append(content['state'], style='red' if content['state'] in ('excepted', 'killed') else 'cyan')
    if content['exit_status'] == 0:
        return text.append('✓ ended well', style='green')
    return text.append(f'✗ [{content["exit_status"]}] {content["exit_message"]}', style='red')


def facts_table(facts: Iterable[tuple[str, Any]]) -> RenderableType:
    """Names and values, values folded within the width of the terminal."""
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    table.add_column(style='bold', no_wrap=True)
    table.add_column(overflow='fold')
    for name, value in facts:
        table.add_row(name, value if not isinstance(value, str) else _text(value))
    return table


def numbers_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> RenderableType:
    """A table whose first column names what the others count; a column named with a `<` before is left-aligned.

    Numbers keep to one line where they have room, else they are folded: nothing is cut off.
    """
    return _NumbersTable(title, list(columns), [list(row) for row in rows])


@dataclass(frozen=True)
class _NumbersTable:
    """A table laid out when it is printed, for only then its width is known."""

    title: str
    columns: list[str]
    rows: list[list[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.table import Table

        is_words = [index == 0 or column.startswith('<') for index, column in enumerate(self.columns)]
        widths = [max(map(len, cells)) for cells in zip(self.columns, *self.rows, strict=True)]
        least = [min(width, _FOLDED_WORDS) if words else width for width, words in zip(widths, is_words, strict=True)]
        one_line = sum(least) + _GAP * (len(least) - 1) <= options.max_width
        table = Table(title=self.title or None, box=None, padding=(0, 0, 0, _GAP), pad_edge=False)
        table.title_justify, table.title_style = 'left', 'bold'
        for column, words in zip(self.columns, is_words, strict=True):
            justify: Literal['left', 'right'] = 'left' if words else 'right'
            table.add_column(
                column.removeprefix('<'),
                justify=justify,
                header_style='dim',
                overflow='fold',
                no_wrap=one_line and not words,
            )
        for row in self.rows:
            table.add_row(*(_text(cell) for cell in row))
        yield table


def warning_lines(warnings: Iterable[str], sign: str = '!', style: str = 'yellow') -> list[RenderableType]:
    """One line for each warning."""
    from rich.text import Text

    return [Text(f'  {sign} {warning}', style=style) for warning in warnings]


def section(title: str, more: str) -> RenderableType:
    """A bold title with a dim remark."""
    from rich.text import Text

    return Text.assemble((title, 'bold'), (f'  {more}', 'dim'))


def next_line(*commands: str) -> RenderableType:
    """The commands that come next."""
    from rich.text import Text

    return Text.assemble(('  next: ', 'dim'), ('   '.join(commands), 'bold'))


def blank() -> RenderableType:
    """An empty line."""
    from rich.text import Text

    return Text()


def _text(value: Any) -> Any:
    """Text as it is: brackets in it are no markup."""
    from rich.text import Text

    return Text(value) if isinstance(value, str) else value
