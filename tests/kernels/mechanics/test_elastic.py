"""Elastic constants: made-up bodies, silicon by LAMMPS, and what does not depend on the axes."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from aiida_glassion.kernels.mechanics.elastic import (
    Stiffness,
    bulk_modulus,
    elastic_constants,
    pool_stiffness,
    six_strains,
)
from aiida_glassion.kernels.mechanics.moduli import (
    isotropic_stiffness,
    isotropy,
    lowest_stiffness,
    moduli,
    pool_moduli,
    turn_stiffness,
    young_and_poisson,
)
from aiida_glassion.kernels.mechanics.strain import deform, deformation, second_piola_kirchhoff, stress_from_lammps


def cubic(c11, c12, c44):
    constants = np.zeros((6, 6))
    constants[:3, :3] = c12
    constants[np.diag_indices(6)] = [c11] * 3 + [c44] * 3
    return constants


def triclinic(seed=0):
    m = np.random.default_rng(seed).normal(size=(6, 6))
    return m @ m.T * 5 + 60 * np.eye(6)


def exact(constants):
    return Stiffness(constants, None, np.zeros(6), 0.0, 12)


def rotation(seed):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_constants_of_a_made_up_body():
    """A stress at no strain and an even term drop out; what is left is C."""
    c, strains = triclinic(), six_strains([0.002, 0.005])
    stresses = strains @ c + [1, 2, 3, 4, 5, 6] + 900 * strains**2
    found = elastic_constants(strains, stresses)
    np.testing.assert_allclose(found.constants, c, atol=1e-9)
    np.testing.assert_allclose(found.errors, 0, atol=1e-9)
    assert found.asymmetry < 1e-9
    assert found.n_samples == 24


def test_errors_tell_the_scatter():
    """Over many noisy samples, (found − true)/error has a spread of one; in any order of the samples."""
    c, strains, rng = cubic(100, 40, 30), six_strains([0.005, 0.01]), np.random.default_rng(4)
    noise, scores = 0.05, []
    for _ in range(200):
        order = rng.permutation(len(strains))
        stresses = strains @ c + rng.normal(0, noise, strains.shape)
        found = elastic_constants(strains[order], stresses[order], np.full(strains.shape, noise))
        scores.append(((found.constants - c) / found.errors)[np.triu_indices(6)])
    assert 0.7 < np.std(scores) < 1.1
    single = elastic_constants(six_strains([0.01]), six_strains([0.01]) @ c)
    assert single.errors is None


def test_replicas_are_pooled():
    samples = [exact(cubic(100 + d, 40, 30)) for d in (-2, 0, 2)]
    pooled = pool_stiffness(samples)
    assert pooled.constants[0, 0] == pytest.approx(100)
    assert pooled.errors[0, 0] == pytest.approx(2 / np.sqrt(3))
    together = pool_moduli([moduli(sample) for sample in samples])
    assert together.values['bulk'] == pytest.approx(60)
    assert together.errors['bulk'] == pytest.approx(2 / 3 / np.sqrt(3))
    assert pool_stiffness(samples[:1]) is samples[0]


def test_isotropic_body():
    """Voigt and Reuss agree, E and ν are the textbook's, and nothing tells the axes apart."""
    stiffness = exact(isotropic_stiffness(37.0, 31.0))
    found = moduli(stiffness).values
    assert found['bulk_voigt'] == pytest.approx(37) == pytest.approx(found['bulk_reuss'])
    assert found['shear'] == pytest.approx(31)
    # silica: E = 72.7 GPa and ν = 0.17
    assert found['young'] == pytest.approx(9 * 37 * 31 / (111 + 31))
    assert found['young'] == pytest.approx(2 * 31 * (1 + found['poisson']))
    judged = isotropy(stiffness)
    assert judged.deviation < 1e-12
    assert judged.universal == pytest.approx(0, abs=1e-12)
    assert judged.zener == pytest.approx(1)


def test_cubic_body():
    """Copper: the bounds of the shear modulus, Zener's ratio and Aᵁ by hand."""
    judged, found = isotropy(exact(cubic(168.4, 121.4, 75.4))), moduli(exact(cubic(168.4, 121.4, 75.4))).values
    zener = 2 * 75.4 / (168.4 - 121.4)
    assert judged.zener == pytest.approx(zener)
    assert judged.universal == pytest.approx(6 / 5 * (np.sqrt(zener) - 1 / np.sqrt(zener)) ** 2)
    assert found['bulk'] == pytest.approx((168.4 + 2 * 121.4) / 3)
    assert found['shear_voigt'] == pytest.approx((168.4 - 121.4 + 3 * 75.4) / 5)
    assert found['shear_reuss'] == pytest.approx(5 * (168.4 - 121.4) * 75.4 / (4 * 75.4 + 3 * (168.4 - 121.4)))


def test_nothing_depends_on_the_axes():
    c, q = triclinic(1), rotation(5)
    turned = turn_stiffness(c, q)
    np.testing.assert_allclose(turn_stiffness(turned, q.T), c, atol=1e-9)
    assert lowest_stiffness(turned) == pytest.approx(lowest_stiffness(c))
    plain, other = moduli(exact(c)).values, moduli(exact(turned)).values
    assert other == pytest.approx(plain)
    assert isotropy(exact(turned)).deviation == pytest.approx(isotropy(exact(c)).deviation)
    assert isotropy(exact(turned)).universal == pytest.approx(isotropy(exact(c)).universal)
    np.testing.assert_allclose(turn_stiffness(isotropic_stiffness(50, 30), q), isotropic_stiffness(50, 30), atol=1e-9)


def test_errors_of_moduli():
    """C11 known to ±3, all else exact: K = (C11 + 2 C12)/3 of three such constants has an error of 3/√3/3 each."""
    errors = np.zeros((6, 6))
    errors[np.diag_indices(3)] = 3.0
    found = moduli(Stiffness(cubic(100, 40, 30), errors, np.zeros(6), 0.0, 24))
    assert found.errors['bulk_voigt'] == pytest.approx(3 * np.sqrt(3) / 9, rel=1e-6)
    assert found.errors['bulk'] > 0


def test_isotropy_within_errors():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2, (6, 6))
    c = isotropic_stiffness(50, 30) + (noise + noise.T) / np.sqrt(2)
    assert 0.3 < isotropy(Stiffness(c, np.full((6, 6), 2.0), np.zeros(6), 0, 24)).chi2 < 2.5
    assert isotropy(Stiffness(cubic(168, 121, 75), np.full((6, 6), 2.0), np.zeros(6), 0, 24)).chi2 > 10


def test_an_unstable_body():
    assert lowest_stiffness(cubic(40, 50, 30)) < 0
    with pytest.raises(ValueError, match='not stable'):
        moduli(exact(cubic(40, 50, 30)))
    assert isotropy(exact(cubic(40, 50, 30))).universal is None


def test_bulk_modulus():
    """p = −K δ + c δ²: a line through ±1 % tells K, a parabola does from uneven points."""
    strains = np.linspace(-0.01, 0.01, 5)
    found = bulk_modulus(2000 * (1 + strains), 0.3 - 37 * strains + 100 * strains**2, 2000)
    assert found.modulus == pytest.approx(37)
    assert found.error > 0
    uneven = np.array([-0.02, -0.01, 0.0, 0.005])
    parabola = bulk_modulus(2000 * (1 + uneven), 0.3 - 37 * uneven + 100 * uneven**2, 2000, order=2)
    assert parabola.modulus == pytest.approx(37)
    assert parabola.pressure == pytest.approx(0.3)
    assert bulk_modulus([1980, 2020], [0.37, -0.37]).error is None


SW = """Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0
"""


def silicon_stresses(lmp, folder, gradients):
    """Stress of strained, relaxed silicon (Stillinger and Weber 1985) for each deformation gradient, GPa."""
    edge = 5.4309477
    cell = edge * np.eye(3)
    basis = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]) / 4
    (folder / 'Si.sw').write_text(SW)
    script = []
    for number, gradient in enumerate(gradients):
        positions, box = deform(basis @ cell, cell, gradient)
        (folder / f'{number}.data').write_text(
            f'silicon\n\n8 atoms\n1 atom types\n0 {box[0, 0]:.16g} xlo xhi\n0 {box[1, 1]:.16g} ylo yhi\n'
            f'0 {box[2, 2]:.16g} zlo zhi\n{box[1, 0]:.16g} {box[2, 0]:.16g} {box[2, 1]:.16g} xy xz yz\n\n'
            'Masses\n\n1 28.085\n\nAtoms\n\n'
            + '\n'.join(f'{i + 1} 1 {x:.16g} {y:.16g} {z:.16g}' for i, (x, y, z) in enumerate(positions))
            + '\n'
        )
        script += [
            'clear', 'units metal', 'atom_modify map array', f'read_data {number}.data', 'pair_style sw',
            'pair_coeff * * Si.sw Si', 'thermo_style custom pxx pyy pzz pxy pxz pyz',
            'thermo_modify format float %.15g', 'minimize 0 1e-10 1000 10000',
            'variable p string "$(pxx:%.12g) $(pyy:%.12g) $(pzz:%.12g) $(pxy:%.12g) $(pxz:%.12g) $(pyz:%.12g)"',
            'print "PRESSURE ${p}"', 'variable p delete',
        ]  # fmt: skip
    (folder / 'in.silicon').write_text('\n'.join(script) + '\n')
    done = subprocess.run(
        [lmp, '-in', 'in.silicon'], cwd=folder, capture_output=True, text=True, check=True, timeout=300
    )
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith('PRESSURE')]
    return stress_from_lammps(np.array(lines, dtype=float) * 1e-4)


@pytest.mark.engine
def test_silicon_by_lammps(lmp, tmp_path):
    """Relaxed constants of Stillinger–Weber silicon: 151.4, 76.4, 56.4 GPa (Cowley, PRL 60, 2379 (1988))."""
    strains = six_strains([0.001, 0.002])
    gradients = np.array([deformation(strain) for strain in strains])
    stresses = second_piola_kirchhoff(silicon_stresses(lmp, tmp_path, gradients), gradients)
    found = elastic_constants(strains, stresses)
    np.testing.assert_allclose(np.diag(found.constants), [151.4] * 3 + [56.4] * 3, atol=0.3)
    np.testing.assert_allclose(found.constants[[0, 0, 1], [1, 2, 2]], 76.4, atol=0.3)
    np.testing.assert_allclose(found.constants[:3, 3:], 0, atol=0.05)
    assert moduli(found).values['bulk'] == pytest.approx(101.4, abs=0.3)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: six_strains([0.5]), 'up to 0.2'),
        (lambda: six_strains([0.01, 0.01]), 'each once'),
        (lambda: elastic_constants(six_strains([0.01])[:-1], np.zeros((11, 6))), r'xy has \[0.01\] and \[\]'),
        (lambda: elastic_constants(np.full((12, 6), 0.01), np.zeros((12, 6))), 'one component at a time'),
        (lambda: elastic_constants(np.zeros((12, 5)), np.zeros((12, 5))), r'shape \(n, 6\)'),
        (lambda: pool_stiffness([]), 'at least one replica'),
        (lambda: pool_moduli([]), 'at least one replica'),
        (lambda: bulk_modulus([1, 1, 1], [0, 0, 0]), '2 volumes or more'),
        (lambda: bulk_modulus([1, 2, 3], [0, 0, 0], order=3), 'order: 3'),
        (lambda: bulk_modulus([-1, 2, 3], [0, 0, 0]), 'positive volumes'),
        (lambda: young_and_poisson(-1, 2), 'positive moduli'),
        (lambda: turn_stiffness(np.eye(6), 2 * np.eye(3)), 'orthogonal'),
        (lambda: lowest_stiffness(np.eye(5)), r'symmetric \(6, 6\)'),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
