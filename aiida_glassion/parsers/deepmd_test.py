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
        said = {'deepmd_version': log.version, 'wall_seconds': log.seconds, 'warnings': log.warnings[:50]}
        self.out('results', orm.Dict(_errors(parity) | said))
        return None

    def _parity(self, folder: Path | None) -> Parity:
        """Put the systems one after another.

        :raises ValueError: a file is missing, cut or damaged, or a prediction is not a number.
        """
        folders = data_folders(namespace_of(self.node.inputs, 'datasets'))
        systems = [next(s for s in node.systems if s['name'] == name) for node, name in folders.values()]
        elements = sorted({element for system in systems for element in system['counts']})
        arrays: dict[str, Any] = {}
        for quantity in DETAILS:
            arrays[quantity], arrays[f'predicted_{quantity}'] = _of_systems(folder, quantity, systems)
        formulas: list[str] = []
        n_atoms: list[int] = []
        kinds: list[Any] = []
        for system in systems:
            formulas += [system['formula']] * system['n_frames']
            n_atoms += [sum(system['counts'].values())] * system['n_frames']
            # atoms of a dataset's system stand by element, alphabetical
            order = [elements.index(e) for e, number in sorted(system['counts'].items()) for _ in range(number)]
            kinds.append(np.tile(order, system['n_frames']))
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


def _of_systems(folder: Path | None, quantity: str, systems: list[dict[str, Any]]) -> tuple[Any, Any]:
    """Labels and predictions of all systems; a label that a system lacks is NaN, a prediction that was not made too.

    DeePMD-kit 3.2 writes rows for every system, with zeros for labels that are missing, but virials only of periodic
    ones; other versions leave out what has no label.

    :raises ValueError: they are missing, too few or too many.
    """
    path = None if folder is None else folder / DETAILS[quantity]
    text = path.read_text(errors='replace') if path is not None and path.is_file() else ''
    label, prediction = read_detail(text, quantity)
    rows = [s['n_frames'] * (sum(s['counts'].values()) if quantity == 'forces' else 1) for s in systems]
    has_label = np.repeat([quantity in s['labels'] for s in systems], rows)
    periodic = np.repeat([not s['name'].endswith('_nopbc') for s in systems], rows)
    written = periodic if quantity == 'virials' else np.ones_like(has_label)
    if len(label) != written.sum():
        if len(label) != has_label.sum():
            raise ValueError(f'{DETAILS[quantity]}: {len(label)} rows, expected {written.sum()}')
        written = has_label
    full = np.full((2, len(written), label.shape[1]), np.nan)
    full[0, written], full[1, written] = label, prediction
    full[0, ~has_label] = np.nan
    return full[0], full[1]


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
