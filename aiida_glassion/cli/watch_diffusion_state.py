"""How far the runs of a diffusion sweep are and what they told so far, read from their nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aiida_glassion import units

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

SWEEP, POINT = 'DiffusionSweepWorkChain', 'DiffusionPointWorkChain'


@dataclass(frozen=True)
class PointState:
    """How far a run is and what it told so far.

    :param temperature: K; None: it has not begun.
    :param length: ps of production that are done and analysed, of ``budget``.
    :param equilibration: ps.
    :param timestep: fs.
    :param D: by ion, cm²/s; ``relative_error``: of D; ``diffusive``: by ion; all empty before the first segment ended.
    :param reason: of the last verdict.
    """

    temperature: float
    budget: float
    equilibration: float
    timestep: float
    length: float = 0.0
    D: Mapping[str, float | None] = field(default_factory=dict)
    relative_error: Mapping[str, float | None] = field(default_factory=dict)
    diffusive: Mapping[str, bool] = field(default_factory=dict)
    reason: str = ''

    def steps(self, production: float) -> int:
        """Integration steps of the equilibration and so many ps of production."""
        return round((self.equilibration + production) / (self.timestep * units.FS_TO_PS))


def planned_points(node: ProcessNode) -> dict[str, int]:
    """Every run of a sweep by its label, with its integration steps where it spends its budget.

    :param node: the DiffusionSweepWorkChain.
    """
    from aiida_glassion.kernels.transport.sweep_plan import plan_runs, read_settings

    inputs: Any = node.inputs
    settings = read_settings(inputs.settings.get_dict())
    runs = plan_runs(inputs.temperatures.get_list(), list(inputs.glasses), settings.replicas, inputs.seed.value)
    return {run.label: _begin(settings, run.temperature).steps(settings.budget_at(run.temperature)) for run in runs}


def read_point(node: ProcessNode) -> PointState:
    """How far a run is, by the last analysis of its segments.

    :param node: the DiffusionPointWorkChain.
    """
    from aiida_glassion.kernels.transport.sweep_plan import read_settings
    from aiida_glassion.kernels.transport.sweep_point import judge_run

    inputs: Any = node.inputs
    settings = read_settings(inputs.settings.get_dict())
    state = _begin(settings, inputs.temperature.value)
    if node.is_terminated:
        history = node.outputs.history.get_dict()['segments'] if 'history' in node.outputs else {}
        told = [entry for _, entry in sorted(history.items())][-1:]
        length = node.outputs.results.get_dict()['length'] if 'results' in node.outputs else 0.0
        return replace(state, length=length, **_verdict(told[0])) if told else replace(state, length=length)
    called = node.base.links.get_outgoing(link_label_filter='analyse\\_progress%').all()
    analysed = [link.node for link in called if 'numbers' in link.node.outputs]
    lengths = [0.0]
    for _ in analysed:
        lengths.append(lengths[-1] + settings.next_segment(lengths[-1], state.temperature))
    if not analysed:
        return state
    newest = max(analysed, key=lambda child: child.pk)
    found = judge_run(newest.outputs.numbers.get_dict(), settings.relative_error)
    return replace(state, length=min(lengths[-1], state.budget), **_verdict(vars(found)))


def _begin(settings: Any, temperature: float) -> PointState:
    return PointState(temperature, settings.budget_at(temperature), settings.equilibrate.duration, settings.timestep)


def _verdict(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ('D', 'relative_error', 'diffusive', 'reason')}
