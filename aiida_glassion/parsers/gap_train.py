"""Parser of GapTrainCalculation: the potential and its errors, or why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.calculations.gap_train import (
    ERRORS_LOG,
    LOG_FILE,
    PREDICTIONS_FILE,
    datasets_of,
    elements_of,
    evaluated,
    frames_of,
    gap_input,
)
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import formula_of
from aiida_glassion.formats.gap import GAP_FILE, GapLog, read_log
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.errors import UNITS, sums_of
from aiida_glassion.kernels.learning.parity import Parity
from aiida_glassion.potentials.gap import gap_potential


class GapTrainParser(Parser):
    """Read what gap_fit wrote; whatever is missing ends in an exit code."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        folder = Path(kwargs['retrieved_temporary_folder']) if 'retrieved_temporary_folder' in kwargs else None
        inputs = self.node.inputs
        self.elements = elements_of(inputs)
        self.fit = gap_input(inputs)
        text = self._text(LOG_FILE)
        log = read_log(text, self._text(self.node.get_option('scheduler_stderr') or ''))
        results: dict[str, Any] = {
            'finished': log.finished,
            'n_sparse': self.fit.n_sparse(len(self.elements)),
            'cutoff': self.fit.cutoff,
            'peak_memory_estimate': log.peak_memory,
            'quip_version': log.version,
            'warnings': log.warnings,
            'units': {**UNITS, 'cutoff': 'Å', 'peak_memory_estimate': 'GB'},
        }
        code, missing = self._fit_failed(text, log), None
        if code is None:
            try:
                self.out('potential', self._potential(folder))
            except ValueError as error:
                code = self.exit_codes.ERROR_MODEL_MISSING.format(reason=str(error))
        if code is None and 'evaluator' in inputs:
            try:
                results |= self._errors(folder)
            except (OSError, ValueError, KeyError, EOFError) as error:
                said = self._text(ERRORS_LOG).strip().splitlines()
                missing = said[-1] if said else str(error)
        self.out('results', orm.Dict(results))
        if missing is not None:
            return self.exit_codes.ERROR_NOT_EVALUATED.format(reason=missing)
        return code

    def _text(self, name: str) -> str:
        if not name or name not in self.retrieved.base.repository.list_object_names():
            return ''
        content: bytes = self.retrieved.base.repository.get_object_content(name, mode='rb')
        return content.decode('utf-8', 'replace')

    def _fit_failed(self, text: str, log: GapLog) -> ExitCode | None:
        codes = self.exit_codes
        if not text:
            return codes.ERROR_LOG_MISSING
        last = ' '.join(text.strip().splitlines()[-1:])[:200]
        if log.out_of_memory:
            return codes.ERROR_OUT_OF_MEMORY.format(reason=log.error or last)
        if log.error and not log.finished:
            return codes.ERROR_GAP_FIT.format(reason=log.error)
        if not log.started:
            return codes.ERROR_NOT_STARTED.format(reason=last)
        if not log.finished:
            asked = f' (it expected to need {log.peak_memory:.3g} GB of memory)' if log.peak_memory else ''
            return codes.ERROR_INTERRUPTED.format(reason=f'killed or cut after: {last}{asked}')
        return None

    def _potential(self, folder: Path | None) -> PotentialData:
        found = sorted(folder.glob(f'{GAP_FILE}*')) if folder is not None else []
        files = {path.name: path.read_bytes() for path in found if not path.name.endswith('.idx')}
        counts = ', '.join(f'{key} {node.n_frames} frames' for key, node in self._training.items())
        notes = (
            f'Fitted by gap_fit to {counts}; labels by the method {next(iter(self._training.values())).method_hash}.'
        )
        return PotentialData.from_potential(gap_potential(files, self.elements, self.fit.cutoff, notes=notes))

    @property
    def _training(self) -> dict[str, DatasetData]:
        return datasets_of(self.node.inputs, 'training')

    def _errors(self, folder: Path | None) -> dict[str, Any]:
        """Errors of each set.

        :raises ValueError: predictions are missing, or not those of the frames.
        """
        if folder is None or not (folder / PREDICTIONS_FILE).is_file():
            raise ValueError(f'{PREDICTIONS_FILE} is missing')
        with np.load(folder / PREDICTIONS_FILE, allow_pickle=False) as arrays:
            predicted = {name: arrays[name] for name in ('energies', 'forces', 'virials')}
        table: dict[str, Any] = {}
        for port in ('training', 'validation'):
            datasets = datasets_of(self.node.inputs, port)
            if not datasets:
                continue
            chosen = list(_chosen(datasets))
            n_frames, n_atoms = len(chosen), sum(frames.n_atoms for frames in chosen)
            part = {'energies': n_frames, 'forces': n_atoms, 'virials': n_frames}
            own = {name: predicted[name][:size] for name, size in part.items()}
            predicted = {name: predicted[name][size:] for name, size in part.items()}
            table[port] = _table(_parity(chosen, own, self.elements))
        return table


def _chosen(datasets: dict[str, DatasetData]) -> Any:
    """The frames whose errors were computed, one at a time, in their order."""
    wanted = set(evaluated(datasets).tolist())
    number = 0
    for frames in frames_of(datasets):
        for index in range(frames.n_frames):
            if number in wanted:
                yield frames[index]
            number += 1


def _parity(chosen: list[Frames], predicted: dict[str, Any], elements: list[str]) -> Parity:
    none = np.full((3, 3), np.nan)
    forces = [np.full((f.n_atoms, 3), np.nan) if f.forces is None else f.forces[0] for f in chosen]
    virials = [none if f.virials is None else f.virials[0] for f in chosen]
    return Parity(
        formulas=tuple(formula_of(frames) for frames in chosen),
        n_atoms=np.array([frames.n_atoms for frames in chosen]),
        elements=tuple(elements),
        atom_elements=np.concatenate([[elements.index(s) for s in frames.symbols] for frames in chosen]),
        energies=np.array([float(frames.energies[0]) for frames in chosen if frames.energies is not None]),
        predicted_energies=predicted['energies'],
        forces=np.concatenate(forces),
        predicted_forces=predicted['forces'],
        virials=np.array(virials),
        predicted_virials=predicted['virials'],
    )


def _table(parity: Parity) -> dict[str, Any]:
    """RMSE and MAE of each quantity, in :data:`UNITS`."""
    table: dict[str, Any] = {'n_frames': parity.n_frames}
    for quantity in UNITS:
        sums = sums_of(parity, quantity)
        if len(sums.counts):
            table[quantity] = {'rmse': sums.rmse, 'mae': sums.mae}
    table['force'] = {
        **table.get('force', {}),
        'by_element': {
            name: {'rmse': sums.rmse, 'mae': sums.mae}
            for name in parity.elements
            if len((sums := sums_of(parity, 'force', element=name)).counts)
        },
    }
    return table
