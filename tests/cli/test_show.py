"""``glassion show``: numbers with their errors, tables of a study, data and anything else."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from aiida.engine import calcfunction
from ase.build import bulk
from click.testing import CliRunner
from rich.console import Console

from aiida_glassion.cli import main
from aiida_glassion.cli.show_glass import glass_tables
from aiida_glassion.cli.show_md import md_tables, stage_means
from aiida_glassion.cli.values import mean_of, with_error


@pytest.mark.parametrize(
    ('value', 'error', 'text'),
    [
        (2.45123, 0.0042, '2.451 ± 0.004'),
        (2.45123, 0.0142, '2.451 ± 0.014'),
        (2.45123, 0.0196, '2.45 ± 0.02'),
        (-14.936, 0.5, '-14.9 ± 0.5'),
        (3953.0, 98.0, '3950 ± 100'),
        (812.3, 13.2, '812 ± 13'),
        (812.3, 3.2, '812 ± 3'),
        (4.0, 0.0, '4 ± 0'),
        (2.45123, None, '2.451'),
        (2.45123, float('nan'), '2.451'),
        (None, 0.1, '–'),
        (float('nan'), 0.1, '–'),
    ],
)
def test_values_are_given_to_the_digits_that_the_error_allows(value, error, text):
    assert with_error(value, error) == text


def test_averages_and_plain_numbers():
    assert mean_of({'mean': 0.4321, 'standard_error': 0.012, 'n': 3}, 100) == '43.2 ± 1.2'
    assert mean_of({'mean': 0.5, 'standard_error': None, 'n': 1}) == '0.5'
    assert mean_of(None) == '–'


def printed(parts, width):
    console = Console(width=width, record=True, file=open('/dev/null', 'w'), color_system=None)  # noqa: SIM115
    for part in parts:
        console.print(part)
    return console.export_text()


def average(value, error=0.01, n=2):
    return {'mean': value, 'standard_error': error, 'n': n}


STUDY = {
    'pk': 12,
    'process': 'MeltQuenchWorkChain',
    'label': 'a [bracketed] label',
    'state': 'finished',
    'exit_status': 0,
    'exit_message': None,
    'composition': {
        'composition': '20Na2O-80SiO2',
        'counts': {'Na': 40, 'O': 180, 'Si': 80},
        'n_atoms': 300,
        'deviations': {'Na': 0.001, 'O': -0.001, 'Si': 0.0},
        'density': 2.336,
        'density_from': 'estimated',
    },
    'protocol': 'fast',
    'rates': [2.2],
    'n_replicas': 3,
    'seed': 1,
    'potential': {'pk': 3, 'name': 'pmmcs', 'citation': 'x'},
    'melts': {
        'replica_00': {
            'is_melt': True,
            'reason': 'a melt',
            'tests': {'displacement': {'value': 4.694, 'threshold': 1.58, 'unit': 'Å', 'passed': True}},
        },
        'replica_01': {
            'is_melt': False,
            'reason': 'did not move',
            'tests': {'displacement': {'value': 0.5, 'threshold': 1.58, 'unit': 'Å', 'passed': False}},
        },
    },
    'structure': {
        'rate_2p2': {
            'replicas': 2,
            'density': average(2.28, 0.014),
            'potential_energy_per_atom': average(-14.936, 0.002),
            'bond_lengths': {'Si-O': average(1.6084, 0.0016)},
            'cutoffs': {'Si-O': average(2.5, 0.1)},
            'coordination': {
                'Si-O': {
                    'mean': average(4.004, 0.003),
                    'distribution': {'3': average(0.0), '4': average(0.996), '5': average(0.004)},
                }
            },
            'angles': {'O-Si-O': {'mean': average(109.32, 0.03), 'width': average(5.9, 0.2)}},
            'network': {
                'qn': {'Si': {'Q3': average(0.313, 0.012), 'Q4': average(0.599, 0.011), 'Q5': average(0.0)}},
                'connectivity': {'Si': average(3.507, 0.005)},
                'anions': {'O': {'bridging': average(0.78, 0.001), 'non_bridging': average(0.22, 0.001)}},
            },
            'glass_transition': {'temperature': average(1450, 20, 1)},
            'warnings': {'replica_00': ['Si: 5-fold'], 'replica_02': ['Si: 5-fold']},
        }
    },
    'replicas': {
        'replica_00_rate_2p2': {
            'density': 2.266,
            'density_error': 0.006,
            'potential_energy_per_atom': -14.9379,
            'potential_energy_per_atom_error': None,
            'network': {'mean_connectivity': 3.502},
            'glass_transition': {'temperature': None, 'error': None},
            'coordination': {'Si-O': {'mean': 4.001}},
        }
    },
    'ledger': {'replica_01': {'pk': 22, 'seed': 5, 'exit_status': 420, 'reason': 'still not a melt'}},
    'glasses': {'replica_00_rate_2p2': 116},
    'curves': {'rate_2p2': 130},
}


@pytest.mark.parametrize('width', [80, 120])
def test_a_study_fits_the_terminal_and_says_all(width):
    text = printed(glass_tables(STUDY, replicas=True), width)
    said = ' '.join(text.split())
    assert max(len(line) for line in text.splitlines()) <= width
    for words in (
        'a [bracketed] label ✓ ended well',
        '300: 40 Na, 180 O, 80 Si; off by at most 0.1 at. %',
        '✓ 4.69 (1.58) yes',
        '✗ 0.5 (1.58) no: did not move',
        'Glass quenched at 2.2 K/ps mean ± standard error of 2 replicas',
        'density 2.280 ± 0.014 g/cm³',
        '-14.936 ± 0.002 eV/atom',
        'T_g 1450 ± 20 K, from 1 of 2',
        'Q3 31.3 ± 1.2 %, Q4 59.9 ± 1.1 %',
        'connectivity 3.507 ± 0.005',
        'bridging 78.00 ± 0.10 %, non-bridging 22.00 ± 0.10 %',
        'Si-O 1.6084 ± 0.0016 2.50 ± 0.10 4.004 ± 0.003 4: 99.6, 5: 0.4',
        'O-Si-O 109.32 ± 0.03 5.9 ± 0.2',
        '00 @2.2 2.266 ± 0.006 -14.94',
        'Si: 5-fold (replica 00 at 2.2 K/ps, 02 at 2.2 K/ps)',
        'replica_01: still not a melt (pk 22)',
        '00_rate_2p2: 116',
        'glassion archive 12',
    ):
        assert words in said


def test_a_study_that_has_only_begun_and_one_that_failed():
    empty = {key: {} for key in ('melts', 'structure', 'replicas', 'ledger', 'glasses', 'curves')}
    begun = STUDY | empty | {'state': 'waiting', 'exit_status': None, 'composition': None}
    assert 'glassion watch 12' in printed(glass_tables(begun), 80)
    failed = STUDY | empty | {'exit_status': 500, 'exit_message': '3 of 3 replicas failed'}
    assert '✗ [500] 3 of 3 replicas failed' in printed(glass_tables(failed), 80)


def test_an_md_that_broke_off_says_where_it_can_go_on():
    content = {
        'pk': 46,
        'process': 'MdCalculation',
        'label': '',
        'state': 'finished',
        'exit_status': 304,
        'exit_message': 'The run broke off',
        'potential': {'pk': 3, 'name': 'pmmcs'},
        'stages': [
            {'name': 'minimise', 'kind': 'minimise', 'steps': 0, 'done': True},
            {'name': 'cool', 'kind': 'ramp', 'steps': 500, 'done': False, 'ensemble': 'npt', 'duration': 1.0,
             'temperature': 4000, 'temperature_end': 300, 'means': {}},
        ],
        'results': {'last_step': 250, 'steps_wanted': 500, 'finished': False, 'atom_steps_per_second': 31600.0,
                    'loop_seconds': 30.2, 'warnings': ['WARNING: careful'], 'errors': [], 'problems': [],
                    'newest_restart': {'file': 'stage_01_a.restart', 'stage': 1, 'step': 200}},
        'outputs': {'results': 60},
    }  # fmt: skip
    said = ' '.join(printed(md_tables(content), 80).split())
    for words in (
        '[304] The run broke off',
        '250 of 500',
        'from step 200 of stage 1, file stage_01_a.restart',
        '· cool NPT 4000 → 300 K, 1 ps 500',
        '! WARNING: careful',
        '3.16e+04 atom-steps/s',
    ):
        assert words in said


def test_stage_means_leave_out_the_minimisation_and_what_is_too_short():
    import numpy as np

    names = ('temperature', 'pressure', 'density', 'potential_energy', 'total_energy')
    thermo = {name: np.concatenate([np.zeros(5), np.tile([1.0, 3.0], 50)]) for name in names}
    thermo['stage'] = np.array([0] * 5 + [1] * 98 + [2] * 2)
    thermo['iteration'] = np.array([0, 1, 2, 3, 4] + [0] * 100)
    assert stage_means(thermo, 0) == {}
    assert stage_means(thermo, 2) == {}
    assert stage_means(thermo, 1)['density']['mean'] == 2.0


@pytest.fixture
def show(aiida_profile_clean):
    """The command in this process, in the profile of the tests."""

    def run(*arguments):
        runner = CliRunner(env={'COLUMNS': '80'})
        return runner.invoke(main, ['show', *map(str, arguments), '--profile', aiida_profile_clean.name])

    return run


def test_a_potential(show):
    from aiida_glassion.data.potential import PotentialData

    node = PotentialData.from_library('pmmcs', elements=['Si', 'O']).store()
    done = show(node.pk)
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    assert 'O -1.2, Si +2.4' in said
    assert 'doi:10.1021/jp0611018' in said
    assert 'pair_coeff {Si} {O} pedone' in said
    assert json.loads(show(node.uuid, '--json').output)['charges'] == {'O': -1.2, 'Si': 2.4}


def test_configurations(show):
    from aiida_glassion.data.frames import FramesData

    node = FramesData.from_ase(bulk('MgO', 'rocksalt', 4.21, cubic=True) * (2, 2, 1)).store()
    done = show(node.pk)
    said = ' '.join(done.output.split())
    assert '32: 16 Mg, 16 O' in said
    assert '8.420 × 8.420 × 4.210 Å; right angles' in said
    assert '3.5877 g/cm³' in said
    assert json.loads(show(node.pk, '--json').output)['counts'] == {'Mg': 16, 'O': 16}
    primitive = FramesData.from_ase(bulk('MgO', 'rocksalt', 4.21)).store()
    assert '60.00, 60.00, 60.00°' in show(primitive.pk).output


@calcfunction
def double(x):
    return orm.Int(2 * x.value)


def test_any_other_node_and_none(show):
    result, process = double.run_get_node(orm.Int(4))
    assert 'verdi process report' in show(process.pk).output
    assert f'result {result.pk}' in show(process.pk).output
    assert 'verdi node show' in show(result.pk).output
    assert json.loads(show(result.pk, '--json').output)['attributes']['value'] == 8
    for wrong in ('987654', 'nonsense'):
        done = show(wrong)
        assert done.exit_code == 2
        assert f'no node {wrong}' in done.output
