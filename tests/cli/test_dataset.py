"""``glassion dataset``: files in, datasets out, files again; one message for whatever is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.formats.labelled.extxyz_write import write_extxyz
from aiida_glassion.formats.labelled.read import read_labelled
from aiida_glassion.frames import Frames

FIXTURES = Path(__file__).parents[1] / 'fixtures'
SILICA = FIXTURES / 'deepmd' / 'silica'
VASP = FIXTURES / 'vasp_mock'


@pytest.fixture
def dataset(aiida_profile_clean):
    """The command in this process, in the profile of the tests."""

    def run(*arguments, ok=True):
        runner = CliRunner(env={'COLUMNS': '80', 'GLASSION_DEBUG': ''})
        command = ['dataset', *map(str, arguments), '--profile', aiida_profile_clean.name]
        done = runner.invoke(main, command, standalone_mode=True)
        if ok:
            assert done.exit_code == 0, done.output
        else:
            assert done.exit_code in (1, 2), done.output
            assert 'Traceback' not in done.output
            assert 'not foreseen' not in done.output
        return ' '.join(done.output.split())

    return run


def last():
    return orm.QueryBuilder().append(DatasetData, tag='d').order_by({'d': {'id': 'desc'}}).first()[0]


def silica(**changes):
    frames = Frames.concatenate(list(read_system(SILICA / 'O16Si8')))
    return Frames(frames.symbols, **{**frames.arrays(), **changes})


def written(path, *parts):
    with path.open('w') as file:
        for part in parts:
            write_extxyz(file, part)
    return path


def test_import_of_deepmd_data(dataset):
    said = dataset('import', SILICA, '--method', 'engine=lammps', '--method', 'cutoff=9.0', '--label', 'teacher')
    node = last()
    assert f'dataset {node.pk} 90 frames; 90 O16Si8' in said
    assert node.is_stored
    assert node.label == 'teacher'
    assert node.method == {'engine': 'lammps', 'cutoff': 9.0}
    assert node.base.extras.get('sources') == [{'name': 'silica'}]
    np.testing.assert_array_equal(np.concatenate([f.energies for f in node.iter_frames()]), silica().energies)


def test_import_of_dft_says_what_it_left_out(dataset):
    files = sorted(VASP.glob('*/out/vasprun.xml.gz'))
    said = dataset(
        'import', *files, '--functional', 'PBEsol', '--dispersion', 'd3zero', '--cutoff', '360', '--method', 'spin=true'
    )
    node = last()
    assert node.method == {'functional': 'PBEsol', 'dispersion': 'd3zero', 'cutoff_eV': 360.0, 'spin': True}
    assert '1 steps left out' in said
    assert 'NELM = 8' in said
    assert '2 files left out' in said
    assert node.formulas['P16S64Zn24'] == 1
    assert 'sha256' in node.base.extras.get('sources')[0]
    same = dataset('import', SILICA, '--method-of', node.pk)
    assert 'unknown' not in same
    assert last().method_hash == node.method_hash


def test_import_without_a_method_warns(dataset):
    assert 'method unknown: nothing prevents mixing' in dataset('import', SILICA)


def test_import_subtracts_shifts_and_records_them(dataset):
    dataset('import', SILICA, '--shift', 'O=-10', '--shift', 'Si=-20.5')
    node = last()
    assert node.energy_shifts == {'O': -10.0, 'Si': -20.5}
    found = np.concatenate([frames.energies for frames in node.iter_frames()])
    np.testing.assert_allclose(found, silica().energies + 160 + 164)
    said = dataset('import', SILICA, '--shift', 'O=-10', ok=False)
    assert 'no energy shift is given for Si' in said


def test_doubtful_units_are_said(dataset, tmp_path):
    path = written(tmp_path / 'hartree.xyz', silica(energies=np.full(90, -24 * 3e5)))
    assert 'units? ' in (said := dataset('import', path))
    assert 'energies of 300000 eV per atom' in said


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['import', 'nowhere'], 'nowhere: there is no such file'),
        (['import', VASP / 'silicon_cut_off/out/OUTCAR.gz'], 'ends before its first ionic step is complete'),
        (['import', VASP / 'silicon_unconverged/out/OUTCAR.gz'], 'no frame to learn from in it: 1 left out, the first'),
        (['import', VASP / 'silicon_cut_off/out/OUTCAR.gz', VASP / 'silicon_unconverged/out/OUTCAR.gz'],
         'no frame in any of 2 files; the first: '),
        (['import', FIXTURES / 'vasp_mock/README.md'], 'not a format that is known here. Known are extxyz'),
        (['import', SILICA, '--shift', 'O:3'], "'O:3' is not El=eV"),
        (['import', SILICA, '--shift', 'O=three'], "could not convert string to float: 'three'; a shift is El=eV"),
        (['import', SILICA, '--method', 'PBE'], "'PBE' is not KEY=VALUE"),
        (['import', SILICA, '--key', 'total=x'], "'total' is none of energy, forces, stress"),
        (['import', SILICA, '--format', 'xyz'], "'xyz' is not one of 'extxyz'"),
        (['show', '999999'], 'There is no node 999999'),
        (['merge', '999999', '999998'], 'There is no node 999999'),
        (['impart', 'x'], 'Did you mean `glassion dataset import`?'),
    ],
)  # fmt: skip
def test_bad_input_is_answered_in_a_sentence(arguments, message, dataset):
    assert message in dataset(*arguments, ok=False)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (lambda path: path.write_text(''), 'the file is empty'),
        (lambda path: written(path, silica(forces=None)), 'frame 0: no forces; energies alone teach little'),
        (lambda path: written(path, silica(energies=None)), 'frame 0: no energy, so there is nothing to learn'),
        (lambda path: path.write_text(written(path, silica()).read_text().replace('energy=-', 'energy=nan_', 1)),
         'frame 0: could not convert'),
        (lambda path: path.write_text(written(path, silica()).read_text().replace('energy=-419', 'energy=nan ', 1)),
         'frame 0: energies: not finite (NaN or infinity)'),
    ],
)  # fmt: skip
def test_bad_files_are_answered_in_a_sentence(content, message, dataset, tmp_path):
    path = tmp_path / 'data.xyz'
    content(path)
    assert message in dataset('import', path, ok=False)
    assert orm.QueryBuilder().append(DatasetData).count() == 0


def test_energies_alone_if_wanted(dataset, tmp_path):
    dataset('import', written(tmp_path / 'data.xyz', silica(forces=None, virials=None)), '--without-forces')
    assert last().labels == ['energies']


@pytest.mark.parametrize(('format', 'name'), [('npy', ''), ('extxyz', 'dataset.extxyz'), ('hdf5', 'dataset.hdf5')])
def test_export_is_imported_again_unchanged(format, name, dataset, tmp_path):
    dataset('import', SILICA, '--shift', 'O=-10', '--shift', 'Si=-20')
    node = last()
    dataset('export', node.pk, tmp_path / 'out', '--format', format)
    dataset('import', tmp_path / 'out' / name)
    assert last().content_hash == node.content_hash
    about = json.loads((tmp_path / 'out' / 'dataset.json').read_text())
    assert about['datasets'][0]['energy_shifts'] == {'O': -10.0, 'Si': -20.0}
    dataset('export', node.pk, tmp_path / 'total', '--format', format, '--total-energies')
    [total] = [Frames.concatenate(list(read_labelled(tmp_path / 'total' / name)))]
    np.testing.assert_allclose(total.energies, silica().energies, atol=1e-10)
    assert 'is not empty' in dataset('export', node.pk, tmp_path / 'out', ok=False)


def test_methods_are_not_mixed_unless_told(dataset, tmp_path):
    nodes = [DatasetData.from_frames(silica(), {'functional': name}).store() for name in ('PBE', 'LDA')]
    pks = [node.pk for node in nodes]
    for command in (['export', *pks, tmp_path / 'out'], ['merge', *pks]):
        assert "labelled differently (functional: 'PBE' and 'LDA')" in dataset(*command, ok=False)
    assert not (tmp_path / 'out').exists()
    dataset('export', *pks, tmp_path / 'out', '--allow-mixed')
    assert sum(part.n_frames for part in read_labelled(tmp_path / 'out')) == 180
    assert "labelled differently (functional: 'PBE' and 'LDA')" in dataset('show', *pks)


def test_show(dataset):
    frames = silica()
    frames.forces[17, 2] = [0, 99.0, 0]
    node = DatasetData.from_frames([frames, frames[[4]]], {'functional': 'PBE'}).store()
    said = dataset('show', node.pk)
    assert 'O16Si8 91 -17.12' in said
    assert 'frame 17: a force of 99.0 eV/Å; the limit is 50' in said
    assert '1 duplicate geometries: 90 (of 4)' in said
    assert 'the compositions are degenerate: they fix 1 of 2 shifts' in said
    assert 'O-Si 1.260 O16Si8' in said
    report = json.loads(dataset('show', node.pk, '--json', '--largest-force', '100'))
    assert report['outliers'] == []
    assert report['formulas']['O16Si8']['n_frames'] == 91
    assert report['units']['force_rms'] == 'eV/Å'


def test_show_of_any_node(dataset, aiida_profile_clean):
    node = DatasetData.from_frames(silica(), {'functional': 'PBE'}, {'O': -10.0, 'Si': -20.0}).store()
    done = CliRunner(env={'COLUMNS': '80'}).invoke(main, ['show', str(node.pk), '--profile', aiida_profile_clean.name])
    said = ' '.join(done.output.split())
    assert 'functional: PBE' in said
    assert 'O -10, Si -20 (subtracted)' in said
    assert 'O16Si8 O16Si8 24 90 energies, forces, virials' in said


def test_merge_split_select_shift(dataset):
    frames = silica()
    first = DatasetData.from_frames(frames[:50], {'functional': 'PBE'}).store()
    second = DatasetData.from_frames(frames[45:], {'functional': 'PBE'}).store()
    assert '95 frames' in dataset('merge', first.pk, second.pk)
    merged = last()
    assert merged.creator.process_label == 'merge_datasets'
    assert '5 of 95 frames left out' in dataset('select', merged.pk)
    selected = last()
    assert selected.n_frames == 90
    said = dataset('split', selected.pk, '--fraction', '0.2', '--seed', '7')
    assert '72 frames' in said
    assert '18 frames' in said
    assert 'everything would be held out' in dataset('split', selected.pk, '--hold-out', 'O16Si8', ok=False)
    assert 'not both' in dataset('split', selected.pk, '--hold-out', 'O16Si8', '--fraction', '0.1', ok=False)
    assert 'fraction: 2.0 is not between 0 and 1' in dataset('split', selected.pk, '--fraction', '2', ok=False)
    assert 'degenerate' in dataset('shift', selected.pk)
    shifted = last()
    assert shifted.energy_shifts['O'] == pytest.approx(-17.12, abs=0.01)
    assert 'none is given for Si' in dataset('shift', shifted.pk, '--shift', 'O=-3', ok=False)
    assert 'no frame holds a single atom' in dataset('shift', shifted.pk, '--isolated-atoms', ok=False)
    dataset('shift', shifted.pk, '--undo')
    assert last().energy_shifts == {}
    assert 'Give two datasets' in dataset('merge', first.pk, ok=False)
    node = orm.Int(1).store()
    assert f'Node {node.pk} is a Int, not a dataset' in dataset('show', node.pk, ok=False)
