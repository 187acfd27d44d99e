"""Elastic runs without an engine: the strains of a schedule on a made-up body give back its constants."""

from __future__ import annotations

import numpy as np
import pytest
from elastic_runs import CELL, body, made_up_run, play, settings

from aiida_glassion.kernels.mechanics.elastic_measure import measure_job
from aiida_glassion.kernels.mechanics.elastic_plan import plan_jobs, plan_samples, relaxation, replica_groups
from aiida_glassion.kernels.mechanics.elastic_sample import analyse_sample
from aiida_glassion.kernels.mechanics.elastic_settings import read_settings
from aiida_glassion.kernels.mechanics.elastic_summary import summarise
from aiida_glassion.kernels.mechanics.strain import VOIGT, gradient_between, green_lagrange
from aiida_glassion.schedule import Hold, Minimise


@pytest.mark.parametrize('jobs', ['sample', 'component'])
def test_constants_come_back_from_a_skew_cell_under_stress(jobs):
    """Neither the shape of the cell nor a stress of 1 GPa at no strain enters the constants."""
    chosen, c = settings(jobs=jobs), body()
    planned = plan_jobs(chosen, 0)
    assert len(planned) == (1 if jobs == 'sample' else 7)
    residual = np.array([1.0, -0.5, 0.3, 0.2, -0.1, 0.4])
    measured = [one for job in planned for one in measure_job(job, play(job, c, residual=residual))]
    found = analyse_sample(chosen, 0, 500, measured)
    np.testing.assert_allclose(found.stiffness.constants, c, rtol=1e-6, atol=1e-6)
    assert found.results['residual_stress'] == pytest.approx(residual.tolist())
    assert found.results['reversible'] is True
    assert len(found.results['returns']) == 14, 'after each sign of seven components'
    assert found.results['warnings'] == ['the pressure at no strain is -0.27 GPa, 0 GPa were wanted; relax or '
                                         'equilibrate longer']  # fmt: skip
    assert found.results['stiffness']['moduli']['bulk_voigt']['mean'] == pytest.approx(c[:3, :3].sum() / 9, rel=1e-5)


def test_bulk_modulus_is_that_of_a_volume():
    """Under no stress, −V dp/dV of equal strains is Voigt's bulk modulus."""
    chosen, c = settings(methods=['bulk']), body()
    (job,) = plan_jobs(chosen, 0)
    found = analyse_sample(chosen, 0, 500, measure_job(job, play(job, c)))
    assert found.results['bulk']['modulus']['mean'] == pytest.approx(c[:3, :3].sum() / 9, rel=2e-3)
    assert found.results['bulk']['points'] == 5
    assert found.results['stiffness'] is None
    np.testing.assert_allclose(found.curves['bulk__strain'], [-0.01, -0.005, 0, 0.005, 0.01], atol=1e-9)


def test_every_state_begins_where_it_should():
    """Strains are those asked for, at every stage that is measured, whatever came before."""
    chosen = settings()
    (job,) = plan_jobs(chosen, 0)
    for one in measure_job(job, play(job, body())):
        strain = green_lagrange(gradient_between(CELL, one.cell))
        if one.state.component == 'volume':
            assert one.volume / np.linalg.det(CELL) - 1 == pytest.approx(one.state.strain, abs=1e-12)
        elif one.state.component == 'none':
            np.testing.assert_allclose(strain, 0, atol=1e-12)
        else:
            assert strain[VOIGT.index(one.state.component)] == pytest.approx(one.state.strain, abs=1e-12)
    names = [stage.name for stage in job.schedule.stages]
    assert names[:4] == ['unstrained_00', 'to_volume_plus_0p01', 'volume_plus_0p01', 'to_volume_plus_0p005']
    assert job.schedule.last_step == 0


def test_at_a_temperature_errors_are_those_of_the_noise():
    chosen, c = settings(), body()
    (job,) = plan_jobs(chosen, 300)
    assert isinstance(job.schedule.stages[0], Hold)
    scores = []
    measured = measure_job(job, play(job, c, noise=0.3))
    found = analyse_sample(chosen, 300, 500, measured)
    errors = np.array(found.results['stiffness']['errors'])
    scores = ((found.stiffness.constants - c) / errors)[np.triu_indices(6)]
    assert 0.4 < np.sqrt((scores**2).mean()) < 2
    bulk = found.results['bulk']['modulus']
    assert abs(bulk['mean'] - c[:3, :3].sum() / 9) < 4 * bulk['standard_error']
    assert found.results['stiffness']['moduli']['young']['standard_error'] > 0
    assert {one['after'] for one in found.results['returns']} == {'xy'}


def test_atoms_that_stay_elsewhere_are_told_and_do_not_matter():
    """Where a strain rearranges atoms the way back is elastic: the constants are not spoiled."""
    chosen, c = settings(methods=['stiffness']), body()
    (job,) = plan_jobs(chosen, 0)
    found = analyse_sample(chosen, 0, 500, measure_job(job, play(job, c, plastic=('yy_minus_0p01', 'xy_plus_0p01'))))
    assert found.results['reversible'] is False
    assert [number for number, one in enumerate(found.results['returns']) if not one['reversible']] == [3, 10]
    assert (
        'atoms changed places for good when strained in yy, xy (stress: by up to 0.3 GPa'
        in found.results['warnings'][0]
    )
    np.testing.assert_allclose(found.stiffness.constants, c, rtol=1e-3, atol=2e-2)


def test_what_is_not_stable_has_constants_and_no_moduli():
    chosen, c = settings(), np.diag([40.0, 40, 40, 20, 20, 20])
    c[:3, :3] += 50 * (1 - np.eye(3))
    (job,) = plan_jobs(chosen, 0)
    found = analyse_sample(chosen, 0, 500, measure_job(job, play(job, c)))
    assert found.results['stiffness']['stable'] is False
    assert found.results['stiffness']['moduli'] is None
    assert 'not stable' in found.results['warnings'][-1]


def test_part_of_the_jobs_gives_part_of_the_results():
    chosen = settings(jobs='component')
    jobs = [job for job in plan_jobs(chosen, 0) if job.label != 'strain_yz']
    measured = [one for job in jobs for one in measure_job(job, play(job, body()))]
    found = analyse_sample(chosen, 0, 500, measured, {'strain_yz': 'the disk was full'})
    assert found.stiffness is None
    assert found.results['bulk']['modulus']['mean'] > 0
    assert found.results['warnings'] == ['strain_yz failed: the disk was full']
    with pytest.raises(ValueError, match='no output of stage'):
        measure_job(jobs[0], {'stage': np.zeros(0)})


def test_relaxation_follows_the_pressure():
    minimise, cold = relaxation(settings(pressure=1.5, coupling='aniso', relax={'duration': 3})).stages
    assert isinstance(minimise, Minimise)
    assert (cold.pressure, cold.coupling, cold.ensemble, cold.duration) == (1.5, 'aniso', 'npt', 3)
    (only,) = relaxation(settings(coupling='none')).stages
    assert only.method == 'fire'


def test_replicas_and_what_is_none():
    """One name but for a number, and as many atoms: a pore makes another glass of it."""
    whole, carved = {'Si': 100, 'O': 200}, {'Si': 90, 'O': 180}
    assert replica_groups({'dense_1': whole, 'dense_2': whole, 'porous_1': carved, 'porous_2': carved}) == {
        'dense': ['dense_1', 'dense_2'],
        'porous': ['porous_1', 'porous_2'],
    }
    assert replica_groups({'glass_71': whole, 'glass_93': carved}) == {
        'glass_71': ['glass_71'],
        'glass_93': ['glass_93'],
    }
    assert replica_groups({'dense_1': whole}) == {'dense_1': ['dense_1']}


def test_samples_have_seeds_of_their_own():
    every = plan_samples([300, 0], ['b', 'a'], 5)
    assert [one.label for one in every] == ['T0000_a', 'T0000_b', 'T0300_a', 'T0300_b']
    assert len({one.seed for one in every}) == 4
    assert plan_samples([300], ['a'], 5)[0] == every[2]


def test_dense_and_porous_side_by_side():
    """Means over replicas with the error of their scatter; a failed one is named, the others stand."""
    plan, samples = made_up_run()
    results = summarise(plan, {label: found.results for label, found in samples.items()})
    dense, porous = (results['groups'][name]['T0000'] for name in ('dense', 'porous'))
    one, two = (samples[f'T0000_dense_{number}'].results['bulk']['modulus']['mean'] for number in (1, 2))
    assert dense['bulk']['mean'] == pytest.approx((one + two) / 2)
    assert dense['bulk']['standard_error'] == pytest.approx(abs(two - one) / 2)
    assert (dense['n'], porous['n'], dense['glasses']) == (2, 1, ['dense_1', 'dense_2'])
    assert porous['bulk']['mean'] == pytest.approx(0.6 / 1.01 * dense['bulk']['mean'])
    assert porous['moduli']['young']['n'] == 1
    np.testing.assert_allclose(dense['stiffness']['constants'], 1.01 * body(), rtol=1e-6, atol=1e-6)
    assert results['groups']['porous']['T0300']['n'] == 0
    assert 'T0300_porous: The sample could not be brought to no stress: the disk was full' in results['warnings']
    assert results['samples']['T0000_dense_2']['group'] == 'dense'


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'methods': []}, "methods: none given, expected 'bulk'"),
        ({'methods': ['bulk', 'bulk']}, 'methods: bulk is given twice'),
        ({'methods': ['shear']}, r'methods\.0.*bulk'),
        ({'strains': []}, 'strains: none given'),
        ({'strains': [-0.01]}, r'strains: -0.01 is no size of a strain; expected one above 0'),
        ({'strains': [0.5]}, 'up to 0.1'),
        ({'strains': [0.01, 0.01]}, 'each size once'),
        ({'volume_strains': [0]}, 'volume_strains: 0 is no size'),
        ({'temperatures': [-5]}, 'temperatures: -5.0 given, expected 0'),
        ({'temperatures': [300, 300]}, '300 K is given twice'),
        ({'coupling': 'isotropic'}, 'coupling: '),
        ({'strain': [0.01]}, "strain: no such setting; did you mean 'strains'"),
        ({'relax': {'length': 2}}, 'relax.length: no such setting'),
        ({'temperatures': [300], 'sample': 0.1}, 'sample: 0.1 ps holds fewer than 20 lines'),
        ({'settle': 0}, 'settle: Input should be greater than 0'),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        settings(**changes)


def test_a_setting_that_is_missing():
    with pytest.raises(ValueError, match='methods: missing'):
        read_settings({})


def test_minimising_by_forces_alone_leaves_the_cell():
    with pytest.raises(ValueError, match="'fire' cannot relax the cell"):
        Minimise(method='fire', pressure=0.0)
