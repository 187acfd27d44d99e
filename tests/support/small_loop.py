"""A small loop of active learning with stand-ins for its programs, for tests of what may happen to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm

SILICA = Path(__file__).parents[1] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
CALCULATOR = {'path': 'ase.calculators.lj:LennardJones'}
STAGE = {
    'name': 'melt',
    'every': 0.05,
    'min_frames': 20,
    'max_labels': 12,
    'programs': [{'kind': 'hold', 'temperatures': [1000, 2000], 'duration': 1.0}],
}
SETTINGS = {
    'levels': {'kind': 'fixed', 'lower': 0.05, 'upper': 0.15},
    'convergence': {'relative_error': None},
    'final': {'train': False},
}


def small_loop(codes: dict[str, orm.AbstractCode], settings: dict[str, Any] | None = None, **more: Any) -> Any:
    """Builder of a loop of two runs an iteration, from 30 frames of molten silica.

    :param codes: the stand-ins ``dp``, ``lmp`` and ``label``.
    :param settings: of the loop, nested.
    :param more: further arguments of the builder.
    """
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.deepmd.systems import read_system
    from aiida_glassion.frames import Frames
    from aiida_glassion.label_engines import engines
    from aiida_glassion.workchains import protocols
    from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain

    frames = Frames.concatenate(list(read_system(SILICA)))
    method = engines()['ase'].method(protocols.load('label_ase', None, CALCULATOR), {})
    options = {'committee': 2, 'train_overrides': {'compress': False}, **more}
    builder = ActiveLearningWorkChain.get_builder_from_protocol(
        train_code=codes['dp'],
        md_code=codes['lmp'],
        label={
            'engine': 'ase',
            'code': codes['label'],
            'settings': {'frames_per_job': 100},
            'gate': 'open',
            'overrides': CALCULATOR,
            'tolerated_failures': 0.4,
        },
        datasets={'melt': DatasetData.from_frames(frames[:30], method=method)},
        protocol='fast',
        overrides={**SETTINGS, **(settings or {})},
        stages=[STAGE],
        train_protocol='tiny',
        **options,
    )
    return builder


def jobs_of(*nodes: orm.ProcessNode) -> list[orm.CalcJobNode]:
    """All jobs below processes, the oldest first."""
    found = {job.pk: job for node in nodes for job in node.called_descendants if isinstance(job, orm.CalcJobNode)}
    return [found[pk] for pk in sorted(found)]


def really_run(*nodes: orm.ProcessNode) -> list[str]:
    """Kind of each job that was not taken from the cache."""
    return [job.process_label for job in jobs_of(*nodes) if not job.base.caching.is_created_from_cache]


def add_history(builder: Any, iterations: int) -> None:
    """Let a loop go on after so many iterations that are made up: of each 4 labelled frames, one of them held out."""
    from dataclasses import replace

    import numpy as np

    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.deepmd.systems import read_system
    from aiida_glassion.frames import Frames
    from aiida_glassion.functions.selection import remember_frames

    first = dict(builder.datasets)
    base, random = Frames.concatenate(list(read_system(SILICA))), np.random.default_rng(1)
    datasets, test, memory, records = dict(first), {}, {}, {}
    for number in range(1, iterations + 1):
        name = f'iteration_{number:02d}'
        frames = base[random.integers(0, base.n_frames, 4)]
        frames = replace(frames, positions=frames.positions + random.normal(0, 0.3, frames.positions.shape))
        parts = [
            DatasetData.from_frames(part, method=first['melt'].method).store() for part in (frames[:3], frames[3:])
        ]
        datasets[name], test[name] = parts
        memory[name] = remember_frames(orm.List(['O', 'Si']), training=parts[0], test=parts[1])
        empty: dict[str, Any] = {key: {} for key in ('levels', 'exploration', 'selection', 'errors', 'cost')}
        place = {'number': number, 'stage': STAGE['name'], 'stage_index': 0, 'stage_round': 1, 'gate': None}
        labels = {'labelled': 4, 'asked': 4, 'total': 30 + 4 * number}
        decision: dict[str, Any] = {'action': 'repeat', 'reason': 'made up', 'criteria': []}
        records[name] = orm.Dict({**empty, **place, 'labels': labels, 'decision': decision}).store()
    builder.datasets, builder.test = datasets, test
    builder.earlier.memory, builder.earlier.iterations = memory, records
