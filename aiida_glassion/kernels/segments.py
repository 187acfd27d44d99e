"""Joining the pieces of a run that was stopped and continued: nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames


@dataclass(frozen=True)
class Segment:
    """Where a piece of a run lies in the whole.

    :param step: steps made before this piece began to count from 0.
    :param time: time passed before this piece began to count from 0, ps.
    :param stages: stage of the whole schedule for each stage of this piece's own schedule.
    :param until: last step (of the whole) that counts from this piece: where the next one was taken up; None: all.
    """

    step: int
    time: float
    stages: tuple[int, ...]
    until: int | None


def join_frames(parts: Sequence[Frames], segments: Sequence[Segment]) -> Frames:
    """Join trajectories with steps, times and stages counted through the whole run.

    :param parts: the frames of each piece; steps, times and stages must be known.
    :raises ValueError: nothing to join, or a piece without steps, times or stages.
    """
    joined: list[Frames] = []
    for part, segment in zip(parts, segments, strict=True):
        if part.steps is None or part.times is None or part.stages is None:
            raise ValueError('a piece of a run needs steps, times and stages')
        steps = part.steps + segment.step
        keep = _new(steps, joined[-1].steps if joined else None, segment)
        if not keep.any():
            continue
        stages = np.asarray(segment.stages)[part.stages]
        shifted = replace(part, steps=steps, times=part.times + segment.time, stages=stages)
        joined.append(shifted[np.flatnonzero(keep)])
    return Frames.concatenate(joined)


def join_thermo(
    parts: Sequence[Mapping[str, npt.NDArray[Any]]], segments: Sequence[Segment]
) -> dict[str, npt.NDArray[Any]]:
    """Join thermodynamic output, arrays by name, with steps, times and stages counted through the whole run."""
    joined: list[dict[str, npt.NDArray[Any]]] = []
    last: npt.NDArray[Any] | None = None
    for part, segment in zip(parts, segments, strict=True):
        steps = part['step'] + segment.step
        shifted = dict(part) | {
            'step': steps,
            'time': part['time'] + segment.time,
            'stage': np.asarray(segment.stages)[part['stage']],
        }
        keep = _new(steps, last, segment) | _minimising(part, steps, segment)
        joined.append({name: array[keep] for name, array in shifted.items()})
        last = joined[-1]['step'] if keep.any() else last
    return {name: np.concatenate([part[name] for part in joined]) for name in joined[0]}


def join_deviations(
    parts: Sequence[Mapping[str, npt.NDArray[Any]]], segments: Sequence[Segment], *, frame_steps: npt.ArrayLike
) -> dict[str, npt.NDArray[Any]]:
    """Join the records of a committee, with steps, times, stages and frames counted through the whole run.

    :param parts: arrays by name, among them ``step``, ``time`` and ``stage``, of each piece.
    :param frame_steps: integration step of each frame of the joined trajectory, ascending.
    :returns: the arrays, with ``frame`` for the joined trajectory.
    """
    joined: list[dict[str, npt.NDArray[Any]]] = []
    for part, segment in zip(parts, segments, strict=True):
        steps = part['step'] + segment.step
        shifted = dict(part) | {
            'step': steps,
            'time': part['time'] + segment.time,
            'stage': np.asarray(segment.stages)[part['stage']],
        }
        keep = _new(steps, joined[-1]['step'] if joined else None, segment)
        if keep.any():
            joined.append({name: array[keep] for name, array in shifted.items()})
    whole = {name: np.concatenate([part[name] for part in joined]) for name in joined[0]}
    return whole | {'frame': frame_of_step(whole['step'], frame_steps)}


def frame_of_step(steps: npt.NDArray[Any], frame_steps: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Index of the frame that was stored at each step, -1 where none was.

    :param steps: (n,), integration steps.
    :param frame_steps: (n_frames,), integration step of each frame, ascending.
    """
    stored = np.asarray(frame_steps, dtype=np.int64)
    index = np.searchsorted(stored, steps)
    there = np.isin(steps, stored)
    return np.where(there, index, -1).astype(np.int64)


def _new(steps: npt.NDArray[Any], before: npt.NDArray[Any] | None, segment: Segment) -> npt.NDArray[np.bool_]:
    """Steps after those that came before and not beyond the point where the next piece was taken up."""
    keep = np.ones(len(steps), dtype=bool) if before is None else steps > before[-1]
    return keep if segment.until is None else keep & (steps <= segment.until)


def _minimising(
    part: Mapping[str, npt.NDArray[Any]], steps: npt.NDArray[Any], segment: Segment
) -> npt.NDArray[np.bool_]:
    return (part['iteration'] > 0) & (steps <= (np.inf if segment.until is None else segment.until))
