"""``lcurve.out``: the errors that DeePMD-kit reports while it trains.

Columns as DeePMD-kit 3 writes them: the root of the loss (``rmse_*``, weighted by its prefactors, no unit), the root
mean square errors of energy (eV/atom), forces (eV/Å) and virial (eV/atom) of a batch, ``_trn`` of the training data
and ``_val`` of the validation data where there are any, and the learning rate. ``nan`` stands where data have no such
label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

UNITS = {'rmse': '1', 'rmse_e': 'eV/atom', 'rmse_f': 'eV/Å', 'rmse_v': 'eV/atom', 'lr': '1', 'step': '1'}
EXPLODED = 100.0
"""An error this many times that of the first batch is no learning."""
_FLOOR = 1.0
"""A first error smaller than this (eV/Å, eV/atom) counts as this: a good start may stumble."""
_IN_A_ROW = 3
"""So many reports in a row must be that bad: one batch may hold an odd frame."""


def read_lcurve(text: str) -> dict[str, npt.NDArray[Any]]:
    """Read a learning curve, however often the training was taken up in it and wherever it was cut.

    :param text: content of ``lcurve.out``.
    :returns: ``step`` (integers, rising) and each column by name, all of one length; steps that were done twice stand
        as they were done last. Empty without a line of numbers.
    """
    columns: list[str] = []
    rows: dict[int, list[float]] = {}
    for line in text.splitlines(keepends=True):
        words = line.split()
        if not words:
            continue
        if words[0] == '#':
            if len(words) > 1 and words[1] == 'step':
                if columns and columns != words[1:]:
                    rows.clear()
                columns = words[1:]
            continue
        if len(words) != len(columns) or not line.endswith('\n'):
            continue
        try:
            step, values = int(words[0]), [float(word) for word in words[1:]]
        except ValueError:
            continue
        for later in [other for other in rows if other >= step]:
            del rows[later]
        rows[step] = values
    if not rows:
        return {}
    table = np.array(list(rows.values()))
    curve: dict[str, npt.NDArray[Any]] = {'step': np.array(list(rows), dtype=np.int64)}
    return curve | {name: table[:, i].copy() for i, name in enumerate(columns[1:])}


def units_of(names: Sequence[str]) -> dict[str, str]:
    """Unit of each column."""
    return {name: UNITS.get(name.removesuffix('_trn').removesuffix('_val'), '1') for name in names}


def join_lcurves(
    pieces: Sequence[dict[str, npt.NDArray[Any]]], untils: Sequence[int | None]
) -> dict[str, npt.NDArray[Any]]:
    """Join the learning curves of the pieces of one training.

    :param pieces: as :func:`read_lcurve` returns them, in the order of the pieces.
    :param untils: step of the checkpoint from which the next piece went on, which counts no more; None: all count.
    :returns: the columns that every piece has.
    """
    kept = [
        {name: column[slice(None) if until is None else piece['step'] < until] for name, column in piece.items()}
        for piece, until in zip(pieces, untils, strict=True)
        if piece
    ]
    if not kept:
        return {}
    names = [name for name in kept[0] if all(name in piece for piece in kept)]
    return {name: np.concatenate([piece[name] for piece in kept]) for name in names}


def find_fault(curve: dict[str, npt.NDArray[Any]]) -> tuple[str, str] | None:
    """Say whether a training has gone wrong beyond repair.

    :param curve: as :func:`read_lcurve` returns it.
    :returns: ``not_a_number`` or ``exploded``, and a sentence with the numbers; None while it may go on.
    """
    if not curve:
        return None
    steps = curve['step']
    total = np.asarray(curve.get('rmse_trn', np.zeros(len(steps))), dtype=float)
    bad = np.flatnonzero(~np.isfinite(total))
    if len(bad):
        return 'not_a_number', f'the loss is {total[bad[0]]} at step {steps[bad[0]]}'
    for name, unit in (('rmse_f_trn', 'eV/Å'), ('rmse_e_trn', 'eV/atom')):
        if name not in curve:
            continue
        values = np.asarray(curve[name], dtype=float)
        good = np.isfinite(values)
        if good.sum() <= _IN_A_ROW:
            continue
        first = max(values[good][0], _FLOOR)
        if (values[good][-_IN_A_ROW:] > EXPLODED * first).all():
            last = f'{values[good][-1]:.3g} {unit} at step {steps[good][-1]}'
            return 'exploded', f'the error grew from {values[good][0]:.3g} to {last}'
    return None
