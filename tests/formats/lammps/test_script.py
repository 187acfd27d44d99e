"""The written input as text, and the arithmetic of restart files against a simulation of LAMMPS."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_glassion.formats.lammps.script import (
    RestartPoint,
    interval_restarts,
    newest_interval_restart,
    write_script,
)
from aiida_glassion.schedule import read_schedule

EVERY_KIND = {
    'timestep': 2.0,
    'thermo_every': 0.1,
    'frames_every': 1.0,
    'restart_every': 5.0,
    'stages': [
        {'kind': 'minimise', 'max_steps': 50, 'pressure': 1.0},
        {'kind': 'hold', 'name': 'soft', 'ensemble': 'langevin', 'temperature': 4000, 'duration': 1,
         'timestep': 0.5, 'max_displacement': 0.05, 'frames_every': 0},
        {'kind': 'ramp', 'name': 'cool', 'ensemble': 'npt', 'temperature': 4000, 'temperature_end': 300,
         'rate': 370, 'pressure': 0, 'pressure_end': 1},
        {'kind': 'deform', 'name': 'pull', 'ensemble': 'npt', 'coupling': 'aniso', 'temperature': 300, 'mode': 'z',
         'strain': 0.1, 'rate': 0.05},
        {'kind': 'hold', 'name': 'free', 'ensemble': 'nve', 'temperature': 300, 'duration': 1},
    ],
}  # fmt: skip
COMMANDS = ['pair_style lj/cut 5.0', 'pair_coeff * * 0.0104 3.4']
THERMO = (
    'thermo_style custom step temp press pe ke etotal econserve vol density pxx pyy pzz pxy pxz pyz lx ly lz xy xz yz '
    'spcpu'
)
END_OF_RUN = """\
if "$(step) < {last}" then "write_restart stopped.restart" "print 'GLASSION stopped {index} at $(step)'" quit
restart 0
"""
PULL_AND_FREE = """\
print "GLASSION stage 3 pull from 7000 to 8000"
timestep 0.002
fix ensemble_03 all npt temp 300 300 0.1 x 0 0 1 y 0 0 1
fix strain_03 all deform 1 z scale 1.1 remap x flip no
thermo 50
dump frames all custom 500 stage_03.bin id type xu yu zu vx vy vz
restart 2500 stage_03_a.restart stage_03_b.restart
run 8000 upto start 7000 stop 8000
if "$(step) < 8000" then "write_restart stopped.restart" "print 'GLASSION stopped 3 at $(step)'" quit
restart 0
undump frames
unfix strain_03
unfix ensemble_03
write_restart stage_03_end.restart
print "GLASSION done 3 at 8000"

print "GLASSION stage 4 free from 8000 to 8500"
timestep 0.002
fix ensemble_04 all nve
thermo 50
dump frames all custom 500 stage_04.bin id type xu yu zu vx vy vz
restart 2500 stage_04_a.restart stage_04_b.restart
run 8500 upto start 8000 stop 8500
if "$(step) < 8500" then "write_restart stopped.restart" "print 'GLASSION stopped 4 at $(step)'" quit
restart 0
undump frames
unfix ensemble_04
write_restart stage_04_end.restart
print "GLASSION done 4 at 8500"

write_dump all custom final.bin id type xu yu zu vx vy vz
print "GLASSION finished"
"""
WHOLE = f"""\
# written by aiida-glassion
units metal
atom_style charge
boundary p p p
box tilt large
read_data start.data
pair_style lj/cut 5.0
pair_coeff * * 0.0104 3.4

{THERMO}
thermo_modify flush yes norm no line one format float %.10g

print "GLASSION stage 0 minimise from 0 to 0"
fix relax_cell all box/relax iso 10000
thermo 10
minimize 0 0.01 50 500
unfix relax_cell
reset_timestep 0
write_restart stage_00_end.restart
print "GLASSION done 0 at 0"

print "GLASSION stage 1 soft from 0 to 2000"
velocity all create 4000 7 mom yes rot no dist gaussian loop all
timestep 0.0005
fix ensemble_01 all nve/limit 0.05
fix bath_01 all langevin 4000 4000 0.1 7 zero yes
thermo 200
restart 10000 stage_01_a.restart stage_01_b.restart
run 2000 upto start 0 stop 2000
{END_OF_RUN.format(last=2000, index=1)}unfix bath_01
unfix ensemble_01
write_restart stage_01_end.restart
print "GLASSION done 1 at 2000"

print "GLASSION stage 2 cool from 2000 to 7000"
timestep 0.002
fix ensemble_02 all npt temp 4000 300 0.1 iso 0 10000 1
thermo 50
dump frames all custom 500 stage_02.bin id type xu yu zu vx vy vz
restart 2500 stage_02_a.restart stage_02_b.restart
run 7000 upto start 2000 stop 7000
{END_OF_RUN.format(last=7000, index=2)}undump frames
unfix ensemble_02
write_restart stage_02_end.restart
print "GLASSION done 2 at 7000"

{PULL_AND_FREE}"""


def script(content=None, **changes):
    given = {'lammps_units': 'metal', 'atom_style': 'charge', 'seed': 7, **changes}
    return write_script(read_schedule(content or EVERY_KIND), COMMANDS, **given)


def test_every_kind_of_stage():
    assert script() == WHOLE


def test_a_continued_run_has_the_very_same_commands_from_its_stage_on():
    text = script(restart=RestartPoint('stage_03_a.restart', 3, 7500))
    assert text.endswith(PULL_AND_FREE)
    assert 'read_restart stage_03_a.restart' in text
    for absent in ('read_data', 'velocity', 'reset_timestep', 'GLASSION stage 2'):
        assert absent not in text


def test_a_fresh_schedule_from_a_restart_file_counts_from_0_and_keeps_the_velocities():
    text = script(restart=RestartPoint('stopped.restart', 0, 0, fresh=True))
    assert 'read_restart stopped.restart\nreset_timestep 0\n' in text
    assert 'velocity' not in text
    assert text[text.index('print "GLASSION stage 1') :].replace(
        'velocity all create 4000 7 mom yes rot no dist gaussian loop all\n', ''
    ) == WHOLE[WHOLE.index('print "GLASSION stage 1') :].replace(
        'velocity all create 4000 7 mom yes rot no dist gaussian loop all\n', ''
    )


def test_velocities_of_the_data_file_and_frames_without_velocities():
    text = script(create_velocities=False, dump_velocities=False)
    assert 'velocity' not in text
    assert 'stage_02.bin id type xu yu zu\n' in text
    assert 'final.bin id type xu yu zu vx vy vz' in text


def test_a_minimiser_among_records_of_a_committee_counts_from_far_away():
    """Only there: its records must not be taken for those of dynamics."""
    marked = script(mark_minimiser=True)
    assert marked == WHOLE.replace('fix relax_cell all', 'reset_timestep 1000000000000\nfix relax_cell all', 1)
    assert 'minimize 0 0.01 50 500\nunfix relax_cell\nreset_timestep 0\n' in marked


@pytest.mark.parametrize(('seconds', 'clock'), [(59, '0:00:59'), (3600, '1:00:00'), (93784, '26:03:04')])
def test_walltime(seconds, clock):
    assert f'timer timeout {clock} every 10\n' in script(walltime_seconds=seconds)


def test_real_units_carry_over():
    """1 GPa is 9869.23 atm, 1 ps is 1000 fs, 1 eV is 23.06 kcal/mol."""
    text = script(lammps_units='real')
    assert 'timestep 2\n' in text
    pressure = float(text.split('box/relax iso ')[1].split()[0])
    assert pressure == pytest.approx(9869.2327, rel=1e-6)
    assert float(text.split('minimize 0 ')[1].split()[0]) == pytest.approx(0.2306055, rel=1e-5)
    assert 'langevin 4000 4000 100 7' in text


@pytest.mark.parametrize('mode', ['xy', 'volume'])
def test_shear_and_volume(mode):
    stage = {'kind': 'deform', 'temperature': 300, 'mode': mode, 'strain': 0.1, 'duration': 2}
    text = script({'stages': [stage]})
    wanted = {'xy': 'deform 1 xy erate 0.05', 'volume': 'deform 1 x scale 1.1 y scale 1.1 z scale 1.1'}
    assert wanted[mode] in text
    assert ('change_box all triclinic' in text) == (mode == 'xy')


@pytest.mark.parametrize('more', [{'kind': 'hold'}, {'kind': 'deform', 'mode': 'x', 'strain': 0.1}])
def test_tilts_are_never_flipped(more):
    stage = {'temperature': 300, 'ensemble': 'npt', 'coupling': 'tri', 'pressure': 0, 'duration': 2, **more}
    line = next(line for line in script({'stages': [stage]}).splitlines() if 'all npt' in line)
    assert line.endswith(' flip no')


@pytest.mark.parametrize(
    ('seed', 'bath'), [(899_000_000, 899_000_000), (900_000_001, 1_000_001), (2**31 - 1, 349483647)]
)
def test_a_bath_has_a_seed_that_its_generator_takes(seed, bath):
    """Velocities may have any up to 2147483647."""
    hold = {'kind': 'hold', 'ensemble': 'langevin', 'temperature': 300, 'duration': 1}
    text = script({'stages': [hold]}, seed=seed)
    assert f'langevin 300 300 0.1 {bath} zero yes' in text
    assert f'velocity all create 300 {seed} ' in text


def test_refusals():
    with pytest.raises(ValueError, match="units 'lj'"):
        script(lammps_units='lj')
    with pytest.raises(ValueError, match='step 3 of stage 4'):
        script(restart=RestartPoint('x', 4, 3))


def toggling(interval, files, start, until):
    """What LAMMPS does: at each multiple of the interval after the start it writes to the two files in turn."""
    last, turn = None, 0
    for step in range(start + 1, until + 1):
        if step % interval == 0:
            last, turn = (files[turn], step), 1 - turn
    return last


@given(interval=st.integers(1, 40), first=st.integers(0, 200), into=st.integers(0, 150), more=st.integers(0, 150))
def test_the_newest_restart_file_is_the_last_one_before_the_last_line(interval, first, into, more):
    plan = read_schedule({'stages': [{'kind': 'hold', 'temperature': 300, 'duration': 1}]}).plan()[0]
    plan = replace(plan, first=first, last=first + 400, restart=interval)
    begun, reached = first + into, first + into + more
    wanted = toggling(interval, interval_restarts(plan.index), begun, reached - 1)
    assert newest_interval_restart(plan, reached, begun) == wanted


def test_without_an_interval_there_is_no_file():
    plan = read_schedule({'stages': [{'kind': 'minimise'}]}).plan()[0]
    assert newest_interval_restart(plan, 100, 0) is None
