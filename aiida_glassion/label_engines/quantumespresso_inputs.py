"""Inputs of pw.x from settings: everything that decides a label is written out, nothing left to a default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import Process
from aiida.plugins import WorkflowFactory

from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.upf import UpfHeader, functional_name, read_header
from aiida_glassion.frames import FloatArray, Frames
from aiida_glassion.functions.structure import frame_structure

DISPERSIONS = {'none': None, 'd3-zero': 3, 'd3-bj': 4}
"""Dispersion correction and pw.x's ``dftd3_version``: 3 is zero damping, 4 Becke-Johnson damping."""
ONE_RANK = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}
"""Options of a job where none are given."""
_SMEARINGS = ('gaussian', 'methfessel-paxton', 'marzari-vanderbilt', 'fermi-dirac')
_POSITIVE = (
    'cutoff_factor', 'conv_thr_per_atom', 'mixing_beta', 'electron_maxstep', 'mixing_ndim', 'max_iterations',
)  # fmt: skip
_HEADERS: dict[str, UpfHeader] = {}
_POSITIVE_OR_NULL = ('ecutwfc', 'ecutrho', 'k_spacing')
_OTHERS = (
    'functional', 'pseudo_functional', 'occupations', 'smearing', 'degauss', 'nspin', 'magnetic_moments', 'tot_charge',
    'dispersion', 'd3_three_body', 'mixing_mode', 'diagonalization', 'clean_workdir',
)  # fmt: skip


def header(pseudo: Any) -> UpfHeader:
    """Header of a pseudopotential node.

    :raises ValueError: the file has none; names the file.
    """
    if pseudo.uuid not in _HEADERS:
        try:
            _HEADERS[pseudo.uuid] = read_header(pseudo.get_content())
        except ValueError as error:
            raise ValueError(f'{pseudo.filename}: {error}') from error
    return _HEADERS[pseudo.uuid]


def check_ranks(code: orm.AbstractCode, options: Mapping[str, Any]) -> str | None:
    """Say if several MPI ranks are asked for with a code that is started without MPI: it would run on one."""
    resources = {**ONE_RANK['resources'], **options.get('resources', {})}
    per_machine = resources['num_mpiprocs_per_machine']
    ranks = resources.get('tot_num_mpiprocs') or resources['num_machines'] * per_machine
    if ranks > 1 and code.with_mpi is False and not options.get('withmpi'):
        return f'options.resources: {ranks} MPI ranks, but the code {code.full_label} is set up to run without MPI'
    return None


def check_settings(settings: Mapping[str, Any]) -> str | None:
    """Say which setting is missing, or has a value that cannot be meant."""
    missing = [name for name in (*_POSITIVE, *_POSITIVE_OR_NULL, *_OTHERS) if name not in settings]
    if missing:
        return (
            f'settings: {", ".join(missing)} missing; take those of a protocol (label_quantumespresso) and change them'
        )
    for name in (*_POSITIVE, *_POSITIVE_OR_NULL):
        value = settings[name]
        if value is None and name in _POSITIVE_OR_NULL:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            return f'{name}: {value!r} given, expected a number above zero'
    for name, known in {
        'dispersion': DISPERSIONS,
        'smearing': _SMEARINGS,
        'occupations': ('smearing', 'fixed'),
        'nspin': (1, 2),
    }.items():
        if settings[name] not in known:
            return f'{name}: {settings[name]!r} is not known; known are {", ".join(str(value) for value in known)}'
    width = settings['degauss']
    if settings['occupations'] == 'smearing' and not (isinstance(width, (int, float)) and width > 0):
        return f'degauss: {settings["degauss"]!r} given, expected a width above zero, Ry'
    if settings['nspin'] == 2 and settings['occupations'] == 'fixed':
        return 'occupations: fixed with nspin 2 needs a total magnetisation known before; take smearing'
    if settings['nspin'] == 1 and settings['magnetic_moments']:
        return 'magnetic_moments: given without spin; set nspin to 2'
    if settings['nspin'] == 2 and not settings['magnetic_moments']:
        return 'magnetic_moments: none given with nspin 2, so that pw.x would stay non-magnetic; e.g. {V: 1.0}'
    return None


def check_pseudos(
    settings: Mapping[str, Any], pseudos: Mapping[str, Any], elements: tuple[str, ...] | None = None
) -> str | None:
    """Say which pseudopotential is missing, of another element, or made for another functional.

    :param elements: that need one; None: those that are given.
    """
    missing = [element for element in elements or () if element not in pseudos]
    if missing:
        given = ', '.join(sorted(pseudos)) or 'none'
        return f'pseudos: no pseudopotential for {", ".join(missing)}; given are {given}'
    wanted = functional_name(settings['pseudo_functional'] or settings['functional'])
    for element, pseudo in sorted(pseudos.items()):
        try:
            found = header(pseudo)
        except ValueError as error:
            return f'pseudos.{element}: {error}'
        if found.element != element:
            return f'pseudos.{element}: {pseudo.filename} is one of {found.element}'
        if found.functional != wanted:
            return (
                f'pseudos.{element}: {pseudo.filename} was made for {found.functional}, but functional is '
                f'{settings["functional"]}; give one made for it, or say with pseudo_functional that it is meant so'
            )
    strange = sorted(set(settings['magnetic_moments']) - set(pseudos))
    if strange:
        return f'magnetic_moments: {", ".join(strange)} has no pseudopotential; given are {", ".join(sorted(pseudos))}'
    for element, moment in settings['magnetic_moments'].items():
        if abs(moment) > header(pseudos[element]).valence:
            return f'magnetic_moments.{element}: {moment} µB, more than its valence electrons'
    return None


def cutoffs(settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[float, float]:
    """Cutoffs of wavefunctions and density, Ry: the same for every composition, so that energies can be compared.

    Those of the settings; else the largest of all given pseudopotentials (not only of those that one frame needs)
    times ``cutoff_factor``.

    :param inputs: with ``pseudos`` and maybe ``cutoffs``: by element ``[wavefunctions, density]``, Ry.
    :raises ValueError: neither is given, or the density's cannot be derived; says what would be right.
    """
    pseudos = inputs['pseudos']
    recommended: dict[str, Any] = inputs['cutoffs'].get_dict() if 'cutoffs' in inputs else {}
    wave, density, factor = settings['ecutwfc'], settings['ecutrho'], settings['cutoff_factor']
    if wave is None or (density is None and recommended):
        missing = sorted(set(pseudos) - set(recommended))
        if missing:
            raise ValueError(
                f'ecutwfc: not set, and no recommended cutoffs for {", ".join(missing)}; set ecutwfc and ecutrho (Ry), '
                'or take the pseudopotentials from a family that has cutoffs'
            )
    if wave is None:
        wave = factor * max(recommended[element][0] for element in pseudos)
        density = density or factor * max(recommended[element][1] for element in pseudos)
    if density is None:
        augmented = [f'{e} ({header(pseudo).kind})' for e, pseudo in sorted(pseudos.items()) if _augmented(pseudo)]
        if augmented:
            raise ValueError(
                f'ecutrho: not set; {", ".join(augmented)} need more than 4 times ecutwfc: set it (Ry), often 8 times'
            )
        density = 4 * wave
    if density < 4 * wave:
        raise ValueError(f'ecutrho: {density} Ry, less than 4 times ecutwfc ({wave} Ry)')
    return float(wave), float(density)


def _augmented(pseudo: Any) -> bool:
    return header(pseudo).kind != 'norm-conserving'


def mesh(cell: FloatArray, spacing: float | None) -> list[int]:
    """Numbers of k-points along the reciprocal vectors, of a mesh that contains Γ.

    N_i = max(1, ⌈|b_i| / spacing⌉) with b_i including 2π: the rule of VASP's ``KSPACING``, and of
    aiida-quantumespresso's ``kpoints_distance``.

    :param cell: (3, 3), Å.
    :param spacing: Å⁻¹; None: Γ only.
    """
    if spacing is None:
        return [1, 1, 1]
    lengths = 2 * math.pi * np.linalg.norm(np.linalg.inv(cell).T, axis=1)
    return [max(1, math.ceil(round(float(length) / spacing, 5))) for length in lengths]


def parameters(
    frames: Frames, settings: Mapping[str, Any], inputs: Mapping[str, Any], calculation: str = 'scf'
) -> dict[str, dict[str, Any]]:
    """Namelists of pw.x.

    :param frames: one configuration.
    :param calculation: ``scf``, ``md`` …; further namelists are the caller's.
    :raises ValueError: see :func:`cutoffs`.
    """
    wave, density = cutoffs(settings, inputs)
    system: dict[str, Any] = {
        'input_dft': settings['functional'],
        'ecutwfc': wave,
        'ecutrho': density,
        'occupations': settings['occupations'],
        'nspin': settings['nspin'],
        'tot_charge': settings['tot_charge'],
        'nosym': True,  # disordered; k and −k are still one by time reversal
        'noinv': False,
    }
    if settings['occupations'] == 'smearing':
        system |= {'smearing': settings['smearing'], 'degauss': settings['degauss']}
    if settings['nspin'] == 2:
        system['starting_magnetization'] = {
            element: settings['magnetic_moments'].get(element, 0.0) / header(inputs['pseudos'][element]).valence
            for element in frames.elements
        }
    version = DISPERSIONS[settings['dispersion']]
    if version is None:
        system['vdw_corr'] = 'none'
    else:
        three_body = settings['d3_three_body']
        system |= {'vdw_corr': 'dft-d3', 'dftd3_version': version, 'dftd3_threebody': three_body}
    electrons = {name: settings[name] for name in ('mixing_mode', 'mixing_beta', 'mixing_ndim', 'diagonalization')}
    return {
        'CONTROL': {'calculation': calculation, 'tprnfor': True, 'tstress': True, 'disk_io': 'low'},
        'SYSTEM': system,
        'ELECTRONS': {
            **electrons,
            'conv_thr': settings['conv_thr_per_atom'] * frames.n_atoms,
            'electron_maxstep': settings['electron_maxstep'],
            'scf_must_converge': True,
        },
    }


def base_job(
    node: FramesData,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Any],
    namelists: Mapping[str, Mapping[str, Any]],
    cards: Mapping[str, Any] | None = None,
) -> tuple[type[Process], dict[str, Any]]:
    """The base WorkChain of pw.x for one configuration.

    :param node: one configuration.
    :param namelists: of :func:`parameters`, and more.
    :param cards: further ``settings`` of the plugin, like ``ATOMIC_VELOCITIES``.
    """
    frames = node.frames
    kpoints = orm.KpointsData()
    kpoints.set_kpoints_mesh(mesh(frames.cells[0], settings['k_spacing']))
    code = inputs['code']
    options = {**ONE_RANK, **inputs.get('options', {})}
    if code.with_mpi is not None:
        options.setdefault('withmpi', code.with_mpi)
    cards = dict(cards or {})
    if kpoints.get_kpoints_mesh()[0] == [1, 1, 1]:
        cards['GAMMA_ONLY'] = True  # real wavefunctions: the same numbers in half the time
    job = {
        'code': code,
        'structure': frame_structure(node),
        'parameters': orm.Dict({name: dict(values) for name, values in namelists.items()}),
        'pseudos': {element: inputs['pseudos'][element] for element in frames.elements},
        'metadata': {'options': options},
        **({'settings': orm.Dict(cards)} if cards else {}),
        **({'parallelization': inputs['parallelization']} if 'parallelization' in inputs else {}),
    }
    return WorkflowFactory('quantumespresso.pw.base'), {
        'pw': job,
        'kpoints': kpoints,
        'max_iterations': orm.Int(settings['max_iterations']),
        'clean_workdir': orm.Bool(settings['clean_workdir']),
        'on_unhandled_failure': orm.Str('restart_once'),
    }
