"""A fracture study's graph made of real nodes: crystals pulled by hand, their numbers from the kernels."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from graphs import GraphBuilder

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.mechanics.pull_curve import PullCurve
from aiida_glassion.kernels.mechanics.pull_plan import rate_label
from aiida_glassion.kernels.mechanics.pull_settings import read_pull
from aiida_glassion.kernels.mechanics.pull_summary import report_pull

EDGE = 7.16
SHARED = {
    'temperature': 300.0, 'equilibrate': {'duration': 5.0}, 'piece': 0.1, 'max_strain': 0.4, 'snapshots_every': 0.02,
    'analysis': {'cutoffs': {'Si-O': 2.2}, 'least': 6.0},
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One pull: what came of it.

    :param breaks: strain at which it breaks; above 0.4 it does not.
    :param strength: GPa.
    """

    glass: str
    kind: str
    rate: float = 0.001
    size: int = 1
    breaks: float = 0.2
    strength: float = 12.0
    seed: int = 0

    @property
    def label(self) -> str:
        return f'{self.glass}_{self.kind}_z_{self.size}x{self.size}x{self.size}_{rate_label(self.rate)}'


@functools.cache
def cristobalite(notched: bool, seed: int) -> Frames:
    """β-cristobalite, shaken; a slit through the first third of it if notched."""
    silicon = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]) / 4
    ways = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8
    basis = np.concatenate([silicon, (silicon[:4, None] + ways).reshape(-1, 3)])
    shape = (3, 2, 3)
    cells = np.array(list(np.ndindex(*shape)))
    positions = ((cells[:, None] + basis).reshape(-1, 3) + 0.06) * EDGE
    positions += np.random.default_rng(seed).normal(0, 0.08, positions.shape)
    symbols = np.array((['Si'] * 8 + ['O'] * 16) * len(cells))
    if notched:
        kept = ~((np.abs(positions[:, 2] - 1.5 * EDGE) < 4.5) & (positions[:, 0] < EDGE))
        symbols, positions = symbols[kept], positions[kept]
    return Frames(tuple(symbols.tolist()), positions[None], cells=np.diag(np.array(shape) * EDGE)[None])


@functools.cache
def pulled(sample: Sample) -> tuple[PullCurve, Frames, Frames]:
    """Curve, unstrained sample and snapshots: affine until it breaks, then two halves that go apart."""
    reference = cristobalite(sample.kind == 'notched', sample.seed)
    rng = np.random.default_rng(sample.seed)
    strain = np.arange(0, min(0.4, sample.breaks + 0.1) + 1e-9, 0.002)
    x = np.minimum(strain / sample.breaks, 1.0)
    stress = sample.strength * np.where(strain < sample.breaks, np.sin(np.pi / 2 * x), 0.0)
    stress += rng.normal(0, 0.02, len(strain))
    stress -= stress[0]
    cell = reference.cells[0]
    lengths = np.diag(cell)
    thinner = 1 - 0.2 * np.minimum(strain, sample.breaks)
    cells = np.column_stack([lengths[0] * thinner, lengths[1] * thinner, lengths[2] * (1 + strain)])
    stresses = np.zeros((len(strain), 6))
    stresses[:, 2] = stress
    ones = np.ones(len(strain))
    curve = PullCurve(strain, stresses, cells, 300 * ones, strain / sample.rate, (5 * ones).astype(int), 2)
    positions, boxes = [], []
    upper = reference.positions[0][:, 2] > lengths[2] / 2
    for now in np.arange(0, strain[-1] + 1e-9, 0.02):
        elastic = min(now, sample.breaks)
        r = reference.positions[0] * [1 - 0.2 * elastic, 1 - 0.2 * elastic, 1 + elastic]
        if now > sample.breaks:
            r = reference.positions[0].copy()
            # so wide that it shows
            r[upper, 2] += now * lengths[2]
        positions.append(r.astype(np.float32))
        thin = 1 - 0.2 * elastic if now <= sample.breaks else 1.0
        boxes.append(np.diag(lengths * [thin, thin, 1 + now]))
    return curve, reference, Frames(reference.symbols, np.array(positions), cells=np.array(boxes))


TWO_GLASSES = tuple(
    Sample(glass, kind, breaks=breaks + 0.02 * index, strength=strength + index, seed=index)
    for index, glass in enumerate(('dense', 'loose'))
    for kind, breaks, strength in (('tension', 0.24, 12.0), ('notched', 0.16, 7.0))
)


class FractureBuilder(GraphBuilder):
    """A study as its WorkChain would leave it.

    :param samples: what is pulled.
    """

    def __init__(self, samples: tuple[Sample, ...] = TWO_GLASSES) -> None:
        super().__init__()
        self.samples = samples
        self.running: set[str] = set()
        self.failed: set[str] = set()
        self.ended = True
        self.status, self.message = 0, ''
        self.analysed = True
        self.regions = False
        self.snapshots = True
        self.lateral = 'free'
        self.citation = 'Pedone et al., J. Phys. Chem. B 110, 11780 (2006)'

    def build(self):
        """The root process, stored with all below it."""
        from aiida import orm

        from aiida_glassion.data.frames import FramesData
        from aiida_glassion.functions.fracture import summarise_fracture

        glasses = {name: FramesData.from_frames(cristobalite(False, 0)) for name in {s.glass for s in self.samples}}
        rates = sorted({sample.rate for sample in self.samples})
        settings = {
            'protocol': 'fast', **SHARED, 'lateral': self.lateral, 'mode': 'continuous', 'plane': 'strain',
            'kinds': sorted({sample.kind for sample in self.samples}), 'axes': ['z'], 'rates': rates,
            'sizes': [[n] * 3 for n in sorted({sample.size for sample in self.samples})], 'slope_to': 0.01,
        }  # fmt: skip
        potential = orm.Dict({'kind': 'none'})
        potential.base.attributes.set_many({'name': 'pmmcs', 'kind': 'published', 'citation': self.citation})
        root = self.process(
            orm.WorkChainNode,
            'FractureWorkChain',
            inputs={
                **{f'glasses__{name}': node for name, node in glasses.items()},
                'settings': orm.Dict(settings),
                'seed': orm.Int(7),
                'md__md__potential': potential,
            },
            status=self.status,
            message=self.message,
            running=not self.ended,
        )
        plan, pieces = {}, {}
        for sample in self.samples:
            plan[sample.label] = {'sample': sample.glass, 'size': [sample.size] * 3}
            if sample.label in self.failed:
                plan[sample.label]['reason'] = 'it exploded'
            self.pull(root, sample, glasses[sample.glass], pieces)
        if self.ended and pieces:
            about = {'pulls': plan, 'plane': 'strain', 'grid': 0.002}
            found = summarise_fracture(orm.Dict(about), metadata={'store_provenance': False}, **pieces)
            summary = self.process(orm.CalcFunctionNode, 'summarise_fracture', root, 'summarise')
            for name, node in found.items():
                self.create(node, summary, name, (root, name))
        if self.failed and self.ended:
            ledger = self.process(orm.CalcFunctionNode, 'ledger_of', root, 'ledger_of')
            entries = {label: {'pk': 1, 'exit_status': 341, 'reason': 'it exploded'} for label in sorted(self.failed)}
            self.create(orm.Dict(entries), ledger, 'result', (root, 'ledger'))
        self.hand_out()
        return root

    def pull(self, root, sample, glass, pieces):
        """One pull; what it gave goes into ``pieces`` too."""
        from aiida import orm

        from aiida_glassion.data.frames import FramesData

        settings = read_pull({**SHARED, 'kind': sample.kind, 'rate': sample.rate, 'lateral': self.lateral})
        running, failed = sample.label in self.running, sample.label in self.failed
        curve, results, reference, snapshots = self.outcome(sample, settings)
        status = 341 if failed else 0 if results['broken'] else 460
        node = self.process(
            orm.WorkChainNode,
            'FracturePullWorkChain',
            root,
            sample.label,
            {
                'configuration': glass,
                'settings': orm.Dict(settings.model_dump()),
                'axis': orm.Str('z'),
                'seed': orm.Int(100 + sample.seed),
            },
            status,
            'it exploded' if failed else results['reason'],
            running=running,
        )
        md = self.process(orm.WorkChainNode, 'MdWorkChain', node, 'piece_000', running=running)
        self.process(orm.CalcFunctionNode, 'MdCalculation', md, 'iteration_01')
        if failed or running:
            return
        summary = self.process(orm.CalcFunctionNode, 'summarise_pull', node, 'summarise')
        nodes = {'results': orm.Dict(results), 'curves': orm.ArrayData(curve)}
        for name, data in nodes.items():
            self.create(data, summary, name, (node, name))
            pieces[f'{name}_{sample.label}'] = data
        if self.snapshots:
            gather = self.process(orm.CalcFunctionNode, 'gather_snapshots', node, 'gather_snapshots')
            self.create(FramesData.from_frames(snapshots), gather, 'result', (node, 'snapshots'))
        if self.analysed:
            self.analyse(node, sample, settings, reference, snapshots)

    def outcome(self, sample, settings):
        """Curve, results, reference and snapshots."""
        curve, reference, snapshots = pulled(sample)
        lengths = np.diag(reference.cells[0]).tolist()
        about = {
            'axis': 'z', 'n_atoms': reference.n_atoms, 'lengths': lengths, 'separated': True, 'stopped': None,
            'crack_area': lengths[0] * lengths[1] / 3 if sample.kind == 'notched' else 0.0,
            'energies': {'whole': -1000.0, 'broken': -960.0 + sample.seed},
        }  # fmt: skip
        return curve.arrays(), report_pull(about, curve, settings), reference, snapshots

    def analyse(self, node, sample, settings, reference, snapshots):
        """What its atoms did."""
        from aiida import orm

        from aiida_glassion.data.frames import FramesData
        from aiida_glassion.functions.mechanics import analyse_pull

        labels = (reference.positions[0][:, 0] > 2 * EDGE) * 2
        regions = {'regions': orm.ArrayData({'labels': labels.astype(np.int8)})} if self.regions else {}
        found = analyse_pull(
            FramesData.from_frames(reference),
            FramesData.from_frames(snapshots),
            orm.Dict({**(settings.analysis or {}), 'axis': 'z'}),
            metadata={'store_provenance': False},
            **regions,
        )
        process = self.process(orm.CalcFunctionNode, 'analyse_pull', node, 'analyse')
        for name, data in found.items():
            self.create(data, process, name, (node, f'analysis__{name}'))
