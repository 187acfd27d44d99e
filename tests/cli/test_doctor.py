"""``glassion doctor`` runs real programs, and sees what is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiida_glassion.cli.checks import Finding, Machine, check, run_checks
from aiida_glassion.cli.checks import _registry as registry
from aiida_glassion.cli.checks.lammps import STYLES, find_mpirun, lammps, ten_steps
from aiida_glassion.cli.checks.packmol import packmol as packmol_check
from aiida_glassion.cli.engines import Program, find_lammps

pytestmark = pytest.mark.engine


@pytest.fixture(scope='module')
def program(lmp):
    found = find_lammps(Path(lmp))
    assert found is not None
    return Program(found.path, found.prepend, tuple(find_mpirun(found)))


def script(path: Path, text: str) -> Path:
    path.write_text(f'#!/bin/bash\n{text}\n')
    path.chmod(0o755)
    return path


def verdicts(output: str) -> dict[str, str]:
    return {finding['part']: finding['verdict'] for finding in json.loads(output)}


def test_prepared_machine_works_but_for_the_daemon(at_home):
    done = at_home('glassion', 'doctor', '--json')
    assert done.returncode == 0, done.stdout
    seen = verdicts(done.stdout)
    assert seen.pop('daemon') == 'warning'
    assert seen.pop('vasp') == 'skipped'
    assert seen.pop('dp') == 'skipped'
    assert seen.pop('gap_fit') == 'skipped'
    assert seen.pop('pseudopotentials') == 'warning'
    assert seen.pop('pw@localhost') == 'ok'
    assert set(seen.values()) == {'ok'}
    parts = {'python', 'profile', 'storage', 'broker', 'lmp@localhost', 'lmp@localhost, 2 ranks', 'packmol@localhost'}
    assert set(seen) == parts


@pytest.mark.slow
def test_daemon_runs_a_job(glassion, run_in, tmp_path):
    assert glassion('setup').returncode == 0
    try:
        done = glassion('doctor')
        assert done.returncode == 0, done.stdout
        assert 'a trivial job took' in done.stdout
        assert 'a message came back' in done.stdout
        assert 'Everything works.' in done.stdout
        assert glassion('setup').stdout.splitlines()[-1].startswith('Nothing to do')
    finally:
        assert run_in(tmp_path, 'verdi', 'daemon', 'stop').returncode == 0


def test_without_a_profile_it_says_what_to_do(glassion):
    done = glassion('doctor')
    assert done.returncode == 1
    assert 'there is no AiiDA profile yet' in done.stdout
    assert 'mend it with: glassion setup' in done.stdout
    assert 'LAMMPS' in done.stdout
    assert 'Traceback' not in done.stdout + done.stderr


@pytest.mark.parametrize('style', STYLES)
def test_each_style_conserves_energy_on_one_and_two_ranks(style, program):
    one, two = ten_steps(program, style), ten_steps(program, style, 2)
    assert (one[1], two[1]) == (1, 2)
    assert one[0] == pytest.approx(two[0], rel=1e-6)
    assert one[0] < -100  # eV: 64 ions of MgO are bound


def test_a_missing_style_is_named(program, tmp_path, monkeypatch):
    lacking = script(
        tmp_path / 'lmp',
        f'{program.prepend}\n'
        'if grep -q born "$2"; then echo "ERROR: Unrecognized pair style \'born/coul/long\'"; exit 1; fi\n'
        f'exec {program.path} "$@"',
    )
    monkeypatch.setattr('aiida_glassion.cli.checks.lammps.find_lammps', lambda: Program(lacking))
    first, second = lammps(Machine(None))
    assert first.verdict == 'failed'
    assert "lacks born/coul/long: ERROR: Unrecognized pair style 'born/coul/long'" in first.seen
    assert 'pip install' in first.mend
    assert second.verdict == 'ok'


def test_an_mpirun_of_another_mpi_is_seen(program, tmp_path, monkeypatch):
    foreign = script(tmp_path / 'mpirun', 'shift 2; "$@" & "$@"; wait')
    broken = Program(program.path, program.prepend, (str(foreign), '-np', '{tot_num_mpiprocs}'))
    monkeypatch.setattr(Machine, 'codes', lambda self, plugin: [('lmp@here', broken)])
    first, second = lammps(Machine('any'))
    assert first.verdict == 'ok'
    assert second.verdict == 'failed'
    assert 'two single runs' in second.seen
    assert find_mpirun(program, foreign) == []


@pytest.mark.parametrize(
    ('text', 'said'),
    [('exit 127', 'exit status 127'), ('echo "error while loading libmpi.so.12" >&2; exit 127', 'libmpi.so.12')],
)
def test_a_program_that_does_not_start(text, said, tmp_path, monkeypatch):
    broken = Program(script(tmp_path / 'lmp', text))
    monkeypatch.setattr(Machine, 'codes', lambda self, plugin: [('lmp@here', broken)])
    first, second = lammps(Machine('any'))
    assert first.verdict == 'failed'
    assert said in first.seen
    assert second.verdict == 'warning'


def test_a_program_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(Machine, 'codes', lambda self, plugin: [('code@here', Program(tmp_path / 'gone'))])
    assert [finding.verdict for finding in lammps(Machine('any'))] == ['failed', 'skipped']
    assert [finding.verdict for finding in packmol_check(Machine('any'))] == ['failed']


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('echo "ERROR: no memory"; exit 1', 'no memory'),
        ('exit 0', 'no output'),
        ('{ echo 20; echo; for i in $(seq 20); do echo "Na $i 0 0.5"; done; } > packed.xyz', 'the nearest two'),
        ('{ echo 2; echo; echo Na 0 0 0; echo Na 5 0 0; } > packed.xyz', '2 of 20 atoms'),
    ],
)
def test_a_bad_pack_is_seen(text, said, tmp_path, monkeypatch):
    broken = Program(script(tmp_path / 'packmol', text))
    monkeypatch.setattr(Machine, 'codes', lambda self, plugin: [('packmol@here', broken)])
    (finding,) = packmol_check(Machine('any'))
    assert finding.verdict == 'failed'
    assert said in finding.seen


def test_a_check_that_breaks_is_a_finding(monkeypatch):
    monkeypatch.delenv('GLASSION_DEBUG', raising=False)
    monkeypatch.setattr('aiida_glassion.cli.checks._registry', [])
    monkeypatch.setattr('aiida_glassion.cli.checks.__path__', [])

    @check('fragile', order=1)
    def fragile(machine):
        yield Finding('before', 'ok', 'seen')
        raise RuntimeError('snapped')

    monkeypatch.setattr('aiida_glassion.cli.checks._registry', [(1, 'fragile', fragile)])
    findings = list(run_checks(Machine(None)))
    assert [(finding.part, finding.verdict) for finding in findings] == [('before', 'ok'), ('fragile', 'failed')]
    assert 'snapped' in findings[-1].seen


def test_every_check_has_its_place():
    list(run_checks(Machine(None)))
    assert {part for _, part, _ in registry} >= {'python', 'storage', 'broker', 'daemon', 'lmp', 'packmol'}
