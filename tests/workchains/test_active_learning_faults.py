"""What breaks in active learning: the loop goes on where it can, ends with a reason where it cannot, loses nothing."""

from __future__ import annotations

import pytest
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from small_loop import SILICA, really_run, small_loop

from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.deepmd.input import derive_seeds
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain
from aiida_glassion.workchains.active_learning_inputs import seed_of
from aiida_glassion.workchains.cost import cost_of
from aiida_glassion.workchains.initial_data import InitialDataWorkChain
from aiida_glassion.workchains.label_inputs import fill
from aiida_glassion.workchains.train_inputs import member_seed

ALL = {'levels', 'errors', 'labels', 'cost', 'decision', 'exploration', 'selection'}
CRYSTAL = {'repeats': [1, 1, 1], 'scales': [1.0], 'structures': 23, 'displacement': 0.1}
"""24 structures: the crystal itself is one."""


@pytest.fixture
def codes(aiida_profile_clean, fake_code):
    """Make the stand-ins; what each is told, by its kind."""

    def make(**told):
        return {
            kind: fake_code(kind, f'{kind}-{len(str(told))}', **told.get(kind, {})) for kind in ('dp', 'lmp', 'label')
        }

    return make


def training_seed(loop_seed: int, iteration: int, member: int, attempt: int = 0) -> int:
    """Seed that a member's input.json names."""
    return derive_seeds(member_seed(seed_of(loop_seed, iteration, 'train'), member, attempt), 1)[0]


def test_an_iteration_bears_what_breaks_in_it(codes, tmp_path):
    """One member diverges; a training, a run and a labelling are killed; runs explode; a fifth of the labels fail."""
    diverging = training_seed(1, 1, 2)
    told = {
        'dp': {'FAKE_DP_NAN': f'seeds:{diverging}', 'FAKE_DP_DIE_ONCE': tmp_path / 'dp'},
        'lmp': {'FAKE_LMP_CANDIDATES': 0.7, 'FAKE_LMP_EXPLODE': 1, 'FAKE_LMP_SOFT': 0.6,
                'FAKE_LMP_DIE_ONCE': tmp_path / 'lmp'},
        'label': {'FAKE_LABEL_REFUSE_FIRST': f'{tmp_path / "refused"}:2', 'FAKE_LABEL_DIE_ONCE': tmp_path / 'label'},
    }  # fmt: skip
    settings = {'max_iterations': 1}
    outputs, node = run_get_node(small_loop(codes(**told), settings))
    assert node.exit_status == 510, node.exit_message
    assert all((tmp_path / name).exists() for name in ('dp', 'lmp', 'label')), 'nothing was killed'

    record = outputs['iterations']['iteration_01'].get_dict()
    assert set(record) >= ALL
    assert record['exploration']['runs'] == 2
    assert record['exploration']['failed'] == 0
    train, explore, label = (
        next(link.node for link in node.base.links.get_outgoing(link_label_filter=f'iteration_01_{part}').all())
        for part in ('train', 'explore', 'label')
    )
    assert sorted(outputs['potentials']) == ['seed_1', 'seed_2']
    exits = [job.exit_status for job in train.called_descendants if job.process_label == 'DeepmdTrainCalculation']
    assert sorted(exits) == [0, 0, 303, 321], 'one was taken up from its checkpoint, one begun again, calmer'
    runs = explore.outputs.report['runs']
    assert {run['state'] for run in runs.values()} == {'finished'}
    assert [run['softer'] for run in runs.values()] == [1, 1], 'both exploded once and were done with a shorter step'
    assert all(run['n_frames'] >= 20 for run in runs.values())

    labels = record['labels']
    assert labels['asked'] == 12
    assert labels['labelled'] + labels['refused'] == 12
    assert labels['refused'] == 2
    assert label.outputs.ledger['by_kind'] == {'missing': labels['refused']}, 'the killed ones were done again'
    assert labels['total'] == 30 + labels['labelled']
    parts = [outputs[port]['iteration_01'].n_frames for port in ('datasets', 'test_set')]
    assert sum(parts) == labels['labelled']
    assert outputs['report']['labels']['total'] == labels['total']


def test_a_failed_exploration_ends_the_loop_and_is_made_good_without_training_again(codes, tmp_path):
    """All runs fail: the loop ends with what there is. With another LAMMPS it goes on, and nothing is trained again."""
    broken, whole = (codes(lmp={'FAKE_LMP_CANDIDATES': 0.7, **more}) for more in ({'FAKE_LMP_FAIL': 1}, {}))
    with enable_caching():
        outputs, node = run_get_node(small_loop(broken, {'max_iterations': 1}))
        assert node.exit_status == 513, node.exit_message
        assert 'the fake was told to fail' in node.exit_message
        assert set(outputs) >= {'datasets', 'test_set', 'memory', 'potentials', 'errors', 'report'}
        assert 'iterations' not in outputs
        assert outputs['report']['converged'] is False

        builder = ActiveLearningWorkChain.get_builder_from_earlier(node)
        builder.explore.md.md.code = whole['lmp']
        outputs, node = run_get_node(builder)
    assert node.exit_status == 510, node.exit_message
    assert sorted(outputs['iterations']) == ['iteration_01']
    assert sorted(really_run(node)) == ['AseLabelCalculation', 'MdCalculation', 'MdCalculation']


def test_a_loop_from_first_structures_ends_where_its_labels_are_spent(codes):
    """What came before the first iteration is labelled, counted and paid for, too."""
    builder = small_loop(codes(lmp={'FAKE_LMP_CANDIDATES': 0.7}), {'max_iterations': 5, 'max_labels': 30})
    crystal = FramesData(frames=next(iter(read_system(SILICA)))[:1])
    first = InitialDataWorkChain.get_builder_from_protocol(
        {'silica': crystal},
        protocol='fast',
        overrides={'relax': {'engine': 'none'}, 'dynamics': {'engine': 'none'}, 'crystal': CRYSTAL},
    )
    builder.datasets = {}
    fill(builder.initial, first._inputs(prune=True))
    outputs, node = run_get_node(builder)
    assert node.exit_status == 511, node.exit_message
    assert 'Not converged with 30 labelled frames' in node.exit_message
    report = outputs['report'].get_dict()
    assert report['labels'] == {'total': 30, 'initial': 24}
    assert report['reason'] in node.exit_message
    assert report['iterations'] == 1, 'nothing is trained that could not be followed by labels'
    record = outputs['iterations']['iteration_01'].get_dict()
    assert (record['labels']['asked'], record['labels']['labelled']) == (6, 6), 'no more are asked for than are left'
    assert set(report['cost']) == {'initial_data', 'label_initial', 'train', 'explore', 'label'}
    labelling = node.base.links.get_outgoing(link_label_filter='label_initial').one().node
    assert report['cost']['label_initial'] == cost_of(labelling)
    assert report['cost']['label_initial']['jobs'] == 1
    assert report['cost']['train'] == record['cost']['train']


def test_a_member_lost_for_good_is_missed_for_an_iteration(codes):
    """Two members go on without the third; the ledger says what became of it."""
    lost = ','.join(str(training_seed(1, 1, 3, attempt)) for attempt in (0, 1))
    told = {'dp': {'FAKE_DP_FAIL': f'seeds:{lost}'}, 'lmp': {'FAKE_LMP_CANDIDATES': 0.7}}
    outputs, node = run_get_node(small_loop(codes(**told), {'max_iterations': 1}, committee=3))
    assert node.exit_status == 510, node.exit_message
    explore = node.base.links.get_outgoing(link_label_filter='iteration_01_explore').one().node
    assert sorted(explore.inputs.committee) == ['member_2'], 'one leads, one looks on'
    assert outputs['iterations']['iteration_01']['labels']['labelled'] == 12
    assert sorted(outputs['potentials']) == ['seed_1', 'seed_2']
    ledger = outputs['report']['failures']
    assert [(entry['iteration'], entry['part'], entry['what'], entry['then']) for entry in ledger] == [
        (1, 'train', 'train_seed_3', 'again with another seed'),
        (1, 'train', 'train_seed_3_again_1', 'left out'),
    ]
