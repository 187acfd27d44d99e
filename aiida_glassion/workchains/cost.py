"""What a process cost: the jobs below it, their time and their cores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

_CACHED = '_aiida_cached_from'
_CALLS = {'type': {'in': [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]}}
_AT_A_TIME = 500
_WALL = ('wall_seconds', 'wall_time_seconds')
"""Keys under which parsers leave the wall time of a program: ours, and aiida-quantumespresso's; s."""


def cost_of(*nodes: orm.ProcessNode) -> dict[str, Any]:
    """Jobs below processes (or jobs themselves) with their wall time and core-hours.

    The wall time is what the program itself reported, where its parser gives it; else the time from the creation of the
    job to its last change, which includes waiting in a queue: ``measured`` says of how many jobs it is the former.
    Jobs that were taken from the cache had been computed before, and cost nothing.

    :param nodes: processes, running, finished or failed.
    :returns: ``jobs`` that ran, ``seconds`` (their wall times added), ``core_hours``, ``cached``, ``measured``.
    """
    total = {'jobs': 0, 'seconds': 0.0, 'core_hours': 0.0, 'cached': 0, 'measured': 0}
    jobs = _jobs_below([node.pk for node in nodes if node.pk is not None])
    reported = _reported(jobs)
    for pk, (resources, ctime, mtime, origin) in jobs.items():
        if origin is not None:
            total['cached'] += 1
            continue
        seconds = reported.get(pk)
        total['measured'] += int(seconds is not None)
        if seconds is None:
            seconds = max(0.0, (mtime - ctime).total_seconds())
        total['jobs'] += 1
        total['seconds'] += seconds
        total['core_hours'] += seconds / 3600.0 * cores_of(resources or {})
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in total.items()}


def add_costs(costs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum of costs."""
    given = list(costs)
    return {
        key: sum(cost.get(key, 0) for cost in given) for key in ('jobs', 'seconds', 'core_hours', 'cached', 'measured')
    }


def cores_of(resources: Mapping[str, Any]) -> int:
    """Cores that a job asks for: machines × processes on each × cores of a process.

    :param resources: of ``metadata.options``.
    """
    machines = int(resources.get('num_machines') or 1)
    if resources.get('num_cores_per_machine'):
        return machines * int(resources['num_cores_per_machine'])
    processes = resources.get('tot_num_mpiprocs') or machines * int(resources.get('num_mpiprocs_per_machine') or 1)
    return int(processes) * int(resources.get('num_cores_per_mpiproc') or 1)


def _jobs_below(pks: Iterable[int]) -> dict[int, tuple[Any, ...]]:
    """Resources, creation, last change and origin in the cache of every job; a query or two for each level."""
    columns = ['id', 'attributes.resources', 'ctime', 'mtime', f'extras.{_CACHED}']
    found: dict[int, tuple[Any, ...]] = {}
    seen: set[int] = set()
    level = sorted(set(pks))
    while level:
        seen.update(level)
        below: set[int] = set()
        for start in range(0, len(level), _AT_A_TIME):
            some = {'id': {'in': level[start : start + _AT_A_TIME]}}
            query = orm.QueryBuilder().append(orm.CalcJobNode, filters=some, project=columns)
            found.update({row[0]: tuple(row[1:]) for row in query.all()})
            query = orm.QueryBuilder().append(orm.ProcessNode, filters=some, tag='caller')
            query.append(orm.ProcessNode, with_incoming='caller', edge_filters=_CALLS, project='id')
            below.update(row[0] for row in query.all())
        level = sorted(below - seen)
    return found


def _reported(jobs: Iterable[int]) -> dict[int, float]:
    """Wall time by job, s, of those whose parser gives it."""
    pks = sorted(jobs)
    found: dict[int, float] = {}
    columns = [*(f'attributes.{key}' for key in _WALL), 'attributes.run_stats']
    for start in range(0, len(pks), _AT_A_TIME):
        some = {'id': {'in': pks[start : start + _AT_A_TIME]}}
        query = orm.QueryBuilder().append(orm.CalcJobNode, filters=some, tag='job', project='id')
        query.append(orm.Dict, with_incoming='job', project=columns)
        for pk, *values, statistics in query.all():
            elapsed = statistics.get('elapsed_time') if isinstance(statistics, Mapping) else None  # of VASP
            numbers = [value for value in (*values, elapsed) if isinstance(value, (int, float))]
            if numbers:
                found[pk] = float(max(numbers))
    return found
