"""What an active learning remembers of its iterations, and what it says of itself in the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode, WorkChain

from aiida_glassion.kernels.learning.convergence_settings import read_convergence
from aiida_glassion.workchains.active_learning_inputs import name_of


class LearningRecords(WorkChain):
    """Keeps the records of the last iterations, the place in the curriculum, the costs, and the ledger of failures.

    Only as many records stay at hand as a decision looks at: its cost does not grow with their number.
    """

    def update_outputs(self) -> None:
        """Attach what was handed out since the last step to the node, and let go of it.

        AiiDA keeps every output until the end, compares it with all links of the node at each step, and SQLAlchemy
        visits it at each commit: work that grows with the iterations. :meth:`_gather_outputs` finds them again.
        """
        if self.outputs:
            super().update_outputs()
        if not self.has_terminated():
            self.outputs.clear()

    def _gather_outputs(self) -> None:
        """Hand out once more what was attached: who runs the loop as a function is given all of it."""
        for link in self.node.base.links.get_outgoing(link_type=LinkType.RETURN).all():
            self.out(link.link_label.replace('__', '.'), link.node)

    def _keep_record(self, node: orm.Dict) -> None:
        """Hand the record of an iteration out and remember it."""
        record = node.get_dict()
        self.ctx.iteration = record['number']
        kept = read_convergence(self.ctx.settings['convergence']).records_needed
        self.ctx.records = [*self.ctx.records, node][-kept:]
        self.out(f'iterations.{name_of(record["number"])}', node)
        stage = self.ctx.stages.setdefault(record['stage'], {'name': record['stage'], 'rounds': 0, 'state': 'explored'})
        stage['rounds'] += 1
        action = record['decision']['action']
        stage['state'] = {'advance': 'settled', 'converged': 'settled', 'stuck': 'stuck'}.get(action, 'explored')
        for part, cost in record['cost'].items():
            self._add_cost(part, cost)

    def _add_cost(self, part: str, cost: Mapping[str, Any]) -> None:
        """Add what a part cost to the whole."""
        total = self.ctx.cost.setdefault(part, {})
        for key, value in cost.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                total[key] = total.get(key, 0) + value

    def _next_place(self, record: Mapping[str, Any]) -> None:
        """Stage and round that follow a decision."""
        self.ctx.stage_index, self.ctx.stage_round = record['stage_index'], record['stage_round'] + 1
        if record['decision']['action'] in ('advance', 'converged'):
            self.ctx.stage_index = min(record['stage_index'] + 1, len(self.ctx.settings['stages']) - 1)
            self.ctx.stage_round = 1

    def _why(self) -> str:
        """Reason of the last decision."""
        if not self.ctx.records:
            return 'no iteration was made'
        return str(self.ctx.records[-1]['decision']['reason'])

    def _report(self) -> dict[str, Any]:
        reason = self._why() if self.ctx.ended is None else str(self.ctx.ended[1]['reason'])
        if self.ctx.converged:
            verdict = f'converged after {self.ctx.iteration} iterations with {self.ctx.labels_total} labelled frames'
        else:
            verdict = (
                f'not converged after {self.ctx.iteration} iterations with {self.ctx.labels_total} labelled frames'
            )
        return {
            'converged': self.ctx.converged,
            'verdict': verdict,
            'reason': reason,
            'iterations': self.ctx.iteration,
            'stages': [
                self.ctx.stages.get(stage['name'], {'name': stage['name'], 'rounds': 0, 'state': 'not reached'})
                for stage in self.ctx.settings['stages']
            ],
            'labels': {'total': self.ctx.labels_total, 'initial': self.ctx.labels_initial},
            'cost': self.ctx.cost,
            'failures': self.ctx.failures,
            'final': self._final(),
        }

    def _trainings(self) -> dict[str, orm.ProcessNode]:
        """The final training and the last good one of the loop, as far as they are there."""
        named = {'final': self.ctx.get('final'), 'loop': self.ctx.get('trained')}
        return {name: node for name, node in named.items() if node is not None and node.is_finished_ok}

    def _best_training(self) -> str | None:
        """The final one, unless that of the loop errs less on the same held-out frames."""
        errors = {name: node.outputs.errors['force']['rmse']['mean'] for name, node in self._trainings().items()}
        return min(errors, key=lambda name: float(errors[name]), default=None)

    def _final(self) -> dict[str, Any]:
        """Force error of the last committee of the loop and of the final one, meV/Å, and which is handed out."""
        found = {name: node.outputs.errors['force']['rmse'] for name, node in self._trainings().items()}
        return {**found, 'handed_out': self._best_training()} if found else {}

    def _out_results(self) -> None:
        best = self._best_training()
        if best is not None:
            node = self._trainings()[best]
            for port in ('potentials', 'frozen', 'learning_curves'):
                for name, output in dict(node.outputs[port]).items() if port in node.outputs else ():
                    self.out(f'{port}.{name}', output)
            for port in ('errors', 'parity'):
                self.out(port, node.outputs[port])
        for name, glass in self.ctx.get('glasses', {}).items():
            self.out(f'glasses.{name}', glass)
        self.out('report', orm.Dict(self._report()).store())
        self._gather_outputs()

    def _fail(self, part: str, node: orm.ProcessNode, then: str) -> None:
        """Write into the ledger what failed, and what was done about it."""
        entry = {'iteration': self.ctx.iteration, 'part': part, 'what': node.process_label, 'why': reason_of(node)}
        self.ctx.failures.append({**entry, 'then': then, 'pk': node.pk})
        self.report(f'{part} <{node.pk}> failed: {entry["why"]}; {then}')

    def _note_ledger(self, part: str, node: orm.ProcessNode) -> None:
        for label, entry in node.outputs.ledger.get_dict().items():
            words = {'what': label, 'why': entry['reason'], 'then': entry['then'], 'pk': entry['pk']}
            self.ctx.failures.append({'iteration': self.ctx.iteration, 'part': part, **words})

    def _end(self, part: str, node: orm.ProcessNode, code: ExitCode) -> ExitCode:
        """End here, with everything there is."""
        self._fail(part, node, 'the loop ended')
        where = f'{name_of(self.ctx.iteration)}'
        fields = {'reason': reason_of(node)} | ({'where': where} if '{where}' in code.message else {})
        self.ctx.ended = ('', fields)
        self._out_results()
        ended: ExitCode = code.format(**fields)
        return ended


def reason_of(node: orm.ProcessNode) -> str:
    """Why a process did not end well."""
    if node.is_finished:
        return f'{node.process_label} <{node.pk}> [{node.exit_status}] {node.exit_message}'
    return f'{node.process_label} <{node.pk}> {node.process_state.value if node.process_state else "lost"}'
