"""Calcfunctions of fracture: what one pull measured and says, and what all pulls say together."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.mechanics.fracture_summary import group_curves, summarise
from aiida_glassion.kernels.mechanics.pull_curve import UNITS, pull_curve
from aiida_glassion.kernels.mechanics.pull_plan import cell_lengths
from aiida_glassion.kernels.mechanics.pull_settings import AXES, read_pull
from aiida_glassion.kernels.mechanics.pull_summary import is_separated, report_pull

_SAME_LENGTH = 1e-7
"""Part of its length by which a cell has not changed."""


@calcfunction
def summarise_pull(plan: orm.Dict, reference: FramesData, **pieces: orm.Data) -> dict[str, Any]:
    """One pull: stress over strain, modulus, strength, work, energy of fracture and of the surfaces.

    Gives ``results`` and, where anything was measured, ``curves``: arrays ``strain``, ``stress`` (along the load, GPa,
    positive in tension), ``stresses`` (n, 6; Voigt), ``lengths`` (along the load, Å), ``areas`` (Å²), ``cells`` (n, 3;
    Å), ``temperature`` (K), ``time`` (ps), ``n_averaged``; each point is an average. Units in the attribute `units`.

    :param plan: ``settings`` of the pull, ``axis``, ``crack_area`` (Å²) and ``stopped``: why it ended early.
    :param reference: the unstrained sample, positions and cell Å.
    :param pieces: ``thermo_00`` … of the pieces; ``final``: where the pull ended; ``relax_whole``, ``relax_broken``:
        thermodynamic output of the minimisations, whose last energies count.
    """
    asked, frames = plan.get_dict(), reference.frames
    settings, axis = read_pull(asked['settings']), asked['axis']
    lengths = cell_lengths(frames.cells[-1])
    tables = [node.arrays for name, node in sorted(pieces.items()) if name.startswith('thermo_')]
    curve = pull_curve(tables, settings, axis, lengths[AXES.index(axis)]) if tables else None
    energies = {
        name: float(pieces[f'relax_{name}'].get_array('potential_energy')[-1])
        for name in ('whole', 'broken')
        if f'relax_{name}' in pieces
    }
    about = {
        **asked,
        'n_atoms': frames.n_atoms,
        'lengths': lengths,
        'energies': energies,
        'separated': is_separated(pieces['final'].frames, axis) if 'final' in pieces else None,
    }
    found: dict[str, Any] = {'results': orm.Dict(report_pull(about, curve, settings))}
    if curve is not None:
        found['curves'] = orm.ArrayData(curve.arrays())
        found['curves'].base.attributes.set('units', UNITS)
    return found


@calcfunction
def gather_snapshots(plan: orm.Dict, reference: FramesData, **pieces: FramesData) -> FramesData:
    """The unstrained sample and the frames of a pull as one trajectory, in single precision: one frame at each strain.

    :param plan: ``axis`` of the load and ``starts``: time at the beginning of each piece, ps.
    :param reference: the unstrained sample, Å.
    :param pieces: trajectories in alphabetical order of their names; unwrapped, positions Å, times ps.
    """
    asked = plan.get_dict()
    parts = [_plain(reference.frames[-1:], [0.0])]
    for start, (_, node) in zip(asked['starts'], sorted(pieces.items()), strict=True):
        frames = node.frames
        kept = np.flatnonzero(np.asarray(frames.steps) > 0)  # the first of a piece is the end of the one before
        if len(kept):
            parts.append(_plain(frames[kept], start + np.asarray(frames.times)[kept]))
    joined = Frames.concatenate(parts)
    length = joined.cells[:, AXES.index(asked['axis']), AXES.index(asked['axis'])]
    last = np.append(np.diff(length) > _SAME_LENGTH * length[0], True)  # of a hold, its end
    return FramesData(frames=joined[np.flatnonzero(last)])


def _plain(frames: Frames, times: Any) -> Frames:
    return Frames(
        symbols=frames.symbols,
        positions=np.asarray(frames.positions, dtype=np.float32),
        cells=np.asarray(frames.cells, dtype=np.float64),
        pbc=frames.pbc,
        times=np.asarray(times, dtype=np.float64),
    )


@calcfunction
def summarise_fracture(plan: orm.Dict, **pieces: orm.Data) -> dict[str, Any]:
    """All pulls together: strength, toughness G_c and K_Ic of each sample, pooled by kind, rate and size.

    Gives ``results`` and, where there is one, ``curves``: arrays ``<i>__strain``, ``<i>__stress`` (GPa) and
    ``<i>__error`` (GPa, standard error) of each group, i its index in ``pooled``; the attribute ``curves`` says whose.

    :param plan: ``pulls``: by label ``sample``, ``size`` and, of those that failed, ``reason``; ``young`` (GPa) and
        ``poisson``, where they are given; ``plane``; ``grid``: of mean curves, in strain.
    :param pieces: ``results_<label>`` and ``curves_<label>`` of the pulls that have them.
    """
    asked = plan.get_dict()
    reports = {label: pieces[f'results_{label}'].get_dict() for label in asked['pulls'] if f'results_{label}' in pieces}
    curves = {label: pieces[f'curves_{label}'].arrays for label in asked['pulls'] if f'curves_{label}' in pieces}
    results = summarise(asked['pulls'], reports, asked.get('young'), asked.get('poisson'), asked['plane'])
    arrays, told = group_curves(results, curves, asked['grid'])
    found: dict[str, Any] = {'results': orm.Dict(results)}
    if arrays:
        found['curves'] = orm.ArrayData(arrays)
        found['curves'].base.attributes.set('curves', told)
    return found
