"""Energy shifts: exact where the compositions determine them, and honest where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.energy_shifts import (
    CompositionEnergies,
    add_shifts,
    fit_energy_shifts,
    shifts_of_isolated_atoms,
    subtract_shifts,
)

TRUE = {'Na': -1290.0, 'O': -430.5, 'Si': -107.25}


def frames_of(counts, energies):
    symbols = tuple(element for element, number in counts.items() for _ in range(number))
    n = len(energies)
    positions = np.random.default_rng(1).random((n, len(symbols), 3)) * 9
    return Frames(symbols, positions, np.tile(np.eye(3) * 9, (n, 1, 1)), energies=np.array(energies, dtype=float))


def total(counts):
    return sum(number * TRUE[element] for element, number in counts.items())


def test_shifts_are_recovered_where_compositions_determine_them():
    rng = np.random.default_rng(3)
    sums, rows, energies = CompositionEnergies(), [], []
    for counts in ({'Si': 4, 'O': 8}, {'Si': 8, 'O': 16}, {'Na': 4, 'Si': 4, 'O': 10}, {'Na': 4, 'O': 4}):
        noise = rng.normal(scale=0.3, size=7)
        sums.add(frames_of(counts, total(counts) + noise[:4]))
        sums.add(frames_of(counts, total(counts) + noise[4:]))
        rows += [[counts.get(element, 0) for element in TRUE]] * 7
        energies += (total(counts) + noise).tolist()
    found = sums.fit()
    assert found.rank == 3
    assert found.undetermined == []
    assert 'determine the shifts of all 3' in found.message
    rows, energies = np.array(rows, dtype=float), np.array(energies)
    n = rows.sum(axis=1)
    brute = np.linalg.lstsq(rows / n[:, None], energies / n, rcond=None)[0]
    np.testing.assert_allclose(list(found.shifts.values()), brute, atol=1e-8)
    residual = np.std(energies / n - rows @ brute / n)
    assert found.residual == pytest.approx(residual, rel=0.05)
    assert found.residual == pytest.approx(np.sqrt(np.mean((energies / n - rows @ brute / n) ** 2)), rel=1e-6)


def test_exact_energies_leave_no_residual():
    counts = np.array([[0, 2, 1], [2, 1, 0], [1, 1, 1.0]])
    found = fit_energy_shifts(list(TRUE), counts, counts @ np.array(list(TRUE.values())))
    assert found.shifts == pytest.approx(TRUE)
    assert found.residual < 1e-9


def test_one_composition_is_degenerate_and_says_so():
    sums = CompositionEnergies()
    counts = {'Si': 4, 'O': 8}
    sums.add(frames_of(counts, [total(counts), total(counts) + 2.4]))
    found = sums.fit()
    mean = (total(counts) + 1.2) / 12
    assert found.shifts == pytest.approx({'O': mean, 'Si': mean})
    assert found.rank == 1
    assert 'fix 1 of 2 shifts' in found.message
    [open_direction] = found.undetermined
    assert 8 * open_direction['O'] + 4 * open_direction['Si'] == pytest.approx(0, abs=1e-5)
    assert found.residual == pytest.approx(0.1)


def test_a_line_of_compositions_is_degenerate_with_three_elements():
    sums = CompositionEnergies()
    for na, si in ((2, 5), (4, 4), (6, 3)):  # x Na2O + y SiO2: charge neutral, so two dimensions for three elements
        counts = {'Na': na, 'O': na // 2 + 2 * si, 'Si': si}
        sums.add(frames_of(counts, [total(counts)]))
    found = sums.fit()
    assert found.rank == 2
    for na, si in ((2, 5), (10, 1)):
        counts = {'Na': na, 'O': na // 2 + 2 * si, 'Si': si}
        assert sum(n * found.shifts[e] for e, n in counts.items()) == pytest.approx(total(counts))


def test_isolated_atoms():
    atoms = [frames_of({'O': 1}, [-431.0, -431.0]), frames_of({'Si': 1}, [-100.0]), frames_of({'O': 2}, [-870.0])]
    assert shifts_of_isolated_atoms(atoms) == {'O': -431.0, 'Si': -100.0}
    with pytest.raises(ValueError, match=r'isolated atoms of O have -431.000000 and -432.000000 eV'):
        shifts_of_isolated_atoms([*atoms, frames_of({'O': 1}, [-432.0])])
    with pytest.raises(ValueError, match='no frame holds a single atom'):
        shifts_of_isolated_atoms(atoms[2:])


def test_subtracted_and_added_again():
    frames = frames_of({'Si': 1, 'O': 2}, [-970.0, -969.0])
    shifted = subtract_shifts(frames, TRUE)
    np.testing.assert_allclose(shifted.energies, [-970 + 968.25, -969 + 968.25])
    np.testing.assert_allclose(add_shifts(shifted, TRUE).energies, frames.energies)
    with pytest.raises(ValueError, match='no energy shift is given for O'):
        subtract_shifts(frames, {'Si': -100.0})


def test_nothing_to_fit():
    with pytest.raises(ValueError, match='no frames'):
        CompositionEnergies().fit()
    with pytest.raises(ValueError, match='a row without atoms'):
        fit_energy_shifts(['O'], np.zeros((1, 1)), np.ones(1))
