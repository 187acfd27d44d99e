"""Files of many formats as sources of frames, read in pieces; what each bad file says."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.analysis.sources import detect_format, of_frames, open_source
from aiida_glassion.formats.array_folder import write_array_folder
from aiida_glassion.formats.labelled.extxyz_write import write_extxyz
from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.formats.lammps.dump import read_dump
from aiida_glassion.frames import Frames

FIXTURES = Path(__file__).parent.parent / 'fixtures'
LAMMPS = FIXTURES / 'lammps'
SPECIES = {'1': 'Si', '2': 'O', '3': 'Na'}


@pytest.fixture
def salt() -> Frames:
    """Seven frames of 64 atoms that shake."""
    random = np.random.default_rng(3)
    atoms = bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(2)
    images = []
    for scale in np.linspace(1.0, 1.02, 7):
        image = atoms.copy()
        image.set_cell(atoms.cell * scale, scale_atoms=True)
        image.positions += random.normal(0, 0.1, image.positions.shape)
        images.append(image)
    return Frames.from_ase(images)


def extxyz(path: Path, frames: Frames) -> Path:
    with path.open('w') as file:
        write_extxyz(file, frames)
    return path


def everything(source, **choice):
    parts = list(source.chunks(**choice))
    assert [first for first, _ in parts] == np.cumsum([0, *(part.n_frames for _, part in parts)])[:-1].tolist()
    return Frames.concatenate([part for _, part in parts])


@pytest.mark.parametrize('size', [1, 3, 100])
@pytest.mark.parametrize('kind', ['memory', 'extxyz', 'extxyz.gz', 'arrays'])
def test_every_frame_comes_back_whatever_the_pieces(salt, kind, size, tmp_path):
    path = tmp_path / f'salt.{kind.replace("ext", "")}'
    if kind == 'memory':
        source = of_frames(salt)
    elif kind == 'arrays':
        write_array_folder(path, salt)
        source = open_source(path)
    else:
        content = extxyz(tmp_path / 'plain.xyz', salt).read_bytes()
        path.write_bytes(gzip.compress(content) if kind.endswith('gz') else content)
        source = open_source(path)
    assert source.n_frames == 7
    for _ in range(2):
        found = everything(source, size=size)
        assert found.symbols == salt.symbols
        np.testing.assert_array_equal(found.positions, salt.positions)
        np.testing.assert_array_equal(found.cells, salt.cells)
    chosen = everything(source, first=1, last=5, every=2, size=size)
    np.testing.assert_array_equal(chosen.positions, salt.positions[[1, 3, 5]])


@pytest.mark.parametrize(
    'name', ['ortho.txt', 'ortho.bin', 'ortho.scaled.bin', 'triclinic.sorted.txt.gz', 'general.bin']
)
def test_dump_in_pieces_is_the_dump_as_a_whole(name):
    whole = read_dump(LAMMPS / name)
    source = open_source(LAMMPS / name, species=SPECIES)
    assert (source.n_frames, source.unwrapped, source.warnings) == (len(whole), True, [])
    found = everything(source, size=2)
    np.testing.assert_array_equal(found.positions, whole.positions)
    np.testing.assert_array_equal(found.cells, whole.cells)
    np.testing.assert_array_equal(np.array(found.symbols) == 'Si', whole.types == 0)


def dump_text(frames: Frames, columns: str = 'element x y z', order=None, flags: str = 'pp pp pp') -> str:
    text = ''
    for index in range(frames.n_frames):
        length = float(frames.cells[index, 0, 0])
        box = f'0 {length!r}\n' * 3
        text += f'ITEM: TIMESTEP\n{index}\nITEM: NUMBER OF ATOMS\n{frames.n_atoms}\nITEM: BOX BOUNDS {flags}\n{box}'
        text += f'ITEM: ATOMS {columns}\n'
        rows = range(frames.n_atoms) if order is None else order(index)
        for atom in rows:
            x, y, z = frames.positions[index, atom].tolist()
            values = {
                'id': atom + 1,
                'type': 1 + (frames.symbols[atom] == 'Na'),
                'element': frames.symbols[atom],
                **{name: repr(value) for name, value in zip(('x', 'y', 'z'), (x, y, z), strict=True)},
                **{name: repr(value) for name, value in zip(('xu', 'yu', 'zu'), (x, y, z), strict=True)},
            }
            text += ' '.join(str(values[name]) for name in columns.split()) + '\n'
    return text


def test_dump_with_elements_needs_no_species(salt, tmp_path):
    random = np.random.default_rng(0)
    path = tmp_path / 'a.lammpstrj'
    path.write_text(dump_text(salt, 'id element xu yu zu', lambda _: random.permutation(salt.n_atoms)))
    source = open_source(path)
    assert source.unwrapped
    found = everything(source, size=3)
    assert found.symbols == salt.symbols
    np.testing.assert_array_equal(found.positions, salt.positions)


def test_dump_without_ids_keeps_the_order_of_the_file_and_says_so(salt, tmp_path):
    path = tmp_path / 'a.dump'
    path.write_text(dump_text(salt, flags='pp pp ff'))
    source = open_source(path)
    assert source.unwrapped is False
    assert 'no column id' in source.warnings[0]
    found = everything(source)
    assert (found.symbols, found.pbc) == (salt.symbols, (True, True, False))
    np.testing.assert_allclose(found.positions, salt.positions, atol=1e-12)


def test_cut_dump_keeps_what_is_whole(salt, tmp_path):
    path = tmp_path / 'a.dump'
    text = dump_text(salt)
    path.write_text(text[:-30])
    source = open_source(path)
    assert source.n_frames == 6
    assert 'frame 6, the last, is cut off' in source.warnings[1] + source.warnings[0]
    path.write_text(text[: text.rindex('ITEM: BOX')])
    assert open_source(path).n_frames == 6


def test_cut_extxyz_keeps_what_is_whole(salt, tmp_path):
    path = extxyz(tmp_path / 'a.xyz', salt)
    content = path.read_bytes()
    for cut in (content[:-1], content[:-40], content[: len(content) * 13 // 14]):
        path.write_bytes(cut)
        source = open_source(path)
        assert source.n_frames == 6
        assert 'frame 6, the last, is cut off' in source.warnings[0]
        np.testing.assert_array_equal(everything(source).positions, salt.positions[:6])
    packed = tmp_path / 'b.xyz.gz'
    packed.write_bytes(gzip.compress(content)[:-2000])
    source = open_source(packed)
    assert source.n_frames < 7
    assert any('gzip file is cut off' in text for text in source.warnings)


def test_one_frame_without_the_end_of_its_last_line_is_whole(salt, tmp_path):
    path = extxyz(tmp_path / 'a.xyz', salt[0])
    path.write_text(path.read_text().rstrip('\n'))
    np.testing.assert_array_equal(everything(open_source(path)).positions, salt.positions[:1])


def test_extxyz_with_more_columns(tmp_path):
    (tmp_path / 'a.xyz').write_text(
        '2\nLattice="9 0 0 0 9 0 0 0 9" Properties=id:I:1:move_mask:L:1:pos:R:3:species:S:1:forces:R:3 pbc="T T F"\n'
        '1 T 1.5 2 3e0 Si 0 0 0\n2 F -1 0 nan O 0 0 0\n'.replace('nan', '0.25')
    )
    found = everything(open_source(tmp_path / 'a.xyz'))
    assert (found.symbols, found.pbc) == (('Si', 'O'), (True, True, False))
    np.testing.assert_array_equal(found.positions[0], [[1.5, 2, 3], [-1, 0, 0.25]])


def test_lammps_data_by_mass_or_by_species(salt, tmp_path):
    path = tmp_path / 'glass.data'
    path.write_text(write_data(salt, 0, atom_style='atomic', velocities=False))
    assert detect_format(path) == 'lammps-data'
    assert open_source(path).read(range(1)).counts == {'Cl': 32, 'Na': 32}
    assert open_source(path, species={'1': 'F', '2': 'Li'}).read(range(1)).counts == {'F': 32, 'Li': 32}
    with pytest.raises(ValueError, match=r'glass.data: .*2 elements|glass.data: .*types 1 to 2 for 1'):
        open_source(path, species={'1': 'F'})


def test_vasp_espresso_and_cif(tmp_path):
    vasp = FIXTURES / 'vasp_mock'
    run = open_source(vasp / 'silicon_dynamics' / 'out' / 'OUTCAR.gz')
    xml = open_source(vasp / 'silicon_dynamics' / 'out' / 'vasprun.xml.gz')
    assert run.n_frames == xml.n_frames > 1
    np.testing.assert_allclose(everything(run).positions, everything(xml).positions, atol=1e-4)
    assert open_source(vasp / 'silicon' / 'inp' / 'POSCAR').read(range(1)).counts == {'Si': 2}
    assert open_source(FIXTURES / 'espresso' / 'md.out.gz').n_frames > 1
    crystal = bulk('NaCl', 'rocksalt', a=5.64, cubic=True)
    crystal.write(tmp_path / 'salt.cif')
    assert open_source(tmp_path / 'salt.cif').read(range(1)).counts == {'Cl': 4, 'Na': 4}
    from ase.io.vasp import write_vasp_xdatcar

    with (tmp_path / 'XDATCAR').open('w') as file:
        write_vasp_xdatcar(file, [crystal, crystal, crystal])
    assert open_source(tmp_path / 'XDATCAR').n_frames == 3


BAD_EXTXYZ = {
    'the file is empty': lambda text: '',
    r'frame 1 \(line 67\): 63 atoms, but 64 in the frames before': lambda text: _shorter(text, 1),
    r'frame 2 \(line 135\): Na where Cl was before|frame 2 \(line 135\): Cl where Na was before': lambda text: _swapped(
        text, 2
    ),
    r'frame 0 \(line 5\): a position that is not finite': lambda text: _line(text, 4, 'Na nan 0 0'),
    r'frame 0 \(line 6\): .Na 0 0 abc., expected 4 columns': lambda text: _line(text, 5, 'Na 0 0 abc'),
    r'frame 0 \(line 6\): .Na 0 0., expected 4 columns': lambda text: _line(text, 5, 'Na 0 0'),
    r'frame 0 \(line 2\): no cell': lambda text: _line(text, 1, 'Properties=species:S:1:pos:R:3'),
    r'frame 0 \(line 3\): Xy is not an element': lambda text: _line(text, 2, 'Xy 0 0 0'),
    r'frame 1 \(line 67\): expected the number of atoms, found': lambda text: _line(text, 66, 'hello'),
    'Lattice has 3 numbers': lambda text: _line(text, 1, 'Lattice="1 1 1" Properties=species:S:1:pos:R:3'),
}


def _line(text: str, number: int, new: str) -> str:
    lines = text.splitlines(keepends=True)
    return ''.join([*lines[:number], new + '\n', *lines[number + 1 :]])


def _shorter(text: str, frame: int) -> str:
    lines = text.splitlines(keepends=True)
    start = 66 * frame
    return ''.join([*lines[:start], '63\n', *lines[start + 1 : start + 65], *lines[start + 66 :]])


def _swapped(text: str, frame: int) -> str:
    lines = text.splitlines(keepends=True)
    at = 66 * frame + 2
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return ''.join(lines)


@pytest.mark.parametrize('message', BAD_EXTXYZ)
def test_bad_extxyz_is_named_with_file_frame_and_line(salt, message, tmp_path):
    path = extxyz(tmp_path / 'bad.xyz', salt[:3])
    path.write_text(BAD_EXTXYZ[message](path.read_text()))
    with pytest.raises(ValueError, match=message) as error:
        everything(open_source(path))
    assert str(error.value).startswith(str(path))
    assert '\n' not in str(error.value)


def test_bad_dumps_are_named_with_file_and_frame(salt, tmp_path):
    path = tmp_path / 'bad.dump'

    def said(text: str, **more) -> str:
        path.write_text(text)
        with pytest.raises(ValueError, match=f'^{path}') as error:
            everything(open_source(path, 'lammps-dump', **more))
        assert '\n' not in str(error.value)
        return str(error.value)

    text = dump_text(salt[:3], 'id type x y z')
    assert 'no elements; say which element each type is' in said(text)
    assert 'Qq is not an element' in said(text, species={'1': 'Cl', '2': 'Qq'})
    both = {'1': 'Cl', '2': 'Na'}
    later = text.rindex('ITEM: TIMESTEP')
    row = text.index('\n3 ', later) + 1
    other = text[:row] + '3 1' + text[row + 3 :]
    assert 'frame 2: other' in said(other if other != text else text[:row] + '3 2' + text[row + 3 :], species=both)
    middle = text.index('ITEM: TIMESTEP', 10)
    assert 'frame 1' in said(
        text[:middle] + text[middle:later].replace('\n4 ', '\n4 x', 1) + text[later:], species=both
    )
    assert 'frame 2: 8 atoms instead of 64' in said(text[:later] + text[later:].replace('64', '8', 1), species=both)
    assert 'the file is empty' in said('')
    assert 'no LAMMPS dump' in said('hello\n')


def test_choices_that_take_no_frame_are_refused(salt):
    with pytest.raises(ValueError, match='no frame from 9 on; it has 7 frames'):
        list(of_frames(salt, 'salt').chunks(first=9))
    with pytest.raises(ValueError, match='0 frames of 64 atoms'):
        of_frames(salt[:0])


def test_files_that_are_none(tmp_path):
    (tmp_path / 'poem.txt').write_text('Shall I compare thee to a summer day\n')
    (tmp_path / 'empty').write_text('')
    for name, message in (('poem.txt', 'cannot be read'), ('empty', 'is empty'), ('gone', 'no such file')):
        with pytest.raises(ValueError, match=message) as error:
            open_source(tmp_path / name)
        assert str(tmp_path / name) in str(error.value)
    with pytest.raises(ValueError, match='did you mean extxyz'):
        open_source(tmp_path / 'poem.txt', 'extxy')
