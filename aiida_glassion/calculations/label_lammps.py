"""LammpsLabelCalculation: many configurations of the same atoms labelled by a potential in one LAMMPS job."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job
from aiida_lammps.calculations.raw import LammpsRawCalculation

from aiida_glassion.calculations.md import LOG_FILE
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.formats.lammps.label_script import (
    DATA_FILE,
    FORCES_FILE,
    FRAMES_FILE,
    LABELS_FILE,
    first_frame,
    is_triclinic,
    write_frames,
    write_label_script,
)
from aiida_glassion.frames import Frames


class LammpsLabelCalculation(LammpsRawCalculation):
    """Energy, forces and virial of each frame by a potential, without any step of dynamics.

    Every frame is computed as if it were alone (also the mesh of an Ewald sum is its own), in LAMMPS' orientation of
    its cell; forces and virials are turned back. What is done is kept when the job is cut.
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
        options['parser_name'].default = 'glassion.label.lammps'
        options['output_filename'].default = 'lammps.out'
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        options['withmpi'].default = True

        spec.input('frames', valid_type=FramesData, help='Frames of the same atoms, any periodic cells: positions Å.')
        spec.input('potential', valid_type=PotentialData, help='Interatomic potential that labels.')
        spec.output(
            'labels',
            valid_type=FramesData,
            required=False,
            help='The frames that got labels: energies eV, forces eV/Å, virials eV; `steps` is their index among '
            'those given.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='How many frames were labelled, which were refused (index, kind, reason), LAMMPS version, warnings.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(301, 'ERROR_LOG_MISSING', invalidates_cache=True, message='LAMMPS left no log.')
        spec.exit_code(
            302, 'ERROR_NOT_STARTED', invalidates_cache=True, message='LAMMPS did not label any frame: {reason}'
        )
        spec.exit_code(304, 'ERROR_INCOMPLETE', invalidates_cache=True, message='The run broke off: {reason}')
        spec.exit_code(310, 'ERROR_LAMMPS', invalidates_cache=True, message='LAMMPS stopped with an error: {reason}')
        spec.exit_code(
            320,
            'ERROR_LOST_ATOMS',
            invalidates_cache=True,
            message='A frame has atoms where LAMMPS cannot have any: {reason}',
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input script, the first frame as data file, all frames as a dump, the potential's files."""
        frames = self.inputs.frames.frames
        potential = self.inputs.potential.potential
        options = self.inputs.metadata.options
        script = write_label_script(
            potential.commands_for(frames.elements),
            frames.n_frames,
            potential.units,
            potential.atom_style,
            is_triclinic(frames),
        )
        data = write_data(
            first_frame(frames),
            charges=dict(potential.charges) if potential.atom_style == 'charge' else None,
            atom_style=potential.atom_style,
            velocities=False,
            unit_style=potential.units,
        )
        files = potential.files_for(frames.elements)
        texts = {options.input_filename: script, DATA_FILE: data}
        for name, content in {**{key: text.encode() for key, text in texts.items()}, **files}.items():
            folder.create_file_from_filelike(BytesIO(content), name, mode='wb')
        write_frames(frames, Path(folder.get_abs_path(FRAMES_FILE)))

        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = ['-in', options.input_filename, '-log', LOG_FILE]
        code.stdout_name = options.output_filename
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.provenance_exclude_list = [DATA_FILE, FRAMES_FILE, *files]
        calcinfo.retrieve_list = [LOG_FILE, options.output_filename]
        calcinfo.retrieve_temporary_list = [LABELS_FILE, FORCES_FILE]
        return calcinfo


def check_frames(frames: Frames, potential: PotentialData) -> str | None:
    """What keeps a potential from labelling frames: no periodicity, an element it lacks, a net charge."""
    if not all(frames.pbc):
        return f'periodic in {frames.pbc}; LAMMPS labels cells that are periodic in all three directions'
    try:
        content = potential.potential
        content.commands_for(frames.elements)
        charge = content.net_charge(frames.counts)
    except ValueError as error:
        return str(error)
    if abs(charge) > 1e-6 * max(1, frames.n_atoms):
        return (
            f'the charges of potential {content.name} add up to {charge:+.4g} e for {frames.counts}; '
            'the cell must be neutral'
        )
    return None


def _check_inputs(inputs: Any, namespace: Any) -> str | None:
    problem: str | None = validate_calc_job(inputs, namespace)
    if problem or 'frames' not in inputs or 'potential' not in inputs:
        return problem
    try:
        wrong = check_frames(inputs['frames'].frames, inputs['potential'])
    except ValueError as error:
        return f'frames: {error}'
    return None if wrong is None else f'frames: {wrong}'
