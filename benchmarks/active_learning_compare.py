"""The learned potential against its teacher: the same glass made by both, and numbers with errors.

Everything is compared at equal protocol: glasses from the same start by the same schedule, the melt at one temperature
and volume, forces on the frames of the teacher's own quench. The teacher is compared with itself too, with other seeds:
what two samples of one potential differ by is what no potential can be blamed for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from aiida import orm

from aiida_glassion.data.potential import PotentialData
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.parity import Parity
from aiida_glassion.kernels.statistics import mean_and_error
from aiida_glassion.kernels.structure.rdf import PartialRdf, partial_rdfs
from benchmarks.active_learning_home import Home

FloatArray = npt.NDArray[np.floating[Any]]
A2_PER_PS_TO_CM2_PER_S = 1e-4


@dataclass(frozen=True)
class Plan:
    """How long and how often; temperatures K, durations ps, rate K/ps, timestep fs."""

    melt_temperature: float = 3500
    rate: float = 100
    melt: float = 10
    relax: float = 10
    sample: float = 10
    replicas: int = 4
    timestep: float = 2.0
    diffusion_temperature: float = 2000
    diffusion: float = 40
    equilibrate: float = 5
    block: float = 10
    mobile: str = 'Na'
    r_max: float = 8.0
    quench_frames_every: float = 0.5
    max_concurrent: int = 2
    cutoffs: Mapping[str, float] = field(default_factory=lambda: {'Si-O': 2.2, 'Na-O': 3.2})


def melt_quench(plan: Plan, code: orm.Code, potential: PotentialData, start: orm.Data, seed: int) -> Any:
    """Builder of the glasses of one potential."""
    from aiida_glassion.workchains.melt_quench import MeltQuenchWorkChain

    hold = {'kind': 'hold', 'name': 'melt', 'temperature': 'melt', 'duration': plan.melt, 'frames_every': 0.1}
    room = {'kind': 'hold', 'ensemble': 'npt', 'temperature': 'room'}
    overrides = {
        'replicas': plan.replicas,
        'melt_temperature': plan.melt_temperature,
        'timestep': plan.timestep,
        'melt': [hold],
        'quench': {'frames_every': plan.quench_frames_every},
        'rates': [plan.rate],
        'relax': [
            {**room, 'name': 'relax', 'duration': plan.relax, 'frames_every': 0},
            {**room, 'name': 'sample', 'duration': plan.sample, 'frames_every': 0.1},
        ],
        'analysis': {'r_max': plan.r_max, 'n_bins': 400, 'cutoffs': dict(plan.cutoffs)},
    }
    builder = MeltQuenchWorkChain.get_builder_from_protocol(
        code, None, potential, configuration=start, protocol='fast', overrides=overrides, seed=seed,
        max_concurrent=plan.max_concurrent,
    )  # fmt: skip
    builder.tolerated_failures = orm.Float(0.0)
    return builder


def hot_melt(plan: Plan, code: orm.Code, potential: PotentialData, start: orm.Data, seed: int) -> Any:
    """Builder of a run at the temperature of diffusion and the volume of the start."""
    from aiida_glassion.workchains.md import MdWorkChain

    hold = {'kind': 'hold', 'temperature': plan.diffusion_temperature}
    builder = MdWorkChain.get_builder()
    builder.md.code, builder.md.potential, builder.md.configuration = code, potential, start
    builder.md.keep_velocities = orm.Bool(False)
    builder.md.seed = orm.Int(seed)
    builder.md.schedule = orm.Dict(
        {
            'timestep': plan.timestep,
            'frames_every': 0,
            'restart_every': 50,
            'stages': [
                {**hold, 'name': 'equilibrate', 'duration': plan.equilibrate},
                {**hold, 'name': 'diffuse', 'duration': plan.diffusion, 'frames_every': 0.05},
            ],
        }
    )
    return builder


def quench_frames(node: orm.WorkChainNode) -> dict[str, orm.Data]:
    """Trajectories of the quenches of a melt-quench, by replica."""
    found = {}
    for replica in node.base.links.get_outgoing(node_class=orm.WorkChainNode).all():
        for run in replica.node.base.links.get_outgoing(node_class=orm.WorkChainNode).all():
            if run.link_label.startswith('quench_'):
                found[replica.link_label] = run.node.outputs.trajectory
    return found


@dataclass(frozen=True)
class Sides:
    """Processes of the three sides: the teacher, the teacher with other seeds, the learned potential."""

    glasses: Mapping[str, orm.WorkChainNode]
    melts: Mapping[str, list[orm.WorkChainNode]]


def run_sides(
    home: Home, plan: Plan, start: orm.Data, potentials: Mapping[str, tuple[orm.Code, PotentialData, int]], tag: str
) -> Sides:
    """Make glasses and melts of every side.

    :param potentials: code, potential and seed of each side.
    :param tag: part of the names of processes that is this comparison's own; sides named teacher… have none.
    """
    glasses, melts = {}, {}
    for side, (code, potential, seed) in potentials.items():
        name = side if side.startswith('teacher') else f'{tag}{side}'
        glasses[side] = home.run(f'{name} glass', melt_quench(plan, code, potential, start, seed))
        runs = {
            f'{name} melt {index}': hot_melt(plan, code, potential, start, 100 * seed + index)
            for index in range(plan.replicas)
        }
        melts[side] = list(home.run_all(runs).values())
    return Sides(glasses, melts)


def r_chi(reference: PartialRdf, other: PartialRdf, pair: tuple[str, str], r_min: float = 1.0) -> float:
    """R_χ (Wright 1993) of T_ij(r) = 4π ρ r g_ij(r) of a pair, %: 100 √(Σ (T−T')² / Σ T²) from ``r_min`` on, Å."""
    curves = [4 * np.pi * rdf.density * rdf.r * rdf.g[rdf.pair(*pair)] for rdf in (reference, other)]
    inside = reference.r >= r_min
    first, second = (curve[inside] for curve in curves)
    return float(100 * np.sqrt(np.sum((first - second) ** 2) / np.sum(first**2)))


def joined_rdf(parts: list[Frames], r_max: float) -> PartialRdf:
    """g(r) of the frames of several runs of the same atoms, as one."""
    first = parts[0]
    return partial_rdfs(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.cells for part in parts]),
        first.types, first.elements, r_max=r_max, n_bins=160,
    )  # fmt: skip


def last_stage(frames: Frames) -> Frames:
    """The frames of the last stage of a run."""
    if frames.stages is None:
        return frames
    return frames[np.flatnonzero(frames.stages == frames.stages.max())]


def block_diffusion(frames: Frames, element: str, block: float) -> list[float]:
    """Tracer diffusion coefficient of an element from each block of a run, cm²/s.

    Slope of the mean squared displacement between a tenth and a half of the block, averaged over origins, with the
    motion of the centre of mass of the cell taken out.

    :param block: length of a block, ps; blocks are taken to be independent.
    """
    if frames.times is None:
        raise ValueError('frames without times have no diffusion')
    times = frames.times
    interval = float(np.median(np.diff(times)))
    length = round(block / interval)
    masses = frames.masses / frames.masses.sum()
    positions = frames.positions - np.einsum('fax,a->fx', frames.positions, masses)[:, None, :]
    moving = positions[:, [symbol == element for symbol in frames.symbols]]
    lags = np.unique(np.linspace(length // 10, length // 2, 12).astype(int))
    found = []
    for begin in range(0, len(moving) - length + 1, length):
        part = moving[begin : begin + length]
        msd = [np.mean(np.sum((part[lag:] - part[:-lag]) ** 2, axis=-1)) for lag in lags]
        slope = np.polyfit(lags * interval, msd, 1)[0]
        found.append(float(slope / 6 * A2_PER_PS_TO_CM2_PER_S))
    return found


def compare_glasses(plan: Plan, sides: Sides) -> dict[str, Any]:
    """Numbers of the glasses of each side, mean and standard error over replicas, and R_χ against the teacher."""
    rate = next(iter(sides.glasses['teacher'].outputs.structure))
    reports = {side: node.outputs.structure[rate].get_dict() for side, node in sides.glasses.items()}
    rows: dict[str, Any] = {}
    for side, report in reports.items():
        row = {'density': report['density'], 'potential_energy_per_atom': report['potential_energy_per_atom']}
        for pair, entry in report['coordination'].items():
            row[f'coordination {pair}'] = entry['mean']
        for former, shares in report['network'].get('qn', {}).items():
            for n, share in shares.items():
                row[f'{n} {former}'] = share
        for pair, value in report['bond_lengths'].items():
            row[f'bond length {pair}'] = value
        rows[side] = row
    frames = {
        side: [last_stage(node.frames) for node in quench_frames(glasses).values()]
        for side, glasses in sides.glasses.items()
    }
    return {'numbers': rows, 'r_chi': _all_r_chi(frames, plan.r_max)}


def compare_melts(plan: Plan, sides: Sides) -> dict[str, Any]:
    """Diffusion of each side with its error over blocks, and R_χ of the melt."""
    frames = {side: [last_stage(node.outputs.trajectory.frames) for node in runs] for side, runs in sides.melts.items()}
    diffusion = {}
    for side, parts in frames.items():
        blocks = [value for part in parts for value in block_diffusion(part, plan.mobile, plan.block)]
        found = mean_and_error(blocks)
        diffusion[side] = {'mean': found.mean, 'standard_error': found.standard_error, 'n': len(blocks)}
    return {'diffusion': diffusion, 'r_chi': _all_r_chi(frames, plan.r_max)}


def _all_r_chi(frames: Mapping[str, list[Frames]], r_max: float) -> dict[str, Any]:
    rdfs = {side: joined_rdf(parts, r_max) for side, parts in frames.items()}
    elements = rdfs['teacher'].elements
    pairs = [(a, b) for i, a in enumerate(elements) for b in elements[i:]]
    return {
        side: {f'{a}-{b}': r_chi(rdfs['teacher'], rdf, (a, b)) for a, b in pairs}
        for side, rdf in rdfs.items()
        if side != 'teacher'
    }


def force_errors(parities: Mapping[str, orm.ArrayData]) -> dict[str, Any]:
    """Errors of each member and of their mean: forces eV/Å, energy meV/atom, with errors over frames."""
    members = {
        name: Parity.from_arrays(
            node.arrays, node.base.attributes.get('formulas'), node.base.attributes.get('elements')
        )
        for name, node in parities.items()
    }
    found = {}
    for name, parity in members.items():
        squares = (parity.predicted_forces - parity.forces) ** 2
        per_frame = np.array([np.mean(squares[parity.frame_of_atom == i]) for i in range(parity.n_frames)])
        rmse = float(np.sqrt(per_frame.mean()))
        error = float(per_frame.std(ddof=1) / np.sqrt(len(per_frame)) / (2 * rmse))
        energy = (parity.predicted_energies - parity.energies) / parity.n_atoms
        found[name] = {
            'force_rmse': rmse, 'force_rmse_error': error,
            'reference_rms': float(np.sqrt(np.mean(parity.forces**2))),
            'energy_rmse_mev': float(1e3 * np.sqrt(np.mean(energy**2))),
            'n_frames': parity.n_frames,
        }  # fmt: skip
    return found
