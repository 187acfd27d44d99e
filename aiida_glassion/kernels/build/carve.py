"""Atoms within pores are taken out so that composition and neutrality hold exactly.

A pore cut blindly leaves a few atoms too many of some element, and a charged cell. So further atoms nearest to the
surface go, or atoms within the pore nearest to it stay: the choice that changes the fewest atoms (after the porous
glasses of J. Mater. Chem. A 12, 33518 (2024)). Each of them is on record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.carve_balance import (
    EXACT,
    Rule,
    as_counts,
    assert_rule,
    choose_numbers,
    formula_rule,
    named,
    neutral_rule,
)
from aiida_glassion.kernels.build.formula import parse_formula
from aiida_glassion.kernels.build.oxidation import neutral_states
from aiida_glassion.kernels.build.pores_together import Region, distance_to_regions
from aiida_glassion.kernels.structure.neighbours import check_configuration

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Charges = Mapping[str, float] | npt.NDArray[np.floating[Any]]

WAY_OUT = (
    "use exact='neutral' (exactly neutral, the composition as near as whole atoms allow), or begin with a cell of "
    'whole formula units'
)
MOST_SPECIES = 40
_TIE = 1e-6
"""Å; atoms whose distances differ by less are equally near."""


@dataclass(frozen=True, eq=False)
class Carved:
    """What is left of a cell, and what was chosen.

    :param kept: (n_kept,), indices of the atoms that stay, ascending.
    :param removed: (n_removed,), indices of all atoms that go, ascending.
    :param also_removed: indices of those of them that lay outside the regions, nearest to the surface first.
    :param left_inside: indices of the atoms within the regions that stay, nearest to the surface first.
    :param report: JSON-ready: ``exact``, ``unit``, ``units_before`` and ``units_after`` (of formula units, where these
        are exact), ``counts_before``, ``counts_after``, ``n_inside`` (atoms, or atoms of clusters, within the regions),
        ``n_removed``, ``n_also_removed``, ``n_left_inside``, ``farthest_also_removed`` and ``deepest_left_inside`` (Å
        from the surface, None where there is none), ``charge`` (e, None without charges), ``composition_change``
        (largest change of an atomic fraction), ``shell``, ``seed``, ``kept_whole`` (clusters).
    """

    kept: IntArray
    removed: IntArray
    also_removed: IntArray
    left_inside: IntArray
    report: dict[str, Any]


def carve(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    symbols: Sequence[str],
    regions: Sequence[Region],
    *,
    charges: Charges | None = None,
    groups: npt.NDArray[np.integer[Any]] | None = None,
    unit: Mapping[str, float] | str | None = None,
    exact: str = 'formula',
    shell: float = 0.0,
    most_changed: float = 0.5,
    seed: int = 0,
) -> Carved:
    """Take the atoms within regions out of a cell.

    :param positions: (n_atoms, 3), Å, wrapped or not, periodic in all directions.
    :param cell: (3, 3), Å, rows are the cell vectors.
    :param symbols: chemical symbol of each atom.
    :param regions: pores or a notch; they may overlap.
    :param charges: e, by element, or of each atom (atoms of an element with different charges then count as different
        species, V4+ beside V5+). Default: the usual oxidation states where they are needed.
    :param groups: (n_atoms,), labels of clusters that go or stay as a whole (:func:`.speciate`, :func:`.fragments`),
        negative for atoms on their own. A cluster lies within if its mean distance from the surface is negative.
    :param unit: formula, or atoms, of one unit that is kept whole; default: the reduced formula of the cell.
    :param exact: ``formula``: the atoms left are whole units, and so neutral as the cell is; ``neutral``: exactly
        neutral, the composition as near as it can be.
    :param shell: Å. Atoms up to so far from the surface count as equally near, and chance chooses among them: another
        seed then makes another pore. 0: the nearest.
    :param most_changed: refuse where more atoms than this share of those within would have to go outside or stay.
    :param seed: of the choice among atoms equally near, 0 or more.
    :raises ValueError: a setting or shape is wrong, no atom lies within, or exact composition cannot hold: the message
        says why and what would do.
    """
    r, box = check_configuration(positions, cell)
    n_atoms = len(r)
    _check(symbols, n_atoms, exact, shell, most_changed)
    distance = distance_to_regions(regions, r, np.asarray(box, dtype=np.float64))
    species, names, per_species = _species(symbols, charges)
    counts = np.bincount(species, minlength=len(names))
    rule = _rule(names, symbols, counts, per_species, unit, exact)
    piece = _pieces(groups, n_atoms)
    n_pieces = int(piece.max()) + 1
    sizes = np.bincount(piece, minlength=n_pieces)
    depth = np.bincount(piece, distance, minlength=n_pieces) / sizes
    within = depth < 0
    n_inside = int(sizes[within].sum())
    _check_pieces(piece, sizes, distance, n_inside)
    content = np.zeros((n_pieces, len(names)), dtype=np.int64)
    np.add.at(content, (piece, species), 1)
    kinds, kind = np.unique(content, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    staying = np.bincount(kind[~within], minlength=len(kinds))
    going = np.bincount(kind[within], minlength=len(kinds))
    numbers = choose_numbers(kinds, staying, going, np.zeros(len(names), dtype=np.int64), rule)
    if numbers is None:
        raise ValueError(
            f'groups: no choice of whole clusters keeps {named(names, rule.unit)} in proportion; leave the groups '
            f'away, or {WAY_OUT}'
            if rule.unit is not None
            else 'groups: no choice of whole clusters is neutral; leave the groups away'
        )
    changed = int(np.abs(numbers - staying) @ kinds.sum(axis=1))
    if changed > most_changed * n_inside:
        raise ValueError(
            f'regions: {n_inside} atoms lie within, and {changed} more would have to go or stay to keep '
            + (f'whole units of {named(names, rule.unit)}' if rule.unit is not None else 'the cell neutral')
            + f', more than most_changed ({most_changed:g}) of them; take a larger pore, allow more'
            + (f', or {WAY_OUT}' if rule.unit is not None else '')
        )
    flips = _nearest_pieces(kind, depth, within, numbers - staying, shell, np.random.default_rng(seed))
    stays = ~within
    stays[flips] = ~stays[flips]
    kept = stays[piece]
    by_distance = np.argsort(np.abs(distance), kind='stable')
    flipped = np.zeros(n_pieces, dtype=bool)
    flipped[flips] = True
    changes = flipped[piece][by_distance]
    also, left = (by_distance[changes & side[by_distance]] for side in (~kept, kept))
    after = np.bincount(species[kept], minlength=len(names))
    assert_rule(after, rule)
    report = {
        'exact': exact,
        'unit': None if rule.unit is None else as_counts(names, rule.unit),
        'units_before': None if rule.unit is None else rule.most_units + 1,
        'units_after': None if rule.unit is None else int(after[0] // rule.unit[0]),
        'counts_before': as_counts(names, counts),
        'counts_after': as_counts(names, after),
        'n_inside': n_inside,
        'n_removed': int((~kept).sum()),
        'n_also_removed': len(also),
        'n_left_inside': len(left),
        'farthest_also_removed': float(distance[also].max()) if len(also) else None,
        'deepest_left_inside': float(-distance[left].min()) if len(left) else None,
        'charge': None if per_species is None else _total(per_species, after),
        'composition_change': float(np.abs(after / after.sum() - counts / n_atoms).max()),
        'shell': float(shell),
        'seed': int(seed),
        'kept_whole': 0 if groups is None else int((sizes > 1).sum()),
    }
    return Carved(np.flatnonzero(kept), np.flatnonzero(~kept), also, left, report)


def _check(symbols: Sequence[str], n_atoms: int, exact: str, shell: float, most_changed: float) -> None:
    if len(symbols) != n_atoms:
        raise ValueError(f'symbols: {len(symbols)} given for {n_atoms} positions')
    if n_atoms == 0:
        raise ValueError('positions: no atom')
    if exact not in EXACT:
        raise ValueError(f'exact: {exact!r} given, expected one of {", ".join(EXACT)}')
    if not 0 <= shell < np.inf:
        raise ValueError(f'shell: {shell!r} given, expected a length of 0 Å or more')
    if not 0 < most_changed < np.inf:
        raise ValueError(f'most_changed: {most_changed!r} given, expected a share above 0, e.g. 0.5')


def _species(symbols: Sequence[str], charges: Charges | None) -> tuple[IntArray, list[str], list[float] | None]:
    """Species of each atom, their names, and their charges if these were given."""
    elements, of_atom = np.unique(np.asarray(symbols, dtype=str), return_inverse=True)
    names = [str(name) for name in elements]
    of_atom = of_atom.reshape(-1).astype(np.int64)
    if charges is None:
        return of_atom, names, None
    if isinstance(charges, Mapping):
        missing = [name for name in names if name not in charges]
        if missing:
            raise ValueError(f'charges: none given for {", ".join(missing)}')
        return of_atom, names, [float(charges[name]) for name in names]
    each = np.asarray(charges, dtype=np.float64)
    if each.shape != of_atom.shape or not np.isfinite(each).all():
        raise ValueError(f'charges: shape {each.shape}, expected one finite number for each of {len(of_atom)} atoms')
    pairs, species = np.unique(np.column_stack([of_atom, each.round(6)]), axis=0, return_inverse=True)
    if len(pairs) > MOST_SPECIES:
        raise ValueError(
            f'charges: {len(pairs)} different kinds of atoms by element and charge; give charges by element instead'
        )
    several = np.bincount(pairs[:, 0].astype(int), minlength=len(names)) > 1
    called = [names[int(e)] + (f'{q:+g}' if several[int(e)] else '') for e, q in pairs]
    return species.reshape(-1).astype(np.int64), called, [float(q) for q in pairs[:, 1]]


def _rule(
    names: list[str],
    symbols: Sequence[str],
    counts: IntArray,
    charges: list[float] | None,
    unit: Mapping[str, float] | str | None,
    exact: str,
) -> Rule:
    if exact == 'neutral':
        if charges is None:
            states = neutral_states(dict(zip(names, counts.tolist(), strict=True)))
            charges = [states[name] for name in names]
        return neutral_rule(names, counts, charges)
    if charges is not None and abs(_total(charges, counts)) > 1e-5 * len(symbols):
        given = ', '.join(f'{name} {charge:+g}' for name, charge in zip(names, charges, strict=True))
        raise ValueError(
            f'charges: the cell carries {_total(charges, counts):+g} e with {given}, and so would what is left of it; '
            'give charges that sum to zero, or none'
        )
    atoms = parse_formula(unit) if isinstance(unit, str) else unit
    rule = formula_rule(names, counts, atoms, WAY_OUT)
    # at least one unit goes: there is a pore
    return Rule(rule.species, rule.unit, rule.most_units - 1, rule.charges, rule.fractions)


def _pieces(groups: npt.NDArray[np.integer[Any]] | None, n_atoms: int) -> IntArray:
    """Number of the piece that each atom belongs to, from 0."""
    if groups is None:
        return np.arange(n_atoms)
    labels = np.asarray(groups)
    if labels.shape != (n_atoms,) or labels.dtype.kind not in 'iu':
        raise ValueError(f'groups: {labels.dtype} of shape {labels.shape}, expected integers of shape ({n_atoms},)')
    own = labels.astype(np.int64)
    alone = own < 0
    own[alone] = own.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return np.asarray(np.unique(own, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _check_pieces(piece: IntArray, sizes: IntArray, distance: FloatArray, n_inside: int) -> None:
    atoms_inside = int((distance < 0).sum())
    if not atoms_inside:
        raise ValueError('regions: no atom lies within; take a larger pore, or another place')
    largest = int(sizes[piece[distance < 0]].max())
    if largest > max(atoms_inside, 1) and largest > 1:
        raise ValueError(
            f'groups: a cluster of {largest} atoms reaches into the regions, which hold {atoms_inside}: it cannot go '
            'as a whole. A network cannot be kept intact: leave the groups away, or take a larger pore'
        )
    if not n_inside:
        raise ValueError('groups: no cluster lies within the regions for the most part; take a larger pore')


def _nearest_pieces(
    kind: IntArray,
    depth: FloatArray,
    within: npt.NDArray[np.bool_],
    change: IntArray,
    shell: float,
    generator: np.random.Generator,
) -> IntArray:
    """Pieces that change their side: of each kind as many as wanted, nearest to the surface, chance among equals."""
    key = np.maximum(np.round(np.abs(depth) / _TIE) * _TIE - shell, 0.0)
    chance = generator.random(len(kind))
    chosen = []
    for k in np.flatnonzero(change):
        candidates = np.flatnonzero((kind == k) & (within if change[k] > 0 else ~within))
        order = np.lexsort((chance[candidates], key[candidates]))
        chosen.append(candidates[order[: abs(int(change[k]))]])
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)


def _total(charges: Sequence[float], counts: IntArray) -> float:
    return round(float(np.dot(charges, counts)), 9) + 0.0
