"""Labels by any ASE calculator: machine-learned potentials, tight binding, or a DFT program that ASE drives."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import Process, ProcessSpec

from aiida_glassion.calculations.label_ase import AseLabelCalculation, calculator_settings, check_calculator
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines.engine import LabelEngine, Refused
from aiida_glassion.label_engines.labelled import outputs_of, read_labels


class Engine(LabelEngine):
    """Any calculator of ASE in an environment of the user, whose Python is the code."""

    name: ClassVar[str] = 'ase'
    frames_per_job: ClassVar[int] = 50
    interrupted: ClassVar[frozenset[int]] = frozenset({302, 304})

    @classmethod
    def expose(cls, spec: ProcessSpec) -> None:
        """Declare the namespace ``ase``."""
        spec.expose_inputs(
            AseLabelCalculation,
            namespace=cls.name,
            exclude=('frames', 'calculator'),
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'help': 'Label by an ASE calculator: code (a Python), files it reads, metadata.options. Which '
                'calculator is in engine_settings.',
            },
        )

    @classmethod
    def inputs_from_settings(
        cls, code: orm.AbstractCode, settings: Mapping[str, Any], **options: Any
    ) -> dict[str, Any]:
        """Inputs of the namespace.

        :param code: the Python of an environment that has ASE and the calculator.
        :param settings: ``label_ase.yaml``: ``path``, ``kwargs``, ``energy``.
        :param options: ``files``: SinglefileData by name; ``options``: ``metadata.options``.
        :raises ValueError: no calculator, or an option that this engine has not.
        """
        problem = check_calculator(_calculator(settings))
        if problem:
            raise ValueError(problem)
        files, job_options = options.pop('files', None), options.pop('options', None)
        if options:
            raise ValueError(
                f'{", ".join(options)}: the engine ase knows only files and options; path, kwargs and energy of the '
                'calculator are settings (overrides)'
            )
        inputs: dict[str, Any] = {'code': code}
        if files:
            inputs['files'] = dict(files)
        return inputs | ({'metadata': {'options': dict(job_options)}} if job_options else {})

    @classmethod
    def method(cls, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The calculator's class, arguments, kind of energy, and the MD5 of its files."""
        files = sorted(
            f'{node.filename} {md5(node.get_content(mode="rb")).hexdigest()}'
            for node in dict(inputs.get('files', {})).values()
        )
        return {'engine': cls.name, **_calculator(settings).get_dict(), 'files': files}

    @classmethod
    def check(cls, frames: Frames, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> str | None:
        """Refuse a calculator that cannot be."""
        return check_calculator(_calculator(settings))

    @classmethod
    def job(
        cls, frames: FramesData, settings: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[type[Process], dict[str, Any]]:
        """One job of the script."""
        given = {name: inputs[name] for name in ('code', 'files', 'monitors') if name in inputs}
        metadata = {key: value for key, value in dict(inputs.get('metadata', {})).items() if key == 'options'}
        calculator = _calculator(settings)
        return AseLabelCalculation, {**given, 'frames': frames, 'calculator': calculator, 'metadata': metadata}

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


def _calculator(settings: Mapping[str, Any]) -> orm.Dict:
    content = {key: settings[key] for key in ('path', 'kwargs', 'energy') if key in settings}
    return orm.Dict(calculator_settings(content))
