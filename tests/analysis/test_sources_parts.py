"""Dumps of several runs and of the pieces of a run as one trajectory, and some of its frames written down."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.analysis.copied import COPIED, copying, read_copied
from aiida_glassion.analysis.parts import Part, TimedSource, join_in_time, open_parts, read_parts
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.segments import Segment, join_frames

SPECIES = {'1': 'Na', '2': 'Si'}
START = np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0], [9.0, 1.0, 5.0], [5.0, 1.0, 9.0]])
VELOCITY = np.array([[0.5, -0.2, 0.1], [0.0, 0.0, 0.0], [-0.3, 0.4, 0.6], [0.0, 0.1, 0.0]])
BOX = 12.0


def positions_at(time: float) -> np.ndarray:
    """Where the atoms are at a time of the whole, ps."""
    return START + VELOCITY * time


def write_dump(path: Path, steps, time: float, timestep: float, types=(1, 2, 1, 2)) -> Path:
    """A dump whose step 0 is at a time of the whole."""
    path.parent.mkdir(exist_ok=True)
    text = ''
    for step in steps:
        rows = zip(types, positions_at(time + step * timestep).tolist(), strict=True)
        text += f'ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n' + f'0 {BOX}\n' * 3
        text += 'ITEM: ATOMS id type xu yu zu\n'
        text += ''.join(f'{i} {kind} {x!r} {y!r} {z!r}\n' for i, (kind, (x, y, z)) in enumerate(rows, 1))
    path.write_text(text)
    return path


@pytest.fixture
def dumps(tmp_path):
    """Write dumps, one folder each; returns what opens them as one trajectory."""

    def make(*entries, types=(1, 2, 1, 2)):
        parts, folders = [], {}
        for index, (steps, time, timestep, until) in enumerate(entries):
            label = f'run_{index:02d}'
            write_dump(tmp_path / label / 'stage_00.bin', steps, time, timestep, types if index else (1, 2, 1, 2))
            parts.append(Part(label, 'stage_00.bin', time, timestep, until))
            folders[label] = str(tmp_path / label)
        return lambda: open_parts(parts, folders, SPECIES)

    return make


def all_of(source, size=3, **choice) -> Frames:
    return Frames.concatenate([frames for _, frames in source.chunks(size=size, **choice)])


def assert_moves_on(frames: Frames, times) -> None:
    np.testing.assert_allclose(frames.times, times, atol=1e-9)
    np.testing.assert_allclose(frames.positions, [positions_at(time) for time in times], atol=1e-9)


PIECES = {
    'killed, taken up between two frames': [
        (range(0, 2501, 50), 0.0, 1e-3, 2080),
        (range(2100, 8001, 50), 0.0, 1e-3, None),
    ],
    'stopped at a frame, which stands twice': [
        (range(0, 2001, 50), 0.0, 1e-3, 2000),
        (range(2000, 3001, 50), 0.0, 1e-3, None),
    ],
    'three pieces of a later stage': [
        (range(600, 2001, 50), -0.6, 1e-3, 1000),
        (range(1000, 2501, 50), -0.6, 1e-3, 2480),
        (range(2500, 4001, 50), -0.6, 1e-3, None),
    ],
    'exploded, with half the timestep from the restart': [
        (range(0, 2351, 50), 0.0, 1e-3, 2000),
        (range(0, 2001, 100), 2.0, 0.5e-3, None),
    ],
    'two runs, the second with another timestep': [
        (range(0, 1001, 50), 0.0, 1e-3, None),
        (range(0, 501, 25), 1.0, 2e-3, None),
    ],
    'a run whose time is far on': [
        (range(0, 1001, 50), 1e6, 1e-3, None),
        (range(0, 1001, 50), 1e6 + 1, 1e-3, None),
    ],
    'a piece that holds nothing but the frame that stands twice': [
        (range(0, 1001, 50), 0.0, 1e-3, 1000),
        (range(1000, 1001, 50), 0.0, 1e-3, 1020),
        (range(1050, 2001, 50), 0.0, 1e-3, None),
    ],
}  # fmt: skip


@pytest.mark.parametrize('case', PIECES)
def test_parts_are_one_motion_without_a_gap_or_a_frame_twice(dumps, case):
    entries = PIECES[case]
    source = dumps(*entries)()
    first = entries[0][1] + entries[0][0][0] * entries[0][2]
    last = entries[-1][1] + entries[-1][0][-1] * entries[-1][2]
    times = first + 0.05 * np.arange(round((last - first) / 0.05) + 1)
    assert (source.n_frames, source.unwrapped, source.warnings) == (len(times), True, [])
    for size in (1, 7, 1000):
        assert_moves_on(all_of(source, size), times)
    assert_moves_on(all_of(source, first=5, last=len(times) - 2, every=7), times[5:-1:7])


@pytest.mark.parametrize('kind', ['diffusion', 'dynamics', 'channels', 'flexibility'])
def test_all_analyses_of_motion_take_the_parts_as_what_they_are(dumps, kind):
    settings = {'ions': ['Na'], 'reference': ['Si'], 'unwrap': 'trust'} | (
        {'window': 0.4} if kind == 'flexibility' else {}
    )
    request = read_request({'analyses': {kind: settings}})
    source = dumps(*PIECES['exploded, with half the timestep from the restart'])()
    times = 0.05 * np.arange(61)
    whole = Frames(
        ('Na', 'Si', 'Na', 'Si'),
        np.array([positions_at(time) for time in times]),
        np.tile(np.eye(3) * BOX, (61, 1, 1)),
        times=times,
    )
    found, expected = (analyse(request, one) for one in (source, of_frames(whole)))
    assert found.failed == expected.failed == {}
    assert found.results[kind].numbers['n_frames'] == 61
    assert not any('stand twice' in text for text in found.results[kind].warnings)
    for name, curve in expected.results[kind].curves.items():
        np.testing.assert_allclose(found.results[kind].curves[name].y, curve.y, rtol=1e-6, atol=1e-9, err_msg=name)


def test_the_same_frames_as_where_pieces_are_joined_at_home(dumps):
    entries = PIECES['exploded, with half the timestep from the restart']
    pieces, segments = [], []
    for (steps, time, timestep, until), offset in zip(entries, (0, 2000), strict=True):
        own = np.array(steps)
        kept = own[own > 0] if offset else own
        positions = np.array([positions_at(time + step * timestep) for step in kept])
        cells = np.tile(np.eye(3) * BOX, (len(kept), 1, 1))
        zero = np.zeros(len(kept), dtype=int)
        pieces.append(
            Frames(('Na', 'Si', 'Na', 'Si'), positions, cells, steps=kept, times=kept * timestep, stages=zero)
        )
        segments.append(Segment(offset, time, (0,), until))
    joined = join_frames(pieces, segments)
    found = all_of(dumps(*entries)())
    np.testing.assert_allclose(found.times, joined.times, atol=1e-12)
    np.testing.assert_allclose(found.positions, joined.positions, atol=1e-12)


def test_a_last_part_that_was_cut_is_kept_as_far_as_it_is_whole(dumps, tmp_path):
    opened = dumps((range(0, 1001, 50), 0.0, 1e-3, None), (range(0, 1001, 50), 1.0, 1e-3, None))
    last = tmp_path / 'run_01' / 'stage_00.bin'
    last.write_text(last.read_text()[:-9])
    source = opened()
    assert_moves_on(all_of(source), 0.05 * np.arange(40))
    assert 'frame 20, the last, is cut off' in source.warnings[0]


def test_a_part_cut_beyond_what_counts_is_whole(dumps, tmp_path):
    opened = dumps((range(0, 1501, 50), 0.0, 1e-3, 1000), (range(1000, 2001, 50), 0.0, 1e-3, None))
    first = tmp_path / 'run_00' / 'stage_00.bin'
    first.write_text(first.read_text()[:-9])
    source = opened()
    assert_moves_on(all_of(source), 0.05 * np.arange(41))
    assert source.warnings == []


def test_an_inner_part_that_was_cut_is_named(dumps, tmp_path):
    opened = dumps((range(0, 1001, 50), 0.0, 1e-3, None), (range(0, 1001, 50), 1.0, 1e-3, None))
    first = tmp_path / 'run_00' / 'stage_00.bin'
    content = first.read_text()
    first.write_text(content[:-9])
    assert_moves_on(all_of(opened()), 0.05 * np.arange(41))  # its last frame begins the next part
    first.write_text(content[: content.rindex('ITEM: TIMESTEP') - 9])
    with pytest.raises(ValueError, match=r'part run_00/stage_00.bin: .* at 0.9 ps.*run_01.*missing.*frame 19.*cut off'):
        opened()
    # cut between two frames: the file itself is whole
    first.write_text(content[: content.index('ITEM: TIMESTEP\n900')])
    with pytest.raises(ValueError, match=r'part run_00/stage_00.bin: .* at 0.85 ps.*some are missing$'):
        opened()
    first.unlink()
    with pytest.raises(ValueError, match=r'part run_00/stage_00.bin: .*there is no such file'):
        opened()


def test_times_that_do_not_grow_are_refused(dumps, tmp_path):
    run = range(0, 1001, 50)
    with pytest.raises(ValueError, match=r'part run_01/stage_00.bin: its first frame is at 0.5 ps, but .* to 1 ps'):
        dumps((run, 0.0, 1e-3, None), (run, 0.5, 1e-3, None))()
    with pytest.raises(ValueError, match=r'part run_01.*in the order of time'):
        dumps((run, 1.0, 1e-3, None), (run, 0.0, 1e-3, None))()
    with pytest.raises(ValueError, match=r'part run_00/stage_00.bin: step 100 comes after step 150; steps must grow'):
        dumps(([0, 50, 150, 100], 0.0, 1e-3, None))()
    with pytest.raises(ValueError, match=r'part run_00.*at 1 ps, the next one, of part run_01.*at 2 ps'):
        dumps((run, 0.0, 1e-3, None), (run, 2.0, 1e-3, None))()


def test_parts_of_other_atoms_and_without_frames_are_refused(dumps):
    run = range(0, 1001, 50)
    with pytest.raises(ValueError, match=r'part run_01/stage_00.bin: other atoms than in part run_00'):
        dumps((run, 0.0, 1e-3, None), (run, 1.0, 1e-3, None), types=(1, 2, 2, 1))()
    with pytest.raises(ValueError, match='none of them holds a frame that counts'):
        dumps((range(500, 1001, 50), 0.0, 1e-3, 400))()


GOOD = {'remote': 'a', 'file': 'stage_00.bin', 'time': 0, 'timestep': 1e-3}


@pytest.mark.parametrize(
    ('entries', 'message'),
    [
        ([], 'parts: .*expected a list of dictionaries'),
        ({'remote': 'a'}, 'expected a list of dictionaries'),
        (['a'], r"parts\[0\]: 'a', expected a dictionary of remote, file"),
        ([GOOD, {'remote': 'a'}], r"parts\[1\]: 'file' is missing"),
        ([{**GOOD, 'untill': 3}], "'untill' is not known, expected remote"),
        ([{**GOOD, 'file': '../a.bin'}], r"file is '../a.bin', expected the name of a file"),
        ([{**GOOD, 'file': '/etc/passwd'}], 'relative to the folder and within it'),
        ([{**GOOD, 'file': ''}], "file is ''"),
        ([{**GOOD, 'file': 'a\0b'}], 'file is'),
        ([{**GOOD, 'file': 3}], 'file is 3'),
        ([{**GOOD, 'remote': 3}], 'remote is 3, expected the label'),
        ([{**GOOD, 'time': 'now'}], "time is 'now'"),
        ([{**GOOD, 'time': float('nan')}], 'time is nan'),
        ([{**GOOD, 'timestep': 0}], 'timestep is 0, expected ps for each step, above 0'),
        ([{**GOOD, 'timestep': True}], 'timestep is True'),
        ([{**GOOD, 'until': -1}], 'until is -1'),
        ([{**GOOD, 'until': 2.5}], 'until is 2.5'),
    ],
)
def test_parts_that_cannot_be_meant_are_refused(entries, message):
    with pytest.raises(ValueError, match=message) as error:
        read_parts(entries)
    assert '\n' not in str(error.value)


def test_a_part_without_until_counts_as_a_whole():
    assert read_parts([{**GOOD, 'until': None}]) == read_parts([GOOD]) == [Part('a', 'stage_00.bin', 0.0, 1e-3)]


def moving(n_frames: int, n_atoms: int = 4) -> Frames:
    random = np.random.default_rng(1)
    return Frames(
        ('Na', 'Si') * (n_atoms // 2),
        random.uniform(-30, 30, (n_frames, n_atoms, 3)),
        np.tile(np.eye(3) * 12.0, (n_frames, 1, 1)),
        times=np.arange(n_frames) * 0.1,
    )


@pytest.mark.parametrize('size', [1, 3, 4, 100])
def test_every_so_many_frames_are_copied_whatever_the_pieces(tmp_path, size):
    frames = moving(23)
    source = copying(of_frames(frames), 4, tmp_path)
    given = all_of(source, size, first=2, every=2)
    np.testing.assert_array_equal(given.positions, frames.positions[2::2])
    copied = read_copied(tmp_path)
    np.testing.assert_array_equal(copied.positions, frames.positions[2::8].astype(np.float32))
    np.testing.assert_array_equal(copied.times, frames.times[2::8])
    np.testing.assert_array_equal(copied.cells, frames.cells[2::8])
    assert source.facts()['n_frames'] == 3
    all_of(source, size, first=2, every=2)
    assert read_copied(tmp_path).n_frames == 3, 'a second reading begins the file anew'


def test_what_was_copied_is_there_as_far_as_it_is_whole(tmp_path):
    assert read_copied(tmp_path) is None
    chunks = copying(of_frames(moving(9)), 2, tmp_path).chunks(size=3)
    next(chunks), next(chunks)  # killed in the second chunk
    assert read_copied(tmp_path).n_frames == 3
    chunks.close()
    content = (tmp_path / COPIED).read_bytes()
    (tmp_path / COPIED).write_bytes(content[:-5])
    assert read_copied(tmp_path).n_frames == 2
    (tmp_path / COPIED).write_bytes(content[:5])
    assert read_copied(tmp_path) is None
    (tmp_path / COPIED).write_bytes(content)
    about = tmp_path / 'copied.json'
    for spoilt in ('{"symb', '[]', json.dumps({'symbols': ['Na'] * 3, 'pbc': [True] * 3})):
        about.write_text(spoilt)
        with pytest.raises(ValueError, match=r'^copied.bin: '):
            read_copied(tmp_path)


def test_frames_without_times_are_copied_without(tmp_path):
    frames = moving(5)
    bare = Frames(frames.symbols, frames.positions, frames.cells, (True, True, False))
    all_of(copying(of_frames(bare), 2, tmp_path))
    copied = read_copied(tmp_path)
    assert (copied.times, copied.n_frames, copied.pbc) == (None, 3, (True, True, False))


def test_copying_holds_no_frames(tmp_path):
    class Endless(TimedSource):
        def read(self, indices):
            return moving(len(indices), 1000)

    source = Endless('long', 600, True, source=of_frames(moving(1)), times=np.arange(600.0))
    tracemalloc.start()
    for _ in copying(source, 1, tmp_path).chunks(size=20):
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / COPIED).stat().st_size > 7e6
    assert most < 4e6


def test_segments_that_are_one_frame_each():
    frames = moving(3)
    parts = [TimedSource(str(i), 1, source=of_frames(frames[i]), times=np.array([float(i)])) for i in range(3)]
    np.testing.assert_array_equal(all_of(join_in_time(parts)).times, [0.0, 1.0, 2.0])
