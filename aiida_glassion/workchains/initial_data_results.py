"""What the processes of initial data gave: structures that are handed out, and the ledger of what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm

from aiida_glassion.functions.initial_data import collect_aimd, gather_frames
from aiida_glassion.kernels.build.initial_data import unrelaxed
from aiida_glassion.label_engines import engines
from aiida_glassion.workchains.initial_data_jobs import InitialDataJobs

_OUTPUTS = {'relax': ('final', 'output_structure'), 'pack': ('configuration',), 'dynamics': ('trajectory',)}
"""Output of the process of each kind of job that the next step takes: the first that is there."""


class InitialDataResults(InitialDataJobs):
    """Takes what the jobs made.

    State in the context: ``jobs`` that were run, ``made`` (structures) and ``made_of`` (what is said of them) by name,
    ``failed`` by label, ``run`` (number of jobs).
    """

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

    def _out_report(self) -> None:
        content = {'structures': self.ctx.made_of, 'failed': self.ctx.failed, 'processes': self.ctx.run}
        self.out('report', orm.Dict(content).store())
