"""ElasticWorkChain: how stiff glasses are, relaxed and at temperatures, replicas pooled, dense and porous together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.elastic import summarise_elastic
from aiida_glassion.kernels.mechanics.elastic_plan import PlannedSample, plan_samples
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.diffusion_inputs import elements_of
from aiida_glassion.workchains.elastic_inputs import check_elastic, check_temperatures
from aiida_glassion.workchains.elastic_sample import ElasticSampleWorkChain
from aiida_glassion.workchains.fan_out import FanOutWorkChain
from aiida_glassion.workchains.label_inputs import fill


class ElasticWorkChain(FanOutWorkChain):
    """Bulk moduli, elastic constants and their Voigt–Reuss–Hill means of glasses, each at every temperature.

    Glasses of one name but for a number at its end (``dense_1``, ``dense_2``), with as many atoms of each element, are
    replicas: their means have the error of their scatter. All others stand side by side. A sample that fails is written
    into the ledger and the others go on.
    """

    RUN = ElasticSampleWorkChain
    RESULTS = (0, ElasticSampleWorkChain.exit_codes.ERROR_NOT_STABLE.status)
    RUNS = 'samples'

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input_namespace(
            'glasses',
            dynamic=True,
            valid_type=CONFIGURATIONS,
            help='The glasses by name: positions and cells, Å.',
        )
        spec.input(
            'temperatures',
            valid_type=orm.List,
            validator=check_temperatures,
            help='Temperatures, K; 0: atoms are relaxed at each strain.',
            **convert,
        )
        spec.expose_inputs(
            ElasticSampleWorkChain, exclude=('configuration', 'temperature', 'seed'), namespace_options={}
        )
        spec.inputs[
            'max_concurrent'
        ].help += ' Each is one job, or with settings.jobs `component` one for each component.'
        spec.inputs.validator = check_elastic
        spec.outline(
            cls.setup,
            while_(cls.should_run)(cls.run_some, cls.inspect_some),
            cls.collect,
            cls.results,
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            required=False,
            help='Of every sample, and of every group of replicas at each temperature: K from p(V), C_ij, moduli of '
            'Voigt, Reuss and Hill, GPa, with errors; isotropy, stability, residual stress GPa.',
        )
        spec.output_namespace(
            'curves',
            dynamic=True,
            valid_type=orm.ArrayData,
            required=False,
            help='Of each sample: stress GPa over strain, pressure GPa over volume Å³.',
        )
        spec.output_namespace(
            'relaxed',
            dynamic=True,
            valid_type=FramesData,
            required=False,
            help='The samples that were strained, at no strain: positions Å, velocities Å/ps.',
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        potential: PotentialData,
        glasses: Mapping[str, orm.Data],
        temperatures: Sequence[float] | None = None,
        *,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        seed: int = 1,
        options: Mapping[str, Any] | None = None,
        max_concurrent: int = 2,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: LAMMPS.
        :param potential: interatomic potential that covers every element.
        :param glasses: configurations by name.
        :param temperatures: K, 0: relaxed; None: those of the protocol.
        :param protocol: name, see ``protocols/elastic.yaml``.
        :param overrides: any setting of the protocol, nested.
        :param seed: seed of the whole.
        :param options: ``metadata.options`` of the LAMMPS jobs (resources, walltime, queue …).
        :param max_concurrent: samples at the same time.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        settings = protocols.load('elastic', protocol, overrides)
        builder.settings = orm.Dict(settings)
        builder.temperatures = orm.List(list(settings['temperatures'] if temperatures is None else temperatures))
        builder.glasses = dict(glasses)
        builder.seed = orm.Int(seed)
        builder.max_concurrent = orm.Int(max_concurrent)
        builder.md.md.code = code
        builder.md.md.potential = potential
        fill(builder.md.md.metadata.options, options or {})
        return builder

    @cached_property
    def plan(self) -> list[PlannedSample]:
        """All samples. Made anew from the inputs after a restart, so that checkpoints stay small."""
        return plan_samples(self.inputs.temperatures.get_list(), list(self.inputs.glasses), self.inputs.seed.value)

    def inputs_of(self, planned: PlannedSample) -> AttributeDict:
        """Glass, temperature and seed of a sample."""
        inputs = AttributeDict(self.exposed_inputs(ElasticSampleWorkChain))
        inputs.configuration = self.inputs.glasses[planned.glass]
        inputs.temperature = orm.Float(planned.temperature)
        inputs.seed = orm.Int(planned.seed)
        return inputs

    def collect(self) -> None:
        """Hand out what every sample left, and put all together."""
        counts = {name: elements_of(node) for name, node in self.inputs.glasses.items()}
        plan: dict[str, Any] = {}
        pieces: dict[str, orm.Data] = {}
        for sample, node, reason in self.ended_runs():
            about: dict[str, Any] = {
                'temperature': sample.temperature, 'glass': sample.glass, 'counts': counts[sample.glass],
            }  # fmt: skip
            if reason is not None:
                about['reason'] = reason
            plan[sample.label] = about
            for name in ('curves', 'relaxed'):
                if name in node.outputs:
                    self.out(f'{name}.{sample.label}', node.outputs[name])
            if 'results' in node.outputs:
                pieces[sample.label] = node.outputs.results
        link = {'call_link_label': 'summarise'}
        self.out('results', summarise_elastic(orm.Dict({'samples': plan}), **pieces, metadata=link))

    def results(self) -> ExitCode | None:
        """Say whether enough of it ended well."""
        return self.too_many_failed()
