"""Parser of DeepmdTestCalculation: the arrays of a parity plot, and the errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.calculations.deepmd_inputs import data_folders, namespace_of
from aiida_glassion.calculations.deepmd_test import LOG_FILE
from aiida_glassion.formats.deepmd.log import read_log, reason_of
from aiida_glassion.formats.deepmd.test_output import DETAILS, read_detail
from aiida_glassion.kernels.learning.errors import UNITS, sums_of
from aiida_glassion.kernels.learning.parity import Parity

PARITY_UNITS = {
    **{f'{prefix}{name}': unit for prefix in ('', 'predicted_') for name, unit in
       (('energies', 'eV'), ('forces', 'eV/Å'), ('virials', 'eV'))},
    'n_atoms': '1', 'formula': '1', 'atom_elements': '1',
}  # fmt: skip
_WIDTH = {'energies': 1, 'forces': 3, 'virials': 9}


class DeepmdTestParser(Parser):
    """Read the details of ``dp test``; whatever is missing ends in an exit code."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        folder = Path(kwargs['retrieved_temporary_folder']) if 'retrieved_temporary_folder' in kwargs else None
        try:
            text = self.retrieved.base.repository.get_object_content(LOG_FILE, mode='rb').decode('utf-8', 'replace')
        except OSError:
            self.out('results', orm.Dict({'n_frames': 0}))
            return self.exit_codes.ERROR_LOG_MISSING
        log = read_log(text)
        try:
            parity = self._parity(folder)
        except ValueError as error:
            self.out('results', orm.Dict({'n_frames': 0, 'deepmd_version': log.version}))
            if log.no_backend:
                return self.exit_codes.ERROR_BACKEND_MISSING.format(reason=log.no_backend)
            if log.out_of_memory:
                return self.exit_codes.ERROR_OUT_OF_MEMORY.format(reason=log.out_of_memory)
            if log.error:
                return self.exit_codes.ERROR_DEEPMD.format(reason=reason_of(log, text))
            if 'not finite' in str(error):
                return self.exit_codes.ERROR_NOT_A_NUMBER.format(reason=str(error))
            return self.exit_codes.ERROR_INCOMPLETE.format(reason=str(error))
        node = orm.ArrayData(parity.arrays())
        formulas = list(dict.fromkeys(parity.formulas))
        node.base.attributes.set_many({'formulas': formulas, 'elements': list(parity.elements), 'units': PARITY_UNITS})
        self.out('parity', node)
        self.out('results', orm.Dict(_errors(parity) | {'deepmd_version': log.version, 'warnings': log.warnings[:50]}))
        return None

    def _parity(self, folder: Path | None) -> Parity:
        """Put the systems one after another.

        :raises ValueError: a file is missing, cut or damaged, or a prediction is not a number.
        """
        details = {quantity: _read(folder, quantity) for quantity in DETAILS}
        folders = data_folders(namespace_of(self.node.inputs, 'datasets'))
        elements = sorted({element for node, _ in folders.values() for element in node.elements})
        formulas: list[str] = []
        n_atoms: list[int] = []
        kinds: list[Any] = []
        columns: dict[str, list[Any]] = {f'{p}{name}': [] for name in DETAILS for p in ('', 'predicted_')}
        for path, (node, name) in folders.items():
            system = next(entry for entry in node.systems if entry['name'] == name)
            frames, atoms = system['n_frames'], sum(system['counts'].values())
            formulas += [system['formula']] * frames
            n_atoms += [atoms] * frames
            # atoms of a dataset's system stand by element, alphabetical
            order = [elements.index(e) for e, number in sorted(system['counts'].items()) for _ in range(number)]
            kinds.append(np.tile(order, frames))
            for quantity, found in details.items():
                rows = frames * atoms if quantity == 'forces' else frames
                label, prediction = _of_system(found, path, quantity, rows, quantity in system['labels'])
                columns[quantity].append(label)
                columns[f'predicted_{quantity}'].append(prediction)
        arrays = {name: np.concatenate(parts) for name, parts in columns.items()}
        has_virials = bool(np.isfinite(arrays['virials']).any())
        return Parity(
            formulas=tuple(formulas),
            n_atoms=np.array(n_atoms),
            elements=tuple(elements),
            atom_elements=np.concatenate(kinds),
            energies=arrays['energies'][:, 0],
            predicted_energies=arrays['predicted_energies'][:, 0],
            forces=arrays['forces'],
            predicted_forces=arrays['predicted_forces'],
            virials=arrays['virials'].reshape(-1, 3, 3) if has_virials else None,
            predicted_virials=arrays['predicted_virials'].reshape(-1, 3, 3) if has_virials else None,
        )


def _read(folder: Path | None, quantity: str) -> dict[str, tuple[Any, Any]]:
    path = None if folder is None else folder / DETAILS[quantity]
    return {} if path is None or not path.is_file() else read_detail(path.read_text(), quantity)


def _of_system(found: dict[str, tuple[Any, Any]], path: str, quantity: str, rows: int, wanted: bool) -> tuple[Any, Any]:
    """Labels and predictions of one system; NaN where it has no such label.

    :raises ValueError: they are missing or too few.
    """
    if not wanted:
        nothing = np.full((rows, _WIDTH[quantity]), np.nan)
        return nothing, nothing
    if path not in found:
        raise ValueError(f'{DETAILS[quantity]}: nothing of {path}')
    label, prediction = found[path]
    if len(label) != rows:
        raise ValueError(f'{DETAILS[quantity]}: {len(label)} rows of {path}, expected {rows}')
    return label, prediction


def _errors(parity: Parity) -> dict[str, Any]:
    """RMSE and MAE of each quantity, of all frames, by element and by formula."""
    formulas = list(dict.fromkeys(parity.formulas))
    table: dict[str, Any] = {'n_frames': parity.n_frames, 'units': dict(UNITS)}
    for quantity in UNITS:
        entry = _error(parity, quantity)
        if entry is None:
            continue
        if quantity == 'force':
            entry['by_element'] = _parts(parity, quantity, 'element', list(parity.elements))
        entry['by_formula'] = _parts(parity, quantity, 'formula', formulas)
        table[quantity] = entry
    return table


def _error(parity: Parity, quantity: str, **part: str) -> dict[str, Any] | None:
    sums = sums_of(parity, quantity, **part)
    return {'rmse': sums.rmse, 'mae': sums.mae, 'n_frames': len(sums.counts)} if len(sums.counts) else None


def _parts(parity: Parity, quantity: str, kind: str, names: list[str]) -> dict[str, Any]:
    found = {name: _error(parity, quantity, **{kind: name}) for name in names}
    return {name: entry for name, entry in found.items() if entry is not None}
