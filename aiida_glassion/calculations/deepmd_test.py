"""DeepmdTestCalculation: what a DeePMD model predicts for labelled frames."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job

from aiida_glassion.calculations.deepmd_inputs import (
    check_datasets,
    check_model,
    check_without_mpi,
    command,
    data_folders,
    define_job,
    job_prepend,
    model_file,
    namespace_of,
    write_model,
)
from aiida_glassion.data.dataset import DatasetData, check_one_method
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.backend import backend_of_model
from aiida_glassion.formats.deepmd.test_output import DETAILS, PREFIX

LOG_FILE, SYSTEMS_FILE = 'test.log', 'systems.txt'


class DeepmdTestCalculation(CalcJob):
    """Compare a model with labels that it has not seen: energies, forces and virials, frame by frame (``dp test``)."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        define_job(spec, 'glassion.deepmd.test')
        spec.inputs.validator = check_inputs
        spec.input('potential', valid_type=PotentialData, validator=check_model, help='DeePMD model of any backend.')
        spec.input_namespace(
            'datasets', valid_type=DatasetData, dynamic=True, help='Labelled frames to test on, one method of labels.'
        )
        spec.output(
            'parity',
            valid_type=orm.ArrayData,
            required=False,
            help='Reference and prediction of each frame and atom, frames in the order of datasets (by name), systems '
            'and frames: energies eV, forces eV/Å, virials eV (positive under pressure), n_atoms, index of formula '
            'and of element; NaN: no such label. Attributes formulas, elements, units.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='RMSE and MAE of energies and virials (meV/atom) and forces (meV/Å), forces by element, all by '
            'formula; number of frames.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(301, 'ERROR_LOG_MISSING', invalidates_cache=True, message='DeePMD-kit left no log.')
        spec.exit_code(303, 'ERROR_INCOMPLETE', invalidates_cache=True, message='The test is incomplete: {reason}')
        spec.exit_code(
            306,
            'ERROR_BACKEND_MISSING',
            invalidates_cache=True,
            message='DeePMD-kit was installed without this backend: {reason}',
        )
        spec.exit_code(
            310, 'ERROR_DEEPMD', invalidates_cache=True, message='DeePMD-kit stopped with an error: {reason}'
        )
        spec.exit_code(320, 'ERROR_OUT_OF_MEMORY', invalidates_cache=True, message='Out of memory: {reason}')
        spec.exit_code(
            321, 'ERROR_NOT_A_NUMBER', invalidates_cache=True, message='Predictions are not numbers: {reason}'
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the model and the list of systems; the data are copied from the repository."""
        backend = backend_of_model(model_file(self.inputs.potential))
        model = f'model{backend.suffix}'
        write_model(folder, self.inputs.potential, model)
        folders = data_folders(namespace_of(self.inputs, 'datasets'))
        with folder.open(SYSTEMS_FILE, 'w', encoding='utf-8') as handle:
            handle.write('\n'.join(folders) + '\n')
        calcinfo = CalcInfo()
        calcinfo.local_copy_list = [(node.uuid, name, path) for path, (node, name) in folders.items()]
        words = ['test', '-m', model, '-f', SYSTEMS_FILE, '-n', '0', '-d', PREFIX]
        calcinfo.codes_info = [command(self.inputs.code, backend, words, LOG_FILE)]
        calcinfo.prepend_text = job_prepend(self.inputs.metadata.options)
        calcinfo.provenance_exclude_list = [model]
        calcinfo.retrieve_list = [LOG_FILE]
        calcinfo.retrieve_temporary_list = list(DETAILS.values())
        return calcinfo


def check_inputs(inputs: Any, namespace: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    if 'code' not in inputs and 'remote_folder' not in inputs:
        return 'code: missing, expected the dp of DeePMD-kit as an InstalledCode, e.g. from `glassion setup --dp PATH`'
    datasets = namespace_of(inputs, 'datasets')
    problem = check_datasets(datasets, 'datasets') or validate_calc_job(inputs, namespace) or check_without_mpi(inputs)
    if problem or 'potential' not in inputs:
        return problem
    try:
        check_one_method(datasets)
    except ValueError as error:
        return f'datasets: {error}'
    known = inputs['potential'].elements
    for name, node in datasets.items():
        missing = [element for element in node.elements if element not in known]
        if missing:
            return f'datasets.{name}: {", ".join(missing)} is unknown to the potential, which knows {", ".join(known)}'
    return None
