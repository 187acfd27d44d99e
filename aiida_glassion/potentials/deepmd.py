"""A DeePMD model as a potential."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_glassion.formats.deepmd.frozen import read_frozen
from aiida_glassion.potentials.potential import Potential

CITATION = 'L. Zhang, J. Han, H. Wang, R. Car and W. E, Phys. Rev. Lett. 120, 143001 (2018)'


def deepmd_potential(
    model: bytes,
    type_map: Sequence[str] | None = None,
    rcut: float | None = None,
    name: str = 'deepmd',
    notes: str = '',
    file: str = 'graph.pb',
    citation: str = '',
) -> Potential:
    """Wrap a frozen DeePMD model.

    LAMMPS is given the elements of the run in the order of their atom types and finds each in the model's type map by
    its name, so the order of the type map need not be that of the atom types.

    :param model: content of the model's file.
    :param type_map: elements in the order in which the model counts its types; read from a frozen TensorFlow model
        where not given.
    :param rcut: cutoff, Å; likewise.
    :param name: short name of the potential.
    :param notes: how it was trained, on what.
    :param file: name of the file in the run; the suffix says which backend the model belongs to (``.pb`` TensorFlow,
        ``.pth`` PyTorch).
    :param citation: the model's own; that of the method by default.
    :raises ValueError: type map or cutoff neither given nor to be read, other than the model's, or the model is no
        potential.
    """
    said = read_frozen(model)
    if said is not None and said.fits != 'ener':
        raise ValueError(f'{file}: a model of {said.fits!r}, not of energies: it is no potential')
    if type_map is None or rcut is None:
        if said is None:
            raise ValueError(
                f'{file}: type map and cutoff can be read from frozen TensorFlow models only; '
                'give type_map (elements in the order of training) and rcut (Å)'
            )
        type_map, rcut = type_map or said.type_map, rcut or said.rcut
    if said is not None and tuple(type_map) != said.type_map:
        raise ValueError(f'{file}: type_map {list(type_map)}, but the model was trained with {list(said.type_map)}')
    if said is not None and abs(rcut - said.rcut) > 1e-4:
        raise ValueError(f'{file}: rcut {rcut:g} Å, but the model was trained with {said.rcut:g} Å')
    return Potential(
        name=name,
        kind='deepmd',
        elements=tuple(type_map),
        type_map=tuple(type_map),
        units='metal',
        atom_style='atomic',
        commands=(f'pair_style deepmd {file}', 'pair_coeff * * {elements}'),
        files={file: model},
        cutoff=float(rcut),
        citation=citation or CITATION,
        notes=notes,
    )
