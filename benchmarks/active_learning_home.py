"""An AiiDA home for a benchmark that takes an hour: what is done stays done, by the name of its part."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
ONE_THREAD = {
    name: '1' for name in ('OMP_NUM_THREADS', 'DP_INTRA_OP_PARALLELISM_THREADS', 'DP_INTER_OP_PARALLELISM_THREADS')
}


class Home:
    """A profile with its daemon; :meth:`run` takes up a part that is there already, whoever began it."""

    def __init__(self, say: Any = print) -> None:
        self.say = say

    def run(self, label: str, builder: Any) -> Any:
        """Submit a process under a name and wait for it; one of that name that is there is taken instead.

        :returns: its node, whatever its end.
        """
        return self.wait(label, self.begin(label, builder))

    def run_all(self, builders: Mapping[str, Any]) -> dict[str, Any]:
        """As :meth:`run`, for several at the same time."""
        nodes = {label: self.begin(label, builder) for label, builder in builders.items()}
        return {label: self.wait(label, node) for label, node in nodes.items()}

    def begin(self, label: str, builder: Any) -> Any:
        """Submit a process under a name, unless one of that name is there."""
        node = self.find(label)
        if node is None:
            from aiida.engine import submit

            builder.metadata.label = label
            node = submit(builder)
            self.say(f'{label}: submitted <{node.pk}>')
        return node

    def find(self, label: str) -> Any:
        """The newest process of this name that was not called by another and has not crashed, or None."""
        from aiida import orm

        query = orm.QueryBuilder().append(orm.ProcessNode, filters={'label': label}, tag='node')
        query.order_by({'node': {'id': 'desc'}})
        # all at once: an iteration left in the middle keeps SQLite's lock, and the worker can write nothing
        for node in query.all(flat=True):
            if node.caller is None and not (node.is_excepted or node.is_killed):
                return node
        return None

    def wait(self, label: str, node: Any) -> Any:
        """Wait for a process."""
        begin = time.time()
        while not node.is_terminated:
            time.sleep(1)
        state = f'[{node.exit_status}] {node.exit_message or ""}' if node.exit_status else 'done'
        self.say(f'{label}: <{node.pk}> {state}, waited {time.time() - begin:.0f} s, load {os.getloadavg()[0]:.1f}')
        return node

    def need(self, label: str, builder: Any) -> Any:
        """As :meth:`run`, but a failure is the end."""
        node = self.run(label, builder)
        if not node.is_finished_ok:
            raise SystemExit(f'{label} <{node.pk}> failed: {node.exit_message}')
        return node

    def keep(self, label: str, make: Any) -> Any:
        """A data node of a name: the one that is there, else the one that ``make`` gives, stored."""
        from aiida import orm

        found = orm.QueryBuilder().append(orm.Data, filters={'label': label}).first()
        if found:
            return found[0]
        node = make()
        node.label = label
        return node.store()


@contextmanager
def open_home(folder: Path, dp: Path, workers: int = 1, say: Any = print) -> Iterator[Home]:
    """Set up an AiiDA home with codes and daemon in a folder; a home that is there is taken up.

    :param dp: DeePMD-kit's program, LAMMPS beside it.
    :param workers: of the daemon.
    """
    os.environ.update({'AIIDA_PATH': str(folder), 'PATH': f'{BIN}{os.pathsep}{os.environ["PATH"]}', **ONE_THREAD})
    setup = [str(BIN / 'glassion'), 'setup', '--dp', str(dp), '--no-caching']
    done = subprocess.run(setup, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'glassion setup failed: {done.stdout}{done.stderr}')
    if workers > 1:
        verdi('daemon', 'incr', str(workers - 1))
    from aiida import load_profile

    load_profile('glassion')
    try:
        yield Home(say)
    finally:
        verdi('daemon', 'stop')


def verdi(*words: str) -> None:
    """Call verdi in the profile of the benchmark."""
    subprocess.run([BIN / 'verdi', '-p', 'glassion', *words], check=True, capture_output=True)
