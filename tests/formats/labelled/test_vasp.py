"""VASP: labels agree with VASP's own eV, with ASE, dpdata and pymatgen; what is bad is left out and said."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.formats.labelled.read import Reading, read_labelled
from aiida_glassion.frames import Frames

FIXTURES = Path(__file__).parents[2] / 'fixtures'
MOCK = FIXTURES / 'vasp_mock'
FILES = ('vasprun.xml', 'OUTCAR')


def recorded(case, name):
    return MOCK / case / 'out' / f'{name}.gz'


def frames_of(path, reading=None):
    return Frames.concatenate(list(read_labelled(path, reading=reading)))


def unzipped(case, name, folder):
    target = folder / name
    target.write_bytes(gzip.decompress(recorded(case, name).read_bytes()))
    return target


@pytest.mark.parametrize('name', FILES)
def test_virial_is_the_force_on_the_cell_that_vasp_prints_in_ev(name):
    """OUTCAR prints `FORCE on cell = -STRESS` in eV before it turns it into kB: no factor and no sign is between."""
    text = gzip.decompress(recorded('zinc_thiophosphate', 'OUTCAR').read_bytes()).decode()
    xx, yy, zz, xy, yz, zx = map(float, re.search(r'^  Total +(.*)$', text, re.MULTILINE)[1].split())
    frames = frames_of(recorded('zinc_thiophosphate', name))
    np.testing.assert_allclose(frames.virials[0], [[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]], atol=2e-5)
    assert frames.counts == {'P': 16, 'S': 64, 'Zn': 24}
    assert frames.energies.tolist() == [-459.87614130]


def test_both_files_tell_the_same():
    for case in ('zinc_thiophosphate', 'silicon_dynamics', 'silicon'):
        xml, outcar = (frames_of(recorded(case, name)) for name in FILES)
        assert xml.symbols == outcar.symbols
        difference = (xml.positions - outcar.positions) @ np.linalg.inv(xml.cells[0])
        np.testing.assert_allclose((difference - np.round(difference)) @ xml.cells[0], 0, atol=2e-5)
        np.testing.assert_allclose(xml.cells, outcar.cells, atol=1e-7)
        np.testing.assert_allclose(xml.energies, outcar.energies, atol=1e-7)
        np.testing.assert_allclose(xml.forces, outcar.forces, atol=2e-6)
        np.testing.assert_allclose(xml.virials, outcar.virials, atol=1e-4)


def test_energy_is_the_free_energy_and_not_the_one_without_smearing(tmp_path):
    from pymatgen.io.vasp import Vasprun

    run = Vasprun(unzipped('silicon_dynamics', 'vasprun.xml', tmp_path), parse_dos=False, parse_eigen=False)
    frames = frames_of(recorded('silicon_dynamics', 'vasprun.xml'))
    assert frames.n_frames == 5
    np.testing.assert_allclose(frames.energies, [step['e_fr_energy'] for step in run.ionic_steps], atol=1e-8)
    assert abs(frames.energies[0] - run.ionic_steps[0]['e_0_energy']) > 4e-4
    np.testing.assert_allclose(frames.forces, [step['forces'] for step in run.ionic_steps], atol=1e-8)


@pytest.mark.parametrize('name', FILES)
def test_ase_and_dpdata_agree(name, tmp_path):
    import dpdata
    from ase.io import read

    path = unzipped('silicon_dynamics', name, tmp_path)
    frames = frames_of(path)
    images = read(path, index=':', format='vasp-xml' if name == 'vasprun.xml' else 'vasp-out')
    assert len(images) == frames.n_frames
    for i, image in enumerate(images):
        np.testing.assert_allclose(frames.positions[i], image.positions, atol=1e-5)
        np.testing.assert_allclose(frames.forces[i], image.get_forces(apply_constraint=False), atol=1e-6)
        np.testing.assert_allclose(
            frames.virials[i], -image.get_volume() * image.get_stress(voigt=False), rtol=1e-6, atol=1e-6
        )
        assert frames.energies[i] == pytest.approx(image.get_potential_energy(force_consistent=True), abs=1e-7)
    system = dpdata.LabeledSystem(str(path), fmt='vasp/xml' if name == 'vasprun.xml' else 'vasp/outcar')
    np.testing.assert_allclose(frames.energies, system['energies'], atol=1e-7)
    # dpdata turns the cell, so tensors are compared by their eigenvalues
    np.testing.assert_allclose(np.linalg.eigvalsh(frames.virials), np.linalg.eigvalsh(system['virials']), atol=1e-3)


def test_moments_of_the_sites():
    frames = frames_of(recorded('silicon_spin', 'OUTCAR'))
    assert frames.magnetisations.tolist() == [[0.63]]


@pytest.mark.parametrize('name', FILES)
def test_linear_response_after_the_ground_state_is_not_unconverged(name):
    frames = frames_of(FIXTURES / 'vasp' / 'born_effective_charge' / f'{name}.gz')
    assert frames.energies.tolist() == [-115.01774737]
    assert frames.counts == {'P': 4, 'S': 16, 'Zn': 6}


@pytest.mark.parametrize('name', FILES)
def test_unconverged_is_left_out_and_said(name):
    reading = Reading()
    with pytest.raises(
        ValueError, match='no frame to learn from in it: 1 left out, the first because unconverged: 8 ele'
    ):
        frames_of(recorded('silicon_unconverged', name), reading)
    assert reading.skipped[0].reason == '8 electronic steps, NELM = 8; last change 4.8e-03 eV, EDIFF = 1e-06 eV'


@pytest.mark.parametrize('name', FILES)
def test_one_unconverged_step_of_a_run_goes_and_the_others_stay(name, tmp_path):
    """A recorded run, as if its NELM had been the number of steps that one of its ionic steps took."""
    path = unzipped('silicon_dynamics', name, tmp_path)
    text = path.read_text()
    if name == 'vasprun.xml':
        counts = [block.count('<scstep>') for block in text.split('<calculation>')[1:]]
        text = re.sub(r'(name="NELM">) *\d+', rf'\g<1> {max(counts)}', text)
        text = re.sub(r'(name="EDIFF">) *[\d.]+', r'\g<1> 0.0', text)
    else:
        counts = [block.count(' Iteration ') for block in text.split('free  energy   TOTEN')[:-1]]
        text = re.sub(r'(NELM +=) *\d+', rf'\g<1> {max(counts)}', text, count=1)
        text = re.sub(r'(EDIFF +=) *[\d.E+-]+', r'\g<1> 0.0', text)
    path.write_text(text)
    reading = Reading()
    frames = frames_of(path, reading)
    assert [entry.frame for entry in reading.skipped] == [i for i, n in enumerate(counts) if n == max(counts)]
    assert {entry.kind for entry in reading.skipped} == {'unconverged'}
    assert frames.n_frames == 5 - len(reading.skipped) > 0


@pytest.mark.parametrize('name', FILES)
def test_killed_in_its_first_step(name):
    with pytest.raises(ValueError, match='ends before its first ionic step is complete'):
        frames_of(recorded('silicon_cut_off', name))


@pytest.mark.parametrize('name', FILES)
def test_killed_later_keeps_what_is_complete(name, tmp_path):
    path = unzipped('silicon_dynamics', name, tmp_path)
    text = path.read_text()
    mark = '<calculation>' if name == 'vasprun.xml' else 'FREE ENERGIE OF THE ION-ELECTRON SYSTEM'
    whole = frames_of(path)
    cut = [found.start() for found in re.finditer(mark, text)][3] + 10
    path.write_text(text[:cut])
    reading = Reading()
    frames = frames_of(path, reading)
    np.testing.assert_array_equal(frames.energies, whole.energies[:3])
    assert [(entry.frame, entry.kind) for entry in reading.skipped] == [(3, 'truncated')]


def test_a_compressed_file_that_was_cut_off(tmp_path):
    data = recorded('silicon_dynamics', 'OUTCAR').read_bytes()
    path = tmp_path / 'OUTCAR.gz'
    path.write_bytes(data[: len(data) * 2 // 3])
    reading = Reading()
    assert 0 < frames_of(path, reading).n_frames < 5
    assert reading.skipped[-1].kind == 'truncated'


@pytest.mark.parametrize('name', FILES)
def test_asterisks_are_not_numbers(name, tmp_path):
    path = unzipped('silicon_dynamics', name, tmp_path)
    text = path.read_text()
    if name == 'vasprun.xml':
        start = text.index('<varray name="forces"')
        text = text[:start] + re.sub(r'<v> +\S+', '<v>   ********', text[start:], count=1)
    else:
        start = text.index('TOTAL-FORCE')
        text = text[:start] + re.sub(r'\n +[\d.]+ +[\d.]+ ', '\n  ******** 0.0 ', text[start:], count=1)
    path.write_text(text)
    reading = Reading()
    assert frames_of(path, reading).n_frames == 4
    assert reading.skipped[0].kind == 'incomplete'
    assert 'not numbers' in reading.skipped[0].reason


def test_steps_of_a_machine_learned_force_field_are_no_labels(tmp_path):
    path = unzipped('silicon_dynamics', 'vasprun.xml', tmp_path)
    head, first, *rest = re.split(r'(?=<calculation>)', path.read_text())
    path.write_text(head + re.sub(r'<scstep>.*</scstep>', '', first, flags=re.DOTALL) + ''.join(rest))
    reading = Reading()
    assert frames_of(path, reading).n_frames == 4
    assert 'machine-learned' in reading.skipped[0].reason
