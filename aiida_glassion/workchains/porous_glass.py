"""PorousGlassWorkChain: a glass with pores, cut so that its composition holds, and relaxed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.build import carve_pores, describe_pores
from aiida_glassion.kernels.build.porous_plan import PorousSettings, read_settings
from aiida_glassion.kernels.transport.sweep_plan import seed_of
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.diffusion_inputs import check_seed
from aiida_glassion.workchains.explore_record import reason_of
from aiida_glassion.workchains.label_inputs import fill
from aiida_glassion.workchains.md import MdWorkChain
from aiida_glassion.workchains.porous_glass_inputs import (
    charges_to_keep,
    check_charges,
    check_porous,
    check_settings,
)

_SET_HERE = ('configuration', 'schedule', 'seed', 'retrieve', 'keep_velocities', 'frozen')


class PorousGlassWorkChain(WorkChain):
    """Cut pores into a glass and relax it.

    A pore that is cut blindly leaves too many atoms of some element, and a charge. So atoms near its surface are chosen
    that go besides, or stay within, until whole formula units are left (after J. Mater. Chem. A 12, 33518 (2024)); the
    choice is on record. What relaxation makes of the pore is measured: its largest sphere, the distribution of pore
    sizes, the density, and whether it is still open.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.input('glass', valid_type=CONFIGURATIONS, help='The glass without pores; its last frame is taken, Å.')
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=(*(f'md.{name}' for name in _SET_HERE), 'clean_workdir'),
            namespace_options={'help': 'How the molecular dynamics is run, as for glassion.md.'},
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=check_settings,
            help='Protocol: lengths Å, temperatures K, durations ps, pressures GPa (protocols/porous_glass.yaml).',
        )
        spec.input(
            'charges',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=check_charges,
            help='Charges that must sum to zero after the cut, by element, e; absent: those of the potential where '
            'settings.exact is `neutral`; whole formula units are neutral in any case.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=check_seed,
            help='Seed of the places, of the choice among atoms equally near and of the velocities, 1 to 2147483647.',
        )
        spec.inputs.validator = check_porous
        spec.outline(
            cls.carve,
            cls.inspect_carving,
            cls.run_relaxation,
            cls.inspect_relaxation,
            cls.describe,
            cls.results,
        )
        spec.output(
            'glass',
            valid_type=FramesData,
            required=False,
            help='The porous glass at the end of its relaxation: positions Å, velocities Å/ps.',
        )
        spec.output('carved', valid_type=FramesData, required=False, help='With pores as they were cut, Å.')
        spec.output(
            'chosen',
            valid_type=orm.ArrayData,
            required=False,
            help='Atoms kept, removed, removed besides and left within, each by its index in the glass without pores.',
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            required=False,
            help='Pores as placed, what was removed and chosen (distances Å); porosity, void fractions, largest '
            'spheres Å, density g/cm³ of the dense, carved and relaxed glass; whether the pores closed, by which rule.',
        )
        spec.output(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Pore sizes of the dense, carved and relaxed glass, Å; density over time, g/cm³ and ps; the attribute '
            '`curves` names the units.',
        )
        spec.exit_code(230, 'ERROR_NOT_CARVED', message='The pores cannot be cut: {reason}')
        spec.exit_code(331, 'ERROR_RELAXATION_FAILED', message='The porous glass could not be relaxed: {reason}')
        spec.exit_code(332, 'ERROR_NOT_DESCRIBED', message='The pores could not be measured: {reason}')
        spec.exit_code(450, 'ERROR_PORE_CLOSED', message='No pore is left: {reason}')

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        potential: PotentialData,
        glass: orm.Data,
        *,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        charges: Mapping[str, float] | None = None,
        seed: int = 1,
        options: Mapping[str, Any] | None = None,
        committee: Mapping[str, PotentialData] | None = None,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: LAMMPS.
        :param potential: interatomic potential that covers every element.
        :param glass: configuration without pores.
        :param protocol: name, see ``protocols/porous_glass.yaml``.
        :param overrides: any setting of the protocol, nested.
        :param charges: e, by element.
        :param seed: of places, choice and velocities.
        :param options: ``metadata.options`` of the LAMMPS job (resources, walltime, queue …).
        :param committee: further models that say how far they disagree with the potential.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        builder.settings = orm.Dict(protocols.load('porous_glass', protocol, overrides))
        builder.glass = glass
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
    def _settings(self) -> PorousSettings:
        return read_settings(self.inputs.settings.get_dict())

    def carve(self) -> None:
        """Cut the pores."""
        inputs = {'glass': self.inputs.glass, 'settings': self.inputs.settings, 'seed': self.inputs.seed}
        charges = charges_to_keep(self._settings, self.inputs.get('charges'), self.inputs.md.md.potential)
        if charges is not None:
            inputs['charges'] = self.inputs.charges if 'charges' in self.inputs else orm.Dict(charges)
        _, self.ctx.carving = carve_pores.run_get_node(**inputs, metadata={'call_link_label': 'carve'})

    def inspect_carving(self) -> ExitCode | None:
        """Hand out what was cut, if the potential can take it."""
        node = self.ctx.carving
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_NOT_CARVED.format(reason=reason_of(node))
        self.out('carved', node.outputs.carved)
        self.out('chosen', node.outputs.chosen)
        try:
            check_system(node.outputs.carved, self.inputs.md.md.potential)
        except ValueError as error:
            return self.exit_codes.ERROR_NOT_CARVED.format(reason=error)
        report = node.outputs.record['carving']
        self.report(f'{report["n_removed"]} atoms taken out, porosity {node.outputs.record["porosity"]:.3f}')
        return None

    def run_relaxation(self) -> ToContext:
        """Let the walls of the pores relax, velocities drawn anew."""
        inputs = AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md'))
        inputs.md.update(
            configuration=self.ctx.carving.outputs.carved,
            schedule=orm.Dict(self._settings.schedule().model_dump(exclude_none=True)),
            seed=orm.Int(seed_of(self.inputs.seed.value, 'relax')),
            retrieve=orm.Dict({'trajectory': False}),
            keep_velocities=orm.Bool(False),
        )
        inputs.metadata.call_link_label = 'relax'
        return ToContext(relaxation=self.submit(MdWorkChain, **inputs))

    def inspect_relaxation(self) -> None:
        """Take the relaxed glass, or note why there is none."""
        node = self.ctx.relaxation
        self.ctx.failure = None if node.is_finished_ok else reason_of(node)
        if node.is_finished_ok:
            self.out('glass', node.outputs.final)

    def describe(self) -> None:
        """Measure the pores before and after; where the relaxation failed, before alone."""
        made, relaxed = self.ctx.carving.outputs, self.ctx.relaxation
        inputs = {'carved': made.carved, 'record': made.record}
        if relaxed.is_finished_ok:
            inputs |= {'relaxed': relaxed.outputs.final, 'thermo': relaxed.outputs.thermo}
        _, node = describe_pores.run_get_node(
            self.inputs.glass, settings=self.inputs.settings, **inputs, metadata={'call_link_label': 'describe'}
        )
        self.ctx.description = node
        if node.is_finished_ok:
            self.out('results', node.outputs.results)
            self.out('curves', node.outputs.curves)

    def results(self) -> ExitCode | None:
        """Say whether it is a porous glass."""
        if self.ctx.failure is not None:
            return self.exit_codes.ERROR_RELAXATION_FAILED.format(reason=self.ctx.failure)
        if not self.ctx.description.is_finished_ok:
            self.out('results', self.ctx.carving.outputs.record)
            return self.exit_codes.ERROR_NOT_DESCRIBED.format(reason=reason_of(self.ctx.description))
        closed = self.ctx.description.outputs.results['closed']
        self.report(closed['reason'])
        if closed['closed']:
            return self.exit_codes.ERROR_PORE_CLOSED.format(reason=closed['reason'])
        return None
