"""Measured curves as instruments' software writes them, and what is said of broken ones."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.formats import measured_curve
from aiida_glassion.formats.measured_curve import read_measured_curve

MINT = """# sample.mint01
# Q, S(Q), error
#
  0.25000  1.0E-01  2.0D-03

  0.30000 -2.0E-01  1.0E-03
  0.35000  3.0E-01  1.0E-03
"""
PDFGETX3 = """[DEFAULT]

version = pdfgetx3 2.1
mode = xray
qmaxinst = 24.0
#### start data
#S 1
#L r(\u00c5)  G(\u00c5$^{-2}$)
0 0
0.01 -0.05
0.02 0.1
"""
RMC = """          3
 S(Q) of 20Na2O-80SiO2, 300 K
   0.5   0.10
   0.6   0.20
   0.7   0.30
"""


def written(tmp_path, text, name='a.dat'):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ('text', 'x', 'y', 'error'),
    [
        (MINT, [0.25, 0.3, 0.35], [0.1, -0.2, 0.3], [2e-3, 1e-3, 1e-3]),
        (PDFGETX3, [0, 0.01, 0.02], [0, -0.05, 0.1], None),
        (RMC, [0.5, 0.6, 0.7], [0.1, 0.2, 0.3], None),
        ('Q,S\n0.5,1.0\n0.6,1.1\n', [0.5, 0.6], [1.0, 1.1], None),
        ('"Q","S"\r\n"0.5","1.0"\r\n"0.6","1.1"\r\n', [0.5, 0.6], [1.0, 1.1], None),
        ('0.5, 1.0, 0.1,\n0.6, 1.1, 0.1,\n', [0.5, 0.6], [1.0, 1.1], [0.1, 0.1]),
        ('Q;S\n0,5;1,0\n0,6;1,1\n', [0.5, 0.6], [1.0, 1.1], None),
        ('0.5;1.0\n0.6;1.1\n', [0.5, 0.6], [1.0, 1.1], None),
        ('0,5\t1,0e0\n0,6\t1,1e0\n', [0.5, 0.6], [1.0, 1.1], None),
        ('0,5 1\n0,6 2\n', [0.5, 0.6], [1.0, 2.0], None),
        ('1,2\n2,3\n', [1, 2], [2, 3], None),
        ('\ufeff% Q S\n0.5\t1.0\n0.6\t1.1', [0.5, 0.6], [1.0, 1.1], None),
        ("! c\n// c\n* c\n' c\n1 2 3 4\n2 3 4 5\n", [1, 2], [2, 3], None),
    ],
)
def test_read(tmp_path, text, x, y, error):
    curve = read_measured_curve(written(tmp_path, text))
    np.testing.assert_allclose(curve.x, x)
    np.testing.assert_allclose(curve.y, y)
    if error is None:
        assert curve.error is None
    else:
        np.testing.assert_allclose(curve.error, error)


def test_comments_in_order(tmp_path):
    curve = read_measured_curve(written(tmp_path, PDFGETX3))
    assert curve.comments[0] == '[DEFAULT]'
    assert 'qmaxinst = 24.0' in curve.comments
    assert curve.comments[-1].startswith('L r(Å)')


def test_chosen_columns(tmp_path):
    path = written(tmp_path, '# r G dr dG\n1 2 3 4\n2 3 4 5\n')
    curve = read_measured_curve(path, (0, 1, 3))
    np.testing.assert_allclose(curve.error, [4, 5])
    np.testing.assert_allclose(read_measured_curve(path, (2, 0)).x, [3, 4])
    with pytest.raises(ValueError, match='it has 4'):
        read_measured_curve(path, (0, 7))
    with pytest.raises(ValueError, match='two or three different'):
        read_measured_curve(path, (0, 0))


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'the file is empty$'),
        ('# only\n# comments\n', 'empty but for comments'),
        ('1\n2\n3\n', 'one column'),
        ('hello\nworld\n', "no line with two numbers; line 1 is 'hello'"),
        ('1 2\n2 x3\n3 4\n', "line 2: 'x3' where a number should be"),
        ('1,5 2,5\n1,6 abc\n', "line 2: 'abc' where"),
        ('1;2\n;3\n', "line 2: '' where"),
        ('Q S\n1 abc\n2 3\n3 4\n', "line 2: '1 abc' holds text"),
        ('1 2\n2 3\n\n2.5 3 4\n', 'line 4: 3 columns, 2 in the lines before'),
        ('1 2\n3 4\n2 5\n4 6\n', r'line 3: x goes from 3 to 2; it must increase .* \(1 of 3 steps'),
        ('1 2\n1 3\n2 4\n', 'line 2: x goes from 1 to 1'),
        ('1 2\n2 nan\n3 4\n', 'line 2: column 1 is nan'),
        ('1 2\n2 inf\n3 4\n', 'line 2: column 1 is inf'),
        ('1 2 0.1\n2 3 -0.1\n', 'line 2: the error -0.1 is negative'),
        (b'1 2\n\x00\x01\n', 'binary'),
        ('1 2\n2 1_000\n3 4\n', "line 2: '1_000'"),
        ('1 2\n2 __import__("os")\n', 'line 2'),
    ],
)
def test_refused(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=words) as caught:
        read_measured_curve(path)
    assert str(path) in str(caught.value)


def test_not_there_and_too_large(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='No such file'):
        read_measured_curve(tmp_path / 'absent.sq')
    with pytest.raises(ValueError, match='cannot be read'):
        read_measured_curve(tmp_path)
    monkeypatch.setattr(measured_curve, 'MAX_BYTES', 5)
    with pytest.raises(ValueError, match='at most'):
        read_measured_curve(written(tmp_path, '1 2\n2 3\n'))


def test_latin_1_header(tmp_path):
    curve = read_measured_curve(written(tmp_path, '# Q (Å⁻¹) °\n'.encode('latin-1', 'replace') + b'1 2\n2 3\n'))
    np.testing.assert_array_equal(curve.x, [1, 2])
