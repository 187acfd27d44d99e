"""InitialDataWorkChain: the structures with which the learning of a potential begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.calculations.packmol import PackmolCalculation
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.composition import apportion_atoms
from aiida_glassion.functions.initial_data import collect_aimd, gather_frames, perturb_crystal
from aiida_glassion.kernels.build.initial_data import (
    chosen_starts,
    seed_of,
    unrelaxed,
)
from aiida_glassion.label_engines import engines
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.initial_data_inputs import (
    AIMD_ENGINES,
    ab_initio_engines,
    check_inputs,
    check_settings,
    mixtures_of,
)
from aiida_glassion.workchains.initial_data_jobs import InitialDataJobs
from aiida_glassion.workchains.label_inputs import fill
from aiida_glassion.workchains.md import MdWorkChain

_OUTPUTS = {'relax': ('final', 'output_structure'), 'pack': ('configuration',), 'dynamics': ('trajectory',)}
"""Output of the process of each kind of job that the next step takes: the first that is there."""


class InitialDataWorkChain(InitialDataJobs):
    """Make the structures that are labelled first: around crystals, packed mixtures, and short dynamics from both.

    Crystals are relaxed (if wanted), repeated, scaled, strained and their atoms displaced; mixtures are packed at
    random; from the structures a short dynamics may start, by a potential or ab initio. What failed or has atoms too
    close is written into the report and the rest goes on.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input_namespace(
            'crystals',
            dynamic=True,
            valid_type=CONFIGURATIONS,
            required=False,
            help='Crystals by name, Å: FramesData (its last frame), StructureData or TrajectoryData.',
        )
        spec.input(
            'mixtures',
            valid_type=orm.Dict,
            required=False,
            help="Random mixtures by name, e.g. {'glass': {'composition': '20Na2O-80SiO2', 'n_atoms': 100}}; also "
            'density (g/cm³), structures, pack_by, oxidation_states (e).',
            **convert,
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            validator=check_settings,
            help='Protocol: lengths Å, strain as fraction, temperatures K, timestep fs (protocols/initial_data.yaml).',
            **convert,
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            help='Seed of the whole; every crystal, packing and dynamics derives its own from it and its name.',
            **convert,
        )
        optional = {'required': False, 'populate_defaults': False}
        spec.expose_inputs(
            PackmolCalculation,
            namespace='packmol',
            exclude=('seed', 'counts', 'units', 'density', 'cell'),
            namespace_options={**optional, 'help': 'How mixtures are packed, as for glassion.packmol.'},
        )
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=('md.configuration', 'md.schedule', 'md.seed', 'clean_workdir'),
            namespace_options={**optional, 'help': 'How crystals are relaxed and dynamics run by a potential.'},
        )
        for engine in AIMD_ENGINES:
            engines()[engine].expose(spec)
        spec.input(
            'engine_settings',
            valid_type=orm.Dict,
            required=False,
            help='What quantumespresso or vasp computes (no unit of its own), see protocols/label_<engine>.yaml.',
            **convert,
        )
        spec.input(
            'max_concurrent',
            valid_type=orm.Int,
            default=lambda: orm.Int(4),
            help='How many processes run at the same time.',
            **convert,
        )
        spec.input(
            'tolerated_failures',
            valid_type=orm.Float,
            default=lambda: orm.Float(0.5),
            help='Fraction of the processes that may fail before the whole is a failure, 0 to 1.',
            **convert,
        )
        spec.inputs.validator = check_inputs
        spec.outline(
            cls.setup,
            cls.plan_preparation,
            while_(cls.jobs_are_left)(cls.run_jobs),
            cls.inspect_preparation,
            cls.make_structures,
            cls.plan_dynamics,
            while_(cls.jobs_are_left)(cls.run_jobs),
            cls.inspect_dynamics,
            cls.results,
        )
        spec.output_namespace(
            'frames',
            dynamic=True,
            valid_type=FramesData,
            required=False,
            help='Structures by crystal or mixture, and <name>_dynamics from the dynamics by a potential; Å.',
        )
        spec.output(
            'labelled',
            valid_type=DatasetData,
            required=False,
            help='Steps of ab-initio dynamics with their labels: energies eV, forces eV/Å, virials eV.',
        )
        spec.output(
            'report',
            valid_type=orm.Dict,
            help='What was made of each crystal and mixture: number of structures, scales, those left out and why; '
            'processes that failed and why.',
        )
        spec.exit_code(430, 'ERROR_NOTHING_MADE', message='No structure could be made: {reason}')
        spec.exit_code(500, 'ERROR_TOO_MANY_FAILED', message='{failed} of {jobs} processes failed: {reason}')

    @classmethod
    def get_builder_from_protocol(
        cls,
        crystals: Mapping[str, orm.Data] | None = None,
        mixtures: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        seed: int = 1,
        code: orm.AbstractCode | None = None,
        potential: PotentialData | None = None,
        packmol: orm.AbstractCode | None = None,
        options: Mapping[str, Any] | None = None,
        dft_code: orm.AbstractCode | None = None,
        dft_protocol: str | None = None,
        dft_overrides: Mapping[str, Any] | None = None,
        dft_options: Mapping[str, Any] | None = None,
        max_concurrent: int = 4,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param crystals: structures by name.
        :param mixtures: see the input of that name.
        :param protocol: name, see ``protocols/initial_data.yaml``.
        :param overrides: any setting of the protocol, nested, e.g. ``{'relax': {'engine': 'md'}}``.
        :param seed: of the whole.
        :param code: LAMMPS, where crystals are relaxed or dynamics run by a potential.
        :param potential: for those.
        :param packmol: packmol, for mixtures.
        :param options: ``metadata.options`` of the LAMMPS jobs.
        :param dft_code: pw.x or VASP, for relaxation or dynamics ab initio.
        :param dft_protocol: of ``protocols/label_<engine>.yaml``.
        :param dft_overrides: any setting of it.
        :param dft_options: what the engine needs, as for a labelling: ``pseudo_family`` and ``elements``, ``options`` …
        :param max_concurrent: processes that run at the same time.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        builder.settings = orm.Dict(protocols.load('initial_data', protocol, overrides))
        builder.seed = orm.Int(seed)
        builder.max_concurrent = orm.Int(max_concurrent)
        if crystals:
            builder.crystals = dict(crystals)
        if mixtures:
            builder.mixtures = orm.Dict({name: dict(mixture) for name, mixture in mixtures.items()})
            builder.packmol.code = packmol
        if code is not None:
            builder.md.md.code = code
            builder.md.md.potential = potential
            if options:
                builder.md.md.metadata.options = dict(options)
        for engine in ab_initio_engines(builder.settings.get_dict()) if dft_code is not None else ():
            chosen = protocols.load(f'label_{engine}', dft_protocol, dft_overrides)
            builder.engine_settings = orm.Dict(chosen)
            inputs = engines()[engine].inputs_from_settings(dft_code, chosen, **(dft_options or {}))
            fill(builder[engine], inputs)
        return builder

    def setup(self) -> None:
        """Unwrap the settings."""
        self.ctx.settings = self.inputs.settings.get_dict()
        self.ctx.mixtures = mixtures_of(self.inputs)
        self.ctx.crystals = sorted(self.inputs.crystals) if 'crystals' in self.inputs else []
        self.ctx.jobs, self.ctx.launched = [], 0
        self.ctx.failed, self.ctx.starts, self.ctx.run = {}, {}, 0
        self.ctx.made, self.ctx.made_of, self.ctx.parts = {}, {}, {}

    def plan_preparation(self) -> None:
        """Relax every crystal, pack every mixture."""
        crystals = self.ctx.crystals if self._engine('relax') != 'none' else []
        jobs = [{'kind': 'relax', 'name': name, 'label': f'relax_{name}'} for name in crystals]
        self.ctx.atoms = {}
        for name, mixture in self.ctx.mixtures.items():
            optional = {}
            if mixture['density'] is not None:
                optional['density'] = orm.Float(mixture['density'])
            if mixture['oxidation_states']:
                optional['oxidation_states'] = orm.Dict(mixture['oxidation_states'])
            self.ctx.atoms[name] = apportion_atoms(
                orm.Str(mixture['composition']),
                orm.Int(mixture['n_atoms']),
                orm.Str(mixture['pack_by']),
                **optional,
                metadata={'call_link_label': f'apportion_{name}'},
            )
            jobs += [
                {'kind': 'pack', 'name': name, 'label': f'pack_{name}_{index:02d}'}
                for index in range(mixture['structures'])
            ]
        self._plan(jobs)

    def _plan(self, jobs: Sequence[Mapping[str, Any]]) -> None:
        self.ctx.jobs = [dict(job) for job in jobs]
        self.ctx.launched = 0
        self.ctx.run += len(jobs)

    def jobs_are_left(self) -> bool:
        """Whether planned processes wait to be run."""
        return bool(self.ctx.launched < len(self.ctx.jobs))

    def run_jobs(self) -> ToContext:
        """Run the next processes, as many at a time as allowed."""
        upto = min(len(self.ctx.jobs), self.ctx.launched + self.inputs.max_concurrent.value)
        nodes = {job['label']: self.submit_job(job) for job in self.ctx.jobs[self.ctx.launched : upto]}
        self.ctx.launched = upto
        return ToContext(**nodes)

    def _collect(self) -> dict[str, list[orm.Data]]:
        """What the processes made, by crystal or mixture; those that failed go into the ledger."""
        found: dict[str, list[orm.Data]] = {}
        for job in self.ctx.jobs:
            node = self.ctx[job['label']]
            made = next((node.outputs[name] for name in _OUTPUTS[job['kind']] if name in node.outputs), None)
            reason = ''
            if made is None or not node.is_finished_ok:
                reason = node.exit_message or str(node.process_state)
            elif job['kind'] == 'relax' and 'thermo' in node.outputs:
                reason = unrelaxed(float(node.outputs.thermo.get_array('pressure')[-1]), self.ctx.settings)
            if reason:
                self._fail(job, node, reason)
            else:
                found.setdefault(job['name'], []).append(made)
        return found

    def _fail(self, job: Mapping[str, Any], node: orm.ProcessNode, reason: str) -> None:
        self.ctx.failed[job['label']] = {'pk': node.pk, 'exit_status': node.exit_status, 'reason': reason}
        self.report(f'{job["label"]} failed: {reason}')

    def inspect_preparation(self) -> None:
        """Take the relaxed crystals and the packed boxes."""
        given = {name: [self.inputs.crystals[name]] for name in self.ctx.crystals}
        self.ctx.parts = self._collect() if self._engine('relax') != 'none' else given | self._collect()

    def make_structures(self) -> ExitCode | None:
        """Perturb the crystals, gather the boxes of each mixture."""
        for name, nodes in self.ctx.parts.items():
            link = {'call_link_label': f'structures_{name}'}
            if name in self.ctx.mixtures:
                self._make(name, self._gather(name, nodes, 0, self.ctx.settings['mixture']['closest']))
                continue
            seed = orm.Int(seed_of(self.inputs.seed.value, name))
            self._make(name, perturb_crystal(nodes[0], orm.Dict(self.ctx.settings['crystal']), seed, metadata=link))
        if not self.ctx.made:
            reasons = [f'{label}: {entry["reason"]}' for label, entry in self.ctx.failed.items()]
            reasons += [f'{name}: {entry["refused"][0]["reason"]}' for name, entry in self.ctx.made_of.items()]
            self._out_report()
            return self.exit_codes.ERROR_NOTHING_MADE.format(reason='; '.join(reasons))
        return None

    def _gather(self, name: str, nodes: Sequence[orm.Data], skip: int, closest: float) -> dict[str, orm.Data]:
        """Frames of several nodes in one, without the first ``skip`` of each and those with atoms too close."""
        made: dict[str, orm.Data] = gather_frames(
            orm.Float(closest),
            orm.Int(skip),
            **{f'part_{index:04d}': node for index, node in enumerate(nodes)},
            metadata={'call_link_label': f'gather_{name}'},
        )
        return made

    def _make(self, name: str, outputs: Mapping[str, orm.Data]) -> None:
        """Hand out structures, keep what is said of them."""
        self.ctx.made_of[name] = outputs['report'].get_dict()
        if 'frames' in outputs:
            self.ctx.made[name] = outputs['frames']
            self.out(f'frames.{name}', outputs['frames'])

    def plan_dynamics(self) -> None:
        """Choose the structures from which a dynamics starts."""
        starts = self.ctx.settings['dynamics']['starts']
        jobs = []
        for name, node in self.ctx.made.items() if self._engine('dynamics') != 'none' else ():
            for index in chosen_starts(node.n_frames, starts):
                label = f'dynamics_{name}_{index:02d}'
                jobs.append({'kind': 'dynamics', 'name': name, 'index': index, 'label': label})
        self._plan(jobs)

    def inspect_dynamics(self) -> None:
        """Gather the frames of the dynamics of each crystal and mixture; the starts themselves are known already."""
        if self._engine('dynamics') in AIMD_ENGINES:
            self._collect_aimd()
            return
        for name, nodes in self._collect().items():
            self._make(
                f'{name}_dynamics', self._gather(f'{name}_dynamics', nodes, 1, self.ctx.settings['dynamics']['closest'])
            )

    def _collect_aimd(self) -> None:
        """The labelled steps of every run, also of one that was cut; a run without any goes into the ledger."""
        engine = self._engine('dynamics')
        settings, inputs = self._engine_inputs('dynamics')
        runs: dict[str, dict[str, orm.Data]] = {}
        for job in self.ctx.jobs:
            outputs = engines()[engine].outputs(self.ctx[job['label']])
            runs |= {job['label']: {'frames': self.ctx.starts[job['label']], **outputs}} if outputs else {}
        report: dict[str, Any] = {'steps': {}, 'n_frames': 0}
        if runs:
            method = orm.Dict(engines()[engine].method(settings, inputs))
            link = {'call_link_label': 'collect_aimd'}
            made = collect_aimd(orm.Str(engine), orm.Dict(settings), method, **runs, metadata=link)
            report = made['report'].get_dict()
            if 'dataset' in made:
                self.out('labelled', made['dataset'])
        self.ctx.made_of['labelled'] = report
        for job in self.ctx.jobs:
            if not report['steps'].get(job['label']):
                node = self.ctx[job['label']]
                self._fail(job, node, node.exit_message or 'it left no labelled step')

    def results(self) -> ExitCode | None:
        """Say what was made."""
        self._out_report()
        total = sum(entry['n_frames'] for entry in self.ctx.made_of.values())
        self.report(f'{total} structures of {len(self.ctx.made_of)} kinds; {len(self.ctx.failed)} processes failed')
        if len(self.ctx.failed) > self.inputs.tolerated_failures.value * max(1, self.ctx.run):
            return self.exit_codes.ERROR_TOO_MANY_FAILED.format(
                failed=len(self.ctx.failed),
                jobs=self.ctx.run,
                reason='; '.join(f'{label}: {entry["reason"]}' for label, entry in self.ctx.failed.items()),
            )
        return None

    def _out_report(self) -> None:
        content = {'structures': self.ctx.made_of, 'failed': self.ctx.failed, 'processes': self.ctx.run}
        self.out('report', orm.Dict(content).store())
