"""Which runs may be taken from the cache: never a failure that running again could mend."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.calculations.md import MdCalculation

FINISHED, LOG_MISSING, NOT_STARTED, WALLTIME, INCOMPLETE, LAMMPS = 0, 301, 302, 303, 304, 310
AT_START = {'file': 'stage_00_a.restart', 'stage': 0, 'step': 1000}
FURTHER = {'file': 'stage_00_b.restart', 'stage': 0, 'step': 2000}


def run(status: int, newest: dict | None, start: dict | None = None) -> orm.CalcJobNode:
    """A run that ended with an exit status, left a restart file and began from one."""
    node = orm.CalcJobNode(process_type='aiida.calculations:glassion.md')
    if start is not None:
        node.base.links.add_incoming(orm.Dict(start).store(), LinkType.INPUT_CALC, 'restart__point')
    node.set_process_state('finished')
    node.set_exit_status(status)
    node.store()
    results = orm.Dict({'newest_restart': newest})
    results.base.links.add_incoming(node, LinkType.CREATE, 'results')
    results.store()
    return node


@pytest.mark.parametrize(
    ('status', 'newest', 'start', 'valid'),
    [
        (FINISHED, FURTHER, None, True),
        (WALLTIME, FURTHER, None, True),
        (INCOMPLETE, FURTHER, AT_START, True),
        (INCOMPLETE, {**AT_START, 'stage': 1}, AT_START, True),
        (INCOMPLETE, AT_START, {**AT_START, 'fresh': True}, True),
        (INCOMPLETE, None, None, False),
        (INCOMPLETE, AT_START, AT_START, False),
        (WALLTIME, AT_START, AT_START, False),
        (LOG_MISSING, None, None, False),
        (NOT_STARTED, None, None, False),
        (LAMMPS, FURTHER, None, False),
    ],
)
def test_what_may_be_taken_from_the_cache(aiida_profile, status, newest, start, valid):
    assert MdCalculation.is_valid_cache(run(status, newest, start)) is valid
