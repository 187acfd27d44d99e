"""``glassion launch porous-glass`` and ``glassion show``: what will be cut, what was, and how it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aiida_glassion.cli import main

GLASS = Path(__file__).parents[2] / 'examples' / 'structure' / 'glass_1.extxyz'
USUAL = ('--potential', 'pmmcs', '--protocol', 'fast')


@pytest.fixture
def invoke(aiida_profile_clean, aiida_code_installed, localhost):
    """The command in this process, in the profile of the tests; it never asks and never submits to a daemon."""
    code = aiida_code_installed(
        label='lmp', default_calc_job_plugin='glassion.md', computer=localhost, filepath_executable='/bin/true'
    )

    def run(*arguments):
        named = ('--code', code.full_label, '--profile', aiida_profile_clean.name)
        words = [str(argument) for argument in (*arguments, *named)]
        return CliRunner(env={'COLUMNS': '160'}).invoke(main, ['launch', 'porous-glass', *words])

    return run


@pytest.fixture
def built(invoke, monkeypatch):
    """Builder of a launch that would have been submitted."""

    def run(*arguments):
        kept = {}
        monkeypatch.setattr(
            'aiida_glassion.cli.launch_porous_glass.submit', lambda ctx, builder, given: kept.update(builder=builder)
        )
        done = invoke(GLASS, *USUAL, *arguments)
        assert done.exit_code == 0, done.output
        return kept['builder']

    return run


def test_dry_run_says_what_will_be_cut(invoke):
    done = invoke(GLASS, *USUAL, '--pore-diameter', '10', '--dry-run')
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        'Porous glass Na2Si4O9',
        'glass_1: 600 atoms (80 Na, 360 O, 160 Si)',
        'pmmcs (published)',
        '1 sphere of 10 Å; porosity 0.0642; seed 1',
        '45 atoms (6 Na, 27 O, 12 Si); 44 lie within',
        '555 atoms (74 Na, 333 O, 148 Si); 37 of 40 units Na2Si4O9, exactly',
        '2.462 → 2.278 g/cm³ as cut',
        'sample NPT 0.0001 GPa 300 K 5 2 500',
        '1 job, 5 000 steps of 555 atoms: about',
        'Nothing was submitted',
    ):
        assert words in said, words


@pytest.mark.parametrize(
    ('options', 'pores'),
    [
        ((), [{'shape': 'sphere', 'centre': [0.5, 0.5, 0.5], 'diameter': 14}]),
        (('--pore-diameter', '9'), [{'shape': 'sphere', 'centre': [0.5, 0.5, 0.5], 'diameter': 9.0}]),
        (('--pore-diameter', '8', '--pores', '2', '--gap', '1'), {'diameter': 8.0, 'n': 2, 'gap': 1.0}),
        (
            ('--porosity', '0.1', '--pore-diameter', '8', '--fit-diameter'),
            {'porosity': 0.1, 'diameter': 8.0, 'gap': 0.0, 'fit_diameter': True},
        ),
        (
            ('--cylinder', 'a', '--pore-diameter', '8', '--centre', '0,0.5,0.25'),
            [{'shape': 'cylinder', 'axis': 'a', 'centre': [0.0, 0.5, 0.25], 'diameter': 8.0}],
        ),
        (
            ('--slit', 'b', '--width', '6'),
            [{'shape': 'slit', 'axis': 'b', 'centre': [0.5, 0.5, 0.5], 'width': 6.0}],
        ),
    ],
)
def test_options_become_pores(built, options, pores):
    assert built(*options).settings['pores'] == pores


def test_options_become_inputs(built):
    builder = built(
        '--pore-diameter', '9', '--exact', 'neutral', '--shell', '1', '--charges', 'Na=1,Si=4,O=-2', '--seed', '7',
        '--set', 'temperature=350', '--set', 'relax.sample.duration=2', '--set', 'voids.radii.Na=1.0', '--ranks', '2',
        '--walltime', '01:00:00',
    )  # fmt: skip
    settings = builder.settings.get_dict()
    assert (settings['exact'], settings['shell'], settings['temperature']) == ('neutral', 1.0, 350)
    assert [stage.get('duration') for stage in settings['relax']] == [None, 5, 2]
    assert settings['voids']['radii'] == {'Na': 1.0}
    assert builder.charges.get_dict() == {'Na': 1, 'Si': 4, 'O': -2}
    assert builder.seed.value == 7
    assert builder.md.md.metadata.options['max_wallclock_seconds'] == 3600
    assert builder.md.md.metadata.options['resources']['num_mpiprocs_per_machine'] == 2
    assert builder.metadata.label == 'porous glass_1 (fast)'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--pore-diameter', '30'), 'settings.pores.diameter: a sphere of 30 Å reaches its own image'),
        (('--porosity', '0.8'), 'settings.pores.porosity: 0.8 given, but equal spheres fill at most 0.74'),
        (('--pores', '40'), 'settings.pores.n: no places were found for 40 spheres of 14 Å'),
        (('--pore-diameter', '2'), 'regions: no atom lies within'),
        (('--pore-diameter', '10', '--keep-clusters'), 'A network cannot be kept intact'),
        (('--porosity', '0.1', '--pores', '3'), '--porosity and --pores do not go together'),
        (('--cylinder', 'a', '--slit', 'b'), '--cylinder and --slit do not go together'),
        (('--slit', 'c'), '--slit and --width go together'),
        (('--width', '5'), '--slit and --width go together'),
        (('--fit-diameter',), '--fit-diameter is for a --porosity'),
        (('--gap', '3'), '--gap is for several pores'),
        (('--centre', '0.5,0.5', '--pore-diameter', '5'), "'0.5,0.5' is no place"),
        (('--cylinder', 'x'), "'x' is not one of 'a', 'b', 'c'"),
        (('--pore-diameter', '-3'), "Invalid value for '--pore-diameter'"),
        (('--charges', 'Na=1,O=-2,Si=3'), 'charges: Na +1, O -2, Si +3 add up to -160 e'),
        (('--set', 'temprature=3'), "temprature is not a setting; did you mean 'temperature'?"),
        (('--set', 'pores=[]'), 'settings.pores: [] given, expected a list of pores'),
        (('--potential', 'li2s_sis2'), 'no parameters for'),
        (('--protocol', 'fst'), "protocol 'fst' is not known; did you mean 'fast'?"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(invoke, options, words):
    done = invoke(GLASS, *USUAL, *options, '--dry-run')
    assert done.exit_code == 2, done.output
    assert words in ' '.join(done.output.split()), done.output
    assert 'Traceback' not in done.output
    assert 'invalid attribute' not in done.output


def test_a_glass_that_is_none(invoke):
    done = invoke('nowhere.xyz', *USUAL, '--dry-run')
    assert done.exit_code == 2
    assert 'GLASS: there is no file nowhere.xyz' in ' '.join(done.output.split())
