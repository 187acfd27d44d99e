"""What was analysed as tables, figures and a page: what is shown is what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.kernels.structure.agreement import r_chi
from aiida_glassion.report.analysis import Analysed, mean_curve, mean_of_replicas
from aiida_glassion.report.analysis_experiment import overlays
from aiida_glassion.report.analysis_figures import analysis_figures, radial_arrays, sheet_of
from aiida_glassion.report.analysis_numbers import compact_tables, compared_rows, csv_rows, entries_of, unit_of
from aiida_glassion.report.analysis_page import write_analysis_page
from aiida_glassion.report.figures.curve import axis_label, families, noise_bins, running_mean, short_name
from aiida_glassion.report.figures.rings import rings_figure
from aiida_glassion.report.figures.scattering import experiment_figure, structure_factor_figure
from aiida_glassion.report.figures.structure_sheet import panels_of
from aiida_glassion.report.figures.style import as_png


def measured_and_simulated(shift: float = 0.0) -> dict[str, Curve]:
    q = np.arange(0.5, 12.0, 0.05)
    s = 1 + np.sin(2 * q) / (2 * q)
    about = {'radiation': 'neutron', 'quantity': 'S'}
    measured = Curve(q, s, 'Q', 'Å⁻¹', 'S(Q)', '1', 0.01 * s, about=about)
    return {
        'S_neutron': replace(measured, y=s + shift, convention='faber-ziman', about={'window': 'none', 'r_max': 10.0}),
        'experiment_data': measured,
        'simulation_data': replace(measured, y=s + shift, error=None),
    }


def glass(name: str = 'a', shift: float = 0.0, counts: dict[str, int] | None = None) -> Analysed:
    size = np.arange(3.0, 9.0)
    rings = {
        f'rings_{kind}': Curve(size, (1 + shift) * size / 10, 'n', '', 'rings per node', '', 0 * size + 0.1)
        for kind in ('king', 'guttman')
    }
    shells = {
        'Na-O': {'distance': 2.4 + shift, 'height': 2.0, 'O_around_Na': 5.0, 'Na_around_O': 1.0},
        'O-Si': {'distance': 1.6, 'height': 20.0, 'O_around_Si': 4.0, 'Si_around_O': 1.7},
    }
    qn = {'Si': {f'Q{n}': {'mean': n / 10, 'standard_error': 0.01, 'n': 5} for n in range(5)}}
    results = {
        'rdf': Result({'first_shells': shells}, {'first_shells': 'distance: Å; height: 1'}),
        'network': Result({'qn': qn, 'connectivity': {'Si': 3.0 + shift}}, {'qn': 'fraction of formers'}),
        'rings': Result({'king': {'mean_size': 6.0}}, {}, rings),
        'scattering': Result(
            {'experiments': {'data': {'r_chi': 3.0}}}, {'experiments': 'r_chi: %'}, measured_and_simulated(shift)
        ),
        'checks': Result(
            {'checks': {'crystallised_Si': {'value': 1.0 + shift, 'flagged': shift > 0, 'words': f'contrast {shift}'}}}
        ),
    }
    warnings = {'scattering': [f'g(r) ends at {10 + shift:.1f} Å']}
    counts = counts or {'Na': 2, 'O': 9, 'Si': 4}
    return Analysed(name, counts, results, {}, 5, {'Si-O': 2.2}, {'Si-O': 1.6}, warnings, members=(name,))


def test_units_by_name_path_and_list():
    result = Result({}, {'a': 'Å', 'deep.b': '%', 'c': 'position, width: Å⁻¹; height: 1', 'd': 'low and high: K, n: 1'})
    assert [unit_of(result, path) for path in (('a', 'x'), ('deep', 'b'), ('other', 'b'))] == ['Å', '%', '']
    assert [unit_of(result, ('c', key)) for key in ('position', 'width', 'height')] == ['Å⁻¹', 'Å⁻¹', '']
    assert [unit_of(result, ('d', key)) for key in ('low', 'high', 'n')] == ['K', 'K', '']


def test_shares_are_in_per_cent_and_nothing_is_listed_for_zero():
    entries = {entry.path[-1]: entry for entry in entries_of(glass().results['network'])}
    assert entries['Q4'].unit == '%'
    assert entries['Q4'].number.value == pytest.approx(40)
    assert 'Q0' not in entries
    everything = [entry.path[-1] for entry in entries_of(glass().results['network'], everything=True)]
    assert 'Q0' in everything


def test_what_has_rows_and_columns_becomes_a_table():
    matrices, rows = compact_tables(glass().results['rdf'])
    assert rows == []
    assert matrices[0].columns == ('distance (Å)', 'height', 'around 1st', 'around 2nd')
    assert matrices[0].rows[0] == ('Na–O', '2.400', '2', '5', '1')


def test_side_by_side():
    rows = list(compared_rows([glass().results['network'], glass('b', 0.5).results['network'], None]))
    assert rows[-1].label == 'connectivity, Si'
    assert rows[-1].texts == ('3', '3.500', '–')


def test_every_number_is_in_the_file():
    rows = {(row[1], row[2]): row for row in csv_rows([glass()])}
    assert rows['network', 'qn.Si.Q4'][3:] == ['%', pytest.approx(40), pytest.approx(1), 5]


def test_mean_over_replicas():
    mean = mean_of_replicas([glass('a'), glass('b', 1.0)], 'mean')
    assert mean.results['network'].numbers['connectivity']['Si'] == {'mean': 3.5, 'standard_error': 0.5, 'n': 2}
    assert mean.results['network'].numbers['qn']['Si']['Q4']['standard_error'] == 0, 'not the error within a trajectory'
    curves = mean.results['scattering'].curves
    wanted = measured_and_simulated()
    assert curves['simulation_data'].y == pytest.approx(wanted['simulation_data'].y + 0.5)
    assert curves['simulation_data'].error == pytest.approx(0.5)
    assert curves['experiment_data'].error == pytest.approx(wanted['experiment_data'].error), 'measured: as it was'
    assert mean.results['checks'].numbers['checks']['crystallised_Si']['words'] == 'contrast 1.0', 'the worst'
    assert mean.errors_from == 'mean ± standard error of 2 replicas'
    assert [said for _, said in mean.all_warnings()] == ['g(r) ends at 10.0 Å (all replicas)']
    with pytest.raises(ValueError, match='a is Na2O9Si4, b is Na2O9Si5: replicas are of one'):
        mean_of_replicas([glass('a'), glass('b', counts={'Na': 2, 'O': 9, 'Si': 5})], 'mean')


def test_a_species_that_one_replica_has_is_none_in_the_other():
    tables = [
        {'units': {'P': {'PS4': {'share': 0.9}, 'PS3': {'share': 0.1}}}},
        {'units': {'P': {'PS4': {'share': 1.0}}}},
    ]
    glasses = [
        replace(glass(), results={'anions': Result(table | {'t_g': n})})
        for n, table in zip((1.0, None), tables, strict=True)
    ]
    numbers = mean_of_replicas(glasses, 'mean').results['anions'].numbers
    assert numbers['units']['P']['PS3']['share'] == {'mean': 0.05, 'standard_error': pytest.approx(0.05), 'n': 2}
    assert numbers['t_g'] == {'mean': 1.0, 'standard_error': None, 'n': 1}, 'what was not found is no zero'


def test_curves_of_cells_that_differ_a_little():
    first = Curve(np.arange(0, 10, 0.1), np.arange(100.0), 'r', 'Å', 'g', '')
    second = Curve(np.arange(0, 9, 0.2), 2 * np.arange(45.0) + 1, 'r', 'Å', 'g', '')
    mean = mean_curve([first, second])
    assert mean.x[-1] <= second.x[-1] + 1e-9
    assert mean.y == pytest.approx(np.arange(len(mean.x)) + 0.5)
    assert mean.error == pytest.approx(0.5)


def test_overlay_is_drawn_as_it_was_computed():
    found = glass('a', 0.1)
    overlay = overlays(found)[0]
    wanted = measured_and_simulated(0.1)
    measured, simulated = wanted['experiment_data'].y, wanted['simulation_data'].y
    assert overlay.r_chi == pytest.approx(r_chi(measured, simulated, measured))
    axes = experiment_figure({'a': [overlay]}).axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx(measured)
    assert axes.lines[1].get_ydata() == pytest.approx(simulated)
    shifted = np.asarray(axes.lines[2].get_ydata())
    assert np.ptp(shifted) == pytest.approx(0, abs=1e-9), 'measured minus calculated is the same everywhere'
    assert f'{overlay.r_chi:.3g} %' in axes.texts[0].get_text()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ('Q (Å⁻¹)', 'S(Q)')


def test_lines_are_the_curves_and_axes_have_units():
    curves = {'a': measured_and_simulated(), 'b': measured_and_simulated(0.2)}
    figure = structure_factor_figure(curves)
    axes = figure.axes[0]
    assert [line.get_label() for line in axes.lines][:2] == ['a', 'b']
    assert axes.lines[1].get_ydata() == pytest.approx(curves['b']['S_neutron'].y)
    assert axes.get_title(loc='left') == 'S(Q), neutron'
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['a', 'b']
    assert axis_label('2theta', 'degrees') == '2θ (degrees)'
    assert short_name('S_O_Si') == 'O–Si'


def test_rings_are_bars_by_definition():
    curves = glass().results['rings'].curves
    axes = rings_figure({'a': curves}).axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([*curves['rings_king'].y, *curves['rings_guttman'].y])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ['King', 'Guttman']


def test_curves_of_elements_share_a_panel():
    x = np.arange(3.0)
    curves = {name: Curve(x, x, 'z', 'Å', name, 'Å⁻³') for name in ('density_Na', 'density_O', 'density', 'share_Na')}
    assert families(curves) == [['density_Na', 'density_O', 'density'], ['share_Na']]


def test_noise_is_averaged_only_where_there_is_any():
    r = np.arange(0.005, 10, 0.01)
    smooth = Curve(r, 1 + np.exp(-((r - 2) ** 2)), 'r', 'Å', 'g', '')
    noisy = replace(smooth, y=smooth.y + np.random.default_rng(1).normal(scale=0.2, size=len(r)))
    assert noise_bins(smooth) == 1
    assert noise_bins(noisy) == 9
    assert running_mean(smooth.y, 9).mean() == pytest.approx(smooth.y.mean(), rel=1e-3)
    arrays = radial_arrays({'g_Na_O': smooth, 'g_total': smooth})
    assert list(arrays) == ['r', 'g_Na_O']
    assert arrays['g_Na_O'] == pytest.approx(smooth.y)


def test_one_sheet_of_one_glass_and_of_two():
    one, two = [glass()], [glass(), glass('b', 0.2)]
    assert len(panels_of(sheet_of(one))) == 3, 'overlay, Qn, rings'
    assert len(panels_of(sheet_of(two))) == 2, 'S(Q), rings'
    names = [drawn.name for drawn in analysis_figures(two)]
    assert {'experiment', 'structure_factor', 'rings', 'structure_sheet'} <= set(names)
    empty = Analysed('nothing', {'Na': 1}, {})
    assert [drawn.name for drawn in analysis_figures([empty])] == ['structure_sheet']
    assert all(as_png(drawn.figure).startswith(b'\x89PNG') for drawn in analysis_figures([empty]))


def test_the_page_escapes_and_says_what_is_odd():
    from aiida_glassion.analysis.request import read_request

    odd = replace(glass('<b>a</b>', 0.2), failed={'voids': 'no cell'})
    page = write_analysis_page([odd], read_request({'analyses': ['rdf']}), {}, '')
    assert '<b>a</b>' not in page
    assert 'Not all could be analysed' in page
    assert 'voids: no cell' in page
    assert 'scattering: g(r) ends at 10.2 Å' in page
    assert '&quot;rdf&quot;' in page, 'the request'


def test_a_job_is_read_back_from_its_nodes(aiida_profile_clean, localhost):
    from aiida import orm
    from aiida.common.links import LinkType

    from aiida_glassion.analysis.request import read_request
    from aiida_glassion.analysis.run import analyse
    from aiida_glassion.analysis.sources import open_source
    from aiida_glassion.cli.show_analysis import analysis_summary, analysis_tables
    from aiida_glassion.functions.analysis import outcome_nodes, request_node
    from aiida_glassion.report.analysis_node import analysed_node, outcome_of

    glass = Path(__file__).parents[2] / 'examples' / 'structure' / 'glass_1.extxyz'
    asked = {'analyses': {'rdf': {}, 'network': {}}, 'last': 1}
    outcome = analyse(read_request(asked), open_source(glass))
    job = orm.CalcJobNode(computer=localhost)
    job.set_process_label('AnalysisCalculation')
    job.base.links.add_incoming(request_node(asked).store(), LinkType.INPUT_CALC, 'request')
    job.store()
    for label, node in outcome_nodes(outcome).items():
        node.base.links.add_incoming(job, LinkType.CREATE, label)
        node.store()
    found = outcome_of(job)
    assert found.system.symbols == outcome.system.symbols
    wanted = outcome.results['rdf'].curves['g_O_Si']
    assert np.array_equal(found.results['rdf'].curves['g_O_Si'].y, wanted.y)
    assert found.results['rdf'].curves['g_O_Si'].y_unit == wanted.y_unit
    assert analysed_node(job).counts == {'Na': 80, 'O': 360, 'Si': 160}
    assert len(analysis_tables(analysis_summary(job))) > 5
