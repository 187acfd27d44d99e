"""AseLabelCalculation: frames labelled by any ASE calculator, in an environment of the user."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames

SCRIPT = 'label_ase.py'
SETTINGS_FILE, FRAMES_FILE, LABELS_FILE = 'settings.json', 'frames.npz', 'labels.jsonl'
ENERGIES = ('energy', 'free_energy')
_PATH = re.compile(r'[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*:[A-Za-z][A-Za-z0-9_]*')
_FILE = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.+-]*')


class AseLabelCalculation(CalcJob):
    """Energy, forces and virial (minus volume times stress) of each frame by an ASE calculator.

    A script that travels with the job makes the calculator and asks it frame by frame; what is done is kept when the
    job is cut, and a frame that the calculator refuses does not stop the others.
    ASE: A. Hjorth Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017).
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        spec.inputs.validator = _check_inputs
        options = spec.inputs['metadata']['options']
        options['parser_name'].default = 'glassion.label.ase'
        options['output_filename'].default = 'label.out'
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        options['withmpi'].default = False

        spec.input('frames', valid_type=FramesData, help='Frames of the same atoms: positions and cells, Å.')
        spec.input(
            'calculator',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=check_calculator,
            help="Which one: 'path' of its class (ase.calculators.emt:EMT), 'kwargs' (plain JSON), and 'energy': "
            "'energy' (eV, default) or 'free_energy' (eV; with smearing the one that the forces belong to).",
        )
        spec.input_namespace(
            'files',
            dynamic=True,
            valid_type=orm.SinglefileData,
            required=False,
            help='Files that the calculator reads, such as a model: they lie in its folder under their own names.',
        )
        spec.output(
            'labels',
            valid_type=FramesData,
            required=False,
            help='The frames that got labels: energies eV, forces eV/Å, virials eV, magnetisations µB; `steps` is '
            'their index among those given.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='How many frames were labelled, which were refused (index, kind, reason), versions.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(302, 'ERROR_NOT_STARTED', invalidates_cache=True, message='No frame was labelled: {reason}')
        spec.exit_code(304, 'ERROR_INCOMPLETE', invalidates_cache=True, message='The run broke off: {reason}')
        spec.exit_code(
            311, 'ERROR_CALCULATOR', invalidates_cache=True, message='The calculator failed on every frame: {reason}'
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the script, its settings, the frames and the calculator's files."""
        frames = self.inputs.frames.frames
        script = resources.files('aiida_glassion.calculations.scripts').joinpath(SCRIPT).read_bytes()
        settings = json.dumps(calculator_settings(self.inputs.calculator.get_dict()), sort_keys=True, indent=1)
        written = {SCRIPT: script, SETTINGS_FILE: settings.encode(), FRAMES_FILE: _packed(frames)}
        files = {node.filename: node.get_content(mode='rb') for node in self.inputs.get('files', {}).values()}
        for name, content in (written | files).items():
            folder.create_file_from_filelike(io.BytesIO(content), name, mode='wb')

        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [SCRIPT]
        code.stdout_name = self.inputs.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.provenance_exclude_list = [FRAMES_FILE, *files]
        calcinfo.retrieve_list = [self.inputs.metadata.options.output_filename]
        calcinfo.retrieve_temporary_list = [LABELS_FILE]
        return calcinfo


def calculator_settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """Path, keyword arguments and kind of energy, with the defaults filled in."""
    return {'kwargs': {}, 'energy': 'energy', **content}


def check_calculator(node: orm.Dict | None, _: Any = None) -> str | None:
    """Only the path of a class, keyword arguments as JSON has them, and a kind of energy."""
    if node is None:
        return None
    content = node.get_dict()
    unknown = sorted(set(content) - {'path', 'kwargs', 'energy'})
    if unknown:
        return f'calculator: unknown key {unknown[0]!r}, expected path, kwargs, energy'
    path, settings = content.get('path'), calculator_settings(content)
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        return (
            f'calculator: path {path!r}; expected a module and a class in it, of letters, digits and underscores, '
            "e.g. 'ase.calculators.emt:EMT'"
        )
    if not isinstance(settings['kwargs'], Mapping):
        return f'calculator: kwargs {settings["kwargs"]!r}; expected arguments by name'
    if settings['energy'] not in ENERGIES:
        return f'calculator: energy {settings["energy"]!r}; expected {" or ".join(ENERGIES)}'
    return None


def _packed(frames: Frames) -> bytes:
    from ase.data import atomic_numbers

    buffer = io.BytesIO()
    np.savez(
        buffer,
        numbers=np.array([atomic_numbers[symbol] for symbol in frames.symbols]),
        positions=np.asarray(frames.positions, dtype=float),
        cells=np.asarray(frames.cells, dtype=float),
        pbc=np.array(frames.pbc),
    )
    return buffer.getvalue()


def _check_inputs(inputs: Any, namespace: Any) -> str | None:
    problem: str | None = validate_calc_job(inputs, namespace)
    if problem:
        return problem
    names = [node.filename for node in inputs.get('files', {}).values()]
    for name in names:
        if not _FILE.fullmatch(name) or name.endswith('.py') or name in (SETTINGS_FILE, FRAMES_FILE, LABELS_FILE):
            return f'files: {name!r} given, expected the name of a data file that is none of the job itself'
    if len(set(names)) != len(names):
        return f'files: two files are called the same: {", ".join(sorted(names))}'
    return None
