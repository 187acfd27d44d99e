"""The loop with stand-ins for the engines: it converges, ends at its limits, survives its parts, and is continued."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines import engines
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain

SILICA = Path(__file__).parents[1] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
STAGES = [
    {
        'name': 'melt',
        'every': 0.05,
        'min_frames': 20,
        'max_labels': 8,
        'max_rounds': 6,
        'programs': [{'kind': 'hold', 'temperatures': [1000, 2000], 'duration': 1.0}],
    },
    {
        'name': 'strain',
        'every': 0.05,
        'min_frames': 20,
        'max_labels': 8,
        'max_rounds': 6,
        'programs': [{'kind': 'deform', 'modes': ['x'], 'strains': [0.1], 'temperatures': [300], 'duration': 1.0}],
    },
]
CALCULATOR = {'path': 'ase.calculators.lj:LennardJones'}
SETTINGS = {
    'levels': {'kind': 'fixed', 'lower': 0.2, 'upper': 0.6},
    'convergence': {'checks': 1, 'candidate_fraction': 0.2, 'relative_error': None, 'failed_fraction': 0.2},
    'max_iterations': 8,
    'max_labels': 400,
    'final': {'train': False},
}


@pytest.fixture
def frames() -> Frames:
    return Frames.concatenate(list(read_system(SILICA)))


@pytest.fixture
def loop(aiida_profile_clean, fake_code, frames):
    """Make a builder of a small loop with stand-ins that are steered by variables."""

    engine_settings = protocols.load('label_ase', None, CALCULATOR)
    method = engines()['ase'].method(engine_settings, {})

    def make(dp=None, lmp=None, label=None, settings=None, stages=None, **more):
        arguments = {
            'datasets': {'melt': DatasetData.from_frames(frames[:30], method=method)},
            **more,
        }
        return ActiveLearningWorkChain.get_builder_from_protocol(
            train_code=fake_code('dp', **(dp or {})),
            md_code=fake_code('lmp', **(lmp or {})),
            label={
                'engine': 'ase',
                'code': fake_code('label', **(label or {})),
                'settings': {'frames_per_job': 100},
                'overrides': CALCULATOR,
                'tolerated_failures': 0.3,
            },
            protocol='fast',
            overrides={**SETTINGS, **(settings or {})},
            stages=STAGES if stages is None else stages,
            train_protocol='tiny',
            committee=2,
            **arguments,
        )

    return make


def test_trial(loop):
    builder = loop(lmp={'FAKE_LMP_CANDIDATES': '0.6,0.4,0.1'})
    outputs, node = run_get_node(builder)
    print(node.exit_status, node.exit_message)
    for name, record in sorted(outputs['iterations'].items()):
        print(name, record['decision'])
    print(outputs['report'].get_dict())
    assert node.is_finished_ok
