"""The parser on recorded outputs, whole, cut anywhere and spoilt: an exit code each time, never an exception."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_glassion.parsers.packmol import PackmolParser

RECORDED = Path(__file__).parent.parent / 'fixtures' / 'packmol'
FAILURES = {300, 301, 302, 303, 304, 305, 306}


def recorded_node(computer, counts, length):
    """A stored PackmolCalculation of these inputs, as if it had run."""
    node = orm.CalcJobNode(computer=computer, process_type='aiida.calculations:glassion.packmol')
    node.set_option('output_filename', 'packmol.log')
    node.set_option('resources', {'num_machines': 1})
    inputs = {'counts': orm.Dict(counts), 'cell': orm.List([length] * 3), 'seed': orm.Int(5)}
    for name, value in inputs.items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_CALC, name)
    return node.store()


@pytest.fixture
def node(aiida_profile_clean, localhost):
    """A PackmolCalculation of the recorded inputs: 20 O and 10 Si in a cube of 8 Å."""
    return recorded_node(localhost, {'O': 20, 'Si': 10}, 8.0)


def parse(node, files):
    """Exit status (0: success) and outputs of the parser on these retrieved files."""
    retrieved = orm.FolderData()
    for name, content in files.items():
        retrieved.base.repository.put_object_from_filelike(io.BytesIO(content), name)

    class OfTheseFiles(PackmolParser):
        @property
        def retrieved(self):
            return retrieved

    parser = OfTheseFiles(node)
    code = parser.parse()
    return (0 if code is None else code.status), parser.outputs


def recorded(name):
    return {path.name: path.read_bytes() for path in (RECORDED / name).iterdir() if path.suffix in ('.log', '.xyz')}


def test_solved(node):
    status, outputs = parse(node, recorded('solved'))
    assert status == 0
    frames = outputs['configuration'].frames
    assert frames.counts == {'O': 20, 'Si': 10}
    assert (frames.positions >= 0).all()
    assert (frames.positions < 8).all()
    np.testing.assert_allclose(frames.cells[0], np.diag([8.0] * 3))
    results = outputs['results'].get_dict()
    assert results['seed'] == 5
    assert results['packmol_version'] == '21.2.3'
    assert results['objective'] == pytest.approx(0, abs=0.1)
    assert results['shortest_distances']['O-O'] > 0.95 * results['minimum_distances']['O-O']
    assert results['units_of']['density'] == 'g/cm³'


@pytest.mark.parametrize(('name', 'status'), [('imperfect', 303), ('bad_input', 301), ('bad_keyword', 301)])
def test_failures_of_packmol(node, name, status):
    assert parse(node, recorded(name))[0] == status


def test_nothing_retrieved(node):
    assert parse(node, {})[0] == 300


def test_configuration_missing(node):
    files = recorded('solved')
    del files['packed.xyz']
    assert parse(node, files)[0] == 304


def test_other_atoms(node):
    assert parse(node, recorded('single'))[0] == 305


def test_overlap_keeps_the_results(node):
    files = recorded('solved')
    lines = files['packed.xyz'].decode().splitlines()
    lines[3] = lines[2]
    files['packed.xyz'] = ('\n'.join(lines) + '\n').encode()
    status, outputs = parse(node, files)
    assert status == 306
    assert 'configuration' not in outputs
    assert outputs['results'].get_dict()['shortest_distances']['O-O'] == 0


def test_a_hundred_thousand_atoms(aiida_profile_clean, localhost):
    number, length = 100_000, 120.0
    node = recorded_node(localhost, {'O': number}, length)
    grid = np.stack(np.meshgrid(*[np.arange(47) * length / 47] * 3), axis=-1).reshape(-1, 3)[:number]
    lines = [f'{number}', ''] + [f'O {x:.6f} {y:.6f} {z:.6f}' for x, y, z in grid]
    files = {**recorded('single'), 'packed.xyz': ('\n'.join(lines) + '\n').encode()}
    start = time.perf_counter()
    status, outputs = parse(node, files)
    assert status == 0
    assert outputs['configuration'].frames.n_atoms == number
    assert time.perf_counter() - start < 30


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(['solved', 'single', 'imperfect', 'bad_input', 'bad_keyword']),
    spoilt=st.sampled_from(['packmol.log', 'packed.xyz']),
    cut=st.floats(0, 0.97),
)
def test_cut_anywhere(node, name, spoilt, cut):
    files = recorded(name)
    if spoilt in files:
        files[spoilt] = files[spoilt][: int(cut * len(files[spoilt]))]
    status, outputs = parse(node, files)
    assert status in FAILURES
    assert 'configuration' not in outputs


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spoilt=st.sampled_from(['packmol.log', 'packed.xyz']),
    at=st.floats(0, 1),
    garbage=st.binary(min_size=1, max_size=40),
)
def test_garbage_anywhere(node, spoilt, at, garbage):
    files = recorded('solved')
    where = int(at * len(files[spoilt]))
    files[spoilt] = files[spoilt][:where] + garbage + files[spoilt][where + len(garbage) :]
    status, _ = parse(node, files)
    assert status in FAILURES | {0}
