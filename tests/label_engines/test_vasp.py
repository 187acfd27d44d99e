"""What VASP is told, and what is made of the files of recorded runs; nothing runs here."""

from __future__ import annotations

import gzip
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from ase.io import read as ase_read

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines import vasp_inputs
from aiida_glassion.label_engines.engine import Refused
from aiida_glassion.label_engines.vasp import Engine
from aiida_glassion.label_engines.vasp_aimd import aimd_inputs, read_aimd
from aiida_glassion.workchains import protocols

RUNS = Path(__file__).parent.parent / 'fixtures' / 'vasp_mock'


def settings(protocol='napso', **overrides):
    return protocols.load('label_vasp', protocol, {'potential_family': 'PBE', **overrides})


def recorded(case: str, name: str = 'vasprun.xml') -> bytes:
    folder = RUNS / case / 'out' if (RUNS / case).exists() else RUNS.parent / 'vasp' / case
    return gzip.decompress((folder / f'{name}.gz').read_bytes())


def images(case: str):
    """Every ionic step of a recorded run, read by ASE."""
    return ase_read(io.BytesIO(recorded(case)), format='vasp-xml', index=':')


def retrieved(xml: bytes) -> dict[str, orm.Data]:
    node = orm.FolderData()
    node.base.repository.put_object_from_filelike(io.BytesIO(xml), 'vasprun.xml')
    return {'retrieved': node}


def interleaved(frames: Frames) -> tuple[Frames, list[int]]:
    """The elements in turn, and where each atom was before; the order within an element stays."""
    rank = [frames.symbols[:i].count(symbol) for i, symbol in enumerate(frames.symbols)]
    order = sorted(range(frames.n_atoms), key=lambda i: (rank[i], frames.symbols[i]))
    return Frames(tuple(frames.symbols[i] for i in order), frames.positions[:, order], frames.cells), order


def crystal(symbols=('Na', 'P', 'S'), cell=None) -> Frames:
    positions = 2.5 * np.arange(len(symbols))[:, None] * np.array([1.0, 1.0, 1.0])
    return Frames(tuple(symbols), positions[None], np.diag([10.0, 11.0, 12.0])[None] if cell is None else cell[None])


class TestIncar:
    def test_seed_protocol(self):
        tags = vasp_inputs.incar(['Na', 'P', 'S'], settings())
        assert {name: tags[name] for name in ('gga', 'ivdw', 'encut', 'ispin', 'isym', 'nsw', 'ibrion', 'isif')} == {
            'gga': 'PE', 'ivdw': 11, 'encut': 400, 'ispin': 1, 'isym': 0, 'nsw': 0, 'ibrion': -1, 'isif': 2,
        }  # fmt: skip
        assert 'magmom' not in tags
        assert 'lorbit' not in tags
        assert settings()['k_spacing'] == 0.5

    def test_spin_starts_from_the_moment_of_each_element(self):
        tags = vasp_inputs.incar(['O', 'O', 'V'], settings(spin=True, magmom={'V': 2, 'others': 0.6}))
        assert (tags['ispin'], tags['magmom'], tags['lorbit']) == (2, '0.6 0.6 2', 10)

    def test_spin_starts_from_the_moment_of_each_site(self):
        tags = vasp_inputs.incar(['V', 'V'], settings(spin=True, magmom=[1.0, -2.0]))
        assert tags['magmom'] == '1 -2'

    @pytest.mark.parametrize(
        ('overrides', 'words'),
        [
            ({'functional': 'PBE0'}, "functional: 'PBE0'; known are PBE"),
            ({'dispersion': 'd4'}, "dispersion: 'd4'; known are none, d3-zero"),
            ({'encut': 0}, 'encut: 0, expected a positive number'),
            ({'spin': True}, 'magmom: with spin'),
            ({'spin': True, 'magmom': {'V': 2}}, 'magmom: no moment for O'),
            ({'spin': True, 'magmom': [1.0]}, 'magmom: 1 moments for 2 sites'),
            ({'incar': {'ENCUT': 500}}, 'incar.ENCUT: decided by the setting encut'),
            ({'incar': {'KSPACING': 0.5}}, 'incar.KSPACING: decided by the setting k_spacing'),
            ({'incar': {'NSW': 5}}, 'incar.NSW'),
        ],
    )
    def test_refuses(self, overrides, words):
        with pytest.raises(ValueError, match=words):
            vasp_inputs.incar(['O', 'V'], settings(**overrides))

    def test_unknown_setting_names_the_nearest(self):
        with pytest.raises(ValueError, match="did you mean 'k_spacing'"):
            settings(kspacing=0.3)


class TestMesh:
    def test_spacing_is_never_larger_than_asked(self):
        rng = np.random.default_rng(7)
        for _ in range(50):
            cell = rng.normal(size=(3, 3)) * 6 + np.eye(3) * 9
            spacing = rng.uniform(0.1, 0.8)
            mesh = vasp_inputs.k_mesh(cell, spacing)
            volume = np.dot(cell[0], np.cross(cell[1], cell[2]))
            for i, n in enumerate(mesh):
                length = 2 * np.pi * np.linalg.norm(np.cross(cell[i - 2], cell[i - 1])) / abs(volume)
                assert length / n <= spacing + 1e-9
                assert n == 1 or length / (n - 1) > spacing

    def test_exactly_at_the_border(self):
        assert vasp_inputs.k_mesh(np.eye(3) * 4 * np.pi, 0.5) == [1, 1, 1]
        assert vasp_inputs.k_mesh(np.eye(3) * 2 * np.pi, 0.5) == [2, 2, 2]


class TestInputs:
    def test_potcars_are_inputs_and_part_of_the_method(self, potcar_family, vasp_code):
        inputs = Engine.inputs_from_settings(vasp_code, settings(potcars={'Na': 'Na'}), elements=['Na', 'S'])
        assert {name: node.full_name for name, node in inputs['potcars'].items()} == {'Na': 'Na', 'S': 'S'}
        method = Engine.method(settings(), inputs)
        assert method['potcars']['S'] == f'S {inputs["potcars"]["S"].sha512[:12]}'
        assert 'free energy' in method['energy']
        assert method['k_spacing'] == 0.5
        assert Engine.method(settings(nelm=200, incar={'KPAR': 4}, attempts=1), inputs) == method
        assert Engine.method(settings(incar={'LDAU': True}), inputs) != method
        assert Engine.method(settings(encut=450), inputs) != method

    @pytest.mark.parametrize(
        ('overrides', 'elements', 'words'),
        [
            ({'potential_family': None}, ['S'], 'potential_family: not given; there are PBE'),
            ({'potential_family': 'LDA'}, ['S'], "no POTCAR family 'LDA' in this profile; there are PBE"),
            ({}, ['Na'], "the family 'PBE' has no Na_pv for Na; it has Na for Na"),
            ({}, ['He'], 'potcars: none named for He; it has nothing for He'),
            ({'potcars': {'Li': 'Li_sv'}}, ['Li'], 'below the ENMAX of POTCAR Li_sv, 499.034 eV.*it has Li, Li_sv'),
            ({}, ['Cl'], "Cl is 'PAW Cl 01Jan2000', not made for PBE"),
            ({}, [], 'elements: give those of the whole study'),
        ],
    )
    def test_what_is_missing_is_named(self, potcar_family, vasp_code, overrides, elements, words):
        with pytest.raises(ValueError, match=words):
            Engine.inputs_from_settings(vasp_code, settings(**overrides), elements=elements)

    def test_no_family_at_all_says_how_to_add_one(self, aiida_profile_clean):
        with pytest.raises(ValueError, match='aiida-vasp potcar uploadfamily'):
            vasp_inputs.find_potcars(settings(), ['S'])

    def test_check_before_submission(self, potcar_family, vasp_code):
        inputs = Engine.inputs_from_settings(vasp_code, settings(), elements=['P', 'S'])
        good = crystal(('P', 'S'))
        assert Engine.check(good, settings(), inputs) is None
        assert 'none for Na' in Engine.check(crystal(), settings(), inputs)
        assert 'periodic' in Engine.check(replace(good, pbc=(True, True, False)), settings(), inputs)
        assert 'no such tag; did you mean LMAXMIX?' in Engine.check(good, settings(incar={'LMAXMIXX': 4}), inputs)

    def test_aimd(self, potcar_family, vasp_code):
        inputs = Engine.inputs_from_settings(vasp_code, settings(), elements=['P', 'S'], options={'withmpi': False})
        process, built = aimd_inputs(
            FramesData(frames=crystal(('S', 'P', 'S'), np.diag([-10.0, 11.0, 12.0]))),
            settings(),
            inputs,
            300,
            10,
            2.0,
            5,
        )
        assert process.__name__ == 'VaspWorkChain'
        tags = built['parameters']['incar']
        dynamics = {'ibrion': 0, 'nsw': 10, 'potim': 2.0, 'tebeg': 300.0, 'teend': 300.0, 'mdalgo': 2, 'smass': 0}
        assert {name: tags[name] for name in dynamics} == dynamics
        assert tags['random_seed'] == '5 0 0'
        assert built['calc']['metadata']['options']['withmpi'] is False
        assert built['structure'].get_site_kindnames() == ['P', 'S', 'S']
        assert np.linalg.det(built['structure'].cell) > 0
        assert built['kpoints'].get_kpoints_mesh()[0] == [2, 2, 2]


class TestRead:
    @pytest.mark.parametrize('case', ['silicon', 'zinc_thiophosphate', 'born_effective_charge'])
    def test_labels_are_those_that_ase_reads(self, aiida_profile, case):
        (image,) = images(case)
        frames, order = interleaved(Frames.from_ase(image))
        (labelled,) = Engine.read(frames, retrieved(recorded(case)), settings())
        assert labelled.symbols == frames.symbols
        np.testing.assert_array_equal(labelled.positions, frames.positions)
        assert labelled.energies[0] == pytest.approx(image.get_potential_energy(force_consistent=True), abs=1e-9)
        np.testing.assert_allclose(labelled.forces[0], image.get_forces()[order], atol=1e-9)
        virial = -image.get_volume() * image.get_stress(voigt=False)
        np.testing.assert_allclose(labelled.virials[0], virial, rtol=1e-6, atol=1e-6)

    def test_energy_of_a_run_that_goes_on_with_linear_response(self, aiida_profile):
        frames = Frames.from_ase(images('born_effective_charge')[0])
        (labelled,) = Engine.read(frames, retrieved(recorded('born_effective_charge')), settings())
        assert labelled.energies[0] == pytest.approx(-115.01774737, abs=1e-9)
        assert labelled.volumes[0] == pytest.approx(538.17162192, abs=1e-5)

    def test_energy_is_that_of_the_forces_not_extrapolated(self, aiida_profile):
        (image,) = images('silicon')
        (labelled,) = Engine.read(Frames.from_ase(image), retrieved(recorded('silicon')), settings())
        assert labelled.energies[0] == pytest.approx(-6.50214658, abs=1e-9)
        assert image.get_potential_energy() == pytest.approx(-6.50161629, abs=1e-9)

    @pytest.mark.parametrize('case', ['silicon', 'zinc_thiophosphate'])
    def test_virial_is_the_force_on_the_cell_that_vasp_prints(self, aiida_profile, case):
        """OUTCAR: "FORCE on cell =-STRESS in cart. coord. units (eV)", then "Total" xx yy zz xy yz zx."""
        outcar = recorded(case, 'OUTCAR').decode()
        assert 'FORCE on cell =-STRESS' in outcar
        total = [float(word) for word in re.findall(r'^  Total(.*)$', outcar, re.MULTILINE)[-1].split()]
        (labelled,) = Engine.read(Frames.from_ase(images(case)[0]), retrieved(recorded(case)), settings())
        virial = labelled.virials[0]
        found = [virial[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))]
        np.testing.assert_allclose(found, total, atol=2e-5)

    def test_left_handed_cell(self, aiida_profile):
        """The same lattice by the reversed vectors: VASP computes the right-handed one."""
        frames = Frames.from_ase(images('silicon')[0])
        mirrored = replace(frames, cells=-frames.cells)
        (labelled,) = Engine.read(mirrored, retrieved(recorded('silicon')), settings())
        np.testing.assert_array_equal(labelled.cells, mirrored.cells)

    def test_moments_in_the_order_of_the_frame(self, aiida_profile):
        frames, order = interleaved(Frames.from_ase(images('zinc_thiophosphate')[0]))
        sites = {str(number): {'tot': 0.01 * number} for number in range(1, 105)}
        outputs = retrieved(recorded('zinc_thiophosphate'))
        misc = orm.Dict({'site_magnetization': {'sphere': {'x': {'site_moment': sites}}}})
        (labelled,) = Engine.read(frames, {**outputs, 'misc': misc}, settings(spin=True))
        np.testing.assert_allclose(labelled.magnetisations[0], 0.01 * (np.array(order) + 1))
        (refused,) = Engine.read(frames, outputs, settings(spin=True))
        assert refused == Refused('missing', 'no moment of every site in OUTCAR')


class TestRefused:
    def test_unconverged(self, aiida_profile):
        (refused,) = Engine.read(
            Frames.from_ase(images('silicon')[0]), retrieved(recorded('silicon_unconverged')), settings()
        )
        assert refused.kind == 'unconverged'
        assert 'NELM = 8' in refused.reason

    def test_cut_off(self, aiida_profile):
        outputs = retrieved(recorded('silicon_cut_off'))
        misc = orm.Dict({'run_status': {'last_iteration_index': [1, 8]}})
        (refused,) = Engine.read(Frames.from_ase(images('silicon')[0]), {**outputs, 'misc': misc}, settings())
        assert refused == Refused('missing', 'VASP was cut off in SCF step 8: walltime, memory or a crash')

    @pytest.mark.parametrize('kept', [0, 100, 0.3, 0.6, 0.9])
    def test_file_cut_anywhere_raises_nothing(self, aiida_profile, kept):
        """Derived: the recorded file of a converged run, cut."""
        xml = recorded('silicon')
        cut = xml[: kept if kept > 1 else int(kept * len(xml))]
        (refused,) = Engine.read(Frames.from_ase(images('silicon')[0]), retrieved(cut), settings())
        assert refused.kind == 'missing'

    @pytest.mark.parametrize('name', ['forces', 'stress'])
    def test_without_forces_or_stress(self, aiida_profile, name):
        """Derived: the recorded file without one of its blocks."""
        xml = re.sub(rb'<varray name="%s" >.*?</varray>' % name.encode(), b'', recorded('silicon'), flags=re.DOTALL)
        (refused,) = Engine.read(Frames.from_ase(images('silicon')[0]), retrieved(xml), settings())
        assert refused.kind == 'missing'
        assert name in refused.reason

    def test_stars_for_a_number(self, aiida_profile):
        """Derived: an energy that does not fit its field."""
        xml = re.sub(rb'("e_fr_energy">)[^<]*', rb'\1 ************** ', recorded('silicon'))
        (refused,) = Engine.read(Frames.from_ase(images('silicon')[0]), retrieved(xml), settings())
        assert refused.kind == 'missing'

    def test_other_atoms(self, aiida_profile):
        frames = Frames.from_ase(images('silicon')[0])
        outputs = retrieved(recorded('silicon'))
        moved = replace(frames, positions=frames.positions + np.array([[[0.0, 0.0, 0.01], [0, 0, 0]]]))
        strained = replace(frames, cells=frames.cells * 1.01)
        renamed = replace(frames, symbols=('Si', 'Ge'))
        for wrong, words in ((moved, '0.01 Å away'), (strained, 'another cell'), (renamed, 'asked was Ge1Si1')):
            (refused,) = Engine.read(wrong, outputs, settings())
            assert refused.kind == 'wrong_atoms'
            assert words in refused.reason

    def test_nothing_left(self, aiida_profile):
        frames = Frames.from_ase(images('silicon')[0])
        assert Engine.read(frames, {}, settings()) == [Refused('failed', 'VASP left no vasprun.xml')]
        assert Engine.read(frames, {'retrieved': orm.FolderData()}, settings())[0].kind == 'failed'


class TestSteps:
    def test_every_ionic_step_is_a_labelled_frame(self, aiida_profile):
        steps = images('silicon_dynamics')
        found = read_aimd(Frames.from_ase(steps[0]), retrieved(recorded('silicon_dynamics')), settings())
        assert len(found) == len(steps) == 5
        for frame, image in zip(found, steps, strict=True):
            assert frame.n_frames == 1
            assert frame.energies[0] == pytest.approx(image.get_potential_energy(force_consistent=True), abs=1e-9)
            np.testing.assert_allclose(frame.forces[0], image.get_forces(), atol=1e-9)
            np.testing.assert_allclose(
                frame.virials[0], -image.get_volume() * image.get_stress(voigt=False), rtol=1e-6, atol=1e-6
            )
            apart = np.linalg.solve(image.cell.T, (frame.positions[0] - image.positions).T)
            np.testing.assert_allclose(apart, np.round(apart), atol=1e-7)

    def test_a_run_that_was_stopped_keeps_its_complete_steps(self, aiida_profile):
        """Derived: the recorded file, cut in the fourth step."""
        xml = recorded('silicon_dynamics')
        ends = [match.end() for match in re.finditer(b'</calculation>', xml)]
        found = read_aimd(Frames.from_ase(images('silicon_dynamics')[0]), retrieved(xml[: ends[2] + 500]), settings())
        assert len(found) == 3

    def test_steps_that_did_not_converge_are_left_out(self, aiida_profile):
        """Derived: the recorded file with the last SCF energy of its second step moved, and NELM = 9."""
        xml = recorded('silicon_dynamics').replace(b'<i type="int" name="NELM">    20</i>', b'<i name="NELM">9</i>')
        first, second, *rest = xml.split(b'</calculation>')
        parts = re.split(rb'(?=<structure>)', second, maxsplit=1)
        energies = list(re.finditer(rb'"e_fr_energy">\s*([-\d.]+)', parts[0]))
        start, end = energies[-1].span(1)
        parts[0] = parts[0][:start] + b'-2.6' + parts[0][end:]
        xml = b'</calculation>'.join([first, b''.join(parts), *rest])
        found = read_aimd(Frames.from_ase(images('silicon_dynamics')[0]), retrieved(xml), settings())
        assert [frame.energies[0] for frame in found] == pytest.approx(
            [-6.50214658, -3.97478321, -8.48347235, -10.5373184]
        )

    def test_nothing_left(self, aiida_profile):
        assert read_aimd(Frames.from_ase(images('silicon')[0]), {}, settings()) == []
