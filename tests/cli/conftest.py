"""An AiiDA home that ``glassion setup`` made, apart from the profile of the other tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from programs import end_all, run

Run = Callable[..., 'subprocess.CompletedProcess[str]']


def command(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this Python's environment with an AiiDA home of its own and no terminal."""
    program = Path(sys.executable).parent / arguments[0]
    settings = {**os.environ, 'AIIDA_PATH': str(home), 'NO_COLOR': '1', 'COLUMNS': '200', **environment}
    for name in ('GLASSION_PROFILE', 'GLASSION_DEBUG'):
        if name not in environment:
            settings.pop(name, None)
    return run([program, *arguments[1:]], settings, check=False, limit=300, home=home)


@pytest.fixture(scope='session')
def run_in() -> Run:
    """Any command of this environment in any AiiDA home: ``run_in(home, 'verdi', 'status')``."""
    return command


@pytest.fixture
def glassion(tmp_path: Path) -> Iterator[Run]:
    """The command in an empty AiiDA home; a daemon that a test left there is ended."""
    yield lambda *arguments, **environment: command(tmp_path, 'glassion', *arguments, **environment)
    end_all(tmp_path)


@pytest.fixture(scope='session')
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AiiDA home after ``glassion setup --no-daemon``."""
    path: Path = tmp_path_factory.mktemp('home')
    done = command(path, 'glassion', 'setup', '--no-daemon')
    assert done.returncode == 0, done.stdout + done.stderr
    return path


@pytest.fixture
def at_home(home: Path) -> Run:
    """Any command of this environment in the prepared home."""
    return lambda *arguments, **environment: command(home, *arguments, **environment)
