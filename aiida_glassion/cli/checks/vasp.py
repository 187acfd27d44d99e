"""VASP: is the program where its code says, and are there POTCARs? It is not run: that takes a licence and POTCARs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from aiida_glassion.cli.checks import Finding, Machine, check, remote
from aiida_glassion.cli.engines import Program

PLUGIN = 'vasp.vasp'
ADD_CODE = f'verdi code create core.code.installed -P {PLUGIN} -Y COMPUTER -X /path/to/vasp_std -L vasp'
ADD_POTCARS = 'aiida-vasp potcar uploadfamily --path potpaw_PBE.54.tar.gz --name PBE.54 --description "PAW PBE 54"'


@check('vasp', order=160)
def vasp(machine: Machine) -> Iterator[Finding]:
    """Every code of the profile with the plugin vasp.vasp, and every POTCAR family."""
    codes = machine.codes(PLUGIN)
    if not codes:
        yield Finding('vasp', 'skipped', 'no code; not needed until you label with VASP', ADD_CODE)
        return
    for label, program in codes:
        yield remote(label) if program is None else _executable(label, program)
    yield from _potcars()


def _executable(label: str, program: Program) -> Finding:
    if not program.path.is_file():
        return Finding(label, 'failed', f'{program.path} does not exist', ADD_CODE)
    if not os.access(program.path, os.X_OK):
        return Finding(label, 'failed', f'{program.path} may not be executed', f'chmod +x {program.path}')
    return Finding(label, 'ok', f'{program.path} is there; it was not run')


def _potcars() -> Iterator[Finding]:
    """Each family: how many POTCARs of how many elements, and whether their files are in this profile."""
    from aiida.orm import QueryBuilder
    from aiida_vasp.data.potcar import PotcarData, PotcarFileData, PotcarGroup

    families = sorted(QueryBuilder().append(PotcarGroup, project='label').all(flat=True))
    if not families:
        yield Finding('POTCARs', 'failed', 'no POTCAR family in this profile; they come with your licence', ADD_POTCARS)
    for family in families:
        query = QueryBuilder().append(PotcarGroup, filters={'label': family}, tag='family')
        fields = ['attributes.element', 'attributes.sha512']
        found = query.append(PotcarData, with_group='family', project=fields).all()
        hashes = {sha512 for _, sha512 in found}
        files = QueryBuilder().append(
            PotcarFileData, filters={'attributes.sha512': {'in': list(hashes) or ['']}}, project='attributes.sha512'
        )
        missing = len(hashes - set(files.all(flat=True)))
        seen = f'{len(found)} POTCARs of {len({element for element, _ in found})} elements'
        part = f'POTCARs {family}'
        if missing:
            yield Finding(part, 'failed', f'{seen}; the files of {missing} are not in this profile', ADD_POTCARS)
        else:
            yield Finding(part, 'ok', seen)
