"""Short molecular dynamics on density functional forces with pw.x: every step is a labelled configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import Process

from aiida_glassion import units
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import FloatArray, Frames
from aiida_glassion.label_engines import quantumespresso_inputs as pw
from aiida_glassion.label_engines.quantumespresso import labelled, wrong_atoms

_ROOT_EV_PER_AMU = math.sqrt(units.EV_TO_JOULE / (units.AMU_TO_GRAM * 1e-3)) * 1e10 * 1e-12
"""√(eV/amu) in Å/ps (98.23)."""


def aimd_inputs(
    frames: FramesData,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Any],
    temperature: float,
    n_steps: int,
    dt: float,
    seed: int = 1,
) -> tuple[type[Process], dict[str, Any]]:
    """The process that runs dynamics at constant volume and temperature, and its inputs without ``call_link_label``.

    Velocities are rescaled to the temperature every second step. They begin as those of the frame, or else as drawn
    for the temperature with the seed; pw.x's own draw has no seed, and gives every run the same.

    :param frames: one configuration, Å.
    :param settings: of protocol ``label_quantumespresso``.
    :param inputs: of the engine's namespace.
    :param temperature: K.
    :param n_steps: number of configurations that get labels; the first is the one given.
    :param dt: time step, fs.
    :param seed: of the velocities.
    :raises ValueError: see :func:`quantumespresso_inputs.cutoffs`.
    """
    start = frames.frames
    velocities = draw_velocities(start, temperature, seed) if start.velocities is None else start.velocities[0]
    namelists = pw.parameters(start, settings, inputs, calculation='md')
    namelists['CONTROL'] |= {'nstep': n_steps, 'dt': dt * units.FS_TO_PS / units.RYDBERG_TIME_TO_PS}
    namelists['IONS'] = {
        'ion_dynamics': 'verlet',
        'ion_velocities': 'from_input',
        'ion_temperature': 'rescale-v',
        'tempw': float(temperature),
        'nraise': 2,  # with 1, pw.x 6.7 rescales before it has a temperature, and gets NaN
        'pot_extrapolation': 'atomic',
        'wfc_extrapolation': 'none',
        'refold_pos': False,
    }
    in_rydberg_units = velocities / units.BOHR_TO_ANGSTROM * units.RYDBERG_TIME_TO_PS
    return pw.base_job(frames, settings, inputs, namelists, {'ATOMIC_VELOCITIES': in_rydberg_units.tolist()})


def draw_velocities(frames: Frames, temperature: float, seed: int) -> FloatArray:
    """Velocities of the Maxwell-Boltzmann distribution without drift, (n_atoms, 3), Å/ps.

    Scaled so that the kinetic energy is exactly (3N − 3) kT/2.

    :param temperature: K.
    """
    masses = frames.masses[:, None]
    velocities = np.random.default_rng(seed).normal(size=(frames.n_atoms, 3)) / np.sqrt(masses)
    velocities -= (masses * velocities).sum(axis=0) / masses.sum()
    twice_kinetic = (masses * velocities**2).sum()
    if twice_kinetic == 0:
        return np.zeros((frames.n_atoms, 3))
    wanted = 3 * (frames.n_atoms - 1) * units.KB_EV_PER_K * temperature
    scaled: FloatArray = velocities * math.sqrt(wanted / twice_kinetic) * _ROOT_EV_PER_AMU
    return scaled


def read_aimd(frames: Frames, outputs: Mapping[str, orm.Data], settings: Mapping[str, Any]) -> list[Frames]:
    """Labelled configurations of a run, one frame each, as many as it completed; none where it left nothing usable.

    A run that was stopped gives the steps before. pw.x goes on only from a converged SCF.

    :param frames: the configuration that it began from.
    :param outputs: see :meth:`quantumespresso.Engine.outputs`.
    """
    trajectory = outputs.get('output_trajectory')
    if not isinstance(trajectory, orm.TrajectoryData) or wrong_atoms(frames, trajectory):
        return []
    arrays = {name: trajectory.get_array(name) for name in trajectory.get_arraynames()}
    if settings['nspin'] == 2:
        arrays['atomic_magnetic_moments'] = _converged(
            arrays.get('atomic_magnetic_moments', ()), len(arrays.get('energy', ()))
        )
    needed = ['positions', 'energy', 'forces', 'stress', *(['atomic_magnetic_moments'] * (settings['nspin'] == 2))]
    complete = min(len(arrays.get(name, ())) for name in needed)
    iterations = arrays.get('scf_iterations', np.zeros(complete))
    found = []
    for step in range(complete):
        if step < len(iterations) and iterations[step] >= settings['electron_maxstep']:
            continue
        positions = np.asarray(arrays['positions'][step], dtype=float)[None]
        place = Frames(frames.symbols, positions, frames.cells[:1], frames.pbc)
        try:
            found.append(labelled(place, arrays, step, settings))
        except ValueError:
            break
    return found


def _converged(moments: Any, n_steps: int) -> Any:
    """The last moments of each step: pw.x may print them at the beginning of an SCF too; none where that is unclear."""
    each, rest = divmod(len(moments), max(n_steps, 1))
    return moments[each - 1 :: each] if each and not rest else ()
