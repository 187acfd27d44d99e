"""Parser of GapMdCalculation: whatever the run left is kept, and an exit code says how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.formats.gap_md import (
    FINAL_FILE,
    FRAMES_FILE,
    THERMO_FILE,
    Progress,
    densities,
    read_final,
    read_frames,
    read_progress,
)
from aiida_glassion.formats.lammps.thermo import UNITS, Limits, find_fault
from aiida_glassion.schedule import read_schedule


class GapMdParser(Parser):
    """Read records and lines as far as they are whole."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        folder = Path(kwargs['retrieved_temporary_folder']) if 'retrieved_temporary_folder' in kwargs else None
        self.schedule = read_schedule(self.node.inputs.schedule.get_dict())
        self.start = as_frames(self.node.inputs.configuration)
        self.problems: list[str] = []
        progress = read_progress(self._text(THERMO_FILE))
        thermo = progress.thermo()
        if thermo:
            thermo['density'] = densities(thermo['volume'], self.start)
            node = orm.ArrayData(thermo)
            node.base.attributes.set('units', {name: UNITS[name] for name in thermo})
            self.out('thermo', node)
        self._out_frames(folder)
        has_final = progress.finished and self._out_final(folder)
        fault = find_fault(thermo, Limits.of(self.schedule)) if thermo else None
        self.out('results', orm.Dict(self._results(progress, fault)))
        return self._exit_code(progress, fault, has_final)

    def _text(self, name: str) -> str:
        if name not in self.retrieved.base.repository.list_object_names():
            return ''
        content: bytes = self.retrieved.base.repository.get_object_content(name, mode='rb')
        return content.decode('utf-8', 'replace')

    def _out_frames(self, folder: Path | None) -> None:
        path = None if folder is None else folder / FRAMES_FILE
        if path is None or not path.is_file() or not path.stat().st_size:
            return
        frames, wrong = read_frames(path.read_bytes(), self.start, self.schedule)
        if wrong:
            self.problems.append(wrong)
        if frames is not None:
            self.out('trajectory', FramesData(frames=frames))

    def _out_final(self, folder: Path | None) -> bool:
        path = None if folder is None else folder / FINAL_FILE
        if path is None or not path.is_file():
            self.problems.append(f'{FINAL_FILE} is missing')
            return False
        try:
            self.out('final', FramesData(frames=read_final(path.read_bytes(), self.start, self.schedule)))
        except ValueError as error:
            self.problems.append(str(error))
            return False
        return True

    def _results(self, progress: Progress, fault: tuple[str, str] | None) -> dict[str, Any]:
        steps = sum(plan.steps for plan in self.schedule.plan() if plan.index in progress.done)
        speed = steps * self.start.n_atoms / progress.seconds if progress.seconds else None
        return {
            'finished': progress.finished,
            'stage': progress.begun[-1] if progress.begun else 0,
            'last_step': progress.last_step,
            'steps_wanted': self.schedule.last_step,
            'stages_done': progress.done,
            'fault': None if fault is None else fault[1],
            'loop_seconds': progress.seconds,
            'atom_steps_per_second': speed,
            'ase_version': progress.head.get('ase'),
            'quippy_version': progress.head.get('quippy'),
            'problems': self.problems,
            'units': {'loop_seconds': 's', 'atom_steps_per_second': '1/s'},
        }

    def _exit_code(self, progress: Progress, fault: tuple[str, str] | None, has_final: bool) -> ExitCode | None:
        codes = self.exit_codes
        where = f'step {progress.last_step} of {self.schedule.last_step}'
        said = self._text(self.node.get_option('output_filename'))
        last = (said.strip().splitlines() or [''])[-1][:300]
        if not progress.head:
            return codes.ERROR_NOT_STARTED.format(reason=last) if last else codes.ERROR_LOG_MISSING
        if fault is not None:
            named = {'not_a_number': codes.ERROR_NOT_A_NUMBER, 'runaway': codes.ERROR_RUNAWAY}
            return named[fault[0]].format(reason=fault[1])
        if progress.finished and (self.problems or not has_final):
            return codes.ERROR_FRAMES_DAMAGED.format(reason='; '.join(self.problems))
        if progress.finished:
            return None
        why = f'{last} ({where})' if 'Error' in last else f'killed or cut at {where}'
        return codes.ERROR_INCOMPLETE.format(reason=why)
