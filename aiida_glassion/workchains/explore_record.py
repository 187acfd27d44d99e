"""How a run of an exploration ended, as its report says it."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_glassion.calculations.md import MdCalculation
from aiida_glassion.kernels.build.curriculum import Run
from aiida_glassion.workchains.md import MdWorkChain

_EXPLODED = tuple(
    MdCalculation.exit_codes[name].status for name in ('ERROR_LOST_ATOMS', 'ERROR_NOT_A_NUMBER', 'ERROR_RUNAWAY')
)
_ENDS = {
    0: 'finished',
    MdWorkChain.exit_codes.ERROR_LEFT_TRUSTED_REGION.status: 'left_trusted_region',
    MdWorkChain.exit_codes.ERROR_EXPLODED.status: 'exploded',
}
"""Ends of a run that are results; every other one is a failure."""
STATES = (*_ENDS.values(), 'failed')


def state_of(node: orm.ProcessNode) -> str:
    """How a run ended: finished, left_trusted_region, exploded or failed."""
    status = node.exit_status if node.is_finished else None
    return 'failed' if status is None else _ENDS.get(status, 'failed')


def reason_of(node: orm.ProcessNode) -> str:
    """Why a run did not go through to its end; empty if it did."""
    if node.is_finished_ok:
        return ''
    if node.exit_message:
        return str(node.exit_message)
    text = (node.exception or f'the process was {node.process_state.value}').strip()
    return str(text.splitlines()[-1])


def record_of(run: Run, node: orm.ProcessNode | None) -> dict[str, Any]:
    """What the report says of a run.

    :param node: its MdWorkChain; None: it was not begun.
    """
    record = {
        'set': run.set,
        'index': run.index,
        'program': run.program,
        'temperature': run.temperature,
        'pressure': run.pressure,
        'seed': run.seed,
        'pk': None,
        'state': 'failed',
        'exit_status': None,
        'reason': 'not begun: too many had failed before',
        'n_frames': 0,
        'wanted_ps': run.schedule.duration,
        'reached_ps': 0.0,
        'softer': 0,
    }
    if node is None:
        return record
    pieces = [called.exit_status for called in node.called if isinstance(called, orm.CalcJobNode)]
    exploded = sum(status in _EXPLODED for status in pieces)
    state, outputs = state_of(node), node.outputs
    record |= {'pk': node.pk, 'state': state, 'exit_status': node.exit_status, 'reason': reason_of(node)}
    record['softer'] = exploded - (state == 'exploded')
    if 'trajectory' in outputs and 'deviations' in outputs:
        times = outputs.deviations.get_array('time')
        record['n_frames'] = outputs.trajectory.n_frames
        record['reached_ps'] = min(float(times[-1]), run.schedule.duration) if len(times) else 0.0
    return record
