"""Comparisons with measured curves among the results of an analysis."""

from __future__ import annotations

import numpy as np

from aiida_glassion.kernels.structure.agreement import r_chi
from aiida_glassion.report.analysis import Analysed
from aiida_glassion.report.figures.scattering import Overlay

MEASURED, SIMULATED = 'experiment_', 'simulation_'


def overlays(glass: Analysed) -> list[Overlay]:
    """Every measured curve with the simulated one, in the order of the request.

    R_χ is that of the curves shown: of replicas that of their mean, which is less than the mean of theirs.
    """
    curves, found = glass.curves('scattering'), []
    for name, measured in curves.items():
        key = name.removeprefix(MEASURED)
        simulated = curves.get(f'{SIMULATED}{key}')
        if not name.startswith(MEASURED) or simulated is None:
            continue
        at = np.interp(simulated.x, measured.x, measured.y)
        title, radiation = key.replace('_', ' '), str(measured.about.get('radiation', ''))
        if radiation and radiation not in title.lower():
            title = f'{title}, {"X-ray" if radiation == "xray" else radiation}'
        found.append(Overlay(title, measured, simulated, r_chi(at, np.asarray(simulated.y, dtype=np.float64), at)))
    return found
