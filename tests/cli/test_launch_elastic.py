"""``glassion launch elastic``: what it says it will do, what it hands over, and how it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.cli.launch_elastic_plan import plan_elastic
from aiida_glassion.kernels.mechanics.elastic_settings import read_settings
from aiida_glassion.workchains import protocols

GLASS = Path(__file__).parents[2] / 'examples' / 'structure' / 'glass_1.extxyz'
OTHER = GLASS.with_name('glass_2.extxyz')
USUAL = ('--potential', 'pmmcs', '--protocol', 'fast')


@pytest.fixture
def lmp_code(aiida_code_installed, localhost):
    """A code for LAMMPS; nothing is run here."""
    return aiida_code_installed(
        label='lmp', default_calc_job_plugin='glassion.md', computer=localhost, filepath_executable='/bin/true'
    )


@pytest.fixture
def invoke(aiida_profile_clean, lmp_code):
    """The command in this process, in the profile of the tests; it never asks and never submits to a daemon."""

    def run(*arguments):
        words = [*map(str, arguments), '--code', lmp_code.full_label, '--profile', aiida_profile_clean.name]
        return CliRunner(env={'COLUMNS': '200', 'GLASSION_DEBUG': ''}).invoke(main, ['launch', 'elastic', *words])

    return run


@pytest.fixture
def built(invoke, monkeypatch):
    """Builder of a launch that would have been submitted."""

    def run(*arguments):
        kept = {}
        monkeypatch.setattr(
            'aiida_glassion.cli.launch_elastic.submit', lambda ctx, builder, given: kept.update(builder=builder)
        )
        done = invoke(*arguments)
        assert done.exit_code == 0, done.output
        return kept['builder']

    return run


def test_says_what_it_will_do(invoke):
    done = invoke(f'dense_1={GLASS}', f'dense_2={OTHER}', *USUAL, '--temperatures', '0,300', '--dry-run')
    assert done.exit_code == 0, done.output
    words = ' '.join(done.output.split())
    assert 'Elasticity Na2Si4O9' in words
    assert 'dense_2: 600 atoms (80 Na, 360 O, 160 Si)' in words
    assert 'replicas dense: dense_1, dense_2' in words
    assert 'samples 4 in 8 jobs, at most 2 at a time; seed 1' in words
    assert 'strains ±1 % in each of six components' in words
    assert '300 2 2 14 2 0.5 + 3 ps 61 000' in words
    assert 'Nothing was submitted' in words


def test_hands_over_what_was_given(built):
    builder = built(
        GLASS, '--potential', 'pmmcs', '--method', 'bulk', '--temperature', '300', '--volume-strains', '0.01,0.02',
        '--set', 'coupling=iso', '--set', 'relax.duration=7', '--seed', '9', '--max-concurrent', '3',
        '--tolerate', '0.2', '--ranks', '2', '--walltime', '1:00:00',
    )  # fmt: skip
    settings = builder.settings.get_dict()
    assert settings['protocol'] == 'moderate'
    assert settings['methods'] == ['bulk']
    assert settings['volume_strains'] == [0.01, 0.02]
    assert settings['coupling'] == 'iso'
    assert settings['relax']['duration'] == 7
    assert builder.temperatures.get_list() == [300]
    assert (builder.seed.value, builder.max_concurrent.value, builder.tolerated_failures.value) == (9, 3, 0.2)
    options = builder.md.md.metadata.options
    assert options['resources']['num_mpiprocs_per_machine'] == 2
    assert options['max_wallclock_seconds'] == 3600
    assert list(builder.glasses) == ['glass_1']
    assert builder.metadata.label == 'elasticity of glass_1 (moderate)'


def test_protocols():
    napso = read_settings(protocols.load('elastic', 'napso'))
    assert (napso.methods, napso.temperatures, napso.coupling) == (['bulk'], [300], 'iso')
    assert set(protocols.available('elastic')) == {'fast', 'moderate', 'napso'}
    moderate = read_settings(protocols.load('elastic'))
    plan = plan_elastic({'a': {'Si': 100}}, moderate, [0, 300], 1e5, 'cut off', ranks=1, seed=1, max_concurrent=1)
    cold, warm = plan.rows
    assert (cold.strained, cold.unstrained, cold.jobs) == (16, 15, 2)
    assert (warm.strained, warm.unstrained, warm.minimisations) == (16, 2, 0)
    assert warm.steps == 50000 + 18 * 22000
    apart = read_settings(protocols.load('elastic', None, {'jobs': 'component'}))
    rows = plan_elastic({'a': {'Si': 100}}, apart, [0], 1e5, 'cut off', ranks=1, seed=1, max_concurrent=1).rows
    assert rows[0].jobs == 8


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((), 'Give a GLASS'),
        (('nowhere.xyz',), 'there is no file nowhere.xyz'),
        ((GLASS, '--temperatures', '-5'), r'temperatures: -5.0 given, expected 0 (relaxed), or 1 to 20000 K'),
        ((GLASS, '--temperatures', '300,300'), '300 K is given twice'),
        ((GLASS, '--temperatures', 'cold'), "'cold' is no temperature"),
        ((GLASS, '--strains', '0.5'), 'strains: 0.5 is no size of a strain; expected one above 0 and up to 0.1'),
        ((GLASS, '--strains', '0.01,0.01'), 'expected each size once'),
        ((GLASS, '--strains', 'large'), "'large' are no strains"),
        ((GLASS, '--volume-strains', '0'), 'volume_strains: 0 is no size of a strain'),
        ((GLASS, '--set', 'strain=0.01'), "strain is not a setting; did you mean 'strains'?"),
        ((GLASS, '--set', 'coupling=xy'), "coupling: Input should be 'none', 'iso', 'aniso' or 'tri' (given: 'xy')"),
        ((GLASS, '--set', 'methods=[]'), "methods: none given, expected 'bulk'"),
        ((GLASS, '--set', 'sample=0.01', '--temperatures', '300'), 'sample: 0.01 ps holds fewer than 20 lines'),
        ((GLASS, '--protocol', 'slow'), "protocol 'slow' is not known"),
        ((GLASS, '--potential', 'li2s-sis2'), 'no parameters for'),
    ],
)
def test_refused_in_a_sentence(invoke, arguments, message):
    potential = () if '--potential' in arguments else ('--potential', 'pmmcs')
    done = invoke(*arguments, *potential, '--dry-run')
    assert done.exit_code != 0
    assert message in ' '.join(done.output.split())
    assert 'Traceback' not in done.output
    assert 'invalid attribute value' not in done.output
