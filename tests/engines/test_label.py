"""Labels by the real LAMMPS and by ASE's calculators: they agree, and nothing wrong gets into the data."""

from __future__ import annotations

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from ase.build import bulk
from ase.calculators.lj import LennardJones

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.potentials.potential import Potential

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

EPSILON, SIGMA, CUTOFF = 0.0104, 3.4, 7.0
ARGON = Potential(
    name='argon',
    kind='user',
    elements=('Ar',),
    units='metal',
    atom_style='atomic',
    commands=(f'pair_style lj/cut {CUTOFF}', f'pair_coeff {{Ar}} {{Ar}} {EPSILON} {SIGMA}', 'pair_modify shift yes'),
    cutoff=CUTOFF,
)


def argon(n_frames=6, seed=0, size=2, displacement=0.15):
    """Sheared cells of argon, one of them left-handed."""
    rng = np.random.default_rng(seed)
    images = []
    for number in range(n_frames):
        atoms = bulk('Ar', 'fcc', 5.3, cubic=True) * (size, size, size)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.04, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, displacement, atoms.positions.shape)
        if number == 1:
            atoms.set_cell(atoms.cell.array * [[1], [1], [-1]])
        images.append(atoms)
    return images


def by_ase(atoms):
    """Energy, forces, virial of one configuration by ASE's Lennard-Jones."""
    atoms = atoms.copy()
    atoms.calc = LennardJones(epsilon=EPSILON, sigma=SIGMA, rc=CUTOFF, smooth=False)
    return atoms.get_potential_energy(), atoms.get_forces(), -atoms.get_volume() * atoms.get_stress(voigt=False)


def label(code, frames, potential=ARGON, **options):
    builder = WorkflowFactory('glassion.label').get_builder_from_protocol(
        'lammps', code, frames, potential=PotentialData.from_potential(potential), **options
    )
    return run_get_node(builder)


def test_lammps_agrees_with_ase(lmp_code):
    images = argon()
    outputs, node = label(lmp_code, FramesData.from_ase(images), settings={'frames_per_job': 4})
    assert node.is_finished_ok, node.exit_message
    assert outputs['ledger']['jobs'] == 2
    (frames,) = outputs['dataset'].iter_frames()
    for index, atoms in enumerate(images):
        energy, forces, virial = by_ase(atoms)
        np.testing.assert_array_equal(frames.positions[index], atoms.positions)
        np.testing.assert_allclose(frames.energies[index], energy, atol=1e-10)
        np.testing.assert_allclose(frames.forces[index], forces, atol=1e-10)
        np.testing.assert_allclose(frames.virials[index], virial, atol=1e-8)


LJ = {'path': 'ase.calculators.lj:LennardJones', 'kwargs': {'epsilon': EPSILON, 'sigma': SIGMA, 'rc': CUTOFF}}


def label_by_ase(code, frames, calculator=LJ, **options):
    builder = WorkflowFactory('glassion.label').get_builder_from_protocol(
        'ase', code, frames, overrides=calculator, **options
    )
    return run_get_node(builder)


def test_ase_engine_gives_what_ase_gives(python_code):
    images = argon(n_frames=3)
    outputs, node = label_by_ase(python_code, FramesData.from_ase(images))
    assert node.is_finished_ok, node.exit_message
    (frames,) = outputs['dataset'].iter_frames()
    for index, atoms in enumerate(images):
        energy, forces, virial = by_ase(atoms)
        assert frames.energies[index] == energy
        np.testing.assert_array_equal(frames.forces[index], forces)
        np.testing.assert_allclose(frames.virials[index], virial, atol=1e-12)
