"""A committee: which models may sit in it, and what LAMMPS is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aiida_glassion.potentials.committee import check_committee, committee_commands, committee_files
from aiida_glassion.potentials.deepmd import deepmd_potential
from aiida_glassion.potentials.library import load

FIXTURES = Path(__file__).parents[1] / 'fixtures' / 'deepmd'


def potential(name='silica_1', **changes):
    return replace(deepmd_potential((FIXTURES / f'{name}.pb').read_bytes(), name=name, file=f'{name}.pb'), **changes)


def made_up(content, type_map=('O', 'Si'), rcut=4.0, file='graph.pth'):
    return deepmd_potential(content, type_map, rcut, file=file)


def test_commands_and_files():
    driver, members = potential(), [potential('silica_2'), made_up(b'third')]
    assert committee_commands(driver, members, ['Si', 'O'], 20) == [
        'pair_style deepmd silica_1.pb committee_1.pb committee_2.pth out_file model_devi.out out_freq 20',
        'pair_coeff * * O Si',
    ]
    assert committee_files(members) == {
        'committee_1.pb': members[0].files['silica_2.pb'],
        'committee_2.pth': b'third',
    }


def test_a_good_committee():
    check_committee(potential(), {'second': potential('silica_2')})
    check_committee(made_up(b'1'), {'a': made_up(b'2'), 'b': made_up(b'3')})


@pytest.mark.parametrize(
    ('member', 'message'),
    [
        (potential('silica_si_o'), r'committee.x: type map Si O, but the potential has O Si'),
        (potential('silica_2', cutoff=5.0), r'committee.x: cutoff 5 Å, but the potential has 4 Å'),
        (potential('silica_1'), r'committee.x: the same model as potential'),
        (load('pmmcs', ['O', 'Si']), r'committee.x: pmmcs is of kind published with .*pair_style deepmd FILE'),
        (made_up(b'2'), r'committee.x: graph.pth is of another backend than silica_1.pb'),
    ],
)
def test_who_may_not_sit_in_it(member, message):
    with pytest.raises(ValueError, match=message):
        check_committee(potential(), {'a_good_one': potential('silica_2'), 'x': member})


def test_twins_among_the_others():
    with pytest.raises(ValueError, match=r'committee.c: the same model as committee.b'):
        check_committee(made_up(b'1'), {'b': made_up(b'2'), 'c': made_up(b'2')})


def test_the_driver_must_be_a_plain_model():
    both = replace(potential(), commands=('pair_style deepmd silica_1.pb atomic', 'pair_coeff * * {elements}'))
    for driver in (both, load('pmmcs', ['O', 'Si'])):
        with pytest.raises(ValueError, match=r'potential: .* a committee needs DeePMD models'):
            check_committee(driver, {'x': potential('silica_2')})


def test_an_order_of_types_that_nobody_knows():
    """Of a node made from LAMMPS commands; a frozen TensorFlow model is asked itself."""
    check_committee(potential(), {'x': potential('silica_2', type_map=())})
    with pytest.raises(ValueError, match='type map Si O'):
        check_committee(potential(), {'x': potential('silica_si_o', type_map=())})
    with pytest.raises(ValueError, match=r'committee.x: the order of its type map is not known'):
        check_committee(made_up(b'1'), {'x': replace(made_up(b'2'), type_map=())})
