"""PotentialData: stored, searched, exported to strangers and read back with suspicion."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError
from aiida.plugins import DataFactory

from aiida_glassion.data.potential import PotentialData
from aiida_glassion.potentials.library import load
from aiida_glassion.potentials.potential import Potential

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


def model():
    """A file-based potential, with content that is not text."""
    return Potential(
        name='graph',
        kind='deepmd',
        elements=('P', 'Na', 'S'),
        units='metal',
        atom_style='atomic',
        commands=('pair_style deepmd graph.pb', 'pair_coeff * * {elements}'),
        files={'graph.pb': b'\x00\xff\x80binary'},
        cutoff=6.0,
        citation='somebody (2026)',
    )


@pytest.mark.parametrize('make', [model, lambda: load('pmmcs'), lambda: load('teter', ['Na', 'Si', 'O'])])
def test_what_goes_in_comes_out(make):
    potential = make()
    node = PotentialData.from_potential(potential).store()
    again = orm.load_node(node.pk)
    assert isinstance(again, PotentialData)
    assert again.potential == potential
    assert again.elements == list(potential.elements)
    assert again.charges == potential.charges
    assert again.commands_for(potential.elements) == potential.commands_for(potential.elements)


def test_entry_point():
    assert DataFactory('glassion.potential') is PotentialData


def test_can_be_searched():
    PotentialData.from_library('pmmcs', elements=['Si', 'O', 'Na']).store()
    PotentialData.from_potential(model()).store()
    fields = PotentialData.fields
    assert set(PotentialData.AttributesModel.model_fields) >= {
        'name',
        'kind',
        'elements',
        'charges',
        'commands',
        'files',
    }
    query = orm.QueryBuilder().append(
        PotentialData, filters=fields.attributes.kind == 'deepmd', project='attributes.name'
    )
    assert query.all(flat=True) == ['graph']
    query = orm.QueryBuilder().append(PotentialData, filters={'attributes.elements': {'contains': ['Si']}})
    assert query.count() == 1


def test_same_potential_same_hash():
    nodes = [PotentialData.from_library('teter', elements=['O', 'Si']).store() for _ in range(2)]
    assert nodes[0].base.caching.get_hash() == nodes[1].base.caching.get_hash()
    other = PotentialData.from_library('teter', elements=['O', 'Si'], coulomb='dsf').store()
    assert other.base.caching.get_hash() != nodes[0].base.caching.get_hash()
    shuffled = Potential(
        **{
            **{key: getattr(load('pmmcs', ['O', 'Si']), key) for key in load('pmmcs').__dataclass_fields__},
            'charges': {'Si': 2.4, 'O': -1.2},
            'elements': ('Si', 'O'),
        }
    )
    first = PotentialData.from_potential(shuffled).store()
    assert (
        first.base.caching.get_hash()
        == PotentialData.from_library('pmmcs', elements=['O', 'Si']).store().base.caching.get_hash()
    )


@pytest.mark.parametrize(
    ('attribute', 'value', 'message'),
    [
        ('commands', ['pair_style zero 5', 'shell touch owned'], 'refused'),
        ('commands', ['pair_style python 5'], 'refused'),
        ('commands', None, 'attribute'),
        ('commands', [1, 2], 'must be strings'),
        ('elements', ['Na', 'P', 'Xx'], 'not the symbol'),
        ('atom_style', 'charge', 'no charge is given'),
        ('charges', 3, 'attribute'),
        ('files', {'graph.pb': 'f' * 32}, 'MD5'),
        ('files', {'other.pb': 'f' * 32}, 'not in the repository'),
        ('files', {'../../x': 'f' * 32}, r'not in the repository|file name'),
        ('units', 'lj', 'units'),
    ],
)
def test_tampered_nodes_are_refused_on_store_and_on_load(attribute, value, message):
    node = PotentialData.from_potential(model())
    node.base.attributes.set(attribute, value)
    with pytest.raises(ValidationError, match=message):
        node.store()
    with pytest.raises(ValueError, match=message):
        _ = node.potential


def test_empty_and_overfull_nodes_are_refused():
    with pytest.raises(ValidationError, match='lacks an attribute'):
        PotentialData().store()
    node = PotentialData.from_potential(model())
    node.base.repository.put_object_from_filelike(io.BytesIO(b'x'), 'stowaway')
    with pytest.raises(ValidationError, match='stowaway'):
        node.store()


def test_from_file(tmp_path):
    (tmp_path / 'p.yaml').write_text('name: mine\ncharges: {Na: 1, Cl: -1}\ncommands: [pair_style coul/cut 10]\n')
    node = PotentialData.from_file(tmp_path / 'p.yaml').store()
    assert node.potential.kind == 'user'
    assert node.elements == ['Cl', 'Na']


def lammps_node(content, **given):
    from aiida_lammps.data.potential import LammpsPotentialData

    stream = io.BytesIO(content)
    stream.name = 'x.dat'
    return LammpsPotentialData.get_or_create(source=stream, filename='x.dat', **given)


def test_from_aiida_lammps_with_a_file():
    source = lammps_node(b'tables', pair_style='eam/alloy', species=['Si', 'Na'], units='metal', atom_style='atomic')
    potential = PotentialData.from_lammps_potential(source).store().potential
    assert potential.commands_for(['Si', 'Na']) == ['pair_style eam/alloy', 'pair_coeff * * x.dat Na Si']
    assert potential.files == {'x.dat': b'tables'}
    assert potential.name == 'eam-alloy'


def test_from_aiida_lammps_with_coefficients():
    given = {'pair_style': 'lj/cut', 'species': ['Ar'], 'units': 'real', 'atom_style': 'atomic'}
    source = lammps_node(b'# epsilon sigma\n0.238 3.4\n', **given)
    potential = PotentialData.from_lammps_potential(source, style_options='10.0', cutoff=10.0).potential
    assert potential.commands == ('pair_style lj/cut 10.0', 'pair_coeff * * 0.238 3.4')
    assert potential.units == 'real'


def test_from_aiida_lammps_with_charges():
    given = {'pair_style': 'buck/coul/long', 'species': ['Li', 'S'], 'units': 'metal', 'atom_style': 'charge'}
    source = lammps_node(b'100.0 0.2 0.0', **given)
    options = {'style_options': '8.0 9.0', 'extra_commands': ('kspace_style pppm 1e-5',)}
    node = PotentialData.from_lammps_potential(source, charges={'Li': 1, 'S': -2}, **options)
    assert node.potential.charges == {'Li': 1.0, 'S': -2.0}
    with pytest.raises(ValueError, match='no charge is given'):
        PotentialData.from_lammps_potential(source, **options)


@pytest.mark.parametrize(
    ('content', 'given'),
    [
        (b'1.0 1.0\nshell id', {'pair_style': 'lj/cut', 'units': 'metal', 'atom_style': 'atomic'}),
        (b'import os', {'pair_style': 'python', 'units': 'metal', 'atom_style': 'atomic'}),
        (b'1.0 1.0', {'pair_style': 'lj/cut', 'units': 'lj', 'atom_style': 'atomic'}),
    ],
)
def test_from_aiida_lammps_refuses(content, given):
    with pytest.raises(ValueError, match=r'refused|units'):
        PotentialData.from_lammps_potential(lammps_node(content, species=['Ar'], **given))


def test_import_needs_no_profile(tmp_path):
    code = 'import aiida_glassion.data.potential; from aiida.manage import get_manager; '
    code += 'assert get_manager().get_profile() is None'
    environment = {'AIIDA_PATH': str(tmp_path)}
    done = subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


def test_a_model_of_deepmd_keeps_the_order_of_its_types(tmp_path):
    fixtures = Path(__file__).parents[1] / 'fixtures' / 'deepmd'
    node = PotentialData.from_deepmd(fixtures / 'silica_si_o.pb', notes='1000 steps').store()
    attributes = node.base.attributes.all
    assert (attributes['name'], attributes['kind'], attributes['cutoff']) == ('silica_si_o', 'deepmd', 4.0)
    assert (attributes['type_map'], attributes['elements'], attributes['notes']) == (
        ['Si', 'O'],
        ['O', 'Si'],
        '1000 steps',
    )
    assert orm.load_node(node.pk).potential.type_map == ('Si', 'O')
    assert 'type_map' not in PotentialData.from_library('pmmcs').base.attributes.all
    with pytest.raises(ValueError, match='cannot be read: No such file'):
        PotentialData.from_deepmd(tmp_path / 'graph.pb')
