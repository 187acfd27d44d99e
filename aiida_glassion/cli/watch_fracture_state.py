"""How far the pulls of a study of fracture are and what they told so far, read from their nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aiida_glassion import units

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_glassion.kernels.mechanics.pull_settings import PullSettings

STUDY, PULL = 'FractureWorkChain', 'FracturePullWorkChain'


@dataclass(frozen=True)
class PullState:
    """How far a pull is and what it told so far.

    :param kind: ``tension`` or ``notched``.
    :param most: strain at which it ends that does not break; ``piece``: strain of one job.
    :param strain: reached by the jobs that ended.
    :param stress: there, GPa; ``highest``: so far. None before the first job ended.
    :param step_of: integration steps of the equilibration, and of a strain of 1.
    """

    kind: str
    most: float
    piece: float
    step_of: tuple[float, float]
    strain: float = 0.0
    stress: float | None = None
    highest: float | None = None

    def steps(self, strain: float) -> int:
        """Integration steps of the equilibration and the pull up to a strain."""
        return round(self.step_of[0] + self.step_of[1] * strain)


def planned_pulls(node: ProcessNode) -> dict[str, int]:
    """Every pull of a study by its label, with its integration steps at most.

    :param node: the FractureWorkChain.
    """
    from aiida_glassion.kernels.mechanics.pull_plan import plan_pulls
    from aiida_glassion.kernels.mechanics.pull_settings import read_fracture, read_pull

    inputs: Any = node.inputs
    settings = read_fracture(inputs.settings.get_dict())
    found = {}
    for pull in plan_pulls(settings, list(inputs.glasses), inputs.seed.value):
        state = _begin(read_pull(settings.pull(pull.kind, pull.rate)))
        found[pull.label] = state.steps(state.most)
    return found


def read_pull_state(node: ProcessNode) -> PullState:
    """How far a pull is, by its jobs that ended.

    :param node: the FracturePullWorkChain.
    """
    from aiida_glassion.kernels.mechanics.pull_curve import pull_curve
    from aiida_glassion.kernels.mechanics.pull_plan import cell_lengths
    from aiida_glassion.kernels.mechanics.pull_settings import AXES, read_pull
    from aiida_glassion.kernels.mechanics.tension import smoothed

    inputs: Any = node.inputs
    settings = read_pull(inputs.settings.get_dict())
    state = _begin(settings)
    if 'curves' in node.outputs:
        arrays = node.outputs.curves.arrays
        strain, stress = arrays['strain'], arrays['stress']
    else:
        called = node.base.links.get_outgoing(link_label_filter='piece\\_%').all()
        ended = sorted((link.link_label, link.node) for link in called if link.node.is_terminated)
        tables = [child.outputs.thermo.arrays for _, child in ended if 'thermo' in child.outputs]
        before = node.base.links.get_outgoing(link_label_filter='mean\\_cell').all()
        if not tables or not before:
            return state
        reference = before[0].node.outputs.result
        axis = inputs.axis.value
        start = cell_lengths(reference.get_array('cells')[-1])[AXES.index(axis)]
        curve = pull_curve(tables, settings, axis, start)
        strain, stress = curve.strain, curve.stress
    smooth = smoothed(strain, stress, settings.window)
    return replace(state, strain=float(strain[-1]), stress=float(smooth[-1]), highest=float(smooth.max()))


def _begin(settings: PullSettings) -> PullState:
    step = settings.timestep * units.FS_TO_PS
    each = settings.hold / settings.step if settings.mode == 'steps' else 1 / (settings.rate or 1.0)
    most = (settings.equilibrate.duration / step, each / step)
    return PullState(settings.kind, settings.max_strain, settings.piece, most)
