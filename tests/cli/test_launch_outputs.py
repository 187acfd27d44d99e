"""What a finished process offers to the next command: `glassion launch label PK`, `glassion launch train PK`."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_label import _elements
from aiida_glassion.cli.launch_label_plan import read_sources
from aiida_glassion.cli.launch_outputs import configurations_of, datasets_of
from aiida_glassion.cli.launch_train import read_datasets
from aiida_glassion.cli.show_initial_data import summed_up
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


def frames(number):
    return Frames(
        ('O', 'Si'), np.random.default_rng(number).random((number, 2, 3)) * 5, np.tile(np.eye(3) * 5, (number, 1, 1))
    )


def process(**outputs):
    node = orm.WorkChainNode()
    node.set_process_label('AnyWorkChain')
    node.set_process_state('finished')
    node.store()
    for link, data in outputs.items():
        data.store().base.links.add_incoming(node, link_type=LinkType.RETURN, link_label=link)
    return node


def test_all_frames_of_initial_data_by_their_names():
    node = process(frames__quartz=FramesData(frames=frames(2)), frames__mixture_SiO2=FramesData(frames=frames(3)))
    sources = read_sources([str(node.pk)])
    assert {name: source.n_frames for name, source in sources.items()} == {'mixture_SiO2': 3, 'quartz': 2}


def test_the_trajectory_of_a_run_rather_than_its_last_frame():
    node = process(trajectory=FramesData(frames=frames(4)), final=FramesData(frames=frames(1)))
    assert [source.n_frames for source in configurations_of(node).values()] == [4]


def test_the_dataset_of_a_labelling():
    labelled = Frames(
        ('O', 'Si'), frames(2).positions, frames(2).cells, energies=np.zeros(2), forces=np.zeros((2, 2, 3))
    )
    dataset = DatasetData.from_frames(labelled)
    node = process(dataset=dataset, refused__a=FramesData(frames=frames(1)))
    assert datasets_of(node) == [dataset]
    assert list(read_datasets([str(node.pk), str(dataset.pk)], 'datasets').values()) == [dataset]
    with pytest.raises(GlassionError, match='has no configurations among its outputs'):
        configurations_of(node)


def test_nothing_there_yet():
    node = process()
    node.set_process_state('waiting')
    with pytest.raises(GlassionError, match=r'no dataset of labelled frames among its outputs yet\.'):
        datasets_of(node)


def test_elements_of_the_whole_study():
    assert _elements(None, ['O', 'Si']) == ['O', 'Si']
    assert _elements('Si, O,Na', ['O', 'Si']) == ['Na', 'O', 'Si']
    with pytest.raises(GlassionError, match='Si of the frames is not among them'):
        _elements('Na,O', ['O', 'Si'])
    with pytest.raises(GlassionError, match='Zz is no element'):
        _elements('Zz,O', ['O'])


def test_what_was_left_out_is_summed_up():
    said = ['Na-Na 1.911 Å, nearer than 1.992 Å', 'Na-Na 1.756 Å, nearer than 1.992 Å', 'gone', 'gone', 'odd']
    assert summed_up(said) == ['2 left out: Na-Na down to 1.756 Å, nearer than 1.992 Å', '2 × gone', 'odd']
