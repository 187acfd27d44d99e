"""A replica that fails does not take the study with it: the ledger says what happened, the others go on.

Real packmol and real LAMMPS, behind a script that stops one replica with an error as LAMMPS words it.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida.plugins import WorkflowFactory
from rich.console import Console

from aiida_glassion.cli.engines import find_lammps
from aiida_glassion.cli.show_glass import glass_summary, glass_tables
from aiida_glassion.data.potential import PotentialData

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

SEED = 5
REASON = 'Cannot open the moon for reading'
TINY = {
    'n_atoms': 90,
    'replicas': 2,
    'melt': [
        {'kind': 'minimise', 'max_steps': 100},
        {'kind': 'hold', 'name': 'melt', 'temperature': 'melt', 'duration': 2.0, 'frames_every': 0.1},
    ],
    'melt_test': {'energy_tolerance': 5.0, 'max_memory': 1.0, 'max_longer': 3},
    'rates': [2000],
    'relax': [{'kind': 'hold', 'name': 'sample', 'temperature': 'room', 'duration': 0.5, 'frames_every': 0.1}],
    'analysis': {'r_max': 5.0, 'n_bins': 100},
}
WRAPPER = """#!/bin/bash
for word in "$@"; do
    if [ -f "$word" ] && grep -Eq '^velocity all create [0-9.]+ {seed} ' "$word"; then
        echo 'LAMMPS (29 Aug 2024)' | tee log.lammps
        echo 'ERROR: {reason} (src/moon.cpp:7)' | tee -a log.lammps
        exit 1
    fi
done
exec {program} "$@"
"""


def derived(seed, n):
    """Seeds that a seed gives to n children, as LAMMPS takes them: 1 to 2³¹ - 1."""
    return [int(value % (2**31 - 1)) + 1 for value in np.random.SeedSequence(seed).generate_state(n)]


@pytest.fixture
def failing_code(aiida_code_installed, localhost, lmp, tmp_path):
    """LAMMPS that fails on the melt of the study's second replica."""
    program = find_lammps(Path(lmp))
    _packing, melt, _quench = derived(derived(SEED, 2)[1], 3)
    script = tmp_path / 'lmp_that_fails'
    script.write_text(WRAPPER.format(seed=melt, reason=REASON, program=program.path))
    script.chmod(0o755)
    return aiida_code_installed(
        label='lmp-fails',
        default_calc_job_plugin='glassion.md',
        computer=localhost,
        filepath_executable=str(script),
        prepend_text=program.prepend,
    )


def check_outputs(node):
    outputs = node.outputs
    ledger = outputs.ledger.get_dict()
    assert set(ledger) == {'replica_01'}
    entry = ledger['replica_01']
    failed = orm.load_node(entry['pk'])
    assert failed.base.links.get_incoming(link_type=LinkType.CALL_WORK).one().link_label == 'replica_01'
    assert entry['seed'] == failed.inputs.seed.value == derived(SEED, 2)[1]
    assert entry['exit_status'] == failed.exit_status == 331
    assert REASON in entry['reason']
    assert set(outputs.glass) == set(outputs.replicas) == {'replica_00_rate_2000'}
    assert sum(outputs.glass.replica_00_rate_2000.frames.counts.values()) == outputs.composition_report['n_atoms']
    mean = outputs.structure.rate_2000.get_dict()
    assert mean['replicas'] == 1
    assert mean['density']['mean'] == pytest.approx(outputs.replicas.replica_00_rate_2000['density'])
    assert mean['density']['standard_error'] is None, 'one replica has no spread'
    assert outputs.curves.rate_2000.get_array('g_O_Si').max() > 2


def check_show(node):
    """What `glassion show` prints, on one line."""
    console = Console(width=200, record=True, file=io.StringIO())
    for part in glass_tables(glass_summary(node), replicas=True):
        console.print(part)
    text = ' '.join(console.export_text().split())
    assert 'replica_01: ' in text
    assert REASON in text
    assert f'(pk {node.outputs.ledger["replica_01"]["pk"]})' in text
    assert '00 @2000' in text
    assert 'glassion report' in text
    return text


def test_one_of_two_replicas_fails(failing_code, packmol_code):
    def run(tolerated):
        builder = WorkflowFactory('glassion.melt_quench').get_builder_from_protocol(
            failing_code,
            packmol_code,
            PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf'),
            '20Na2O-80SiO2',
            protocol='fast',
            overrides=TINY,
            seed=SEED,
        )
        builder.tolerated_failures = tolerated
        with enable_caching():
            return run_get_node(builder)[1]

    node = run(0.5)
    assert node.is_finished_ok, node.exit_message
    check_outputs(node)
    assert 'replicas failed' not in check_show(node)

    strict = run(0.0)
    assert strict.exit_status == 500
    assert strict.exit_message.startswith('1 of 2 replicas failed: replica_01')
    assert REASON in strict.exit_message
    check_outputs(strict)
    assert '1 of 2 replicas failed' in check_show(strict)
