"""A watched process on which nobody works: it is said, and the watching ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiida import orm
from plumpy import ProcessState

from aiida_glassion.cli import watch_idle
from aiida_glassion.cli.daemon import daemon_runs
from aiida_glassion.cli.watch import follow
from aiida_glassion.cli.watch_idle import HOPELESS_AFTER, REMARKABLE_AFTER, Idleness
from aiida_glassion.cli.watch_tree import Task

JOB = Task('job', 'MdCalculation', 7, 'waiting', job_state='running')
STUDY = Task('study', 'MeltQuenchWorkChain', 5, 'waiting', children=(JOB,))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_what_goes_on_gives_no_cause(clock):
    idle = Idleness(lambda: True, 'mine', clock)
    for clock.now in range(0, 5000, 500):
        moved = replace(STUDY, children=(replace(JOB, job_state=f'running {clock.now}'),))
        assert idle.look(moved) == []
    assert not idle.is_hopeless


def test_without_a_daemon_it_is_said_at_once_and_ends_when_nothing_moves(clock):
    idle = Idleness(lambda: False, 'mine', clock)
    assert idle.look(STUDY) == ['the daemon is not running: verdi -p mine daemon start']
    clock.now = HOPELESS_AFTER - 1
    idle.look(STUDY)
    assert not idle.is_hopeless
    moved = replace(STUDY, children=(replace(JOB, job_state='done'),))
    clock.now += 2
    idle.look(moved)
    assert not idle.is_hopeless, 'somebody runs it in a process of their own'
    clock.now += HOPELESS_AFTER + 1
    idle.look(moved)
    assert idle.is_hopeless


def test_a_paused_job_is_named_with_its_reason(clock):
    idle = Idleness(lambda: True, 'mine', clock)
    paused = replace(STUDY, children=(replace(JOB, paused='upload failed 5 times'),))
    (reason,) = idle.look(paused)
    assert reason == 'MdCalculation 7 is paused: upload failed 5 times; let it go on: verdi -p mine process play 7'
    clock.now = HOPELESS_AFTER + 1
    idle.look(paused)
    assert idle.is_hopeless


def test_a_process_that_the_daemon_lost_is_told_but_watched_on(clock):
    idle = Idleness(lambda: True, 'mine', clock)
    idle.look(STUDY)
    clock.now = REMARKABLE_AFTER + 60
    (reason,) = idle.look(STUDY)
    assert 'nothing has changed for 11 min' in reason
    assert 'process repair' in reason
    assert not idle.is_hopeless


def test_what_ended_needs_no_daemon(clock):
    ended = replace(STUDY, state='finished', exit_status=0)
    assert Idleness(lambda: False, 'mine', clock).look(ended) == []


def test_watching_ends_with_a_status_of_its_own(aiida_profile_clean, monkeypatch, capsys):
    monkeypatch.setattr(watch_idle, 'HOPELESS_AFTER', 0.5)
    node = orm.WorkChainNode()
    node.set_process_state(ProcessState.WAITING)
    node.set_process_label('MdWorkChain')
    node.store()
    assert not daemon_runs(aiida_profile_clean.name)
    assert follow(node.pk, interval=0.2) == 3
    said = ' '.join(capsys.readouterr().out.split())
    assert 'the daemon is not running' in said
    assert 'Nobody works on it' in said
    node.pause()
    node.set_process_status('upload failed')
    assert follow(node.pk, once=True) == 0
    assert 'is paused: upload failed' in ' '.join(capsys.readouterr().out.split())
