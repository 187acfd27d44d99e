"""What the stand-ins have in common: environment variables that steer them, and what a fake model knows."""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Any

_KNOWLEDGE = b'{"fake_model":'


def number(name: str, default: float) -> float:
    """A number among the environment variables."""
    return float(os.environ.get(name) or default)


def by_generation(name: str, generation: int, default: float = 0.0) -> float:
    """The number for a generation of models: ``0.5,0.2,0`` is 0.5 for the first, 0.2 for the second, 0 from then on."""
    values = [float(word) for word in (os.environ.get(name) or str(default)).split(',')]
    return values[min(max(generation, 1), len(values)) - 1]


def chance(*what: object) -> float:
    """A number from 0 to 1 that depends on nothing but what is given."""
    return zlib.crc32(' '.join(map(str, what)).encode()) / 2**32


def is_hit(name: str, generation: int, *what: object) -> bool:
    """Whether this job is among the fraction that a variable names by generation, or has one of its `seeds:1,2`."""
    value = os.environ.get(name, '')
    if value.startswith('seeds:'):
        return str(what[0]) in value.removeprefix('seeds:').split(',')
    return chance(name, *what) < by_generation(name, generation)


def die_once(name: str) -> None:
    """End by SIGKILL, if the variable names a file that is not there yet; the file is made before."""
    marker = os.environ.get(name)
    if not marker:
        return
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def take_time(name: str, parts: int = 1) -> None:
    """Sleep one of so many equal parts of the seconds that a variable names."""
    seconds = number(name, 0.0)
    if seconds:
        time.sleep(seconds / max(1, parts))


def model_knows(path: str | Path) -> dict[str, Any]:
    """Seed, number of frames, generation and error (eV/Å) of a fake model; those of any other are made up."""
    content = Path(path).read_bytes()
    at = content.find(_KNOWLEDGE)
    if at < 0:
        return {'seed': zlib.crc32(content), 'frames': 0, 'generation': 1, 'error': 0.3}
    found: dict[str, Any] = json.JSONDecoder().raw_decode(content[at:].decode('utf-8', 'replace'))[0]['fake_model']
    return found


def frozen_model(type_map: list[str], rcut: float, script: dict[str, Any], knows: dict[str, Any], state: str) -> bytes:
    """A serialised graph of nothing but the constants by which a frozen TensorFlow model is known."""
    knowledge = json.dumps({'fake_model': knows}, sort_keys=True, separators=(',', ':'))
    assert knowledge.encode().startswith(_KNOWLEDGE)
    ordered = json.dumps({'model': script.pop('model'), **script}, separators=(',', ':'))
    texts = {
        'model_attr/tmap': ' '.join(type_map),
        'model_attr/model_type': 'ener',
        'model_attr/model_version': '1.1',
        'model_type': state,
        'train_attr/training_script': ordered,
        'train_attr/knowledge': knowledge,
    }
    nodes = [_constant(name, b'\x08\x07' + _field(8, text.encode())) for name, text in texts.items()]
    nodes.append(_constant('descrpt_attr/rcut', b'\x08\x02' + _field(4, struct.pack('<d', rcut))))
    return b''.join(_field(1, node) for node in nodes)


def _constant(name: str, tensor: bytes) -> bytes:
    entry = _field(1, b'value') + _field(2, _field(8, tensor))
    return _field(1, name.encode()) + _field(2, b'Const') + _field(5, entry)


def _field(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(found + bytes([value]))
