"""What a finished process offers to the next one: its configurations, its datasets."""

from __future__ import annotations

from typing import Any

from aiida_glassion.cli.errors import GlassionError

#: outputs that are configurations, the most useful first: a trajectory rather than its last frame.
_CONFIGURATIONS = ('trajectory', 'frames', 'glass', 'final')
_DATASETS = ('dataset', 'labelled')


def configurations_of(process: Any) -> dict[str, Any]:
    """Configurations that came out of a process, by name: a trajectory, all frames, or all glasses.

    :param process: node of a process.
    :raises GlassionError: it has none.
    """
    from aiida_glassion.data.frames import FramesData

    found = _outputs(process, FramesData)
    for wanted in _CONFIGURATIONS:
        chosen = {name: node for name, node in found.items() if name.split('__')[0] == wanted}
        if chosen:
            return {name.removeprefix(f'{wanted}__'): node for name, node in chosen.items()}
    raise _nothing(process, 'configurations')


def datasets_of(process: Any) -> list[Any]:
    """Datasets that came out of a process.

    :param process: node of a process.
    :raises GlassionError: it has none.
    """
    from aiida_glassion.data.dataset import DatasetData

    found = _outputs(process, DatasetData)
    chosen = [node for name, node in found.items() if name.split('__')[0] in _DATASETS]
    if not chosen:
        raise _nothing(process, 'dataset of labelled frames')
    return chosen


def _outputs(process: Any, kind: type) -> dict[str, Any]:
    links = process.base.links.get_outgoing(node_class=kind).all()
    return {link.link_label: link.node for link in sorted(links, key=lambda link: link.link_label)}


def _nothing(process: Any, what: str) -> GlassionError:
    message = f'{process.process_label} {process.pk} has no {what} among its outputs'
    if not process.is_terminated:
        return GlassionError(f'{message} yet.', mend=f'glassion watch {process.pk}', exit_code=2)
    return GlassionError(f'{message}.', mend=f'glassion show {process.pk}', exit_code=2)
