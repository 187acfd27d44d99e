"""Stands in for ``dp``: answers train, freeze, compress, test and model-devi in a tenth of a second (see README.md)."""

from __future__ import annotations

import json
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from steering import (
    die_once,
    frozen_model,
    is_hit,
    model_knows,
    number,
    take_time,
)

_COLUMNS = ('rmse_trn', 'rmse_e_trn', 'rmse_f_trn', 'rmse_v_trn')
_DEVIATIONS = ('max_devi_v', 'min_devi_v', 'avg_devi_v', 'max_devi_f', 'min_devi_f', 'avg_devi_f', 'devi_e')


def after(option: str) -> str:
    """The word behind an option."""
    return sys.argv[sys.argv.index(option) + 1]


def info(text: str) -> None:
    """A line of the log."""
    print(f'[2026-01-01 00:00:00,000] DEEPMD INFO    {text}', flush=True)


def iterations_in(name: str) -> int:
    """How many iterations a dataset holds, by its name: ``iteration_07``, ``iterations_01_10``."""
    if tens := re.fullmatch(r'.*iterations_(\d+)_(\d+)', name):
        return int(tens[2]) - int(tens[1]) + 1
    return int(re.fullmatch(r'.*iteration_\d+', name) is not None)


def train() -> int:
    """Write the learning curve and the checkpoint; what is learned is the number of frames."""
    content = json.loads(Path('input.json').read_text())
    systems = content['training']['training_data']['systems']
    frames = sum(len(array) for system in systems for array in arrays(system, 'energy', mmap=True))
    named = {Path(system).parts[1] for system in systems}
    generation = 1 + sum(iterations_in(name) for name in named)
    seed = content['training']['seed']
    error = max(number('FAKE_DP_FLOOR', 0.01), number('FAKE_DP_ERROR', 0.3) * (100 / max(frames, 1)) ** 0.5)
    knows = {'seed': seed, 'frames': frames, 'generation': generation, 'error': error, 'datasets': len(named)}
    info('Source:            v3.2.0')
    info('Backend:           TensorFlow')
    if is_hit('FAKE_DP_FAIL', generation, seed):
        print('Traceback (most recent call last):\nRuntimeError: the fake was told to fail')
        return 1
    descriptor = content['model']['descriptor']
    if not isinstance(descriptor.get('sel'), list):
        descriptor['sel'] = [20] * len(content['model']['type_map'])
    Path('out.json').write_text(json.dumps(content))
    status = learn(content['training'], knows)
    if status == 0:
        Path('knows.json').write_text(json.dumps(knows))
        info('average training time: 0.0010 s/batch')
        info('finished training')
    return status


def learn(training: dict[str, Any], knows: dict[str, Any]) -> int:
    """Step after step to the end, or to where it was told to end."""
    last, every = training['numb_steps'], training.get('disp_freq', 1000)
    with_validation = 'validation_data' in training
    names = [n for column in _COLUMNS for n in ([column.replace('trn', 'val')] if with_validation else []) + [column]]
    restarted = '--restart' in sys.argv
    begun = int(re.findall(r'-(\d+)', Path('checkpoint').read_text())[-1]) if restarted else 0
    steps = [step for step in range(0, last + 1, max(1, every)) if step >= begun]
    diverges = is_hit('FAKE_DP_NAN', knows['generation'], knows['seed'])
    with Path('lcurve.out').open('a' if restarted else 'w') as curve:
        curve.write(f'# step {" ".join(names)} lr\n')
        for count, step in enumerate(steps):
            left = 1.0 - step / last
            force = knows['error'] * (1 + 20 * left**4)
            row = {'rmse': 30 * force, 'rmse_e': 0.05 * force, 'rmse_f': force, 'rmse_v': 0.1 * force}
            if diverges and count > len(steps) // 2:
                row = dict.fromkeys(row, float('nan'))
            values = [row[name.rsplit('_', 1)[0]] for name in names]
            curve.write(f'{step:7d} {" ".join(f"{value:.2e}" for value in values)} 1.0e-03\n')
            curve.flush()
            info(f'Batch {step:7d}: trn: rmse = {row["rmse"]:.2e}')
            info(f'Batch {step:7d}: total wall time = 0.01 s')
            if diverges and count > len(steps) // 2:
                print(f'RuntimeError: NaN detected at batch {step} (the fake was told to)')
                return 1
            Path('checkpoint').write_text(f'model_checkpoint_path: "model.ckpt-{step}"\n')
            Path('model.ckpt-0.index').write_text(str(step))
            take_time('FAKE_DP_SECONDS', len(steps))
            if count == len(steps) // 2:
                die_once('FAKE_DP_DIE_ONCE')
    return 0


def freeze() -> int:
    """Put what was learned into a model."""
    knows, script = json.loads(Path('knows.json').read_text()), json.loads(Path('out.json').read_text())
    model = script['model']
    content = frozen_model(model['type_map'], model['descriptor']['rcut'], script, knows, 'original_model')
    Path(after('-o')).write_bytes(content)
    return 0


def compress() -> int:
    """The same model under the other state."""
    script, knows = json.loads(Path('out.json').read_text()), model_knows(after('-i'))
    model = script['model']
    content = frozen_model(model['type_map'], model['descriptor']['rcut'], script, knows, 'compressed_model')
    Path(after('-o')).write_bytes(content)
    return 0


def arrays(system: str | Path, name: str, *, mmap: bool = False) -> list[Any]:
    """The sets of one array of a system; none where it has no such label."""
    files = sorted(Path(system).glob(f'set.*/{name}.npy'))
    return [np.load(path, mmap_mode='r' if mmap else None) for path in files]


def test() -> int:
    """Predictions: the labels plus an error that all models share and one that is a model's own."""
    knows = model_knows(after('-m'))
    info('Source:            v3.2.0')
    if is_hit('FAKE_DP_FAIL_TEST', knows['generation'], knows['seed']):
        print('Traceback (most recent call last):\nValueError: the fake was told to fail')
        return 1
    scales = {'e': ('energy', 1, 0.05), 'f': ('force', 3, 1.0), 'v': ('virial', 9, 1.0)}
    for letter, (name, width, scale) in scales.items():
        with Path(f'{after("-d")}.{letter}.out').open('w') as file:
            for system in Path(after('-f')).read_text().split():
                found = arrays(system, name)
                if not found:
                    found = [np.zeros((len(box), width)) for box in arrays(system, 'box')] if name != 'force' else []
                labels = np.concatenate(found) if found else np.zeros((0, width))
                n_frames = len(labels.reshape(len(labels), -1))
                rows = labels.reshape(-1, width)
                per_frame = len(rows) // max(1, n_frames)
                content = zlib.crc32(np.ascontiguousarray(labels).tobytes())
                shared, own = np.random.default_rng(content), np.random.default_rng((content, knows['seed']))
                hardness = np.repeat(np.exp(0.5 * shared.normal(size=(n_frames, 1))), per_frame, axis=0)
                noise = 0.6 * shared.normal(size=rows.shape) + 0.8 * own.normal(size=rows.shape)
                file.write(f'# {system}: data pred\n')
                np.savetxt(file, np.hstack([rows, rows + knows['error'] * scale * hardness * noise]), fmt='%.9g')
    info('# ---------------output of dp test---------------')
    return 0


def model_devi() -> int:
    """How far the models disagree: the more, the less they learned; a model agrees with itself."""
    models = sys.argv[sys.argv.index('-m') + 1 : sys.argv.index('-s')]
    known = [model_knows(path) for path in models]
    scale = 1e-6 if len({entry['seed'] for entry in known}) == 1 else float(np.mean([e['error'] for e in known]))
    info('Source:            v3.2.0')
    root = Path(after('-s'))
    with Path(after('-o')).open('w') as file:
        for path in sorted(root.rglob('type.raw')):
            coords = np.concatenate(arrays(path.parent, 'coord'))
            generator = np.random.default_rng(zlib.crc32(np.ascontiguousarray(coords).tobytes()))
            file.write(f'# {path.parent}\n# step {" ".join(_DEVIATIONS)}\n')
            for index, largest in enumerate(3 * scale * np.exp(0.4 * generator.normal(size=len(coords)))):
                row = [factor * largest for factor in (0.2, 0.02, 0.1, 1.0, 0.1, 0.4, 0.01)]
                file.write(f'{index:12d} {" ".join(f"{value:.6e}" for value in row)}\n')
    return 0


if __name__ == '__main__':
    commands = {'train': train, 'freeze': freeze, 'compress': compress, 'test': test, 'model-devi': model_devi}
    sys.exit(commands[next(word for word in sys.argv[1:] if not word.startswith('-'))]())
