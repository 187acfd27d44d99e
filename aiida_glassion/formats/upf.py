"""The header of a pseudopotential in UPF format, versions 1 and 2.

The format is described at https://pseudopotentials.quantum-espresso.org/home/unified-pseudopotential-format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: functional by its four parts: exchange, correlation, gradient of exchange, gradient of correlation. Older files
#: write PBE where newer ones write PBX and PBC; pw.x takes both for the same.
_NAMES = {
    ('SLA', 'PW', 'PBX', 'PBC'): 'PBE',
    ('SLA', 'PW', 'PBE', 'PBE'): 'PBE',
    ('SLA', 'PW', 'PSX', 'PSC'): 'PBESOL',
    ('SLA', 'PW', 'RPB', 'PBC'): 'REVPBE',
    ('SLA', 'PW', 'TPSS', 'TPSS'): 'TPSS',
    ('SLA', 'LYP', 'B88', 'BLYP'): 'BLYP',
    ('SLA', 'PZ', 'NOGX', 'NOGC'): 'PZ',
    ('SLA', 'PW', 'NOGX', 'NOGC'): 'PW',
    ('SLA', 'PZ'): 'PZ',
    ('LDA',): 'PZ',
}
_TYPES = {'NC': 'norm-conserving', 'SL': 'norm-conserving', 'US': 'ultrasoft', 'USPP': 'ultrasoft', 'PAW': 'PAW'}
_HEADER = re.compile(r'<PP_HEADER\b(?P<attributes>[^>]*?)(/>|>(?P<lines>.*?)</PP_HEADER>)', re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')


@dataclass(frozen=True)
class UpfHeader:
    """What a pseudopotential says of itself.

    :param element: chemical symbol.
    :param functional: its name as pw.x knows it, capital letters (``PBE``, ``PBESOL``, ``PZ`` …); parts joined by ``+``
        where they have no name here.
    :param kind: ``norm-conserving``, ``ultrasoft`` or ``PAW``.
    :param valence: electrons.
    """

    element: str
    functional: str
    kind: str
    valence: float


def functional_name(text: str) -> str:
    """Name of a functional given by name or by its parts, capital letters.

    :param text: ``PBE``, ``SLA PW PBX PBC``, ``sla+pw+pbx+pbc`` …
    """
    parts = tuple(text.upper().replace('+', ' ').replace('-', ' ').split())
    return _NAMES.get(parts, '+'.join(parts))


def read_header(text: str) -> UpfHeader:
    """Header of a UPF file.

    :param text: the file, or as much of it as holds the header.
    :raises ValueError: no header, or one without element, functional, kind or valence.
    """
    found = _HEADER.search(text)
    if found is None:
        raise ValueError('no PP_HEADER: not a pseudopotential in UPF format')
    attributes = {name: (double or single).strip() for name, double, single in _ATTRIBUTE.findall(found['attributes'])}
    try:
        return _from_attributes(attributes) if 'element' in attributes else _from_lines(found['lines'] or '')
    except (KeyError, IndexError, StopIteration, ValueError) as error:
        raise ValueError(f'PP_HEADER is incomplete: {error}') from error


def _from_attributes(attributes: dict[str, str]) -> UpfHeader:
    kind = _TYPES[attributes['pseudo_type'].upper()]
    if attributes.get('is_paw', '').strip('.').upper().startswith('T'):
        kind = 'PAW'  # older files call them ultrasoft
    return UpfHeader(
        element=attributes['element'],
        functional=functional_name(attributes['functional']),
        kind=kind,
        valence=float(attributes['z_valence']),
    )


def _from_lines(text: str) -> UpfHeader:
    """Header of version 1: one quantity a line, its name behind it; the functional by its four parts, then by name."""
    lines = text.strip().splitlines()

    def before(name: str) -> list[str]:
        return next(line for line in lines if name in line).split(name)[0].split()

    return UpfHeader(
        element=before('Element')[0],
        functional=functional_name(' '.join(before('Exchange-Correlation')[:4])),
        kind=_TYPES[next(word for word in lines[2].split() if word.upper() in _TYPES).upper()],
        valence=float(before('Z valence')[0]),
    )
