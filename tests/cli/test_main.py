"""The command itself: immediate help, and errors without tracebacks."""

from __future__ import annotations

import os

import click
import pytest

from aiida_glassion.cli import COMMANDS, LazyGroup, main
from aiida_glassion.cli.errors import GlassionError, explain, explained


def test_help_is_immediate_and_names_every_command(glassion):
    seconds = []
    for _ in range(3):
        before = os.times()
        done = glassion('--help')
        after = os.times()
        assert done.returncode == 0
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    # processor time, the best of three: caches are cold at first, and a busy machine counts more of it
    assert min(seconds) < 0.5
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize('name', COMMANDS)
def test_each_command_has_help_and_debug(name, glassion):
    done = glassion(name, '--help')
    assert done.returncode == 0, done.stderr
    assert '--debug' in done.stdout


def test_commands_are_click_commands():
    context = click.Context(main)
    assert all(isinstance(main.get_command(context, name), click.Command) for name in COMMANDS)
    assert main.get_command(context, 'nonsense') is None


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['stup'], 'Did you mean `glassion setup`?'),
        (['frobnicate'], 'There are: setup, doctor'),
        (['setup', '--profil', 'x'], 'Did you mean --profile?'),
        (['setup', '--lmp', '/nope'], "File '/nope' does not exist"),
        (['archive', '1'], "Missing argument 'FILE'"),
        (['archive', '1', '/no/such/folder/x.aiida'], 'There is no folder /no/such/folder'),
        (['doctor', '--profile', 'nobody'], 'There is no AiiDA profile'),
    ],
)
def test_bad_input_is_answered_in_a_line(arguments, said, glassion):
    done = glassion(*arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert 'Traceback' not in done.stderr + done.stdout


def test_a_file_that_cannot_be_run_is_refused(glassion, tmp_path):
    file = tmp_path / 'lmp'
    file.write_text('not a program')
    file.chmod(0o644)
    done = glassion('setup', '--no-daemon', '--lmp', str(file))
    assert done.returncode == 2
    assert 'is not executable' in done.stderr


def test_no_profile_says_what_to_do(glassion):
    done = glassion('archive', '1', 'study.aiida')
    assert done.returncode == 1
    assert 'glassion setup' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('how', [{'arguments': ['--debug']}, {'environment': {'GLASSION_DEBUG': '1'}}])
def test_traceback_on_request(how, at_home):
    arguments = ['glassion', 'archive', '1', '/proc/1/nowhere', *how.get('arguments', [])]
    done = at_home(*arguments, **how.get('environment', {}))
    assert done.returncode != 0
    assert 'Traceback' in done.stderr
    quiet = at_home('glassion', 'archive', '1', '/proc/1/nowhere')
    assert quiet.returncode != 0
    assert 'Traceback' not in quiet.stderr


class NotExistent(Exception):
    """Named like AiiDA's."""


@pytest.mark.parametrize(
    ('error', 'status', 'said'),
    [
        (ValueError('wrong sum'), 2, 'wrong sum'),
        (FileNotFoundError(2, 'No such file', 'x.yaml'), 2, 'x.yaml'),
        (NotExistent('no node 7'), 2, 'no node 7'),
        (TimeoutError('no answer'), 1, 'no answer'),
        (OSError(28, 'No space left on device'), 1, 'No space left'),
        (KeyError('oops'), 1, 'defect of glassion'),
        (ZeroDivisionError('division by zero'), 1, 'defect of glassion'),
        (ValueError(), 2, 'ValueError'),
    ],
)
def test_explained(error, status, said):
    explanation = explain(error)
    assert explanation.exit_code == status
    assert said in explanation.message


def test_explained_lets_click_speak(monkeypatch):
    monkeypatch.delenv('GLASSION_DEBUG', raising=False)
    with pytest.raises(click.UsageError), explained():
        raise click.UsageError('usage')
    with pytest.raises(GlassionError, match='bad'), explained():
        raise ValueError('bad')
    monkeypatch.setenv('GLASSION_DEBUG', '1')
    with pytest.raises(ValueError, match='bad'), explained():
        raise ValueError('bad')


def test_message_and_mend_go_to_stderr(capsys):
    GlassionError('it broke', mend='glassion setup').show()
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err.splitlines() == ['✗ it broke', '  mend it with: glassion setup']


def test_group_is_lazy():
    assert isinstance(main, LazyGroup)
    assert list(main.commands) == []
