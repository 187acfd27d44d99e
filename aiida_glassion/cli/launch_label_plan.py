"""What a labelling will do, worked out before anything is submitted: frames, jobs, method."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.frames import Frames

_MOST_REASONS = 5


@dataclass(frozen=True)
class LabelOutlook:
    """What will be done.

    :param n_frames: frames to be labelled.
    :param sources: of each node of frames: name, atoms, frames, new, known, given twice, refused.
    :param refused: the first reasons why the gate refuses geometries.
    """

    engine: str
    n_frames: int
    n_jobs: int
    frames_per_job: int
    frames_line: str
    method_lines: list[str]
    sources: list[tuple[Any, ...]]
    refused: list[str]


def read_sources(given: Sequence[str]) -> dict[str, Any]:
    """FramesData by name, from files, nodes and processes; a file whose frames hold different atoms gives several.

    :raises GlassionError: a file or node is missing, or holds no configuration.
    """
    sources: dict[str, Any] = {}
    for where in given:
        for name, part in (_of_node(where) if where.isdigit() else _of_file(Path(where))).items():
            if name in sources:
                raise GlassionError(
                    f'Two of the sources are called {name}: label them one after the other.', exit_code=2
                )
            sources[name] = part
    return sources


def name_of(stem: str) -> str:
    """A file's name as AiiDA takes names of inputs: letters, digits, single underscores."""
    name = re.sub(r'[^A-Za-z0-9]+', '_', stem).strip('_')
    return name if name[:1].isalpha() else f'frames_{name}'.rstrip('_')


def _of_node(pk: str) -> dict[str, Any]:
    from aiida.orm import ProcessNode

    from aiida_glassion.cli.launch_inputs import configuration_node
    from aiida_glassion.cli.launch_outputs import configurations_of
    from aiida_glassion.cli.show import find_node
    from aiida_glassion.data.frames import FramesData

    process = find_node(pk)
    if isinstance(process, ProcessNode):
        return configurations_of(process)
    node, frames = configuration_node(pk)
    return {f'node_{pk}': node if isinstance(node, FramesData) else FramesData(frames=frames)}


def _of_file(path: Path) -> dict[str, Any]:
    from aiida_glassion.data.frames import FramesData

    if not path.is_file():
        raise GlassionError(f'There is no file {path}.', exit_code=2)
    try:
        parts = [FramesData(frames=frames) for frames in read_file(path)]
    except Exception as error:  # every reader of ASE has errors of its own
        raise GlassionError(f'{path} cannot be read: {error}', exit_code=2) from None
    stem = name_of(path.stem)
    return {stem if len(parts) == 1 else f'{stem}_{number}': part for number, part in enumerate(parts)}


def read_file(path: Path) -> list[Frames]:
    """Every frame of a file, those of the same atoms together."""
    if path.suffix in ('.data', '.lmp', '.lammps') or path.name.startswith('data.'):
        from aiida_glassion.formats.lammps.data import read_data

        return [read_data(path.read_text(encoding='utf-8'))]
    import ase.io

    by_atoms: dict[tuple[Any, ...], list[Any]] = {}
    images: Iterable[Any] = ase.io.iread(path, index=':')
    for image in images:
        by_atoms.setdefault((tuple(image.get_chemical_symbols()), tuple(image.pbc)), []).append(image)
    if not by_atoms:
        raise ValueError('it holds no frames')
    return [Frames.from_ase(images) for images in by_atoms.values()]


def teacher(name: str | None, elements: Sequence[str], coulomb: str) -> Any:
    """Potential that labels: a published one with all its elements, so that its labels of any glass compare.

    :raises GlassionError: none was given.
    :raises ValueError: it is unknown, or lacks an element.
    """
    from aiida_glassion.cli.launch_inputs import potential_node
    from aiida_glassion.data.potential import PotentialData

    if name is None:
        raise GlassionError(
            'The engine lammps needs --potential: a published one, a YAML file, or a node.', exit_code=2
        )
    if name.isdigit():
        return potential_node(name, elements)
    if name.endswith(('.yaml', '.yml')) or Path(name).is_file():
        node = PotentialData.from_file(name)
    else:
        node = PotentialData.from_library(name, coulomb=coulomb)
    node.potential.check_covers(elements)
    return node


def model_files(paths: Sequence[str]) -> dict[str, Any]:
    """Files for a calculator, by name.

    :raises GlassionError: there is no such file.
    """
    from aiida.orm import SinglefileData

    for path in paths:
        if not Path(path).is_file():
            raise GlassionError(f'--file: there is no file {path}.', exit_code=2)
    return {f'file_{number}': SinglefileData(Path(path).absolute()) for number, path in enumerate(paths)}


def known_datasets(pks: Sequence[str]) -> dict[str, Any]:
    """Datasets by name.

    :raises GlassionError: no such node, or it is no dataset.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node

    from aiida_glassion.data.dataset import DatasetData

    found = {}
    for pk in pks:
        try:
            node = load_node(pk)
        except (NotExistent, ValueError):
            raise GlassionError(f'--known: there is no node {pk} in this profile.', exit_code=2) from None
        if not isinstance(node, DatasetData):
            raise GlassionError(f'--known: node {pk} is {type(node).__name__}, no dataset.', exit_code=2)
        found[f'dataset_{node.pk}'] = node
    return found


def look_ahead(engine: str, sources: Mapping[str, Any], builder: Any) -> LabelOutlook:
    """Sort the frames as the WorkChain will.

    :param engine: its name.
    :param sources: FramesData by name.
    :param builder: of the WorkChain, complete.
    """
    from aiida_glassion.data.label_method import differences
    from aiida_glassion.kernels.dataset.fingerprint import fingerprints
    from aiida_glassion.kernels.dataset.gate import Limits
    from aiida_glassion.label_engines import engines
    from aiida_glassion.label_engines.grouping import plan_groups
    from aiida_glassion.workchains.label_inputs import frames_per_job

    chosen = engines()[engine]
    settings, engine_settings = builder.settings.get_dict(), builder.engine_settings.get_dict()
    method = chosen.method(engine_settings, builder[engine])
    datasets = [node for node in (builder.known or {}).values() if not differences(node.method, method)]
    known = {found for dataset in datasets for part in dataset.iter_frames() for found in fingerprints(part)}
    per_job = frames_per_job(chosen, settings, engine_settings)
    arrays = {name: node.frames for name, node in sorted(sources.items())}
    plan = plan_groups(arrays.items(), known, per_job, Limits(**settings['gate']))
    counts = {
        'new': Counter(name for members in plan.groups.values() for name, _ in members),
        'known': Counter(name for name, _ in plan.known),
        'twice': Counter(name for name, _ in plan.twice),
        'refused': Counter(entry['frames'] for entry in plan.refused),
    }
    rows = [
        (name, _formula(frames), frames.n_frames, *(counts[kind][name] or '' for kind in counts))
        for name, frames in arrays.items()
    ]
    n_frames = sum(counts['new'].values())
    left_out = {kind: sum(counter.values()) for kind, counter in counts.items() if kind != 'new'}
    remarks = [f'{number} {kind}' for kind, number in left_out.items() if number]
    refused = [f'{entry["frames"]} {entry["index"]}: {entry["reason"]}' for entry in plan.refused]
    more = [f'and {len(refused) - _MOST_REASONS} more'] if len(refused) > _MOST_REASONS else []
    return LabelOutlook(
        engine=f'{engine}, protocol {engine_settings["protocol"]}',
        n_frames=n_frames,
        n_jobs=len(plan.groups),
        frames_per_job=per_job,
        frames_line=f'{n_frames} to be labelled{"; " if remarks else ""}{", ".join(remarks)}',
        method_lines=method_lines(method),
        sources=rows,
        refused=refused[:_MOST_REASONS] + more,
    )


def method_lines(method: Mapping[str, Any]) -> list[str]:
    """The method line by line, without what the line of the engine says already; long tables are counted."""
    content = {key: value for key, value in method.items() if key != 'engine' and value not in ({}, [], None)}
    return [f'{key}: {_in_a_line(value)}' for key, value in content.items()]


def _in_a_line(value: Any) -> str:
    if isinstance(value, list) and len(value) > 3:
        return f'{len(value)} in all: {value[0]}; …'
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f'{text[:200]} …'


def _formula(frames: Frames) -> str:
    return ' '.join(f'{element}{number}' for element, number in frames.counts.items())
