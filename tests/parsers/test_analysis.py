"""The parser of `glassion.analysis` on whatever a job may leave: an exit code that says it, never an exception."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType

from aiida_glassion.analysis import store
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import Outcome, analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.frames import Frames
from aiida_glassion.parsers.analysis import AnalysisParser


@pytest.fixture(scope='module')
def outcome() -> Outcome:
    random = np.random.default_rng(0)
    frames = Frames(('Si', 'O', 'O') * 8, random.uniform(0, 9, (4, 24, 3)), np.tile(np.eye(3) * 9, (4, 1, 1)))
    return analyse(read_request({'analyses': {'rdf': {'bin_width': 0.5}}}), of_frames(frames))


@pytest.fixture
def parse(aiida_profile, localhost, tmp_path):
    """Parse files as if they had been retrieved; returns outputs, exit status and message."""

    def run(outcome: Outcome | None = None, spoil=None, copied: bytes | None = None, **files: str | dict):
        node = orm.CalcJobNode(computer=localhost, process_type='aiida.calculations:glassion.analysis')
        node.set_options(
            {'resources': {'num_machines': 1}, 'output_filename': 'analysis.out', 'scheduler_stderr': '_err.txt'}
        )
        if copied is not None:
            node.base.links.add_incoming(orm.Int(2).store(), LinkType.INPUT_CALC, 'copy_every')
        node.store()
        retrieved = orm.FolderData()
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            retrieved.base.repository.put_object_from_bytes(text.encode(), name.replace('__', '.'))
        retrieved.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label='retrieved')
        retrieved.store()
        folder = tmp_path / 'temporary'
        folder.mkdir(exist_ok=True)
        if outcome is not None:
            store.write(outcome, folder / 'outcome', csv=False)
        if copied:
            (folder / 'copied.bin').write_bytes(copied)
            (folder / 'copied.json').write_text(json.dumps({'symbols': ['Na', 'Cl'], 'pbc': [True] * 3}))
        if spoil is not None:
            spoil(folder / 'outcome')
        outputs, calcfunction = AnalysisParser.parse_from_node(node, retrieved_temporary_folder=str(folder))
        return outputs, calcfunction.exit_status, calcfunction.exit_message or ''

    return run


def changed(outcome: Outcome, **changes) -> Outcome:
    content = {name: getattr(outcome, name) for name in outcome.__dataclass_fields__}
    return Outcome(**{**content, **changes})


RUN = {'seconds': {}, 'versions': {}, 'peak_memory': 99.0}


def test_a_whole_outcome(parse, outcome):
    outputs, status, _ = parse(outcome, run__json=RUN, progress__json={'done': 4, 'total': 4})
    assert status == 0
    assert outputs['run']['peak_memory'] == 99.0
    assert outputs['numbers']['system']['units']['cutoffs'] == 'Å'
    assert 'seconds' not in outputs['numbers'].get_dict()
    about = outputs['curves'].base.attributes.get('curves')['rdf__g_O_Si']
    assert (about['x_unit'], about['about']['n_frames']) == ('Å', 4)
    np.testing.assert_array_equal(
        outputs['curves'].get_array('rdf__g_O_Si__error'), outcome.results['rdf'].curves['g_O_Si'].error
    )


def copies(n_frames: int) -> bytes:
    """Frames of two atoms as the job writes them."""
    form = np.dtype([('time', '<f8'), ('cell', '<f8', (3, 3)), ('positions', '<f4', (2, 3))])
    records = np.zeros(n_frames, form)
    records['time'], records['cell'], records['positions'] = np.arange(n_frames), np.eye(3) * 5, 1.5
    return records.tobytes()


def test_frames_that_were_copied_come_home(parse, outcome):
    outputs, status, _ = parse(outcome, copied=copies(3), run__json=RUN)
    assert status == 0
    frames = outputs['copied'].frames
    assert (frames.n_frames, frames.symbols, frames.positions.dtype) == (3, ('Na', 'Cl'), np.float32)
    np.testing.assert_array_equal(frames.times, [0, 1, 2])


def test_of_a_job_that_was_killed_the_whole_copies_are_kept(parse, outcome):
    outputs, status, _ = parse(None, copied=copies(2))
    assert (status, outputs['copied'].n_frames) == (302, 2)
    outputs, status, _ = parse(changed(outcome, n_requested=9), copied=copies(3)[:-7])
    assert (status, outputs['copied'].n_frames) == (304, 2)


@pytest.mark.parametrize(
    ('content', 'words'), [(b'', 'copied.bin holds no frame'), (b'\xff' * 1000, 'cannot be read'), (b'1', 'no frame')]
)
def test_copies_that_are_none_are_told_and_the_results_kept(parse, outcome, content, words):
    outputs, status, message = parse(outcome, copied=content, run__json=RUN)
    assert (status, 'copied' in outputs) == (304, False)
    assert words in message
    assert 'curves' in outputs


def test_some_that_failed(parse, outcome):
    outputs, status, message = parse(changed(outcome, failed={'rings': 'too large'}), run__json=RUN)
    assert (status, 'rings: too large' in message) == (312, True)
    assert outputs['numbers']['failed'] == {'rings': 'too large'}


@pytest.mark.parametrize(
    ('files', 'status', 'words'),
    [
        ({}, 304, 'the job left no word'),
        ({'analysis__out': 'Traceback\nOSError: disk full\n'}, 304, 'OSError: disk full'),
        ({'error__json': {'kind': 'data', 'message': 'a.xyz, frame 9: bad'}}, 310, 'a.xyz, frame 9: bad'),
        ({'error__json': {'kind': 'walltime', 'message': '570 s were used'}}, 303, '570 s'),
        ({'error__json': {'kind': 'memory', 'message': 'out of memory'}}, 320, 'memory'),
        ({'error__json': {'kind': 'terminated', 'message': 'told to end'}}, 304, 'told to end'),
        ({'_err__txt': 'slurmstepd: error: Detected 1 oom-kill event(s)\n'}, 320, 'oom-kill'),
        ({'_err__txt': 'slurmstepd: CANCELLED AT 2026 DUE TO TIME LIMIT\n'}, 303, 'TIME LIMIT'),
        ({'error__json': '{"kind": "da'}, 304, 'no word'),
        ({'error__json': '[1]'}, 304, 'no word'),
    ],
)
def test_what_had_been_written_is_kept(parse, outcome, files, status, words):
    outputs, found, message = parse(changed(outcome, n_requested=9), **files)
    assert found == status, message
    assert words in message
    assert 'the results are those of 4 of 9 frames' in message
    assert outputs['numbers']['complete'] is False
    assert 'curves' in outputs


@pytest.mark.parametrize(
    ('files', 'status', 'words'),
    [
        ({}, 302, 'the job left no word (no frame was done)'),
        ({'analysis__out': '/usr/bin/python: No module named aiida_glassion\n'}, 302, 'No module named aiida_glassion'),
        ({'error__json': {'kind': 'request', 'message': 'did you mean rdf?'}}, 311, 'did you mean rdf?'),
        ({'progress__json': {'done': 3, 'total': 70}}, 302, '3 of 70 frames were done, no results had been written'),
    ],
)
def test_nothing_was_written(parse, files, status, words):
    outputs, found, message = parse(**files)
    assert (found, outputs) == (status, {}), message
    assert words in message


@pytest.mark.parametrize(('name', 'share'), [('numbers.json', 0.0), ('numbers.json', 0.97), ('curves.npz', 0.9)])
def test_files_cut_anywhere(parse, outcome, name, share):
    def cut(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])

    outputs, status, message = parse(outcome, cut, run__json=RUN)
    assert status == 302
    assert 'cannot be read' in message
    assert 'numbers' not in outputs
