"""The processes that an active learning runs: initial data, training, exploration, selection, labelling, glasses."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from aiida import orm
from aiida.common import AttributeDict

from aiida_glassion.calculations.deepmd_deviation import DeepmdDeviationCalculation
from aiida_glassion.functions.dataset import merge_datasets, split_dataset
from aiida_glassion.functions.learning import assess_iteration
from aiida_glassion.functions.selection import merge_memories, select_candidates
from aiida_glassion.kernels.learning.convergence_settings import iteration_to_compare, read_convergence
from aiida_glassion.kernels.learning.training_length import training_overrides
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.active_learning_inputs import blocks_of, lies_within, name_of, seed_of
from aiida_glassion.workchains.active_learning_records import LearningRecords
from aiida_glassion.workchains.cost import cost_of
from aiida_glassion.workchains.explore import ExploreWorkChain
from aiida_glassion.workchains.initial_data import InitialDataWorkChain
from aiida_glassion.workchains.label import LabelWorkChain
from aiida_glassion.workchains.structure_gate import StructureGateWorkChain
from aiida_glassion.workchains.train import TrainWorkChain

_RESOURCES = (
    'resources', 'max_wallclock_seconds', 'max_memory_kb', 'queue_name', 'account', 'qos', 'priority', 'withmpi',
    'custom_scheduler_commands', 'environment_variables', 'prepend_text', 'append_text',
)  # fmt: skip
"""Options that say where and how a job runs; the others (its parser, its files) are those of its own kind."""


class LearningParts(LearningRecords):
    """Submits one part of the loop each, with inputs from what the loop has so far.

    State in the context: ``settings``, ``iteration``, ``stage_index``, ``stage_round``, ``training`` and ``test``
    (datasets by name), ``memory`` (chosen frames by name), ``frozen`` (models to begin with), ``sets`` (configurations
    to start from).
    """

    @property
    def _stage(self) -> dict[str, Any]:
        stage: dict[str, Any] = self.ctx.settings['stages'][self.ctx.stage_index]
        return stage

    def _link(self, part: str) -> dict[str, str]:
        return {'call_link_label': f'{name_of(self.ctx.iteration)}_{part}'}

    def _seed(self, part: str) -> orm.Int:
        return orm.Int(seed_of(self.inputs.seed.value, self.ctx.iteration, part))

    def gather(self) -> None:
        """Merge what came of ten iterations, of twenty, forty … into one node, for the processes that take everything.

        Each takes a link to each of its inputs, and so do all its jobs: a hundredth iteration would store a thousand.
        What is handed out stays as it is, iteration by iteration.
        """
        for first, last in blocks_of(self.ctx.iteration - 1):
            for part in ('training', 'test', 'memory'):
                kept = self.ctx[part]
                inside = [name for name in kept if lies_within(name, first, last)]
                if len(inside) < 2:
                    continue
                nodes = {name: kept.pop(name) for name in inside}
                name = f'iterations_{first:02d}_{last:02d}'
                link = {'call_link_label': f'gather_{part}_{name}'}
                if part == 'memory':
                    kept[name] = merge_memories(orm.List(self.ctx.elements), **nodes, metadata=link)
                else:
                    kept[name] = merge_datasets(**nodes, metadata=link)

    def submit_initial(self) -> orm.ProcessNode:
        """Make the first frames."""
        inputs = AttributeDict(self.exposed_inputs(InitialDataWorkChain, namespace='initial'))
        inputs.metadata.call_link_label = 'initial_data'
        return self.submit(InitialDataWorkChain, **inputs)

    def submit_label(self, frames: Mapping[str, orm.Data], link: str) -> orm.ProcessNode:
        """Label frames. Selection took none that is known, so nothing is compared again here."""
        inputs = AttributeDict(self.exposed_inputs(LabelWorkChain, namespace='label'))
        inputs.frames = dict(frames)
        inputs.metadata.call_link_label = link
        return self.submit(LabelWorkChain, **inputs)

    def submit_training(self, link: str, passes: str, *, warm: bool) -> orm.ProcessNode:
        """Train a committee on all that is labelled; its length follows the number of frames.

        :param passes: ``training`` or ``final``: the settings of its length.
        :param warm: begin with the weights of the committee before.
        """
        inputs = AttributeDict(self.exposed_inputs(TrainWorkChain, namespace='train'))
        settings = inputs.settings.get_dict()
        warm = warm and len(self.ctx.frozen) >= settings['committee']
        sizes = [(s['n_frames'], sum(s['counts'].values())) for n in self.ctx.training.values() for s in n.systems]
        n_frames = sum(number for number, _ in sizes)
        n_atoms = sum(number * atoms for number, atoms in sizes) / n_frames
        changes = training_overrides(settings['parameters'], n_frames, self.ctx.settings[passes], n_atoms)
        settings = protocols.merge(settings, changes)
        settings['split']['validation_fraction'] = 0
        inputs.settings = orm.Dict(settings)
        inputs.datasets, inputs.test = dict(self.ctx.training), dict(self.ctx.test)
        if warm:
            inputs.warm_start = dict(self.ctx.frozen)
        inputs.seed = self._seed('final' if passes == 'final' else 'train')
        inputs.metadata.call_link_label = link
        return self.submit(TrainWorkChain, **inputs)

    def _committee(self) -> list[Any]:
        """The models of the iteration's committee, by name; the first leads."""
        potentials = self.ctx.train.outputs.potentials
        return [potentials[name] for name in sorted(potentials)]

    def submit_exploration(self) -> orm.ProcessNode:
        """Run the stage's dynamics, all members watching."""
        inputs = AttributeDict(self.exposed_inputs(ExploreWorkChain, namespace='explore'))
        inputs.configurations = self._starts(self._stage['starts'])
        lead, *others = self._committee()
        inputs.potential = lead
        inputs.committee = {f'member_{index}': node for index, node in enumerate(others, 2)}
        inputs.stage = orm.Dict(self._stage)
        inputs.round = orm.Int(self.ctx.stage_round)
        inputs.levels = self.ctx.levels
        inputs.seed = orm.Int(seed_of(self.inputs.seed.value, 0, 'explore'))
        inputs.metadata.call_link_label = self._link('explore')['call_link_label']
        return self.submit(ExploreWorkChain, **inputs)

    def _starts(self, patterns: list[str]) -> dict[str, orm.Data]:
        """Sets of configurations whose names fit a pattern; where none does yet, those that the loop began with."""
        fitting = {n: s for n, s in self.ctx.sets.items() if any(fnmatchcase(n, pattern) for pattern in patterns)}
        if not fitting:
            fitting = {n: s for n, s in self.ctx.sets.items() if n.split('_')[0] not in ('earlier', 'glass')}
            self.report(f'no configurations are named {", ".join(patterns)} yet: starting from {", ".join(fitting)}')
        return fitting

    def submit_deviation(self) -> orm.ProcessNode:
        """Let the committee judge the frames that were handed in."""
        train = self.inputs.train
        code = train.get('test_job', {}).get('code') or train.member.train.code
        inputs: dict[str, Any] = {
            'code': code,
            'potentials': {f'member_{index}': node for index, node in enumerate(self._committee(), 1)},
            'frames': dict(self.inputs.returned),
            'metadata': self._link('judge_returned'),
        }
        given = train.get('test_job', {}).get('metadata', {}).get('options', {})
        options = {key: given[key] for key in _RESOURCES if given.get(key) is not None}
        if options:
            inputs['metadata']['options'] = options
        return self.submit(DeepmdDeviationCalculation, **inputs)

    def choose_frames(self, trajectories: Mapping[str, orm.Data], deviations: Mapping[str, orm.Data]) -> dict[str, Any]:
        """Choose the frames to be labelled."""
        settings = dict(self.ctx.settings['selection'])
        left = self.ctx.settings['max_labels'] - self.ctx.labels_total
        settings['max_labels'] = min(left, settings['max_labels'], self._stage['max_labels'])
        selected: dict[str, Any] = select_candidates(
            orm.Dict(settings),
            self.ctx.levels,
            orm.List(self.ctx.elements),
            self._seed('select'),
            trajectories=dict(trajectories),
            deviations=dict(deviations),
            memory=dict(self.ctx.memory),
            metadata=self._link('select'),
        )
        return selected

    def hold_out(self, dataset: orm.Data, name: str, link: str) -> None:
        """Divide labelled frames, once and for all, into some to learn from and some to test on."""
        rule = {'fraction': self.ctx.settings['held_out'], 'seed': self._seed(f'split_{name}').value, 'pooled': True}
        parts = split_dataset(dataset, orm.Dict(rule), metadata={'call_link_label': link})
        for part, kept, port in (('train', self.ctx.training, 'datasets'), ('test', self.ctx.test, 'test_set')):
            if part in parts:
                kept[name] = parts[part]
                self.out(f'{port}.{name}', parts[part])

    def submit_gate(self) -> orm.ProcessNode:
        """Make short glasses with the members of the committee."""
        gate = self.ctx.settings['gate']
        starts = self._starts(gate['starts'])
        chosen = {name: starts[name] for name in sorted(starts)[: gate['n_starts']]}
        explore = self.exposed_inputs(ExploreWorkChain, namespace='explore')
        inputs: dict[str, Any] = {
            'potentials': {f'member_{i}': node for i, node in enumerate(self._committee()[: gate['members']], 1)},
            'configurations': chosen,
            'settings': orm.Dict(gate['parameters']),
            'md': explore['md'],
            'seed': orm.Int(seed_of(self.inputs.seed.value, 0, 'gate')),
            'max_concurrent': explore['max_concurrent'],
            'metadata': self._link('gate'),
        }
        if self.inputs.get('reference', {}):
            inputs['reference'] = dict(self.inputs.reference)
        return self.submit(StructureGateWorkChain, **inputs)

    def judge_iteration(self, part: str) -> orm.Dict:
        """Put all facts of the iteration together and decide what it means.

        :param part: of its link label.
        """
        settings = {'convergence': self.ctx.settings['convergence'], 'stage': self._stage}
        parts = {
            'train': 'train',
            'explore': 'exploration',
            'judge_returned': 'returned',
            'label': 'labelling',
            'gate': 'gate',
        }
        facts = {
            'number': self.ctx.iteration,
            'stage_index': self.ctx.stage_index,
            'n_stages': len(self.ctx.settings['stages']),
            'stage_round': self.ctx.stage_round,
            'labels_total': self.ctx.labels_total,
            'cost': {name: cost_of(self.ctx[key]) for name, key in parts.items() if self.ctx.get(key) is not None},
        }
        limits = read_convergence(self.ctx.settings['convergence'])
        since = iteration_to_compare(limits, self.ctx.iteration, list(self.ctx.parities))
        nodes: dict[str, orm.Data] = {
            'exploration': self.ctx.exploration.outputs.report,
            'selection': self.ctx.selected['report'],
            'levels': self.ctx.levels,
            'errors': self.ctx.train.outputs.errors,
            'parity': self.ctx.train.outputs.parity,
            **{f'earlier_{index:02d}': node for index, node in enumerate(self.ctx.records)},
        }
        if since is not None:
            facts['earlier_parity'] = since
            nodes['earlier_parity'] = self.ctx.parities[since]
        for name, key, output in (('ledger', 'labelling', 'ledger'), ('gate', 'gate', 'report')):
            process = self.ctx.get(key)
            if process is not None and output in process.outputs:
                nodes[name] = process.outputs[output]
        record: orm.Dict = assess_iteration(orm.Dict(settings), orm.Dict(facts), **nodes, metadata=self._link(part))
        return record
