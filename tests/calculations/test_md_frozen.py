"""Atoms that stay where they are: which lists are refused, and what LAMMPS is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida.common.folders import SandboxFolder
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory
from ase.build import bulk

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData

STILL = {'kind': 'hold', 'temperature': 300, 'duration': 0.1, 'frozen': True}


@pytest.fixture
def builder(aiida_code_installed, aiida_computer_local):
    builder = CalculationFactory('glassion.md').get_builder()
    builder.code = aiida_code_installed(
        default_calc_job_plugin='glassion.md',
        computer=aiida_computer_local(label='localhost-frozen'),
        filepath_executable='/bin/true',
    )
    builder.configuration = FramesData.from_ase(bulk('SiO2', 'fluorite', 5.43, cubic=True))
    builder.potential = PotentialData.from_library('pmmcs', elements=['O', 'Si'], coulomb='dsf')
    builder.schedule = {'stages': [STILL]}
    builder.seed = 1
    return builder


def make(builder, frozen):
    if frozen is not None:
        builder.frozen = frozen
    return instantiate_process(get_manager().get_runner(), builder)


def test_what_lammps_is_told(builder):
    with SandboxFolder() as folder:
        make(builder, [0, 1, 2, 5, 7]).prepare_for_submission(folder)
        script = (Path(folder.abspath) / 'input.in').read_text()
    assert 'group frozen id 1:3 6 8\ngroup mobile subtract all frozen' in script
    assert 'velocity frozen set 0 0 0' in script
    assert 'fix ensemble_00 mobile nvt' in script


@pytest.mark.parametrize(
    ('frozen', 'message'),
    [
        (None, 'frozen: missing or empty; stage hold'),
        ([], 'frozen: missing or empty; stage hold'),
        ([0, 0], 'frozen: an atom stands in the list twice'),
        ([-1], 'frozen: -1 is no index of an atom'),
        ([1.5], 'frozen: 1.5 is no index of an atom'),
        ([12], 'frozen: index 12, but the configuration has atoms 0 to 11'),
        (list(range(12)), 'frozen: all atoms; none is left to move'),
    ],
)
def test_refused(builder, frozen, message):
    with pytest.raises(ValueError, match=message):
        make(builder, frozen)
