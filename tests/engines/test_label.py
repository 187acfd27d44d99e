"""Labels by the real LAMMPS and by ASE's calculators: they agree, and nothing wrong gets into the data."""

from __future__ import annotations

import io
from dataclasses import replace
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida.plugins import CalculationFactory, WorkflowFactory
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from rich.console import Console

from aiida_glassion.cli.engines import find_lammps
from aiida_glassion.cli.show_label import label_summary, label_tables
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.potentials import library
from aiida_glassion.potentials.deepmd import deepmd_potential
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


def test_lammps_agrees_with_ase_also_in_real_units_and_on_two_ranks(lmp_code):
    images = argon()
    two = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 2}}
    outputs, node = label(lmp_code, FramesData.from_ase(images), settings={'frames_per_job': 4}, options=two)
    assert node.is_finished_ok, node.exit_message
    assert outputs['ledger']['jobs'] == 2
    (frames,) = outputs['dataset'].iter_frames()
    for index, atoms in enumerate(images):
        energy, forces, virial = by_ase(atoms)
        np.testing.assert_array_equal(frames.positions[index], atoms.positions)
        np.testing.assert_allclose(frames.energies[index], energy, atol=1e-10)
        np.testing.assert_allclose(frames.forces[index], forces, atol=1e-10)
        np.testing.assert_allclose(frames.virials[index], virial, atol=1e-8)

    coefficient = f'pair_coeff {{Ar}} {{Ar}} {EPSILON / 0.043364104241800934:.16g} {SIGMA}'
    real = replace(ARGON, units='real', commands=(ARGON.commands[0], coefficient, ARGON.commands[2]))
    outputs, node = run_get_node(
        CalculationFactory('glassion.label.lammps'),
        code=lmp_code,
        frames=FramesData.from_ase(images),
        potential=PotentialData.from_potential(real),
    )
    assert node.is_finished_ok, node.exit_message
    labels = outputs['labels'].frames
    np.testing.assert_allclose(labels.energies, frames.energies, rtol=1e-9)
    np.testing.assert_allclose(labels.forces, frames.forces, atol=1e-9)
    np.testing.assert_allclose(labels.virials, frames.virials, rtol=1e-6, atol=1e-7)


LJ = {'path': 'ase.calculators.lj:LennardJones', 'kwargs': {'epsilon': EPSILON, 'sigma': SIGMA, 'rc': CUTOFF}}


def label_by_ase(code, frames, calculator=LJ, **options):
    builder = WorkflowFactory('glassion.label').get_builder_from_protocol(
        'ase', code, frames, overrides=calculator, **options
    )
    return run_get_node(builder)


def test_ase_labels_what_is_new_and_refuses_what_is_wrong(python_code):
    """Several compositions, nodes of two kinds, a frame given twice, a frame with atoms on each other; then more."""
    images = argon(n_frames=4)
    images[2].positions[5] = images[2].positions[4] + [0.2, 0, 0]
    krypton = images[3].copy()
    krypton.set_chemical_symbols(['Kr'] * 4 + ['Ar'] * (len(krypton) - 4))
    frames = {
        'melt': FramesData.from_ase(images),
        'again': FramesData.from_ase(images[0]),
        'mixed': orm.StructureData(ase=krypton),
    }
    outputs, node = label_by_ase(python_code, frames, tolerated_failures=0.5)
    assert node.is_finished_ok, node.exit_message
    assert outputs['dataset'].formulas == {'Ar32': 3, 'Ar28Kr4': 1}
    assert outputs['dataset'].method == {'engine': 'ase', **LJ, 'energy': 'energy', 'files': []}
    for system in outputs['dataset'].iter_frames('Ar32'):
        for index in range(system.n_frames):
            energy, forces, virial = by_ase(system.to_ase(index))
            assert system.energies[index] == energy
            np.testing.assert_array_equal(system.forces[index], forces)
            np.testing.assert_allclose(system.virials[index], virial, atol=1e-12)
    ledger = outputs['ledger'].get_dict()
    assert (ledger['labelled'], ledger['twice'], ledger['by_kind']) == (4, 1, {'too_close': 1})
    (entry,) = ledger['refused']
    assert (entry['frames'], entry['index']) == ('melt', 2)
    assert '0.200 Å apart' in entry['reason']
    np.testing.assert_array_equal(outputs['refused']['melt'].frames.positions, [images[2].positions])

    more = {'melt': FramesData.from_ase([*images, *argon(n_frames=1, seed=9)])}
    other_method = {**LJ, 'kwargs': {**LJ['kwargs'], 'rc': 6.0}}
    known = {'known': {'before': outputs['dataset']}, 'tolerated_failures': 0.5}
    outputs, node = label_by_ase(python_code, more, **known)
    assert node.is_finished_ok, node.exit_message
    assert outputs['dataset'].n_frames == 1
    assert outputs['ledger']['known'] == 3
    one = {'one': FramesData.from_ase(images[0])}
    outputs, node = label_by_ase(python_code, one, **known)
    assert node.is_finished_ok, node.exit_message
    assert 'dataset' not in outputs, 'everything is known'
    assert (outputs['ledger']['known'], outputs['ledger']['jobs']) == (1, 0)
    outputs, node = label_by_ase(python_code, one, other_method, **known)
    assert (outputs['ledger']['known'], outputs['dataset'].n_frames) == (0, 1)


def silica(n_frames=3):
    path = Path(__file__).parents[1] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
    frames = next(read_system(path))[:n_frames]
    return Frames(frames.symbols, frames.positions, frames.cells)


def check_show(node):
    """What `glassion show` prints of a labelling with one refused frame."""
    console = Console(width=200, record=True, file=io.StringIO())
    for part in label_tables(label_summary(node)):
        console.print(part)
    said = ' '.join(console.export_text().split())
    for words in (
        'labelled 2 frames',
        'refused 1: 1 failed; 0% tolerated',
        'jobs 3 of 3 begun have ended, 2 failed, 1 from the cache',
        '2 frames with energies, forces, virials',
        'engine lammps, protocol teacher',
        'melt 1 failed',
        f'melt: pk {node.outputs.refused.melt.pk}',
    ):
        assert words in said, (words, said)


def test_one_bad_frame_costs_only_itself(lmp_code):
    """The repaired pair potential is a table: two atoms too close for it stop LAMMPS, and with it the whole group."""
    frames = silica()
    frames.positions[1, 20] = frames.positions[1, 3] + [1e-3, 0, 0]
    teter = library.load('teter', ['O', 'Si'], coulomb='dsf')
    given = {'melt': FramesData(frames=frames)}
    with enable_caching():
        outputs, node = label(lmp_code, given, teter, gate='open', tolerated_failures=0.4)
        assert node.is_finished_ok, node.exit_message
        ledger = outputs['ledger'].get_dict()
        assert (ledger['labelled'], ledger['jobs'], ledger['jobs_failed']) == (2, 3, 2)
        (entry,) = ledger['refused']
        assert (entry['frames'], entry['index'], entry['kind']) == ('melt', 1, 'failed')
        assert 'Pair distance < table inner cutoff' in entry['reason']
        assert outputs['dataset'].n_frames == 2

        strict, node = label(lmp_code, given, teter, gate='open', tolerated_failures=0.0)
    assert node.exit_status == 500
    assert node.exit_message.startswith('1 of 3 frames got no label: 1 failed; melt 1:')
    assert strict['dataset'].n_frames == 2
    check_show(node)
    jobs = [called for called in node.called if isinstance(called, orm.CalcJobNode)]
    assert sum(job.base.caching.is_created_from_cache for job in jobs) == 1, 'those that ended well are not run again'


def test_a_deepmd_model_labels_the_same_by_lammps_and_by_ase(lmp_deepmd_code, aiida_code_installed, localhost, dp):
    model = Path(__file__).parents[1] / 'fixtures' / 'deepmd' / 'silica_1.pb'
    given = FramesData(frames=silica(2))
    outputs, node = label(lmp_deepmd_code, given, deepmd_potential(model.read_bytes()))
    assert node.is_finished_ok, node.exit_message
    (lammps,) = outputs['dataset'].iter_frames()

    python = aiida_code_installed(
        label='python-deepmd', computer=localhost, filepath_executable=str(Path(dp).parent / 'python'), with_mpi=False
    )
    calculator = {'path': 'deepmd.calculator:DP', 'kwargs': {'model': model.name}}
    outputs, node = label_by_ase(python, given, calculator, files={'model': orm.SinglefileData(model)})
    assert node.is_finished_ok, node.exit_message
    (by_python,) = outputs['dataset'].iter_frames()
    np.testing.assert_allclose(lammps.energies, by_python.energies, atol=1e-8)
    np.testing.assert_allclose(lammps.forces, by_python.forces, atol=1e-8)
    np.testing.assert_allclose(lammps.virials, by_python.virials, atol=1e-5)
    assert outputs['dataset'].method['files'] == [f'{model.name} {md5(model.read_bytes()).hexdigest()}']


KILLED = """#!/bin/bash
input=$(echo "$@" | grep -o 'input[^ ]*')
if [ ! -e {marker} ]; then
    touch {marker}
    sed -i 's/variable frame loop 0 .*/variable frame loop 0 1/; /GLASSION done/d' "$input"
    {program} "$@" > /dev/null
    truncate -s -700 forces.dump
    kill -9 $$
fi
exec {program} "$@"
"""


def test_a_killed_job_keeps_what_it_labelled(aiida_code_installed, localhost, lmp, tmp_path):
    """LAMMPS gets through two of three frames, and the forces of the second are cut: one is kept, two run again."""
    program = find_lammps(Path(lmp))
    script = tmp_path / 'lmp_that_is_killed'
    script.write_text(KILLED.format(marker=tmp_path / 'killed', program=program.path))
    script.chmod(0o755)
    code = aiida_code_installed(
        label='lmp-killed', computer=localhost, filepath_executable=str(script), prepend_text=program.prepend
    )
    outputs, node = label(code, FramesData(frames=silica(3)), library.load('pmmcs', ['O', 'Si'], coulomb='dsf'))
    assert node.is_finished_ok, node.exit_message
    assert outputs['dataset'].n_frames == 3
    assert outputs['ledger']['refused'] == []
    first, *others = sorted((n for n in node.called if isinstance(n, orm.CalcJobNode)), key=lambda job: job.pk)
    assert first.exit_status == 304
    assert '1 of 3 frames done' in first.exit_message
    assert list(first.outputs.labels.frames.steps) == [0]
    assert len(others) == 2


def test_a_calculator_that_cannot_says_why(python_code):
    emt = {'path': 'ase.calculators.emt:EMT', 'kwargs': {}}
    box = {'cell': [6, 6, 6], 'pbc': True}
    frames = {'xenon': FramesData.from_ase(Atoms('Xe2', [[0, 0, 0], [3, 3, 3]], **box))}
    good = {'copper': FramesData.from_ase([bulk('Cu', cubic=True) * 2, bulk('Cu', a=3.7, cubic=True) * 2])}
    outputs, node = label_by_ase(python_code, frames | good, emt, tolerated_failures=0.4)
    assert node.is_finished_ok, node.exit_message
    assert outputs['dataset'].formulas == {'Cu32': 2}
    (entry,) = outputs['ledger']['refused']
    assert entry['kind'] == 'missing'
    assert 'the calculator raised' in entry['reason']
    assert 'Xe' in entry['reason']

    outputs, node = label_by_ase(python_code, {'a': frames['xenon']} | good, emt, max_concurrent=1)
    assert node.exit_status == 501
    assert outputs['ledger']['by_kind'] == {'missing': 1, 'not_tried': 2}, 'more than a tenth had failed'

    outputs, node = label_by_ase(python_code, good, {'path': 'os:system', 'kwargs': {'command': 'touch owned'}})
    assert node.exit_status == 501
    assert 'os:system is not the class of an ASE calculator' in node.exit_message
    assert 'dataset' not in outputs
