"""ElasticWorkChain: how stiff glasses are, relaxed and at temperatures, replicas pooled, dense and porous together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.elastic import summarise_elastic
from aiida_glassion.kernels.mechanics.elastic_plan import PlannedSample, plan_samples
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.diffusion_inputs import check_seed, elements_of
from aiida_glassion.workchains.elastic_inputs import check_elastic, check_temperatures
from aiida_glassion.workchains.elastic_sample import ElasticSampleWorkChain
from aiida_glassion.workchains.explore_record import reason_of
from aiida_glassion.workchains.label_inputs import fill

_NO_FAILURES = (0, ElasticSampleWorkChain.exit_codes.ERROR_NOT_STABLE.status)
"""Ends of a sample that are results."""


class ElasticWorkChain(WorkChain):
    """Bulk moduli, elastic constants and their Voigt–Reuss–Hill means of glasses, each at every temperature.

    Glasses of one name but for a number at its end (``dense_1``, ``dense_2``), with as many atoms of each element, are
    replicas: their means have the error of their scatter. All others stand side by side. A sample that fails is written
    into the ledger and the others go on.
    """

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
        spec.input(
            'seed',
            valid_type=orm.Int,
            validator=check_seed,
            help='Seed of the whole, 1 to 2147483647; every sample derives its own from it.',
            **convert,
        )
        spec.input(
            'max_concurrent',
            valid_type=orm.Int,
            default=lambda: orm.Int(2),
            help='How many samples go at the same time, each with one job, or with settings.jobs `component` with one '
            'for each component.',
            **convert,
        )
        spec.input(
            'tolerated_failures',
            valid_type=orm.Float,
            default=lambda: orm.Float(0.5),
            help='Fraction of the samples that may fail before the whole is a failure, 0 to 1.',
            **convert,
        )
        spec.inputs.validator = check_elastic
        spec.outline(
            cls.setup,
            while_(cls.should_run)(cls.run_samples, cls.inspect_samples),
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
        spec.output('ledger', valid_type=orm.Dict, required=False, help='Samples that failed, and why.')
        spec.exit_code(500, 'ERROR_TOO_MANY_FAILED', message='{failed} of {samples} samples failed: {reason}')

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
    def _plan(self) -> list[PlannedSample]:
        """All samples. Made anew from the inputs after a restart, so that checkpoints stay small."""
        return plan_samples(self.inputs.temperatures.get_list(), list(self.inputs.glasses), self.inputs.seed.value)

    def setup(self) -> None:
        """Begin with the coldest sample."""
        self.ctx.next, self.ctx.running, self.ctx.ended = 0, [], []
        self.report(f'{len(self._plan)} samples')

    def should_run(self) -> bool:
        """Whether samples go on, or are left to be begun."""
        return bool(self.ctx.running or self.ctx.next < len(self._plan))

    def run_samples(self) -> ToContext:
        """Fill the room that there is, and wait for the oldest; those that ended meanwhile make room with it."""
        while self.ctx.next < len(self._plan) and len(self.ctx.running) < self.inputs.max_concurrent.value:
            node = self.submit(ElasticSampleWorkChain, **self._inputs_of(self._plan[self.ctx.next]))
            self.ctx.running.append((self.ctx.next, node.pk))
            self.ctx.next += 1
        return ToContext(oldest=orm.load_node(self.ctx.running[0][1]))

    def _inputs_of(self, sample: PlannedSample) -> AttributeDict:
        inputs = AttributeDict(self.exposed_inputs(ElasticSampleWorkChain))
        inputs.configuration = self.inputs.glasses[sample.glass]
        inputs.temperature = orm.Float(sample.temperature)
        inputs.seed = orm.Int(sample.seed)
        inputs.metadata.update(call_link_label=sample.label, label=sample.label, description='')
        return inputs

    def inspect_samples(self) -> None:
        """Note which samples ended."""
        oldest, still_running = self.ctx.pop('oldest'), []
        for number, pk in self.ctx.running:
            node = oldest if pk == oldest.pk else orm.load_node(pk)
            if not node.is_sealed and pk != oldest.pk:
                still_running.append((number, pk))
                continue
            self.ctx.ended.append((number, pk))
            if not _is_result(node):
                self.report(f'{self._plan[number].label} <{pk}> failed: {reason_of(node)}')
        self.ctx.running = still_running

    def collect(self) -> None:
        """Hand out what every sample left, and put all together."""
        counts = {name: elements_of(node) for name, node in self.inputs.glasses.items()}
        plan: dict[str, Any] = {}
        pieces: dict[str, orm.Data] = {}
        failed: dict[str, Any] = {}
        for number, pk in sorted(self.ctx.ended):
            sample, node = self._plan[number], orm.load_node(pk)
            about: dict[str, Any] = {
                'temperature': sample.temperature, 'glass': sample.glass, 'counts': counts[sample.glass],
            }  # fmt: skip
            if not _is_result(node):
                reason = reason_of(node)
                failed[sample.label] = {
                    'pk': pk, 'seed': sample.seed, 'exit_status': node.exit_status, 'reason': reason,
                }  # fmt: skip
                about['reason'] = reason
            plan[sample.label] = about
            for name in ('curves', 'relaxed'):
                if name in node.outputs:
                    self.out(f'{name}.{sample.label}', node.outputs[name])
            if 'results' in node.outputs:
                pieces[sample.label] = node.outputs.results
        if failed:
            self.out('ledger', orm.Dict(failed).store())
        self.ctx.failed = {label: entry['reason'] for label, entry in failed.items()}
        link = {'call_link_label': 'summarise'}
        self.out('results', summarise_elastic(orm.Dict({'samples': plan}), **pieces, metadata=link))

    def results(self) -> ExitCode | None:
        """Say whether enough of it ended well."""
        failed = self.ctx.failed
        if len(failed) > self.inputs.tolerated_failures.value * len(self._plan):
            reason = '; '.join(f'{label}: {why}' for label, why in failed.items())
            return self.exit_codes.ERROR_TOO_MANY_FAILED.format(
                failed=len(failed), samples=len(self._plan), reason=reason
            )
        return None


def _is_result(node: orm.ProcessNode) -> bool:
    """Whether a sample ended with what it was to tell, even if that is not what was hoped for."""
    return bool(node.is_finished and node.exit_status in _NO_FAILURES)
