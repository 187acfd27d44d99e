"""How an active learning begins: from first frames, or where an earlier one ended."""

from __future__ import annotations

from aiida import orm

from aiida_glassion.data.frames import as_frames
from aiida_glassion.functions.dataset import frames_of_dataset
from aiida_glassion.functions.selection import remember_frames
from aiida_glassion.workchains.active_learning_inputs import number_of
from aiida_glassion.workchains.active_learning_parts import LearningParts


class LearningBegin(LearningParts):
    """Divides the first frames, gathers what exploration starts from, and takes over what an earlier loop left."""

    def _take_up(self) -> None:
        earlier = self.inputs.get('earlier', {})
        given = dict(earlier.get('iterations', {}))
        records = [given[name] for name in sorted(given, key=number_of)]
        self.ctx.memory = dict(earlier.get('memory', {}))
        self.ctx.frozen = dict(earlier.get('frozen', {}))
        for node in records:
            self._keep_record(node)
        self.ctx.parities = {number_of(name): node for name, node in dict(earlier.get('parities', {})).items()}
        if records:
            self._next_place(records[-1].get_dict())
            self.report(f'going on after iteration {self.ctx.iteration}')

    def _divide_first(self) -> None:
        given = dict(self.inputs.get('test', {}))
        if not given:
            for name, node in self.ctx.first.items():
                self.hold_out(node, name, f'split_{name}')
            return
        self.ctx.training, self.ctx.test = dict(self.ctx.first), given
        for port, nodes in (('datasets', self.ctx.training), ('test_set', self.ctx.test)):
            for name, node in nodes.items():
                self.out(f'{port}.{name}', node)

    def _count_labels(self) -> None:
        """Labelled frames so far, and how many of them no iteration made; the elements in them."""
        named = [(name, node) for part in (self.ctx.training, self.ctx.test) for name, node in part.items()]
        self.ctx.labels_total = sum(node.n_frames for _, node in named)
        self.ctx.labels_initial = sum(
            node.n_frames for name, node in named if not name.startswith(('iteration_', 'kept_'))
        )
        self.ctx.elements = sorted({e for node in self.ctx.training.values() for e in node.elements})

    def _gather_starts(self) -> None:
        """Sets of configurations: the given ones, and what the data have."""
        self.ctx.sets.update(dict(self.inputs.get('configurations', {})))
        self._starts_from_data()

    def _starts_from_data(self) -> None:
        """Sets from the first frames where no others were given, and from those labelled last in an earlier loop."""
        labelled = sorted((name for name in self.ctx.training if name.startswith('iteration_')), key=number_of)
        chosen = {name: 'earlier' for name in labelled[-1:]}
        if not self.ctx.sets:
            chosen |= {name: f'data_{name}' for name in self.ctx.training if name not in labelled}
        for name, prefix in chosen.items():
            found = frames_of_dataset(self.ctx.training[name], metadata={'call_link_label': f'starts_{name}'})
            self.ctx.sets.update({f'{prefix}_{formula}': frames for formula, frames in found.items()})

    def _unknown_elements(self) -> str | None:
        """What is wrong with a set that has elements which were never labelled."""
        for name, node in self.ctx.sets.items():
            unknown = sorted(set(as_frames(node).elements) - set(self.ctx.elements))
            if unknown:
                return f'configurations.{name} has {", ".join(unknown)}, which no labelled frame has'
        return None

    def _remember_first(self) -> None:
        """Fingerprints of the first frames, unless an earlier loop left its memory."""
        if not self.ctx.memory:
            known = {f'training_{name}': node for name, node in self.ctx.training.items()}
            known |= {f'test_{name}': node for name, node in self.ctx.test.items()}
            link = {'call_link_label': 'remember_initial'}
            self.ctx.memory['initial'] = remember_frames(orm.List(self.ctx.elements), **known, metadata=link)
