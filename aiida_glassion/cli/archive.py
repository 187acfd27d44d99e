"""``glassion archive``: a study with its whole provenance in one file."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console, line


@click.command()
@click.argument('pk')
@click.argument('file', type=click.Path(dir_okay=False, path_type=Path))
@profile_option
@click.option('-f', '--force', is_flag=True, help='Replace FILE if it exists.')
def archive(pk: str, file: Path, profile: str | None, force: bool) -> None:
    """Export the study that PK (or a UUID) belongs to, with its whole provenance, to FILE.

    All that led to PK, all that it called, and all that those made. Anyone can import the file into an empty profile.
    """
    if file.exists() and not force:
        raise GlassionError(f'{file} exists already.', mend=f'glassion archive --force {pk} {file}', exit_code=2)
    if not file.absolute().parent.is_dir():
        raise GlassionError(f'There is no folder {file.absolute().parent}.', exit_code=2)
    load(profile)
    counts = export(pk, file, overwrite=force)
    terminal = console()
    parts = ', '.join(f'{count} {kind}' for kind, count in counts.items() if kind != 'nodes')
    terminal.print(line('new', str(file), f'{counts["nodes"]} nodes ({parts}), {_size(file)}'))
    terminal.print(f'Anyone can read it with: [bold]verdi archive import {file}[/]')


def export(identifier: str | int, file: Path, overwrite: bool = False) -> dict[str, int]:
    """Write the provenance graph around a node to an archive.

    :param identifier: pk or UUID.
    :param file: the archive to write.
    :param overwrite: replace ``file``.
    :return: number of ``nodes`` in the archive, and of those the ``workflows``, ``calculations`` and ``data``.
    :raises GlassionError: no such node, or a process that has not ended.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.common.log import override_log_level
    from aiida.common.progress_reporter import set_progress_bar_tqdm
    from aiida.orm import CalculationNode, Data, Node, WorkflowNode, load_node
    from aiida.tools.archive import create_archive
    from aiida.tools.archive.abstract import get_format
    from aiida.tools.archive.exceptions import ArchiveExportError

    try:
        node = load_node(identifier)
    except (NotExistent, ValueError):
        message = f'There is no node {identifier} in this profile; `verdi process list -a` lists its studies.'
        raise GlassionError(message, exit_code=2) from None
    if sys.stderr.isatty():
        set_progress_bar_tqdm(leave=False)
    try:
        with override_log_level(logging.CRITICAL):
            create_archive(
                [node],
                filename=file,
                overwrite=overwrite,
                create_backward=True,
                return_backward=True,
                call_calc_backward=True,
                call_work_backward=True,
            )
    except ArchiveExportError as error:
        if 'sealed' in str(error):
            message = f'Part of the study of node {identifier} is still running.'
            raise GlassionError(message, mend=f'glassion watch {identifier}') from None
        raise GlassionError(str(error)) from None
    kinds = {'nodes': Node, 'workflows': WorkflowNode, 'calculations': CalculationNode, 'data': Data}
    with get_format().open(file, 'r') as reader:
        return {name: reader.querybuilder().append(cls).count() for name, cls in kinds.items()}


def _size(file: Path) -> str:
    megabytes = file.stat().st_size / 1e6
    return f'{megabytes:.1f} MB' if megabytes >= 0.1 else f'{1e3 * megabytes:.0f} kB'
