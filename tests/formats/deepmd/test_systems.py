"""deepmd/npy systems: what is written is read back, bit by bit, and DeePMD's own reader agrees."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.formats.deepmd.systems import SystemsWriter, find_systems, read_system
from aiida_glassion.frames import Frames


def labelled(symbols, n_frames, seed, **without):
    rng = np.random.default_rng(seed)
    n_atoms = len(symbols)
    arrays = {
        'forces': rng.normal(size=(n_frames, n_atoms, 3)),
        'energies': rng.normal(size=n_frames) - 1e4,
        'virials': rng.normal(size=(n_frames, 3, 3)),
    } | without
    cells = np.eye(3) * 9 + rng.normal(scale=0.1, size=(n_frames, 3, 3))
    return Frames(symbols, rng.random((n_frames, n_atoms, 3)) * 9, cells, **arrays)


def test_round_trip_is_exact_and_sorted_by_element(tmp_path):
    frames = labelled(('Si', 'O', 'Na', 'O'), 25, 1)
    with SystemsWriter(tmp_path / 'data', frames_per_set=10) as writer:
        writer.add(frames[:7])
        writer.add(frames[7:])
    assert [path.name for path in find_systems(tmp_path)] == ['Na1O2Si1']
    sets = list(read_system(tmp_path / 'data' / 'Na1O2Si1'))
    assert [part.n_frames for part in sets] == [10, 10, 5]
    back = Frames.concatenate(sets)
    assert back.symbols == ('Na', 'O', 'O', 'Si')
    order = [2, 1, 3, 0]
    np.testing.assert_array_equal(back.positions, frames.positions[:, order])
    np.testing.assert_array_equal(back.forces, frames.forces[:, order])
    np.testing.assert_array_equal(back.energies, frames.energies)
    np.testing.assert_array_equal(back.virials, frames.virials)
    np.testing.assert_array_equal(back.cells, frames.cells)


def test_deepmd_kits_reader_agrees(tmp_path):
    import dpdata

    frames = labelled(('O', 'Si', 'O'), 4, 2)
    with SystemsWriter(tmp_path / 'data') as writer:
        writer.add(frames)
    system = dpdata.LabeledSystem(str(tmp_path / 'data' / 'O2Si1'), fmt='deepmd/npy')
    assert [system['atom_names'][kind] for kind in system['atom_types']] == ['O', 'O', 'Si']
    np.testing.assert_array_equal(system['virials'], frames.virials)
    np.testing.assert_array_equal(system['energies'], frames.energies)


def test_content_hash_ignores_how_frames_are_cut_into_sets(tmp_path):
    frames = labelled(('Si', 'O', 'O'), 12, 3)
    hashes = set()
    for size in (1, 5, 100):
        with SystemsWriter(tmp_path / str(size), frames_per_set=size) as writer:
            for index in range(12):
                writer.add(frames[index])
        hashes.add(writer.summaries[0].content_hash)
    assert len(hashes) == 1


def test_other_labels_have_a_system_of_their_own(tmp_path):
    with SystemsWriter(tmp_path / 'data') as writer:
        writer.add(labelled(('O', 'Si'), 2, 4))
        writer.add(labelled(('O', 'Si'), 2, 5, virials=None))
        writer.add(labelled(('O', 'Si'), 3, 6, magnetisations=np.ones((3, 2))))
    assert [(s.name, s.n_frames) for s in writer.summaries] == [('O1Si1', 2), ('O1Si1_ef', 2), ('O1Si1_efvm', 3)]


def test_without_energies_or_half_periodic_is_refused(tmp_path):
    writer = SystemsWriter(tmp_path / 'data')
    with pytest.raises(ValueError, match='O1Si1: frames without energies'):
        writer.add(labelled(('O', 'Si'), 2, 7, energies=None))
    slab = labelled(('O', 'Si'), 2, 8)
    with pytest.raises(ValueError, match='all directions or none'):
        writer.add(Frames(slab.symbols, slab.positions, slab.cells, (True, True, False), energies=slab.energies))


@pytest.mark.parametrize(
    ('file', 'content', 'message'),
    [
        ('type.raw', '0\n0\n5\n', 'type.raw'),
        ('set.000/force.npy', b'nonsense', 'force.npy: not an array'),
        ('set.000/coord.npy', None, 'coord.npy or box.npy is missing'),
        ('type_map.raw', None, 'type_map.raw is missing'),
    ],
)
def test_broken_files_are_named(tmp_path, file, content, message):
    with SystemsWriter(tmp_path / 'data') as writer:
        writer.add(labelled(('O', 'Si', 'O'), 2, 9))
    path = tmp_path / 'data' / 'O2Si1' / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        list(read_system(tmp_path / 'data' / 'O2Si1'))


def test_many_compositions_do_not_pile_up_in_memory(tmp_path, monkeypatch):
    """Where frames of many compositions come in turn, sets are written before they are full; nothing is lost."""
    from aiida_glassion.formats.deepmd import systems

    monkeypatch.setattr(systems, '_NUMBERS_WAITING', 600)
    waiting = []
    with SystemsWriter(tmp_path / 'data', frames_per_set=1000) as writer:
        for turn in range(30):
            for n in range(1, 9):
                writer.add(labelled(('O',) * n, 1, 10 * turn + n))
                waiting.append(sum(s.n_waiting * s.frames.n_atoms * 3 for s in writer._systems.values()))
    assert max(waiting) <= 600 < 30 * 36 * 3
    assert [summary.n_frames for summary in writer.summaries] == [30] * 8
    back = Frames.concatenate(list(read_system(tmp_path / 'data' / 'O3')))
    expected = [labelled(('O',) * 3, 1, 10 * turn + 3).energies[0] for turn in range(30)]
    np.testing.assert_array_equal(back.energies, expected)
