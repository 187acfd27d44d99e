"""``glassion dataset import``: labelled frames of files become a dataset."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console, line

if TYPE_CHECKING:
    from aiida_glassion.formats.labelled.read import Reading
    from aiida_glassion.frames import Frames

_FORMATS = ('extxyz', 'deepmd', 'hdf5', 'vasprun', 'outcar', 'espresso')
_LABELS = ('energy', 'forces', 'stress', 'virial', 'magnetisations')


def pairs(name: str, known: Sequence[str] = ()) -> Any:
    """Callback that turns ``KEY=VALUE`` words of an option into a dictionary of text."""

    def convert(ctx: click.Context, parameter: click.Parameter, words: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for word in words:
            key, sign, value = word.partition('=')
            if not sign or not key or not value:
                raise click.BadParameter(f'{word!r} is not {name}')
            if known and key not in known:
                raise click.BadParameter(f'{key!r} is none of {", ".join(known)}')
            found[key] = value
        return found

    return convert


def shifts_option(command: Any) -> Any:
    """Add ``--shift El=eV``."""

    def convert(ctx: click.Context, parameter: click.Parameter, words: Sequence[str]) -> dict[str, float]:
        found = pairs('El=eV')(ctx, parameter, words)
        try:
            return {element: float(value) for element, value in found.items()}
        except ValueError as error:
            raise click.BadParameter(f'{error}; a shift is El=eV, e.g. O=-431.6') from None

    help = 'Energy of an atom of an element, eV, to be subtracted (may be repeated).'
    return click.option('--shift', 'shifts', multiple=True, callback=convert, metavar='El=eV', help=help)(command)


@click.command('import')
@click.argument('files', nargs=-1, required=True, type=click.Path(path_type=Path))
@profile_option
@click.option('--format', 'format', type=click.Choice(_FORMATS), help='Of all files. Default: told by the content.')
@click.option('--functional', help='How they were labelled: exchange and correlation, e.g. PBE.')
@click.option('--dispersion', help='How they were labelled: dispersion correction, e.g. d3zero.')
@click.option('--cutoff', type=float, help='How they were labelled: cutoff of the plane waves, eV.')
@click.option(
    '--method', multiple=True, callback=pairs('KEY=VALUE'), metavar='KEY=VALUE',
    help='How they were labelled: anything else that decides the energies (may be repeated).',
)  # fmt: skip
@click.option('--method-of', metavar='PK', help='They were labelled exactly as those of this dataset.')
@shifts_option
@click.option(
    '--key', 'keys', multiple=True, callback=pairs('LABEL=NAME', _LABELS), metavar='LABEL=NAME',
    help='Name of a label in extended XYZ, e.g. energy=dft_total_energy (may be repeated).',
)  # fmt: skip
@click.option('--type-map', help='Elements by type, e.g. O,Si, for DeePMD systems without type_map.raw.')
@click.option('--without-forces', is_flag=True, help='Take frames that have energies only.')
@click.option('--label', default='', help='Label of the node.')
def import_(
    files: tuple[Path, ...],
    profile: str | None,
    format: str | None,
    functional: str | None,
    dispersion: str | None,
    cutoff: float | None,
    method: dict[str, str],
    method_of: str | None,
    shifts: dict[str, float],
    keys: dict[str, str],
    type_map: str | None,
    without_forces: bool,
    label: str,
) -> None:
    """Read FILES (or folders) into one dataset and print its pk.

    Extended XYZ, DeePMD systems (npy, mixed, raw, HDF5), VASP (vasprun.xml, OUTCAR) and Quantum ESPRESSO (pw.x output),
    compressed by gzip or not. Energies eV, forces eV/Å. Steps of DFT that did not converge are left out and counted.
    Say how the frames were labelled: datasets of different methods are not mixed.
    """
    load(profile)
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.labelled.read import Reading

    how: dict[str, Any] = {key: _plain(value) for key, value in method.items()}
    named = {'functional': functional, 'dispersion': dispersion, 'cutoff_eV': cutoff}
    how |= {key: value for key, value in named.items() if value is not None}
    if method_of is not None:
        if how:
            message = '--method-of says all of how they were labelled; leave the other options of the method away.'
            raise GlassionError(message, exit_code=2)
        how = find_dataset(method_of).method
    reading = Reading(type_map.split(',') if type_map else None, keys, without_forces)
    terminal = console()
    node = DatasetData.from_frames(_counted(files, format, reading, shifts), how, shifts)
    node.label = label
    node.base.extras.set('sources', [_source(file) for file in files])
    node.store()
    terminal.print(line('new', f'dataset {node.pk}', f'{node.n_frames} frames; ' + formulas_of(node.formulas)))
    terminal.print(line('ok', 'labels', ', '.join(node.labels)))
    if not how:
        mend = 'glassion dataset import … --functional PBE --cutoff 520'
        terminal.print(line('warning', 'method', 'unknown: nothing prevents mixing with other unknown ones', mend))
    for kind, number in Counter(entry.kind for entry in reading.skipped).items():
        first = next(entry for entry in reading.skipped if entry.kind == kind)
        where = '' if kind == 'unusable' else f'{first.file} step {first.frame + 1}: '
        seen = f'{number} {"files" if kind == "unusable" else "steps"} left out, first {where}{first.reason}'
        terminal.print(line('warning', kind, seen))
    for doubt in reading.doubts:
        terminal.print(line('warning', 'units?', doubt))
    terminal.print(f'Look at it with: [bold]glassion dataset show {node.pk}[/]')


def find_dataset(identifier: str) -> Any:
    """Dataset by pk or UUID.

    :raises GlassionError: there is none, or the node is something else.
    """
    from aiida_glassion.cli.show import find_node
    from aiida_glassion.data.dataset import DatasetData

    node = find_node(identifier)
    if not isinstance(node, DatasetData):
        raise GlassionError(f'Node {identifier} is a {type(node).__name__}, not a dataset.', exit_code=2)
    return node


def formulas_of(formulas: dict[str, int], most: int = 6) -> str:
    """Frames of each formula in a line."""
    ordered = sorted(formulas.items(), key=lambda item: -item[1])
    shown = ', '.join(f'{number} {formula}' for formula, number in ordered[:most])
    return shown if len(ordered) <= most else f'{shown} and {len(ordered) - most} more'


def _counted(files: Sequence[Path], format: str | None, reading: Reading, shifts: dict[str, float]) -> Iterator[Frames]:
    """Frames of all files without the energies of atoms; how far it is stands in the terminal's last line."""
    from rich.console import Console

    from aiida_glassion.formats.labelled.frame import NoFramesError, SkippedFrame
    from aiida_glassion.formats.labelled.read import read_labelled
    from aiida_glassion.kernels.dataset.energy_shifts import subtract_shifts

    number = 0
    with Console(stderr=True).status('reading') as status:
        for file in files:
            try:
                for frames in read_labelled(file, format, reading):
                    number += frames.n_frames
                    status.update(f'{number} frames read, now {file}')
                    yield subtract_shifts(frames, shifts) if shifts else frames
            except NoFramesError as error:
                if len(files) == 1:
                    raise
                reading.skipped.append(SkippedFrame(str(file), 0, 'unusable', str(error)))
    if not number:
        raise ValueError(f'no frame in any of {len(files)} files; the first: {reading.skipped[0].reason}')


def _plain(value: str) -> Any:
    """Numbers, true, false and lists as such; else text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _source(path: Path) -> dict[str, Any]:
    """Name of a file, and for one file its size and hash."""
    if not path.is_file():
        return {'name': path.name}
    with path.open('rb') as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return {'name': path.name, 'bytes': path.stat().st_size, 'sha256': digest.hexdigest()}
