"""``glassion dataset merge | split | select | shift``: new datasets from old ones, with their provenance."""

from __future__ import annotations

from typing import Any

import click

from aiida_glassion.cli.dataset_import import find_dataset, formulas_of, shifts_option
from aiida_glassion.cli.dataset_show import limit_options, limits_of
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console, line


@click.command()
@click.argument('pks', nargs=-1, required=True, metavar='PK...')
@profile_option
def merge(pks: tuple[str, ...], profile: str | None) -> None:
    """Join the datasets PK... of one method into a new one.

    Seldom needed: everything that learns takes several datasets at once.
    """
    load(profile)
    from aiida_glassion.data.dataset import check_one_method
    from aiida_glassion.functions.dataset import merge_datasets

    nodes = {f'dataset_{pk}': find_dataset(pk) for pk in pks}
    if len(nodes) < 2:
        raise GlassionError('Give two datasets or more.', exit_code=2)
    check_one_method(nodes)
    _say('merged', merge_datasets(**nodes))


@click.command()
@click.argument('pk')
@profile_option
@click.option('--fraction', type=float, help='Of the frames that are held out, at random. Default: 0.1.')
@click.option('--seed', type=int, default=0, show_default=True, help='Of the random choice.')
@click.option(
    '--hold-out', multiple=True, metavar='FORMULA', help='Hold out all frames of a formula (may be repeated).'
)
def split(pk: str, profile: str | None, fraction: float | None, seed: int, hold_out: tuple[str, ...]) -> None:
    """Split the dataset PK into one to learn from and one to test on."""
    load(profile)
    from aiida.orm import Dict

    from aiida_glassion.functions.dataset import split_dataset
    from aiida_glassion.kernels.dataset.split import plan_split

    if hold_out and fraction is not None:
        raise GlassionError('Give --fraction or --hold-out, not both.', exit_code=2)
    settings: dict[str, Any] = (
        {'held_out': list(hold_out)} if hold_out else {'fraction': 0.1 if fraction is None else fraction, 'seed': seed}
    )
    node = find_dataset(pk)
    plan_split(node.systems, settings)
    for name, part in split_dataset(node, Dict(settings)).items():
        _say(name, part)


@click.command()
@click.argument('pk')
@profile_option
@limit_options
@click.option('--keep-outliers', is_flag=True, help='Leave out duplicates only.')
@click.option('--keep-duplicates', is_flag=True, help='Leave out outliers only.')
def select(
    pk: str, profile: str | None, keep_outliers: bool, keep_duplicates: bool, **limits: float | None
) -> None:  # fmt: skip
    """Leave outliers and duplicate geometries of the dataset PK out; the ledger says which frames, and why."""
    load(profile)
    from aiida.orm import Dict

    from aiida_glassion.functions.dataset import select_frames

    settings = {'outliers': not keep_outliers, 'duplicates': not keep_duplicates, **limits_of(limits)}
    outputs = select_frames(find_dataset(pk), Dict(settings))
    _say('selected', outputs['dataset'])
    ledger = outputs['ledger']
    seen = f'{ledger["n_refused"]} of {ledger["n_frames"]} frames left out; reasons in node {ledger.pk}'
    console().print(line('ok', 'ledger', seen))
    for entry in ledger['refused'][:5]:
        console().print(line('skipped', f'frame {entry["frame"]}', entry['reason']))


@click.command()
@click.argument('pk')
@profile_option
@shifts_option
@click.option('--isolated-atoms', is_flag=True, help='Take the energies of the frames that hold a single atom.')
@click.option('--undo', is_flag=True, help='Put back what was subtracted.')
def shift(pk: str, profile: str | None, shifts: dict[str, float], isolated_atoms: bool, undo: bool) -> None:
    """Take an energy per atom off the energies of the dataset PK: by least squares, unless options say otherwise.

    Forces and virials do not change. Older shifts are put back first.
    """
    load(profile)
    from aiida.orm import Dict

    from aiida_glassion.functions.dataset import shift_energies

    if bool(shifts) + isolated_atoms + undo > 1:
        raise GlassionError('Give one of --shift, --isolated-atoms and --undo.', exit_code=2)
    node = find_dataset(pk)
    missing = [element for element in node.elements if element not in shifts]
    if shifts and missing:
        raise GlassionError(f'--shift: none is given for {", ".join(missing)}.', exit_code=2)
    kind = 'given' if shifts else 'isolated_atoms' if isolated_atoms else 'none' if undo else 'least_squares'
    outputs = shift_energies(node, Dict({'kind': kind, **({'shifts': shifts} if shifts else {})}))
    _say('shifted', outputs['dataset'])
    found = ', '.join(f'{element} {value:.6g}' for element, value in outputs['dataset'].energy_shifts.items())
    console().print(line('ok', 'energies of atoms', f'{found} eV' if found else 'none subtracted'))
    report = outputs['report'].get_dict()
    if report.get('undetermined'):
        console().print(line('warning', 'degenerate', report['message']))


def _say(name: str, node: Any) -> None:
    console().print(line('new', f'{name}: {node.pk}', f'{node.n_frames} frames; {formulas_of(node.formulas)}'))
