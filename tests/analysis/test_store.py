"""Outcomes as files: everything comes back, numbers that are none do not, CSV says what it holds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.analysis import store
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.run import Outcome
from aiida_glassion.analysis.system import System


@pytest.fixture
def outcome() -> Outcome:
    x = np.linspace(0.1, 2, 7) / 3
    result = Result(
        numbers={'Si': {'mean': np.float64(4.0), 'standard_error': None, 'n': np.int64(3)}, 'odd': float('nan')},
        units={'Si': ''},
        curves={
            'g_O_Si': Curve(x, x**2, 'r', 'Å', 'g(r)', '', x / 100, 'faber-ziman', {'r_max': 2.0, 'window': None}),
            'alone': Curve(x, -x, 'Q', 'Å⁻¹', 'S(Q)', ''),
        },
        per_atom={'label': np.array(['a', 'bc', 'd']), 'count': np.arange(3)},
        warnings=['something is odd'],
    )
    system = System(
        ('Si', 'O', 'O'), ('O', 'Si'), np.array([1, 0, 0], dtype=np.int32), (True, True, False),
        {'O': 'anion', 'Si': 'former'}, {('Si', 'O'): 2.2}, {('Si', 'O'): 1.62}, 9.5, 3, ('hm',),
        {('Si', 'O'): 'given'},
    )  # fmt: skip
    return Outcome(system, {'rdf': result}, {'rings': 'too large'}, 3, {'rdf': 0.1234}, 5, ('cut off',))


def test_everything_comes_back(outcome, tmp_path):
    store.write(outcome, tmp_path / 'new' / 'folder')
    found = store.read(tmp_path / 'new' / 'folder')
    assert store.as_dict(found) == store.as_dict(outcome)
    assert found.system.symbols == outcome.system.symbols
    assert dict(found.system.cutoffs) == {('Si', 'O'): 2.2}
    np.testing.assert_array_equal(found.system.types, outcome.system.types)
    for name, curve in outcome.results['rdf'].curves.items():
        other = found.results['rdf'].curves[name]
        np.testing.assert_array_equal(other.y, curve.y)
        assert (other.error is None) == (curve.error is None)
        assert (other.convention, other.about) == (curve.convention, curve.about)
    assert found.results['rdf'].per_atom['label'].tolist() == ['a', 'bc', 'd']
    assert (found.complete, found.n_requested, found.warnings) == (False, 5, ('cut off',))


def test_files_are_plain(outcome, tmp_path):
    store.write(outcome, tmp_path)
    plain = json.loads((tmp_path / 'numbers.json').read_text(), parse_constant=pytest.fail)
    assert plain['analyses']['rdf']['numbers'] == {'Si': {'mean': 4.0, 'standard_error': None, 'n': 3}, 'odd': None}
    with np.load(tmp_path / 'curves.npz', allow_pickle=False) as file:
        assert set(file) == {
            'rdf__g_O_Si__x', 'rdf__g_O_Si__y', 'rdf__g_O_Si__error', 'rdf__alone__x', 'rdf__alone__y',
        }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'curves.npz', 'numbers.json', 'per_atom.npz', 'rdf__alone.csv', 'rdf__g_O_Si.csv',
    ]  # fmt: skip


def test_csv_names_what_it_holds_and_keeps_every_digit(outcome, tmp_path):
    store.write(outcome, tmp_path)
    text = (tmp_path / 'rdf__g_O_Si.csv').read_text()
    lines = text.splitlines()
    assert lines[0] == '# g(r) over r (Å)'
    assert '# convention: faber-ziman' in lines
    assert '# r_max: 2.0' in lines
    assert 'r [Å],g(r),error of g(r)' in lines
    table = np.loadtxt([line for line in lines if not line.startswith(('#', 'r '))], delimiter=',')
    curve = outcome.results['rdf'].curves['g_O_Si']
    np.testing.assert_array_equal(table, np.column_stack([curve.x, curve.y, curve.error]))


def test_what_is_no_outcome_is_told(outcome, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'numbers.json is missing'):
        store.read(tmp_path)
    store.write(outcome, tmp_path)
    (tmp_path / 'curves.npz').write_bytes(b'PK\x03\x04 nonsense')
    with pytest.raises(ValueError, match='cannot be read'):
        store.read(tmp_path)
