"""Memory and time of structure analyses over a long trajectory, by the format of its file. See README.md beside this.

Each format is analysed by ``python -m aiida_glassion.analysis`` in a process of its own, whose largest resident memory
is told (Linux: VmHWM, pages of mapped files included). The curves of all formats must be the same. For comparison:
what it costs to have a tenth of the frames in memory at once, as ASE reads them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aiida_glassion.analysis import store
from aiida_glassion.formats.array_folder import write_array_folder
from aiida_glassion.frames import Frames

N_ATOMS, N_FRAMES = 1600, 10_000
DENSITY = 0.075  # atoms per cubic ångström, of a silicate glass
KINDS = ('rdf', 'coordination', 'network')
LIMIT = 1000.0  # MB
AMPLITUDE = 0.1  # Å
SPECIES = {'1': 'Na', '2': 'O', '3': 'Si'}


def glass(n_atoms: int) -> tuple[tuple[str, ...], np.ndarray, float]:
    """Elements of 20Na2O-80SiO2, positions on a shaken lattice, and the edge of the cube."""
    length = (n_atoms / DENSITY) ** (1 / 3)
    n_side = int(np.ceil(n_atoms ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(n_side)] * 3), axis=-1).reshape(-1, 3)
    random = np.random.default_rng(0)
    places = grid[np.sort(random.permutation(len(grid))[:n_atoms])] * (length / n_side)
    symbols = random.permutation(np.array(['Na', 'O', 'O', 'O', 'O', 'Si', 'Si', 'O'])[np.arange(n_atoms) % 8])
    return tuple(str(symbol) for symbol in symbols), places, length


def frame(places: np.ndarray, index: int) -> np.ndarray:
    moved = places + np.random.default_rng(index).normal(0, AMPLITUDE, places.shape)
    return np.asarray(np.round(moved, 6))


def write_extxyz(path: Path, symbols: tuple[str, ...], places: np.ndarray, length: float, n_frames: int) -> None:
    head = f'{len(symbols)}\nLattice="{length!r} 0 0 0 {length!r} 0 0 0 {length!r}" Properties=species:S:1:pos:R:3\n'
    with path.open('w', encoding='utf-8') as file:
        for index in range(n_frames):
            rows = frame(places, index).tolist()
            file.write(head)
            file.writelines(f'{s} {x:.6f} {y:.6f} {z:.6f}\n' for s, (x, y, z) in zip(symbols, rows, strict=True))


def write_dump(path: Path, symbols: tuple[str, ...], places: np.ndarray, length: float, n_frames: int) -> None:
    types = [sorted(SPECIES.values()).index(symbol) + 1 for symbol in symbols]
    with path.open('w', encoding='utf-8') as file:
        for index in range(n_frames):
            rows = frame(places, index).tolist()
            file.write(f'ITEM: TIMESTEP\n{index}\nITEM: NUMBER OF ATOMS\n{len(symbols)}\nITEM: BOX BOUNDS pp pp pp\n')
            file.write(f'0 {length!r}\n' * 3 + 'ITEM: ATOMS id type xu yu zu\n')
            file.writelines(
                f'{i} {t} {x:.6f} {y:.6f} {z:.6f}\n'
                for i, (t, (x, y, z)) in enumerate(zip(types, rows, strict=True), 1)
            )


def write_arrays(path: Path, symbols: tuple[str, ...], places: np.ndarray, length: float, n_frames: int) -> None:
    cell = np.eye(3) * length
    write_array_folder(path, Frames(symbols, places[None], cell[None]))
    shape = (n_frames, len(symbols), 3)
    positions = np.lib.format.open_memmap(path / 'positions.npy', 'w+', np.float64, shape)
    for index in range(n_frames):
        positions[index] = frame(places, index)
    np.save(path / 'cells.npy', np.broadcast_to(cell, (n_frames, 3, 3)))


WRITERS: dict[str, Callable[[Path, tuple[str, ...], np.ndarray, float, int], None]] = {
    'extxyz': write_extxyz,
    'lammps-dump': write_dump,
    'arrays': write_arrays,
}

WITH_ASE = """
import sys
from ase.io import read
from aiida_glassion.analysis.__main__ import peak_memory
print(len(read(sys.argv[1], index=f':{sys.argv[2]}')), peak_memory())
"""


def size_of(path: Path) -> float:
    files = path.rglob('*') if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files) / 1e6


def analysed(folder: Path, path: Path, format: str, kinds: list[str]) -> tuple[float, dict[str, float], float]:
    """Wall time (s), seconds of each part, largest memory (MB)."""
    request = {'analyses': {kind: {} for kind in kinds}}
    job = {'request': request, 'files': [str(path)], 'format': format, 'species': SPECIES}
    (folder / 'request.json').write_text(json.dumps(job))
    start = time.perf_counter()
    subprocess.run([sys.executable, '-m', 'aiida_glassion.analysis', 'request.json'], cwd=folder, check=True)
    wall = time.perf_counter() - start
    run = json.loads((folder / 'run.json').read_text())
    return wall, run['seconds'], run['peak_memory']


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument('--atoms', type=int, default=N_ATOMS)
    parser.add_argument('--frames', type=int, default=N_FRAMES)
    parser.add_argument('--formats', nargs='+', choices=list(WRITERS), default=list(WRITERS))
    parser.add_argument('--kinds', nargs='+', default=list(KINDS))
    parser.add_argument('--folder', type=Path, default=None, help='where the files are made (some GB)')
    options = parser.parse_args()
    symbols, places, length = glass(options.atoms)
    print(f'{options.frames} frames of {options.atoms} atoms; {", ".join(options.kinds)}')
    print(
        '| format | file MB | memory MB | wall s | frames/s | reading s | '
        + ' | '.join(f'{k} s' for k in options.kinds)
        + ' |'
    )
    print('|---' * (6 + len(options.kinds)) + '|')
    before = None
    for format in options.formats:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            path = folder / ('frames' if format == 'arrays' else f'trajectory.{format}')
            WRITERS[format](path, symbols, places, length, options.frames)
            wall, seconds, memory = analysed(folder, path, format, options.kinds)
            arrays = store.curve_arrays(store.read(folder / 'outcome').results)
            if format == 'extxyz':
                tenth = max(1, options.frames // 10)
                told = subprocess.run(
                    [sys.executable, '-c', WITH_ASE, str(path), str(tenth)], capture_output=True, text=True, check=True
                ).stdout.split()
            size = size_of(path)
        before = before or arrays
        worst = max(float(np.abs(arrays[key] - before[key]).max()) for key in arrays)
        assert worst == 0.0 or format == 'lammps-dump', f'{format}: curves differ by {worst}'
        assert worst < 1e-9, f'{format}: curves differ by {worst}'
        parts = [f'{seconds[key]:.0f}' for key in ('reading', *options.kinds)]
        rate = options.frames / wall
        print(
            f'| {format} | {size:.0f} | {memory:.0f} | {wall:.0f} | {rate:.0f} | ' + ' | '.join(parts) + ' |',
            flush=True,
        )
        assert memory < LIMIT, f'{format}: {memory} MB'
        if format == 'extxyz':
            print(f'ASE reads {told[0]} of these frames at once: {float(told[1]):.0f} MB')


if __name__ == '__main__':
    main()
