"""What a user reads when something goes wrong: one message and an exit status, with the traceback on request.

Exit status 2: the command or its inputs are wrong. 1: the work failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

_debug = {'on': False}

#: exceptions that say what is wrong with the inputs, by class name: AiiDA is not imported for a command without it.
_INPUT_ERRORS = {
    'ValueError',
    'InputValidationError',
    'ValidationError',
    'NotExistent',
    'MultipleObjectsError',
    'FileNotFoundError',
    'FileExistsError',
    'IsADirectoryError',
    'NotADirectoryError',
    'PermissionError',
}
#: what AiiDA's builder puts before the words of a port's own check.
_OF_A_BUILDER = 'invalid attribute value '
#: exceptions that say what is wrong with the machine or the profile.
_STATE_ERRORS = {'AiidaException', 'OSError', 'DaemonException', 'TimeoutError', 'TimeoutExpired', 'BrokerError'}


class GlassionError(click.ClickException):
    """Something went wrong and the message says what to do.

    :param message: what is wrong.
    :param mend: the one command that mends it.
    :param exit_code: exit status, 1: the work failed, 2: the inputs are wrong.
    """

    def __init__(self, message: str, mend: str | None = None, exit_code: int = 1) -> None:
        super().__init__(message)
        self.mend = mend
        self.exit_code = exit_code

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message, and the command that mends it on a line of its own."""
        click.secho('✗ ', fg='red', bold=True, err=True, nl=False)
        click.echo(self.message, err=True)
        if self.mend:
            click.secho('  mend it with: ', dim=True, err=True, nl=False)
            click.secho(self.mend, bold=True, err=True)


def set_debug(value: bool) -> None:
    """Show tracebacks from now on, where ``value`` is true."""
    _debug['on'] = _debug['on'] or value


def is_debug() -> bool:
    """Whether tracebacks are wanted: ``--debug`` or ``GLASSION_DEBUG``."""
    return _debug['on'] or os.environ.get('GLASSION_DEBUG', '') not in ('', '0')


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error into a message and an exit status.

    :raises click.ClickException: in place of any error, unless tracebacks are wanted.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if is_debug():
            raise
        raise explain(error) from None


def explain(error: Exception) -> GlassionError:
    """Return the message and exit status for an error; one that nobody expected is called a defect of glassion."""
    names = {cls.__name__ for cls in type(error).__mro__}
    text = ' '.join(str(error).split()).removeprefix(_OF_A_BUILDER) or type(error).__name__
    if names & {'MissingConfigurationError', 'ProfileConfigurationError'}:
        return GlassionError(text, mend='glassion setup')
    if isinstance(error, KeyError) and 'NotExistent' not in names:
        names = set()
    if names & _INPUT_ERRORS:
        return GlassionError(text, exit_code=2)
    if names & _STATE_ERRORS:
        return GlassionError(text)
    return GlassionError(
        f'{type(error).__name__}: {text}\n  This was not foreseen, so it is a defect of glassion: please report it '
        'with the output of the same command under GLASSION_DEBUG=1.'
    )
