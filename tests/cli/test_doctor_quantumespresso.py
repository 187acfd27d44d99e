"""What the doctor says of pw.x and of pseudopotentials."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from aiida.orm import InstalledCode

from aiida_glassion.cli.checks import Machine
from aiida_glassion.cli.checks import quantumespresso as checks
from aiida_glassion.cli.checks.quantumespresso import PSEUDO, examine, quantumespresso
from aiida_glassion.cli.engines import Program

pytestmark = pytest.mark.engine


def script(path: Path, text: str) -> Program:
    path.write_text(f'#!/bin/bash\n{text}\n')
    path.chmod(0o755)
    return Program(path)


def test_two_atoms_of_silicon_converge(pw):
    finding = examine('pw', Program(Path(pw)), PSEUDO)
    assert finding.verdict == 'ok', finding.seen
    assert 'SCF of Si2 -14.3' in finding.seen


def test_without_a_pseudopotential_it_is_only_started(pw, tmp_path):
    finding = examine('pw', Program(Path(pw)), tmp_path / 'Si.upf')
    assert finding.verdict == 'ok'
    assert 'no SCF was run: Si.upf is not here' in finding.seen


def test_a_stress_of_another_sign_is_named(pw, tmp_path):
    """As if another version of pw.x wrote its XML with the other sign."""
    turn = r"sed -i '/<stress rank/,/<.stress>/s/ \([0-9]\)/ -\1/g' doctor.xml"
    turned = script(tmp_path / 'turned.sh', f'{pw} "$@"\n{turn}')
    finding = examine('pw', turned, PSEUDO)
    assert finding.verdict == 'failed'
    assert 'virials would be wrong' in finding.seen


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('echo nothing to see', 'does not start: nothing to see'),
        ('exit 1', 'does not start: it left no word'),
        ('echo "Program PWSCF v.7.0 starts"; echo %%%%; echo "out of memory"; echo %%%%', 'pw.x 7.0: out of memory'),
    ],
)
def test_what_does_not_run_is_said(tmp_path, text, message):
    finding = examine('pw', script(tmp_path / 'pw.sh', text), PSEUDO)
    assert finding.verdict == 'failed'
    assert message in finding.seen


def test_a_program_that_is_gone_is_said(tmp_path):
    finding = examine('pw', Program(tmp_path / 'pw.x'), PSEUDO)
    assert (finding.verdict, finding.mend) == ('failed', 'glassion setup --pw PATH')


def test_without_pw_nothing_fails(monkeypatch):
    monkeypatch.setattr(checks, 'find', lambda name: None)
    (finding,) = quantumespresso(Machine(None))
    assert finding.verdict == 'skipped'
    assert 'apt-get install quantum-espresso' in finding.mend


def test_codes_and_families_of_the_profile(aiida_profile_clean, pw_code):
    from aiida_pseudo.data.pseudo.upf import UpfData
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    assert isinstance(pw_code, InstalledCode)
    machine = Machine(aiida_profile_clean.name)
    code, families = quantumespresso(machine)
    assert (code.part, code.verdict) == (pw_code.full_label, 'ok')
    assert families.verdict == 'warning'
    assert families.mend.startswith(f'aiida-pseudo -p {aiida_profile_clean.name} install family')
    text = '<UPF version="2.0.1"><PP_HEADER element="Si" pseudo_type="NC" functional="PBE" z_valence="4.0"/></UPF>'
    family = CutoffsPseudoPotentialFamily(label='mine').store()
    family.add_nodes([UpfData(io.BytesIO(text.encode()), filename='Si.upf').store()])
    assert list(quantumespresso(machine))[1].verdict == 'warning'
    family.set_cutoffs({'Si': {'cutoff_wfc': 400.0, 'cutoff_rho': 1600.0}}, 'standard')
    found = list(quantumespresso(machine))[1]
    assert (found.part, found.verdict, found.seen) == ('pseudopotentials mine', 'ok', '1 elements, cutoffs standard')
