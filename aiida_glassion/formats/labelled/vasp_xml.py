"""VASP's vasprun.xml: every ionic step of a static run, a relaxation or an MD is a frame.

The energy is the free energy ``e_fr_energy`` (with the entropy of the smeared electrons), because VASP's forces and
stress are its derivatives; ``e_0_energy``, extrapolated to no smearing, is not. The printed stress (kB) is positive
when compressed, so the virial is volume times it. (OUTCAR prints what the motion of the ions adds in a line of its own,
``Total+kin.``, which is not read.)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from aiida_glassion import units
from aiida_glassion.formats.labelled.frame import LabelledFrame, NoFramesError, SkippedFrame
from aiida_glassion.formats.labelled.text import open_binary
from aiida_glassion.frames import FloatArray

KBAR_TO_EV_PER_ANGSTROM3 = units.BAR_TO_GPA * 1e3 / units.EV_PER_ANGSTROM3_TO_GPA
"""kB to eV/Å³ (1/1602.18)."""

_SAME_ENERGY = 1e-6
_NAMES = {'r': 'Zr', 'X': 'Xe'}  # VASP cuts these


def read_vasprun(path: Path, skipped: list[SkippedFrame]) -> Iterator[LabelledFrame]:
    """Read ionic step by ionic step; memory holds one.

    A step is converged if its electrons took fewer than NELM steps, or changed the energy by less than EDIFF in the
    last one. Steps that did not converge, those of a machine-learned force field, and a step that was cut off are noted
    and left out.

    :param path: the file, may be compressed by gzip.
    :param skipped: what was left out.
    :raises NoFramesError: not a vasprun.xml, or cut off before the end of its first ionic step.
    """
    symbols: tuple[str, ...] = ()
    settings: dict[str, float] = {}
    index = 0
    with open_binary(path) as file:
        root = None
        try:
            for event, element in ElementTree.iterparse(file, ('start', 'end')):
                if event == 'start':
                    root = element if root is None else root
                elif element.tag == 'atominfo':
                    symbols = _symbols(element)
                elif element.tag == 'parameters':
                    settings = {name: _setting(element, name) for name in ('NELM', 'EDIFF')}
                elif element.tag == 'calculation':
                    found = _step(element, symbols, settings, f'{path}, ionic step {index + 1}')
                    if isinstance(found, LabelledFrame):
                        yield found
                    else:
                        skipped.append(SkippedFrame(str(path), index, *found))
                    index += 1
                    assert root is not None
                    root.clear()
        except (ElementTree.ParseError, EOFError) as error:
            if not index:
                raise NoFramesError(f'{path}: ends before its first ionic step is complete ({error})') from None
            skipped.append(
                SkippedFrame(str(path), index, 'truncated', f'the file ends in the middle of a step ({error})')
            )
    if not index:
        raise ValueError(f'{path}: no ionic step in it')


def _symbols(element: Any) -> tuple[str, ...]:
    atoms = element.find("array[@name='atoms']/set")
    names = [row.find('c').text.strip() for row in atoms]
    return tuple(_NAMES.get(name, name) for name in names)


def _setting(parameters: Any, name: str) -> float:
    found = parameters.find(f".//i[@name='{name}']")
    return float(found.text) if found is not None and found.text else float('nan')


def _step(element: Any, symbols: tuple[str, ...], settings: dict[str, float], where: str) -> Any:
    """Frame of a ``<calculation>``, or why it is none (kind and reason)."""
    unconverged = _unconverged(element, settings)
    if unconverged:
        return 'unconverged', unconverged
    n = len(symbols)
    basis = _rows(element, 'structure/crystal/varray[@name="basis"]', 3)
    fractions = _rows(element, 'structure/varray[@name="positions"]', n)
    forces = _rows(element, 'varray[@name="forces"]', n)
    stress = _rows(element, 'varray[@name="stress"]', 3)
    energy = element.find('energy/i[@name="e_fr_energy"]')
    value = _number(energy)
    missing = [
        name
        for name, found in (('cell', basis), ('positions', fractions), ('forces', forces), ('e_fr_energy', value))
        if found is None
    ]
    if missing or basis is None or fractions is None:
        return 'incomplete', f'no {", ".join(missing)} (or not numbers)'
    volume = abs(float(np.linalg.det(basis)))
    return LabelledFrame(
        where=where,
        symbols=symbols,
        positions=fractions @ basis,
        cell=basis,
        energy=value,
        forces=forces,
        virial=None if stress is None else stress * KBAR_TO_EV_PER_ANGSTROM3 * volume,
    )


def _unconverged(element: Any, settings: dict[str, float]) -> str | None:
    steps = element.findall('scstep')
    if not steps:
        return 'no electronic steps: a step of a machine-learned force field, or no DFT at all'
    n_max, limit = settings.get('NELM', float('nan')), settings.get('EDIFF', float('nan'))
    if not len(steps) >= n_max:
        return None
    energies = [_number(step.find('energy/i[@name="e_fr_energy"]')) or float('nan') for step in steps]
    final = _number(element.find('energy/i[@name="e_fr_energy"]')) or float('nan')
    changes = np.abs(np.diff(energies))
    # steps of linear response (LEPSILON) follow those of the ground state, which has the final energy
    ground = np.abs(np.array(energies[1:]) - final) < _SAME_ENERGY
    ground[-1:] = True
    if (changes[ground] < limit).any():
        return None
    last = f'{changes[-1]:.1e}' if len(changes) else 'unknown'
    return f'{len(steps)} electronic steps, NELM = {n_max:.0f}; last change {last} eV, EDIFF = {limit:.0e} eV'


def _number(element: Any) -> float | None:
    try:
        return float(element.text)
    except (AttributeError, TypeError, ValueError):
        return None


def _rows(element: Any, path: str, n_rows: int) -> FloatArray | None:
    found = element.find(path)
    if found is None:
        return None
    try:
        rows = np.array([[float(word) for word in row.text.split()] for row in found])
    except (AttributeError, ValueError):
        return None
    return rows if rows.shape == (n_rows, 3) else None
