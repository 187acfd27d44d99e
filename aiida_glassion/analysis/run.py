"""From a request and a source of frames to the outcome: one pass over the frames for all analyses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings, kind_of
from aiida_glassion.analysis.request import Request
from aiida_glassion.analysis.result import Result
from aiida_glassion.analysis.sources import FrameSource
from aiida_glassion.analysis.survey import survey
from aiida_glassion.analysis.system import Chunk, System

Running = dict[str, Analysis[AnalysisSettings]]

CHUNK_BYTES = 64_000_000
"""Size of one chunk of frames, in bytes."""
_BYTES_PER_ATOM = 400
"""Positions, and the neighbours within bonds of each atom, which views keep as long as their chunk."""
_MOST_PER_CHUNK = 200
"""Few enough for progress to be seen and for results to be kept in time."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came out of a request.

    :param results: by kind of analysis.
    :param failed: why a kind has no result, in one sentence.
    :param n_frames: number of frames that were analysed.
    :param seconds: wall time of each kind; ``reading`` is that of the file, ``survey`` that of the first look.
    :param n_requested: number of frames that the request takes; more than ``n_frames`` only where it was broken off.
    :param warnings: on the source as a whole; those of the survey are with the system.
    """

    system: System
    results: Mapping[str, Result]
    failed: Mapping[str, str]
    n_frames: int
    seconds: Mapping[str, float]
    n_requested: int = 0
    warnings: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """All frames that were asked for have been analysed."""
        return self.n_frames >= self.n_requested


def analyse(
    request: Request,
    source: FrameSource,
    progress: Callable[[int, int], None] | None = None,
    keep: Callable[[Callable[[], Outcome]], None] | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Outcome:
    """Analyse the frames of a source.

    Memory holds one chunk of frames, whatever their number. An analysis that fails is left out and named; the others go
    on.

    :param progress: called with the number of frames that are done and their total, after the survey and each chunk.
    :param keep: called after each chunk with a function that gives the outcome so far, for results that outlive a kill.
    :param chunk_bytes: size of a chunk; the numbers do not depend on it.
    :raises ValueError: nothing can be analysed: no frame, no cell, a damaged file.
    """
    seconds = {'survey': 0.0, 'reading': 0.0, **dict.fromkeys(request.analyses, 0.0)}
    total = len(source.indices(request.first, request.last, request.every))
    with _Watch(seconds, 'survey'):
        system = survey(source, request)
    failed: dict[str, str] = {}
    running: Running = {}
    for kind, settings in request.analyses.items():
        with _Watch(seconds, kind), _Fence(failed, kind):
            running[kind] = _start(kind, settings, system, source)
    done = 0

    def outcome() -> Outcome:
        results, broken = {}, dict(failed)
        for kind, analysis in running.items():
            if kind in broken:
                continue
            with _Watch(seconds, kind), _Fence(broken, kind):
                results[kind] = analysis.result()
        return Outcome(system, results, broken, done, dict(seconds), total, tuple(source.warnings))

    if progress is not None:
        progress(0, total)
    size = max(1, min(_MOST_PER_CHUNK, chunk_bytes // (_BYTES_PER_ATOM * system.n_atoms)))
    chunks = source.chunks(request.first, request.last, request.every, size)
    while True:
        with _Watch(seconds, 'reading'):
            entry = next(chunks, None)
        if entry is None:
            break
        first, frames = entry
        if frames.symbols != system.symbols:
            raise ValueError(
                f'{source.name}, from frame {first}: other atoms than in the first frame, or another order'
            )
        chunk = Chunk(system, frames, first)
        for kind, analysis in running.items():
            if kind not in failed:
                with _Watch(seconds, kind), _Fence(failed, kind):
                    analysis.add(chunk)
        done += frames.n_frames
        if progress is not None:
            progress(done, total)
        if keep is not None and done < total:
            keep(outcome)
    return outcome()


def _start(
    kind: str, settings: Mapping[str, object], system: System, source: FrameSource
) -> Analysis[AnalysisSettings]:
    cls = kind_of(kind)
    undone = settings.get('unwrap') == 'minimum_image'
    if getattr(cls, 'needs_unwrapped', False) and source.unwrapped is False and not undone:
        raise ValueError(f'{source.name}: atoms jump at the boundaries; dump xu yu zu, or image flags (ix iy iz)')
    return cls(cls.Settings.model_validate(dict(settings)), system)


class _Watch:
    """Adds the wall time of a block to an entry."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] += time.perf_counter() - self.start


class _Fence:
    """Keeps the failure of one analysis from ending the others."""

    def __init__(self, failed: dict[str, str], kind: str) -> None:
        self.failed, self.kind = failed, kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if not isinstance(error, Exception):
            return False
        known = isinstance(error, ValueError)
        self.failed[self.kind] = str(error) if known else f'{type(error).__name__}: {error}'
        return True
