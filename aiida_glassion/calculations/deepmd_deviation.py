"""DeepmdDeviationCalculation: how far the models of a committee disagree about given frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job

from aiida_glassion.calculations.deepmd_inputs import (
    check_without_mpi,
    command,
    define_job,
    job_prepend,
    model_file,
    namespace_of,
    type_map_of_model,
    write_model,
)
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.backend import backend_of_model
from aiida_glassion.formats.deepmd.unlabelled import write_unlabelled

LOG_FILE, DEVIATION_FILE, FRAMES_FOLDER = 'deviation.log', 'model_devi.out', 'frames'


class DeepmdDeviationCalculation(CalcJob):
    """Ask each model of a committee for the forces in the same frames, and report how far they disagree.

    Models that learned the same data from different seeds agree where the data determine them; where they do not, the
    force on the worst atom differs, ε = max_i √⟨|F_i − ⟨F_i⟩|²⟩: L. Zhang et al., Phys. Rev. Mater. 3, 023804 (2019).
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        define_job(spec, 'glassion.deepmd.deviation')
        spec.inputs.validator = check_inputs
        spec.input_namespace(
            'potentials', valid_type=PotentialData, dynamic=True, help='The committee: two DeePMD models or more.'
        )
        spec.input_namespace(
            'frames', valid_type=FramesData, dynamic=True, help='Configurations, each node of any composition; Å.'
        )
        spec.output(
            'deviations',
            valid_type=orm.ArrayData,
            required=False,
            help='For each frame: index of its node (attribute `sources`) and of the frame in it, largest, smallest '
            'and mean deviation of a force (eV/Å) and of a virial component (eV/atom), deviation of the energy '
            '(eV/atom).',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='For each node of frames: number of frames, median, 95 % quantile and largest of the largest force '
            'deviation (eV/Å); number of models.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(301, 'ERROR_LOG_MISSING', invalidates_cache=True, message='DeePMD-kit left no log.')
        spec.exit_code(303, 'ERROR_INCOMPLETE', invalidates_cache=True, message='Deviations are missing: {reason}')
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
            321, 'ERROR_NOT_A_NUMBER', invalidates_cache=True, message='Deviations are not numbers: {reason}'
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the models and the frames."""
        potentials = sorted(namespace_of(self.inputs, 'potentials').items())
        backend = backend_of_model(model_file(potentials[0][1]))
        models = [f'model_{name}{backend.suffix}' for name, _ in potentials]
        for model, (_, node) in zip(models, potentials, strict=True):
            write_model(folder, node, model)
        root = Path(folder.abspath)
        for name, node in namespace_of(self.inputs, 'frames').items():
            write_unlabelled(root / FRAMES_FOLDER / name, node.frames)
        calcinfo = CalcInfo()
        words = ['model-devi', '-m', *models, '-s', FRAMES_FOLDER, '-o', DEVIATION_FILE]
        calcinfo.codes_info = [command(self.inputs.code, backend, words, LOG_FILE)]
        calcinfo.prepend_text = job_prepend(self.inputs.metadata.options)
        calcinfo.provenance_exclude_list = [
            *models, FRAMES_FOLDER, *(str(path.relative_to(root)) for path in (root / FRAMES_FOLDER).rglob('*')),
        ]  # fmt: skip
        calcinfo.retrieve_list = [LOG_FILE]
        calcinfo.retrieve_temporary_list = [DEVIATION_FILE]
        return calcinfo


def check_inputs(inputs: Any, namespace: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    if 'code' not in inputs and 'remote_folder' not in inputs:
        return 'code: missing, expected the dp of DeePMD-kit as an InstalledCode, e.g. from `glassion setup --dp PATH`'
    problem = validate_calc_job(inputs, namespace) or check_without_mpi(inputs)
    if problem:
        return str(problem)
    potentials, frames = namespace_of(inputs, 'potentials'), namespace_of(inputs, 'frames')
    if not frames:
        return 'frames: none given, expected at least one, e.g. {"melt": FramesData}'
    if len(potentials) < 2:
        return f'potentials: {len(potentials)} given; one model alone cannot disagree, expected two or more'
    try:
        _check_committee(potentials)
        _check_frames(frames, potentials[min(potentials)])
    except ValueError as error:
        return str(error)
    return None


def _check_committee(potentials: dict[str, PotentialData]) -> None:
    first = min(potentials)
    for name, node in potentials.items():
        try:
            backend = backend_of_model(model_file(node))
        except ValueError as error:
            raise ValueError(f'potentials.{name}: {error}') from error
        if backend is not backend_of_model(model_file(potentials[first])):
            raise ValueError(f'potentials.{name}: a model of {backend.name}, but {first} is of another backend')
        if type_map_of_model(node) != type_map_of_model(potentials[first]):
            raise ValueError(
                f'potentials.{name}: type map {type_map_of_model(node)}, but that of {first} is '
                f'{type_map_of_model(potentials[first])}; a committee counts its types alike'
            )


def _check_frames(frames: dict[str, FramesData], potential: PotentialData) -> None:
    known = potential.elements
    for name, node in frames.items():
        missing = [element for element in node.elements if element not in known]
        if missing:
            raise ValueError(
                f'frames.{name}: {", ".join(missing)} is unknown to the potentials, which know {", ".join(known)}'
            )
        if node.n_frames < 1:
            raise ValueError(f'frames.{name}: it holds no frames')
        pbc = tuple(bool(p) for p in node.pbc or (True, True, True))
        if any(pbc) and not all(pbc):
            raise ValueError(f'frames.{name}: periodic in {pbc}; DeePMD-kit knows all directions or none')
