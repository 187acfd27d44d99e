"""``glassion dataset import-dpgen``: a DP-GEN run becomes datasets and a study that goes on from there."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.dataset_import import _counted, _plain, find_dataset, formulas_of, pairs
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console, line

if TYPE_CHECKING:
    from aiida_glassion.formats.dpgen import DpgenRun
    from aiida_glassion.formats.dpgen_study import MappedStudy

_SECTIONS = {
    'datasets': 'what was labelled there; like_label: you vouch that `label` below labels exactly as DP-GEN did',
    'configurations': 'from which exploration starts: sys_configs',
    'label': 'who labels',
    'train': 'the net',
    'explore': 'what is explored: model_devi_jobs',
    'settings': 'when it is enough; the rest is that of the protocol',
}


@click.command('import-dpgen')
@click.argument('folder', type=click.Path(path_type=Path))
@profile_option
@click.option('--param', metavar='FILE', type=click.Path(path_type=Path), help='Its parameters.  [default: param.json]')
@click.option('--write', 'study_file', default='study.yaml', show_default=True, type=click.Path(path_type=Path))
@click.option('--functional', help='How the frames were labelled: exchange and correlation, e.g. PBE.')
@click.option('--dispersion', help='How the frames were labelled: dispersion correction, e.g. d3-zero.')
@click.option('--cutoff', type=float, help='How the frames were labelled: cutoff of the plane waves, eV.')
@click.option(
    '--method', multiple=True, callback=pairs('KEY=VALUE'), metavar='KEY=VALUE',
    help='How the frames were labelled: anything else that decides the energies (may be repeated).',
)  # fmt: skip
@click.option('--method-of', metavar='PK', help='They were labelled exactly as those of this dataset.')
def import_dpgen(
    folder: Path,
    profile: str | None,
    param: Path | None,
    study_file: Path,
    functional: str | None,
    dispersion: str | None,
    cutoff: float | None,
    method: dict[str, str],
    method_of: str | None,
) -> None:
    """Take over FOLDER, where `dpgen run` was started: its data, by iteration, and its settings as a study.

    Every key of param.json that has no place here is named in the study, with the reason.
    """
    load(profile)
    from aiida_glassion.formats.dpgen import read_run

    if study_file.exists():
        raise GlassionError(f'There is a {study_file} already.', mend='… --write another.yaml', exit_code=2)
    run = read_run(folder, param)
    mapped = _map(run, [])  # what makes no sense is said before anything is stored
    named = {'functional': functional, 'dispersion': dispersion, 'cutoff_eV': cutoff}
    how: dict[str, Any] = {key: _plain(value) for key, value in method.items()}
    how |= {key: value for key, value in named.items() if value is not None}
    if method_of is not None:
        how = find_dataset(method_of).method
    terminal = console()
    nodes = {}
    for name, node in _datasets(run, how):
        nodes[name] = node.store()
        terminal.print(
            line('new', f'dataset {node.pk}', f'{name}: {node.n_frames} frames; {formulas_of(node.formulas)}')
        )
    if not nodes:
        raise GlassionError(
            f'{folder}: no labelled frames, neither those to begin with nor of an iteration.', exit_code=2
        )
    mapped = _map(run, sorted({element for node in nodes.values() for element in node.elements}))
    study_file.write_text(write_study(run, mapped, {name: node.pk for name, node in nodes.items()}, study_file))
    for missing in run.missing:
        terminal.print(line('warning', 'missing', missing))
    lost = [note for note in mapped.notes if note.lost]
    changed = len(mapped.notes) - len(lost)
    terminal.print(
        line(
            'new', 'study', f'{study_file}; {len(lost)} keys have no place in it, {changed} another meaning: it says so'
        )
    )
    terminal.print(f'Look at it, then: [bold]glassion launch active-learning {study_file} --dry-run[/]')


def _map(run: DpgenRun, elements: list[str]) -> MappedStudy:
    from aiida_glassion.formats.dpgen_study import map_study
    from aiida_glassion.workchains import protocols

    return map_study(run, protocols.load('train', 'moderate')['parameters'], elements or None)


def _datasets(run: DpgenRun, how: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Datasets that are not stored: the data to begin with, then those of each iteration."""
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.labelled.read import Reading

    type_map = [str(element) for element in run.param['type_map']]
    parts = {'initial': run.initial} | {f'dpgen_{number:03d}': paths for number, paths in run.iterations.items()}
    for name, paths in parts.items():
        if not paths:
            continue
        reading = Reading(type_map)
        node = DatasetData.from_frames(_counted(paths, None, reading, {}), dict(how))
        node.label = name
        node.base.extras.set('sources', [{'name': os.path.relpath(path, run.folder)} for path in paths])
        for doubt in reading.doubts:
            console().print(line('warning', 'units?', doubt))
        yield name, node


def write_study(run: DpgenRun, mapped: MappedStudy, datasets: Mapping[str, int], path: Path) -> str:
    """Text of the study file: settings, and a comment on every key that has no place in it.

    :param datasets: PKs by name.
    :param path: of the study; paths in it are relative to its folder.
    """
    study: dict[str, Any] = {'datasets': {name: {'pk': pk, 'like_label': True} for name, pk in datasets.items()}}
    study['configurations'] = {
        name: _patterns(run, number, path.parent) for name, number in mapped.study['configurations'].items()
    }
    study |= {name: mapped.study[name] for name in ('label', 'train', 'explore', 'settings')}
    parts = [
        f'# Made from the DP-GEN run {run.folder.name}: {len(run.iterations)} iterations with data, {run.finished} '
        'finished.\n# Check it, then: glassion launch active-learning ' + path.name + ' --dry-run'
    ]
    for title, lost in (('Not taken over, and why:', True), ('Taken over with another meaning:', False)):
        notes = [note for note in mapped.notes if note.lost is lost]
        parts.append('\n'.join([f'# {title}', *(_comment(f'{note.key}: {note.words}') for note in notes)]))
    for name, content in study.items():
        if content:
            parts.append(f'# {_SECTIONS[name]}\n{_yaml({name: content})}')
    parts.append('protocol: moderate\nseed: 1')
    return '\n\n'.join(parts) + '\n'


def _patterns(run: DpgenRun, number: int, folder: Path) -> list[str]:
    """Paths of a system's configurations as the parameters give them, relative to the study."""
    prefix = run.folder / str(run.param.get('sys_configs_prefix') or '')
    given = run.param['sys_configs'][number]
    patterns = [prefix / str(pattern) for pattern in ([given] if isinstance(given, str) else given)]
    return [os.path.relpath(pattern, folder) for pattern in patterns]


def _comment(text: str) -> str:
    return '\n'.join(textwrap.wrap(text, 116, initial_indent='#   ', subsequent_indent='#     '))


def _yaml(content: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(
        dict(content), sort_keys=False, allow_unicode=True, default_flow_style=None, width=116
    ).rstrip()
