from __future__ import annotations

import gzip
import os
import shutil
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.formats.lammps.dump import Dump, read_dump

FIXTURES = Path(__file__).parents[2] / 'fixtures' / 'lammps'
SHAPES = ['ortho', 'triclinic']
BINARY = (FIXTURES / 'triclinic.bin').read_bytes()
TEXT = (FIXTURES / 'ortho.txt').read_bytes()
WHOLE = {BINARY: read_dump(BINARY), TEXT: read_dump(TEXT)}


def naive(path: Path) -> list[dict[str, np.ndarray]]:
    """The text dump as LAMMPS' documentation describes it, read word by word."""
    words = path.read_text().split('ITEM: ')
    frames: list[dict[str, np.ndarray]] = []
    for item in words[1:]:
        title, *lines = item.strip().split('\n')
        if title == 'TIMESTEP':
            frames.append({'step': np.array(int(lines[0]))})
        elif title.startswith('BOX BOUNDS'):
            numbers = np.array([[float(word) for word in line.split()] for line in lines])
            xy, xz, yz = numbers[:, 2] if numbers.shape[1] == 3 else (0, 0, 0)
            xlo = numbers[0, 0] - min(0, xy, xz, xy + xz)
            xhi = numbers[0, 1] - max(0, xy, xz, xy + xz)
            ylo, yhi = numbers[1, 0] - min(0, yz), numbers[1, 1] - max(0, yz)
            zlo, zhi = numbers[2, :2]
            frames[-1]['cell'] = np.array([[xhi - xlo, 0, 0], [xy, yhi - ylo, 0], [xz, yz, zhi - zlo]])
            frames[-1]['origin'] = np.array([xlo, ylo, zlo])
        elif title.startswith('ATOMS'):
            rows = sorted([[float(word) for word in line.split()] for line in lines])
            frames[-1]['atoms'] = np.array(rows)
    return frames


def assert_same(one: Dump, other: Dump, n: int | None = None, atol: float = 0.0) -> None:
    """The first n frames agree."""
    n = len(other) if n is None else n
    if n == 0:
        return
    for name in ('steps', 'cells', 'origins', 'positions', 'velocities', 'forces'):
        a, b = getattr(one, name), getattr(other, name)
        if a is not None and b is not None:
            np.testing.assert_allclose(a[:n], b[:n], rtol=0, atol=atol, err_msg=name)
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.types, other.types)


@pytest.mark.parametrize('shape', SHAPES)
def test_against_a_word_by_word_reader(shape):
    dump = read_dump(FIXTURES / f'{shape}.bin')
    expected = naive(FIXTURES / f'{shape}.txt')
    assert dump.complete
    assert dump.message == ''
    assert dump.unwrapped
    assert len(dump) == len(expected) == 11
    assert dump.steps.tolist() == list(range(0, 201, 20))
    assert dump.ids.tolist() == list(range(1, 31))
    for index, frame in enumerate(expected):
        np.testing.assert_array_equal(dump.types, frame['atoms'][:, 1] - 1)
        np.testing.assert_array_equal(dump.cells[index], frame['cell'])
        np.testing.assert_array_equal(dump.origins[index], frame['origin'])
        np.testing.assert_array_equal(dump.positions[index], frame['atoms'][:, 2:5] - frame['origin'])
        np.testing.assert_array_equal(dump.velocities[index], frame['atoms'][:, 5:8])
    assert np.ptp(dump.cells, axis=0).max() > 0.5
    assert np.abs(dump.positions - dump.positions[0]).max() > 11


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('kind', ['txt', 'scaled.bin', 'sorted.txt.gz'])
def test_all_ways_of_dumping_one_run_agree(shape, kind):
    dump = read_dump(FIXTURES / f'{shape}.{kind}')
    assert dump.complete
    assert dump.unwrapped
    assert_same(dump, read_dump(FIXTURES / f'{shape}.bin'), atol=0.0 if kind == 'txt' else 1e-12)
    if kind == 'txt':
        assert dump.forces is None
        assert not dump.extra
    else:
        assert set(dump.extra) == {'q'}
        np.testing.assert_array_equal(dump.extra['q'][3], np.where(dump.types == 0, 0.6, -0.9))
        np.testing.assert_allclose(dump.forces.sum(axis=1), 0, atol=1e-12)
        assert np.abs(dump.forces).max() > 0.1


@pytest.mark.parametrize('kind', ['bin', 'txt'])
def test_general_triclinic_box(kind):
    dump = read_dump(FIXTURES / f'general.{kind}')
    assert dump.complete
    np.testing.assert_allclose(dump.cells[0], [[5, 0.5, 0.2], [0.3, 6, 0.1], [0.2, 0.4, 7]], atol=1e-12)
    np.testing.assert_allclose(dump.positions[0, 1] @ np.linalg.inv(dump.cells[0]), 0.5, atol=1e-12)


def test_wrapped_positions_are_called_so():
    lines = TEXT.replace(b'xu yu zu', b'x y z')
    assert not read_dump(lines).unwrapped
    assert_same(read_dump(lines), WHOLE[TEXT])


def test_single_precision():
    dump = read_dump(BINARY, dtype=np.float32)
    assert dump.positions.dtype == dump.velocities.dtype == np.float32
    assert_same(dump, WHOLE[BINARY], atol=2e-5)


def test_frame_of_a_killed_run():
    data = (FIXTURES / 'killed.bin').read_bytes()
    dump = read_dump(data)
    assert len(dump) > 0
    assert dump.steps.tolist() == [20000 * index for index in range(len(dump))]


@pytest.mark.parametrize('source', [BINARY, TEXT], ids=['binary', 'text'])
def test_cut_anywhere_gives_the_frames_before(source):
    whole = WHOLE[source]
    marker = b'\xf6\xff\xff\xff\xff\xff\xff\xffDUMPCUSTOM' if source is BINARY else b'ITEM: TIMESTEP'
    ends = [index for index in range(1, len(source)) if source.startswith(marker, index)] + [len(source)]
    for cut in sorted({*range(ends[0] - 60, ends[0] + 260), *range(0, len(source), 131), *ends}):
        dump = read_dump(source[:cut])
        n_frames = sum(end <= cut for end in ends)
        assert len(dump) == n_frames
        assert dump.complete == (cut in ends)
        assert ('byte' in dump.message) == (cut not in ends and cut > 0)
        assert cut == 0 or cut in ends or f'frame {n_frames}' in dump.message
        assert_same(dump, whole, n_frames)
    assert read_dump(b'').message == 'empty'


@pytest.mark.parametrize('source', [BINARY, TEXT], ids=['binary', 'text'])
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_damaged_bytes_never_raise(source, data):
    """Headers are hit on purpose, since most bytes are numbers, whose damage cannot be seen."""
    broken = bytearray(source)
    for _ in range(data.draw(st.integers(1, 4))):
        frame = data.draw(st.integers(0, 10)) * (len(source) // 11)
        at = min(frame + data.draw(st.integers(0, 300)), len(broken) - 1)
        action = data.draw(st.sampled_from(['flip', 'insert', 'delete', 'fill']))
        if action == 'flip':
            broken[at] ^= 1 << data.draw(st.integers(0, 7))
        elif action == 'insert':
            broken[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        elif action == 'delete':
            del broken[at : at + data.draw(st.integers(1, 9))]
        else:
            broken[at : at + 8] = bytes([data.draw(st.integers(0, 255))]) * 8
    dump = read_dump(bytes(broken))
    assert len(dump) <= 11
    assert dump.complete == (not dump.message)
    assert dump.complete or len(dump) < 11 or len(broken) > len(source)
    for name in ('positions', 'velocities', 'cells'):
        array = getattr(dump, name)
        assert array is None or np.isfinite(array).all()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b'', b'ITEM: TIMESTEP\n', b'ITEM:', BINARY[:18], BINARY[:120]]))
def test_garbage_is_reported(garbage, start):
    dump = read_dump(start + garbage)
    assert not dump.complete
    assert len(dump) == 0
    assert dump.message


def at(offset: int, layout: str, value: int) -> bytes:
    """The binary dump with one number of the second frame's header replaced."""
    second = BINARY.index(b'DUMPCUSTOM', 100) - 8
    packed = struct.pack('<' + layout, value)
    return BINARY[: second + offset] + packed + BINARY[second + offset + len(packed) :]


HEADER = 8 + 10 + 4 + 4
AFTER_BOX = HEADER + 8 + 8 + 4 + 24 + 9 * 8
N_CHUNKS = AFTER_BOX + 4 + 4 + 1 + 4 + len('id type xu yu zu vx vy vz')


@pytest.mark.parametrize(
    ('offset', 'layout', 'value'),
    [
        (0, 'q', -(2**62)),
        (0, 'q', 5),
        (18, 'i', 0x01000000),
        (22, 'i', 77),
        (HEADER, 'q', -1),
        (HEADER + 8, 'q', 2**62),
        (HEADER + 8, 'q', -5),
        (HEADER + 8, 'q', 0),
        (HEADER + 8, 'q', 29),
        (HEADER + 16, 'i', 3),
        (AFTER_BOX, 'i', 0),
        (AFTER_BOX, 'i', -8),
        (AFTER_BOX, 'i', 2**31 - 1),
        (AFTER_BOX + 4, 'i', 2**31 - 1),
        (AFTER_BOX + 4, 'i', -1),
        (AFTER_BOX + 9, 'i', 2**31 - 1),
        (N_CHUNKS, 'i', 0),
        (N_CHUNKS, 'i', -1),
        (N_CHUNKS, 'i', 2**31 - 1),
        (N_CHUNKS + 4, 'i', 2**31 - 8),
        (N_CHUNKS + 4, 'i', -8),
        (N_CHUNKS + 4, 'i', 7),
    ],
)
def test_absurd_lengths_allocate_nothing(offset, layout, value):
    broken = at(offset, layout, value)
    tracemalloc.start()
    dump = read_dump(broken)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if (offset, value) != (HEADER + 16, 3):  # any flag but 0 and 2 means tilts
        assert not dump.complete
        assert 'frame 1' in dump.message
        assert len(dump) == 1
        assert_same(dump, WHOLE[BINARY], 1)
    assert peak < 1 << 20


def test_absurd_header_of_a_text_dump():
    broken = TEXT.replace(b'NUMBER OF ATOMS\n30', b'NUMBER OF ATOMS\n300000000000', 1)
    tracemalloc.start()
    dump = read_dump(broken)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 'too few rows' in dump.message
    assert peak < 1 << 20


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        (b'ATOMS\n30\n', b'ATOMS\n29\n', 'frame 0: 29 atoms instead of 30'),
        (b'ATOMS\n30\n', b'ATOMS\n31\n', 'frame 0: 31 atoms instead of 30'),
        (b'id type xu', b'id type xs', 'columns'),
        (b'id type xu', b'id kind xu', 'columns'),
    ],
)
def test_frames_that_differ_from_the_first(old, new, message):
    head, tail = TEXT[: len(TEXT) // 2], TEXT[len(TEXT) // 2 :]
    dump = read_dump(head + tail.replace(old, new, 1))
    assert message.replace('frame 0', f'frame {len(dump)}') in dump.message
    assert len(dump) in (5, 6)
    assert_same(dump, WHOLE[TEXT], len(dump))


def edit(frame: int, atom: int, column: int, word: bytes) -> bytes:
    """The text dump with one word of one row replaced."""
    lines = TEXT.split(b'\n')
    row = frame * 39 + 9 + atom
    words = lines[row].split()
    words[column] = word
    lines[row] = b' '.join(words)
    return b'\n'.join(lines)


@pytest.mark.parametrize(
    ('column', 'word', 'message'),
    [
        (0, b'1.5', 'atom id'),
        (0, b'-3', 'atom id'),
        (0, b'nan', 'atom id'),
        (0, b'1e300', 'atom id'),
        (0, b'99', 'other atom ids'),
        (1, b'7', 'other atom types'),
        (2, b'nan', 'not finite'),
        (6, b'inf', 'not finite'),
        (3, b'oops', 'unreadable at row'),
        (3, b'1 2', 'unreadable at row'),
    ],
)
def test_rows_that_make_no_sense(column, word, message):
    dump = read_dump(edit(4, 17, column, word))
    assert message in dump.message
    assert 'frame 4' in dump.message
    assert len(dump) == 4
    assert_same(dump, WHOLE[TEXT], 4)
    assert len(read_dump(edit(0, 17, column, word))) == ('other' in message)


def test_an_atom_that_occurs_twice():
    lines = TEXT.split(b'\n')
    lines[4 * 39 + 9] = lines[4 * 39 + 10]
    assert 'frame 4: other atom ids than in the first frame' in read_dump(b'\n'.join(lines)).message
    lines[9] = lines[10]
    assert read_dump(b'\n'.join(lines)).message == 'frame 0: an atom id occurs twice'


def test_ids_with_gaps():
    text = TEXT
    rows = []
    for line in text.split(b'\n'):
        words = line.split()
        if len(words) == 8:
            words[0] = str(1000 * int(words[0]) + 7).encode()
        rows.append(b' '.join(words) if len(words) == 8 else line)
    dump = read_dump(b'\n'.join(rows))
    assert dump.complete
    assert dump.ids.tolist() == [1000 * number + 7 for number in range(1, 31)]
    np.testing.assert_array_equal(dump.positions, WHOLE[TEXT].positions)


def test_columns_that_are_needed():
    dump = read_dump(TEXT.replace(b'id type xu', b'id type wu'))
    assert len(dump) == 0
    assert 'needed: id type wu' in dump.message


@pytest.mark.parametrize('source', [BINARY, TEXT], ids=['binary', 'text'])
def test_gzip_whole_in_two_members_and_broken(source, tmp_path):
    path = tmp_path / 'dump.gz'
    half = len(source) // 2
    path.write_bytes(gzip.compress(source[:half]) + gzip.compress(source[half:]))
    assert read_dump(path).complete
    assert_same(read_dump(path), WHOLE[source])
    packed = gzip.compress(source, 1)
    previous = 0
    for cut in range(0, len(packed), 501):
        dump = read_dump(packed[:cut])
        assert not dump.complete
        assert len(dump) >= previous
        assert_same(dump, WHOLE[source], len(dump))
        previous = len(dump)
    assert previous > 5
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0xFF
    assert not read_dump(bytes(damaged)).complete


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_dump(tmp_path / 'absent')
    (tmp_path / 'empty').touch()
    assert read_dump(tmp_path / 'empty').message == 'empty'


def program(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found, f'{name} is not installed'
    return found


@pytest.mark.engine
@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('ranks', [1, 2])
def test_what_lammps_writes_today(shape, ranks, tmp_path):
    run = [program('mpirun'), '-n', str(ranks), program('lmp'), '-in', str(FIXTURES / 'in.dump'), '-screen', 'none']
    run += ['-var', 'shape', str(SHAPES.index(shape)), '-var', 'name', 'new']
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    subprocess.run(run, cwd=tmp_path, check=True, env={**os.environ, 'OMP_NUM_THREADS': '1', 'PATH': path}, timeout=600)
    binary = read_dump(tmp_path / 'new.bin')
    assert binary.complete
    assert len(binary) == 11
    for kind in ('txt', 'scaled.bin', 'sorted.txt.gz'):
        other = read_dump(tmp_path / f'new.{kind}')
        assert other.complete
        assert_same(other, binary, atol=1e-12)
