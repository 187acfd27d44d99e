"""The processes below a WorkChain as a plain tree: what :mod:`~aiida_glassion.cli.watch_rows` makes rows of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli.progress import JobProgress, job_progress, read_remote
from aiida_glassion.cli.watch_analysis import ANALYSIS, Analysing, read_analysing
from aiida_glassion.cli.watch_diffusion_state import POINT, SWEEP, PointState, read_point
from aiida_glassion.cli.watch_fracture_state import PULL, STUDY, PullState, read_pull_state
from aiida_glassion.cli.watch_plan import LOOP, PLANNED, Place, planned_of, read_place
from aiida_glassion.cli.watch_training import TRAININGS, Learning, learning_of_ended, read_learning, steps_of
from aiida_glassion.schedule import Schedule, read_schedule

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

WORKING_STATES = ('created', 'waiting', 'running')


@dataclass(frozen=True)
class Task:
    """One process.

    :param label: its link label, as its caller named it.
    :param process: name of its class.
    :param state: AiiDA's process state.
    :param job_state: of a CalcJob: queued, running, retrieving …
    :param schedule: of an MD.
    :param settings: of a melt-quench.
    :param reached: ps of the schedule that an ended MD job came to.
    :param progress: of a running MD job.
    :param learning: of a training, or one of its jobs.
    :param analysing: of a running analysis beside its data.
    :param planned: of a part of an active learning: how much each of its jobs gives, by label.
    :param place: of an active learning: where it is.
    :param point: of a run of a diffusion sweep: how far it is; ``pull``: of a pull of a study of fracture.
    :param started: when it began; ``ended``: None while it runs; ``touched``: when AiiDA last wrote something down.
    :param paused: why it is paused, None where it is not.
    :param children: what it called, in order.
    """

    label: str
    process: str
    pk: int
    state: str
    exit_status: int | None = None
    exit_message: str | None = None
    job_state: str | None = None
    schedule: Schedule | None = None
    settings: dict[str, Any] | None = None
    reached: float | None = None
    progress: JobProgress | None = None
    learning: Learning | None = None
    analysing: Analysing | None = None
    planned: dict[str, int] | None = None
    place: Place | None = None
    point: PointState | None = None
    pull: PullState | None = None
    started: datetime | None = None
    ended: datetime | None = None
    touched: datetime | None = None
    paused: str | None = None
    children: tuple[Task, ...] = field(default=())

    @property
    def is_working(self) -> bool:
        """Whether it has not ended."""
        return self.state in WORKING_STATES

    @property
    def is_done(self) -> bool:
        """Whether it ended well."""
        return self.state == 'finished' and self.exit_status == 0

    @property
    def seconds(self) -> float | None:
        """How long it took, s; None while it runs."""
        return None if self.started is None or self.ended is None else (self.ended - self.started).total_seconds()

    @property
    def failure(self) -> str | None:
        """Why it failed, None if it did not."""
        if self.is_working or self.is_done:
            return None
        if self.state == 'finished':
            return f'[{self.exit_status}] {self.exit_message or "no message"}'
        return self.exit_message or self.state


class TreeReader:
    """Reads the tree again and again; ended processes once, connections kept open.

    Use as a context manager: leaving it closes the connections.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._transports: dict[int, Any] = {}
        self._ended: dict[int, Task] = {}
        self._planned: dict[int, dict[str, int]] = {}
        self.problems: list[str] = []

    def __enter__(self) -> TreeReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def read(self, pk: int, label: str = '', within: str = '') -> Task:
        """Tree below a process.

        :param within: name of the class of the process that called it. Of an active learning or a diffusion sweep only
            the parts that run are read with all that they called: those that ended may be tens of thousands.
        :raises aiida.common.exceptions.NotExistent: no such node.
        """
        from aiida.orm import CalcJobNode, load_node

        if pk in self._ended:
            return self._ended[pk]
        node = load_node(pk)
        task = Task(
            label=label or str(node.process_label),
            process=str(node.process_label),
            pk=pk,
            state=node.process_state.value if node.process_state else 'created',
            exit_status=node.exit_status,
            exit_message=node.exit_message or _first_line(node.exception),
            job_state=_job_state(node) if isinstance(node, CalcJobNode) else None,
            schedule=_schedule(node),
            settings=node.inputs.settings.get_dict() if 'settings' in node.inputs else None,
            children=()
            if within in (LOOP, SWEEP, STUDY) and node.is_terminated
            else tuple(self.read(child, name, str(node.process_label)) for child, name in _called(node)),
            started=node.ctime,
            ended=node.mtime if node.is_terminated else None,
            touched=node.mtime,
            paused=(node.process_status or 'no reason was given') if node.paused else None,
            planned=self._plan(node) if node.process_label in PLANNED and not node.is_terminated else None,
            place=read_place(node) if node.process_label == LOOP else None,
            point=read_point(node) if node.process_label == POINT else None,
            pull=read_pull_state(node) if node.process_label == PULL else None,
            **(self._md(node) if node.process_label == 'MdCalculation' else {}),
            **(self._learning(node) if node.process_label in TRAININGS else {}),
            analysing=self._ask(node, read_analysing)
            if node.process_label == ANALYSIS and not node.is_terminated
            else None,
        )
        if not task.is_working:
            self._ended[pk] = task
        return task

    def _plan(self, node: Any) -> dict[str, int]:
        """What a part of an active learning is to do, read once."""
        if not self._planned.get(node.pk):
            try:
                self._planned[node.pk] = planned_of(node)
            except (ValueError, KeyError) as error:
                self.problems.append(f'the plan of {node.pk} cannot be read: {error}')
                return {}
        return self._planned[node.pk]

    def _md(self, node: Any) -> dict[str, Any]:
        """How far an MD job is or came."""
        schedule = read_schedule(node.inputs.schedule.get_dict())
        point = node.inputs.restart.point.get_dict() if 'restart' in node.inputs else {}
        if node.is_terminated:
            if 'results' not in node.outputs:
                return {'reached': 0.0}
            step = int(node.outputs.results.get_dict()['last_step'])
            return {'reached': schedule.stage_at(step).time_at(step)}
        text = self._ask(node, read_remote) or ''
        return {'progress': job_progress(text, schedule, point.get('stage', 0), point.get('step', 0))}

    def _learning(self, node: Any) -> dict[str, Any]:
        """How far a training is or came; of a member only what it is to do, its newest job knows the rest."""
        if node.is_terminated:
            return {'learning': learning_of_ended(node)}
        if node.process_label == 'DeepmdTrainCalculation':
            return {'learning': self._ask(node, read_learning) or Learning(0, steps_of(node))}
        return {'learning': Learning(0, steps_of(node))}

    def _ask(self, node: Any, read: Callable[[Any, Any], Any]) -> Any:
        """What is read of a job where it runs; None where that cannot be had now."""
        try:
            return read(node, self._transport(node.computer))
        except Exception as error:  # every transport has errors of its own; a lost connection must not end the watch
            self._transports.pop(node.computer.pk, None)
            self.problems.append(f'the log of job {node.pk} cannot be read now: {error}')
            return None

    def _transport(self, computer: Any) -> Any:
        """Open connection to a computer, kept for the next look."""
        if computer.pk not in self._transports:
            self._transports[computer.pk] = self._stack.enter_context(computer.get_transport())
        return self._transports[computer.pk]


def _called(node: ProcessNode) -> list[tuple[int, str]]:
    """Pk and link label of what a process called, in order."""
    from aiida.common.links import LinkType

    links = node.base.links.get_outgoing(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all()
    return sorted((link.node.pk, link.link_label) for link in links)


def _schedule(node: Any) -> Schedule | None:
    """Schedule of an MD job or WorkChain."""
    inputs = node.inputs
    if 'schedule' not in inputs and 'md' in inputs:
        inputs = inputs.md
    return read_schedule(inputs.schedule.get_dict()) if 'schedule' in inputs else None


def _job_state(node: Any) -> str | None:
    """State of a CalcJob in one word; the scheduler's word while it has the job."""
    state = node.get_state()
    if state is None:
        return None
    if state.value == 'withscheduler':
        scheduler = node.get_scheduler_state()
        return scheduler.value if scheduler else 'submitted'
    return str(state.value)


def _first_line(text: str | None) -> str | None:
    lines = (text or '').strip().splitlines()
    return lines[-1] if lines else None
