"""The record holds what every part reported, and nothing where a part is absent."""

from __future__ import annotations

import json

import numpy as np

from aiida_glassion.kernels.learning.errors import committee_errors
from aiida_glassion.kernels.learning.iteration import build_record
from aiida_glassion.kernels.learning.parity import Parity

FACTS = {
    'number': 2, 'stage_index': 0, 'stage_round': 2, 'n_stages': 1, 'labels_total': 130,
    'cost': {'train': {'jobs': 4, 'seconds': 12.0, 'core_hours': 0.01}},
}  # fmt: skip
EXPLORATION = {
    'stage': 'melt', 'round': 2,
    'runs': {'a': {'state': 'finished'}, 'b': {'state': 'exploded'}, 'c': {'state': 'finished'}},
    'counts': {'finished': 2, 'exploded': 1, 'left_trusted_region': 0, 'failed': 0},
}  # fmt: skip
SELECTION = {
    'visited': 300, 'accurate': 280, 'candidate': 18, 'failed': 2, 'chosen': 9, 'discarded': {'known': 3},
    'fractions': {'accurate': 0.9333, 'candidate': 0.06, 'failed': 0.0067},
    'histogram': {'edges': [0.01, 0.1, 1.0], 'counts': [250, 50]},
    'by_run': {'a': {'chosen': 6}, 'b': {'chosen': 3}, 'c': {'chosen': 0}}, 'examples': [{'run': 'a'}],
}  # fmt: skip
LEDGER = {
    'labelled': 6, 'known': 0, 'twice': 1, 'jobs': 2, 'by_kind': {'failed': 2},
    'refused': [{'frames': 'a', 'index': 1, 'kind': 'failed'}, {'frames': 'b', 'index': 0, 'kind': 'failed'}],
}  # fmt: skip


def parity(seed: int, formulas=('O2', 'O2', 'OSi', 'OSi')) -> Parity:
    rng = np.random.default_rng(seed)
    n = len(formulas)
    reference = np.random.default_rng(0).normal(size=(2 * n, 3))
    return Parity(
        formulas=formulas, n_atoms=np.full(n, 2), elements=('O', 'Si'), atom_elements=np.zeros(2 * n, dtype=int),
        energies=np.arange(n, dtype=float), predicted_energies=np.arange(n) + 0.1 * rng.normal(size=n),
        forces=reference, predicted_forces=reference + 0.1 * rng.normal(size=(2 * n, 3)),
    )  # fmt: skip


def test_a_whole_iteration():
    errors = committee_errors({'seed_1': parity(1), 'seed_2': parity(2)})
    record = build_record(
        FACTS, {'name': 'melt'}, levels={'lower': 0.1, 'upper': 0.3, 'kind': 'fixed'}, exploration=EXPLORATION,
        selection=SELECTION, errors=errors, ledger=LEDGER,
        gate={'passed': True, 'reason': 'fine', 'criteria': [], 'flags': ['P2S6'], 'by_glass': {'g': {}}},
    )  # fmt: skip
    assert record['stage'] == 'melt'
    assert record['exploration'] == {
        'runs': 3, 'finished': 2, 'left_trusted_region': 0, 'exploded': 1, 'failed': 0,
    }  # fmt: skip
    assert record['selection'] == {key: value for key, value in SELECTION.items() if key not in ('by_run', 'examples')}
    assert record['errors']['force']['rmse'] == errors['force']['rmse']
    assert record['errors']['force']['reference_rms'] == errors['force']['reference_rms']
    assert record['errors']['by_formula']['O2'] == {
        'n_frames': 2, 'force': errors['force']['by_formula']['O2'], 'energy': errors['energy']['by_formula']['O2'],
    }  # fmt: skip
    assert record['errors']['deviation'] == errors['deviation']
    assert 'virial' not in record['errors']
    assert record['labels'] == {
        'asked': 9, 'labelled': 6, 'known': 0, 'twice': 1, 'refused': 2, 'total': 130,
        'by_origin': {'a': 5, 'b': 2}, 'refused_reasons': {'failed': 2},
    }  # fmt: skip
    assert record['gate'] == {'passed': True, 'reason': 'fine', 'criteria': [], 'flags': ['P2S6']}
    assert record['cost'] == FACTS['cost']
    assert json.loads(json.dumps(record)) == record


def test_one_composition_has_its_errors_too():
    errors = committee_errors({'seed_1': parity(1, ('O2', 'O2'))})
    by_formula = build_record(FACTS, {}, errors=errors)['errors']['by_formula']
    assert by_formula['O2']['n_frames'] == 2
    assert by_formula['O2']['force'] == errors['force']['rmse']


def test_what_is_absent_counts_nothing():
    record = build_record({**FACTS, 'cost': None}, {'name': 'melt'})
    assert record['exploration']['runs'] == 0
    assert record['selection'] == record['errors'] == record['levels'] == record['cost'] == {}
    assert record['gate'] is None
    assert record['labels']['labelled'] == record['labels']['asked'] == 0
    assert record['labels']['by_origin'] == {}
    only_counts = build_record(FACTS, {}, exploration={'counts': {'finished': 3, 'failed': 1}})
    assert only_counts['exploration']['runs'] == 4
