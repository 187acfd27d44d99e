"""Computers and codes that ``glassion setup`` stores."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aiida_glassion.cli.engines import Program, find, find_dp, find_lammps, mpirun_command, says

COMPUTER = 'localhost'
#: the same machine with the mpirun that the LAMMPS beside DeePMD-kit was built for.
DEEPMD_COMPUTER = 'localhost-deepmd'
#: how often a running job is looked at, s. Measured: 0 s costs the worker 85 % of a core, 0.5 s 13 %, 1 s 7 %.
POLL_INTERVAL = 1.0
#: one OpenMP thread per rank unless the job says otherwise.
PREPEND = 'export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}'

#: plugin -> (how its program is made to say its name, the name).
GREETINGS = {
    'glassion.md': ('-h', 'Large-scale Atomic/Molecular Massively Parallel Simulator'),
    'glassion.packmol': ('', 'PACKMOL'),
    'glassion.deepmd.train': ('--version', 'DeePMD-kit'),
    'glassion.label.ase': ('--version', 'Python'),
    'glassion.gap.md': ('-cimport quippy; print("quippy")', 'quippy'),
    'quantumespresso.pw': ('', 'PWSCF'),
    'glassion.gap.train': ('--help', 'libAtoms::Hello World'),
}
#: code -> option of ``glassion setup`` where the two differ.
OPTIONS = {'gap_fit': 'gap-fit', 'lmp-deepmd': 'dp'}
#: code that may be missing -> (its plugin, name of its program).
OPTIONAL = {'pw': ('quantumespresso.pw', 'pw.x'), 'gap_fit': ('glassion.gap.train', 'gap_fit')}
_INSTALL = 'pip install "aiida-glassion[engines]"'


class Step(NamedTuple):
    """What one step did: ``new``, ``same`` or ``failed``; the part; what is there now; what mends it."""

    verdict: str
    part: str
    seen: str
    mend: str | None = None


def store_optional(computer: Any, place: Path, asked: Mapping[str, Path | None]) -> Iterator[Step]:
    """Store the programs that learning and labelling need, those that are there.

    :param computer: this machine.
    :param place: where jobs run.
    :param asked: ``dp``, ``pw``, ``gap_fit``: the path that the user gave; None: look for it.
    """
    dp = asked.get('dp') or find_dp()
    programs: dict[str, tuple[str, Path | None]] = {'dp': ('glassion.deepmd.train', dp)}
    for label, (plugin, name) in OPTIONAL.items():
        programs[label] = plugin, asked.get(label) or find(name)
    python = Program(Path(sys.executable))
    yield store_code('python', 'glassion.label.ase', computer, python, False, with_mpi=False)
    for label, (plugin, path) in programs.items():
        if path is None:
            continue
        is_asked = asked.get(label) is not None
        step = store_code(label, plugin, computer, Program(path.absolute()), is_asked, with_mpi=False)
        if step.verdict == 'failed' and not is_asked:
            continue  # another program of that name on PATH
        yield step
        if label == 'gap_fit' and step.verdict != 'failed' and (path.absolute().parent / 'python').is_file():
            quippy = Program(path.absolute().parent / 'python')
            yield store_code('quippy', 'glassion.gap.md', computer, quippy, False, with_mpi=False)
        lammps = path.absolute().parent / 'lmp'
        if label == 'dp' and step.verdict != 'failed' and lammps.is_file():
            yield from _store_lammps_of_deepmd(place, lammps, is_asked)


def _store_lammps_of_deepmd(place: Path, lammps: Path, asked: bool) -> Iterator[Step]:
    """Store the LAMMPS beside ``dp`` on a computer of its own: mpirun belongs to the computer, and it needs another."""
    program = find_lammps(lammps)
    computer, step = make_computer(DEEPMD_COMPUTER, place, program, None)
    yield step
    yield store_code('lmp-deepmd', 'glassion.md', computer, program, asked)


def make_computer(label: str, place: Path, lammps: Program | None, mpirun: Path | None) -> tuple[Any, Step]:
    """Return this machine as an AiiDA computer, without a queue; a computer of that name stays as it is.

    :param label: of the computer.
    :param place: where jobs run.
    :param lammps: the LAMMPS that the computer's mpirun must fit.
    :param mpirun: the mpirun that was asked for.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import Computer

    try:
        computer = Computer.collection.get(label=label)
    except NotExistent:
        pass
    else:
        return computer, _existing(computer, mpirun)
    launcher = _launcher(lammps, mpirun)
    computer = Computer(
        label=label,
        hostname='localhost',
        description='This machine, without a queue.',
        transport_type='core.local',
        scheduler_type='core.direct',
        workdir=str(place),
    )
    computer.set_prepend_text(PREPEND)
    computer.set_mpirun_command(launcher)
    computer.set_default_mpiprocs_per_machine(1)
    computer.store()
    computer.configure(safe_interval=0.0, use_login_shell=False)
    computer.set_minimum_job_poll_interval(POLL_INTERVAL)
    ranks = launcher[0] if launcher else 'no mpirun that fits, one rank only'
    return computer, Step('new', 'computer', f'{label}: {ranks}; jobs run in {place}')


def _existing(computer: Any, mpirun: Path | None) -> Step:
    """Leave a computer as it is, but for an mpirun that was asked for."""
    if mpirun is not None:
        launcher = mpirun_command(mpirun.absolute())
        if launcher != list(computer.get_mpirun_command()):
            computer.set_mpirun_command(launcher)
            computer.store()
            return Step('new', 'computer', f'{computer.label}: mpirun is now {launcher[0]}')
    if not computer.is_configured:
        computer.configure(safe_interval=0.0, use_login_shell=False)
        return Step('new', 'computer', f'{computer.label} configured for this user')
    return Step('same', 'computer', computer.label)


def _launcher(lammps: Program | None, mpirun: Path | None) -> list[str]:
    if mpirun is not None:
        return mpirun_command(mpirun.absolute())
    if lammps is None:
        return []
    from aiida_glassion.cli.checks.lammps import find_mpirun

    return find_mpirun(lammps)


def store_code(
    label: str, plugin: str, computer: Any, program: Program | None, asked: bool, with_mpi: bool | None = None
) -> Step:
    """Store a program as a code. One that is there stays, unless another was asked for or its file is gone.

    :param label: of the code, and of the option that names its program.
    :param plugin: its default plugin, key of :data:`GREETINGS`.
    :param program: None: none was found.
    :param asked: the user named it.
    :param with_mpi: False: it is never started by mpirun.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import InstalledCode, load_code

    full = f'{label}@{computer.label}'
    old = None
    try:
        old = load_code(full)
    except NotExistent:
        pass
    else:
        path = Path(old.filepath_executable)
        if path.is_file() and not (asked and program is not None and program.path != path):
            return Step('same', full, str(path))
    if program is None:
        gone = f'{old.filepath_executable} is gone, and none was' if old is not None else 'not'
        return Step(
            'failed', full, f'{gone} found beside this Python or on PATH', 'pip install "aiida-glassion[engines]"'
        )
    if not says(program, *GREETINGS[plugin]):
        seen = f'{program.path} does not start, or is another program'
        return Step('failed', full, seen, f'glassion setup --{OPTIONS.get(label, label)} PATH')
    was = ''
    if old is not None:
        old.label = f'{label}-{old.pk}'
        old.is_hidden = True
        was = f' (the old one is now {old.full_label})'
    InstalledCode(
        label=label,
        computer=computer,
        filepath_executable=str(program.path),
        default_calc_job_plugin=plugin,
        prepend_text=program.prepend,
        with_mpi=with_mpi,
    ).store()
    return Step('new', full, f'{program.path}{was}')
