"""The report on one glass: every structural number and curve of a sampled trajectory, and what is odd about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.statistics import average_records, block_standard_error
from aiida_glassion.kernels.structure.angles import AngleDistribution, bond_angles
from aiida_glassion.kernels.structure.coordination import coordination_numbers, pair_cutoffs
from aiida_glassion.kernels.structure.crystallinity import crystallinity_by_element
from aiida_glassion.kernels.structure.elements import network_roles, odd_coordination
from aiida_glassion.kernels.structure.glass_transition import glass_transition
from aiida_glassion.kernels.structure.neighbours import NeighbourList, neighbour_list
from aiida_glassion.kernels.structure.network import analyse_network
from aiida_glassion.kernels.structure.rdf import PartialRdf, first_minimum, first_peak, partial_rdfs

FloatArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class GlassReport:
    """Numbers, curves and warnings of one glass.

    :param numbers: nested dictionary, JSON-ready; ``units`` names the units.
    :param curves: arrays by name; distances in Å, angles in degrees.
    """

    numbers: dict[str, Any]
    curves: dict[str, FloatArray] = field(default_factory=dict)


MOST_NEIGHBOURS = 24
"""Distributions run from 0 to this many (or more): always the same keys, so that means of fractions sum to 1."""

NUMBER_UNITS = {
    'density': 'g/cm³',
    'temperature': 'K',
    'pressure': 'GPa',
    'potential_energy_per_atom': 'eV',
    'cutoffs': 'Å',
    'bond_lengths': 'Å',
    'angles': 'degrees',
    'glass_transition': 'K',
}


def report_structure(
    frames: Frames, r_max: float = 10.0, n_bins: int = 500, cutoffs: Mapping[str, float] | None = None
) -> GlassReport:
    """Distribution functions, coordination, angles and network of a glass, averaged over its frames.

    Bonds are cation–anion pairs nearer than the first minimum of their g(r), unless a cut-off is given.

    :param frames: sampled at equilibrium, at least one frame.
    :param r_max: Å.
    :param n_bins: bins of g(r).
    :param cutoffs: bond cut-offs by pair, e.g. {'Si-O': 2.2}, Å.
    :raises ValueError: no frame, or a cut-off for a pair that is not there.
    """
    if frames.n_frames < 1:
        raise ValueError('no frame to analyse')
    rdf = partial_rdfs(frames.positions, frames.cells, frames.types, frames.elements, r_max=r_max, n_bins=n_bins)
    roles = network_roles(frames.elements)
    bonds, lengths, warnings = _bond_cutoffs(rdf, roles, dict(cutoffs or {}))
    analysis = [_one_frame(frames, index, bonds, roles) for index in range(frames.n_frames)]
    numbers: dict[str, Any] = {
        'n_frames': frames.n_frames,
        'n_atoms': frames.n_atoms,
        'cutoffs': {f'{a}-{b}': value for (a, b), value in bonds.items()},
        'bond_lengths': lengths,
        **_means(average_records([numbers for numbers, _ in analysis])),
    }
    angles = _sum_angles([angles for _, angles in analysis])
    numbers['angles'] = {
        name: {'mean': angle.mean, 'width': angle.std} for name, angle in angles.items() if angle.n_angles
    }
    crystal, more = _crystal(frames)
    numbers['crystallinity'] = crystal
    numbers['warnings'] = warnings + more + _odd(numbers, roles)
    return GlassReport(numbers, {**_rdf_curves(rdf), **_angle_curves(angles)})


def _bond_cutoffs(
    rdf: PartialRdf, roles: Mapping[str, str], given: dict[str, float]
) -> tuple[dict[tuple[str, str], float], dict[str, float], list[str]]:
    """Cut-offs and bond lengths of all cation–anion pairs; a pair without a first shell is left out and said."""
    cutoffs: dict[tuple[str, str], float] = {}
    lengths: dict[str, float] = {}
    warnings: list[str] = []
    elements = list(rdf.elements)
    for cation in (e for e in elements if roles[e] != 'anion'):
        for anion in (e for e in elements if roles[e] == 'anion'):
            name, g = f'{cation}-{anion}', rdf.g[elements.index(cation), elements.index(anion)]
            wanted = given.pop(name, None) or given.pop(f'{anion}-{cation}', None)
            try:
                lengths[name] = first_peak(rdf.r, g)[0]
                cutoffs[cation, anion] = first_minimum(rdf.r, g) if wanted is None else wanted
            except ValueError as error:
                warnings.append(f'{name}: no bond cut-off found ({error}); not analysed, give one in cutoffs')
    if given:
        raise ValueError(f'cutoffs: no pair of a cation and an anion of this glass: {", ".join(sorted(given))}')
    return cutoffs, lengths, warnings


def _bonds(frames: Frames, index: int, cutoffs: Mapping[tuple[str, str], float]) -> NeighbourList:
    matrix = pair_cutoffs(frames.elements, dict(cutoffs))
    return neighbour_list(frames.positions[index], frames.cells[index], matrix, frames.types, frames.pbc)


def _one_frame(
    frames: Frames, index: int, cutoffs: Mapping[tuple[str, str], float], roles: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, AngleDistribution]]:
    if not cutoffs:
        return {'coordination': {}, 'network': {}}, {}
    bonds = _bonds(frames, index, cutoffs)
    elements, types = list(frames.elements), frames.types
    coordination = {}
    anions = [e for e in elements if roles[e] == 'anion']
    for cation in (e for e in elements if roles[e] != 'anion'):
        around = {f'{cation}-{anion}': [elements.index(anion)] for anion in anions if (cation, anion) in cutoffs}
        if len(around) > 1:
            around[f'{cation}-all'] = [elements.index(anion) for anion in anions]
        for name, neighbours in around.items():
            counted = coordination_numbers(bonds, types, elements.index(cation), neighbours)
            counts = np.bincount(np.minimum(counted, MOST_NEIGHBOURS), minlength=MOST_NEIGHBOURS + 1)
            shares = counts / max(1, len(counted))
            coordination[name] = {
                'mean': float(counted.mean()),
                'distribution': {str(n): float(share) for n, share in enumerate(shares)},
            }
    network = analyse_network(bonds, types, elements).summary()
    angles = {
        f'{elements[i]}-{elements[c]}-{elements[j]}': bond_angles(bonds, types, i, c, j)
        for c in range(len(elements))
        for i, j in combinations_with_replacement(range(len(elements)), 2)
        if _meets(elements, roles, i, c, j)
    }
    return {'coordination': coordination, 'network': network}, angles


def _meets(elements: list[str], roles: Mapping[str, str], i: int, c: int, j: int) -> bool:
    """Angles around a former between anions, and around an anion between formers."""
    ends = {roles[elements[i]], roles[elements[j]]}
    return (roles[elements[c]], ends) in (('former', {'anion'}), ('anion', {'former'}))


def _sum_angles(parts: list[dict[str, AngleDistribution]]) -> dict[str, AngleDistribution]:
    total: dict[str, AngleDistribution] = {}
    for part in parts:
        for name, angle in part.items():
            total[name] = total[name] + angle if name in total else angle
    return total


def _means(record: Any) -> Any:
    """Keep the mean of each averaged number."""
    if isinstance(record, Mapping):
        return (
            record['mean']
            if set(record) == {'mean', 'standard_error', 'n'}
            else {key: _means(value) for key, value in record.items()}
        )
    return record


def _crystal(frames: Frames) -> tuple[dict[str, Any], list[str]]:
    found = crystallinity_by_element(frames.positions[-1], frames.cells[-1], frames.types, frames.elements)
    numbers = {
        element: {'contrast': c.contrast, 'threshold': c.threshold, 'judged': bool(c.judged)}
        for element, c in found.items()
    }
    warnings = [
        f'crystallised: Bragg-like peaks of {element} (contrast {c.contrast:.1f}, a glass has about 1)'
        for element, c in found.items()
        if c.crystallised
    ]
    return numbers, warnings


def _odd(numbers: Mapping[str, Any], roles: Mapping[str, str]) -> list[str]:
    anions = [element for element, role in roles.items() if role == 'anion']
    warnings = []
    for former in (element for element, role in roles.items() if role == 'former'):
        name = (
            f'{former}-all' if f'{former}-all' in numbers['coordination'] else f'{former}-{anions[0]}' if anions else ''
        )
        if name not in numbers['coordination']:
            continue
        shares = {int(n): share for n, share in numbers['coordination'][name]['distribution'].items()}
        odd = odd_coordination(former, anions, shares)
        if odd is not None:
            warnings.append(str(odd))
    return warnings


def _rdf_curves(rdf: PartialRdf) -> dict[str, FloatArray]:
    curves: dict[str, FloatArray] = {'r': rdf.r, 'r_outer': rdf.edges[1:]}
    for i, a in enumerate(rdf.elements):
        for j, b in enumerate(rdf.elements):
            if i <= j:
                curves[f'g_{a}_{b}'] = rdf.g[i, j]
            curves[f'running_{a}_{b}'] = rdf.running[i, j]
    return curves


def _angle_curves(angles: Mapping[str, AngleDistribution]) -> dict[str, FloatArray]:
    curves: dict[str, FloatArray] = {}
    for name, angle in angles.items():
        curves['angle'] = angle.centres
        curves[f'angle_{name.replace("-", "_")}'] = angle.density
    return curves


def report_sampling(thermo: Mapping[str, FloatArray], stage: int) -> dict[str, Any]:
    """Density, energy, temperature and pressure of a stage with their statistical errors.

    :param thermo: thermodynamic output, arrays by name; energies of the cell, eV.
    :param stage: index of the stage.
    """
    rows = thermo['stage'] == stage
    numbers: dict[str, Any] = {}
    for name, values in (
        ('density', thermo['density'][rows]),
        ('temperature', thermo['temperature'][rows]),
        ('pressure', thermo['pressure'][rows]),
        ('potential_energy', thermo['potential_energy'][rows]),
    ):
        numbers[name] = float(values.mean())
        numbers[f'{name}_error'] = float(block_standard_error(values).standard_error) if len(values) >= 4 else None
    return numbers


def report_cooling(thermo: Mapping[str, FloatArray], stage: int, n_atoms: int) -> GlassReport:
    """T_g from the cooling stage: the break of the volume, or of the energy where the volume is fixed.

    :param thermo: thermodynamic output, arrays by name.
    :param stage: index of the cooling stage.
    :param n_atoms: atoms of the cell: the curve is per atom.
    """
    rows = thermo['stage'] == stage
    temperature, volume = thermo['temperature'][rows], thermo['volume'][rows]
    fixed = len(volume) == 0 or np.ptp(volume) < 1e-9 * abs(volume.mean())
    name, unit, values = (
        ('total energy', 'eV/atom', thermo['total_energy'][rows]) if fixed else ('volume', 'Å³/atom', volume)
    )
    try:
        found = glass_transition(temperature, values / n_atoms)
    except ValueError as error:
        return GlassReport({'converged': False, 'reason': str(error), 'temperature': None, 'error': None, 'from': name})
    numbers = {
        'converged': bool(found.converged),
        'reason': found.reason,
        'temperature': found.temperature,
        'error': found.error,
        'from': f'{name} ({unit})',
    }
    return GlassReport(numbers, {'cooling_temperature': found.bin_temperatures, 'cooling_value': found.bin_values})


def report_glass(
    frames: Frames,
    thermo: Mapping[str, FloatArray],
    r_max: float = 10.0,
    n_bins: int = 500,
    cutoffs: Mapping[str, float] | None = None,
    cooling_stage: int = 0,
) -> GlassReport:
    """Report on the run of a quench: its last stage is the sampled glass.

    :param frames: frames of the run with their stages.
    :param thermo: thermodynamic output of the run, arrays by name.
    :param cooling_stage: index of the stage in which T_g is looked for.
    :raises ValueError: no frame of the last stage.
    """
    last = int(thermo['stage'].max())
    sampled = np.flatnonzero(frames.stages == last) if frames.stages is not None else np.zeros(0, dtype=int)
    if not len(sampled):
        raise ValueError('the last stage of the run has no frames to analyse')
    structure = report_structure(frames[sampled], r_max, n_bins, cutoffs)
    cooling = report_cooling(thermo, cooling_stage, frames.n_atoms)
    numbers = {**report_sampling(thermo, last), **structure.numbers, 'glass_transition': cooling.numbers}
    numbers['potential_energy_per_atom'] = numbers.pop('potential_energy') / frames.n_atoms
    error = numbers.pop('potential_energy_error')
    numbers['potential_energy_per_atom_error'] = None if error is None else error / frames.n_atoms
    return GlassReport(numbers, {**structure.curves, **cooling.curves})


def average_reports(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and standard error of every number over replicas; their warnings under the names of the replicas.

    :param reports: the numbers of each replica's :class:`GlassReport`.
    """
    records = [
        {key: value for key, value in report.items() if key != 'units' and not key.endswith('_error')}
        for _, report in sorted(reports.items())
    ]
    warnings = {label: list(report['warnings']) for label, report in sorted(reports.items()) if report['warnings']}
    return {**average_records(records), 'warnings': warnings, 'replicas': len(reports), 'units': NUMBER_UNITS}
