"""A user's potential from YAML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiida_glassion.potentials.user_file import read_potential_file

GOOD = """
name: my silica
charges: {Si: 2.4, O: -1.2}
commands: |
  pair_style hybrid/overlay table linear 1000 coul/dsf 0.25 8.0
  pair_coeff * * coul/dsf
  pair_coeff {Si} {O} table si_o.table SI_O
files: [tables/si_o.table]
cutoff: 8
citation: nobody (2026)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'mine' / 'tables').mkdir(parents=True)
    (tmp_path / 'mine' / 'tables' / 'si_o.table').write_bytes(b'\x00SI_O')
    (tmp_path / 'secret.table').write_text('secret')
    return tmp_path / 'mine'


def write(folder, text):
    path = folder / 'potential.yaml'
    path.write_text(text)
    return path


def test_a_good_file(folder):
    potential = read_potential_file(write(folder, GOOD))
    assert potential.elements == ('O', 'Si')
    assert (potential.kind, potential.units, potential.atom_style) == ('user', 'metal', 'charge')
    assert potential.files == {'si_o.table': b'\x00SI_O'}
    assert potential.cutoff == 8.0
    assert potential.commands_for(['Si', 'O'])[2] == 'pair_coeff 1 2 table si_o.table SI_O'


def test_without_charges(folder):
    text = 'name: a\nelements: [Si]\ncommands: [pair_style sw, "pair_coeff * * Si.sw {elements}"]\nfiles: [Si.sw]\n'
    (folder / 'Si.sw').write_text('x')
    potential = read_potential_file(write(folder, text))
    assert potential.atom_style == 'atomic'
    assert potential.charges == {}


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('commands:', 'comands:', "unknown key 'comands'; did you mean 'commands'"),
        ('cutoff:', 'zzzz:', 'known are name'),
        ('name: my silica', '', 'name must be given'),
        ('tables/si_o', '../secret', 'lies outside the folder'),
        ('tables/si_o', '/etc/passwd', 'lies outside the folder'),
        ('tables/si_o', 'nowhere', 'there is no file'),
        ('pair_coeff * * coul/dsf', 'shell id', 'refused'),
        ('si_o.table SI_O', 'other.table SI_O', "'other.table' is neither"),
        ('O: -1.2', 'O: minus', 'must be a number'),
        ('Si: 2.4', 'No: 2.4', 'mapping by element'),
        ('name: my silica', 'name: !!python/object/apply:os.system ["id"]', 'cannot be read as YAML'),
        ('charges: {Si: 2.4, O: -1.2}', 'charges: [1, 2]', 'mapping by element'),
        ('[tables/si_o.table]', '[1]', 'list of strings'),
    ],
)
def test_bad_files(folder, old, new, message):
    assert old in GOOD
    with pytest.raises(ValueError, match=message) as error:
        read_potential_file(write(folder, GOOD.replace(old, new, 1)))
    assert 'potential.yaml' in str(error.value)


def test_a_link_out_of_the_folder_is_refused(folder):
    (folder / 'tables' / 'si_o.table').unlink()
    (folder / 'tables' / 'si_o.table').symlink_to(folder.parent / 'secret.table')
    with pytest.raises(ValueError, match='lies outside the folder'):
        read_potential_file(write(folder, GOOD))


@pytest.mark.parametrize('text', ['- a\n- b\n', '', 'a: [', '\x00'])
def test_not_a_mapping(folder, text):
    with pytest.raises(ValueError, match=r'potential\.yaml'):
        read_potential_file(write(folder, text))


def test_no_file(folder):
    with pytest.raises(ValueError, match='there is no potential file'):
        read_potential_file(folder / 'none.yaml')
    with pytest.raises(ValueError, match='cannot be read'):
        read_potential_file(folder)


def test_the_examples_of_the_manual_are_good(tmp_path):
    """Every YAML block of docs/howto/own-potential.md."""
    text = (Path(__file__).parents[2] / 'docs' / 'howto' / 'own-potential.md').read_text(encoding='utf-8')
    blocks = re.findall(r'```yaml\n(.*?)```', text, re.DOTALL)
    assert len(blocks) == 2
    (tmp_path / 'graph.pb').write_bytes(b'model')
    silicate, trained = (read_potential_file(write(tmp_path, block)) for block in blocks)
    assert silicate.commands_for(['O', 'Si'])[2] == 'pair_coeff 1 2 13702.905 0.193817 54.681'
    assert len(silicate.commands_for(['O', 'Si'])) == 5
    assert trained.commands_for(['S', 'P', 'Na'])[1] == 'pair_coeff * * Na P S'
