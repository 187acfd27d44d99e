"""What is drawn is what was given, axes name their units, and nothing that is missing breaks a figure."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.report.figures import picture
from aiida_glassion.report.figures.network import network_figure
from aiida_glassion.report.figures.picture import bond_pairs, draw_glass, visible_atoms
from aiida_glassion.report.figures.radial import angle_figure, pairs_of, radial_figure
from aiida_glassion.report.figures.run import MOST_POINTS, Cooling, Run, Stage, cooling_figure, run_figure
from aiida_glassion.report.figures.style import COLOURS, as_png, as_svg, element_colour, new_figure
from aiida_glassion.report.numbers import Number, find_number


def texts(figure) -> str:
    return ' '.join(text.get_text() for axes in figure.axes for text in axes.texts)


def cooling(converged: bool = True) -> Cooling:
    temperature = np.linspace(300, 4000, 40)
    value = 13 + 1e-4 * temperature + 3e-4 * np.maximum(0, temperature - 1500)
    return Cooling(temperature, value, 'volume (Å³/atom)', Number(1500.0, 40.0) if converged else None, 'no break')


def run(n: int = 50) -> Run:
    time = np.linspace(0, 10, n)
    stages = [Stage('melt', 0, 4), Stage('quench', 4, 10)]
    return Run(time, 4000 - 370 * time, 2 + 0.03 * time, -14 - 0.05 * time, stages)


def test_radial_draws_what_was_given(curves, averaged):
    figure = radial_figure(curves, averaged)
    titles = [axes.get_title(loc='left') for axes in figure.axes]
    first = figure.axes[titles.index('Si–O')]
    line = first.lines[0]
    assert line.get_xdata() == pytest.approx(curves['r'])
    assert line.get_ydata() == pytest.approx(curves['g_O_Si'])
    cutoff = find_number(averaged, 'cutoffs', 'Si-O').value
    assert any(list(drawn.get_xdata()) == [cutoff, cutoff] for drawn in first.lines)
    right = figure.axes[titles.index('Si–O') + 1]
    assert right.lines[0].get_ydata() == pytest.approx(curves['running_Si_O'])
    assert right.lines[0].get_xdata() == pytest.approx(curves['r_outer'])
    labels = {axes.get_xlabel() for axes in figure.axes} | {axes.get_ylabel() for axes in figure.axes}
    assert {'r (Å)', 'g(r)', 'Neighbours within r'} <= labels
    assert len(first.collections) == 1, 'a band of the standard error'


def test_bonds_come_first(curves):
    assert pairs_of(curves)[:2] == [('Si', 'O'), ('Na', 'O')]
    assert ('Si', 'Na') in pairs_of(curves)


def test_radial_without_errors_or_running(curves):
    few = {name: curves[name] for name in ('r', 'g_O_Si')}
    figure = radial_figure(few)
    assert len(figure.axes) == 1
    assert not figure.axes[0].collections
    assert 'No radial' in texts(radial_figure({}))


def test_angles(curves):
    figure = angle_figure(curves)
    assert [axes.get_xlabel() for axes in figure.axes] == ['Angle (degrees)'] * 2
    assert figure.axes[0].get_ylabel() == 'Probability density (1/degree)'
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx(curves['angle_O_Si_O'])
    assert figure.axes[1].lines[0].get_label() == 'Si–O–Si'
    assert 'No bond angles' in texts(angle_figure({'r': curves['r']}))


def test_network_bars_are_the_numbers(averaged):
    figure = network_figure(averaged)
    qn = figure.axes[1]
    labels = [text.get_text() for text in qn.get_xticklabels()]
    heights = dict(zip(labels, [bar.get_height() for bar in qn.patches], strict=True))
    wanted = averaged['network']['qn']['Si']['Q3']
    assert heights['Q3'] == pytest.approx(100 * wanted['mean'])
    assert qn.get_ylabel() == 'Share of atoms (%)'
    segments = qn.collections[0].get_segments()
    half = [abs(np.ptp(segment[:, 1])) / 2 for segment in segments]
    assert max(half) == pytest.approx(100 * wanted['standard_error'])


def test_network_of_one_replica_has_no_error_bars(one_replica):
    assert all(not axes.collections for axes in network_figure(one_replica).axes)


def test_network_without_formers(averaged):
    without = {**averaged, 'network': {'anions': {}, 'qn': {}}}
    assert len(network_figure(without).axes) == 1
    assert 'No coordination' in texts(network_figure({}))


def test_run_names_its_units_and_stages():
    figure = run_figure({'replica_00': run(), 'replica_01': run()})
    assert [axes.get_ylabel().split('\n')[1] for axes in figure.axes] == ['(K)', '(g/cm³)', '(eV/atom)']
    assert figure.axes[-1].get_xlabel() == 'Time (ps)'
    assert figure.axes[1].lines[0].get_ydata() == pytest.approx(run().density)
    assert 'melt quench' in texts(figure)
    assert 'No thermodynamic' in texts(run_figure({}))


def test_a_long_run_is_thinned_by_means():
    long = run(10 * MOST_POINTS)
    line = run_figure({'replica_00': long}).axes[0].lines[0]
    assert len(line.get_xdata()) == MOST_POINTS
    assert line.get_ydata()[0] == pytest.approx(long.temperature[:10].mean())


def test_cooling_lines_meet_where_the_glass_transition_is():
    figure = cooling_figure({'replica_00': cooling()}, Number(1500.0, 40.0, 1))
    axes = figure.axes[0]
    assert axes.get_xlabel() == 'Temperature (K)'
    assert axes.get_ylabel() == 'Volume (Å³/atom)'
    assert axes.lines[0].get_ydata() == pytest.approx(cooling().value)
    below, above = (np.polyfit(line.get_xdata(), line.get_ydata(), 1) for line in axes.lines[1:3])
    assert (below[1] - above[1]) / (above[0] - below[0]) == pytest.approx(1500, abs=1)
    assert '1500 ± 40' in axes.get_title(loc='left')


def test_cooling_that_did_not_converge_says_so():
    figure = cooling_figure({'replica_00': cooling(converged=False)})
    assert 'not converged' in figure.axes[0].get_title(loc='left')
    assert len(figure.axes[0].lines) == 1
    nothing = Cooling(np.zeros(0), np.zeros(0), 'volume (Å³/atom)', None, 'too few points')
    assert 'too few points' in texts(cooling_figure({'replica_00': nothing}))


def test_bonds_of_the_picture_against_brute_force(frames):
    positions, _, chosen = visible_atoms(frames)
    types = frames.types[chosen]
    found = {tuple(pair) for pair in bond_pairs(positions, types, frames.elements, {'Si-O': 2.2, 'Na-O': 3.0})}
    silicon, oxygen = (np.flatnonzero(types == frames.elements.index(e)) for e in ('Si', 'O'))
    distance = np.linalg.norm(positions[silicon][:, None] - positions[oxygen][None], axis=-1)
    wanted = {(silicon[i], oxygen[j]) for i, j in zip(*np.nonzero(distance <= 2.2), strict=True)}
    assert wanted
    assert found == wanted, 'formers only, no bond across the box'


def test_every_visible_atom_is_drawn_once(frames):
    figure = new_figure()
    axes = figure.add_subplot()
    draw_glass(axes, frames, {'Si-O': 2.2})
    from matplotlib.collections import EllipseCollection

    drawn = sum(len(part.get_offsets()) for part in axes.collections if isinstance(part, EllipseCollection))
    assert drawn == 2 * frames.n_atoms, 'a sphere and its gloss'


def test_a_large_glass_is_shown_as_a_slab(frames, monkeypatch):
    monkeypatch.setattr(picture, 'MOST_ATOMS', 300)
    positions, cell, chosen = visible_atoms(frames)
    assert 200 < len(chosen) < 400
    assert cell[1, 1] == pytest.approx(frames.cells[-1][1, 1] * 300 / frames.n_atoms)
    assert positions[:, 1].max() <= cell[1, 1]


def test_a_tilted_cell_and_one_atom():
    cell = np.array([[[10.0, 0, 0], [3.0, 9.0, 0], [1.0, 2.0, 8.0]]])
    one = Frames(('Si',), np.array([[[25.0, -3.0, 4.0]]]), cell)
    positions, _, _ = visible_atoms(one)
    inside = positions @ np.linalg.inv(cell[0])
    assert ((inside >= 0) & (inside < 1)).all()
    assert as_png(picture.glass_figure(one)).startswith(b'\x89PNG')


def test_elements_of_a_glass_differ_in_colour():
    elements = ('As', 'Ge', 'P', 'S', 'Sb', 'Se')
    assert len({element_colour(element, elements) for element in elements}) == 6
    assert element_colour('Si') not in COLOURS[1:2]


def test_svg_is_the_same_twice_and_loads_nothing(curves):
    first, second = as_svg(angle_figure(curves)), as_svg(angle_figure(curves))
    assert first == second
    assert 'xlink:href="http' not in first
