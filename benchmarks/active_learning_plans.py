"""Sizes of the benchmark of active learning: what is learned, how the loop is set, how long the comparison runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.active_learning_compare import Plan
from benchmarks.active_learning_teacher import Problem


@dataclass(frozen=True)
class Size:
    """A size of the benchmark.

    :param problem: what is to be learned.
    :param plan: the comparison.
    :param protocol: of ``protocols/active_learning.yaml``.
    :param overrides: of that protocol.
    :param stages: curriculum.
    :param training: overrides of the training protocol ``fast``.
    :param committee: number of models.
    :param rounds: iterations of the baseline.
    :param labels: labels in each of them.
    :param alike: batches from the beginning, for the data of each arm of the baseline.
    """

    problem: Problem
    plan: Plan
    protocol: str
    overrides: Mapping[str, Any]
    stages: list[dict[str, Any]]
    training: Mapping[str, Any]
    committee: int
    rounds: int
    labels: int
    alike: int = 6000
    seeds: tuple[int, ...] = field(default=(1, 2, 3))


def net(rcut: float, neuron: list[int], axis: int, fitting: list[int], steps: int) -> dict[str, Any]:
    """Overrides of the training protocol ``fast``: a smaller net, ``steps`` batches at most."""
    return {
        'parameters': {
            'model': {
                'descriptor': {'rcut': rcut, 'neuron': neuron, 'axis_neuron': axis},
                'fitting_net': {'neuron': fitting},
            },
            'learning_rate': {'start_lr': 3e-3, 'stop_lr': 1e-5, 'decay_steps': 50},
            'training': {'numb_steps': steps, 'disp_freq': 100, 'save_freq': 1000},
        }
    }


def curriculum(
    hot: float, duration: float, rate: float, every: float, labels: int, **more: Any
) -> list[dict[str, Any]]:
    """Two stages: the melt from hot to lukewarm, then its quench to a glass, at fixed volume and without pressure.

    Without pressure only from 2500 K: hotter it would boil.

    :param hot: K.
    :param duration: ps, of each run of the melt.
    :param rate: K/ps.
    """
    common = {'timestep': 2.0, 'every': every, 'max_labels': labels, **more}
    melt = [
        {'kind': 'hold', 'temperatures': [1000, 2000, 3000, hot], 'duration': duration},
        {'kind': 'cool', 'temperature': hot, 'temperature_end': 300, 'duration': 2 * duration},
    ]
    quench = [
        {'kind': 'melt_quench', 'melt': start, 'room': 300, 'hold': duration, 'rate': rate, 'relax': duration,
         'pressures': [pressure]}
        for start, pressure in ((hot, None), (2500, 0))
    ]  # fmt: skip
    quench += [{'kind': 'hold', 'temperatures': [300, 1000], 'pressures': [0], 'duration': duration}]
    return [
        {**common, 'name': 'melt', 'programs': melt},
        {**common, 'name': 'quench', 'programs': quench, 'gate': True},
    ]


GATE: dict[str, Any] = {
    'melt': 3500,
    'timestep': 2.0,
    'limits': {
        'rdf_total': 15, 'rdf_pair': 45, 'coordination': 0.8, 'anions': 0.2, 'qn': 0.5, 'clusters': 0.5,
        'density': 0.15,
    },
    'artefacts': {'edge_sharing': 0.2, 'odd_coordination': 0.2},
}  # fmt: skip
"""Limits for cells of 72 atoms and fewer: two glasses of the teacher itself differ by half as much in places (the table
in README.md), so that the gate finds artefacts and gross differences only."""
FULL = Size(
    problem=Problem(),
    plan=Plan(),
    protocol='fast',
    overrides={
        'max_iterations': 15,
        'max_labels': 1200,
        'convergence': {'candidate_fraction': 0.05, 'failed_fraction': 0.02},
        'held_out': 0.25,
        'gate': {'parameters': {**GATE, 'hold': 5, 'rate': 400, 'relax': 2, 'sample': 4}},
        'final': {'passes': 200, 'fewest': 1.0, 'most': 2.5},
    },
    stages=curriculum(hot=4000, duration=2, rate=500, every=0.05, labels=50, max_runs=6, min_frames=200),
    training=net(5.0, [8, 16, 32], 6, [40, 40, 40], 4000),
    committee=3,
    rounds=6,
    labels=30,
)
SMALL = Size(
    problem=replace(
        FULL.problem, counts={'Na': 8, 'Si': 8, 'O': 20}, melt=3, n_initial=60, n_test_hot=20, n_test_quench=40
    ),
    plan=replace(FULL.plan, replicas=2, rate=400, melt=5, relax=3, sample=3, diffusion=10, equilibrate=2, block=5),
    protocol='fast',
    overrides={
        'max_iterations': 8,
        'max_labels': 400,
        'convergence': {
            'candidate_fraction': 0.15, 'failed_fraction': 0.05, 'checks': 1, 'error_fall': 0.15,
            'relative_error': 0.6,
        },
        'held_out': 0.35,
        'gate': {'parameters': {**GATE, 'hold': 2, 'rate': 1000, 'relax': 1, 'sample': 1}},
        'final': {'fewest': 0.5, 'most': 1.0},
    },
    stages=curriculum(hot=4000, duration=1, rate=2000, every=0.05, labels=25, max_runs=4, min_frames=50),
    training={'compress': False, **net(4.0, [6, 12], 4, [24, 24], 2000)},
    committee=2,
    rounds=3,
    labels=15,
)  # fmt: skip
CHOICE = replace(
    SMALL,
    problem=replace(SMALL.problem, n_initial=12),
    overrides={**SMALL.overrides, 'max_labels': 1000, 'levels': {'kind': 'fixed', 'lower': 0.1, 'upper': 1.0}},
    training={'compress': False, **net(5.0, [8, 16, 32], 6, [40, 40, 40], 3000)},
    rounds=1,
    labels=12,
)
"""For the comparison of selections: so few frames to begin with that new ones must tell, far more candidates than
labels, a net that can learn. With 60 frames to begin with, 24 new ones taught the same nets nothing, however chosen."""
