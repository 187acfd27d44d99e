"""``glassion dataset``: labelled frames in and out; each command is in a file of its own."""

from __future__ import annotations

import click

from aiida_glassion.cli.named_commands import NamedCommands

#: name -> (where the command is, what ``glassion dataset --help`` says of it).
ROOMS: dict[str, tuple[str, str]] = {
    'import': ('aiida_glassion.cli.dataset_import:import_', 'Labelled frames from files, into one dataset.'),
    'import-dpgen': (
        'aiida_glassion.cli.dataset_import_dpgen:import_dpgen',
        'A DP-GEN run: data and settings.',
    ),
    'show': ('aiida_glassion.cli.dataset_show:show', 'Statistics, outliers, duplicates, smallest distances.'),
    'export': ('aiida_glassion.cli.dataset_export:export', 'Datasets to files that other programs read.'),
    'merge': ('aiida_glassion.cli.dataset_change:merge', 'Join datasets of one method.'),
    'split': ('aiida_glassion.cli.dataset_change:split', 'Hold frames or formulas out for a test.'),
    'select': ('aiida_glassion.cli.dataset_change:select', 'Leave outliers and duplicates out.'),
    'shift': ('aiida_glassion.cli.dataset_change:shift', 'Take the energies of atoms off, or put them back.'),
}


@click.group(cls=NamedCommands, rooms=ROOMS)
def dataset() -> None:
    """Labelled frames: energies, forces and virials to learn from, with how they were labelled."""
