"""Input and output of QUIP's gap_fit: what is learned, from which frames, and what came out.

Gaussian approximation potentials: A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Phys. Rev. Lett. 104, 136403 (2010);
A. P. Bartók and G. Csányi, Int. J. Quantum Chem. 115, 1051 (2015).
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np

from aiida_glassion.frames import Frames

CONFIG_FILE, TRAINING_FILE, VALIDATION_FILE, GAP_FILE = 'gap_fit.in', 'training.xyz', 'validation.xyz', 'gap.xml'
DESCRIPTORS: dict[str, dict[str, Any]] = {
    'distance_2b': {'cutoff': None, 'n_sparse': None, 'delta': None, 'theta': 1.0, 'cutoff_transition_width': 0.5},
    'soap': {
        'cutoff': None, 'n_sparse': None, 'delta': None, 'n_max': None, 'l_max': None, 'atom_sigma': 0.5, 'zeta': 4,
        'cutoff_transition_width': 0.5,
    },
}  # fmt: skip
"""Settings of each kind of descriptor with their defaults; None: has to be given."""
_WHOLE = ('n_sparse', 'n_max', 'l_max', 'zeta')
_TOP = ('e0', 'descriptors', 'sigma', 'sparse_jitter')
_SIGMA = ('energy', 'force', 'virial')


@dataclass(frozen=True)
class GapInput:
    """What gap_fit is to do.

    :param e0: energy of an isolated atom of each element, eV; ``average``: the same for every element, the mean energy
        per atom of the data.
    :param descriptors: kind and settings of each: lengths Å; ``delta`` eV, how much of the energy it is to explain.
    :param sigma: expected errors of ``energy`` (eV/atom), ``force`` (eV/Å), ``virial`` (eV/atom).
    :param sparse_jitter: added to the diagonal of the covariance of the sparse points, no unit.
    """

    e0: Mapping[str, float] | str
    descriptors: Sequence[Mapping[str, Any]]
    sigma: Mapping[str, float]
    sparse_jitter: float = 1e-8

    @property
    def cutoff(self) -> float:
        """Longest distance at which the potential acts, Å."""
        return float(max(entry['cutoff'] for entry in self.descriptors))

    def n_sparse(self, n_elements: int) -> int:
        """Sparse points altogether: of each pair of elements (2-body), of each element (SOAP)."""
        pairs = n_elements * (n_elements + 1) // 2
        return sum(entry['n_sparse'] * (pairs if entry['kind'] == 'distance_2b' else n_elements) for entry in
                   self.descriptors)  # fmt: skip


def read_parameters(content: Mapping[str, Any], elements: Sequence[str]) -> GapInput:
    """Check the parameters of a fit.

    :param content: ``e0``, ``descriptors``, ``sigma``, maybe ``sparse_jitter``, see :class:`GapInput`.
    :param elements: those of the data.
    :raises ValueError: names what is wrong, what was given and what would be right.
    """
    for key in content:
        if key not in (*_TOP, 'protocol'):
            raise ValueError(f'parameters.{key} is not known{_near(key, _TOP)}')
    missing = [key for key in ('e0', 'descriptors', 'sigma') if content.get(key) is None]
    if missing:
        raise ValueError(f'parameters.{missing[0]}: missing{_WHY[missing[0]]}')
    sigma = content['sigma']
    if not isinstance(sigma, Mapping) or sorted(sigma) != sorted(_SIGMA):
        raise ValueError(f'parameters.sigma: {sigma!r} given, expected numbers for {", ".join(_SIGMA)}')
    for key, value in sigma.items():
        _positive(f'parameters.sigma.{key}', value)
    jitter = content.get('sparse_jitter', 1e-8)
    _positive('parameters.sparse_jitter', jitter)
    descriptors = content['descriptors']
    if not isinstance(descriptors, Sequence) or isinstance(descriptors, str) or not descriptors:
        raise ValueError(f'parameters.descriptors: {descriptors!r} given, expected a list of descriptors')
    checked = [_descriptor(entry, f'parameters.descriptors.{index}') for index, entry in enumerate(descriptors)]
    return GapInput(_e0(content['e0'], elements), checked, {key: float(sigma[key]) for key in _SIGMA}, float(jitter))


_WHY = {
    'e0': ": give the energy of an isolated atom of each element in eV, e.g. {'O': -432.1, 'Si': -103.4}, or 'average'",
    'descriptors': ': give a list of descriptors, as the protocols in protocols/gap.yaml do',
    'sigma': ': give the expected errors of energy (eV/atom), force (eV/Å) and virial (eV/atom)',
}


def _e0(given: Any, elements: Sequence[str]) -> Mapping[str, float] | str:
    if given == 'average':
        return 'average'
    if not isinstance(given, Mapping):
        raise ValueError(f"parameters.e0: {given!r} given, expected energies in eV by element, or 'average'")
    lacking = sorted(set(elements) - set(given))
    if lacking:
        raise ValueError(f'parameters.e0: no energy of an isolated atom is given for {", ".join(lacking)}')
    for element in elements:
        if isinstance(given[element], bool) or not isinstance(given[element], (int, float)):
            raise ValueError(f'parameters.e0.{element}: {given[element]!r} given, expected a number in eV')
    return {element: float(given[element]) for element in sorted(elements)}


def _descriptor(entry: Any, where: str) -> dict[str, Any]:
    if not isinstance(entry, Mapping) or entry.get('kind') not in DESCRIPTORS:
        kind = entry.get('kind') if isinstance(entry, Mapping) else entry
        raise ValueError(f'{where}.kind: {kind!r} given, expected one of {", ".join(DESCRIPTORS)}')
    known = DESCRIPTORS[entry['kind']]
    for key in entry:
        if key != 'kind' and key not in known:
            raise ValueError(f'{where}.{key} is not a setting of {entry["kind"]}{_near(key, list(known))}')
    chosen = {**known, **entry}
    for key in known:
        value = chosen[key]
        if value is None:
            raise ValueError(f'{where}.{key}: missing; {entry["kind"]} needs it')
        _positive(f'{where}.{key}', value, whole=key in _WHOLE, zero=key == 'l_max')
    if chosen['cutoff_transition_width'] >= chosen['cutoff']:
        raise ValueError(f'{where}.cutoff_transition_width: must be smaller than the cutoff ({chosen["cutoff"]} Å)')
    return chosen


def _positive(where: str, value: Any, whole: bool = False, zero: bool = False) -> None:
    kinds = int if whole else (int, float)
    good = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < 0 or (value == 0 and not zero):
        raise ValueError(f'{where}: {value!r} given, expected a {"whole" if whole else "positive"} number above 0')


def _near(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f"; did you mean '{near[0]}'?" if near else f'; known are {", ".join(known)}'


def write_config(fit: GapInput, elements: Sequence[str], seed: int) -> str:
    """Configuration file of gap_fit: its command line, one option a line.

    :param seed: of the random choice of sparse points.
    """
    sigma = fit.sigma
    e0 = (
        'e0_method=average' if isinstance(fit.e0, str) else
        'e0={' + ':'.join(f'{element}:{energy:.12g}' for element, energy in fit.e0.items()) + '}'
    )  # fmt: skip
    lines = [
        f'atoms_filename={TRAINING_FILE}',
        f'gp_file={GAP_FILE}',
        'energy_parameter_name=ref_energy',
        'force_parameter_name=ref_forces',
        'virial_parameter_name=ref_virial',
        e0,
        f'default_sigma={{{sigma["energy"]:g} {sigma["force"]:g} {sigma["virial"]:g} 0.0}}',
        f'sparse_jitter={fit.sparse_jitter:g}',
        f'rnd_seed={seed}',
        'do_copy_at_file=F',
        'sparse_separate_file=T',
        'gap={' + ' : '.join(_descriptor_line(entry) for entry in fit.descriptors) + '}',
    ]
    return '\n'.join(lines) + '\n'


def _descriptor_line(entry: Mapping[str, Any]) -> str:
    settings = {key: value for key, value in entry.items() if key not in ('kind', 'theta')}
    if entry['kind'] == 'distance_2b':
        settings |= {'covariance_type': 'ard_se', 'theta_uniform': entry['theta'], 'sparse_method': 'uniform'}
    else:
        settings |= {'covariance_type': 'dot_product', 'sparse_method': 'cur_points'}
    words = ' '.join(f'{key}={value}' for key, value in settings.items())
    return f'{entry["kind"]} {words} add_species=T'


def write_frames(handle: TextIO, frames: Iterable[Frames]) -> dict[str, int]:
    """Write labelled frames as gap_fit reads them: extended XYZ with ref_energy, ref_forces, ref_virial.

    QUIP's virial has the sign of :class:`~aiida_glassion.frames.Frames` (-dE/dε, positive where the cell wants to
    grow); its nine numbers stand column by column.

    :returns: numbers of frames, atoms, and of energies, forces (components), virials (components) to learn from.
    :raises ValueError: a frame has no energy.
    """
    counts = dict.fromkeys(('frames', 'atoms', 'energies', 'forces', 'virials'), 0)
    for part in frames:
        if part.energies is None:
            raise ValueError('frames without energies cannot be learned from')
        for index in range(part.n_frames):
            handle.write(_frame(part, index))
        counts['frames'] += part.n_frames
        counts['atoms'] += part.n_frames * part.n_atoms
        counts['energies'] += part.n_frames
        counts['forces'] += 0 if part.forces is None else part.forces.size
        counts['virials'] += 0 if part.virials is None else 6 * part.n_frames
    return counts


def _frame(frames: Frames, index: int) -> str:
    columns = [frames.positions[index]]
    properties = 'species:S:1:pos:R:3'
    if frames.forces is not None:
        columns.append(frames.forces[index])
        properties += ':ref_forces:R:3'
    head = [f'Lattice="{_numbers(frames.cells[index])}"', f'Properties={properties}']
    head.append(f'ref_energy={frames.energies[index]:.12g}')  # type: ignore[index]
    if frames.virials is not None and all(frames.pbc):
        head.append(f'ref_virial="{_numbers(frames.virials[index].T)}"')
    head.append('pbc="' + ' '.join('T' if periodic else 'F' for periodic in frames.pbc) + '"')
    rows = np.hstack(columns)
    lines = [f'{s} ' + ' '.join(f'{x:.10g}' for x in row) for s, row in zip(frames.symbols, rows, strict=True)]
    return '\n'.join([str(frames.n_atoms), ' '.join(head), *lines]) + '\n'


def _numbers(matrix: Any) -> str:
    return ' '.join(f'{x:.12g}' for x in np.asarray(matrix, dtype=float).ravel())


def estimate_memory(counts: Mapping[str, int], n_sparse: int) -> float:
    """Memory of the linear system, GB: sparse covariance and its QR copy; descriptors' derivatives come on top.

    :param counts: see :func:`write_frames`.
    :param n_sparse: sparse points altogether.
    """
    targets = counts['energies'] + counts['forces'] + counts['virials']
    return 8e-9 * n_sparse * (2 * targets + 2 * (targets + n_sparse) + 2 * n_sparse)


@dataclass(frozen=True)
class GapLog:
    """What gap_fit said.

    :param version: of QUIP. :param finished: it came to its end. :param error: its complaint. :param out_of_memory:
    it was refused memory. :param peak_memory: its own estimate, GB. :param started: it read its input.
    """

    version: str | None
    started: bool
    finished: bool
    error: str | None
    out_of_memory: bool
    peak_memory: float | None
    warnings: list[str] = field(default_factory=list)


_UNITS = {'B': 1e-9, 'KB': 1e-6, 'MB': 1e-3, 'GB': 1.0, 'TB': 1e3}
_NO_MEMORY = re.compile(r'out of memory|cannot allocate|allocation would exceed|allocatable array|bad_alloc', re.I)


def read_log(text: str, stderr: str = '') -> GapLog:
    """Read gap_fit's output, however it was cut.

    :param text: standard output.
    :param stderr: standard error.
    """
    version = re.search(r'git version\s+\S+?,(\S+)', text)
    peak = re.search(r'^PEAK\s+([\d.]+)\s*([KMGT]?B)', text, re.MULTILINE)
    both = f'{text}\n{stderr}'
    abort = re.search(r'SYSTEM ABORT[^\n]*\n(?:[^\n]*\n)?', both)
    fortran = re.search(r'(?:Fortran runtime error|Error termination|SIGSEGV|SIGKILL|Killed|ERROR)[^\n]*', both)
    found = abort or fortran
    return GapLog(
        version=version[1] if version else None,
        started='libAtoms::Hello World' in text,
        finished='Bye-Bye' in text,
        error=' '.join(found.group().split()) if found else None,
        out_of_memory=bool(_NO_MEMORY.search(both)),
        peak_memory=float(peak[1]) * _UNITS[peak[2]] if peak else None,
        warnings=[' '.join(line.split()) for line in text.splitlines() if 'WARNING' in line][:20],
    )


def read_label(xml: bytes) -> str:
    """Label of the potential in gap_fit's XML, by which LAMMPS and quippy call it.

    :raises ValueError: it is not such a file, or it is cut.
    """
    head = re.match(rb'\s*<(GAP_[0-9_]+)>', xml)
    if head is None or not xml.rstrip().endswith(b'</' + head[1] + b'>'):
        raise ValueError(f'{GAP_FILE} is no whole GAP')
    return head[1].decode()


def read_sparse_files(xml: bytes) -> list[str]:
    """Names of the files with sparse points that the XML refers to."""
    return [name.decode() for name in re.findall(rb'sparseX_filename="([^"]+)"', xml)]
