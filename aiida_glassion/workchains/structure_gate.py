"""StructureGateWorkChain: do short glasses made by the members of a committee agree?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.gate import judge_structures
from aiida_glassion.functions.initial_data import take_frame
from aiida_glassion.kernels.build.initial_data import seed_of
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.md import MdWorkChain
from aiida_glassion.workchains.structure_gate_inputs import check_inputs, check_settings, gate_schedule, glass_label

_SET_HERE = ('configuration', 'schedule', 'seed', 'potential', 'committee', 'deviation', 'keep_velocities')
_JUDGED_BY = ('limits', 'artefacts', 'fail_on', 'analysis')


class StructureGateWorkChain(WorkChain):
    """Melt and quench the same starts with each member of a committee and judge the glasses.

    Small errors of forces say little about the glass that a potential makes: members that agree on held-out frames may
    still quench to other coordinations or to tetrahedra that share edges, which crystals never showed them. So glasses
    themselves are compared, with each other and with a reference, and searched for known artefacts.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input_namespace(
            'potentials',
            valid_type=PotentialData,
            dynamic=True,
            help='Members of the committee by name, at least two; one is enough beside a reference. Cutoff Å.',
        )
        spec.input_namespace(
            'configurations',
            valid_type=CONFIGURATIONS,
            dynamic=True,
            help='Configurations to melt, by name, Å: the first frame of each, at the density of the glass.',
        )
        spec.input_namespace(
            'reference',
            valid_type=FramesData,
            dynamic=True,
            required=False,
            help='Sampled glasses to compare with (of ab-initio dynamics, say), by any name, Å; each belongs to the '
            'starts of its composition.',
        )
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=(*(f'md.{name}' for name in _SET_HERE), 'clean_workdir'),
            namespace_options={'help': 'How every glass is run, as for glassion.md.'},
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            validator=check_settings,
            help='Settings of a protocol (protocols/structure_gate.yaml): temperatures K, durations ps, rate K/ps, '
            'timestep fs; limits of the judgement.',
            **convert,
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            default=lambda: orm.Int(1),
            help='Seed of the whole; each start derives that of its velocities, the same for all members.',
            **convert,
        )
        spec.input(
            'max_concurrent',
            valid_type=orm.Int,
            default=lambda: orm.Int(4),
            help='How many glasses are made at the same time.',
            **convert,
        )
        spec.inputs.validator = check_inputs
        spec.outline(
            cls.setup,
            while_(cls.glasses_are_left)(cls.make_glasses),
            cls.inspect_glasses,
            cls.judge,
            cls.results,
        )
        spec.output(
            'report',
            valid_type=orm.Dict,
            help='passed, reason, criteria (name, value, limit, met, words), flags and warnings in words, numbers by '
            'glass: density g/cm³, coordination, shares of anions, Qn and clusters (fractions).',
        )
        spec.output_namespace(
            'glasses',
            valid_type=FramesData,
            dynamic=True,
            required=False,
            help='Sampled frames by <start>_<member>, positions Å.',
        )
        spec.output_namespace(
            'curves',
            valid_type=orm.ArrayData,
            dynamic=True,
            required=False,
            help='By glass: r Å, g(r) by pair, T(r) and its error Å⁻².',
        )
        spec.exit_code(500, 'ERROR_NO_GLASS', message='No glass could be made: {reason}')
        spec.exit_code(501, 'ERROR_NOTHING_TO_COMPARE', message='No two glasses of one start: {reason}')

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        configurations: Mapping[str, orm.Data],
        potentials: Mapping[str, PotentialData],
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        reference: Mapping[str, FramesData] | None = None,
        seed: int = 1,
        options: Mapping[str, Any] | None = None,
        max_concurrent: int = 4,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: LAMMPS that runs the potentials.
        :param configurations: what to melt, by name.
        :param potentials: members by name.
        :param protocol: name, see ``protocols/structure_gate.yaml``.
        :param overrides: any setting of the protocol, nested.
        :param reference: sampled glasses by any name.
        :param seed: of the whole.
        :param options: ``metadata.options`` of the jobs.
        :param max_concurrent: glasses at the same time.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        builder.settings = orm.Dict(protocols.load('structure_gate', protocol, overrides))
        builder.seed = orm.Int(seed)
        builder.max_concurrent = orm.Int(max_concurrent)
        builder.configurations = dict(configurations)
        builder.potentials = dict(potentials)
        if reference:
            builder.reference = dict(reference)
        builder.md.md.code = code
        if options:
            builder.md.md.metadata.options = dict(options)
        return builder

    def setup(self) -> None:
        """Take the first frame of each start; plan one glass for each start and member."""
        self.ctx.settings = self.inputs.settings.get_dict()
        self.ctx.schedule = orm.Dict(gate_schedule(self.ctx.settings).model_dump(exclude_none=True))
        self.ctx.starts = {name: self._first_frame(name) for name in sorted(self.inputs.configurations)}
        members = sorted(self.inputs.potentials)
        self.ctx.planned = [{'start': start, 'member': member} for start in self.ctx.starts for member in members]
        self.ctx.launched = 0
        self.ctx.glasses, self.ctx.failed = {}, {}

    def _first_frame(self, name: str) -> orm.Data:
        node = self.inputs.configurations[name]
        if as_frames(node).n_frames == 1:
            return node
        return take_frame(node, orm.Int(0), metadata={'call_link_label': f'start_{name}'})

    def glasses_are_left(self) -> bool:
        """Whether planned glasses wait to be made."""
        return bool(self.ctx.launched < len(self.ctx.planned))

    def make_glasses(self) -> ToContext:
        """Run the next melt-quenches, as many at a time as allowed."""
        upto = min(len(self.ctx.planned), self.ctx.launched + self.inputs.max_concurrent.value)
        nodes = {}
        for plan in self.ctx.planned[self.ctx.launched : upto]:
            nodes[glass_label(plan['start'], plan['member'])] = self._submit(plan['start'], plan['member'])
        self.ctx.launched = upto
        return ToContext(**{f'glass_{label}': node for label, node in nodes.items()})

    def _submit(self, start: str, member: str) -> orm.ProcessNode:
        inputs = AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md'))
        inputs.md.configuration = self.ctx.starts[start]
        inputs.md.potential = self.inputs.potentials[member]
        inputs.md.schedule = self.ctx.schedule
        inputs.md.seed = orm.Int(seed_of(self.inputs.seed.value, start))
        inputs.md.keep_velocities = orm.Bool(False)
        inputs.metadata.call_link_label = glass_label(start, member)
        return self.submit(MdWorkChain, **inputs)

    def inspect_glasses(self) -> None:
        """Take the sampled frames; a run that failed fails its member, with the reason."""
        for plan in self.ctx.planned:
            start, member = plan['start'], plan['member']
            label = glass_label(start, member)
            node = self.ctx[f'glass_{label}']
            if node.is_finished_ok and 'trajectory' in node.outputs:
                self.ctx.glasses.setdefault(start, {})[member] = node.outputs.trajectory
                self.out(f'glasses.{label}', node.outputs.trajectory)
                continue
            reason = node.exit_message or str(node.process_state.value if node.process_state else 'lost')
            self.ctx.failed.setdefault(start, {})[member] = f'[{node.exit_status}] {reason}'
            self.report(f'{label} made no glass: {reason}')

    def judge(self) -> None:
        """Compare the glasses and look for artefacts."""
        nodes: dict[str, Any] = {'glasses': self.ctx.glasses}
        if 'reference' in self.inputs and self.inputs.reference:
            nodes['reference'] = dict(self.inputs.reference)
        settings = {key: self.ctx.settings[key] for key in _JUDGED_BY}
        judged = judge_structures(
            orm.Dict(settings), orm.Dict(self.ctx.failed), **nodes, metadata={'call_link_label': 'judge_structures'}
        )
        self.ctx.verdict = judged['report'].get_dict()
        self.out('report', judged['report'])
        for label, curves in judged.get('curves', {}).items():
            self.out(f'curves.{label}', curves)

    def results(self) -> ExitCode | None:
        """Say what was found; fail only where nothing could be judged."""
        self.report(f'{"passed" if self.ctx.verdict["passed"] else "not passed"}: {self.ctx.verdict["reason"]}')
        reasons = '; '.join(f'{glass_label(s, m)}: {w}' for s, of in self.ctx.failed.items() for m, w in of.items())
        if not self.ctx.glasses:
            return self.exit_codes.ERROR_NO_GLASS.format(reason=reasons)
        most = max(len(made) for made in self.ctx.glasses.values())
        if most < 2 and 'reference' not in self.inputs:
            return self.exit_codes.ERROR_NOTHING_TO_COMPARE.format(reason=reasons)
        return None
