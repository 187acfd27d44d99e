"""The engines side by side on one set of silicon cells: units and signs agree where they must.

A pair potential by LAMMPS and by ASE gives the same numbers. Density functional theory has other numbers, yet a
compressed cell wants to grow, a stretched one to shrink, an atom moved along its bond is drawn back, forces add up to
nothing, and the energy of the stretched cell lies above that near equilibrium. VASP: test_label_vasp.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.plugins import DataFactory

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.potential import Potential
from aiida_glassion.workchains.label import LabelWorkChain

pytestmark = [pytest.mark.engine, pytest.mark.slow]
COMPRESSED, NEAR, STRETCHED = 0, 1, 2
LENGTHS = [4.9, 5.45, 6.1]
BOND = 2.36
EPSILON, CUTOFF = 0.8, 4.0
SILICON = Path('/usr/share/espresso/pseudo/Si.pbe-rrkj.UPF')


def diamond() -> Frames:
    """Two atoms of silicon at three lattice constants, the second one moved by 0.1 Å away from the first."""
    cells, positions = [], []
    for a in LENGTHS:
        cells.append(a / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]))
        bond = np.full(3, a / 4)
        positions.append([[0, 0, 0], bond + 0.1 * bond / np.linalg.norm(bond)])
    return Frames(('Si', 'Si'), np.array(positions), np.array(cells))


def labelled(engine, code, **options) -> Frames:
    builder = LabelWorkChain.get_builder_from_protocol(
        engine, code, FramesData(frames=diamond()), gate='open', **options
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    return Frames.concatenate(list(outputs['dataset'].iter_frames()))


@pytest.fixture
def by_lammps(aiida_profile_clean, lmp_code) -> Frames:
    sigma = BOND / 2 ** (1 / 6)
    potential = Potential(
        name='silicon-pairs', kind='user', elements=('Si',), units='metal', atom_style='atomic',
        commands=(f'pair_style lj/cut {CUTOFF}', f'pair_coeff {{Si}} {{Si}} {EPSILON} {sigma:.12f}'),
    )  # fmt: skip
    return labelled('lammps', lmp_code, potential=PotentialData.from_potential(potential))


@pytest.fixture
def by_ase(by_lammps, python_code) -> Frames:
    kwargs = {'epsilon': EPSILON, 'sigma': BOND / 2 ** (1 / 6), 'rc': CUTOFF, 'smooth': False}
    changes = {'path': 'ase.calculators.lj:LennardJones', 'kwargs': kwargs}
    return labelled('ase', python_code, overrides=changes)


@pytest.fixture
def by_espresso(by_ase, pw_code) -> Frames:
    silicon = DataFactory('pseudo.upf')(SILICON.open('rb'), filename=SILICON.name)
    changes = {'ecutwfc': 16.0, 'ecutrho': 64.0, 'k_spacing': 0.9}
    return labelled('quantumespresso', pw_code, protocol='tiny', overrides=changes, pseudos={'Si': silicon})


def test_units_and_signs_agree(by_lammps, by_ase, by_espresso):
    # ASE shifts its pair energies at the cutoff by default: the same constant for each pair within it
    for name in ('forces', 'virials'):
        np.testing.assert_allclose(getattr(by_lammps, name), getattr(by_ase, name), atol=1e-8)
    away = np.ones(3) / np.sqrt(3)
    for labels in (by_lammps, by_ase, by_espresso):
        pressure = np.trace(labels.virials, axis1=1, axis2=2)
        assert pressure[COMPRESSED] > 0 > pressure[STRETCHED]
        drawn_back = labels.forces[:, 1] @ away
        assert (drawn_back[[NEAR, COMPRESSED]] < 0).all()
        np.testing.assert_allclose(labels.forces.sum(axis=1), 0, atol=5e-3)
        assert labels.energies[NEAR] < labels.energies[STRETCHED]
