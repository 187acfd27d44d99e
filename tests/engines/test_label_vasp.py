"""Labels by VASP: recorded runs replayed by mock-vasp, through LabelWorkChain and aiida-vasp."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest
from aiida.engine import run_get_node
from ase.io import read

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines.vasp import Engine
from aiida_glassion.label_engines.vasp_aimd import aimd_inputs, read_aimd
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.label import LabelWorkChain

RUNS = Path(__file__).parent.parent / 'fixtures' / 'vasp_mock'


def recorded_frame(case: str) -> Frames:
    return Frames.from_ase(read(RUNS / case / 'inp' / 'POSCAR', format='vasp'))


def interleaved(frames: Frames) -> Frames:
    """The elements in turn, as no POSCAR has them; the order within an element stays."""
    rank = [frames.symbols[:i].count(symbol) for i, symbol in enumerate(frames.symbols)]
    order = sorted(range(frames.n_atoms), key=lambda i: (rank[i], frames.symbols[i]))
    return Frames(tuple(frames.symbols[i] for i in order), frames.positions[:, order], frames.cells)


def pymatgen_read(case: str, tmp_path: Path):
    from pymatgen.io.vasp import Vasprun

    file = tmp_path / 'vasprun.xml'
    file.write_bytes(gzip.decompress((RUNS / case / 'out' / 'vasprun.xml.gz').read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # it finds five steps of a relaxation not relaxed
        return Vasprun(str(file), parse_potcar_file=False, parse_dos=False, parse_eigen=False)


def label(code, family, frames, elements, **overrides):
    builder = LabelWorkChain.get_builder_from_protocol(
        'vasp',
        code,
        frames,
        'napso',
        {'potential_family': family, 'attempts': 1, **overrides},
        elements=elements,
        tolerated_failures=0.9,
    )
    return run_get_node(builder)


@pytest.mark.engine
def test_converged_unconverged_and_cut_off(potcar_family, vasp_code, tmp_path):
    zinc = interleaved(recorded_frame('zinc_thiophosphate'))
    frames = {'zinc': FramesData(frames=zinc)} | {
        name: FramesData(frames=recorded_frame(name)) for name in ('silicon', 'silicon_unconverged', 'silicon_cut_off')
    }
    results, node = label(vasp_code, potcar_family, frames, ['P', 'S', 'Si', 'Zn'])
    assert node.is_finished_ok, node.exit_message

    refused = {entry['frames']: entry for entry in results['ledger']['refused']}
    assert {name: entry['kind'] for name, entry in refused.items()} == {
        'silicon_unconverged': 'unconverged',
        'silicon_cut_off': 'missing',
    }
    assert '8 electronic steps, NELM = 8' in refused['silicon_unconverged']['reason']
    assert 'SCF step 8' in refused['silicon_cut_off']['reason']

    dataset = results['dataset']
    assert dataset.labels == ['energies', 'forces', 'virials']
    labelled = {part.n_atoms: part for part in dataset.iter_frames()}
    for case, n_atoms, energy in (('zinc_thiophosphate', 104, -459.87614130), ('silicon', 2, -6.50214658)):
        part = labelled[n_atoms]
        reference = pymatgen_read(case, tmp_path).ionic_steps[-1]
        assert part.energies[0] == pytest.approx(energy, abs=1e-8)
        assert part.energies[0] == pytest.approx(reference['e_fr_energy'], abs=1e-8)
        np.testing.assert_allclose(part.forces[0], reference['forces'], atol=1e-8)
        np.testing.assert_allclose(
            part.virials[0], part.volumes[0] * np.array(reference['stress']) / 1602.1766, rtol=1e-6
        )
    assert dataset.method['functional'] == 'PBE'
    assert dataset.method['dispersion'] == 'd3-zero'

    for case in ('zinc_thiophosphate', 'silicon'):
        written = next(
            child.base.repository
            for child in node.called_descendants
            if child.process_type.endswith('vasp.vasp')
            and 'INCAR' in child.base.repository.list_object_names()
            and child.base.repository.get_object_content('POSCAR') == (RUNS / case / 'inp' / 'POSCAR').read_text()
        )
        for name in ('INCAR', 'KPOINTS'):
            assert written.get_object_content(name) == (RUNS / case / 'inp' / name).read_text()


@pytest.mark.engine
def test_spin_keeps_the_moment_of_each_site(potcar_family, vasp_code):
    frames = FramesData(frames=recorded_frame('silicon_spin'))
    results, node = label(vasp_code, potcar_family, frames, ['Si'], spin=True, magmom={'Si': 1.0})
    assert node.is_finished_ok, node.exit_message
    (labelled,) = results['dataset'].iter_frames()
    np.testing.assert_allclose(labelled.magnetisations, [[0.630]])


@pytest.mark.engine
def test_every_step_of_a_dynamics_is_labelled(potcar_family, vasp_code, tmp_path):
    settings = protocols.load('label_vasp', 'napso', {'potential_family': potcar_family})
    inputs = Engine.inputs_from_settings(vasp_code, settings, elements=['Si'])
    start = recorded_frame('silicon_dynamics')
    process, built = aimd_inputs(FramesData(frames=start), settings, inputs, 300.0, 5, 2.0, seed=7)
    _, node = run_get_node(process, **built)
    assert node.is_finished_ok, node.exit_message
    steps = read_aimd(start, Engine.outputs(node), settings)
    reference = pymatgen_read('silicon_dynamics', tmp_path).ionic_steps
    assert [step.energies[0] for step in steps] == pytest.approx([step['e_fr_energy'] for step in reference])
    np.testing.assert_allclose([step.forces[0] for step in steps], [step['forces'] for step in reference])
