"""``glassion show`` of a study of fracture and of its pulls: tables from the results, without AiiDA."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from aiida_glassion.cli.show_fracture import fracture_tables, pull_tables
from aiida_glassion.kernels.mechanics.fracture_summary import summarise
from aiida_glassion.workchains import protocols


def report(kind='tension', young=72.0, energy=8.0, broken=True, rate=0.001, **more):
    tension = {'strength': 10.25, 'strength_strain': 0.2, 'failure_strain': 0.31, 'work': 6.5, 'toughness': 1.3e9}
    return {
        'kind': kind, 'axis': 'z', 'rate': rate, 'n_atoms': 24000, 'broken': broken, 'lengths': [70.0, 70.0, 75.0],
        'reason': 'broken: ended at a strain of 0.4', 'young': {'value': young, 'error': 1.0},
        'poisson': {'value': 0.18, 'error': 0.01}, 'tension': tension, 'surface_energy': 1.2,
        'fracture': {'energy': energy, 'complete': broken} if kind == 'notched' else None,
        'warnings': ['24000 atoms: below 75000'] if kind == 'notched' else [], **more,
    }  # fmt: skip


def study(**more):
    reports = {
        'a_tension': report(young=70.0), 'b_tension': report(young=74.0), 'a_notched': report('notched', broken=False)
    }  # fmt: skip
    plan = {label: {'sample': label[0], 'size': [1, 1, 1]} for label in (*reports, 'b_notched')}
    plan['b_notched']['reason'] = 'lost atoms'
    return {
        'process': 'FractureWorkChain', 'pk': 7, 'label': 'a study', 'state': 'finished', 'exit_status': 0,
        'exit_message': None, 'settings': protocols.load('fracture'), 'glasses': {'a': 5, 'b': 6}, 'seed': 1,
        'given': {}, 'potential': {'pk': 4, 'name': 'pmmcs'}, 'outputs': {},
        'results': json.loads(json.dumps(summarise(plan, reports))),
        'ledger': {'b_notched': {'pk': 9, 'reason': 'lost atoms'}}, **more,
    }  # fmt: skip


def text(tables, width=150):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in tables:
        console.print(part)
    return ' '.join(console.file.getvalue().split())


def test_a_study_says_what_it_found():
    said = text(fracture_tables(study()))
    for words in (
        'FractureWorkChain 7 a study ✓ ended well',
        'default; at constant rates, sides free at 0 GPa, 300 K; seed 1',
        'tension 1x1x1 1e+09 2 2 72 ± 2 0.18',
        'with a notch 1x1x1 1e+09 1 8 0.76',
        'plane strain',
        'a_notched: 24000 atoms: below 75000',
        'b_notched: failed: lost atoms',
        'b_notched: lost atoms (pk 9)',
        'glassion report 7 results',
    ):
        assert words in said, words
    assert 'a_tension 24000 70.0 ± 1.0 10.25 0.31 6.5' in text(fracture_tables(study(), replicas=True))


@pytest.mark.parametrize('state', ['waiting', 'killed'])
def test_before_there_are_results(state):
    said = text(fracture_tables(study(state=state, results={}, ledger={})))
    assert ('glassion watch 7' if state == 'waiting' else 'verdi process report 7') in said


def test_a_pull_says_what_it_found():
    settings = {**protocols.load('fracture'), 'kind': 'notched', 'rate': 0.001}
    notch = {'notch': {'length': 23.3, 'opening': 10.0}, 'n_removed': 300, 'area': 4900.0, 'crack_area': 1631.7}
    content = {
        'process': 'FracturePullWorkChain', 'pk': 8, 'label': 'a pull', 'state': 'finished', 'exit_status': 460,
        'exit_message': 'Pulled to the end', 'axis': 'z', 'seed': 3, 'settings': settings, 'notch': notch,
        'results': report('notched', broken=False), 'outputs': {'snapshots': 77},
    }  # fmt: skip
    said = text(pull_tables(content))
    for words in (
        '✗ [460] Pulled to the end',
        'with a notch along z, 0.001 1/ps; seed 3',
        '23.3 × 10.0 Å, 300 atoms removed; 33.3% of the area',
        '24000 atoms, 70.00 × 70.00 × 75.00 Å',
        'G_c 8 J/m², a lower bound',
        '10.25 GPa at a strain of 0.2',
        'glassion show 77',
    ):
        assert words in said, words
    assert 'glassion watch 8' in text(pull_tables({**content, 'state': 'running', 'results': {}, 'notch': {}}))
