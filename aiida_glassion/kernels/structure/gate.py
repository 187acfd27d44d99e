"""The structure gate: glasses that members of a committee made from the same starts, judged together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.agreement import LIMITS, compare_glasses
from aiida_glassion.kernels.structure.anions import Speciation, default_cutoffs
from aiida_glassion.kernels.structure.artefacts import ARTEFACT_LIMITS, find_artefacts, shared_sites
from aiida_glassion.kernels.structure.measured import MeasuredGlass, blocked_rdf, measure_glass

Criterion = dict[str, Any]
Settings = Mapping[str, Any]

ANALYSIS: dict[str, Any] = {'r_max': 8.0, 'n_bins': 400, 'cutoffs': {}}
FAIL_ON = ('edge_sharing', 'former_chains', 'anion_bonds', 'detached', 'void')
"""Artefacts that close the gate; the others are flagged only."""
_MOST_FRAMES = 200
"""So many frames of a sample are looked at, evenly spaced: more of one frozen arrangement tell nothing new."""


@dataclass
class Judgement:
    """The report of the gate and the curves of each glass by label."""

    report: dict[str, Any]
    curves: dict[str, dict[str, npt.NDArray[np.float64]]] = field(default_factory=dict)


def judge_glasses(
    glasses: Mapping[str, Mapping[str, Frames]],
    failures: Mapping[str, Mapping[str, str]],
    reference: Mapping[str, Frames] | None = None,
    settings: Settings | None = None,
) -> Judgement:
    """Judge short glasses: do they agree with each other and with a reference, and what is odd about them?

    :param glasses: sampled frames by start and member.
    :param failures: by start and member, in words why there is no glass.
    :param reference: sampled frames by any name; each belongs to the starts of its composition.
    :param settings: ``limits``, ``artefacts``, ``fail_on`` and ``analysis`` of a protocol.
    """
    chosen = dict(settings or {})
    limits = {**LIMITS, **chosen.get('limits', {})}
    artefact_limits = {**ARTEFACT_LIMITS, **chosen.get('artefacts', {})}
    fail_on = tuple(chosen.get('fail_on', FAIL_ON))
    criteria: list[Criterion] = []
    flags: list[str] = []
    warnings: list[str] = []
    numbers: dict[str, Any] = {}
    judgement = Judgement({})
    unused = dict(reference or {})
    for start in sorted({*glasses, *failures}):
        made, failed = dict(glasses.get(start, {})), dict(failures.get(start, {}))
        criteria.append(_all_made(start, made, failed))
        if not made:
            continue
        known = [name for name, frames in (reference or {}).items() if _same_formula(frames, next(iter(made.values())))]
        for name in known:
            unused.pop(name, None)
        measured, said = _measure(made, {name: (reference or {})[name] for name in known}, chosen)
        warnings += [f'{start}: {words}' for words in said]
        members = {name: glass for (of, name), glass in measured.items() if of == 'member'}
        references = {name: glass for (of, name), glass in measured.items() if of == 'reference'}
        for criterion in compare_glasses(members, limits):
            criteria.append(_named(criterion, start))
        for name, glass in references.items():
            for criterion in compare_glasses(members, limits, glass):
                criteria.append(_named(criterion, start, name))
        allowed = _artefacts_of(references, artefact_limits)
        entries, told = _artefacts(start, members, artefact_limits, allowed, fail_on, limits['k_sigma'])
        criteria += entries
        flags += told
        numbers[start] = {name: glass.numbers() for name, glass in members.items()}
        judgement.curves |= {f'{start}_{name}': _curves_of(glass) for name, glass in members.items()}
    warnings += [f'reference {name}: no start has its composition, not used' for name in sorted(unused)]
    warnings += _unresolved(criteria)
    failing = [criterion for criterion in criteria if not criterion['met']]
    judgement.report = {
        'passed': not failing and bool(numbers),
        'reason': _reason(criteria, failing, glasses, flags),
        'criteria': criteria,
        'flags': flags,
        'warnings': warnings,
        'by_glass': numbers,
    }
    return judgement


def _all_made(start: str, made: Mapping[str, Frames], failed: Mapping[str, str]) -> Criterion:
    words = f'{start}: all {len(made)} members made a glass'
    if failed:
        reasons = '; '.join(f'{name}: {why}' for name, why in sorted(failed.items()))
        words = f'{start}: {len(failed)} of {len(made) + len(failed)} members made no glass ({reasons})'
    return {'name': f'{start}:made', 'value': len(failed), 'limit': 0, 'met': not failed, 'words': words}


def _measure(
    made: Mapping[str, Frames], reference: Mapping[str, Frames], settings: Settings
) -> tuple[dict[tuple[str, str], MeasuredGlass], list[str]]:
    """Measure all glasses of one start with the same cut-offs, on the same r."""
    analysis = {**ANALYSIS, **settings.get('analysis', {})}
    every = {('member', name): _some(frames) for name, frames in made.items()}
    every |= {('reference', name): _some(frames) for name, frames in reference.items()}
    r_max = min(analysis['r_max'], *(_smallest_height(frames) for frames in every.values()))
    seen = {key: blocked_rdf(frames, r_max, analysis['n_bins']) for key, frames in every.items()}
    rdf = next(iter(seen.values())).rdf
    mean = np.mean([blocked.rdf.g for blocked in seen.values()], axis=0)
    cutoffs, warnings = default_cutoffs(rdf.elements, rdf.r, mean, analysis['cutoffs'])
    return {key: measure_glass(every[key], seen[key], cutoffs) for key in every}, warnings


def _some(frames: Frames) -> Frames:
    chosen = np.linspace(0, frames.n_frames - 1, min(frames.n_frames, _MOST_FRAMES))
    return frames[np.rint(chosen).astype(int)]


def _smallest_height(frames: Frames) -> float:
    """Smallest distance between opposite faces over all frames, Å: no atom meets its own image below it."""
    inverse = np.linalg.inv(np.asarray(frames.cells, float))
    return float((1 / np.linalg.norm(inverse, axis=1)).min())


def _same_formula(one: Frames, other: Frames) -> bool:
    return _reduced(one) == _reduced(other)


def _reduced(frames: Frames) -> dict[str, int]:
    divisor = gcd(*frames.counts.values())
    return {element: count // divisor for element, count in frames.counts.items()}


def _named(criterion: Criterion, start: str, reference: str | None = None) -> Criterion:
    words = criterion['words']
    where = start
    if reference is not None:
        where, words = f'{start}:{reference}', words.replace('the reference', f'the reference {reference}')
    return {**criterion, 'name': f'{where}:{criterion["name"]}', 'words': f'{start}: {words}'}


def _artefacts_of(references: Mapping[str, MeasuredGlass], limits: Mapping[str, float]) -> dict[str, float]:
    """What the references show themselves: a glass may have as much."""
    found: dict[str, float] = {}
    for glass in references.values():
        for artefact in find_artefacts(*_sample(glass), limits):
            found[artefact['name']] = max(artefact['value'], found.get(artefact['name'], 0.0))
    return found


def _artefacts(
    start: str,
    members: Mapping[str, MeasuredGlass],
    limits: Mapping[str, float],
    allowed: Mapping[str, float],
    fail_on: tuple[str, ...],
    k_sigma: float,
) -> tuple[list[Criterion], list[str]]:
    """Criteria of the artefacts that close the gate, of the member that shows most; flags of all."""
    worst: dict[str, tuple[str, dict[str, Any]]] = {}
    flags = []
    shown = [(m, artefact) for m in sorted(members) for artefact in find_artefacts(*_sample(members[m]), limits)]
    common = shared_sites({m: glass.frames for m, glass in members.items()}, limits['shared_sites'])
    for member, artefact in [*shown, *(('', artefact) for artefact in common)]:
        name = artefact['name']
        if artefact['value'] > max(artefact['limit'], allowed.get(name, 0.0)):
            flags.append(f'{start}, {member}: {artefact["words"]}' if member else f'{start}: {artefact["words"]}')
        if name.startswith(fail_on) and (name not in worst or artefact['value'] > worst[name][1]['value']):
            worst[name] = (member, artefact)
    criteria = []
    for name, (member, artefact) in worst.items():
        base = max(artefact['limit'], allowed.get(name, 0.0))
        limit = base + (k_sigma * artefact['error'] if artefact['error'] else 0.0)
        words = f'{start}: {artefact["words"]}' + (f' in the glass of {member}' if member else '')
        if limit > artefact['limit']:
            words += f'; {limit:.3f} is allowed with the error of counting and what the reference shows'
        criterion = {'name': f'{start}:{name}', 'value': artefact['value'], 'limit': limit, 'words': words}
        criteria.append({**criterion, 'met': bool(artefact['value'] <= limit)})
    return criteria, flags


def _sample(glass: MeasuredGlass) -> tuple[Frames, tuple[Speciation, ...]]:
    return glass.frames, glass.species


def _unresolved(criteria: list[Criterion]) -> list[str]:
    blind = [criterion['name'] for criterion in criteria if criterion['met'] and not criterion.get('resolved', True)]
    if not blind:
        return []
    return [
        f'{len(blind)} of {len(criteria)} criteria are met only because the sampling error is larger than the limit '
        f'({", ".join(blind[:5])}{" …" if len(blind) > 5 else ""}): take larger cells to tell'
    ]


def _reason(criteria: list[Criterion], failing: list[Criterion], glasses: Mapping[str, Any], flags: list[str]) -> str:
    n_glasses = sum(len(made) for made in glasses.values())
    if not n_glasses:
        return 'no glass was made: ' + '; '.join(criterion['words'] for criterion in failing)
    told = f'; {len(flags)} oddities are flagged' if flags else ''
    if failing:
        first = '; '.join(criterion['words'] for criterion in failing[:3])
        more = f'; and {len(failing) - 3} more' if len(failing) > 3 else ''
        return f'{len(failing)} of {len(criteria)} criteria are not met: {first}{more}{told}'
    return f'all {len(criteria)} criteria of {n_glasses} glasses of {len(glasses)} starts are met{told}'


def _curves_of(glass: MeasuredGlass) -> dict[str, npt.NDArray[np.float64]]:
    curves = {'r': glass.rdf.r, 'T_total': glass.total.values, 'T_total_error': glass.total.error}
    for name, curve in glass.pairs.items():
        a, b = name.split('-')
        i, j = glass.rdf.pair(a, b)
        curves[f'g_{a}_{b}'] = glass.rdf.g[i, j]
        curves[f'T_{a}_{b}'] = curve.values
        curves[f'T_{a}_{b}_error'] = np.where(np.isfinite(curve.error), curve.error, -1.0)
    curves['T_total_error'] = np.where(np.isfinite(glass.total.error), glass.total.error, -1.0)
    return {name: np.asarray(values, dtype=float) for name, values in curves.items()}
