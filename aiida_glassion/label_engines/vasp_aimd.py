"""Short molecular dynamics on density functional forces with VASP: every step is a labelled configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import Process

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines import vasp_inputs
from aiida_glassion.label_engines.vasp import read_steps, workchain_inputs

LARGEST_SEED = 900_000_000
"""Of VASP's RANDOM_SEED."""


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

    Nosé-Hoover thermostat with the mass that VASP finds for a period of 40 steps (SMASS = 0). Velocities are drawn by
    VASP for the temperature. One attempt: a run that was stopped keeps its steps, and no handler starts another.

    :param frames: one configuration, Å.
    :param settings: of protocol ``label_vasp``.
    :param inputs: of the engine's namespace.
    :param temperature: K.
    :param n_steps: number of configurations that get labels; the first is the one given.
    :param dt: time step, fs.
    :param seed: of the velocities.
    :raises ValueError: a setting that makes no sense.
    """
    incar = vasp_inputs.incar(frames.frames.sorted_by_element().symbols, settings) | {
        'ibrion': 0,
        'nsw': int(n_steps),
        'potim': float(dt),
        'tebeg': float(temperature),
        'teend': float(temperature),
        'mdalgo': 2,
        'smass': 0,
        'random_seed': f'{int(seed) % LARGEST_SEED} 0 0',
    }
    return workchain_inputs(frames, incar, settings, inputs, attempts=1)


def read_aimd(frames: Frames, outputs: Mapping[str, orm.Data], settings: Mapping[str, Any]) -> list[Frames]:
    """Labelled configurations of a run, one frame each, in their order; none where it left nothing usable.

    Steps whose SCF did not converge, or that lack forces or stress, are left out; a run that was stopped gives the
    complete steps before. The energy is the potential energy (free energy of the electrons), without that of the
    motion. Moments of the sites are not kept: VASP prints them for the last step only.

    :param frames: the configuration that it began from.
    :param outputs: see :meth:`vasp.Engine.outputs`.
    """
    steps, _ = read_steps(frames, outputs)
    return [step for step in steps if step.forces is not None and step.virials is not None]
