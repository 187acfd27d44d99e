"""What one sampled glass shows, each number with the error that comes from its few atoms and frames.

Frames of a glass at room temperature all show the same frozen arrangement, so their spread says nothing of how much
another quench of the same potential would differ. That difference comes from the disorder in space: atoms of one kind
have different surroundings, and a cell holds only so many of them. So errors here are taken over the atoms, each
averaged over the frames first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.anions import CLASSES, Speciation, speciate
from aiida_glassion.kernels.structure.rdf import PartialRdf, partial_rdfs

FloatArray = npt.NDArray[np.float64]

_SPLITS = 3
"""Each element's atoms are halved so many times along the cell vectors: 8 blocks."""
_FROZEN_IN = 3.5
"""What a density fluctuates by where it freezes in, over what it does at room temperature: √(T κ) of both, with a
temperature 5 to 7 times higher and the compressibility of a liquid. Three seeds of a silicate of 300 atoms gave 3.7."""
_IN_ONE_CLUSTER = np.sqrt(2.0)
"""Formers change their kind of cluster two at a time."""
_MOST_BRIDGES = 6


@dataclass(frozen=True)
class Value:
    """A number and its error, in the unit of the number."""

    mean: float
    error: float


@dataclass(frozen=True, eq=False)
class Curve:
    """T(r) = 4πρ r g(r) on evenly spaced r, and its error, Å⁻²."""

    values: FloatArray
    error: FloatArray


@dataclass(frozen=True, eq=False)
class MeasuredGlass:
    """Numbers of one glass.

    :param rdf: g(r) of all pairs.
    :param total: T(r) of all atoms alike.
    :param pairs: T(r) by pair of elements, ``O-Si``, alphabetical.
    :param coordination: mean number of anions around each former.
    :param shares: by quantity (``anions O``, ``clusters P``, ``qn Si``) the shares of its classes.
    :param density: g/cm³, None where the volume is fixed.
    :param species: of each frame.
    :param frames: the sample.
    """

    rdf: PartialRdf
    total: Curve
    pairs: dict[str, Curve]
    coordination: dict[str, Value]
    shares: dict[str, dict[str, Value]]
    density: Value | None
    species: tuple[Speciation, ...]
    frames: Frames

    def numbers(self) -> dict[str, Any]:
        """JSON-ready: means without the curves; density g/cm³."""
        return {
            'n_frames': self.frames.n_frames,
            'n_atoms': self.frames.n_atoms,
            'density': float(self.frames.densities.mean()),
            'coordination': {former: value.mean for former, value in self.coordination.items()},
            **{name: {key: v.mean for key, v in shares.items()} for name, shares in self.shares.items()},
        }


@dataclass(frozen=True, eq=False)
class BlockedRdf:
    """g(r) of all pairs, and what each part of the glass contributes.

    :param rdf: of the whole.
    :param seen: (n_types, n_blocks, n_types, n_bins), g(r) around the atoms of element i in block b, of those of j; NaN
        for blocks without atoms.
    :param within: (n_types, n_bins), share of the pairs of like atoms that lie within one block; and ``within_total``
        (n_bins,), of all pairs.
    """

    rdf: PartialRdf
    seen: FloatArray
    within: FloatArray
    within_total: FloatArray


def blocked_rdf(frames: Frames, r_max: float, n_bins: int) -> BlockedRdf:
    """g(r) of all pairs, also as seen from the atoms of each of eight blocks in space.

    :param frames: sampled glass.
    :param r_max: Å.
    :param n_bins: bins from 0 to ``r_max``.
    """
    n_blocks, n_types = 2**_SPLITS, len(frames.elements)
    kinds = frames.types * n_blocks + _blocks(frames)
    labels = [f'{element}{b}' for element in frames.elements for b in range(n_blocks)]
    fine = partial_rdfs(frames.positions, frames.cells, kinds, labels, r_max, n_bins, frames.pbc)
    shape = (n_types, n_blocks, n_types, n_blocks, n_bins)
    counts = fine.counts.reshape(n_types, n_blocks).astype(float)
    totals = counts.sum(axis=1)
    weight = counts / totals[:, None]
    seen = np.einsum('ibjcr,jc->ibjr', fine.g.reshape(shape), weight)
    g = np.einsum('ibjr,ib->ijr', seen, weight)
    running = np.einsum('ibjcr,ib->ijr', fine.running.reshape(shape), weight)
    same = np.einsum('ibibr,ib,ib->ir', fine.g.reshape(shape), counts, counts)
    alike = np.einsum('iir,i,i->ir', g, totals, totals)
    every = np.einsum('ijr,i,j->r', g, totals, totals)
    seen[counts == 0] = np.nan
    elements = frames.elements
    rdf = PartialRdf(fine.r, fine.edges, g, None, running, elements, totals.astype(int), fine.density, frames.n_frames)
    return BlockedRdf(rdf, seen, _ratio(same, alike), _ratio(same.sum(axis=0), every))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def _blocks(frames: Frames) -> npt.NDArray[np.int32]:
    """(n_atoms,), eight blocks of equal numbers of atoms of each element, halved along the three cell vectors."""
    fractional = np.asarray(frames.positions[-1], float) @ np.linalg.inv(frames.cells[-1]) % 1
    blocks = np.zeros(frames.n_atoms, dtype=np.int32)
    for kind in range(len(frames.elements)):
        parts = [np.flatnonzero(frames.types == kind)]
        for axis in range(_SPLITS):
            parts = [half for part in parts for half in _halves(part, fractional[:, axis])]
        for number, part in enumerate(parts):
            blocks[part] = number
    return blocks


def _halves(part: npt.NDArray[np.integer[Any]], along: FloatArray) -> tuple[Any, Any]:
    order = part[np.argsort(along[part], kind='stable')]
    return order[: len(order) // 2], order[len(order) // 2 :]


def measure_glass(frames: Frames, blocked: BlockedRdf, cutoffs: Mapping[tuple[str, str], float]) -> MeasuredGlass:
    """Numbers of a glass with their errors.

    :param frames: sampled at equilibrium.
    :param blocked: of these frames.
    :param cutoffs: Å by pair; the same for all glasses that are compared.
    """
    cells, types, elements = frames.cells, frames.types, frames.elements
    species = tuple(
        speciate(positions, cell, types, elements, cutoffs, frames.pbc)
        for positions, cell in zip(frames.positions, cells, strict=True)
    )
    total, pairs = _curves(blocked)
    first = species[0]
    coordination, shares = {}, {}
    for element in elements:
        of = first.of(element)
        if (of & first.is_former).any():
            coordination[element] = _mean(np.mean([s.coordination[of] for s in species], axis=0))
            kinds = np.array([s.labels[of] for s in species])
            shares[f'clusters {element}'] = {
                str(kind): _mean((kinds == kind).mean(axis=0), _IN_ONE_CLUSTER) for kind in np.unique(kinds)
            }
            bridges = np.minimum([s.bridges[of] for s in species], _MOST_BRIDGES)
            shares[f'qn {element}'] = {f'Q{n}': _mean((bridges == n).mean(axis=0)) for n in np.unique(bridges)}
        elif (of & first.is_anion).any():
            classes = np.array([s.anion_class[of] for s in species])
            shares[f'anions {element}'] = {
                name: _mean((classes == number).mean(axis=0)) for number, name in enumerate(CLASSES)
            }
    return MeasuredGlass(blocked.rdf, total, pairs, coordination, shares, _density(frames), species, frames)


def _mean(per_atom: npt.ArrayLike, factor: float = 1.0) -> Value:
    """Mean over atoms; its error is never less than one atom's change by one."""
    values = np.asarray(per_atom, dtype=float)
    n = len(values)
    spread = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    return Value(float(values.mean()), factor * max(spread, 1.0 / n))


def _density(frames: Frames) -> Value | None:
    densities = np.asarray(frames.densities, dtype=float)
    if frames.n_frames < 2 or np.ptp(densities) < 1e-6 * densities.mean():
        return None
    return Value(float(densities.mean()), _FROZEN_IN * float(densities.std(ddof=1)))


def _curves(blocked: BlockedRdf) -> tuple[Curve, dict[str, Curve]]:
    """T(r) with errors from the spread among blocks.

    A pair of like atoms is counted from both its ends. Where they lie in two blocks, these are less independent than
    they look: with a share w of the pairs within one block the variance is 2/(1 + w) times what the blocks say (exact
    for counts without correlation). For unlike atoms the views from either end are averaged.
    """
    rdf, seen = blocked.rdf, blocked.seen
    scale = 4 * np.pi * rdf.density * rdf.r
    shares = rdf.counts / rdf.counts.sum()
    n_types = len(rdf.elements)
    variance = np.array([[_variance(seen[i, :, j]) for j in range(n_types)] for i in range(n_types)])
    pairs = {}
    for i in range(n_types):
        for j in range(i, n_types):
            alike = variance[i, i] * 2 / (1 + blocked.within[i])
            both = alike if i == j else (variance[i, j] + variance[j, i]) / 2
            name = '-'.join((rdf.elements[i], rdf.elements[j]))
            pairs[name] = Curve(scale * shares[j] * rdf.g[i, j], scale * shares[j] * np.sqrt(both))
    around = np.einsum('ibjr,j->ibr', seen, shares)
    total = np.einsum('i,j,ijr->r', shares, shares, rdf.g)
    spread = sum(shares[i] ** 2 * _variance(around[i]) for i in range(n_types)) * 2 / (1 + blocked.within_total)
    return Curve(scale * total, scale * np.sqrt(spread)), pairs


def _variance(blocks: FloatArray) -> FloatArray:
    """Squared standard error of the mean over blocks (n_blocks, n_bins); infinite where only one has atoms."""
    filled = blocks[np.isfinite(blocks).all(axis=-1)]
    if len(filled) < 2:
        return np.full(blocks.shape[-1], np.inf)
    return np.asarray(filled.var(axis=0, ddof=1) / len(filled))
