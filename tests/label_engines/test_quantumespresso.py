"""Inputs of pw.x from settings, and labels from what pw.x left: recorded outputs, without the program."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from aiida_pseudo.data.pseudo.upf import UpfData
from aiida_quantumespresso.parsers.pw import PwParser

from aiida_glassion import units
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines import quantumespresso_inputs as pw
from aiida_glassion.label_engines.engine import Refused
from aiida_glassion.label_engines.quantumespresso import Engine
from aiida_glassion.label_engines.quantumespresso_aimd import aimd_inputs, draw_velocities, read_aimd
from aiida_glassion.workchains import protocols

pytestmark = pytest.mark.usefixtures('aiida_profile')

RECORDED = Path(__file__).parent.parent / 'fixtures' / 'quantumespresso'
SILICA = Frames(
    ('O', 'Si', 'O'),
    np.array([[[1.60, 0.10, 0.05], [0.0, 0.0, 0.0], [-0.40, 1.55, 0.20]]]),
    np.array([[[3.4, 0.0, 0.0], [0.2, 3.3, 0.0], [0.1, -0.3, 3.4]]]),
)
#: the plugin's Hartree is that of an older CODATA: all its energies are smaller by this share.
PLUGIN_CONSTANTS = 1.1e-7
VALENCES = {'O': 6, 'Si': 4, 'V': 13}


def pseudo(element, functional='PBE', kind='NC'):
    """The header is all that the inputs look at."""
    text = (
        f'<UPF version="2.0.1"><PP_HEADER element="{element}" pseudo_type="{kind}" functional="{functional}" '
        f'z_valence="{VALENCES.get(element, 4)}.0"/></UPF>'
    )
    return UpfData(io.BytesIO(text.encode()), filename=f'{element}.upf')


def settings(protocol='tiny', **overrides):
    return protocols.load('label_quantumespresso', protocol, overrides)


@pytest.fixture
def code(aiida_code_installed):
    return aiida_code_installed(
        default_calc_job_plugin='quantumespresso.pw', filepath_executable='/bin/true', with_mpi=False
    )


@pytest.fixture
def inputs(code):
    pseudos = {element: pseudo(element) for element in ('O', 'Si', 'V')}
    cutoffs = {'O': [42, 168], 'Si': [18, 72], 'V': [50, 200]}
    return Engine.inputs_from_settings(code, settings('moderate'), pseudos=pseudos, cutoffs=cutoffs)


@pytest.fixture
def recorded(aiida_localhost):
    """Output nodes as the plugin reads them from recorded files."""

    def read(case, symbols=SILICA.symbols, without=()):
        frames = Frames(symbols, SILICA.positions, SILICA.cells)
        calculation = 'md' if case == 'md' else 'scf'
        kpoints = orm.KpointsData()
        kpoints.set_kpoints_mesh([1, 1, 1])
        node = orm.CalcJobNode(computer=aiida_localhost, process_type='aiida.calculations:quantumespresso.pw')
        node.set_option('output_filename', 'aiida.out')
        node.set_option('resources', {'num_machines': 1, 'num_mpiprocs_per_machine': 1})
        given = {
            'structure': orm.StructureData(ase=frames.to_ase()),
            'parameters': orm.Dict({'CONTROL': {'calculation': calculation}, 'ELECTRONS': {}, 'SYSTEM': {}}),
            'kpoints': kpoints,
        }
        for label, data in given.items():
            node.base.links.add_incoming(data.store(), LinkType.INPUT_CALC, label)
        node.store()
        retrieved = orm.FolderData(tree=str(RECORDED / case))
        retrieved.base.links.add_incoming(node, LinkType.CREATE, 'retrieved')
        retrieved.store()
        outputs, _ = PwParser.parse_from_node(node, store_provenance=False)
        found = {name: outputs[name] for name in ('output_parameters', 'output_trajectory') if name in outputs}
        for name in without:
            found['output_trajectory'].delete_array(name)
        return found

    return read


def printed(case):
    return (RECORDED / case / 'aiida.out').read_text()


# --- inputs ---------------------------------------------------------------------------------------------------------


def test_everything_is_written_out(inputs):
    chosen = settings('napso', nspin=2, magnetic_moments={'V': 1.3}, cutoff_factor=1.1)
    frames = Frames(('V', 'O'), np.array([[[0, 0, 0], [1.6, 0, 0]]]), np.array([np.eye(3) * 8.0]))
    assert pw.parameters(frames, chosen, inputs) == {
        'CONTROL': {'calculation': 'scf', 'tprnfor': True, 'tstress': True, 'disk_io': 'low'},
        'SYSTEM': {
            'input_dft': 'PBE',
            'ecutwfc': pytest.approx(55.0),
            'ecutrho': pytest.approx(220.0),
            'occupations': 'smearing',
            'smearing': 'gaussian',
            'degauss': 0.0037,
            'nspin': 2,
            'starting_magnetization': {'O': 0.0, 'V': pytest.approx(0.1)},
            'tot_charge': 0.0,
            'nosym': True,
            'noinv': False,
            'vdw_corr': 'dft-d3',
            'dftd3_version': 3,
            'dftd3_threebody': False,
        },
        'ELECTRONS': {
            'conv_thr': pytest.approx(2e-9),
            'electron_maxstep': 100,
            'scf_must_converge': True,
            'mixing_mode': 'plain',
            'mixing_beta': 0.4,
            'mixing_ndim': 8,
            'diagonalization': 'david',
        },
    }


def test_fixed_occupations_and_no_dispersion_are_said_too(inputs):
    system = pw.parameters(SILICA, settings('moderate', occupations='fixed'), inputs)['SYSTEM']
    assert system['occupations'] == 'fixed'
    assert system['vdw_corr'] == 'none'
    assert not {'smearing', 'degauss', 'dftd3_version', 'starting_magnetization'} & set(system)


@pytest.mark.parametrize('spacing', [0.5, 0.23])
def test_mesh_is_that_of_the_plugin_and_of_vasp(spacing):
    rng = np.random.default_rng(0)
    for _ in range(50):
        cell = np.eye(3) * rng.uniform(3, 14, 3) + rng.normal(0, 0.8, (3, 3))
        kpoints = orm.KpointsData()
        kpoints.set_cell(cell)
        kpoints.set_kpoints_mesh_from_density(spacing)
        assert pw.mesh(cell, spacing) == kpoints.get_kpoints_mesh()[0]
        reciprocal = np.array([np.cross(cell[1], cell[2]), np.cross(cell[2], cell[0]), np.cross(cell[0], cell[1])])
        lengths = np.linalg.norm(reciprocal, axis=1) / abs(np.linalg.det(cell))
        by_vasp = [max(1, int(np.ceil(length * 2 * np.pi / spacing))) for length in lengths]  # KSPACING in its manual
        assert pw.mesh(cell, spacing) == by_vasp


def test_gamma_only_where_no_spacing_is_given():
    assert pw.mesh(np.eye(3), None) == [1, 1, 1]


def test_cutoffs_are_those_of_the_whole_study(inputs):
    assert pw.cutoffs(settings('moderate'), inputs) == (50.0, 200.0)  # vanadium's, whether a frame has any or not
    assert pw.cutoffs(settings('moderate', ecutwfc=60), inputs) == (60.0, 240.0)
    assert pw.cutoffs(settings('moderate', ecutwfc=60, ecutrho=500), inputs) == (60.0, 500.0)


def test_cutoffs_that_nobody_knows_are_refused(code):
    soft = {'O': pseudo('O', kind='US'), 'Si': pseudo('Si')}
    with pytest.raises(ValueError, match='no recommended cutoffs for O, Si; set ecutwfc and ecutrho'):
        Engine.inputs_from_settings(code, settings('moderate'), pseudos=soft)
    with pytest.raises(ValueError, match=r'ecutrho: not set; O \(ultrasoft\)'):
        Engine.inputs_from_settings(code, settings('moderate', ecutwfc=40), pseudos=soft)
    with pytest.raises(ValueError, match='less than 4 times'):
        Engine.inputs_from_settings(code, settings('moderate', ecutwfc=40, ecutrho=100), pseudos=soft)


@pytest.mark.parametrize(
    ('overrides', 'message'),
    [
        ({'dispersion': 'd4'}, "dispersion: 'd4' is not known; known are none, d3-zero, d3-bj"),
        ({'ecutwfc': -3}, 'ecutwfc: -3 given, expected a number above zero'),
        ({'conv_thr_per_atom': '1e-9'}, "conv_thr_per_atom: '1e-9' given"),
        ({'electron_maxstep': True}, 'electron_maxstep: True given'),
        ({'nspin': 4}, 'nspin: 4 is not known; known are 1, 2'),
        ({'nspin': 2}, 'magnetic_moments: none given with nspin 2'),
        ({'magnetic_moments': {'V': 1}}, 'magnetic_moments: given without spin'),
        ({'nspin': 2, 'magnetic_moments': {'Fe': 1}}, 'magnetic_moments: Fe has no pseudopotential'),
        ({'nspin': 2, 'magnetic_moments': {'Si': 5}}, 'magnetic_moments.Si: 5 µB, more than its valence electrons'),
        ({'nspin': 2, 'magnetic_moments': {'V': 1}, 'occupations': 'fixed'}, 'occupations: fixed with nspin 2'),
        ({'degauss': 0}, 'degauss: 0 given'),
        ({'degauss': 'wide'}, "degauss: 'wide' given"),
        ({'functional': 'PBESOL'}, 'pseudos.O: O.upf was made for PBE, but functional is PBESOL'),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(inputs, overrides, message):
    assert message in Engine.check(SILICA, settings('moderate', **overrides), inputs)


def test_settings_that_are_missing_are_named(inputs):
    assert Engine.check(SILICA, {'ecutwfc': 40}, inputs).startswith('settings: cutoff_factor, conv_thr_per_atom')


def test_another_functional_may_be_meant(inputs):
    assert Engine.check(SILICA, settings('moderate', functional='SCAN', pseudo_functional='PBE'), inputs) is None


def test_frames_that_cannot_be_labelled_are_refused(inputs):
    chosen = settings('moderate')
    assert Engine.check(SILICA, chosen, inputs) is None
    sodium = Frames(('Na', 'O', 'O'), SILICA.positions, SILICA.cells)
    assert Engine.check(sodium, chosen, inputs) == 'pseudos: no pseudopotential for Na; given are O, Si, V'
    slab = Frames(SILICA.symbols, SILICA.positions, SILICA.cells, pbc=(True, True, False))
    assert 'periodic' in Engine.check(slab, chosen, inputs)
    swapped = {**inputs, 'pseudos': {'O': pseudo('Si'), 'Si': pseudo('O')}}
    assert Engine.check(SILICA, chosen, swapped) == 'pseudos.O: Si.upf is one of Si'
    ranks = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 4}}
    assert 'options.resources: 4 MPI ranks' in Engine.check(SILICA, chosen, {**inputs, 'options': ranks})
    assert 'code: none given' in Engine.check(SILICA, chosen, {'pseudos': inputs['pseudos']})


def test_method_names_what_decides_and_nothing_else(inputs):
    method = Engine.method(settings('moderate'), inputs)
    assert method['ecutwfc_ry'] == 50.0
    assert method['functional'] == 'PBE'
    assert method['energy'] == 'free energy of the electrons, F = E - TS'
    assert method['pseudopotentials']['O'] == f'norm-conserving, md5 {inputs["pseudos"]["O"].md5}'
    assert sorted(method['pseudopotentials']) == ['O', 'Si', 'V']
    assert Engine.method(settings('moderate', mixing_beta=0.1, max_iterations=7), inputs) == method
    explicit = settings('moderate', ecutwfc=50, ecutrho=200)
    assert Engine.method(explicit, inputs) == method  # the resolved cutoffs count, not where they come from
    for change in ({'dispersion': 'd3-zero'}, {'k_spacing': 0.2}, {'degauss': 0.01}, {'cutoff_factor': 1.2}):
        assert Engine.method(settings('moderate', **change), inputs) != method
    assert Engine.method(settings('moderate', occupations='fixed'), inputs)['energy'] == 'total energy'


def test_job_takes_only_the_pseudopotentials_of_its_frame(inputs):
    process, job = Engine.job(FramesData(frames=SILICA).store(), settings('tiny'), inputs)
    assert process.__name__ == 'PwBaseWorkChain'
    assert sorted(job['pw']['pseudos']) == ['O', 'Si']
    assert job['pw']['settings'].get_dict() == {'GAMMA_ONLY': True}
    assert [site.kind_name for site in job['pw']['structure'].sites] == ['O', 'Si', 'O']
    assert job['pw']['metadata']['options']['withmpi'] is False
    assert job['clean_workdir'].value is True
    _, wide = Engine.job(FramesData(frames=SILICA).store(), settings('napso'), inputs)
    assert wide['kpoints'].get_kpoints_mesh() == ([4, 4, 4], [0.0, 0.0, 0.0])
    assert 'settings' not in wide['pw']


def test_job_turns_a_left_handed_cell(inputs):
    left = Frames(SILICA.symbols, SILICA.positions, SILICA.cells[:, [1, 0, 2]])
    structure = Engine.job(FramesData(frames=left).store(), settings('tiny'), inputs)[1]['pw']['structure']
    assert np.allclose(structure.cell, -left.cells[0])
    assert np.linalg.det(structure.cell) > 0


def test_pseudopotentials_from_a_family(aiida_profile_clean, code):
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    family = CutoffsPseudoPotentialFamily(label='mine').store()
    family.add_nodes([pseudo(element).store() for element in ('O', 'Si', 'V')])
    family.set_cutoffs({e: {'cutoff_wfc': 30 + i, 'cutoff_rho': 200.0} for i, e in enumerate(['O', 'Si', 'V'])}, 'n')
    family.set_default_stringency('n')
    inputs = Engine.inputs_from_settings(code, settings('moderate'), pseudo_family='mine', elements=['Si', 'O'])
    assert sorted(inputs['pseudos']) == ['O', 'Si']
    assert inputs['cutoffs'].get_dict() == {
        'O': [pytest.approx(30 / units.RYDBERG_TO_EV), pytest.approx(14.7, abs=0.1)],
        'Si': [pytest.approx(31 / units.RYDBERG_TO_EV), pytest.approx(14.7, abs=0.1)],
    }
    with pytest.raises(ValueError, match='mine has no pseudopotential for Na'):
        Engine.inputs_from_settings(code, settings('moderate'), pseudo_family='mine', elements=['Na'])
    with pytest.raises(ValueError, match="no 'SSSP' in this profile; there are mine"):
        Engine.inputs_from_settings(code, settings('moderate'), pseudo_family='SSSP', elements=['O'])
    with pytest.raises(ValueError, match='elements: give those of the whole study'):
        Engine.inputs_from_settings(code, settings('moderate'), pseudo_family='mine')
    with pytest.raises(ValueError, match='either the nodes by element, or a pseudo_family'):
        Engine.inputs_from_settings(code, settings('moderate'))
    with pytest.raises(ValueError, match='potential: not an input of quantumespresso'):
        Engine.inputs_from_settings(code, settings('moderate'), potential=1)


# --- outputs --------------------------------------------------------------------------------------------------------


def test_label_is_what_pw_prints(recorded):
    (label,) = Engine.read(SILICA, recorded('scf'), settings())
    text = printed('scf')
    energy = float(re.search(r'^!\s+total energy\s+=\s+(\S+) Ry', text, re.MULTILINE)[1])
    assert label.energies[0] == pytest.approx(energy * units.RYDBERG_TO_EV, rel=PLUGIN_CONSTANTS)
    forces = re.findall(r'^ +atom +\d+ type +\d +force = +(\S+) +(\S+) +(\S+)', text, re.MULTILINE)[:3]
    in_ev = np.array(forces, dtype=float) * units.RYDBERG_TO_EV / units.BOHR_TO_ANGSTROM
    np.testing.assert_allclose(label.forces[0], in_ev, atol=3e-7 * 51)
    pressure = float(re.search(r'P= +(\S+)', text)[1]) * units.BAR_TO_GPA * 1e3  # kbar, positive where it would grow
    assert pressure > 0
    found = np.trace(label.virials[0]) / 3 / SILICA.volumes[0] * units.EV_PER_ANGSTROM3_TO_GPA
    assert found == pytest.approx(pressure, abs=1e-3)
    assert label.symbols == SILICA.symbols
    np.testing.assert_array_equal(label.positions, SILICA.positions)
    assert label.magnetisations is None


def test_moments_of_the_sites(recorded):
    (label,) = Engine.read(SILICA, recorded('spin'), settings(nspin=2, magnetic_moments={'O': 0.5}))
    moments = re.findall(r'atom: +\d+ +charge: +\S+ +magn: +(\S+)', printed('spin'))[-3:]
    np.testing.assert_allclose(label.magnetisations, [np.array(moments, dtype=float)])


def test_moments_that_are_missing_are_said(recorded):
    (refused,) = Engine.read(SILICA, recorded('scf'), settings(nspin=2, magnetic_moments={'O': 0.5}))
    assert refused == Refused('missing', 'nspin is 2, but pw.x left no moments of the sites')


def test_unconverged_is_refused_with_numbers(recorded):
    (refused,) = Engine.read(SILICA, recorded('unconverged'), settings(electron_maxstep=2))
    left = float(re.findall(r'estimated scf accuracy +< +(\S+) Ry', printed('unconverged'))[-1])
    assert refused.kind == 'unconverged'
    assert 'not converged after 2 iterations' in refused.reason
    said = float(re.search(r': (\S+) Ry left', refused.reason)[1])
    assert said == pytest.approx(left, rel=0.05)


def test_killed_run_is_refused(recorded):
    (refused,) = Engine.read(SILICA, recorded('killed'), settings())
    assert refused == Refused('failed', 'pw.x was stopped before its SCF had converged')
    (nothing,) = Engine.read(SILICA, {}, settings())
    assert nothing.kind == 'failed'


@pytest.mark.parametrize('name', ['energy', 'forces', 'stress'])
def test_missing_labels_are_refused(recorded, name):
    (refused,) = Engine.read(SILICA, recorded('scf', without=[name]), settings())
    assert refused.kind == 'missing'
    assert f'no {name}' in refused.reason


def test_nan_is_refused(recorded):
    outputs = recorded('scf')
    outputs['output_trajectory'].set_array('forces', np.full((1, 3, 3), np.nan))
    (refused,) = Engine.read(SILICA, outputs, settings())
    assert refused == Refused('missing', 'labels of pw.x cannot be used: forces: not finite (NaN or infinity)')


def test_other_atoms_are_refused(recorded):
    outputs = recorded('scf')
    (refused,) = Engine.read(Frames(('Si', 'O', 'O'), SILICA.positions, SILICA.cells), outputs, settings())
    assert refused.kind == 'wrong_atoms'
    moved = SILICA.positions.copy()
    moved[0, 1, 2] += 0.01
    (refused,) = Engine.read(Frames(SILICA.symbols, moved, SILICA.cells), outputs, settings())
    assert refused == Refused('wrong_atoms', 'an atom was labelled 0.010 Å from where it was asked for')
    image = SILICA.positions.copy()
    image[0, 1] += SILICA.cells[0, 2] - 2 * SILICA.cells[0, 0]
    (label,) = Engine.read(Frames(SILICA.symbols, image, SILICA.cells), outputs, settings())
    np.testing.assert_array_equal(label.positions, image)  # unwrapped as it came


# --- short dynamics -------------------------------------------------------------------------------------------------


def test_every_step_is_a_label(recorded):
    frames = read_aimd(SILICA, recorded('md'), settings())
    text = printed('md')
    energies = np.array(re.findall(r'^!\s+total energy\s+=\s+(\S+) Ry', text, re.MULTILINE), dtype=float)
    pressures = np.array(re.findall(r'P= +(\S+)', text), dtype=float) / 10
    assert len(frames) == 4
    np.testing.assert_allclose([f.energies[0] for f in frames], energies * units.RYDBERG_TO_EV, rtol=PLUGIN_CONSTANTS)
    found = [np.trace(f.virials[0]) / 3 / f.volumes[0] * units.EV_PER_ANGSTROM3_TO_GPA for f in frames]
    np.testing.assert_allclose(found, pressures, atol=1e-3)
    np.testing.assert_allclose(frames[0].positions, SILICA.positions, atol=1e-6)
    # each frame holds the positions at which its forces were computed: energies change as the forces say
    for before, after in pairwise(frames):
        step = after.positions - before.positions
        work = -((before.forces + after.forces) / 2 * step).sum()
        assert after.energies[0] - before.energies[0] == pytest.approx(work, abs=5e-4)


def test_a_run_that_was_stopped_keeps_the_steps_before(recorded):
    outputs = recorded('md')
    trajectory = outputs['output_trajectory']
    trajectory.set_array('stress', trajectory.get_array('stress')[:2])
    assert len(read_aimd(SILICA, outputs, settings())) == 2
    assert read_aimd(SILICA, recorded('killed'), settings()) == []
    assert read_aimd(SILICA, {}, settings()) == []


def test_steps_that_ran_out_of_iterations_are_left_out(recorded):
    outputs = recorded('md')
    iterations = outputs['output_trajectory'].get_array('scf_iterations')
    assert len(read_aimd(SILICA, outputs, settings(electron_maxstep=int(iterations.max())))) < 4


def test_moments_of_each_step_are_the_converged_ones(recorded):
    spin = settings(nspin=2, magnetic_moments={'O': 0.5})
    outputs = recorded('md')
    assert read_aimd(SILICA, outputs, spin) == []
    moments = np.arange(24.0).reshape(8, 3)  # printed twice a step
    outputs['output_trajectory'].set_array('atomic_magnetic_moments', moments)
    found = [frames.magnetisations[0] for frames in read_aimd(SILICA, outputs, spin)]
    np.testing.assert_array_equal(found, moments[1::2])
    outputs['output_trajectory'].set_array('atomic_magnetic_moments', moments[:7])
    assert read_aimd(SILICA, outputs, spin) == []


def test_dynamics_starts_at_the_temperature(inputs):
    temperature = float(re.search(r'^ +temperature +=\s+(\S+) K', printed('md'), re.MULTILINE)[1])
    assert temperature == pytest.approx(300, abs=0.01)  # what pw.x makes of the velocities below
    node = FramesData(frames=SILICA).store()
    _, job = aimd_inputs(node, settings(), inputs, 300, 4, 1.0, seed=3)
    parameters = job['pw']['parameters'].get_dict()
    assert parameters['CONTROL']['calculation'] == 'md'
    assert parameters['CONTROL']['nstep'] == 4
    assert parameters['CONTROL']['dt'] == pytest.approx(20.670687, abs=1e-6)
    written = re.search(r'ATOMIC_VELOCITIES\n(.*?)K_POINTS', (RECORDED / 'md' / 'aiida.in').read_text(), re.DOTALL)[1]
    velocities = [[float(number) for number in line.split()[1:]] for line in written.strip().splitlines()]
    np.testing.assert_allclose(job['pw']['settings']['ATOMIC_VELOCITIES'], velocities, atol=1e-9)


def test_velocities_have_no_drift_and_a_seed():
    velocities = draw_velocities(SILICA, 500, 1)
    np.testing.assert_allclose((SILICA.masses[:, None] * velocities).sum(axis=0), 0, atol=1e-10)
    kinetic = 0.5 * (SILICA.masses[:, None] * velocities**2).sum() * 1.0364269e-4  # amu Å²/ps² in eV
    assert kinetic == pytest.approx(0.5 * 6 * units.KB_EV_PER_K * 500, rel=1e-6)
    np.testing.assert_array_equal(draw_velocities(SILICA, 500, 1), velocities)
    assert not np.allclose(draw_velocities(SILICA, 500, 2), velocities)
    lone = Frames(('O',), np.zeros((1, 1, 3)), np.array([np.eye(3) * 5]))
    assert not draw_velocities(lone, 500, 1).any()


def test_velocities_of_the_frame_are_kept(inputs):
    moving = Frames(SILICA.symbols, SILICA.positions, SILICA.cells, velocities=np.ones((1, 3, 3)))
    _, job = aimd_inputs(FramesData(frames=moving).store(), settings(), inputs, 300, 4, 1.0)
    expected = 1 / units.BOHR_TO_ANGSTROM * units.RYDBERG_TIME_TO_PS
    np.testing.assert_allclose(job['pw']['settings']['ATOMIC_VELOCITIES'], expected)
