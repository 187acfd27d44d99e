"""Which frames are learned from and which are held out."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames

BoolArray = npt.NDArray[np.bool_]


def split_by_frame(n_frames: Mapping[str, int], fraction: float, seed: int) -> dict[str, BoolArray]:
    """Draw the test frames at random.

    Every system of two frames or more keeps frames in both parts; a system of one frame is for training. The number of
    test frames is ``fraction`` of all as nearly as that allows. Which frames of a system are drawn depends on the seed
    and on the name of the system, not on the other systems.

    :param n_frames: frames of each system.
    :param fraction: of all frames that are held out, between 0 and 1 exclusive.
    :param seed: of the random choice, not negative.
    :returns: by system, (n_frames,), true where a frame is held out.
    :raises ValueError: the fraction or the seed makes no sense, or no system has two frames.
    """
    if not 0 < fraction < 1:
        raise ValueError(f'fraction: {fraction} is not between 0 and 1')
    if seed < 0:
        raise ValueError(f'seed: {seed} is negative')
    if not n_frames or max(n_frames.values()) < 2:
        raise ValueError('no system has two frames, so none can be in both parts; hold out formulas instead')
    quotas = _quotas(n_frames, fraction)
    split = {}
    for name, number in n_frames.items():
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        held_out = np.zeros(number, dtype=bool)
        held_out[rng.permutation(number)[: quotas[name]]] = True
        split[name] = held_out
    return split


def split_by_formula(formulas: Mapping[str, str], n_frames: Mapping[str, int], held_out: Collection[str]) -> dict[
    str, BoolArray
]:  # fmt: skip
    """Hold out every frame of some formulas: the test of a model on compositions that it has not seen.

    :param formulas: of each system.
    :param n_frames: of each system.
    :param held_out: formulas as the systems name them, e.g. ``O16Si8``.
    :returns: by system, (n_frames,), true where a frame is held out.
    :raises ValueError: a formula is unknown, or nothing is left to learn from or to test on.
    """
    known = set(formulas.values())
    unknown = sorted(set(held_out) - known)
    if unknown:
        raise ValueError(f'no frames of {", ".join(unknown)}; there are {", ".join(sorted(known))}')
    if not held_out or set(held_out) == known:
        raise ValueError(
            f'{"nothing" if not held_out else "everything"} would be held out; name some of {sorted(known)}'
        )
    return {name: np.full(n_frames[name], formulas[name] in held_out) for name in formulas}


def split_pooled(n_frames: Mapping[str, int], fraction: float, seed: int) -> dict[str, BoolArray]:
    """Draw the test frames from all systems together: for many small systems, of which each part need not have some.

    ``fraction`` of all frames is held out, rounded, but at least one of two frames or more and never all of them.

    :param n_frames: frames of each system.
    :param fraction: of all frames that are held out, between 0 and 1 exclusive.
    :param seed: of the random choice, not negative.
    :returns: by system, (n_frames,), true where a frame is held out.
    :raises ValueError: the fraction or the seed makes no sense.
    """
    if not 0 < fraction < 1:
        raise ValueError(f'fraction: {fraction} is not between 0 and 1')
    if seed < 0:
        raise ValueError(f'seed: {seed} is negative')
    names = sorted(n_frames)
    total = sum(n_frames.values())
    number = int(np.clip(round(fraction * total), min(1, total - 1), max(total - 1, 0)))
    held_out = np.zeros(total, dtype=bool)
    held_out[np.random.default_rng(seed).permutation(total)[:number]] = True
    ends = np.cumsum([n_frames[name] for name in names])
    return dict(zip(names, np.split(held_out, ends[:-1]), strict=True))


def plan_split(systems: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> BoolArray:
    """Which frames of a dataset are held out.

    :param systems: name, formula and n_frames of each, in the order in which their frames come.
    :param settings: ``fraction`` and ``seed``, with ``pooled`` over all systems together; or ``held_out``: formulas.
    :returns: (n_frames of all systems,), true where a frame is held out.
    :raises ValueError: the settings are not one of the two, or make no split.
    """
    sizes = {system['name']: int(system['n_frames']) for system in systems}
    if set(settings) == {'held_out'}:
        formulas = {system['name']: system['formula'] for system in systems}
        split = split_by_formula(formulas, sizes, settings['held_out'])
    elif set(settings) - {'pooled'} == {'fraction', 'seed'}:
        draw = split_pooled if settings.get('pooled') else split_by_frame
        split = draw(sizes, float(settings['fraction']), int(settings['seed']))
    else:
        raise ValueError(f'settings: {sorted(settings)}, expected fraction and seed (and pooled), or held_out')
    return np.concatenate([split[name] for name in sizes])


def chosen_frames(parts: Iterable[Frames], mask: BoolArray) -> Iterator[Frames]:
    """The frames that a mask of all frames chooses.

    :param parts: frames, one set after another.
    :param mask: (n_frames of all parts,).
    """
    start = 0
    for frames in parts:
        wanted = np.flatnonzero(mask[start : start + frames.n_frames])
        start += frames.n_frames
        if len(wanted):
            yield frames[wanted]


def _quotas(n_frames: Mapping[str, int], fraction: float) -> dict[str, int]:
    """Test frames of each system: at least 1 and at most all but 1, largest remainders."""
    limits: dict[str, tuple[int, int]] = {name: (min(1, n - 1), max(n - 1, 0)) for name, n in n_frames.items()}
    wanted = {name: fraction * number for name, number in n_frames.items()}
    quotas = {name: int(np.clip(np.floor(wanted[name]), *limits[name])) for name in n_frames}
    target = round(fraction * sum(n_frames.values()))

    def give(step: int) -> bool:
        """Add (or take) a frame where it is most wanted and allowed."""
        able = [name for name in sorted(n_frames) if limits[name][0] <= quotas[name] + step <= limits[name][1]]
        if not able:
            return False
        quotas[max(able, key=lambda name: step * (wanted[name] - quotas[name]))] += step
        return True

    step = 1 if sum(quotas.values()) < target else -1
    while sum(quotas.values()) != target and give(step):
        pass
    return quotas
