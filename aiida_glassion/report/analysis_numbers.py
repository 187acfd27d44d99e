"""The numbers of analyses in the order, with the names and the units in which tables show them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiida_glassion.analysis.result import Result
from aiida_glassion.report.analysis import Analysed
from aiida_glassion.report.numbers import Number, format_number, walk_numbers

TITLES = {
    'rdf': 'Radial distribution',
    'coordination': 'Coordination and bonds',
    'angles': 'Bond angles',
    'network': 'Network',
    'anions': 'Anions and clusters',
    'rings': 'Rings',
    'scattering': 'Scattering',
    'powder': 'Powder pattern',
    'voronoi': 'Volumes of the atoms',
    'voids': 'Voids',
    'disorder': 'Degree of disorder',
    'profiles': 'Profiles',
    'regions': 'Regions',
    'checks': 'Checks',
    'diffusion': 'Diffusion and conductivity',
    'dynamics': 'How ions move',
    'channels': 'Channels, sites and hops',
    'flexibility': 'Flexibility of the framework',
}
"""Heading of each kind of analysis."""

_LEAST_SHARE = 5e-4
_MOST_COLUMNS = 7
_ROUND_OFF = 1e-9
_NOT_SHOWN = frozenset(
    {
        *('threshold', 'n', 'n_frames', 'cutoffs', 'at_random', 'mean_connectivity', 'join', 'least_q', 'depth'),
        *('per_frame', 'per_cell', 'origin_fraction', 'shortest_fraction', 'longest_fraction'),
        *('least_face', 'spacing', 'centre_fraction', 'occupiable_fraction'),
        *('lag_of_own_msd', 'chi2', 'late_exponent', 'spread_of_ions', 'widened_by_blocks'),
    }
)
"""Details that tables leave to files: how something was counted, other measures of the same, cut-offs (in the head)."""
_UNITS_BY_NAME = re.compile(r'([A-Za-z_][\w, ]*?)\s*:\s*([^;,]+)')
_WORDS = {'xray': 'X-ray', 'r_chi': 'R_χ', 'king': 'King', 'guttman': 'Guttman', 'qn': 'Qn'}
_SHARE = re.compile(r'fractions?\b|shares?\b')
_SHARES = frozenset({'distribution', 'qn', 'anions', 'clusters', 'cluster_shares', 'formers_by_size', 'artefacts'})
"""Keys under which there are shares of atoms."""


@dataclass(frozen=True)
class Entry:
    """One number of a result.

    :param path: keys that lead to it.
    :param number: in the unit shown.
    :param unit: shares are shown in %.
    """

    path: tuple[str, ...]
    number: Number
    unit: str

    @property
    def label(self) -> str:
        """What it is, in words."""
        return ', '.join(words(part) for part in self.path)


def words(key: str) -> str:
    """A key as words: ``first_shells`` is ``first shells``, ``Si-O`` is ``Si–O``."""
    if re.fullmatch(r'[A-Z][a-z]?(-[A-Z][a-z]?)+', key):
        return key.replace('-', '–')
    return _WORDS.get(key, key.replace('_', ' '))


def unit_of(result: Result, path: Sequence[str]) -> str:
    """Unit of a number: by its whole path, its own key, or the beginning of its path, the longest first."""
    units = result.units
    starts = ['.'.join(path[:length]) for length in range(len(path), 0, -1)]
    for name in (starts[0], path[-1], *starts[1:]):
        if name in units:
            unit = _one_of(units[name], path[-1])
            return '' if unit in ('1', 'number', 'dimensionless') else unit
    return ''


def _one_of(text: str, key: str) -> str:
    """The unit itself, or what ``position, width: Å⁻¹; height: 1`` says of a key."""
    if ':' not in text:
        return text
    for names, unit in _UNITS_BY_NAME.findall(text):
        if key in re.split(r',\s*| and ', names):
            return str(unit).strip()
    return ''


def _is_share(path: Sequence[str]) -> bool:
    """Whether a number without a unit is a share."""
    of_units = path[0] == 'units' and len(path) == 3
    return bool(_SHARES.intersection(path)) or of_units or path[-1].endswith(('share', 'fraction'))


def number_text(number: Number) -> str:
    """A number with its error; a whole number without an error has no decimals."""
    if number.error and number.error < _ROUND_OFF * abs(number.value):
        number = Number(number.value)
    if not number.error and number.value == round(number.value) and abs(number.value) < 1e6:
        return f'{number.value:.0f}'.replace('-', '−')
    return format_number(number)


def entries_of(result: Result, everything: bool = False) -> list[Entry]:
    """Numbers of a result.

    :param everything: also what is zero and the details, as files want it.
    """
    found = []
    numbers = [(tuple(name.split('.')), number) for name, number in walk_numbers(result.numbers)]
    siblings = Counter(path[:-1] for path, _ in numbers)
    for path, number in numbers:
        unit = unit_of(result, path)
        is_share = bool(_SHARE.match(unit)) or (not unit and _is_share(path))
        rare = number.value < _LEAST_SHARE if is_share else number.value == 0 and siblings[path[:-1]] > 2
        rare = rare and path[0] != 'artefacts'
        if not everything and (rare or _NOT_SHOWN.intersection(path)):
            continue
        found.append(Entry(path, number.scaled(100) if is_share else number, '%' if is_share else unit))
    return found


@dataclass(frozen=True)
class Row:
    """One line of a table: what, in which unit, and a text for each column."""

    label: str
    unit: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    """Numbers of several things by the same names, as a table.

    :param title: what they have in common.
    :param columns: names with units.
    :param rows: name of the thing and its numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def compact_tables(result: Result) -> tuple[list[Matrix], list[Row]]:
    """Numbers of one trajectory: what has rows and columns as tables, the rest line by line.

    :returns: tables, and lines such as ``Si: Q3 35.8 ± 0.2, Q4 57.3 ± 0.2``.
    """
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries_of(result):
        groups.setdefault(entry.path[:-2], []).append(entry)
    matrices, rows = [], []
    for title, members in groups.items():
        table: dict[str, dict[str, Entry]] = {}
        for entry in members:
            if len(entry.path) > 1:
                table.setdefault(entry.path[-2], {})[_column(entry)] = entry
        columns = list(dict.fromkeys(name for cells in table.values() for name in cells))
        filled = sum(len(cells) for cells in table.values())
        if title and len(table) > 1 and 1 < len(columns) <= _MOST_COLUMNS and 2 * filled >= len(table) * len(columns):
            matrices.append(_matrix(title, table, columns))
        elif title and len(table) > 1 and len(columns) == 1:
            cells = {name: next(iter(entries.values())) for name, entries in table.items()}
            text = ', '.join(f'{words(name)}: {number_text(entry.number)}' for name, entry in cells.items())
            rows.append(Row(' '.join(words(part) for part in title), members[0].unit, (text,)))
        else:
            rows += compact_rows(members)
    order = {words(key): index for index, key in enumerate(result.numbers)}
    rows.sort(key=lambda row: order.get(row.label.partition(', ')[0], len(order)))
    return matrices, rows


def _column(entry: Entry) -> str:
    """Name of the column; elements of the row's pair become its 1st and 2nd."""
    first, _, second = entry.path[-2].partition('-')
    found = {f'{second}_around_{first}': 'around 1st', f'{first}_around_{second}': 'around 2nd'}
    return found.get(entry.path[-1], words(entry.path[-1])) if second else words(entry.path[-1])


def _matrix(title: Sequence[str], table: Mapping[str, Mapping[str, Entry]], columns: Sequence[str]) -> Matrix:
    heads = []
    for column in columns:
        unit = next(cells[column].unit for cells in table.values() if column in cells)
        heads.append(f'{column} ({unit})' if unit else column)
    rows = [
        (words(name), *(number_text(cells[c].number) if c in cells else '–' for c in columns))
        for name, cells in table.items()
    ]
    return Matrix(', '.join(words(part) for part in title), tuple(heads), tuple(rows))


def compact_rows(entries: Sequence[Entry]) -> Iterator[Row]:
    """Numbers line by line; those under one key share a line."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = entry.path[:-1] if len(entry.path) > 1 else entry.path
        groups.setdefault((*key, entry.unit), []).append(entry)
    for key, members in groups.items():
        label = ', '.join(words(part) for part in key[:-1])
        if len(members[0].path) == 1:
            yield Row(label, key[-1], (format_number(members[0].number),))
        else:
            texts = (f'{words(entry.path[-1])}: {number_text(entry.number)}' for entry in members)
            yield Row(label, key[-1], (', '.join(texts),))


def compared_rows(results: Sequence[Result | None]) -> Iterator[Row]:
    """Each number on a line of its own, a column for each trajectory.

    :param results: of one kind, None where a trajectory has none.
    """
    tables = [{} if result is None else {entry.path: entry for entry in entries_of(result)} for result in results]
    for path in dict.fromkeys(path for table in tables for path in table):
        there = [table.get(path) for table in tables]
        first = next(entry for entry in there if entry is not None)
        texts = tuple('–' if entry is None else number_text(entry.number) for entry in there)
        yield Row(first.label, first.unit, texts)


def verdicts(result: Result) -> list[tuple[str, str]]:
    """What the checks say: ``ok``, ``warning`` or ``skipped`` (could not be judged), and the words."""
    checks = result.numbers.get('checks', {})
    marks = {True: 'warning', False: 'ok'}
    found = [(marks.get(check.get('flagged'), 'skipped'), str(check.get('words', ''))) for check in checks.values()]
    return sorted(found, key=lambda entry: ('warning', 'ok', 'skipped').index(entry[0]))


def kinds_in(glasses: Sequence[Analysed]) -> list[str]:
    """Kinds of analysis that any of them has, in the order of :data:`TITLES`."""
    there = {kind for glass in glasses for kind in glass.results}
    return [kind for kind in TITLES if kind in there]


def csv_rows(glasses: Sequence[Analysed]) -> Iterator[list[object]]:
    """Every number for a file: trajectory, analysis, name, unit, value, error, number of samples."""
    for glass in glasses:
        for kind in kinds_in([glass]):
            for entry in entries_of(glass.results[kind], everything=True):
                number = entry.number
                yield [glass.name, kind, '.'.join(entry.path), entry.unit, number.value, number.error, number.n]


CSV_HEAD = ['trajectory', 'analysis', 'name', 'unit', 'value', 'standard_error', 'n']


def failures(glasses: Sequence[Analysed]) -> Iterator[str]:
    """What could not be done, and why, in a sentence each."""
    for glass in glasses:
        whose = f' of {glass.name}' if len(glasses) > 1 else ''
        for kind, reason in glass.failed.items():
            yield f'{kind}{whose}: {reason}'


def warnings(glasses: Sequence[Analysed]) -> Iterator[str]:
    """What is odd, in a sentence each."""
    for glass in glasses:
        for kind, sentence in glass.all_warnings():
            before = [part for part in (glass.name if len(glasses) > 1 else '', kind) if part]
            yield f'{", ".join(before)}: {sentence}' if before else sentence


def facts(glass: Analysed) -> Mapping[str, str]:
    """What was analysed, for the head of a table or a page."""
    frames = f'{glass.n_frames} frame{"s" if glass.n_frames != 1 else ""}'
    if len(glass.members) > 1:
        frames += f' of {len(glass.members)} replicas: {", ".join(glass.members)}'
    cutoffs = ', '.join(f'{words(pair)} {value:.3g}' for pair, value in glass.cutoffs.items())
    lengths = ', '.join(f'{words(pair)} {value:.3f}' for pair, value in glass.bond_lengths.items())
    found = {
        'atoms': f'{glass.n_atoms}: ' + ', '.join(f'{count} {element}' for element, count in glass.counts.items()),
        'frames': frames,
        'bonds up to (Å)': cutoffs,
        'bond lengths (Å)': lengths,
        'errors': glass.errors_from,
    }
    return {name: text for name, text in found.items() if text}
