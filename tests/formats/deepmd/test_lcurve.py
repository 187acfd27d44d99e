"""Learning curves as DeePMD-kit writes them: taken up, cut, with validation, without numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_glassion.formats.deepmd.lcurve import find_fault, join_lcurves, read_lcurve, units_of

LOGS = Path(__file__).parents[2] / 'fixtures' / 'deepmd' / 'logs'


def curve(name):
    return read_lcurve((LOGS / f'{name}.lcurve').read_text())


def made(*forces, energies=None, step=10):
    text = '#  step rmse_trn rmse_e_trn rmse_f_trn lr\n'
    for i, force in enumerate(forces):
        text += f'{i * step} 1.0 {0.1 if energies is None else energies[i]} {force} 1e-3\n'
    return read_lcurve(text)


def test_a_whole_curve():
    whole = curve('whole')
    np.testing.assert_array_equal(whole['step'], np.arange(0, 201, 20))
    assert whole['rmse_f_trn'][0] == 3.07
    assert whole['lr'][-1] == 1e-5
    assert list(whole) == ['step', 'rmse_trn', 'rmse_e_trn', 'rmse_f_trn', 'rmse_v_trn', 'lr']


def test_validation_columns_and_units():
    both = curve('validation')
    assert (both['rmse_f_val'][0], both['rmse_f_trn'][0]) == (3.11, 3.07)
    assert (both['rmse_v_val'][-1], both['rmse_v_trn'][-1]) == (0.7, 0.741)
    units = units_of(list(both))
    assert (units['rmse_e_val'], units['rmse_f_trn'], units['rmse_v_val'], units['lr'], units['rmse_trn']) == (
        'eV/atom', 'eV/Å', 'eV/atom', '1', '1'
    )  # fmt: skip


def test_steps_done_twice_stand_as_they_were_done_last():
    taken_up = curve('restarted')
    np.testing.assert_array_equal(taken_up['step'], np.arange(0, 201, 20))
    assert taken_up['rmse_trn'][taken_up['step'] == 100] == 17.2
    assert taken_up['rmse_trn'][taken_up['step'] == 140] == 8.92
    assert taken_up['rmse_trn'][taken_up['step'] == 80] == 18.3


@given(st.integers(min_value=0, max_value=1400))
def test_a_cut_curve_is_the_beginning_of_the_whole(length):
    whole, cut = curve('whole'), read_lcurve((LOGS / 'whole.lcurve').read_text()[:length])
    for name, column in cut.items():
        np.testing.assert_array_equal(column, whole[name][: len(column)])


def test_pieces_are_joined_where_the_next_took_up():
    whole = curve('whole')
    first = {name: column[:7] for name, column in whole.items()}
    second = {name: column[5:] for name, column in whole.items()}
    joined = join_lcurves([first, second], [100, None])
    for name in whole:
        np.testing.assert_array_equal(joined[name], whole[name])
    assert join_lcurves([], []) == {}
    assert join_lcurves([{}, second], [None, None])['step'][0] == 100


def test_labels_that_are_missing_are_no_fault():
    missing = read_lcurve('# step rmse_trn rmse_e_trn rmse_f_trn rmse_v_trn lr\n0 1.0 0.1 3.0 nan 1e-3\n')
    assert np.isnan(missing['rmse_v_trn']).all()
    assert find_fault(missing) is None
    assert find_fault({}) is None


@pytest.mark.parametrize('name', ['whole', 'validation', 'restarted', 'not_a_number'])
def test_recorded_curves_have_no_fault(name):
    """The one that became no number was ended by DeePMD-kit before it wrote so: its log says it."""
    assert find_fault(curve(name)) is None


def test_a_loss_that_is_no_number():
    kind, words = find_fault(read_lcurve('# step rmse_trn rmse_f_trn lr\n0 9.0 3.0 1\n10 nan nan 1\n'))
    assert (kind, words) == ('not_a_number', 'the loss is nan at step 10')


def test_an_error_that_grows_a_hundredfold_and_stays():
    kind, words = find_fault(made(3.0, 5.0, 400.0, 500.0, 600.0))
    assert kind == 'exploded'
    assert words == 'the error grew from 3 to 600 eV/Å at step 40'
    assert find_fault(made(3.0, 5.0, 400.0, 500.0, 200.0)) is None  # not thrice in a row
    assert find_fault(made(0.05, 0.05, 6.0, 7.0, 8.0)) is None  # a good start may stumble
    energies = [0.1, 0.2, 150.0, 160.0, 170.0]
    assert find_fault(made(1.0, 1.0, 1.0, 1.0, 1.0, energies=energies))[0] == 'exploded'
