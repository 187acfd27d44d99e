"""A porous glass: pores are placed, and atoms taken out of them so that composition and neutrality hold exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.carve import Carved, carve
from aiida_glassion.kernels.build.pores import shape_as_dict
from aiida_glassion.kernels.build.pores_together import distance_to_regions, volume_fraction
from aiida_glassion.kernels.build.porous_plan import PorousSettings, place_pores
from aiida_glassion.kernels.structure.anions import default_cutoffs, speciate
from aiida_glassion.kernels.structure.rdf import partial_rdfs
from aiida_glassion.kernels.transport.sweep_plan import seed_of

IntArray = npt.NDArray[np.int64]
_R_MAX = 6.0
"""Å; the first shells of formers and anions lie well within."""


@dataclass(frozen=True, eq=False)
class PorousGlass:
    """A glass with pores that nothing has filled yet.

    :param frames: one frame, Å, without velocities.
    :param record: JSON-ready: ``pores`` (shapes as they were placed), ``porosity`` (share of the cell within them),
        ``carving`` (see :class:`.Carved`), ``also_removed`` and ``left_inside`` (index in the glass before, element,
        distance from the surface in Å of each atom that was chosen).
    :param chosen: indices in the glass before, ``kept``, ``removed``, ``also_removed``, ``left_inside``, and
        ``clusters`` (n_atoms,) where clusters were kept.
    """

    frames: Frames
    record: dict[str, Any]
    chosen: dict[str, IntArray]


def carve_glass(
    frames: Frames, settings: PorousSettings, seed: int, charges: Mapping[str, float] | None = None
) -> PorousGlass:
    """Cut the pores into the last frame.

    :param frames: the glass, Å, periodic in all directions.
    :param seed: of the places and of the choice among atoms; each derives its own from it.
    :param charges: e, by element; None: those of the frames, else usual oxidation states where they are needed.
    :raises ValueError: the pores do not fit, or composition and neutrality cannot hold: says why and what would do.
    """
    positions, cell = np.asarray(frames.positions[-1], dtype=np.float64), np.asarray(frames.cells[-1], dtype=np.float64)
    if not all(frames.pbc):
        raise ValueError(f'glass: periodic in {frames.pbc}, expected a cell that is periodic in all three directions')
    shapes = place_pores(settings, cell, seed_of(seed, 'pores'))
    clusters = cluster_labels(frames, settings.cutoffs) if settings.keep_clusters else None
    carved = carve(
        positions,
        cell,
        frames.symbols,
        shapes,
        charges=frames.charges if charges is None else charges,
        groups=clusters,
        unit=settings.unit,
        exact=settings.exact,
        shell=settings.shell,
        most_changed=settings.most_changed,
        seed=seed_of(seed, 'choice'),
    )
    distance = distance_to_regions(shapes, positions, cell)

    def told(indices: IntArray) -> list[dict[str, Any]]:
        return [{'atom': int(i), 'element': frames.symbols[i], 'distance': float(distance[i])} for i in indices]

    record = {
        'pores': [shape_as_dict(shape) for shape in shapes],
        'porosity': volume_fraction(shapes, cell),
        'carving': carved.report,
        'also_removed': told(carved.also_removed),
        'left_inside': told(carved.left_inside),
    }
    return PorousGlass(_left(frames, carved), record, _chosen(carved, clusters))


def _left(frames: Frames, carved: Carved) -> Frames:
    kept = carved.kept
    return Frames(
        symbols=tuple(frames.symbols[i] for i in kept),
        positions=np.asarray(frames.positions[-1:], dtype=np.float64)[:, kept],
        cells=np.asarray(frames.cells[-1:], dtype=np.float64),
        pbc=frames.pbc,
        charges=None if frames.charges is None else frames.charges[kept],
    )


def _chosen(carved: Carved, clusters: IntArray | None) -> dict[str, IntArray]:
    names = ('kept', 'removed', 'also_removed', 'left_inside')
    chosen: dict[str, IntArray] = {name: np.asarray(getattr(carved, name), dtype=np.int64) for name in names}
    return chosen if clusters is None else {**chosen, 'clusters': clusters}


def cluster_labels(frames: Frames, cutoffs: Mapping[str, float] | None = None) -> IntArray:
    """Number of the anion cluster (PS4, P2S7 …) that each atom of the last frame belongs to, −1 for modifiers.

    :param cutoffs: Å by pair; those of :func:`.default_cutoffs` from the g(r) of this frame where none is given.
    :raises ValueError: a pair of no former and anion of this glass.
    """
    last = frames[-1]
    r_max = min(_R_MAX, 0.45 * float(last.volumes[0]) ** (1 / 3))
    rdf = partial_rdfs(last.positions, last.cells, last.types, last.elements, r_max=r_max, n_bins=300)
    found, _ = default_cutoffs(last.elements, rdf.r, rdf.g, cutoffs)
    speciation = speciate(last.positions[0], last.cells[0], last.types, last.elements, found, last.pbc)
    return np.asarray(speciation.cluster, dtype=np.int64)
