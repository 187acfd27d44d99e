"""An analysis of a pull as plain numbers and as curves over strain, with their units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics.along_strain import AlongStrain
from aiida_glassion.kernels.mechanics.along_strain_settings import AXES, AlongStrainSettings

UNITS = {
    'strain': '1',
    'bonds': 'share of the formers; change: neighbours',
    'coordination': 'neighbours; distribution: share of the atoms',
    'd2min': 'Å²',
    'shear': '1',
    'localisation': '1',
    'crack': 'areas Å²; opening, widest, roughness Å',
    'cutoffs': 'Å',
}


def numbers_of(found: AlongStrain, settings: AlongStrainSettings) -> dict[str, Any]:
    """What was asked for, the unstrained sample, the last snapshot, and those of which there are maps."""
    chosen = {name: value for name, value in asdict(settings).items() if name not in ('cutoffs', 'map_strains')}
    return {
        'settings': {**chosen, 'across': AXES[settings.way]},
        'cutoffs': found.cutoffs,
        'n_snapshots': len(found.records),
        'reference': found.reference,
        'last': found.records[-1],
        'at_maps': [found.records[index] for index in found.maps['snapshot']],
        'warnings': found.warnings,
        'units': UNITS,
    }


def curves_of(found: AlongStrain) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Every number over strain as an array (n,), the profiles and the crack's paths; and the unit of each.

    Names are those of the records joined by two underscores: ``bonds__Si__all__decreased``, ``crack__open_area``,
    ``coordination__Si_O__mean``, ``d2min__glass__p95``. Further ``profile__place`` (n_slabs,), ``profile__d2min``,
    ``profile__shear``, ``profile__switched`` (n, n_slabs), ``path__across``, ``path__middle``, ``path__opening``
    (n, n_across). What a snapshot does not have is NaN.
    """
    flat = [dict(_leaves(record)) for record in found.records]
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name in dict.fromkeys(name for record in flat for name in record):
        absent = 0.0 if '__distribution__' in name else np.nan
        values = [record.get(name, absent) for record in flat]
        arrays[name] = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    arrays |= {f'profile__{name}': np.asarray(values, dtype=np.float32) for name, values in found.profiles.items()}
    arrays |= {f'path__{name}': np.asarray(values, dtype=np.float32) for name, values in found.paths.items()}
    return arrays, {name: unit_of(name) for name in arrays}


def unit_of(name: str) -> str:
    """Unit of a curve."""
    first, _, rest = name.partition('__')
    last = rest.rpartition('__')[2]
    if last == 'n':
        return 'number of atoms'
    if first == 'crack':
        return {'open_area': 'Å²', 'grown_area': 'Å²', 'open_share': '1', 'separated': '1'}.get(last, 'Å')
    if first == 'coordination' and '__distribution__' not in name:
        return 'neighbours'
    if first == 'bonds' and last == 'change':
        return 'neighbours'
    if 'd2min' in (first, last):
        return 'Å²'
    return 'Å' if first == 'path' or last == 'place' else '1'


def _leaves(record: Mapping[str, Any], prefix: str = '') -> Iterator[tuple[str, float | None]]:
    for key, value in record.items():
        name = f'{prefix}{key}'.replace('-', '_')
        if isinstance(value, Mapping):
            yield from _leaves(value, f'{name}__')
        else:
            yield name, None if value is None else float(value)
