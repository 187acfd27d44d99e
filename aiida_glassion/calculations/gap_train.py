"""GapTrainCalculation: fit a Gaussian approximation potential with QUIP's gap_fit."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job

from aiida_glassion.calculations.deepmd_inputs import namespace_of
from aiida_glassion.data.dataset import DatasetData, check_one_method
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.gap import (
    CONFIG_FILE,
    GAP_FILE,
    TRAINING_FILE,
    VALIDATION_FILE,
    GapInput,
    estimate_memory,
    read_parameters,
    write_config,
    write_frames,
)
from aiida_glassion.frames import Frames

LOG_FILE, ERRORS_LOG, PREDICTIONS_FILE, EVALUATE_FILE = 'gap_fit.log', 'errors.log', 'predictions.npz', 'evaluate.json'
ERRORS_SCRIPT = 'gap_errors.py'
MOST_EVALUATED = 200
"""Frames of each set whose errors are computed: a GAP takes milliseconds an atom."""


class GapTrainCalculation(CalcJob):
    """Learn energies, forces and virials by Gaussian process regression on sparse local environments (GAP).

    A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Phys. Rev. Lett. 104, 136403 (2010); smooth overlap of atomic
    positions: A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013).
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        spec.inputs.validator = _check_inputs
        options = spec.inputs['metadata']['options']
        options['parser_name'].default = 'glassion.gap.train'
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        options['withmpi'].default = False
        spec.input(
            'evaluator',
            valid_type=orm.AbstractCode,
            required=False,
            help='Python with quippy-ase (that of glassion.gap.md): computes the errors of the fit. Absent: none.',
        )
        spec.input_namespace(
            'training', valid_type=DatasetData, dynamic=True, help='Datasets to learn from, one method of labels.'
        )
        spec.input_namespace(
            'validation',
            valid_type=DatasetData,
            dynamic=True,
            required=False,
            help='Datasets whose errors are computed and not learned from; needs `evaluator`.',
        )
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            help='Descriptors (lengths Å, delta eV), expected errors (eV/atom, eV/Å), energies of isolated atoms (eV): '
            'see protocols/gap.yaml.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=_check_seed,
            help='Seed of the choice of sparse points, 1 to 2147483647.',
        )
        spec.output('potential', valid_type=PotentialData, required=False, help='The GAP; cutoff in Å.')
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='Errors on training and validation frames: energy and virial meV/atom, forces meV/Å; numbers of '
            'frames and sparse points; memory GB.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(301, 'ERROR_LOG_MISSING', invalidates_cache=True, message='gap_fit left no log.')
        spec.exit_code(302, 'ERROR_NOT_STARTED', invalidates_cache=True, message='The fit did not begin: {reason}')
        spec.exit_code(303, 'ERROR_INTERRUPTED', invalidates_cache=True, message='The fit broke off: {reason}')
        spec.exit_code(304, 'ERROR_MODEL_MISSING', invalidates_cache=True, message='There is no GAP: {reason}')
        spec.exit_code(310, 'ERROR_GAP_FIT', invalidates_cache=True, message='gap_fit stopped with an error: {reason}')
        spec.exit_code(311, 'ERROR_OUT_OF_MEMORY', invalidates_cache=True, message='Out of memory: {reason}')
        spec.exit_code(
            312, 'ERROR_NOT_EVALUATED', invalidates_cache=True, message='The errors could not be computed: {reason}'
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the data, the configuration and, where there is an evaluator, what it is to predict."""
        fit = gap_input(self.inputs)
        written = {TRAINING_FILE: datasets_of(self.inputs, 'training')}
        if 'evaluator' in self.inputs and datasets_of(self.inputs, 'validation'):
            written[VALIDATION_FILE] = datasets_of(self.inputs, 'validation')
        for name, datasets in written.items():
            with folder.open(name, 'w', encoding='utf-8') as handle:
                counts = write_frames(handle, frames_of(datasets))
            if name == TRAINING_FILE:
                memory = estimate_memory(counts, fit.n_sparse(len(elements_of(self.inputs))))
                if memory > 4:
                    self.logger.warning(f'the linear system alone takes about {memory:.1f} GB of memory')
        with folder.open(CONFIG_FILE, 'w', encoding='utf-8') as handle:
            handle.write(write_config(fit, elements_of(self.inputs), self.inputs.seed.value))
        codes = [_command(self.inputs.code, [f'config_file={CONFIG_FILE}'], LOG_FILE)]
        calcinfo = CalcInfo()
        calcinfo.provenance_exclude_list = list(written)
        calcinfo.retrieve_list = [LOG_FILE]
        calcinfo.retrieve_temporary_list = [(f'{GAP_FILE}*', '.', 0)]
        if 'evaluator' in self.inputs:
            script = resources.files('aiida_glassion.calculations.scripts').joinpath(ERRORS_SCRIPT).read_bytes()
            folder.create_file_from_filelike(io.BytesIO(script), ERRORS_SCRIPT, mode='wb')
            wanted = {name: evaluated(datasets).tolist() for name, datasets in written.items()}
            folder.create_file_from_filelike(io.BytesIO(json.dumps(wanted).encode()), EVALUATE_FILE, mode='wb')
            codes.append(_command(self.inputs.evaluator, [ERRORS_SCRIPT], ERRORS_LOG))
            calcinfo.retrieve_list.append(ERRORS_LOG)
            calcinfo.retrieve_temporary_list.append(PREDICTIONS_FILE)
        calcinfo.codes_info = codes
        calcinfo.codes_run_mode = CodeRunMode.SERIAL
        return calcinfo


def _command(code: orm.AbstractCode, words: list[str], log: str) -> CodeInfo:
    info = CodeInfo()
    info.code_uuid = code.uuid
    info.cmdline_params = words
    info.stdout_name = log
    info.join_files = True
    return info


def datasets_of(inputs: Any, port: str) -> dict[str, DatasetData]:
    """Datasets of a namespace by name, sorted."""
    return dict(sorted(namespace_of(inputs, port).items()))


def elements_of(inputs: Any) -> list[str]:
    """Elements of the training data, alphabetical."""
    return sorted({element for node in datasets_of(inputs, 'training').values() for element in node.elements})


def gap_input(inputs: Any) -> GapInput:
    """The parameters, checked.

    :raises ValueError: see :func:`~aiida_glassion.formats.gap.read_parameters`.
    """
    return read_parameters(inputs['parameters'].get_dict(), elements_of(inputs))


def frames_of(datasets: Mapping[str, DatasetData]) -> Iterator[Frames]:
    """Frames of several datasets, in the order in which they are written."""
    for dataset in datasets.values():
        yield from dataset.iter_frames()


def evaluated(datasets: Mapping[str, DatasetData]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Indices of the frames whose errors are computed, spread evenly."""
    n_frames = sum(dataset.n_frames for dataset in datasets.values())
    return np.unique(np.linspace(0, n_frames - 1, min(n_frames, MOST_EVALUATED)).astype(np.int64))


def _check_seed(node: orm.Int, _: Any) -> str | None:
    if not 1 <= node.value < 2**31:
        return f'seed: {node.value} is not between 1 and 2147483647'
    return None


def _check_inputs(inputs: Any, namespace: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    problem: str | None = validate_calc_job(inputs, namespace)
    if problem:
        return problem
    training, validation = datasets_of(inputs, 'training'), datasets_of(inputs, 'validation')
    if not training:
        return 'training: no dataset given, expected one or more by name'
    if validation and 'evaluator' not in inputs:
        return 'evaluator: missing; the errors on `validation` are computed by a Python with quippy-ase'
    try:
        check_one_method(
            {f'training.{k}': v for k, v in training.items()} | {f'validation.{k}': v for k, v in validation.items()}
        )
        fit = gap_input(inputs)
    except ValueError as error:
        return str(error)
    shifts = next(iter(training.values())).energy_shifts
    if any(shifts.values()) and isinstance(fit.e0, Mapping) and any(fit.e0.values()):
        return (
            f'parameters.e0: {dict(fit.e0)} eV given, but the energies of the data are already relative to {shifts} eV '
            'per atom; give 0 for every element'
        )
    for name, dataset in training.items():
        if not any('forces' in system['labels'] for system in dataset.systems):
            return f'training.{name}: it holds no forces; a GAP of energies alone is not worth the fit'
    unknown = sorted({e for node in validation.values() for e in node.elements} - set(elements_of(inputs)))
    if unknown:
        return f'validation: it holds {", ".join(unknown)}, which the training data lack'
    return None
