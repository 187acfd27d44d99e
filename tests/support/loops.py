"""A made-up loop of active learning with the shape of a real one: three stages, six iterations, nodes and links."""

from __future__ import annotations

import copy
import math

import numpy as np
from graphs import GraphBuilder

from aiida_glassion.kernels.learning.errors import committee_errors
from aiida_glassion.kernels.learning.parity import Parity, force_deviations, mean_prediction

STAGES = [
    {'name': 'crystals', 'starts': ['quartz*'], 'max_labels': 60, 'candidate_fraction': None, 'gate': False,
     'programs': [{'kind': 'hold', 'temperatures': [300, 900], 'pressures': [None], 'duration': 2}]},
    {'name': 'melts', 'starts': ['packed*', 'earlier_*'], 'max_labels': 60, 'candidate_fraction': 0.05, 'gate': False,
     'programs': [{'kind': 'hold', 'temperatures': [2500, 4000], 'pressures': [0], 'duration': 5},
                  {'kind': 'compress', 'temperatures': [3000], 'pressure': 0, 'pressure_end': 10, 'duration': 5}]},
    {'name': 'glasses', 'starts': ['glass_*'], 'max_labels': 40, 'candidate_fraction': None, 'gate': True,
     'programs': [{'kind': 'melt_quench', 'melt': 4000, 'room': 300, 'hold': 5, 'rate': 100, 'relax': 2,
                   'pressures': [None]},
                  {'kind': 'deform', 'modes': ['volume', 'x', 'xy'], 'strains': [0.1, 0.3], 'temperatures': [300],
                   'duration': 5}]},
]  # fmt: skip
SETTINGS = {
    'protocol': 'fast', 'stages': STAGES, 'max_iterations': 12, 'max_labels': 1000,
    'levels': {'kind': 'calibrated', 'quantile': 0.9}, 'selection': {'max_labels': 60, 'method': 'farthest'},
    'convergence': {'candidate_fraction': 0.01, 'failed_fraction': 0.02, 'checks': 2},
    'training': {'committee': 4},
}  # fmt: skip
#: stage, round, programs, median deviation eV/Å, exploded runs, decision
COURSE = [
    (0, 1, ('hold',), 0.055, 0, 'repeat'),
    (0, 2, ('hold',), 0.026, 0, 'advance'),
    (1, 1, ('hold', 'compress'), 0.13, 3, 'repeat'),
    (1, 2, ('hold', 'compress'), 0.052, 0, 'advance'),
    (2, 1, ('melt_quench', 'deform'), 0.065, 1, 'repeat'),
    (2, 2, ('melt_quench', 'deform'), 0.028, 0, 'converged'),
]
FORMULAS = ('Na12O54Si24', 'Na24O60Si24', 'O48Si24')
EDGES = np.geomspace(3e-3, 10, 61)


def shares(median, lower, upper, width=0.42):
    """Counts in the bins and parts in the three classes of a log-normal with a fat tail."""

    def below(x):
        return 0.985 * 0.5 * (1 + math.erf(math.log(x / median) / width / 2**0.5)) + 0.015 * 0.5 * (
            1 + math.erf(math.log(x / (4 * median)) / 0.6 / 2**0.5)
        )

    accurate, known = below(lower), below(upper)
    counts = 8000 * np.diff([below(edge) for edge in EDGES])
    aside = 0.1 * (known - accurate)
    return counts.round().astype(int).tolist(), {
        'accurate': accurate, 'candidate': known - accurate - aside, 'failed': 1 - known, 'set_aside': aside,
    }  # fmt: skip


def number(value, error, spread=None):
    return {'mean': value, 'standard_error': error, 'spread': spread or 0.4 * error, 'n': 4}


def make_records() -> list[dict]:
    """Records of six iterations."""
    records, total = [], 96
    for index, (stage, round_, programs, median, exploded, action) in enumerate(COURSE):
        lower, upper = 0.15 - 0.008 * index, 0.45 - 0.02 * index
        counts, fractions = shares(median, lower, upper)
        force = 210 * (total / 96) ** -0.45
        runs = 12 if stage < 2 else 9
        asked = min(60 if stage < 2 else 40, round(8000 * fractions['candidate']))
        refused = {'close_contact': 2, 'not_converged': 3} if index == 2 else {'outlier': 1} if index == 4 else {}
        labelled = asked - sum(refused.values())
        limit = STAGES[stage]['candidate_fraction'] or SETTINGS['convergence']['candidate_fraction']
        gate = None
        criteria = [
            {'name': 'candidates', 'value': fractions['candidate'], 'limit': limit,
             'met': action in ('advance', 'converged'),
             'words': f'{100 * fractions["candidate"]:.2g} % of 8000 frames are candidates, limit {100 * limit:g} %'},
            {'name': 'failed', 'value': fractions['failed'], 'limit': 0.02,
             'met': fractions['failed'] < 0.02, 'words': f'{100 * fractions["failed"]:.2g} % failed, limit 2 %'},
            {'name': 'checks', 'value': 2 if action in ('advance', 'converged') else round_ - 1, 'limit': 2,
             'met': action in ('advance', 'converged'), 'words': 'consecutive checks with all of the above met'},
            {'name': 'held_out_error', 'value': -0.08, 'limit': 0.05, 'met': index != 2,
             'words': 'force RMSE fell by 8 ± 5 % against the last iteration'},
        ]  # fmt: skip
        if index == 5:
            gate = {
                'passed': True, 'reason': 'the members agree about every g(r) and coordination',
                'criteria': [
                    {'name': 'g(r) Si–O, R_χ', 'value': 3.1, 'limit': 6.0, 'met': True, 'words': 'largest of 6 pairs'},
                    {'name': 'coordination Si–O', 'value': 0.02, 'limit': 0.1, 'met': True, 'words': '4.00 and 4.02'},
                    {'name': 'density', 'value': 0.011, 'limit': 0.03, 'met': True, 'words': 'g/cm³ apart'},
                ],
                'flags': ['2 % of the Si–O polyhedra share an edge in one glass'],
            }  # fmt: skip
            criteria.append({'name': 'structure', 'value': True, 'limit': True, 'met': True, 'words': gate['reason']})
        names = [f'{program}_{i:02d}' for i, program in enumerate(programs * 3)]
        split = np.random.default_rng(index).multinomial(labelled, np.ones(len(names)) / len(names))
        histogram = {'edges': EDGES.tolist(), 'counts': counts}
        records.append({
            'number': index + 1, 'stage': STAGES[stage]['name'], 'stage_index': stage, 'stage_round': round_,
            'levels': {'lower': lower, 'upper': upper, 'kind': 'calibrated', 'relative': None, 'ratio': 1.4,
                       'ratio_error': 0.1, 'n_frames': 40, 'reason': 'errors are 1.4 ± 0.1 times the deviation'},
            'exploration': {'runs': runs, 'finished': runs - exploded, 'left_trusted_region': 0, 'exploded': exploded,
                            'failed': 0},
            'selection': {'visited': 8000, **{name: round(8000 * part) for name, part in fractions.items()},
                          'chosen': asked, 'discarded': {'similar': 30, 'close_contact': 4, 'known': 2, 'detached': 0},
                          'fractions': fractions, 'histogram': histogram},
            'errors': {
                'force': {'rmse': number(force, 0.06 * force), 'reference_rms': 2100.0},
                'energy': {'rmse': number(force / 25, 0.07 * force / 25)},
                'virial': {'rmse': number(force / 12, 0.08 * force / 12)},
                'by_formula': {name: {'n_frames': 4 + total // 24, 'force': number(force * factor, 0.1 * force)}
                               for name, factor in zip(FORMULAS, (0.92, 1.15, 0.8), strict=True)},
                'n_frames': 12 + total // 8, 'deviation': {'median': median, 'unit': 'eV/Å'},
            },
            'labels': {'asked': asked, 'labelled': labelled, 'refused': sum(refused.values()), 'known': 0,
                       'total': total + labelled,
                       'by_origin': {name: int(n) for name, n in zip(names, split, strict=True) if n},
                       'refused_reasons': refused},
            'gate': gate,
            'cost': {'train': {'jobs': 4, 'seconds': 900 + 9 * total, 'core_hours': 1.0 + 0.01 * total},
                     'explore': {'jobs': runs, 'seconds': 1800, 'core_hours': 0.15 * runs},
                     'label': {'jobs': labelled // 4, 'seconds': 1200, 'core_hours': 0.05 * labelled},
                     **({'gate': {'jobs': 6, 'seconds': 2400, 'core_hours': 1.6}} if index == 5 else {})},
            'decision': {'action': action, 'criteria': criteria,
                         'reason': f'{100 * fractions["candidate"]:.2g} % of 8000 frames are candidates (limit '
                                   f'{100 * limit:g} %); the force error is {force:.0f} meV/Å'},
        })  # fmt: skip
        for entry in records[-1]['cost'].values():
            entry.update(cached=0, measured=entry['jobs'])
        total += labelled
    return records


def make_parity(n_frames: int = 40, seed: int = 0) -> Parity:
    """Predictions of a member on frames of three compositions."""
    truth, noise = np.random.default_rng(0), np.random.default_rng(seed + 1)
    elements, counts = ('Na', 'O', 'Si'), [(12, 54, 24), (24, 60, 24), (0, 48, 24)]
    which = [i % 3 for i in range(n_frames)]
    n_atoms = np.array([sum(counts[i]) for i in which])
    kinds = np.concatenate([np.repeat([0, 1, 2], counts[i]) for i in which])
    forces = 2.1 * truth.normal(size=(n_atoms.sum(), 3))
    size = np.repeat(0.05 * np.exp(0.5 * truth.normal(size=n_frames)), n_atoms)[:, None]
    shared = size * truth.normal(size=forces.shape)
    energies = n_atoms * (0.1 * truth.normal(size=n_frames) - 15)
    virials = n_atoms[:, None, None] * 0.2 * truth.normal(size=(n_frames, 3, 3))
    return Parity(
        tuple(FORMULAS[i] for i in which), n_atoms, elements, kinds, energies,
        energies + 0.004 * n_atoms * noise.normal(size=n_frames), forces,
        forces + shared + size * noise.normal(size=forces.shape), virials,
        virials + 0.01 * n_atoms[:, None, None] * noise.normal(size=virials.shape),
    )  # fmt: skip


def make_gate_curves(seed: int = 0) -> dict[str, np.ndarray]:
    """Curves of a glass."""
    generator = np.random.default_rng(seed)
    r = np.linspace(0.01, 9.99, 500)
    curves = {'r': r}
    peaks = {'Na_O': (2.38, 5.0), 'O_O': (2.62, 3.0), 'O_Si': (1.61, 24), 'Si_Si': (3.1, 3.6)}
    for name, (peak, height) in peaks.items():
        width = 0.07 if height > 10 else 0.22
        at = peak + 0.006 * generator.normal()
        g = height * np.exp(-((r - at) ** 2) / (2 * width**2)) + 1 / (1 + np.exp(-(r - at - 1.1) / 0.2))
        curves[f'g_{name}'] = g * (1 + 0.02 * generator.normal(size=len(r)))
    return curves


class LoopBuilder(GraphBuilder):
    """The graph of a loop.

    :param ended: ``converged``, ``failed`` (exit code), ``killed`` or ``running``.
    :param judged: so many iterations have a record.
    :param begun: label of the part that runs or failed in the iteration after those, None: no iteration after.
    """

    def __init__(self, ended: str = 'converged', judged: int = 6, begun: str | None = None) -> None:
        super().__init__()
        self.ended, self.judged, self.begun = ended, judged, begun
        self.records = make_records()[:judged]
        self.settings = copy.deepcopy(SETTINGS)
        self.exit = (510, 'The loop did not converge within 12 iterations')
        self.minutes = 0.0
        self.deepmd: dict = {}

    def build(self):
        """The root process."""
        from aiida import orm

        inputs = {'settings': orm.Dict(self.settings), 'seed': orm.Int(7), **self.deepmd}
        status, message = self.exit if self.ended == 'failed' else (0, '')
        state = {'running': self.ended == 'running', 'killed': self.ended == 'killed'}
        root = self.process(
            orm.WorkChainNode, 'ActiveLearningWorkChain', inputs=inputs, status=status,
            message='Killed by the user' if self.ended == 'killed' else message, minutes=0, **state,
        )  # fmt: skip
        for record in self.records:
            self.iteration(root, record)
        if self.begun:
            self.unfinished(root, len(self.records) + 1)
        if self.ended in ('converged', 'failed'):
            if self.ended == 'converged':
                self.training(root, 'final_train', root)
            self.whole(root)
        self.hand_out()
        return root

    def child(self, root, label, process, lasts=1.0, **more):
        """A part of the loop, after the one before it."""
        from aiida import orm

        kind = orm.WorkChainNode if process.endswith('WorkChain') else orm.CalcFunctionNode
        node = self.process(kind, process, root, label, minutes=self.minutes, **more)
        self.minutes += lasts
        return node

    def iteration(self, root, record):
        """All parts of an iteration that was judged."""
        from aiida import orm

        number_, prefix = record['number'], f'iteration_{record["number"]:02d}_'
        if number_ == len(self.records):
            self.training(root, f'{prefix}train')
        else:
            self.child(root, f'{prefix}train', 'TrainWorkChain', 15)
        self.child(root, f'{prefix}levels', 'set_levels')
        self.create(orm.Dict(self.exploration(record)), *self.explore(root, prefix, record))
        self.child(root, f'{prefix}select', 'select_candidates')
        if record['labels']['asked'] and record['labels']['labelled']:
            label = self.child(root, f'{prefix}label', 'LabelWorkChain', 20)
            collect = self.process(orm.CalcFunctionNode, 'collect_labels', label, 'collect_labels')
            kinds = record['labels']['refused_reasons']
            refused = [
                {'frames': 'hold_00', 'index': i, 'kind': kind, 'reason': f'<{kind}> beyond the limit', 'pk': 1}
                for kind, count in kinds.items()
                for i in range(count)
            ]
            ledger = {'refused': refused, 'by_kind': kinds, 'labelled': record['labels']['labelled'], 'known': 0}
            self.create(orm.Dict(ledger), collect, 'ledger', (label, 'ledger'))
            self.child(root, f'{prefix}split', 'split_dataset')
        name = f'iterations__iteration_{number_:02d}'
        first = copy.deepcopy(record)
        if record['gate']:
            first['gate'], first['decision']['action'] = None, 'gate'
        assess = self.child(root, f'{prefix}assess', 'assess_iteration')
        self.create(orm.Dict(first), assess, 'result', *(() if record['gate'] else ((root, name),)))
        if record['gate']:
            self.gate(root, prefix, record['gate'])
            assess = self.child(root, f'{prefix}assess_again', 'assess_iteration')
            self.create(orm.Dict(record), assess, 'result', (root, name))

    def explore(self, root, prefix, record):
        """An exploration and the function that reports it."""
        from aiida import orm

        stage = orm.Dict(STAGES[record['stage_index']])
        inputs = {'stage': stage, 'round': orm.Int(record['stage_round']), 'levels': orm.Dict(record['levels'])}
        node = self.child(root, f'{prefix}explore', 'ExploreWorkChain', 30, inputs=inputs)
        return self.process(orm.CalcFunctionNode, 'report_exploration', node, 'report'), 'result', (node, 'report')

    def exploration(self, record):
        """Report of an exploration."""
        _, round_, programs, *_ = COURSE[record['number'] - 1]
        runs = {
            f'{program}_{i:02d}': {
                'set': 'glass_1', 'index': i, 'program': program, 'temperature': 300 + 100 * i, 'pressure': None,
                'seed': i, 'pk': 1, 'state': 'exploded' if i < record['exploration']['exploded'] else 'finished',
                'exit_status': 0, 'reason': 'atoms <lost>' if i < record['exploration']['exploded'] else '',
                'n_frames': 800, 'wanted_ps': 5.0, 'reached_ps': 5.0, 'softer': 0,
            }
            for i, program in enumerate(programs * 3)
        }  # fmt: skip
        counts = {key: record['exploration'][key] for key in ('finished', 'left_trusted_region', 'exploded', 'failed')}
        return {'stage': record['stage'], 'round': round_, 'runs': runs, 'counts': counts}

    def gate(self, root, prefix, content):
        """A structural gate with curves of two members."""
        from aiida import orm

        node = self.child(root, f'{prefix}gate', 'StructureGateWorkChain', 40)
        judge = self.process(orm.CalcFunctionNode, 'judge_structures', node, 'judge')
        by_glass = {'glass_1': {f'seed_{i}': {'density': 2.40 + 0.01 * i} for i in (1, 2)}}
        self.create(orm.Dict({**content, 'by_glass': by_glass}), judge, 'report', (node, 'report'))
        for member in (1, 2):
            measure = self.process(orm.CalcFunctionNode, 'analyse_glass', node, f'analyse_{member}')
            link = (node, f'curves__glass_1_seed_{member}')
            self.create(orm.ArrayData(make_gate_curves(member)), measure, 'curves', link)

    def training(self, root, label, hand_on=None):
        """A committee's training with its errors and one learning curve."""
        from aiida import orm

        node = self.child(root, label, 'TrainWorkChain', 15)
        members = {f'seed_{i}': make_parity(seed=i) for i in range(2)}
        errors = committee_errors(members)
        errors['verdict'] = {'converged': True, 'reason': 'the errors of all members have settled', 'warnings': []}
        mean = mean_prediction(list(members.values()))
        deviations = force_deviations(list(members.values()))
        arrays = {**mean.arrays(), 'max_force_error': mean.max_force_errors, 'max_force_deviation': deviations}
        parity = orm.ArrayData(arrays)
        parity.base.attributes.set_many(
            {'formulas': list(dict.fromkeys(mean.formulas)), 'elements': list(mean.elements)}
        )
        report = self.process(orm.CalcFunctionNode, 'report_committee', node, 'report')
        more = [(hand_on, 'errors')] if hand_on else []
        self.create(orm.Dict(errors), report, 'errors', (node, 'errors'), *more)
        self.create(parity, report, 'parity', (node, 'parity'), *([(hand_on, 'parity')] if hand_on else []))
        member = self.process(
            orm.WorkChainNode, 'TrainMemberWorkChain', node, 'train_seed_1', {'train__seed': orm.Int(1)}
        )
        job = self.process(orm.CalcFunctionNode, 'DeepmdTrainCalculation', member, 'iteration_01')
        step = np.arange(0, 20001, 100)
        fall = 1 / (1 + step / 400) ** 0.5
        curve = {'step': step, 'rmse_f_trn': 0.9 * fall, 'rmse_f_val': fall, 'rmse_e_trn': 0.08 * fall,
                 'rmse_e_val': 0.1 * fall}  # fmt: skip
        self.create(orm.ArrayData(curve), job, 'learning_curve', (member, 'learning_curve'))
        return node

    def unfinished(self, root, number_):
        """An iteration that stopped at a part, or is there now."""
        prefix, order = f'iteration_{number_:02d}_', ('train', 'levels', 'explore', 'select', 'label')
        kinds = {'train': 'TrainWorkChain', 'explore': 'ExploreWorkChain', 'label': 'LabelWorkChain'}
        lengths = {'train': 15, 'explore': 30, 'label': 20}
        for name in order[: order.index(self.begun)]:
            if name == 'train':
                self.training(root, f'{prefix}train')
            else:
                self.child(root, f'{prefix}{name}', kinds.get(name, name), lengths.get(name, 1))
        ended = {'running': self.ended == 'running', 'killed': self.ended == 'killed'}
        if self.ended == 'failed':
            ended |= {'status': 500, 'message': 'too many runs <failed>'}
        self.child(root, f'{prefix}{self.begun}', kinds.get(self.begun, self.begun), 3, **ended)

    def whole(self, root):
        """Report of the whole."""
        from aiida import orm

        converged = self.ended == 'converged'
        failures = [
            {
                'iteration': 3,
                'part': 'explore',
                'what': f'hold_0{i}',
                'why': 'the run explodes: atoms <lost>',
                'then': 'left out',
                'pk': i,
            }
            for i in range(3)
        ]
        content = {
            'converged': converged,
            'reason': self.records[-1]['decision']['reason'] if self.records else 'no iteration was made',
            'verdict': f'{"" if converged else "not "}converged after {len(self.records)} iterations with 345 labels',
            'iterations': len(self.records), 'stages': [], 'failures': failures,
            'labels': {'total': self.records[-1]['labels']['total'] if self.records else 96, 'initial': 96,
                       'by_iteration': {}},
            'cost': {}, 'final': {},
        }  # fmt: skip
        report = self.process(orm.CalcFunctionNode, 'report_loop', root, 'report', minutes=self.minutes)
        self.create(orm.Dict(content), report, 'report', (root, 'report'))
