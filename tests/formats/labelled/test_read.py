"""Formats are told by content, doubts about units are said, memory does not grow with the frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.formats.labelled.read import FORMATS, Reading, detect_format, doubts_of, read_labelled
from aiida_glassion.frames import Frames

FIXTURES = Path(__file__).parents[2] / 'fixtures'
SILICA = FIXTURES / 'deepmd' / 'silica'


@pytest.mark.parametrize(
    ('path', 'format'),
    [
        ('vasp_mock/silicon/out/vasprun.xml.gz', 'vasprun'),
        ('vasp_mock/silicon/out/OUTCAR.gz', 'outcar'),
        ('espresso/scf.out.gz', 'espresso'),
        ('deepmd/silica', 'deepmd'),
        ('deepmd/silica/O16Si8', 'deepmd'),
    ],
)
def test_format_is_told_by_the_content(path, format, tmp_path):
    source = FIXTURES / path
    if source.is_file():
        renamed = tmp_path / 'data'
        renamed.write_bytes(source.read_bytes())
        source = renamed
    assert detect_format(source) == format


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'the file is empty'),
        (b'hello\n', 'not a format that is known here. Known are extxyz: extended XYZ'),
        (b'\x00\x01\x02' * 50, 'not a format that is known here'),
        (None, 'there is no such file'),
        ('folder', r'no DeePMD system \(a folder with type.raw\)'),
    ],
)
def test_what_is_no_format_is_answered(content, message, tmp_path):
    path = tmp_path / 'file'
    if content == 'folder':
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(read_labelled(path))


def test_unknown_format_names_the_known():
    with pytest.raises(ValueError, match=f"there is no 'xyz'; there are {', '.join(FORMATS)}"):
        list(read_labelled(SILICA, 'xyz'))


def test_the_wrong_format_is_answered(tmp_path):
    path = FIXTURES / 'espresso' / 'scf.out.gz'
    for format, message in (
        ('vasprun', 'ends before its first ionic step'),
        ('outcar', 'ends before its first ionic step'),
        ('extxyz', 'expected the number of atoms'),
        ('hdf5', 'not an HDF5 file'),
    ):
        with pytest.raises(ValueError, match=message):
            list(read_labelled(path, format))


def melt(energy=-8.0, force=1.0, side=3.0, virial=0.1):
    rng = np.random.default_rng(1)
    return Frames(
        ('Si', 'O'), rng.random((2, 2, 3)) * side, np.tile(np.eye(3) * side, (2, 1, 1)),
        energies=np.full(2, 2 * energy), forces=force * rng.normal(size=(2, 2, 3)),
        virials=np.tile(np.eye(3) * virial, (2, 1, 1)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ('changed', 'kind', 'words'),
    [
        ({}, None, ''),
        ({'energy': -25000.0}, 'energy', 'energies of 25000 eV per atom: in eV, of the whole cell?'),
        ({'force': 2000.0}, 'force', r'eV/Å \(rms\): in eV/Å\?'),
        ({'side': 1.0, 'virial': 0.001}, 'volume', '0.5 Å³ per atom: is the cell in Å?'),
        ({'side': 30.0}, 'volume', r'1.35e\+04 Å³ per atom'),
        ({'virial': 500.0}, 'virial', 'is the virial in eV, the stress in eV/Å³?'),
    ],
)
def test_doubts_about_units(changed, kind, words):
    import re

    found = doubts_of(melt(**changed))
    assert [name for name, _ in found] == ([] if kind is None else [kind])
    assert not found or re.search(words.replace('?', r'\?').replace(r'\\?', r'\?'), found[0][1])


def test_doubts_are_said_once_for_a_file(tmp_path):
    from aiida_glassion.formats.labelled.extxyz_write import write_extxyz

    path = tmp_path / 'data.xyz'
    with path.open('w') as file:
        for _ in range(3):
            write_extxyz(file, melt(energy=-25000.0))
    reading = Reading()
    assert sum(part.n_frames for part in read_labelled(path, reading=reading)) == 6
    assert len(reading.doubts) == 1


MEASURE = """
import resource, sys
from pathlib import Path
from aiida_glassion.formats.deepmd.systems import SystemsWriter
from aiida_glassion.formats.labelled.read import read_labelled
with SystemsWriter(Path(sys.argv[2])) as writer:
    for frames in read_labelled(Path(sys.argv[1])):
        writer.add(frames)
print(sum(summary.n_frames for summary in writer.summaries), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_frames(tmp_path):
    """Four compositions of 96 atoms: forty times the frames, the same memory."""
    from aiida_glassion.formats.labelled.extxyz_write import write_extxyz

    rng = np.random.default_rng(0)
    blocks = []
    for k in range(4):
        symbols = ('O',) * (60 + k) + ('Si',) * (36 - k)
        frame = Frames(
            symbols, rng.random((1, 96, 3)) * 11, np.eye(3)[None] * 11,
            energies=np.array([-900.0]), forces=rng.normal(size=(1, 96, 3)), virials=np.eye(3)[None],
        )  # fmt: skip
        path = tmp_path / 'one.xyz'
        with path.open('w') as file:
            write_extxyz(file, frame)
        blocks.append(path.read_text())
    peaks = {}
    for n_frames in (2000, 10000):
        path = tmp_path / f'{n_frames}.xyz'
        with path.open('w') as file:
            for _ in range(n_frames // 4):
                file.writelines(blocks)
        command = [sys.executable, '-c', MEASURE, str(path), str(tmp_path / f'systems_{n_frames}')]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
        number, kilobytes = done.stdout.split()
        assert int(number) == n_frames
        peaks[n_frames] = int(kilobytes) / 1024
        path.unlink()
    arrays = 8000 * 96 * 6 * 8 / 2**20  # what the additional frames are as arrays
    assert peaks[10000] - peaks[2000] < 0.25 * arrays, peaks
