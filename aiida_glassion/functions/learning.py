"""Calcfunctions of the learning loop: the record of an iteration with the decision what comes next."""

from __future__ import annotations

import re
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.functions.committee import read_parity
from aiida_glassion.kernels.learning.convergence import decide
from aiida_glassion.kernels.learning.convergence_settings import read_convergence
from aiida_glassion.kernels.learning.iteration import build_record
from aiida_glassion.kernels.learning.trend import Fall, fall_on_common_frames

_EARLIER = re.compile(r'earlier_\d+')
_REPORTS = ('levels', 'exploration', 'selection', 'errors', 'ledger', 'gate')


@calcfunction
def assess_iteration(settings: orm.Dict, facts: orm.Dict, **nodes: orm.Data) -> orm.Dict:
    """Gather what an iteration brought, and decide: repeat, gate, advance, converged or stuck.

    Held-out errors are in meV/Å and meV/atom, levels in eV/Å. Where ``parity`` and ``earlier_parity`` are given, the
    force error is compared on the frames that were held out both times; else over all frames of each time.

    :param settings: ``convergence`` (:class:`~aiida_glassion.kernels.learning.convergence_settings.Convergence`) and
        ``stage`` of the curriculum.
    :param facts: ``number`` (from 1), ``stage_index`` (from 0), ``n_stages``, ``stage_round`` (from 1),
        ``labels_total``, ``cost``, ``earlier_parity``: number of the iteration that the parity of that name is of.
    :param nodes: ``exploration``, ``selection``, ``levels``, ``errors``, ``ledger``, ``gate``: reports, any of them may
        be absent; ``parity``, ``earlier_parity``: of trainings; ``earlier_00`` …: records of the last iterations.
    """
    given, known = settings.get_dict(), facts.get_dict()
    reports = {name: nodes[name].get_dict() for name in _REPORTS if name in nodes}
    record = build_record(known, given['stage'], **reports)
    earlier = [
        node.get_dict() for name, node in sorted(nodes.items()) if name.startswith('earlier_') and name[8:].isdigit()
    ]
    fall = _fall(nodes, record, earlier, known.get('earlier_parity'))
    limits = read_convergence(given.get('convergence') or {})
    record['decision'] = decide(limits, given['stage'], int(known['n_stages']), record, earlier, fall)
    return orm.Dict(record)


def _fall(
    nodes: dict[str, Any], record: dict[str, Any], earlier: list[dict[str, Any]], since: int | None
) -> Fall | None:
    """Fall of the force error on common frames, where the predictions of both iterations are given."""
    if since is None or 'parity' not in nodes or 'earlier_parity' not in nodes:
        return None
    errors = [record['errors'], *(entry.get('errors') or {} for entry in earlier if entry['number'] == since)]
    return fall_on_common_frames(read_parity(nodes['earlier_parity']), read_parity(nodes['parity']), since, errors)
