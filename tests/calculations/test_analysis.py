"""What `glassion.analysis` writes for its job, and what it refuses before."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.folders import SandboxFolder
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from ase.build import bulk

from aiida_glassion.analysis.sources import open_source
from aiida_glassion.calculations.analysis import AnalysisCalculation
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.functions.analysis import analyse_frames, analyse_segments, node_source, request_node

FRAMES = Frames.from_ase([bulk('NaCl', 'rocksalt', a=a, cubic=True) for a in (5.6, 5.7)])


@pytest.fixture
def prepare(aiida_profile, python_code):
    """Make a process and its folder; returns the content of request.json, the folder, the calculation info."""
    folder = SandboxFolder()

    def make(**inputs):
        given = {'code': python_code, 'request': {'analyses': ['rdf']}, **inputs}
        process = instantiate_process(get_manager().get_runner(), AnalysisCalculation, **given)
        info = process.prepare_for_submission(folder)
        path = Path(folder.abspath)
        return json.loads((path / 'request.json').read_text()), path, info

    with folder:
        yield make


def test_a_trajectory_is_copied_as_arrays(prepare):
    node = FramesData(frames=FRAMES).store()
    job, folder, info = prepare(frames=node)
    assert job['files'] == ['frames']
    for uuid, name, to in info.local_copy_list:
        assert uuid == node.uuid
        (folder / to).write_bytes(node.base.repository.get_object_content(name, mode='rb'))
    found = open_source(folder / 'frames').read(range(2))
    np.testing.assert_array_equal(found.positions, FRAMES.positions)
    assert found.symbols == FRAMES.symbols
    assert set(info.provenance_exclude_list) == {'frames/positions.npy', 'frames/cells.npy', 'frames/frames.json'}


def test_a_structure_and_a_core_trajectory_are_arrays_too(prepare):
    structure = orm.StructureData(ase=FRAMES.to_ase(0)).store()
    _, folder, _ = prepare(frames=structure)
    np.testing.assert_allclose(open_source(folder / 'frames').read(range(1)).positions, FRAMES.positions[:1])
    core = orm.TrajectoryData()
    core.set_trajectory(
        symbols=list(FRAMES.symbols), positions=FRAMES.positions, cells=FRAMES.cells, pbc=[True, True, False]
    )
    _, folder, _ = prepare(frames=core.store())
    assert json.loads((folder / 'frames' / 'frames.json').read_text())['pbc'] == [True, True, False]
    assert node_source(core).read(range(1)).pbc == (True, True, False)


def test_the_request_is_written_out_and_the_files_are_named(prepare, localhost):
    remote = orm.RemoteData(computer=localhost, remote_path='/scratch/run').store()
    job, _, info = prepare(
        remote=remote, files=['a.bin', 'more/b.bin'], species={'1': 'Si'}, format='lammps-dump',
        metadata={'options': {'max_wallclock_seconds': 600, 'keep_interval': 5}},
    )  # fmt: skip
    assert job['request']['analyses'] == {'rdf': {'r_max': None, 'bin_width': 0.01}}
    assert job['files'] == ['/scratch/run/a.bin', '/scratch/run/more/b.bin']
    assert (job['species'], job['format'], job['walltime'], job['interval']) == ({'1': 'Si'}, 'lammps-dump', 600, 5)
    assert info.codes_info[0].cmdline_params == ['-m', 'aiida_glassion.analysis', 'request.json']
    single = orm.SinglefileData(io.BytesIO(b'x'), 'glass.xyz').store()
    job, _, info = prepare(folder=single)
    assert job['files'] == ['data/glass.xyz']
    assert info.local_copy_list == [(single.uuid, 'glass.xyz', 'data/glass.xyz')]


def test_what_cannot_be_done_is_refused_before(prepare, localhost, aiida_computer_local):
    data = FramesData(frames=FRAMES).store()
    remote = orm.RemoteData(computer=localhost, remote_path='/scratch').store()
    elsewhere = orm.RemoteData(computer=aiida_computer_local(label='elsewhere'), remote_path='/scratch').store()
    folder = orm.FolderData()
    folder.base.repository.put_object_from_bytes(b'', 'a.xyz')
    core = orm.TrajectoryData()
    core.set_trajectory(symbols=['Na'], positions=np.zeros((1, 1, 3)))
    for inputs, message in (
        ({}, 'no data given, expected exactly one of frames, remote, folder'),
        ({'frames': data, 'remote': remote, 'files': ['a']}, 'frames and remote given'),
        ({'frames': data, 'files': ['a']}, 'files: given together with frames'),
        ({'frames': core.store()}, 'a trajectory without cells'),
        ({'remote': remote}, 'name those of `remote`'),
        ({'remote': remote, 'files': ['../a']}, "'../a', expected the name of a file"),
        ({'remote': remote, 'files': ['/etc/passwd']}, 'relative to the folder'),
        ({'remote': elsewhere, 'files': ['a']}, 'lies on elsewhere, the code on'),
        ({'folder': folder.store(), 'files': ['b.xyz']}, "'b.xyz' is not in the folder, which holds a.xyz"),
        ({'frames': data, 'request': {'analyses': ['rdff']}}, 'did you mean rdf'),
        ({'frames': data, 'request': orm.Dict({'analyses': {'rdf': {'rmax': 3}}})}, 'rdf.rmax: no such setting'),
        ({'frames': data, 'species': {'1': 'Qq'}}, 'expected an element'),
        ({'frames': data, 'format': 'pdf'}, "format: 'pdf', expected one of"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            prepare(**inputs)


PART = {'remote': 'run_00', 'file': 'stage_00.bin', 'time': 0.0, 'timestep': 1e-3, 'until': None}


def test_parts_stay_where_they_are_and_reach_no_shell(prepare, localhost):
    remotes = {
        f'run_{index:02d}': orm.RemoteData(computer=localhost, remote_path=f'/scratch/{index}').store()
        for index in range(2)
    }
    odd = "$(touch owned); 'a b'.bin"
    parts = [{**PART, 'until': 900}, {**PART, 'remote': 'run_01', 'file': odd, 'time': 3}]
    job, folder, info = prepare(remotes=remotes, parts=parts, species={'1': 'Na', '2': 'Cl'}, copy_every=20)
    assert job['folders'] == {'run_00': '/scratch/0', 'run_01': '/scratch/1'}
    assert job['parts'] == [parts[0], {**parts[1], 'time': 3.0}]
    assert 'files' not in job
    assert job['copy_every'] == 20
    assert not any(info.get(name) for name in ('local_copy_list', 'remote_copy_list', 'remote_symlink_list'))
    assert info.codes_info[0].cmdline_params == ['-m', 'aiida_glassion.analysis', 'request.json']
    assert {'copied.bin', 'copied.json'} <= set(info.retrieve_temporary_list)
    assert not any('touch' in str(entry) for entry in (*info.retrieve_list, *info.retrieve_temporary_list))
    assert [path.name for path in folder.iterdir()] == ['request.json']
    _, _, info = prepare(remotes={'run_00': remotes['run_00']}, parts=parts[:1])
    assert 'copied.bin' not in info.retrieve_temporary_list


def test_parts_that_cannot_be_read_are_refused_before(prepare, localhost, aiida_computer_local):
    data = FramesData(frames=FRAMES).store()
    here = orm.RemoteData(computer=localhost, remote_path='/scratch').store()
    elsewhere = orm.RemoteData(computer=aiida_computer_local(label='elsewhere'), remote_path='/scratch').store()
    remotes = {'run_00': here}
    for inputs, message in (
        ({'parts': [PART]}, "parts: remote 'run_00' is not in `remotes`, which holds nothing"),
        (
            {'parts': [{**PART, 'remote': 'b'}], 'remotes': remotes},
            "'b' is not in `remotes`, which holds run_00",
        ),
        ({'parts': [PART], 'remotes': {**remotes, 'more': here}}, "remotes: 'more' is named by no part"),
        ({'parts': [PART], 'remotes': {'run_00': elsewhere}}, 'remotes.run_00: lies on elsewhere, the code on'),
        ({'parts': [PART], 'remotes': remotes, 'frames': data}, 'frames and parts given, expected exactly one'),
        ({'parts': [PART], 'remotes': remotes, 'remote': here, 'files': ['a']}, 'remote and parts given'),
        ({'frames': data, 'remotes': remotes}, 'remotes: given together with frames; they are the folders of `parts`'),
        ({'parts': [PART], 'remotes': remotes, 'files': ['a']}, 'files: given together with parts'),
        ({'parts': [PART], 'remotes': remotes, 'format': 'extxyz'}, "format: 'extxyz', but parts are LAMMPS dumps"),
        ({'parts': [], 'remotes': remotes}, 'parts: [], expected a list of dictionaries'),
        ({'parts': [{**PART, 'file': '../a.bin'}], 'remotes': remotes}, "parts[0]: file is '../a.bin', expected"),
        ({'parts': [{**PART, 'timestep': -1}], 'remotes': remotes}, 'parts[0]: timestep is -1'),
        ({'frames': data, 'copy_every': 0}, 'copy_every: 0, expected a whole number of frames, from 1'),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            prepare(**inputs)


def walk(n_frames: int, seed: int = 4) -> Frames:
    """A random walk of 64 atoms, a frame every 0.1 ps."""
    random = np.random.default_rng(seed)
    start = bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(2)
    steps = random.normal(0, 0.3, (n_frames - 1, 64, 3))
    positions = start.positions + np.concatenate([np.zeros((1, 64, 3)), np.cumsum(steps, axis=0)])
    cells = np.tile(start.cell.array, (n_frames, 1, 1))
    return Frames(tuple(start.get_chemical_symbols()), positions, cells, times=np.arange(n_frames) * 0.1)


def test_segments_are_analysed_as_one(aiida_profile):
    settings = {'ions': ['Na'], 'reference': [], 'unwrap': 'trust'}
    request = request_node({'analyses': {'diffusion': settings, 'dynamics': settings}})
    whole = walk(201)
    pieces = {'b': whole[:81], 'c': whole[80:121], 'd': whole[120:]}
    nodes = {name: FramesData(frames=replace(piece, times=piece.times + 7.0)) for name, piece in pieces.items()}
    expected, _ = analyse_frames.run_get_node(request, FramesData(frames=whole))
    found, node = analyse_segments.run_get_node(request, orm.List([0.0, 8.0, 12.0]), **nodes)
    assert node.is_finished_ok, node.exit_message
    assert found['numbers']['n_frames'] == 201
    for name in expected['curves'].get_arraynames():
        a, b = (outputs['curves'].get_array(name) for outputs in (found, expected))
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=name)
    for starts, words in (
        ([0.0, 8.0], 'starts: 2 times for 3 segments'),
        ([0.0, 6.0, 12.0], 'c: its first frame is at 6 ps, but b goes on to 8 ps'),
        ([0.0, 9.0, 13.0], 'b: its last whole frame that counts is at 8 ps, the next one, of c, at 9 ps'),
        ([0.0, 'soon', 12.0], 'could not convert'),
    ):
        _, node = analyse_segments.run_get_node(request, orm.List(starts), **nodes)
        assert node.exit_status == 330
        assert words in node.exit_message
    nodes['c'] = FramesData(frames=replace(pieces['c'], times=None))
    _, node = analyse_segments.run_get_node(request, orm.List([0.0, 8.0, 12.0]), **nodes)
    assert (node.exit_status, 'c holds no times' in node.exit_message) == (330, True)


def test_one_request_has_one_hash(aiida_profile):
    ways = ({'analyses': ['rdf']}, {'analyses': {'rdf': {'bin_width': 0.01}}, 'every': 1})
    assert len({request_node(way).store().base.caching.compute_hash() for way in ways}) == 1
    assert (
        AnalysisCalculation.spec().inputs['request'].serializer(ways[0]).get_dict() == request_node(ways[1]).get_dict()
    )


def test_the_calcfunction_refuses_in_words(aiida_profile):
    _, node = analyse_frames.run_get_node(orm.Dict({'analyses': ['rdff']}), FramesData(frames=FRAMES))
    assert node.exit_status == 330
    assert 'did you mean rdf' in node.exit_message
    _, node = analyse_frames.run_get_node(request_node({'analyses': ['rdf']}), orm.Dict({}))
    assert node.exit_status == 330
    assert 'Dict holds no configuration' in node.exit_message
