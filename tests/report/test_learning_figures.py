"""What is drawn of a training is what was given, in the units that the axes name."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from aiida_glassion.kernels.learning.curve import LearningCurve
from aiida_glassion.kernels.learning.errors import committee_errors
from aiida_glassion.kernels.learning.parity import Parity
from aiida_glassion.report.figures import parity as parity_module
from aiida_glassion.report.figures.learning import deviation_figure, element_error_figure, learning_curve_figure
from aiida_glassion.report.figures.parity import parity_figure
from aiida_glassion.report.figures.style import as_png


def make_parity(n_frames: int = 6, seed: int = 1, virials: bool = True) -> Parity:
    truth, noise = np.random.default_rng(0), np.random.default_rng(seed)
    formulas = tuple(('O2Si1', 'O4Si2')[i % 2] for i in range(n_frames))
    n_atoms = np.array([3 if name == 'O2Si1' else 6 for name in formulas])
    kinds = np.concatenate([[0] * (2 * n // 3) + [1] * (n // 3) for n in n_atoms])
    forces, energies = truth.normal(size=(n_atoms.sum(), 3)), n_atoms * (truth.normal(size=n_frames) * 0.1 - 5)
    virial = truth.normal(size=(n_frames, 3, 3)) if virials else None
    return Parity(
        formulas, n_atoms, ('O', 'Si'), kinds, energies, energies + 0.03 * n_atoms,
        forces, forces + 0.1 * noise.normal(size=forces.shape),
        virial, None if virial is None else virial + 0.06,
    )  # fmt: skip


def texts(figure) -> str:
    return ' '.join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_parity_points_and_their_errors():
    parity = make_parity()
    figure = parity_figure(parity, committee_errors({'a': parity}))
    assert [axes.get_title(loc='left') for axes in figure.axes[::2]] == [
        'Energy', 'Force components', 'Virial components',
    ]  # fmt: skip
    top, below = figure.axes[:2]
    energies = parity.energies / parity.n_atoms
    zero = np.array([energies[[f == name for f in parity.formulas]].mean() for name in parity.formulas])
    assert top.lines[0].get_xdata() == pytest.approx(1e3 * (energies - zero))
    assert below.lines[0].get_ydata() == pytest.approx(30.0)
    forces = figure.axes[2]
    assert [line.get_label() for line in forces.lines[:2]] == ['O', 'Si']
    assert forces.lines[1].get_xdata() == pytest.approx(parity.forces[parity.atom_elements == 1].ravel())
    assert figure.axes[5].lines[0].get_ydata() == pytest.approx(np.repeat(1e3 * 0.06 / parity.n_atoms, 9)), (
        'virial errors in meV/atom'
    )
    assert 'RMSE 30' in texts(figure)
    assert figure.axes[1].get_xlabel() == 'Reference (meV/atom)'
    assert figure.axes[3].get_ylabel() == 'Error (meV/Å)'


def test_many_points_become_a_density(monkeypatch):
    monkeypatch.setattr(parity_module, 'MOST_POINTS', 50)
    parity = make_parity(40, virials=False)
    figure = parity_figure(parity)
    assert len(figure.axes) == 4
    mesh = figure.axes[2].collections[0]
    assert np.ma.sum(mesh.get_array()) == parity.forces.size
    assert len(as_png(figure)) > 5000


def test_without_forces_there_is_a_word():
    parity = make_parity()
    blind = Parity(
        parity.formulas, parity.n_atoms, parity.elements, parity.atom_elements, parity.energies,
        parity.predicted_energies, np.full_like(parity.forces, np.nan), parity.predicted_forces,
    )  # fmt: skip
    assert len(parity_figure(blind).axes) == 2
    assert 'No forces were tested' in texts(element_error_figure(committee_errors({'a': blind})))


def test_learning_curves_of_members():
    step = np.arange(0, 1001, 100)
    curve = LearningCurve(step, {'force': 1 / (1 + step / 100)}, {'force': 1.2 / (1 + step / 100)})
    figure = learning_curve_figure({'seed_1': curve, 'seed_2': LearningCurve(step, {'force': step + 1.0}, {})})
    assert [axes.get_title(loc='left') for axes in figure.axes] == ['Force RMSE (meV/Å)']
    training, validation, other = figure.axes[0].lines
    assert training.get_xdata()[0] == pytest.approx(100), 'step 0 has no place on a logarithmic axis'
    assert training.get_ydata()[0] == pytest.approx(500)
    assert validation.get_ydata()[0] == pytest.approx(600)
    assert validation.get_linewidth() > training.get_linewidth()
    assert other.get_linewidth() == validation.get_linewidth(), 'without validation the training data are drawn strong'
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == 'log'
    assert 'No learning curve yet' in texts(learning_curve_figure({}))


def test_bars_of_elements_and_compositions():
    errors = committee_errors({'a': make_parity(seed=1), 'b': make_parity(seed=2)})
    figure = element_error_figure(errors)
    assert [axes.get_title(loc='left') for axes in figure.axes] == ['Elements', 'Compositions']
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert heights == pytest.approx([errors['force']['by_element'][name]['mean'] for name in ('O', 'Si')])
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert sorted(labels) == ['O₂Si₁', 'O₄Si₂']


def test_shares_of_the_trust_levels():
    deviations = np.array([0.01, 0.02, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 2.0])
    figure = deviation_figure({'run': deviations}, (0.15, 0.65))
    assert len(figure.axes) == 1
    assert all(words in texts(figure) for words in ('accurate\n20 %', 'candidate\n50 %', 'failed\n30 %'))
    bars = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_x() >= 0]
    shares = [bar.get_height() for bar in bars if bar.get_height() not in (0.0, 1.0)]
    assert sum(shares) == pytest.approx(100), 'percent of the frames'
    assert 'two members' in texts(deviation_figure({'run': np.array([])}))


def test_deviation_against_error():
    figure = deviation_figure({'test': np.array([0.1, 0.2])}, None, {'test': np.array([0.3, np.nan])})
    points = figure.axes[1].lines[0]
    assert points.get_xdata() == pytest.approx([0.1])
    assert points.get_ydata() == pytest.approx([0.3])
    assert figure.axes[1].get_ylabel() == 'Largest force error (eV/Å)'
