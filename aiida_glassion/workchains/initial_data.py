"""InitialDataWorkChain: the structures with which the learning of a potential begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, while_

from aiida_glassion.functions.initial_data import perturb_crystal
from aiida_glassion.kernels.build.initial_data import chosen_starts, seed_of
from aiida_glassion.workchains.initial_data_build import fill_builder
from aiida_glassion.workchains.initial_data_inputs import AIMD_ENGINES, mixtures_of
from aiida_glassion.workchains.initial_data_ports import define_inputs, define_outputs
from aiida_glassion.workchains.initial_data_results import InitialDataResults


class InitialDataWorkChain(InitialDataResults):
    """Make the structures that are labelled first: around crystals, packed mixtures, and short dynamics from both.

    Crystals are relaxed (if wanted), repeated, scaled, strained and their atoms displaced; mixtures are packed at
    random; from the structures a short dynamics may start, by a potential or ab initio. What failed or has atoms too
    close is written into the report and the rest goes on.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        define_inputs(spec)
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
        define_outputs(spec)
        spec.exit_code(430, 'ERROR_NOTHING_MADE', message='No structure could be made: {reason}')
        spec.exit_code(500, 'ERROR_TOO_MANY_FAILED', message='{failed} of {jobs} processes failed: {reason}')

    @classmethod
    def get_builder_from_protocol(cls, *args: Any, **kwargs: Any) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        See :func:`~aiida_glassion.workchains.initial_data_build.fill_builder` for its arguments.
        """
        return fill_builder(cls.get_builder(), *args, **kwargs)

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
            self.ctx.atoms[name] = self.apportion(name, mixture)
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
