"""Labels by the real pw.x: derivatives against finite differences, signs, order, and what failed jobs leave."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida_pseudo.data.pseudo.upf import UpfData

from aiida_glassion import units
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines.quantumespresso import Engine
from aiida_glassion.label_engines.quantumespresso_aimd import aimd_inputs, read_aimd
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.label import LabelWorkChain

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.usefixtures('aiida_profile_clean')]

DEBIAN = Path('/usr/share/espresso/pseudo')
#: an oxygen before the silicon, so that the order of the atoms is not that of the elements.
SILICA = Frames(
    ('O', 'Si', 'O'),
    np.array([[[1.60, 0.10, 0.05], [0.0, 0.0, 0.0], [-0.40, 1.55, 0.20]]]),
    np.array([[[3.4, 0.0, 0.0], [0.2, 3.3, 0.0], [0.1, -0.3, 3.4]]]),
)
#: distorted diamond, triclinic and left-handed.
SILICON = Frames(
    ('Si', 'Si'),
    np.array([[[0.0, 0.0, 0.0], [1.45, 1.30, 1.40]]]),
    np.array([[[2.75, 2.8, 0.0], [0.1, 2.75, 2.7], [2.7, 0.05, 2.65]]]),
)
STRAIN = np.array([[0.6, 0.25, -0.1], [0.25, -0.3, 0.2], [-0.1, 0.2, 0.5]])
ALONG = np.array([0.6, -0.64, 0.48])
STEP = 0.004


@pytest.fixture
def pseudos():
    return {'Si': UpfData(DEBIAN / 'Si.pbe-rrkj.UPF'), 'O': UpfData(DEBIAN / 'O.pbe-rrkjus.UPF')}


def displaced(frames: Frames, atom: int, by: np.ndarray) -> Frames:
    positions = frames.positions.copy()
    positions[0, atom] += by
    return Frames(frames.symbols, positions, frames.cells)


def strained(frames: Frames, strain: np.ndarray) -> Frames:
    deform = np.eye(3) + strain
    return Frames(frames.symbols, frames.positions @ deform, frames.cells @ deform)


def run_labels(code, pseudos, frames, job=None, **overrides):
    builder = LabelWorkChain.get_builder_from_protocol(
        'quantumespresso',
        code,
        {name: FramesData(frames=value) for name, value in frames.items()},
        'tiny',
        overrides,
        pseudos=pseudos,
        **(job or {}),
    )
    return run_get_node(builder)[1]


def label_of(node, frames):
    """The label of these frames in the dataset, which groups atoms by element."""
    wanted = frames.sorted_by_element()
    for part in node.outputs.dataset.iter_frames():
        for index in range(part.n_frames):
            same_atoms = part.symbols == wanted.symbols and np.allclose(part.cells[index], wanted.cells[0])
            if same_atoms and np.allclose(part.positions[index], wanted.positions[0]):
                return part[index]
    raise AssertionError('these frames got no label')


def pw_runs(node):
    found = [called for called in node.called_descendants if called.process_label == 'PwCalculation']
    return sorted(found, key=lambda run: run.pk)


def stdout_of(run):
    return run.outputs.retrieved.base.repository.get_object_content('aiida.out')


def test_labels_are_derivatives_of_the_energy(pw_code, pseudos):
    """Si is norm-conserving and converged at 40 Ry: no augmentation grid, and a Pulay stress below the tolerance."""
    frames = {
        'silicon': SILICON,
        'moved_ahead': displaced(SILICON, 1, STEP * ALONG),
        'moved_back': displaced(SILICON, 1, -STEP * ALONG),
        'strained_ahead': strained(SILICON, STEP * STRAIN),
        'strained_back': strained(SILICON, -STEP * STRAIN),
    }
    node = run_labels(pw_code, pseudos, frames, ecutwfc=40, ecutrho=160, dispersion='d3-zero')
    assert node.is_finished_ok, node.exit_message
    dataset = node.outputs.dataset
    assert dataset.formulas == {'Si2': 5}
    assert {'energies', 'forces', 'virials'} <= set(dataset.labels)
    assert dataset.method['dispersion'] == 'd3-zero'
    assert dataset.method['ecutwfc_ry'] == 40
    labels = {name: label_of(node, value) for name, value in frames.items()}
    energies = {name: label.energies[0] for name, label in labels.items()}
    force = -(energies['moved_ahead'] - energies['moved_back']) / (2 * STEP)
    assert abs(force) > 1
    assert labels['silicon'].forces[0, 1] @ ALONG == pytest.approx(force, abs=2e-3)  # eV/Å
    virial = -(energies['strained_ahead'] - energies['strained_back']) / (2 * STEP)
    assert virial > 5
    assert (labels['silicon'].virials[0] * STRAIN).sum() == pytest.approx(virial, abs=5e-3)  # eV

    run = pw_runs(node)[0]
    assert 'DFT-D3 Dispersion' in stdout_of(run)
    assert run.outputs.remote_folder.is_empty  # wavefunctions are not kept


def test_a_killed_pw_is_run_once_more(aiida_code_installed, localhost, pw, pseudos, tmp_path):
    """pw.x dies in its first iterations, as when a node fails; the base WorkChain's second try gives the label."""
    program = tmp_path / 'pw.sh'
    program.write_text(
        f"""#!/bin/bash
if [ -e {tmp_path}/killed ]; then exec {pw} "$@"; fi
touch {tmp_path}/killed
{pw} "$@" | sed '/iteration #  3/q'
"""
    )
    program.chmod(0o755)
    code = aiida_code_installed(
        label='pw-killed',
        default_calc_job_plugin='quantumespresso.pw',
        computer=localhost,
        filepath_executable=str(program),
        prepend_text='export OMP_NUM_THREADS=1',
        with_mpi=False,
    )
    job = {
        'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'max_wallclock_seconds': 600},
        'parallelization': {'npool': 1},
    }
    node = run_labels(code, pseudos, {'silica': SILICA}, job)
    assert node.is_finished_ok, node.exit_message
    assert [run.exit_status for run in pw_runs(node)] == [305, 0]
    assert pw_runs(node)[-1].inputs.parameters['CONTROL']['max_seconds'] == pytest.approx(570)
    assert node.outputs.dataset.n_frames == 1
    printed = re.findall(
        r'^ +atom +\d+ type +\d +force = +(\S+) +(\S+) +(\S+)', stdout_of(pw_runs(node)[-1]), re.MULTILINE
    )
    in_ev = np.array(printed[:3], dtype=float) * units.RYDBERG_TO_EV / units.BOHR_TO_ANGSTROM
    np.testing.assert_allclose(label_of(node, SILICA).forces[0], in_ev, atol=2e-5)
    assert node.outputs.ledger['refused'] == []


def test_unconverged_goes_to_the_ledger(pw_code, pseudos):
    node = run_labels(pw_code, pseudos, {'silica': SILICA}, electron_maxstep=2, max_iterations=2)
    assert node.exit_status == 501
    assert len(pw_runs(node)) == 2
    assert 'dataset' not in node.outputs
    (refused,) = node.outputs.ledger['refused']
    assert refused['kind'] == 'unconverged'
    assert 'not converged after' in refused['reason']
    betas = [run.inputs.parameters['ELECTRONS']['mixing_beta'] for run in pw_runs(node)]
    assert betas == pytest.approx([0.4, 0.32])


def test_missing_pseudopotential_is_said_before(pw_code, pseudos):
    with pytest.raises(ValueError, match='no pseudopotential for O; given are Si'):
        run_labels(pw_code, {'Si': pseudos['Si']}, {'silica': SILICA}, ecutwfc=20, ecutrho=80)


def test_dynamics_gives_labels(pw_code, pseudos):
    """Energies and forces belong to the positions beside them: labelled again, the last step is the same."""
    settings = protocols.load('label_quantumespresso', 'tiny')
    inputs = Engine.inputs_from_settings(pw_code, settings, pseudos=pseudos)
    process, job = aimd_inputs(FramesData(frames=SILICA), settings, inputs, 300, 3, 1.0, seed=5)
    _, node = run_get_node(process, **job)
    assert node.is_finished_ok, node.exit_message
    steps = read_aimd(SILICA, Engine.outputs(node), settings)
    assert len(steps) == 3
    moved = np.abs(steps[-1].positions - SILICA.positions).max()
    assert 0.005 < moved < 0.2
    process, job = Engine.job(
        FramesData(frames=Frames(SILICA.symbols, steps[-1].positions, SILICA.cells)), settings, inputs
    )
    _, node = run_get_node(process, **job)
    (again,) = Engine.read(steps[-1], Engine.outputs(node), settings)
    assert again.energies[0] == pytest.approx(steps[-1].energies[0], abs=1e-6)
    np.testing.assert_allclose(again.forces, steps[-1].forces, atol=2e-3)
    np.testing.assert_allclose(again.virials, steps[-1].virials, atol=2e-3)
