"""Parser of DeepmdTrainCalculation: what a training left is kept, and an exit code says how it ended."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.calculations.deepmd_inputs import backend_of, labelled_frames, type_map_of
from aiida_glassion.calculations.deepmd_train import (
    CHECK_FILE,
    CHECKPOINT_FILE,
    INPUT_FILE,
    LCURVE_FILE,
    LOGS,
    NORMALISED_FILE,
    steps_wanted,
)
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.deviation_output import read_deviations
from aiida_glassion.formats.deepmd.frozen import read_frozen
from aiida_glassion.formats.deepmd.input import LABEL_PREFACTORS, cutoff_of
from aiida_glassion.formats.deepmd.lcurve import find_fault, read_lcurve, units_of
from aiida_glassion.formats.deepmd.log import TrainingLog, read_log, reason_of
from aiida_glassion.potentials.deepmd import deepmd_potential

LARGEST_COMPRESSION_ERROR = 0.01
"""Forces that differ by more than this (eV/Å) between compressed and uncompressed model are not the same model's."""
_AVERAGED = 10
"""So many reports at the end are averaged for the last errors."""
_STEP = re.compile(r'-(\d+)')


class DeepmdTrainParser(Parser):
    """Read log and learning curve, take the models in; every way in which they may be cut ends in an exit code."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        self.backend = backend_of(self.node.inputs)
        self.texts = {name: self._text(file) for name, file in LOGS.items()}
        self.logs = {name: read_log(text) for name, text in self.texts.items()}
        self.curve = read_lcurve(self._text(LCURVE_FILE))
        self.problems: list[str] = []
        if not self.texts['train'] and not self.curve:
            self.out('results', orm.Dict({'finished': False, 'last_step': None, 'steps_wanted': self._wanted()}))
            return self.exit_codes.ERROR_LOG_MISSING
        if self.curve:
            node = orm.ArrayData(dict(self.curve))
            node.base.attributes.set('units', units_of(list(self.curve)))
            self.out('learning_curve', node)
        folder = Path(kwargs['retrieved_temporary_folder']) if 'retrieved_temporary_folder' in kwargs else None
        self.compression_error = self._compression_error()
        models = self._models(folder) if self.logs['train'].finished else {}
        code = self._exit_code(models)
        self._out_models(models, compressed=code is None)
        self.out('results', orm.Dict(self._results('compressed' in models and code is None)))
        return code

    def _text(self, name: str) -> str:
        try:
            content: bytes = self.retrieved.base.repository.get_object_content(name, mode='rb')
        except OSError:
            return ''
        return content.decode('utf-8', 'replace')

    def _normalised(self) -> dict[str, Any]:
        """The input as deepmd completed it; where it left none, as the plugin wrote it."""
        try:
            content: dict[str, Any] = json.loads(self._text(NORMALISED_FILE))
        except ValueError:
            content = json.loads(self.node.base.repository.get_object_content(INPUT_FILE))
        return content

    def _wanted(self) -> int:
        steps = self._normalised().get('training', {}).get('numb_steps')
        return int(steps) if steps else steps_wanted(self.node.inputs)

    def _models(self, folder: Path | None) -> dict[str, PotentialData]:
        """The models that are there and whole; what is wrong with one goes to ``problems``."""
        found: dict[str, PotentialData] = {}
        for kind, name in {'frozen': self.backend.frozen, 'compressed': self.backend.compressed}.items():
            path = None if folder is None else folder / name
            if path is None or not path.is_file():
                continue
            try:
                found[kind] = self._potential(path.read_bytes(), kind)
            except ValueError as error:
                self.problems.append(f'{kind} model: {error}')
        return found

    def _potential(self, model: bytes, kind: str) -> PotentialData:
        """A potential of a model file.

        :raises ValueError: the file is damaged, or of another model than was to be trained.
        """
        if not model or (self.backend.suffix == '.pb' and read_frozen(model) is None):
            raise ValueError('the file is no whole frozen model')
        log, inputs = self.logs['train'], self.node.inputs
        frames = sum(node.n_frames for node in inputs.training.values())
        notes = (
            f'DeePMD-kit {log.version or "of unknown version"}, backend {self.backend.name}; {self._wanted()} steps on '
            f'{frames} frames, seed {inputs.seed.value}; {"compressed" if kind == "compressed" else "not compressed"}'
        )
        file = f'graph{self.backend.suffix}'
        rcut = cutoff_of(self._normalised())
        return PotentialData.from_potential(deepmd_potential(model, type_map_of(inputs), rcut, notes=notes, file=file))

    def _compression_error(self) -> float | None:
        """Largest difference of a force between compressed and uncompressed model, eV/Å.

        Of two models the deviation is half the length of the difference.
        """
        systems = read_deviations(self._text(CHECK_FILE)).values()
        worst = [float(np.max(table['max_force_deviation'])) for table in systems if 'max_force_deviation' in table]
        return 2 * max(worst) if worst else None

    def _out_models(self, models: dict[str, PotentialData], compressed: bool) -> None:
        """Hand out the models; where compression failed the uncompressed one is the potential."""
        chosen = {'potential': 'compressed', 'frozen': 'frozen'}
        if not compressed or 'compressed' not in models:
            chosen = {'potential': 'frozen'}
        for port, kind in chosen.items():
            if kind in models:
                self.out(port, models[kind])

    def _results(self, compressed: bool) -> dict[str, Any]:
        log, inputs, content = self.logs['train'], self.node.inputs, self._normalised()
        steps = self.curve.get('step', np.zeros(0, dtype=int))
        descriptor = content.get('model', {}).get('descriptor', {})
        return {
            'finished': log.finished,
            'first_step': int(steps[0]) if len(steps) else None,
            'last_step': int(steps[-1]) if len(steps) else log.last_step,
            'steps_wanted': self._wanted(),
            'checkpoint_step': self._checkpoint_step(),
            'last_errors': _last_errors(self.curve),
            'seconds_per_batch': log.seconds_per_batch,
            'wall_seconds': sum(part.seconds or 0.0 for part in self.logs.values()) or None,
            'compressed': compressed,
            'compression_error': self.compression_error,
            'backend': self.backend.name,
            'deepmd_version': log.version,
            'type_map': type_map_of(inputs),
            'rcut': cutoff_of(content),
            'sel': descriptor.get('sel'),
            'seed': inputs.seed.value,
            'n_frames': sum(node.n_frames for node in inputs.training.values()),
            'labelled_frames': {label: labelled_frames(inputs.training, label) for label in LABEL_PREFACTORS},
            'warnings': list(dict.fromkeys(w for log in self.logs.values() for w in log.warnings))[:50],
            'problems': self.problems,
            'units': {
                'seconds_per_batch': 's',
                'wall_seconds': 's',
                'compression_error': 'eV/Å',
                'rcut': 'Å',
                **_ERROR_UNITS,
            },
        }

    def _checkpoint_step(self) -> int | None:
        """Step of the newest whole checkpoint, from the file in which the backend notes its name."""
        first = self._text(CHECKPOINT_FILE).splitlines()[:1]
        found = _STEP.findall(first[0]) if first else []
        return int(found[-1]) if found else None

    def _exit_code(self, models: dict[str, PotentialData]) -> ExitCode | None:
        codes, log = self.exit_codes, self.logs['train']
        said = read_log(self.node.get_scheduler_stderr() or '')
        where = f'step {self._last()} of {self._wanted()}'
        if log.no_backend and not log.finished:
            return codes.ERROR_BACKEND_MISSING.format(reason=log.no_backend)
        memory = log.out_of_memory or said.out_of_memory
        if memory and not log.finished:
            return codes.ERROR_OUT_OF_MEMORY.format(reason=f'{memory} ({where})')
        if log.not_a_number:
            return codes.ERROR_LOSS_NOT_A_NUMBER.format(reason=log.not_a_number)
        fault = find_fault(self.curve)
        if fault is not None:
            named = {'not_a_number': codes.ERROR_LOSS_NOT_A_NUMBER, 'exploded': codes.ERROR_LOSS_EXPLODED}
            return named[fault[0]].format(reason=fault[1])
        if not log.finished:
            return self._unfinished(log, where)
        if 'frozen' not in models:
            return self._not_frozen(where)
        return self._not_compressed(models)

    def _unfinished(self, log: TrainingLog, where: str) -> ExitCode:
        codes = self.exit_codes
        if log.error and not log.error.startswith('KeyboardInterrupt'):
            code = codes.ERROR_DATA if log.bad_data else codes.ERROR_DEEPMD
            return code.format(reason=f'{log.error} ({where})')
        if self._last() is None:
            return codes.ERROR_NOT_STARTED.format(reason=reason_of(log, self.texts['train']))
        return codes.ERROR_INTERRUPTED.format(reason=f'killed or cut at {where}')

    def _not_frozen(self, where: str) -> ExitCode:
        freeze = self.logs['freeze']
        if freeze.out_of_memory:
            return self.exit_codes.ERROR_OUT_OF_MEMORY.format(reason=f'{freeze.out_of_memory} (while freezing)')
        damaged = [problem for problem in self.problems if problem.startswith('frozen')]
        if freeze.error or damaged:
            return self.exit_codes.ERROR_MODEL_MISSING.format(reason=freeze.error or damaged[0])
        return self.exit_codes.ERROR_INTERRUPTED.format(reason=f'killed before the model was frozen, at {where}')

    def _not_compressed(self, models: dict[str, PotentialData]) -> ExitCode | None:
        if not self.node.inputs.compress.value:
            return None
        if 'compressed' not in models:
            damaged = [problem for problem in self.problems if problem.startswith('compressed')]
            reason = damaged[0] if damaged else reason_of(self.logs['compress'], self.texts['compress'])
            return self.exit_codes.ERROR_COMPRESSION.format(reason=reason)
        if self.compression_error is None:
            why = reason_of(self.logs['check'], self.texts['check'])
            self.problems.append(f'the compressed model was not compared with the uncompressed one: {why}')
            return None
        if not self.compression_error <= LARGEST_COMPRESSION_ERROR:
            return self.exit_codes.ERROR_COMPRESSION.format(
                reason=f'compressed, a force differs by {self.compression_error:.2g} eV/Å, '
                f'more than {LARGEST_COMPRESSION_ERROR:g}'
            )
        return None

    def _last(self) -> int | None:
        return int(self.curve['step'][-1]) if self.curve else self.logs['train'].last_step


_ERROR_UNITS = {'rmse_e': 'eV/atom', 'rmse_f': 'eV/Å', 'rmse_v': 'eV/atom'}


def _last_errors(curve: dict[str, npt.NDArray[Any]]) -> dict[str, float | None]:
    """Root mean square over the last reports of each error; None where no data have the label."""
    errors: dict[str, float | None] = {}
    for name, column in curve.items():
        if name.startswith('rmse'):
            last = np.asarray(column, dtype=float)[-_AVERAGED:]
            last = last[np.isfinite(last)]
            errors[name] = float(np.sqrt(np.mean(last**2))) if len(last) else None
    return errors
