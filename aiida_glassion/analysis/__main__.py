"""A request beside its data: ``python -m aiida_glassion.analysis request.json``, without AiiDA.

The file names the request and the data: ``{"request": {"analyses": {"rdf": {}}}, "files": ["glass.xyz"]}``, or in place
of files ``parts`` (see :class:`.Part`) and ``folders`` (path of each label); and if need be ``format``, ``species``,
``copy_every`` (of so many frames one is written down), ``interval`` (s between the times at which results are written)
and ``walltime`` (s after which it ends by itself). Results go to the folder ``outcome``, progress to ``progress.json``;
what ended it early to ``error.json``.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_glassion.analysis.sources import FrameSource

OUTCOME, PROGRESS_FILE, ERROR_FILE, RUN_FILE = 'outcome', 'progress.json', 'error.json', 'run.json'
INTERVAL = 60.0
"""Default of the seconds between the times at which results are written."""
_WALLTIME_SHARE = 0.95
_COST = 10.0
"""Results are written no more often than that it costs a tenth of the time."""


class _EndedError(Exception):
    """The job is to end before its last frame."""


class _Recorder:
    """Writes progress and, at intervals, results; ends the run when its time is over or it is asked to."""

    def __init__(self, interval: float, walltime: float | None) -> None:
        self.interval = interval
        self.started = self.written = self.told = time.monotonic()
        self.ends = None if walltime is None else self.started + _WALLTIME_SHARE * walltime
        self.latest: Callable[[], Any] | None = None
        self.asked_to_end = False

    def progress(self, done: int, total: int) -> None:
        """At most once a second, and in the beginning and the end."""
        now = time.monotonic()
        if done in (0, total) or now - self.told >= 1.0:
            self.told = now
            _write_json(PROGRESS_FILE, {'done': done, 'total': total, 'seconds': round(now - self.started, 1)})

    def keep(self, outcome: Callable[[], Any]) -> None:
        """Note how the outcome so far is had; write it if it is time."""
        self.latest = outcome
        now = time.monotonic()
        if self.asked_to_end:
            raise _EndedError('terminated', 'the job was told to end')
        if self.ends is not None and now > self.ends:
            raise _EndedError('walltime', f'{now - self.started:.0f} s of the walltime were used')
        if now - self.written >= self.interval:
            self.write()
            self.written = time.monotonic()
            self.interval = max(self.interval, _COST * (self.written - now))

    def write(self) -> None:
        """Write what there is."""
        from aiida_glassion.analysis import store

        if self.latest is not None:
            store.write(self.latest(), OUTCOME, csv=False)


def main(arguments: list[str]) -> int:
    """Run a request; return the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    for name in (ERROR_FILE, PROGRESS_FILE):
        Path(name).unlink(missing_ok=True)
    try:
        job = json.loads(Path(arguments[0]).read_text(encoding='utf-8'))
        walltime = job.get('walltime')
        if 'parts' not in job and 'files' not in job:
            raise ValueError('neither files nor parts')
        recorder = _Recorder(float(job.get('interval') or INTERVAL), None if walltime is None else float(walltime))
    except (OSError, KeyError, TypeError, ValueError) as error:
        return _failed('request', f'{arguments[0]}: {type(error).__name__}: {error}')
    before = signal.signal(signal.SIGTERM, lambda *_: setattr(recorder, 'asked_to_end', True))
    try:
        return _run(job, recorder)
    except _EndedError as error:
        kind, message = error.args
    except MemoryError as error:
        kind, message = 'memory', str(error) or 'out of memory'
    except (OSError, ValueError) as error:
        kind, message = 'data', str(error)
    finally:
        signal.signal(signal.SIGTERM, before)
    recorder.write()
    return _failed(kind, message)


def _run(job: dict[str, Any], recorder: _Recorder) -> int:
    from aiida_glassion.analysis import store
    from aiida_glassion.analysis.copied import copying
    from aiida_glassion.analysis.request import read_request
    from aiida_glassion.analysis.run import analyse

    try:
        request = read_request(job['request'])
    except (KeyError, ValueError) as error:
        return _failed('request', str(error))
    source = _source(job)
    copy = copying(source, int(job['copy_every']), Path()) if job.get('copy_every') else None
    source = copy or source
    outcome = analyse(request, source, recorder.progress, recorder.keep)
    store.write(outcome, OUTCOME, csv=False)
    copied = {} if copy is None else {'copied': copy.facts()}
    _write_json(RUN_FILE, {'seconds': dict(outcome.seconds), **_facts(), **copied})
    for kind, reason in outcome.failed.items():
        print(f'{kind}: {reason}')
    print(f'{outcome.n_frames} frames analysed')
    return 0


def _source(job: dict[str, Any]) -> FrameSource:
    from aiida_glassion.analysis.parts import open_parts, read_parts
    from aiida_glassion.analysis.sources import join_sources, open_source

    if 'parts' in job:
        return open_parts(read_parts(job['parts']), job['folders'], job.get('species'))
    return join_sources([open_source(name, job.get('format'), job.get('species')) for name in job['files']])


def _facts() -> dict[str, Any]:
    """What ran it: versions, and the largest memory it had, MB."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, Any] = {'python': platform.python_version()}
    for name in ('aiida-glassion', 'numpy', 'numba', 'scipy', 'ase'):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {'versions': found, 'peak_memory': peak_memory()}


def peak_memory() -> float:
    """The largest memory that this process had, MB."""
    import resource

    try:
        # what getrusage tells begins, on Linux, with the memory of the process that started this one
        status = Path('/proc/self/status').read_text(encoding='ascii')
        return round(int(status.partition('VmHWM:')[2].split()[0]) * 1024 / 1e6, 1)
    except (OSError, ValueError, IndexError):
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(largest / 1e6 if sys.platform == 'darwin' else largest * 1024 / 1e6, 1)


def _failed(kind: str, message: str) -> int:
    _write_json(ERROR_FILE, {'kind': kind, 'message': message})
    print(f'{kind}: {message}', file=sys.stderr)
    return 1


def _write_json(name: str, content: dict[str, Any]) -> None:
    new = Path(f'.{name}.new')
    new.write_text(json.dumps(content, ensure_ascii=False), encoding='utf-8')
    os.replace(new, name)


if __name__ == '__main__':
    raise SystemExit(main(sys.argv[1:]))
