"""The nodes that a study file names: structures, datasets, codes, potentials. What is wrong is noted in the study."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.study_file import Study

#: part of a study -> (default code, calculation that the code was set up for).
CODES = {
    'train.code': ('dp@localhost', 'glassion.deepmd.train'),
    'explore.code': ('lmp-deepmd@localhost-deepmd', 'glassion.md'),
    'initial.code': ('lmp@localhost', 'glassion.md'),
    'initial.packmol': ('packmol@localhost', 'glassion.packmol'),
}
_SOURCE_KEYS = ('pk', 'path', 'like_label', 'method')
_PATTERN = re.compile(r'[*?\[]')


def code(study: Study, where: str, default: str | None = None, plugin: str | None = None) -> Any:
    """Code of a part of the study; None if there is none."""
    from aiida_glassion.cli.launch_inputs import code_of

    label, made_for = CODES.get(where, (default, plugin))
    with study.checking(where):
        return code_of(study.get(where, label), where, made_for or '')
    return None


def job(study: Study, part: str) -> dict[str, Any]:
    """``metadata.options`` of the jobs of a part: ranks, threads, walltime, and any of the scheduler's."""
    from aiida_glassion.cli.launch_inputs import job_options

    walltime = study.get(f'{part}.walltime')
    if isinstance(walltime, str):
        hours, minutes, seconds = (int(number) for number in walltime.split(':'))
        walltime = 3600 * hours + 60 * minutes + seconds
    given = {
        'ranks': study.get(f'{part}.ranks', 1),
        'threads': study.get(f'{part}.threads', 1),
        'walltime': walltime,
        'options': list(study.section(part).get('options', {}).items()),
    }
    with study.checking(f'{part}.options'):
        return job_options(given)
    return {}


def structures(study: Study, section: str) -> dict[str, Any]:
    """Configurations by name: PKs, files (every frame of them, ``*`` allowed), or lists of both.

    A section whose frames hold different atoms gives several nodes, ``quartz``, ``quartz_1`` …
    """
    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.frames import Frames

    found: dict[str, Any] = {}
    for name, given in study.section(section).items():
        where = f'{section}.{name}'
        nodes: list[Any] = []
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for source in given if isinstance(given, list) else [given]:
            with study.checking(where):
                for entry in _sources(source, study.path.parent):
                    if isinstance(entry, Path):
                        for frames in _read(entry, section):
                            groups.setdefault((frames.symbols, frames.pbc), []).append(frames)
                    else:
                        nodes += _of_node(entry, section)
        with study.checking(where):
            nodes += [FramesData(frames=Frames.concatenate(parts)) for parts in groups.values()]
        found |= {name if not index else f'{name}_{index}': node for index, node in enumerate(nodes)}
    return found


def datasets(study: Study, section: str) -> dict[str, tuple[Any, Mapping[str, Any]]]:
    """Datasets by name, each with what the study says of it.

    A PK (of a dataset or of what made one), a path, or ``{pk or path: …, like_label: true}``.
    """
    found: dict[str, tuple[Any, Mapping[str, Any]]] = {}
    for name, given in study.section(section).items():
        where = f'{section}.{name}'
        entry = dict(given) if isinstance(given, Mapping) else {'path' if _is_path(given) else 'pk': given}
        unknown = [key for key in entry if key not in _SOURCE_KEYS]
        if unknown or ('pk' in entry) == ('path' in entry):
            known = f'a PK, a path, or {{pk: 42, like_label: true}} with {", ".join(_SOURCE_KEYS)}'
            study.problem(where, f'{given!r} given, expected {known}')
            continue
        with study.checking(where):
            nodes = _stored(entry['pk']) if 'pk' in entry else [_read_dataset(entry, study.path.parent)]
            found |= {name if not index else f'{name}_{index}': (node, entry) for index, node in enumerate(nodes)}
    return found


def of_one_method(
    study: Study, section: str, found: Mapping[str, tuple[Any, Mapping[str, Any]]], method: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Datasets by name, with the study's own method where the user vouches for it.

    :param method: how the study labels; None: not known, as its label section is wrong.
    """
    datasets: dict[str, Any] = {}
    for name, (node, entry) in found.items():
        datasets[name] = node
        if method is not None:
            with study.checking(f'{section}.{name}'):
                datasets[name] = _vouched(node, entry, method)
    return datasets


def potential(study: Study, part: str, elements: list[str]) -> Any:
    """Potential of a part: the name of a published one, a file, a PK, or ``{name: pmmcs, coulomb: dsf}``."""
    from aiida_glassion.cli.launch_label_plan import teacher

    where = f'{part}.potential'
    given = study.get(where)
    if given is None:
        study.problem(where, 'missing: a published potential such as pmmcs, {file: mine.yaml}, or the PK of one')
        return None
    entry = dict(given) if isinstance(given, Mapping) else {'name': given}
    coulomb = entry.pop('coulomb', study.get(f'{part}.coulomb', 'pppm'))
    if set(entry) not in ({'name'}, {'file'}):
        study.problem(where, f'{given!r} given, expected e.g. pmmcs, {{file: mine.yaml}}, or the PK of a potential')
        return None
    choice = entry.get('name')
    if 'file' in entry or (isinstance(choice, str) and choice.endswith(('.yaml', '.yml'))):
        choice = str(study.path.parent / str(entry.get('file', choice)))
        if not Path(choice).is_file():
            study.problem(where, f'there is no file {choice}')
            return None
    with study.checking(where):
        return teacher(str(choice), elements, coulomb)
    return None


def _is_path(given: Any) -> bool:
    return isinstance(given, str) and not re.fullmatch(r'[0-9a-f]{8}-[0-9a-f-]{27}', given)


def _sources(source: Any, folder: Path) -> Iterator[Any]:
    """PKs as they are, files of a path with ``*`` one by one.

    :raises ValueError: nothing there, or neither PK nor path.
    """
    if isinstance(source, str) and _is_path(source):
        path = folder / source
        anchor = Path(path.anchor or '.')
        matches = sorted(anchor.glob(str(path.relative_to(path.anchor)))) if _PATTERN.search(source) else [path]
        missing = [match for match in matches if not match.is_file()]
        if missing or not matches:
            raise ValueError(f'there is no file {missing[0] if missing else path}')
        yield from matches
    elif isinstance(source, (int, str)) and not isinstance(source, bool):
        yield source
    else:
        raise ValueError(f'{source!r} given, expected a file beside {folder}, or the PK of a node')


def _read(path: Path, section: str) -> list[Any]:
    """Frames of a file; crystals with the symmetry of their CIF.

    :raises ValueError: it cannot be read.
    """
    from aiida_glassion.cli.launch_label_plan import read_file
    from aiida_glassion.formats.crystal import read_crystals

    if section == 'crystals' or path.suffix.lower() in ('.cif', '.mcif'):
        found = [crystal.frames for crystal in read_crystals(path)]
        if section == 'crystals' and len(found) > 1:
            raise ValueError(f'{path} holds {len(found)} structures; give one file for each, under a name of its own')
        return found
    try:
        return read_file(path)
    except Exception as error:  # every reader of ASE has errors of its own
        raise ValueError(f'{path} cannot be read: {type(error).__name__}: {error}') from None


def _of_node(identifier: Any, section: str) -> list[Any]:
    from aiida.orm import ProcessNode

    from aiida_glassion.cli.launch_inputs import configuration_node
    from aiida_glassion.cli.launch_outputs import configurations_of
    from aiida_glassion.cli.show import find_node
    from aiida_glassion.data.frames import FramesData

    node = find_node(str(identifier))
    if isinstance(node, ProcessNode):
        return list(configurations_of(node).values())
    node, frames = configuration_node(str(identifier))
    return [node if isinstance(node, FramesData) or section != 'reference' else FramesData(frames=frames)]


def _stored(identifier: Any) -> list[Any]:
    """Datasets by PK or UUID.

    :raises GlassionError: there is none.
    """
    from aiida.orm import ProcessNode

    from aiida_glassion.cli.launch_outputs import datasets_of
    from aiida_glassion.cli.show import find_node
    from aiida_glassion.data.dataset import DatasetData

    node = find_node(str(identifier))
    nodes = datasets_of(node) if isinstance(node, ProcessNode) else [node]
    for found in nodes:
        if not isinstance(found, DatasetData):
            message = f'node {found.pk} is {type(found).__name__}, no dataset of labelled frames'
            raise GlassionError(message, mend='glassion dataset import --help', exit_code=2)
    return nodes


def _read_dataset(entry: Mapping[str, Any], folder: Path) -> Any:
    """Dataset of labelled files, not stored.

    :raises ValueError: nothing there to learn from.
    """
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.labelled.read import read_labelled

    paths = [folder / path for path in (entry['path'] if isinstance(entry['path'], list) else [entry['path']])]
    for path in paths:
        if not path.exists():
            raise ValueError(f'there is no file or folder {path}')
    method = entry.get('method') or {}
    if not isinstance(method, Mapping):
        raise ValueError(f'method: {method!r} given, expected e.g. {{functional: PBE, cutoff_eV: 520}}')
    node = DatasetData.from_frames((part for path in paths for part in read_labelled(path)), method)
    node.base.extras.set('sources', [{'name': path.name} for path in paths])
    return node


def _vouched(node: Any, entry: Mapping[str, Any], method: Mapping[str, Any]) -> Any:
    """The dataset, with the study's own method where the user vouches for it.

    :raises ValueError: labelled otherwise than the study will label; both could not be learned together.
    """
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.data.label_method import differences

    differing = differences(node.method, method)
    if not differing:
        return node
    if entry.get('like_label') is not True:
        some = '; '.join(f'{key}: {_short(one)} and {_short(two)}' for key, (one, two) in [*differing.items()][:4])
        more = f' and {len(differing) - 4} more' if len(differing) > 4 else ''
        how = f'labelled otherwise than `label` will ({some}{more})' if node.method else 'labelled nobody says how'
        raise ValueError(
            f'{how}, so that old and new energies would not compare; if you know that both are the same method say '
            'so by {pk or path: …, like_label: true}'
        )
    declared = DatasetData.from_frames(node.iter_frames(), method, node.energy_shifts)
    origin = {'name': f'dataset {node.pk}', 'uuid': node.uuid} if node.is_stored else {}
    declared.base.extras.set('sources', [origin] if origin else node.base.extras.get('sources', []))
    declared.label = node.label
    return declared


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:60]}…'
