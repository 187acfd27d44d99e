"""The first look: roles, cut-offs and where they come from, widths of skewed cells."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from aiida_glassion.analysis import survey as survey_module
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.sources import ArraySource, of_frames
from aiida_glassion.analysis.survey import MOST_FRAMES, survey, widths
from aiida_glassion.frames import Frames


def request(**more):
    return read_request({'analyses': ['rdf'], **more})


def quartz() -> Frames:
    """High cristobalite, ideal: Si–O 1.55 Å, angle 180°."""
    silicon = bulk('Si', 'diamond', a=7.16, cubic=True)
    positions, symbols = list(silicon.positions), ['Si'] * 8
    for i in range(8):
        for j in range(i):
            vector = silicon.get_distance(j, i, mic=True, vector=True)
            if np.linalg.norm(vector) < 3.2:
                positions.append(silicon.positions[j] + vector / 2)
                symbols.append('O')
    return Frames.from_ase(Atoms(symbols, positions, cell=silicon.cell, pbc=True).repeat(2))


def test_cut_offs_and_their_sources():
    system = survey(of_frames(quartz()), request())
    assert system.roles == {'O': 'anion', 'Si': 'former'}
    assert system.bond_lengths[('Si', 'O')] == pytest.approx(1.55, abs=0.01)
    assert 1.6 < system.cutoffs['Si', 'O'] < 2.9
    assert system.cutoff_sources['Si', 'O'] == 'first minimum of g(r)'
    assert system.cutoffs['O', 'O'] == pytest.approx(1.15 * 2 * 0.66, abs=1e-9)
    assert system.cutoff_sources['O', 'O'] == 'covalent radii'
    assert ('O', 'O') not in system.bond_lengths
    assert system.shortest_width == pytest.approx(14.32)
    assert (system.n_atoms, system.n_surveyed) == (192, 1)


def test_given_cut_offs_hold_in_either_order():
    system = survey(of_frames(quartz()), request(cutoffs={'O-Si': 2.0, 'Si-Si': 3.3}))
    assert (system.cutoffs['Si', 'O'], system.cutoffs['Si', 'Si']) == (2.0, 3.3)
    assert system.cutoff_sources['Si', 'O'] == system.cutoff_sources['Si', 'Si'] == 'given'
    assert system.bond_lengths['Si', 'Si'] == pytest.approx(3.10, abs=0.01)
    with pytest.raises(ValueError, match='cutoffs: P-O: silica holds no P, only O, Si'):
        survey(of_frames(quartz(), 'silica'), request(cutoffs={'P-O': 2.0}))


def test_metals_have_the_cut_offs_that_are_given():
    copper = Frames.from_ase(bulk('Cu', cubic=True).repeat(3))
    assert survey(of_frames(copper), request()).cutoffs == {}
    assert survey(of_frames(copper), request(cutoffs={'Cu-Cu': 3.0})).cutoffs == {('Cu', 'Cu'): 3.0}


def test_at_most_twenty_frames_are_read_the_first_and_the_last_among_them(monkeypatch):
    one = quartz()
    frames = one[[0] * 205]
    seen = []
    read = ArraySource.read
    monkeypatch.setattr(ArraySource, 'read', lambda self, indices: (seen.extend(indices), read(self, indices))[1])
    system = survey(of_frames(frames), request(first=3, every=2))
    assert system.n_surveyed == len(seen) == MOST_FRAMES
    assert (seen[0], seen[-1]) == (3, 203)
    assert seen == sorted(set(seen))
    assert all(index % 2 for index in seen)


def test_large_systems_are_looked_at_in_fewer_frames(monkeypatch):
    frames = quartz()[[0] * 40]
    monkeypatch.setattr(survey_module, 'MOST_ATOMS', 5 * 192)
    assert survey(of_frames(frames), request()).n_surveyed == 5
    monkeypatch.setattr(survey_module, 'MOST_ATOMS', 10)
    assert survey(of_frames(frames), request()).n_surveyed == 2
    assert survey(of_frames(frames[:1]), request()).n_surveyed == 1


def test_widths_of_skewed_cells():
    cell = np.array([[10.0, 0, 0], [5.0, 8.0, 0], [0, 0, 3.0]])
    np.testing.assert_allclose(widths(cell[None])[0], [80 / np.hypot(5, 8), 8.0, 3.0])
    np.testing.assert_allclose(widths(cell[None], (True, True, False))[0], [80 / np.hypot(5, 8), 8.0])


def test_no_cell_is_told():
    frames = Frames(('Si', 'O'), np.zeros((1, 2, 3)), np.zeros((1, 3, 3)), (False, False, False))
    with pytest.raises(ValueError, match='molecule: no cell'):
        survey(of_frames(frames, 'molecule'), request())
