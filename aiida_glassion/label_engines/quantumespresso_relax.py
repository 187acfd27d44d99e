"""Relaxation of atoms and cell of a crystal by density functional theory with pw.x."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import Process

from aiida_glassion import units
from aiida_glassion.data.frames import FramesData
from aiida_glassion.label_engines import quantumespresso_inputs as pw

CELL_FREEDOM = {'iso': 'volume', 'aniso': 'xyz', 'tri': 'all'}
"""How the cell may change: name in a schedule, pw.x's ``cell_dofree``."""
_GPA_TO_KBAR = 10.0


def relax_inputs(
    frames: FramesData,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Any],
    pressure: float,
    pressure_tolerance: float,
    coupling: str,
    force_tolerance: float,
    max_steps: int,
) -> tuple[type[Process], dict[str, Any]]:
    """The process that relaxes atoms and cell (``vc-relax``), and its inputs without ``call_link_label``.

    Its output ``output_structure`` is the relaxed crystal. Plane waves are counted for the first cell; pw.x ends with a
    calculation of the last cell by its own plane waves.

    :param frames: one configuration, Å.
    :param settings: of protocol ``label_quantumespresso``.
    :param inputs: of the engine's namespace.
    :param pressure: GPa.
    :param pressure_tolerance: GPa.
    :param coupling: ``iso``, ``aniso`` or ``tri``.
    :param force_tolerance: largest component of a force at which to stop, eV/Å.
    :param max_steps: of atoms and cell.
    """
    namelists = pw.parameters(frames.frames, settings, inputs, calculation='vc-relax')
    per_bohr = units.BOHR_TO_ANGSTROM / units.RYDBERG_TO_EV
    namelists['CONTROL'] |= {
        'nstep': max_steps,
        'forc_conv_thr': force_tolerance * per_bohr,
        'etot_conv_thr': 1e-5 * frames.n_atoms,
    }
    namelists['IONS'] = {'ion_dynamics': 'bfgs'}
    namelists['CELL'] = {
        'cell_dynamics': 'bfgs',
        'press': pressure * _GPA_TO_KBAR,
        'press_conv_thr': pressure_tolerance * _GPA_TO_KBAR,
        'cell_dofree': CELL_FREEDOM[coupling],
    }
    return pw.base_job(frames, settings, inputs, namelists)
