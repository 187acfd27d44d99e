"""``glassion launch initial-data``: what it says it will make, and how it refuses."""

from __future__ import annotations

import ase.io
import pytest
from ase.build import bulk
from click.testing import CliRunner

from aiida_glassion.cli import main, materials_project
from aiida_glassion.cli.errors import GlassionError


@pytest.fixture
def invoke(aiida_profile_clean, lmp_code, packmol_code, monkeypatch):
    """The command in the profile of the tests; nothing is submitted."""
    monkeypatch.delenv('MP_API_KEY', raising=False)

    def run(*arguments):
        named = ('--code', lmp_code.full_label, '--packmol', packmol_code.full_label)
        profile = ('--profile', aiida_profile_clean.name, '--dry-run')
        runner = CliRunner(env={'COLUMNS': '120'})
        return runner.invoke(main, ['launch', 'initial-data', *arguments, *named, *profile])

    return run


@pytest.fixture
def salt(tmp_path):
    path = tmp_path / 'salt.cif'
    ase.io.write(path, bulk('MgO', 'rocksalt', a=4.21, cubic=True))
    return str(path)


def test_dry_run_says_what_will_be_made(invoke, salt):
    done = invoke(
        salt, '--mixture', '20Na2O-80SiO2', '--protocol', 'fast', '--dynamics', 'md', '--potential', 'pmmcs',
        '--set', 'crystal.strain=0.05',
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        'salt 64 6 1 × 10 steps',
        'mixture_20Na2O_80SiO2 50 1 1 × 10 steps',
        'protocol fast; relaxation: none; dynamics: md',
        'strain up to 5 %',
        'Nothing was submitted',
    ):
        assert words in said, said


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((), 'Give crystals (files, nodes, --materials-project) or --mixture'),
        (('nowhere.cif',), 'there is no file nowhere.cif'),
        (('SALT', '--set', 'strain=0.05'), 'expected a setting like crystal.strain=0.05'),
        (('SALT', '--set', 'crystal.stran=0.05'), "did you mean 'strain'"),
        (('SALT', '--protocol', 'napso'), 'settings.relax.engine: this protocol wants a choice'),
        (('SALT', '--relax', 'md'), 'potential'),
        (('SALT', 'SALT'), 'Two crystals have one name'),
        (('--materials-project', 'mp-1265'), 'MP_API_KEY'),
        (('--materials-project', '1265'), 'is no identifier of the Materials Project'),
    ],
)
def test_refusals(invoke, salt, arguments, message):
    done = invoke(*(salt if word == 'SALT' else word for word in arguments))
    assert done.exit_code == 2, done.output
    assert message in ' '.join(done.output.split())


def test_a_structure_from_the_materials_project(monkeypatch):
    """Without the network: what comes from the client becomes a crystal; what fails is named."""
    from pymatgen.core import Lattice, Structure

    class Client:
        def get_structure_by_material_id(self, identifier, conventional_unit_cell):
            assert conventional_unit_cell
            if identifier != 'mp-1265':
                raise ValueError('no such material')
            return Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.21), ['Mg', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])

    monkeypatch.setattr(materials_project, '_rester', lambda key: Client())
    (crystal,) = materials_project.fetch(['mp-1265'], {'MP_API_KEY': 'mine'})
    assert crystal.name == 'Mg4O4_mp_1265'
    assert crystal.frames.counts == {'Mg': 4, 'O': 4}
    with pytest.raises(GlassionError, match='mp-1 did not come'):
        materials_project.fetch(['mp-1'], {'MP_API_KEY': 'mine'})
