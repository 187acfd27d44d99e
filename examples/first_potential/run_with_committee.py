"""Dynamics with a learned potential and its committee: ``verdi run run_with_committee.py TRAINING FRAMES``."""

from __future__ import annotations

import sys

from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_glassion.data.frames import FramesData

training, frames = (orm.load_node(pk) for pk in sys.argv[1:3])
models = list(training.outputs.potentials.values())
(name,) = [name for name in frames.outputs.frames if name.endswith('_dynamics')]

builder = WorkflowFactory('glassion.md').get_builder()
builder.md.code = orm.load_code('lmp-deepmd@localhost-deepmd')
builder.md.configuration = FramesData(frames=frames.outputs.frames[name].frames[-1])
builder.md.potential = models[0]
builder.md.committee = {f'member_{number}': model for number, model in enumerate(models[1:], start=2)}
builder.md.deviation = {'every': 0.02}
builder.md.schedule = {
    'timestep': 0.5,
    'frames_every': 0.02,
    'stages': [{'kind': 'hold', 'name': 'melt', 'temperature': 2500, 'duration': 2}],
}
builder.md.seed = 1
outputs, node = run_get_node(builder)
print(f'MdWorkChain {node.pk}: exit {node.exit_status}')
if 'deviations' in outputs:
    largest = outputs['deviations'].get_array('max_force_deviation')
    print(f'largest force deviation: {largest.min():.2f} to {largest.max():.2f} eV/Å in {len(largest)} records')
if not node.is_finished_ok:
    sys.exit(node.exit_message)
