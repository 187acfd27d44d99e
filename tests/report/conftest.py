"""A made-up glass with the shape of a real report: what the figures and the page are tested on."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphBuilder

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.glass import average_reports
from aiida_glassion.report.figures.run import Cooling, Run, Stage
from aiida_glassion.report.numbers import Number

PAIRS = {
    'Na_Na': (3.2, 2.6),
    'Na_O': (2.38, 5.0),
    'Na_Si': (3.4, 2.4),
    'O_O': (2.62, 3.0),
    'O_Si': (1.61, 24),
    'Si_Si': (3.1, 3.6),
}


def make_frames(cells: int = 4, seed: int = 1) -> Frames:
    """Shaken cristobalite with sodium in its holes."""
    generator = np.random.default_rng(seed)
    a = 7.3
    silicon = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]) / 4
    bonds = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8
    oxygen = (silicon[:4, None] + bonds).reshape(-1, 3)
    sodium = np.array([[0.5, 0.5, 0.5], [0.75, 0.75, 0.75], [0.5, 0.0, 0.0]])
    shifts = np.array([[i, j, k] for i in range(cells) for j in range(cells) for k in range(cells)])
    basis = np.concatenate([silicon, oxygen, sodium])
    symbols = tuple(['Si'] * 8 + ['O'] * 16 + ['Na'] * 3) * len(shifts)
    positions = ((shifts[:, None] + basis[None]).reshape(-1, 3)) * a
    positions = positions + generator.normal(scale=0.22, size=positions.shape)
    return Frames(symbols, positions[None], cells=np.eye(3)[None] * a * cells)


def make_curves(seed: int = 0, error: bool = True) -> dict[str, np.ndarray]:
    """Curves as ``average_curves`` names them."""
    generator = np.random.default_rng(seed)
    r = np.linspace(0.01, 9.99, 500)
    curves = {'r': r, 'r_outer': r + 0.01, 'angle': np.arange(0.5, 180)}
    for name, (peak, height) in PAIRS.items():
        width = 0.07 if height > 10 else 0.22
        g = height * np.exp(-((r - peak) ** 2) / (2 * width**2)) + 1 / (1 + np.exp(-(r - peak - 1.1) / 0.2))
        g *= 1 + 0.01 * generator.normal(size=len(r))
        curves[f'g_{name}'] = g
        first, second = name.split('_')
        for pair in {(first, second), (second, first)}:
            running = np.cumsum(g * r**2) * 0.02 * 4 * np.pi * 0.02
            curves[f'running_{pair[0]}_{pair[1]}'] = running
    for name, centre, width in (('O_Si_O', 109.4, 7.0), ('Si_O_Si', 147.0, 13.0)):
        angle = curves['angle']
        curves[f'angle_{name}'] = np.exp(-((angle - centre) ** 2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))
    if error:
        errors = {f'{k}_error': 0.05 * np.abs(v) for k, v in curves.items() if k not in ('r', 'r_outer', 'angle')}
        curves.update(errors)
    return curves


def make_numbers(seed: int = 0) -> dict:
    """Numbers of one replica as ``report_glass`` returns them."""
    generator = np.random.default_rng(seed)

    def spread(value: float, size: float) -> float:
        return float(value + generator.normal(scale=size))

    q3 = spread(0.48, 0.02)
    return {
        'density': spread(2.383, 0.01),
        'density_error': 0.003,
        'temperature': spread(300.2, 0.3),
        'temperature_error': 0.4,
        'pressure': spread(0.0, 0.02),
        'pressure_error': 0.01,
        'potential_energy_per_atom': spread(-14.71, 0.003),
        'potential_energy_per_atom_error': 0.0004,
        'n_frames': 20,
        'n_atoms': 1728,
        'cutoffs': {'Na-O': spread(3.12, 0.02), 'Si-O': spread(2.13, 0.02)},
        'bond_lengths': {'Na-O': spread(2.38, 0.005), 'Si-O': spread(1.609, 0.001)},
        'coordination': {
            'Na-O': {
                'mean': spread(5.1, 0.05),
                'distribution': {'3': 0.06, '4': 0.24, '5': spread(0.36, 0.01), '6': 0.24, '7': 0.1},
            },
            'Si-O': {'mean': spread(4.0, 0.002), 'distribution': {'3': 0.002, '4': spread(0.99, 0.003), '5': 0.008}},
        },
        'network': {
            'anions': {'O': {'free': 0.001, 'non_bridging': 0.222, 'bridging': 0.777, 'tricluster': 0.003}},
            'qn': {'Si': {'Q0': 0.0, 'Q1': 0.004, 'Q2': 0.05, 'Q3': q3, 'Q4': 0.946 - q3, 'Q5': 0.0, 'Q6': 0.0}},
            'connectivity': {'Si': spread(3.5, 0.01)},
            'mean_connectivity': 3.5,
        },
        'angles': {'O-Si-O': {'mean': 109.4, 'width': 7.0}, 'Si-O-Si': {'mean': spread(147, 0.5), 'width': 13.0}},
        'crystallinity': {'Si': {'contrast': spread(1.0, 0.1), 'threshold': 3.0, 'judged': True}},
        'warnings': [],
        'glass_transition': {
            'converged': True,
            'reason': 'two lines meet',
            'temperature': spread(1480, 60),
            'error': 35.0,
            'from': 'volume (Å³/atom)',
        },
        'units': {'density': 'g/cm³'},
    }


def make_run(seed: int = 0, longer: bool = False) -> Run:
    """Melt, quench, relax, sample."""
    generator = np.random.default_rng(seed)
    stages = [Stage('melt', 0, 20)]
    if longer:
        stages.append(Stage('melt longer 1', 20, 60))
    start = stages[-1].end
    stages += [
        Stage('quench', start, start + 37),
        Stage('relax', start + 37, start + 47),
        Stage('sample', start + 47, start + 57),
    ]
    time = np.arange(0, start + 57, 0.5)
    temperature = np.interp(time, [0, start, start + 37, start + 57], [4000, 4000, 300, 300])
    temperature = temperature * (1 + 0.02 * generator.normal(size=len(time)))
    density = 2.42 - 1.2e-4 * temperature + 0.01 * generator.normal(size=len(time))
    return Run(time, temperature, density, -14.8 + 1.6e-4 * temperature, stages)


def make_cooling(seed: int = 0, converged: bool = True) -> Cooling:
    """Two lines that meet at 1500 K."""
    generator = np.random.default_rng(seed)
    temperature = np.linspace(320, 3980, 40)
    value = 13.6 + 2e-4 * temperature + 5e-4 * np.maximum(0, temperature - 1500) + 0.01 * generator.normal(size=40)
    return Cooling(
        temperature, value, 'volume (Å³/atom)', Number(1500.0, 40.0) if converged else None, 'two lines meet'
    )


@pytest.fixture(scope='session')
def frames() -> Frames:
    return make_frames(3)


@pytest.fixture
def curves() -> dict[str, np.ndarray]:
    return make_curves()


@pytest.fixture
def averaged() -> dict:
    return average_reports({f'replica_0{i}': make_numbers(i) for i in range(3)})


@pytest.fixture
def one_replica() -> dict:
    return average_reports({'replica_00': make_numbers()})


def verdict(is_melt: bool = True) -> dict:
    """What ``judge_melt`` returns."""
    tests = {
        'displacement': {'value': 6.3, 'threshold': 1.62, 'unit': 'Å', 'passed': True, 'message': 'moved'},
        'energy_drift': {'value': 4e-4, 'threshold': 2e-3, 'unit': 'eV/atom', 'passed': True, 'message': 'settled'},
        'memory': {
            'value': 0.02 if is_melt else 0.4,
            'threshold': 0.1,
            'unit': 'fraction',
            'passed': is_melt,
            'message': '',
        },
    }
    return {'is_melt': is_melt, 'reason': 'a melt' if is_melt else 'not a melt: memory', 'tests': tests}


class StudyBuilder(GraphBuilder):
    """A study's graph made of real nodes, as the WorkChains would leave it, without running anything."""

    def __init__(self, composition: str = '20Na2O-80SiO2', replicas: int = 3) -> None:
        super().__init__()
        self.composition = composition
        self.replicas = replicas
        self.failed: set[int] = set()
        self.running = False
        self.longer: set[int] = set()
        self.citation = 'Pedone et al., J. Phys. Chem. B 110, 11780 (2006)'
        self.warnings: list[str] = []
        self.exit_message = 'exploded'
        self.cells = 2

    def build(self):
        """The root process."""
        from aiida import orm

        from aiida_glassion.data.frames import FramesData

        settings = {'protocol': 'fast', 'rates': [100], 'replicas': self.replicas, 'melt_temperature': 4000}
        potential = orm.Dict({'kind': 'none'})
        potential.base.attributes.set_many(
            {'name': 'pmmcs', 'citation': self.citation, 'charges': {'Na': 0.6, 'Si': 2.4, 'O': -1.2}, 'notes': ''}
        )
        total = len(self.failed) > self.replicas / 2
        root = self.process(
            orm.WorkChainNode,
            'MeltQuenchWorkChain',
            inputs={
                'composition': orm.Str(self.composition),
                'settings': orm.Dict(settings),
                'seed': orm.Int(7),
                'md__md__potential': potential,
            },
            status=500 if total else 0,
            message='too many replicas failed' if total else '',
            running=self.running,
        )
        apportion = self.process(orm.CalcFunctionNode, 'apportion_atoms', root, 'apportion_atoms')
        counts = {'Na': 230, 'O': 1040, 'Si': 461}
        report = {
            'composition': self.composition,
            'n_atoms': 1731,
            'counts': counts,
            'deviations': {'Na': 2e-4, 'O': -1e-4, 'Si': -1e-4},
            'oxidation_states': {'Na': 1.0, 'O': -2.0, 'Si': 4.0},
            'density': 2.41,
            'density_from': 'ionic volumes',
        }
        self.create(orm.Dict(report), apportion, 'report', (root, 'composition_report'))
        structures = {}
        for index in range(self.replicas):
            label, failed = f'replica_{index:02d}', index in self.failed
            replica = self.process(
                orm.WorkChainNode,
                'MeltQuenchReplicaWorkChain',
                root,
                label,
                {'seed': orm.Int(100 + index)},
                332 if failed else 0,
                self.exit_message if failed else '',
                running=self.running and index == self.replicas - 1,
            )
            self.process(orm.CalcFunctionNode, 'PackmolCalculation', replica, 'pack')
            names = ['melt', *(['melt_longer_1'] if index in self.longer else [])]
            for name in names:
                self.md(replica, name, make_run(index), ['melt'])
                judge = self.process(orm.CalcFunctionNode, 'judge_melt', replica, 'judge_melt')
                self.create(orm.Dict(verdict(name == names[-1])), judge, 'result', (replica, 'melt'))
            if failed or (self.running and index == self.replicas - 1):
                continue
            quench = self.md(replica, 'quench_rate_100', make_run(index), ['quench', 'relax', 'sample'])
            frames = FramesData.from_frames(make_frames(self.cells, index))
            self.create(frames, quench, 'final', (replica, 'glass__rate_100'), (root, f'glass__{label}_rate_100'))
            analyse = self.process(orm.CalcFunctionNode, 'analyse_glass', replica, 'analyse_rate_100')
            numbers = {**make_numbers(index), 'warnings': self.warnings if index == 0 else []}
            cooling = make_cooling(index)
            arrays = make_curves(index, error=False) | {
                'cooling_temperature': cooling.temperature,
                'cooling_value': cooling.value,
            }
            back = ((replica, 'structure__rate_100'), (root, f'replicas__{label}_rate_100'))
            self.create(orm.Dict(numbers), analyse, 'structure', *back)
            self.create(orm.ArrayData(arrays), analyse, 'curves', (replica, 'curves__rate_100'))
            structures[label] = numbers
        if structures and not self.running:
            mean = self.process(orm.CalcFunctionNode, 'average_structures', root, 'average_rate_100')
            self.create(orm.Dict(average_reports(structures)), mean, 'result', (root, 'structure__rate_100'))
            mean = self.process(orm.CalcFunctionNode, 'average_curves', root, 'average_curves_rate_100')
            self.create(orm.ArrayData(make_curves()), mean, 'result', (root, 'curves__rate_100'))
        self.hand_out()
        return root

    def md(self, replica, label, run, stages):
        """An MD WorkChain with one job and thermodynamic output."""
        from aiida import orm

        schedule = orm.Dict({'stages': [{'kind': 'hold', 'name': name} for name in stages]})
        frames = make_frames(1)
        from aiida_glassion.data.frames import FramesData

        inputs = {'md__schedule': schedule, 'md__configuration': FramesData.from_frames(frames)}
        node = self.process(orm.WorkChainNode, 'MdWorkChain', replica, label, inputs)
        job = self.process(orm.CalcFunctionNode, 'MdCalculation', node, 'iteration_01')
        n = len(run.time)
        thermo = orm.ArrayData(
            {
                'stage': np.repeat(np.arange(len(stages)), -(-n // len(stages)))[:n],
                'iteration': np.zeros(n, dtype=int),
                'time': run.time,
                'temperature': run.temperature,
                'density': run.density,
                'potential_energy': run.energy * frames.n_atoms,
            }
        )
        self.create(thermo, job, 'thermo', (node, 'thermo'))
        self.create(orm.Dict({'lammps_version': '22 Jul 2025'}), job, 'results', (node, 'results'))
        return job


@pytest.fixture
def study_builder(aiida_profile_clean):
    return StudyBuilder()
