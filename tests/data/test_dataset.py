"""DatasetData: stored and read back, one method only, changed content is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_glassion.data.dataset import DatasetData, check_one_method
from aiida_glassion.frames import Frames

PBE = {'engine': 'quantumespresso', 'functional': 'PBE', 'cutoff_Ry': 80}


def labelled(symbols, n_frames, seed):
    rng = np.random.default_rng(seed)
    shape = (n_frames, len(symbols), 3)
    return Frames(
        symbols,
        rng.random(shape) * 9,
        np.eye(3) * 9 + rng.normal(scale=0.1, size=(n_frames, 3, 3)),
        energies=rng.normal(size=n_frames) - 500,
        forces=rng.normal(size=shape),
        virials=rng.normal(size=(n_frames, 3, 3)),
    )


@pytest.mark.usefixtures('aiida_profile_clean')
def test_stored_and_loaded():
    silica, soda = labelled(('Si', 'O', 'O'), 5, 1), labelled(('Na', 'Na', 'O'), 3, 2)
    node = DatasetData.from_frames([silica[:2], soda, silica[2:]], PBE, {'O': -430.0}).store()
    node = orm.load_node(node.pk)
    assert node.n_frames == 8
    assert node.elements == ['Na', 'O', 'Si']
    assert node.formulas == {'Na2O1': 3, 'O2Si1': 5}
    assert node.labels == ['energies', 'forces', 'virials']
    assert node.method == PBE
    assert node.energy_shifts == {'O': -430.0}
    back = Frames.concatenate(list(node.iter_frames('O2Si1')))
    np.testing.assert_array_equal(back.energies, silica.energies)
    np.testing.assert_array_equal(back.forces, silica.sorted_by_element().forces)
    assert sum(part.n_frames for part in node.iter_frames()) == 8
    with pytest.raises(ValueError, match="no system 'SiO2'; it has Na2O1, O2Si1"):
        list(node.iter_frames('SiO2'))


@pytest.mark.usefixtures('aiida_profile_clean')
def test_same_content_same_node_hash(tmp_path):
    frames = labelled(('Si', 'O', 'O'), 5, 1)
    first = DatasetData.from_frames(frames, PBE).store()
    second = DatasetData.from_frames([frames[:1], frames[1:]], PBE).store()
    assert first.base.caching.compute_hash() == second.base.caching.compute_hash()
    assert [path.name for path in first.write(tmp_path / 'out')] == ['O2Si1']


@pytest.mark.usefixtures('aiida_profile_clean')
def test_a_node_that_does_not_hold_what_it_says_is_refused():
    node = DatasetData.from_frames(labelled(('Si', 'O', 'O'), 5, 1), PBE)
    node.base.attributes.set('method', {'functional': 'LDA'})
    with pytest.raises(ValidationError, match='method_hash'):
        node.store()
    node = DatasetData.from_frames(labelled(('Si', 'O', 'O'), 5, 1), PBE)
    node.base.attributes.set('n_frames', 6)
    with pytest.raises(ValidationError, match='n_frames'):
        node.store()


@pytest.mark.usefixtures('aiida_profile_clean')
def test_no_frames_is_an_error():
    with pytest.raises(ValueError, match='at least one labelled frame'):
        DatasetData.from_frames([])


@pytest.mark.usefixtures('aiida_profile_clean')
def test_methods_do_not_mix():
    frames = labelled(('Si', 'O', 'O'), 2, 1)
    pbe, other = DatasetData.from_frames(frames, PBE), DatasetData.from_frames(frames, {**PBE, 'functional': 'LDA'})
    check_one_method({'a': pbe, 'b': pbe})
    with pytest.raises(ValueError, match=r"a and b were labelled differently \(functional: 'PBE' and 'LDA'\)"):
        check_one_method({'a': pbe, 'b': other})
    shifted = DatasetData.from_frames(frames, PBE, {'O': -430.0})
    with pytest.raises(ValueError, match='different energy shifts'):
        check_one_method({'a': pbe, 'b': shifted})


@pytest.mark.usefixtures('aiida_profile_clean')
def test_shifts_are_compared_by_the_elements_that_datasets_share():
    silica, soda = labelled(('Si', 'O', 'O'), 2, 1), labelled(('Na', 'Na', 'O'), 2, 2)
    first = DatasetData.from_frames(silica, PBE, {'O': -430.0, 'Si': -107.0})
    check_one_method({'a': first, 'b': DatasetData.from_frames(soda, PBE, {'O': -430.0, 'Na': -1.0})})
    with pytest.raises(ValueError, match='different energy shifts of O, '):
        check_one_method({'a': first, 'b': DatasetData.from_frames(soda, PBE, {'Na': -1.0})})
    with pytest.raises(ValueError, match='different energy shifts of Si, '):
        check_one_method({'a': first, 'b': DatasetData.from_frames(silica, PBE, {'O': -430.0})})


@pytest.mark.usefixtures('aiida_profile_clean')
def test_one_of_many_datasets_that_differs_is_named():
    """Datasets alike are compared once, but the message names the one that has the element."""
    silica, soda = labelled(('Si', 'O', 'O'), 2, 1), labelled(('Na', 'Na', 'O'), 2, 2)
    shifts = {'O': -430.0, 'Si': -107.0, 'Na': -1.0}
    many = {f'a{i}': DatasetData.from_frames(silica, PBE, shifts) for i in range(3)}
    many['b'] = DatasetData.from_frames(soda, PBE, shifts)
    assert check_one_method(many) == PBE
    odd = DatasetData.from_frames(soda, PBE, {'O': -430.0, 'Na': -2.0})
    with pytest.raises(ValueError, match='b and c have different energy shifts of Na, '):
        check_one_method({**many, 'c': odd})
