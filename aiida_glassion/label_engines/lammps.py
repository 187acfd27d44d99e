"""Labels from a potential, by LAMMPS: a teacher for tests, for demonstrations, for distillation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import Process, ProcessSpec

from aiida_glassion.calculations.label_lammps import LammpsLabelCalculation, check_frames
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines.engine import LabelEngine, Refused
from aiida_glassion.label_engines.labelled import outputs_of, read_labels


class Engine(LabelEngine):
    """Any :class:`~aiida_glassion.data.potential.PotentialData` as teacher."""

    name: ClassVar[str] = 'lammps'
    frames_per_job: ClassVar[int] = 200
    interrupted: ClassVar[frozenset[int]] = frozenset({301, 304})

    @classmethod
    def expose(cls, spec: ProcessSpec) -> None:
        """Declare the namespace ``lammps``."""
        spec.expose_inputs(
            LammpsLabelCalculation,
            namespace=cls.name,
            exclude=('frames',),
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'help': 'Label by a potential in LAMMPS: code, potential, metadata.options.',
            },
        )

    @classmethod
    def inputs_from_settings(
        cls, code: orm.AbstractCode, settings: Mapping[str, Any], **options: Any
    ) -> dict[str, Any]:
        """Inputs of the namespace.

        :param code: LAMMPS.
        :param settings: ``label_lammps.yaml``; nothing is read from them.
        :param options: ``potential``: PotentialData; ``options``: ``metadata.options``.
        :raises ValueError: no potential, or an option that this engine has not.
        """
        potential, job_options = options.pop('potential', None), options.pop('options', None)
        if not isinstance(potential, PotentialData):
            raise ValueError(f'potential: {potential!r} given, the engine lammps needs a PotentialData')
        if options:
            raise ValueError(f'{", ".join(options)}: the engine lammps knows only potential and options')
        metadata = {'metadata': {'options': dict(job_options)}} if job_options else {}
        return {'code': code, 'potential': potential, **metadata}

    @classmethod
    def method(cls, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The potential: its commands, charges, and the MD5 of its files."""
        attributes = inputs['potential'].base.attributes.all
        return {
            'engine': cls.name,
            'potential': attributes['name'],
            'units': attributes['units'],
            'commands': list(attributes['commands']),
            'charges': dict(attributes['charges']),
            'files': [f'{name} {digest}' for name, digest in sorted(attributes['files'].items())],
        }

    @classmethod
    def check(cls, frames: Frames, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> str | None:
        """Refuse frames that are not periodic, not covered by the potential, or not neutral with it."""
        return check_frames(frames, inputs['potential'])

    @classmethod
    def job(
        cls, frames: FramesData, settings: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[type[Process], dict[str, Any]]:
        """One LAMMPS job."""
        given = {name: inputs[name] for name in ('code', 'potential', 'monitors') if name in inputs}
        metadata = {key: value for key, value in dict(inputs.get('metadata', {})).items() if key == 'options'}
        return LammpsLabelCalculation, {**given, 'frames': frames, 'metadata': metadata}

    @classmethod
    def outputs(cls, node: orm.ProcessNode) -> dict[str, orm.Data]:
        """``labels`` and ``results``."""
        return outputs_of(node)

    @classmethod
    def read(
        cls, frames: Frames, outputs: Mapping[str, orm.Data], settings: Mapping[str, Any]
    ) -> list[Frames | Refused]:
        """Labels as the job gave them."""
        return read_labels(frames, outputs)
