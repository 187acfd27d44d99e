"""The learned potential beside its teacher: the same short glass made by both, and forces on the teacher's own quench.

``python beside_teacher.py PK FILE`` takes the last structure gate of a loop whose labels came from a potential in
LAMMPS, and does the same again: with the teacher, from the same start by the same schedule, and with the models of the
last training, which the gate holds against the teacher's glass. What two samples of one glass differ by (the sampling
error) no potential can be blamed for. Density and diffusion are compared by ``python -m benchmarks.active_learning``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import calcfunction, submit

from aiida_glassion.calculations.deepmd_test import DeepmdTestCalculation
from aiida_glassion.cli import profile
from aiida_glassion.data.frames import FramesData
from aiida_glassion.functions.committee import read_parity
from aiida_glassion.kernels.learning.errors import committee_errors
from aiida_glassion.workchains.label import LabelWorkChain
from aiida_glassion.workchains.md import MdWorkChain
from aiida_glassion.workchains.structure_gate import StructureGateWorkChain


def main(pk: int, file: Path) -> int:
    """Make, judge, test, and write it down."""
    profile.load()
    loop = orm.load_node(pk)
    is_study = isinstance(loop, orm.WorkChainNode) and 'label' in loop.inputs
    if not is_study or 'lammps' not in loop.inputs.label:
        sys.exit(f'{pk} is no active learning with labels from a potential in LAMMPS')
    gates = [node for node in loop.called if node.process_label == StructureGateWorkChain.__name__]
    if not gates or 'potentials' not in loop.outputs:
        print(f'loop {pk} ended before a structure gate: there is no glass to compare')
        return 0
    gate = max(gates, key=lambda node: node.pk)
    glass = min((node for node in gate.called if node.process_label == MdWorkChain.__name__), key=lambda node: node.pk)
    potential, lmp = loop.inputs.label.lammps.potential, loop.inputs.label.lammps.code

    print("== the teacher's glass", flush=True)
    (taught,) = finish(teacher_glass(glass, potential, lmp))
    parts = parts_of(taught.outputs.trajectory)

    print('== the glasses of the learned models; labels of the quench', flush=True)
    labels = LabelWorkChain.get_builder_from_protocol(
        'lammps', lmp, {'quench': parts['quench']}, gate='open', potential=potential
    )
    judged, labelled = finish(judge(gate, loop.outputs.potentials, parts['sample']), labels)

    print("== their forces on the teacher's quench", flush=True)
    models = dict(loop.outputs.potentials)
    dp = loop.inputs.train.member.train.code
    tests = finish(*(test(dp, models[name], labelled.outputs.dataset) for name in sorted(models)))
    text = '\n'.join([*glass_lines(judged.outputs.report.get_dict()), force_line(tests)])
    file.write_text(text + '\n', encoding='utf-8')
    print(text)
    return 0


def teacher_glass(glass: orm.WorkChainNode, potential: orm.Data, code: orm.Code) -> Any:
    """The schedule of a glass of the gate, run by the teacher; its quench is kept too."""
    schedule = glass.inputs.md.schedule.get_dict()
    for stage in schedule['stages']:
        if stage['name'] == 'quench':
            stage['frames_every'] = 0.1  # ps
    builder = MdWorkChain.get_builder()
    builder.md.code, builder.md.potential, builder.md.configuration = code, potential, glass.inputs.md.configuration
    builder.md.schedule, builder.md.seed = orm.Dict(schedule), glass.inputs.md.seed
    builder.md.keep_velocities = orm.Bool(False)
    return builder


@calcfunction
def parts_of(trajectory: FramesData) -> dict[str, FramesData]:
    """Frames of the quench, and frames of the sample at room temperature: the last stage."""
    frames = trajectory.frames
    if frames.stages is None:
        raise ValueError('the trajectory does not say in which stage its frames were taken')
    sampled = frames.stages == frames.stages.max()
    return {'quench': FramesData.from_frames(frames[~sampled]), 'sample': FramesData.from_frames(frames[sampled])}


def judge(gate: orm.WorkChainNode, models: Any, teacher: FramesData) -> Any:
    """The gate once more, with other models and the teacher's glass as reference."""
    builder = gate.get_builder_restart()
    builder.potentials = {name: models[name] for name in models}
    builder.reference = {'teacher': teacher}
    return builder


def test(code: orm.Code, model: orm.Data, dataset: orm.Data) -> Any:
    """What a model predicts for labelled frames."""
    builder = DeepmdTestCalculation.get_builder()
    builder.code, builder.potential, builder.datasets = code, model, {'quench': dataset}
    return builder


def glass_lines(report: dict[str, Any]) -> list[str]:
    """What the gate found: of each quantity the model that is farthest from the teacher."""
    marks = {True: '✓', False: '✗'}
    found = [criterion for criterion in report['criteria'] if ':teacher:' in criterion['name']]
    return [*(f'{marks[criterion["met"]]} {criterion["words"]}' for criterion in found), *report['warnings']]


def force_line(tests: list[orm.CalcJobNode]) -> str:
    """Error of the forces of the models, with its standard error over the frames."""
    force = committee_errors({str(test.pk): read_parity(test.outputs.parity) for test in tests})['force']
    rmse, whole = force['rmse'], force['reference_rms']
    return (
        f"force RMSE on {force['n_frames']} frames of the teacher's quench: "
        f'{rmse["mean"]:.0f} ± {rmse["standard_error"]:.0f} meV/Å, '
        f'{100 * rmse["mean"] / whole:.0f} % of the forces (mean of {len(tests)} models)'
    )


def finish(*builders: Any) -> list[Any]:
    """Run processes side by side in the daemon until all have ended well."""
    nodes = [submit(builder) for builder in builders]
    while not all(node.is_terminated for node in nodes):
        time.sleep(1)
    for node in nodes:
        if not node.is_finished_ok:
            sys.exit(f'{node.process_label} {node.pk} ended with [{node.exit_status}] {node.exit_message}')
    return nodes


if __name__ == '__main__':
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
