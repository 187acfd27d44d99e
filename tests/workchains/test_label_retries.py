"""What the labelling tries again, and when it gives up, with a stand-in for the labeller."""

from __future__ import annotations

import pytest
from aiida.engine import run_get_node
from small_loop import CALCULATOR, SILICA

from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.workchains.label import LabelWorkChain


@pytest.fixture
def label(aiida_profile_clean, fake_code):
    frames = Frames.concatenate(list(read_system(SILICA)))

    def make(number: int, per_job: int, **told):
        builder = LabelWorkChain.get_builder_from_protocol(
            'ase',
            fake_code('label', **told),
            {'melt': FramesData.from_frames(frames[:number])},
            overrides=CALCULATOR,
            settings={'frames_per_job': per_job},
            gate='open',
            tolerated_failures=0.9,
        )
        return run_get_node(builder)

    return make


def test_a_frame_alone_whose_job_was_killed_is_tried_once_more(label, tmp_path):
    outputs, node = label(1, 1, FAKE_LABEL_DIE_ONCE=tmp_path / 'died')
    assert node.is_finished_ok, node.exit_message
    assert (tmp_path / 'died').exists()
    assert outputs['dataset'].n_frames == 1
    assert [job.exit_status for job in node.called_descendants if 'Label' in job.process_label] == [302, 0]


def test_a_labeller_that_gives_nothing_is_not_asked_for_every_frame(label):
    outputs, node = label(60, 2, FAKE_LABEL_FAIL=1)
    assert node.exit_status == LabelWorkChain.exit_codes.ERROR_NO_FRAME_LABELLED.status
    jobs = [job for job in node.called_descendants if 'Label' in job.process_label]
    assert 10 <= len(jobs) < 20
    kinds = outputs['ledger']['by_kind']
    assert kinds['not_tried'] >= 20
    assert 'the fake was told to fail' in node.exit_message
