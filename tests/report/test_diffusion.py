"""The report of a diffusion sweep: what is shown is what the nodes hold, and partial sweeps have a page too."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from diffusion_graph import SweepBuilder

from aiida_glassion.analysis.result import Curve
from aiida_glassion.cli import main
from aiida_glassion.cli import report as command
from aiida_glassion.report import diffusion_files
from aiida_glassion.report.diffusion import Estimate, mean_over_replicas, read_estimate
from aiida_glassion.report.diffusion_facts import interval_text, scientific, warnings_of
from aiida_glassion.report.diffusion_figures import diffusion_figures, sheet_of
from aiida_glassion.report.diffusion_literature import read_literature
from aiida_glassion.report.diffusion_node import read_sweep
from aiida_glassion.report.diffusion_page import write_sweep_page
from aiida_glassion.report.diffusion_series import temperature_of
from aiida_glassion.report.figures.diffusion_sheet import panels_of
from aiida_glassion.report.files import write_report
from aiida_glassion.report.provenance import called

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


@pytest.fixture
def builder():
    """A small sweep with one analysis."""
    return SweepBuilder((1000.0, 800.0), replicas=1, kinds=('diffusion',))


def page_of(node):
    return plain(write_sweep_page(read_sweep(node), {}, '<svg></svg>'))


def plain(text: str) -> str:
    """Text of a page without its marks, with ordinary blanks."""
    return ' '.join(re.sub(r'<[^>]+>', ' ', text).replace('\u00a0', ' ').split())


def table(path):
    with path.open(encoding='utf-8') as stream:
        return list(csv.reader(stream))


def test_the_whole_report(tmp_path, monkeypatch):
    """Numbers of the page, the tables and report.json are those of the nodes; every figure has its table."""
    builder = SweepBuilder((1000.0, 800.0, 500.0), replicas=2)
    builder.still = {500.0}
    builder.settings['relative_error'] = 0.3
    node = builder.build()
    beside = tmp_path / 'doe.csv'
    beside.write_text('# unit: S/cm\n# citation: <b>Doe</b> $x$\nT_K,value\n900,3\n')
    drawn_figures = list(diffusion_figures(read_sweep(node), [read_literature(beside)]))
    monkeypatch.setattr(diffusion_files, 'diffusion_figures', lambda sweep, literature: iter(drawn_figures))
    written = write_report(node, tmp_path / 'report', [beside])
    assert written[0].name == 'index.html'
    names = {path.relative_to(tmp_path / 'report').as_posix() for path in written}
    wanted = {
        'arrhenius', 'msd', 'regime', 'history', 'alpha2', 'mobile', 'van_hove', 'channels_1', 'diffusion_sheet'
    }  # fmt: skip
    assert {f'figures/{name}.png' for name in wanted} <= names
    tables = {
        *('arrhenius_fits', 'arrhenius_lines', 'temperatures', 'replicas', 'literature', 'msd', 'exponent', 'history'),
        *('alpha2', 'mobile', 'van_hove_self', 'van_hove_distinct', 'channels_1_density', 'channels_1_ways'),
    }
    assert {f'{name}.csv' for name in tables} <= names

    results = node.outputs.results.get_dict()
    (composition,) = results['compositions'].values()
    raw = written[0].read_text()
    text = plain(raw)
    for name in ('D_Na', 'sigma_T'):
        fit = composition['arrhenius'][name]
        assert fit['used'] == [800.0, 1000.0]
        energy = fit['activation_energy']
        assert f'{energy["mean"]:.3f} ± {energy["standard_error"]:.3f}' in text
    room = Estimate(composition['arrhenius']['sigma_T']['at_300']['mean'])
    assert scientific(room).replace('\u00a0', ' ') in text
    for label in ('T0800', 'T1000'):
        entry = composition['temperatures'][label]
        for record in (entry['ions']['Na']['D'], entry['conductivity']['nernst_einstein']):
            estimate = read_estimate(record)
            assert scientific(estimate).replace('\u00a0', ' ') in text
            assert interval_text(estimate).replace('\u00a0', ' ') in text
    still = composition['temperatures']['T0500']['ions']['Na']
    assert still['D'] is None
    assert still['excluded'] in text
    assert scientific(Estimate(still['upper_limit']), 2).replace('\u00a0', ' ') in text
    assert '<b>Doe' not in raw
    assert '&lt;b&gt;Doe' in raw
    assert str(node.uuid) in text

    summary = json.loads((tmp_path / 'report' / 'report.json').read_text())
    assert summary['results'] == results
    assert [run['status'] for run in summary['runs']][-2:] == ['not_diffusive', 'not_diffusive']
    assert summary['literature'][0]['citation'] == '<b>Doe</b> $x$'

    rows = table(tmp_path / 'report' / 'msd.csv')
    point = dict(called(node))['T1000_glass_a_00']
    arrays = point.outputs.curves.arrays
    mine = np.array([[float(x) for x in row[2:]] for row in rows[1:] if row[0] == 'T1000_glass_a_00'])
    for column, part in enumerate(('x', 'y', 'error')):
        assert np.array_equal(mine[:, column], arrays[f'diffusion__msd_Na__{part}'])
    rows = table(tmp_path / 'report' / 'arrhenius_lines.csv')
    values = np.array([float(row[4]) for row in rows[1:] if row[1] == 'D_Na'])
    assert np.array_equal(values, node.outputs.curves.arrays['0__D_Na__value'])
    rows = {(row[1], row[2]): row for row in table(tmp_path / 'report' / 'temperatures.csv')}
    assert float(rows['800.0', 'D_Na'][4]) == composition['temperatures']['T0800']['ions']['Na']['D']['mean']
    assert float(rows['500.0', 'D_Na'][10]) == still['upper_limit']

    figures = {drawn.name: drawn.figure for drawn in drawn_figures}
    drawn = [line.get_xydata() for line in figures['regime'].axes[0].lines]
    mean = (arrays['diffusion__msd_Na__y'] + dict(called(node))['T1000_glass_a_01'].outputs.curves.arrays[
        'diffusion__msd_Na__y'
    ]) / 2  # fmt: skip
    assert any(len(line) == len(mean) and np.allclose(line[:, 1], mean) for line in drawn)
    diffusion = figures['arrhenius'].axes[0]
    dots = {(round(1000 / x), y) for line in diffusion.lines for x, y in line.get_xydata() if x > 0}
    for label in ('T0800', 'T1000'):
        entry = composition['temperatures'][label]
        assert (round(entry['temperature']), entry['ions']['Na']['D']['mean']) in dots
    assert (500, still['upper_limit']) in dots
    assert (300, composition['arrhenius']['D_Na']['at_300']['mean']) in dots


def test_a_sweep_that_still_runs_shows_what_has_ended(builder):
    builder.ended = False
    builder.running = {'T0800_glass_a_00'}
    sweep = read_sweep(builder.build())
    assert sweep.preliminary
    page = plain(write_sweep_page(sweep, {}, '<svg></svg>'))
    assert 'The sweep has not ended: 1 of 2 runs are through.' in page
    assert 'The means are preliminary' in page
    assert '… running' in page
    point = next(point for point in sweep.points if point.temperature == 1000)
    assert scientific(read_estimate(point.of_ion('diffusion', 'Na')['D'])).replace('\u00a0', ' ') in page
    assert {'msd', 'history'} <= {drawn.name for drawn in diffusion_figures(sweep)}


def test_a_sweep_that_has_just_begun(builder):
    builder.ended = False
    builder.running = {'T1000_glass_a_00', 'T0800_glass_a_00'}
    sweep = read_sweep(builder.build())
    page = plain(write_sweep_page(sweep, {}, '<svg></svg>'))
    assert 'The sweep has not ended: 0 of 2 runs are through.' in page
    assert 'No line has been fitted yet.' in page
    assert 'No displacements have been analysed yet.' in page
    assert list(diffusion_figures(sweep)) == []


def test_nothing_is_diffusive_and_one_run_failed(builder):
    builder.still = {1000.0, 800.0}
    builder.failed = {'T0800_glass_a_00'}
    builder.status, builder.message = 440, 'fewer than two temperatures tell D'
    node = builder.build()
    sweep = read_sweep(node)
    page = plain(write_sweep_page(sweep, {}, '<svg></svg>'))
    assert 'The sweep did not reach its aim: ended with exit code 440: fewer than two temperatures' in page
    assert 'no energy of activation' in page
    assert '✗ failed' in page
    assert 'it melted away' in page
    assert 'Ledger of failures' in page
    assert 'σ at 300 K' not in page
    assert 'arrhenius' in {drawn.name for drawn in diffusion_figures(sweep)}, 'the upper limit is drawn'


def test_no_conductivity_and_one_run_each(builder, monkeypatch):
    import diffusion_graph

    original = diffusion_graph.outcome
    monkeypatch.setattr(diffusion_graph, 'outcome', lambda t, s, k, n, i, moves: original(t, s, k, n, i, -1.0))
    sweep = read_sweep(builder.build())
    page = plain(write_sweep_page(sweep, {}, '<svg></svg>'))
    assert 'One run at each temperature' in page
    assert 'σT has no energy of activation' in page
    (figure,) = [drawn.figure for drawn in diffusion_figures(sweep) if drawn.name == 'arrhenius']
    assert [axes.get_title(loc='left') for axes in figure.axes] == ['Diffusion coefficient']


def test_a_series_of_two_compositions(builder):
    builder.compositions = {'glass_a': 24, 'glass_b': 12}
    sweep = read_sweep(builder.build())
    assert len(sweep.groups) == 1, 'of one composition, if of two sizes'
    sweep.results['series'] = [
        {'formula': formula, 'x': {'Na': x}, 'sigma': {'T1000': {'mean': s, 'standard_error': 0.1 * s, 'low': 0.8 * s,
         'high': 1.2 * s, 'n': 3}, 'T0800': None, '300': {'mean': 1e-5, 'low': 1e-6, 'high': 1e-4}},
         'activation_energy': {'mean': 0.5, 'standard_error': 0.1}}
        for formula, x, s in (('Na2Si4O9', 0.13, 0.4), ('Na2Si2O5', 0.22, 0.9))
    ]  # fmt: skip
    figures = {drawn.name: drawn.figure for drawn in diffusion_figures(sweep)}
    lines = [line.get_xydata() for line in figures['series'].axes[0].lines]
    assert any(np.allclose(line, [[13, 0.4], [22, 0.9]]) for line in lines)
    assert any(np.allclose(line, [[13, 1e-5], [22, 1e-5]]) for line in lines)


def test_one_point_alone(builder):
    node = builder.build()
    label, point = called(node)[0]
    sweep = read_sweep(point)
    page = plain(write_sweep_page(sweep, {}, '<svg></svg>'))
    assert sweep.single
    assert 'one temperature has no energy of activation' in page
    assert 'Energies of activation' not in page
    assert label.startswith('T1000')
    assert [walk.temperature for walk in sheet_of(sweep).walks] == [1000.0]


def test_panels_of_the_sheet():
    builder = SweepBuilder((1000.0, 800.0), replicas=2)
    builder.settings['relative_error'] = 0.3
    sheet = sheet_of(read_sweep(builder.build()))
    names = [name for name, _ in panels_of(sheet)]
    assert names == ['Diffusion coefficient', 'Conductivity', 'msd', 'density', 'alpha2', 'history']


def test_warnings_are_sentences_said_once(builder):
    builder.failed = {'T0800_glass_a_00'}
    found = warnings_of(read_sweep(builder.build()))
    assert found
    assert all(text.endswith('.') and not text.endswith('..') for text in found)
    assert len(set(found)) == len(found)


def test_the_command_and_its_literature(builder, tmp_path, monkeypatch):
    monkeypatch.setattr(command, 'load', lambda profile: None)
    monkeypatch.setattr(diffusion_files, 'diffusion_figures', lambda sweep, literature: iter(()))
    node = builder.build()
    bad = tmp_path / 'bad.csv'
    bad.write_text('T_K,value\n1,2\n')
    done = CliRunner().invoke(main, ['report', str(node.pk), str(tmp_path / 'a'), '--literature', str(bad)])
    assert done.exit_code == 2
    assert 'no unit; expected a line' in done.output
    assert not (tmp_path / 'a').exists()
    bad.write_text('# unit: m2/s\n# citation: Doe\nT_K,value\n900,1e-9\n')
    done = CliRunner().invoke(main, ['report', str(node.pk), str(tmp_path / 'a'), '--literature', str(bad)])
    assert done.exit_code == 0, done.output
    assert table(tmp_path / 'a' / 'literature.csv')[1][4:6] == ['900.0', '1e-05']
    label, point = called(node)[0]
    analysis = dict(called(point))['analyse_all']
    done = CliRunner().invoke(main, ['report', str(analysis.pk), str(tmp_path / 'b'), '--literature', str(bad)])
    assert done.exit_code == 2
    assert 'only the report of one has literature' in done.output
    assert label


def test_estimates_as_people_read_them():
    assert scientific(Estimate(1.234e-7, 5.6e-9)) == '(1.234\u00a0±\u00a00.056)\u00a0×\u00a010⁻⁷'
    assert scientific(Estimate(-3e-9)) == '−3.00\u00a0×\u00a010⁻⁹'
    assert scientific(Estimate(0.5, 0.1)) == '0.50\u00a0±\u00a00.10'
    assert scientific(Estimate(0.0)) == '0'
    assert scientific(None) == '–'
    assert read_estimate({'mean': None, 'low': 1.0}) is None
    assert read_estimate({'mean': 1.0, 'high': float('inf')}).high is None
    assert temperature_of('T0333p15') == 333.15


def test_a_mean_ends_with_the_shortest_run_and_has_the_larger_error():
    short = Curve(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]), 't', 'ps', 'm', '', np.full(3, 3.0))
    long = Curve(np.array([1.0, 4.0, 8.0]), np.array([3.0, 6.0, 9.0]), 't', 'ps', 'm', '', np.full(3, 0.1))
    mean = mean_over_replicas([short, long])
    assert mean.x.tolist() == [1.0, 2.0, 4.0]
    assert mean.y == pytest.approx([2.0, (2 + 4.5) / 2, 5.0])
    own = np.sqrt(3.0**2 + 0.1**2) / 2
    assert mean.error == pytest.approx([own, own, own])
    apart = mean_over_replicas([short, Curve(short.x, short.y + 20, 't', 'ps', 'm', '', short.error)])
    assert apart.error == pytest.approx(np.full(3, 10.0))
