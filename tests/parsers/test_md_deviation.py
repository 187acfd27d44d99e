"""The MD parser on a recorded run with a committee: records meet frames, trust ends at one step however long it ran."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_glassion.calculations.md import LOG_FILE
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import find_systems, read_system
from aiida_glassion.formats.lammps.deviation import DEVIATION_FILE, UNITS
from aiida_glassion.parsers.md import MdParser

FIXTURES = Path(__file__).parents[1] / 'fixtures' / 'deepmd'
FILES = {path.name: path.read_bytes() for path in (FIXTURES / 'md').iterdir()}
MINIMISE = {'kind': 'minimise', 'max_steps': 23}
HOLD = {'kind': 'hold', 'temperature': 1500, 'ensemble': 'nve'}
SCHEDULE = {
    'thermo_every': 0.005,
    'frames_every': 0.01,
    'restart_every': 0.02,
    'stages': [MINIMISE, {**HOLD, 'duration': 0.033}, MINIMISE, {**HOLD, 'duration': 0.03}],
}


@pytest.fixture(scope='module')
def parse(aiida_profile, tmp_path_factory):
    """Parse files as if they had been retrieved; returns outputs by name and the exit status."""
    computer = orm.Computer(
        label='parsing-deviations', hostname='localhost', transport_type='core.local', scheduler_type='core.direct'
    ).store()
    (system,) = find_systems(FIXTURES / 'silica')
    inputs = {
        'configuration': FramesData.from_frames(next(iter(read_system(system)))[0]),
        'potential': PotentialData.from_deepmd(FIXTURES / 'silica_1.pb'),
        'committee__second': PotentialData.from_deepmd(FIXTURES / 'silica_2.pb'),
        'schedule': orm.Dict(SCHEDULE),
        'seed': orm.Int(7),
    }
    for node in inputs.values():
        node.store()

    def _parse(files, message=False, **deviation):
        node = orm.CalcJobNode(computer=computer, process_type='aiida.calculations:glassion.md')
        more = {'deviation': orm.Dict({'every': 0.005, **deviation}).store()}
        for name, value in (inputs | more).items():
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
        outputs, calcfunction = MdParser.parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(temporary)
        )
        return outputs, calcfunction.exit_status if not message else calcfunction.exit_message

    return _parse


@pytest.fixture(scope='module')
def whole(parse):
    return parse(FILES)


def test_every_frame_has_its_record(whole):
    outputs, status = whole
    assert status == 0
    arrays, frames = outputs['deviations'].arrays, outputs['trajectory'].frames
    assert outputs['deviations'].base.attributes.get('units') == UNITS
    np.testing.assert_array_equal(arrays['step'], np.arange(0, 64, 5))
    np.testing.assert_array_equal(arrays['frame'], [0, -1, 1, -1, 2, -1, 3, -1, 4, -1, 5, -1, 6])
    with_frame = arrays['frame'] >= 0
    chosen = frames[arrays['frame'][with_frame]]
    for name, of_frames in (('step', chosen.steps), ('time', chosen.times), ('stage', chosen.stages)):
        np.testing.assert_allclose(arrays[name][with_frame], of_frames, rtol=1e-12)
    assert outputs['results']['left_trusted_region'] is None
    assert outputs['results']['problems'] == []


def test_where_trust_ended_what_came_before_is_kept(parse, whole):
    outputs, status = parse(FILES, stop_above=0.45, stop_after=2)
    assert status == 413
    assert outputs['results']['left_trusted_region'] == {
        'step': 30, 'stage': 1, 'records': 2, 'deviation': 0.4599209, 'level': 0.45
    }  # fmt: skip
    results = outputs['results'].get_dict()
    assert (results['last_step'], results['stage'], results['stages_done']) == (30, 1, [0])
    assert (results['finished'], results['newest_restart']) == (False, None)
    assert 'final' not in outputs
    np.testing.assert_array_equal(outputs['deviations'].arrays['step'], np.arange(0, 31, 5))
    np.testing.assert_array_equal(outputs['trajectory'].frames.steps, [0, 10, 20, 30])
    thermo = outputs['thermo'].arrays
    assert thermo['step'].max() == 30
    assert set(thermo['stage']) == {0, 1}, 'the minimisation before counts, the one after does not'
    np.testing.assert_array_equal(whole[0]['trajectory'].frames.positions[:4], outputs['trajectory'].frames.positions)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(more=st.floats(0, 1))
def test_it_does_not_matter_when_the_monitor_looked(parse, more):
    """Killed anywhere after step 30: log, records and frames are cut, the outputs are the same."""
    wanted, _ = parse(FILES, stop_above=0.45, stop_after=2)
    least = {
        LOG_FILE: FILES[LOG_FILE].index(b'\n        30 '),
        DEVIATION_FILE: FILES[DEVIATION_FILE].index(b'\n          30 '),
        'stage_01.bin': len(FILES['stage_01.bin']),
    }
    cut = {}
    for name, first in least.items():
        end = FILES[name].find(b'\n', first + 1) + 1 if name != 'stage_01.bin' else first
        cut[name] = FILES[name][: end + int(more * (len(FILES[name]) - end))]
    outputs, status = parse(cut, stop_above=0.45, stop_after=2)
    assert status == 413
    for name in ('thermo', 'deviations'):
        for key, array in wanted[name].arrays.items():
            np.testing.assert_array_equal(outputs[name].arrays[key], array)
    np.testing.assert_array_equal(outputs['trajectory'].frames.positions, wanted['trajectory'].frames.positions)
    same = ('left_trusted_region', 'last_step', 'stage', 'stages_done', 'finished', 'newest_restart', 'fault')
    assert {key: outputs['results'][key] for key in same} == {key: wanted['results'][key] for key in same}


def test_a_level_never_reached_changes_nothing(parse, whole):
    outputs, status = parse(FILES, stop_above=0.45, stop_after=20)
    assert status == 0
    assert 'final' in outputs
    np.testing.assert_array_equal(outputs['deviations'].arrays['step'], whole[0]['deviations'].arrays['step'])


def test_a_run_that_exploded_first_is_still_an_explosion(parse):
    """What ran away before trust ended is for a softer retry; what did so after it is beyond the end."""
    log = FILES[LOG_FILE]
    for step, expected in ((b'        20  ', 322), (b'        55  ', 413)):
        start = log.index(b'\n' + step) + len(step) + 1
        hot = log[:start] + b'9e9 ' + log[start:].lstrip().split(b' ', 1)[1]
        assert parse({**FILES, LOG_FILE: hot}, stop_above=0.45, stop_after=2)[1] == expected


def test_lost_atoms_after_the_end_of_trust(parse):
    log = FILES[LOG_FILE]
    cut = (
        log[: log.index(b'\nGLASSION done 1') + 1] + b'ERROR: Lost atoms: original 24 current 23 (src/thermo.cpp:492)\n'
    )
    assert parse({**FILES, LOG_FILE: cut}, stop_above=0.45, stop_after=2)[1] == 413
    assert parse({**FILES, LOG_FILE: cut})[1] == 320


def test_records_that_are_missing_are_damage(parse):
    content = FILES[DEVIATION_FILE]
    for changed, status in (
        (None, 305),
        (b'', 305),
        (content[:-20], 305),
        (content.replace(b'\n          40 ', b'\n x '), 305),
    ):
        files = {name: value for name, value in FILES.items() if name != DEVIATION_FILE or changed is not None}
        outputs, found = parse(files | ({} if changed is None else {DEVIATION_FILE: changed}))
        assert found == status
        assert any(DEVIATION_FILE in problem for problem in outputs['results']['problems'])
        assert ('deviations' in outputs) == bool(changed)


def test_frames_left_in_the_remote_folder(parse):
    outputs, status = parse({name: content for name, content in FILES.items() if not name.startswith('stage')})
    assert status == 0
    assert (outputs['deviations'].arrays['frame'] == -1).all()


@pytest.mark.parametrize(
    ('error', 'hint'),
    [
        ("ERROR: Unrecognized pair style 'deepmd' (src/force.cpp:275)", 'take the one beside DeePMD-kit'),
        (
            'ERROR on proc 0: DeePMD-kit Error: Unable to load TensorFlow backend plugin (x.so)',
            "lacks the model's backend",
        ),
        ('ERROR: All pair coeffs are not set (src/pair.cpp:240)', 'built for another release of LAMMPS'),
        ('ERROR: Illegal thermo command (src/thermo.cpp:1)', ''),
    ],
)
def test_what_lammps_says_of_a_wrong_installation_is_explained(parse, error, hint):
    said = parse({LOG_FILE: b'LAMMPS (22 Jul 2025)\n' + error.encode() + b'\n'}, message=True)[1]
    assert error.removeprefix('ERROR: ') in said
    assert said.endswith('stage 0)') if not hint else hint in said
