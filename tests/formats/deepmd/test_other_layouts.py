"""DeePMD's other layouts: what DeePMD's own tools write is read, and what we write they read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.formats.deepmd.other_layouts import Hdf5Writer, read_hdf5
from aiida_glassion.formats.deepmd.systems import SystemsWriter, read_system
from aiida_glassion.formats.labelled.read import Reading, read_labelled
from aiida_glassion.frames import Frames

SILICA = Path(__file__).parents[2] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
LABELS = ('positions', 'cells', 'energies', 'forces', 'virials')


@pytest.fixture(scope='module')
def silica():
    return Frames.concatenate(list(read_system(SILICA)))


def equal(found, frames, tolerance=0.0):
    assert found.symbols == frames.symbols
    for name in LABELS:
        np.testing.assert_allclose(getattr(found, name), getattr(frames, name), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('layout', ['raw', 'hdf5', 'npy', 'mixed'])
def test_what_dpdata_writes(layout, silica, tmp_path):
    import dpdata

    system = dpdata.LabeledSystem(str(SILICA), fmt='deepmd/npy')
    path = tmp_path / ('data.hdf5' if layout == 'hdf5' else 'data')
    if layout == 'raw':
        system.to('deepmd/raw', str(path))
    elif layout == 'hdf5':
        system.to('deepmd/hdf5', str(path), comp_prec=np.float64)
    elif layout == 'npy':
        system.to('deepmd/npy', str(path), comp_prec=np.float64, set_size=20)
    else:
        system.to('deepmd/npy/mixed', str(path), comp_prec=np.float64)
    found = Frames.concatenate(list(read_labelled(path)))
    equal(found.sorted_by_element(), silica, 1e-12 if layout == 'raw' else 0)


def test_mixed_compositions_and_padding(tmp_path):
    folder = tmp_path / 'mixed' / 'set.000'
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    types = np.array([[0, 0, 1], [1, 0, -1], [0, 0, 1], [1, 0, -1]])
    arrays = {'coord': rng.random((4, 9)), 'force': rng.random((4, 9)), 'energy': rng.random(4)}
    for name, values in {**arrays, 'box': np.tile(np.eye(3).ravel() * 5, (4, 1)), 'real_atom_types': types}.items():
        np.save(folder / f'{name}.npy', values)
    (tmp_path / 'mixed' / 'type.raw').write_text('0\n0\n0\n')
    (tmp_path / 'mixed' / 'type_map.raw').write_text('O\nSi\n')
    parts = {part.symbols: part for part in read_labelled(tmp_path / 'mixed')}
    assert set(parts) == {('O', 'O', 'Si'), ('Si', 'O')}
    pair = parts['Si', 'O']
    np.testing.assert_array_equal(pair.energies, arrays['energy'][[1, 3]])
    np.testing.assert_array_equal(pair.positions, arrays['coord'].reshape(4, 3, 3)[[1, 3], :2])
    np.testing.assert_array_equal(pair.forces, arrays['force'].reshape(4, 3, 3)[[1, 3], :2])


def test_dpdata_reads_our_hdf5(silica, tmp_path):
    import dpdata

    path = tmp_path / 'data.hdf5'
    with Hdf5Writer(path) as writer:
        writer.add(silica[:50])
        writer.add(Frames(('Na',), np.zeros((1, 1, 3)), np.eye(3)[None] * 9, energies=np.array([-1.0])))
        writer.add(silica[50:])
    system = dpdata.LabeledSystem(f'{path}#/O16Si8', fmt='deepmd/hdf5')
    np.testing.assert_array_equal(system['energies'], silica.energies)
    np.testing.assert_array_equal(system['forces'], silica.forces)
    np.testing.assert_array_equal(system['virials'], silica.virials)
    parts = list(read_hdf5(path))
    assert [part.counts for part in parts] == [{'Na': 1}, {'O': 16, 'Si': 8}, {'O': 16, 'Si': 8}]
    equal(Frames.concatenate(parts[1:]), silica)


def test_deepmd_kit_loads_our_hdf5(silica, tmp_path):
    from deepmd.utils.data import DeepmdData

    path = tmp_path / 'data.hdf5'
    with Hdf5Writer(path) as writer:
        writer.add(silica)
    data = DeepmdData(f'{path}#/O16Si8', type_map=['O', 'Si'], shuffle_test=False)
    data.add('energy', 1, atomic=False, must=True)
    data.add('force', 3, atomic=True, must=True)
    data.add('virial', 9, atomic=False, must=True)
    test = data.get_test()
    np.testing.assert_allclose(test['energy'].ravel(), silica.energies, rtol=1e-6)
    np.testing.assert_allclose(test['virial'], silica.virials.reshape(90, 9), rtol=1e-5, atol=1e-5)


def test_type_map_may_be_given(silica, tmp_path):
    with SystemsWriter(tmp_path / 'data') as writer:
        writer.add(silica)
    (tmp_path / 'data' / 'O16Si8' / 'type_map.raw').unlink()
    with pytest.raises(ValueError, match=r'type_map.raw is missing: DeePMD data need it to name the atoms'):
        list(read_labelled(tmp_path / 'data'))
    reading = Reading(type_map=['O', 'Si'])
    equal(Frames.concatenate(list(read_labelled(tmp_path / 'data', reading=reading))), silica)
    with pytest.raises(ValueError, match='type 1; its numbers must count the 1 elements from 0'):
        list(read_labelled(tmp_path / 'data', reading=Reading(type_map=['O'])))


def test_large_sets_are_read_in_parts(tmp_path):
    n_frames = 30_000
    with SystemsWriter(tmp_path / 'data', frames_per_set=n_frames) as writer:
        positions = np.random.default_rng(0).random((n_frames, 60, 3))
        cells = np.tile(np.eye(3) * 10, (n_frames, 1, 1))
        writer.add(Frames(('O',) * 60, positions, cells, energies=np.arange(n_frames, dtype=float)))
    parts = list(read_system(tmp_path / 'data' / 'O60_e'))
    assert max(part.n_frames for part in parts) < n_frames
    np.testing.assert_array_equal(np.concatenate([part.energies for part in parts]), np.arange(n_frames))


@pytest.mark.parametrize(
    ('file', 'change', 'message'),
    [
        ('energy.raw', lambda text: text.replace('-', '!', 1), r'energy.raw, from line 1: could not convert'),
        ('energy.raw', lambda text: text.split('\n', 1)[1], 'files of different length after line 0'),
        ('force.raw', lambda text: 'nan' + text[text.index(' ') :], 'frame 0.*: forces is not a number'),
    ],
)
def test_broken_raw_files_are_named(file, change, message, tmp_path):
    import dpdata

    dpdata.LabeledSystem(str(SILICA), fmt='deepmd/npy').to('deepmd/raw', str(tmp_path))
    path = tmp_path / file
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        list(read_labelled(tmp_path))


def test_nan_in_npy_names_the_frame(silica, tmp_path):
    with SystemsWriter(tmp_path / 'data') as writer:
        writer.add(silica)
    file = tmp_path / 'data' / 'O16Si8' / 'set.000' / 'force.npy'
    forces = np.load(file)
    forces[17, 3] = np.nan
    np.save(file, forces)
    with pytest.raises(ValueError, match=r'set.000, frame 17: forces is not a number \(NaN\)'):
        list(read_labelled(tmp_path / 'data'))
