"""AnalysisCalculation: structure analyses beside a trajectory, wherever it lies."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job
from aiida_lammps.data.trajectory import LammpsTrajectory

from aiida_glassion.analysis.__main__ import ERROR_FILE, INTERVAL, OUTCOME, PROGRESS_FILE, RUN_FILE
from aiida_glassion.analysis.copied import COPIED, COPIED_ABOUT
from aiida_glassion.analysis.parts import is_inside, read_parts
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.sources import FORMATS
from aiida_glassion.analysis.store import CURVES, NUMBERS, PER_ATOM
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.formats.array_folder import ABOUT, CELLS, POSITIONS, TIMES, write_array_folder
from aiida_glassion.functions.analysis import request_node, write_lammps_trajectory

REQUEST_FILE, FRAMES_FOLDER, DUMP_FILE = 'request.json', 'frames', 'frames.dump'
_SOURCES = ('frames', 'remote', 'folder', 'parts')


class AnalysisCalculation(CalcJob):
    """The structure of a trajectory, analysed where it lies: the frames stay there, curves and numbers come back.

    The code is the Python of an environment with ``aiida-glassion``; no AiiDA profile is needed there. Frames are read
    in pieces, so memory does not grow with their number. Results are written at intervals, and a job that is killed
    keeps them. What each analysis computes, and by which definition, is written with its curves.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        spec.inputs.validator = _check_inputs
        options = spec.inputs['metadata']['options']
        options['parser_name'].default = 'glassion.analysis'
        options['output_filename'].default = 'analysis.out'
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        options['withmpi'].default = False
        spec.input(
            'metadata.options.keep_interval',
            valid_type=(int, float),
            default=INTERVAL,
            help='Seconds (s) between the times at which the results so far are written.',
        )
        spec.input(
            'request',
            valid_type=orm.Dict,
            serializer=_normalised,
            validator=_check_request,
            help="What to analyse: 'analyses' (kind to settings), 'cutoffs' of bonds (Å), 'first', 'last', 'every' "
            '(indices of frames). A plain dictionary is stored with its defaults written out.',
        )
        spec.input(
            'frames',
            valid_type=(orm.TrajectoryData, orm.StructureData, LammpsTrajectory),
            required=False,
            help='The configurations, Å; FramesData is a TrajectoryData. Give this, `remote`, `folder` or `parts`.',
        )
        spec.input(
            'remote',
            valid_type=orm.RemoteData,
            required=False,
            help='Folder on the computer of the code in which `files` lie; they are read there and not copied.',
        )
        spec.input(
            'folder',
            valid_type=(orm.FolderData, orm.SinglefileData),
            required=False,
            help='Stored file, or folder that holds `files`.',
        )
        convert = {'serializer': orm.to_aiida_type, 'required': False}
        spec.input(
            'files',
            valid_type=orm.List,
            validator=_check_files,
            help='Names of the files of the trajectory in `remote` or `folder`, one after the other in time.',
            **convert,
        )
        spec.input_namespace(
            'remotes',
            valid_type=orm.RemoteData,
            dynamic=True,
            required=False,
            help='Folders on the computer of the code in which the files of `parts` lie, by labels of your choice.',
        )
        spec.input(
            'parts',
            valid_type=orm.List,
            validator=_check_parts,
            help='LAMMPS dumps of a run in several pieces, or of several runs, as one trajectory, in order of time. '
            "Each is a dictionary: 'remote' (label in `remotes`), 'file', 'time' (ps of the whole at step 0 of the "
            "file), 'timestep' (ps), 'until' (last step that counts; null: all).",
            **convert,
        )
        spec.input(
            'copy_every',
            valid_type=orm.Int,
            validator=_check_copy_every,
            help='Every so many of the frames that are analysed come home as `copied`; not given: none.',
            **convert,
        )
        spec.input(
            'format',
            valid_type=orm.Str,
            validator=_check_format,
            help=f'Format of the files: {", ".join(FORMATS)}; told by name and content where it is not given.',
            **convert,
        )
        spec.input(
            'species',
            valid_type=orm.Dict,
            validator=_check_species,
            help="Element of each type, {'1': 'Si'}, for files that only number them.",
            **convert,
        )
        spec.output(
            'numbers',
            valid_type=orm.Dict,
            required=False,
            help='Numbers of each analysis with units and errors, cut-offs, warnings, and why an analysis failed.',
        )
        spec.output(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Arrays `kind__curve__x`, `…__y`, `…__error`; the attribute `curves` names units and conventions.',
        )
        spec.output(
            'per_atom',
            valid_type=orm.ArrayData,
            required=False,
            help='Arrays `kind__name` of the last frame, by atom; integers are labels or counts.',
        )
        spec.output(
            'copied',
            valid_type=FramesData,
            required=False,
            help='Every `copy_every`-th frame, in single precision: positions as in the file, Å (unwrapped where it '
            'keeps track of periodic images), times ps.',
        )
        spec.output(
            'run',
            valid_type=orm.Dict,
            required=False,
            help='Wall time of each analysis (s), the largest memory (MB), size of what was copied (MB), versions.',
        )
        spec.default_output_node = 'numbers'
        spec.exit_code(302, 'ERROR_NO_OUTPUT', invalidates_cache=True, message='There is no result: {reason}')
        spec.exit_code(
            303, 'ERROR_STOPPED_AT_WALLTIME', invalidates_cache=True, message='Stopped at the walltime: {reason}'
        )
        spec.exit_code(304, 'ERROR_INCOMPLETE', invalidates_cache=True, message='The analysis broke off: {reason}')
        spec.exit_code(310, 'ERROR_DATA', invalidates_cache=True, message='The data cannot be read: {reason}')
        spec.exit_code(311, 'ERROR_REQUEST', invalidates_cache=True, message='The request was refused: {reason}')
        spec.exit_code(312, 'ERROR_SOME_FAILED', message='Some analyses failed: {reason}')
        spec.exit_code(320, 'ERROR_OUT_OF_MEMORY', invalidates_cache=True, message='Out of memory: {reason}')

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the request, and the frames where they come from a node."""
        options = self.inputs.metadata.options
        calcinfo = CalcInfo()
        calcinfo.local_copy_list = []
        calcinfo.provenance_exclude_list = []
        job = {
            'request': read_request(self.inputs.request.get_dict()).as_dict(),
            **self._bring_data(folder, calcinfo),
            'copy_every': self.inputs.copy_every.value if 'copy_every' in self.inputs else None,
            'format': self.inputs.format.value if 'format' in self.inputs else None,
            'species': self.inputs.species.get_dict() if 'species' in self.inputs else None,
            'interval': options.keep_interval,
            'walltime': options.get('max_wallclock_seconds'),
        }
        content = json.dumps(job, indent=1, sort_keys=True).encode()
        folder.create_file_from_filelike(io.BytesIO(content), REQUEST_FILE, mode='wb')
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = ['-m', 'aiida_glassion.analysis', REQUEST_FILE]
        code.stdout_name = options.output_filename
        code.join_files = True
        calcinfo.codes_info = [code]
        calcinfo.retrieve_list = [options.output_filename, ERROR_FILE, PROGRESS_FILE, RUN_FILE]
        calcinfo.retrieve_temporary_list = [f'{OUTCOME}/{name}' for name in (NUMBERS, CURVES, PER_ATOM)]
        if 'copy_every' in self.inputs:
            calcinfo.retrieve_temporary_list += [COPIED, COPIED_ABOUT]
        return calcinfo

    def _bring_data(self, folder: Folder, calcinfo: CalcInfo) -> dict[str, Any]:
        """Where the job finds its data, as its request says it."""
        if 'parts' not in self.inputs:
            return {'files': self._bring_files(folder, calcinfo)}
        folders = {label: remote.get_remote_path() for label, remote in self.inputs.remotes.items()}
        return {'parts': [asdict(part) for part in read_parts(self.inputs.parts.get_list())], 'folders': folders}

    def _bring_files(self, folder: Folder, calcinfo: CalcInfo) -> list[str]:
        """Where the job finds its data; what comes from nodes is copied and not kept with the job."""
        names = self.inputs.files.get_list() if 'files' in self.inputs else []
        if 'remote' in self.inputs:
            return [str(PurePosixPath(self.inputs.remote.get_remote_path()) / name) for name in names]
        node = self.inputs.frames if 'frames' in self.inputs else self.inputs.folder
        if 'folder' in self.inputs:
            names = [node.filename] if isinstance(node, orm.SinglefileData) else names
            brought = [f'data/{name}' for name in names]
            calcinfo.local_copy_list = [(node.uuid, name, to) for name, to in zip(names, brought, strict=True)]
            return brought
        if isinstance(node, LammpsTrajectory):
            write_lammps_trajectory(node, Path(folder.abspath) / DUMP_FILE)
            calcinfo.provenance_exclude_list = [DUMP_FILE]
            return [DUMP_FILE]
        inside = Path(folder.get_subfolder(FRAMES_FOLDER, create=True).abspath)
        arrays = [POSITIONS, CELLS]
        if isinstance(node, orm.TrajectoryData):
            about = {'symbols': list(node.symbols), 'pbc': list(node.pbc or (True, True, True))}
            (inside / ABOUT).write_text(json.dumps(about), encoding='utf-8')
            arrays += [TIMES] if 'times' in node.get_arraynames() else []
            calcinfo.local_copy_list = [(node.uuid, name, f'{FRAMES_FOLDER}/{name}') for name in arrays]
        else:
            write_array_folder(inside, as_frames(node))
        calcinfo.provenance_exclude_list = [f'{FRAMES_FOLDER}/{name}' for name in (*arrays, ABOUT)]
        return [FRAMES_FOLDER]


def _normalised(value: Any) -> orm.Data:
    """A plain dictionary becomes a node with the defaults written out; what is wrong with it the validator says."""
    if isinstance(value, Mapping) and not isinstance(value, orm.Data):
        try:
            return request_node(value)
        except ValueError:
            return orm.Dict(dict(value))
    converted: orm.Data = orm.to_aiida_type(value)
    return converted


def _check_request(node: orm.Dict | None, _: Any = None) -> str | None:
    try:
        if node is not None:
            read_request(node.get_dict())
    except ValueError as error:
        return f'request: {error}'
    return None


def _check_files(node: orm.List | None, _: Any = None) -> str | None:
    for name in node.get_list() if node is not None else []:
        if not is_inside(name):
            return f'files: {name!r}, expected the name of a file, relative to the folder and within it'
    return None


def _check_parts(node: orm.List | None, _: Any = None) -> str | None:
    try:
        if node is not None:
            read_parts(node.get_list())
    except ValueError as error:
        return str(error)
    return None


def _check_copy_every(node: orm.Int | None, _: Any = None) -> str | None:
    if node is not None and node.value < 1:
        return f'copy_every: {node.value}, expected a whole number of frames, from 1'
    return None


def _check_format(node: orm.Str | None, _: Any = None) -> str | None:
    if node is not None and node.value not in FORMATS:
        return f'format: {node.value!r}, expected one of {", ".join(FORMATS)}'
    return None


def _check_species(node: orm.Dict | None, _: Any = None) -> str | None:
    from ase.data import atomic_numbers

    for number, element in (node.get_dict() if node is not None else {}).items():
        if not isinstance(element, str) or element not in atomic_numbers:
            return f"species: {number!r} is {element!r}, expected an element of each type, such as {{'1': 'Si'}}"
    return None


def _check_inputs(inputs: Any, namespace: Any) -> str | None:
    problem: str | None = validate_calc_job(inputs, namespace)
    if problem:
        return problem
    given = [name for name in _SOURCES if name in inputs]
    if len(given) != 1:
        return f'{" and ".join(given) or "no data"} given, expected exactly one of {", ".join(_SOURCES)}'
    has_files = 'files' in inputs and bool(inputs['files'].get_list())
    if given[0] == 'parts':
        return _check_remotes(inputs, has_files)
    if inputs.get('remotes'):
        return f'remotes: given together with {given[0]}; they are the folders of `parts`'
    if given[0] == 'frames':
        if has_files:
            return 'files: given together with frames; they are names in `remote` or `folder`'
        node = inputs['frames']
        if isinstance(node, orm.TrajectoryData) and 'cells' not in node.get_arraynames():
            return 'frames: a trajectory without cells; a structure is analysed in its cell'
        return None
    single = isinstance(inputs.get('folder'), orm.SinglefileData)
    if has_files == single:
        return 'files: ' + ('not needed with a single file' if single else f'name those of `{given[0]}` to be analysed')
    if given[0] == 'folder' and not single:
        present = set(inputs['folder'].base.repository.list_object_names())
        missing = [name for name in inputs['files'].get_list() if '/' not in name and name not in present]
        if missing:
            return f'files: {missing[0]!r} is not in the folder, which holds {", ".join(sorted(present)[:10])}'
    return _check_computer('remote', inputs['remote'], inputs) if given[0] == 'remote' else None


def _check_remotes(inputs: Any, has_files: bool) -> str | None:
    """The folders of the parts: each is there, is used and lies where the code is."""
    if has_files:
        return 'files: given together with parts, which name their files themselves'
    if 'format' in inputs and inputs['format'].value != 'lammps-dump':
        return f'format: {inputs["format"].value!r}, but parts are LAMMPS dumps; leave it out'
    remotes = inputs.get('remotes') or {}
    named = {part.remote for part in read_parts(inputs['parts'].get_list())}
    if missing := sorted(named - set(remotes)):
        there = ', '.join(sorted(remotes)) or 'nothing'
        return f'parts: remote {missing[0]!r} is not in `remotes`, which holds {there}'
    if unused := sorted(set(remotes) - named):
        return f'remotes: {unused[0]!r} is named by no part; leave it out'
    problems = (_check_computer(f'remotes.{label}', remote, inputs) for label, remote in sorted(remotes.items()))
    return next((problem for problem in problems if problem), None)


def _check_computer(port: str, remote: orm.RemoteData, inputs: Any) -> str | None:
    computer = getattr(inputs.get('code'), 'computer', None)
    if computer is not None and remote.computer.uuid != computer.uuid:
        return f'{port}: lies on {remote.computer.label}, the code on {computer.label}; take one of there'
    return None
