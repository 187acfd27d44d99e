"""Crystals from the Materials Project, with the user's own key. Nothing is fetched unless it is asked for."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.formats.crystal import Crystal, crystal_name, from_pymatgen

KEY = 'MP_API_KEY'
_IDENTIFIER = re.compile(r'mp-[0-9]+')
_WHERE = 'get one at https://next-gen.materialsproject.org/api'


def fetch(identifiers: Sequence[str], environment: Mapping[str, str] | None = None) -> list[Crystal]:
    """Conventional cells of materials.

    :param identifiers: like mp-28602.
    :param environment: where the key is looked for, variable ``MP_API_KEY``; None: that of the process.
    :raises GlassionError: no key, no such identifier, a disordered structure, or the database cannot be reached.
    """
    for identifier in identifiers:
        if not _IDENTIFIER.fullmatch(identifier):
            raise GlassionError(
                f'{identifier!r} is no identifier of the Materials Project, like mp-28602.', exit_code=2
            )
    key = (os.environ if environment is None else environment).get(KEY)
    if not key:
        raise GlassionError(
            f'The Materials Project asks for a key of yours in the variable {KEY}: {_WHERE}.',
            mend=f'export {KEY}=…',
            exit_code=2,
        )
    rester = _rester(key)
    return [_one(rester, identifier) for identifier in identifiers]


def _rester(key: str) -> Any:
    """The client: that of mp-api where it is installed, else pymatgen's own."""
    for module in ('mp_api.client', 'pymatgen.ext.matproj'):
        try:
            client = importlib.import_module(module).MPRester
            break
        except ImportError:
            continue
    else:
        message = 'Neither mp-api nor a pymatgen that can ask the Materials Project is installed.'
        raise GlassionError(message, mend='pip install mp-api')
    try:
        return client(key)
    except Exception as error:  # either client has errors of its own for a key that is none
        raise GlassionError(f'The Materials Project does not take this key: {error}', exit_code=2) from None


def _one(rester: Any, identifier: str) -> Crystal:
    try:
        structure = rester.get_structure_by_material_id(identifier, conventional_unit_cell=True)
    except Exception as error:  # either client has errors of its own
        raise GlassionError(f'{identifier} did not come from the Materials Project: {error}') from None
    try:
        frames = from_pymatgen(structure, identifier)
    except ValueError as error:
        raise GlassionError(str(error), exit_code=2) from None
    formula = ''.join(f'{element}{number}' for element, number in frames.counts.items())
    return Crystal(crystal_name(f'{formula}_{identifier}'), frames, [f'Materials Project {identifier}'])
