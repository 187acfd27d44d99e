"""The record of an iteration as a node."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.functions.committee import PARITY_UNITS
from aiida_glassion.functions.learning import assess_iteration
from aiida_glassion.kernels.learning.parity import Parity

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

SETTINGS = {'convergence': {'min_frames': 10, 'checks': 1}, 'stage': {'name': 'melt', 'gate': False}}
SELECTION = {'visited': 100, 'candidate': 0, 'failed': 0, 'chosen': 0, 'accurate': 100}
EXPLORATION = {'counts': {'finished': 4}}


def facts(number: int, **more) -> dict:
    return {
        'number': number,
        'stage_index': 0,
        'n_stages': 1,
        'stage_round': number,
        'labels_total': 9,
        'cost': {},
        **more,
    }


def errors(mean: float) -> orm.Dict:
    rmse = {'mean': mean, 'standard_error': 0.1, 'spread': 0.1, 'n': 2}
    return orm.Dict({'n_frames': 40, 'formulas': {'O3': 40}, 'force': {'rmse': rmse, 'reference_rms': 1000.0}})


def parity(noise: float, n: int) -> orm.ArrayData:
    forces = np.random.default_rng(1).normal(size=(60, 3, 3))[:n]
    predicted = forces + noise * np.random.default_rng(2).normal(size=(60, 3, 3))[:n]
    made = Parity(
        ('O3',) * n, np.full(n, 3), ('O',), np.zeros(3 * n, dtype=int), forces.sum(axis=(1, 2)),
        forces.sum(axis=(1, 2)), forces.reshape(-1, 3), predicted.reshape(-1, 3),
    )  # fmt: skip
    node = orm.ArrayData(made.arrays())
    node.base.attributes.set_many({'formulas': ['O3'], 'elements': ['O'], 'units': PARITY_UNITS})
    return node


def test_two_iterations_and_their_links():
    given = {'exploration': orm.Dict(EXPLORATION), 'selection': orm.Dict(SELECTION)}
    levels = orm.Dict({'lower': 0.1, 'upper': 0.2})
    first = assess_iteration(orm.Dict(SETTINGS), orm.Dict(facts(1)), errors=errors(100.0), levels=levels, **given)
    assert first['decision']['action'] == 'repeat'
    second, node = assess_iteration.run_get_node(
        orm.Dict(SETTINGS), orm.Dict(facts(2)), errors=errors(99.0), levels=levels, earlier_00=first, **given
    )
    assert second['decision']['action'] == 'converged'
    assert 'since iteration 1 (100 to 99 meV/Å, 40 frames held out then and 40 now)' in second['decision']['reason']
    links = {link.link_label for link in node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all()}
    assert {'earlier_00', 'selection', 'levels'} <= links


def test_the_error_on_common_frames_decides_where_it_is_known():
    """The whole error rose, for the frames got harder; on those held out both times it fell by half."""
    given = {'exploration': orm.Dict(EXPLORATION), 'selection': orm.Dict(SELECTION), 'levels': orm.Dict({'lower': 0.1})}
    first = assess_iteration(orm.Dict(SETTINGS), orm.Dict(facts(1)), errors=errors(100.0), **given)
    second = assess_iteration(
        orm.Dict(SETTINGS), orm.Dict(facts(2, earlier_parity=1)), errors=errors(120.0), earlier_00=first,
        parity=parity(0.1, 60), earlier_parity=parity(0.2, 40), **given,
    )  # fmt: skip
    assert second['decision']['action'] == 'repeat'
    unmet = {c['name']: c for c in second['decision']['criteria'] if not c['met']}
    assert list(unmet) == ['held_out_error']
    assert unmet['held_out_error']['value'] == pytest.approx(0.5, abs=1e-9)
    assert 'on the 40 frames held out both times): still falling' in unmet['held_out_error']['words']
