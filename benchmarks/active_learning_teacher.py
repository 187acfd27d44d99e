"""The teacher's side of the benchmark: where learning begins, what is learned first, what it is tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from benchmarks.active_learning_compare import Plan, melt_quench, quench_frames
from benchmarks.active_learning_home import Home


@dataclass(frozen=True)
class Problem:
    """What is to be learned; density g/cm³, temperature K, durations ps."""

    counts: Mapping[str, int] = field(default_factory=lambda: {'Na': 16, 'Si': 16, 'O': 40})
    density: float = 2.35
    teacher: str = 'pmmcs'
    coulomb: str = 'dsf'
    hot: float = 4000
    melt: float = 5
    n_initial: int = 80
    n_test_hot: int = 40
    n_test_quench: int = 120


@dataclass(frozen=True)
class Codes:
    """LAMMPS for the teacher, LAMMPS for models, dp, packmol."""

    lmp: orm.Code
    lmp_deepmd: orm.Code
    dp: orm.Code
    packmol: orm.Code

    @classmethod
    def load(cls) -> Codes:
        """The codes that ``glassion setup`` stores."""
        names = ('lmp@localhost', 'lmp-deepmd@localhost-deepmd', 'dp@localhost', 'packmol@localhost')
        return cls(*(orm.load_code(name) for name in names))


def hot_run(problem: Problem, code: orm.Code, potential: PotentialData, start: orm.Data, seed: int) -> Any:
    """Builder of a short melt, far above the glass transition."""
    from aiida_glassion.workchains.md import MdWorkChain

    builder = MdWorkChain.get_builder()
    builder.md.code, builder.md.potential, builder.md.configuration = code, potential, start
    builder.md.keep_velocities, builder.md.seed = orm.Bool(False), orm.Int(seed)
    hold = {'kind': 'hold', 'name': 'melt', 'temperature': problem.hot, 'duration': problem.melt, 'frames_every': 0.05}
    builder.md.schedule = orm.Dict(
        {'timestep': 1.0, 'stages': [{'kind': 'minimise', 'max_steps': 500}, hold], 'restart_every': 50}
    )
    return builder


def pack(problem: Problem, code: orm.Code, seed: int) -> Any:
    """Builder of the packed box."""
    from aiida_glassion.calculations.packmol import PackmolCalculation

    builder = PackmolCalculation.get_builder()
    builder.code, builder.seed = code, orm.Int(seed)
    builder.counts, builder.density = orm.Dict(dict(problem.counts)), orm.Float(problem.density)
    return builder


def label_builder(
    codes: Codes, teacher: PotentialData, frames: Mapping[str, orm.Data], gate: str | None = 'open'
) -> Any:
    """Builder of labels by the teacher."""
    from aiida_glassion.workchains.label import LabelWorkChain

    return LabelWorkChain.get_builder_from_protocol(
        'lammps', codes.lmp, dict(frames), gate=gate, potential=teacher, max_concurrent=2
    )


def spread(trajectory: FramesData, number: int) -> FramesData:
    """So many frames, evenly spread over a trajectory."""
    frames = trajectory.frames
    rows = np.unique(np.linspace(0, frames.n_frames - 1, min(number, frames.n_frames)).round().astype(int))
    return FramesData.from_frames(frames[rows])


@dataclass(frozen=True)
class Ground:
    """All that the teacher gives: a melt to start from, first labelled frames, test sets."""

    teacher: PotentialData
    start: FramesData
    initial: DatasetData
    tests: Mapping[str, DatasetData]


def make_ground(home: Home, codes: Codes, problem: Problem, plan: Plan) -> Ground:
    """Pack, melt, label; glasses of the teacher's own, which are the test set too."""
    teacher = home.keep('teacher', lambda: PotentialData.from_library(problem.teacher, coulomb=problem.coulomb))
    packed = home.need('pack', pack(problem, codes.packmol, 1)).outputs.configuration
    melt = home.need('start', hot_run(problem, codes.lmp, teacher, packed, 1)).outputs
    start = melt.final
    first = home.keep(f'first {problem.n_initial} frames', lambda: spread(melt.trajectory, problem.n_initial))
    initial = home.need(
        f'label first {problem.n_initial}', label_builder(codes, teacher, {'first': first})
    ).outputs.dataset
    hot = home.need('hot test', hot_run(problem, codes.lmp, teacher, start, 2)).outputs.trajectory
    glasses = home.need('teacher glass', melt_quench(plan, codes.lmp, teacher, start, 1))
    quenches = quench_frames(glasses)
    tests = {}
    sets = {'quench': (list(quenches.values()), problem.n_test_quench), 'hot': ([hot], problem.n_test_hot)}
    for name, (nodes, number) in sets.items():
        each = number // len(nodes)
        frames = {
            f'{name}_{i}': home.keep(f'test {name} {i}', lambda node=node, each=each: spread(node, each))
            for i, node in enumerate(nodes)
        }
        tests[name] = home.need(f'label {name}', label_builder(codes, teacher, frames)).outputs.dataset
    return Ground(teacher, start, initial, tests)
