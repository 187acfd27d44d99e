"""MdCalculation: a schedule of molecular dynamics as one LAMMPS job."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job
from aiida_lammps.calculations.raw import LammpsRawCalculation
from aiida_lammps.data.trajectory import LammpsTrajectory

from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.formats.lammps.script import DATA_FILE, FINAL_FILE, RestartPoint, write_script
from aiida_glassion.frames import Frames
from aiida_glassion.schedule import Schedule, read_schedule

LOG_FILE = 'log.lammps'
CONFIGURATIONS = (FramesData, orm.StructureData, orm.TrajectoryData, LammpsTrajectory)
_ACCELERATOR = re.compile(
    r'([A-Za-z0-9_./:][A-Za-z0-9_./:-]*|-[0-9.]+)( +([A-Za-z0-9_./:][A-Za-z0-9_./:-]*|-[0-9.]+))*'
)
"""Words and numbers; a word that begins with `-` would be another option of LAMMPS."""
_RETRIEVE_DEFAULTS = {'trajectory': True, 'velocities': True, 'single_precision': True}


class MdCalculation(LammpsRawCalculation):
    """Molecular dynamics: all stages of a schedule in one LAMMPS job.

    Newton's equations are integrated with velocity Verlet; Nosé–Hoover chains hold temperature and pressure
    (Shinoda, Shiga & Mikami, Phys. Rev. B 69, 134103 (2004)). Atom types are the elements in alphabetical order.
    Restart files are written at intervals and at each stage's end, so that a stopped run can be continued.
    LAMMPS: A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022).
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        for name in ('script', 'files', 'filenames', 'settings'):
            del spec.inputs[name]
        del spec.outputs['results']
        spec.inputs.validator = _check_inputs
        options = spec.inputs['metadata']['options']
        options['parser_name'].default = 'glassion.md'
        options['output_filename'].default = 'lammps.out'
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        options['withmpi'].default = True

        spec.input(
            'configuration',
            valid_type=CONFIGURATIONS,
            help='Configuration to start from: the last frame of a FramesData, StructureData, TrajectoryData or '
            'LammpsTrajectory. Positions in Å, velocities in Å/ps.',
        )
        spec.input('potential', valid_type=PotentialData, help='Interatomic potential.')
        spec.input(
            'schedule',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=_check_schedule,
            help='Stages and intervals (see aiida_glassion.schedule.Schedule): timestep in fs, durations in ps, '
            'temperatures in K, rates in K/ps, pressures in GPa.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=_check_seed,
            help='Seed of initial velocities and Langevin forces, 1 to 2147483647.',
        )
        spec.input(
            'keep_velocities',
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Bool(True),
            help='Start from the velocities of the configuration if it has any; False: always draw new ones.',
        )
        spec.input(
            'retrieve',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            validator=_check_retrieve,
            help=f'What comes home (default {_RETRIEVE_DEFAULTS}). trajectory False: the frames stay in the remote '
            'folder; velocities: stored with the frames, Å/ps; single_precision: frames as 4-byte numbers (positions '
            'to 1e-5 Å). The final configuration always comes home in double precision.',
        )
        spec.input(
            'accelerator',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            validator=_check_accelerator,
            help="LAMMPS accelerator options: 'suffix' (e.g. gpu, omp, kk, opt), 'package' (e.g. 'gpu 1', 'omp 4'), "
            "'kokkos' (e.g. 'on g 1'). MPI ranks are set in metadata.options.resources, threads per rank there too "
            '(num_cores_per_mpiproc) or by OMP_NUM_THREADS.',
        )
        spec.input_namespace('restart', required=False, help='Continue from a restart file of an earlier run.')
        spec.input('restart.folder', valid_type=orm.RemoteData, required=False, help='Folder that holds the file.')
        spec.input(
            'restart.point',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            validator=_check_point,
            help="'file' name; 'stage' and integration 'step' to go on with; 'fresh': the schedule is a new one, "
            'steps are counted from 0 again.',
        )

        spec.output(
            'trajectory',
            valid_type=FramesData,
            required=False,
            help='Frames of all stages: positions Å (unwrapped), velocities Å/ps, times ps, integration steps, stage.',
        )
        spec.output(
            'final',
            valid_type=FramesData,
            required=False,
            help='Last configuration, in double precision: positions Å (unwrapped), velocities Å/ps.',
        )
        spec.output(
            'thermo',
            valid_type=orm.ArrayData,
            required=False,
            help='Thermodynamic output of all stages: step, stage, time ps, temperature K, pressure and its tensor '
            'GPa, energies eV, volume Å³, density g/cm³, cell Å. Units in the attribute `units`.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='How the run went: stages done, last step, newest whole restart file, speed (atom-steps/s), warnings, '
            'rotation of the cell into the orientation of LAMMPS.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(301, 'ERROR_LOG_MISSING', invalidates_cache=True, message='LAMMPS left no log.')
        spec.exit_code(
            302, 'ERROR_NOT_STARTED', invalidates_cache=True, message='LAMMPS did not begin the schedule: {reason}'
        )
        spec.exit_code(303, 'ERROR_STOPPED_AT_WALLTIME', message='Stopped in good order at the walltime: {reason}')
        spec.exit_code(304, 'ERROR_INCOMPLETE', message='The run broke off: {reason}')
        spec.exit_code(
            305, 'ERROR_FRAMES_DAMAGED', invalidates_cache=True, message='Frames are missing or damaged: {reason}'
        )
        spec.exit_code(310, 'ERROR_LAMMPS', invalidates_cache=True, message='LAMMPS stopped with an error: {reason}')
        spec.exit_code(
            320, 'ERROR_LOST_ATOMS', invalidates_cache=True, message='Atoms were lost or flew apart: {reason}'
        )
        spec.exit_code(
            321,
            'ERROR_NOT_A_NUMBER',
            invalidates_cache=True,
            message='The run produced numbers that are none: {reason}',
        )
        spec.exit_code(
            322, 'ERROR_RUNAWAY', invalidates_cache=True, message='Temperature or pressure ran away: {reason}'
        )

    @classmethod
    def is_valid_cache(cls, node: orm.ProcessNode) -> bool:
        """Whether a run may be taken from the cache: one that was cut only if it left a restart file further on.

        So a run of several pieces that is asked for again is put together from them, and a piece that is begun again
        because it left nothing is really run.
        """
        cut = (cls.exit_codes.ERROR_STOPPED_AT_WALLTIME.status, cls.exit_codes.ERROR_INCOMPLETE.status)
        if node.exit_status in cut:
            point = node.outputs.results.get_dict().get('newest_restart') if 'results' in node.outputs else None
            start = restart_point(node.inputs)
            begun = (0, 0) if start is None or start.fresh else (start.stage, start.step)
            if point is None or (point['stage'], point['step']) <= begun:
                return False
        return bool(super().is_valid_cache(node))

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input script, the data file and the potential's files."""
        frames = as_frames(self.inputs.configuration)
        potential = self.inputs.potential.potential
        schedule = read_schedule(self.inputs.schedule.get_dict())
        retrieve = retrieve_settings(self.inputs)
        point = restart_point(self.inputs)
        has_velocities = frames.velocities is not None and self.inputs.keep_velocities.value
        script = write_script(
            schedule,
            potential.commands_for(frames.elements),
            lammps_units=potential.units,
            atom_style=potential.atom_style,
            seed=self.inputs.seed.value,
            create_velocities=not has_velocities,
            dump_velocities=retrieve['velocities'],
            restart=point,
            walltime_seconds=_time_for_lammps(self.inputs.metadata.options.get('max_wallclock_seconds')),
        )
        options = self.inputs.metadata.options
        folder.create_file_from_filelike(_encoded(script), options.input_filename, mode='wb')
        provenance_exclude = []
        if point is None:
            with folder.open(DATA_FILE, 'w', encoding='utf-8') as handle:
                handle.write(
                    write_data(
                        frames,
                        charges=dict(potential.charges) if potential.atom_style == 'charge' else None,
                        atom_style=potential.atom_style,
                        velocities=has_velocities,
                        unit_style=potential.units,
                    )
                )
            provenance_exclude.append(DATA_FILE)
        for name, content in potential.files_for(frames.elements).items():
            folder.create_file_from_filelike(_encoded(content), name, mode='wb')
            provenance_exclude.append(name)

        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [*_accelerator_options(self.inputs), '-in', options.input_filename, '-log', LOG_FILE]
        code.stdout_name = options.output_filename

        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.provenance_exclude_list = provenance_exclude
        calcinfo.retrieve_list = [LOG_FILE, options.output_filename]
        calcinfo.retrieve_temporary_list = [FINAL_FILE]
        if retrieve['trajectory']:
            calcinfo.retrieve_temporary_list.append(('stage_*.bin', '.', 0))
        calcinfo.remote_copy_list = []
        if point is not None:
            source = self.inputs.restart.folder
            path = PurePosixPath(source.get_remote_path()) / point.file
            calcinfo.remote_copy_list.append((source.computer.uuid, str(path), point.file))
        return calcinfo


def retrieve_settings(inputs: Any) -> dict[str, bool]:
    """What comes home, with the defaults filled in."""
    return _RETRIEVE_DEFAULTS | (inputs['retrieve'].get_dict() if 'retrieve' in inputs else {})


def restart_point(inputs: Any) -> RestartPoint | None:
    """The restart point among the inputs of a calculation, if any."""
    if 'restart' not in inputs or 'point' not in inputs['restart']:
        return None
    return RestartPoint(**inputs['restart']['point'].get_dict())


def _encoded(content: str | bytes) -> Any:
    from io import BytesIO

    return BytesIO(content.encode() if isinstance(content, str) else content)


def _time_for_lammps(walltime: int | None) -> int | None:
    """Seconds after which LAMMPS stops itself: a margin of 5 %, 10 s to 10 min, is left for the last files."""
    if walltime is None:
        return None
    return int(max(walltime / 2, walltime - min(600.0, max(10.0, 0.05 * walltime))))


def _accelerator_options(inputs: Any) -> list[str]:
    options = inputs['accelerator'].get_dict() if 'accelerator' in inputs else {}
    flags = {'kokkos': '-k', 'suffix': '-sf', 'package': '-pk'}
    return [part for key, flag in flags.items() if key in options for part in (flag, *str(options[key]).split())]


def _check_schedule(node: orm.Dict, _: Any) -> str | None:
    try:
        read_schedule(node.get_dict())
    except ValueError as error:
        return str(error)
    return None


def _check_seed(node: orm.Int, _: Any) -> str | None:
    if not 1 <= node.value < 2**31:
        return f'seed: {node.value} is not between 1 and 2147483647'
    return None


def _check_retrieve(node: orm.Dict | None, _: Any) -> str | None:
    if node is None:
        return None
    for key, value in node.get_dict().items():
        if key not in _RETRIEVE_DEFAULTS or not isinstance(value, bool):
            return f'retrieve: {key} = {value!r}; expected true or false for any of {sorted(_RETRIEVE_DEFAULTS)}'
    return None


def _check_accelerator(node: orm.Dict | None, _: Any) -> str | None:
    if node is None:
        return None
    for key, value in node.get_dict().items():
        if key not in ('suffix', 'package', 'kokkos'):
            return f"accelerator: unknown key {key!r}; expected 'suffix', 'package' or 'kokkos'"
        if not isinstance(value, str) or not _ACCELERATOR.fullmatch(value):
            return f"accelerator: {key} = {value!r}; expected words and numbers as LAMMPS takes them, e.g. 'gpu 1'"
    return None


def _check_inputs(inputs: Any, namespace: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    if 'code' not in inputs and 'remote_folder' not in inputs:
        return 'code: missing, expected LAMMPS as an InstalledCode, e.g. the one that `glassion setup` stored'
    problem: str | None = validate_calc_job(inputs, namespace)
    if problem:
        return problem
    if 'configuration' not in inputs or 'potential' not in inputs:
        return None
    try:
        check_system(inputs['configuration'], inputs['potential'])
        point = restart_point(inputs)
        if point is not None:
            _check_restart(point, inputs, read_schedule(inputs['schedule'].get_dict()))
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def check_system(configuration: orm.Data, potential_node: PotentialData, port: str = 'potential') -> None:
    """Refuse atoms that are not periodic, that the potential does not cover, or that are not neutral with it.

    :param port: name of the potential's port.
    :raises ValueError: names the port, what was given and what would be right.
    """
    frames = as_frames(configuration)
    _check_configuration(frames)
    try:
        potential = potential_node.potential
        potential.commands_for(frames.elements)
    except ValueError as error:
        raise ValueError(f'{port}: {error}') from error
    net_charge = potential.net_charge(frames.counts)
    if abs(net_charge) > 1e-6 * max(1, frames.n_atoms):
        raise ValueError(
            f'configuration: the charges of potential {potential.name} add up to {net_charge:+.4g} e for '
            f'{frames.counts}; an Ewald sum needs a neutral cell: change the composition or the charges'
        )


def _check_configuration(frames: Frames) -> None:
    if frames.n_frames < 1 or frames.n_atoms < 1:
        raise ValueError('configuration: it holds no atoms')
    if not all(frames.pbc):
        raise ValueError(f'configuration: periodic in {frames.pbc}, expected a cell periodic in all three directions')


def _check_point(node: orm.Dict | None, _: Any) -> str | None:
    if node is None:
        return None
    point = node.get_dict()
    for key in ('file', 'stage', 'step'):
        if key not in point:
            return f"restart.point: '{key}' is missing, expected 'file', 'stage' and 'step'"
    unknown = sorted(set(point) - {'file', 'stage', 'step', 'fresh'})
    if unknown:
        return f"restart.point: unknown key {unknown[0]!r}, expected 'file', 'stage', 'step' or 'fresh'"
    if not isinstance(point['file'], str) or not re.fullmatch(r'[A-Za-z0-9_][A-Za-z0-9_.]*', point['file']):
        return f'restart.point: file {point["file"]!r} is not a plain file name, e.g. stage_00_end.restart'
    for key in ('stage', 'step'):
        if isinstance(point[key], bool) or not isinstance(point[key], int):
            return f'restart.point: {key} = {point[key]!r}; expected a whole number'
    if not isinstance(point.get('fresh', False), bool):
        return f'restart.point: fresh = {point["fresh"]!r}; expected true or false'
    return None


def _check_restart(point: RestartPoint, inputs: Any, schedule: Schedule) -> None:
    if 'folder' not in inputs['restart']:
        raise ValueError('restart.folder: missing; restart.point names a file in it')
    plans = schedule.plan()
    if point.fresh:
        return
    where = f'restart.point: step {point.step} does not lie in stage {point.stage} of the schedule'
    if not 0 <= point.stage < len(plans):
        raise ValueError(f'{where}, which has stages 0 to {len(plans) - 1}')
    plan = plans[point.stage]
    if not plan.first <= point.step <= plan.last:
        raise ValueError(f'{where}, which has steps {plan.first} to {plan.last}')
