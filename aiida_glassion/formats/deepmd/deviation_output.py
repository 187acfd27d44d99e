"""Output of ``dp model-devi``: how far the models of a committee disagree, frame by frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

UNITS = {
    **{f'{which}_force_deviation': 'eV/Å' for which in ('max', 'min', 'mean')},
    **{f'{which}_virial_deviation': 'eV/atom' for which in ('max', 'min', 'mean')},
    'energy_deviation': 'eV/atom',
    'frame': '1',
}
_COLUMNS = {
    'max_devi_v': 'max_virial_deviation',
    'min_devi_v': 'min_virial_deviation',
    'avg_devi_v': 'mean_virial_deviation',
    'max_devi_f': 'max_force_deviation',
    'min_devi_f': 'min_force_deviation',
    'avg_devi_f': 'mean_force_deviation',
    'devi_e': 'energy_deviation',
}


def read_deviations(text: str) -> dict[str, dict[str, npt.NDArray[np.generic]]]:
    """Read the deviations of each system, whole lines only.

    :param text: content of the file: for each system a line with its path, one with the columns, one for each frame.
    :returns: system -> ``frame`` (from 0) and the columns named in :data:`UNITS`.
    """
    found: dict[str, dict[str, npt.NDArray[np.generic]]] = {}
    system = ''
    columns: list[str] = []
    rows: list[list[float]] = []

    def keep() -> None:
        if system and columns and rows:
            table = np.array(rows)
            named: dict[str, npt.NDArray[np.generic]] = {'frame': table[:, 0].astype(np.int64)}
            for index, column in enumerate(columns[1:], start=1):
                if column in _COLUMNS:
                    named[_COLUMNS[column]] = table[:, index].copy()
            found[system] = named

    for line in text.splitlines(keepends=True):
        words = line.split()
        if line.startswith('#'):
            if len(words) > 1 and words[1] == 'step':
                columns = words[1:]
            else:
                keep()
                system, columns, rows = line[1:].strip(), [], []
        elif len(words) == len(columns) and line.endswith('\n'):
            try:
                rows.append([float(word) for word in words])
            except ValueError:
                continue
    keep()
    return found
