"""An outcome as files: ``numbers.json``, ``curves.npz``, ``per_atom.npz`` and one CSV per curve."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.run import Outcome
from aiida_glassion.analysis.system import System

NUMBERS, CURVES, PER_ATOM = 'numbers.json', 'curves.npz', 'per_atom.npz'
_ABOUT = ('x_name', 'x_unit', 'y_name', 'y_unit', 'convention', 'about')


def write(outcome: Outcome, folder: str | Path, csv: bool = True) -> None:
    """Write an outcome; each file is whole at any time, the one before it or the new one.

    :param csv: write one CSV per curve too (``rdf__g_Si_O.csv``).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / CURVES, _npz(curve_arrays(outcome.results)))
    per_atom = {f'{kind}__{name}': a for kind, result in outcome.results.items() for name, a in result.per_atom.items()}
    _replace(folder / PER_ATOM, _npz({'system__types': outcome.system.types, **per_atom}))
    if csv:
        for kind, result in outcome.results.items():
            for name, curve in result.curves.items():
                _replace(folder / f'{kind}__{name}.csv', curve_csv(curve).encode())
    # last, because it names what the others hold
    _replace(folder / NUMBERS, (json.dumps(as_dict(outcome), indent=1, allow_nan=False, ensure_ascii=False)).encode())


def read(folder: str | Path) -> Outcome:
    """Read what :func:`write` wrote.

    :raises FileNotFoundError: there is no outcome in the folder.
    :raises ValueError: a file is damaged.
    """
    folder = Path(folder)
    try:
        plain = json.loads((folder / NUMBERS).read_text(encoding='utf-8'))
        with np.load(folder / CURVES, allow_pickle=False) as file:
            arrays = dict(file)
        with np.load(folder / PER_ATOM, allow_pickle=False) as file:
            per_atom = dict(file)
        return from_dict(plain, arrays, per_atom)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'{folder}: no outcome of an analysis: {Path(error.filename).name} is missing'
        ) from None
    except (OSError, EOFError, KeyError, TypeError, ValueError, BadZipFile) as error:
        raise ValueError(f'{folder}: the outcome cannot be read: {type(error).__name__}: {error}') from error


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """Everything but arrays, JSON-ready; a number that is not finite becomes None."""
    system = outcome.system
    plain: dict[str, Any] = _plain(
        {
            'n_frames': outcome.n_frames,
            'n_requested': outcome.n_requested,
            'complete': outcome.complete,
            'system': {
                'n_atoms': system.n_atoms,
                'elements': list(system.elements),
                'counts': dict(zip(system.elements, np.bincount(system.types).tolist(), strict=True)),
                'pbc': list(system.pbc),
                'roles': dict(system.roles),
                'cutoffs': {'-'.join(pair): value for pair, value in system.cutoffs.items()},
                'cutoff_sources': {'-'.join(pair): value for pair, value in system.cutoff_sources.items()},
                'bond_lengths': {'-'.join(pair): value for pair, value in system.bond_lengths.items()},
                'shortest_width': system.shortest_width,
                'n_surveyed': system.n_surveyed,
                'warnings': list(system.warnings),
                'units': {'cutoffs': 'Å', 'bond_lengths': 'Å', 'shortest_width': 'Å'},
            },
            'analyses': {
                kind: {
                    'numbers': result.numbers,
                    'units': result.units,
                    'warnings': result.warnings,
                    'curves': {
                        name: {key: getattr(curve, key) for key in _ABOUT} for name, curve in result.curves.items()
                    },
                }
                for kind, result in outcome.results.items()
            },
            'failed': dict(outcome.failed),
            'warnings': list(outcome.warnings),
            'seconds': {name: round(value, 3) for name, value in outcome.seconds.items()},
        }
    )
    return plain


def from_dict(
    plain: Mapping[str, Any], curves: Mapping[str, npt.NDArray[Any]], per_atom: Mapping[str, npt.NDArray[Any]]
) -> Outcome:
    """The outcome that :func:`as_dict` and the arrays were made of."""
    kept = plain['system']
    elements, types = tuple(kept['elements']), np.asarray(per_atom['system__types'], dtype=np.int32)
    a, b, c = kept['pbc']
    system = System(
        symbols=tuple(elements[number] for number in types),
        elements=elements,
        types=types,
        pbc=(a, b, c),
        roles=kept['roles'],
        cutoffs={_pair(name): value for name, value in kept['cutoffs'].items()},
        bond_lengths={_pair(name): value for name, value in kept['bond_lengths'].items()},
        shortest_width=kept['shortest_width'],
        n_surveyed=kept['n_surveyed'],
        warnings=tuple(kept['warnings']),
        cutoff_sources={_pair(name): value for name, value in kept['cutoff_sources'].items()},
    )
    results = {}
    for kind, entry in plain['analyses'].items():
        of_kind = {
            name: Curve(
                x=curves[f'{kind}__{name}__x'],
                y=curves[f'{kind}__{name}__y'],
                error=curves.get(f'{kind}__{name}__error'),
                **about,
            )
            for name, about in entry['curves'].items()
        }
        atoms = {name.partition('__')[2]: a for name, a in per_atom.items() if name.partition('__')[0] == kind}
        results[kind] = Result(entry['numbers'], entry['units'], of_kind, atoms, entry['warnings'])
    return Outcome(
        system,
        results,
        plain['failed'],
        plain['n_frames'],
        plain['seconds'],
        plain['n_requested'],
        tuple(plain['warnings']),
    )


def curve_arrays(results: Mapping[str, Result]) -> dict[str, npt.NDArray[Any]]:
    """Arrays ``kind__curve__x``, ``…__y`` and, where it is known, ``…__error``."""
    return {
        f'{kind}__{name}__{part}': np.asarray(values)
        for kind, result in results.items()
        for name, curve in result.curves.items()
        for part, values in (('x', curve.x), ('y', curve.y), ('error', curve.error))
        if values is not None
    }


def curve_csv(curve: Curve) -> str:
    """One curve as text: lines of ``#`` say what it is, then columns; numbers are read back exactly."""
    named = [
        f'{name} ({unit})' if unit else name
        for name, unit in ((curve.y_name, curve.y_unit), (curve.x_name, curve.x_unit))
    ]
    head = [f'# {named[0]} over {named[1]}']
    if curve.convention:
        head.append(f'# convention: {curve.convention}')
    head += [f'# {key}: {json.dumps(_plain(value), ensure_ascii=False)}' for key, value in curve.about.items()]
    columns = [('x', curve.x_name, curve.x_unit, curve.x), ('y', curve.y_name, curve.y_unit, curve.y)]
    if curve.error is not None:
        head.append(f'# error: standard error over {curve.about.get("errors", "blocks of frames")}')
        columns.append(('error', f'error of {curve.y_name}', curve.y_unit, curve.error))
    titles = ','.join(f'{name} [{unit}]' if unit else name for _, name, unit, _ in columns)
    rows = zip(*(np.asarray(values, dtype=float).tolist() for *_, values in columns), strict=True)
    return '\n'.join([*head, titles, *(','.join(map(repr, row)) for row in rows)]) + '\n'


def _pair(name: str) -> tuple[str, str]:
    a, _, b = name.partition('-')
    return a, b


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    plain: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, **plain)
    return buffer.getvalue()


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f'.{path.name}.new')
    new.write_bytes(content)
    os.replace(new, path)
