"""α-quartz in a sodium silicate glass by the real LAMMPS: built, healed, shown, and every way in which it may end."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from ase.io import read
from ase.spacegroup import crystal
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

GLASS = Path(__file__).parents[2] / 'examples' / 'structure' / 'glass_1.extxyz'
QUARTZ = crystal(
    ['Si', 'O'], [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)], spacegroup=154,
    cellpar=[4.916, 4.916, 5.4054, 90, 90, 120],
)  # fmt: skip
SHORT = {
    'crystal': {'size': 9.0, 'equilibrate': 0.04, 'sample': 0.08, 'frames_every': 0.02},
    'heal': {
        'hot': [
            {'kind': 'minimise', 'name': 'minimise', 'max_steps': 30},
            {'kind': 'hold', 'name': 'soften', 'ensemble': 'langevin', 'temperature': 'hot', 'duration': 0.1,
             'max_displacement': 0.05},
        ],
        'cool': [{'kind': 'ramp', 'temperature': 'hot', 'temperature_end': 'room', 'duration': 0.1}],
        'free': [{'kind': 'minimise', 'name': 'free_minimise', 'max_steps': 30}],
    },
    'sample': {'duration': 0.1, 'frames_every': 0.02},
    'measure': {'most_frames': 2},
}  # fmt: skip
BARE = {'crystal': {'relax': False}, 'heal': {'hot': [], 'cool': []}}


def inputs(code, grains=None, **settings):
    builder = WorkflowFactory('glassion.glass_ceramic').get_builder_from_protocol(
        code,
        PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf'),
        FramesData.from_ase(read(GLASS)),
        FramesData.from_ase(QUARTZ),
        protocol='fast',
        overrides={**SHORT, 'grains': grains or {'fraction': 0.3}, **settings},
        seed=3,
    )
    builder.metadata.label = 'quartz in glass_1 (fast)'
    return builder


def words_of(text):
    return ' '.join(re.sub(r'<[^>]+>', ' ', text).split())


def test_two_grains_heal_and_are_shown(lmp_code, tmp_path):
    outputs, node = run_get_node(inputs(lmp_code, {'fraction': 0.3, 'n': 2, 'orientation': {'random': True}}))
    assert node.is_finished_ok, node.exit_message
    results = outputs['results'].get_dict()
    assert results['exact'] == 'neutral'
    assert results['fraction']['built'] == pytest.approx(0.3, abs=0.03)
    assert results['fraction']['healed'] > 0.1
    assert len(results['grains']) == 2
    assert results['lost'] == []
    assert results['crystal_cell']['given'][0] == pytest.approx(4.916)
    assert results['crystal_cell']['used'][0] == pytest.approx(4.95, abs=0.15)
    counts = results['counts']
    assert counts['Na'] + 4 * counts['Si'] - 2 * counts['O'] == 0
    built, healed = outputs['built'].frames, outputs['glass'].frames
    assert healed.symbols == built.symbols
    arrays = outputs['regions'].arrays
    assert set(arrays) == {'labels', 'labels_built', 'grain', 'order', 'distance'}
    assert arrays['labels'].dtype == np.int8
    calls = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}
    frozen = calls['heal'].inputs.md.frozen.get_list()
    assert frozen == np.flatnonzero(arrays['grain'] >= 0).tolist()
    before, after = built.positions[0][frozen], calls['heal'].outputs.final.frames.positions[-1][frozen]
    moved = (after - before) @ np.linalg.inv(built.cells[0])
    assert np.abs(moved - np.rint(moved)).max() < 1e-6, 'the crystal stays where it is while the glass heals'
    assert 'share_Na' in results['interface']
    assert outputs['curves'].get_array('profiles__disorder__x').size > 2

    runner = CliRunner()
    shown = runner.invoke(main, ['show', str(node.pk)])
    assert shown.exit_code == 0, shown.output
    assert 'local order' in shown.output
    assert f'{sum(counts.values())}: ' in shown.output
    watched = runner.invoke(main, ['watch', str(node.pk), '--once'])
    assert watched.exit_code == 0, watched.output
    for step in ('crystal', 'build', 'heal', 'relax', 'measure'):
        assert step in watched.output
    folder = tmp_path / 'report'
    made = runner.invoke(main, ['report', str(node.pk), str(folder)])
    assert made.exit_code == 0, made.output
    page = words_of((folder / 'index.html').read_text())
    assert 'The crystal is in the glass' in page
    assert f'{100 * results["fraction"]["built"]:.1f}' in page
    for name in ('profiles', 'slice', 'order'):
        assert (folder / 'figures' / f'{name}.png').stat().st_size > 5000
    rows = list(csv.reader((folder / 'atoms.csv').open(encoding='utf-8')))
    assert len(rows) == 1 + sum(counts.values())
    assert json.loads((folder / 'report.json').read_text())['results']['counts'] == counts


def test_a_crystal_that_melts_is_told_with_everything_handed_out(lmp_code):
    melt = {'kind': 'hold', 'ensemble': 'langevin', 'temperature': 9000, 'duration': 0.6, 'temperature_damping': 0.02}
    settings = {'crystal': {'relax': False}, 'heal': {'hot': [], 'cool': [], 'free': [melt]}}
    outputs, node = run_get_node(inputs(lmp_code, **settings))
    assert node.exit_status == 451, node.exit_message
    assert 'of its order' in node.exit_message
    assert 'at least 25 % wanted' in node.exit_message
    assert set(outputs) >= {'glass', 'built', 'regions', 'results', 'curves'}
    assert 'crystal' not in outputs
    (grain,) = outputs['results']['grains']
    assert grain['lost'] is True
    assert grain['kept'] < 0.25 < outputs['results']['fraction']['built']


def test_runs_that_fail_leave_what_was_built(aiida_code_installed, lmp_code, tmp_path):
    program = tmp_path / 'lmp-moon'
    program.write_text('#!/bin/bash\necho "ERROR: Cannot open the moon for reading (src/moon.cpp:1)" > "$4"; exit 1\n')
    program.chmod(0o755)
    code = aiida_code_installed(
        label='lmp-moon', default_calc_job_plugin='glassion.md', computer=lmp_code.computer,
        filepath_executable=str(program),
    )  # fmt: skip
    for settings, status in (({'crystal': {'relax': False}}, 340), (BARE, 341), ({}, 342)):
        outputs, node = run_get_node(inputs(code, **settings))
        assert (node.exit_status, 'Cannot open the moon' in node.exit_message) == (status, True)
        if status != 342:
            assert set(outputs) >= {'built', 'regions', 'results', 'curves'}
            assert 'glass' not in outputs
            assert outputs['results']['healed'] is False
    shown = CliRunner().invoke(main, ['show', str(node.pk)])
    assert shown.exit_code == 0, shown.output


def test_what_cannot_be_built(lmp_code):
    grains = {'fraction': 0.3, 'shape': 'slab', 'max_strain': 0.001}
    _, node = run_get_node(inputs(lmp_code, grains, crystal={'relax': False}))
    assert node.exit_status == 240
    assert 'no supercell of the crystal fits the cell within 0.001' in node.exit_message


def problem(builder, **changes):
    given = {**builder._inputs(prune=True), **changes}
    ports = builder.process_class.spec().inputs
    found = ports.validate(ports.pre_process(given))
    return None if found is None else found.message


def test_inputs_that_are_refused(lmp_code):
    assert problem(inputs(lmp_code)) is None
    assert 'expected 1 to 2147483647' in problem(inputs(lmp_code), seed=orm.Int(0))
    foreign = FramesData.from_ase(crystal('Xe', [(0, 0, 0)], spacegroup=225, cellpar=[6.2] * 3 + [90] * 3))
    assert 'Xe' in problem(inputs(lmp_code), crystal=foreign)
    charged = QUARTZ.copy()
    del charged[0]
    assert problem(inputs(lmp_code), crystal=FramesData.from_ase(charged)).startswith('crystal: the charges')
    flat = QUARTZ.copy()
    flat.pbc = (True, True, False)
    assert 'crystal: periodic in' in problem(inputs(lmp_code), crystal=FramesData.from_ase(flat))
    settings = inputs(lmp_code).settings.get_dict()
    crowded = orm.Dict({**settings, 'grains': {**settings['grains'], 'fraction': 0.7, 'n': 4}})
    assert 'settings.grains.fraction: 0.7 in 4 spheres cannot be' in problem(inputs(lmp_code), settings=crowded)
    assert "charges: Si 'four' given" in problem(inputs(lmp_code), charges=orm.Dict({'Si': 'four'}))
