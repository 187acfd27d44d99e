"""Elastic constants by the real LAMMPS: silicon against published numbers, a small glass, and samples that fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from ase.build import bulk
from ase.io import read

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

MELT = Path(__file__).parent.parent / 'fixtures' / 'silicate' / 'melt.extxyz'
SW = 'Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0\n'
FAILS_AT = 77
SMALL = {
    'equilibrate': 0.4, 'settle': 0.05, 'sample': 0.2, 'thermo_every': 0.01, 'timestep': 2.0,
    'strains': [0.01], 'volume_strains': [0.01],
    'relax': {'duration': 0.4, 'force_tolerance': 0.01},
}  # fmt: skip


@pytest.fixture
def silicon(tmp_path):
    """Silicon by Stillinger and Weber (1985)."""
    (tmp_path / 'Si.sw').write_text(SW)
    (tmp_path / 'silicon.yaml').write_text(
        'name: stillinger-weber\nelements: [Si]\nfiles: [Si.sw]\n'
        "commands: ['pair_style sw', 'pair_coeff * * Si.sw {elements}']\n"
    )
    return PotentialData.from_file(tmp_path / 'silicon.yaml')


@pytest.fixture
def code(lmp_code, aiida_code_installed, tmp_path):
    """The real LAMMPS, but an error in its own words at 77 K, and where a shear xz is made of a cell 11 Å wide."""
    program = tmp_path / 'lmp-moon'
    program.write_text(f"""#!/bin/bash
if grep -q "temp {FAILS_AT}.* " "$2" || grep -q " xz_minus_0p011 " "$2"; then
  echo "ERROR: Cannot open the moon for reading (src/moon.cpp:1)" > "$4"; exit 1
fi
exec {lmp_code.filepath_executable} "$@"
""")
    program.chmod(0o755)
    return aiida_code_installed(
        label='lmp-moon',
        default_calc_job_plugin='glassion.md',
        computer=lmp_code.computer,
        filepath_executable=str(program),
        prepend_text=lmp_code.prepend_text,
    )


def pmmcs():
    return PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf')


def elastic(code, potential, glasses, temperatures, protocol='fast', **settings):
    builder = WorkflowFactory('glassion.elastic').get_builder_from_protocol(
        code, potential, glasses, temperatures, protocol=protocol, overrides=settings, seed=5
    )
    return run_get_node(builder)


def called(node):
    return {link.link_label: link.node for link in node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()}


def test_silicon(lmp_code, silicon):
    """151.4, 76.4, 56.4 GPa (Cowley, PRL 60, 2379 (1988)), from a cell that was strained and skewed before."""
    atoms = bulk('Si', 'diamond', 5.5, cubic=True)
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + 0.01 * np.array([[1, 0.5, 0], [0, -1, 0.3], [0.2, 0, 0]])), True)
    outputs, node = elastic(
        lmp_code, silicon, {'silicon': FramesData.from_ase(atoms)}, [0], 'moderate',
        strains=[0.001, 0.002], volume_strains=[0.002], relax={'force_tolerance': 1e-6, 'duration': 4},
    )  # fmt: skip
    assert node.is_finished_ok, node.exit_message
    results = outputs['results'].get_dict()
    sample = results['samples']['T0000_silicon']
    c = np.array(sample['stiffness']['constants'])
    np.testing.assert_allclose(np.diag(c), [151.4] * 3 + [56.4] * 3, atol=0.4)
    np.testing.assert_allclose(c[[0, 0, 1], [1, 2, 2]], 76.4, atol=0.4)
    np.testing.assert_allclose(c[:3, 3:], 0, atol=0.1)
    moduli = sample['stiffness']['moduli']
    assert moduli['bulk']['mean'] == pytest.approx(101.4, abs=0.4)
    assert moduli['shear_voigt']['mean'] == pytest.approx((151.4 - 76.4 + 3 * 56.4) / 5, abs=0.3)
    assert sample['bulk']['modulus']['mean'] == pytest.approx(101.4, abs=0.5)
    assert sample['reversible'] is True
    assert sample['warnings'] == []
    assert sample['density'] == pytest.approx(2.329, abs=0.004)
    assert results['groups']['silicon']['T0000']['moduli']['bulk']['mean'] == moduli['bulk']['mean']
    assert np.abs(sample['residual_stress']).max() < 1e-2
    jobs = [label for label in called(called(node)['T0000_silicon'])]
    assert jobs == ['relax', 'strains'], 'thirty-four strained states in one job'
    np.testing.assert_allclose(outputs['relaxed']['T0000_silicon'].frames.volumes, 8 * 20.02, rtol=2e-3)
    curves = outputs['curves']['T0000_silicon']
    assert curves.get_array('stiffness__stress').shape == (24, 6)
    assert curves.base.attributes.get('units')['bulk__pressure'] == 'GPa'


def test_a_glass_relaxed_and_warm_and_one_temperature_that_fails(code):
    glass = FramesData.from_ase(read(MELT))
    outputs, node = elastic(code, pmmcs(), {'melt': glass}, [0, 300, FAILS_AT], **SMALL)
    assert node.is_finished_ok, node.exit_message
    results = outputs['results'].get_dict()
    failed = outputs['ledger'].get_dict()
    assert list(failed) == ['T0077_melt']
    assert failed['T0077_melt']['exit_status'] == 330
    assert 'Cannot open the moon' in results['samples']['T0077_melt']['reason']
    cold, warm = (results['samples'][label] for label in ('T0000_melt', 'T0300_melt'))
    assert 30 < cold['bulk']['modulus']['mean'] < 150
    assert cold['residual_stress_error'] is None
    assert cold['stiffness']['moduli'] is None or cold['stiffness']['moduli']['young']['mean'] > 10
    assert warm['bulk']['modulus']['standard_error'] > 0
    assert np.array(warm['stiffness']['errors']).min() > 0
    assert len(warm['returns']) == 1
    assert set(results['groups']['melt']) == {'T0000', 'T0077', 'T0300'}
    assert results['groups']['melt']['T0077']['n'] == 0
    assert sorted(outputs['relaxed']) == ['T0000_melt', 'T0300_melt']
    assert outputs['relaxed']['T0300_melt'].frames.velocities is not None
    assert any('moon' in words for words in results['warnings'])


def test_one_component_fails_and_the_others_are_told(code):
    """Each component is a job of its own; K stands though a shear could not be made."""
    glass = FramesData.from_ase(read(MELT))
    settings = {**SMALL, 'strains': [0.011]}
    outputs, node = elastic(code, pmmcs(), {'melt': glass}, [0], jobs='component', **settings)
    assert node.exit_status == 500, node.exit_message
    assert '1 of 1 samples failed' in node.exit_message
    assert 'strain_xz' in node.exit_message
    sample = outputs['results']['samples']['T0000_melt']
    assert sample['bulk']['modulus']['mean'] > 0
    assert sample['stiffness'] is None
    assert len(called(called(node)['T0000_melt'])) == 8
    assert outputs['curves']['T0000_melt'].get_array('stiffness__strain').shape == (10, 6)


def submit_with(builder, changes):
    for name, value in changes.items():
        builder[name] = value
    run_get_node(builder)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'temperatures': [-1]}, r'temperatures: -1 given'),
        ({'glasses': {}}, 'glasses: none given'),
        ({'settings': {'strains': [0.3]}}, r'settings\.strains: 0\.3 is no size of a strain'),
        ({'settings': {'strain': [0.3]}}, r"settings\.strain: no such setting; did you mean 'strains'"),
        ({'max_concurrent': 0}, 'max_concurrent: 0 given'),
        ({'tolerated_failures': 2.0}, r'tolerated_failures: 2\.0 given'),
        ({'seed': 0}, 'seed: 0 given'),
        ({'potential': ['Na', 'O']}, r'Si'),
    ],
)
def test_refused_before_anything_is_run(changes, message, lmp_code):
    builder = WorkflowFactory('glassion.elastic').get_builder_from_protocol(
        lmp_code, pmmcs(), {'melt': FramesData.from_ase(read(MELT))}, [0], protocol='fast'
    )
    if 'settings' in changes:
        changes = {'settings': orm.Dict({**builder.settings.get_dict(), **changes['settings']})}
    if 'potential' in changes:
        builder.md.md.potential = PotentialData.from_library('pmmcs', elements=changes['potential'], coulomb='dsf')
        changes = {}
    with pytest.raises(ValueError, match=message):
        submit_with(builder, changes)
