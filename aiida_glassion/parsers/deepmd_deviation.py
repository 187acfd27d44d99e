"""Parser of DeepmdDeviationCalculation: one row for each frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.calculations.deepmd_deviation import DEVIATION_FILE, FRAMES_FOLDER, LOG_FILE
from aiida_glassion.calculations.deepmd_inputs import namespace_of
from aiida_glassion.formats.deepmd.deviation_output import UNITS, read_deviations
from aiida_glassion.formats.deepmd.log import read_log


class DeepmdDeviationParser(Parser):
    """Read the output of ``dp model-devi``; whatever is missing ends in an exit code, what is there is kept."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        codes = self.exit_codes
        n_models = len(namespace_of(self.node.inputs, 'potentials'))
        try:
            text = self.retrieved.base.repository.get_object_content(LOG_FILE, mode='rb').decode('utf-8', 'replace')
        except OSError:
            self.out('results', orm.Dict({'n_models': n_models}))
            return codes.ERROR_LOG_MISSING
        path = Path(kwargs.get('retrieved_temporary_folder', '.')) / DEVIATION_FILE
        tables = read_deviations(path.read_text(errors='replace')) if path.is_file() else {}
        frames = namespace_of(self.node.inputs, 'frames')
        found = {name: tables[key] for name in sorted(frames) if (key := f'{FRAMES_FOLDER}/{name}') in tables}
        if found:
            self._out_deviations(found)
        results = {name: _summary(table) for name, table in found.items()}
        units = {'max': 'eV/Å', 'median': 'eV/Å', 'quantile_95': 'eV/Å'}
        self.out('results', orm.Dict({'n_models': n_models, 'frames': results, 'units': units}))
        log = read_log(text)
        missing = [n for n, node in frames.items() if n not in found or len(found[n]['frame']) != node.n_frames]
        if missing and log.no_backend:
            return codes.ERROR_BACKEND_MISSING.format(reason=log.no_backend)
        if missing and log.out_of_memory:
            return codes.ERROR_OUT_OF_MEMORY.format(reason=log.out_of_memory)
        if missing and log.error:
            return codes.ERROR_DEEPMD.format(reason=log.error)
        if missing:
            return codes.ERROR_INCOMPLETE.format(reason=f'not all frames of {", ".join(sorted(missing))}')
        bad = [name for name, table in found.items() if not np.isfinite(table['max_force_deviation']).all()]
        if bad:
            return codes.ERROR_NOT_A_NUMBER.format(reason=f'in frames of {", ".join(bad)}')
        return None

    def _out_deviations(self, found: dict[str, dict[str, npt.NDArray[Any]]]) -> None:
        tables = list(found.values())
        arrays: dict[str, npt.NDArray[Any]] = {
            'source': np.repeat(np.arange(len(tables)), [len(table['frame']) for table in tables])
        }
        for name in UNITS:
            if all(name in table for table in tables):
                arrays[name] = np.concatenate([table[name] for table in tables])
        node = orm.ArrayData(arrays)
        node.base.attributes.set_many({'sources': list(found), 'units': {'source': '1', **UNITS}})
        self.out('deviations', node)


def _summary(table: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    values = np.asarray(table.get('max_force_deviation', np.zeros(0)), dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return {'n_frames': len(table['frame'])}
    median, high, top = (float(value) for value in np.quantile(values, (0.5, 0.95, 1.0)))
    return {'n_frames': len(table['frame']), 'median': median, 'quantile_95': high, 'max': top}
