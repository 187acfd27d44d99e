"""Parser of MdCalculation: whatever LAMMPS left is kept, and an exit code says how the run ended."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.calculations.md import LOG_FILE
from aiida_glassion.calculations.md_inputs import (
    deviation_interval,
    deviation_settings,
    restart_point,
    retrieve_settings,
)
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.formats.lammps import deviation as lammps_deviation
from aiida_glassion.formats.lammps import thermo as lammps_thermo
from aiida_glassion.formats.lammps.cell import to_lammps
from aiida_glassion.formats.lammps.deviation import Deviations, OutOfTrust
from aiida_glassion.formats.lammps.dump import read_dump
from aiida_glassion.formats.lammps.log import Log, read_log
from aiida_glassion.formats.lammps.script import (
    ENERGY_UNIT_EV,
    FINAL_FILE,
    STOPPED_RESTART,
    TIME_UNIT_PS,
    RestartPoint,
    frames_file,
    newest_interval_restart,
    stage_end_restart,
)
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.segments import frame_of_step
from aiida_glassion.schedule import Schedule, StagePlan, read_schedule

_DEEPMD_HINTS = {
    "Unrecognized pair style 'deepmd'": 'this LAMMPS cannot run DeePMD models; take the one beside DeePMD-kit',
    'backend plugin': "DeePMD-kit beside this LAMMPS lacks the model's backend; take one that has it",
    'All pair coeffs are not set': "DeePMD-kit's plugin was built for another release of LAMMPS; install both together",
}
_BLOWN_UP = ('lost atoms', 'out of range atoms', 'non-numeric', 'bond atoms', 'too far', 'pressure is too large')


class MdParser(Parser):
    """Read log and binary dumps; every way in which they may be cut ends in an exit code."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        inputs = self.node.inputs
        self.schedule = read_schedule(inputs.schedule.get_dict())
        self.start = restart_point(inputs)
        self.potential = inputs.potential.potential
        self.problems: list[str] = []
        self.frame_steps = np.zeros(0, dtype=np.int64)
        folder = Path(kwargs['retrieved_temporary_folder']) if 'retrieved_temporary_folder' in kwargs else None
        deviations, self.out_of_trust = self._read_deviations(folder)
        if LOG_FILE not in self.retrieved.base.repository.list_object_names():
            self.out('results', orm.Dict({'finished': False, 'last_step': 0}))
            return self.exit_codes.ERROR_LOG_MISSING
        log = read_log(self.retrieved.base.repository.get_object_content(LOG_FILE, mode='rb'))
        first = (self.start.stage, self.start.step) if self.start and not self.start.fresh else (0, 0)
        progress = lammps_thermo.read_progress(log, self.schedule, *first)
        thermo = lammps_thermo.read_thermo(log, self.schedule, self.potential.units)
        if self.out_of_trust is not None:
            progress = self._only_up_to(self.out_of_trust, progress)
            thermo = lammps_deviation.up_to(thermo, self.out_of_trust)
        fault = lammps_thermo.locate_fault(thermo, lammps_thermo.Limits.of(self.schedule))
        self.fault_step = None if fault is None else fault.step

        self.symbols, self.types = self._atoms()
        self._out_thermo(thermo)
        self._out_frames(folder)
        if progress.finished and fault is None and 'trajectory' in self.outputs:
            self._find_missing_frames()
        self._out_deviations(deviations, progress)
        final = self._final(folder) if progress.finished else None
        if final is not None:
            self.out('final', FramesData(frames=final))
        self.out('results', orm.Dict(self._results(log, progress, fault)))
        return self._exit_code(log, progress, fault, final is not None)

    def _read_deviations(self, folder: Path | None) -> tuple[Deviations | None, OutOfTrust | None]:
        """Records of the committee up to where the run left the trusted region, and where that was."""
        path = None if folder is None else folder / lammps_deviation.DEVIATION_FILE
        if 'committee' not in self.node.inputs:
            return None, None
        content = path.read_bytes() if path is not None and path.exists() else b''
        deviations = lammps_deviation.read_deviations(content, self.schedule)
        settings = deviation_settings(self.node.inputs)
        if settings['stop_above'] is None:
            return deviations, None
        end = lammps_deviation.find_out_of_trust(deviations, settings['stop_above'], settings['stop_after'])
        return lammps_deviation.up_to(deviations, end), end

    def _only_up_to(self, end: OutOfTrust, progress: lammps_thermo.Progress) -> lammps_thermo.Progress:
        """Leave aside what LAMMPS did until it was stopped: outputs must not depend on when that was."""
        done = tuple(index for index in progress.done if index < end.stage)
        return replace(progress, stage=end.stage, step=end.step, done=done, finished=False, stopped=False)

    def _out_deviations(self, deviations: Deviations | None, progress: lammps_thermo.Progress) -> None:
        if deviations is None:
            return
        if self.fault_step is not None:  # what comes after depends on when the run was stopped, and teaches nothing
            sound = deviations['step'] < self.fault_step
            deviations = {name: array[sound] for name, array in deviations.items()}
        every = deviation_interval(self.node.inputs, self.schedule)
        begun = self.start.step if self.start is not None and not self.start.fresh else 0
        missing = lammps_deviation.missing_records(deviations, every, begun, progress.step)
        if progress.finished and self.fault_step is None and len(missing):
            self.problems.append(
                f'{lammps_deviation.DEVIATION_FILE}: {len(missing)} records missing from step {missing[0]}'
            )
        if not len(deviations['step']):
            return
        node = orm.ArrayData(deviations | {'frame': frame_of_step(deviations['step'], self.frame_steps)})
        node.base.attributes.set('units', lammps_deviation.UNITS)
        self.out('deviations', node)

    def _atoms(self) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
        frames = as_frames(self.node.inputs.configuration)
        return frames.symbols, frames.types

    def _out_thermo(self, thermo: dict[str, npt.NDArray[Any]]) -> None:
        if not len(thermo['step']):
            return
        node = orm.ArrayData(thermo)
        node.base.attributes.set('units', lammps_thermo.UNITS)
        self.out('thermo', node)

    def _read(self, path: Path, dtype: npt.DTypeLike) -> Frames | None:
        """Frames of one dump file whose atoms are the expected ones; what is wrong goes to ``problems``."""
        dump = read_dump(path, dtype=dtype)
        if not dump.complete:
            self.problems.append(f'{path.name}: {dump.message}')
        if len(dump.steps) == 0:
            return None
        if dump.positions.shape[1] != len(self.symbols) or not np.array_equal(dump.types, self.types):
            self.problems.append(f'{path.name}: its atoms are not those of the configuration')
            return None
        per_ps, energy = TIME_UNIT_PS[self.potential.units], ENERGY_UNIT_EV[self.potential.units]
        good = np.isfinite(dump.positions).all(axis=(1, 2)) & np.isfinite(dump.cells).all(axis=(1, 2))
        for vectors in (dump.velocities, dump.forces):
            if vectors is not None:
                good &= np.isfinite(vectors).all(axis=(1, 2))
        if not good.all():
            self.problems.append(f'{path.name}: {int((~good).sum())} frames hold numbers that are none, left out')
        if not good.any():
            return None
        return Frames(
            symbols=self.symbols,
            positions=dump.positions[good],
            cells=dump.cells[good],
            velocities=None if dump.velocities is None else dump.velocities[good] / dump.velocities.dtype.type(per_ps),
            forces=None if dump.forces is None else dump.forces[good] * dump.forces.dtype.type(energy),
            charges=self._charges(),
            steps=dump.steps[good],
        )

    def _charges(self) -> npt.NDArray[np.float64] | None:
        potential = self.potential
        if potential.atom_style != 'charge':
            return None
        return np.array([potential.charges[symbol] for symbol in self.symbols])

    def _out_frames(self, folder: Path | None) -> None:
        settings = retrieve_settings(self.node.inputs)
        if folder is None or not settings['trajectory']:
            return
        parts: list[Frames] = []
        for plan in self.schedule.plan():
            path = folder / frames_file(plan.index)
            if not path.exists() or (path.stat().st_size == 0 and not self._should_hold_frames(plan)):
                continue
            frames = self._read(path, np.float32 if settings['single_precision'] else np.float64)
            if frames is None or frames.steps is None:
                continue
            last = plan.last if self.out_of_trust is None else min(plan.last, self.out_of_trust.step)
            last = last if self.fault_step is None else min(last, self.fault_step - 1)
            keep = ((frames.steps > plan.first) | (not parts and self.start is None)) & (frames.steps <= last)
            if not keep.any():
                continue
            frames = frames[np.flatnonzero(keep)]
            times = np.array([plan.time_at(int(step)) for step in frames.steps])  # type: ignore[union-attr]
            parts.append(replace(frames, times=times, stages=np.full(len(times), plan.index)))
        if parts:
            joined = Frames.concatenate(parts)
            self.frame_steps = np.asarray(joined.steps)
            self.out('trajectory', FramesData(frames=joined))

    def _find_missing_frames(self) -> None:
        """A dump that was cut between two frames is whole by itself; only the steps tell."""
        begun = self.start.step if self.start is not None and not self.start.fresh else 0
        for plan in self.schedule.plan():
            if plan.frames:
                first = max(begun, plan.first) // plan.frames + 1
                expected = np.arange(first * plan.frames, plan.last + 1, plan.frames)
                missing = np.setdiff1d(expected, self.frame_steps)
                if len(missing):
                    self.problems.append(f'{frames_file(plan.index)}: {len(missing)} frames missing from {missing[0]}')

    def _should_hold_frames(self, plan: StagePlan) -> bool:
        """Whether a multiple of the interval lies in what this job did of a stage."""
        taken_up = self.start is not None and not self.start.fresh and self.start.stage == plan.index
        begun = self.start.step if self.start is not None and taken_up else plan.first
        return plan.frames > 0 and plan.last // plan.frames > (begun - 1) // plan.frames

    def _final(self, folder: Path | None) -> Frames | None:
        path = None if folder is None else folder / FINAL_FILE
        if path is None or not path.exists():
            self.problems.append(f'{FINAL_FILE} is missing')
            return None
        frames = self._read(path, np.float64)
        if frames is None:
            return None
        return replace(frames[-1], times=np.array([self.schedule.duration]), steps=np.array([self.schedule.last_step]))

    def _results(self, log: Log, progress: lammps_thermo.Progress, fault: lammps_thermo.Fault | None) -> dict[str, Any]:
        blocks = [block for block in log.blocks if block.seconds and block.n_steps and block.n_atoms]
        seconds = sum(block.seconds or 0.0 for block in blocks)
        work = sum((block.n_steps or 0) * (block.n_atoms or 0) for block in blocks)
        restart = None if self.out_of_trust else newest_restart(self.schedule, progress, self.start)
        if restart is not None and self.fault_step is not None and restart.step >= self.fault_step:
            restart = None
        frames = as_frames(self.node.inputs.configuration)
        return {
            'finished': progress.finished,
            'stage': progress.stage,
            'last_step': progress.step,
            'steps_wanted': self.schedule.last_step,
            'stages_done': list(progress.done),
            'newest_restart': None if restart is None else asdict(restart),
            'fault': None if fault is None else fault.reason,
            'left_trusted_region': None if self.out_of_trust is None else asdict(self.out_of_trust),
            'loop_seconds': seconds,
            'wall_seconds': log.wall_seconds,
            'atom_steps_per_second': work / seconds if seconds else None,
            'lammps_version': log.version,
            'warnings': list(dict.fromkeys(log.warnings))[:50],
            'errors': list(log.errors),
            'problems': self.problems,
            'cell_rotation': np.round(to_lammps(frames.cells[-1])[1], 12).tolist(),
            'units': {'loop_seconds': 's', 'wall_seconds': 's', 'atom_steps_per_second': '1/s'},
        }

    def _exit_code(
        self, log: Log, progress: lammps_thermo.Progress, fault: lammps_thermo.Fault | None, has_final: bool
    ) -> ExitCode | None:
        codes = self.exit_codes
        named = {'not_a_number': codes.ERROR_NOT_A_NUMBER, 'runaway': codes.ERROR_RUNAWAY}
        if self.out_of_trust is not None and fault is None:
            return codes.ERROR_LEFT_TRUSTED_REGION.format(reason=str(self.out_of_trust))
        where = f'step {progress.step} of {self.schedule.last_step}, stage {progress.stage}'
        for error in log.errors:
            reason = f'{error.splitlines()[0]} ({where})'
            if any(phrase in error.lower() for phrase in _BLOWN_UP):
                return codes.ERROR_LOST_ATOMS.format(reason=reason)
            hints = _DEEPMD_HINTS if self.potential.kind == 'deepmd' else {}
            hint = ''.join(f'. {text}' for phrase, text in hints.items() if phrase in error)
            return codes.ERROR_LAMMPS.format(reason=reason + hint)
        if fault is not None:
            return named[fault.kind].format(reason=fault.reason)
        if progress.finished and (self.problems or not has_final):
            return codes.ERROR_FRAMES_DAMAGED.format(reason='; '.join(self.problems))
        if progress.finished:
            return None
        if progress.stopped:
            return codes.ERROR_STOPPED_AT_WALLTIME.format(reason=where)
        if not log.marks:
            return codes.ERROR_NOT_STARTED.format(reason='see lammps.out and _scheduler-stderr.txt')
        return codes.ERROR_INCOMPLETE.format(reason=f'killed or cut at {where}')


def newest_restart(
    schedule: Schedule, progress: lammps_thermo.Progress, start: RestartPoint | None
) -> RestartPoint | None:
    """The newest restart file that is surely whole, and where to go on from it.

    Files written before the first step of dynamics are left aside: their atoms have no velocities yet, and only a run
    that begins at the beginning draws them.

    :param start: the restart point with which the job itself began.
    """
    plans = schedule.plan()
    if progress.stopped:
        return RestartPoint(STOPPED_RESTART, progress.stage, progress.step)
    if progress.stage in progress.done and progress.step > 0:
        following = min(progress.stage + 1, len(plans) - 1)
        return RestartPoint(stage_end_restart(progress.stage), following, plans[progress.stage].last)
    written = newest_interval_restart(plans[progress.stage], progress.step, progress.begun)
    if written is not None:
        return RestartPoint(written[0], progress.stage, written[1])
    before = progress.stage - 1
    if before in progress.done and plans[before].last > 0:
        return RestartPoint(stage_end_restart(before), progress.stage, plans[before].last)
    return start
