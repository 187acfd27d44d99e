"""Calcfunctions of diffusion sweeps: the cell of a run, what a run says, and what all say together."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.transport.sweep import Run, read_run
from aiida_glassion.kernels.transport.sweep_lines import line_curves
from aiida_glassion.kernels.transport.sweep_point import mean_cell, moved_framework, report_run
from aiida_glassion.kernels.transport.sweep_summary import summarise
from aiida_glassion.kernels.transport.unwrap import fractional_coordinates, unwrap_fractional

_CURVE_UNITS = {'D': 'cm²/s', 'sigma_T': 'S K/cm'}


@calcfunction
def at_mean_cell(final: FramesData, thermo: orm.ArrayData) -> FramesData:
    """A configuration strained to the mean cell of the last half of the run that made it; velocities stay.

    :param final: last configuration, positions Å, velocities Å/ps.
    :param thermo: thermodynamic output of the run, cells Å.
    """
    frames, arrays = final.frames, thermo.arrays
    cells = np.zeros((len(arrays['step']), 3, 3))
    for name, (row, column) in _CELL.items():
        cells[:, row, column] = arrays[f'cell_{name}']
    mean = mean_cell(cells)
    fractional = np.linalg.solve(frames.cells[-1].T, frames.positions[-1].T).T
    return FramesData(
        frames=Frames(
            symbols=frames.symbols,
            positions=(fractional @ mean)[None],
            cells=mean[None],
            pbc=frames.pbc,
            velocities=None if frames.velocities is None else frames.velocities[-1:],
            charges=frames.charges,
        )
    )


_CELL = {'lx': (0, 0), 'ly': (1, 1), 'lz': (2, 2), 'xy': (1, 0), 'xz': (2, 0), 'yz': (2, 1)}


@calcfunction
def thin_segments(every: orm.Int, starts: orm.List, **segments: FramesData) -> FramesData:
    """Every so many of the frames of a run's segments, as one trajectory without jumps, in single precision.

    :param every: the number of frames of which one is kept.
    :param starts: time at the beginning of each segment, ps.
    :param segments: in alphabetical order of their names; positions Å, times ps.
    """
    kept: list[Frames] = []
    last: Any = None
    count = 0
    for start, (_, node) in zip(starts.get_list(), sorted(segments.items()), strict=True):
        frames = node.frames
        cells = np.asarray(frames.cells, dtype=np.float64)
        fractional = fractional_coordinates(frames.positions, cells)
        fractional = unwrap_fractional(fractional, frames.pbc, fractional[0] if last is None else last)
        first = 0 if last is None else 1  # the last frame of the segment before
        last = fractional[-1].copy()
        chosen = np.arange(first, frames.n_frames)
        chosen = chosen[(count + np.arange(len(chosen))) % every.value == 0]
        count += frames.n_frames - first
        if not len(chosen):
            continue
        times = np.arange(frames.n_frames) if frames.times is None else frames.times
        kept.append(
            Frames(
                symbols=frames.symbols,
                positions=np.einsum('fni,fij->fnj', fractional[chosen], cells[chosen]).astype(np.float32),
                cells=cells[chosen],
                pbc=frames.pbc,
                times=start + times[chosen] - times[0],
            )
        )
    return FramesData(frames=Frames.concatenate(kept))


@calcfunction
def report_point(about: orm.Dict, **numbers: orm.Dict) -> dict[str, Any]:
    """Results and history of one run of a sweep.

    :param about: ``temperature`` K, ``seed``, ``relative_error`` wanted, ``lengths`` after each segment in ps, and
        ``stopped``: why production ended early.
    :param numbers: ``progress_00`` …: of the analysis after each segment; ``whole``: of the last one.
    """
    plain = {label: node.get_dict() for label, node in sorted(numbers.items())}
    whole = plain.pop('whole', None)
    results, history = report_run(about.get_dict(), list(plain.values()), whole)
    return {'results': orm.Dict(results), 'history': orm.Dict(history)}


@calcfunction
def summarise_sweep(plan: orm.Dict, **pieces: orm.Data) -> dict[str, Any]:
    """All runs of a sweep together: D, conductivity and Haven ratio by temperature, energies of activation, σ(300 K).

    Gives ``results`` and, where there is a line, ``curves``: arrays ``<i>__<quantity>__T`` (K), ``…__value``,
    ``…__low``, ``…__high`` (95 %), i the index of the composition; the attribute ``curves`` says whose they are.

    :param plan: ``runs``: by label ``temperature`` K, ``glass``, ``seed``, ``counts`` of atoms by element and, where a
        run failed, ``reason``.
    :param pieces: ``results_<label>``, ``numbers_<label>`` and ``curves_<label>`` of the runs that have them.
    """
    runs: list[Run] = []
    moved: dict[str, str] = {}
    for label, about in sorted(plan.get_dict()['runs'].items()):
        results, numbers = (
            pieces[name].get_dict() if name in pieces else None for name in (f'results_{label}', f'numbers_{label}')
        )
        runs.append(read_run(label, about, results, numbers))
        if numbers is not None and f'curves_{label}' in pieces:
            words = moved_framework(pieces[f'curves_{label}'].arrays, numbers)
            moved |= {label: words} if words else {}
    results, lines = summarise(runs, moved)
    arrays: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for index, formula in enumerate(sorted(results['compositions'])):
        for quantity, fit in lines[formula].items():
            told[f'{index}__{quantity}'] = {
                'composition': formula,
                'quantity': quantity,
                'unit': _CURVE_UNITS[fit.quantity],
                'T': 'K',
                'level': 0.95,
            }
            arrays |= {f'{index}__{quantity}__{name}': array for name, array in line_curves(fit).items()}
    found: dict[str, Any] = {'results': orm.Dict(results)}
    if arrays:
        found['curves'] = orm.ArrayData(arrays)
        found['curves'].base.attributes.set('curves', told)
    return found
