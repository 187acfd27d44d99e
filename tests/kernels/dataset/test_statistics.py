"""Statistics, minimum distances and the report agree with numpy on the whole data."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.distances import minimum_distances
from aiida_glassion.kernels.dataset.report import refused_frames, report_frames
from aiida_glassion.kernels.dataset.statistics import DatasetStatistics


def melt(n, seed, symbols=('Si', 'O', 'O'), side=5.0):
    rng = np.random.default_rng(seed)
    size = len(symbols)
    cells = np.tile(np.eye(3) * side, (n, 1, 1)) + rng.normal(scale=0.2, size=(n, 3, 3))
    virials = rng.normal(size=(n, 3, 3))
    return Frames(
        symbols,
        rng.random((n, size, 3)) * 3 * side,
        cells,
        energies=rng.normal(-20, 1, n),
        forces=rng.normal(size=(n, size, 3)),
        virials=virials + virials.swapaxes(1, 2),
    )


def test_minimum_distances_against_all_images():
    frames = melt(6, 1)
    shifts = np.array([[i, j, k] for i in range(-4, 5) for j in range(-4, 5) for k in range(-4, 5)])
    found = minimum_distances(frames)
    for i in range(6):
        cell = frames.cells[i]
        positions = frames.positions[i] - np.floor(frames.positions[i] @ np.linalg.inv(cell)) @ cell
        smallest = dict.fromkeys(found, np.inf)
        for a in range(3):
            for b in range(3):
                d = np.linalg.norm(positions[b] - positions[a] + shifts @ cell, axis=1)
                d = d[d > 1e-9].min()
                pair = '-'.join(sorted((frames.symbols[a], frames.symbols[b])))
                smallest[pair] = min(smallest[pair], d)
        assert {pair: values[i] for pair, values in found.items()} == pytest.approx(smallest)


def test_pairs_that_are_far_are_not_a_number():
    frames = Frames(('Si', 'O'), np.array([[[0, 0, 0], [0, 0, 9.0]]]), np.eye(3)[None] * 20)
    found = minimum_distances(frames)
    assert list(found) == ['O-O', 'O-Si', 'Si-Si']
    assert all(np.isnan(values).all() for values in found.values())
    assert minimum_distances(frames, 10.0)['O-Si'][0] == pytest.approx(9.0)


def test_statistics_are_those_of_the_whole():
    silica, soda = melt(40, 2), melt(3, 3, ('Na', 'O', 'Na'), 6.0)
    statistics = DatasetStatistics()
    for part in (silica[:1], soda, silica[1:30], silica[30:]):
        statistics.add(part)
    found = statistics.result()
    assert list(found) == ['Na2O1', 'O2Si1']
    entry = found['O2Si1']
    assert entry['n_frames'] == 40
    assert entry['energy_per_atom'] == pytest.approx(silica.energies.mean() / 3)
    assert entry['energy_per_atom_sd'] == pytest.approx(np.std(silica.energies / 3, ddof=1))
    assert entry['force_rms'] == pytest.approx(np.sqrt((silica.forces**2).mean()))
    assert entry['force_largest'] == pytest.approx(np.linalg.norm(silica.forces, axis=2).max())
    pressure = np.trace(silica.virials, axis1=1, axis2=2) / 3 / silica.volumes * 160.21766208
    assert entry['pressure'] == pytest.approx([pressure.min(), pressure.max()])
    assert entry['density'] == pytest.approx([silica.densities.min(), silica.densities.max()])
    nearest = minimum_distances(silica)
    assert entry['minimum_distances'] == pytest.approx({pair: np.nanmin(v) for pair, v in nearest.items()})


def test_one_frame_without_forces():
    frames = melt(1, 4)
    statistics = DatasetStatistics()
    statistics.add(Frames(frames.symbols, frames.positions, frames.cells, energies=frames.energies))
    entry = statistics.result()['O2Si1']
    assert entry['energy_per_atom_sd'] is None
    assert entry['force_rms'] is None
    assert entry['pressure'] is None


def test_report_names_what_should_go():
    frames = melt(50, 5)
    frames.forces[7, 1] = [0, 0, 80.0]
    parts = [frames, frames[[7, 8, 8]]]
    report = report_frames(lambda: iter(parts))
    assert report['n_frames'] == 53
    assert {o['frame'] for o in report['outliers']} == {7, 50}
    assert report['duplicates'] == [{'frame': 50, 'of': 7}, {'frame': 51, 'of': 8}, {'frame': 52, 'of': 8}]
    both = refused_frames(report, outliers=True, duplicates=True)
    assert list(both) == [7, 50, 51, 52]
    assert both[51] == 'the same geometry as frame 8 of the dataset'
    assert list(refused_frames(report, outliers=False, duplicates=True)) == [50, 51, 52]
    with pytest.raises(ValueError, match='unknown setting force; there are energy_score, largest_force'):
        report_frames(lambda: iter(parts), {'force': 3})


def test_a_good_copy_of_a_bad_frame_stays():
    report = {'outliers': [{'frame': 0, 'reason': 'bad'}], 'duplicates': [{'frame': 1, 'of': 0}, {'frame': 2, 'of': 0}]}
    assert refused_frames(report, True, True) == {0: 'bad', 2: 'the same geometry as frame 1 of the dataset'}
