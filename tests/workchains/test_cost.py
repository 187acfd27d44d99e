"""Costs of trees of processes that are made by hand."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.workchains.cost import add_costs, cores_of, cost_of

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


def job(computer, caller, results=None, resources=None, cached=False) -> orm.CalcJobNode:
    node = orm.CalcJobNode(computer=computer, process_type='aiida.calculations:glassion.md')
    node.set_option('resources', resources or {'num_machines': 1, 'num_mpiprocs_per_machine': 4})
    node.base.links.add_incoming(caller, LinkType.CALL_CALC, f'job_{len(caller.called)}')
    node.store()
    if cached:
        node.base.extras.set('_aiida_cached_from', 'somewhere')
    if results is not None:
        output = orm.Dict(results)
        output.base.links.add_incoming(node, LinkType.CREATE, 'results')
        output.store()
    return node


def work(caller=None) -> orm.WorkChainNode:
    node = orm.WorkChainNode()
    if caller is not None:
        node.base.links.add_incoming(caller, LinkType.CALL_WORK, f'work_{len(caller.called)}')
    return node.store()


def test_a_tree_of_jobs(localhost):
    top = work()
    branch = work(top)
    job(localhost, branch, {'wall_seconds': 1800.0})
    job(localhost, work(branch), {'wall_time_seconds': 3600.0}, {'num_machines': 2, 'num_mpiprocs_per_machine': 8})
    job(localhost, top, {'run_stats': {'elapsed_time': 100.0}}, {'tot_num_mpiprocs': 1})
    job(localhost, top, {'wall_seconds': 9e9}, cached=True)
    started = job(localhost, top, {'energies': 3})
    cost = cost_of(top)
    elapsed = (started.mtime - started.ctime).total_seconds()
    assert cost['jobs'] == 4
    assert cost['cached'] == 1
    assert cost['measured'] == 3
    assert cost['seconds'] == pytest.approx(5500.0 + elapsed, abs=1e-3)
    assert elapsed < 60
    assert cost['core_hours'] == pytest.approx(2.0 + 16.0 + 100 / 3600 + 4 * elapsed / 3600, abs=1e-5)
    assert cost_of(branch)['jobs'] == 2
    assert cost_of(branch, top)['jobs'] == 4
    assert add_costs([cost_of(branch), cost_of(branch)])['core_hours'] == pytest.approx(36.0)


def test_nothing_costs_nothing(localhost):
    nothing = {'jobs': 0, 'seconds': 0.0, 'core_hours': 0.0, 'cached': 0, 'measured': 0}
    assert cost_of(work()) == nothing
    assert cost_of() == nothing
    assert add_costs([]) == nothing


def test_a_job_costs_itself(localhost):
    alone = job(localhost, work(), {'wall_seconds': 7200.0, 'units': {}})
    assert cost_of(alone)['core_hours'] == pytest.approx(8.0)


@pytest.mark.parametrize(
    ('resources', 'cores'),
    [
        ({}, 1),
        ({'num_machines': 3, 'num_mpiprocs_per_machine': 4}, 12),
        ({'num_machines': 2, 'num_mpiprocs_per_machine': 4, 'num_cores_per_mpiproc': 2}, 16),
        ({'num_machines': 2, 'num_cores_per_machine': 36, 'num_mpiprocs_per_machine': 1}, 72),
        ({'tot_num_mpiprocs': 5, 'parallel_env': 'mpi'}, 5),
    ],
)
def test_cores(resources, cores):
    assert cores_of(resources) == cores
