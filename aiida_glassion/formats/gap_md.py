"""Files of a GAP's molecular dynamics (scripts/gap_md.py): stages in numbers, records of frames, lines of output."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.frames import Frames
from aiida_glassion.schedule import Deform, Minimise, Ramp, Schedule, Strain, Timeless

SETTINGS_FILE, START_FILE = 'settings.json', 'start.npz'
FRAMES_FILE, THERMO_FILE, FINAL_FILE = 'frames.bin', 'thermo.jsonl', 'final.npz'
ENSEMBLES = ('nve', 'nvt', 'langevin')
_HEAD = 3


def unsupported(schedule: Schedule) -> str | None:
    """What this dynamics cannot do of a schedule; None: it can do it all."""
    for plan in schedule.plan():
        stage, where = plan.stage, f'schedule: stages.{plan.index} ({plan.stage.name})'
        if getattr(stage, 'frozen', False):
            return f'{where}: frozen atoms are not possible here'
        if isinstance(stage, Minimise):
            if stage.pressure is not None:
                return f'{where}: a minimisation of the cell is not possible here; leave the pressure out'
            continue
        if isinstance(stage, Deform | Strain):
            return f'{where}: {stage.kind} is not possible here, only minimise, hold and ramp'
        if stage.ensemble not in ENSEMBLES:
            return f'{where}: ensemble {stage.ensemble} is not possible here; expected one of {", ".join(ENSEMBLES)}'
        if stage.max_displacement is not None:
            return f'{where}: max_displacement is not possible here; minimise first'
    return None


def write_settings(schedule: Schedule, seed: int, highest_temperature: float) -> str:
    """Settings of the script: every stage in integration steps.

    :param highest_temperature: beyond it the run has exploded and is stopped, K.
    """
    stages: list[dict[str, Any]] = []
    for plan in schedule.plan():
        stage = plan.stage
        common = {'index': plan.index, 'first': plan.first, 'last': plan.last, 'timestep': plan.timestep}
        if isinstance(stage, Minimise):
            limits = {'force_tolerance': stage.force_tolerance, 'max_steps': stage.max_steps}
            stages.append({'kind': 'minimise', **common, **limits})
            continue
        if isinstance(stage, Timeless):
            raise ValueError(f'stage {plan.index} ({stage.name}): {stage.kind} is not possible here')
        stages.append(
            {
                'kind': 'dynamics',
                **common,
                'time': plan.time,
                'ensemble': stage.ensemble,
                'temperature': stage.temperature,
                'temperature_end': stage.temperature_end if isinstance(stage, Ramp) else stage.temperature,
                'damping': stage.temperature_damping,
                'thermo': plan.thermo,
                'frames': plan.frames,
            }
        )
    return json.dumps({'seed': seed, 'highest_temperature': highest_temperature, 'stages': stages}, indent=1)


def write_start(frames: Frames, velocities: bool) -> bytes:
    """The last frame as the script reads it.

    :param velocities: hand its velocities over.
    """
    from ase.data import atomic_numbers

    arrays: dict[str, Any] = {
        'numbers': np.array([atomic_numbers[symbol] for symbol in frames.symbols]),
        'positions': np.asarray(frames.positions[-1], dtype=float),
        'cell': np.asarray(frames.cells[-1], dtype=float),
    }
    if velocities and frames.velocities is not None:
        arrays['velocities'] = np.asarray(frames.velocities[-1], dtype=float)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def read_frames(content: bytes, start: Frames, schedule: Schedule) -> tuple[Frames | None, str]:
    """Every whole record.

    :param content: of the file, maybe cut.
    :param start: the configuration that the run began from: its atoms and its cell.
    :returns: frames with energies (eV), forces (eV/Å), velocities (Å/ps), steps, times (ps) and stages; what is wrong.
    """
    width = _HEAD + 9 * start.n_atoms
    numbers = np.frombuffer(content[: len(content) // 8 * 8], dtype='<f8')
    whole = len(numbers) // width
    wrong = '' if len(content) == whole * width * 8 else 'the last frame is cut'
    table = numbers[: whole * width].reshape(whole, width)
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        wrong = f'{int((~finite).sum())} frames hold numbers that are none, left out'
    table = table[finite]
    if not len(table):
        return None, wrong
    positions, velocities, forces = np.moveaxis(table[:, _HEAD:].reshape(len(table), 3, -1, 3), 1, 0)
    steps, stages = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    plans = schedule.plan()
    return Frames(
        symbols=start.symbols,
        positions=positions,
        cells=np.repeat(start.cells[-1:], len(table), axis=0),
        velocities=velocities,
        forces=forces,
        energies=table[:, 2],
        steps=steps,
        times=np.array([plans[stage].time_at(int(step)) for step, stage in zip(steps, stages, strict=True)]),
        stages=stages,
    ), wrong


def read_final(content: bytes, start: Frames, schedule: Schedule) -> Frames:
    """The last configuration.

    :raises ValueError: it is cut, or not finite.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name][None] for name in ('positions', 'velocities')}
    except (OSError, KeyError, EOFError) as error:
        raise ValueError(f'{FINAL_FILE} cannot be read: {error}') from error
    return Frames(
        start.symbols,
        found['positions'],
        start.cells[-1:],
        velocities=found['velocities'],
        times=np.array([schedule.duration]),
        steps=np.array([schedule.last_step]),
    )


@dataclass
class Progress:
    """How far a run came.

    :param head: versions, by program.
    :param rows: thermodynamic output, a line each.
    :param begun: stages begun. :param done: stages done.
    :param seconds: of the stages done.
    :param finished: it came to its end. :param ran_away: it was stopped because it exploded.
    """

    head: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    seconds: float = 0.0
    finished: bool = False
    ran_away: bool = False

    @property
    def last_step(self) -> int:
        """The last step of which is known that it was made."""
        return int(self.rows[-1]['step']) if self.rows else 0

    def thermo(self) -> dict[str, npt.NDArray[Any]]:
        """Thermodynamic output as arrays, as :mod:`aiida_glassion.formats.lammps.thermo` names them."""
        arrays = {name: np.array([row[name] for row in self.rows]) for name in (self.rows[0] if self.rows else ())}
        return {**arrays, 'iteration': np.zeros(len(self.rows), dtype=np.int64)} if arrays else {}


def read_progress(text: str) -> Progress:
    """Read the lines that the script wrote; a last line that is cut is left aside."""
    progress = Progress()
    for line in text.splitlines():
        try:
            content: Mapping[str, Any] = json.loads(line)
        except ValueError:
            continue
        if 'ase' in content:
            progress.head = dict(content)
        elif 'step' in content:
            progress.rows.append(dict(content))
        elif 'begun' in content:
            progress.begun.append(int(content['begun']))
        elif 'done' in content:
            progress.done.append(int(content['done']))
            progress.seconds += float(content['seconds'])
        progress.finished |= bool(content.get('finished'))
        progress.ran_away |= 'ran_away' in content
    return progress


def densities(volume: npt.NDArray[Any], start: Frames) -> npt.NDArray[Any]:
    """Mass density, g/cm³, of volumes in Å³."""
    found: npt.NDArray[Any] = start.masses.sum() / volume * units.AMU_PER_ANGSTROM3_TO_G_PER_CM3
    return found
