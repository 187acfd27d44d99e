"""``glassion show`` of a diffusion sweep and of its runs: tables from the results, without AiiDA."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from aiida_glassion import units
from aiida_glassion.cli.show_diffusion import point_tables, sweep_tables
from aiida_glassion.cli.show_diffusion_tables import scientific
from aiida_glassion.kernels.transport.sweep import IonOfRun, Run
from aiida_glassion.kernels.transport.sweep_summary import summarise

ENERGY = 0.6


def run(temperature, glass='glass', number=0, counts=None, diffusive=True, status='converged', energy=ENERGY):
    """A run on an Arrhenius line, 10 % off to either side by turns."""
    counts = counts or {'Na': 80, 'O': 360, 'Si': 160}
    D = 1e-3 * np.exp(-energy / (units.KB_EV_PER_K * temperature)) * (1 + 0.1 * (-1) ** number)
    reason = 'relative error of D: Na 10 %' if diffusive else 'the MSD grows as t^0.41'
    return Run(
        f'T{temperature:04d}_{glass}_{number:02d}', float(temperature), glass, number + 1, counts, 80.0, status,
        reason, 8000.0, 2.4, {'Na': IonOfRun(D, 0.1 * D, diffusive, reason, 3e-8)}, {'Na': 1.0},
        (1e4 * D, 1e3 * D), (2e4 * D, 6e3 * D),
    )  # fmt: skip


def content(runs, **more):
    results, _ = summarise(runs)
    settings = {'protocol': 'fast', 'budget': 80, 'relative_error': 0.3, 'replicas': 2}
    return {
        'process': 'DiffusionSweepWorkChain', 'pk': 7, 'label': 'a sweep', 'state': 'finished', 'exit_status': 0,
        'exit_message': None, 'settings': settings, 'temperatures': results['temperatures'], 'glasses': {'glass': 5},
        'seed': 1, 'potential': {'pk': 4, 'name': 'pmmcs'}, 'beside_data': None,
        'results': json.loads(json.dumps(results)), 'ledger': {}, 'outputs': {}, **more,
    }  # fmt: skip


def text(tables, width=150):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in tables:
        console.print(part)
    return console.file.getvalue()


@pytest.fixture(scope='module')
def swept():
    """Three temperatures with two runs each, and a fourth at which nothing diffuses."""
    hot = [run(temperature, number=number) for temperature in (1500, 1250, 1000) for number in (0, 1)]
    return [*hot, *(run(600, number=number, diffusive=False, status='not_diffusive') for number in (0, 1))]


def test_a_sweep_says_what_it_found_and_what_was_left_out(swept):
    said = text(sweep_tables(content(swept)))
    lines = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert 'Na2Si4O9  Na 13.3, O 60, Si 26.7 at. %; 600 atoms' in said
    assert '< 3.0e-08' in lines['600']
    assert '(9.' in lines['1500'] or 'e-06' in lines['1500']
    assert 'Na at 600 K is left out: none of 2 runs is diffusive (the MSD grows as t^0.41)' in said
    assert '8: 6 converged, 2 not diffusive' in said
    assert lines['D'].split()[2:6] == ['Na', '0.60', '±', '0.04']
    assert '1000 … 1500 (3)' in said
    assert ') *' in said
    assert '* extrapolated' in said
    assert 'glassion launch diffusion-sweep --continue 7 --budget 320' in said
    assert 'glassion report 7 results' in said
    assert 'Runs' not in said


def test_single_runs_on_request(swept):
    said = text(sweep_tables(content(swept), replicas=True), width=200)
    assert 'T0600_glass_01' in said
    (line,) = (line for line in said.splitlines() if 'T0600_glass_01' in line)
    assert line.split()[1:5] == ['80', '–', '–', '–']
    assert 'not diffusive: the MSD grows as t^0.41' in line


def test_one_temperature_that_can_be_used_makes_no_line(swept):
    said = text(sweep_tables(content([one for one in swept if one.temperature in (1500, 600)])))
    assert 'D of Na: no line: ' in said
    assert 'Lines over 1/T' not in said


def test_a_series_has_a_table_over_composition(swept):
    poor = {'Na': 40, 'O': 380, 'Si': 180}
    others = [run(temperature, 'poor', counts=poor, energy=0.8) for temperature in (1500, 1250, 1000)]
    said = text(sweep_tables(content([*swept, *others])))
    table = said[said.index('Conductivity over composition') :]
    assert table.index('Na2Si9O19') < table.index('Na2Si4O9')
    assert '6.67' in table
    assert '300 K (95 %)' in table


def test_runs_that_failed_and_a_sweep_that_goes_on(swept):
    failed = {'T1500_glass_00': {'reason': 'lost atoms', 'pk': 99, 'seed': 3, 'exit_status': 330}}
    said = text(sweep_tables(content(swept, ledger=failed)))
    assert '✗ T1500_glass_00: lost atoms (pk 99)' in said
    going = text(sweep_tables(content(swept, state='waiting', exit_status=None)))
    assert 'next: glassion watch 7' in going
    nothing = text(sweep_tables(content(swept, results={}, exit_status=500, exit_message='all failed')))
    assert 'glassion launch diffusion-sweep --continue 7' in nothing


def test_budgets_by_temperature_are_told(swept):
    settings = {'protocol': 'napso', 'relative_error': 0.1, 'replicas': 5}
    settings['budget'] = [{'above': 390, 'budget': 20000}, {'above': 0, 'budget': 50000}]
    said = text(sweep_tables(content(swept, settings=settings)))
    assert '20000 ps above 390 K, 50000 ps above 0 K' in ' '.join(said.split())
    assert '--budget 200000' in said


@pytest.mark.parametrize(
    ('mean', 'error', 'shown'),
    [
        (1.8134e-6, 1.3e-7, '(1.81 ± 0.13)e-06'),
        (4.2e-3, 3.3e-2, '(0 ± 3)e-02'),
        (-2e-9, 1e-9, '(-2.0 ± 1.0)e-09'),
        (1.8134e-6, None, '1.81e-06'),
        (None, None, '–'),
    ],
)
def test_a_number_and_its_error_have_one_power_of_ten(mean, error, shown):
    assert scientific({'mean': mean, 'standard_error': error}) == shown


def test_a_single_run_says_how_d_became_known():
    history = {
        'wanted': 0.3,
        'segments': {
            'segment_00': {
                'length': 20.0, 'D': {'Na': 2e-6}, 'relative_error': {'Na': 0.9}, 'diffusive': {'Na': False},
                'reached': False, 'reason': 'Na is not diffusive: the MSD grows as t^0.5',
            },
            'segment_01': {
                'length': 40.0, 'D': {'Na': 5e-6}, 'relative_error': {'Na': 0.25}, 'diffusive': {'Na': True},
                'reached': True, 'reason': 'relative error of D: Na 25 %',
            },
        },
    }  # fmt: skip
    D = {'mean': 5e-6, 'standard_error': 1.2e-6, 'n': 80}
    ion = {'D': D, 'diffusive': True, 'reason': ''}
    numbers = {'analyses': {'diffusion': {'numbers': {'ions': {'Na': ion}, 'conductivity': {}}}}, 'warnings': ['short']}
    results = {
        'length': 40.0, 'n_segments': 2, 'status': 'converged', 'reason': 'relative error of D: Na 25 %',
        'density': 2.41, 'volume': 8000.0,
    }  # fmt: skip
    facts = {'process': 'DiffusionPointWorkChain', 'pk': 9, 'label': '', 'state': 'finished', 'exit_status': 0}
    more = {'exit_message': None, 'temperature': 1000.0, 'seed': 5, 'settings': {}, 'outputs': {'trajectory': 12}}
    said = text(point_tables({**facts, **more, 'results': results, 'history': history, 'numbers': numbers}))
    assert '40 ps in 2 segments' in said
    assert '(5.0 ± 1.2)e-06 cm²/s (80 ions)' in said
    first, second = (line for line in said.splitlines() if ' Na ' in line and ('t^0.5' in line or '5e-06' in line))
    assert '–' in first.split()
    assert '25' in second.split()
    assert 'glassion show 12' in said
    assert '! short' in said
