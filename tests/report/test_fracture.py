"""The report of a fracture study: what is shown is what the nodes hold, and partial studies have a page too."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from fracture_graph import TWO_GLASSES, FractureBuilder, Sample

from aiida_glassion.report import fracture_figures as drawing
from aiida_glassion.report import fracture_files
from aiida_glassion.report.figures.fracture_sheet import panels_of
from aiida_glassion.report.files import write_report
from aiida_glassion.report.fracture_csv import fracture_tables
from aiida_glassion.report.fracture_facts import group_text, pull_status, rate_text, warnings_of
from aiida_glassion.report.fracture_figures import fracture_figures, sheet_of
from aiida_glassion.report.fracture_node import read_fracture
from aiida_glassion.report.fracture_page import write_fracture_page
from aiida_glassion.report.fracture_series import (
    coordination_courses,
    openings,
    region_courses,
    slices,
    stress_panels,
    switching_courses,
    trends,
)
from aiida_glassion.report.numbers import format_number, read_number
from aiida_glassion.report.provenance import called

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are chosen and described, but not drawn."""
    for name in dir(drawing):
        if name.endswith('_figure') or name == 'fracture_sheet':
            monkeypatch.setattr(drawing, name, lambda *_: None)


def page_of(study):
    return plain(write_fracture_page(study, {}, '<svg></svg>'))


def plain(text: str) -> str:
    """Text of a page without its marks, with ordinary blanks."""
    return ' '.join(re.sub(r'<[^>]+>', ' ', text).replace('\u00a0', ' ').split())


def table(path):
    with path.open(encoding='utf-8') as stream:
        return list(csv.reader(stream))


def test_the_whole_report(tmp_path, monkeypatch):
    """Numbers of the page, the tables and report.json are those of the nodes; every figure is written."""
    builder = FractureBuilder()
    builder.citation = '<b>Doe</b>'
    node = builder.build()
    drawn = list(fracture_figures(read_fracture(node)))
    monkeypatch.setattr(fracture_files, 'fracture_figures', lambda study: iter(drawn))
    written = write_report(node, tmp_path / 'report')
    assert written[0].name == 'index.html'
    names = {path.relative_to(tmp_path / 'report').as_posix() for path in written}
    figures = {
        *('stress_strain', 'strain_map_tension', 'strain_map_notched', 'crack', 'bond_switching', 'coordination'),
        *('nonaffine', 'where', 'fracture_sheet', 'provenance'),
    }
    assert {f'figures/{name}.png' for name in figures} <= names
    tables = {
        *('pooled', 'samples', 'stress_strain', 'mean_stress_strain', 'bond_switching', 'coordination', 'nonaffine'),
        *('crack', 'profiles', 'crack_paths'),
    }
    assert {f'{name}.csv' for name in tables} <= names

    results = node.outputs.results.get_dict()
    raw = written[0].read_text()
    text = plain(raw)
    tension, notched = results['pooled']
    for record, quantity in ((tension, 'young'), (tension, 'strength'), (notched, 'G_c'), (notched, 'K_Ic')):
        assert format_number(read_number(record[quantity]), 3) in text
    percent = format_number(read_number(tension['failure_strain']).scaled(100), 3)
    assert percent in text
    assert 'K_Ic = √(G_c E/(1 − ν²)), plane strain' in text
    assert 'compare only equal rates and sizes' in text
    assert '4 of 4 samples were pulled until they broke' in text
    assert 'below 75000 the toughness of a notched sample depends on its size' in text
    assert str(node.uuid) in text
    assert '<b>Doe' not in raw
    assert '&lt;b&gt;Doe' in raw

    summary = json.loads((tmp_path / 'report' / 'report.json').read_text())
    assert summary['results'] == results
    assert [pull['status'] for pull in summary['pulls']] == ['broken'] * 4

    rows = table(tmp_path / 'report' / 'stress_strain.csv')
    pull = dict(called(node))['dense_tension_z_1x1x1_r0p001']
    mine = np.array([[float(x) for x in row[6:]] for row in rows[1:] if row[0] == 'dense_tension_z_1x1x1_r0p001'])
    arrays = pull.outputs.curves.arrays
    for column, name in enumerate(('strain', 'stress', 'lengths', 'areas', 'temperature')):
        np.testing.assert_array_equal(mine[:, column], arrays[name])
    head, *rows = table(tmp_path / 'report' / 'bond_switching.csv')
    column = head.index('bonds Si all decreased')
    mine = [float(row[column]) for row in rows if row[0] == 'dense_tension_z_1x1x1_r0p001']
    np.testing.assert_array_equal(mine, pull.outputs.analysis.curves.get_array('bonds__Si__all__decreased'))
    head, *rows = table(tmp_path / 'report' / 'pooled.csv')
    found = {(row[0], row[5]): float(row[7]) for row in rows}
    assert found['notched', 'K_Ic'] == notched['K_Ic']['mean']

    panel = next(own.figure for own in drawn if own.name == 'stress_strain').axes[0]
    means = node.outputs.curves.arrays
    lines = [line.get_xydata() for line in panel.lines]
    wanted = np.column_stack([100 * means['0__strain'], means['0__stress']])
    assert any(line.shape == wanted.shape and np.allclose(line, wanted) for line in lines)


def test_what_the_figures_take():
    """Curves of the figures are those of the analyses; a sample that fell apart is in two halves where it broke."""
    study = read_fracture(FractureBuilder().build())
    panels = stress_panels(study)
    assert [(panel.title, len(panel.bundles[0].samples)) for panel in panels] == [('Tension', 2), ('Notched', 2)]
    (tension, notched) = switching_courses(study)
    assert list(tension) == ['Si']
    strain, decreased, error = notched['Si'].curves['decreased']
    own = [pull.along['bonds__Si__all__decreased'] for pull in study.pulls if pull.kind == 'notched']
    np.testing.assert_allclose(decreased, np.mean([curve[: len(strain)] for curve in own], axis=0))
    assert error.max() > 0
    change = coordination_courses(study)[1].curves['Si-O'][1]
    assert change[0] == 0
    assert change[-1] < 0
    found = {one.name: one for one in openings(study)}
    for sample in TWO_GLASSES:
        one = found[sample.label]
        assert one.notched == (sample.kind == 'notched')
        assert sample.breaks < one.separated <= sample.breaks + 0.041
        assert (one.notch > 0.2) == one.notched
    names = [name for name, _ in panels_of(sheet_of(study))]
    assert names == ['Tension', 'Notched', 'bonds of Si', 'crack']
    assert all(row[1] != '–' or row[2] != '–' for row in sheet_of(study).rows)


def test_slices_hold_every_atom_once_and_move_together():
    study = read_fracture(FractureBuilder((Sample('dense', 'notched', breaks=0.16),)).build())
    (pull,) = study.pulls
    cut = slices(pull)
    assert cut.axes == 'xz'
    pictures = pull.load()
    wanted = [round(float(one.strain), 3) for one in cut.slices]
    np.testing.assert_allclose(wanted, pictures.maps['strain'], atol=1e-3)
    last = cut.slices[-1]
    assert (last.points >= 0).all()
    assert (last.points <= np.array(last.box) + 1e-9).all()
    assert set(np.unique(last.switching)) <= {-1, 0, 1, 2, 3}
    assert len(last.points) < pull.n_atoms
    assert cut.thickness == pytest.approx(10.0)
    # the middle of what is open is the middle of the picture
    middle = last.crack[:, 1].mean() / last.box[1]
    assert middle == pytest.approx(0.5, abs=0.02)


@pytest.mark.usefixtures('undrawn')
def test_a_study_that_still_runs_shows_what_has_ended():
    builder = FractureBuilder()
    builder.ended = False
    builder.running = {'loose_notched_z_1x1x1_r0p001'}
    study = read_fracture(builder.build())
    page = page_of(study)
    assert study.preliminary
    assert 'The study has not ended: 3 of 4 pulls are through, broken: 3.' in page
    assert 'The means are preliminary' in page
    assert '… running' in page
    names = {drawn.name for drawn in fracture_figures(study)}
    assert {'stress_strain', 'strain_map_notched', 'bond_switching'} <= names


@pytest.mark.usefixtures('undrawn')
def test_a_study_that_has_just_begun():
    builder = FractureBuilder()
    builder.ended = False
    builder.running = {sample.label for sample in TWO_GLASSES}
    study = read_fracture(builder.build())
    page = page_of(study)
    assert '0 of 4 pulls are through' in page
    assert 'No pull has given a curve yet.' in page
    assert 'No snapshots have been analysed yet.' in page
    assert list(fracture_figures(study)) == []
    assert [name for name, _, _ in fracture_tables(study)] == ['samples']


def test_pulls_that_failed_and_one_that_did_not_break():
    builder = FractureBuilder((Sample('dense', 'tension', breaks=0.9), *TWO_GLASSES[2:]))
    builder.failed = {'loose_notched_z_1x1x1_r0p001'}
    study = read_fracture(builder.build())
    assert [pull_status(pull) for pull in study.pulls] == ['whole', 'broken', 'failed']
    page = page_of(study)
    assert '✗ not broken' in page
    assert '✗ failed' in page
    assert 'it exploded' in page
    assert 'Ledger of failures' in page
    assert '1 of 3 samples were pulled until they broke' in page
    assert len(openings(study)) == 2


@pytest.mark.usefixtures('undrawn')
def test_tension_alone_without_analysis_or_snapshots():
    builder = FractureBuilder(TWO_GLASSES[:1])
    builder.analysed = builder.snapshots = False
    study = read_fracture(builder.build())
    page = page_of(study)
    assert 'No sample was notched: there is no G_c and no K_Ic.' in page
    assert 'One sample of each kind, rate and size' in page
    assert 'Nothing has been analysed yet.' in page
    assert 'Toughness of each notched sample' not in page
    assert [drawn.name for drawn in fracture_figures(study)] == ['stress_strain', 'fracture_sheet']


@pytest.mark.usefixtures('undrawn')
def test_regions_have_curves_of_their_own():
    builder = FractureBuilder(TWO_GLASSES[1:2])
    builder.regions = True
    study = read_fracture(builder.build())
    ((group, course, switched),) = region_courses(study)
    assert group.kind == 'notched'
    assert set(course.curves) == set(switched) == {'glass', 'crystal'}
    along = study.pulls[0].along
    np.testing.assert_allclose(switched['glass'][1], 1 - along['bonds__Si__glass__unchanged'])
    assert 'regions_notched' in {drawn.name for drawn in fracture_figures(study)}


@pytest.mark.usefixtures('undrawn')
def test_several_rates_and_sizes():
    """Groups by rate and size; how numbers go with the rate, and with the size."""
    samples = tuple(
        Sample('dense', 'tension', rate=rate, size=size, strength=10 + 2 * (rate > 0.001), breaks=0.2)
        for rate in (0.001, 0.01)
        for size in (1, 2)
    )
    builder = FractureBuilder(samples)
    builder.analysed = builder.snapshots = False
    study = read_fracture(builder.build())
    groups = study.groups
    assert [(group.rate, group.size[0]) for group in groups] == [(0.01, 1), (0.01, 2), (0.001, 1), (0.001, 2)]
    assert study.main('tension') is groups[-1] or study.main('tension').rate == 0.001
    assert group_text(groups[0], groups) == f'{rate_text(0.01)}, 432 atoms (n = 1)'
    over = {(trend.x_label, trend.title): trend for trend in trends(study)}
    strength = over['Strain rate (1/s)', 'Strength (GPa)']
    assert sorted(strength.series) == ['1×1×1', '2×2×2']
    points = sorted(strength.series['1×1×1'])
    assert [x for x, _, _ in points] == [1e9, 1e10]
    assert points[1][1] - points[0][1] == pytest.approx(2, abs=0.1)
    assert 'trends' in {drawn.name for drawn in fracture_figures(study)}


def test_one_pull_alone():
    node = FractureBuilder(TWO_GLASSES[1:2]).build()
    ((_, pull),) = [(label, child) for label, child in called(node) if child.process_label == 'FracturePullWorkChain']
    study = read_fracture(pull)
    page = page_of(study)
    assert study.single
    assert 'The sample was pulled until it broke.' in page
    assert study.pulls[0].results['K_Ic'] is not None
    assert 'softer' in ' '.join(warnings_of(study))


def test_rates_in_words():
    assert rate_text(0.001).replace('\u00a0', ' ') == '10⁹ 1/s'
    assert rate_text(0.0005).replace('\u00a0', ' ') == '5 × 10⁸ 1/s'
    assert rate_text(None) == 'steps'
