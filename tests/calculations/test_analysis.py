"""What `glassion.analysis` writes for its job, and what it refuses before."""

from __future__ import annotations

import io
import json
import re
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
from aiida_glassion.functions.analysis import analyse_frames, node_source, request_node

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
