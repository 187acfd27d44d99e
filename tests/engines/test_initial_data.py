"""Structures to begin with, on real engines: relaxed quartz, packed mixtures, short dynamics from both."""

from __future__ import annotations

import io
from pathlib import Path

import ase.io
import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import DataFactory, WorkflowFactory
from ase import Atoms
from ase.build import bulk
from rich.console import Console

from aiida_glassion.cli.show import room_for
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.kernels.build.perturb import supercell

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]


def quartz(a=4.9134, c=5.4052):
    """α-quartz, 9 atoms."""
    x, y, z, u = 0.4133, 0.2672, 0.785467, 0.4697
    oxygen = [(x, y, z), (-y, x - y, z + 2 / 3), (y - x, -x, z + 1 / 3)]
    oxygen += [(y, x, -z), (x - y, -y, 1 / 3 - z), (-x, y - x, 2 / 3 - z)]
    silicon = [(u, 0, 2 / 3), (0, u, 1 / 3), (-u, -u, 0)]
    cell = [[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]]
    return Atoms('O6Si3', scaled_positions=oxygen + silicon, cell=cell, pbc=True)


def shown(tables):
    """What a terminal shows."""
    terminal = Console(record=True, width=150, file=io.StringIO())
    for part in tables:
        terminal.print(part)
    return terminal.export_text()


def builder(lmp_code, packmol_code=None, **arguments):
    overrides = {
        'crystal': {'repeats': [1, 1, 1], 'scales': [0.98, 1.0], 'structures': 4},
        'mixture': {'n_atoms': 24, 'structures': 2},
        'dynamics': {'engine': 'md', 'starts': 1, 'steps': 4, 'every': 2},
        **arguments.pop('overrides', {}),
    }
    potential = PotentialData.from_library('pmmcs', elements=['O', 'Si'])
    return WorkflowFactory('glassion.initial_data').get_builder_from_protocol(
        protocol='fast', overrides=overrides, code=lmp_code, potential=potential, packmol=packmol_code, **arguments
    )


def test_crystal_and_mixture(lmp_code, packmol_code):
    start = FramesData.from_ase(quartz(a=4.8, c=5.3))
    prepared = builder(
        lmp_code,
        packmol_code,
        crystals={'quartz': start},
        mixtures={'silica': {'composition': 'SiO2', 'density': 2.2}},
        overrides={'relax': {'engine': 'md', 'force_tolerance': 0.001}},
        seed=7,
    )
    outputs, node = run_get_node(prepared)
    assert node.is_finished_ok, node.exit_message
    frames = {name: data.frames for name, data in outputs['frames'].items()}
    assert sorted(frames) == ['quartz', 'quartz_dynamics', 'silica', 'silica_dynamics']

    crystal = frames['quartz']
    assert (crystal.n_frames, crystal.counts) == (6, {'O': 6, 'Si': 3})
    # the potential's own quartz at its minimum (tests/engines/test_potentials.py), from a start compressed by 11 %
    relaxed = crystal.volumes[3]
    assert relaxed == pytest.approx(4.996**2 * np.sqrt(3) / 2 * 5.493, rel=0.01)
    assert crystal.volumes[0] == pytest.approx(0.98**3 * relaxed)

    assert frames['silica'].n_frames == 2
    assert frames['silica'].densities == pytest.approx([2.2, 2.2])
    # 4 steps, every 2nd kept; the start itself is not given twice
    assert frames['quartz_dynamics'].n_frames == 2
    moved = (frames['quartz_dynamics'].positions - crystal.positions[0]) @ np.linalg.inv(crystal.cells[0])
    moved = (moved - np.round(moved)) @ crystal.cells[0]
    assert 1e-4 < np.abs(moved).max() < 0.5

    report = outputs['report'].get_dict()
    assert report['structures']['quartz']['scales'] == [0.98] * 3 + [1.0] * 3
    assert report['failed'] == {}
    labels = {link.link_label for link in node.base.links.get_outgoing().all()}
    assert {'relax_quartz', 'pack_silica_00', 'pack_silica_01', 'structures_quartz', 'gather_silica'} <= labels
    assert {'dynamics_quartz_00', 'dynamics_silica_00'} <= labels


def test_same_seed_same_structures_whatever_else_is_made(lmp_code):
    def made(seed, **crystals):
        overrides = {'dynamics': {'engine': 'none'}}
        nodes = {name: FramesData.from_ase(atoms) for name, atoms in crystals.items()}
        outputs, node = run_get_node(builder(lmp_code, crystals=nodes, overrides=overrides, seed=seed))
        assert node.is_finished_ok, node.exit_message
        return outputs['frames']['quartz'].frames

    first = made(1, quartz=quartz())
    again = made(1, quartz=quartz(), another=quartz(a=5.0))
    other = made(2, quartz=quartz())
    np.testing.assert_array_equal(first.positions, again.positions)
    assert np.abs(first.positions - other.positions).max() > 1e-3
    assert first.n_frames == 6
    np.testing.assert_allclose(first.cells[3], quartz().cell)


def test_structures_too_close_are_reported_and_none_left_is_an_exit_code(lmp_code):
    overrides = {
        'crystal': {'repeats': [1, 1, 1], 'scales': [0.6, 1.0], 'structures': 2},
        'dynamics': {'engine': 'none'},
    }
    crystals = {'quartz': FramesData.from_ase(quartz())}
    outputs, node = run_get_node(builder(lmp_code, crystals=crystals, overrides=overrides))
    assert node.is_finished_ok, node.exit_message
    assert outputs['frames']['quartz'].n_frames == 2
    summary, tables = room_for(node)
    said = shown(tables(summary(node)))
    assert 'quartz' in said
    assert 'O-Si' in said
    assert f'glassion launch label {node.pk}' in said
    refused = outputs['report']['structures']['quartz']['refused']
    assert [entry['scale'] for entry in refused] == [0.6, 0.6]
    assert 'O-Si' in refused[0]['reason']

    overrides['crystal']['scales'] = [0.6]
    outputs, node = run_get_node(builder(lmp_code, crystals=crystals, overrides=overrides))
    assert node.exit_status == 430
    assert 'O-Si' in node.exit_message
    assert 'frames' not in outputs
    assert outputs['report']['structures']['quartz']['n_frames'] == 0


def test_a_relaxation_that_fails_is_in_the_ledger(aiida_code_installed, localhost):
    broken = aiida_code_installed(
        label='broken', default_calc_job_plugin='glassion.md', computer=localhost, filepath_executable='/bin/false'
    )
    crystals = {'quartz': FramesData.from_ase(quartz())}
    prepared = builder(broken, crystals=crystals, overrides={'relax': {'engine': 'md'}})
    prepared.md.max_iterations = orm.Int(1)
    outputs, node = run_get_node(prepared)
    assert node.exit_status == 430
    failed = outputs['report']['failed']['relax_quartz']
    assert failed['reason'] in node.exit_message
    assert orm.load_node(failed['pk']).exit_status == failed['exit_status']


def test_a_cell_left_under_pressure_is_not_relaxed(lmp_code):
    relax = {'engine': 'md', 'settle': 0.0, 'max_steps': 2}
    crystals = {'quartz': FramesData.from_ase(quartz(a=4.8, c=5.3))}
    outputs, node = run_get_node(builder(lmp_code, crystals=crystals, overrides={'relax': relax}))
    assert node.exit_status == 430
    assert 'the cell is at' in outputs['report']['failed']['relax_quartz']['reason']


RECORDED = Path(__file__).parents[1] / 'fixtures' / 'vasp_mock'
UPF = Path('/usr/share/espresso/pseudo')


def test_ab_initio(pw_code):
    """A squeezed cell of silicon relaxed by pw.x, then two labelled steps of dynamics; low cutoffs, few k-points."""
    pseudo = next(iter(sorted(UPF.glob('Si.pbe*.UPF'))))
    overrides = {
        'crystal': {'repeats': [1, 1, 1], 'scales': [1.0], 'structures': 1, 'unperturbed': False},
        'relax': {'engine': 'quantumespresso', 'max_steps': 30},
        'dynamics': {'engine': 'quantumespresso', 'steps': 2},
    }
    prepared = WorkflowFactory('glassion.initial_data').get_builder_from_protocol(
        crystals={'silicon': FramesData.from_ase(bulk('Si', 'diamond', a=5.3))},
        protocol='fast',
        overrides=overrides,
        dft_code=pw_code,
        dft_protocol='tiny',
        dft_overrides={'ecutwfc': 16, 'ecutrho': 64, 'k_spacing': 0.8, 'occupations': 'fixed'},
        dft_options={'pseudos': {'Si': DataFactory('pseudo.upf')(pseudo)}},
    )
    outputs, node = run_get_node(prepared)
    assert node.is_finished_ok, node.exit_message
    relaxed = next(called for called in node.called if called.base.attributes.get('process_label') == 'PwBaseWorkChain')
    edge = (4 * relaxed.outputs.output_structure.get_cell_volume()) ** (1 / 3)
    assert edge == pytest.approx(5.47, abs=0.06)  # PBE; measured here with 16 Ry: 5.510 Å
    dataset = outputs['labelled']
    assert dataset.n_frames == 2
    assert dataset.labels == ['energies', 'forces', 'virials']
    assert dataset.method['engine'] == 'quantumespresso'
    assert outputs['report']['structures']['labelled']['steps'] == {'dynamics_silicon_00': 2}


def test_recorded_dynamics_of_vasp(potcar_family, vasp_code, monkeypatch):
    """The unperturbed crystal goes to VASP as it is; each of its five recorded steps becomes a labelled frame."""
    monkeypatch.setattr('aiida_glassion.workchains.initial_data_jobs.seed_of', lambda *_: 7)
    start = ase.io.read(RECORDED / 'silicon_dynamics' / 'inp' / 'POSCAR', format='vasp')
    prepared = WorkflowFactory('glassion.initial_data').get_builder_from_protocol(
        crystals={'silicon': FramesData.from_ase(start)},
        overrides={
            'crystal': {'repeats': [1, 1, 1], 'scales': [1.0], 'structures': 0},
            'dynamics': {'engine': 'vasp', 'steps': 5, 'timestep': 2.0},
        },
        dft_code=vasp_code,
        dft_protocol='napso',
        dft_overrides={'potential_family': potcar_family},
        dft_options={'elements': ['Si']},
    )
    outputs, node = run_get_node(prepared)
    assert node.is_finished_ok, node.exit_message
    assert outputs['labelled'].n_frames == 5
    assert outputs['labelled'].method['engine'] == 'vasp'
    assert outputs['report']['structures']['labelled']['refused'] == []


def test_supercell_of_a_structure_node(lmp_code):
    structure = orm.StructureData(ase=quartz())
    overrides = {'crystal': {'repeats': None, 'least_height': 9.0, 'structures': 1}, 'dynamics': {'engine': 'none'}}
    outputs, node = run_get_node(builder(lmp_code, crystals={'quartz': structure}, overrides=overrides))
    assert node.is_finished_ok, node.exit_message
    frames = outputs['frames']['quartz'].frames
    assert outputs['report']['structures']['quartz']['repeats'] == [3, 3, 2]
    expected = supercell(FramesData.from_ase(quartz()).frames, [3, 3, 2])
    assert frames.counts == expected.counts
