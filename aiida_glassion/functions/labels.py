"""Calcfunctions of a labelling: which frames go into which job, and what their labels are worth."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.kernels.dataset.fingerprint import fingerprints
from aiida_glassion.kernels.dataset.gate import Limits
from aiida_glassion.label_engines.grouping import gather, plan_groups
from aiida_glassion.label_engines.harvest import Harvest


@calcfunction
def plan_labels(settings: orm.Dict, **nodes: Any) -> dict[str, Any]:
    """Sort frames into groups for jobs; leave out those that are known, given twice, or have atoms too close.

    :param settings: ``gate`` limits and ``frames_per_job`` (number of frames in a group).
    :param nodes: namespaces ``frames`` (configurations, Å) and ``known`` (datasets of the same method).
    """
    sources: dict[str, orm.Data] = nodes['frames']
    known = {
        f for dataset in nodes.get('known', {}).values() for part in dataset.iter_frames() for f in fingerprints(part)
    }
    read = lru_cache(maxsize=8)(lambda name: as_frames(sources[name]))
    frames = ((name, read(name)) for name in sorted(sources))
    plan = plan_groups(frames, known, settings['frames_per_job'], Limits(**settings['gate']))
    groups = {label: FramesData(frames=gather(members, read)) for label, members in plan.groups.items()}
    return {'plan': orm.Dict(plan.content()), **({'groups': groups} if groups else {})}


@calcfunction
def split_group(frames: FramesData, groups: orm.Dict) -> dict[str, FramesData]:
    """Cut what a failed job left without labels into smaller groups.

    :param frames: the group, Å.
    :param groups: index of each frame in the group, by label of the new group.
    """
    everything = frames.frames
    return {label: FramesData(frames=everything[indices]) for label, indices in groups.get_dict().items()}


@calcfunction
def collect_labels(
    engine: orm.Str, settings: orm.Dict, method: orm.Dict, plan: orm.Dict, records: orm.Dict, **jobs: Any
) -> dict[str, Any]:
    """Gather the labels of all jobs; frames that do not pass the gate go into the ledger, never into the data.

    :param engine: name of the label engine.
    :param settings: ``gate`` limits, and ``engine``: settings of the engine.
    :param method: what decided the labels; it becomes that of the dataset.
    :param plan: what was to be labelled, see :func:`plan_labels`.
    :param records: how each job ended, and which index of which group it labelled.
    :param jobs: for each job a namespace: its ``frames`` (Å) and those of its outputs that the engine reads.
    """
    harvest = Harvest(engine.value, settings.get_dict(), plan.get_dict(), records.get_dict(), jobs)
    ledger = orm.Dict(harvest.ledger())
    if not harvest.accepted:
        return {'ledger': ledger}
    return {'ledger': ledger, 'dataset': DatasetData.from_frames(harvest.labelled(), method=method.get_dict())}


@calcfunction
def select_refused(ledger: orm.Dict, **frames: Any) -> dict[str, FramesData]:
    """Take the refused frames out of the inputs, to be looked at.

    :param ledger: of :func:`collect_labels`.
    :param frames: configurations, Å.
    """
    indices: dict[str, list[int]] = {}
    for entry in ledger['refused']:
        indices.setdefault(entry['frames'], []).append(entry['index'])
    return {name: FramesData(frames=as_frames(frames[name])[chosen]) for name, chosen in sorted(indices.items())}
