"""The glasses a launcher is given: nodes, what processes left, files; and the potential that made them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiida_glassion.cli.errors import GlassionError

_OUTPUTS = ('glass', 'relaxed', 'reference', 'final')
"""Outputs that are glasses as a next process wants them, one node each or several by name, the best first."""
_SHORT = {
    'MeltQuenchWorkChain': 'mq',
    'PorousGlassWorkChain': 'porous',
    'GlassCeramicWorkChain': 'ceramic',
    'ElasticWorkChain': 'elastic',
    'FractureWorkChain': 'fracture',
}
"""What a glass is called after whose own name tells nothing, or is taken."""


@dataclass(frozen=True)
class Glass:
    """One glass.

    :param label: under which it stands in what is launched; may be a link label.
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

    :param sources: PK or UUID of a configuration or of a process that made glasses, or files; before each may stand a
        name of one's own, ``dense=1234``.
    :param rate: which quench rate, where a melt-quench has several, K/ps.
    :raises GlassionError: no such node or file, nothing in it is a glass, or the rate is not said.
    """
    found: list[tuple[str, Glass]] = []
    for given in dict.fromkeys(sources):
        name, source = _name_of(given)
        glasses = _of_node(source, rate) if _is_node(source) else [_of_file(source)]
        if name:
            one = len(glasses) == 1
            glasses = [replace(glass, label=name if one else f'{name}_{glass.label}') for glass in glasses]
        found += [(_whose(source), glass) for glass in glasses]
    named = [glass.label for _, glass in found]
    twice = {label for label in named if named.count(label) > 1}
    glasses = []
    for number, (whose, glass) in enumerate(found, 1):
        label = glass.label
        if label in twice:
            label = f'{whose}_{label}' if whose else f'{label}_{number}'
        glasses.append(replace(glass, label=label))
    return glasses


def read_glass(source: str, rate: float | None = None) -> Glass:
    """The one glass that was given.

    :param source: as :func:`read_glasses`.
    :param rate: as :func:`read_glasses`.
    :raises GlassionError: as :func:`read_glasses`, or there are several: says which.
    """
    found = read_glasses([source], rate)
    if len(found) > 1:
        nodes = ', '.join(f'{glass.node.pk} ({glass.label})' for glass in found)
        raise GlassionError(
            f'{source} has {len(found)} glasses, one is wanted; give the PK of one: {nodes}.', exit_code=2
        )
    return found[0]


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


def potential_for(
    given: Mapping[str, Any], glasses: Sequence[Glass], also: Sequence[str] = ()
) -> tuple[Any, list[str]]:
    """Node of the potential and what it warns of: the one that was chosen, else the one that made the glasses.

    :param given: options of the launcher: ``potential``, ``coulomb``, ``valences``.
    :param also: elements that it must cover besides those of the glasses.
    :raises GlassionError: as :func:`potential_of_glasses`.
    :raises ValueError: there is none, or it lacks an element.
    """
    from aiida_glassion.cli.launch_inputs import potential_of

    elements = sorted({element for glass in glasses for element in glass.counts} | set(also))
    made = potential_of_glasses(glasses) if given['potential'] is None else None
    if made is None:
        return potential_of(given, elements)
    made.potential.check_covers(elements)
    return made, []


def _name_of(given: str) -> tuple[str, str]:
    """Name of one's own, if any, and what it is given to."""
    name, sign, source = given.partition('=')
    if not sign or Path(given).exists():
        return '', given
    if not re.fullmatch(r'[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*', name) or not source:
        message = f'{given!r}: a name of a glass is of letters, digits and single underscores: dense=1234.'
        raise GlassionError(message, exit_code=2)
    return name, source


def _is_node(source: str) -> bool:
    return source.isdigit() or bool(re.fullmatch(r'[0-9a-f]{8}-[0-9a-f-]{27}', source))


def _whose(source: str) -> str:
    """What tells glasses of one name apart: process and PK; of a file nothing does."""
    from aiida.orm import ProcessNode

    from aiida_glassion.cli.show import find_node

    if not source.isdigit():
        return ''
    node = find_node(source)
    kind = _SHORT.get(node.process_label or '', 'run') if isinstance(node, ProcessNode) else 'glass'
    return f'{kind}_{source}'


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
    """Glasses that a process handed out, or the end of a run."""
    from aiida.orm import Data

    name = f'{process.process_label} {process.pk}'
    for output in _OUTPUTS:
        if output not in process.outputs:
            continue
        made = process.outputs[output]
        potential = _potential_of(process)
        if not isinstance(made, Data):
            chosen = dict(sorted(made.items()))
            chosen = _of_rate(name, chosen, rate) if output == 'glass' else chosen
            return [Glass(label, node, f'{name}, pk {node.pk}', potential) for label, node in chosen.items()]
        said = name if output == 'glass' else f'end of {name}' if output == 'final' else f'{output} of {name}'
        short = _SHORT.get(process.process_label)
        label = f'{short}_{process.pk}' if short else f'glass_{made.pk}'
        return [Glass(label, made, f'{said}, pk {made.pk}', potential or _maker(made))]
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
        potential = _potential_of(link.node)
        if potential is not None:
            return potential
    return None


def _potential_of(process: Any) -> Any:
    """Potential that a process was given, where it has one; at most two namespaces deep."""
    inputs = process.inputs
    for space in (inputs, inputs.md if 'md' in inputs else {}, inputs.md.md if 'md' in inputs else {}):
        try:
            if 'potential' in space:
                return space['potential']
        except (AttributeError, KeyError):
            continue
    return None
