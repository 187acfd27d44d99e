"""A committee trained by the real DeePMD-kit, tested, and reported on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.workchains.train import TrainWorkChain
from aiida_glassion.workchains.train_inputs import member_seed

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

SILICA = Path(__file__).parent.parent / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
METHOD = {'engine': 'lammps', 'potential': 'pmmcs'}


def silica(part=slice(None)) -> DatasetData:
    frames = Frames.concatenate(list(read_system(SILICA)))
    return DatasetData.from_frames(frames[part], method=METHOD)


def test_a_committee_of_two(dp_code):
    builder = TrainWorkChain.get_builder_from_protocol(
        dp_code, {'silica': silica()}, 'tiny', {'split': {'test_fraction': 0.2}}, seed=3
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, (node.exit_message, outputs.get('ledger') and outputs['ledger'].get_dict())
    assert sorted(outputs['potentials']) == ['seed_1', 'seed_2']
    import json

    print(json.dumps(outputs['errors'].get_dict(), indent=1))
