"""Which of the visited configurations are to be labelled, and why the others are not.

Of each run the frames whose deviation is known are sorted by trust levels (:mod:`.levels`). Candidates lose those that
are unphysical (:mod:`.filters`) or known already: frames of the data, or chosen once before, or twice in this round.
What is left is more than can be labelled and mostly alike, since frames of a run follow each other; of it the frames
are taken that lie farthest from all data and from each other (:mod:`.farthest_points` on :mod:`~..structure.descriptor`
rows). Drawing at random, as DP-GEN does, and taking the largest deviations are there to compare with.

Optionally a share of the labels goes to frames just above the upper level (a seeded draw): a way out where a young
potential fails everywhere it goes.

The work grows with the candidates and, by one matrix product, with the number of frames that are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.fingerprint import fingerprints
from aiida_glassion.kernels.learning.farthest_points import choose_apart, nearest_distances
from aiida_glassion.kernels.learning.filters import find_unphysical
from aiida_glassion.kernels.learning.levels import (
    CANDIDATE,
    FAILED,
    classify,
    relative_to_force,
    rms_forces,
    worse_of,
)
from aiida_glassion.kernels.learning.memory import Memory, to_table
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings
from aiida_glassion.kernels.structure.descriptor import describe, n_columns

FloatArray = npt.NDArray[np.floating[Any]]

CODES = {
    'accurate': 0, 'candidate_chosen': 1, 'candidate_not_chosen': 2, 'failed': 3, 'failed_chosen': 4,
    'close_contact': 5, 'density': 6, 'detached': 7, 'known': 8, 'similar': 9,
}  # fmt: skip
"""What became of a frame. ``similar``: a candidate too near to the data or to a chosen frame to be worth a label."""
_EXAMPLES_OF_EACH = 2
_DRAWN_FOR_EACH = 10
"""Failed frames drawn for each that may be labelled, since some are alike."""


@dataclass(frozen=True, eq=False)
class Visited:
    """A run that was made under the eyes of the committee.

    :param read: gives its frames; called again rather than kept.
    :param deviations: by row ``frame`` (index into the frames, -1: none was stored), ``max_force_deviation`` (eV/Å)
        and, for virial levels, ``max_virial_deviation`` (eV/atom).
    """

    read: Callable[[], Frames]
    deviations: Mapping[str, npt.NDArray[Any]]


@dataclass(eq=False)
class Judged:
    """The frames of one run with what became of each.

    :param index: of each frame in the run, (n,).
    :param deviation: largest force deviation as the levels saw it, eV/Å, (n,).
    :param code: of :data:`CODES`, (n,).
    """

    formula: str
    index: npt.NDArray[np.int64]
    deviation: FloatArray
    code: npt.NDArray[np.int8]
    without_frame: int = 0


@dataclass(eq=False)
class Selection:
    """What was decided.

    :param runs: every judged frame, by run.
    :param chosen: index in the run of each chosen frame, ascending, by run; runs without any are absent.
    :param memory: of the chosen frames.
    :param reached: distance of descriptors at which each frame was chosen, in the order of choice.
    :param n_left: candidates that were neither unphysical nor known.
    :param n_compared: of these, how many were compared.
    :param examples: ``run``, ``frame`` and ``why`` of a few frames of each fate.
    """

    runs: dict[str, Judged]
    chosen: dict[str, list[int]] = field(default_factory=dict)
    memory: Memory | None = None
    reached: FloatArray = field(default_factory=lambda: np.zeros(0))
    n_left: int = 0
    n_compared: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, run: str, frame: int, fate: str, why: str) -> None:
        """Keep as an example unless there are enough of this fate."""
        if sum(example['fate'] == fate for example in self.examples) < _EXAMPLES_OF_EACH:
            self.examples.append({'run': run, 'frame': int(frame), 'fate': fate, 'why': why})


Row = tuple[str, int]
"""Run, and row of its :class:`Judged`."""


def select_frames(
    visited: Mapping[str, Visited],
    memory: Sequence[Memory],
    levels: Mapping[str, Any],
    settings: SelectionSettings,
    elements: Sequence[str],
    seed: int,
) -> Selection:
    """Decide for every frame.

    :param visited: runs by label.
    :param memory: what is known, in the layout of ``elements``.
    :param levels: ``lower`` and ``upper``, eV/Å; ``relative``: None, or eV/Å (:mod:`.levels`).
    :param settings: see :class:`SelectionSettings`.
    :param elements: layout of the descriptors, all that can occur.
    :param seed: of every draw.
    :raises ValueError: data for relative or virial levels lack, or a row points to no frame.
    """
    selection = Selection({name: _judge(name, visited[name], levels, settings) for name in sorted(visited)})
    n_failed = int(settings.failed_fraction_labelled * settings.max_labels)
    known = {bytes(row) for part in memory for row in part.fingerprints}
    candidates, failed = _sift(selection, visited, settings, known, n_failed > 0, float(levels['upper']))
    selection.n_left = len(candidates)
    draw = np.random.default_rng((seed, 1))
    failed = [failed[i] for i in draw.permutation(len(failed))[: _DRAWN_FOR_EACH * n_failed]]
    if len(candidates) > settings.max_considered:
        candidates = [
            candidates[i] for i in sorted(draw.choice(len(candidates), settings.max_considered, replace=False))
        ]
    selection.n_compared = len(candidates)
    rows = candidates + failed
    if not rows:
        return selection
    points = np.zeros((len(rows), n_columns(len(elements))), dtype=np.float32)
    for _, numbers, frames in _frames_of(selection, visited, rows):
        points[numbers] = describe(frames, elements)
    blocks = [part.descriptors for part in memory]
    first, reached_first, near = _choose_failed(points, blocks, len(candidates), n_failed, settings)
    others = np.arange(len(candidates))
    order = None
    if settings.method == 'random':
        order = draw.permutation(others)
    elif settings.method == 'largest':
        deviations = np.array([selection.runs[name].deviation[row] for name, row in candidates])
        order = np.argsort(-deviations, kind='stable')
    picked, reached, near = choose_apart(
        points[: len(candidates)], near, settings.max_labels - len(first), order, seed, settings.exclude_similar
    )
    for number in others:
        name, row = candidates[number]
        selection.runs[name].code[row] = CODES[
            'similar' if near[number] <= settings.exclude_similar else 'candidate_not_chosen'
        ]
    _keep(selection, visited, rows, points, [*first, *picked], np.concatenate([reached_first, reached]))
    return selection


def _judge(name: str, run: Visited, levels: Mapping[str, Any], settings: SelectionSettings) -> Judged:
    """Sort the frames of one run by the levels."""
    indices = np.asarray(run.deviations['frame'], dtype=np.int64)
    rows = np.flatnonzero(indices >= 0)
    rows = rows[np.unique(indices[rows], return_index=True)[1]]
    index = indices[rows]
    deviation = np.asarray(run.deviations['max_force_deviation'], dtype=float)[rows]
    frames = run.read()
    if len(index) and index[-1] >= frames.n_frames:
        raise ValueError(f'deviations.{name}: frame {index[-1]}, but the trajectory has {frames.n_frames} frames')
    if levels.get('relative') is not None:
        try:
            deviation = relative_to_force(deviation, rms_forces(frames)[index], float(levels['relative']))
        except ValueError as error:
            raise ValueError(f'trajectories.{name}: {error}') from None
    opinions = [classify(deviation, float(levels['lower']), float(levels['upper']))]
    if settings.virial_lower is not None and settings.virial_upper is not None:
        virial = run.deviations.get('max_virial_deviation')
        if virial is None:
            raise ValueError(f'deviations.{name}: virial levels are set, but there is no max_virial_deviation')
        opinions.append(classify(np.asarray(virial, dtype=float)[rows], settings.virial_lower, settings.virial_upper))
    classes = worse_of(*opinions)
    code = np.full(len(index), CODES['accurate'], dtype=np.int8)
    code[classes == CANDIDATE] = CODES['candidate_not_chosen']
    code[classes == FAILED] = CODES['failed']
    formula = ''.join(f'{element}{count}' for element, count in frames.counts.items())
    return Judged(formula, index, deviation, code, without_frame=int(np.sum(indices < 0)))


def _sift(
    selection: Selection,
    visited: Mapping[str, Visited],
    settings: SelectionSettings,
    known: set[bytes],
    with_failed: bool,
    upper: float,
) -> tuple[list[Row], list[Row]]:
    """Take out what is unphysical or known; return candidates and the failed frames that may be labelled."""
    left: dict[bool, list[Row]] = {True: [], False: []}
    seen = set(known)
    limits = settings.model_dump(
        include={'min_distance_factor', 'density_change', 'density_min', 'density_max', 'detached_factor'}
    )
    for name, run in selection.runs.items():
        wanted = run.code == CODES['candidate_not_chosen']
        if with_failed:
            wanted |= (run.code == CODES['failed']) & (run.deviation < settings.failed_reach * upper)
        rows = np.flatnonzero(wanted)
        if not len(rows):
            continue
        frames = visited[name].read()
        density = float(frames[0].densities[0]) if all(frames.pbc) else None
        chosen = frames[run.index[rows]]
        unphysical = find_unphysical(chosen, start_density=density, **limits)
        for row, discard, text in zip(rows.tolist(), unphysical, fingerprints(chosen), strict=True):
            is_candidate = run.code[row] == CODES['candidate_not_chosen']
            fate, why = (discard.kind, discard.reason) if discard is not None else ('', '')
            mark = bytes.fromhex(text)
            if not fate and mark in seen:
                fate = 'known'
                why = 'it is in the data or was chosen before' if mark in known else 'it was visited twice'
            if not fate:
                seen.add(mark)
                left[bool(is_candidate)].append((name, row))
            elif is_candidate:
                run.code[row] = CODES[fate]
                selection.tell(name, run.index[row], fate, why)
    return left[True], left[False]


def _choose_failed(
    points: FloatArray, blocks: Sequence[FloatArray], n_candidates: int, n_failed: int, settings: SelectionSettings
) -> tuple[list[int], FloatArray, FloatArray]:
    """Choose among the failed frames, in the order they were drawn; and how near the candidates are to all then."""
    near = nearest_distances(points, blocks)
    chosen, reached, _ = choose_apart(
        points[n_candidates:],
        near[n_candidates:],
        n_failed,
        np.arange(len(points) - n_candidates),
        least=settings.exclude_similar,
    )
    first = chosen + n_candidates
    near = np.minimum(near, nearest_distances(points, [points[first]]))
    return first.tolist(), reached, near[:n_candidates]


def _frames_of(
    selection: Selection, visited: Mapping[str, Visited], rows: Sequence[Row]
) -> Iterator[tuple[str, list[int], Frames]]:
    """Frames of the rows, run by run: run, position of each in ``rows``, frames in that order."""
    order = sorted(range(len(rows)), key=lambda number: rows[number])
    for name, group in groupby(order, key=lambda number: rows[number][0]):
        numbers = list(group)
        yield name, numbers, visited[name].read()[selection.runs[name].index[[rows[n][1] for n in numbers]]]


def _keep(
    selection: Selection,
    visited: Mapping[str, Visited],
    rows: Sequence[Row],
    points: npt.NDArray[np.float32],
    picked: Sequence[int],
    reached: FloatArray,
) -> None:
    """Write down what was chosen."""
    selection.reached = reached
    for number, distance in zip(picked, reached, strict=True):
        name, row = rows[number]
        run = selection.runs[name]
        run.code[row] = CODES['failed_chosen' if run.code[row] == CODES['failed'] else 'candidate_chosen']
        far = '' if np.isinf(distance) else f', {distance:.2g} from the nearest that is known or chosen'
        fate = 'chosen' if run.code[row] == CODES['candidate_chosen'] else 'failed_chosen'
        selection.tell(name, run.index[row], fate, f'deviation {run.deviation[row]:.3g} eV/Å{far}')
    prints: list[bytes] = []
    order: list[int] = []
    chosen = [rows[number] for number in picked]
    for name, numbers, frames in _frames_of(selection, visited, chosen):
        selection.chosen[name] = [int(selection.runs[name].index[chosen[n][1]]) for n in numbers]
        prints += [bytes.fromhex(text) for text in fingerprints(frames)]
        order += [picked[n] for n in numbers]
    if order:
        selection.memory = Memory(to_table(prints), points[order])
