from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.formats.lammps.log import Log, Mark, read_log

FIXTURES = Path(__file__).parents[2] / 'fixtures' / 'lammps'
STAGES = (FIXTURES / 'stages.log').read_text()
NAMES = ['stages', 'timeout', 'lost', 'killed']
HEAD = (
    'Per MPI rank memory allocation (min/avg/max) = 3.0 | 3.0 | 3.0 Mbytes\n   Step          Temp          Press     \n'
)
TAIL = 'Loop time of 1.5 on 4 procs for 20 steps with 32 atoms\n'


def table(rows: str) -> dict[str, list[float]]:
    (block,) = read_log(HEAD + rows).blocks
    return {name: values.tolist() for name, values in block.columns.items()}


def test_every_run_of_a_finished_log():
    log = read_log(STAGES)
    assert log.version == '22 Jul 2025 - Update 2'
    assert log.finished
    assert log.wall_seconds == 0
    assert not log.timeout
    assert log.errors == ()
    assert len(log.warnings) == 1
    assert log.warnings[0].startswith('WARNING: New thermo_style command')
    assert [len(block) for block in log.blocks] == [2, 12, 3, 4, 4, 4]
    assert all(block.complete and block.n_atoms == 32 and block.n_procs == 1 for block in log.blocks)
    assert [block.n_steps for block in log.blocks] == [1, 100, 15, 15, 20, 20]
    assert log.blocks[1].seconds == 0.0010453
    minimised, run, *_, yaml, multi = log.blocks
    assert list(minimised.columns) == list(run.columns)
    assert list(run.columns)[:4] == ['Step', 'Temp', 'Press', 'PotEng']
    assert list(run.columns)[-1] == 'Yz'
    assert len(run.columns) == 20
    assert run.columns['Step'].dtype == np.int64
    assert run.columns['Step'].tolist() == [1, *range(10, 101, 10), 101]
    assert run.columns['Temp'][1] == 99.3516039761503
    assert (run.columns['Volume'] == 1164.252608).all()
    np.testing.assert_allclose(run.columns['TotEng'], run.columns['PotEng'] + run.columns['KinEng'], rtol=1e-12)
    assert list(yaml.columns) == list(multi.columns) == ['Step', 'v_hot', 'f_average', 'Temp']
    assert yaml.columns['Step'].tolist() == [131, 140, 150, 151]
    assert yaml.columns['Temp'][0] == 22.4962640391223
    assert multi.columns['Step'].tolist() == [151, 160, 170, 171]
    assert multi.columns['Temp'].tolist() == [19.4553, 20.1174, 21.9763, 22.2148]


def test_marks_know_their_place():
    marks = read_log(STAGES).marks
    assert marks == (
        Mark(0, 'stage 0'),
        Mark(1, 'done 0'),
        Mark(1, 'stage 1'),
        Mark(2, 'inside 30'),
        Mark(2, 'inside 60'),
        Mark(2, 'inside 90'),
        Mark(2, 'done 1'),
        Mark(3, 'between'),
        Mark(4, 'between'),
    )


def test_time_limit():
    log = read_log((FIXTURES / 'timeout.log').read_text())
    assert log.timeout
    assert log.finished
    assert log.wall_seconds == 1
    (block,) = log.blocks
    assert block.complete
    assert len(block) >= 3
    assert block.columns['Step'][-1] <= block.n_steps < 100_000_000
    assert log.marks[-1] == Mark(1, 'stopped 0')


def test_lost_atoms():
    log = read_log((FIXTURES / 'lost.log').read_text())
    assert not log.finished
    (error,) = log.errors
    assert error.startswith('ERROR: Lost atoms: original 32 current 27\nFor more information see https://')
    assert [block.complete for block in log.blocks] == [True, False]
    assert [len(block) for block in log.blocks] == [21, 0]


def test_killed():
    log = read_log((FIXTURES / 'killed.log').read_text())
    assert not log.finished
    assert log.wall_seconds is None
    assert log.errors == log.warnings == ()
    (block,) = log.blocks
    assert not block.complete
    assert block.seconds is block.n_atoms is block.n_procs is block.n_steps is None
    assert (np.diff(block.columns['Step']) == 20000).all()


@pytest.mark.parametrize(
    'message',
    [
        'ERROR: Unknown command: bogus command (src/src/input.cpp:314)\nLast input line: bogus command',
        'ERROR: All pair coeffs are not set. Status:\n     1      1: is set\n     1      2: is not set\n (x.cpp:2)',
        'ERROR on proc 0: Out of range atoms (pppm.cpp:1)',
    ],
)
def test_messages_keep_their_detail(message):
    assert read_log(f'bogus command\n{message}\nsomething else\n').errors == (message,)


def prefix_of(part: Log, whole: Log) -> None:
    """What a cut log says is the beginning of what the whole log says."""
    assert part.version in (None, whole.version)
    assert part.marks == whole.marks[: len(part.marks)]
    assert part.warnings == whole.warnings[: len(part.warnings)]
    assert len(part.errors) <= len(whole.errors)
    assert all(b.startswith(a) for a, b in zip(part.errors, whole.errors, strict=False))
    assert len(part.blocks) <= len(whole.blocks)
    assert part.wall_seconds in (None, whole.wall_seconds)
    for a, b in zip(part.blocks, whole.blocks, strict=False):
        assert len(a) <= len(b)
        assert len({len(values) for values in a.columns.values()}) <= 1
        for name, values in a.columns.items():
            np.testing.assert_array_equal(values, b.columns[name][: len(a)])
        if a.complete:
            assert len(a) == len(b)
            assert (a.seconds, a.n_atoms, a.n_procs, a.n_steps) == (b.seconds, b.n_atoms, b.n_procs, b.n_steps)


@pytest.mark.parametrize('name', NAMES)
def test_cut_anywhere_gives_the_beginning(name):
    text = (FIXTURES / f'{name}.log').read_text()
    whole = read_log(text)
    rows = 0
    step = 3 if len(text) < 6000 else 17
    for cut in [*range(0, len(text), step), len(text)]:
        part = read_log(text[:cut])
        prefix_of(part, whole)
        n_rows = sum(len(block) for block in part.blocks)
        assert n_rows >= rows
        rows = n_rows
    assert rows == sum(len(block) for block in whole.blocks)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_text_never_raises(data):
    broken = bytearray(STAGES.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(broken) - 1))
        length = data.draw(st.integers(0, 40))
        broken[start : start + length] = data.draw(st.binary(max_size=20))
    for block in read_log(bytes(broken)).blocks:
        assert len({len(values) for values in block.columns.values()}) <= 1


@settings(max_examples=50, deadline=None)
@given(st.text() | st.binary())
def test_anything_is_read(text):
    log = read_log(text)
    assert log.blocks == ()
    assert not log.finished


def test_not_a_number_and_infinity_are_kept():
    columns = table('0 -nan inf\n10 nan -inf\n')
    assert columns['Step'] == [0, 10]
    assert np.isnan(columns['Temp']).all()
    assert columns['Press'] == [np.inf, -np.inf]


@pytest.mark.parametrize(
    'between',
    [
        'WARNING: Bond/angle/dihedral extent > half of periodic box length (src/domain.cpp:936)\n',
        'SHAKE stats (type/ave/delta/count) on step 10\n',
        '        5   12.0\n',
        '        5   12.0   13.0   14.0\n',
        '        5   12.0   1e\n',
        '        5   12.0   WARNING: x\n',
        '        5.5   12.0   13.0\n',
        '        nan   12.0   13.0\n',
        '        5   12.0   13.0 \x00\x00\x00\n',
        '\n',
        '\x00\x00\x00\n',
        '   Step          Temp          Press     \n',
        '10 5\n6 7 12.0 3\n',
    ],
)
def test_rows_are_found_around_anything_else(between):
    assert table(f'0 1.0 2.0\n{between}10 3.0 4.0\n') == {'Step': [0, 10], 'Temp': [1, 3], 'Press': [2, 4]}


@pytest.mark.parametrize('end', ['', '1', '10 3.0', '10 3.0 4.', '10 3.0 4.0', '10 3.0 4.0\r'])
def test_a_row_without_its_newline_is_not_trusted(end):
    assert table(f'0 1.0 2.0\n{end}')['Step'] == [0]


def test_newlines_of_windows():
    log = read_log(STAGES.replace('\n', '\r\n'))
    prefix_of(log, read_log(STAGES))
    assert log.finished
    assert sum(len(block) for block in log.blocks) == 29
    assert log.marks == read_log(STAGES).marks


def test_a_run_after_a_broken_one_in_the_same_file():
    log = read_log(HEAD + '0 1 2\n10 3 4\n20 5' + 'LAMMPS (1 Jan 2030)\n' + HEAD + '10 6 7\n' + TAIL)
    assert [block.columns['Step'].tolist() for block in log.blocks] == [[0, 10], [10]]
    assert [block.complete for block in log.blocks] == [False, True]
    assert (log.blocks[1].seconds, log.blocks[1].n_procs) == (1.5, 4)


def test_days_of_wall_time():
    log = read_log('Total wall time: 31:02:03\n')
    assert log.finished
    assert log.wall_seconds == 31 * 3600 + 123
    assert not read_log('Total wall time: 31:02:03').finished


def test_echoed_commands_are_no_marks():
    assert read_log('print "GLASSION stage 0"\nGLASSION stage 0\n').marks == (Mark(0, 'stage 0'),)
