"""MdCalculation: a schedule of molecular dynamics as one LAMMPS job."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_lammps.calculations.raw import LammpsRawCalculation
from aiida_lammps.data.trajectory import LammpsTrajectory

from aiida_glassion.calculations.md_inputs import (
    DEVIATION_DEFAULTS,
    RETRIEVE_DEFAULTS,
    check_accelerator,
    check_deviation,
    check_frozen,
    check_inputs,
    check_point,
    check_retrieve,
    check_schedule,
    check_seed,
    committee_members,
    deviation_interval,
    restart_point,
    retrieve_settings,
)
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.formats.lammps.deviation import DEVIATION_FILE
from aiida_glassion.formats.lammps.script import DATA_FILE, FINAL_FILE, write_script
from aiida_glassion.potentials.committee import committee_commands, committee_files
from aiida_glassion.schedule import read_schedule

LOG_FILE = 'log.lammps'
CONFIGURATIONS = (FramesData, orm.StructureData, orm.TrajectoryData, LammpsTrajectory)


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
        spec.inputs.validator = check_inputs
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
            validator=check_schedule,
            help='Stages and intervals (see aiida_glassion.schedule.Schedule): timestep in fs, durations in ps, '
            'temperatures in K, rates in K/ps, pressures in GPa.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=check_seed,
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
            'frozen',
            valid_type=orm.List,
            serializer=orm.to_aiida_type,
            required=False,
            validator=check_frozen,
            help='Indices, from 0, of the atoms that stay where they are in the stages with `frozen: true`.',
        )
        spec.input(
            'retrieve',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            validator=check_retrieve,
            help=f'What comes home (default {RETRIEVE_DEFAULTS}). trajectory False: the frames stay in the remote '
            'folder; velocities, forces: stored with the frames, Å/ps and eV/Å; single_precision: frames as 4-byte '
            'numbers (positions to 1e-5 Å). The final configuration always comes home in double precision.',
        )
        spec.input(
            'accelerator',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            validator=check_accelerator,
            help="LAMMPS accelerator options: 'suffix' (e.g. gpu, omp, kk, opt), 'package' (e.g. 'gpu 1', 'omp 4'), "
            "'kokkos' (e.g. 'on g 1'). MPI ranks are set in metadata.options.resources, threads per rank there too "
            '(num_cores_per_mpiproc) or by OMP_NUM_THREADS.',
        )
        spec.input_namespace(
            'committee',
            valid_type=PotentialData,
            dynamic=True,
            required=False,
            help='Further DeePMD models with the type map and cutoff of `potential`, which alone moves the atoms. How '
            'far they disagree is written at intervals: output `deviations`, eV/Å.',
        )
        spec.input(
            'deviation',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            validator=check_deviation,
            help="Of the committee: 'every': interval of records in ps (default: that of frames); 'stop_above': end "
            "where the largest force deviation stays above this level, eV/Å (default: never); 'stop_after': for so "
            f'many records in a row (default {DEVIATION_DEFAULTS["stop_after"]}).',
        )
        spec.input_namespace('restart', required=False, help='Continue from a restart file of an earlier run.')
        spec.input('restart.folder', valid_type=orm.RemoteData, required=False, help='Folder that holds the file.')
        spec.input(
            'restart.point',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            validator=check_point,
            help="'file' name; 'stage' and integration 'step' to go on with; 'fresh': the schedule is a new one, "
            'steps are counted from 0 again.',
        )

        spec.output(
            'trajectory',
            valid_type=FramesData,
            required=False,
            help='Frames of all stages: positions Å (unwrapped), velocities Å/ps, forces eV/Å, times ps, integration '
            'steps, stage.',
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
            'deviations',
            valid_type=orm.ArrayData,
            required=False,
            help='Disagreement of the committee: step, stage, time ps, frame (index in `trajectory`, -1: none at that '
            'step), largest, smallest and mean deviation of forces eV/Å, virial eV/atom. Units in attribute `units`.',
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
        spec.exit_code(
            413,
            'ERROR_LEFT_TRUSTED_REGION',
            message='The models of the committee no longer agree: {reason}',
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
        members = committee_members(self.inputs)
        commands, files = potential.commands_for(frames.elements), potential.files_for(frames.elements)
        if members:
            every = deviation_interval(self.inputs, schedule)
            commands = committee_commands(potential, list(members.values()), frames.elements, every)
            files |= committee_files(list(members.values()))
        has_velocities = frames.velocities is not None and self.inputs.keep_velocities.value
        script = write_script(
            schedule,
            commands,
            lammps_units=potential.units,
            atom_style=potential.atom_style,
            seed=self.inputs.seed.value,
            create_velocities=not has_velocities,
            dump_velocities=retrieve['velocities'],
            dump_forces=retrieve['forces'],
            restart=point,
            walltime_seconds=_time_for_lammps(self.inputs.metadata.options.get('max_wallclock_seconds')),
            mark_minimiser=bool(members),
            frozen=self.inputs.frozen.get_list() if 'frozen' in self.inputs else (),
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
        for name, content in files.items():
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
        calcinfo.retrieve_temporary_list = [FINAL_FILE, *([DEVIATION_FILE] if members else [])]
        if retrieve['trajectory']:
            calcinfo.retrieve_temporary_list.append(('stage_*.bin', '.', 0))
        calcinfo.remote_copy_list = []
        if point is not None:
            source = self.inputs.restart.folder
            path = PurePosixPath(source.get_remote_path()) / point.file
            calcinfo.remote_copy_list.append((source.computer.uuid, str(path), point.file))
        return calcinfo


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
