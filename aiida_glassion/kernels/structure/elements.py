"""What an element does in a glass: network former, modifier or anion, and how many neighbours a former should have.

Formers and intermediates after Zachariasen (J. Am. Chem. Soc. 54, 3841 (1932)) and Sun (J. Am. Ceram. Soc. 30, 277
(1947)): a cation whose bonds to the anion are strong enough to make up the network. Intermediates (Al, Ga, Ti, V, …)
count as formers here (choice), because in these glasses they sit between bridging anions; the kernels take any other
choice as input.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

FORMERS = frozenset({'B', 'C', 'Al', 'Si', 'P', 'Ti', 'V', 'Ga', 'Ge', 'As', 'Nb', 'Mo', 'Sn', 'Sb', 'Te', 'W', 'Bi'})
"""Network formers and intermediates; Te only in the presence of O or F (tellurites), else it is an anion."""

ANIONS = frozenset({'N', 'O', 'F', 'S', 'Cl', 'Se', 'Br', 'Te', 'I'})
"""Anions, also when they stand beside another (S in an oxysulfide). H is none: a hydride glass must say so itself."""


def network_roles(elements: Iterable[str]) -> dict[str, str]:
    """Role of each element of a glass: ``'former'``, ``'anion'`` or ``'modifier'`` (all others), in the given order.

    :param elements: chemical symbols.
    """
    present = list(dict.fromkeys(elements))
    tellurite = bool({'O', 'F'} & set(present))

    def role(element: str) -> str:
        if element == 'Te':
            return 'former' if tellurite else 'anion'
        if element in ANIONS:
            return 'anion'
        return 'former' if element in FORMERS else 'modifier'

    return {element: role(element) for element in present}


@dataclass(frozen=True)
class CoordinationRange:
    """Usual numbers of anions around one former, both ends included, and on what this rests."""

    low: int
    high: int
    reason: str


_OXIDE = {
    'B': CoordinationRange(3, 4, 'BO3 and BO4 in borates (Wright, Int. J. Appl. Glass Sci. 6, 45 (2015))'),
    'C': CoordinationRange(3, 3, 'carbonate'),
    'Al': CoordinationRange(4, 6, 'AlO4 when charge-balanced, AlO5 and AlO6 at high Al or beside phosphate (27Al NMR)'),
    'Si': CoordinationRange(4, 4, 'SiO4 at ambient pressure; SiO6 only beside much phosphate'),
    'P': CoordinationRange(4, 4, 'PO4 in all phosphates (Brow, J. Non-Cryst. Solids 263, 1 (2000))'),
    'Ti': CoordinationRange(4, 6, 'TiO5 in silicates, TiO6 in phosphates (XANES, Farges 1996)'),
    'V': CoordinationRange(4, 6, 'VO4, VO5 (V5+), VO6 (V4+, V3+) in vanadophosphates'),
    'Ga': CoordinationRange(4, 6, 'as Al'),
    'Ge': CoordinationRange(4, 6, 'GeO4, with alkali also GeO5 and GeO6: the germanate anomaly'),
    'As': CoordinationRange(3, 4, 'AsO3 pyramids (As3+), AsO4 (As5+)'),
    'Nb': CoordinationRange(4, 6, 'NbO6, few NbO4'),
    'Mo': CoordinationRange(4, 6, 'MoO4 and MoO6'),
    'Sn': CoordinationRange(3, 6, 'SnO3 pyramids (Sn2+), SnO6 (Sn4+)'),
    'Sb': CoordinationRange(3, 6, 'SbO3 pyramids (Sb3+), SbO6 (Sb5+)'),
    'Te': CoordinationRange(3, 4, 'TeO3 and TeO4 in tellurites'),
    'W': CoordinationRange(4, 6, 'WO4 and WO6'),
    'Bi': CoordinationRange(3, 6, 'irregular BiO3 to BiO6'),
}
_CHALCOGENIDE = {
    'B': CoordinationRange(3, 4, 'BS3 in thioborates, BS4 with much alkali (11B NMR)'),
    'Al': CoordinationRange(4, 6, 'AlS4, few AlS5 and AlS6'),
    'Si': CoordinationRange(4, 4, 'SiS4, corner- or edge-sharing'),
    'P': CoordinationRange(3, 4, 'PS4 and P2S7; three S and a P in P2S6; PS3 at low S'),
    'Ga': CoordinationRange(4, 4, 'GaS4'),
    'Ge': CoordinationRange(3, 4, 'GeS4; three S and a Ge in Ge2S6'),
    'As': CoordinationRange(3, 4, 'AsS3 pyramids, thioarsenate AsS4'),
    'Sn': CoordinationRange(3, 6, 'SnS4, SnS6; SnS3 (Sn2+)'),
    'Sb': CoordinationRange(3, 4, 'SbS3 pyramids, thioantimonate SbS4'),
}
_CHALCOGENS = frozenset({'S', 'Se', 'Te'})


def usual_coordination(former: str, anions: Collection[str]) -> CoordinationRange | None:
    """Usual coordination of a former by all anions of the glass together; None where nothing is tabulated.

    In an oxysulfide the two ranges are joined; nitrogen and halogens beside oxygen or sulfur do not change the range,
    alone they have none.

    :param former: chemical symbol.
    :param anions: the anions of the glass.
    """
    tables: list[Mapping[str, CoordinationRange]] = []
    if 'O' in anions:
        tables.append(_OXIDE)
    if _CHALCOGENS & set(anions) - {former}:
        tables.append(_CHALCOGENIDE)
    ranges = [table[former] for table in tables if former in table]
    if not ranges:
        return None
    reason = '; '.join(found.reason for found in ranges)
    return CoordinationRange(min(found.low for found in ranges), max(found.high for found in ranges), reason)


@dataclass(frozen=True)
class OddCoordination:
    """A former of which too many atoms have an unusual number of anions.

    :param fraction: of its atoms outside the usual range.
    """

    former: str
    fraction: float
    usual: CoordinationRange
    message: str


def odd_coordination(
    former: str, anions: Collection[str], distribution: Mapping[int, float], tolerance: float = 0.05
) -> OddCoordination | None:
    """Warn when a former's coordination is odd: a sign of a bad potential, a wrong charge or a melt quenched too fast.

    :param former: chemical symbol.
    :param anions: the anions that were counted.
    :param distribution: coordination number → fraction (or number) of the former's atoms.
    :param tolerance: fraction of atoms outside the usual range that is accepted: quenched at 1 K/ps, a good silicate
        keeps a few per cent of defects.
    :returns: what is odd, or None: all is well or no usual range is tabulated.
    :raises ValueError: a negative fraction, or an empty distribution.
    """
    total = sum(distribution.values())
    if total <= 0 or min(distribution.values()) < 0:
        raise ValueError('distribution: must hold at least one atom and nothing negative')
    usual = usual_coordination(former, anions)
    if usual is None:
        return None
    outside = sum(share for number, share in distribution.items() if not usual.low <= number <= usual.high) / total
    if outside <= tolerance:
        return None
    numbers = f'{usual.low}' if usual.low == usual.high else f'{usual.low} to {usual.high}'
    message = f'{outside:.1%} of {former} do not have {numbers} anions around them ({usual.reason})'
    return OddCoordination(former, outside, usual, message)
