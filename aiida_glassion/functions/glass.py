"""Calcfunctions that judge a melt and report on a glass."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.frames import FramesData
from aiida_glassion.kernels.structure.glass import NUMBER_UNITS, average_reports, report_glass
from aiida_glassion.kernels.structure.hold import judge_hold

_CURVE_UNITS = {'r': 'Å', 'r_outer': 'Å', 'angle': 'degrees', 'cooling_temperature': 'K', 'else': '1'}


@calcfunction
def judge_melt(trajectory: FramesData, thermo: orm.ArrayData, settings: orm.Dict) -> orm.Dict:
    """Judge by three tests whether the last stage of a run was a melt.

    :param trajectory: frames of the run; positions Å, unwrapped.
    :param thermo: thermodynamic output of the run; energies eV.
    :param settings: limits of the tests, see ``protocols/melt_quench.yaml``.
    """
    limits = {key: value for key, value in settings.get_dict().items() if key != 'max_longer'}
    return orm.Dict(judge_hold(trajectory.frames, thermo.arrays, **limits))


@calcfunction
def analyse_glass(trajectory: FramesData, thermo: orm.ArrayData, settings: orm.Dict) -> dict[str, Any]:
    """Report on a glass from the run that quenched it: the last stage is the sample.

    :param trajectory: frames of the run, positions Å.
    :param thermo: thermodynamic output of the run; temperatures K, volumes Å³, energies eV.
    :param settings: ``r_max`` Å, ``n_bins``, ``cutoffs`` Å by pair, ``cooling_stage`` (index, for T_g).
    """
    report = report_glass(trajectory.frames, thermo.arrays, **settings.get_dict())
    curves = orm.ArrayData(report.curves)
    curves.base.attributes.set('units', _CURVE_UNITS)
    return {'structure': orm.Dict({**report.numbers, 'units': NUMBER_UNITS}), 'curves': curves}


@calcfunction
def average_structures(**replicas: orm.Dict) -> orm.Dict:
    """Mean and standard error over replicas of every number in their reports; warnings are gathered.

    :param replicas: the ``structure`` of each replica.
    """
    return orm.Dict(average_reports({label: node.get_dict() for label, node in replicas.items()}))


@calcfunction
def average_curves(**replicas: orm.ArrayData) -> orm.ArrayData:
    """Mean curves over replicas; ``<name>_error`` is the standard error, absent with one replica.

    :param replicas: the ``curves`` of each replica.
    """
    arrays = [node.arrays for _, node in sorted(replicas.items())]
    averaged: dict[str, Any] = {}
    for name in sorted(set.intersection(*(set(part) for part in arrays))):
        curves = [part[name] for part in arrays]
        if len({curve.shape for curve in curves}) > 1:
            continue
        averaged[name] = np.mean(curves, axis=0)
        if len(curves) > 1 and name not in ('r', 'r_outer', 'angle'):
            averaged[f'{name}_error'] = np.std(curves, axis=0, ddof=1) / np.sqrt(len(curves))
    node = orm.ArrayData(averaged)
    node.base.attributes.set('units', _CURVE_UNITS)
    node.base.attributes.set('replicas', len(arrays))
    return node
