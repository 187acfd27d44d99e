"""Parser of AseLabelCalculation: every frame whose line is whole is kept, however the job ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.calculations.label_ase import LABELS_FILE
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames

_ARRAYS = {'energy': 'energies', 'forces': 'forces', 'virial': 'virials', 'magnetisations': 'magnetisations'}


class AseLabelParser(Parser):
    """Read the lines that the script wrote; a broken last one is left out."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        frames = self.node.inputs.frames.frames
        folder = kwargs.get('retrieved_temporary_folder')
        path = None if folder is None else Path(folder) / LABELS_FILE
        lines = read_lines(path.read_bytes()) if path is not None and path.exists() else []
        versions: dict[str, Any] = next((line for line in lines if 'ase' in line), {})
        rows, refused = sort_lines(frames, lines)
        if rows:
            self.out('labels', FramesData(frames=labelled_frames(frames, rows)))
        results = {
            'frames': frames.n_frames,
            'labelled': len(rows),
            'refused': refused,
            'versions': {key: versions[key] for key in ('python', 'ase', 'module') if key in versions},
        }
        self.out('results', orm.Dict(results))
        done = len(rows) + len(refused)
        where = f'{done} of {frames.n_frames} frames done'
        if done < frames.n_frames:
            code = self.exit_codes.ERROR_INCOMPLETE if done else self.exit_codes.ERROR_NOT_STARTED
            return code.format(reason=where if done else self._last_words())
        if not rows:
            return self.exit_codes.ERROR_CALCULATOR.format(reason=refused[0]['reason'])
        return None

    def _last_words(self) -> str:
        """The last line that the script printed: the error that ended it."""
        names = self.retrieved.base.repository.list_object_names()
        for name in (self.node.get_option('output_filename'), self.node.get_option('scheduler_stderr')):
            if name in names:
                content = self.retrieved.base.repository.get_object_content(name, mode='rb')
                lines = content.decode('utf-8', 'replace').strip().splitlines()
                if lines:
                    return str(lines[-1])[:500]
        return 'the job left no word'


def read_lines(content: bytes) -> list[dict[str, Any]]:
    """Every whole line of JSON that holds a mapping; NaN and infinity are numbers there."""
    found = []
    for line in content.decode('utf-8', 'replace').splitlines(keepends=True):
        if not line.endswith('\n'):
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def sort_lines(frames: Frames, lines: list[dict[str, Any]]) -> tuple[dict[int, dict[str, Any]], list[dict[str, Any]]]:
    """Labels as arrays by index of the frame, and the frames that were refused, with kind and reason."""
    rows: dict[int, dict[str, Any]] = {}
    refused = []
    for line in lines:
        index = line.get('index')
        if not isinstance(index, int) or not 0 <= index < frames.n_frames:
            continue
        if 'error' in line:
            refused.append({'index': index, 'kind': 'missing', 'reason': f'the calculator raised {line["error"]}'})
            continue
        arrays = _as_arrays(line, frames.n_atoms)
        if arrays is None:
            reason = 'the calculator gave labels of another shape'
            refused.append({'index': index, 'kind': 'missing', 'reason': reason})
        elif not all(np.isfinite(values).all() for values in arrays.values()):
            wrong = ', '.join(name for name, values in arrays.items() if not np.isfinite(values).all())
            reason = f'the calculator gave numbers that are none: {wrong}'
            refused.append({'index': index, 'kind': 'not_finite', 'reason': reason})
        else:
            rows[index] = arrays
    given = {name for arrays in rows.values() for name in arrays}
    for index in [index for index, arrays in rows.items() if set(arrays) != given]:
        lacking = ', '.join(sorted(given - set(rows.pop(index))))
        refused.append({'index': index, 'kind': 'missing', 'reason': f'no {lacking}, which other frames have'})
    return rows, refused


def _as_arrays(line: dict[str, Any], n_atoms: int) -> dict[str, Any] | None:
    shapes = {'energy': (), 'forces': (n_atoms, 3), 'virial': (3, 3), 'magnetisations': (n_atoms,)}
    try:
        arrays = {name: np.array(line[name], dtype=float) for name in shapes if name in line}
    except (TypeError, ValueError):
        return None
    fits = all(arrays[name].shape == shapes[name] for name in arrays)
    return arrays if fits and {'energy', 'forces'} <= set(arrays) else None


def labelled_frames(frames: Frames, rows: dict[int, dict[str, Any]]) -> Frames:
    """The frames that have labels, all of them the same ones."""
    indices = sorted(rows)
    return Frames(
        symbols=frames.symbols,
        positions=frames.positions[indices],
        cells=frames.cells[indices],
        pbc=frames.pbc,
        steps=np.array(indices, dtype=np.int64),
        **{_ARRAYS[name]: np.array([rows[index][name] for index in indices]) for name in rows[indices[0]]},
    )
