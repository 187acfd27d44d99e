"""Labels by density functional theory in plane waves: Quantum ESPRESSO's pw.x through its plugin's base WorkChain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from aiida import orm
from aiida.engine import Process, ProcessSpec
from aiida.plugins import DataFactory

from aiida_glassion import units
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines import quantumespresso_inputs as pw
from aiida_glassion.label_engines.engine import LabelEngine, Refused

OUTPUTS = ('output_parameters', 'output_trajectory')
_SAME_PLACE = 1e-3
"""Atoms whose positions differ by more than this from those asked for were not the ones asked for, Å."""


class Engine(LabelEngine):
    """Density functional theory with pw.x, one frame a job (``quantumespresso.pw.base``).

    The energy is what pw.x prints behind ``!``: with smearing the free energy F = E − TS of the electrons, the one
    whose derivatives the forces and the stress are (Weinert and Davenport, Phys. Rev. B 45, 13709 (1992)).
    The virial is volume times the stress that pw.x prints, which is positive where the cell wants to grow.
    """

    name: ClassVar[str] = 'quantumespresso'

    @classmethod
    def expose(cls, spec: ProcessSpec) -> None:
        """Declare code, pseudopotentials, cutoffs, parallelization and options."""
        spec.input_namespace(
            cls.name,
            required=False,
            populate_defaults=False,
            help='Labels by Quantum ESPRESSO: code and pseudopotentials.',
        )
        spec.input(
            f'{cls.name}.code', valid_type=orm.AbstractCode, required=False, help='pw.x (plugin quantumespresso.pw).'
        )
        spec.input_namespace(
            f'{cls.name}.pseudos',
            valid_type=(DataFactory('pseudo.upf'), DataFactory('core.upf')),
            dynamic=True,
            required=False,
            help='Pseudopotential of each element of the whole study: cutoffs are the largest over all of them.',
        )
        spec.input(
            f'{cls.name}.cutoffs',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            help='Recommended cutoffs by element: [wavefunctions, density], Ry; used where the settings give none.',
        )
        spec.input(
            f'{cls.name}.parallelization',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            help='How pw.x splits its work: number of pools (npool), of groups for linear algebra (ndiag) …',
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

        :param code: pw.x.
        :param settings: of protocol ``label_quantumespresso``.
        :param options: ``pseudos`` (nodes by element), or ``pseudo_family`` (label of an aiida-pseudo family) with
            ``elements`` (those of the whole study); ``cutoffs``, ``parallelization``, ``options``.
        :raises ValueError: a pseudopotential is missing, is for another functional, or no cutoffs are known.
        """
        known = ('pseudos', 'pseudo_family', 'elements', 'cutoffs', 'parallelization', 'options')
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ValueError(f'{", ".join(unknown)}: not an input of {cls.name}; known are {", ".join(known)}')
        inputs: dict[str, Any] = {'code': code}
        if ('pseudos' in options) == ('pseudo_family' in options):
            raise ValueError('pseudos: give either the nodes by element, or a pseudo_family with the elements')
        if 'pseudo_family' in options:
            if not options.get('elements'):
                raise ValueError('elements: give those of the whole study with a pseudo_family')
            inputs |= from_family(options['pseudo_family'], options['elements'])
        else:
            inputs['pseudos'] = dict(options['pseudos'])
        if options.get('cutoffs'):
            inputs['cutoffs'] = orm.to_aiida_type(options['cutoffs'])
        if options.get('parallelization'):
            inputs['parallelization'] = orm.to_aiida_type(options['parallelization'])
        if options.get('options'):
            inputs['options'] = dict(options['options'])
        wrong = pw.check_settings(settings) or pw.check_pseudos(settings, inputs['pseudos'], options.get('elements'))
        if wrong:
            raise ValueError(wrong)
        pw.cutoffs(settings, inputs)
        return inputs

    @classmethod
    def method(cls, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What decides the labels; thresholds and mixing, which only decide how well, are not part of it."""
        wave, density = pw.cutoffs(settings, inputs)
        smeared = settings['occupations'] == 'smearing'
        method: dict[str, Any] = {
            'engine': cls.name,
            'functional': settings['functional'],
            'dispersion': settings['dispersion'],
            'pseudopotentials': {
                element: f'{pw.header(pseudo).kind}, md5 {pseudo.md5}'
                for element, pseudo in sorted(inputs['pseudos'].items())
            },
            'ecutwfc_ry': wave,
            'ecutrho_ry': density,
            'k_spacing_per_angstrom': settings['k_spacing'],
            'occupations': settings['occupations'],
            'nspin': settings['nspin'],
            'tot_charge': float(settings['tot_charge']),
            'energy': 'free energy of the electrons, F = E - TS' if smeared else 'total energy',
        }
        if smeared:
            method |= {'smearing': settings['smearing'], 'degauss_ry': float(settings['degauss'])}
        if settings['nspin'] == 2:
            method['initial_moments'] = {k: float(v) for k, v in sorted(settings['magnetic_moments'].items())}
        if settings['dispersion'] != 'none':
            method['d3_three_body'] = settings['d3_three_body']
        return method

    @classmethod
    def check(cls, frames: Frames, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> str | None:
        """Say what is wrong before anything is submitted."""
        if not inputs.get('code'):
            return f'{cls.name}.code: none given; give pw.x (plugin quantumespresso.pw)'
        if not all(frames.pbc):
            return f'frames: periodic along {frames.pbc}; pw.x labels only cells periodic in all directions'
        pseudos = inputs.get('pseudos', {})
        wrong = (
            pw.check_ranks(inputs['code'], inputs.get('options', {}))
            or pw.check_settings(settings)
            or pw.check_pseudos(settings, pseudos, frames.elements)
        )
        if wrong is None:
            try:
                pw.cutoffs(settings, inputs)
            except ValueError as error:
                wrong = str(error)
        return wrong

    @classmethod
    def job(
        cls, frames: FramesData, settings: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[type[Process], dict[str, Any]]:
        """``quantumespresso.pw.base`` for one configuration."""
        return pw.base_job(frames, settings, inputs, pw.parameters(frames.frames, settings, inputs))

    @classmethod
    def outputs(cls, node: orm.ProcessNode) -> dict[str, orm.Data]:
        """Parameters and trajectory of the last run of pw.x, also where the WorkChain gave up and has no outputs."""
        runs = [node] if isinstance(node, orm.CalcJobNode) else _runs(node)
        return {name: runs[-1].outputs[name] for name in OUTPUTS if name in runs[-1].outputs} if runs else {}

    @classmethod
    def read(
        cls, frames: Frames, outputs: Mapping[str, orm.Data], settings: Mapping[str, Any]
    ) -> list[Frames | Refused]:
        """Energy, forces, virial and moments of the one frame, or why it has none."""
        return [_read(frames, outputs, settings)]


def from_family(label: str, elements: list[str]) -> dict[str, Any]:
    """Pseudopotentials and recommended cutoffs of some elements from an aiida-pseudo family.

    :raises ValueError: no such family, or it lacks an element; names what is there.
    """
    from aiida_pseudo.groups.family import PseudoPotentialFamily

    query = orm.QueryBuilder().append(PseudoPotentialFamily, filters={'label': label})
    family = query.first(flat=True)
    if family is None:
        there = orm.QueryBuilder().append(PseudoPotentialFamily, project='label').all(flat=True)
        raise ValueError(
            f'pseudo_family: no {label!r} in this profile; there are {", ".join(sorted(there)) or "none"} '
            '(aiida-pseudo install)'
        )
    missing = [element for element in elements if element not in family.elements]
    if missing:
        raise ValueError(f'pseudo_family: {label} has no pseudopotential for {", ".join(missing)}')
    found: dict[str, Any] = {'pseudos': {element: family.get_pseudo(element) for element in sorted(set(elements))}}
    try:
        cutoffs = {e: list(family.get_recommended_cutoffs(elements=(e,), unit='Ry')) for e in found['pseudos']}
    except (AttributeError, ValueError):
        return found  # a family without cutoffs: those of the settings count, and their absence is said there
    return {**found, 'cutoffs': orm.Dict(cutoffs)}


def _runs(node: orm.ProcessNode) -> list[orm.CalcJobNode]:
    found = [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]
    return sorted(found, key=lambda called: (called.ctime, called.pk))


def _read(frames: Frames, outputs: Mapping[str, orm.Data], settings: Mapping[str, Any]) -> Frames | Refused:
    results: dict[str, Any] = outputs['output_parameters'].get_dict() if 'output_parameters' in outputs else {}
    unconverged = _unconverged(results, settings)
    if unconverged:
        return Refused('unconverged', unconverged)
    trajectory = outputs.get('output_trajectory')
    if not isinstance(trajectory, orm.TrajectoryData):
        return Refused('failed', 'pw.x left neither energy nor forces')
    wrong = wrong_atoms(frames, trajectory)
    if wrong:
        return Refused('wrong_atoms', wrong)
    arrays = {name: trajectory.get_array(name) for name in trajectory.get_arraynames()}
    labels = ('energy', 'forces', 'stress')
    missing = [name for name in labels if not len(arrays.get(name, ()))]
    if len(missing) == len(labels):
        return Refused('failed', 'pw.x was stopped before its SCF had converged')
    if missing:
        return Refused('missing', f'pw.x left no {", ".join(missing)}: it was stopped before it came to them')
    if not results.get('convergence_info', {}).get('scf_conv', {}).get('convergence_achieved', False):
        return Refused('missing', 'pw.x does not say that its SCF converged')
    moments = arrays.get('atomic_magnetic_moments', ())
    if settings['nspin'] == 2 and not len(moments):
        return Refused('missing', 'nspin is 2, but pw.x left no moments of the sites')
    try:
        return labelled(frames, arrays, -1, settings)
    except ValueError as error:
        return Refused('missing', f'labels of pw.x cannot be used: {error}')


def labelled(frames: Frames, arrays: Mapping[str, Any], step: int, settings: Mapping[str, Any]) -> Frames:
    """One configuration with the labels of one step of a trajectory.

    :param frames: the configuration.
    :param arrays: of the plugin's trajectory: energy eV, forces eV/Å, stress GPa (positive under pressure), moments µB.
    :param step: which of them.
    :raises ValueError: a shape does not fit, or a number is not finite.
    """
    stress = np.asarray(arrays['stress'][step], dtype=float)
    virial = stress / units.EV_PER_ANGSTROM3_TO_GPA * frames.volumes[0]
    moments = None
    if settings['nspin'] == 2:
        moments = np.asarray(arrays['atomic_magnetic_moments'][step], dtype=float)[None]
    return Frames(
        symbols=frames.symbols,
        positions=frames.positions,
        cells=frames.cells,
        pbc=frames.pbc,
        energies=np.array([float(arrays['energy'][step])]),
        forces=np.asarray(arrays['forces'][step], dtype=float)[None],
        virials=((virial + virial.T) / 2)[None],
        magnetisations=moments,
    )


def wrong_atoms(frames: Frames, trajectory: orm.TrajectoryData) -> str | None:
    """Say how the first step of a trajectory differs from the configuration that was asked for."""
    symbols = tuple(''.join(letter for letter in name if letter.isalpha()) for name in trajectory.symbols)
    if symbols != frames.symbols:
        return f'{frames.n_atoms} atoms asked for, {len(symbols)} labelled, or in another order of elements'
    apart = trajectory.get_positions()[0] - frames.positions[0]
    inverse = np.linalg.inv(frames.cells[0])
    fractional = apart @ inverse
    distance = float(np.linalg.norm((fractional - np.round(fractional)) @ frames.cells[0], axis=1).max())
    if distance > _SAME_PLACE:
        return f'an atom was labelled {distance:.3f} Å from where it was asked for'
    return None


def _unconverged(results: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    convergence = results.get('convergence_info', {}).get('scf_conv', {})
    if convergence.get('convergence_achieved', True):
        return None
    steps, error = convergence.get('n_scf_steps'), convergence.get('scf_error')
    said = f'{error * 2:.1e} Ry' if isinstance(error, (int, float)) else 'an unknown error'
    return (
        f'SCF not converged after {steps} iterations: {said} left (conv_thr_per_atom {settings["conv_thr_per_atom"]})'
    )
