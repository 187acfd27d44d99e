"""Warm against cold starts when the data have grown: error at equal batches, and batches to an equal error.

A model is trained on some frames of molten silica (PMMCS), then the data double. Several second trainings learn all of
them: cold ones of several lengths, and warm ones that begin with the first model, at the full learning rate and as the
loop begins them (a tenth of it, with the prefactors that belong to it). Forces of held-out frames are the measure; the
whole is repeated with several seeds. Runs ``dp`` directly, on one thread.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from aiida_glassion.formats.deepmd.input import write_input
from aiida_glassion.formats.deepmd.lcurve import read_lcurve
from aiida_glassion.formats.deepmd.systems import SystemsWriter, read_system
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.training_length import training_parameters
from aiida_glassion.workchains import protocols

ROOT = Path(__file__).parent.parent
SILICA = ROOT / 'tests' / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
ENVIRONMENT = {**os.environ, 'OMP_NUM_THREADS': '1', 'DP_INTRA_OP_PARALLELISM_THREADS': '1',
               'DP_INTER_OP_PARALLELISM_THREADS': '1', 'TF_CPP_MIN_LOG_LEVEL': '3'}  # fmt: skip
SEL = [24, 16]
HELD_OUT, FIRST = 15, 35


def write(folder: Path, name: str, frames: Frames) -> str:
    """Write frames as a system; return its folder."""
    with SystemsWriter(folder / name) as writer:
        writer.add(frames)
    return str(next((folder / name).iterdir()))


class Bench:
    """Trainings in one folder."""

    def __init__(self, dp: str, folder: Path, batches: int) -> None:
        frames = Frames.concatenate(list(read_system(SILICA)))
        order = np.random.default_rng(1).permutation(frames.n_frames)
        self.dp, self.folder = dp, folder
        parts = {'test': order[:HELD_OUT], 'first': order[HELD_OUT : HELD_OUT + FIRST], 'all': order[HELD_OUT:]}
        self.systems = {name: write(folder, name, frames[np.sort(rows)]) for name, rows in parts.items()}
        self.parameters = copy.deepcopy(protocols.load('train', 'tiny')['parameters'])
        self.parameters['model']['descriptor']['sel'] = SEL
        self.parameters['training'] |= {'numb_steps': batches, 'disp_freq': batches // 40, 'save_freq': batches}
        self.parameters['learning_rate'] |= {'decay_steps': batches // 20}
        self.parameters['training']['validation_data'] = {'batch_size': 5, 'numb_btch': HELD_OUT // 5}

    def changed(self, length: float, rate: float = 1.0) -> dict[str, Any]:
        """The parameters with so many times the batches, beginning with so many times the learning rate."""
        settings = {'passes': 1e9, 'fewest': 1e-9, 'most': 1.0, 'warm_length': length, 'warm_rate': rate}
        changes = training_parameters(self.parameters, 1, settings, True)
        return protocols.merge(self.parameters, changes, 'parameters.')

    def train(self, name: str, seed: int, data: str, parameters: dict[str, Any], start: Path | None = None) -> Any:
        """Train; return batches and validation error of forces, meV/Å."""
        job = self.folder / f'{name}_{seed}'
        job.mkdir()
        content = write_input(
            parameters,
            type_map=['O', 'Si'],
            seed=seed,
            training=[self.systems[data]],
            validation=[self.systems['test']],
        )
        (job / 'input.json').write_text(json.dumps(content))
        words = [] if start is None else ['--init-frz-model', str(start / 'graph.pb')]
        commands = [['train', 'input.json', *words]]
        if name == 'before':
            commands.append(['freeze', '-o', 'graph.pb'])
        for command in commands:
            subprocess.run([self.dp, '--tf', *command], cwd=job, env=ENVIRONMENT, check=True, capture_output=True)
        curve = read_lcurve((job / 'lcurve.out').read_text())
        return curve['step'], 1e3 * curve['rmse_f_val']


def final(errors: Any) -> float:
    """Error at the end: mean over the last three reports."""
    return float(np.mean(errors[-3:]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--dp', default=str(ROOT / '.engines' / 'deepmd' / 'bin' / 'dp'))
    parser.add_argument('--batches', type=int, default=2000, help='of a whole training')
    parser.add_argument('--seeds', type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(options.dp, Path(name), options.batches)
        for seed in range(1, options.seeds + 1):
            before = final(bench.train('before', seed, 'first', bench.changed(1.0))[1])
            start = Path(name) / f'before_{seed}'
            print(f'seed {seed}: {FIRST} frames, {options.batches} batches, {before:.0f} meV/Å', flush=True)
            target = np.inf
            for label, length, rate, begun in (
                ('cold, whole length', 1.0, 1.0, None),
                ('cold, half', 0.5, 1.0, None),
                ('cold, a quarter', 0.25, 1.0, None),
                ('warm, half, full rate', 0.5, 1.0, start),
                ('warm, whole length', 1.0, 0.1, start),
                ('warm, half', 0.5, 0.1, start),
                ('warm, a quarter', 0.25, 0.1, start),
            ):
                folder = label.replace(',', '').replace(' ', '_')
                steps, errors = bench.train(folder, seed, 'all', bench.changed(length, rate), begun)
                target = final(errors) if label == 'cold, whole length' else target
                reached = steps[np.flatnonzero(errors <= target)[:1]]
                row = (float(errors[0]), final(errors), float(reached[0]) if len(reached) else np.inf)
                found.setdefault(label, []).append(row)
                print(f'  {label:24s} begins {row[0]:6.0f}, ends {row[1]:6.0f}, reached at {row[2]:g}', flush=True)
    print('\n| second training | batches | begins, meV/Å | ends, meV/Å | batches to the error of the whole cold one |')
    print('|---|---|---|---|---|')
    for label, rows in found.items():
        begins, ends, reached = np.array(rows).T
        spread = f' ± {np.std(ends, ddof=1) / np.sqrt(len(ends)):.0f}' if len(ends) > 1 else ''
        at = ', '.join(f'{value:.0f}' if np.isfinite(value) else 'never' for value in reached)
        length = {'whole': 1.0, 'half': 0.5, 'quarter': 0.25}[
            next(w for w in ('whole', 'half', 'quarter') if w in label)
        ]
        print(f'| {label} | {length * options.batches:.0f} | {begins.mean():.0f} | {ends.mean():.0f}{spread} | {at} |')


if __name__ == '__main__':
    main()
