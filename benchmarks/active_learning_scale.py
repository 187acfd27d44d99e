"""What a hundred iterations of active learning cost AiiDA: time, memory, checkpoint and database by iteration.

The real loop runs through a daemon in an AiiDA home of its own, with stand-ins for dp, LMP and the labeller
(tests/fakes) that take a tenth of a second, so that what is left is bookkeeping. Each iteration labels 160 frames of 24
atoms; after 100 iterations there are 16 000. The processor time of the daemon's worker tells what the bookkeeping
costs; a fixed piece of plain Python, timed after each iteration (``pace``, ms), tells how fast the machine was then.

``--after 4 24 49 74 98`` takes minutes instead of an hour: it goes on from so many iterations whose data are made up,
and makes two each time, of which the second counts: the first takes over what there was.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SILICA = ROOT / 'tests' / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
CALCULATOR = {'path': 'ase.calculators.lj:LennardJones'}


def settings_of(labels: int, iterations: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Settings and curriculum of a loop that is content with whatever it finds: two iterations in each stage."""
    content = {'candidate_fraction': 0.999, 'failed_fraction': 0.999, 'error_fall': 0.999, 'relative_error': None}
    settings = {
        'levels': {'kind': 'fixed', 'lower': 0.05, 'upper': 0.15},
        'convergence': {**content, 'checks': 2, 'min_frames': 1},
        'max_iterations': iterations,
        'max_labels': 10**6,
    }
    # From the first frames, always: from those labelled last the stand-in would walk to where atoms touch. Each stage
    # at temperatures of its own, as the seeds of runs follow from what they do.
    stages = []
    for number in range(1, iterations // 2 + 2):
        programs = [{'kind': 'hold', 'temperatures': [1000 + number, 2000 + number], 'duration': 2.0}]
        stage = {'starts': ['data_*', 'melt*'], 'every': 0.01, 'max_labels': labels, 'programs': programs}
        stages.append({'name': f'melt_{number}', **stage})
    return settings, stages


def make_builder(labels: int, iterations: int) -> Any:
    """Inputs of the loop."""
    from aiida import orm

    sys.path.insert(0, str(ROOT / 'tests' / 'fakes'))
    from codes import fake_code_inputs

    work = Path(os.environ['AIIDA_PATH']) / 'work'
    if orm.QueryBuilder().append(orm.Computer, filters={'label': 'fakes'}).count():
        codes = {kind: orm.load_code(f'{kind}@fakes') for kind in ('dp', 'lmp', 'label')}
        return loop_of(codes, labels, iterations)
    computer = orm.Computer('fakes', 'localhost', '', 'core.local', 'core.direct', str(work)).store()
    computer.set_minimum_job_poll_interval(0.0)
    computer.set_default_mpiprocs_per_machine(1)
    computer.set_mpirun_command(['env'])
    computer.configure(use_login_shell=False, safe_interval=0)
    steered = {'lmp': {'FAKE_LMP_CANDIDATES': 0.8, 'FAKE_LMP_AMPLITUDE': 0.2}}
    codes = {
        kind: orm.InstalledCode(
            label=kind, computer=computer, **fake_code_inputs(kind, **steered.get(kind, {}))
        ).store()
        for kind in ('dp', 'lmp', 'label')
    }
    return loop_of(codes, labels, iterations)


def loop_of(codes: dict[str, Any], labels: int, iterations: int) -> Any:
    """Builder of the loop with these codes."""
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.deepmd.systems import read_system
    from aiida_glassion.frames import Frames
    from aiida_glassion.label_engines import engines
    from aiida_glassion.workchains import protocols
    from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain

    frames = Frames.concatenate(list(read_system(SILICA)))
    method = engines()['ase'].method(protocols.load('label_ase', None, CALCULATOR), {})
    settings, stages = settings_of(labels, iterations)
    return ActiveLearningWorkChain.get_builder_from_protocol(
        train_code=codes['dp'],
        md_code=codes['lmp'],
        label={
            'engine': 'ase',
            'code': codes['label'],
            'settings': {'frames_per_job': 1000},
            'gate': 'open',
            'overrides': CALCULATOR,
        },
        datasets={'melt': DatasetData.from_frames(frames, method=method)},
        protocol='fast',
        overrides=settings,
        stages=stages,
        train_protocol='tiny',
        committee=2,
    )


def add_history(builder: Any, count: int, labels: int) -> None:
    """Let a loop go on after so many iterations, whose frames are shaken ones of the first."""
    import dataclasses

    import numpy as np
    from aiida import orm

    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.formats.deepmd.systems import read_system
    from aiida_glassion.frames import Frames
    from aiida_glassion.functions.dataset import frames_of_dataset
    from aiida_glassion.functions.selection import remember_frames

    base, rng = Frames.concatenate(list(read_system(SILICA))), np.random.default_rng(count)
    method, first = builder.datasets['melt'].method, builder.datasets['melt']

    def made(number: int) -> Frames:
        frames = base[rng.integers(0, base.n_frames, number)]
        return dataclasses.replace(frames, positions=frames.positions + rng.normal(0, 0.3, frames.positions.shape))

    datasets, test, memory, records = {'melt': first}, {}, {}, {}
    held_out = round(0.15 * labels)
    everything = DatasetData.from_frames(made(labels), method=method)
    remembered = remember_frames(orm.List(['O', 'Si']), all=everything)
    empty = ('levels', 'exploration', 'selection', 'errors', 'cost')
    for number in range(1, count + 1):
        name = f'iteration_{number:02d}'
        datasets[name] = DatasetData.from_frames(made(labels - held_out), method=method).store()
        test[name] = DatasetData.from_frames(made(held_out), method=method).store()
        memory[name] = remembered.clone().store()
        records[name] = orm.Dict(
            {
                **{key: {} for key in empty},
                'number': number, 'gate': None,
                'stage': f'melt_{(number + 1) // 2}', 'stage_index': (number - 1) // 2, 'stage_round': 2 - number % 2,
                'labels': {'labelled': labels, 'asked': labels, 'total': labels * number},
                'decision': {'action': 'repeat' if number % 2 else 'advance', 'reason': 'made up', 'criteria': []},
            }
        ).store()  # fmt: skip
    builder.datasets, builder.test = datasets, test
    builder.earlier.memory, builder.earlier.iterations = memory, records
    builder.configurations = {'melt': next(iter(frames_of_dataset(first).values()))}


def worker_of(home: Path) -> list[int]:
    """Processes of the daemon's workers of this home."""
    found = []
    for entry in Path('/proc').iterdir():
        try:
            words = (entry / 'cmdline').read_text().split('\0') if entry.name.isdigit() else []
            if 'worker' in words and f'AIIDA_PATH={home}' in (entry / 'environ').read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for_worker(home: Path) -> int:
    """The one worker, which comes up after the daemon."""
    for _ in range(60):
        workers = worker_of(home)
        if len(workers) == 1:
            return workers[0]
        time.sleep(1)
    raise SystemExit(f'one worker was started, {len(workers)} are there')


def state_of(worker: int) -> dict[str, float]:
    """Memory (MB) and processor time (s) of a process, without those that it started."""
    stat = Path(f'/proc/{worker}/stat').read_text().rpartition(')')[2].split()
    pages = int(Path(f'/proc/{worker}/statm').read_text().split()[1])
    return {
        'cpu': (int(stat[11]) + int(stat[12])) / os.sysconf('SC_CLK_TCK'),
        'rss': pages * os.sysconf('SC_PAGE_SIZE') / 1e6,
    }


def pace() -> float:
    """Milliseconds of processor time of a fixed piece of plain Python: how fast this machine is at the moment."""
    begin, total = time.process_time(), 0
    for number in range(10**6):
        total += number
    return 1e3 * (time.process_time() - begin)


def folder_size(folder: Path) -> float:
    """Size of all files below a folder, MB."""
    done = subprocess.run(['du', '-sk', folder], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0]) / 1e3 if done.stdout else 0.0


def sample(node: Any, home: Path, worker: int, begin: float) -> dict[str, float]:
    """Where the loop stands now."""
    from aiida.orm import Node, QueryBuilder

    nodes = QueryBuilder().append(Node).count()
    return {
        'wall': time.time() - begin,
        **state_of(worker),
        'checkpoint': len(node.checkpoint or '') / 1e3,
        'nodes': nodes,
        'database': sum(path.stat().st_size for path in home.rglob('database.sqlite*')) / 1e6,
        'load': os.getloadavg()[0],
        'pace': pace(),
    }


def follow(node: Any, home: Path, worker: int, done: int, say: Any) -> dict[int, dict[str, float]]:
    """Note each iteration when its record is there, until the loop ends.

    :param done: iterations that were there before.
    :returns: by the number of the iteration.
    """
    samples: dict[int, dict[str, float]] = {}
    begin = time.time()
    before = sample(node, home, worker, begin)
    known = done
    while True:
        ended = node.is_terminated
        labels = node.base.links.get_outgoing(link_label_filter='iterations__%').all_link_labels()
        if len(labels) > known:
            now = sample(node, home, worker, begin)
            row = {key: (now[key] - before[key]) / (len(labels) - known) for key in ('wall', 'cpu', 'nodes')}
            row |= {key: now[key] for key in ('rss', 'checkpoint', 'database', 'load', 'pace')}
            row['frames'] = node.outputs['iterations'][f'iteration_{len(labels):02d}']['labels']['total']
            samples |= dict.fromkeys(range(known + 1, len(labels) + 1), row)
            known, before = len(labels), now
            say(f'iteration {known:3d}: {", ".join(f"{name} {value:.1f}" for name, value in row.items())}')
        if ended:
            return samples
        time.sleep(1)


@contextmanager
def profile(home: Path) -> Iterator[int]:
    """An AiiDA home with a daemon of one worker, whose process id is yielded."""
    path = f'{BIN}{os.pathsep}{os.environ["PATH"]}'
    os.environ.update({'AIIDA_PATH': str(home), 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT), 'PATH': path})
    verdi('presto', '-n', '--profile-name', 'scale')
    verdi('-p', 'scale', 'config', 'set', 'runner.poll.interval', '1')
    from aiida import load_profile

    load_profile('scale')
    verdi('-p', 'scale', 'daemon', 'start', '1')
    try:
        yield wait_for_worker(home)
    finally:
        verdi('-p', 'scale', 'daemon', 'stop', check=False)


def verdi(*words: str, check: bool = True) -> None:
    """Call verdi."""
    subprocess.run([BIN / 'verdi', *words], check=check, capture_output=True)


def times_of_parts(node: Any) -> dict[str, dict[int, float]]:
    """Seconds from the creation of each child to its last change, by part and iteration."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for link in node.base.links.get_outgoing().all():
        words = link.link_label.split('_')
        if words[0] == 'iteration' and hasattr(link.node, 'process_state'):
            found['_'.join(words[2:])][int(words[1])] = (link.node.mtime - link.node.ctime).total_seconds()
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--iterations', type=int, default=100)
    parser.add_argument('--labels', type=int, default=160, help='frames labelled in an iteration')
    parser.add_argument('--after', type=int, nargs='+', help='go on from made-up iterations, make two each time')
    parser.add_argument('--json', type=Path, help='file for the numbers of all iterations')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))
    say = partial(print, flush=True)
    samples: dict[int, dict[str, float]] = {}
    parts: dict[str, dict[int, float]] = defaultdict(dict)
    with tempfile.TemporaryDirectory(prefix='glassion-scale-') as name, profile(Path(name)) as worker:
        from aiida.engine import submit

        for number in options.after or [options.iterations]:
            builder = make_builder(options.labels, number + 2 if options.after else number)
            if options.after and number:
                add_history(builder, number, options.labels)
            node = submit(builder)
            found = follow(node, Path(name), worker, number if options.after else 0, say)
            samples.update({key: row for key, row in found.items() if not options.after or key == number + 2})
            for part, values in times_of_parts(node).items():
                parts[part].update(values)
            say(f'ended with [{node.exit_status}] {node.exit_message or node.exception}')
            total = sum(n.n_frames for port in ('datasets', 'test_set') for n in dict(node.outputs[port]).values())
            say(f'{total} labelled frames; all files {folder_size(Path(name)):.0f} MB')
    for number in sorted(samples if options.after else {1, 2, 5, 10, 25, 50, 75, 100} & set(samples)):
        times = ', '.join(f'{part} {values[number]:.1f}' for part, values in sorted(parts.items()) if number in values)
        row = samples[number]
        print(
            f'iteration {number}: worker {row["cpu"]:.1f} s of processor (pace {row["pace"]:.0f} ms), '
            f'{row["wall"]:.0f} s of wall, '
            f'{row["rss"]:.0f} MB, checkpoint {row["checkpoint"]:.0f} kB, database {row["database"]:.0f} MB; '
            f's by part: {times}'
        )
    if options.json:
        options.json.write_text(json.dumps({'samples': samples, 'parts': parts}))


if __name__ == '__main__':
    main()
