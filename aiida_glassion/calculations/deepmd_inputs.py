"""What the inputs of DeePMD calculations mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.common.datastructures import CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job

from aiida_glassion.data.dataset import DatasetData, check_one_method
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd import input as deepmd_input
from aiida_glassion.formats.deepmd.backend import COMPRESSIBLE, Backend, backend_named, backend_of_model
from aiida_glassion.formats.deepmd.frozen import read_frozen
from aiida_glassion.formats.deepmd.script import sel_of_model

LARGEST_SEED = 2**31 - 1
_THREADS = (
    'export OMP_NUM_THREADS=${{OMP_NUM_THREADS:-{n}}} '
    'DP_INTRA_OP_PARALLELISM_THREADS=${{DP_INTRA_OP_PARALLELISM_THREADS:-{n}}} '
    'DP_INTER_OP_PARALLELISM_THREADS=${{DP_INTER_OP_PARALLELISM_THREADS:-1}} '
    'TF_CPP_MIN_LOG_LEVEL=${{TF_CPP_MIN_LOG_LEVEL:-2}}'
)


def job_prepend(options: Mapping[str, Any]) -> str:
    """Shell lines before ``dp``: as many threads as cores are asked for, one otherwise; stop at the first failure."""
    cores = options.get('resources', {}).get('num_cores_per_mpiproc') or 1
    return f'{_THREADS.format(n=cores)}\nset -e'


def define_job(spec: CalcJobProcessSpec, parser: str) -> None:
    """Options that every ``dp`` job has: one process, its own parser."""
    options = spec.inputs['metadata']['options']
    options['parser_name'].default = parser
    options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    options['withmpi'].default = False


def command(code: orm.AbstractCode, backend: Backend, words: Sequence[str], log: str) -> CodeInfo:
    """One ``dp`` command whose output and errors go to a log."""
    info = CodeInfo()
    info.code_uuid = code.uuid
    info.cmdline_params = [backend.flag, *words]
    info.stdout_name = log
    info.join_files = True
    return info


def model_content(node: orm.Data) -> bytes:
    """Content of the file of a model."""
    if isinstance(node, orm.SinglefileData):
        content: bytes = node.get_content(mode='rb')
    else:
        content = node.base.repository.get_object_content(model_file(node), mode='rb')
    return content


def write_model(folder: Folder, node: orm.Data, name: str) -> None:
    """Write the file of a model into a job."""
    folder.create_file_from_filelike(io.BytesIO(model_content(node)), name, mode='wb')


def data_folders(datasets: Mapping[str, DatasetData], root: str = 'data') -> dict[str, tuple[DatasetData, str]]:
    """Folder of each system in the job -> the node that holds it and its name there."""
    return {
        f'{root}/{name}/{system["name"]}': (node, system['name'])
        for name, node in sorted(datasets.items())
        for system in node.systems
    }


def namespace_of(inputs: Any, port: str) -> dict[str, Any]:
    """What stands in a namespace of the inputs; empty where it is not given. Inputs: of a process or of a node."""
    return dict(inputs[port]) if port in inputs else {}


def model_file(node: PotentialData) -> str:
    """Name of the one model file of a DeePMD potential.

    :raises ValueError: it is of another kind, or has not one file.
    """
    kind, files = node.base.attributes.get('kind', None), sorted(node.base.attributes.get('files', {}))
    if kind != 'deepmd':
        raise ValueError(f'a potential of kind {kind!r} given, expected one of kind deepmd')
    if len(files) != 1:
        raise ValueError(f'a potential of {len(files)} files given, expected one model file')
    return str(files[0])


def type_map_of_model(node: PotentialData) -> list[str]:
    """Elements in the order in which a model counts its types."""
    return list(node.base.attributes.get('type_map', None) or node.elements)


def type_map_of(inputs: Any) -> list[str]:
    """Type map of a training: the one given, else that of the model to start from, else the elements of the data."""
    if 'type_map' in inputs:
        return list(inputs['type_map'].get_list())
    for port in ('warm_start', 'finetune'):
        if port in inputs and isinstance(inputs[port], PotentialData):
            return type_map_of_model(inputs[port])
    return sorted({element for node in _datasets(inputs).values() for element in node.elements})


def check_seed(node: orm.Int, _: Any) -> str | None:
    """A seed is a number that every backend takes."""
    if not 0 <= node.value <= LARGEST_SEED:
        return f'seed: {node.value} is not between 0 and {LARGEST_SEED}'
    return None


def check_backend(node: orm.Str, _: Any) -> str | None:
    """The backend is one whose models LAMMPS runs."""
    try:
        backend_named(node.value)
    except ValueError as error:
        return f'backend: {error}'
    return None


def check_model(node: orm.Data | None, port: Any) -> str | None:
    """A potential is a DeePMD model of a supported backend."""
    if node is None or not isinstance(node, PotentialData):
        return None
    try:
        backend_of_model(model_file(node))
    except ValueError as error:
        return f'{port.name}: {error}'
    return None


def check_datasets(datasets: Mapping[str, DatasetData], port: str) -> str | None:
    """At least one dataset, each with frames."""
    if not datasets:
        return f'{port}: no dataset given, expected at least one, e.g. {{"start": DatasetData}}'
    for name, node in datasets.items():
        if node.base.attributes.get('n_frames', 0) < 1:
            return f'{port}.{name}: the dataset is empty'
    return None


def check_without_mpi(inputs: Any) -> str | None:
    """The ``dp`` program runs as one process."""
    if inputs.get('metadata', {}).get('options', {}).get('withmpi'):
        return 'metadata.options.withmpi: True, but dp runs as one process; leave it out, ask for threads by cores'
    return None


def check_training(inputs: Any, namespace: Any) -> str | None:
    """Check what only shows when all inputs of a training are seen together."""
    if 'code' not in inputs and 'remote_folder' not in inputs:
        return 'code: missing, expected the dp of DeePMD-kit as an InstalledCode, e.g. from `glassion setup --dp PATH`'
    for port in ('training', 'validation'):
        datasets = namespace_of(inputs, port)
        if (datasets or port == 'training') and (problem := check_datasets(datasets, port)):
            return problem
    problem = validate_calc_job(inputs, namespace) or check_without_mpi(inputs)
    if problem or 'parameters' not in inputs or 'seed' not in inputs:
        return problem
    try:
        check_one_method(_datasets(inputs))
        _check_type_map(inputs)
        checked = check_content(inputs)
        _check_labels(checked, inputs['training'])
        _check_start(inputs, checked)
    except ValueError as error:
        return str(error)
    return None


def check_content(inputs: Any) -> dict[str, Any]:
    """The whole ``input.json`` as deepmd itself reads it, with its defaults.

    :raises ValueError: deepmd's own words, or a key that the plugin sets.
    """
    try:
        return deepmd_input.normalise(training_content(inputs))
    except ValueError as error:
        raise ValueError(f'parameters: {error}') from error


def training_content(inputs: Any) -> dict[str, Any]:
    """Content of ``input.json``. Where ``sel`` is ``auto``, a model to start from brings its own: it cannot change."""
    sel = sel_of_model(model_content(inputs['warm_start'])) if 'warm_start' in inputs else None
    return deepmd_input.write_input(
        inputs['parameters'].get_dict(),
        type_map=type_map_of(inputs),
        seed=inputs['seed'].value,
        training=list(data_folders(namespace_of(inputs, 'training'))),
        validation=list(data_folders(namespace_of(inputs, 'validation'), 'validation')),
        sel=sel,
    )


def backend_of(inputs: Any) -> Backend:
    """The backend among the inputs."""
    return backend_named(inputs['backend'].value)


def _datasets(inputs: Any) -> dict[str, DatasetData]:
    found = namespace_of(inputs, 'training')
    return found | {f'validation {name}': node for name, node in namespace_of(inputs, 'validation').items()}


def _check_type_map(inputs: Any) -> None:
    type_map = type_map_of(inputs)
    if len(set(type_map)) != len(type_map) or not all(isinstance(element, str) for element in type_map):
        raise ValueError(f'type_map: {type_map}; expected each element once')
    for name, node in _datasets(inputs).items():
        missing = [element for element in node.elements if element not in type_map]
        if missing:
            raise ValueError(
                f'type_map: {", ".join(missing)} of dataset {name} is missing in {type_map}; '
                f'expected all of {", ".join(sorted({*type_map, *node.elements}))}'
            )


def _check_labels(checked: Mapping[str, Any], training: Mapping[str, DatasetData]) -> None:
    for label, letter in deepmd_input.LABEL_PREFACTORS.items():
        prefactor = deepmd_input.wants_label(checked, label)
        if prefactor and not labelled_frames(training, label):
            raise ValueError(
                f'parameters: the loss weighs {label} (start_pref_{letter}, limit_pref_{letter} up to {prefactor:g}), '
                f'but no frame of the training data has any; set both to 0, or give a dataset with {label}'
            )


def labelled_frames(datasets: Mapping[str, DatasetData], label: str) -> int:
    """Number of frames that carry a label."""
    return sum(s['n_frames'] for node in datasets.values() for s in node.systems if label in s['labels'])


def _check_start(inputs: Any, checked: Mapping[str, Any]) -> None:
    backend, descriptor = backend_of(inputs), deepmd_input.descriptor_type(checked)
    starts = [port for port in ('warm_start', 'finetune') if port in inputs]
    if 'folder' in namespace_of(inputs, 'restart'):
        starts.append('restart')
        _check_same_computer(inputs['restart']['folder'], inputs)
    if len(starts) > 1:
        raise ValueError(f'{" and ".join(starts)}: a training begins from one of them only')
    if inputs['compress'].value and descriptor not in COMPRESSIBLE:
        raise ValueError(
            f'compress: a model with the descriptor {descriptor} cannot be compressed; set compress to False, '
            f'or take one of {", ".join(COMPRESSIBLE)}'
        )
    if 'warm_start' in inputs:
        file = model_file(inputs['warm_start'])
        if backend_of_model(file) is not backend:
            raise ValueError(
                f'warm_start: {file} is of another backend; expected a frozen {backend.suffix} of {backend.name}'
            )
        model = read_frozen(model_content(inputs['warm_start']))
        if model is not None and model.compressed:
            raise ValueError('warm_start: a compressed model cannot be trained on; give the output `frozen`')
        _check_same_map('warm_start', type_map_of_model(inputs['warm_start']), type_map_of(inputs))
    if 'finetune' in inputs:
        _check_finetune(inputs['finetune'], backend, descriptor)


def _check_finetune(node: orm.Data, backend: Backend, descriptor: str) -> None:
    if backend.finetunes and descriptor not in backend.finetunes:
        raise ValueError(
            f'finetune: the backend {backend.name} finetunes {", ".join(backend.finetunes)} only, not {descriptor}; '
            'to go on from a model of the same descriptor, give it as warm_start'
        )
    file = node.filename if isinstance(node, orm.SinglefileData) else model_file(node)
    wanted = backend.suffix if backend.finetunes_frozen else '.pt'
    if not file.endswith(wanted):
        raise ValueError(f'finetune: {file} given, but the backend {backend.name} finetunes {wanted} files')


def _check_same_computer(folder: orm.RemoteData, inputs: Any) -> None:
    if 'code' not in inputs or not isinstance(inputs['code'], orm.InstalledCode):
        return
    here, there = inputs['code'].computer, folder.computer
    if here.uuid != there.uuid:
        raise ValueError(
            f'restart.folder: its files are on {there.label}, but the code runs on {here.label}; checkpoints are not '
            f'copied between computers: give a code on {there.label}'
        )


def _check_same_map(port: str, given: Sequence[str], wanted: Sequence[str]) -> None:
    if list(given) != list(wanted):
        raise ValueError(
            f'{port}: the model counts its types as {list(given)}, the training as {list(wanted)}; '
            'give the same type_map, or train from scratch'
        )
