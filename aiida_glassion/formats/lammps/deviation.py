"""What ``pair_style deepmd`` writes about the disagreement of a committee of models during a run.

Every line of ``model_devi.out`` has the integration step and largest, smallest and mean deviation of the virial and of
the forces. The file has no word on stages; a line is written at each multiple of the interval, also when a run command
begins, so the step between two stages comes twice. A minimiser writes at each of its force evaluations; its steps are
counted from :data:`~aiida_glassion.formats.lammps.script.MINIMISER_STEPS`, by which they are known. A job that reads a
restart file writes no header. Each job has a file of its own, with the steps of that job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.formats.lammps.script import MINIMISER_STEPS
from aiida_glassion.schedule import Schedule, Timeless

DEVIATION_FILE = 'model_devi.out'
UNITS = {
    'step': '1',
    'stage': '1',
    'time': 'ps',
    'frame': '1',
    'max_force_deviation': 'eV/Å',
    'min_force_deviation': 'eV/Å',
    'mean_force_deviation': 'eV/Å',
    'max_virial_deviation': 'eV/atom',
    'min_virial_deviation': 'eV/atom',
    'mean_virial_deviation': 'eV/atom',
}
"""Name and unit of every array. ``frame`` is the index in the trajectory, -1 where no frame was stored at that step."""
_COLUMNS = (
    'max_virial_deviation', 'min_virial_deviation', 'mean_virial_deviation',
    'max_force_deviation', 'min_force_deviation', 'mean_force_deviation',
)  # fmt: skip

Deviations = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class OutOfTrust:
    """Where a run left the region in which the committee agrees.

    :param step: integration step of the record that completed the row.
    :param stage: its stage.
    :param records: how many records in a row were above the level.
    :param deviation: largest force deviation of that record, eV/Å.
    :param level: eV/Å.
    """

    step: int
    stage: int
    records: int
    deviation: float
    level: float

    def __str__(self) -> str:
        return (
            f'the largest force deviation stayed above {self.level:g} eV/Å for {self.records} records, '
            f'{self.deviation:.3g} eV/Å at step {self.step}'
        )


def interval_in_steps(schedule: Schedule, every: float) -> int:
    """Steps between two records, one number for all stages.

    :param every: ps, with the schedule's own timestep; a stage with another timestep keeps the number of steps.
    :raises ValueError: not a whole number of timesteps, or the frames of a stage do not fall on records.
    """
    timestep = schedule.timestep * units.FS_TO_PS
    steps = round(every / timestep)
    if steps < 1 or abs(steps * timestep - every) > 1e-6 * every:
        raise ValueError(f'{every:g} ps is not a whole number of timesteps of {schedule.timestep:g} fs')
    for plan in schedule.plan():
        if isinstance(plan.stage, Timeless) or plan.frames == 0:
            continue
        interval = schedule.frames_every if plan.stage.frames_every is None else plan.stage.frames_every
        exact = interval / (plan.timestep * units.FS_TO_PS)
        if abs(exact - plan.frames) > 1e-6 * exact or (plan.frames % steps and steps % plan.frames):
            raise ValueError(
                f'{every:g} ps are {steps} steps, but stage {plan.index} ({plan.stage.name}) stores a frame every '
                f'{interval:g} ps, which are {exact:g} steps: one must be a whole multiple of the other, so that a '
                'frame has its deviation'
            )
    return steps


def read_deviations(content: bytes, schedule: Schedule) -> Deviations:
    """Records of the dynamic stages, each step once, in order; never raises, however the file was cut.

    A line without its newline, of another number of columns, or with a word that is no number is left out; nan is kept.
    Of the records of one step the first counts: a boundary belongs to the stage that it ends.

    :param content: the file.
    :returns: arrays named as in :data:`UNITS`, all but ``frame``; of length 0 where nothing was written.
    """
    rows = [row for row in map(_row, content[: content.rfind(b'\n') + 1].splitlines()) if row is not None]
    table = np.array(rows, dtype=float).reshape(len(rows), 1 + len(_COLUMNS))
    dynamic = [plan for plan in schedule.plan() if not isinstance(plan.stage, Timeless)]
    table = table[(len(dynamic) > 0) & (table[:, 0] < MINIMISER_STEPS) & (table[:, 0] <= schedule.last_step)]
    steps, first = np.unique(table[:, 0].astype(np.int64), return_index=True)
    owner = np.searchsorted([plan.last for plan in dynamic], steps)
    return {
        'step': steps,
        'stage': np.array([dynamic[i].index for i in owner], dtype=np.int64),
        'time': np.array([dynamic[i].time_at(int(step)) for i, step in zip(owner, steps, strict=True)], dtype=float),
        **{name: table[first, column] for column, name in enumerate(_COLUMNS, start=1)},
    }


def _row(line: bytes) -> list[float] | None:
    words = line.split()
    if len(words) != 1 + len(_COLUMNS) or not words[0].isdigit() or len(words[0]) > 18:
        return None
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def find_out_of_trust(deviations: Deviations, level: float, records: int) -> OutOfTrust | None:
    """The first record that completes a row of records above a level; nan counts as above.

    :param level: of the largest force deviation, eV/Å.
    :param records: length of the row.
    """
    above = ~(deviations['max_force_deviation'] <= level)
    in_a_row = 0
    for index, is_above in enumerate(above):
        in_a_row = in_a_row + 1 if is_above else 0
        if in_a_row == records:
            step, stage = int(deviations['step'][index]), int(deviations['stage'][index])
            return OutOfTrust(step, stage, records, float(deviations['max_force_deviation'][index]), level)
    return None


def up_to(arrays: Deviations, end: OutOfTrust | None) -> Deviations:
    """Rows of a table with ``step`` and ``stage`` up to where trust ended, all of them for None."""
    if end is None:
        return arrays
    keep = (arrays['step'] <= end.step) & (arrays['stage'] <= end.stage)
    return {name: array[keep] for name, array in arrays.items()}


def missing_records(deviations: Deviations, every: int, first: int, last: int) -> npt.NDArray[np.int64]:
    """Steps of which a record ought to be there but is not.

    :param every: steps between two records.
    :param first: step at which the job began.
    :param last: step that it reached.
    """
    expected = np.arange(-(-first // every) * every, last + 1, every)
    return np.setdiff1d(expected, deviations['step'])
