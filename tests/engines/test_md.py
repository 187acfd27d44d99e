"""The MD engine on the real LAMMPS."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory, WorkflowFactory
from ase.build import bulk

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.potentials.potential import Potential

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

ARGON = Potential(
    name='argon',
    kind='user',
    elements=('Ar',),
    units='metal',
    atom_style='atomic',
    commands=('pair_style lj/cut 8.5', 'pair_coeff {Ar} {Ar} 0.0104 3.4'),
    cutoff=8.5,
)


@pytest.fixture
def argon():
    return FramesData.from_ase(bulk('Ar', 'fcc', 5.3, cubic=True) * (5, 5, 5))


def schedule(*stages, **settings):
    return {'thermo_every': 0.01, 'frames_every': 0.05, 'restart_every': 0.1, 'stages': list(stages), **settings}


HOLD = {'kind': 'hold', 'name': 'hold', 'temperature': 60, 'duration': 0.5}
RAMP = {'kind': 'ramp', 'name': 'cool', 'ensemble': 'npt', 'temperature': 60, 'temperature_end': 20, 'rate': 80}
LONG = schedule(HOLD, {'kind': 'hold', 'name': 'long', 'ensemble': 'nve', 'temperature': 60, 'duration': 8.0})


def md_inputs(code, configuration, content, potential=ARGON, **more):
    return {
        'code': code,
        'configuration': configuration,
        'potential': PotentialData.from_potential(potential),
        'schedule': orm.Dict(content),
        'seed': orm.Int(7),
        **more,
    }


def run_calculation(*args, **kwargs):
    return run_get_node(CalculationFactory('glassion.md'), **md_inputs(*args, **kwargs))


def run_workchain(*args, max_softer=2, **kwargs):
    inputs = {'md': md_inputs(*args, **kwargs), 'max_softer': orm.Int(max_softer)}
    return run_get_node(WorkflowFactory('glassion.md'), **inputs)


def test_all_stages_come_home(lmp_code, argon):
    outputs, node = run_calculation(lmp_code, argon, schedule({'kind': 'minimise'}, HOLD, RAMP))
    assert node.is_finished_ok, node.exit_message
    thermo = outputs['thermo'].arrays
    dynamic = thermo['iteration'] == 0
    steps = thermo['step'][dynamic & (thermo['stage'] > 0)]
    np.testing.assert_array_equal(steps, np.arange(10, 1001, 10))
    np.testing.assert_allclose(thermo['time'][thermo['step'] == 750], 0.75)
    assert set(thermo['stage']) == {0, 1, 2}
    frames = outputs['trajectory'].frames
    np.testing.assert_array_equal(frames.steps, np.arange(0, 1001, 50)[-len(frames.steps) :])
    np.testing.assert_array_equal(frames.stages, np.where(frames.steps <= 500, 1, 2))
    np.testing.assert_allclose(frames.times, frames.steps * 1e-3)
    final = outputs['final'].frames
    assert final.positions.dtype == np.float64
    np.testing.assert_allclose(final.positions[0], frames.positions[-1], atol=1e-4)
    np.testing.assert_allclose(final.velocities[0], frames.velocities[-1], atol=1e-5)
    assert thermo['temperature'][-1] < 45 < thermo['temperature'][thermo['step'] == 500][0]
    kinetic = 0.5 * (frames.masses[:, None] * frames.velocities[-1].astype(float) ** 2).sum() * 1.0364270e-4
    assert kinetic == pytest.approx(thermo['kinetic_energy'][-1], rel=1e-3)
    np.testing.assert_allclose(frames.volumes[-1], thermo['volume'][-1], rtol=1e-6)
    np.testing.assert_allclose(frames.densities[-1], thermo['density'][-1], rtol=1e-3)
    assert outputs['results']['stages_done'] == [0, 1, 2]


def test_real_units_give_the_same_physics(lmp_code, argon):
    from dataclasses import replace

    in_kcal = 0.0104 / 0.0433641153
    real = replace(
        ARGON, units='real', commands=('pair_style lj/cut 8.5', f'pair_coeff {{Ar}} {{Ar}} {in_kcal:.12g} 3.4')
    )
    stages = schedule({**HOLD, 'duration': 0.1})
    # atoms off their sites, so that there are forces to compare
    moved = argon.frames.to_ase()
    moved.rattle(0.1, seed=1)
    metal, other = (
        run_calculation(lmp_code, FramesData.from_ase(moved), stages, potential=p, retrieve=orm.Dict({'forces': True}))[
            0
        ]
        for p in (ARGON, real)
    )
    metal_thermo, real_thermo = metal['thermo'].arrays, other['thermo'].arrays
    forces = metal['trajectory'].frames.forces[0]
    assert 0.01 < np.abs(forces).max() < 1
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(other['trajectory'].frames.forces[0], forces, atol=2e-4 * np.abs(forces).max())
    for name in ('potential_energy', 'kinetic_energy', 'pressure', 'pressure_xx', 'time', 'temperature'):
        np.testing.assert_allclose(real_thermo[name][0], metal_thermo[name][0], rtol=2e-4, err_msg=name)


def test_two_ranks_agree_with_one(lmp_code, argon):
    options = {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 2}}}
    one, _ = run_calculation(lmp_code, argon, schedule({**HOLD, 'duration': 0.1}))
    two, node = run_calculation(lmp_code, argon, schedule({**HOLD, 'duration': 0.1}), metadata=options)
    assert node.is_finished_ok
    assert '1 by 1 by 2 MPI processor grid' in node.outputs.retrieved.get_object_content('log.lammps')
    np.testing.assert_allclose(one['final'].frames.positions, two['final'].frames.positions, atol=1e-6)


def test_triclinic_cell_and_shear(lmp_code):
    primitive = FramesData.from_ase(bulk('Ar', 'fcc', 5.3) * (6, 6, 6))
    pull = {'kind': 'deform', 'name': 'shear', 'temperature': 20, 'mode': 'xy', 'strain': 0.1, 'duration': 0.2}
    outputs, node = run_calculation(lmp_code, primitive, schedule({**HOLD, 'duration': 0.1}, pull))
    assert node.is_finished_ok, node.exit_message
    thermo = outputs['thermo'].arrays
    sheared = thermo['cell_xy'][-1] - thermo['cell_xy'][thermo['stage'] == 0][-1]
    assert sheared == pytest.approx(0.1 * thermo['cell_ly'][0], rel=1e-6)
    np.testing.assert_allclose(outputs['trajectory'].frames.volumes, primitive.frames.volumes[0], rtol=1e-5)


def test_velocities_of_the_configuration_are_kept(lmp_code, argon):
    first, _ = run_calculation(lmp_code, argon, schedule({**HOLD, 'ensemble': 'nve', 'duration': 0.2}))
    second, _ = run_calculation(lmp_code, first['final'], schedule({**HOLD, 'ensemble': 'nve', 'duration': 0.05}))
    before, after = first['thermo'].arrays, second['thermo'].arrays
    assert after['temperature'][0] == pytest.approx(before['temperature'][-1], rel=1e-8)
    assert after['potential_energy'][0] == pytest.approx(before['potential_energy'][-1], rel=1e-8)


class Killer(threading.Thread):
    """Kill -9 the programs of the next job below a folder once its log shows that it passed a step."""

    def __init__(self, folder: Path, after_step: int):
        super().__init__(daemon=True)
        self.folder, self.after_step, self.killed = folder, after_step, []
        self.old = set(folder.rglob('log.lammps'))

    def run(self) -> None:
        deadline = time.time() + 120
        while not self.killed and time.time() < deadline:
            for log in set(self.folder.rglob('log.lammps')) - self.old:
                if f'\n{self.after_step:>10} ' in log.read_text(errors='ignore'):
                    self.kill(log.parent.resolve())
            time.sleep(0.02)

    def kill(self, workdir: Path) -> None:
        for process in Path('/proc').iterdir():
            try:
                here = process.name.isdigit() and (process / 'cwd').resolve() == workdir
                if here and (process / 'comm').read_text().strip() == 'lmp':
                    os.kill(int(process.name), signal.SIGKILL)
                    self.killed.append(process.name)
            except OSError:
                continue


def test_killed_in_the_middle_goes_on_and_loses_nothing(lmp_code, argon):
    whole, _ = run_workchain(lmp_code, argon, LONG)
    killer = Killer(Path(lmp_code.computer.get_workdir()), after_step=2500)
    killer.start()
    outputs, node = run_workchain(lmp_code, argon, LONG)
    assert killer.killed, 'nothing was killed: the test tested nothing'
    assert node.is_finished_ok, node.exit_message
    called = [child for child in node.called if isinstance(child, orm.CalcJobNode)]
    assert len(called) == 2
    assert called[0].exit_status == 304
    for name in ('step', 'time', 'stage'):
        np.testing.assert_array_equal(outputs['thermo'].arrays[name], whole['thermo'].arrays[name])
    for name in ('steps', 'times', 'stages'):
        np.testing.assert_array_equal(
            getattr(outputs['trajectory'].frames, name), getattr(whole['trajectory'].frames, name)
        )
    nve = outputs['thermo'].arrays['stage'] == 1
    spread, spread_whole = (np.ptp(o['thermo'].arrays['total_energy'][nve]) for o in (outputs, whole))
    assert spread < 2 * spread_whole, 'the energy jumped where the run was taken up'
    assert outputs['results']['last_step'] == 8_500


def test_stopped_at_the_walltime_goes_on(lmp_code, argon):
    content = {**LONG, 'stages': [HOLD, {**LONG['stages'][1], 'duration': 12.0}]}
    metadata = {'options': {'max_wallclock_seconds': 6}}
    outputs, node = run_workchain(lmp_code, argon, content, metadata=metadata)
    assert node.is_finished_ok, node.exit_message
    called = [child for child in node.called if isinstance(child, orm.CalcJobNode)]
    assert called[0].exit_status == 303, 'the walltime was not met: make the run longer'
    np.testing.assert_array_equal(outputs['thermo'].arrays['step'], np.arange(0, 12_501, 10))
    np.testing.assert_array_equal(outputs['trajectory'].frames.steps, np.arange(0, 12_501, 50))


def test_an_explosion_is_retried_softer(lmp_code):
    """Atoms put almost on top of each other explode at once; a soft start saves them."""
    atoms = bulk('Ar', 'fcc', 5.3, cubic=True) * (4, 4, 4)
    atoms.positions[1] = atoms.positions[0] + [1.1, 0, 0]
    outputs, node = run_workchain(lmp_code, FramesData.from_ase(atoms), schedule(HOLD))
    assert node.is_finished_ok, node.exit_message
    statuses = [child.exit_status for child in node.called if isinstance(child, orm.CalcJobNode)]
    assert statuses[0] in (320, 321, 322)
    assert outputs['thermo'].arrays['temperature'][-1] < 150


def test_what_explodes_always_ends_with_a_reason(lmp_code, argon):
    attractive = Potential(
        name='collapse',
        kind='user',
        elements=('Ar',),
        units='metal',
        atom_style='atomic',
        commands=('pair_style born 8.5', 'pair_coeff {Ar} {Ar} 0.0 0.3 3.0 5000.0 0.0'),
    )
    outputs, node = run_workchain(lmp_code, argon, schedule(HOLD), potential=attractive, max_softer=1)
    assert node.exit_status == 411, (node.exit_status, node.exit_message)
    assert 'timestep of 0.5 fs' in node.exit_message
    assert outputs['results']['finished'] is False


def test_a_hundred_thousand_atoms_pass_through(lmp_code):
    atoms = bulk('Ar', 'fcc', 5.3, cubic=True) * (30, 30, 28)
    content = schedule({**HOLD, 'duration': 0.004}, frames_every=0.002, thermo_every=0.001)
    outputs, node = run_calculation(lmp_code, FramesData.from_ase(atoms), content)
    assert node.is_finished_ok
    assert outputs['final'].n_atoms == 100_800
    structures = orm.QueryBuilder().append(orm.StructureData).count()
    assert structures == 0


def test_threads_by_an_accelerator_package(lmp_code, argon):
    plain, _ = run_calculation(lmp_code, argon, schedule({**HOLD, 'duration': 0.05}))
    threaded, node = run_calculation(
        lmp_code,
        argon,
        schedule({**HOLD, 'duration': 0.05}),
        accelerator=orm.Dict({'suffix': 'omp', 'package': 'omp 2'}),
    )
    assert node.is_finished_ok, node.exit_message
    assert 'lj/cut/omp' in node.outputs.retrieved.get_object_content('log.lammps')
    np.testing.assert_allclose(threaded['final'].frames.positions, plain['final'].frames.positions, atol=1e-6)
