"""Where an active learning is and what its parts are to do, read from their nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

LOOP = 'ActiveLearningWorkChain'
PLANNED = (
    'DiffusionSweepWorkChain', 'ElasticWorkChain', 'ExploreWorkChain', 'FractureWorkChain', 'LabelWorkChain',
    'StructureGateWorkChain', 'TrainWorkChain',
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a loop is by its last record.

    :param judged: number of the last iteration that was judged, 0 before the first.
    :param stage: name of the stage that it is in now; ``number`` from 1 of ``n_stages``; ``round`` from 1.
    :param decision: the last decision with its reason, empty before the first.
    """

    judged: int
    stage: str
    number: int
    n_stages: int
    round: int
    decision: str = ''


def place_of(stages: list[Mapping[str, Any]], record: Mapping[str, Any] | None) -> Place:
    """Where a loop is.

    :param stages: the curriculum.
    :param record: of the last iteration that was judged; None before.
    """
    names = [str(stage.get('name', index + 1)) for index, stage in enumerate(stages)]
    if record is None:
        return Place(0, names[0] if names else '', 1, len(names), 1)
    decision = record.get('decision') or {}
    index, round_ = int(record.get('stage_index', 0)), int(record.get('stage_round', 1)) + 1
    if decision.get('action') == 'advance' and index + 1 < len(names):
        index, round_ = index + 1, 1
    elif decision.get('action') in ('converged', 'stuck'):
        round_ -= 1
    stage = names[index] if index < len(names) else str(record.get('stage', ''))
    from aiida_glassion.report.active_learning_facts import short_reason

    words = f'{decision.get("action", "")}: {short_reason(decision)}'
    return Place(int(record.get('number', 0)), stage, index + 1, len(names), round_, words)


def read_place(node: ProcessNode) -> Place:
    """Where a loop is by its newest record.

    :param node: the ActiveLearningWorkChain.
    """
    from aiida.common.links import LinkType

    inputs: Any = node.inputs
    settings = inputs.settings.get_dict() if 'settings' in inputs else {}
    links = node.base.links.get_outgoing(link_type=LinkType.RETURN, link_label_filter='iterations\\_\\_%').all()
    numbered = {int(link.link_label.rpartition('_')[2]): link.node for link in links}
    newest = numbered[max(numbered)].get_dict() if numbered else None
    return place_of(settings.get('stages') or [], newest)


def planned_of(node: ProcessNode) -> dict[str, int]:
    """What a part is to do: by the label of each job, how many runs, models, glasses or labels it gives; of a diffusion
    sweep the integration steps of each run at most.

    :param node: process of one of :data:`PLANNED`; empty while its plan is not known.
    """
    inputs: Any = node.inputs
    if node.process_label == 'DiffusionSweepWorkChain':
        from aiida_glassion.cli.watch_diffusion_state import planned_points

        return planned_points(node)
    if node.process_label == 'ElasticWorkChain':
        from aiida_glassion.cli.watch_elastic import planned_samples

        return planned_samples(node)
    if node.process_label == 'FractureWorkChain':
        from aiida_glassion.cli.watch_fracture_state import planned_pulls

        return planned_pulls(node)
    if node.process_label == 'TrainWorkChain':
        committee = inputs.settings.get_dict().get('committee', 0) if 'settings' in inputs else 0
        return {f'train_seed_{number}': 1 for number in range(1, committee + 1)}
    if node.process_label == 'ExploreWorkChain':
        from aiida_glassion.workchains.explore_inputs import plan_runs

        return {run.label: 1 for run in plan_runs(inputs)} if 'stage' in inputs else {}
    if node.process_label == 'StructureGateWorkChain':
        if 'configurations' not in inputs or 'potentials' not in inputs:
            return {}
        return {f'{start}_{member}': 1 for start in inputs.configurations for member in inputs.potentials}
    for child in node.called:
        if child.process_label == 'plan_labels' and 'plan' in child.outputs:
            return {label: len(members) for label, members in child.outputs.plan.get_dict()['groups'].items()}
    return {}
