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
