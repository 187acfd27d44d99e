"""A committee of DeePMD models in one run: the first drives, the others say how far they disagree with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from aiida_glassion.formats.deepmd.frozen import read_frozen
from aiida_glassion.potentials.potential import Potential

_STYLE = re.compile(r'pair_style deepmd (\S+)')


def check_committee(driver: Potential, members: Mapping[str, Potential]) -> None:
    """Refuse models whose forces cannot be compared in one run.

    LAMMPS looks up the elements in the type map of the first model only, and one neighbour list serves all of them.

    :param driver: the potential that moves the atoms.
    :param members: the others, by name.
    :raises ValueError: names the model, what it has and what would be right.
    """
    file = _model_file('potential', driver)
    wanted = _type_map('potential', driver)
    seen = {driver.files[file]: 'potential'}
    for name in sorted(members):
        port, member = f'committee.{name}', members[name]
        other = _model_file(port, member)
        if _suffix(other) != _suffix(file):
            raise ValueError(f'{port}: {other} is of another backend than {file} of the potential')
        type_map = _type_map(port, member)
        if type_map != wanted:
            raise ValueError(
                f'{port}: type map {" ".join(type_map)}, but the potential has {" ".join(wanted)}; '
                'a committee needs models trained with one type map in one order'
            )
        if member.cutoff != driver.cutoff:
            raise ValueError(
                f'{port}: cutoff {_length(member.cutoff)}, but the potential has {_length(driver.cutoff)}; '
                'a committee needs models of one cutoff'
            )
        twin = seen.setdefault(member.files[other], port)
        if twin != port:
            raise ValueError(f'{port}: the same model as {twin}, with which it can only agree')


def committee_commands(
    driver: Potential, members: Sequence[Potential], elements: Iterable[str], every: int
) -> list[str]:
    """LAMMPS commands of the driver, with the others beside it.

    :param members: the other models, in the order of their files.
    :param elements: elements of the run.
    :param every: steps between two records of the deviation, written to ``model_devi.out``.
    """
    files = [_model_file('potential', driver), *committee_files(members)]
    style = f'pair_style deepmd {" ".join(files)} out_file model_devi.out out_freq {every}'
    return [style if _STYLE.fullmatch(command) else command for command in driver.commands_for(elements)]


def committee_files(members: Sequence[Potential]) -> dict[str, bytes]:
    """The files of the other models by their names in the run: ``committee_1.pb``, ``committee_2.pb``, …"""
    files = {}
    for number, member in enumerate(members, start=1):
        name = _model_file('committee', member)
        files[f'committee_{number}{_suffix(name)}'] = member.files[name]
    return files


def _model_file(port: str, potential: Potential) -> str:
    """The one file of a plain DeePMD potential."""
    styles = [found[1] for found in map(_STYLE.fullmatch, potential.commands) if found]
    if potential.kind != 'deepmd' or len(styles) != 1:
        raise ValueError(
            f'{port}: {potential.name} is of kind {potential.kind} with '
            f'{next((c for c in potential.commands if c.startswith("pair_style")), "no pair style")!r}; a committee '
            "needs DeePMD models, 'pair_style deepmd FILE' and nothing more"
        )
    return styles[0]


def _type_map(port: str, potential: Potential) -> tuple[str, ...]:
    if potential.type_map:
        return potential.type_map
    said = read_frozen(potential.files[_model_file(port, potential)])
    if said is None:
        raise ValueError(
            f'{port}: the order of its type map is not known; make the node with '
            'PotentialData.from_deepmd(path, type_map=[...], rcut=...)'
        )
    return said.type_map


def _suffix(file: str) -> str:
    return PurePosixPath(file).suffix


def _length(cutoff: float | None) -> str:
    return 'unknown' if cutoff is None else f'{cutoff:g} Å'
