"""Molecular dynamics with a GAP. Runs in the user's environment: needs Python 3.8, ASE 3.24, numpy and quippy-ase.

Reads ``settings.json`` (stages in steps) and ``start.npz`` (never pickled). Appends a record to ``frames.bin`` and a
line of JSON to ``thermo.jsonl`` as soon as each is known, so that a run that is killed keeps what it did.
ASE's units inside (Å, eV, amu; time Å·√(amu/eV)), outside Å, eV, ps, GPa, K.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np


class Run:
    """The atoms, the files, and where in the schedule it is."""

    def __init__(self, settings: dict[str, Any], atoms: Any, frames: Any, thermo: Any) -> None:
        self.settings, self.atoms, self.frames, self.thermo = settings, atoms, frames, thermo
        self.generator = np.random.default_rng(settings['seed'])

    def say(self, **content: Any) -> None:
        """Write a line at once."""
        self.thermo.write(json.dumps(content) + '\n')
        self.thermo.flush()

    def temperature(self) -> float:
        """K; the centre of mass does not move."""
        from ase.units import kB

        freedom = max(1, 3 * len(self.atoms) - 3)
        return float(2 * self.atoms.get_kinetic_energy() / (freedom * kB))

    def write_thermo(self, stage: dict[str, Any], step: int) -> None:
        """One line: energies eV, temperature K, pressure GPa, volume Å³."""
        from ase.units import GPa

        stress = self.atoms.get_stress(voigt=False, include_ideal_gas=True) / GPa
        potential, kinetic = self.atoms.get_potential_energy(), self.atoms.get_kinetic_energy()
        self.say(
            step=step,
            stage=stage['index'],
            time=stage['time'] + (step - stage['first']) * stage['timestep'] * 1e-3,
            temperature=self.temperature(),
            pressure=-float(np.trace(stress)) / 3,
            potential_energy=float(potential),
            kinetic_energy=float(kinetic),
            total_energy=float(potential + kinetic),
            volume=float(self.atoms.get_volume()),
            **{f'pressure_{name}': -float(stress[i, j]) for name, (i, j) in _VOIGT.items()},
        )

    def write_frame(self, stage: dict[str, Any], step: int) -> None:
        """One record: step, stage, energy, then positions, velocities (Å/ps) and forces."""
        from ase.units import fs

        head = np.array([step, stage['index'], self.atoms.get_potential_energy()])
        parts = (self.atoms.positions, self.atoms.get_velocities() * (1000 * fs), self.atoms.get_forces())
        np.concatenate([head, *(np.asarray(part, dtype=float).ravel() for part in parts)]).tofile(self.frames)
        self.frames.flush()

    def minimise(self, stage: dict[str, Any]) -> None:
        """Move the atoms to the nearest minimum; the cell stays."""
        from ase.optimize import FIRE

        FIRE(self.atoms, logfile=None).run(fmax=stage['force_tolerance'], steps=stage['max_steps'])

    def integrator(self, stage: dict[str, Any]) -> Any:
        """ASE's integrator for a stage."""
        from ase.md.bussi import Bussi
        from ase.md.langevin import Langevin
        from ase.md.verlet import VelocityVerlet
        from ase.units import fs, kB

        step, bath = stage['timestep'] * fs, stage['damping'] * 1000 * fs
        if stage['ensemble'] == 'nve':
            return VelocityVerlet(self.atoms, step)
        start = stage['temperature']
        if stage['ensemble'] == 'langevin':
            return Langevin(self.atoms, step, temperature_K=start, friction=1 / bath, rng=self.generator)
        bussi = Bussi(self.atoms, step, start, bath, rng=self.generator)
        bussi.ndof = 3 * len(self.atoms) - 3
        bussi.target_kinetic_energy = 0.5 * start * kB * bussi.ndof
        return bussi

    def dynamics(self, stage: dict[str, Any]) -> bool:
        """Integrate a stage; false: it ran away and was stopped."""
        from ase.units import kB

        integrator = self.integrator(stage)
        begin, end, steps = stage['temperature'], stage['temperature_end'], stage['last'] - stage['first']
        for done in range(1, steps + 1):
            if begin != end:
                kelvin = begin + (end - begin) * (done - 0.5) / steps
                if stage['ensemble'] == 'langevin':
                    integrator.set_temperature(temperature_K=kelvin)
                elif stage['ensemble'] == 'nvt':
                    integrator.target_kinetic_energy = 0.5 * kelvin * kB * integrator.ndof
            integrator.run(1)
            step = stage['first'] + done
            if step % stage['thermo'] == 0 or done == steps:
                self.write_thermo(stage, step)
                if not self.temperature() < self.settings['highest_temperature']:
                    return False
            if stage['frames'] and step % stage['frames'] == 0:
                self.write_frame(stage, step)
        return True


_VOIGT = {'xx': (0, 0), 'yy': (1, 1), 'zz': (2, 2), 'xy': (0, 1), 'xz': (0, 2), 'yz': (1, 2)}


def draw_velocities(run: Run, kelvin: float) -> None:
    """Maxwell-Boltzmann velocities, no drift, exactly this temperature."""
    from ase.units import kB

    masses = run.atoms.get_masses()[:, None]
    velocities = run.generator.standard_normal((len(run.atoms), 3)) * np.sqrt(kB * kelvin / masses)
    velocities -= (masses * velocities).sum(axis=0) / masses.sum()
    run.atoms.set_velocities(velocities)
    if run.temperature() > 0:
        run.atoms.set_momenta(run.atoms.get_momenta() * np.sqrt(kelvin / run.temperature()))


def main() -> None:
    """Run every stage."""
    import ase
    import quippy
    from ase import Atoms
    from ase.units import fs
    from quippy.potential import Potential

    with open('settings.json', encoding='utf-8') as handle:
        settings = json.load(handle)
    with np.load('start.npz', allow_pickle=False) as arrays:
        atoms = Atoms(arrays['numbers'], positions=arrays['positions'], cell=arrays['cell'], pbc=True)
        velocities = arrays['velocities'] if 'velocities' in arrays.files else None
    atoms.calc = Potential(param_filename='gap.xml')
    with open('frames.bin', 'wb') as frames, open('thermo.jsonl', 'w', encoding='utf-8') as thermo:
        run = Run(settings, atoms, frames, thermo)
        run.say(ase=ase.__version__, quippy=str(getattr(quippy, '__version__', '')), atoms=len(atoms))
        if velocities is not None:
            atoms.set_velocities(velocities / (1000 * fs))
        fresh = True
        for stage in settings['stages']:
            began = time.time()
            run.say(begun=stage['index'])
            if stage['kind'] == 'minimise':
                run.minimise(stage)
                run.say(done=stage['index'], seconds=time.time() - began)
                continue
            if fresh:
                if velocities is None:
                    draw_velocities(run, stage['temperature'])
                run.write_thermo(stage, stage['first'])
                if stage['frames']:
                    run.write_frame(stage, stage['first'])
                fresh = False
            if not run.dynamics(stage):
                run.say(ran_away=stage['index'])
                return
            run.say(done=stage['index'], seconds=time.time() - began)
        momenta = atoms.get_velocities() * (1000 * fs)
        np.savez('final.npz', positions=atoms.positions, velocities=momenta)
        run.say(finished=True)


if __name__ == '__main__':
    main()
