"""Errors against brute force, their standard errors against the bootstrap and against theory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_glassion.kernels.learning.errors import committee_errors, influence_error, sums_of
from aiida_glassion.kernels.learning.parity import (
    Parity,
    error_over_deviation,
    force_deviations,
    mean_prediction,
)

FORMULAS = ('O2Si1', 'O4Si2', 'O2Si1', 'O4Si2', 'O2Si1')


def make(seed: int = 0, n_frames: int = 5, noise: float = 0.1, formulas: tuple[str, ...] | None = None) -> Parity:
    """References are the same for every seed, predictions are not."""
    formulas = formulas or tuple(FORMULAS[i % len(FORMULAS)] for i in range(n_frames))
    n_atoms = np.array([3 if name == 'O2Si1' else 6 for name in formulas])
    elements = np.concatenate([[0] * (2 * n // 3) + [1] * (n // 3) for n in n_atoms])
    truth, generator = np.random.default_rng(7), np.random.default_rng(seed + 100)
    forces, energies = truth.normal(size=(n_atoms.sum(), 3)), truth.normal(size=len(n_atoms)) * n_atoms
    virials = truth.normal(size=(len(n_atoms), 3, 3))
    scale = np.where(elements == 0, 1.0, 2.0)[:, None]
    return Parity(
        formulas,
        n_atoms,
        ('O', 'Si'),
        elements,
        energies,
        energies + noise * n_atoms * generator.normal(size=len(n_atoms)),
        forces,
        forces + noise * scale * generator.normal(size=forces.shape),
        virials,
        virials + noise * generator.normal(size=virials.shape),
    )


def test_rmse_mae_and_parts_against_loops():
    parity = make()
    table = committee_errors({'a': parity})
    squares: dict[str, list[float]] = {'O': [], 'Si': [], 'O2Si1': [], 'O4Si2': []}
    energy, virial, atom = [], [], 0
    for frame, formula in enumerate(parity.formulas):
        n = int(parity.n_atoms[frame])
        energy.append(1e3 * (parity.predicted_energies[frame] - parity.energies[frame]) / n)
        for i in range(3):
            for j in range(3):
                virial.append(1e3 * (parity.predicted_virials[frame, i, j] - parity.virials[frame, i, j]) / n)
        for _ in range(n):
            for axis in range(3):
                error = 1e3 * (parity.predicted_forces[atom, axis] - parity.forces[atom, axis])
                squares[parity.elements[parity.atom_elements[atom]]].append(error)
                squares[formula].append(error)
            atom += 1

    def rms(values):
        return np.sqrt(np.mean(np.square(values)))

    assert table['energy']['rmse']['mean'] == pytest.approx(rms(energy))
    assert table['energy']['mae']['mean'] == pytest.approx(np.mean(np.abs(energy)))
    assert table['energy']['bias']['mean'] == pytest.approx(np.mean(energy))
    assert table['virial']['rmse']['mean'] == pytest.approx(rms(virial))
    assert table['force']['rmse']['mean'] == pytest.approx(rms(squares['O'] + squares['Si']))
    for name in ('O', 'Si'):
        assert table['force']['by_element'][name]['mean'] == pytest.approx(rms(squares[name]))
    for name in ('O2Si1', 'O4Si2'):
        assert table['force']['by_formula'][name]['mean'] == pytest.approx(rms(squares[name]))
    assert table['formulas'] == {'O2Si1': 3, 'O4Si2': 2}
    assert table['force']['rmse']['spread'] is None
    assert table['force']['reference_rms'] == pytest.approx(1e3 * np.sqrt(np.mean(parity.forces**2)))
    assert 'committee' not in table['force']
    assert table['units'] == {'energy': 'meV/atom', 'force': 'meV/Å', 'virial': 'meV/atom'}


def test_standard_error_of_gaussian_errors():
    n, sigma = 4000, 0.1
    sums = sums_of(make(n_frames=n, noise=sigma), 'energy')
    assert sums.rmse == pytest.approx(1e3 * sigma, rel=0.05)
    assert influence_error(sums.rmse_influence) == pytest.approx(1e3 * sigma / np.sqrt(2 * n), rel=0.15)
    mae = np.sqrt(1 - 2 / np.pi) / np.sqrt(n) * 1e3 * sigma
    assert influence_error(sums.mae_influence) == pytest.approx(mae, rel=0.15)


def test_standard_error_against_the_bootstrap():
    sums = sums_of(make(n_frames=60), 'force')
    generator = np.random.default_rng(3)
    picks = generator.integers(0, 60, size=(4000, 60))
    values = np.sqrt(sums.squares[picks].sum(axis=1) / sums.counts[picks].sum(axis=1))
    assert influence_error(sums.rmse_influence) == pytest.approx(values.std(), rel=0.35)
    naive = np.sqrt(60 / 59 * np.sum(sums.rmse_influence**2))
    assert naive == pytest.approx(values.std(), rel=0.05)


def test_frames_that_resemble_their_neighbours_count_less():
    """An AR(1) series with ρ = 0.9 has a standard error √19 times that of independent frames."""
    generator = np.random.default_rng(5)
    x = np.zeros(20000)
    for i in range(1, len(x)):
        x[i] = 0.9 * x[i - 1] + generator.normal()
    x = (x - x.mean()) / len(x)
    naive = np.sqrt(np.sum(x**2))
    assert influence_error(x) / naive == pytest.approx(np.sqrt(19), rel=0.15)
    assert influence_error(np.array([0.0])) is None


def test_what_has_no_label_is_not_counted():
    parity = make()
    forces, energies = parity.forces.copy(), parity.energies.copy()
    forces[:3] = np.nan
    energies[1] = np.nan
    some = replace(parity, forces=forces, energies=energies, virials=None, predicted_virials=None)
    table = committee_errors({'a': some})
    assert 'virial' not in table
    assert table['force']['n_frames'] == 4
    assert table['energy']['n_frames'] == 4
    assert table['force']['rmse']['mean'] == pytest.approx(
        1e3 * np.sqrt(np.mean((parity.predicted_forces - parity.forces)[3:] ** 2))
    )
    assert np.isnan(some.max_force_errors[0])


def test_spread_over_members_and_error_of_their_mean():
    members = {name: make(seed) for seed, name in enumerate('abc')}
    table = committee_errors(members)
    values = [committee_errors({'x': member})['force']['rmse']['mean'] for member in members.values()]
    assert table['force']['rmse']['mean'] == pytest.approx(np.mean(values))
    assert table['force']['rmse']['spread'] == pytest.approx(np.std(values, ddof=1))
    assert table['force']['rmse']['n'] == 3
    together = 1e3 * np.sqrt(np.mean((mean_prediction(list(members.values())).predicted_forces - make().forces) ** 2))
    assert table['force']['committee']['mean'] == pytest.approx(together)
    assert together < min(values)


def test_deviation_against_a_loop():
    members = [make(seed) for seed in range(4)]
    deviations, atom = [], 0
    for n in members[0].n_atoms:
        found = []
        for _ in range(n):
            forces = np.array([member.predicted_forces[atom] for member in members])
            mean = forces.mean(axis=0)
            found.append(np.sqrt(np.mean([np.sum((force - mean) ** 2) for force in forces])))
            atom += 1
        deviations.append(max(found))
    assert force_deviations(members) == pytest.approx(deviations)


def test_members_that_err_independently_and_together():
    members = [make(seed, n_frames=400) for seed in range(4)]
    assert error_over_deviation(members) == pytest.approx(1 / np.sqrt(3), rel=0.05)
    wrong = [replace(m, predicted_forces=m.predicted_forces + 1.0) for m in members]
    assert error_over_deviation(wrong) > 3


def test_other_frames_and_shapes_are_refused():
    with pytest.raises(ValueError, match='different frames'):
        committee_errors({'a': make(), 'b': make(n_frames=4)})
    with pytest.raises(ValueError, match='two at least'):
        force_deviations([make()])
    with pytest.raises(ValueError, match='no parity'):
        committee_errors({})
    with pytest.raises(ValueError, match=r'predicted_forces: shape \(20, 3\), expected \(21, 3\)'):
        replace(make(), predicted_forces=np.zeros((20, 3)))
    with pytest.raises(ValueError, match='predicted_energies: not finite'):
        replace(make(), predicted_energies=np.full(5, np.nan))


def test_arrays_there_and_back():
    parity = make()
    again = Parity.from_arrays({**parity.arrays(), 'more': np.zeros(2)}, ['O2Si1', 'O4Si2'], parity.elements)
    assert again.formulas == parity.formulas
    assert committee_errors({'a': again}) == committee_errors({'a': parity})
    assert parity.arrays()['formula'].tolist() == [0, 1, 0, 1, 0]
