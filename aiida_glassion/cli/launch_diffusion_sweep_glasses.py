"""The glasses of a diffusion sweep: nodes, what processes left, files; and the potential that made them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_glassion.cli.errors import GlassionError


@dataclass(frozen=True)
class Glass:
    """One glass.

    :param label: under which it stands in the sweep.
    :param node: with its atoms, not stored if it came from a file; the last frame of several is taken.
    :param origin: where it is from, in words.
    :param potential: node of the potential that made it; None: not known.
    """

    label: str
    node: Any
    origin: str
    potential: Any = None

    @property
    def counts(self) -> dict[str, int]:
        """Atoms of each element."""
        from aiida_glassion.data.frames import as_frames

        return as_frames(self.node).counts


def read_glasses(sources: Sequence[str], rate: float | None = None) -> list[Glass]:
    """Every glass that was given, each under a label of its own.

    :param sources: PK or UUID of a configuration or of a process that made glasses, or files.
    :param rate: which quench rate, where a melt-quench has several, K/ps.
    :raises GlassionError: no such node or file, nothing in it is a glass, or the rate is not said.
    """
    found: list[tuple[str, Glass]] = []
    for source in dict.fromkeys(sources):
        if _is_node(source):
            found += [(source, glass) for glass in _of_node(source, rate)]
        else:
            found.append((source, _of_file(source)))
    named = [glass.label for _, glass in found]
    twice = {label for label in named if named.count(label) > 1}
    glasses = []
    for number, (source, glass) in enumerate(found, 1):
        label = glass.label
        if label in twice:
            label = f'mq_{source}_{label}' if source.isdigit() else f'{label}_{number}'
        glasses.append(Glass(label, glass.node, glass.origin, glass.potential))
    return glasses


def potential_of_glasses(glasses: Sequence[Glass]) -> Any:
    """The potential that made every glass; None where that of none is known.

    :raises GlassionError: they were made with several, or that of some is not known.
    """
    known = {glass.potential.uuid: glass.potential for glass in glasses if glass.potential is not None}
    if not known:
        return None
    unknown = [glass.label for glass in glasses if glass.potential is None]
    if len(known) > 1 or unknown:
        names = ', '.join(f'{node.pk} ({node.base.attributes.get("name", "potential")})' for node in known.values())
        also = f', that of {", ".join(unknown)} is not known' if unknown else ''
        raise GlassionError(
            f'The glasses were made with potential {names}{also}: choose with --potential.', exit_code=2
        )
    return next(iter(known.values()))


def _is_node(source: str) -> bool:
    return source.isdigit() or bool(re.fullmatch(r'[0-9a-f]{8}-[0-9a-f-]{27}', source))


def _of_file(source: str) -> Glass:
    from aiida_glassion.cli.launch_inputs import read_configuration
    from aiida_glassion.data.frames import FramesData

    frames = read_configuration(source, 'GLASS')
    more = f', last of {frames.n_frames} frames' if frames.n_frames > 1 else ''
    stem = re.sub(r'[^A-Za-z0-9]+', '_', Path(source).stem).strip('_') or 'glass'
    label = stem if stem[0].isalpha() else f'glass_{stem}'
    return Glass(label, FramesData(frames=frames[-1]), f'{source}{more}')


def _of_node(source: str, rate: float | None) -> list[Glass]:
    from aiida.orm import ProcessNode

    from aiida_glassion.cli.launch_inputs import configuration_node
    from aiida_glassion.cli.show import find_node

    node = find_node(source)
    if isinstance(node, ProcessNode):
        return _of_process(node, rate)
    node, frames = configuration_node(source, 'GLASS')
    more = f', last of {frames.n_frames} frames' if frames.n_frames > 1 else ''
    return [Glass(f'glass_{node.pk}', node, f'pk {node.pk}{more}', _maker(node))]


def _of_process(process: Any, rate: float | None) -> list[Glass]:
    """Glasses of a melt-quench, or the end of another run."""
    name = f'{process.process_label} {process.pk}'
    if 'glass' in process.outputs:
        made = dict(sorted(process.outputs.glass.items()))
        chosen = _of_rate(name, made, rate)
        potential = process.inputs.md.md.potential if 'md' in process.inputs else None
        return [Glass(label, node, f'{name}, pk {node.pk}', potential) for label, node in chosen.items()]
    if 'final' in process.outputs:
        node = process.outputs.final
        return [Glass(f'glass_{node.pk}', node, f'end of {name}, pk {node.pk}', _maker(node))]
    if not process.is_terminated:
        raise GlassionError(f'{name} has no glass among its outputs yet.', mend=f'glassion watch {process.pk}')
    message = f'{name} has no glass among its outputs; give a melt-quench, or the PK of a configuration.'
    raise GlassionError(message, mend=f'glassion show {process.pk}', exit_code=2)


def _of_rate(name: str, made: dict[str, Any], rate: float | None) -> dict[str, Any]:
    """Glasses of one rate, by replica; of a replica's process the outputs are named by rate alone."""
    from aiida_glassion.kernels.build.melt_quench import rate_label

    rates = sorted({label[label.index('rate_') :] for label in made if 'rate_' in label})
    if not rates:
        return made
    shown = ', '.join(label.removeprefix('rate_').replace('p', '.') for label in rates)
    if rate is None and len(rates) > 1:
        raise GlassionError(f'{name} quenched at {shown} K/ps: choose one with --rate.', exit_code=2)
    wanted = rates[0] if rate is None else rate_label(rate)
    if wanted not in rates:
        raise GlassionError(f'--rate: {name} did not quench at {rate:g} K/ps, but at {shown}.', exit_code=2)
    kept = {label: node for label, node in made.items() if label.endswith(wanted)}
    return {label.removesuffix(wanted).rstrip('_') or 'glass': node for label, node in kept.items()}


def _maker(node: Any) -> Any:
    """Potential of the calculation that made a configuration, or of the WorkChain that gave it out."""
    for link in node.base.links.get_incoming().all():
        inputs = link.node.inputs
        for space in (inputs, inputs.md if 'md' in inputs else {}, inputs.md.md if 'md' in inputs else {}):
            try:
                if 'potential' in space:
                    return space['potential']
            except (AttributeError, KeyError):
                continue
    return None
