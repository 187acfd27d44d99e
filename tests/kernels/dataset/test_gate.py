"""The gate against brute force, and against frames that are wrong in one way each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.gate import (
    Limits,
    check_energies,
    check_geometry,
    check_labels,
)

LIMITS = Limits()


def test_geometry():
    good = bulk('Si', cubic=True)
    across = good.copy()
    across.positions[1] = across.positions[0] + across.cell[0] - [0.4, 0, 0]
    frames = Frames.from_ase([good, across])
    refused = check_geometry(frames, LIMITS)
    assert list(refused) == [1]
    assert refused[1].kind == 'too_close'
    assert refused[1].reason == 'Si 0 and Si 1 are 0.400 Å apart, less than 1.110 Å'
    assert check_geometry(frames, replace(LIMITS, min_distance_factor=None)) == {}
    assert check_geometry(frames, replace(LIMITS, min_distance_factor=0.17)) == {}
    molecule = Frames.from_ase(Atoms('O2', [[0, 0, 0], [0, 0, 1.2]]))
    assert check_geometry(molecule, LIMITS) == {}
    assert list(check_geometry(replace(molecule, positions=molecule.positions * 0.3), LIMITS)) == [0]
    assert check_geometry(Frames.from_ase(Atoms('O', pbc=True, cell=[0.5, 9, 9])), LIMITS)[0].kind == 'too_close'
    assert check_geometry(Frames.from_ase(Atoms('O')), LIMITS) == {}


def labelled(**changes):
    frames = Frames.from_ase(bulk('Si', cubic=True))
    labels = {'energies': np.array([-1.0]), 'forces': np.zeros((1, 8, 3)), 'virials': np.zeros((1, 3, 3))}
    return frames, replace(frames, **(labels | changes))


def test_a_good_frame_passes():
    asked, good = labelled()
    assert check_labels(asked, good, LIMITS) is None
    shifted = replace(good, positions=good.positions + good.cells[:, :1])
    assert check_labels(asked, shifted, LIMITS) is None, 'another image of the same atoms'


def spoilt(name, value):
    """Frames refuse what is not finite, so it is put in behind their back."""
    asked, good = labelled()
    object.__setattr__(good, name, value)
    return asked, good


def test_each_fault_has_its_kind_and_numbers():
    asked, good = labelled()
    force = np.zeros((1, 8, 3))
    force[0, 5] = [60, 0, 80]
    moved = good.positions.copy()
    moved[0, 3] += 0.01
    cases = {
        'large_force': (replace(good, forces=force), '100 eV/Å on Si 5, more than 50 eV/Å'),
        'missing': (replace(good, forces=None, virials=None), 'no forces and no virials among the labels'),
        'wrong_atoms': (replace(good, positions=moved), 'moved by 0.01 Å, cell by 0 Å'),
    }
    for kind, (frame, reason) in cases.items():
        refusal = check_labels(asked, frame, LIMITS)
        assert refusal is not None
        assert refusal.kind == kind
        assert reason in refusal.reason
    other = replace(good, symbols=('Ge', *good.symbols[1:]))
    assert check_labels(asked, other, LIMITS).reason == 'Ge1Si7 was labelled, Si8 was asked for'
    strained = replace(good, cells=good.cells * 1.01)
    assert check_labels(asked, strained, LIMITS).kind == 'wrong_atoms'
    for name, shape in (('energies', (1,)), ('forces', (1, 8, 3)), ('virials', (1, 3, 3))):
        refusal = check_labels(*spoilt(name, np.full(shape, np.nan)), LIMITS)
        assert (refusal.kind, name in refusal.reason) == ('not_finite', True)
    assert check_labels(asked, replace(good, forces=force), replace(LIMITS, max_force=None)) is None
    assert check_labels(asked, replace(good, virials=None), replace(LIMITS, labels=('energies', 'forces'))) is None
    molecule = replace(asked, pbc=(False, False, False))
    assert check_labels(molecule, replace(good, pbc=(False,) * 3, virials=None), LIMITS) is None


def test_energy_outliers_within_a_composition():
    rng = np.random.default_rng(1)
    energies = -10.0 * 8 + rng.normal(0, 0.02, 60) * 8
    energies[[7, 31]] += [8 * 0.5, -8 * 0.4]
    counts = [{'Si': 8}] * 60
    refused = check_energies(counts, energies, LIMITS)
    assert list(refused) == [7, 31]
    assert refused[7].kind == 'energy_outlier'
    assert 'the 60 frames of Si8' in refused[7].reason
    assert check_energies(counts, energies, replace(LIMITS, max_energy_z=None)) == {}
    assert check_energies(counts[:9], energies[:9], LIMITS) == {}, 'too few to say anything'
    assert check_energies([], [], LIMITS) == {}


def test_frames_that_are_all_alike_do_not_refuse_each_other():
    energies = np.full(30, -80.0)
    energies[3] += 8 * 0.04
    assert check_energies([{'Si': 8}] * 30, energies, LIMITS) == {}
    energies[3] += 8 * 0.02
    assert list(check_energies([{'Si': 8}] * 30, energies, LIMITS)) == [3]


def test_few_frames_of_many_compositions_are_judged_together():
    rng = np.random.default_rng(2)
    counts = [{'Na': n, 'P': 4, 'S': m} for n in (2, 5, 9) for m in (3, 8, 11, 14) for _ in range(3)]
    energies = np.array([-1.3 * c['Na'] - 5.4 * c['P'] - 4.1 * c['S'] for c in counts])
    energies += rng.normal(0, 0.01, len(counts)) * [sum(c.values()) for c in counts]
    assert check_energies(counts, energies, LIMITS) == {}
    energies[17] += 1.0 * sum(counts[17].values())
    refused = check_energies(counts, energies, LIMITS)
    assert list(refused) == [17]
    assert '36 frames of 12 compositions' in refused[17].reason


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'max_force': -1}, 'gate.max_force: -1 given, expected a positive number'),
        ({'min_frames': 0}, 'gate.min_frames'),
        ({'max_energy_z': 'ten'}, 'gate.max_energy_z'),
        ({'energy_spread_floor': None}, 'gate.energy_spread_floor'),
        ({'labels': ('forces',)}, 'gate.labels'),
        ({'labels': ('energies', 'charges')}, 'gate.labels'),
    ],
)
def test_limits_that_cannot_be(changes, message):
    with pytest.raises(ValueError, match=message):
        Limits(**changes)
