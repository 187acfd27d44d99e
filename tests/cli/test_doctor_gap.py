"""``glassion doctor`` on gap_fit: a real fit, a program that is another, a Python without quippy, none at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiida_glassion.cli.checks import Machine
from aiida_glassion.cli.checks import gap as check_gap
from aiida_glassion.cli.engines import Program

pytestmark = pytest.mark.engine


def script(path: Path, text: str) -> Program:
    path.write_text(f'#!/bin/bash\n{text}\n')
    path.chmod(0o755)
    return Program(path)


def test_the_real_gap_fit(gap_fit):
    finding = check_gap.examine('gap_fit', Program(Path(gap_fit)))
    assert finding.verdict == 'ok', finding.seen
    assert finding.seen.startswith('QUIP 0.')
    assert 'quippy 0.' in finding.seen


def test_without_quippy_there_is_no_dynamics(gap_fit, tmp_path):
    finding = check_gap.examine('gap_fit', script(tmp_path / 'gap_fit', f'exec {gap_fit} "$@"'))
    assert finding.verdict == 'warning'
    assert 'no quippy' in finding.seen
    assert 'quippy-ase' in finding.mend


def test_another_program(tmp_path):
    finding = check_gap.examine('gap_fit', script(tmp_path / 'gap_fit', 'echo "cannot read the file" >&2; exit 1'))
    assert finding.verdict == 'failed'
    assert 'cannot read the file' in finding.seen
    missing = check_gap.examine('gap_fit', Program(tmp_path / 'nowhere'))
    assert 'no longer exists' in missing.seen


def test_none_is_no_failure(monkeypatch):
    monkeypatch.setattr(check_gap, 'find', lambda name: None)
    (finding,) = check_gap.gap(Machine(None))
    assert finding.verdict == 'skipped'
    assert finding.mend == 'pip install quippy-ase'
