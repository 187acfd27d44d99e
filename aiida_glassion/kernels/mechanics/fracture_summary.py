"""All pulls of a study together: toughness with the modulus of the same sample, means over samples, mean curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics.fracture import Plane, Value, brittleness, toughness
from aiida_glassion.kernels.mechanics.tension import mean_curve
from aiida_glassion.kernels.statistics import mean_and_error

UNITS = {
    'rate': '1/ps', 'young': 'GPa', 'poisson': '1', 'strength': 'GPa', 'strength_strain': '1', 'failure_strain': '1',
    'broken_strain': '1', 'toughness': 'J/m³', 'work': 'J/m²', 'G_c': 'J/m²', 'K_Ic': 'MPa·m^0.5',
    'surface_energy': 'J/m²', 'brittleness': '1', 'residual_stress': 'GPa', 'lengths': 'Å', 'area': 'Å²',
    'crack_area': 'Å²', 'temperature': 'K',
}  # fmt: skip
_POOLED = (
    'young', 'poisson', 'strength', 'strength_strain', 'failure_strain', 'broken_strain', 'toughness', 'work', 'G_c',
    'K_Ic', 'surface_energy', 'brittleness',
)  # fmt: skip
_ASSUMED_POISSON = 0.2
Record = dict[str, Any]


def summarise(
    plan: Mapping[str, Mapping[str, Any]],
    reports: Mapping[str, Mapping[str, Any]],
    young: float | None = None,
    poisson: float | None = None,
    plane: Plane = 'strain',
) -> dict[str, Any]:
    """Results of a study.

    E and ν of a notched sample are those that are given, else of the tension of the same sample and size along the
    same axis at the same rate, else of all its tensions, else of all tensions, else of its own first slope: which is
    that of a sample with a hole, and too small.

    :param plan: by label ``sample`` (the name of the glass), ``size``, and for pulls that failed ``reason``.
    :param reports: of the pulls that left one, see :func:`.report_pull`.
    :param young: GPa.
    :param plane: of K_Ic.
    """
    samples: dict[str, Record] = {}
    for label, about in plan.items():
        if label in reports:
            more = {'sample': about['sample'], 'size': list(about['size']), 'G_c': None, 'K_Ic': None}
            samples[label] = {**reports[label], **more, 'brittleness': None}
            samples[label].pop('units', None)
    warnings = [f'{label}: failed: {about["reason"]}' for label, about in plan.items() if about.get('reason')]
    for label, record in samples.items():
        if record['kind'] == 'notched' and record['fracture'] is not None:
            given = {'young': young, 'poisson': poisson}
            said = _toughness(record, _modulus(record, samples, given), plane)
            record['warnings'] = [*record['warnings'], *said]
            warnings += [f'{label}: {words}' for words in said]
    warnings += _common(samples)
    return {
        'samples': samples,
        'pooled': [_pool(group) for group in _groups(samples).values()],
        'plane': plane,
        'warnings': list(dict.fromkeys(warnings)),
        'units': UNITS,
    }


def group_curves(
    results: Mapping[str, Any], curves: Mapping[str, Mapping[str, npt.NDArray[Any]]], step: float
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, dict[str, Any]]]:
    """Mean stress over strain of each pooled group.

    :param results: of :func:`summarise`.
    :param curves: by label, ``strain`` and ``stress`` (GPa).
    :param step: of the grid, in strain.
    :returns: arrays ``<i>__strain``, ``<i>__stress`` and, with several samples, ``<i>__error``, i the index in
        ``pooled``; and by i what the group is.
    """
    arrays: dict[str, npt.NDArray[np.float64]] = {}
    told: dict[str, dict[str, Any]] = {}
    for index, group in enumerate(_groups(results['samples']).values()):
        chosen = [label for label in group if label in curves and len(curves[label]['strain']) > 1]
        if not chosen:
            continue
        broken = all(group[label]['broken'] for label in chosen)
        try:
            mean = mean_curve(
                [curves[label]['strain'] for label in chosen],
                [curves[label]['stress'] for label in chosen],
                step,
                broken,
            )
        except ValueError:  # shorter than a step
            continue
        arrays |= {f'{index}__strain': mean.strain, f'{index}__stress': mean.stress}
        if mean.error is not None:
            arrays[f'{index}__error'] = mean.error
        about = {key: results['pooled'][index][key] for key in ('kind', 'rate', 'size')}
        told[str(index)] = {**about, 'samples': chosen, 'n': mean.n, 'units': {'strain': '1', 'stress': 'GPa'}}
    return arrays, told


def _groups(samples: Mapping[str, Record]) -> dict[tuple[Any, ...], dict[str, Record]]:
    """Samples of one kind, rate and size, over glasses and axes."""
    groups: dict[tuple[Any, ...], dict[str, Record]] = {}
    for label, record in samples.items():
        key = (record['kind'] == 'notched', -(record['rate'] or 0.0), int(np.prod(record['size'])), *record['size'])
        groups.setdefault(key, {})[label] = record
    return dict(sorted(groups.items()))


def _pool(group: Mapping[str, Record]) -> Record:
    first = next(iter(group.values()))
    records = list(group.values())
    return {
        'kind': first['kind'],
        'rate': first['rate'],
        'size': first['size'],
        'n': len(records),
        'n_broken': sum(record['broken'] for record in records),
        'samples': list(group),
        **{name: _mean([number_of(record, name) for record in records]) for name in _POOLED},
    }


def number_of(record: Mapping[str, Any], name: str) -> float | None:
    """A number of one sample by its name in ``pooled``; None where it has none."""
    held = record.get(name)
    if held is None and name not in ('young', 'poisson'):
        held = (record.get('tension') or {}).get(name)
    value = held.get('value') if isinstance(held, Mapping) else held
    return None if value is None or not np.isfinite(value) else float(value)


def _mean(values: Sequence[float | None]) -> Record | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    found = mean_and_error(known)
    return {'mean': found.mean, 'standard_error': found.standard_error, 'n': found.n}


def _modulus(
    record: Record, samples: Mapping[str, Record], given: Mapping[str, float | None]
) -> tuple[Value | None, Value | None, str]:
    """E and ν for a notched sample, and where they are from."""
    young, source = _find('young', record, samples, given['young'])
    poisson, source_of_ratio = _find('poisson', record, samples, given['poisson'])
    if young is not None and young.value <= 0:
        young, source = None, 'none: the slope is not positive'
    if poisson is not None and not -1 < poisson.value <= 0.5:
        poisson, source_of_ratio = None, 'none'
    if poisson is None:
        return young, Value(_ASSUMED_POISSON), f'{source}; ν assumed'
    return young, poisson, source if source == source_of_ratio else f'{source}; ν: {source_of_ratio}'


def _find(name: str, record: Record, samples: Mapping[str, Record], given: float | None) -> tuple[Value | None, str]:
    if given is not None:
        return Value(given), 'given'
    tensions = [one for one in samples.values() if one['kind'] == 'tension' and one.get(name) is not None]
    for source, chosen in _nearest(record, tensions):
        if len(chosen) == 1:
            return Value(chosen[0][name]['value'], chosen[0][name]['error']), source
        if chosen:
            found = mean_and_error([one[name]['value'] for one in chosen])
            return Value(found.mean, found.standard_error), source
    own = record.get(name)
    return (None, 'none') if own is None else (Value(own['value'], own['error']), 'own')


def _nearest(record: Record, tensions: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    own = [one for one in tensions if (one['sample'], one['size']) == (record['sample'], record['size'])]
    same = [one for one in own if (one['axis'], one['rate']) == (record['axis'], record['rate'])]
    yield 'tension of the same sample, axis and rate', same
    yield 'tensions of the same sample', own
    yield 'tensions of all samples', list(tensions)


def _toughness(record: Record, modulus: tuple[Value | None, Value | None, str], plane: Plane) -> list[str]:
    """Fill in G_c, K_Ic and brittleness; what is to be said of them."""
    young, poisson, source = modulus
    energy = Value(record['fracture']['energy'])
    record['G_c'] = _number(energy)
    record['elastic'] = {
        'young': _number(young), 'poisson': _number(poisson), 'source': source, 'plane': plane
    }  # fmt: skip
    if energy.value <= 0 or young is None:
        return ['no K_Ic: ' + ('G_c is not positive' if energy.value <= 0 else f'no modulus ({source})')]
    record['K_Ic'] = _number(toughness(energy, young, poisson, plane))
    if record['surface_energy'] is not None:
        record['brittleness'] = _number(brittleness(Value(record['surface_energy']), energy))
    said = []
    if source.startswith('own'):
        said.append('E is the slope of the notched sample itself, which is softer: K_Ic is too small; pull one without')
    if 'assumed' in source and plane == 'strain':
        said.append(f"Poisson's ratio {_ASSUMED_POISSON} was assumed: K_Ic in plane strain depends on it weakly")
    return said


def _number(value: Value | None) -> Record | None:
    return None if value is None else {'value': value.value, 'error': value.error}


def _common(samples: Mapping[str, Record]) -> list[str]:
    """What is said of single samples, once, with those of which it is said."""
    found: dict[str, list[str]] = {}
    for label, record in samples.items():
        for words in record['warnings']:
            found.setdefault(words, []).append(label)
    said = []
    for words, labels in found.items():
        same = [label for label, record in samples.items() if record['kind'] == samples[labels[0]]['kind']]
        whose = f'all {samples[labels[0]]["kind"]}' if len(labels) == len(same) > 1 else ', '.join(labels)
        said.append(f'{whose}: {words}')
    return said
