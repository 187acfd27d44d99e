"""GapMdCalculation: molecular dynamics with a GAP where no LAMMPS with QUIP is at hand."""

from __future__ import annotations

import io
from importlib import resources
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.calculations.md_inputs import check_schedule, check_seed, check_system
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.gap_md import (
    FINAL_FILE,
    FRAMES_FILE,
    SETTINGS_FILE,
    START_FILE,
    THERMO_FILE,
    unsupported,
    write_settings,
    write_start,
)
from aiida_glassion.formats.lammps.thermo import Limits
from aiida_glassion.schedule import read_schedule

SCRIPT, OUTPUT_FILE = 'gap_md.py', 'gap_md.out'


class GapMdCalculation(CalcJob):
    """Molecular dynamics with a GAP by ASE's integrators and QUIP's forces, one process.

    ``nve``: velocity Verlet; ``nvt``: stochastic rescaling of all velocities (G. Bussi, D. Donadio, M. Parrinello, J.
    Chem. Phys. 126, 014101 (2007)); ``langevin``: Langevin dynamics; minimisation by FIRE. The cell is fixed. Some 400
    atom-steps a second: for anything larger glassion.md with a LAMMPS that has ``pair_style quip``.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        spec.inputs.validator = _check_inputs
        options = spec.inputs['metadata']['options']
        options['parser_name'].default = 'glassion.gap.md'
        options['output_filename'].default = OUTPUT_FILE
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        options['withmpi'].default = False
        spec.input(
            'configuration',
            valid_type=CONFIGURATIONS,
            help='Configuration to start from, its last frame. Positions in Å, velocities in Å/ps.',
        )
        spec.input('potential', valid_type=PotentialData, validator=_check_potential, help='A GAP.')
        spec.input(
            'schedule',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=_check_schedule,
            help='Stages minimise, hold, ramp with ensemble nve, nvt or langevin, as for glassion.md: timestep in fs, '
            'durations in ps, temperatures in K, rates in K/ps.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=check_seed,
            help='Seed of initial velocities and of the thermostat, 1 to 2147483647.',
        )
        spec.input(
            'keep_velocities',
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Bool(True),
            help='Start from the velocities of the configuration if it has any; False: always draw new ones.',
        )
        spec.output(
            'trajectory',
            valid_type=FramesData,
            required=False,
            help='Frames of all stages: positions Å (unwrapped), velocities Å/ps, energies eV, forces eV/Å, times ps.',
        )
        spec.output(
            'final', valid_type=FramesData, required=False, help='Last configuration: positions Å, velocities Å/ps.'
        )
        spec.output(
            'thermo',
            valid_type=orm.ArrayData,
            required=False,
            help='Thermodynamic output: step, stage, time ps, temperature K, pressure and its tensor GPa, energies eV, '
            'volume Å³, density g/cm³. Units in the attribute `units`.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='How the run went: stages done, last step, speed (atom-steps/s), versions.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(301, 'ERROR_LOG_MISSING', invalidates_cache=True, message='The run left no output.')
        spec.exit_code(302, 'ERROR_NOT_STARTED', invalidates_cache=True, message='The run did not begin: {reason}')
        spec.exit_code(304, 'ERROR_INCOMPLETE', invalidates_cache=True, message='The run broke off: {reason}')
        spec.exit_code(
            305, 'ERROR_FRAMES_DAMAGED', invalidates_cache=True, message='Frames are missing or damaged: {reason}'
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

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the script, its settings, the start and the files of the potential."""
        frames = as_frames(self.inputs.configuration)
        potential = self.inputs.potential.potential
        schedule = read_schedule(self.inputs.schedule.get_dict())
        settings = write_settings(schedule, self.inputs.seed.value, Limits.of(schedule).temperature)
        model = potential.files_for(frames.elements)
        written = {
            SCRIPT: resources.files('aiida_glassion.calculations.scripts').joinpath(SCRIPT).read_bytes(),
            SETTINGS_FILE: settings.encode(),
            START_FILE: write_start(frames, self.inputs.keep_velocities.value),
            **model,
        }
        for name, content in written.items():
            folder.create_file_from_filelike(io.BytesIO(content), name, mode='wb')
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [SCRIPT]
        code.stdout_name = self.inputs.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.provenance_exclude_list = [START_FILE, *model]
        calcinfo.retrieve_list = [self.inputs.metadata.options.output_filename, THERMO_FILE]
        calcinfo.retrieve_temporary_list = [FRAMES_FILE, FINAL_FILE]
        return calcinfo


def _check_schedule(node: orm.Dict, port: Any) -> str | None:
    """A valid schedule, of which nothing is asked that this dynamics cannot do."""
    return check_schedule(node, port) or unsupported(read_schedule(node.get_dict()))


def _check_potential(node: PotentialData, _: Any) -> str | None:
    kind = node.base.attributes.get('kind')
    return None if kind == 'gap' else f"potential: kind '{kind}' given, expected a GAP; others run by glassion.md"


def _check_inputs(inputs: Any, namespace: Any) -> str | None:
    problem: str | None = validate_calc_job(inputs, namespace)
    if problem:
        return problem
    try:
        check_system(inputs['configuration'], inputs['potential'])
    except (ValueError, TypeError) as error:
        return str(error)
    return None
