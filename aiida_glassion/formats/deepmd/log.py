"""What DeePMD-kit says while it works: how far it came, what it warned of, why it stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

_STAMP = re.compile(r'^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})\] DEEPMD', re.MULTILINE)
_VERSION = re.compile(r'Source:\s+v?(\d\S*)')
_BACKEND = re.compile(r'Backend:\s+(\S+)')
_BATCH = re.compile(r'Batch\s+(\d+): trn')
_SPEED = re.compile(r'average training time: ([\d.eE+-]+) s/batch')
_PIECE = re.compile(r'Batch\s+(\d+): total wall time = ([\d.]+) s')
_WARNING = re.compile(r'DEEPMD (?:WARNING|ERROR)\s+(.*)')
_ERROR = re.compile(r'^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt))(?:: ?(.*))?$')
_MISSING_BACKEND = re.compile(
    r"No module named '(torch|tensorflow|jax|paddle)|Unsupported backend|backend.*not (?:available|installed)"
)
_OUT_OF_MEMORY = re.compile(
    r'OOM when allocating|ResourceExhausted|RESOURCE_EXHAUSTED|CUDA out of memory|OutOfMemoryError|MemoryError'
    r'|std::bad_alloc|Cannot allocate memory|oom[-_ ]kill|Out Of Memory',
    re.IGNORECASE,
)
_NOT_A_NUMBER = re.compile(r'NaN detected at batch\s+\d+|Non-finite.*|non-finite (?:loss|checkpoint).*')
_USELESS = ('number of threads', 'DP_INFER_BATCH_SIZE', 'lack of horovod')
_BAD_DATA = re.compile(
    r'(?i)cannot find system|did not find valid system|No training data|reshape|\.npy|type_map|type_raw|set\.\d+'
    r'|not found|not present in the provided|smallest distance|not a valid system|Failed to read'
)


@dataclass
class TrainingLog:
    """What a log holds.

    :param version: of DeePMD-kit; None: it said nothing.
    :param backend: as it calls itself, e.g. ``TensorFlow``.
    :param last_step: newest step reported; None: no training step was done.
    :param finished: the training came to its end.
    :param seconds_per_batch: mean time of a batch, s.
    :param seconds: from its first line with a time to its last, s.
    :param warnings: its warnings, each once.
    :param error: last line of a Python traceback, ``Class: message``.
    :param out_of_memory: line that says that memory did not suffice.
    :param not_a_number: line that says that the loss is none.
    :param no_backend: line that says that the backend is not installed.
    """

    version: str | None = None
    backend: str | None = None
    last_step: int | None = None
    finished: bool = False
    seconds_per_batch: float | None = None
    seconds: float | None = None
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    out_of_memory: str | None = None
    not_a_number: str | None = None
    no_backend: str | None = None

    @property
    def bad_data(self) -> bool:
        """Whether the error speaks of the data."""
        return self.error is not None and bool(_BAD_DATA.search(self.error))


def read_log(text: str) -> TrainingLog:
    """Read the log of any ``dp`` command, cut or not."""
    log = TrainingLog()
    pieces: list[tuple[int, float]] = []
    for line in (line.rstrip() for line in text.splitlines()):
        if found := _VERSION.search(line):
            log.version = log.version or found[1]
        elif found := _BACKEND.search(line):
            log.backend = log.backend or found[1]
        elif found := _PIECE.search(line):
            pieces.append((int(found[1]), float(found[2])))
        elif found := _BATCH.search(line):
            log.last_step = int(found[1])
            log.out_of_memory = None  # DeePMD-kit went on with a smaller batch of its own
        elif found := _SPEED.search(line):
            log.seconds_per_batch = float(found[1])
        elif 'DEEPMD INFO' in line and 'finished training' in line:
            log.finished = True
        if found := _WARNING.search(line):
            words = found[1].strip()
            if words not in log.warnings and not any(part in words for part in _USELESS):
                log.warnings.append(words)
        if found := _NOT_A_NUMBER.search(line):
            log.not_a_number = log.not_a_number or ' '.join(found[0].split())
        if _OUT_OF_MEMORY.search(line):
            log.out_of_memory = log.out_of_memory or _message(line)
        if _MISSING_BACKEND.search(line):
            log.no_backend = log.no_backend or _message(line)
        if found := _ERROR.match(line):
            log.error = line.strip()[:500]
    if log.seconds_per_batch is None:
        log.seconds_per_batch = _speed(pieces)
    log.seconds = _seconds(text)
    return log


def _seconds(text: str) -> float | None:
    """Time that the log spans, s; None: its lines have no times, or the clock was set back."""
    try:
        times = [datetime.fromisoformat(day).timestamp() + int(part) / 1e3 for day, part in _STAMP.findall(text)]
    except ValueError:
        return None
    return times[-1] - times[0] if times and times[-1] >= times[0] else None


def reason_of(log: TrainingLog, text: str) -> str:
    """Why a command failed: its error, else the last line that is no noise of a library."""
    if log.error:
        return log.error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not _is_noise(line)]
    return telling[-1][:300] if telling else 'it left no word'


def _message(line: str) -> str:
    return line.strip()[:300]


def _is_noise(line: str) -> bool:
    return line.startswith(('implib-gen', 'WARNING: All log', 'I0000', 'W0000', 'E0000', 'DeePMD-kit: ', 'To enable'))


def _speed(pieces: list[tuple[int, float]]) -> float | None:
    """Time of a batch from the reports, s; the first, in which the graph is made, counts only when it is alone."""
    if len(pieces) < 2:
        return None
    steps = pieces[-1][0] - pieces[0][0]
    return sum(seconds for _, seconds in pieces[1:]) / steps if steps > 0 else None
