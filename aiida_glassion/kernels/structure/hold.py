"""Judging the hold of a run: is its last stage a melt?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.structure.melt import judge_melt
from aiida_glassion.kernels.structure.rdf import first_peak, partial_rdfs

_R_MAX, _N_BINS, _FRAMES_FOR_G = 6.0, 300, 10


def judge_hold(frames: Frames, thermo: Mapping[str, npt.NDArray[Any]], **limits: Any) -> dict[str, Any]:
    """Judge by :func:`~aiida_glassion.kernels.structure.melt.judge_melt` whether the last stage of a run is a melt.

    The cations judged are the network formers, or all cations where there is none.

    :param frames: frames of the run with their stages; positions Å, unwrapped.
    :param thermo: thermodynamic output of the run, arrays by name; energies of the cell, eV.
    :param limits: thresholds, passed on.
    :returns: JSON-ready: is_melt, reason, tests by name with value, threshold, unit, passed.
    """
    last = int(thermo['stage'].max())
    index = np.flatnonzero(frames.stages == last) if frames.stages is not None else np.zeros(0, dtype=int)
    rows = thermo['stage'] == last
    if len(index) < 2:
        reason = f'the hold has {len(index)} stored frames, at least 2 are needed: lower frames_every'
        return {'is_melt': False, 'reason': reason, 'tests': {}}
    hold = frames[index]
    try:
        verdict = judge_melt(
            hold.positions,
            hold.cells,
            hold.types,
            bond_lengths(hold),
            thermo['potential_energy'][rows],
            masses=hold.masses,
            elements=hold.elements,
            **limits,
        )
    except ValueError as error:
        return {'is_melt': False, 'reason': f'it cannot be judged: {error}', 'tests': {}}
    return verdict.summary()


def bond_lengths(frames: Frames) -> dict[int, float]:
    """Bond length of each network former (or cation, without formers) to its nearest kind of anion, by type, Å.

    :raises ValueError: no former–anion pair has a first peak.
    """
    last = frames[-_FRAMES_FOR_G:]
    rdf = partial_rdfs(last.positions, last.cells, last.types, last.elements, r_max=_R_MAX, n_bins=_N_BINS)
    roles = network_roles(frames.elements)
    kind = 'former' if 'former' in roles.values() else 'modifier'
    lengths: dict[int, float] = {}
    for i, cation in enumerate(frames.elements):
        peaks = []
        for j, anion in enumerate(frames.elements):
            if roles[cation] == kind and roles[anion] == 'anion' and rdf.g[i, j].max() > 1:
                peaks.append(first_peak(rdf.r, rdf.g[i, j])[0])
        if peaks:
            lengths[i] = min(peaks)
    if not lengths:
        raise ValueError('no cation has a first peak in its g(r) with an anion')
    return lengths
