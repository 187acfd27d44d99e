"""``glassion export``: configurations as files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.analyse_inputs import FrameChoice
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import profile_option
from aiida_glassion.cli.terminal import console, line

if TYPE_CHECKING:
    from aiida_glassion.analysis.sources import FrameSource

FORMATS = {
    '.extxyz': 'extxyz',
    '.xyz': 'extxyz',
    '.data': 'lammps-data',
    '.lmp': 'lammps-data',
    '.cif': 'cif',
    '.vasp': 'vasp',
    '.poscar': 'vasp',
}
"""Ending of a file -> its format."""
_CHUNK = 100


class Charges(click.ParamType):
    """``Na=0.6,Si=2.4,O=-1.2``."""

    name = 'a=e,b=e'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """Read a charge for each element, e."""
        try:
            return {name.strip(): float(number) for name, number in (part.split('=') for part in value.split(','))}
        except ValueError:
            self.fail(f'{value!r}: expected a charge in e for each element, e.g. Na=0.6,Si=2.4,O=-1.2', param, ctx)


@click.command()
@click.argument('what', metavar='PK_OR_FILE')
@click.argument('path', metavar='FILE', type=click.Path(dir_okay=False, path_type=Path))
@profile_option
@click.option(
    '--format', 'format', type=click.Choice(sorted(set(FORMATS.values()))), help='[default: told by the ending of FILE]'
)  # fmt: skip
@click.option('--frames', type=FrameChoice(), help='FIRST:LAST:EVERY, from 0.  [default: all; one frame: the last]')
@click.option('--charges', type=Charges(), help='Of a LAMMPS data file, e.  [default: of the frames, else none]')
@click.option('--force', is_flag=True, help='Replace a file that is there.')
def export(
    what: str,
    path: Path,
    profile: str | None,
    format: str | None,
    frames: dict[str, int] | None,
    charges: dict[str, float] | None,
    force: bool,
) -> None:
    """Write the configurations of a node, a process or a file for other programs.

    extXYZ (.extxyz, .xyz) holds all frames; a LAMMPS data file (.data, .lmp), CIF (.cif) and POSCAR (.vasp) hold one.
    Lengths Å. The glasses of a process with several go to files of their own, named after them.

    \b
    glassion export 1234 glass.extxyz
    glassion export 1234 glass.data --charges Na=0.6,Si=2.4,O=-1.2
    """  # noqa: D301
    from aiida_glassion.cli.analyse_sources import sources_of

    format = format or FORMATS.get(path.suffix.lower()) or ('vasp' if path.name == 'POSCAR' else None)
    if format is None:
        endings = ', '.join(FORMATS)
        raise GlassionError(f'{path}: the ending says no format; there are {endings}, or give --format.', exit_code=2)
    if charges is not None and format != 'lammps-data':
        raise GlassionError(f'--charges: a file of format {format} holds none; leave it away.', exit_code=2)
    sources = sources_of([what], profile)
    paths = {name: path if len(sources) == 1 else _named(path, name) for name in sources}
    for one in paths.values():
        if one.exists() and not force:
            raise GlassionError(f'{one} is there already; --force replaces it.', exit_code=2)
    for name, source in sources.items():
        try:
            n_frames = write(source, paths[name], format, frames, charges)
        except (ValueError, OSError) as error:
            raise GlassionError(f'{name}: {error}', exit_code=2) from None
        console().print(line('new', str(paths[name]), f'{n_frames} frame{"s" * (n_frames > 1)}, {format}'))


def _named(path: Path, name: str) -> Path:
    """Path of one of several: ``glass.data`` of ``1234: replica_00_rate_10`` is ``glass_replica_00_rate_10.data``."""
    plain = ''.join(letter if letter.isalnum() else '_' for letter in name.rpartition(': ')[2])
    return path.with_name(f'{path.stem}_{plain}{path.suffix}')


def write(
    source: FrameSource,
    path: Path,
    format: str,
    choice: dict[str, int] | None = None,
    charges: dict[str, float] | None = None,
) -> int:
    """Write frames into a file, in pieces where the format holds several.

    :param format: a value of :data:`FORMATS`.
    :param choice: ``first``, ``last``, ``every``; None: all frames, or the last where the format holds one.
    :param charges: by element, e, for a LAMMPS data file.
    :returns: how many frames were written.
    :raises ValueError: frames that are not there, several for a format of one, an element without a charge.
    """
    taken = source.indices(**(choice or {}))
    if format == 'extxyz':
        from aiida_glassion.formats.labelled.extxyz_write import write_extxyz

        with path.open('w', encoding='utf-8') as file:
            for _, frames in source.chunks(**(choice or {}), size=_CHUNK):
                write_extxyz(file, frames)
        return len(taken)
    if choice is not None and len(taken) > 1:
        raise ValueError(f'--frames takes {len(taken)} frames, but a file of format {format} holds one')
    one = source.read(range(taken[-1], taken[-1] + 1))
    if format == 'lammps-data':
        from aiida_glassion.formats.lammps.data import write_data

        charged = charges is not None or one.charges is not None
        path.write_text(
            write_data(one, charges=charges, atom_style='charge' if charged else 'atomic'), encoding='utf-8'
        )
    else:
        atoms = one.to_ase()
        atoms.calc = None
        atoms.wrap()
        atoms.write(path, format=format)
    return 1
