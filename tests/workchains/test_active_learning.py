"""The loop with stand-ins for the engines: labels, learns, judges glasses, converges, and takes other runs' frames."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node
from small_loop import SILICA, STAGE, add_history, small_loop

from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain
from aiida_glassion.workchains.active_learning_build import load_settings

SETTINGS = {
    'max_iterations': 2,
    'convergence': {
        'checks': 1,
        'candidate_fraction': 0.3,
        'failed_fraction': 0.3,
        'error_fall': 0.9,
        'relative_error': None,
    },
    'final': {'train': True, 'most': 1.0},
}


@pytest.fixture
def codes(aiida_profile_clean, fake_code):
    return {
        'dp': fake_code('dp'),
        'lmp': fake_code('lmp', FAKE_LMP_CANDIDATES='0.6,0'),
        'label': fake_code('label'),
    }


def test_from_first_frames_to_a_verdict_and_on(codes):
    builder = small_loop(codes, SETTINGS)
    settings = load_settings('fast', None, [{**STAGE, 'gate': True}])
    builder.settings = orm.Dict({**builder.settings.get_dict(), 'stages': settings['stages'], 'gate': settings['gate']})
    outputs, node = run_get_node(builder)
    assert node.exit_status in (0, 510), node.exit_message
    records = {name: record.get_dict() for name, record in outputs['iterations'].items()}
    assert list(records) == ['iteration_01', 'iteration_02']
    first, second = records['iteration_01'], records['iteration_02']
    assert first['decision']['action'] == 'repeat'
    assert first['labels']['labelled'] > 0
    assert first['labels']['total'] == 30 + first['labels']['labelled']
    assert second['gate'] is not None, second['decision']['reason']
    assert second['selection']['visited'] >= 20

    learned = sum(part.n_frames for port in ('datasets', 'test_set') for part in outputs[port].values())
    assert learned == second['labels']['total']
    assert set(outputs['memory']) == {'initial', 'iteration_01'}
    assert outputs['memory']['initial'].get_array('fingerprints').shape == (30, 32)
    assert set(outputs['selections']) == {'iteration_01', 'iteration_02'}
    assert set(outputs['potentials']) == {'seed_1', 'seed_2'}
    report = outputs['report'].get_dict()
    assert report['labels'] == {'total': learned, 'initial': 30}
    assert report['iterations'] == 2
    assert report['converged'] == node.is_finished_ok
    links = {link.link_label for link in node.base.links.get_outgoing().all()}
    parts = ('train', 'levels', 'explore', 'select', 'assess')
    assert {f'iteration_{number:02d}_{part}' for number in (1, 2) for part in parts} <= links
    assert {'iteration_01_label', 'iteration_01_split', 'iteration_02_gate', 'iteration_02_assess_again'} <= links
    assert ('final_train' in links) == node.is_finished_ok
    assert ('final_train' in report['cost']) == node.is_finished_ok
    assert report['final']['handed_out'] in ('final', 'loop')

    melt = next(iter(read_system(SILICA)))
    on = ActiveLearningWorkChain.get_builder_from_earlier(node, {'max_iterations': 3})
    on.returned = {'quench': FramesData(frames=melt[60:64])}
    outputs, later = run_get_node(on)
    assert set(outputs['iterations']) == {'iteration_01', 'iteration_02', 'iteration_03'}
    links = {link.link_label for link in later.base.links.get_outgoing().all()}
    assert {'iteration_03_judge_returned', 'iteration_03_sort_returned'} <= links
    assert not [link for link in links if link.startswith(('iteration_01_', 'iteration_02_'))]
    third = outputs['iterations']['iteration_03'].get_dict()
    assert third['labels']['total'] >= learned
    assess = next(iter(later.base.links.get_outgoing(link_label_filter='iteration_03_assess').all_nodes()))
    before = node.base.links.get_outgoing(link_label_filter='iteration_01_train').one().node
    assert assess.inputs.earlier_parity.uuid == before.outputs.parity.uuid, 'errors go on to be compared frame by frame'
    assert any(name.startswith('returned_quench__') for name in outputs['selections']['iteration_03'].get_arraynames())


@pytest.mark.parametrize('name', ['iteration_03', 'iterations_01_10'])
def test_names_that_the_loop_gives_are_refused(codes, name):
    builder = small_loop(codes, SETTINGS)
    builder.datasets = {name: builder.datasets['melt']}
    with pytest.raises(ValueError, match=f"'{name}' as a name"):
        run_get_node(builder)


def test_what_came_of_ten_iterations_is_one_input_of_the_next(codes):
    """Few inputs after many iterations, in blocks of ten, twenty, forty; what is handed out stays as it came."""
    builder = small_loop(codes, {**SETTINGS, 'max_iterations': 41, 'final': {'train': False}})
    add_history(builder, 39)
    outputs, node = run_get_node(builder)
    assert len(outputs['iterations']) == 41, node.exit_message
    called = {link.link_label: link.node for link in node.base.links.get_outgoing().all() if link.link_label}
    before, after, select = (called[f'iteration_{part}'] for part in ('40_train', '41_train', '41_select'))
    apart = {f'iteration_{i:02d}' for i in range(31, 40)}
    assert set(before.inputs.datasets) == {'melt', 'iterations_01_20', 'iterations_21_30', *apart}
    assert set(before.inputs.test) == {'iterations_01_20', 'iterations_21_30', *apart}
    assert before.inputs.datasets['iterations_01_20'].n_frames == 60
    assert before.inputs.test['iterations_21_30'].n_frames == 10
    assert set(after.inputs.datasets) == {'melt', 'iterations_01_40'}
    for given, port in ((after.inputs.datasets, 'datasets'), (after.inputs.test, 'test_set')):
        came = sum(part.n_frames for name, part in outputs[port].items() if name != 'melt' and name[-2:] < '41')
        assert given['iterations_01_40'].n_frames == came >= 39
    assert set(select.inputs.memory) == {'iterations_01_40'}
    together = select.inputs.memory['iterations_01_40'].get_array('fingerprints')
    each = [node.get_array('fingerprints') for name, node in outputs['memory'].items() if name[-2:] < '41']
    assert {row.tobytes() for row in together} == {row.tobytes() for part in each for row in part}
    kept = [f'iteration_{i:02d}' for i in range(1, 40)]
    assert set(outputs['datasets']) >= {'melt', *kept}
    assert set(outputs['test_set']) >= set(kept)
    linked = node.outputs
    for port in ('datasets', 'test_set', 'memory', 'selections', 'iterations'):
        assert {name: one.pk for name, one in outputs[port].items()} == {n: one.pk for n, one in linked[port].items()}
