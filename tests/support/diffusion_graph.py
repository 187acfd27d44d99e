"""A diffusion sweep's graph made of real nodes, its numbers from real analyses of made-up walkers."""

from __future__ import annotations

import functools

import numpy as np
from graphs import GraphBuilder

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import Outcome, analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.transport.sweep import temperature_label
from aiida_glassion.kernels.transport.sweep_point import report_run

GLASS = 'glass_a'
BOX, SPACING = 12.0, 0.1


@functools.cache
def walk(temperature: float, seed: int, n_frames: int = 240, n_ions: int = 24, moves: float = 1.0) -> Frames:
    """Ions that rattle in cages and hop from site to site over 0.4 eV, over a framework that only vibrates.

    :param temperature: K.
    :param moves: factor on the rate of the hops; 0: none.
    """
    generator = np.random.default_rng([int(temperature), seed])
    symbols = ('Na',) * n_ions + ('Si',) * (2 * n_ions) + ('O',) * (5 * n_ions)
    start = generator.uniform(0, BOX, (len(symbols), 3))
    own = np.where(np.arange(n_ions) % 3 == 0, 0.15, 1.0) * moves
    rate = 200.0 * np.exp(-0.4 / (8.617e-5 * temperature)) * own
    hops = generator.random((n_frames, n_ions)) < 1 - np.exp(-rate * SPACING)
    directions = generator.integers(0, 3, (n_frames, n_ions))
    steps = np.zeros((n_frames, n_ions, 3))
    np.put_along_axis(steps, directions[..., None], (3.0 * hops * generator.choice([-1, 1], hops.shape))[..., None], 2)
    centres = np.broadcast_to(start, (n_frames, len(symbols), 3)).copy()
    centres[:, :n_ions] += steps.cumsum(axis=0)
    positions = centres + generator.normal(scale=0.12 * np.sqrt(temperature / 1000), size=centres.shape)
    times = np.arange(n_frames) * SPACING
    return Frames(symbols, positions, cells=np.broadcast_to(np.eye(3) * BOX, (n_frames, 3, 3)).copy(), times=times)


@functools.cache
def outcome(
    temperature: float, seed: int, kinds: tuple[str, ...], n_frames: int = 240, n_ions: int = 24, moves: float = 1.0
) -> Outcome:
    """What the analyses find in a walk."""
    settings = {
        'diffusion': {'temperature': temperature, 'unwrap': 'trust'},
        'dynamics': {'unwrap': 'trust', 'distinct_every': 60, 'per_octave': 4},
        'channels': {'unwrap': 'trust', 'spacing': 0.6, 'smoothing': 0.8, 'least_stay': 0.2},
        'flexibility': {'unwrap': 'trust', 'window': 1.0},
    }
    chosen = {kind: settings[kind] for kind in kinds}
    if 'conductivity' not in kinds and moves < 0:
        chosen['diffusion'].pop('temperature')
    frames = walk(temperature, seed, n_frames, n_ions, abs(moves))
    cutoffs = {'Na-O': 3.0, 'O-Si': 2.0}
    return analyse(read_request({'analyses': chosen, 'cutoffs': cutoffs}), of_frames(frames, 'walk', True))


class SweepBuilder(GraphBuilder):
    """A sweep as its WorkChain would leave it.

    :param temperatures: K.
    :param kinds: of analysis that each run has.
    """

    def __init__(
        self,
        temperatures: tuple[float, ...] = (1000.0, 800.0, 650.0),
        replicas: int = 2,
        kinds: tuple[str, ...] = ('diffusion', 'dynamics', 'channels', 'flexibility'),
    ) -> None:
        super().__init__()
        self.temperatures, self.replicas, self.kinds = temperatures, replicas, kinds
        self.compositions: dict[str, int] = {GLASS: 24}
        self.running: set[str] = set()
        self.failed: set[str] = set()
        self.still: set[float] = set()
        self.ended = True
        self.status, self.message = 0, ''
        self.citation = 'Pedone et al., J. Phys. Chem. B 110, 11780 (2006)'
        self.settings = {
            'protocol': 'fast', 'replicas': replicas, 'timestep': 2.0, 'ensemble': 'nvt', 'segment': 6.0,
            'budget': [{'above': 0.0, 'budget': 24.0}], 'relative_error': 0.2, 'frames_every': SPACING,
            'equilibrate': {'ensemble': 'npt', 'duration': 5.0}, 'pressure': 0.0, 'method': 'gls',
        }  # fmt: skip

    def build(self):
        """The root process, stored with all below it."""
        from aiida import orm

        from aiida_glassion.data.frames import FramesData
        from aiida_glassion.functions.transport import summarise_sweep

        glasses = {
            label: FramesData.from_frames(walk(1000.0, 0, n_ions=n)[:1]) for label, n in self.compositions.items()
        }
        root = self.process(
            orm.WorkChainNode,
            'DiffusionSweepWorkChain',
            inputs={
                **{f'glasses__{label}': glass for label, glass in glasses.items()},
                'temperatures': orm.List(sorted(self.temperatures)),
                'settings': orm.Dict(self.settings),
                'seed': orm.Int(7),
                'md__md__potential': self._potential(),
            },
            status=self.status,
            message=self.message,
            running=not self.ended,
        )
        plan, pieces = {}, {}
        for temperature in sorted(self.temperatures, reverse=True):
            for glass in self.compositions:
                for number in range(self.replicas):
                    label = f'{temperature_label(temperature)}_{glass}_{number:02d}'
                    plan[label] = self._point(root, label, temperature, glasses[glass], number, pieces)
        if self.ended and pieces:
            sweep = summarise_sweep(orm.Dict({'runs': plan}), metadata={'store_provenance': False}, **pieces)
            summary = self.process(orm.CalcFunctionNode, 'summarise_sweep', root, 'summarise')
            for name, node in sweep.items():
                self.create(node, summary, name, (root, name))
        if self.failed and self.ended:
            ledger = self.process(orm.CalcFunctionNode, 'ledger_of', root, 'ledger_of')
            entries = {label: {'pk': 1, 'exit_status': 330, 'reason': 'it melted away'} for label in self.failed}
            self.create(orm.Dict(entries), ledger, 'result', (root, 'ledger'))
        self.hand_out()
        return root

    def _potential(self):
        from aiida import orm

        potential = orm.Dict({'kind': 'none'})
        charges = {'Na': 0.6, 'Si': 2.4, 'O': -1.2}
        potential.base.attributes.set_many({'name': 'pmmcs', 'citation': self.citation, 'charges': charges})
        return potential

    def _point(self, root, label, temperature, glass, number, pieces):
        """One run; what it gave goes into ``pieces`` too."""
        from aiida import orm

        from aiida_glassion.data.frames import FramesData
        from aiida_glassion.functions.analysis import outcome_nodes

        n_ions = int(glass.base.attributes.get('counts')['Na'])
        about = {'temperature': temperature, 'glass': label[6:-3], 'seed': 100 + number}
        about['counts'] = dict(glass.base.attributes.get('counts'))
        moves = 0.0 if temperature in self.still else 1.0
        found = [
            outcome(temperature, number, ('diffusion',), 60, n_ions, moves),
            outcome(temperature, number, ('diffusion',), 120, n_ions, moves),
            outcome(temperature, number, self.kinds, 240, n_ions, moves),
        ]
        nodes = outcome_nodes(found[-1])
        numbers = [outcome_nodes(one)['numbers'].get_dict() for one in found]
        told = {**about, 'relative_error': self.settings['relative_error'], 'lengths': [6.0, 12.0, 24.0]}
        results, history = report_run(told, numbers, numbers[-1])
        status = {'converged': 0, 'not_diffusive': 430, 'budget': 431}[results['status']]
        running, failed = label in self.running, label in self.failed
        point = self.process(
            orm.WorkChainNode,
            'DiffusionPointWorkChain',
            root,
            label,
            {
                'configuration': glass,
                'temperature': orm.Float(temperature),
                'seed': orm.Int(about['seed']),
                'settings': orm.Dict(self.settings),
            },
            330 if failed else status,
            'it melted away' if failed else results['reason'],
            running=running,
        )
        md = self.process(orm.WorkChainNode, 'MdWorkChain', point, 'segment_00', running=running)
        self.process(orm.CalcFunctionNode, 'MdCalculation', md, 'iteration_01')
        if failed or running:
            return {**about, 'reason': 'it melted away'}
        analysis = self.process(orm.CalcFunctionNode, 'AnalysisCalculation', point, 'analyse_all')
        for name, node in nodes.items():
            self.create(node, analysis, name, (point, name))
        copied = FramesData.from_frames(walk(temperature, number, 240, n_ions, moves)[::40])
        self.create(copied, analysis, 'copied', (point, 'trajectory'))
        report = self.process(orm.CalcFunctionNode, 'report_point', point, 'report')
        self.create(orm.Dict(results), report, 'results', (point, 'results'))
        self.create(orm.Dict(history), report, 'history', (point, 'history'))
        pieces[f'results_{label}'] = orm.Dict(results)
        pieces |= {f'{name}_{label}': nodes[name] for name in ('numbers', 'curves')}
        return about
