"""How far trainings are: the end of log and learning curve, read where they run, and a row for each member."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.formats.deepmd.lcurve import read_lcurve
from aiida_glassion.formats.deepmd.log import read_log

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode, ProcessNode
    from aiida.transports import Transport

TRAININGS = ('TrainMemberWorkChain', 'DeepmdTrainCalculation')
_TAIL_BYTES = 8192
_SEPARATOR = '=== GLASSION end of the tail ==='


@dataclass(frozen=True)
class Learning:
    """How far a training is.

    :param step: batches done, of ``steps``.
    :param seconds_per_batch: of the last report, s; None: not known yet.
    :param force_error: RMSE of forces on the last batch, eV/Å; None: not known yet.
    """

    step: int
    steps: int
    seconds_per_batch: float | None = None
    force_error: float | None = None


def steps_of(node: ProcessNode) -> int:
    """Batches that a training job or member is to learn from."""
    inputs: Any = node.inputs.train if 'train' in node.inputs else node.inputs
    return int(inputs.parameters.get_dict().get('training', {}).get('numb_steps', 0))


def learning_of_ended(node: ProcessNode) -> Learning:
    """How far a training that has ended came."""
    steps = steps_of(node)
    results = node.outputs.results.get_dict() if 'results' in node.outputs else {}
    return Learning(int(results.get('last_step') or 0), steps, results.get('seconds_per_batch'))


def read_learning(node: CalcJobNode, transport: Transport) -> Learning:
    """How far a running training is.

    :param node: the DeepmdTrainCalculation.
    :param transport: open transport to its computer.
    """
    from aiida_glassion.calculations.deepmd_train import LCURVE_FILE, LOGS

    folder, steps = node.get_remote_workdir(), steps_of(node)
    if not folder:
        return Learning(0, steps)
    curve, log = (shlex.quote(str(PurePosixPath(folder) / name)) for name in (LCURVE_FILE, LOGS['train']))
    command = (
        f"head -n 1 {curve} 2>/dev/null; tail -n 2 {curve} 2>/dev/null; printf '\\n{_SEPARATOR}\\n'; "
        f'tail -c {_TAIL_BYTES} {log} 2>/dev/null'
    )
    _, output, _ = transport.exec_command_wait(command)
    return parse_learning(str(output), steps)


def parse_learning(output: str, steps: int) -> Learning:
    """Read what was printed: head and end of the learning curve, then the end of the log.

    :param output: may be cut anywhere, or empty.
    :param steps: batches of the whole training.
    """
    head, _, tail = output.partition(f'\n{_SEPARATOR}\n')
    curve, log = read_lcurve(head + '\n'), read_log(tail)
    reached = [int(curve['step'][-1])] if curve else []
    if log.last_step is not None:
        reached.append(log.last_step)
    errors = [float(np.asarray(curve[name], dtype=float)[-1]) for name in ('rmse_f_trn', 'rmse_f') if name in curve]
    known = errors[0] if errors and errors[0] == errors[0] else None
    return Learning(min(max(reached, default=0), steps or 10**12), steps, log.seconds_per_batch, known)


def describe(learning: Learning) -> str:
    """Words for a training that runs."""
    if learning.steps and learning.step >= learning.steps:
        return 'freeze'
    error = '' if learning.force_error is None else f', {1e3 * learning.force_error:.0f} meV/Å'
    return f'learn{error}' if learning.step else 'starts'


def waiting_labels(committee: int, started: Iterator[str]) -> list[str]:
    """Members that are planned and not yet begun."""
    begun = set(started)
    return [label for number in range(1, committee + 1) if (label := f'train_seed_{number}') not in begun]
