"""The published tables."""

from __future__ import annotations

import pytest

from aiida_glassion.potentials.library import OneSourceWarning, available, load, read_table


def test_what_there_is():
    assert available() == ('bmp-vanadium', 'li2s-sis2', 'pmmcs', 'teter')


@pytest.mark.filterwarnings('ignore::aiida_glassion.potentials.library.OneSourceWarning')
@pytest.mark.parametrize('name', available())
def test_each_has_citation_notes_and_neutral_oxides(name):
    potential = load(name)
    assert 'doi:10.' in potential.citation
    assert potential.notes
    assert potential.kind == 'published'
    assert potential.units == 'metal'
    assert potential.net_charge({'Si': 1, 'S' if 'S' in potential.elements else 'O': 2}) == pytest.approx(0)
    assert potential.net_charge({'Li': 2, 'S' if 'S' in potential.elements else 'O': 1}) == pytest.approx(0)
    assert load(name).commands == potential.commands
    assert load(name).files == potential.files


def test_pmmcs_commands():
    assert load('pmmcs').commands_for(['O', 'Si', 'Na']) == [
        'pair_style hybrid/overlay pedone 5.5 coul/long 9.0',
        'pair_coeff * * coul/long',
        'pair_coeff 1 2 pedone 0.023363 1.763867 3.006315 5.0',
        'pair_coeff 2 3 pedone 0.340554 2.0067 2.1 1.0',
        'pair_coeff 2 2 pedone 0.042395 1.379316 3.618701 22.0',
        'kspace_style pppm 1e-05',
    ]


def test_options():
    potential = load('pmmcs', ['Si', 'O'], coulomb='dsf', dsf_damping=0.2, dsf_cutoff=10.0, short_range_cutoff=7)
    assert potential.commands[:2] == (
        'pair_style hybrid/overlay pedone 7.0 coul/dsf 0.2 10.0',
        'pair_coeff * * coul/dsf',
    )
    assert potential.elements == ('O', 'Si')
    assert potential.cutoff == 10.0
    assert 'kspace' not in ' '.join(potential.commands)
    potential = load('pmmcs', accuracy=1e-6, coulomb_cutoff=11)
    assert potential.commands[-1] == 'kspace_style pppm 1e-06'
    assert potential.cutoff == 11.0


def test_sulfide_cutoffs_are_in_the_order_of_lammps():
    assert load('li2s-sis2').commands[0] == 'pair_style buck/coul/long 8.0 12.0'


def test_tables_come_only_for_the_elements_wanted():
    assert sorted(load('teter', ['Si', 'O']).files) == ['O_O.table', 'Si_O.table']
    assert sorted(load('teter').files_for(['Na', 'O'])) == ['Na_O.table', 'O_O.table']


def test_vanadium_changes_two_rows_of_pmmcs_and_warns():
    with pytest.warns(OneSourceWarning, match='one source only'):
        potential = load('bmp-vanadium')
    base, table = read_table('pmmcs'), read_table('bmp-vanadium')
    changed = {pair for pair in base['pairs'] if base['pairs'][pair] != table['pairs'][pair]}
    assert changed == {('P', 'O'), ('O', 'O')}
    assert table['pairs']['P', 'O'] == base['pairs']['P', 'O'] | {'r0': 1.790790}
    assert table['pairs']['O', 'O']['C'] == 100
    assert potential.charges['V'] == 3.0
    assert potential.net_charge({'V': 2, 'O': 5}) == pytest.approx(0)
    with pytest.warns(OneSourceWarning):
        assert load('bmp-vanadium', valences={'V': 4}).net_charge({'V': 1, 'O': 2}) == pytest.approx(0)


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        ('pmcs', {}, 'did you mean pmmcs'),
        ('zzz', {}, 'there are bmp-vanadium, li2s-sis2, pmmcs, teter'),
        ('pmmcs', {'elements': ['Si', 'O', 'B']}, 'no parameters for B; it covers Al, Ca'),
        ('pmmcs', {'coulomb': 'wolf'}, 'coulomb must be pppm or dsf'),
        ('pmmcs', {'valences': {'V': 4}}, 'only one valence of V'),
        ('bmp-vanadium', {'valences': {'V': 3}}, 'no V of valence 3: only 5, 4'),
        ('bmp-vanadium', {'valences': {'V': 'default'}}, 'no V of valence default'),
        ('pmmcs', {'accuracy': 0.0}, 'accuracy'),
        ('pmmcs', {'short_range_cutoff': -1.0}, 'short_range_cutoff'),
    ],
)
def test_wrong_requests(name, options, message):
    with pytest.raises(ValueError, match=message):
        load(name, **options)
