"""Potential: from templates to the commands of one configuration."""

from __future__ import annotations

import pytest

from aiida_glassion.potentials.potential import Potential


def make(**changes):
    given = {
        'name': 'test',
        'kind': 'user',
        'elements': ('Si', 'O', 'Na'),
        'units': 'metal',
        'atom_style': 'charge',
        'charges': {'Si': 2.4, 'O': -1.2, 'Na': 0.6},
        'commands': (
            'pair_style buck/coul/long 8 12',
            'pair_coeff * * 0 1 0',
            'pair_coeff {Si} {O} 1 0.2 3',
            'pair_coeff {Na} {O} 2 0.2 3',
            'kspace_style pppm 1e-5',
        ),
    }
    return Potential(**(given | changes))


def test_types_are_alphabetical_and_the_smaller_comes_first():
    assert make().commands_for(['Si', 'Na', 'O', 'Si']) == [
        'pair_style buck/coul/long 8 12',
        'pair_coeff * * 0 1 0',
        'pair_coeff 2 3 1 0.2 3',
        'pair_coeff 1 2 2 0.2 3',
        'kspace_style pppm 1e-5',
    ]


def test_twelve_types_are_ordered_as_numbers():
    elements = ('Al', 'Ca', 'Ge', 'K', 'Li', 'Mg', 'Na', 'O', 'P', 'Si', 'Ti', 'V')
    potential = make(
        elements=elements, atom_style='atomic', charges={}, commands=('pair_style zero 5', 'pair_coeff {V} {P} 1')
    )
    assert potential.commands_for(elements)[1] == 'pair_coeff 9 12 1'


def test_commands_of_absent_elements_are_left_out():
    assert 'pair_coeff 1 2 1 0.2 3' in make().commands_for(['O', 'Si'])
    assert len(make().commands_for(['O', 'Si'])) == 4


def test_elements_are_listed_in_the_order_of_types_and_files_follow():
    potential = make(
        commands=('pair_style eam/alloy', 'pair_coeff * * x.eam {elements}'), files={'x.eam': b'1', 'y.eam': b'2'}
    )
    assert potential.commands_for(['Si', 'O'])[1] == 'pair_coeff * * x.eam O Si'
    assert potential.files_for(['Si', 'O']) == {'x.eam': b'1'}


def test_missing_element_is_named_with_those_there_are():
    with pytest.raises(ValueError, match='no parameters for B, P; it covers Na, O, Si'):
        make().commands_for(['P', 'O', 'B'])
    with pytest.raises(ValueError, match='no element'):
        make().commands_for([])


def test_net_charge():
    assert make().net_charge({'Si': 1, 'O': 2}) == pytest.approx(0)
    assert make().net_charge({'Na': 2, 'O': 2}) == pytest.approx(-1.2)
    assert make(atom_style='atomic', charges={}).net_charge({'Na': 3}) == 0
    with pytest.raises(ValueError, match='no parameters for P'):
        make().net_charge({'P': 1})


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'kind': 'magic'}, 'kind of a potential must be one of'),
        ({'units': 'lj'}, 'units of a potential'),
        ({'atom_style': 'full'}, 'atom_style of a potential'),
        ({'elements': ('Si', 'Xx')}, "'Xx' is not the symbol"),
        ({'elements': ('Si', 'Si')}, 'given twice'),
        ({'elements': ()}, 'at least one element'),
        ({'charges': {'Si': 2.4, 'O': -1.2}}, 'no charge is given for Na'),
        ({'charges': {'Si': 2.4, 'O': -1.2, 'Na': 0.6, 'P': 1}}, 'a charge is given for P'),
        ({'charges': {'Si': float('nan'), 'O': -1.2, 'Na': 0.6}}, 'cannot be'),
        ({'cutoff': -1.0}, 'positive length'),
        ({'cutoff': float('nan')}, 'positive length'),
        ({'name': 'a\nb'}, 'needs a name'),
        ({'commands': 'pair_style zero 5'}, 'must be strings'),
        ({'commands': ('pair_style zero 5', 3)}, 'must be strings'),
        ({'commands': ('pair_style zero 5', 'shell id')}, 'refused'),
        ({'files': {'../x': b''}}, 'file name'),
    ],
)
def test_nonsense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)
