"""What ``glassion analyse`` reads: files without AiiDA, nodes with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli.errors import GlassionError

if TYPE_CHECKING:
    from aiida_glassion.analysis.sources import FrameSource

_IDENTIFIER = re.compile(r'\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')


def sources_of(
    given: Sequence[str],
    profile: str | None = None,
    format: str | None = None,
    species: Mapping[str, str] | None = None,
) -> dict[str, FrameSource]:
    """Sources by a short name, in the order given. A profile is loaded only where a node is named.

    :param given: files, PKs, UUIDs.
    :param format: of the files; None: by their names.
    :param species: element of each type, for files that have numbers in place of elements.
    :raises GlassionError: something is neither a file nor a node, or holds no frames.
    """
    from aiida_glassion.analysis.sources import open_source

    found: list[tuple[str, FrameSource]] = []
    for entry in given:
        if Path(entry).exists():
            try:
                source = open_source(Path(entry), format=format, species=species)
            except ValueError as error:
                mend = f'glassion analyse {entry} --species 1=Na,2=O' if ' species: {' in str(error) else None
                raise GlassionError(str(error), mend, exit_code=2) from None
            found.append((Path(entry).name, source))
        elif _IDENTIFIER.fullmatch(entry):
            found += nodes(entry, profile)
        else:
            raise GlassionError(f'{entry}: there is no such file, and it is no PK or UUID of a node.', exit_code=2)
    return _distinct(found, given)


def _distinct(found: Sequence[tuple[str, FrameSource]], given: Sequence[str]) -> dict[str, FrameSource]:
    """Names that tell the sources apart: the file's own, else with its folder, else with a number."""
    names = [name for name, _ in found]
    if len(set(names)) < len(names) and len(given) == len(found):
        names = [str(entry) for entry in given]
    sources: dict[str, FrameSource] = {}
    for name, (_, source) in zip(names, found, strict=True):
        number, unique = 2, name
        while unique in sources:
            unique, number = f'{name} ({number})', number + 1
        sources[unique] = source
    return sources


def nodes(identifier: str, profile: str | None) -> list[tuple[str, FrameSource]]:
    """Sources of a node: its frames, or those that came out of a process.

    :raises GlassionError: no such node, or one without frames; of remote data what to do instead.
    """
    from aiida_glassion.cli.profile import load

    load(profile)
    from aiida import orm

    from aiida_glassion.cli.launch_outputs import configurations_of
    from aiida_glassion.cli.show import find_node

    node = find_node(identifier)
    if isinstance(node, orm.RemoteData):
        raise GlassionError(
            f'Node {node.pk} is a folder on {node.computer.label}: its trajectory is analysed there, by a job.',
            mend=f'glassion launch analysis {node.pk} --code python@{node.computer.label}',
            exit_code=2,
        )
    if isinstance(node, orm.ProcessNode):
        members = configurations_of(node)
        several = len(members) > 1
        return [
            (f'{identifier}: {name}' if several else f'{node.process_label} {node.pk}', _source(member))
            for name, member in members.items()
        ]
    return [(f'{type(node).__name__} {node.pk}', _source(node))]


def _source(node: Any) -> FrameSource:
    """All frames of a node, as the job and the calcfunction read them."""
    from aiida_glassion.functions.analysis import node_source

    try:
        source = node_source(node)
    except (TypeError, ValueError) as error:
        raise GlassionError(f'node {node.pk}: {error}', exit_code=2) from None
    source.name = f'node {node.pk}'
    return source
