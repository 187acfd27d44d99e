"""`glassion.analysis` by the real Python: from nodes, folders and beside the data; killed jobs and bad files."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida_lammps.data.trajectory import LammpsTrajectory
from ase.build import bulk

from aiida_glassion.calculations.analysis import AnalysisCalculation
from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.labelled.extxyz_write import write_extxyz
from aiida_glassion.frames import Frames
from aiida_glassion.functions.analysis import analyse_frames, request_node

pytestmark = pytest.mark.engine

REQUEST = {'analyses': {'rdf': {'r_max': 5.0, 'bin_width': 0.05}}, 'cutoffs': {'Na-Cl': 3.9}}
LAMMPS = Path(__file__).parent.parent / 'fixtures' / 'lammps'


def salt(n_frames: int = 5, repeat: int = 2) -> Frames:
    random = np.random.default_rng(8)
    atoms = bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(repeat)
    return Frames(
        tuple(atoms.get_chemical_symbols()),
        atoms.positions + random.normal(0, 0.2, (n_frames, len(atoms), 3)),
        np.tile(atoms.cell.array, (n_frames, 1, 1)),
    )


def run(code, request=REQUEST, options=None, **inputs):
    builder = AnalysisCalculation.get_builder()
    builder.code = code
    builder.request = request
    for name, value in inputs.items():
        setattr(builder, name, value)
    for name, value in (options or {}).items():
        setattr(builder.metadata.options, name, value)
    outputs, node = run_get_node(builder)
    return outputs, node


def arrays(node: orm.ArrayData) -> dict[str, np.ndarray]:
    return {name: node.get_array(name) for name in node.get_arraynames()}


def same(one, other) -> bool:
    a, b = arrays(one['curves']), arrays(other['curves'])
    return one['numbers'].get_dict() == other['numbers'].get_dict() and all(
        np.array_equal(a[name], b[name]) for name in a | b
    )


def extxyz(frames: Frames) -> bytes:
    text = io.StringIO()
    write_extxyz(text, frames)
    return text.getvalue().encode()


@pytest.fixture
def folder_of():
    """Make a stored folder of files."""

    def make(**files: bytes) -> orm.FolderData:
        node = orm.FolderData()
        for name, content in files.items():
            node.base.repository.put_object_from_bytes(content, name.replace('__', '.'))
        return node.store()

    return make


def test_every_door_gives_what_the_calcfunction_gives(aiida_profile_clean, python_code, folder_of, tmp_path, localhost):
    frames = salt()
    frames = replace(frames, positions=frames.positions.astype(np.float32))
    data = FramesData(frames=frames).store()
    expected, function = analyse_frames.run_get_node(request_node(REQUEST), data)
    assert function.is_finished_ok
    assert expected['numbers']['system']['counts'] == {'Cl': 32, 'Na': 32}
    curves = expected['curves'].base.attributes.get('curves')
    assert curves['rdf__g_Cl_Na']['x_unit'] == 'Å'
    assert {f'{name}__{part}' for name in curves for part in 'xy'} <= set(arrays(expected['curves']))

    beside = tmp_path / 'beside'
    beside.mkdir()
    (beside / 'first.xyz').write_bytes(extxyz(frames[:2]))
    (beside / 'second.xyz').write_bytes(extxyz(frames[2:]))
    remote = orm.RemoteData(computer=localhost, remote_path=str(beside)).store()
    doors = {
        'FramesData': {'frames': data},
        'FolderData': {'folder': folder_of(salt__xyz=extxyz(frames), other=b''), 'files': ['salt.xyz']},
        'RemoteData': {'remote': remote, 'files': ['first.xyz', 'second.xyz']},
    }
    for door, inputs in doors.items():
        outputs, node = run(python_code, **inputs)
        assert node.is_finished_ok, f'{door}: {node.exit_message}'
        assert same(outputs, expected), door
    assert outputs['run']['peak_memory'] > 10
    assert set(outputs['run']['seconds']) == {'survey', 'reading', 'rdf'}
    progress = json.loads(node.outputs.retrieved.base.repository.get_object_content('progress.json'))
    assert (progress['done'], progress['total']) == (5, 5)


def test_lammps_files_beside_the_data_and_as_nodes(aiida_profile_clean, python_code, localhost):
    species = {'1': 'Si', '2': 'O'}
    request = {'analyses': ['rdf'], 'every': 2}
    remote = orm.RemoteData(computer=localhost, remote_path=str(LAMMPS)).store()
    outputs, node = run(python_code, request, remote=remote, files=['ortho.bin'], species=species)
    assert node.is_finished_ok, node.exit_message
    assert outputs['numbers']['n_frames'] == 6
    assert outputs['numbers']['system']['counts'] == {'O': 10, 'Si': 20}
    with (LAMMPS / 'triclinic.txt').open() as file:
        rows, lines = False, []
        for line in file:
            rows = (rows or line.startswith('ITEM: ATOMS')) and not line.startswith('ITEM: TIMESTEP')
            more = 'element' if line.startswith('ITEM') else species[line.split()[1]] if rows else ''
            lines.append(f'{line.rstrip()} {more}\n' if rows else line)
    trajectory = LammpsTrajectory(io.StringIO(''.join(lines))).store()
    whole, node = run(python_code, {'analyses': ['rdf']}, frames=trajectory)
    assert node.is_finished_ok, node.exit_message
    function, _ = analyse_frames.run_get_node(request_node({'analyses': ['rdf']}), trajectory)
    assert whole['numbers']['n_frames'] == 11
    assert same(whole, function)


def test_requests_that_mean_the_same_are_run_once(aiida_profile_clean, python_code):
    data = FramesData(frames=salt()).store()
    _, first = run(python_code, {'analyses': ['rdf']}, frames=data)
    with enable_caching(identifier='*'):
        outputs, again = run(python_code, {'analyses': {'rdf': {'bin_width': 0.01}}, 'every': 1}, frames=data)
    assert again.base.caching.get_cache_source() == first.uuid
    assert outputs['numbers']['n_frames'] == 5
    assert analyse_frames.run_get_node(request_node({'analyses': ['rdf']}), data)[1].base.caching.compute_hash() == (
        analyse_frames.run_get_node(request_node({'analyses': {'rdf': None}}), data)[1].base.caching.compute_hash()
    )


def test_a_damaged_file_keeps_what_was_before(aiida_profile_clean, python_code, folder_of):
    content = extxyz(salt(230))
    lines = content.splitlines(keepends=True)
    lines[66 * 215 + 10] = b'Na 0.0 nan 0.0\n'
    outputs, node = run(python_code, folder=folder_of(nan__xyz=b''.join(lines)), files=['nan.xyz'])
    assert node.exit_status == 310
    assert 'frame 215 (line 14201)' in node.exit_message
    assert 'the results are those of 200 of 230 frames' in node.exit_message
    assert (outputs['numbers']['n_frames'], outputs['numbers']['complete']) == (200, False)


def pid_of_job(folder: Path, stop: threading.Event) -> None:
    """Kill the Python that works below a folder, once it has written results."""
    while not stop.is_set():
        for written in folder.rglob('outcome/numbers.json'):
            for process in Path('/proc').glob('[0-9]*'):
                try:
                    if (process / 'cwd').readlink() == written.parents[1] and b'analysis' in (
                        process / 'cmdline'
                    ).read_bytes().replace(b'\0', b' ').partition(b'-m ')[2]:
                        os.kill(int(process.name), signal.SIGKILL)
                        return
                except OSError:
                    continue
        time.sleep(0.02)


def test_a_killed_job_keeps_what_it_had(aiida_profile_clean, python_code, localhost):
    stop = threading.Event()
    killer = threading.Thread(target=pid_of_job, args=(Path(localhost.get_workdir()), stop))
    killer.start()
    try:
        frames = salt(2500, 3)
        request = {'analyses': {'rdf': {'r_max': 12.0}}}
        outputs, node = run(python_code, request, {'keep_interval': 0.01}, frames=FramesData(frames=frames).store())
    finally:
        stop.set()
        killer.join()
    assert node.exit_status == AnalysisCalculation.exit_codes.ERROR_INCOMPLETE.status, node.exit_message
    n_frames = outputs['numbers']['n_frames']
    assert 0 < n_frames < 2500
    assert f'the results are those of {n_frames} of 2500 frames' in node.exit_message
    part, _ = analyse_frames.run_get_node(request_node(request), FramesData(frames=frames[:n_frames]).store())
    name = 'rdf__g_Cl_Na__y'
    np.testing.assert_array_equal(outputs['curves'].get_array(name), part['curves'].get_array(name))
