"""``glassion show`` and ``watch`` of elastic runs: from stored processes and from trees, to tables and rows."""

from __future__ import annotations

import io

import pytest
from elastic_runs import elastic_graph, settings
from rich.console import Console

from aiida_glassion.cli.show import room_for
from aiida_glassion.cli.watch import snapshot
from aiida_glassion.cli.watch_elastic import elastic_rows, planned_samples
from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING, totals_of
from aiida_glassion.cli.watch_tree import Task
from aiida_glassion.kernels.mechanics.elastic_plan import plan_jobs, relaxation


def text(parts, width=200):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in parts:
        console.print(part)
    return console.file.getvalue()


def shown(node, replicas=False):
    summary, tables = room_for(node)
    return text(tables(summary(node), replicas))


@pytest.fixture
def node(aiida_profile_clean):
    return elastic_graph()


def test_dense_and_porous_stand_side_by_side(node):
    said = shown(node)
    rows = [line.split() for line in said.splitlines()]
    (dense,) = (row for row in rows if row[:3] == ['dense', '0', '2'])
    (porous,) = (row for row in rows if row[:3] == ['porous', '0', '1'])
    assert dense[3:6] == ['2.2', '±', '0']
    assert float(dense[6]) > 1.5 * float(porous[4])
    assert 'not isotropic' in said
    assert f'glassion report {node.pk} results' in said
    assert '✗ T0300_porous: The sample could not be brought to no stress' in said
    assert 'C of dense' not in said


def test_every_sample_and_constant_on_request(node):
    said = shown(node, replicas=True)
    assert 'C of dense at 0 K / GPa' in said
    assert 'T0300_dense_2' in said
    (sample,) = [child for child in node.called if child.base.links.get_incoming().all_link_labels()
                 and 'T0000_porous' in child.base.links.get_incoming().all_link_labels()]  # fmt: skip
    assert 'C / GPa' in shown(sample)


def task(label, process='MdWorkChain', state='finished', status=0, **more):
    return Task(label, process, 1, state, exit_status=status if state == 'finished' else None, **more)


def test_every_sample_has_a_row(aiida_profile_clean):
    chosen = settings(methods=['stiffness'], strains=[0.01])
    before, (job,) = relaxation(chosen), plan_jobs(chosen, 0)
    total = len(before.stages) + len(job.schedule.stages)
    relax = task('relax', schedule=before)
    going = (relax, task('strains', state='waiting', schedule=job.schedule))
    ended = (relax, task('strains', schedule=job.schedule))
    samples = (
        task('T0000_a', 'ElasticSampleWorkChain', children=ended),
        task('T0000_b', 'ElasticSampleWorkChain', status=452, children=ended),
        task('T0000_c', 'ElasticSampleWorkChain', status=330, children=(), exit_message='the disk was full'),
        task('T0000_d', 'ElasticSampleWorkChain', 'waiting', children=going),
    )
    planned = dict.fromkeys([f'T0000_{name}' for name in 'abcde'], total)
    whole = task('', 'ElasticWorkChain', 'waiting', children=samples, planned=planned)
    rows = elastic_rows(whole)
    assert [row.status for row in rows] == [DONE, DONE, FAILED, RUNNING, WAITING]
    assert [row.stage for row in rows] == ['done', 'not stable', 'failed', 'strains', 'waits for its turn']
    assert [(row.done, row.total) for row in rows] == [(total, total)] * 2 + [(0, total), (2, total), (0, total)]
    assert totals_of(rows).unit == 'stages'
    said = text([snapshot(whole, [])], 120)
    assert f'{2 * total + 2} of {5 * total} stages' in said
    assert 'the disk was full' in said


def test_what_is_planned_is_read_from_the_inputs(aiida_profile_clean):
    node = elastic_graph(running=True)
    planned = planned_samples(node)
    assert sorted(planned)[:2] == ['T0000_dense_1', 'T0000_dense_2']
    assert len(planned) == 6
    assert 'glassion watch' in shown(node)
