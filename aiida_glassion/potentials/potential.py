"""A potential as LAMMPS needs it: commands, charges and files, wherever it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiida_glassion.potentials.allow_list import PLACE_HOLDER, check_commands

KINDS = ('published', 'deepmd', 'gap', 'user')
UNITS = ('metal', 'real')
ATOM_STYLES = ('charge', 'atomic')
_LISTS = ('elements', 'numbers')
"""Place holders for something of every element, in the order of the atom types."""


@dataclass(frozen=True)
class Potential:
    """What an MD run needs to know of a potential. The run never asks which kind it is.

    :param name: short name.
    :param kind: ``published`` (a table of the library), ``deepmd``, ``gap`` or ``user``.
    :param elements: elements that the potential knows.
    :param units: LAMMPS units of the commands, ``metal`` (eV, Å, ps) or ``real`` (kcal/mol, Å, fs).
    :param atom_style: ``charge`` if the atoms carry charges, else ``atomic``.
    :param commands: LAMMPS commands with place holders: ``{Si}`` stands for the atom type of silicon and
        ``{elements}`` for the symbols of all elements in the order of their types (``{numbers}``: atomic numbers).
    :param charges: charge of each element, e; needed for every element if ``atom_style`` is ``charge``.
    :param files: content of each file that the commands name.
    :param cutoff: longest distance at which the potential acts in real space, Å (``None``: not known).
    :param type_map: elements in the order in which a trained model counts its types; empty: not a matter of order.
    :param citation: where it was published.
    :param notes: what its user should know: limits, sources, warnings.
    :raises ValueError: inconsistent, an unknown element, or a command that the allow-list refuses.
    """

    name: str
    kind: str
    elements: tuple[str, ...]
    units: str
    atom_style: str
    commands: tuple[str, ...]
    charges: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    cutoff: float | None = None
    citation: str = ''
    notes: str = ''
    type_map: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for attribute, allowed in (('kind', KINDS), ('units', UNITS), ('atom_style', ATOM_STYLES)):
            if getattr(self, attribute) not in allowed:
                raise ValueError(
                    f'{attribute} of a potential must be one of {", ".join(allowed)}: not {getattr(self, attribute)!r}'
                )
        texts = (self.name, self.citation, self.notes, *self.elements, *self.commands, *self.charges, *self.files)
        if isinstance(self.commands, str) or not all(isinstance(text, str) for text in texts):
            raise ValueError('name, elements, commands, file names, citation and notes of a potential must be strings')
        if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9 _.+\-]*', self.name):
            raise ValueError(f'a potential needs a name of letters, digits, blanks and _ . + -: not {self.name!r}')
        check_elements(self.elements)
        if self.cutoff is not None and not 0 < self.cutoff < float('inf'):
            raise ValueError(f'cutoff must be a positive length in Å, not {self.cutoff}')
        object.__setattr__(self, 'elements', tuple(sorted(self.elements)))
        object.__setattr__(self, 'type_map', tuple(self.type_map))
        if self.type_map and tuple(sorted(self.type_map)) != self.elements:
            raise ValueError(f'type_map {list(self.type_map)} does not hold the elements {list(self.elements)}')
        object.__setattr__(self, 'commands', tuple(self.commands))
        self._check_charges()
        check_commands(self.commands, tuple(self.files), self.elements)

    def _check_charges(self) -> None:
        for element, charge in self.charges.items():
            if element not in self.elements:
                raise ValueError(f'a charge is given for {element}, which is not an element of the potential')
            if not abs(charge) < 20:
                raise ValueError(f'the charge of {element} is {charge} e, which cannot be')
        missing = [element for element in self.elements if element not in self.charges]
        if self.atom_style == 'charge' and missing:
            raise ValueError(f'atom_style is charge, but no charge is given for {", ".join(missing)}')

    def check_covers(self, elements: Iterable[str]) -> None:
        """Say so if an element is not covered.

        :param elements: elements of the configuration.
        :raises ValueError: the potential lacks an element; the message names it and those it has.
        """
        missing = sorted(set(elements) - set(self.elements))
        if missing:
            raise ValueError(
                f'potential {self.name} has no parameters for {", ".join(missing)}; '
                f'it covers {", ".join(self.elements)}'
            )

    def commands_for(self, elements: Iterable[str]) -> list[str]:
        """Write the LAMMPS commands for a configuration; they belong after ``read_data`` or ``read_restart``.

        Atom types are the elements in alphabetical order, counted from 1. A command that names an element which
        the configuration lacks is left out.

        :param elements: elements of the configuration.
        :returns: LAMMPS commands.
        :raises ValueError: there is no element, or the potential lacks one.
        """
        ordered = sorted(set(elements))
        if not ordered:
            raise ValueError('no element given')
        self.check_covers(ordered)
        types = {element: str(number) for number, element in enumerate(ordered, start=1)}
        return [
            _fill(command, types)
            for command in self.commands
            if all(name in types or name in _LISTS for name in PLACE_HOLDER.findall(command))
        ]

    def files_for(self, elements: Iterable[str]) -> dict[str, bytes]:
        """Pick the files that the commands for a configuration name.

        :param elements: elements of the configuration.
        :returns: content of each file.
        :raises ValueError: there is no element, or the potential lacks one.
        """
        words = {word for command in self.commands_for(elements) for word in command.split()}
        # what belongs to a named file is called after it: gap.xml.sparseX.1 beside gap.xml
        named = tuple(f'{name}.' for name in self.files if name in words)
        return {name: content for name, content in self.files.items() if name in words or name.startswith(named)}

    def net_charge(self, counts: Mapping[str, int]) -> float:
        """Sum the charges of a configuration.

        :param counts: number of atoms of each element.
        :returns: net charge, e; 0 for a potential without charges.
        :raises ValueError: the potential lacks an element.
        """
        self.check_covers(counts)
        return sum(number * self.charges.get(element, 0.0) for element, number in counts.items())


def check_elements(elements: Iterable[str]) -> None:
    """Refuse what is not a chemical element, and doublets.

    :param elements: chemical symbols.
    :raises ValueError: none, an unknown one, or one given twice.
    """
    from ase.data import chemical_symbols

    given = list(elements)
    if not given:
        raise ValueError('a potential needs at least one element')
    for element in given:
        if element not in chemical_symbols[1:]:
            raise ValueError(f'{element!r} is not the symbol of a chemical element')
    if len(set(given)) != len(given):
        raise ValueError(f'an element is given twice: {", ".join(given)}')


def _fill(command: str, types: Mapping[str, str]) -> str:
    from ase.data import atomic_numbers

    lists = {'elements': ' '.join(types), 'numbers': ' '.join(str(atomic_numbers[element]) for element in types)}
    filled = PLACE_HOLDER.sub(lambda m: (lists | dict(types))[m[1]], command)
    words = filled.split()
    if words[0] == 'pair_coeff' and words[1].isdigit() and words[2].isdigit():
        words[1:3] = sorted(words[1:3], key=int)  # LAMMPS wants the smaller type first
    return ' '.join(words)
