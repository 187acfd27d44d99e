"""TrainMemberWorkChain: one model, trained to its end whatever happens to long jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import (
    ExitCode,
    ProcessBuilder,
    ProcessHandlerReport,
    ProcessSpec,
    process_handler,
    while_,
)

from aiida_glassion.calculations.deepmd_train import CHECKPOINT_FILE, DeepmdTrainCalculation
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.remedy import halve_batch, lower_rate, other_seed, start_rate
from aiida_glassion.functions.training import join_learning_curves
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.remote_folders import CleansFolders

_SCHEDULER_MEMORY, _SCHEDULER_WALLTIME, _SCHEDULER_NODE_FAILURE = 110, 120, 140
_MOST_WITHOUT_PROGRESS = 2
_CALMER_RATE = 0.1
_DEEPMD_SAVE_FREQ = 1000
_MONITORS = {'loss': {'entry_point': 'glassion.deepmd.train', 'minimum_poll_interval': 30}}


class TrainMemberWorkChain(CleansFolders):
    """Train one model of a committee to its end.

    A training that broke off (walltime, kill, node failure) goes on from its newest checkpoint; one whose loss exploded
    begins again with other weights and a lower learning rate; one without enough memory goes on with smaller batches.
    The learning curves of the pieces are joined without a gap.
    """

    _process_class = DeepmdTrainCalculation

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.expose_inputs(
            DeepmdTrainCalculation,
            namespace='train',
            namespace_options={'help': 'The training, as for glassion.deepmd.train.'},
        )
        spec.inputs['max_iterations'].default = lambda: orm.Int(50)
        spec.input(
            'max_calmer',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(2),
            help='How often a training whose loss exploded is begun again, each time with another seed and a tenth of '
            'the learning rate.',
        )
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.results,
        )
        spec.expose_outputs(DeepmdTrainCalculation)
        spec.exit_code(
            410,
            'ERROR_NO_PROGRESS',
            message='The training was stopped again and again before its next checkpoint, which comes every {every} '
            'steps (training.save_freq): {reason}',
        )
        spec.exit_code(
            411, 'ERROR_EXPLODED', message='The loss explodes, also with a learning rate of {rate:g}: {reason}'
        )
        spec.exit_code(412, 'ERROR_TRAINING_FAILED', message='Training failed: {reason}')
        spec.exit_code(
            413, 'ERROR_OUT_OF_MEMORY', message='Memory does not suffice, also with the smallest batch: {reason}'
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        training: Mapping[str, DatasetData],
        seed: int,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        validation: Mapping[str, DatasetData] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Builder with the inputs of a protocol.

        :param code: the ``dp`` of DeePMD-kit.
        :param training: datasets to learn from, by name.
        :param seed: 0 to 2147483647.
        :param protocol: one of :func:`aiida_glassion.workchains.protocols.available` for ``train``; None: the default.
        :param overrides: nested changes, such as ``{'parameters': {'training': {'numb_steps': 4000000}}}``.
        :param validation: datasets whose error is only watched.
        :param options: ``metadata.options`` of the jobs.
        :raises ValueError: an unknown protocol or setting.
        """
        settings = protocols.load('train', protocol, overrides)
        builder = cls.get_builder()
        builder.train.code = code
        builder.train.training = dict(training)
        if validation:
            builder.train.validation = dict(validation)
        builder.train.parameters = orm.Dict(settings['parameters'])
        builder.train.backend = orm.Str(settings['backend'])
        builder.train.compress = orm.Bool(settings['compress'])
        builder.train.seed = orm.Int(seed)
        if options:
            builder.train.metadata.options.update(options)
        return builder

    def setup(self) -> None:
        """Prepare the first piece."""
        super().setup()
        self.ctx.inputs = AttributeDict(self.exposed_inputs(DeepmdTrainCalculation, namespace='train'))
        self.ctx.inputs.setdefault('monitors', {key: orm.Dict(value) for key, value in _MONITORS.items()})
        self.ctx.parameters = self.ctx.inputs.parameters.get_dict()
        self.ctx.reached = 0
        self.ctx.idle = 0
        self.ctx.calmer = 0
        self.ctx.pieces = []

    def inspect_process(self) -> ExitCode | None:
        """Note the piece, let the handlers decide; what there is comes out even if the training fails."""
        node = self.ctx.children[self.ctx.iteration - 1]
        if 'results' in node.outputs:
            self.ctx.pieces.append({'pk': node.pk, 'until': None})
        code = super().inspect_process()
        if self.ctx.is_finished:
            return None
        if code is not None and code.status:
            self._out_what_there_is()
        return code

    @process_handler(
        priority=40,
        exit_codes=[
            DeepmdTrainCalculation.exit_codes.ERROR_INTERRUPTED,
            DeepmdTrainCalculation.exit_codes.ERROR_NOT_STARTED,
            DeepmdTrainCalculation.exit_codes.ERROR_LOG_MISSING,
            ExitCode(_SCHEDULER_WALLTIME),
            ExitCode(_SCHEDULER_NODE_FAILURE),
        ],
    )
    def continue_from_checkpoint(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on with the same training from the newest checkpoint, else from where this piece began."""
        if not self._go_on(node):
            every = self.ctx.parameters.get('training', {}).get('save_freq', _DEEPMD_SAVE_FREQ)
            code = self.exit_codes.ERROR_NO_PROGRESS.format(every=every, reason=node.exit_message)
            return ProcessHandlerReport(True, code)
        self.report(f'{node.exit_message} Going on from step {self.ctx.reached}.')
        return ProcessHandlerReport(True)

    @process_handler(
        priority=30,
        exit_codes=[
            DeepmdTrainCalculation.exit_codes.ERROR_LOSS_NOT_A_NUMBER,
            DeepmdTrainCalculation.exit_codes.ERROR_LOSS_EXPLODED,
        ],
    )
    def retry_calmer(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Begin again with other weights and a tenth of the learning rate.

        A loss explodes when a step is longer than the curvature at these weights allows: it then climbs out of the
        valley instead of down it. A shorter step stays in it, and other weights begin in another one. The checkpoints
        of the exploded training are spoilt, or lead there again, so they are left.
        """
        if self.ctx.calmer >= self.inputs.max_calmer.value:
            code = self.exit_codes.ERROR_EXPLODED.format(rate=start_rate(self.ctx.parameters), reason=node.exit_message)
            return ProcessHandlerReport(True, code)
        self.ctx.calmer += 1
        self._set_parameters(lower_rate(self.ctx.parameters, _CALMER_RATE))
        seed = other_seed(self.inputs.train.seed.value, self.ctx.calmer)
        self.ctx.inputs.seed = orm.Int(seed)
        self._begin_anew()
        self.ctx.pieces = []
        self.ctx.reached = 0
        self.report(
            f'{node.exit_message} Again with seed {seed} and learning rate {start_rate(self.ctx.parameters):g}.'
        )
        return ProcessHandlerReport(True)

    @process_handler(
        priority=20,
        exit_codes=[
            DeepmdTrainCalculation.exit_codes.ERROR_OUT_OF_MEMORY,
            ExitCode(_SCHEDULER_MEMORY),
        ],
    )
    def take_smaller_batches(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on with half the frames in a batch: memory grows with the atoms of a batch, times their neighbours."""
        smaller = halve_batch(self.ctx.parameters, self._smallest_system())
        if smaller is None:
            return ProcessHandlerReport(True, self.exit_codes.ERROR_OUT_OF_MEMORY.format(reason=node.exit_message))
        self._set_parameters(smaller)
        self.ctx.idle = 0
        self._go_on(node)
        size = smaller['training']['training_data']['batch_size']
        self.report(f'{node.exit_message} Going on from step {self.ctx.reached} with batch_size {size}.')
        return ProcessHandlerReport(True)

    @process_handler(priority=10, exit_codes=[DeepmdTrainCalculation.exit_codes.ERROR_COMPRESSION])
    def keep_uncompressed(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Take the uncompressed model: it is the same potential, three to four times slower."""
        if 'potential' not in node.outputs:
            return None
        self.report(f'WARNING: {node.exit_message}')
        self.ctx.is_finished = True
        return ProcessHandlerReport(True)

    @process_handler(
        priority=0,
        exit_codes=[
            DeepmdTrainCalculation.exit_codes.ERROR_DEEPMD,
            DeepmdTrainCalculation.exit_codes.ERROR_DATA,
            DeepmdTrainCalculation.exit_codes.ERROR_BACKEND_MISSING,
            DeepmdTrainCalculation.exit_codes.ERROR_MODEL_MISSING,
        ],
    )
    def give_up(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """End with DeePMD-kit's own words: running the same again would end the same."""
        return ProcessHandlerReport(True, self.exit_codes.ERROR_TRAINING_FAILED.format(reason=node.exit_message))

    def _go_on(self, node: orm.CalcJobNode) -> bool:
        """Set the next piece up; False if too many in a row brought nothing."""
        step = self._newest_checkpoint(node)
        self.ctx.idle = 0 if step is not None and step > self.ctx.reached else self.ctx.idle + 1
        if self.ctx.idle > _MOST_WITHOUT_PROGRESS:
            return False
        if step is None:
            if self.ctx.pieces and self.ctx.pieces[-1]['pk'] == node.pk:
                self.ctx.pieces.pop()
            self.ctx.inputs.setdefault('metadata', AttributeDict())['disable_cache'] = True
            return True
        self.ctx.reached = max(step, self.ctx.reached)
        if self.ctx.pieces and self.ctx.pieces[-1]['pk'] == node.pk:
            self.ctx.pieces[-1]['until'] = step
        self.ctx.inputs.restart = {'folder': node.outputs.remote_folder}
        for port in ('warm_start', 'finetune'):
            self.ctx.inputs.pop(port, None)
        if 'type_map' not in self.ctx.inputs:
            self.ctx.inputs.type_map = orm.List(node.outputs.results['type_map'])
        return True

    def _begin_anew(self) -> None:
        """Take the start that the user gave: from nothing, a model or an earlier run."""
        given = self.exposed_inputs(DeepmdTrainCalculation, namespace='train')
        for port in ('restart', 'warm_start', 'finetune', 'type_map'):
            self.ctx.inputs.pop(port, None)
            if port in given:
                self.ctx.inputs[port] = given[port]

    def _newest_checkpoint(self, node: orm.CalcJobNode) -> int | None:
        """Step of the newest checkpoint of a piece whose files are still there."""
        results = node.outputs.results.get_dict() if 'results' in node.outputs else {}
        step = results.get('checkpoint_step')
        if step is None or 'remote_folder' not in node.outputs:
            return None
        try:
            there = node.outputs.remote_folder.listdir()
        except OSError as error:
            self.report(f'the folder of {node.pk} cannot be read: {error}')
            return None
        return int(step) if CHECKPOINT_FILE in there else None

    def _smallest_system(self) -> int:
        datasets = self.inputs.train.training.values()
        return int(min(sum(system['counts'].values()) for node in datasets for system in node.systems))

    def _set_parameters(self, content: dict[str, Any]) -> None:
        self.ctx.parameters = content
        self.ctx.inputs.parameters = orm.Dict(content)

    def results(self) -> ExitCode | None:
        """Hand out the outputs of the whole training."""
        self._out_what_there_is()
        return None

    def _out_what_there_is(self) -> None:
        """Outputs of the only piece as they are; those of several pieces joined."""
        if not self.ctx.pieces:
            return
        nodes = [orm.load_node(piece['pk']) for piece in self.ctx.pieces]
        joined: dict[str, orm.Data] = {}
        if len(nodes) > 1:
            names = ('learning_curve', 'results')
            pieces = {f'{n}_{i}': node.outputs[n] for i, node in enumerate(nodes) for n in names if n in node.outputs}
            untils = orm.List([piece['until'] for piece in self.ctx.pieces])
            joined = join_learning_curves(untils, **pieces, metadata={'call_link_label': 'join_learning_curves'})
        last = {name: nodes[-1].outputs[name] for name in nodes[-1].outputs}
        for name in ('potential', 'frozen', 'learning_curve', 'results', 'remote_folder', 'retrieved'):
            if name in joined or name in last:
                self.out(name, joined.get(name, last.get(name)))
