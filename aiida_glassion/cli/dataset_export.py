"""``glassion dataset export``: datasets as files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.dataset_import import find_dataset
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console, line

if TYPE_CHECKING:
    from aiida_glassion.frames import Frames

ABOUT = 'dataset.json'


@click.command()
@click.argument('pks', nargs=-1, required=True, metavar='PK...')
@click.argument('folder', type=click.Path(file_okay=False, path_type=Path), metavar='DIR')
@profile_option
@click.option(
    '--format', 'format', type=click.Choice(['npy', 'extxyz', 'hdf5']), default='npy', show_default=True,
    help='DeePMD systems, extended XYZ, or DeePMD systems in HDF5.',
)  # fmt: skip
@click.option('--total-energies', is_flag=True, help='Put the energies of atoms back that were subtracted.')
@click.option('--allow-mixed', is_flag=True, help='Write frames of different methods together all the same.')
def export(
    pks: tuple[str, ...], folder: Path, profile: str | None, format: str, total_energies: bool, allow_mixed: bool
) -> None:
    """Write the datasets PK... into DIR, which must be empty or new.

    Positions Å, energies eV, forces eV/Å; virials eV, positive when compressed; in extended XYZ the stress too (eV/Å³,
    ASE's sign). How they were labelled, and the shifts of energy, are in dataset.json beside them.
    """
    load(profile)
    from aiida_glassion.data.dataset import check_one_method

    nodes = [find_dataset(pk) for pk in pks]
    if not allow_mixed:
        try:
            check_one_method({f'dataset {node.pk}': node for node in nodes})
        except ValueError as error:
            raise GlassionError(f'{error}. Write them all the same with --allow-mixed.', exit_code=2) from None
    if folder.exists() and any(folder.iterdir()):
        raise GlassionError(f'{folder} is not empty.', exit_code=2)
    folder.mkdir(parents=True, exist_ok=True)
    written = write(_frames(nodes, total_energies), folder, format)
    about = {
        'format': format,
        'datasets': [
            {
                'uuid': str(node.uuid),
                'n_frames': node.n_frames,
                'formulas': node.formulas,
                'method': node.method,
                'energy_shifts': {} if total_energies else node.energy_shifts,
            }
            for node in nodes
        ],
        'units': {'positions': 'Å', 'energies': 'eV', 'forces': 'eV/Å', 'virials': 'eV', 'energy_shifts': 'eV'},
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
    console().print(line('new', str(folder), f'{sum(node.n_frames for node in nodes)} frames: {", ".join(written)}'))


def write(parts: Iterator[Frames], folder: Path, format: str) -> list[str]:
    """Write frames into a folder as they come.

    :param parts: labelled frames of any compositions.
    :param folder: exists and is empty.
    :param format: ``npy``, ``extxyz`` or ``hdf5``.
    :returns: what a user gives to the next program: names in the folder.
    """
    from aiida_glassion.formats.deepmd.other_layouts import Hdf5Writer
    from aiida_glassion.formats.deepmd.systems import SystemsWriter
    from aiida_glassion.formats.labelled.extxyz_write import write_extxyz

    if format == 'npy':
        with SystemsWriter(folder) as systems:
            for frames in parts:
                systems.add(frames)
        return [summary.name for summary in systems.summaries]
    if format == 'hdf5':
        with Hdf5Writer(folder / 'dataset.hdf5') as file:
            for frames in parts:
                file.add(frames)
        return ['dataset.hdf5']
    with (folder / 'dataset.extxyz').open('w', encoding='utf-8') as text:
        for frames in parts:
            write_extxyz(text, frames)
    return ['dataset.extxyz']


def _frames(nodes: Sequence[Any], total_energies: bool) -> Iterator[Frames]:
    from aiida_glassion.kernels.dataset.energy_shifts import add_shifts

    for node in nodes:
        for frames in node.iter_frames():
            yield add_shifts(frames, node.energy_shifts) if total_energies else frames
