"""A user's own potential, described in a small YAML file."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from aiida_glassion.potentials.potential import Potential

_REQUIRED = ('name', 'commands')
_OPTIONAL = ('elements', 'kind', 'units', 'atom_style', 'charges', 'files', 'cutoff', 'citation', 'notes')


def read_potential_file(path: str | Path) -> Potential:
    """Read a potential from YAML; its keys are the parameters of :class:`Potential`.

    ``elements`` may be left out if ``charges`` names them all; ``kind`` is ``user``, ``units`` ``metal`` and
    ``atom_style`` ``charge`` if there are charges. ``files`` lists paths relative to the YAML file, in its folder or
    below.

    :param path: the YAML file.
    :raises ValueError: not such a file, an unknown or missing key, a file that is missing or lies elsewhere, or a
        command that is not allowed.
    """
    path = Path(path)
    try:
        table = yaml.safe_load(path.read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise ValueError(f'there is no potential file {path}') from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f'{path} cannot be read as YAML: {error}') from error
    if not isinstance(table, dict):
        raise ValueError(f'{path} must be a YAML mapping with the keys {", ".join(_REQUIRED + _OPTIONAL)}')
    try:
        return _build(table, path)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def _build(table: dict[str, Any], path: Path) -> Potential:
    for key in table:
        if key not in _REQUIRED + _OPTIONAL:
            near = get_close_matches(str(key), _REQUIRED + _OPTIONAL, n=1)
            hint = f'did you mean {near[0]!r}?' if near else f'known are {", ".join(_REQUIRED + _OPTIONAL)}'
            raise ValueError(f'unknown key {key!r}; {hint}')
    missing = [key for key in _REQUIRED if not table.get(key)]
    if missing:
        raise ValueError(f'{", ".join(missing)} must be given')

    charges = {element: _number(f'charges: {element}', q) for element, q in _mapping(table, 'charges').items()}
    cutoff = table.get('cutoff')
    return Potential(
        name=str(table['name']),
        kind=table.get('kind', 'user'),
        elements=_strings(table, 'elements') or tuple(charges),
        units=table.get('units', 'metal'),
        atom_style=table.get('atom_style', 'charge' if charges else 'atomic'),
        commands=_strings(table, 'commands'),
        charges=charges,
        files={name.name: name.read_bytes() for name in _files(table, path.parent)},
        cutoff=None if cutoff is None else _number('cutoff', cutoff),
        citation=str(table.get('citation', '')),
        notes=str(table.get('notes', '')),
    )


def _files(table: dict[str, Any], folder: Path) -> list[Path]:
    found: dict[str, Path] = {}
    for name in _strings(table, 'files'):
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise ValueError(f'file {name!r} lies outside the folder of the potential; put it beside the YAML file')
        if not file.is_file():
            raise ValueError(f'there is no file {name!r} beside it')
        if file.name in found:
            raise ValueError(f'two files are called {file.name!r}')
        found[file.name] = file
    return list(found.values())


def _strings(table: dict[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key) or []
    if isinstance(value, str):
        value = [line for line in (line.strip() for line in value.splitlines()) if line]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f'{key} must be a list of strings (quote a word that YAML takes for something else)')
    return tuple(value)


def _mapping(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value):
        raise ValueError(f'{key} must be a mapping by element')
    return value


def _number(what: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{what} must be a number, not {value!r}') from error
