"""ElasticSampleWorkChain: bulk modulus and elastic constants of one sample, relaxed at 0 K or at a temperature."""

from __future__ import annotations

from functools import cached_property

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessSpec, ToContext, WorkChain

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.functions.elastic import report_elastic_sample
from aiida_glassion.functions.transport import at_mean_cell
from aiida_glassion.kernels.mechanics.elastic_plan import ElasticJob, equilibration, plan_jobs, relaxation
from aiida_glassion.kernels.mechanics.elastic_settings import ElasticSettings, read_settings
from aiida_glassion.kernels.transport.sweep_plan import seed_of
from aiida_glassion.schedule import Schedule
from aiida_glassion.workchains.diffusion_inputs import check_seed, elements_of
from aiida_glassion.workchains.elastic_inputs import check_sample, check_settings, check_temperature
from aiida_glassion.workchains.explore_record import reason_of
from aiida_glassion.workchains.md import MdWorkChain

_SET_HERE = ('configuration', 'schedule', 'seed', 'retrieve', 'keep_velocities', 'frozen')


class ElasticSampleWorkChain(WorkChain):
    """Bring a sample to no stress, strain it as plus and minus, and read its stiffness from the stresses.

    At 0 K atoms are minimised at each strain, and every sign of a component begins and ends at no strain: the energy
    there shows whether all was elastic. At a temperature stresses are averages over time, in a fixed cell (isothermal
    constants). The constants are slopes of the second Piola–Kirchhoff stress over the Green–Lagrange strain, so that
    what stress was left does not enter; K is −V dp/dV.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.input('configuration', valid_type=CONFIGURATIONS, help='The sample, positions and cell Å.')
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=(*(f'md.{name}' for name in _SET_HERE), 'clean_workdir'),
            namespace_options={'help': 'How every job is run, as for glassion.md.'},
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=check_settings,
            help='Protocol: strains, durations ps, pressures GPa, timestep fs (protocols/elastic.yaml).',
        )
        spec.input(
            'temperature',
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            validator=check_temperature,
            help='Temperature, K; 0: atoms are relaxed at each strain.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=check_seed,
            help='Seed of the velocities, 1 to 2147483647.',
        )
        spec.inputs.validator = check_sample
        spec.outline(
            cls.run_preparation,
            cls.inspect_preparation,
            cls.run_strains,
            cls.inspect_strains,
            cls.results,
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            required=False,
            help='Bulk modulus from p(V), C_ij, Voigt, Reuss and Hill moduli, residual stress, GPa, with errors; '
            'isotropy, stability, and whether the sample came back to where it began (eV).',
        )
        spec.output(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Stress GPa over strain, and pressure GPa over volume Å³; the attribute `units` names each.',
        )
        spec.output(
            'relaxed',
            valid_type=FramesData,
            required=False,
            help='The sample that was strained, with the cell at no strain: positions Å, velocities Å/ps.',
        )
        spec.exit_code(330, 'ERROR_RELAXATION_FAILED', message='The sample could not be brought to no stress: {reason}')
        spec.exit_code(331, 'ERROR_STRAINS_FAILED', message='Not all strains could be made: {reason}')
        spec.exit_code(
            452,
            'ERROR_NOT_STABLE',
            message='The smallest eigenvalue of C is {lowest:.3g} GPa: the sample gives way, it has no moduli.',
        )

    @cached_property
    def _settings(self) -> ElasticSettings:
        return read_settings(self.inputs.settings.get_dict())

    @cached_property
    def _jobs(self) -> list[ElasticJob]:
        return plan_jobs(self._settings, self.inputs.temperature.value)

    @property
    def _is_cold(self) -> bool:
        return bool(self.inputs.temperature.value == 0)

    def run_preparation(self) -> ToContext:
        """Relax the sample and its cell, or equilibrate it, with velocities drawn anew."""
        temperature = self.inputs.temperature.value
        schedule = relaxation(self._settings) if self._is_cold else equilibration(self._settings, temperature)
        inputs = self._md_inputs('relax' if self._is_cold else 'equilibrate', self.inputs.configuration, schedule)
        inputs.md.keep_velocities = orm.Bool(False)
        return ToContext(preparation=self.submit(MdWorkChain, **inputs))

    def inspect_preparation(self) -> ExitCode | None:
        """Take the sample, with the mean cell of the second half where the cell followed the pressure."""
        node = self.ctx.preparation
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_RELAXATION_FAILED.format(reason=reason_of(node))
        self.ctx.sample = node.outputs.final
        if self._settings.coupling != 'none':
            self.ctx.sample = at_mean_cell(
                node.outputs.final, node.outputs.thermo, metadata={'call_link_label': 'mean_cell'}
            )
        self.out('relaxed', self.ctx.sample)
        return None

    def run_strains(self) -> ToContext:
        """Strain it: in one job, or in one for each component, which then all begin with the same sample."""
        jobs = {}
        for job in self._jobs:
            inputs = self._md_inputs(job.label, self.ctx.sample, job.schedule)
            inputs.md.keep_velocities = orm.Bool(not self._is_cold)
            jobs[job.label] = self.submit(MdWorkChain, **inputs)
        return ToContext(**jobs)

    def _md_inputs(self, label: str, configuration: orm.Data, schedule: Schedule) -> AttributeDict:
        inputs = AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md'))
        inputs.md.update(
            configuration=configuration,
            schedule=orm.Dict(schedule.model_dump(exclude_none=True)),
            seed=orm.Int(seed_of(self.inputs.seed.value, label)),
            retrieve=orm.Dict({'trajectory': False, 'velocities': False}),
        )
        inputs.metadata.call_link_label = label
        return inputs

    def inspect_strains(self) -> ExitCode | None:
        """Note which jobs failed; those that did not are evaluated all the same."""
        self.ctx.failed = {}
        for job in self._jobs:
            node = self.ctx[job.label]
            if not node.is_finished_ok:
                self.ctx.failed[job.label] = reason_of(node)
                self.report(f'{job.label} <{node.pk}> failed: {self.ctx.failed[job.label]}')
        if len(self.ctx.failed) == len(self._jobs):
            return self.exit_codes.ERROR_STRAINS_FAILED.format(reason=next(iter(self.ctx.failed.values())))
        return None

    def results(self) -> ExitCode | None:
        """Evaluate, and say whether it is all there."""
        thermo = {
            job.label: self.ctx[job.label].outputs.thermo for job in self._jobs if job.label not in self.ctx.failed
        }
        about = {
            'temperature': self.inputs.temperature.value,
            'n_atoms': sum(elements_of(self.inputs.configuration).values()),
            'failed': dict(self.ctx.failed),
        }
        link = {'call_link_label': 'report'}
        found = report_elastic_sample(self.inputs.settings, orm.Dict(about), **thermo, metadata=link)
        for name, node in found.items():
            self.out(name, node)
        if self.ctx.failed:
            reason = '; '.join(f'{label}: {why}' for label, why in self.ctx.failed.items())
            return self.exit_codes.ERROR_STRAINS_FAILED.format(reason=reason)
        tensor = found['results']['stiffness']
        if tensor is not None and not tensor['stable']:
            return self.exit_codes.ERROR_NOT_STABLE.format(lowest=tensor['lowest_stiffness'])
        return None
