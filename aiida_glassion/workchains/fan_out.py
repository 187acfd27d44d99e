"""FanOutWorkChain: many runs of a study, some at a time; failures are written down and the others go on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessSpec, ToContext, WorkChain

from aiida_glassion.workchains.diffusion_inputs import check_seed
from aiida_glassion.workchains.explore_record import reason_of


class Planned(Protocol):
    """A run of a study."""

    @property
    def label(self) -> str:
        """Its call link label, of its own within the study."""

    @property
    def seed(self) -> int:
        """Its own; that depends on the label alone."""


class FanOutWorkChain(WorkChain):
    """Base of studies that run one WorkChain many times.

    A subclass names the WorkChain, which of its ends are results, and gives the plan and the inputs of each run. Runs
    begin in the order of the plan.
    """

    RUN: ClassVar[type[WorkChain]]
    """What is run."""
    RESULTS: ClassVar[tuple[int, ...]] = (0,)
    """Exit statuses of a run that ended with what it was to tell, even if that is not what was hoped for."""
    RUNS: ClassVar[str] = 'runs'
    """What they are called."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare the ports and the exit code that these studies share."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input(
            'seed',
            valid_type=orm.Int,
            validator=check_seed,
            help=f'Seed of the study, 1 to 2147483647; each of its {cls.RUNS} derives its own from it.',
            **convert,
        )
        spec.input(
            'max_concurrent',
            valid_type=orm.Int,
            default=lambda: orm.Int(2),
            help=f'How many {cls.RUNS} go at the same time.',
            **convert,
        )
        spec.input(
            'tolerated_failures',
            valid_type=orm.Float,
            default=lambda: orm.Float(0.5),
            help=f'Fraction of the {cls.RUNS} that may fail before the whole is a failure, 0 to 1.',
            **convert,
        )
        spec.output(
            'ledger',
            valid_type=orm.Dict,
            required=False,
            help=f'Those of the {cls.RUNS} that failed, and why.',
        )
        spec.exit_code(500, 'ERROR_TOO_MANY_FAILED', message=f'{{failed}} of {{planned}} {cls.RUNS} failed: {{reason}}')

    @property
    @abstractmethod
    def plan(self) -> Sequence[Planned]:
        """All runs. Made anew from the inputs after a restart, so that checkpoints stay small."""

    @abstractmethod
    def inputs_of(self, planned: Any) -> AttributeDict:
        """Inputs of a run, beside its label.

        :param planned: an entry of the plan.
        """

    def setup(self) -> None:
        """Begin with the first run."""
        self.ctx.next, self.ctx.running, self.ctx.ended = 0, [], []
        self.report(f'{len(self.plan)} {self.RUNS}')

    def should_run(self) -> bool:
        """Whether runs go on, or are left to be begun."""
        return bool(self.ctx.running or self.ctx.next < len(self.plan))

    def run_some(self) -> ToContext:
        """Fill the room that there is, and wait for the oldest run; those that ended meanwhile make room with it."""
        while self.ctx.next < len(self.plan) and len(self.ctx.running) < self.inputs.max_concurrent.value:
            planned = self.plan[self.ctx.next]
            inputs = self.inputs_of(planned)
            inputs.metadata.update(call_link_label=planned.label, label=planned.label, description='')
            self.ctx.running.append((self.ctx.next, self.submit(self.RUN, **inputs).pk))
            self.ctx.next += 1
        return ToContext(oldest=orm.load_node(self.ctx.running[0][1]))

    def inspect_some(self) -> None:
        """Note which runs ended."""
        oldest, still_running = self.ctx.pop('oldest'), []
        for number, pk in self.ctx.running:
            node = oldest if pk == oldest.pk else orm.load_node(pk)
            if not node.is_sealed and pk != oldest.pk:
                still_running.append((number, pk))
                continue
            self.ctx.ended.append((number, pk))
            if not self.is_result(node):
                self.report(f'{self.plan[number].label} <{pk}> failed: {reason_of(node)}')
        self.ctx.running = still_running

    def is_result(self, node: orm.ProcessNode) -> bool:
        """Whether a run ended with what it was to tell."""
        return bool(node.is_finished and node.exit_status in self.RESULTS)

    def ended_runs(self) -> Iterator[tuple[Any, orm.WorkChainNode, str | None]]:
        """All runs in the order of the plan, with the reason where one failed; failures go into the ledger."""
        failed: dict[str, Any] = {}
        for number, pk in sorted(self.ctx.ended):
            planned, node = self.plan[number], orm.load_node(pk)
            reason = None if self.is_result(node) else reason_of(node)
            if reason is not None:
                failed[planned.label] = {
                    'pk': pk, 'seed': planned.seed, 'exit_status': node.exit_status, 'reason': reason,
                }  # fmt: skip
            yield planned, node, reason
        if failed:
            self.out('ledger', orm.Dict(failed).store())
        self.ctx.failed = {label: entry['reason'] for label, entry in failed.items()}

    def too_many_failed(self) -> ExitCode | None:
        """The exit code if more runs failed than are tolerated; after :meth:`ended_runs`."""
        failed = self.ctx.failed
        if len(failed) <= self.inputs.tolerated_failures.value * len(self.plan):
            return None
        reason = '; '.join(f'{label}: {why}' for label, why in failed.items())
        return self.exit_codes.ERROR_TOO_MANY_FAILED.format(failed=len(failed), planned=len(self.plan), reason=reason)
