"""Curves of a fracture study as its figures take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aiida_glassion import units
from aiida_glassion.report.figures.along_strain import Course, Curve, Motion, Where
from aiida_glassion.report.figures.crack import Opening
from aiida_glassion.report.figures.strain_map import Slices, slices_of
from aiida_glassion.report.figures.stress_strain import Bundle, Panel, PulledCurve, Trend
from aiida_glassion.report.figures.style import COLOURS
from aiida_glassion.report.fracture import Fracture, Group, Pull, mean_over_pulls
from aiida_glassion.report.fracture_facts import (
    KINDS,
    QUANTITIES,
    formers_of,
    group_text,
    number_in,
    pull_status,
    rate_text,
    region_names,
)

_AXES = 'xyz'
_TRENDS = ('young', 'strength', 'failure_strain', 'G_c', 'K_Ic')


def stress_panels(study: Fracture) -> list[Panel]:
    """Stress over strain: one panel for each kind."""
    groups = study.groups
    panels = []
    for kind, title in KINDS.items():
        bundles = []
        for group in groups:
            samples = [_curve(pull) for pull in group.pulls if len(pull.curves.get('strain', ())) > 1]
            if group.kind == kind and samples:
                bundles.append(Bundle(group_text(group, groups), samples, _mean(group)))
        panels.append(Panel(title, bundles))
    return panels


def _curve(pull: Pull) -> PulledCurve:
    tension = pull.tension
    top = tension.get('strength_strain')
    return PulledCurve(
        np.asarray(pull.curves['strain'], dtype=float),
        np.asarray(pull.curves['stress'], dtype=float),
        None if top is None else (float(top), float(tension['strength'])),
        tension.get('failure_strain'),
    )


def _mean(group: Group) -> Curve | None:
    if not group.mean:
        return None
    return group.mean['strain'], group.mean['stress'], group.mean.get('error')


def main_groups(study: Fracture) -> list[Group]:
    """Of each kind the group that tells most, if any of its samples was analysed."""
    found = [study.main(kind) for kind in KINDS]
    return [group for group in found if group is not None and group.analysed]


def title_of(study: Fracture, group: Group) -> str:
    """Kind, and what tells it from others of its kind."""
    return f'{KINDS[group.kind]}, {group_text(group, study.groups)}'


def strength_strain(group: Group) -> float | None:
    """Mean strain at which its samples are strongest."""
    known = [pull.tension['strength_strain'] for pull in group.pulls if pull.tension.get('strength_strain') is not None]
    return float(np.mean(known)) if known else None


def _course(study: Fracture, group: Group, names: dict[str, str], title: str = '') -> Course:
    """Mean curves of a group by new names."""
    curves = {new: mean for new, name in names.items() if (mean := mean_over_pulls(group.analysed, name)) is not None}
    return Course(title or title_of(study, group), curves, strength_strain(group))


def switching_courses(study: Fracture) -> list[dict[str, Course]]:
    """Of each kind, by former."""
    found = []
    for group in main_groups(study):
        formers = sorted({former for pull in group.analysed for former in formers_of(pull)})
        kinds = {
            former: _course(
                study,
                group,
                {name: f'bonds__{former}__all__{name}' for name in ('decreased', 'swapped', 'increased')},
                f'{former}: {KINDS[group.kind].lower()}',
            )
            for former in formers
        }
        if kinds:
            found.append(kinds)
    return found


def coordination_courses(study: Fracture) -> list[Course]:
    """Change of the coordination number of each pair, of each kind."""
    found = []
    for group in main_groups(study):
        pairs = sorted({pair for pull in group.analysed for pair in pull.numbers.get('cutoffs') or {}})
        names = {pair: f'coordination__{pair.replace("-", "_")}__change' for pair in pairs}
        found.append(_course(study, group, names, KINDS[group.kind]))
    return [course for course in found if course.curves]


def motions(study: Fracture) -> list[Motion]:
    """D²min and local shear of each kind."""
    names = {
        **{f'{name}_{part}': f'{name}__all__{part}' for name in ('d2min', 'shear') for part in ('median', 'p95')},
        'half_in': 'localisation__half_in',
    }
    return [
        Motion(_course(study, group, names, KINDS[group.kind]), COLOURS[1] if group.kind == 'notched' else COLOURS[0])
        for group in main_groups(study)
    ]


def region_courses(study: Fracture) -> Iterator[tuple[Group, Course, dict[str, Curve]]]:
    """Median D²min and switched formers by region, of each kind that has regions."""
    for group in main_groups(study):
        regions = list(dict.fromkeys(name for pull in group.analysed for name in region_names(pull)))
        if not regions:
            continue
        course = _course(study, group, {name: f'd2min__{name}__median' for name in regions})
        switched: dict[str, Curve] = {}
        for name in regions:
            known = [pull for pull in group.analysed if formers_of(pull)]
            kept = [(pull, formers_of(pull)[0]) for pull in known]
            curve = mean_over_pulls(known, f'bonds__{kept[0][1]}__{name}__unchanged') if kept else None
            if curve is not None:
                switched[name] = (curve[0], 1 - np.asarray(curve[1]), curve[2])
        yield group, course, switched


def where_maps(study: Fracture) -> list[Where]:
    """Where along the load it shears, of the first sample of each kind."""
    found = []
    for group in main_groups(study):
        pull = best_pull(group)
        if pull is not None and 'profile__place' in pull.along:
            found.append(
                Where(
                    f'{KINDS[group.kind]}: {pull.sample or pull.label}, {pull.axis}',
                    'Mean local shear strain',
                    np.asarray(pull.along['strain']),
                    np.asarray(pull.along['profile__place']),
                    np.asarray(pull.along['profile__shear']),
                )
            )
    return found


def best_pull(group: Group) -> Pull | None:
    """One that broke, if any of the analysed did."""
    return max(group.analysed, key=lambda pull: pull_status(pull) == 'broken', default=None)


def slices(pull: Pull) -> Slices | None:
    """Slices of the snapshots of a pull; None where there are none."""
    pictures = pull.load()
    maps, settings = dict(pictures.maps), pull.numbers.get('settings') or {}
    paths = {name: np.asarray(pull.along[f'path__{name}']) for name in ('across', 'middle', 'opening')
             if f'path__{name}' in pull.along}  # fmt: skip
    if pictures.snapshots is None or 'snapshot' not in maps or len(paths) < 3:
        return None
    if not len(maps['snapshot']) or int(np.max(maps['snapshot'])) >= min(
        pictures.snapshots.n_frames, len(paths['middle'])
    ):
        return None
    load, way = (_AXES.index(settings[name]) for name in ('axis', 'across'))
    curve = None
    if len(pull.curves.get('strain', ())) > 1:
        curve = (np.asarray(pull.curves['strain']), np.asarray(pull.curves['stress']))
    title = f'{KINDS.get(pull.kind, pull.kind)}: {pull.sample or pull.label} along {pull.axis}, {rate_text(pull.rate)}'
    return slices_of(title, pictures.snapshots, maps, paths, load, way, curve)


def openings(study: Fracture) -> list[Opening]:
    """Every analysed sample of the main groups."""
    found = []
    for group in main_groups(study):
        for pull in group.analysed:
            along = pull.along
            if 'crack__open_share' not in along:
                continue
            separated = np.flatnonzero(along['crack__separated'] > 0.5)
            path = np.zeros((0, 3))
            if 'path__middle' in along:
                middle = np.asarray(along['path__middle'][-1], dtype=float)
                known = np.isfinite(middle)
                if known.any():
                    columns = (along['path__across'][-1], middle - middle[known].mean(), along['path__opening'][-1])
                    path = np.column_stack([np.asarray(column, dtype=float)[known] for column in columns])
            before = ((pull.numbers.get('reference') or {}).get('crack') or {}).get('open_share') or 0.0
            found.append(
                Opening(
                    pull.label,
                    pull.kind == 'notched',
                    np.asarray(along['strain']),
                    np.asarray(along['crack__open_share']),
                    np.asarray(along['crack__opening']),
                    float(along['strain'][separated[0]]) if len(separated) else None,
                    path,
                    float(before),
                )
            )
    return found


def trends(study: Fracture) -> list[Trend]:
    """How numbers go with the rate, or the size, where there are several of them."""
    groups = study.groups
    found = []
    rates, sizes = {group.rate for group in groups if group.rate}, {group.size for group in groups}
    for over, several in (('rate', len(rates) > 1), ('size', len(sizes) > 1)):
        if not several:
            continue
        for name in _TRENDS:
            series: dict[str, list[tuple[float, float, float | None]]] = {}
            for group in groups:
                number = number_in(group.record, name)
                x = (group.rate or 0.0) * units.PER_PS_TO_PER_S if over == 'rate' else float(group.n_atoms or 0)
                if (
                    number is None
                    or not x
                    or (name in ('strength', 'young', 'failure_strain')) == (group.kind == 'notched')
                ):
                    continue
                other = _other(group, groups, over)
                series.setdefault(other, []).append((x, number.value, number.error))
            series = {key: points for key, points in series.items() if len(points) > 1}
            if series:
                words, unit, _ = QUANTITIES[name]
                label = 'Strain rate (1/s)' if over == 'rate' else 'Atoms'
                found.append(Trend(f'{words} ({unit})' if unit else words, label, series))
    return found


def _other(group: Group, groups: Sequence[Group], over: str) -> str:
    """What stays the same along a series."""
    if over == 'rate':
        return f'{"×".join(str(n) for n in group.size)}' if len({g.size for g in groups}) > 1 else ''
    return rate_text(group.rate) if len({g.rate for g in groups}) > 1 else ''


def snapshots_shown(study: Fracture) -> list[tuple[Pull, Any]]:
    """One pull of each kind with its slices."""
    found = []
    for group in main_groups(study):
        pull = best_pull(group)
        cut = None if pull is None else slices(pull)
        if pull is not None and cut is not None:
            found.append((pull, cut))
    return found
