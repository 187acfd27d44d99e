"""The processes that a committee's training runs, and the ledger of what failed in it."""

from __future__ import annotations

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import WorkChain

from aiida_glassion.calculations.deepmd_test import DeepmdTestCalculation
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.functions.dataset import split_dataset
from aiida_glassion.workchains.train_inputs import TEST, TRAINING, member_seed
from aiida_glassion.workchains.train_member import TrainMemberWorkChain

_START = 'warm_start_seed_'


def member_label(what: str, number: int, attempt: int = 0) -> str:
    """Name of a link: ``train_seed_2``, and ``train_seed_2_again_1`` for a retry."""
    return f'{what}_seed_{number}' + (f'_again_{attempt}' if attempt else '')


class TrainParts(WorkChain):
    """Submits the jobs of one member each, with inputs from what the training has so far; keeps the ledger.

    State in the context: ``settings``, ``parameters`` and ``warm_parameters``, ``training``, ``validation`` and
    ``test`` (datasets by name), ``starts`` (models to begin with) and ``trained`` (members) by number, ``ledger``.
    """

    def _divide(self, name: str, node: DatasetData, kind: str) -> dict[str, DatasetData]:
        """Training and test part of a dataset, by the rule of the settings."""
        split = self.ctx.settings['split']
        held_out = sorted(set(split['test_formulas']) & set(node.formulas)) if kind == 'test' else []
        rule = {'fraction': split[f'{kind}_fraction'], 'seed': self.inputs.seed.value}
        link = {'call_link_label': f'split_{kind}_{name}'}
        parts = split_dataset(node, orm.Dict({'held_out': held_out} if held_out else rule), metadata=link)
        return {TRAINING: parts['train'], TEST: parts['test']}

    def submit_member(self, number: int, attempt: int) -> orm.ProcessNode:
        """Train a member; only its seed, and the model it begins with, are its own."""
        inputs = AttributeDict(self.exposed_inputs(TrainMemberWorkChain, namespace='member'))
        settings = self.ctx.settings
        inputs.train.update(
            training=self.ctx.training,
            parameters=self.ctx.parameters,
            seed=orm.Int(member_seed(self.inputs.seed.value, number, attempt)),
            backend=orm.Str(settings['backend']),
            compress=orm.Bool(settings['compress']),
        )
        if self.ctx.validation:
            inputs.train.validation = self.ctx.validation
        if self._is_warm(number, attempt):
            inputs.train.warm_start = self.ctx.starts[number]
            inputs.train.parameters = self.ctx.warm_parameters
        inputs.metadata.call_link_label = member_label('train', number, attempt)
        return self.submit(TrainMemberWorkChain, **inputs)

    def _is_warm(self, number: int, attempt: int) -> bool:
        """Whether a member begins with a model; one that failed so begins from nothing."""
        return attempt == 0 and number in self.ctx.starts

    def submit_test(self, number: int) -> orm.ProcessNode:
        """Test a model on the frames held out."""
        inputs = AttributeDict(self.exposed_inputs(DeepmdTestCalculation, namespace='test_job'))
        inputs.setdefault('code', self.inputs.member.train.code)
        inputs.potential = self.ctx.trained[number].outputs.potential
        inputs.datasets = self.ctx.test
        inputs.metadata.call_link_label = member_label('test', number)
        return self.submit(DeepmdTestCalculation, **inputs)

    def _note(self, what: str, number: int, attempt: int, node: orm.ProcessNode, then: str) -> None:
        """Write a failure into the ledger."""
        reason = node.exit_message or (node.exception or str(node.process_state)).strip().splitlines()[-1]
        self.report(f'{member_label(what, number, attempt)} <{node.pk}> failed: {reason}; {then}')
        self.ctx.ledger[member_label(what, number, attempt)] = {
            'pk': node.pk,
            'seed': member_seed(self.inputs.seed.value, number, attempt),
            'exit_status': node.exit_status,
            'reason': reason,
            'then': then,
        }

    def _note_cold(self, number: int, model: orm.Data, reason: str) -> None:
        """Write into the ledger why a member does not begin with a model."""
        self.report(f'seed_{number} does not begin with the model <{model.pk}>: {reason}')
        self.ctx.ledger[f'{_START}{number}'] = {
            'pk': model.pk, 'seed': member_seed(self.inputs.seed.value, number), 'exit_status': None,
            'reason': reason, 'then': 'trained from nothing',
        }  # fmt: skip

    def _out_ledger(self) -> None:
        if self.ctx.ledger:
            self.out('ledger', orm.Dict(self.ctx.ledger).store())

    def _reasons(self) -> str:
        failures = {label: entry for label, entry in self.ctx.ledger.items() if not label.startswith(_START)}
        return '; '.join(f'{label}: {entry["reason"]}' for label, entry in failures.items())
