"""``glassion launch active-learning --continue`` and ``--from-frames``: what is taken over, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.common.links import LinkType
from aiida.manage.caching import enable_caching
from click.testing import CliRunner
from plumpy import ProcessState

from aiida_glassion.cli import main
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_active_learning import frames_of_runs
from aiida_glassion.cli.launch_active_learning_continue import take_up
from aiida_glassion.cli.study_builder import assemble
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames

SILICA = Path(__file__).parents[1] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'


def flat(inputs: Mapping, prefix: str = ''):
    for name, value in inputs.items():
        if isinstance(value, Mapping):
            yield from flat(value, f'{prefix}{name}__')
        elif isinstance(value, orm.Data):
            yield f'{prefix}{name}', value


def without_nodes(inputs: Mapping) -> dict:
    """What stands in a process itself: options of jobs, labels."""
    parts = {name: without_nodes(value) if isinstance(value, Mapping) else value for name, value in inputs.items()}
    return {name: value for name, value in parts.items() if value != {} and not isinstance(value, orm.Data)}


def process(kind, label, state=ProcessState.FINISHED, status=0, inputs=(), options=None, **more):
    parent, link = more.pop('parent', None), more.pop('link', None)
    node = kind(**more)
    node.set_metadata_inputs(options or {})
    node.set_process_label(label)
    work = isinstance(node, orm.WorkflowNode)
    for name, data in inputs:
        data.store()
        node.base.links.add_incoming(data, LinkType.INPUT_WORK if work else LinkType.INPUT_CALC, name)
    if parent is not None:
        node.base.links.add_incoming(parent, LinkType.CALL_WORK if work else LinkType.CALL_CALC, link)
    node.set_process_state(state)
    if state == ProcessState.FINISHED:
        node.set_exit_status(status)
        node.set_exit_message('The loop did not converge' if status else '')
    return node.store()


@pytest.fixture
def loop(aiida_profile_clean, tmp_path, lmp_code, lmp_deepmd_code, dp_code):
    """A loop that ended somehow after one iteration and in the middle of the next."""
    study = {
        'datasets': {'start': {'path': str(SILICA), 'like_label': True}},
        'label': {'engine': 'lammps', 'potential': 'pmmcs', 'code': lmp_code.full_label},
        'train': {'protocol': 'tiny', 'code': dp_code.full_label},
        'explore': {'code': lmp_deepmd_code.full_label},
        'protocol': 'fast',
        'settings': {'max_iterations': 1},
    }
    path = tmp_path / 'study.yaml'
    path.write_text(yaml.safe_dump(study))

    def build(state=ProcessState.FINISHED, status=510, judged=1):
        builder = assemble(path).builder
        name = 'aiida.workflows:glassion.active_learning'
        given = builder._inputs(prune=True)
        inputs, options = list(flat(given)), without_nodes(given)
        root = process(orm.WorkChainNode, 'ActiveLearningWorkChain', state, status, inputs, options, process_type=name)
        root.label = 'silica'
        frames = next(iter(read_system(SILICA)))
        method = builder.datasets['start'].method
        split = process(orm.CalcFunctionNode, 'split_dataset', parent=root, link='split_start')
        for port, part, label in (('datasets__start', frames[:80], 'train'), ('test_set__start', frames[80:], 'test')):
            give(DatasetData.from_frames(part, method), split, label, root, port)
        if judged:
            decision = {'action': 'advance', 'reason': 'under 1 % candidates', 'criteria': []}
            record = {'number': 1, 'stage': 'melt', 'stage_index': 0, 'stage_round': 1, 'decision': decision}
            assess = process(orm.CalcFunctionNode, 'assess', parent=root, link='iteration_01_assess')
            give(orm.Dict(record), assess, 'result', root, 'iterations__iteration_01')
            process(orm.WorkChainNode, 'TrainWorkChain', parent=root, link='iteration_02_train')
            process(orm.WorkChainNode, 'ExploreWorkChain', status=500, parent=root, link='iteration_02_explore')
        return root

    return build


def give(data, creator, label, root, port):
    data.base.links.add_incoming(creator, LinkType.CREATE, label)
    data.store()
    data.base.links.add_incoming(root, LinkType.RETURN, port)


@pytest.fixture
def invoke(aiida_profile_clean):
    def run(*arguments):
        options = ('--profile', aiida_profile_clean.name, '--dry-run')
        words = [str(word) for word in arguments]
        return CliRunner(env={'COLUMNS': '160'}).invoke(main, ['launch', 'active-learning', *words, *options])

    return run


def test_it_says_what_it_takes_over(loop, invoke):
    root = loop()
    done = invoke('--continue', root.pk, '--more-iterations', 5, '--set', 'settings.max_labels=321')
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        f'Go on with silica (pk {root.pk}, ended with 510: The loop did not converge)',
        'taken over: 1 iterations, 80 labelled frames to learn from and 10 held out',
        'the last one, 1, decided: advance: under 1 % candidates',
        'goes on with iteration 2: stage glass, round 1',
        'iteration 2 was interrupted; finished in it: train.',
        'caching is off for glassion.deepmd.train, glassion.md, glassion.label.lammps',
        'verdi config set --append caching.enabled_for aiida.calculations:glassion.md',
        'at 6 iterations, 321 labels',
        'Nothing was submitted',
    ):
        assert words in said, said


def test_nothing_is_said_of_a_cache_that_is_on(loop):
    with enable_caching():
        builder, told = take_up(str(loop(ProcessState.KILLED).pk), [('max_labels', 99)])
    from rich.console import Console

    page = io.StringIO()
    Console(width=160, file=page).print(told)
    text = page.getvalue()
    assert 'caching is off' not in text
    assert 'killed' in text
    assert 'the limit of 1 iterations is reached already: it would end at once; give --more-iterations N' in text
    assert builder.settings['max_labels'] == 99
    assert sorted(builder.earlier.iterations) == ['iteration_01']
    assert builder.datasets['start'].n_frames == 80
    assert builder.test['start'].n_frames == 10


def test_changes_that_make_no_sense(loop):
    pk = str(loop().pk)
    for changes, words in (
        ([('settings.max_label', 3)], "max_label is not a setting; did you mean 'max_labels'?"),
        ([('train.overrides.committee', 3)], 'only settings of the loop can change'),
        ([('max_labels', 0)], 'max_labels: 0 given'),
    ):
        with pytest.raises((ValueError, GlassionError)) as caught:
            take_up(pk, changes)
        assert words in str(getattr(caught.value, 'message', caught.value))


def test_what_cannot_go_on(loop):
    running = loop(ProcessState.WAITING, judged=0)
    with pytest.raises(GlassionError, match='still runs') as caught:
        take_up(str(running.pk))
    assert caught.value.mend == f'verdi process kill {running.pk}'
    with pytest.raises(GlassionError, match='is TrainWorkChain, no active learning'):
        take_up(str(process(orm.WorkChainNode, 'TrainWorkChain').pk))
    with pytest.raises(GlassionError, match='is Dict, no active learning'):
        take_up(str(orm.Dict({}).store().pk))


def frames_node(length=4.0):
    positions = np.broadcast_to([[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]], (3, 2, 3))
    return FramesData(frames=Frames(('Na', 'Cl'), positions, np.broadcast_to(length * np.eye(3), (3, 3, 3))))


def test_frames_of_runs(aiida_profile_clean):
    alone = frames_node().store()
    md = process(orm.WorkChainNode, 'MdWorkChain')
    give(
        frames_node(5.0), process(orm.CalcFunctionNode, 'join_segments', parent=md, link='join'), 'x', md, 'trajectory'
    )
    quench = process(orm.WorkChainNode, 'MeltQuenchWorkChain')
    inner = process(orm.WorkChainNode, 'MdWorkChain', parent=quench, link='melt')
    give(frames_node(6.0), process(orm.CalcFunctionNode, 'join', parent=inner, link='j'), 'x', inner, 'trajectory')
    found = frames_of_runs((str(alone.pk), str(md.pk), str(quench.pk), str(alone.pk)))
    assert list(found) == [f'run_{alone.pk}', f'run_{md.pk}', f'run_{quench.pk}_{inner.pk}']
    assert [float(node.frames.cells[0, 0, 0]) for node in found.values()] == [4.0, 5.0, 6.0]
    with pytest.raises(GlassionError, match='has no configurations'):
        frames_of_runs((str(process(orm.WorkChainNode, 'MeltQuenchWorkChain').pk),))
    with pytest.raises(GlassionError, match='is Dict, no frames'):
        frames_of_runs((str(orm.Dict({}).store().pk),))
