"""Partial structure factors of a stream of frames: by transform of g(r), direct, or both joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.scattering.direct import shell_sums
from aiida_glassion.kernels.scattering.transform import Window, rdf_transform, window_function
from aiida_glassion.kernels.scattering.weights import faber_ziman_from_products
from aiida_glassion.kernels.structure.rdf import partial_rdfs

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
Sums = Mapping[str, FloatArray]
Method = Literal['joined', 'transform', 'direct']


@dataclass(frozen=True)
class Recipe:
    """How partial structure factors are made.

    :param method: ``transform`` of g(r), ``direct`` from positions, or ``joined``: direct below ``direct_below``,
        transform above.
    :param q_max: Å⁻¹.
    :param q_step: Å⁻¹, width of the shells of wave vectors and step of the transform.
    :param direct_below: Å⁻¹, where the curves join; rounded to a multiple of ``q_step``.
    :param r_max: Å, end of g(r).
    :param r_step: Å, width of its bins.
    :param window: of the transform from r to Q.
    :param max_vectors: see :func:`~aiida_glassion.kernels.scattering.direct.shell_sums`.
    :param seed: of the choice of wave vectors.
    :raises ValueError: a number that cannot be.
    """

    method: Method = 'joined'
    q_max: float = 25.0
    q_step: float = 0.02
    direct_below: float = 0.5
    r_max: float = 10.0
    r_step: float = 0.01
    window: Window = 'none'
    max_vectors: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in ('joined', 'transform', 'direct'):
            raise ValueError(f'method: {self.method!r}, expected joined, transform or direct')
        for name in ('q_max', 'q_step', 'direct_below', 'r_max', 'r_step'):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f'{name}: {value}, must be positive')
        for step, end in (('q_step', 'q_max'), ('r_step', 'r_max')):
            if getattr(self, step) > getattr(self, end) / 2:
                raise ValueError(f'{step}: {getattr(self, step)}, too large for {end} = {getattr(self, end)}')
        window_function(0.0, self.r_max, self.window)

    @property
    def n_shells(self) -> int:
        """Shells of the direct part."""
        if self.method == 'transform':
            return 0
        end = self.q_max if self.method == 'direct' else min(self.direct_below, self.q_max)
        return max(1, round(end / self.q_step))

    @property
    def join(self) -> float:
        """Å⁻¹: direct up to here, transform beyond."""
        if self.method == 'direct':
            return self.q_max
        return min(self.n_shells * self.q_step, self.q_max)

    def about(self) -> dict[str, Any]:
        """What travels with a curve, JSON-ready."""
        about: dict[str, Any] = {'method': self.method, 'q_max': self.q_max, 'q_step': self.q_step}
        if self.method != 'direct':
            about |= {'r_max': self.r_max, 'r_step': self.r_step, 'window_r': self.window}
        if self.method == 'joined':
            about['join'] = self.join
        if self.method != 'transform' and self.max_vectors is not None:
            about |= {'max_vectors': self.max_vectors, 'seed': self.seed}
        return about


@dataclass(frozen=True, eq=False)
class StructureFactors:
    """Faber-Ziman partials of a set of frames.

    :param q: (n_q,), Å⁻¹, increasing; below the join the mean |q| of each shell that holds wave vectors.
    :param partials: (n_types, n_types, n_q), symmetric.
    :param blocks: (n_blocks, n_types, n_types, n_q), of blocks of frames; NaN where a block has no wave vector.
    :param n_vectors: (n_q,), wave vectors by frame in the direct part (q and −q counted once), 0 in the transform.
    :param fractions: (n_types,), number fractions.
    :param density: Å⁻³, mean number density.
    :param r: (n_r,), Å, centres of the bins of g; empty in the direct method.
    :param g: (n_types, n_types, n_r).
    :param least_q: Å⁻¹, length of the shortest wave vector of any frame: nothing is known below.
    """

    q: FloatArray
    partials: FloatArray
    blocks: FloatArray
    n_vectors: FloatArray
    elements: tuple[str, ...]
    fractions: FloatArray
    density: float
    n_frames: int
    recipe: Recipe
    r: FloatArray
    g: FloatArray
    g_blocks: FloatArray
    least_q: float


class StructureFactorSums:
    """Takes frames one by one, keeps sums in bounded memory, gives :class:`StructureFactors`.

    :param types: (n_atoms,), index into ``elements``; the atoms are the same in all frames, cells may change.
    :param elements: names of the types, each with atoms.
    """

    def __init__(self, types: IntArray, elements: Sequence[str], recipe: Recipe) -> None:
        self.types = np.asarray(types)
        self.elements = tuple(elements)
        self.recipe = recipe
        counts = np.bincount(self.types, minlength=len(self.elements))
        absent = [element for element, count in zip(self.elements, counts, strict=True) if count == 0]
        if absent:
            raise ValueError(f'elements: no atom of {", ".join(absent)}')
        self.fractions = counts / counts.sum()
        self._sums: dict[str, BlockSums] = {}
        self._least_q = np.inf
        n_bins = max(2, round(recipe.r_max / recipe.r_step))
        self._edges = np.linspace(0.0, recipe.r_max, n_bins + 1)

    def add(self, positions: FloatArray, cell: FloatArray, index: int = 0) -> None:
        """Take one frame, periodic along all its vectors.

        :param positions: (n_atoms, 3), Å.
        :param cell: (3, 3), Å.
        :param index: of the frame: with the seed it decides which wave vectors are chosen.
        :raises ValueError: see the kernels.
        """
        recipe, n_types = self.recipe, len(self.elements)
        cell = np.asarray(cell, dtype=np.float64)
        frame: dict[str, Any] = {'frames': 1.0, 'density': len(self.types) / abs(np.linalg.det(cell))}
        if recipe.method != 'direct':
            n_bins = len(self._edges) - 1
            rdf = partial_rdfs(positions[None], cell[None], self.types, self.elements, recipe.r_max, n_bins)
            frame['g'] = rdf.g
        if recipe.method != 'transform':
            n_shells = recipe.n_shells
            limits = (recipe.max_vectors, (recipe.seed, index))
            shells = shell_sums(positions, cell, self.types, n_types, recipe.join, n_shells, *limits)
            frame |= {'products': shells.products, 'q': shells.q, 'counts': shells.counts}
        self._least_q = min(self._least_q, 2 * np.pi * float(np.linalg.norm(np.linalg.inv(cell), axis=0).min()))
        for name, values in frame.items():
            self._sums.setdefault(name, BlockSums()).add(values)

    def result(self) -> StructureFactors:
        """Averages over all frames.

        :raises ValueError: no frame was added, or no wave vector lies within q_max.
        """
        if not self._sums:
            raise ValueError('no frame was added')
        recipe = self.recipe
        total = {name: sums.total() for name, sums in self._sums.items()}
        full = zip(*(sums.blocks() for sums in self._sums.values()), strict=True)
        by_block: list[Sums] = [dict(zip(self._sums, values, strict=True)) for values in full]
        shells = np.flatnonzero(total['counts']) if recipe.n_shells else np.empty(0, dtype=int)
        n_steps = round((recipe.q_max - recipe.join) / recipe.q_step)
        beyond = np.linspace(recipe.join, recipe.q_max, n_steps + 1)[1:] if n_steps > 0 else np.empty(0)
        beyond = beyond[beyond >= self._least_q * (1 - 1e-9)]
        matrix = rdf_transform(self._edges, beyond, recipe.window) if len(beyond) else np.empty((0, 0))
        near = total['q'][shells] / total['counts'][shells] if len(shells) else np.empty(0)
        q = np.concatenate([near, beyond])
        if len(q) == 0:
            raise ValueError(
                f'q_max: {recipe.q_max:g} Å⁻¹, the shortest wave vector of the cell is {self._least_q:.3g} Å⁻¹'
            )
        partials = self._partials(total, shells, matrix)
        blocks = [self._partials(block, shells, matrix) for block in by_block]
        n_vectors = np.concatenate([total['counts'][shells] / total['frames'] if len(shells) else near, 0 * beyond])
        transformed = recipe.method != 'direct'
        none = np.empty((len(self.elements), len(self.elements), 0))
        return StructureFactors(
            q=q,
            partials=partials,
            blocks=np.array(blocks),
            n_vectors=n_vectors,
            elements=self.elements,
            fractions=self.fractions,
            density=float(total['density'] / total['frames']),
            n_frames=self._sums['frames'].n,
            recipe=recipe,
            r=(self._edges[1:] + self._edges[:-1]) / 2 if transformed else np.empty(0),
            g=total['g'] / total['frames'] if transformed else none,
            g_blocks=np.array([block['g'] / block['frames'] if transformed else none for block in by_block]),
            least_q=self._least_q,
        )

    def _partials(self, sums: Sums, shells: IntArray, matrix: FloatArray) -> FloatArray:
        parts = []
        if len(shells):
            counts = sums['counts'][shells]
            products = np.where(counts > 0, sums['products'][..., shells] / np.maximum(counts, 1), np.nan)
            parts.append(faber_ziman_from_products(products, self.fractions))
        if len(matrix):
            excess = sums['g'] / sums['frames'] - 1.0
            parts.append(1.0 + sums['density'] / sums['frames'] * (excess @ matrix.T))
        return np.concatenate(parts, axis=-1)
