"""Which figures an elastic run has, with what to say under each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from aiida_glassion.report.elastic_node import ElasticStudy, Sample
from aiida_glassion.report.figures.elastic import (
    Compression,
    ModuliRow,
    Slopes,
    constants_figure,
    moduli_figure,
    pressure_figure,
    stress_strain_figure,
)
from aiida_glassion.report.folder import StudyFigure, safe_name

_SMALL = {'bulk', 'shear', 'young'}


def heading(group: Mapping[str, Any]) -> str:
    """A group and its temperature."""
    return f'{group["group"]}, {group["temperature"]:g} K'


def elastic_figures(study: ElasticStudy) -> Iterator[StudyFigure]:
    """Figures of an elastic run, one after the other; those without anything to show are left out."""
    rows = [row for group in study.groups if (row := _moduli(study, group)).means]
    if rows:
        yield StudyFigure(
            'moduli',
            'Moduli side by side',
            'Bars: means over the replicas with their standard error; of one sample its own. Points: single samples. '
            "K, G, E: Hill's of the elastic constants.",
            moduli_figure(rows),
        )
    compressions = list(_compressions(study))
    if compressions:
        yield StudyFigure(
            'pressure',
            'Pressure over volume',
            'Points: states that were compressed and stretched; lines: their slopes, −K.',
            pressure_figure(compressions),
        )
    tensors = [(heading(group), group['stiffness']) for group in study.groups if group['stiffness']]
    if tensors:
        yield StudyFigure(
            'constants',
            'Elastic constants',
            'C_ij in GPa, means over the replicas, in the axes of the cell. Of an isotropic body the upper left is '
            'C11 and C12 alone, the lower right (C11 − C12)/2 on the diagonal, and all else 0.',
            constants_figure(tensors),
        )
    for sample in study.samples:
        if 'stiffness__strain' in sample.curves:
            yield StudyFigure(
                f'stress_{safe_name(sample.label)}',
                f'Stress over strain: {sample.label}',
                'Second Piola–Kirchhoff stress over Green–Lagrange strain, what was left at no strain taken off. '
                'Lines: the slopes, averaged over both sides of the diagonal of C; bars: standard errors of the means '
                'over time.',
                stress_strain_figure(_slopes(sample)),
            )


def _slopes(sample: Sample) -> Slopes:
    curves = sample.curves
    constants = curves.get('stiffness__constants')
    title = f'{sample.glass}, {sample.temperature:g} K'
    strain, stress = curves['stiffness__strain'], curves['stiffness__stress']
    return Slopes(title, strain, stress, curves.get('stiffness__error'), constants)


def _compressions(study: ElasticStudy) -> Iterator[Compression]:
    for colour, group in enumerate(study.groups):
        named = True
        for sample in study.members(group):
            bulk = sample.record.get('bulk')
            if not bulk or 'bulk__strain' not in sample.curves:
                continue
            curves = sample.curves
            yield Compression(
                heading(group), curves['bulk__strain'], curves['bulk__pressure'], curves.get('bulk__error'),
                bulk['modulus']['mean'], colour, named,
            )  # fmt: skip
            named = False


def _moduli(study: ElasticStudy, group: Mapping[str, Any]) -> ModuliRow:
    means: dict[str, tuple[float, float | None]] = {}
    if group['bulk']:
        means['compressed'] = (group['bulk']['mean'], group['bulk']['standard_error'])
    for name in _SMALL & set(group['moduli'] or {}):
        means[name] = (group['moduli'][name]['mean'], group['moduli'][name]['standard_error'])
    samples: dict[str, list[float]] = {name: [] for name in ('compressed', *_SMALL)}
    for sample in study.members(group):
        if sample.record.get('bulk'):
            samples['compressed'].append(float(sample.record['bulk']['modulus']['mean']))
        own = (sample.record.get('stiffness') or {}).get('moduli') or {}
        for name in _SMALL & set(own):
            samples[name].append(float(np.asarray(own[name]['mean'])))
    return ModuliRow(heading(group), means, samples)
