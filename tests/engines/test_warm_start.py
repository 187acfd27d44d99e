"""The real DeePMD-kit goes on from a model when the data have grown, also where they are denser than before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida.engine import run_get_node

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.functions.committee import read_curve
from aiida_glassion.workchains.train import TrainWorkChain

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

SILICA = Path(__file__).parent.parent / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
METHOD = {'engine': 'lammps', 'potential': 'pmmcs'}
SQUEEZED = 0.95
"""Cells shorter by this factor: 20 neighbours instead of 17, for which ``sel: auto`` would make another model."""


def test_a_warm_start_begins_below_a_cold_one(dp_code):
    frames = Frames.concatenate(list(read_system(SILICA)))
    known, other, test = (frames[np.arange(start, 90, 3)] for start in range(3))
    squeezed = replace(other, positions=other.positions * SQUEEZED, cells=other.cells * SQUEEZED)
    first, new, held_out = (DatasetData.from_frames(part, method=METHOD) for part in (known, squeezed, test))
    changes = {
        'committee': 1, 'fewest': 1, 'compress': False, 'split': {'validation_fraction': 0},
        'parameters': {'training': {'numb_steps': 800}, 'learning_rate': {'decay_steps': 40}},
        'warm': {'parameters': {'training': {'numb_steps': 60}, 'learning_rate': {'start_lr': 5e-4, 'decay_steps': 3}}},
    }  # fmt: skip

    def train(data, **more):
        builder = TrainWorkChain.get_builder_from_protocol(
            dp_code, data, 'tiny', changes, seed=2, test={'third': held_out}, **more
        )
        outputs, node = run_get_node(builder)
        assert node.is_finished_ok, node.exit_message
        member = next(child for child in node.called if child.process_label == 'TrainMemberWorkChain')
        return outputs, member.outputs.results.get_dict()

    cold, of_cold = train({'first': first})
    warm, of_warm = train({'first': first, 'new': new}, warm_start=cold['frozen'])
    assert 'ledger' not in warm
    assert of_cold['sel'] == of_warm['sel'] == [20, 12]
    assert of_warm['last_step'] == 60
    errors = [read_curve(outputs['learning_curves']['seed_1']).training['force'] for outputs in (cold, warm)]
    assert np.mean(errors[1][:3]) < 0.75 * errors[0][0]
    assert warm['errors']['force']['rmse']['mean'] < 1e3 * errors[0][0]
