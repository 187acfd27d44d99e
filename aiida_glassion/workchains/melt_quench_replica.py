"""MeltQuenchReplicaWorkChain: one melt, quenched at one or several rates."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessSpec, ToContext, WorkChain, append_, if_, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.calculations.packmol import PackmolCalculation
from aiida_glassion.data.frames import FramesData
from aiida_glassion.functions.glass import analyse_glass, judge_melt
from aiida_glassion.kernels.build.melt_quench import (
    cooling_stage,
    longer_melt_schedule,
    melt_schedule,
    quench_schedule,
    rate_label,
)
from aiida_glassion.workchains.md import MdWorkChain

_SEED_NAMES = ('packing', 'melt', 'quench')


class MeltQuenchReplicaWorkChain(WorkChain):
    """Pack (or take) a configuration, melt it, prove that it is a melt, quench it at each rate, analyse the glass.

    A melt is proved by three numbers: every network former moved further than a bond, the energy does not drift,
    the initial sites are forgotten. A melt that is none is held longer, each time twice as long, a bounded number
    of times.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.expose_inputs(
            PackmolCalculation,
            namespace='packmol',
            exclude=('seed',),
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'help': 'How to pack the box; absent where a configuration is given.',
            },
        )
        spec.input('configuration', valid_type=CONFIGURATIONS, required=False, help='Configuration to melt instead, Å.')
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=('md.configuration', 'md.schedule', 'md.seed', 'clean_workdir'),
            namespace_options={'help': 'How every molecular dynamics of the replica is run, as for glassion.md.'},
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=check_settings,
            help='Protocol: temperatures K, durations ps, rates K/ps, pressures GPa (protocols/melt_quench.yaml).',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            help='Seed of this replica: packing and velocities derive their own from it.',
        )
        spec.outline(
            cls.setup,
            if_(cls.should_pack)(cls.pack, cls.inspect_packing),
            cls.run_melt,
            cls.inspect_melt,
            while_(cls.should_melt_longer)(cls.run_melt_longer, cls.inspect_melt),
            cls.check_melt,
            cls.run_quenches,
            cls.inspect_quenches,
            cls.results,
        )
        spec.output_namespace(
            'glass',
            valid_type=FramesData,
            required=False,
            help='Last configuration at room temperature, by rate: positions Å, velocities Å/ps.',
        )
        spec.output_namespace(
            'structure',
            valid_type=orm.Dict,
            required=False,
            help='Numbers of the glass, by rate: density g/cm³, energy eV/atom, network, angles degrees, T_g K.',
        )
        spec.output_namespace(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Curves of the glass, by rate: r Å, g(r), running coordination, angles in degrees, cooling K.',
        )
        spec.output('melt', valid_type=orm.Dict, required=False, help='The three tests of the melt, with numbers.')
        spec.exit_code(330, 'ERROR_PACKING_FAILED', message='The box could not be packed: {reason}')
        spec.exit_code(331, 'ERROR_MELT_FAILED', message='The melt could not be run: {reason}')
        spec.exit_code(332, 'ERROR_QUENCH_FAILED', message='A quench could not be run: {reason}')
        spec.exit_code(420, 'ERROR_NOT_A_MELT', message='After {times} holds it is still not a melt: {reason}')

    def setup(self) -> None:
        """Derive the seeds, unwrap the settings."""
        self.ctx.settings = self.inputs.settings.get_dict()
        state = np.random.SeedSequence(self.inputs.seed.value).generate_state(len(_SEED_NAMES))
        self.ctx.seeds = {name: int(value % (2**31 - 1)) + 1 for name, value in zip(_SEED_NAMES, state, strict=True)}
        self.ctx.longer = 0
        self.ctx.configuration = self.inputs.get('configuration')

    def should_pack(self) -> bool:
        """Whether no configuration was given."""
        return self.ctx.configuration is None

    def pack(self) -> ToContext:
        """Pack the atoms at random into a box of the wanted density."""
        inputs = AttributeDict(self.exposed_inputs(PackmolCalculation, namespace='packmol'))
        inputs.seed = orm.Int(self.ctx.seeds['packing'])
        inputs.metadata.call_link_label = 'pack'
        return ToContext(packing=self.submit(PackmolCalculation, **inputs))

    def inspect_packing(self) -> ExitCode | None:
        """Take the packed box."""
        if not self.ctx.packing.is_finished_ok:
            return self.exit_codes.ERROR_PACKING_FAILED.format(reason=_reason(self.ctx.packing))
        self.ctx.configuration = self.ctx.packing.outputs.configuration
        return None

    def run_melt(self) -> ToContext:
        """Heat the box and hold the melt."""
        schedule = melt_schedule(self.ctx.settings)
        return ToContext(melt=self._submit_md('melt', self.ctx.configuration, schedule, 'melt', keep_velocities=False))

    def run_melt_longer(self) -> ToContext:
        """Hold the melt again, twice as long."""
        self.ctx.longer += 1
        schedule = longer_melt_schedule(self.ctx.settings, self.ctx.longer)
        label = f'melt_longer_{self.ctx.longer}'
        return ToContext(melt=self._submit_md(label, self.ctx.melt.outputs.final, schedule, 'melt'))

    def inspect_melt(self) -> ExitCode | None:
        """Judge whether the hold reached a melt."""
        if not self.ctx.melt.is_finished_ok:
            return self.exit_codes.ERROR_MELT_FAILED.format(reason=_reason(self.ctx.melt))
        outputs = self.ctx.melt.outputs
        self.ctx.verdict = judge_melt(
            outputs.trajectory,
            outputs.thermo,
            orm.Dict(self.ctx.settings['melt_test']),
            metadata={'call_link_label': 'judge_melt'},
        )
        self.report(self.ctx.verdict['reason'])
        return None

    def should_melt_longer(self) -> bool:
        """Whether it is not a melt yet and may be held once more."""
        return not self.ctx.verdict['is_melt'] and self.ctx.longer < self.ctx.settings['melt_test']['max_longer']

    def check_melt(self) -> ExitCode | None:
        """End here if it never became a melt."""
        self.out('melt', self.ctx.verdict)
        if not self.ctx.verdict['is_melt']:
            reason = self.ctx.verdict['reason'].removeprefix('not a melt: ')
            return self.exit_codes.ERROR_NOT_A_MELT.format(times=self.ctx.longer + 1, reason=reason)
        return None

    def run_quenches(self) -> None:
        """Quench the melt at each rate, relax and sample the glass."""
        for rate in self.ctx.settings['rates']:
            schedule = quench_schedule(self.ctx.settings, rate)
            node = self._submit_md(f'quench_{rate_label(rate)}', self.ctx.melt.outputs.final, schedule, 'quench')
            self.to_context(quenches=append_(node))

    def inspect_quenches(self) -> ExitCode | None:
        """Analyse every glass that was made."""
        failed = []
        for rate, node in zip(self.ctx.settings['rates'], self.ctx.quenches, strict=True):
            label = rate_label(rate)
            if not node.is_finished_ok:
                failed.append(f'{rate:g} K/ps: {_reason(node)}')
                continue
            analysis = analyse_glass(
                node.outputs.trajectory,
                node.outputs.thermo,
                orm.Dict({**self.ctx.settings['analysis'], 'cooling_stage': cooling_stage(self.ctx.settings, rate)}),
                metadata={'call_link_label': f'analyse_{label}'},
            )
            self.out(f'glass.{label}', node.outputs.final)
            self.out(f'structure.{label}', analysis['structure'])
            self.out(f'curves.{label}', analysis['curves'])
        if failed:
            return self.exit_codes.ERROR_QUENCH_FAILED.format(reason='; '.join(failed))
        return None

    def results(self) -> None:
        """Say what was made."""
        self.report(f'glass made at {len(self.ctx.quenches)} quench rate(s)')

    def _submit_md(
        self, label: str, configuration: orm.Data, schedule: Any, seed: str, *, keep_velocities: bool = True
    ) -> orm.ProcessNode:
        inputs = AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md'))
        inputs.md.configuration = configuration
        inputs.md.schedule = orm.Dict(schedule.model_dump(exclude_none=True))
        inputs.md.seed = orm.Int(self.ctx.seeds[seed])
        inputs.md.keep_velocities = orm.Bool(keep_velocities)
        inputs.metadata.call_link_label = label
        return self.submit(MdWorkChain, **inputs)


def _reason(node: orm.ProcessNode) -> str:
    """Why a process did not end well."""
    if node.is_finished:
        return f'{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message}'
    return f'{node.process_label}<{node.pk}> {node.process_state.value if node.process_state else "lost"}'


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Validate the settings of a melt-quench as a port does: the schedules they make must be valid."""
    settings = node.get_dict()
    try:
        melt_schedule(settings)
        longer_melt_schedule(settings, 1)
        if not isinstance(settings['rates'], list):
            return f'settings.rates: {settings["rates"]!r} given, expected a list of rates in K/ps, e.g. [10]'
        if not settings['rates']:
            return 'settings.rates: no quench rate given, expected a list of rates in K/ps, e.g. [10]'
        for rate in settings['rates']:
            quench_schedule(settings, rate)
    except KeyError as error:
        return f'settings: {error} is missing; get complete settings from a protocol'
    except (ValueError, TypeError) as error:
        return f'settings: {error}'
    return None
