"""A DeePMD model as a potential."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiida_glassion.potentials.deepmd import deepmd_potential

FIXTURES = Path(__file__).parents[1] / 'fixtures' / 'deepmd'
MODEL = (FIXTURES / 'silica_1.pb').read_bytes()
OTHER_ORDER = (FIXTURES / 'silica_si_o.pb').read_bytes()


def test_all_is_read_from_a_frozen_model():
    potential = deepmd_potential(OTHER_ORDER, name='silica')
    assert (potential.kind, potential.units, potential.atom_style) == ('deepmd', 'metal', 'atomic')
    assert potential.elements == ('O', 'Si')
    assert potential.type_map == ('Si', 'O')
    assert potential.cutoff == 4.0
    assert potential.files == {'graph.pb': OTHER_ORDER}
    assert 'Phys. Rev. Lett.' in potential.citation


def test_lammps_is_told_the_elements_of_the_run_by_name():
    potential = deepmd_potential(OTHER_ORDER, file='silica.pb')
    assert potential.commands_for(['Si', 'O']) == ['pair_style deepmd silica.pb', 'pair_coeff * * O Si']
    assert potential.commands_for(['Si'])[1] == 'pair_coeff * * Si'


def test_a_model_of_another_backend_needs_to_be_told_about():
    given = {'type_map': ['S', 'Na', 'P'], 'rcut': 6.0, 'file': 'model.pth'}
    potential = deepmd_potential(b'PK TorchScript', **given)
    assert (potential.elements, potential.type_map, potential.cutoff) == (('Na', 'P', 'S'), ('S', 'Na', 'P'), 6.0)
    for left_out in ('type_map', 'rcut'):
        with pytest.raises(ValueError, match=r'give type_map .* and rcut'):
            deepmd_potential(b'PK TorchScript', **{k: v for k, v in given.items() if k != left_out})


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'type_map': ['Si', 'O']}, r"type_map \['Si', 'O'\], but the model was trained with \['O', 'Si'\]"),
        ({'rcut': 6.0}, r'rcut 6 Å, but the model was trained with 4 Å'),
        ({'file': '../graph.pb'}, 'no folder'),
        ({'file': 'model.pt'}, 'can run code'),
        ({'file': 'committee_1.pb'}, 'the run uses such names itself'),
    ],
)
def test_what_contradicts_the_model_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        deepmd_potential(MODEL, **wrong)


def test_a_model_of_something_else_is_refused():
    dipoles = MODEL.replace(b'B\x04ener*', b'B\x04dipo*')
    with pytest.raises(ValueError, match="'dipo', not of energies"):
        deepmd_potential(dipoles)
