"""``glassion dataset show``: what is in datasets, and what stands out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.dataset_import import find_dataset
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST = 20


def limit_options(command: Any) -> Any:
    """Add the limits of outliers and duplicates."""
    for name, unit in (
        ('tolerance', 'Å: atoms of the same geometry may differ by that. Default: 0.001.'),
        ('largest-pressure', 'GPa, of either sign: a frame beyond is an outlier. Default: 100.'),
        ('largest-force', 'eV/Å: a frame with a force beyond is an outlier. Default: 50.'),
        ('energy-score', 'Robust standard deviations of the energy per atom: beyond is an outlier. Default: 10.'),
    ):
        command = click.option(f'--{name}', type=float, help=unit)(command)
    return command


def limits_of(given: Mapping[str, float | None]) -> dict[str, float]:
    """The limits that were given."""
    return {name: value for name, value in given.items() if value is not None}


@click.command()
@click.argument('pks', nargs=-1, required=True, metavar='PK...')
@profile_option
@limit_options
@click.option('--json', 'as_json', is_flag=True, help='Everything as JSON, with units.')
def show(pks: tuple[str, ...], profile: str | None, as_json: bool, **limits: float | None) -> None:
    """Statistics by formula of the datasets PK... together, outliers, duplicate geometries, smallest distances."""
    load(profile)
    from rich.console import Console

    from aiida_glassion.data.dataset import check_one_method
    from aiida_glassion.kernels.dataset.report import report_frames

    nodes = [find_dataset(pk) for pk in pks]

    status = Console(stderr=True).status('reading')

    def read() -> Iterator[Any]:
        number = 0
        for node in nodes:
            for frames in node.iter_frames():
                yield frames
                number += frames.n_frames
                status.update(f'{number} frames seen')

    report: dict[str, Any] = {'datasets': [node.pk for node in nodes], 'warnings': []}
    try:
        check_one_method({f'dataset {node.pk}': node for node in nodes})
    except ValueError as error:
        report['warnings'].append(str(error))
    with status:
        report |= report_frames(read, limits_of(limits))
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    for part in tables(report):
        console().print(part)


def tables(report: Mapping[str, Any]) -> list[RenderableType]:
    """A report on datasets as tables.

    :param report: of :func:`~aiida_glassion.kernels.dataset.report.report_frames`, with ``datasets`` and ``warnings``.
    """
    from rich.text import Text

    formulas = report['formulas']
    rows = [
        [
            formula,
            str(entry['n_frames']),
            _number(entry['energy_per_atom'], '.4f'),
            _number(entry['energy_per_atom_sd'], '.4f'),
            _number(entry['force_rms'], '.3f'),
            _number(entry['force_largest'], '.1f'),
        ]
        for formula, entry in formulas.items()
    ]
    columns = ['formula', 'frames', 'E/atom / eV', 'sd / eV', 'F rms / eV/Å', 'largest']
    ranges = [
        [formula, _range(entry['pressure'], '.1f'), _range(entry['density'], '.2f')]
        for formula, entry in formulas.items()
    ]
    names = ', '.join(str(pk) for pk in report['datasets'])
    shown: list[RenderableType] = [
        Text.assemble((f'Dataset {names}', 'bold'), f'  {report["n_frames"]} frames'),
        *parts.warning_lines(report['warnings']),
        parts.numbers_table('', columns, rows),
        parts.blank(),
        parts.numbers_table('', ['formula', 'pressure / GPa', 'density / g/cm³'], ranges),
    ]
    nearest: dict[str, tuple[float, str]] = {}
    for formula, entry in formulas.items():
        for pair, distance in entry['minimum_distances'].items():
            nearest[pair] = min(nearest.get(pair, (float('inf'), '')), (distance, formula))
    if nearest:
        distances = [[pair, f'{distance:.3f}', formula] for pair, (distance, formula) in sorted(nearest.items())]
        shown += [parts.blank(), parts.numbers_table('Smallest distances', ['pair', 'r / Å', '<in'], distances)]
    shown += [parts.blank(), *_standing_out(report)]
    fit = report['energy_fit']
    shifts = ', '.join(f'{element} {value:.4f}' for element, value in fit['shifts'].items())
    facts = [
        ('energies fit', f'{shifts} eV per atom; {fit["residual"]:.4f} eV per atom are left'),
        ('', fit['message']),
    ]
    return [*shown, parts.facts_table(facts)]


def _standing_out(report: Mapping[str, Any]) -> list[RenderableType]:
    outliers, duplicates = report['outliers'], report['duplicates']
    shown = parts.warning_lines(f'frame {entry["frame"]}: {entry["reason"]}' for entry in outliers[:_MOST])
    if len(outliers) > _MOST:
        shown += parts.warning_lines([f'{len(outliers) - _MOST} more outliers; all are in --json'])
    if duplicates:
        pairs = ', '.join(f'{entry["frame"]} (of {entry["of"]})' for entry in duplicates[:_MOST])
        more = f' and {len(duplicates) - _MOST} more' if len(duplicates) > _MOST else ''
        shown += parts.warning_lines([f'{len(duplicates)} duplicate geometries: {pairs}{more}'])
    if outliers or duplicates:
        which = report['datasets'][0] if len(report['datasets']) == 1 else 'PK'
        return [*shown, parts.next_line(f'glassion dataset select {which}')]
    return [parts.facts_table([('outliers', 'none'), ('duplicates', 'none')])]


def _number(value: float | None, form: str) -> str:
    return '–' if value is None else f'{value:{form}}'


def _range(values: list[float] | None, form: str) -> str:
    return '–' if values is None else f'{values[0]:{form}} … {values[1]:{form}}'
