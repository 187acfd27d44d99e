from __future__ import annotations

import time

import numpy as np
import pytest
from aiida import orm
from ase.build import bulk

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames


@pytest.fixture
def frames():
    rng = np.random.default_rng(1)
    atoms = bulk('NaCl', 'rocksalt', 5.6, cubic=True)
    n_frames, n_atoms = 4, len(atoms)
    return Frames(
        symbols=tuple(atoms.get_chemical_symbols()),
        positions=atoms.positions + rng.normal(size=(n_frames, n_atoms, 3)),
        cells=np.repeat(atoms.cell.array[None], n_frames, axis=0),
        velocities=rng.normal(size=(n_frames, n_atoms, 3)),
        energies=rng.normal(size=n_frames),
        charges=rng.normal(size=n_atoms),
        steps=np.arange(n_frames) * 10,
        times=np.arange(n_frames) * 0.01,
        stages=np.array([0, 0, 1, 1]),
    )


@pytest.mark.usefixtures('aiida_profile_clean')
def test_stored_and_read_again_is_the_same(frames):
    node = FramesData.from_frames(frames).store()
    again = orm.load_node(node.pk).frames
    assert again.symbols == frames.symbols
    assert again.arrays().keys() == frames.arrays().keys()
    for name, array in frames.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
    assert node.base.attributes.get('counts') == {'Cl': 4, 'Na': 4}
    assert node.base.attributes.get('units')['velocities'] == 'Å/ps'


@pytest.mark.usefixtures('aiida_profile_clean')
def test_equal_frames_have_equal_hashes(frames):
    first, second = FramesData.from_frames(frames).store(), FramesData.from_frames(frames).store()
    other = FramesData.from_frames(frames[:2]).store()
    assert first.base.caching.get_hash() == second.base.caching.get_hash()
    assert first.base.caching.get_hash() != other.base.caching.get_hash()


@pytest.mark.usefixtures('aiida_profile_clean')
def test_a_core_trajectory_reader_reads_it(frames):
    node = FramesData.from_frames(frames).store()
    structure = node.get_step_structure(2)
    assert structure.get_formula() == 'Cl4Na4'
    np.testing.assert_allclose(structure.get_ase().positions, frames.positions[2])


@pytest.mark.usefixtures('aiida_profile_clean')
def test_from_structure_and_core_trajectory(frames):
    structure = orm.StructureData(ase=bulk('Si', cubic=True))
    assert FramesData.from_structure(structure).frames.counts == {'Si': 8}
    core = orm.TrajectoryData()
    core.set_trajectory(list(frames.symbols), frames.positions, cells=frames.cells, pbc=[True] * 3)
    np.testing.assert_array_equal(FramesData.from_trajectory(core).frames.positions, frames.positions)
    core.set_trajectory(list(frames.symbols), frames.positions)
    with pytest.raises(ValueError, match='without cells'):
        FramesData.from_trajectory(core)


@pytest.mark.usefixtures('aiida_profile_clean')
def test_single_precision_is_kept(frames):
    from dataclasses import replace

    node = FramesData.from_frames(replace(frames, positions=frames.positions.astype(np.float32))).store()
    assert node.get_positions().dtype == np.float32


@pytest.mark.usefixtures('aiida_profile_clean')
def test_a_hundred_thousand_atoms_in_seconds():
    n_atoms = 100_000
    frames = Frames(('O', 'Si') * (n_atoms // 2), np.random.default_rng(0).random((1, n_atoms, 3)), np.eye(3)[None])
    start = time.perf_counter()
    node = FramesData.from_frames(frames).store()
    assert orm.load_node(node.pk).frames.n_atoms == n_atoms
    assert time.perf_counter() - start < 10


def test_frames_refuse_wrong_shapes_and_nan(frames):
    with pytest.raises(ValueError, match='velocities: shape'):
        Frames(frames.symbols, frames.positions, frames.cells, velocities=frames.velocities[:1])
    broken = frames.positions.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match='positions: not finite'):
        Frames(frames.symbols, broken, frames.cells)
    with pytest.raises(ValueError, match='without volume'):
        Frames(frames.symbols, frames.positions, frames.cells * 0)


def test_density_of_rock_salt():
    frames = Frames.from_ase(bulk('NaCl', 'rocksalt', 5.6402))
    np.testing.assert_allclose(frames.densities, 2.163, atol=0.002)  # CRC Handbook: 2.17 at 298 K


def test_ase_round_trip_keeps_velocities(frames):
    again = Frames.from_ase([frames.to_ase(i) for i in range(len(frames))])
    np.testing.assert_allclose(again.velocities, frames.velocities)
