"""ActiveLearningWorkChain: from first frames to a potential that knows where it is used, or to the reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, if_, while_

from aiida_glassion.functions.dataset import frames_of_dataset
from aiida_glassion.functions.deviation import deviations_by_source
from aiida_glassion.functions.selection import set_levels
from aiida_glassion.workchains.active_learning_begin import LearningBegin
from aiida_glassion.workchains.active_learning_build import earlier_inputs, fill_builder
from aiida_glassion.workchains.active_learning_checks import has_initial
from aiida_glassion.workchains.active_learning_inputs import define_inputs, explored_from, name_of
from aiida_glassion.workchains.active_learning_outputs import define_outputs
from aiida_glassion.workchains.active_learning_records import reason_of
from aiida_glassion.workchains.cost import cost_of


class ActiveLearningWorkChain(LearningBegin):
    """Learn a potential where it does not know yet, until it knows, and say why that is believed.

    A committee is trained; its members run through the stages of a curriculum of dynamics, and what they disagree about
    is labelled and learned next (concurrent learning: L. Zhang et al., Phys. Rev. Mater. 3, 023804 (2019); Y. Zhang et
    al., Comput. Phys. Commun. 253, 107206 (2020)). A stage is left when few frames are uncertain in consecutive checks,
    the error on frames held out falls no more, and short glasses of the members agree. At a limit it ends with an exit
    code of its own and keeps everything; every end can be continued.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        define_inputs(spec)
        spec.outline(
            cls.setup,
            if_(cls.should_make_data)(cls.make_frames, cls.label_first_frames, cls.inspect_first_labels),
            cls.prepare,
            while_(cls.should_go_on)(
                cls.train,
                cls.set_levels,
                cls.explore,
                cls.judge_returned,
                cls.select,
                if_(cls.has_candidates)(cls.label, cls.inspect_labels),
                cls.assess,
                if_(cls.should_make_glasses)(cls.make_glasses, cls.assess_again),
                cls.conclude,
            ),
            if_(cls.should_train_finally)(cls.train_finally, cls.inspect_final),
            cls.results,
        )
        define_outputs(spec)

    @classmethod
    def get_builder_from_protocol(cls, *args: Any, **kwargs: Any) -> ProcessBuilder:
        """Builder with every choice of the protocols filled in.

        See :func:`~aiida_glassion.workchains.active_learning_build.fill_builder` for its arguments.
        """
        return fill_builder(cls.get_builder(), *args, **kwargs)

    @classmethod
    def get_builder_from_earlier(
        cls, node: orm.ProcessNode, overrides: Mapping[str, Any] | None = None
    ) -> ProcessBuilder:
        """Builder that goes on where an earlier active learning ended, however it ended.

        :param node: of that process; what it put out is taken over.
        :param overrides: settings that change, nested, e.g. ``{'max_iterations': 20}``.
        :raises ValueError: it is no active learning, or left nothing to go on from.
        """
        return earlier_inputs(cls, node, overrides or {})

    def setup(self) -> None:
        """Unwrap the settings; take over what an earlier loop left."""
        ctx = self.ctx
        ctx.settings = self.inputs.settings.get_dict()
        ctx.iteration, ctx.stage_index, ctx.stage_round = 0, 0, 1
        ctx.training, ctx.test, ctx.memory, ctx.frozen, ctx.sets = {}, {}, {}, {}, {}
        ctx.records, ctx.failures, ctx.cost, ctx.stages, ctx.parities = [], [], {}, {}, {}
        ctx.labels_total, ctx.labels_initial, ctx.converged, ctx.ended = 0, 0, False, None
        ctx.first = dict(self.inputs.get('datasets', {}))
        ctx.failed_rounds, ctx.judged = 0, False
        self._take_up()

    def should_make_data(self) -> bool:
        """Whether no labelled frames were given."""
        return not self.ctx.first and has_initial(self.inputs)

    def make_frames(self) -> ToContext:
        """Make the first frames."""
        return ToContext(initial=self.submit_initial())

    def label_first_frames(self) -> ExitCode | ToContext:
        """Label the first frames, unless their dynamics was ab initio and labelled them."""
        node = self.ctx.initial
        frames = dict(node.outputs.frames) if 'frames' in node.outputs else {}
        if not frames:
            return self.exit_codes.ERROR_NO_INITIAL_DATA.format(reason=reason_of(node))
        self._add_cost('initial_data', cost_of(node))
        if not node.is_finished_ok:
            self._fail('initial_data', node, 'went on with what there is')
        self.ctx.sets.update({name: frames[name] for name in explored_from(frames, self.inputs.initial)})
        return ToContext(first_labels=self.submit_label(frames, 'label_initial'))

    def inspect_first_labels(self) -> ExitCode | None:
        """Take the first labels."""
        node = self.ctx.first_labels
        self._add_cost('label_initial', cost_of(node))
        if 'dataset' not in node.outputs:
            return self.exit_codes.ERROR_NO_INITIAL_DATA.format(reason=reason_of(node))
        if not node.is_finished_ok:
            self._fail('label_initial', node, 'went on with what there is')
        self.ctx.first['initial'] = node.outputs.dataset
        if 'labelled' in self.ctx.initial.outputs:
            self.ctx.first['initial_dynamics'] = self.ctx.initial.outputs.labelled
        return None

    def prepare(self) -> ExitCode | None:
        """Hold frames out, gather what exploration starts from, remember what is known."""
        self._divide_first()
        self._count_labels()
        self._gather_starts()
        if reason := self._unknown_elements():
            return self.exit_codes.ERROR_NO_INITIAL_DATA.format(reason=reason)
        self._remember_first()
        for name, node in self.ctx.memory.items():
            self.out(f'memory.{name}', node)
        self.report(f'{self.ctx.labels_total} labelled frames of {"-".join(self.ctx.elements)} to begin with')
        return None

    def should_go_on(self) -> bool:
        """Whether the loop is neither converged, nor at an end, nor at a limit."""
        if self.ctx.converged or self.ctx.ended is not None:
            return False
        if self.ctx.iteration >= self.ctx.settings['max_iterations']:
            self.ctx.ended = ('ERROR_TOO_MANY_ITERATIONS', {'iterations': self.ctx.iteration, 'reason': self._why()})
        elif self.ctx.labels_total >= self.ctx.settings['max_labels']:
            self.ctx.ended = ('ERROR_TOO_MANY_LABELS', {'labels': self.ctx.labels_total, 'reason': self._why()})
        return self.ctx.ended is None

    def train(self) -> ToContext:
        """Train a committee on everything that is labelled so far."""
        self.ctx.iteration += 1
        self.gather()
        link = self._link('train')['call_link_label']
        return ToContext(train=self.submit_training(link, 'training', warm=self.ctx.settings['training']['warm_start']))

    def set_levels(self) -> ExitCode | None:
        """Keep the models; set the trust levels for them."""
        node = self.ctx.train
        if not node.is_finished_ok:
            return self._end('train', node, self.exit_codes.ERROR_TRAINING_FAILED)
        if 'ledger' in node.outputs:
            self._note_ledger('train', node)
        self.ctx.frozen, self.ctx.trained = dict(node.outputs.frozen), node
        self.ctx.levels = set_levels(
            orm.Dict(self.ctx.settings['levels']),
            node.outputs.errors,
            node.outputs.parity,
            self._seed('levels'),
            metadata=self._link('levels'),
        )
        levels = self.ctx.levels.get_dict()
        self.report(
            f'{name_of(self.ctx.iteration)}: stage {self._stage["name"]}, round {self.ctx.stage_round}; trusted below '
            f'{levels["lower"]:.3g}, refused above {levels["upper"]:.3g} eV/Å: {levels["reason"]}'
        )
        return None

    def explore(self) -> ToContext:
        """Run the dynamics of the stage."""
        return ToContext(exploration=self.submit_exploration())

    def judge_returned(self) -> ToContext | None:
        """Let the first committee judge the frames that were handed in."""
        self.ctx.pop('returned', None)
        if self.ctx.judged or not self.inputs.get('returned', {}):
            return None
        self.ctx.judged = True
        return ToContext(returned=self.submit_deviation())

    def select(self) -> ExitCode | None:
        """Sort the visited frames by trust, choose those to be labelled."""
        node = self.ctx.exploration
        trajectories = dict(node.outputs.trajectories) if 'trajectories' in node.outputs else {}
        deviations = dict(node.outputs.deviations) if 'deviations' in node.outputs else {}
        if not node.is_finished_ok or not trajectories:
            return self._end('explore', node, self.exit_codes.ERROR_EXPLORATION_FAILED)
        returned = self.ctx.get('returned')
        if returned is not None and not returned.is_finished_ok:
            self._fail('judge_returned', returned, 'went on without them')
        elif returned is not None:
            found = deviations_by_source(returned.outputs.deviations, metadata=self._link('sort_returned'))
            deviations |= {f'returned_{name}': rows for name, rows in found.items()}
            trajectories |= {f'returned_{name}': self.inputs.returned[name] for name in found}
        self.ctx.selected = self.choose_frames(trajectories, deviations)
        name = name_of(self.ctx.iteration)
        self.out(f'selections.{name}', self.ctx.selected['classes'])
        if 'memory' in self.ctx.selected:
            self.ctx.memory[name] = self.ctx.selected['memory']
            self.out(f'memory.{name}', self.ctx.selected['memory'])
        return None

    def has_candidates(self) -> bool:
        """Whether any frame was chosen."""
        self.ctx.pop('labelling', None)
        return 'frames' in self.ctx.selected

    def label(self) -> ToContext:
        """Label the chosen frames."""
        return ToContext(
            labelling=self.submit_label(self.ctx.selected['frames'], self._link('label')['call_link_label'])
        )

    def inspect_labels(self) -> ExitCode | None:
        """Take the new labels; a round in which too many frames got none counts as failed."""
        node, name = self.ctx.labelling, name_of(self.ctx.iteration)
        if 'dataset' in node.outputs:
            dataset = node.outputs.dataset
            self.hold_out(dataset, name, self._link('split')['call_link_label'])
            self.ctx.labels_total += dataset.n_frames
            found = frames_of_dataset(dataset, metadata=self._link('starts'))
            kept = {name: frames for name, frames in self.ctx.sets.items() if not name.startswith('earlier_')}
            self.ctx.sets = kept | {f'earlier_{formula}': frames for formula, frames in found.items()}
        if node.is_finished_ok:
            self.ctx.failed_rounds = 0
            return None
        self.ctx.failed_rounds += 1
        if self.ctx.failed_rounds > self.ctx.settings['max_failed_rounds']:
            return self._end('label', node, self.exit_codes.ERROR_LABELLING_FAILED)
        self._fail('label', node, 'went on with what there is')
        return None

    def assess(self) -> None:
        """Decide what the iteration means."""
        self.ctx.pop('gate', None)
        self.ctx.record = self.judge_iteration('assess')

    def should_make_glasses(self) -> bool:
        """Whether all else is met and the structure has to be judged."""
        return bool(self.ctx.record['decision']['action'] == 'gate')

    def make_glasses(self) -> ToContext:
        """Make short glasses with the members."""
        return ToContext(gate=self.submit_gate())

    def assess_again(self) -> ExitCode | None:
        """Decide with the structure of the glasses."""
        node = self.ctx.gate
        if 'report' not in node.outputs:
            return self._end('gate', node, self.exit_codes.ERROR_STRUCTURE_NOT_SETTLED)
        if 'glasses' in node.outputs:
            glasses = dict(node.outputs.glasses)
            kept = {name: frames for name, frames in self.ctx.sets.items() if not name.startswith('glass_')}
            self.ctx.sets = kept | {f'glass_{name}': frames for name, frames in glasses.items()}
            self.ctx.glasses = glasses
        self.ctx.record = self.judge_iteration('assess_again')
        return None

    def conclude(self) -> None:
        """Write the record down and follow its decision."""
        record = self.ctx.record.get_dict()
        self._keep_record(self.ctx.record)
        latest = {**self.ctx.parities, record['number']: self.ctx.train.outputs.parity}
        self.ctx.parities = dict(sorted(latest.items())[-len(self.ctx.records) :])
        decision = record['decision']
        self.report(f'{name_of(record["number"])}: {decision["action"]}: {decision["reason"]}')
        self._next_place(record)
        if decision['action'] == 'converged':
            self.ctx.converged = True
        elif decision['action'] in ('stuck', 'gate'):
            failed = record['gate'] is not None and not record['gate']['passed']
            code = 'ERROR_STRUCTURE_NOT_SETTLED' if failed else 'ERROR_NOT_LEARNING'
            self.ctx.ended = (code, {'reason': decision['reason']})

    def should_train_finally(self) -> bool:
        """Whether a last, longer training is wanted, which is for a potential that has converged."""
        self.ctx.pop('final', None)
        return self.ctx.converged and bool(self.ctx.settings['final']['train'])

    def train_finally(self) -> ToContext:
        """Train on everything, longer, from new weights."""
        return ToContext(
            final=self.submit_training('final_train', 'final', warm=self.ctx.settings['final']['warm_start'])
        )

    def inspect_final(self) -> None:
        """A final training that failed leaves the committee of the last iteration."""
        self._add_cost('final_train', cost_of(self.ctx.final))
        if not self.ctx.final.is_finished_ok:
            self._fail('final_train', self.ctx.final, 'the committee of the last iteration is handed out')

    def results(self) -> ExitCode | None:
        """Hand out the potential and the report."""
        self._out_results()
        if self.ctx.ended is None:
            return None
        name, words = self.ctx.ended
        code: ExitCode = self.exit_codes[name].format(**words)
        return code
