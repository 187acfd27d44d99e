"""GlassCeramicWorkChain: a crystal put into a glass, its interface healed, and what is left of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, if_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.build_glass_ceramic import (
    mean_crystal,
    measure_glass_ceramic,
    put_crystal_in_glass,
    repeat_crystal,
)
from aiida_glassion.kernels.build.glass_ceramic_settings import GlassCeramicSettings, read_settings
from aiida_glassion.kernels.transport.sweep_plan import seed_of
from aiida_glassion.schedule import Schedule
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.diffusion_inputs import check_seed
from aiida_glassion.workchains.explore_record import reason_of
from aiida_glassion.workchains.glass_ceramic_inputs import check_charges, check_glass_ceramic, check_settings
from aiida_glassion.workchains.label_inputs import fill
from aiida_glassion.workchains.md import MdWorkChain

_SET_HERE = ('configuration', 'schedule', 'seed', 'retrieve', 'keep_velocities', 'frozen')
_BUILT_FROM = ('glass', 'settings', 'seed', 'charges')
_MEASURED = ('results', 'curves', 'regions')


class GlassCeramicWorkChain(WorkChain):
    """Put grains of a crystal into a glass, heal the interface, and see what became of them.

    Composition and neutrality hold exactly. While the glass around it is hot and cools, the crystal is frozen, so that
    the glass comes to terms with its surface and not the reverse; then all atoms are free, at constant pressure. A
    grain that loses its order all the same (it melts, or dissolves) is told from one that heals by its local order
    before and after.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input('glass', valid_type=CONFIGURATIONS, help='The glass: positions and cell, Å; its last frame.')
        spec.input(
            'crystal', valid_type=CONFIGURATIONS, help='A cell of the crystal: positions and cell, Å; its last frame.'
        )
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=(*(f'md.{name}' for name in _SET_HERE), 'clean_workdir'),
            namespace_options={'help': 'How every molecular dynamics is run, as for glassion.md.'},
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            validator=check_settings,
            help='Protocol: grains, stages, measures; lengths Å, durations ps, temperatures K, pressures GPa, timestep '
            'fs (protocols/glass_ceramic.yaml).',
            **convert,
        )
        spec.input(
            'charges',
            valid_type=orm.Dict,
            required=False,
            validator=check_charges,
            help='Charges by element, e, with which glass and crystal are neutral; default: usual oxidation states.',
            **convert,
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            validator=check_seed,
            help='Seed of places, orientations, choices among atoms and velocities, 1 to 2147483647.',
            **convert,
        )
        spec.inputs.validator = check_glass_ceramic
        spec.outline(
            cls.setup,
            if_(cls.should_relax_crystal)(cls.run_crystal, cls.inspect_crystal),
            cls.build,
            if_(cls.should_heal)(cls.run_healing, cls.inspect_healing),
            if_(cls.should_relax)(cls.run_relaxation, cls.inspect_relaxation),
            cls.measure,
            cls.results,
        )
        spec.output('glass', valid_type=FramesData, required=False, help='The healed glass-ceramic, positions Å, Å/ps.')
        spec.output(
            'crystal',
            valid_type=FramesData,
            required=False,
            help='Unit cell of the crystal as the potential has it at room temperature, Å.',
        )
        spec.output('built', valid_type=FramesData, required=False, help='As it was put together, Å.')
        spec.output(
            'regions',
            valid_type=orm.ArrayData,
            required=False,
            help='Of each atom: `labels` 0 glass, 1 interface, 2 crystal by local order after healing, `labels_built` '
            'by place, `grain` (−1: glass), `order`, `distance` from the grains, Å.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            required=False,
            help='Fraction of the volume wanted, built and healed; strain and fit of a slab; atoms removed; fate of '
            'each grain; widths of the interface, Å, from F, local order, density and elements.',
        )
        spec.output(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Profiles over the distance from the grains, Å: F, local order, density g/cm³, elements; the '
            'attribute `curves` names the units.',
        )
        spec.exit_code(240, 'ERROR_CANNOT_BUILD', message='The crystal cannot be put into the glass: {reason}')
        spec.exit_code(340, 'ERROR_HEALING_FAILED', message='The glass around the crystal could not heal: {reason}')
        spec.exit_code(342, 'ERROR_CRYSTAL_FAILED', message='The crystal alone could not be relaxed: {reason}')
        spec.exit_code(341, 'ERROR_RELAXATION_FAILED', message='The glass-ceramic could not be relaxed: {reason}')
        spec.exit_code(452, 'ERROR_CRYSTAL_UNSTABLE', message='Alone, with this potential, {reason}')
        spec.exit_code(451, 'ERROR_GRAIN_LOST', message='The crystal melted or dissolved: {reason}')

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        potential: PotentialData,
        glass: orm.Data,
        crystal: orm.Data,
        *,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        seed: int = 1,
        charges: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
        committee: Mapping[str, PotentialData] | None = None,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: LAMMPS.
        :param potential: interatomic potential that covers every element of both.
        :param glass: its configuration.
        :param crystal: a cell of it.
        :param protocol: name, see ``protocols/glass_ceramic.yaml``.
        :param overrides: any setting of the protocol, nested: ``{'grains': {'fraction': 0.3}}``.
        :param seed: of everything that is left to chance.
        :param charges: e, by element.
        :param options: ``metadata.options`` of the LAMMPS jobs (resources, walltime, queue …).
        :param committee: further models that say at every stored frame how far they disagree with the potential.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        builder.settings = orm.Dict(protocols.load('glass_ceramic', protocol, overrides))
        builder.glass, builder.crystal = glass, crystal
        builder.seed = orm.Int(seed)
        if charges:
            builder.charges = orm.Dict(dict(charges))
        builder.md.md.code = code
        builder.md.md.potential = potential
        fill(builder.md.md.metadata.options, options or {})
        if committee:
            builder.md.md.committee = dict(committee)
        return builder

    @cached_property
    def _settings(self) -> GlassCeramicSettings:
        return read_settings(self.inputs.settings.get_dict())

    def setup(self) -> None:
        """Begin with the crystal as it is given."""
        self.ctx.failure, self.ctx.sample, self.ctx.of_crystal = None, None, None
        self.ctx.crystal = self.inputs.crystal

    def should_relax_crystal(self) -> bool:
        """Whether the crystal is to have the lattice that the potential gives it."""
        return self._settings.crystal.relax

    def run_crystal(self) -> ToContext:
        """Run a supercell of the crystal at room temperature and constant pressure."""
        schedule = self._settings.crystal_run()
        assert schedule is not None
        self.ctx.configuration = repeat_crystal(
            self.inputs.crystal, self.inputs.settings, metadata={'call_link_label': 'repeat_crystal'}
        )
        return ToContext(crystal_run=self.submit(MdWorkChain, **self._md_inputs('crystal', schedule)))

    def inspect_crystal(self) -> ExitCode | None:
        """Take its mean unit cell."""
        run = self.ctx.crystal_run
        if not run.is_finished_ok:
            return self.exit_codes.ERROR_CRYSTAL_FAILED.format(reason=reason_of(run))
        found, node = mean_crystal.run_get_node(
            self.inputs.crystal,
            self.inputs.settings,
            run.outputs.trajectory,
            metadata={'call_link_label': 'mean_crystal'},
        )
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_CRYSTAL_UNSTABLE.format(reason=node.exit_message)
        self.ctx.crystal, self.ctx.of_crystal = found['crystal'], found['report']
        self.out('crystal', found['crystal'])
        return None

    def build(self) -> ExitCode | None:
        """Put the grains into the glass."""
        inputs = {name: self.inputs[name] for name in _BUILT_FROM if name in self.inputs}
        inputs['crystal'] = self.ctx.crystal
        found, node = put_crystal_in_glass.run_get_node(**inputs, metadata={'call_link_label': 'build'})
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_CANNOT_BUILD.format(reason=node.exit_message)
        self.ctx.made = found
        self.ctx.configuration = found['built']
        self.out('built', found['built'])
        report = found['report']
        self.report(f'{len(found["frozen"])} atoms of crystal, {100 * report["fraction"]:.1f} % of the volume')
        return None

    def should_heal(self) -> bool:
        """Whether there are stages with a frozen crystal."""
        return self._settings.healing() is not None

    def run_healing(self) -> ToContext:
        """Heat and cool the glass around the frozen crystal."""
        schedule = self._settings.healing()
        assert schedule is not None
        return ToContext(healing=self.submit(MdWorkChain, **self._md_inputs('heal', schedule, frozen=True)))

    def inspect_healing(self) -> None:
        """Go on with the healed glass; or note why there is none."""
        self._take('healing', self.exit_codes.ERROR_HEALING_FAILED)

    def should_relax(self) -> bool:
        """Whether healing went well."""
        return self.ctx.failure is None

    def run_relaxation(self) -> ToContext:
        """Let all atoms go, and sample."""
        inputs = self._md_inputs('relax', self._settings.relaxation())
        return ToContext(relaxation=self.submit(MdWorkChain, **inputs))

    def inspect_relaxation(self) -> None:
        """Take the sample; or note why there is none."""
        if self._take('relaxation', self.exit_codes.ERROR_RELAXATION_FAILED):
            self.ctx.sample = self.ctx.relaxation.outputs.trajectory

    def _take(self, name: str, code: ExitCode) -> bool:
        """Hand out where a run ended; the last one is the glass."""
        node = self.ctx[name]
        if not node.is_finished_ok:
            failure = code.format(reason=reason_of(node))
            self.ctx.failure = {'status': failure.status, 'message': failure.message}
            self.report(f'{name} failed: {failure.message}')
            return False
        self.ctx.configuration = node.outputs.final
        return True

    def _md_inputs(self, label: str, schedule: Schedule, *, frozen: bool = False) -> AttributeDict:
        inputs = AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md'))
        inputs.md.update(
            configuration=self.ctx.configuration,
            schedule=orm.Dict(schedule.model_dump(exclude_none=True)),
            seed=orm.Int(seed_of(self.inputs.seed.value, label)),
            retrieve=orm.Dict({'trajectory': not frozen, 'velocities': False}),
            keep_velocities=orm.Bool(False),
        )
        if frozen:
            inputs.md.frozen = self.ctx.made['frozen']
        inputs.metadata.call_link_label = label
        return inputs

    def measure(self) -> None:
        """Say what is left of the crystal, or what was built where there is no more."""
        made = {name: self.ctx.made[name] for name in ('built', 'placed', 'report')}
        if self.ctx.sample is not None:
            made['sample'] = self.ctx.sample
        if self.ctx.of_crystal is not None:
            made['crystal'] = self.ctx.of_crystal
        found = measure_glass_ceramic(**made, settings=self.inputs.settings, metadata={'call_link_label': 'measure'})
        for name in _MEASURED:
            self.out(name, found[name])
        self.ctx.loss = found['results']['loss']
        if self.ctx.configuration.uuid != self.ctx.made['built'].uuid:
            self.out('glass', self.ctx.configuration)

    def results(self) -> ExitCode | None:
        """Say how it ended."""
        if self.ctx.failure is not None:
            return ExitCode(**self.ctx.failure)
        return self.exit_codes.ERROR_GRAIN_LOST.format(reason=self.ctx.loss) if self.ctx.loss else None
