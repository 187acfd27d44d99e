"""What a porous glass refuses before anything is submitted, and what its protocols hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from ase.io import read

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.porous_glass import PorousGlassWorkChain
from aiida_glassion.workchains.porous_glass_inputs import charges_to_keep, check_settings, read_settings

MELT = Path(__file__).parent.parent / 'fixtures' / 'silicate' / 'melt.extxyz'
SMALL = [{'shape': 'sphere', 'diameter': 8.0}]


def pmmcs(*elements):
    return PotentialData.from_library('pmmcs', elements=list(elements), coulomb='dsf')


@pytest.fixture
def builder(aiida_profile_clean, aiida_code_installed, localhost):
    """A porous glass with everything right."""
    code = aiida_code_installed(
        label='lmp', default_calc_job_plugin='glassion.md', computer=localhost, filepath_executable='/bin/true'
    )
    return PorousGlassWorkChain.get_builder_from_protocol(
        code,
        pmmcs('Na', 'O', 'Si'),
        FramesData.from_ase(read(MELT)),
        protocol='fast',
        overrides={'pores': SMALL},
        options={'max_wallclock_seconds': 600},
    )


def problem(builder, **changes):
    """What is wrong with these inputs, in the words of the ports."""
    inputs = dict(builder._inputs(prune=True))
    settings = changes.pop('settings', None)
    if settings is not None:
        inputs['settings'] = orm.Dict({**builder.settings.get_dict(), **settings})
    potential = changes.pop('potential', None)
    if potential is not None:
        inputs['md'] = {**inputs['md'], 'md': {**inputs['md']['md'], 'potential': potential}}
    ports = PorousGlassWorkChain.spec().inputs
    found = ports.validate(ports.pre_process({**inputs, **changes}))
    return None if found is None else found.message


def test_what_is_right_passes(builder):
    assert problem(builder) is None
    assert problem(builder, charges=orm.Dict({'Na': 1, 'Si': 4, 'O': -2})) is None
    assert builder.md.md.metadata.options['max_wallclock_seconds'] == 600
    assert builder.seed.value == 1


@pytest.mark.parametrize('name', sorted(protocols.available('porous_glass')))
def test_protocols_are_complete(name):
    assert check_settings(orm.Dict(protocols.load('porous_glass', name)), None) is None


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'pores': [{'shape': 'sphere', 'diameter': 14.0}]}, 'settings.pores.diameter: a sphere of 14 Å reaches its'),
        ({'pores': {'diameter': 4.0, 'n': 30}}, 'settings.pores.n: no places were found for 30 spheres'),
        ({'pores': {'porosity': 0.75, 'diameter': 4.0}}, 'settings.pores.porosity: 0.75 given, but equal spheres fill'),
        ({'pores': []}, 'settings.pores: [] given'),
        ({'pores': [*SMALL, *SMALL]}, 'settings.pores.1: the same pore as 0 once more'),
        ({'shells': 1}, "settings.shells: no such setting; did you mean 'shell'?"),
        ({'relax': [{'kind': 'hold', 'duration': 0}]}, 'settings.relax.0.duration'),
        ({'relax': [{'kind': 'minimise'}]}, 'settings.relax: the last stage is a minimise'),
        ({'voids': {'prob': 1}}, 'settings.voids.prob'),
        ({'voids': {'radii': {'K': 2.0}}}, 'settings.voids.radii: K is no element of this glass (Na, O, Si)'),
        ({'timestep': -1}, 'settings.timestep: '),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(builder, settings, words):
    assert words in problem(builder, settings=settings)


def test_inputs_that_do_not_go_together_are_refused(builder):
    assert 'charges: Na +1, O -2, Si +3 add up to -20 e' in problem(
        builder, charges=orm.Dict({'Na': 1, 'Si': 3, 'O': -2})
    )
    assert 'charges: none given for O, Si' in problem(builder, charges=orm.Dict({'Na': 1}))
    assert "charges.Na: 'one' given, expected a number in e" in problem(builder, charges=orm.Dict({'Na': 'one'}))
    assert 'seed: 0 given, expected 1 to' in problem(builder, seed=orm.Int(0))
    lacking = problem(builder, potential=pmmcs('O', 'Si'))
    assert lacking.startswith('md.md.potential: ')
    assert 'Na' in lacking
    slab = read(MELT)
    slab.pbc = (True, True, False)
    assert 'expected a cell that is periodic in all three directions' in problem(
        builder, glass=FramesData.from_ase(slab)
    )
    charged = read(MELT)[:-1]
    assert problem(builder, glass=FramesData.from_ase(charged)).startswith(
        'glass: the charges of potential pmmcs add up'
    )
    with pytest.raises(ValueError, match="protocol 'fst' is not known; did you mean 'fast'"):
        protocols.load('porous_glass', 'fst')


def test_which_charges_must_sum_to_zero():
    potential = pmmcs('Na', 'O', 'Si')
    formula, neutral = (
        read_settings(protocols.load('porous_glass', 'fast', {'exact': exact})) for exact in ('formula', 'neutral')
    )
    assert charges_to_keep(formula, None, potential) is None
    assert charges_to_keep(neutral, None, potential) == potential.potential.charges
    assert charges_to_keep(formula, orm.Dict({'Na': 1}), potential) == {'Na': 1}
