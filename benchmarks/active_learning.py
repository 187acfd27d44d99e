"""Ground truth: a potential is learned from a teacher whose every number is known, and then held against it.

``python -m benchmarks.active_learning`` runs the loop (``glassion.active_learning`` with real dp and LAMMPS) on sodium
disilicate with the PMMCS potential as teacher until it converges by its own rule, and compares glasses, melts and
forces of both: less than an hour on two quiet cores (benchmarks/README.md). ``--small`` takes some minutes, to see that
it runs.

``--baseline`` runs the loop for a fixed number of iterations with a fixed number of labels in each, once with its own
selection, once with a random one among the candidates (as DP-GEN's), once with a random one among all frames that were
visited, from the same seeds, and tests all of them on the teacher's quench and on its hot melt. As the committees of a
loop have been trained for different times, the same two nets are also trained anew on the data of each arm, all for
the same number of batches.

With ``--home`` everything is kept there, and what is done is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.active_learning_home import Home, open_home

if TYPE_CHECKING:
    from benchmarks.active_learning_plans import Size
    from benchmarks.active_learning_teacher import Codes, Ground

ARMS: dict[str, dict[str, Any]] = {
    'ours': {},
    'random candidates': {'selection': {'method': 'random'}},
    'random frames': {
        'selection': {'method': 'random'},
        'levels': {'kind': 'fixed', 'lower': 1e-6, 'upper': 1e6},
    },
}
"""What the arms of the baseline change in the settings of the loop."""


def loop_builder(codes: Codes, ground: Ground, size: Size, seed: int, overrides: Mapping[str, Any]) -> Any:
    """Builder of the loop.

    :param overrides: settings beside those of the size.
    """
    from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain

    return ActiveLearningWorkChain.get_builder_from_protocol(
        train_code=codes.dp,
        md_code=codes.lmp_deepmd,
        label={'engine': 'lammps', 'code': codes.lmp, 'potential': ground.teacher, 'max_concurrent': 2},
        datasets={'start': ground.initial},
        configurations={'melt': ground.start},
        protocol=size.protocol,
        overrides=merged(size.overrides, overrides),
        stages=size.stages,
        train_overrides=size.training,
        committee=size.committee,
        max_concurrent=size.committee,
        seed=seed,
    )


def test_builder(code: Any, potential: Any, datasets: Mapping[str, Any]) -> Any:
    """Builder of a test of one model."""
    from aiida_glassion.calculations.deepmd_test import DeepmdTestCalculation

    builder = DeepmdTestCalculation.get_builder()
    builder.code, builder.potential, builder.datasets = code, potential, dict(datasets)
    return builder


def test_members(home: Home, codes: Codes, ground: Ground, loop: Any, tag: str) -> dict[str, Any]:
    """Errors of the members of a loop on each test set."""
    from benchmarks.active_learning_compare import force_errors

    found = {}
    for name, dataset in ground.tests.items():
        builders = {
            f'{tag} test {name} {member}': test_builder(codes.dp, node, {name: dataset})
            for member, node in sorted(dict(loop.outputs.potentials).items())
        }
        nodes = home.run_all(builders)
        found[name] = force_errors({label.split()[-1]: node.outputs.parity for label, node in nodes.items()})
    return found


def labelled_by(loop: Any) -> dict[str, Any]:
    """All labelled frames of a loop, held-out ones too."""
    held_out = {f'held_out_{name}': node for name, node in dict(loop.outputs.test_set).items()}
    return {**dict(loop.outputs.datasets), **held_out}


def test_alike(
    home: Home, codes: Codes, ground: Ground, size: Size, datasets: Mapping[str, Any], seed: int, tag: str
) -> dict[str, Any]:
    """Errors of a committee trained from the beginning on some frames, for as long as on any others."""
    from aiida_glassion.workchains.train import TrainWorkChain

    steps = {'parameters': {'training': {'numb_steps': size.alike}}, 'split': {'validation_fraction': 0}}
    builder = TrainWorkChain.get_builder_from_protocol(
        codes.dp,
        datasets,
        'fast',
        merged(size.training, steps),
        seed=seed,
        committee=size.committee,
        test=ground.tests,
        max_concurrent=2,
    )
    return test_members(home, codes, ground, home.need(f'{tag} alike', builder), f'{tag} alike')


def course(loop: Any) -> list[dict[str, Any]]:
    """What happened in each iteration of a loop."""
    rows = []
    for name, node in sorted(dict(loop.outputs.iterations).items()):
        record = node.get_dict()
        force = record['errors']['force']
        rows.append(
            {
                'iteration': name, 'stage': record['stage'],
                'levels': [record['levels'][key] for key in ('lower', 'upper')],
                'fractions': record['selection']['fractions'], 'labels': record['labels']['labelled'],
                'force_rmse_mev': force['rmse']['mean'], 'reference_rms_mev': force['reference_rms'],
                'gate': record['gate'] and record['gate']['passed'], 'action': record['decision']['action'],
                'seconds': {part: cost['seconds'] for part, cost in (record.get('cost') or {}).items()},
                'reason': record['decision']['reason'],
            }
        )  # fmt: skip
    return rows


def ground_truth(home: Home, codes: Codes, ground: Ground, size: Size, seed: int) -> dict[str, Any]:
    """Run the loop, compare what it learned with the teacher."""
    from benchmarks.active_learning_compare import compare_glasses, compare_melts, run_sides

    tag = f'loop {seed}'
    begin = time.time()
    loop = home.run(tag, loop_builder(codes, ground, size, seed, {}))
    result: dict[str, Any] = {
        'seed': seed,
        'exit_status': loop.exit_status,
        'exit_message': loop.exit_message,
        'wall': (loop.mtime - loop.ctime).total_seconds(),
        'waited': time.time() - begin,
        'iterations': course(loop),
    }
    if 'potentials' not in loop.outputs:
        return result
    result['report'] = loop.outputs.report.get_dict()
    result['forces'] = test_members(home, codes, ground, loop, tag)
    first = min(dict(loop.outputs.potentials))
    learned = dict(loop.outputs.potentials)[first]
    sides = run_sides(
        home,
        size.plan,
        ground.start,
        {
            'teacher': (codes.lmp, ground.teacher, 1),
            'teacher_again': (codes.lmp, ground.teacher, 2),
            'learned': (codes.lmp_deepmd, learned, 1),
        },
        f'{tag} ',
    )
    nodes = {side: [glass, *sides.melts[side]] for side, glass in sides.glasses.items()}
    failed = {
        f'{side} {node.label}': node.exit_message
        for side, runs in nodes.items()
        for node in runs
        if not node.is_finished_ok
    }
    if failed:
        return {**result, 'failed': failed}
    return {**result, 'glass': compare_glasses(size.plan, sides), 'melt': compare_melts(size.plan, sides)}


def baseline(home: Home, codes: Codes, ground: Ground, size: Size, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Run every arm from every seed for the same number of iterations and labels; test them on the same frames."""
    fixed = {
        'max_iterations': size.rounds,
        # nothing may end an arm early (nor, below, may a check count): all have to get the same number of labels
        'convergence': {'candidate_fraction': 1e-9, 'patience': 1000, 'fruitless_rounds': 1000},
        'final': {'train': False},
    }
    found: dict[str, Any] = {}
    for seed in seeds:
        for arm, changes in ARMS.items():
            tag = f'{arm} {seed}'
            more = {'max_labels': size.labels, 'gate': False, 'min_frames': 10**9}
            stages = [{**stage, **more} for stage in size.stages[-1:]]
            builder = loop_builder(codes, ground, _with_stages(size, stages), seed, merged(fixed, changes))
            loop = home.run(tag, builder)
            found.setdefault(arm, {})[seed] = {
                'exit_status': loop.exit_status,
                'labels': sum(row['labels'] for row in course(loop)),
                'iterations': course(loop),
                'forces': test_members(home, codes, ground, loop, tag),
            }
            found[arm][seed]['alike'] = test_alike(home, codes, ground, size, labelled_by(loop), seed, tag)
        none = test_alike(home, codes, ground, size, {'start': ground.initial}, seed, f'no new labels {seed}')
        found.setdefault('no new labels', {})[seed] = {'labels': 0, 'alike': none}
    return found


def _with_stages(size: Size, stages: list[dict[str, Any]]) -> Size:
    from dataclasses import replace

    return replace(size, stages=stages)


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings of both; where both have a value that of the second."""
    both = dict(first)
    for key, value in second.items():
        inner = both.get(key)
        both[key] = merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return both


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dp', type=Path, default=os.environ.get('GLASSION_DP'), help='dp, with lmp beside it')
    parser.add_argument('--small', action='store_true', help='some minutes')
    parser.add_argument('--baseline', action='store_true', help='compare selections instead')
    parser.add_argument('--seeds', type=int, nargs='+', help='of the loops')
    parser.add_argument('--home', type=Path, help='AiiDA home that is kept; by default a temporary one')
    parser.add_argument('--json', type=Path, help='file for the numbers')
    options = parser.parse_args()
    if options.dp is None:
        print('no dp given (--dp or GLASSION_DP): left out')
        return
    with tempfile.TemporaryDirectory() as name:
        folder = (options.home or Path(name)).absolute()
        folder.mkdir(exist_ok=True, parents=True)
        with open_home(folder, Path(options.dp).absolute(), say=_say) as home:
            result = measure(home, options)
    print('\n'.join(table(result)))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1))


def measure(home: Home, options: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for."""
    from benchmarks.active_learning_plans import CHOICE, FULL, SMALL
    from benchmarks.active_learning_teacher import Codes, make_ground

    size = SMALL if options.small else CHOICE if options.baseline else FULL
    codes = Codes.load()
    begin, load = time.time(), os.getloadavg()[0]
    ground = make_ground(home, codes, size.problem, size.plan)
    result: dict[str, Any] = {'small': options.small, 'teacher_seconds': time.time() - begin}
    if options.baseline:
        result['baseline'] = baseline(home, codes, ground, size, tuple(options.seeds or size.seeds))
    else:
        result['loops'] = [ground_truth(home, codes, ground, size, seed) for seed in options.seeds or [1]]
    return {**result, 'seconds': time.time() - begin, 'load': [load, os.getloadavg()[0]]}


def table(result: Mapping[str, Any]) -> list[str]:
    """Lines of Markdown."""
    from benchmarks.active_learning_table import baseline_table, loop_table

    if 'baseline' in result:
        return baseline_table(result['baseline'])
    return [line for loop in result['loops'] for line in loop_table(loop)]


def _say(text: str) -> None:
    print(f'{time.strftime("%H:%M:%S")} {text}', flush=True)


if __name__ == '__main__':
    main()
