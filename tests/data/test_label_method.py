"""Whether energies of two labellings compare."""

from __future__ import annotations

from aiida_glassion.data.label_method import differences, hash_method, union

PBE = {'engine': 'vasp', 'functional': 'PBE', 'potcars': {'Na': 'Na_pv', 'P': 'P', 'S': 'S'}}
OXIDE = {'engine': 'vasp', 'functional': 'PBE', 'potcars': {'Na': 'Na_pv', 'P': 'P', 'O': 'O'}}


def test_tables_by_element_are_compared_where_both_have_an_entry():
    assert differences(PBE, OXIDE) == {}
    assert hash_method(PBE) != hash_method(OXIDE)
    assert union(PBE, OXIDE)['potcars'] == {'Na': 'Na_pv', 'P': 'P', 'S': 'S', 'O': 'O'}
    soft = {**OXIDE, 'potcars': {'Na': 'Na', 'O': 'O'}}
    assert differences(PBE, soft) == {'potcars of Na': ('Na_pv', 'Na')}


def test_everything_else_must_be_equal():
    assert differences(PBE, {**PBE, 'functional': 'LDA'}) == {'functional': ('PBE', 'LDA')}
    assert differences(PBE, {**PBE, 'ldau': {'V': 3.1}}) == {'ldau': (None, {'V': 3.1})}
    assert differences({}, PBE)
    assert differences({}, {}) == {}
