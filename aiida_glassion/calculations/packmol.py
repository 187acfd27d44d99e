"""PackmolCalculation: atoms or formula units packed at random into a periodic box."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec
from aiida.engine.processes.calcjobs.calcjob import validate_calc_job

from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.packmol import Molecule, write_input
from aiida_glassion.kernels.build.formula import known_elements
from aiida_glassion.kernels.build.molecules import formula_unit, unit_atoms
from aiida_glassion.kernels.build.packing import (
    DENSEST_PACKING,
    cubic_length,
    filled_fraction,
    minimum_distances,
    packing_radii,
)

INPUT_FILE = 'packmol.inp'
LOG_FILE = 'packmol.log'
OUTPUT_FILE = 'packed.xyz'
LARGEST_SEED = 2**31 - 1


class PackmolCalculation(CalcJob):
    """A random start: atoms or formula units packed into a periodic box, none closer than the minimum distances.

    The positions minimise a penalty on every pair closer than the sum of its radii, with periodic images (GENCAN;
    L. Martínez, R. Andrade, E. G. Birgin, J. M. Martínez, J. Comput. Chem. 30, 2157 (2009)). The atoms come in the
    alphabetical order of the elements, or unit by unit in that of the formulas; the same inputs give the same atoms.
    A melt must forget this start; what remains of it is the composition.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Declare ports and exit codes."""
        super().define(spec)
        spec.inputs.validator = _check_inputs
        options = spec.inputs['metadata']['options']
        options['parser_name'].default = 'glassion.packmol'
        options['input_filename'].default = INPUT_FILE
        options['output_filename'].default = LOG_FILE
        options['resources'].default = lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
        options['withmpi'].default = False
        convert = {'serializer': orm.to_aiida_type}
        spec.input(
            'counts',
            valid_type=orm.Dict,
            required=False,
            validator=_check_counts,
            help="Number of atoms of each element, e.g. {'Na': 40, 'Si': 80, 'O': 180}. Give this or `units`.",
            **convert,
        )
        spec.input(
            'units',
            valid_type=orm.Dict,
            required=False,
            validator=_check_units,
            help="Number of formula units of each formula, e.g. {'Na2S': 30, 'P2S5': 10}. Give this or `counts`.",
            **convert,
        )
        spec.input(
            'density',
            valid_type=orm.Float,
            required=False,
            validator=_check_density,
            help='Density of the cubic cell, g/cm³. Give this or `cell`.',
            **convert,
        )
        spec.input(
            'cell',
            valid_type=orm.List,
            required=False,
            validator=_check_cell,
            help='The three edges of the orthorhombic cell, Å. Give this or `density`.',
            **convert,
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            validator=_check_seed,
            help=f"Seed of packmol's random numbers, 1 to {LARGEST_SEED} (no unit).",
            **convert,
        )
        spec.input(
            'minimum_distances',
            valid_type=orm.Dict,
            required=False,
            help="Shortest distance of pairs of elements, {'Si-O': 1.4}, Å. Default: 0.75 of the sum of ionic radii.",
            **convert,
        )
        spec.input(
            'loops',
            valid_type=orm.Int,
            required=False,
            validator=_check_loops,
            help="Cap on packmol's optimisation loops for each kind of molecule (no unit). Default: packmol's own.",
            **convert,
        )
        spec.output(
            'configuration',
            valid_type=FramesData,
            help='The packed atoms, wrapped into the cell; positions and cell in Å.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            help='counts, units, density (g/cm³), cell (Å), shortest and wanted distance of each pair (Å), radii (Å), '
            'objective (packmol penalty), packmol_version, seed; key `units_of` names the unit of each.',
        )
        spec.default_output_node = 'results'
        spec.exit_code(
            300,
            'ERROR_LOG_MISSING',
            invalidates_cache=True,
            message='Packmol left no output at all; is the code its executable?',
        )
        spec.exit_code(
            301,
            'ERROR_BAD_INPUT',
            invalidates_cache=True,
            message='Packmol (20.15 or newer is needed) refused its input: {reason}',
        )
        spec.exit_code(
            302, 'ERROR_INCOMPLETE', invalidates_cache=True, message='Packmol was stopped before it finished: {reason}'
        )
        spec.exit_code(
            303,
            'ERROR_IMPERFECT_PACKING',
            invalidates_cache=True,
            message='Packmol could not keep all minimum distances: {reason}',
        )
        spec.exit_code(
            304,
            'ERROR_CONFIGURATION_UNREADABLE',
            invalidates_cache=True,
            message='The packed configuration cannot be read: {reason}',
        )
        spec.exit_code(
            305,
            'ERROR_WRONG_ATOMS',
            invalidates_cache=True,
            message='The packed configuration holds other atoms than asked for: {reason}',
        )
        spec.exit_code(
            306, 'ERROR_OVERLAP', invalidates_cache=True, message='Atoms are closer than the minimum distance: {reason}'
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write packmol's input, with one xyz file per kind of molecule, and state what to bring back."""
        job = PackingJob(self.inputs)
        files = write_input(job.molecules, job.lengths, job.radii, self.inputs.seed.value, OUTPUT_FILE, job.loops)
        for name, text in files.items():
            with folder.open(name, 'w', encoding='utf-8') as handle:
                handle.write(text)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.stdin_name = INPUT_FILE
        code.stdout_name = self.inputs.metadata.options.output_filename
        info = CalcInfo()
        info.codes_info = [code]
        info.retrieve_list = [code.stdout_name, OUTPUT_FILE]
        return info


class PackingJob:
    """What the inputs of a :class:`PackmolCalculation` mean: molecules, cell, distances and radii.

    :param inputs: its inputs, nodes by port name.
    :raises ValueError: they do not fit together.
    """

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        if 'units' in inputs:
            self.units: dict[str, int] | None = dict(sorted(inputs['units'].get_dict().items()))
            self.molecules = [Molecule(name, *formula_unit(name), number) for name, number in self.units.items()]
        else:
            self.units = None
            atom = np.zeros((1, 3))
            counts = sorted(inputs['counts'].get_dict().items())
            self.molecules = [Molecule(element, (element,), atom, number) for element, number in counts]
        self.symbols = tuple(symbol for molecule in self.molecules for symbol in molecule.symbols * molecule.number)
        self.counts = {element: self.symbols.count(element) for element in sorted(set(self.symbols))}
        if 'cell' in inputs:
            self.lengths = [float(length) for length in inputs['cell'].get_list()]
        else:
            self.lengths = [cubic_length(self.counts, inputs['density'].value)] * 3
        given = inputs['minimum_distances'].get_dict() if 'minimum_distances' in inputs else {}
        self.distances = minimum_distances(list(self.counts), given)
        self.radii = packing_radii(self.distances)
        self.loops = inputs['loops'].value if 'loops' in inputs else None


def _check_inputs(inputs: Mapping[str, Any], namespace: Any) -> str | None:
    problem: str | None = validate_calc_job(inputs, namespace)
    if problem:
        return problem
    if any(port not in namespace for port in ('counts', 'units', 'density', 'cell')):
        return None  # a workchain exposes the rest and sets these itself
    for one, other in (('counts', 'units'), ('density', 'cell')):
        if (one in inputs) == (other in inputs):
            found = 'both were given' if one in inputs else 'neither was given'
            return f'give either `{one}` or `{other}`; {found}'
    try:
        job = PackingJob(inputs)
    except ValueError as error:
        port = 'minimum_distances' if 'distance' in str(error) or 'pair' in str(error) else 'counts` or `units'
        return f'`{port}`: {error}'
    size_port = 'cell' if 'cell' in inputs else 'density'
    edges = ' × '.join(f'{length:.2f}' for length in job.lengths)
    filled = filled_fraction(job.counts, job.radii, float(np.prod(job.lengths)))
    if filled > DENSEST_PACKING:
        return (
            f'`{size_port}`: the minimum distances fill {100 * filled:.0f} % of the cell of {edges} Å, more than the '
            f'{100 * DENSEST_PACKING:.0f} % that can be packed; lower the density, enlarge the cell or shorten '
            '`minimum_distances`'
        )
    widest = max(job.distances.values())
    if min(job.lengths) < 2 * widest:
        return (
            f'`{size_port}`: the cell of {edges} Å must be at least twice as wide as the longest minimum distance, '
            f'{widest} Å; ask for more atoms or a wider cell'
        )
    return None


def _check_numbers(port: str, value: Mapping[str, Any], example: str) -> str | None:
    if not value:
        return f'`{port}` is empty; give e.g. {example}'
    for key, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            return f'`{port}`: the number of {key!r} is {number!r}; it must be a whole number above 0, e.g. {example}'
    return None


def _check_counts(node: orm.Dict | None, _: Any) -> str | None:
    if node is None:
        return None
    counts = node.get_dict()
    known = known_elements()
    for element in counts:
        if element not in known:
            example = "{'Si': 80, 'O': 160}"
            return f'`counts`: {element!r} is not an element; give e.g. {example}. Formulas go into `units`'
    return _check_numbers('counts', counts, "{'Si': 80, 'O': 160}")


def _check_units(node: orm.Dict | None, _: Any) -> str | None:
    if node is None:
        return None
    units = node.get_dict()
    for formula in units:
        try:
            unit_atoms(formula)
        except ValueError as error:
            return f'`units`: {error}'
    return _check_numbers('units', units, "{'Na2S': 30, 'P2S5': 10}")


def _check_density(node: orm.Float | None, _: Any) -> str | None:
    if node is not None and not 0.01 <= node.value <= 25:
        return f'`density` is {node.value}; it must be between 0.01 and 25 g/cm³'
    return None


def _check_cell(node: orm.List | None, _: Any) -> str | None:
    if node is None:
        return None
    edges = node.get_list()
    numbers = all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in edges)
    if len(edges) != 3 or not numbers or not all(0 < edge < 1e5 for edge in edges):
        return f'`cell` is {edges}; it must be three positive lengths in Å, e.g. [16.2, 16.2, 16.2]'
    return None


def _check_seed(node: orm.Int | None, _: Any) -> str | None:
    if node is not None and not 1 <= node.value <= LARGEST_SEED:
        return f'`seed` is {node.value}; it must be between 1 and {LARGEST_SEED}'
    return None


def _check_loops(node: orm.Int | None, _: Any) -> str | None:
    if node is not None and node.value < 1:
        return f'`loops` is {node.value}; it must be at least 1'
    return None
