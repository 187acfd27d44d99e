"""Crystals from files: symmetry is unfolded, disorder and nonsense are refused by name."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.formats.crystal import crystal_name, read_crystals

QUARTZ = """
data_quartz
_cell_length_a 4.9134
_cell_length_b 4.9134
_cell_length_c 5.4052
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'P 32 2 1'
loop_
_symmetry_equiv_pos_as_xyz
'x,y,z'
'-y,x-y,z+2/3'
'-x+y,-x,z+1/3'
'y,x,-z'
'x-y,-y,-z+1/3'
'-x,-x+y,-z+2/3'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Si1 Si 0.4697 0 0.666666667 1.0
O1 O 0.4133 0.2672 0.785467 1.0
"""


def written(tmp_path, text, name='quartz.cif'):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_symmetry_of_a_cif_is_unfolded(tmp_path):
    (crystal,) = read_crystals(written(tmp_path, QUARTZ))
    assert crystal.name == 'quartz'
    assert crystal.frames.counts == {'O': 6, 'Si': 3}
    assert crystal.frames.densities[0] == pytest.approx(2.649, abs=0.002)  # quartz: 2.65 g/cm³
    atoms = crystal.frames.to_ase()
    apart = atoms.get_all_distances(mic=True)
    silicon = np.array(atoms.get_chemical_symbols()) == 'Si'
    bonds = np.sort(apart[silicon][:, ~silicon], axis=1)[:, :4]
    assert bonds == pytest.approx(np.full((3, 4), 1.609), abs=0.01)


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('Si1 Si 0.4697 0 0 0.5', r"disordered, \{'Si[^']*': 0\.5\}"),
        ('Si1 Si 0.4697 0 0 0.5\nGe1 Ge 0.4697 0 0 0.5', r"disordered, .*'Ge[^']*': 0\.5"),
        ('Si1 Si 0.4697 0 0 1.7', r'cannot be read as CIF.*occupanc'),
        ('X1 X 0.4697 0 0 1.0', 'X is not an element'),
        ('Si1 Si nonsense 0 0 1.0', 'cannot be read as CIF'),
    ],
)
def test_disorder_and_nonsense_in_a_cif(tmp_path, line, said):
    path = written(tmp_path, QUARTZ.replace('Si1 Si 0.4697 0 0.666666667 1.0', line))
    with pytest.raises(ValueError, match=said) as raised:
        read_crystals(path)
    assert 'quartz.cif' in str(raised.value)


def test_deuterium_is_hydrogen(tmp_path):
    line = 'Si1 Si 0.4697 0 0.666666667 1.0'
    (crystal,) = read_crystals(written(tmp_path, QUARTZ.replace(line, f'{line}\nD1 D 0.1 0.2 0.3 1.0')))
    assert crystal.frames.counts == {'H': 6, 'O': 6, 'Si': 3}


def test_a_cif_whose_formula_does_not_fit_is_remarked(tmp_path):
    path = written(tmp_path, QUARTZ.replace('loop_', "_chemical_formula_sum 'Si3 O9'\nloop_", 1))
    (crystal,) = read_crystals(path)
    assert any('stoichiometry' in note for note in crystal.notes)


def test_several_structures_of_an_extxyz(tmp_path):
    path = tmp_path / '2 salts.extxyz'
    ase.io.write(path, [bulk('NaCl', 'rocksalt', a=5.64), bulk('LiF', 'rocksalt', a=4.03)])
    first, second = read_crystals(path)
    assert (first.name, second.name) == ('crystal_2_salts_0', 'crystal_2_salts_1')
    assert second.frames.counts == {'F': 1, 'Li': 1}
    np.testing.assert_allclose(second.frames.cells[0], bulk('LiF', 'rocksalt', a=4.03).cell)


def test_a_molecule_is_no_crystal(tmp_path):
    path = written(tmp_path, '2\n\nO 0 0 0\nO 0 0 1.2\n', 'oxygen.xyz')
    with pytest.raises(ValueError, match=r'oxygen\.xyz: periodic in .*expected a crystal'):
        read_crystals(path)


@pytest.mark.parametrize('text', ['', 'not a structure at all\n'])
def test_a_file_that_is_none(tmp_path, text):
    for name in ('broken.cif', 'broken.extxyz'):
        with pytest.raises(ValueError, match='broken'):
            read_crystals(written(tmp_path, text, name))
    with pytest.raises(FileNotFoundError, match=r'nowhere\.cif'):
        read_crystals(tmp_path / 'nowhere.cif')


def test_names_fit_into_a_namespace():
    assert crystal_name('Na3PS4 (cubic)') == 'Na3PS4_cubic'
    assert crystal_name('β') == 'crystal'
    assert crystal_name('2-salt.v1') == 'crystal_2_salt_v1'
