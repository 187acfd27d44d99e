"""``glassion show`` of an active learning, its explorations and its structural gate, however they ended."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from click.testing import CliRunner
from loops import LoopBuilder

from aiida_glassion.cli import main, show


@pytest.fixture
def said(monkeypatch):
    """What the command prints for a node of the tests' profile, spaces joined."""
    monkeypatch.setattr(show, 'load', lambda profile: None)

    def run(node: orm.Node, *options: str) -> str:
        done = CliRunner(env={'COLUMNS': '160'}).invoke(main, ['show', str(node.pk), *options])
        assert done.exit_code == 0, done.output
        return done.output if '--json' in options else ' '.join(done.output.split())

    return run


def called(node: orm.ProcessNode, label: str) -> orm.ProcessNode:
    """The newest process of a class that a loop called."""
    return max((child for child in node.called if child.process_label == label), key=lambda child: child.pk)


def test_a_loop_that_converged(aiida_profile_clean, said):
    node = LoopBuilder().build()
    text = said(node)
    for words in (
        f'ActiveLearningWorkChain {node.pk} ✓ ended well',
        'verdict Converged after 6 iterations',
        'crystals hold 1 % 2 ✓ done',
        '5 glasses 1 8000 91 7.75 0.419 39 of 40 125 ± 8 repeat',
        'Decision after iteration 6: converged',
        '✓ held out error −0.0800 0.0500 force RMSE fell by 8 ± 5 %',
        'structures ✓ passed: the members agree',
        'train 24 19.3',
        '✗ iteration 3, explore hold_00: the run explodes: atoms <lost>',
        f'next: glassion report {node.pk} report glassion archive {node.pk} learning.aiida',
    ):
        assert words in text, (words, text)
    assert '--continue' not in text
    content = json.loads(said(node, '--json'))
    assert content['converged'] is True
    assert len(content['iterations']) == 6
    assert content['units']['levels'] == 'eV/Å'
    exploration = said(called(node, 'ExploreWorkChain'))
    for words in (
        'stage glasses, round 2: melt quench, deform',
        'levels 0.11 and 0.35 eV/Å',
        'melt quench 3 300 – 700 3 0 0 0 2400 15 of 15',
    ):
        assert words in exploration, (words, exploration)
    gate = said(called(node, 'StructureGateWorkChain'))
    for words in (
        'verdict ✓ passed: the members agree',
        '✓ g(r) Si–O, R_χ 3.10 6.00',
        '! 2 % of the Si–O',
        'glass_1, seed_2 density 2.42 g/cm³',
    ):
        assert words in gate, (words, gate)


def test_runs_that_ended_early_are_told_with_their_reason(aiida_profile_clean, said):
    node = LoopBuilder('running', judged=3).build()
    exploration = said(called(node, 'ExploreWorkChain'))
    assert 'hold 3 300 – 700 1 0 2 0 2400' in exploration
    assert 'compress_01 glass_1 1 5 of 5 exploded atoms <lost>' in exploration
    assert 'hold_04' not in exploration
    assert 'hold_04' in said(called(node, 'ExploreWorkChain'), '--replicas')


@pytest.mark.parametrize(
    ('kind', 'words'),
    [
        (
            {'ended': 'failed', 'judged': 1, 'begun': 'explore'},
            ('✗ [510] The loop did not converge', 'crystals hold 1 % 1 ✗ ended here', '--continue {pk}', '--continue'),
        ),
        (
            {'ended': 'running', 'judged': 1, 'begun': 'label'},
            (
                'now iteration 2: frames are labelled',
                'running iteration_02_label (LabelWorkChain',
                'glassion watch {pk}',
            ),
        ),
        (
            {'ended': 'killed', 'judged': 1, 'begun': 'train'},
            ('killed: Killed by the user', '✗ iteration 2, train iteration_02_train', '--continue {pk}'),
        ),
        ({'ended': 'running', 'judged': 0, 'begun': None}, ('now it begins', 'crystals hold 1 % 0 ▶ here')),
    ],
)
def test_a_loop_that_did_not_converge(aiida_profile_clean, said, kind, words):
    node = LoopBuilder(**kind).build()
    text = said(node)
    for part in words:
        assert part.format(pk=node.pk) in text, (part, text)
