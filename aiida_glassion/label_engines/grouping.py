"""Which frames are labelled, and in which groups: plain data, worked out before anything is submitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.fingerprint import fingerprints
from aiida_glassion.kernels.dataset.gate import Limits, check_geometry

Member = tuple[str, int]
"""A frame: name of its node in the namespace of inputs, and its index there."""
SHRINK = 10
"""A group that failed is tried again in groups this many times smaller, at last each frame alone."""
_AGAIN = '_again'


@dataclass
class LabelPlan:
    """What is to be labelled.

    :param groups: members of each job, by its label.
    :param known: frames that were labelled before.
    :param twice: frames that occur earlier in the inputs.
    :param refused: frames whose geometry the gate refuses, with kind and reason.
    """

    groups: dict[str, list[Member]] = field(default_factory=dict)
    known: list[Member] = field(default_factory=list)
    twice: list[Member] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)

    @property
    def n_asked(self) -> int:
        """Frames that are to be labelled, those refused included."""
        return sum(len(members) for members in self.groups.values()) + len(self.refused)

    def content(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            'groups': {label: [list(member) for member in members] for label, members in self.groups.items()},
            'known': [list(member) for member in self.known],
            'twice': [list(member) for member in self.twice],
            'refused': self.refused,
        }


def plan_groups(
    sources: Iterable[tuple[str, Frames]], known: set[str], frames_per_job: int, limits: Limits
) -> LabelPlan:
    """Sort frames into groups of the same atoms.

    Groups are filled one after another, so frames that are added later leave the earlier groups, and with them their
    cached jobs, as they are.

    :param sources: name and frames of each node.
    :param known: fingerprints of frames that need no label.
    :param frames_per_job: most frames of a group.
    :param limits: of the gate.
    """
    plan = LabelPlan()
    seen: set[str] = set()
    buckets: dict[tuple[Any, ...], list[Member]] = {}
    for name, frames in sources:
        too_close = check_geometry(frames, limits)
        atoms = (frames.sorted_by_element().symbols, frames.pbc)
        for index, fingerprint in enumerate(fingerprints(frames)):
            if fingerprint in known:
                plan.known.append((name, index))
            elif fingerprint in seen:
                plan.twice.append((name, index))
            elif index in too_close:
                refusal = too_close[index]
                plan.refused.append({'frames': name, 'index': index, 'kind': refusal.kind, 'reason': refusal.reason})
            else:
                buckets.setdefault(atoms, []).append((name, index))
            seen.add(fingerprint)
    numbers: dict[str, int] = {}
    for (symbols, _), members in buckets.items():
        formula = formula_of(symbols)
        for group in chunks(members, frames_per_job):
            number = numbers[formula] = numbers.get(formula, -1) + 1
            plan.groups[f'{formula}_{number:04d}'] = group
    return plan


def formula_of(symbols: tuple[str, ...]) -> str:
    """Atoms of a cell, elements alphabetical."""
    return ''.join(f'{element}{symbols.count(element)}' for element in sorted(set(symbols)))


def chunks(members: list[Any], size: int) -> list[list[Any]]:
    """Cut a list into pieces of a size; the last may be shorter."""
    return [members[start : start + size] for start in range(0, len(members), size)]


def retries(label: str, missing: list[int], size: int, *, interrupted: bool = False) -> dict[str, list[int]]:
    """Groups in which the frames that a failed group left without labels are tried again.

    :param label: of the group.
    :param missing: indices within the group.
    :param size: of the group.
    :param interrupted: the job broke off, which says nothing against the frame.
    :returns: indices within the group, by label; nothing for a frame that was alone, unless its job was interrupted:
        then it is tried once more.
    """
    if size == 1:
        once_more = interrupted and missing and not label.endswith(_AGAIN)
        return {f'{label}{_AGAIN}': missing} if once_more else {}
    smaller = chunks(missing, max(1, size // SHRINK))
    return {f'{label}_retry_{number:03d}': group for number, group in enumerate(smaller)}


def gather(members: Iterable[Member], source: Callable[[str], Frames]) -> Frames:
    """Geometry of some frames of the same atoms, elements together, in double precision.

    :param members: the frames.
    :param source: frames of a node by its name.
    """
    runs = groupby(members, key=itemgetter(0))
    return Frames.concatenate([geometry(source(name)[[index for _, index in run]]) for name, run in runs])


def geometry(frames: Frames) -> Frames:
    """Positions and cells only: what decides a label, and hence whether a job is in the cache."""
    ordered = frames.sorted_by_element()
    return Frames(
        symbols=ordered.symbols,
        positions=ordered.positions.astype(float),
        cells=ordered.cells.astype(float),
        pbc=ordered.pbc,
    )


def counts_of(plan: Mapping[str, Any]) -> dict[str, int]:
    """How many frames a plan labels, knows, has twice, refuses, and in how many jobs."""
    return {
        'frames': sum(len(members) for members in plan['groups'].values()),
        'jobs': len(plan['groups']),
        'known': len(plan['known']),
        'twice': len(plan['twice']),
        'refused': len(plan['refused']),
    }
