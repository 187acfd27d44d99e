"""What a frozen TensorFlow model says of itself, read without TensorFlow.

DeePMD-kit's TensorFlow backend freezes a model into a serialised ``GraphDef``; type map, cutoff and version are
constant nodes in it. Only lengths and tags of protocol buffers are followed
(https://protobuf.dev/programming-guides/encoding), nothing of the graph is run.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_STRING, _DOUBLE, _FLOAT = 7, 2, 1
_WANTED = {
    'model_attr/tmap': 'type_map',
    'model_attr/model_type': 'fits',
    'model_attr/model_version': 'version',
    'descrpt_attr/rcut': 'rcut',
    'model_type': 'state',
}


@dataclass(frozen=True)
class FrozenModel:
    """What a frozen model says of itself.

    :param type_map: elements in the order in which the model counts its types.
    :param rcut: cutoff, Å.
    :param version: version of the model's format.
    :param fits: what the model predicts: ``ener`` is a potential.
    :param compressed: whether its embedding nets are tabulated.
    """

    type_map: tuple[str, ...]
    rcut: float
    version: str = ''
    fits: str = 'ener'
    compressed: bool = False


def read_frozen(model: bytes) -> FrozenModel | None:
    """Type map and cutoff of a frozen model.

    :param model: content of the file.
    :returns: None if it is not a frozen TensorFlow model of DeePMD-kit: another backend's, cut, or something else.
    """
    found: dict[str, str | float] = {}
    try:
        for number, kind, node in _fields(memoryview(model)):
            if (number, kind) != (1, _BYTES):
                continue
            name, value = _constant(node)
            if name is not None and value is not None:
                found[name] = value
    except (ValueError, IndexError, struct.error):
        return None
    type_map, rcut = found.get('type_map'), found.get('rcut')
    if not isinstance(type_map, str) or not isinstance(rcut, float) or not type_map.split():
        return None
    return FrozenModel(
        type_map=tuple(type_map.split()),
        rcut=rcut,
        version=str(found.get('version', '')),
        fits=str(found.get('fits', 'ener')),
        compressed=found.get('state') == 'compressed_model',
    )


def _constant(node: memoryview) -> tuple[str | None, str | float | None]:
    """Name and value of a node (NodeDef) if it is one of those wanted."""
    name, value = None, None
    for number, kind, content in _fields(node):
        if (number, kind) == (1, _BYTES):
            name = _WANTED.get(_text(content))
            if name is None:
                return None, None
        if (number, kind) == (5, _BYTES):
            entry = {key: part for key, _, part in _fields(content)}
            if 1 in entry and 2 in entry and _text(entry[1]) == 'value':
                value = _tensor(entry[2])
    return name, value


def _tensor(attribute: memoryview) -> str | float | None:
    """The first number or string of a tensor (field 8 of AttrValue)."""
    tensor = next((part for number, kind, part in _fields(attribute) if (number, kind) == (8, _BYTES)), None)
    if tensor is None:
        return None
    parts = {number: part for number, _, part in _fields(tensor)}
    dtype = parts[1][0] if 1 in parts else None
    if dtype == _STRING and 8 in parts:
        return _text(parts[8])
    for wanted, field, code in ((_DOUBLE, 6, '<d'), (_FLOAT, 5, '<f')):
        raw = parts.get(field, parts.get(4))
        if dtype == wanted and raw is not None:
            return float(struct.unpack_from(code, raw)[0])
    return None


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Number, kind and content of each field of a message.

    :raises ValueError: not a message, or cut.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            start = at
            _, at = _varint(message, at)
        elif kind == _BYTES:
            length, start = _varint(message, at)
            at = start + length
        elif kind in (_FIXED32, _FIXED64):
            start, at = at, at + (4 if kind == _FIXED32 else 8)
        else:
            raise ValueError(f'field kind {kind}')
        if at > end or number == 0:
            raise ValueError('cut')
        yield number, kind, message[start:at]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError('a number of more than 64 bits')


def _text(content: memoryview) -> str:
    return bytes(content).decode('utf-8', 'replace')
