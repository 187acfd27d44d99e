"""``glassion launch train``, ``show`` and ``watch`` of a training: what is said before, after and meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aiida_glassion.cli import main, watch_rows
from aiida_glassion.cli.launch_train_plan import SECONDS_PER_ATOM, batch_of, plan_training, speed_kind
from aiida_glassion.cli.watch_training import Learning, describe, parse_learning
from aiida_glassion.cli.watch_tree import Task
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.workchains import protocols

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'


@pytest.fixture
def dataset(aiida_profile_clean):
    node = DatasetData.from_frames(read_system(FIXTURES / 'silica' / 'O16Si8'), method={'engine': 'lammps'})
    node.label = 'Molten silica'
    return node.store()


@pytest.fixture
def invoke(aiida_profile_clean, dp_code):
    """The command in this process, in the profile of the tests; it never asks and never submits to a daemon."""

    def run(*arguments):
        profile = ('--code', dp_code.full_label, '--profile', aiida_profile_clean.name)
        return CliRunner(env={'COLUMNS': '120'}).invoke(main, ['launch', 'train', *map(str, arguments), *profile])

    return run


def test_dry_run_says_what_will_be_done(invoke, dataset):
    done = invoke(dataset.pk, '--protocol', 'tiny', '--committee', 3, '--steps', 500, '--seed', 4, '--dry-run')
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        'Train a committee on O-Si',
        f'molten_silica (pk {dataset.pk}): 90 frames; O16Si8 (90)',
        '73 to learn from, 8 to watch, 9 held out to test',
        '3 models, at most 3 at a time; seed 4',
        'se_e2_a, cutoff 4.0 Å, tensorflow, compressed',
        '500 batches of about 48 atoms: each frame 13.7 times',
        'An estimate: about',
        'Nothing was submitted',
    ):
        assert words in said, (words, said)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--protocol', 'tinny'], "did you mean 'tiny'"),
        (['--hold-out', 'O16Si9'], "did you mean 'O16Si8'"),
        (['--hold-out', 'O16Si8'], 'nothing would be left to learn from'),
        (['--set', 'split.test_fracton=0.2'], "did you mean 'test_fraction'"),
        (['--set', 'parameters.loss.start_pref_x=1', '--protocol', 'tiny'], 'start_pref_x'),
        (['--warm-start', '{code}'], 'is no training with models'),
        (['--test', '{code}'], 'is InstalledCode, no dataset of labelled frames'),
    ],
)
def test_what_makes_no_sense_is_refused(invoke, dataset, dp_code, arguments, words):
    done = invoke(dataset.pk, *(word.format(code=dp_code.pk) for word in arguments), '--dry-run')
    assert done.exit_code != 0
    assert words in ' '.join(done.output.split())


def test_batches_and_the_estimate_of_time():
    assert batch_of('auto', 24) == 2
    assert batch_of('auto:100', 24) == 5
    assert batch_of(4, 24) == 4
    settings = protocols.load('train', 'moderate')
    assert speed_kind(settings['parameters']) == 'single'
    assert speed_kind(protocols.load('train', 'napso')['parameters']) == 'double'
    assert speed_kind(protocols.load('train', 'fast')['parameters']) == 'small'
    assert speed_kind(protocols.load('train', 'tiny')['parameters']) == 'tiny'
    systems = [{'counts': {'O': 16, 'Si': 8}, 'n_frames': 30}, {'counts': {'Na': 40}, 'n_frames': 10}]
    plan = plan_training(settings, systems, {'training': 32, 'validation': 4, 'test': 4}, 2, 1)
    assert plan.elements == ('Na', 'O', 'Si')
    assert plan.atoms_per_batch == pytest.approx(0.75 * 48 + 0.25 * 40)
    assert plan.passes == pytest.approx(200000 * 1.75 / 32)
    assert plan.seconds_per_batch == pytest.approx(0.004 + 46 * SECONDS_PER_ATOM['single'])
    assert plan.seconds_waiting == pytest.approx(2 * plan.member_seconds)
    assert plan.core_seconds == pytest.approx(4 * plan.member_seconds)


def tail_of(lines: int) -> str:
    """What the shell prints of a running training."""
    curve = (FIXTURES / 'logs' / 'validation.lcurve').read_text().splitlines(keepends=True)
    log = (FIXTURES / 'logs' / 'whole.log').read_text()[-2000:]
    return ''.join([curve[0], *curve[2:][:lines][-2:]]) + '\n=== GLASSION end of the tail ===\n' + log


def test_progress_from_curve_and_log():
    learning = parse_learning(tail_of(3), 1000)
    assert learning.steps == 1000
    assert learning.step > 0
    assert learning.seconds_per_batch == pytest.approx(0.0033)
    assert learning.force_error is not None
    assert 0.1 < learning.force_error < 5
    assert parse_learning('', 1000) == Learning(0, 1000)
    for cut in range(0, 400, 7):
        assert parse_learning(tail_of(3)[:cut], 1000).step <= 1000


def test_a_row_for_each_member_also_those_that_wait():
    job = Task('iteration_01', 'DeepmdTrainCalculation', 5, 'waiting', job_state='running',
               learning=Learning(250, 1000, 0.01, 0.4))  # fmt: skip
    settings = {'committee': 3, 'parameters': {'training': {'numb_steps': 1000}}}
    members = (
        Task('split_test_a', 'split_dataset', 2, 'finished', 0),
        Task('train_seed_1', 'TrainMemberWorkChain', 3, 'finished', 0, learning=Learning(1000, 1000)),
        Task('train_seed_2', 'TrainMemberWorkChain', 4, 'waiting', learning=Learning(0, 1000), children=(job,)),
    )
    root = Task('TrainWorkChain', 'TrainWorkChain', 1, 'waiting', settings=settings, children=members)
    done, running, waiting = watch_rows.rows_of(root)
    assert (done.name, done.status, done.done) == ('train_seed_1', 'done', 1000)
    assert (running.stage, running.done, running.total) == ('learn, 400 meV/Å', 250, 1000)
    assert running.left == pytest.approx(7.5)
    assert (waiting.name, waiting.stage) == ('train_seed_3', 'waits for its turn')
    assert describe(Learning(1000, 1000, 0.01, 0.4)) == 'freeze'
    assert describe(Learning(0, 1000)) == 'starts'
    totals = watch_rows.totals_of([done, running, waiting])
    assert totals.done == 1250
    assert totals.total == 3000
    failed = Task('train_seed_1', 'TrainMemberWorkChain', 3, 'finished', 412, 'no', learning=Learning(30, 1000))
    row = watch_rows.rows_of(Task('t', 'TrainWorkChain', 1, 'finished', 500, settings=settings, children=(failed,)))[0]
    assert (row.status, row.done, row.reason) == ('failed', 30, '[412] no')


def test_names_of_datasets(aiida_profile_clean):
    from aiida_glassion.cli.launch_train import read_datasets

    nodes = []
    for label in ('Melt, 3000 K', 'Melt, 3000 K', '', '42__x'):
        node = DatasetData.from_frames(read_system(FIXTURES / 'silica' / 'O16Si8'))
        node.label = label
        nodes.append(node.store())
    found = read_datasets([str(node.pk) for node in nodes], 'datasets')
    pks = [node.pk for node in nodes]
    assert list(found) == ['melt_3000_k', f'melt_3000_k_{pks[1]}', f'data_{pks[2]}', 'data_42_x']
