"""Parser of LammpsLabelCalculation: every frame whose label is whole is kept, however the job ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.calculations.md import LOG_FILE
from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.lammps.label_script import FORCES_FILE, LABELS_FILE, LabelledByLammps, read_labels
from aiida_glassion.formats.lammps.log import Log, read_log
from aiida_glassion.frames import Frames

_BLOWN_UP = ('lost atoms', 'out of range atoms', 'non-numeric', 'pair distance')


class LammpsLabelParser(Parser):
    """Read the labels and the log; every way in which they may be cut ends in an exit code."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        frames = self.node.inputs.frames.frames
        names = self.retrieved.base.repository.list_object_names()
        content = self.retrieved.base.repository.get_object_content(LOG_FILE, mode='rb') if LOG_FILE in names else b''
        log = read_log(content)
        found = self._labels(frames, kwargs.get('retrieved_temporary_folder'))
        if found.indices:
            self.out('labels', FramesData(frames=_labelled(frames, found)))
        self.out('results', orm.Dict(_results(frames, found, log)))
        return self._exit_code(frames, found, log, LOG_FILE in names)

    def _labels(self, frames: Frames, folder: str | None) -> LabelledByLammps:
        labels = None if folder is None else Path(folder) / LABELS_FILE
        if folder is None or labels is None or not labels.exists():
            return LabelledByLammps()
        forces = Path(folder) / FORCES_FILE
        text = labels.read_text(encoding='ascii', errors='replace')
        units = self.node.inputs.potential.potential.units
        return read_labels(frames, text, forces if forces.exists() else None, units)

    def _exit_code(self, frames: Frames, found: LabelledByLammps, log: Log, has_log: bool) -> ExitCode | None:
        codes = self.exit_codes
        done = len(found.indices) + len(found.not_finite)
        where = f'{done} of {frames.n_frames} frames done'
        for error in log.errors:
            reason = f'{error.splitlines()[0]} ({where})'
            if any(phrase in error.lower() for phrase in _BLOWN_UP):
                return codes.ERROR_LOST_ATOMS.format(reason=reason)
            return codes.ERROR_LAMMPS.format(reason=reason)
        if done == frames.n_frames:
            return None
        if not has_log:
            return codes.ERROR_LOG_MISSING
        if not done:
            return codes.ERROR_NOT_STARTED.format(reason=found.damage or 'see lammps.out and _scheduler-stderr.txt')
        return codes.ERROR_INCOMPLETE.format(reason=f'{where}{"; " if found.damage else ""}{found.damage}')


def _labelled(frames: Frames, found: LabelledByLammps) -> Frames:
    return Frames(
        symbols=frames.symbols,
        positions=frames.positions[found.indices],
        cells=frames.cells[found.indices],
        pbc=frames.pbc,
        energies=np.array(found.energies),
        forces=np.array(found.forces),
        virials=np.array(found.virials),
        steps=np.array(found.indices, dtype=np.int64),
    )


def _results(frames: Frames, found: LabelledByLammps, log: Log) -> dict[str, Any]:
    refused = [
        {'index': index, 'kind': 'not_finite', 'reason': f'LAMMPS computed {what}'}
        for index, what in sorted(found.not_finite.items())
    ]
    return {
        'frames': frames.n_frames,
        'labelled': len(found.indices),
        'refused': refused,
        'problem': found.damage,
        'lammps_version': log.version,
        'wall_seconds': log.wall_seconds,
        'warnings': list(dict.fromkeys(log.warnings))[:20],
        'errors': list(log.errors),
        'units': {'wall_seconds': 's'},
    }
