"""What ``glassion analyse`` prints: what will be done, and the tables of what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.analyse_choice import WHAT, estimated_seconds
from aiida_glassion.cli.terminal import MARKS
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.report import analysis_numbers as numbers

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.analysis.request import Request
    from aiida_glassion.report.analysis import Analysed


@dataclass(frozen=True)
class Look:
    """What is known of a trajectory before it is analysed.

    :param counts: atoms of each element.
    :param n_frames: in the trajectory.
    :param n_taken: that the request takes.
    """

    name: str
    counts: Mapping[str, int]
    n_frames: int
    n_taken: int

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return sum(self.counts.values())


def plan_tables(looks: Sequence[Look], request: Request, mode: str, output: str | None) -> list[RenderableType]:
    """What will be done, and about how long that takes.

    :param mode: how several trajectories are taken, in words.
    """
    rows = [
        [look.name, str(look.n_atoms), ' '.join(f'{e}{n}' for e, n in look.counts.items()), str(look.n_frames),
         str(look.n_taken)]
        for look in looks
    ]  # fmt: skip
    columns = ['trajectory', 'atoms', '<elements', 'frames', 'taken']
    shown: list[RenderableType] = [
        parts.section('Analyse', mode),
        parts.numbers_table('', columns, rows),
        parts.blank(),
    ]
    shown.append(parts.facts_table(request_facts(request)))
    facts = []
    seconds = sum(estimated_seconds(request.analyses, look.n_atoms, look.n_taken) for look in looks)
    facts.append(('time', f'about {_time(seconds)} on one core; yours may differ by a factor of 3'))
    facts.append(
        ('output', 'tables here' if output is None else f'tables here; page, figures, CSV and JSON in {output}')
    )
    return [*shown, parts.blank(), parts.facts_table(facts)]


def request_facts(request: Request) -> list[tuple[str, str]]:
    """Each analysis with what it gives and what was chosen, and the cut-offs."""
    facts = [(kind, _line(kind, settings)) for kind, settings in request.analyses.items()]
    if request.cutoffs:
        bonds = (f'{_cation_first(pair)} {value:g} Å' for pair, value in request.cutoffs.items())
        facts.append(('bonds up to', ', '.join(bonds)))
    return facts


def _cation_first(pair: str) -> str:
    """``O-Si`` as it is said: Si–O."""
    elements = pair.split('-')
    roles = network_roles(elements)
    return '–'.join(sorted(elements, key=lambda element: roles[element] == 'anion'))


def _line(kind: str, settings: Mapping[str, Any]) -> str:
    """What an analysis gives, and which of its settings were chosen."""
    from aiida_glassion.analysis.base import kind_of

    default = kind_of(kind).Settings().model_dump(mode='json')
    changed = {name: value for name, value in settings.items() if value != default.get(name)}
    experiments = changed.pop('experiments', [])
    chosen = [f'{name} {_value(value)}' for name, value in changed.items()]
    chosen += [f'measured {_experiment(entry)}' for entry in experiments]
    return WHAT[kind] + (f' [{"; ".join(chosen)}]' if chosen else '')


def _experiment(entry: Mapping[str, Any]) -> str:
    """A measured curve in a line."""
    x = entry.get('x') or []
    reach = f', {len(x)} points from {x[0]:.3g} to {x[-1]:.3g}' if x else ''
    named = ' '.join(str(entry[key]) for key in ('name', 'radiation', 'quantity') if entry.get(key))
    return f'{named}{reach}'


def _value(value: Any) -> str:
    return f'{value:g}' if isinstance(value, float) else str(value)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f'{max(1, round(seconds))} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'


def outcome_tables(glasses: Sequence[Analysed], mode: str) -> list[RenderableType]:
    """Tables of everything that was found, with errors, warnings last.

    :param glasses: one: its numbers line by line; several: side by side.
    :param mode: how several trajectories were taken, in words.
    """
    shown: list[RenderableType] = []
    for glass in glasses:
        shown += [parts.section(glass.name, mode), parts.facts_table(numbers.facts(glass).items()), parts.blank()]
    for kind in numbers.kinds_in(glasses):
        results = [glass.results.get(kind) for glass in glasses]
        title = numbers.TITLES[kind]
        if kind == 'checks':
            shown += _checked(glasses)
            continue
        if len(glasses) == 1 and results[0] is not None:
            matrices, rows = numbers.compact_tables(results[0])
            if matrices or rows:
                shown.append(parts.section(title, ''))
            if rows:
                shown += [_folded([[row.label, row.texts[0], row.unit] for row in rows]), parts.blank()]
            for matrix in matrices:
                shown += [_matrix_table(matrix), parts.blank()]
            continue
        cells = [[row.label, *row.texts, row.unit] for row in numbers.compared_rows(results)]
        if cells:
            columns = [title, *(glass.name for glass in glasses), '<unit']
            shown += [parts.numbers_table('', columns, cells), parts.blank()]
    shown += parts.warning_lines(numbers.warnings(glasses))
    return [*shown, *parts.warning_lines(numbers.failures(glasses), '✗', 'red')]


def _matrix_table(matrix: numbers.Matrix) -> RenderableType:
    """A table whose names stay whole where the terminal is narrow; numbers fold."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 0, 0, 2))
    table.add_column(matrix.title, header_style='dim', no_wrap=True)
    for column in matrix.columns:
        table.add_column(column, header_style='dim', justify='right', overflow='fold')
    for row in matrix.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _checked(glasses: Sequence[Analysed]) -> list[RenderableType]:
    """What the checks say, in a line each."""
    from rich.text import Text

    shown: list[RenderableType] = []
    for glass in glasses:
        result = glass.results.get('checks')
        if result is not None:
            shown.append(parts.section('Checks', glass.name if len(glasses) > 1 else ''))
            for verdict, said in numbers.verdicts(result):
                mark, colour = MARKS[verdict]
                shown.append(Text.assemble('  ', (mark, f'bold {colour}'), f' {said}'))
            shown.append(parts.blank())
    return shown


def _folded(rows: Sequence[Sequence[str]]) -> RenderableType:
    """Name, numbers folded to the width of the terminal, unit."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    table.add_column(overflow='fold', max_width=30)
    table.add_column(overflow='fold')
    table.add_column(overflow='fold', style='dim', max_width=24)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
