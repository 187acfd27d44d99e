"""Whether anybody works on a watched process: what it waits for is said, and a wait without hope ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from aiida_glassion.cli.daemon import daemon_runs
from aiida_glassion.cli.watch_tree import Task

HOPELESS_AFTER = 300.0
"""s without any change after which a process that nobody works on is watched no longer. A program run by a launcher
without a daemon is looked at by AiiDA more often, which counts as a change."""
REMARKABLE_AFTER = 600.0
"""s without any change after which it is told, though a daemon runs."""


class Idleness:
    """Compares what is seen in one look with the look before.

    :param is_served: whether the daemon runs.
    :param name: of the profile.
    :param clock: s.
    """

    def __init__(self, is_served: Callable[[], bool], name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_served, self._name, self._clock = is_served, name, clock
        self._seen: Task | None = None
        self._since = clock()
        self.is_hopeless = False

    def look(self, task: Task) -> list[str]:
        """Why nothing may happen, in sentences with what mends it; ``is_hopeless``: none of it passes by itself.

        :param task: the process and all below it, as it stands now.
        """
        if task != self._seen:
            self._seen, self._since = task, self._clock()
        still = self._clock() - self._since
        reasons = [
            f'{entry.process} {entry.pk} is paused: {entry.paused}; let it go on: '
            f'verdi -p {self._name} process play {entry.pk}'
            for entry in _working(task)
            if entry.paused
        ]
        if task.is_working and not self._is_served():
            reasons.append(f'the daemon is not running: verdi -p {self._name} daemon start')
        self.is_hopeless = bool(reasons) and still > HOPELESS_AFTER
        if not reasons and still > REMARKABLE_AFTER:
            reasons.append(
                f'nothing has changed for {still / 60:.0f} min; what AiiDA does: verdi -p {self._name} daemon logshow; '
                f'a process that the daemon has lost: verdi -p {self._name} daemon stop, process repair, daemon start'
            )
        return reasons


def _working(task: Task) -> Iterator[Task]:
    """It and what it called, as far as it has not ended."""
    if task.is_working:
        yield task
        for child in task.children:
            yield from _working(child)


def idleness() -> Idleness:
    """For the profile that is loaded."""
    from aiida.manage import get_manager

    profile = get_manager().get_profile()
    name = str(profile.name) if profile else 'glassion'
    return Idleness(lambda: daemon_runs(name), name)
