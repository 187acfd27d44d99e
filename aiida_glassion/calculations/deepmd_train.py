"""DeepmdTrainCalculation: train a DeePMD model, freeze and compress it in one job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec

from aiida_glassion.calculations.deepmd_inputs import (
    backend_of,
    check_backend,
    check_content,
    check_model,
    check_seed,
    check_training,
    command,
    data_folders,
    define_job,
    job_prepend,
    namespace_of,
    training_content,
    write_model,
)
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.backend import Backend
from aiida_glassion.formats.deepmd.systems import SystemsWriter
from aiida_glassion.frames import Frames

INPUT_FILE, NORMALISED_FILE, LCURVE_FILE, CHECKPOINT_FILE = 'input.json', 'out.json', 'lcurve.out', 'checkpoint'
LOGS = {'train': 'train.log', 'freeze': 'freeze.log', 'compress': 'compress.log', 'check': 'check.log'}
CHECK_FOLDER, CHECK_FILE = 'compression_check', 'compression_check.out'
_CHECK_SYSTEMS, _CHECK_FRAMES = 4, 4


class DeepmdTrainCalculation(CalcJob):
    """Learn energies, forces and virials by a neural network on local environments (DeePMD-kit).

    The energy is a sum over atoms, each a function of its neighbours within a cutoff that does not change when atoms
    of an element are swapped or the whole is moved or turned: L. Zhang, J. Han, H. Wang, R. Car, W. E, Phys. Rev.
    Lett. 120, 143001 (2018); L. Zhang et al., NeurIPS 31 (2018) (se_e2_a). Compression tabulates the embedding nets:
    D. Lu et al., J. Chem. Theory Comput. 18, 5559 (2022). DeePMD-kit: J. Zeng et al., J. Chem. Phys. 159, 054801
    (2023).
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        spec.inputs.validator = check_training
        define_job(spec, 'glassion.deepmd.train')
        spec.input_namespace(
            'training', valid_type=DatasetData, dynamic=True, help='Datasets to learn from, one method of labels.'
        )
        spec.input_namespace(
            'validation',
            valid_type=DatasetData,
            dynamic=True,
            required=False,
            help='Datasets whose error is watched in the learning curve and not learned from.',
        )
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            help='Content of input.json as DeePMD-kit documents it (lengths in Å, energies in eV), without type map, '
            'seeds and paths, which come from the other inputs. Checked by deepmd itself before submission.',
        )
        spec.input(
            'type_map',
            valid_type=orm.List,
            serializer=orm.to_aiida_type,
            required=False,
            help='Elements in the order in which the model counts its types. Default: that of the model to start '
            'from, else the elements of all datasets, alphabetical.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=check_seed,
            help='Seed from which those of descriptor, fitting net and training are drawn, 0 to 2147483647.',
        )
        spec.input(
            'backend',
            valid_type=orm.Str,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Str('tensorflow'),
            validator=check_backend,
            help='Backend of DeePMD-kit: tensorflow (models .pb) or pytorch (models .pth).',
        )
        spec.input(
            'compress',
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Bool(True),
            help='Compress the model: three to four times the speed, forces the same to about 1e-4 eV/Å.',
        )
        spec.input(
            'warm_start',
            valid_type=PotentialData,
            required=False,
            validator=check_model,
            help='Frozen, uncompressed model of the same architecture whose weights the training begins with.',
        )
        spec.input(
            'finetune',
            valid_type=(PotentialData, orm.SinglefileData),
            required=False,
            validator=check_model,
            help='Pretrained model to finetune: a frozen one (tensorflow; se_atten only) or a checkpoint file .pt '
            '(pytorch).',
        )
        spec.input_namespace('restart', required=False, help='Go on from the newest checkpoint of an earlier run.')
        spec.input('restart.folder', valid_type=orm.RemoteData, required=False, help='Folder that holds it.')
        spec.input(
            'restart.fresh',
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            required=False,
            help='True: take only the weights; steps and learning rate begin anew (give sel in numbers, those of the '
            'earlier run). Default: False.',
        )

        spec.output(
            'potential',
            valid_type=PotentialData,
            required=False,
            help='The model, compressed if that was asked for and went well; cutoff in Å.',
        )
        spec.output(
            'frozen',
            valid_type=PotentialData,
            required=False,
            help='The uncompressed model, to begin the next training with; only where `potential` is compressed.',
        )
        spec.output(
            'learning_curve',
            valid_type=orm.ArrayData,
            required=False,
            help='Learning curve: step, errors of a batch in energy (eV/atom), forces (eV/Å) and virial (eV/atom), '
            'root of the loss, learning rate. Units in the attribute `units`.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='How the training went: steps done and wanted, newest checkpoint (step), last errors, time of a batch '
            '(s), compression error (eV/Å), versions, warnings.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(301, 'ERROR_LOG_MISSING', invalidates_cache=True, message='DeePMD-kit left no log.')
        spec.exit_code(302, 'ERROR_NOT_STARTED', invalidates_cache=True, message='The training did not begin: {reason}')
        spec.exit_code(303, 'ERROR_INTERRUPTED', message='The training broke off: {reason}')
        spec.exit_code(304, 'ERROR_MODEL_MISSING', invalidates_cache=True, message='There is no model: {reason}')
        spec.exit_code(
            305, 'ERROR_COMPRESSION', invalidates_cache=True, message='The model is kept uncompressed: {reason}'
        )
        spec.exit_code(
            306,
            'ERROR_BACKEND_MISSING',
            invalidates_cache=True,
            message='DeePMD-kit was installed without this backend: {reason}',
        )
        spec.exit_code(
            310, 'ERROR_DEEPMD', invalidates_cache=True, message='DeePMD-kit stopped with an error: {reason}'
        )
        spec.exit_code(
            311, 'ERROR_DATA', invalidates_cache=True, message='DeePMD-kit cannot read or use the data: {reason}'
        )
        spec.exit_code(320, 'ERROR_OUT_OF_MEMORY', invalidates_cache=True, message='Out of memory: {reason}')
        spec.exit_code(
            321, 'ERROR_LOSS_NOT_A_NUMBER', invalidates_cache=True, message='The loss is not a number: {reason}'
        )
        spec.exit_code(322, 'ERROR_LOSS_EXPLODED', invalidates_cache=True, message='The loss exploded: {reason}')

    @classmethod
    def is_valid_cache(cls, node: orm.ProcessNode) -> bool:
        """Whether a run may be taken from the cache: one that was cut only if it left a newer checkpoint."""
        if node.exit_status == cls.exit_codes.ERROR_INTERRUPTED.status:
            results = node.outputs.results.get_dict() if 'results' in node.outputs else {}
            if (results.get('checkpoint_step') or 0) <= (results.get('first_step') or 0):
                return False
        return bool(super().is_valid_cache(node))

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input, copy the data, and line up the commands; each runs only if the one before went well."""
        backend = backend_of(self.inputs)
        content = training_content(self.inputs)
        with folder.open(INPUT_FILE, 'w', encoding='utf-8') as handle:
            json.dump(content, handle, indent=2)
        excluded: list[str] = []
        calcinfo = CalcInfo()
        calcinfo.local_copy_list = [
            (node.uuid, name, path)
            for root, port in (('data', 'training'), ('validation', 'validation'))
            for path, (node, name) in data_folders(namespace_of(self.inputs, port), root).items()
        ]
        calcinfo.remote_copy_list = []
        start = self._start(folder, backend, calcinfo, excluded)
        commands = {
            'train': ['train', INPUT_FILE, *start],
            'freeze': ['freeze', '-o', backend.frozen],
        }
        calcinfo.retrieve_temporary_list = [backend.frozen]
        if self.inputs.compress.value:
            self._write_check(Path(folder.abspath))
            excluded.append(CHECK_FOLDER)
            models = [backend.frozen, backend.compressed]
            commands['compress'] = ['compress', '-i', models[0], '-o', models[1]]
            commands['check'] = ['model-devi', '-m', *models, '-s', CHECK_FOLDER, '-o', CHECK_FILE]
            calcinfo.retrieve_temporary_list.append(backend.compressed)
        calcinfo.codes_info = [
            command(self.inputs.code, backend, words, LOGS[name]) for name, words in commands.items()
        ]
        calcinfo.codes_run_mode = CodeRunMode.SERIAL
        calcinfo.prepend_text = job_prepend(self.inputs.metadata.options)
        calcinfo.provenance_exclude_list = [*excluded, *self._files_below(folder, excluded)]
        calcinfo.retrieve_list = [LCURVE_FILE, CHECKPOINT_FILE, NORMALISED_FILE, CHECK_FILE, *LOGS.values()]
        return calcinfo

    def _start(self, folder: Folder, backend: Backend, calcinfo: CalcInfo, excluded: list[str]) -> list[str]:
        """Options of ``dp train`` that say where the weights come from, and the files that they need."""
        restart = namespace_of(self.inputs, 'restart')
        if 'folder' in restart:
            source = restart['folder']
            remote = PurePosixPath(source.get_remote_path())
            for name in (f'{backend.checkpoint.split(".pt")[0]}*', CHECKPOINT_FILE):
                calcinfo.remote_copy_list.append((source.computer.uuid, str(remote / name), '.'))
            fresh = 'fresh' in restart and restart['fresh'].value
            return ['--init-model' if fresh else '--restart', backend.checkpoint]
        if 'warm_start' in self.inputs:
            name = f'warm_start{backend.suffix}'
            write_model(folder, self.inputs.warm_start, name)
            excluded.append(name)
            return ['--init-frz-model', name]
        if 'finetune' in self.inputs:
            name = f'pretrained{backend.suffix if backend.finetunes_frozen else ".pt"}'
            write_model(folder, self.inputs.finetune, name)
            excluded.append(name)
            return ['--finetune', name]
        return []

    def _write_check(self, folder: Path) -> None:
        """A few frames on which the compressed model is compared with the uncompressed one."""
        datasets: dict[str, DatasetData] = dict(self.inputs.training)
        with SystemsWriter(folder / CHECK_FOLDER) as writer:
            for _, (node, system) in list(data_folders(datasets).items())[:_CHECK_SYSTEMS]:
                writer.add(_some(node.iter_frames(system)))

    @staticmethod
    def _files_below(folder: Folder, excluded: list[str]) -> list[str]:
        root = Path(folder.abspath)
        return [str(path.relative_to(root)) for name in excluded for path in (root / name).rglob('*')]


def steps_wanted(inputs: Any) -> int:
    """Number of steps of the whole training."""
    return int(check_content(inputs)['training']['numb_steps'])


def _some(sets: Iterator[Frames]) -> Frames:
    first = next(sets)
    return first[np.unique(np.linspace(0, first.n_frames - 1, _CHECK_FRAMES).astype(int))]
