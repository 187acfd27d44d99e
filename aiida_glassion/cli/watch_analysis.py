"""How far an analysis beside its data is, read where it runs."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode
    from aiida.transports import Transport

ANALYSIS = 'AnalysisCalculation'


@dataclass(frozen=True)
class Analysing:
    """How far an analysis is.

    :param done: frames analysed, of ``total``.
    :param seconds: that this took, s.
    """

    done: int
    total: int
    seconds: float

    @property
    def left(self) -> float | None:
        """Seconds until its last frame, at the speed so far; None: not known yet."""
        if self.done <= 0 or self.seconds <= 0:
            return None
        return self.seconds * (self.total - self.done) / self.done


def read_analysing(node: CalcJobNode, transport: Transport) -> Analysing | None:
    """How far a running analysis is; None before it says so.

    :param node: the AnalysisCalculation.
    :param transport: open transport to its computer.
    """
    from aiida_glassion.analysis.__main__ import PROGRESS_FILE

    folder = node.get_remote_workdir()
    if not folder:
        return None
    path = shlex.quote(str(PurePosixPath(folder) / PROGRESS_FILE))
    _, output, _ = transport.exec_command_wait(f'cat {path} 2>/dev/null')
    return parse_analysing(str(output))


def parse_analysing(text: str) -> Analysing | None:
    """Read ``{"done": 120, "total": 400, "seconds": 31.5}``; None where it is empty or half written.

    :param text: may be cut anywhere.
    """
    try:
        told = json.loads(text)
        done, total = int(told['done']), int(told['total'])
        return Analysing(min(max(0, done), total), total, float(told.get('seconds') or 0.0))
    except (ValueError, KeyError, TypeError):
        return None
