"""MeltQuenchWorkChain: from a composition to a glass with error bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, if_, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.calculations.md_inputs import check_system
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.composition import apportion_atoms
from aiida_glassion.functions.glass import average_curves, average_structures
from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.kernels.build.melt_quench import deviation_interval, rate_label
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.melt_quench_replica import MeltQuenchReplicaWorkChain, check_settings

_PACKED_BY_ATTRIBUTES = ('counts', 'units', 'density', 'cell', 'seed')


class MeltQuenchWorkChain(WorkChain):
    """Melt and quench replicas of a glass; numbers come with the standard error over the replicas.

    Every replica has its own packing and velocities, hence its own melt; their spread is the statistical error of a
    glass of this size and quench rate (systematic errors of potential, size and rate are not in it).
    A replica that fails is written into the ledger and the others go on.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.expose_inputs(
            MeltQuenchReplicaWorkChain,
            exclude=('seed', 'configuration', *(f'packmol.{name}' for name in _PACKED_BY_ATTRIBUTES)),
            namespace_options={},
        )
        spec.input(
            'composition',
            valid_type=(orm.Str, orm.Dict),
            serializer=orm.to_aiida_type,
            required=False,
            validator=_check_composition,
            help="What the glass is made of, mol % or fractions: '20Na2O-80SiO2', {'Li2S': 70, 'P2S5': 30}.",
        )
        spec.input(
            'configuration',
            valid_type=CONFIGURATIONS,
            required=False,
            help='Configuration to melt instead of packing a composition, Å.',
        )
        spec.input(
            'oxidation_states',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            help='Oxidation state by element, e, where it differs from the usual one.',
        )
        spec.input(
            'density',
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            required=False,
            help='Density of the packed box, g/cm³; absent: estimated from molar volumes.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            help='Seed of the whole study; every replica derives its own from it.',
        )
        spec.input(
            'max_concurrent',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(2),
            help='How many replicas run at the same time.',
        )
        spec.input(
            'tolerated_failures',
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Float(0.5),
            help='Fraction of replicas that may fail before the whole is a failure, 0 to 1.',
        )
        spec.inputs.validator = _check_inputs
        spec.outline(
            cls.setup,
            if_(cls.should_apportion)(cls.apportion),
            while_(cls.should_run_replicas)(cls.run_replicas),
            cls.inspect_replicas,
            cls.results,
        )
        spec.output_namespace(
            'glass',
            dynamic=True,
            valid_type=FramesData,
            required=False,
            help='The glasses, by replica and rate: positions Å, velocities Å/ps.',
        )
        spec.output_namespace(
            'replicas', dynamic=True, valid_type=orm.Dict, required=False, help='Numbers of every replica, by rate.'
        )
        spec.output_namespace(
            'structure',
            dynamic=True,
            valid_type=orm.Dict,
            required=False,
            help='Mean and standard error over the replicas, by rate: density g/cm³, energy eV/atom, network, T_g K.',
        )
        spec.output_namespace(
            'curves',
            dynamic=True,
            valid_type=orm.ArrayData,
            required=False,
            help='Mean curves with standard errors, by rate: r Å, g(r), running coordination, angles in degrees.',
        )
        spec.output(
            'composition_report',
            valid_type=orm.Dict,
            required=False,
            help='Atoms of each element, deviation from the wanted fractions, density g/cm³ and where it is from.',
        )
        spec.output('ledger', valid_type=orm.Dict, required=False, help='Replicas that failed, and why.')
        spec.exit_code(
            500, 'ERROR_TOO_MANY_REPLICAS_FAILED', message='{failed} of {replicas} replicas failed: {reason}'
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        packmol: orm.AbstractCode | None,
        potential: PotentialData,
        composition: str | Mapping[str, float] | None = None,
        *,
        configuration: orm.Data | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        seed: int = 1,
        density: float | None = None,
        oxidation_states: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
        max_concurrent: int = 2,
        committee: Mapping[str, PotentialData] | None = None,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: LAMMPS.
        :param packmol: packmol; not needed with a configuration.
        :param potential: interatomic potential that covers every element.
        :param composition: what to pack; or give a ``configuration``.
        :param protocol: name, see ``protocols/melt_quench.yaml``.
        :param overrides: any setting of the protocol, nested.
        :param seed: seed of the study.
        :param density: g/cm³ of the packed box.
        :param oxidation_states: where they differ from the usual ones, e.
        :param options: ``metadata.options`` of the LAMMPS jobs (resources, walltime, queue …).
        :param max_concurrent: replicas that run at the same time.
        :param committee: further models that say at every stored frame how far they disagree with the potential.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        settings = protocols.load('melt_quench', protocol, overrides)
        builder.settings = orm.Dict(settings)
        builder.seed = orm.Int(seed)
        builder.max_concurrent = orm.Int(max_concurrent)
        builder.md.md.code = code
        builder.md.md.potential = potential
        if options:
            builder.md.md.metadata.options = dict(options)
        if committee:
            builder.md.md.committee = dict(committee)
            builder.md.md.deviation = orm.Dict({'every': deviation_interval(settings)})
        if configuration is not None:
            builder.configuration = configuration
        if composition is not None:
            builder.composition = orm.Str(parse_composition(composition).label)
            builder.packmol.code = packmol
        if density is not None:
            builder.density = orm.Float(density)
        if oxidation_states:
            builder.oxidation_states = orm.Dict(dict(oxidation_states))
        return builder

    def setup(self) -> None:
        """Derive the replicas' seeds."""
        self.ctx.settings = self.inputs.settings.get_dict()
        n_replicas = self.ctx.settings['replicas']
        state = np.random.SeedSequence(self.inputs.seed.value).generate_state(n_replicas)
        self.ctx.seeds = [int(value % (2**31 - 1)) + 1 for value in state]
        self.ctx.launched = 0

    def should_apportion(self) -> bool:
        """Whether a composition is to be packed."""
        return 'composition' in self.inputs

    def apportion(self) -> None:
        """Turn the composition into whole atoms, exactly neutral, and a density."""
        optional = {name: self.inputs[name] for name in ('oxidation_states', 'density') if name in self.inputs}
        self.ctx.atoms = apportion_atoms(
            self.inputs.composition,
            orm.Int(self.ctx.settings['n_atoms']),
            orm.Str(self.ctx.settings['pack_by']),
            **optional,
            metadata={'call_link_label': 'apportion_atoms'},
        )
        self.out('composition_report', self.ctx.atoms['report'])

    def should_run_replicas(self) -> bool:
        """Whether replicas are left to be run."""
        return bool(self.ctx.launched < len(self.ctx.seeds))

    def run_replicas(self) -> ToContext:
        """Run the next replicas, as many at a time as allowed."""
        upto = min(len(self.ctx.seeds), self.ctx.launched + self.inputs.max_concurrent.value)
        nodes = {}
        for index in range(self.ctx.launched, upto):
            inputs = AttributeDict(self.exposed_inputs(MeltQuenchReplicaWorkChain))
            inputs.seed = orm.Int(self.ctx.seeds[index])
            if 'configuration' in self.inputs:
                inputs.configuration = self.inputs.configuration
                inputs.pop('packmol', None)
            else:
                inputs.packmol.density = self.ctx.atoms['density']
                for name in ('counts', 'units'):
                    if name in self.ctx.atoms:
                        inputs.packmol[name] = self.ctx.atoms[name]
            inputs.metadata.call_link_label = _label(index)
            nodes[_label(index)] = self.submit(MeltQuenchReplicaWorkChain, **inputs)
        self.ctx.launched = upto
        return ToContext(**nodes)

    def inspect_replicas(self) -> ExitCode | None:
        """Collect the glasses; write the failed into the ledger."""
        self.ctx.structures, self.ctx.curves, failed = {}, {}, {}
        for index, seed in enumerate(self.ctx.seeds):
            node = self.ctx[_label(index)]
            if not node.is_finished_ok:
                failed[_label(index)] = {
                    'pk': node.pk,
                    'seed': seed,
                    'exit_status': node.exit_status,
                    'reason': node.exit_message or str(node.process_state),
                }
            self._collect(_label(index), node)
        if failed:
            self.ctx.failed = failed
            self.report(f'{len(failed)} of {len(self.ctx.seeds)} replicas failed: {sorted(failed)}')
        return None

    def _collect(self, label: str, node: orm.ProcessNode) -> None:
        for rate in (rate_label(value) for value in self.ctx.settings['rates']):
            if 'glass' not in node.outputs or rate not in node.outputs.glass:
                continue
            self.out(f'glass.{label}_{rate}', node.outputs.glass[rate])
            self.out(f'replicas.{label}_{rate}', node.outputs.structure[rate])
            self.ctx.structures.setdefault(rate, {})[label] = node.outputs.structure[rate]
            self.ctx.curves.setdefault(rate, {})[label] = node.outputs.curves[rate]

    def results(self) -> ExitCode | None:
        """Average over the replicas."""
        for rate, structures in self.ctx.structures.items():
            link = {'call_link_label': f'average_{rate}'}
            self.out(f'structure.{rate}', average_structures(**structures, metadata=link))
            link = {'call_link_label': f'average_curves_{rate}'}
            self.out(f'curves.{rate}', average_curves(**self.ctx.curves[rate], metadata=link))
        failed = self.ctx.get('failed', {})
        if failed:
            self.out('ledger', orm.Dict(failed).store())
        if len(failed) > self.inputs.tolerated_failures.value * len(self.ctx.seeds):
            return self.exit_codes.ERROR_TOO_MANY_REPLICAS_FAILED.format(
                failed=len(failed),
                replicas=len(self.ctx.seeds),
                reason='; '.join(f'{name}: {entry["reason"]}' for name, entry in failed.items()),
            )
        return None


def _label(index: int) -> str:
    return f'replica_{index:02d}'


def _check_composition(node: orm.Str | orm.Dict | None, _: Any) -> str | None:
    if node is None:
        return None
    try:
        parse_composition(node.get_dict() if isinstance(node, orm.Dict) else node.value)
    except ValueError as error:
        return f'composition: {error}'
    return None


def _check_inputs(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    given = [name for name in ('composition', 'configuration') if name in inputs]
    if len(given) != 1:
        return f'give either composition or configuration, not {" and ".join(given) or "neither"}'
    if 'composition' in inputs and 'packmol' not in inputs:
        return 'packmol.code: missing; a composition is packed by packmol'
    if 'settings' not in inputs or 'md' not in inputs:
        return None
    problem = check_settings(inputs['settings'], None) or _check_numbers(inputs)
    if problem:
        return problem
    try:
        potential = inputs['md']['md']['potential']
        if 'configuration' in inputs:
            check_system(inputs['configuration'], potential, 'md.md.potential')
            return None
        node = inputs['composition']
        elements = parse_composition(node.get_dict() if isinstance(node, orm.Dict) else node.value).elements
        potential.potential.commands_for(elements)
    except (KeyError, TypeError, ValueError) as error:
        return str(error) if 'configuration' in inputs else f'md.md.potential: {error}'
    return None


def _check_numbers(inputs: Any) -> str | None:
    settings = inputs['settings'].get_dict()
    for key, least in (('replicas', 1), ('n_atoms', 2)):
        if type(settings.get(key)) is not int or settings[key] < least:
            return f'settings.{key}: {settings.get(key)!r} given, expected a whole number of at least {least}'
    if 'density' in inputs and not 0.1 <= inputs['density'].value <= 25:
        return f'density: {inputs["density"].value} g/cm³ given, expected 0.1 to 25'
    if inputs['max_concurrent'].value < 1:
        return f'max_concurrent: {inputs["max_concurrent"].value} given, expected at least 1'
    if not 0 <= inputs['tolerated_failures'].value <= 1:
        return f'tolerated_failures: {inputs["tolerated_failures"].value} given, expected a fraction, 0 to 1'
    if inputs['seed'].value < 0:
        return f'seed: {inputs["seed"].value} given, expected 0 or more'
    return None
