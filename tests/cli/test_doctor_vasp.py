"""What the doctor says of VASP: no code, a code without program, POTCARs missing and there."""

from __future__ import annotations

import pytest
from aiida import orm

from aiida_glassion.cli.checks import Machine
from aiida_glassion.cli.checks.vasp import vasp


@pytest.fixture
def machine(aiida_profile_clean):
    return Machine(aiida_profile_clean.name)


def found(machine: Machine) -> dict[str, tuple[str, str, str | None]]:
    return {finding.part: (finding.verdict, finding.seen, finding.mend) for finding in vasp(machine)}


def test_without_a_code_it_is_not_needed(machine):
    verdict, seen, mend = found(machine)['vasp']
    assert verdict == 'skipped'
    assert 'not needed until you label with VASP' in seen
    assert 'verdi code create' in mend


def test_without_a_profile():
    assert [finding.verdict for finding in vasp(Machine(None))] == ['skipped']


def test_code_without_potcars(machine, vasp_code):
    seen = found(machine)
    assert seen['vasp@localhost-glassion'][0] == 'ok'
    verdict, text, mend = seen['POTCARs']
    assert verdict == 'failed'
    assert 'no POTCAR family' in text
    assert mend.startswith('aiida-vasp potcar uploadfamily')


def test_code_and_potcars(potcar_family, machine, vasp_code):
    assert found(machine)['POTCARs PBE'] == ('ok', '8 POTCARs of 7 elements', None)


def test_potcars_whose_files_are_not_here(potcar_family, machine, vasp_code):
    from aiida.tools import delete_nodes
    from aiida_vasp.data.potcar import PotcarFileData

    files = orm.QueryBuilder().append(PotcarFileData, filters={'attributes.symbol': 'Si'}, project='id')
    delete_nodes(files.all(flat=True), dry_run=False)
    verdict, text, _ = found(machine)['POTCARs PBE']
    assert verdict == 'failed'
    assert 'the files of 1 are not in this profile' in text


def test_program_that_is_gone_or_may_not_run(machine, aiida_code_installed, localhost, tmp_path):
    plain = tmp_path / 'vasp_std'
    plain.write_text('')
    for label, path in (('gone', tmp_path / 'nowhere'), ('plain', plain)):
        aiida_code_installed(
            label=label, default_calc_job_plugin='vasp.vasp', computer=localhost, filepath_executable=str(path)
        )
    seen = found(machine)
    assert seen['gone@localhost-glassion'][:2] == ('failed', f'{tmp_path / "nowhere"} does not exist')
    assert seen['plain@localhost-glassion'][2] == f'chmod +x {plain}'
