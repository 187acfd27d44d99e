"""What a frozen model says of itself, read without the program that froze it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.formats.deepmd.frozen import read_frozen

FIXTURES = Path(__file__).parents[2] / 'fixtures' / 'deepmd'
MODEL = (FIXTURES / 'silica_1.pb').read_bytes()


@pytest.mark.parametrize(('name', 'type_map'), [('silica_1', ('O', 'Si')), ('silica_si_o', ('Si', 'O'))])
def test_type_map_and_cutoff(name, type_map):
    said = read_frozen((FIXTURES / f'{name}.pb').read_bytes())
    assert said is not None
    assert (said.type_map, said.rcut, said.version, said.fits) == (type_map, 4.0, '1.1', 'ener')
    assert not said.compressed


def field(number: int, content: bytes | int) -> bytes:
    """One field of a protocol buffer, as its specification says; numbers below 128 only."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    length = len(content)
    return bytes([number << 3 | 2]) + bytes([length & 127 | 128, length >> 7]) + content


def constant(name: str, dtype: int, value: bytes) -> bytes:
    tensor = field(8, field(1, dtype) + field(2, b'') + value)
    attribute = field(5, field(1, b'value') + field(2, tensor))
    return field(1, field(1, name.encode()) + field(2, b'Const') + attribute)


@pytest.mark.parametrize(
    ('dtype', 'rcut'),
    [
        (2, bytes([6 << 3 | 1]) + struct.pack('<d', 5.5)),
        (1, bytes([5 << 3 | 5]) + struct.pack('<f', 5.5)),
        (2, field(6, struct.pack('<d', 5.5))),
        (2, field(4, struct.pack('<d', 5.5))),
    ],
    ids=['double', 'float', 'packed', 'raw'],
)
def test_however_the_cutoff_is_written(dtype, rcut):
    graph = constant('model_attr/tmap', 7, field(8, b'P Na S')) + constant('descrpt_attr/rcut', dtype, rcut)
    said = read_frozen(graph + constant('model_type', 7, field(8, b'compressed_model')))
    assert said is not None
    assert (said.type_map, said.rcut, said.compressed) == (('P', 'Na', 'S'), 5.5, True)


def test_what_a_model_was_made_for():
    said = read_frozen(MODEL.replace(b'B\x04ener*', b'B\x04dipo*'))
    assert said is not None
    assert said.fits == 'dipo'


@pytest.mark.parametrize(
    'content', [b'', b'PK\x03\x04 a TorchScript archive', b'\xff' * 40, b'\x00' * 40, b'{"model": 1}']
)
def test_what_is_no_frozen_model(content):
    assert read_frozen(content) is None


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, len(MODEL) - 1))
def test_a_model_cut_anywhere_is_none_or_the_same(cut):
    said = read_frozen(MODEL[:cut])
    assert said is None or said == read_frozen(MODEL)


@settings(max_examples=200, deadline=None)
@given(where=st.integers(0, 6000), byte=st.integers(0, 255))
def test_a_damaged_model_never_raises(where, byte):
    read_frozen(MODEL[:where] + bytes([byte]) + MODEL[where + 1 :])
