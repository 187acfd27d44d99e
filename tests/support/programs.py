"""Programs that tests start, and what runs on in the background: time limits, waits that end, and a clean end.

Whatever waits here ends, and says how things stood: the processes of the AiiDA home and the ends of its logs.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

_Seen = TypeVar('_Seen')


def run(
    command: list[object],
    environment: dict[str, str],
    *,
    check: bool = True,
    limit: float = 300,
    home: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program without a terminal, in a group of its own that is ended with it.

    Its output goes to files: a background process that keeps a pipe open would be waited for, for ever.

    :param limit: s; a program that takes longer is killed, and the test fails.
    :param home: AiiDA home; a failure tells what runs in it.
    """
    words = [str(word) for word in command]
    name = ' '.join([Path(words[0]).name, *words[1:]])
    with tempfile.TemporaryFile('w+') as out, tempfile.TemporaryFile('w+') as err:
        program = subprocess.Popen(
            words, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        late = False
        try:
            program.wait(limit)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read())
    state = '' if home is None or not (late or (check and program.returncode)) else f'\n{state_of(home)}'
    if late:
        pytest.fail(f'{name} did not end within {limit:.0f} s\n{said[0][-4000:]}\n{said[1][-4000:]}{state}')
    assert program.returncode == 0 or not check, f'{name}\n{said[0]}\n{said[1]}{state}'
    return subprocess.CompletedProcess(words, program.returncode, *said)


def wait_for(what: str, see: Callable[[], _Seen], home: Path, *, limit: float = 300, every: float = 0.1) -> _Seen:
    """Look until something is seen; a test that never sees it fails, and tells what runs.

    :param limit: s.
    :param every: s between two looks.
    """
    deadline = time.monotonic() + limit
    while True:
        if seen := see():
            return seen
        if time.monotonic() > deadline:
            pytest.fail(f'{what} was not seen within {limit:.0f} s\n{state_of(home)}')
        time.sleep(every)


def processes_of(home: Path, words: str = '') -> list[psutil.Process]:
    """Processes of an AiiDA home (it is in their environment, or they work below it) whose command holds some words."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if words not in ' '.join(process.cmdline()):
                continue
            places = (process.cwd(), process.environ().get('AIIDA_PATH', '/'))
            if any(Path(place).is_relative_to(home) for place in places):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def state_of(home: Path, lines: int = 15) -> str:
    """What runs in an AiiDA home, and the last lines of the logs of its daemon and of the jobs that run."""
    said, folders = [], set()
    for process in processes_of(home):
        try:
            folders.add(Path(process.cwd()))
            said.append(f'{process.pid} {process.status()} {" ".join(process.cmdline())[:200]} in {process.cwd()}')
        except (psutil.Error, OSError):
            continue
    logs = [*home.glob('**/daemon/log/*.log'), *(path for folder in folders for path in folder.glob('*.log'))]
    logs += [path for folder in folders for name in ('log.lammps', '_scheduler-stderr.txt') for path in [folder / name]]
    for path in dict.fromkeys(logs):
        if path.is_file() and home in path.parents:
            end = path.read_text(errors='replace').splitlines()[-lines:]
            said += [f'-- the end of {path.relative_to(home)}', *(f'   {line}' for line in end)]
    return '\n'.join(['these run:', *said]) if said else 'nothing runs'


def end_all(home: Path) -> list[int]:
    """Kill whatever still runs in an AiiDA home, or works below a folder."""
    ended: list[int] = []
    for _ in range(5):  # a watcher may start another before it is killed itself
        left = processes_of(home)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if not left:
            break
        ended += [process.pid for process in left]
        psutil.wait_procs(left, timeout=5)
    return ended


@contextmanager
def nothing_for_ever(folder: Path, limit: float) -> Iterator[None]:
    """Kill what works below a folder when it takes longer than a limit, so that the engine, which waits for it, ends.

    What waits then fails with the state at that time; in any case nothing is left running. Where even that does not end
    it, this process ends: an exception that a signal raises can get lost in an event loop, and a run that hangs tells
    nothing.

    :param limit: s.
    """
    over, states, killed = threading.Event(), list[str](), list[int]()

    def watch() -> None:
        if over.wait(limit):
            return
        states.append(state_of(folder))
        for _ in range(int(limit)):
            killed.extend(end_all(folder))  # again and again: an ended job may be tried anew
            if over.wait(1):
                return
        sys.__stderr__.write(f'after {2 * limit:.0f} s it still waits, though its jobs were killed; {states[0]}\n')
        faulthandler.dump_traceback(sys.__stderr__)
        os._exit(70)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(60)
        end_all(folder)
    if killed:
        pytest.fail(f'after {limit:.0f} s its jobs were killed; then {states[0]}')
