"""VASP as label engine, through aiida-vasp's VaspWorkChain with its handlers: one frame, one WorkChain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from aiida import orm
from aiida.engine import Process, ProcessSpec
from aiida.plugins import DataFactory, WorkflowFactory

from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.labelled.frame import LabelledFrame, SkippedFrame
from aiida_glassion.formats.labelled.vasp_xml import read_vasprun
from aiida_glassion.frames import FloatArray, Frames, IntArray
from aiida_glassion.label_engines import vasp_inputs
from aiida_glassion.label_engines.engine import LabelEngine, Refused

ENERGY = 'free energy F = E - TS (e_fr_energy)'
SETTINGS = {
    'poscar_precision': 12,
    'parser_settings': {
        'exclude_quantity': ['forces', 'stress', 'band_properties'],
        'required_quantity': ['run_status'],
        'check_completeness': False,
        'check_ionic_convergence': False,
    },
    'CHECK_IONIC_CONVERGENCE': False,
}
"""Of aiida-vasp. Labels are read from vasprun.xml, which is kept: its parser gives no arrays where VASP projects the
density of states by s, p, d (LORBIT = 10) or there are f states, and arrays as nodes would hold everything twice."""
DEFAULT_OPTIONS = {
    'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1},
    'max_wallclock_seconds': 6 * 3600,
}
OUTPUTS = ('retrieved', 'misc')
_NOT_PHYSICS = ('protocol', 'potential_family', 'potcars', 'incar', 'attempts', 'nelm', 'nelmin', 'algo')
_SAME = 2e-3
"""Å; VASP writes fractional positions with 8 digits."""


class Engine(LabelEngine):
    """Kohn-Sham DFT with projector augmented waves: energy, forces, stress, and the moment of each site with spin.

    The energy is the free energy F of the smeared electrons, because VASP's forces and stress are its derivatives; the
    energy extrapolated to σ → 0 differs from it where states near the Fermi level are smeared, and is not a label.
    The virial is volume times the stress that VASP prints, which is minus the stress ("FORCE on cell =-STRESS"),
    positive where the cell wants to grow; OUTCAR's line "Total" above "in kB" is this virial in eV.
    """

    name: ClassVar[str] = 'vasp'

    @classmethod
    def expose(cls, spec: ProcessSpec) -> None:
        """Declare code, POTCARs and options."""
        spec.input_namespace(cls.name, required=False, help='Labels by VASP: code and POTCARs.')
        spec.input(f'{cls.name}.code', valid_type=orm.AbstractCode, required=False, help='VASP (plugin vasp.vasp).')
        spec.input_namespace(
            f'{cls.name}.potcars',
            valid_type=DataFactory('vasp.potcar'),
            dynamic=True,
            required=False,
            help='POTCAR of each element of the whole study; they belong to the family in the settings.',
        )
        spec.input(
            f'{cls.name}.options',
            valid_type=dict,
            non_db=True,
            required=False,
            help='metadata.options of the jobs: resources, max_wallclock_seconds (s), queue …',
        )

    @classmethod
    def inputs_from_settings(
        cls, code: orm.AbstractCode, settings: Mapping[str, Any], **options: Any
    ) -> dict[str, Any]:
        """Inputs of the namespace.

        :param code: VASP.
        :param settings: of protocol ``label_vasp``.
        :param options: ``elements`` of the whole study; ``options``.
        :raises ValueError: a POTCAR is missing, the cutoff is too low for one, or an option is not known.
        """
        unknown = sorted(set(options) - {'elements', 'options'})
        if unknown:
            raise ValueError(f'{", ".join(unknown)}: not an input of {cls.name}; known are elements, options')
        elements = options.get('elements')
        if not elements:
            raise ValueError('elements: give those of the whole study, so that every label has the same POTCARs')
        inputs = {'code': code, 'potcars': vasp_inputs.find_potcars(settings, elements)}
        if options.get('options'):
            inputs['options'] = dict(options['options'])
        wrong = vasp_inputs.check_potcars(sorted(inputs['potcars']), settings, inputs['potcars'])
        if wrong:
            raise ValueError(wrong)
        return inputs

    @classmethod
    def method(cls, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What decides the labels: every setting of physics, name and content of each POTCAR, which energy it is."""
        method = {name: value for name, value in settings.items() if name not in _NOT_PHYSICS}
        for tag, value in (settings['incar'] or {}).items():
            if tag.lower() not in vasp_inputs.MACHINE_TAGS:
                method[tag.lower()] = value
        potcars = {name: f'{node.full_name} {node.sha512[:12]}' for name, node in sorted(inputs['potcars'].items())}
        return {'engine': cls.name, 'energy': ENERGY, 'potcars': potcars, **method}

    @classmethod
    def check(cls, frames: Frames, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> str | None:
        """Settings that make no sense, elements without POTCAR, a cutoff too low for a POTCAR, cells not periodic."""
        if 'code' not in inputs:
            return 'vasp.code: not given; add VASP with `verdi code create core.code.installed -P vasp.vasp`'
        try:
            vasp_inputs.incar(frames.sorted_by_element().symbols, settings)
        except ValueError as error:
            return str(error)
        return vasp_inputs.check_frames(frames) or vasp_inputs.check_potcars(
            frames.elements, settings, inputs.get('potcars', {})
        )

    @classmethod
    def job(
        cls, frames: FramesData, settings: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[type[Process], dict[str, Any]]:
        """A VaspWorkChain that computes one frame as it stands."""
        symbols = frames.frames.sorted_by_element().symbols
        return workchain_inputs(frames, vasp_inputs.incar(symbols, settings), settings, inputs, settings['attempts'])

    @classmethod
    def outputs(cls, node: orm.ProcessNode) -> dict[str, orm.Data]:
        """``retrieved`` and ``misc`` of the WorkChain; if it failed, those of its last calculation."""
        calculations = [child for child in node.called if isinstance(child, orm.CalcJobNode)]
        calculations.sort(key=lambda child: (child.ctime, child.pk), reverse=True)
        for source in (node, *calculations):
            found = {name: source.outputs[name] for name in OUTPUTS if name in source.outputs}
            if 'retrieved' in found:
                return found
        return {}

    @classmethod
    def read(
        cls, frames: Frames, outputs: Mapping[str, orm.Data], settings: Mapping[str, Any]
    ) -> list[Frames | Refused]:
        """Label of the frame, see :class:`Engine`; moments of the sites (µB) with spin."""
        steps, refused = read_steps(frames, outputs)
        if refused is not None or not steps:
            return [refused or Refused('missing', 'VASP ended without an ionic step')]
        labelled = steps[-1]
        if labelled.virials is None:
            return [Refused('missing', 'no stress in vasprun.xml')]
        if settings['spin']:
            moments = site_moments(outputs.get('misc'), frames.n_atoms)
            if moments is None:
                return [Refused('missing', 'no moment of every site in OUTCAR')]
            labelled = replace(labelled, magnetisations=moments[:, original_order(frames)])
        return [replace(labelled, positions=frames.positions, cells=frames.cells)]


def workchain_inputs(
    frames: FramesData, incar: Mapping[str, Any], settings: Mapping[str, Any], inputs: Mapping[str, Any], attempts: int
) -> tuple[type[Process], dict[str, Any]]:
    """VaspWorkChain of one frame and its inputs.

    :param frames: one frame, Å.
    :param incar: INCAR tags.
    :param attempts: number of calculations that the WorkChain's handlers may start.
    """
    from aiida_glassion.functions.structure import grouped_structure

    structure = grouped_structure(frames, metadata={'call_link_label': 'structure'})
    mesh = vasp_inputs.k_mesh(np.array(structure.cell), settings['k_spacing'])
    kpoints = orm.KpointsData()
    kpoints.set_cell_from_structure(structure)
    kpoints.set_kpoints_mesh(mesh)
    names = structure.get_kind_names()
    return WorkflowFactory('vasp.vasp'), {
        'code': inputs['code'],
        'structure': structure,
        'kpoints': kpoints,
        'parameters': orm.Dict({'incar': dict(incar)}),
        'potential_family': orm.Str(settings['potential_family']),
        'potential_mapping': orm.Dict({name: inputs['potcars'][name].full_name for name in names}),
        'settings': orm.Dict(SETTINGS),
        'max_iterations': orm.Int(attempts),
        'calc': {'metadata': {'options': DEFAULT_OPTIONS | dict(inputs.get('options', {}))}},
    }


def read_steps(frames: Frames, outputs: Mapping[str, orm.Data]) -> tuple[list[Frames], Refused | None]:
    """Ionic steps of a run that began with a frame, atoms in the order of the frame.

    :param frames: one frame.
    :returns: the complete and converged steps, positions and cell as VASP had them; what is wrong with the first step
        that is neither, or with all of them.
    """
    retrieved: Any = outputs.get('retrieved')
    if retrieved is None or 'vasprun.xml' not in retrieved.base.repository.list_object_names():
        return [], Refused('failed', 'VASP left no vasprun.xml')
    skipped: list[SkippedFrame] = []
    try:
        with retrieved.base.repository.as_path('vasprun.xml') as path:
            found = list(read_vasprun(path, skipped))
    except ValueError:
        return [], Refused('missing', f'VASP was cut off{_scf_step(outputs)}: walltime, memory or a crash')
    wrong = _other_atoms(frames, found[0]) if found else None
    if wrong is not None:
        return [], wrong
    back = original_order(frames)
    steps = [
        Frames(
            symbols=frames.symbols,
            positions=step.positions[None, back],
            cells=step.cell[None],
            energies=np.array([step.energy]),
            forces=None if step.forces is None else step.forces[None, back],
            virials=None if step.virial is None else step.virial[None],
        )
        for step in found
    ]
    if not skipped:
        return steps, None
    kind = 'unconverged' if skipped[0].kind == 'unconverged' else 'missing'
    return steps, Refused(kind, f'ionic step {skipped[0].frame + 1}: {skipped[0].reason}')


def original_order(frames: Frames) -> IntArray:
    """Where each atom of some frames stands once they are sorted by element, as they are in the POSCAR."""
    order: IntArray = np.argsort(np.argsort(frames.types, kind='stable'), kind='stable')
    return order


def site_moments(misc: Any, n_atoms: int) -> FloatArray | None:
    """Magnetic moment in the sphere of each site, (1, n_atoms), µB, in the order of the POSCAR; None: not of all.

    :param misc: of aiida-vasp, from the last table "magnetization (x)" of the OUTCAR.
    """
    sites = misc.get_dict().get('site_magnetization') if misc is not None else None
    sites = (sites or {}).get('sphere', {}).get('x', {}).get('site_moment', {})
    numbers = [str(number) for number in range(1, n_atoms + 1)]
    if not all(number in sites for number in numbers):
        return None
    return np.array([[float(sites[number]['tot']) for number in numbers]])


def _other_atoms(frames: Frames, computed: LabelledFrame) -> Refused | None:
    """Refuse a run that began with other atoms, another cell or other positions than the frame."""
    ordered = frames.sorted_by_element()
    if computed.symbols != ordered.symbols:
        return Refused(
            'wrong_atoms', f'VASP computed {_formula(computed.symbols)}, asked was {_formula(frames.symbols)}'
        )
    cell = ordered.cells[0] * np.sign(np.linalg.det(ordered.cells[0]))
    strain = np.abs(computed.cell - cell).max()
    if strain > _SAME:
        return Refused(
            'wrong_atoms', f'VASP computed another cell: a component of its vectors differs by {strain:.3g} Å'
        )
    apart = (computed.positions - ordered.positions[0]) @ np.linalg.inv(cell)
    moved = np.linalg.norm((apart - np.round(apart)) @ cell, axis=1).max()
    if moved > _SAME:
        return Refused('wrong_atoms', f'VASP computed other positions: an atom is {moved:.3g} Å away')
    return None


def _formula(symbols: Sequence[str]) -> str:
    return ''.join(f'{symbol}{symbols.count(symbol)}' for symbol in sorted(set(symbols)))


def _scf_step(outputs: Mapping[str, orm.Data]) -> str:
    misc: Any = outputs.get('misc')
    last = (misc.get_dict().get('run_status') or {}).get('last_iteration_index') if misc is not None else None
    return f' in SCF step {last[1]}' if last else ''
