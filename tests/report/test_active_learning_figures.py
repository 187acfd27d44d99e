"""What is drawn of an active learning is what its records say."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
from loops import COURSE, EDGES, SETTINGS, make_gate_curves, make_records

from aiida_glassion.report.active_learning import Loop
from aiida_glassion.report.active_learning_facts import drawn_iterations
from aiida_glassion.report.figures.active_learning import (
    Iteration,
    deviation_course_figure,
    error_course_figure,
    shares_figure,
)
from aiida_glassion.report.figures.active_learning_cost import cost_figure, label_figure
from aiida_glassion.report.figures.radial import overlay_figure
from aiida_glassion.report.figures.style import as_png


@pytest.fixture(scope='module')
def iterations() -> list[Iteration]:
    records = make_records()
    loop = Loop(1, 'uuid', 'ok', '', 0, datetime.now(timezone.utc), None, settings=SETTINGS, records=records)
    loop.programs = {
        n + 1: {f'{program}_{i:02d}': program for i, program in enumerate(COURSE[n][2] * 3)} for n in range(len(COURSE))
    }
    return drawn_iterations(loop)


def texts(figure) -> str:
    """All words of a figure but numbers on axes."""
    drawn = [text.get_text() for axes in figure.axes for text in axes.texts]
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return ' '.join([*drawn, *legends, *(axes.get_title(loc='left') for axes in figure.axes)])


def bars(axes, group: int = 0) -> list[float]:
    return [bar.get_height() for bar in axes.containers[group]]


def test_shares_fill_each_bar_and_limits_belong_to_their_stage(iterations):
    figure = shares_figure(iterations)
    top, below = figure.axes
    heights = np.array([bars(top, group) for group in range(4)])
    assert heights.sum(axis=0) == pytest.approx(100)
    assert heights[1] == pytest.approx([100 * iteration.shares['candidate'] for iteration in iterations])
    limits = [line for line in below.lines if line.get_linestyle() == '--']
    assert [line.get_ydata()[0] for line in limits] == pytest.approx([1, 5, 1])
    assert limits[1].get_xdata() == pytest.approx([2.5, 4.5])
    assert all(words in texts(figure) for words in ('crystals', 'melts', 'glasses', 'set aside', 'limit of candidates'))


def test_a_distribution_has_the_width_of_its_histogram_and_the_colour_of_its_class(iterations):
    figure = deviation_course_figure(iterations[:1])
    (axes,) = figure.axes
    accurate, candidate, failed = (part.get_paths()[0].vertices for part in axes.collections)
    lower, upper = iterations[0].levels
    assert accurate[:, 1].max() == pytest.approx(lower)
    assert (candidate[:, 1].min(), candidate[:, 1].max()) == pytest.approx((lower, upper))
    assert failed[:, 1].min() == pytest.approx(upper)
    counts = np.array(iterations[0].counts)
    widest = EDGES[counts.argmax()]
    assert accurate[np.isclose(accurate[:, 1], widest), 0].max() == pytest.approx(1 + 0.44), 'the fullest bin'
    assert 'upper level' in texts(figure)


def test_a_class_without_frames_is_not_drawn_where_its_level_cuts_a_bin():
    shares = {'accurate': 1.0, 'candidate': 0.0, 'failed': 0.0}
    none = Iteration(1, 'melt', shares=shares, levels=(0.15, 0.5), edges=(0.05, 0.1, 0.2), counts=(3, 1))
    (axes,) = deviation_course_figure([none]).axes
    (accurate,) = axes.collections
    assert accurate.get_paths()[0].vertices[:, 1].max() == pytest.approx(0.15)


def test_errors_have_their_bars_and_stand_against_the_data_behind_them(iterations):
    figure = error_course_figure(iterations)
    forces, _, sizes, against = figure.axes
    points, _, (segments,) = forces.containers[0].lines
    assert points.get_ydata() == pytest.approx([iteration.force.value for iteration in iterations])
    first = segments.get_segments()[0][:, 1]
    assert first[1] - first[0] == pytest.approx(2 * iterations[0].force.error)
    assert bars(sizes)[:2] == [96, 156], 'the labels of an iteration are learned by the next'
    assert against.lines[0].get_xdata()[0] == 96
    assert {text.get_text() for text in forces.get_legend().get_texts()} == {
        'all', 'Na₁₂O₅₄Si₂₄', 'Na₂₄O₆₀Si₂₄', 'O₄₈Si₂₄',
    }  # fmt: skip


def test_labels_are_stacked_by_the_program_that_visited(iterations):
    figure = label_figure(iterations, 96)
    new, refused = figure.axes
    names = [container.get_label() for container in new.containers]
    assert names == ['hold', 'compress', 'melt quench', 'deform'], 'the commonest at the bottom'
    assert np.sum([bars(new, group) for group in range(4)], axis=0) == pytest.approx(
        [sum(iteration.labels.values()) for iteration in iterations]
    )
    assert new.get_title(loc='left') == 'New labels; 96 before the first'
    assert np.sum([bars(refused, group) for group in range(3)], axis=0).tolist() == [0, 0, 5, 0, 1, 0]


def test_costs_are_stacked_by_part(iterations):
    (axes,) = cost_figure(iterations).axes
    total = np.sum([bars(axes, group) for group in range(len(axes.containers))], axis=0)
    assert total == pytest.approx([sum(iteration.cost.values()) for iteration in iterations])
    assert {container.get_label() for container in axes.containers} == {'train', 'explore', 'label', 'gate'}


def test_rare_origins_are_drawn_together():
    many = [Iteration(1, 'a', labels={f'program_{i}': 20 - i for i in range(12)})]
    (axes,) = label_figure(many).axes
    assert [container.get_label() for container in axes.containers][-1] == 'other'
    assert bars(axes, -1) == [sum(20 - i for i in range(6, 12))]


def test_g_of_r_of_the_members_lie_on_each_other():
    figure = overlay_figure({'glass_1_seed_1': make_gate_curves(1), 'glass_1_seed_2': make_gate_curves(2)})
    assert len(figure.axes) == 4
    assert figure.axes[0].get_title(loc='left') == 'Si–O'
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx(make_gate_curves(1)['g_O_Si'])
    assert 'glass 1 seed 2' in texts(figure)


def test_what_is_missing_is_said():
    nothing = [Iteration(1, 'crystals')]
    for draw, words in (
        (shares_figure, 'No exploration'),
        (deviation_course_figure, 'No deviations'),
        (error_course_figure, 'No committee'),
        (label_figure, 'No new frame has been labelled'),
        (cost_figure, 'No cost'),
        (overlay_figure, 'No radial'),
    ):
        assert words in texts(draw({} if draw is overlay_figure else nothing))


def test_a_hundred_iterations_can_be_drawn(iterations):
    many = [
        Iteration(**{**vars(iterations[n % 6]), 'number': n + 1, 'stage': f'a_long_name_{n // 13}'}) for n in range(100)
    ]
    figure = shares_figure(many)
    assert len(as_png(figure, 60)) > 5000
    assert 'a_lon' in texts(figure)
    assert len(figure.axes[0].get_xticks()) < 20
