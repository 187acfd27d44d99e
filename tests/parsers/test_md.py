"""The MD parser on real LAMMPS outputs, cut at any byte."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from aiida.parsers.parser import Parser
from ase.build import bulk
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aiida_glassion.calculations.md import LOG_FILE
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.formats.lammps.script import DATA_FILE, FINAL_FILE, write_script
from aiida_glassion.frames import Frames
from aiida_glassion.parsers.md import MdParser
from aiida_glassion.potentials.potential import Potential
from aiida_glassion.schedule import read_schedule

SCHEDULE = {
    'thermo_every': 0.01,
    'frames_every': 0.02,
    'restart_every': 0.04,
    'stages': [
        {'kind': 'minimise', 'max_steps': 20},
        {'kind': 'hold', 'temperature': 60, 'duration': 0.1},
        {'kind': 'ramp', 'name': 'cool', 'ensemble': 'npt', 'temperature': 60, 'temperature_end': 20, 'rate': 400},
    ],
}
ARGON = Potential(
    name='argon',
    kind='user',
    elements=('Ar',),
    units='metal',
    atom_style='atomic',
    commands=('pair_style lj/cut 5.0', 'pair_coeff {Ar} {Ar} 0.0104 3.4'),
)
FRAMES = Frames.from_ase(bulk('Ar', 'fcc', 5.3, cubic=True) * (3, 3, 3))


@pytest.fixture(scope='module')
def real_outputs(lmp, tmp_path_factory) -> dict[str, bytes]:
    """What LAMMPS leaves of a whole run."""
    folder = tmp_path_factory.mktemp('lammps')
    script = write_script(
        read_schedule(SCHEDULE), ARGON.commands_for(['Ar']), lammps_units='metal', atom_style='atomic', seed=3
    )
    (folder / 'input.in').write_text(script)
    (folder / DATA_FILE).write_text(write_data(FRAMES, atom_style='atomic'))
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    subprocess.run(
        [lmp, '-in', 'input.in', '-log', LOG_FILE, '-screen', 'none'],
        cwd=folder,
        check=True,
        env=environment,
        timeout=600,
    )
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in ('.bin', '.lammps')}


@pytest.fixture(scope='module')
def parse(aiida_profile, tmp_path_factory):
    """Parse files as if they had been retrieved; returns outputs by name and the exit status."""
    computer = orm.Computer(
        label='parsing', hostname='localhost', transport_type='core.local', scheduler_type='core.direct'
    ).store()
    inputs = {
        'configuration': FramesData.from_frames(FRAMES),
        'potential': PotentialData.from_potential(ARGON),
        'schedule': orm.Dict(SCHEDULE),
        'seed': orm.Int(3),
    }
    for node in inputs.values():
        node.store()

    def _parse(files: dict[str, bytes], **more):
        node = orm.CalcJobNode(computer=computer, process_type='aiida.calculations:glassion.md')
        for name, value in {**inputs, **more}.items():
            node.base.links.add_incoming(value, LinkType.INPUT_CALC, link_label=name)
        node.store()
        retrieved = orm.FolderData()
        temporary = tmp_path_factory.mktemp('temporary')
        for name, content in files.items():
            if name == LOG_FILE:
                retrieved.base.repository.put_object_from_bytes(content, name)
            else:
                (temporary / name).write_bytes(content)
        retrieved.base.links.add_incoming(node, LinkType.CREATE, link_label='retrieved')
        retrieved.store()
        assert issubclass(MdParser, Parser)
        outputs, calcfunction = MdParser.parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(temporary)
        )
        return outputs, calcfunction.exit_status

    return _parse


def test_a_whole_run(real_outputs, parse):
    outputs, status = parse(real_outputs)
    assert status == 0
    thermo = outputs['thermo'].arrays
    np.testing.assert_array_equal(thermo['step'][thermo['stage'] == 1], np.arange(10, 101, 10))
    np.testing.assert_array_equal(thermo['step'][thermo['stage'] == 2], np.arange(110, 201, 10))
    assert outputs['thermo'].base.attributes.get('units')['density'] == 'g/cm³'
    frames = outputs['trajectory'].frames
    np.testing.assert_array_equal(frames.steps, np.arange(0, 201, 20))
    assert frames.positions.dtype == np.float32
    assert outputs['results']['newest_restart']['file'] == 'stage_02_end.restart'


def test_nothing_retrieved(parse):
    outputs, status = parse({})
    assert status == 301
    assert outputs['results']['finished'] is False


@pytest.mark.parametrize('content', [b'', b'garbage\x00\xff' * 50, b'LAMMPS (22 Jul 2025)\n'])
def test_a_log_that_is_none(parse, content):
    _, status = parse({LOG_FILE: content})
    assert status == 302


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fraction=st.floats(0, 1))
def test_a_log_cut_anywhere_ends_in_an_exit_code_and_keeps_its_whole_rows(real_outputs, parse, fraction):
    whole = parse(real_outputs)[0]['thermo'].arrays
    log = real_outputs[LOG_FILE]
    cut = log[: int(fraction * (log.index(b'GLASSION finished\n')))]
    outputs, status = parse({**real_outputs, LOG_FILE: cut})
    assert status in (302, 304)
    if 'thermo' in outputs:
        part = outputs['thermo'].arrays
        for name, array in part.items():
            np.testing.assert_array_equal(array, whole[name][: len(array)])
    results = outputs['results'].get_dict()
    point = results['newest_restart']
    if point is not None:
        assert point['step'] <= results['last_step']


def test_a_stage_too_short_for_a_frame_may_leave_an_empty_dump(real_outputs, parse):
    """Frames every 300 steps: one at step 0, none from 100 to 200."""
    rare = orm.Dict({**SCHEDULE, 'frames_every': 0.3}).store()
    outputs, status = parse({**real_outputs, 'stage_02.bin': b''}, schedule=rare)
    assert status == 0
    assert outputs['results'].get_dict()['problems'] == []
    assert parse({**real_outputs, 'stage_02.bin': b''})[1] == 305


def test_a_run_cut_before_its_first_restart_file_begins_anew(real_outputs, parse):
    """The file written after the minimisation has no velocities: going on from it would start at 0 K."""
    log = real_outputs[LOG_FILE]
    for where in (b'GLASSION stage 1', b'        30 '):
        outputs, status = parse({LOG_FILE: log[: log.index(where) + len(where)] + b'\n'})
        assert status == 304
        assert outputs['results'].get_dict()['newest_restart'] is None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(name='stage_01.bin', fraction=0.5, flip=False)  # between two frames
@given(
    name=st.sampled_from(['stage_01.bin', 'stage_02.bin', FINAL_FILE]), fraction=st.floats(0, 0.999), flip=st.booleans()
)
def test_a_dump_cut_or_damaged_anywhere_keeps_the_frames_before(real_outputs, parse, name, fraction, flip):
    content = bytearray(real_outputs[name])
    where = int(fraction * len(content))
    if flip:
        content[where] ^= 0xFF
    damaged = bytes(content) if flip else bytes(content[:where])
    outputs, status = parse({**real_outputs, name: damaged})
    assert status == 305 or flip
    assert outputs['thermo'].arrays['step'][-1] == 200
    if 'trajectory' in outputs:
        steps = outputs['trajectory'].frames.steps
        assert (np.diff(steps) > 0).all()
        assert np.isfinite(outputs['trajectory'].frames.positions).all()


def test_an_error_of_lammps_is_passed_on(real_outputs, parse):
    log = real_outputs[LOG_FILE]
    cut = log[: log.index(b'GLASSION done 1')]
    for message, expected in (
        (b'ERROR: Lost atoms: original 108 current 107 (src/thermo.cpp:492)\n', 320),
        (b'ERROR on proc 0: Out of range atoms - cannot compute PPPM (src/pppm.cpp:1)\n', 320),
        (b'ERROR: Non-numeric pressure - simulation unstable (src/fix_nh.cpp:1)\n', 320),
        (b'ERROR: All pair coeffs are not set (src/pair.cpp:240)\n', 310),
    ):
        outputs, status = parse({LOG_FILE: cut + b'\n' + message})
        assert status == expected, message
        assert len(outputs['thermo'].arrays['step'])


@pytest.mark.parametrize(('column', 'value', 'expected'), [(1, b'nan', 321), (1, b'99999', 322), (2, b'1e9', 322)])
def test_a_run_that_went_wrong_silently(real_outputs, parse, column, value, expected):
    lines = real_outputs[LOG_FILE].split(b'\n')
    for index, line in enumerate(lines):
        if line.startswith(b'       150 '):
            words = line.split()
            words[column] = value
            lines[index] = b'  '.join(words)
    _, status = parse({**real_outputs, LOG_FILE: b'\n'.join(lines)})
    assert status == expected


def test_atoms_of_another_configuration_are_refused(real_outputs, parse):
    other = FramesData.from_ase(bulk('Ar', 'fcc', 5.3, cubic=True) * (2, 2, 2)).store()
    outputs, status = parse(real_outputs, configuration=other)
    assert status == 305
    assert 'trajectory' not in outputs
