"""Stands in for ``lmp`` with ``pair_style deepmd``: walks through a generated script in a tenth of a second.

Atoms do a bounded random walk about where they start, the cell follows every deformation, temperatures every ramp;
log, dumps, restart files and ``model_devi.out`` have LAMMPS' formats. Steered by variables, see README.md.
"""

from __future__ import annotations

import math
import shlex
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from steering import by_generation, chance, die_once, is_hit, model_knows, number, take_time

_HEADER = (
    'Step Temp Press PotEng KinEng TotEng Econserve Volume Density Pxx Pyy Pzz Pxy Pxz Pyz Lx Ly Lz Xy Xz Yz S/CPU'
)
_BOLTZMANN, _DENSITY = 8.617333262e-5, 1.66053906660
_TILTS = {'xy': (1, 0), 'xz': (2, 0), 'yz': (2, 1)}


class Explosion(Exception):
    """The run is told to lose its atoms."""


class Simulation:
    """The state that a script changes command by command."""

    def __init__(self, script: str) -> None:
        self.log = Path(sys.argv[sys.argv.index('-log') + 1]).open('w')  # noqa: SIM115
        self.seed = zlib.crc32(script.encode())
        self.step, self.timestep, self.thermo_every = 0, 1e-3, 100
        self.fixes: dict[str, list[str]] = {}
        self.dump: tuple[int, Path, list[str]] | None = None
        self.restarts: tuple[int, list[str]] = (0, [])
        self.models: list[dict[str, Any]] = []
        self.record_every = 0
        self.cell, self.fractions = np.eye(3), np.zeros((0, 3))
        self.types, self.masses = np.zeros(0, dtype=int), np.zeros(0)
        self.moved = np.zeros((0, 3))
        self.temperature = 300.0
        self.runs_left = script.count('\nrun ')
        self.records = 0

    def say(self, text: str) -> None:
        self.log.write(text + '\n')
        self.log.flush()
        print(text)

    def do(self, line: str) -> None:
        words = shlex.split(line, comments=True)
        command = getattr(self, f'do_{words[0]}', None) if words else None
        if command is not None:
            command(*words[1:])

    def do_print(self, text: str) -> None:
        self.say(text)

    def do_read_data(self, name: str) -> None:
        text = Path(name).read_text()
        self.seed = zlib.crc32(text.encode(), self.seed)
        sections = {'': []}
        rows = sections['']
        for line in text.splitlines()[1:]:
            if line[:1].isalpha():
                rows = sections.setdefault(line.split()[0], [])
            elif line.strip():
                rows.append(line.partition('#')[0].split())
        for words in sections['']:
            if words[-1] in ('xhi', 'yhi', 'zhi'):
                axis = 'xyz'.index(words[-1][0])
                self.cell[axis, axis] = float(words[1])
            if words[-1] == 'yz':
                self.cell[1, 0], self.cell[2, 0], self.cell[2, 1] = map(float, words[:3])
        masses = {int(words[0]): float(words[1]) for words in sections['Masses']}
        atoms = np.array([[float(word) for word in words] for words in sections['Atoms']])
        self.types = atoms[:, 1].astype(int)
        self.masses = np.array([masses[kind] for kind in self.types])
        first = 3 if atoms.shape[1] in (6, 9) and 'charge' in text.split('Atoms', 1)[1][:20] else 2
        self.fractions = atoms[:, first : first + 3] @ np.linalg.inv(self.cell)
        self.moved = np.zeros_like(self.fractions)

    def do_read_restart(self, name: str) -> None:
        with np.load(name, allow_pickle=False) as state:
            self.step, self.cell, self.fractions = int(state['step']), state['cell'], state['fractions']
            self.types, self.masses, self.moved = state['types'], state['masses'], state['moved']
        self.seed = zlib.crc32(self.moved.tobytes(), self.seed)

    def do_write_restart(self, name: str) -> None:
        with Path(name).open('wb') as file:
            np.savez(
                file, step=self.step, cell=self.cell, fractions=self.fractions, types=self.types,
                masses=self.masses, moved=self.moved,
            )  # fmt: skip

    def do_reset_timestep(self, step: str) -> None:
        self.step = int(step)

    def do_pair_style(self, style: str, *words: str) -> None:
        files = [word for word in words if word.endswith(('.pb', '.pth'))]
        self.models = [model_knows(name) for name in files]
        if 'out_freq' in words:
            self.record_every = int(words[words.index('out_freq') + 1])
            Path('model_devi.out').write_text('' if self.step else '# step max_devi_v min_devi_v avg_devi_v\n')

    def do_velocity(self, *words: str) -> None:
        self.temperature = float(words[2])

    def do_timestep(self, ps: str) -> None:
        self.timestep = float(ps)

    def do_thermo(self, every: str) -> None:
        self.thermo_every = int(every)

    def do_fix(self, name: str, group: str, *words: str) -> None:
        self.fixes[name] = list(words)

    def do_unfix(self, name: str) -> None:
        del self.fixes[name]

    def do_dump(self, name: str, group: str, style: str, every: str, file: str, *columns: str) -> None:
        Path(file).write_bytes(b'')
        self.dump = (int(every), Path(file), list(columns))

    def do_undump(self, name: str) -> None:
        self.dump = None

    def do_restart(self, every: str, *names: str) -> None:
        self.restarts = (int(every), list(names))

    def do_write_dump(self, group: str, style: str, file: str, *columns: str) -> None:
        Path(file).write_bytes(self.frame(list(columns)))

    def do_minimize(self, *words: str) -> None:
        self.begin_table()
        for _ in range(2):
            self.row()
            self.record()
            self.step += self.thermo_every
        self.end_table(self.thermo_every)

    def do_run(self, last: str, *words: str) -> None:
        """Run up to a step; only those steps are visited at which something is written."""
        end, began = int(last), int(words[words.index('start') + 1])
        self.generator = np.random.default_rng((self.seed, self.step))
        intervals = {self.thermo_every, self.record_every, self.restarts[0], self.dump[0] if self.dump else 0} - {0}
        marks = {step for every in intervals for step in range(-(-self.step // every) * every, end + 1, every)}
        visited = sorted(marks | {self.step, end})
        self.runs_left -= 1
        fault = self.step + (end - self.step) // 2 if self.runs_left == 0 else math.inf
        start, cell = self.step, self.cell.copy()
        self.begin_table()
        written = 0
        for step in visited:
            self.step = step
            self.follow(cell, start, step, began, end)
            if step % self.thermo_every == 0 or step in (start, end):
                self.row()
            if self.dump and step % self.dump[0] == 0:
                self.walk()
                with self.dump[1].open('ab') as file:
                    file.write(self.frame(self.dump[2]))
            self.record()
            if self.restarts[0] and step > start and step % self.restarts[0] == 0:
                self.do_write_restart(self.restarts[1][written % 2])
                written += 1
            take_time('FAKE_LMP_SECONDS', len(visited))
            if step >= fault:
                self.misfortune()
                fault = math.inf
        self.end_table(end - start)

    def misfortune(self) -> None:
        """What happens in the middle of the last stage, if it was told to."""
        die_once('FAKE_LMP_DIE_ONCE')
        generation = self.generation
        if is_hit('FAKE_LMP_EXPLODE', generation, self.seed) and self.timestep > number('FAKE_LMP_SOFT', 0.0) * 1e-3:
            self.row(explosion=1e7)
            raise Explosion('Lost atoms: original 24 current 20')
        if is_hit('FAKE_LMP_FAIL', generation, self.seed):
            raise Explosion('the fake was told to fail')

    @property
    def generation(self) -> int:
        return max((model['generation'] for model in self.models), default=1)

    def follow(self, cell: Any, start: int, step: int, began: int, end: int) -> None:
        """Temperature and cell at a step."""
        done = (step - began) / max(1, end - began)
        for words in self.fixes.values():
            if words[0] in ('nvt', 'npt'):
                at = words.index('temp') + 1
            elif words[0] == 'langevin':
                at = 1
            else:
                at = 0
            if at:
                low, high = float(words[at]), float(words[at + 1])
                self.temperature = low + done * (high - low)
            if words[0] == 'deform':
                before, elapsed = (start - began) / max(1, end - began), (step - start) * self.timestep
                self.deform(words[2 : words.index('remap')], cell, before, done, elapsed)

    def deform(self, words: list[str], cell: Any, before: float, done: float, elapsed: float) -> None:
        """Lengths or a tilt, from a cell that has part of its strain already."""
        for name, style, value in zip(words[::3], words[1::3], words[2::3], strict=True):
            if style == 'scale':
                axis, strain = 'xyz'.index(name), float(value) - 1
                self.cell[axis, axis] = cell[axis, axis] * (1 + strain * done) / (1 + strain * before)
            else:
                row, column = _TILTS[name]
                self.cell[row, column] = cell[row, column] + float(value) * elapsed * cell[row, row]

    def begin_table(self) -> None:
        self.say('Per MPI rank memory allocation (min/avg/max) = 3.0 | 3.0 | 3.0 Mbytes')
        self.say(f'   {_HEADER} ')

    def end_table(self, steps: int) -> None:
        self.say(f'Loop time of 0.01 on 1 procs for {steps} steps with {len(self.types)} atoms')

    def row(self, explosion: float = 0.0) -> None:
        n_atoms, volume = len(self.types), abs(np.linalg.det(self.cell))
        kinetic = 1.5 * n_atoms * _BOLTZMANN * self.temperature
        potential = -5.0 * n_atoms + 1e-3 * kinetic
        cell = [self.cell[0, 0], self.cell[1, 1], self.cell[2, 2], *(self.cell[at] for at in _TILTS.values())]
        values = [
            self.temperature + explosion, 0.0, potential, kinetic, potential + kinetic, potential + kinetic,
            volume, self.masses.sum() * _DENSITY / volume, *[0.0] * 6, *cell, 0.0,
        ]  # fmt: skip
        self.say(f'{self.step:10d} ' + ' '.join(f'{value:.10g}' for value in values))

    def record(self) -> None:
        """A line of model_devi.out: by the fractions that are told, else by what the models learned."""
        if not self.record_every or len(self.models) < 2 or self.step % self.record_every:
            return
        self.records += 1
        draw = chance('record', self.seed, self.step, self.records)
        normal = np.random.default_rng((self.seed, self.step, 7)).normal()
        generation = self.generation
        low, high = number('FAKE_LMP_LOWER', 0.05), number('FAKE_LMP_UPPER', 0.15)
        failed = by_generation('FAKE_LMP_FAILED', generation)
        candidate = by_generation('FAKE_LMP_CANDIDATES', generation, -1.0)
        if candidate < 0:
            error = float(np.mean([model['error'] for model in self.models]))
            largest = 3 * error * math.exp(0.4 * normal)
        elif draw < failed:
            largest = 2 * high * math.exp(0.1 * abs(normal))
        elif draw < failed + candidate:
            largest = low * (high / low) ** (0.1 + 0.8 * chance('within', self.seed, self.step))
        else:
            largest = 0.5 * low * math.exp(-0.2 * abs(normal))
        row = [factor * largest for factor in (0.2, 0.02, 0.1, 1.0, 0.1, 0.4)]
        with Path('model_devi.out').open('a') as file:
            file.write(f'{self.step:12d} {" ".join(f"{value:.6e}" for value in row)}\n')

    def walk(self) -> None:
        """The next configuration: atoms remember four fifths of where they were about their places."""
        width = number('FAKE_LMP_AMPLITUDE', 0.12)
        self.moved = 0.8 * self.moved + 0.6 * width * self.generator.normal(size=self.moved.shape)

    def frame(self, columns: list[str]) -> bytes:
        """One snapshot of a binary `dump custom`, format revision 2."""
        generator = np.random.default_rng((self.seed, self.step, 3))
        positions = self.fractions @ self.cell + self.moved
        speed = np.sqrt(_BOLTZMANN * self.temperature / self.masses / 1.0364269e-4)
        velocities = speed[:, None] * generator.normal(size=positions.shape)
        values = {'id': np.arange(1, len(self.types) + 1), 'type': self.types}
        values |= {f'{axis}u': positions[:, i] for i, axis in enumerate('xyz')}
        values |= {f'v{axis}': velocities[:, i] for i, axis in enumerate('xyz')}
        table = np.stack([values[name].astype(float) for name in columns], axis=1)
        xy, xz, yz = (self.cell[at] for at in _TILTS.values())
        triclinic = bool(xy or xz or yz)
        bounds = [
            min(0.0, xy, xz, xy + xz), self.cell[0, 0] + max(0.0, xy, xz, xy + xz),
            min(0.0, yz), self.cell[1, 1] + max(0.0, yz), 0.0, self.cell[2, 2],
        ]  # fmt: skip
        magic, names = b'DUMPCUSTOM', ' '.join(columns).encode()
        parts = [
            struct.pack('<q', -len(magic)), magic,
            struct.pack('<iiqqi6i', 1, 2, self.step, len(self.types), int(triclinic), *[0] * 6),
            struct.pack('<6d', *bounds), struct.pack('<3d', xy, xz, yz) if triclinic else b'',
            struct.pack('<iibi', len(columns), 0, 0, len(names)), names,
            struct.pack('<ii', 1, table.size), table.tobytes(),
        ]  # fmt: skip
        return b''.join(parts)


def main() -> int:
    """Walk through the script."""
    script = Path(sys.argv[sys.argv.index('-in') + 1]).read_text()
    simulation = Simulation(script)
    simulation.say('LAMMPS (1 Jan 2026 - fake)')
    try:
        for line in script.splitlines():
            if not line.startswith('if '):
                simulation.do(line)
    except Explosion as error:
        simulation.say(f'ERROR: {error} (fake)\nLast command: run')
        return 1
    simulation.say('Total wall time: 0:00:01')
    return 0


if __name__ == '__main__':
    sys.exit(main())
