"""A picture of the glass: atoms as spheres with depth, and the bonds of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.report.figures.style import GREY, element_colour, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.floating[Any]]
MOST_ATOMS = 3000
"""A larger glass is shown as a slab of about so many atoms: more would hide each other."""
LAYERS = 24
_RADII = {'former': 0.42, 'modifier': 0.62, 'anion': 0.55}
_TILT = np.radians((-68.0, 0.0, 24.0))


@styled
def glass_figure(frames: Frames, cutoffs: Mapping[str, float] | None = None, size: float = 4.6) -> Figure:
    """The last frame, seen slantwise; far atoms fade, bonds join formers to their anions.

    :param frames: configurations, Å; the last is drawn, wrapped into its cell.
    :param cutoffs: bond cut-offs by pair, ``{'Si-O': 2.2}``, Å.
    :param size: width and height, inches.
    """
    figure = new_figure(size, size + 0.35)
    draw_glass(figure.add_subplot(), frames, cutoffs)
    return figure


def draw_glass(axes: Any, frames: Frames, cutoffs: Mapping[str, float] | None = None) -> None:
    """Draw the last frame into an axis."""
    from matplotlib.collections import EllipseCollection, LineCollection

    positions, cell, chosen = visible_atoms(frames)
    types = frames.types[chosen]
    roles = network_roles(frames.elements)
    turned = (positions - cell.sum(axis=0) / 2) @ _rotation().T
    depth = turned[:, 2]
    order = np.argsort(depth)
    near = (depth - depth.min()) / max(1e-9, float(np.ptp(depth)))
    palette = np.array([_rgb(element_colour(element, frames.elements)) for element in frames.elements])
    radii = np.array([_RADII[roles[element]] for element in frames.elements])[types]
    colours = _faded(palette[types], near)
    bonds = bond_pairs(positions, types, frames.elements, cutoffs or {})
    bond_depth = depth[bonds].mean(axis=1) if len(bonds) else np.zeros(0)
    edges = np.quantile(depth, np.linspace(0, 1, LAYERS + 1))
    edges[-1] += 1.0
    axes.set_aspect('equal')
    _draw_cell(axes, cell, behind=True)
    for layer in range(LAYERS):
        inside = (bond_depth >= edges[layer]) & (bond_depth < edges[layer + 1])
        if inside.any():
            ends = turned[bonds[inside]][:, :, :2]
            shade = _faded(np.full((int(inside.sum()), 3), 0.45), near[bonds[inside]].mean(axis=1))
            axes.add_collection(LineCollection(ends, colors=shade, linewidths=1.3, zorder=2 + layer, capstyle='round'))
        part = order[(depth[order] >= edges[layer]) & (depth[order] < edges[layer + 1])]
        if not len(part):
            continue
        for scale, shift, paint in ((2.0, 0.0, colours[part]), (0.7, 0.3, 0.55 * colours[part] + 0.45)):
            diameters = scale * radii[part]
            axes.add_collection(
                EllipseCollection(
                    diameters,
                    diameters,
                    np.zeros(len(part)),
                    units='xy',
                    offsets=turned[part, :2] + shift * radii[part, None] * np.array([-1.0, 1.0]),
                    offset_transform=axes.transData,
                    facecolors=paint,
                    edgecolors=0.55 * colours[part] if shift == 0 else 'none',
                    linewidths=0.35,
                    zorder=2.5 + layer,
                )
            )
    _draw_cell(axes, cell, behind=False)
    _finish(axes, frames, cell, len(chosen))


def visible_atoms(frames: Frames) -> tuple[FloatArray, FloatArray, npt.NDArray[np.intp]]:
    """Wrapped positions, the cell of what is shown, and which atoms; of a large glass a slab at its front.

    :returns: positions (n, 3) Å, cell (3, 3) Å, indices (n,).
    """
    cell = np.asarray(frames.cells[-1], dtype=float)
    fractional = np.asarray(frames.positions[-1], dtype=float) @ np.linalg.inv(cell)
    fractional = np.where(frames.pbc, fractional % 1.0, fractional)
    shown = np.arange(frames.n_atoms)
    if frames.n_atoms > MOST_ATOMS:
        thickness = MOST_ATOMS / frames.n_atoms
        shown = np.flatnonzero(fractional[:, 1] < thickness)
        cell = cell.copy()
        slab = fractional[shown] @ np.asarray(frames.cells[-1], dtype=float)
        cell[1] *= thickness
        return slab, cell, shown
    return fractional @ cell, cell, shown


def bond_pairs(
    positions: FloatArray, types: npt.NDArray[Any], elements: tuple[str, ...], cutoffs: Mapping[str, float]
) -> npt.NDArray[np.intp]:
    """Pairs of atoms, (n_bonds, 2), of formers and anions nearer than their cut-off inside the box (not across it)."""
    from scipy.spatial import cKDTree

    roles = network_roles(elements)
    found = [np.zeros((0, 2), dtype=np.intp)]
    for name, cutoff in cutoffs.items():
        cation, _, anion = name.partition('-')
        if roles.get(cation) != 'former' or roles.get(anion) != 'anion':
            continue
        first, second = (np.flatnonzero(types == elements.index(element)) for element in (cation, anion))
        if len(first) and len(second):
            near = cKDTree(positions[first]).sparse_distance_matrix(
                cKDTree(positions[second]), cutoff, output_type='ndarray'
            )
            found.append(np.column_stack([first[near['i']], second[near['j']]]))
    return np.concatenate(found)


def _rotation() -> FloatArray:
    (cx, cy, cz), (sx, sy, sz) = np.cos(_TILT), np.sin(_TILT)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    rotation: FloatArray = about_x @ about_y @ about_z
    return rotation


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return red, green, blue


def _faded(colours: FloatArray, near: FloatArray) -> FloatArray:
    """Colours that go towards white with distance."""
    weight = (0.3 + 0.7 * near)[:, None]
    faded: FloatArray = weight * colours + (1 - weight) * 1.0
    return faded


def _draw_cell(axes: Any, cell: FloatArray, behind: bool) -> None:
    """Edges of the cell: those that meet in the farthest corner lie behind the atoms, the others before them."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    turned = (corners @ cell - cell.sum(axis=0) / 2) @ _rotation().T
    far = int(np.argmin(turned[:, 2]))
    for a in range(8):
        for b in range(a + 1, 8):
            if np.abs(corners[a] - corners[b]).sum() == 1 and (far in (a, b)) == behind:
                axes.plot(
                    *turned[[a, b], :2].T,
                    color=GREY,
                    linewidth=0.8,
                    alpha=0.8,
                    zorder=1 if behind else 4 + LAYERS,
                    solid_capstyle='round',
                )


def _finish(axes: Any, frames: Frames, cell: FloatArray, shown: int) -> None:
    """Scale bar, names of the elements, no frame."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ cell - cell.sum(axis=0) / 2
    turned = corners @ _rotation().T
    (left, low), (right, high) = turned[:, :2].min(axis=0), turned[:, :2].max(axis=0)
    length = 10.0 if right - left > 15 else 5.0
    margin = 0.045 * (high - low)
    axes.plot([left, left + length], [low - 1.2 * margin] * 2, color='#202020', linewidth=2, solid_capstyle='butt')
    axes.text(left + length / 2, low - 1.6 * margin, f'{length:g} Å', ha='center', va='top', fontsize=8.5)
    axes.set_xlim(left - margin, right + margin)
    axes.set_ylim(low - 4 * margin, high + margin)
    axes.set_axis_off()
    handles = [
        axes.plot([], [], 'o', color=element_colour(element, frames.elements), markersize=7, label=element)[0]
        for element in frames.elements
    ]
    axes.legend(handles=handles, loc='lower right', ncols=len(handles), handletextpad=0.1, columnspacing=1.0)
    if shown < frames.n_atoms:
        axes.set_title(f'a slab of {shown} of {frames.n_atoms} atoms', fontsize=8.5, color=GREY, fontweight='normal')
