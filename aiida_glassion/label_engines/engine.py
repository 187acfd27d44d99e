"""What a label engine has to say of itself, so that the WorkChain need not know which one it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import Process, ProcessSpec

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames


@dataclass(frozen=True)
class Refused:
    """A frame that got no label that may be trusted.

    :param kind: ``unconverged``, ``missing`` (energy, forces or stress), ``wrong_atoms``, ``failed`` (the job left
        nothing), ``outlier``.
    :param reason: one sentence with the numbers.
    """

    kind: str
    reason: str


class LabelEngine(ABC):
    """One way to compute energy, forces and virial of given configurations.

    ``settings`` are plain values from the protocol ``label_<name>.yaml`` with the user's overrides: everything that
    decides the physics is in them, nothing is inherited from the defaults of a plugin. ``inputs`` are those of the
    engine's namespace in the WorkChain (code, pseudopotentials, options …).
    """

    name: ClassVar[str]
    """Name of the engine, of its namespace of inputs and of its protocol file."""

    frames_per_job: ClassVar[int] = 1
    """How many frames of one composition a job takes unless the settings say otherwise."""

    interrupted: ClassVar[frozenset[int]] = frozenset()
    """Exit codes of jobs that broke off, which says nothing against the frame; work chains try again by themselves."""

    @classmethod
    @abstractmethod
    def expose(cls, spec: ProcessSpec) -> None:
        """Declare the namespace ``cls.name``: not required, without defaults, with help on every port of ours."""

    @classmethod
    @abstractmethod
    def inputs_from_settings(
        cls, code: orm.AbstractCode, settings: Mapping[str, Any], **options: Any
    ) -> dict[str, Any]:
        """Inputs of the namespace for a builder.

        :param code: the program.
        :param settings: see above.
        :param options: what only this engine needs (``potential``, ``pseudos``, ``calculator`` …) and
            ``options`` (``metadata.options`` of its jobs).
        :raises ValueError: something is missing or wrong; names it and says what would be right.
        """

    @classmethod
    @abstractmethod
    def method(cls, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What decides the labels, as plain JSON, for ``DatasetData.method``: equal means that energies compare."""

    @classmethod
    def check(cls, frames: Frames, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> str | None:
        """Say what is wrong before anything is submitted: an element without pseudopotential, a setting unknown."""
        return None

    @classmethod
    @abstractmethod
    def job(
        cls, frames: FramesData, settings: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[type[Process], dict[str, Any]]:
        """The process that labels some frames of the same atoms, and its inputs without ``call_link_label``."""

    @classmethod
    @abstractmethod
    def outputs(cls, node: orm.ProcessNode) -> dict[str, orm.Data]:
        """The output nodes that :meth:`read` needs; those that a failed job left, maybe none."""

    @classmethod
    @abstractmethod
    def read(
        cls, frames: Frames, outputs: Mapping[str, orm.Data], settings: Mapping[str, Any]
    ) -> list[Frames | Refused]:
        """Labels of each frame: one frame with energies (eV), forces (eV/Å), virials (eV), magnetisations (µB) if any.

        Atoms in the order of ``frames``. Pure: reads nothing but its arguments, raises nothing for what a job left.
        Unconverged, incomplete or of other atoms: :class:`Refused`.
        """
