"""A healed glass-ceramic, measured: what is left of its crystal, profiles across the interface, labels of the atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.build import glass_ceramic_order as order
from aiida_glassion.kernels.build import glass_ceramic_profiles as profiles
from aiida_glassion.kernels.build.glass_ceramic_settings import Measure
from aiida_glassion.kernels.build.pores import Slit, shape_from_dict
from aiida_glassion.kernels.space.interface import fit_interface
from aiida_glassion.kernels.space.regions import REGIONS, Regions

FloatArray = npt.NDArray[np.float64]

_SAME_SHARE = 0.005
UNITS = {
    'fraction': 'of the volume',
    'density': 'g/cm³',
    'cell': 'Å',
    'drift': 'Å',
    'displacement': 'Å',
    'interface.width': 'Å',
    'interface.position': 'Å',
    'interface.error': 'Å',
    'diameter': 'Å',
    'farthest_also_removed': 'Å',
    'minimum_distances': 'Å',
    'charge': 'e',
    'angle': 'degrees',
}


@dataclass(frozen=True, eq=False)
class Built:
    """A glass-ceramic as it was put together.

    :param frames: one frame.
    :param labels: (n_atoms,), by place.
    :param grain: (n_atoms,), −1 for the glass.
    :param report: of :class:`~aiida_glassion.kernels.build.glass_ceramic.GlassCeramic`.
    """

    frames: Frames
    labels: npt.NDArray[np.int8]
    grain: npt.NDArray[np.int32]
    report: Mapping[str, Any]

    @property
    def shapes(self) -> list[order.Shape]:
        """The grains."""
        extra = ('n_atoms', 'rotation')
        found = [{key: value for key, value in told.items() if key not in extra} for told in self.report['grains']]
        return [cast(order.Shape, shape_from_dict(told)) for told in found]


@dataclass(frozen=True, eq=False)
class _State:
    """Some frames of a glass-ceramic, with the grains where they are now."""

    frames: Frames
    positions: FloatArray
    cell: FloatArray
    shapes: Sequence[order.Shape]
    distance: FloatArray
    order: Regions
    of_glass: float

    @property
    def near(self) -> npt.NDArray[np.bool_]:
        """Atoms in the grains and in the surroundings of their surfaces."""
        return np.asarray(self.distance <= order.AWAY)


def measure(built: Built, sample: Frames | None, settings: Measure) -> Result:
    """What became of a glass-ceramic.

    :param sample: frames after healing, of the same atoms in the same order; None: it was not healed, and is described
        as it was built.
    :param settings: of the measurement.
    :returns: ``numbers``: those of the build, ``fraction`` wanted, built and healed, every grain's fate, interface
        widths from each profile; ``curves`` over the distance from the grains' surfaces; ``per_atom``: labels.
    """
    shifts, own = np.zeros((len(built.shapes), 3)), np.zeros((built.frames.n_atoms, 3))
    before = _state(built, built.frames, built.shapes, settings)
    now, fates = before, []
    if sample is not None:
        shifts, own = order.drifts(built.frames, sample, built.grain)
        _, cell = order.mean_structure(sample)
        now = _state(built, sample, order.moved_shapes(built.shapes, built.frames.cells[-1], cell, shifts), settings)
        fates = [
            order.fate_of(
                number, built.grain, (before.order, now.order), (before.of_glass, now.of_glass),
                float(np.linalg.norm(shifts[number] @ cell)), own, settings.least_kept,
            )
            for number in range(len(built.shapes))
        ]  # fmt: skip
    curves = _curves(now, settings)
    report = {key: value for key, value in built.report.items() if key not in ('fraction', 'fraction_wanted', 'grains')}
    kept = None
    if sample is not None:
        kept = order.excess_kept((before.order, now.order), (before.of_glass, now.of_glass), (before.near, now.near))
    fraction = built.report['fraction']
    grains = [{**told, **(asdict(fates[i]) if fates else {})} for i, told in enumerate(built.report['grains'])]
    numbers = {
        **report,
        'healed': sample is not None,
        'fraction': {
            'wanted': built.report['fraction_wanted'],
            'built': fraction,
            'healed': None if kept is None else fraction * kept,
        },
        'order_kept': kept,
        'order_of_glass': {'built': before.of_glass, 'healed': now.of_glass if sample is not None else None},
        'order_judged': before.order.judged,
        'grains': grains,
        'lost': [number for number, fate in enumerate(fates) if fate.lost],
        'least_kept': settings.least_kept,
        'regions': {
            'by_place': built.report['regions'],
            'by_order_built': _counts(before.order.labels),
            'by_order_healed': _counts(now.order.labels) if sample is not None else None,
        },
        'interface': _interfaces(curves, built.report),
        'density': {
            'built': float(built.frames.densities[-1]),
            'healed': None if sample is None else float(sample.densities.mean()),
        },
        'cell': {
            'built': np.linalg.norm(built.frames.cells[-1], axis=1).tolist(),
            'healed': None if sample is None else np.linalg.norm(now.cell, axis=1).tolist(),
        },
        'n_frames': 0 if sample is None else sample.n_frames,
    }  # fmt: skip
    per_atom: dict[str, npt.NDArray[Any]] = {
        'labels': now.order.labels,
        'labels_built': built.labels,
        'grain': built.grain,
        'order': now.order.order.astype(np.float32),
        'distance': now.distance.astype(np.float32),
    }
    return Result(numbers, UNITS, curves, per_atom, _warnings(built, before, fates))


def reason_of_loss(numbers: Mapping[str, Any]) -> str:
    """Which grains were lost, in words with their numbers; empty where none was."""
    told = []
    for number in numbers['lost']:
        grain = numbers['grains'][number]
        name = 'the crystal' if len(numbers['grains']) == 1 else f'grain {number}'
        if grain['judged_by'] == 'order':
            told.append(
                f'{name} ({grain["n_atoms"]} atoms) keeps {100 * grain["kept"]:.0f} % of its order '
                f'({grain["order_built"]:.2f} as built, {grain["order_healed"]:.2f} now, glass '
                f'{numbers["order_of_glass"]["healed"]:.2f})'
            )
        else:
            told.append(
                f'of {name} ({grain["n_atoms"]} atoms) {100 * grain["in_place"]:.0f} % are within 1 Å of their places'
            )
    least = f'at least {100 * numbers["least_kept"]:g} % wanted'
    return f'{"; ".join(told)}; {least}' if told else ''


def _state(built: Built, frames: Frames, shapes: Sequence[order.Shape], settings: Measure) -> _State:
    positions, cell = order.mean_structure(frames)
    distance = order.distances(shapes, positions, cell)
    found = order.local_order(frames, **settings.of_order)
    return _State(
        frames, positions, cell, shapes, distance, found, order.order_of_glass(found, distance, built.grain < 0)
    )


def _counts(labels: npt.NDArray[np.int8]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(REGIONS))
    return {name: int(number) for name, number in zip(REGIONS, counts, strict=True)}


def _curves(now: _State, settings: Measure) -> dict[str, Curve]:
    """Profiles over the distance from the surface; of a slab also F along its normal."""
    frames, elements = now.frames, now.frames.elements
    edges = profiles.bin_edges(now.distance, settings.bin_width)
    points = profiles.even_points(now.shapes, now.cell)
    volumes = points.volumes(edges)
    masses = np.array([frames.masses[frames.types == kind].mean() for kind in range(len(elements))])
    densities = BlockSums()
    to_mean = [np.linalg.inv(cell) @ now.cell for cell in np.asarray(frames.cells, dtype=np.float64)]
    for positions, matrix in zip(frames.positions, to_mean, strict=True):
        distance = order.distances(now.shapes, np.asarray(positions, dtype=np.float64) @ matrix, now.cell)
        with np.errstate(divide='ignore', invalid='ignore'):
            found = profiles.surface_profile(distance, frames.types, len(elements), edges, volumes)
            density = np.where(volumes > 0, found.number_density, 0.0)
        densities.add(
            np.vstack([density, masses @ density * units.AMU_PER_ANGSTROM3_TO_G_PER_CM3, found.counts.sum(axis=0)])
        )
    mean, error = densities.mean(), densities.error()
    there = (volumes > 0) & (mean[-1] > 0)
    x = ((edges[1:] + edges[:-1]) / 2)[there]
    about = {'bin_width': settings.bin_width, 'n_frames': frames.n_frames, 'weights': volumes[there].tolist()}

    def curve(y: FloatArray, name: str, unit: str, err: FloatArray | None = None, more: Any = None) -> Curve:
        return Curve(x, y, 'd', 'Å', name, unit, err, about={**about, **(more or {})})

    def row(values: FloatArray | None, i: int) -> FloatArray | None:
        return None if values is None else values[i][there]

    n = len(elements)
    curves = {'mass_density': curve(mean[n][there], 'ρ', 'g/cm³', row(error, n))}
    total = mean[:n].sum(axis=0)[there]
    for i, element in enumerate(elements):
        curves[f'number_density_{element}'] = curve(mean[i][there], f'n_{element}', 'Å⁻³', row(error, i))
        curves[f'share_{element}'] = curve(mean[i][there] / total, f'x_{element}', '')
    if now.order.judged:
        level, number = profiles.mean_by_bin(now.distance, now.order.order, edges)
        known = number > 0
        curves['order'] = Curve(
            ((edges[1:] + edges[:-1]) / 2)[known], level[known], 'd', 'Å', 'local order', '',
            convention='second best overlap of surroundings',
            about={**settings.of_order, 'of': 'the mean structure', 'weights': number[known].tolist()},
        )  # fmt: skip
    return {**curves, **_disorder(now, settings, points)}


def _disorder(now: _State, settings: Measure, points: profiles.EvenPoints) -> dict[str, Curve]:
    """F in shells around the grains, and layer by layer along the normal of a slab."""
    frames = now.frames
    chosen = np.unique(np.linspace(0, frames.n_frames - 1, min(frames.n_frames, settings.most_frames)).astype(int))
    edges = profiles.shell_edges(now.distance, settings.shell)
    shells, layers = BlockSums(), BlockSums()
    slab = now.shapes[0] if isinstance(now.shapes[0], Slit) else None
    along = np.zeros(0)
    for index in chosen:
        cell = np.asarray(frames.cells[index], dtype=np.float64)
        positions = np.asarray(frames.positions[index], dtype=np.float64) @ np.linalg.inv(cell) @ now.cell
        distance = order.distances(now.shapes, positions, now.cell)
        degree, _ = profiles.disorder_in_shells(positions, now.cell, distance, edges, points)
        shells.add(degree)
        if slab is not None:
            along, degree = profiles.disorder_along(positions, now.cell, slab, settings.layer)
            layers.add(degree)
    mean, error = shells.mean(), shells.error()
    x, number = profiles.mean_by_bin(now.distance, now.distance, edges)
    known = np.isfinite(mean)
    about = {'edges': edges.tolist(), 'n_frames': len(chosen), 'weights': number[known].tolist()}
    curves: dict[str, Curve] = {}
    if known.any():
        curves['disorder'] = Curve(
            x[known], mean[known], 'd', 'Å', 'F', '', None if error is None else error[known],
            'mean over largest intensity of a shell, over that of an ideal gas', about,
        )  # fmt: skip
    if slab is not None:
        mean, error = layers.mean(), layers.error()
        known = np.isfinite(mean)
        curves['disorder_normal'] = Curve(
            along[known], mean[known], 'z', 'Å', 'F', '', None if error is None else error[known],
            'mean over largest intensity of a layer, over that of an ideal gas',
            {'n_frames': len(chosen), 'axis': slab.axis, 'from': "the slab's middle", 'slab_width': slab.width},
        )  # fmt: skip
    return curves


def _interfaces(curves: Mapping[str, Curve], report: Mapping[str, Any]) -> dict[str, Any]:
    """Width and place of the interface by each profile; of the elements only by those whose share changes."""
    glass, crystal = report['counts_glass'], report['counts_crystal']
    found = {}
    for name, curve in curves.items():
        if name not in ('order', 'disorder', 'mass_density') and not name.startswith('share_'):
            continue
        if name.startswith('share_'):
            shares = [counts.get(name.removeprefix('share_'), 0) / sum(counts.values()) for counts in (glass, crystal)]
            if abs(shares[0] - shares[1]) < _SAME_SHARE:
                continue
        found[name] = fit_interface(curve.x, curve.y, curve.about['weights']).summary()
    return found


def _warnings(built: Built, before: _State, fates: Sequence[order.Fate]) -> list[str]:
    found = []
    if not before.order.judged:
        found.append(
            'The cell is narrower than the reach of the local order: atoms cannot be told from their images, and all '
            'count as glass. Take a larger cell, or a shorter measure.reach.'
        )
    elif any(fate.judged_by != 'order' for fate in fates):
        found.append(
            'A grain as built does not stand out of the glass by its local order: it is too small, or its shortest '
            'lattice vector is longer than measure.reach. Whether its atoms stayed in place decides.'
        )
    shares = {i: fate.kept for i, fate in enumerate(fates) if fate.kept is not None and not fate.lost}
    bent = [str(i) for i, kept in shares.items() if kept < order.DISTORTED]
    if bent:
        found.append(
            f'Distorted: grain {", ".join(bent)} keeps less than {100 * order.DISTORTED:g} % of its order. Longer '
            'stages, a larger grain, or a crystal that fits the potential better may help.'
        )
    labelled = _counts(before.order.labels)
    grown = int((built.grain >= 0).sum())
    if before.order.judged and labelled['crystal'] < grown / 10:
        found.append(
            f'Of {grown} atoms of crystal {labelled["crystal"]} are labelled so as built: half of the surroundings of '
            'a small grain are glass. Take its order and profiles, not its labels.'
        )
    return found
