"""A daemon that was killed leaves its process number behind; it must not pass for one that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiida.engine.daemon.client import get_daemon_client

from aiida_glassion.cli import launch_submit
from aiida_glassion.cli.daemon import daemon_runs
from aiida_glassion.cli.errors import GlassionError


@pytest.fixture
def pid_file(aiida_profile_clean):
    """Where the daemon of the test profile writes its process number; nothing is left of it."""
    path = Path(get_daemon_client(aiida_profile_clean.name).circus_pid_file)
    assert not path.exists(), 'a daemon of the test profile runs'
    path.parent.mkdir(exist_ok=True, parents=True)
    yield path
    path.unlink(missing_ok=True)


def test_the_number_of_a_dead_process(aiida_profile_clean, pid_file, monkeypatch):
    ended = subprocess.Popen([sys.executable, '-c', ''])
    ended.wait()
    pid_file.write_text(f'{ended.pid}\n')
    assert get_daemon_client(aiida_profile_clean.name).is_daemon_running, 'AiiDA takes it for running'
    assert not daemon_runs(aiida_profile_clean.name)
    with pytest.raises(GlassionError, match='Nothing was submitted') as caught:
        launch_submit.check_daemon()
    assert caught.value.mend.endswith('daemon start')


def test_the_number_of_another_process(aiida_profile_clean, pid_file):
    pid_file.write_text(str(os.getpid()))
    assert not daemon_runs(aiida_profile_clean.name)


@pytest.mark.parametrize('content', ['not a number', ''])
def test_no_number(aiida_profile_clean, pid_file, content):
    pid_file.write_text(content)
    assert not daemon_runs(aiida_profile_clean.name)


def test_a_process_of_the_daemon(aiida_profile_clean, pid_file):
    words = [sys.executable, '-c', 'import time; time.sleep(60)', 'daemon', 'start-circus', '1']
    with subprocess.Popen(words) as process:
        try:
            pid_file.write_text(str(process.pid))
            assert daemon_runs(aiida_profile_clean.name)
        finally:
            process.kill()
