"""A Gaussian approximation potential as a potential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiida_glassion.formats.gap import GAP_FILE, read_label, read_sparse_files
from aiida_glassion.potentials.potential import Potential

CITATION = 'A. P. Bartók, M. C. Payne, R. Kondor and G. Csányi, Phys. Rev. Lett. 104, 136403 (2010)'


def gap_potential(
    files: Mapping[str, bytes],
    elements: Sequence[str],
    cutoff: float,
    name: str = 'gap',
    notes: str = '',
    citation: str = '',
) -> Potential:
    """Wrap what gap_fit wrote.

    :param files: ``gap.xml`` and the files with sparse points that it names.
    :param elements: those it was trained on.
    :param cutoff: Å.
    :param name: short name of the potential.
    :param notes: how it was trained, on what.
    :param citation: its own; that of the method by default.
    :raises ValueError: a file is missing or cut.
    """
    if GAP_FILE not in files:
        raise ValueError(f'{GAP_FILE} is missing')
    label, needed = read_label(files[GAP_FILE]), read_sparse_files(files[GAP_FILE])
    missing = [file for file in needed if file not in files]
    if missing:
        raise ValueError(f'{GAP_FILE} names {", ".join(missing)}, which is missing')
    return Potential(
        name=name,
        kind='gap',
        elements=tuple(elements),
        units='metal',
        atom_style='atomic',
        commands=('pair_style quip', f'pair_coeff * * {GAP_FILE} "Potential xml_label={label}" {{numbers}}'),
        files={file: files[file] for file in (GAP_FILE, *needed)},
        cutoff=cutoff,
        citation=citation or CITATION,
        notes=notes,
    )
