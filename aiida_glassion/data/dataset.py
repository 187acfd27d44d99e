"""DatasetData: labelled frames to learn from, with how they were labelled."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_glassion.data.label_method import differences, hash_method, union
from aiida_glassion.formats.deepmd.systems import SystemsWriter, find_systems, read_system
from aiida_glassion.frames import Frames

UNITS = {
    'positions': 'Å', 'cells': 'Å', 'energies': 'eV', 'forces': 'eV/Å', 'virials': 'eV', 'magnetisations': 'µB',
}  # fmt: skip


class DatasetData(orm.Data):
    """Labelled frames of any compositions, kept as deepmd/npy systems (:mod:`aiida_glassion.formats.deepmd.systems`).

    Datasets grow by adding nodes, never by rewriting. Frames labelled with different methods have energies that cannot
    be compared, so the method is part of the node and :func:`check_one_method` refuses to mix.

    Attributes: ``n_frames``, ``elements``, ``formulas`` (frames of each), ``systems`` (name, formula, counts, n_frames,
    labels, content_hash), ``labels`` (those that every frame has), ``method`` and ``method_hash``, ``energy_shifts``
    (eV per atom of each element, already subtracted from the energies), ``content_hash``, ``units``.
    """

    @classmethod
    def from_frames(
        cls,
        frames: Frames | Iterable[Frames],
        method: Mapping[str, Any] | None = None,
        energy_shifts: Mapping[str, float] | None = None,
    ) -> DatasetData:
        """Node of labelled frames, not stored yet. Frames come one after another; memory holds one set of each system.

        :param frames: with energies, and what there is of forces, virials and magnetisations.
        :param method: how they were labelled (engine, functional, cutoffs, dispersion …); plain JSON. Empty: unknown.
        :param energy_shifts: energy of an atom of each element that was subtracted from the energies, eV.
        :raises ValueError: no frames, or frames without energies.
        """
        with tempfile.TemporaryDirectory(prefix='glassion-dataset-') as name:
            folder = Path(name) / 'systems'
            with SystemsWriter(folder) as writer:
                for part in [frames] if isinstance(frames, Frames) else frames:
                    writer.add(part)
            if not writer.summaries:
                raise ValueError('a dataset needs at least one labelled frame')
            node = cls()
            node.base.repository.put_object_from_tree(str(folder))
        systems = [asdict(summary) for summary in writer.summaries]
        formulas: dict[str, int] = {}
        for system in systems:
            formulas[system['formula']] = formulas.get(system['formula'], 0) + system['n_frames']
        common = set.intersection(*(set(system['labels']) for system in systems))
        node.base.attributes.set_many(
            {
                'n_frames': sum(system['n_frames'] for system in systems),
                'elements': sorted({element for system in systems for element in system['counts']}),
                'formulas': formulas,
                'systems': systems,
                'labels': [label for label in UNITS if label in common],
                'method': dict(method or {}),
                'method_hash': hash_method(method or {}),
                'energy_shifts': {k: float(v) for k, v in sorted((energy_shifts or {}).items())},
                'content_hash': _hash_systems(systems),
                'units': UNITS,
            }
        )
        return node

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.base.attributes.get('n_frames'))

    @property
    def elements(self) -> list[str]:
        """Elements, alphabetical."""
        return list(self.base.attributes.get('elements'))

    @property
    def formulas(self) -> dict[str, int]:
        """Frames of each formula (atoms of the cell)."""
        return dict(self.base.attributes.get('formulas'))

    @property
    def systems(self) -> list[dict[str, Any]]:
        """Name, formula, counts, n_frames, labels and content_hash of each system, by name."""
        return list(self.base.attributes.get('systems'))

    @property
    def labels(self) -> list[str]:
        """Labels that every frame has: energies, forces, virials, magnetisations."""
        return list(self.base.attributes.get('labels'))

    @property
    def method(self) -> dict[str, Any]:
        """How the frames were labelled; empty: unknown."""
        return dict(self.base.attributes.get('method'))

    @property
    def method_hash(self) -> str:
        """Hash of the method; equal for frames whose energies can be compared."""
        return str(self.base.attributes.get('method_hash'))

    @property
    def energy_shifts(self) -> dict[str, float]:
        """Energy of an atom of each element that was subtracted from the energies, eV; empty: none."""
        return dict(self.base.attributes.get('energy_shifts'))

    @property
    def content_hash(self) -> str:
        """Hash of all frames with their labels, independent of how they are cut into sets."""
        return str(self.base.attributes.get('content_hash'))

    def iter_frames(self, system: str | None = None) -> Iterator[Frames]:
        """Frames set by set: at most 1000 of one system at a time, atoms grouped by element.

        :param system: name of one system; None: all, by name.
        :raises ValueError: no such system, or its files were changed.
        """
        names = [entry['name'] for entry in self.systems]
        if system is not None and system not in names:
            raise ValueError(f'the dataset has no system {system!r}; it has {", ".join(names)}')
        for name in names if system is None else [system]:
            with tempfile.TemporaryDirectory(prefix='glassion-dataset-') as folder:
                self.base.repository.copy_tree(Path(folder) / name, name)
                yield from read_system(Path(folder) / name)

    def write(self, folder: str | Path) -> list[Path]:
        """Write the systems into a folder, as DeePMD-kit reads them.

        :param folder: made if it does not exist.
        :returns: the systems' folders.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        self.base.repository.copy_tree(target.absolute())
        return find_systems(target)

    def _validate(self) -> bool:
        super()._validate()
        try:
            attributes = self.base.attributes.all
            systems = attributes['systems']
            if attributes['content_hash'] != _hash_systems(systems):
                raise ValueError('content_hash is not that of its systems')
            if attributes['method_hash'] != hash_method(attributes['method']):
                raise ValueError('method_hash is not that of its method')
            if sorted(self.base.repository.list_object_names()) != sorted(system['name'] for system in systems):
                raise ValueError('its folders are not those that its attributes name')
            if attributes['n_frames'] != sum(system['n_frames'] for system in systems):
                raise ValueError('n_frames is not the sum over its systems')
        except (KeyError, TypeError, ValueError) as error:
            raise ValidationError(f'not a valid dataset: {error!s}') from error
        return True


def _hash_systems(systems: Sequence[Mapping[str, Any]]) -> str:
    lines = sorted(f'{system["name"]} {system["content_hash"]}' for system in systems)
    return hashlib.sha256('\n'.join(lines).encode()).hexdigest()


def check_one_method(datasets: Mapping[str, DatasetData]) -> dict[str, Any]:
    """Refuse datasets whose energies cannot be compared: labelled by different methods, or shifted differently.

    :param datasets: by name, as they stand in a namespace of inputs.
    :returns: their common method.
    :raises ValueError: names the two datasets and what differs.
    """
    groups: dict[tuple[Any, ...], _Group] = {}
    for name, dataset in sorted(datasets.items()):
        shifts = dataset.energy_shifts
        key = (dataset.method_hash, tuple(sorted(shifts.items())))
        if key not in groups:
            groups[key] = _Group(name, dataset.method, shifts)
        for element in dataset.elements:
            groups[key].owners.setdefault(element, name)
    method: dict[str, Any] = {}
    for number, group in enumerate(groups.values()):
        for earlier in list(groups.values())[:number]:
            _check_pair(earlier, group)
        method = union(method, group.method) if number else group.method
    return method


@dataclass
class _Group:
    """Datasets of one method and one set of shifts: what holds for one of them holds for all.

    :param name: of the first of them.
    :param owners: element -> the first dataset that has it.
    """

    name: str
    method: dict[str, Any]
    shifts: dict[str, float]
    owners: dict[str, str] = field(default_factory=dict)


def _check_pair(first: _Group, other: _Group) -> None:
    differing = differences(first.method, other.method)
    if differing:
        values = '; '.join(f'{key}: {one!r} and {two!r}' for key, (one, two) in differing.items())
        raise ValueError(
            f'{first.name} and {other.name} were labelled differently ({values}); their energies do not compare'
        )
    shifted = [
        element
        for element in sorted(set(first.owners) & set(other.owners))
        if abs(first.shifts.get(element, 0.0) - other.shifts.get(element, 0.0)) > 1e-9
    ]
    if shifted:
        raise ValueError(
            f'{first.owners[shifted[0]]} and {other.owners[shifted[0]]} have different energy shifts of '
            f'{", ".join(shifted)}, {first.shifts} and {other.shifts} eV: shift one of them'
        )
