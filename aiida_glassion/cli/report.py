"""``glassion report``: the page, figures and tables of a study."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console, line


@click.command()
@click.argument('pk')
@click.argument('directory', metavar='DIR', type=click.Path(file_okay=False, path_type=Path))
@profile_option
@click.option(
    '--literature',
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar='FILE.csv',
    help='Published D or σ to draw beside those of a diffusion sweep: lines "# unit: …" and "# citation: …", then '
    'columns T_K,value and, if known, error. May be given several times.',
)
@click.option('-f', '--force', is_flag=True, help='Write into DIR though it is not empty.')
def report(pk: str, directory: Path, profile: str | None, literature: tuple[Path, ...], force: bool) -> None:
    """Write the page, figures and tables of study PK (or a UUID) into DIR.

    A study that still runs, or failed in part, has a report too: it says what is missing.
    """
    if directory.is_dir() and any(directory.iterdir()) and not force:
        mend = f'glassion report --force {pk} {directory}'
        raise GlassionError(f'{directory} is not empty.', mend=mend, exit_code=2)
    load(profile)
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_node

    from aiida_glassion.report.files import write_report

    try:
        node = load_node(pk)
    except (NotExistent, ValueError):
        message = f'There is no node {pk} in this profile; `verdi process list -a` lists its studies.'
        raise GlassionError(message, exit_code=2) from None
    except MultipleObjectsError:
        raise GlassionError(f'Several nodes begin with {pk}: give more of the UUID.', exit_code=2) from None
    page, *others = write_report(node, directory, literature)
    kinds = Counter(path.suffix.removeprefix('.').upper() for path in others)
    seen = ', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))
    terminal = console()
    terminal.print(line('new', 'report', f'{directory} ({seen})'))
    terminal.print(f'Open it in a browser: [bold]{page.absolute()}[/]')
