"""PotentialData: an interatomic potential as LAMMPS needs it, with its source."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from hashlib import md5
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.exceptions import ValidationError
from aiida.orm.pydantic import OrmMetadataField
from aiida_lammps.data.potential import LammpsPotentialData

from aiida_glassion.potentials.deepmd import deepmd_potential
from aiida_glassion.potentials.library import load
from aiida_glassion.potentials.potential import Potential
from aiida_glassion.potentials.user_file import read_potential_file


class PotentialData(orm.Data):
    """A potential of any kind: published table, machine-learned model, or a user's own LAMMPS commands and files.

    Its attributes can be searched for, its files lie in the repository. The commands pass the allow-list whenever
    :attr:`potential` is read, not only on storing: a node may come with somebody else's archive.
    """

    class AttributesModel(orm.Data.AttributesModel):
        """What can be searched for."""

        name: str = OrmMetadataField(description='Short name of the potential')
        kind: str = OrmMetadataField(description='published, deepmd, gap or user')
        elements: list[str] = OrmMetadataField(description='Elements that the potential covers, alphabetical')
        units: str = OrmMetadataField(description='LAMMPS units of the commands: metal or real')
        atom_style: str = OrmMetadataField(description='LAMMPS atom style: charge or atomic')
        charges: dict[str, float] = OrmMetadataField(description='Charge of each element, e')
        commands: list[str] = OrmMetadataField(description='LAMMPS commands with place holders for atom types')
        files: dict[str, str] = OrmMetadataField(description='MD5 of each file in the repository')
        cutoff: float | None = OrmMetadataField(None, description='Longest real-space cutoff, Å')
        type_map: list[str] = OrmMetadataField([], description='Order in which a trained model counts the elements')
        citation: str = OrmMetadataField('', description='Where the potential was published')
        notes: str = OrmMetadataField('', description='Limits, sources and warnings')

    def __init__(self, potential: Potential | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if potential is not None:
            self._set_potential(potential)

    @classmethod
    def from_potential(cls, potential: Potential) -> PotentialData:
        """Node of this potential, not stored yet."""
        return cls(potential=potential)

    @classmethod
    def from_library(cls, name: str, **options: Any) -> PotentialData:
        """Node of a published potential.

        :param name: one of :func:`~aiida_glassion.potentials.library.available`.
        :param options: those of :func:`~aiida_glassion.potentials.library.load`, such as ``coulomb='dsf'``.
        :raises ValueError: unknown name or option value, or an element that the potential lacks.
        """
        return cls(potential=load(name, **options))

    @classmethod
    def from_file(cls, path: str | Path) -> PotentialData:
        """Node of a user's own potential, see :func:`~aiida_glassion.potentials.user_file.read_potential_file`.

        :param path: YAML file.
        :raises ValueError: not such a file, or a command that is not allowed.
        """
        return cls(potential=read_potential_file(path))

    @classmethod
    def from_deepmd(
        cls,
        path: str | Path,
        type_map: Sequence[str] | None = None,
        rcut: float | None = None,
        name: str | None = None,
        **more: str,
    ) -> PotentialData:
        """Node of a frozen DeePMD model.

        :param path: the model's file.
        :param type_map: elements in the order of training; read from a frozen TensorFlow model (``.pb``) if not given.
        :param rcut: cutoff, Å; likewise.
        :param name: short name; by default that of the file.
        :param more: ``notes`` and ``citation``.
        :raises ValueError: no such file, or see :func:`~aiida_glassion.potentials.deepmd.deepmd_potential`.
        """
        path = Path(path)
        try:
            model = path.read_bytes()
        except OSError as error:
            raise ValueError(f'the model {path} cannot be read: {error.strerror}') from error
        return cls(potential=deepmd_potential(model, type_map, rcut, name or path.stem, file=path.name, **more))

    @classmethod
    def from_lammps_potential(
        cls,
        node: LammpsPotentialData,
        *,
        style_options: str = '',
        charges: dict[str, float] | None = None,
        extra_commands: tuple[str, ...] = (),
        cutoff: float | None = None,
    ) -> PotentialData:
        """Node of aiida-lammps' own potential node.

        :param node: the potential of aiida-lammps.
        :param style_options: what follows the pair style on its line, such as a cutoff.
        :param charges: charge of each element, e, which aiida-lammps' node does not hold.
        :param extra_commands: further commands, such as ``kspace_style pppm 1e-5``.
        :param cutoff: longest real-space cutoff, Å.
        :raises ValueError: its units or atom style are not supported, or a command is not allowed.
        """
        style = node.pair_style
        content = node.get_content(mode='rb')
        files: dict[str, bytes] = {}
        if node.default_potential_info[style]['read_from_file']:
            files = {node.filename: content}
            coefficients = f'{node.filename} {{elements}}'
        else:  # then the file holds what follows `pair_coeff * *`
            lines = (line.strip() for line in content.decode().splitlines())
            coefficients = ' '.join(line for line in lines if line and not line.startswith('#'))
        citations = node.source_citations or []
        return cls(
            potential=Potential(
                name=re.sub(r'[^A-Za-z0-9 _.+\-]+', '-', node.title or style).strip('- ') or 'lammps',
                kind='user',
                elements=tuple(node.species),
                units=node.default_units,
                atom_style='charge' if charges else node.atom_style,
                commands=(
                    f'pair_style {style} {style_options}'.rstrip(),
                    f'pair_coeff * * {coefficients}',
                    *extra_commands,
                ),
                charges=charges or {},
                files=files,
                cutoff=cutoff,
                citation='; '.join(str(citation) for citation in citations),
                notes=f'from the LammpsPotentialData of MD5 {node.md5}',
            )
        )

    @property
    def potential(self) -> Potential:
        """The potential, checked anew.

        :raises ValueError: an attribute is missing or wrong, a file is missing or was changed, or a command is refused.
        """
        attributes = self.base.attributes.all
        try:
            files = {name: self._read(name, digest) for name, digest in attributes['files'].items()}
            return Potential(
                files=files,
                elements=tuple(attributes['elements']),
                commands=tuple(attributes['commands']),
                charges=dict(attributes['charges']),
                type_map=tuple(attributes.get('type_map', ())),
                **{key: attributes[key] for key in _PLAIN},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f'the potential node lacks an attribute or has a wrong one: {error!r}') from error

    @property
    def elements(self) -> list[str]:
        """Elements that the potential covers, alphabetical."""
        return list(self.base.attributes.get('elements'))

    @property
    def charges(self) -> dict[str, float]:
        """Charge of each element, e; empty for a potential without charges."""
        return dict(self.base.attributes.get('charges'))

    def commands_for(self, elements: list[str] | tuple[str, ...]) -> list[str]:
        """LAMMPS commands for these elements, see :meth:`Potential.commands_for`."""
        return self.potential.commands_for(elements)

    def _set_potential(self, potential: Potential) -> None:
        self.base.attributes.set_many({key: getattr(potential, key) for key in _PLAIN})
        self.base.attributes.set_many(
            {
                'elements': list(potential.elements),
                'commands': list(potential.commands),
                'charges': {element: float(potential.charges[element]) for element in sorted(potential.charges)},
                'files': {name: md5(potential.files[name]).hexdigest() for name in sorted(potential.files)},
            }
        )
        if potential.type_map:
            self.base.attributes.set('type_map', list(potential.type_map))
        for name in sorted(potential.files):
            self.base.repository.put_object_from_filelike(io.BytesIO(potential.files[name]), name)

    def _read(self, name: str, digest: str) -> bytes:
        try:
            content: bytes = self.base.repository.get_object_content(name, mode='rb')
        except FileNotFoundError as error:
            raise ValueError(f'file {name!r} of the potential is not in the repository') from error
        if md5(content).hexdigest() != digest:
            raise ValueError(f'file {name!r} of the potential is not the one whose MD5 was recorded')
        return content

    def _validate(self) -> bool:
        super()._validate()
        try:
            extra = set(self.base.repository.list_object_names()) - set(self.potential.files)
        except ValueError as error:
            raise ValidationError(f'not a valid potential: {error}') from error
        if extra:
            raise ValidationError(f'the node holds files that the potential does not name: {", ".join(sorted(extra))}')
        return True


_PLAIN = ('name', 'kind', 'units', 'atom_style', 'cutoff', 'citation', 'notes')
"""Attributes of the node that are fields of the potential as they are."""
