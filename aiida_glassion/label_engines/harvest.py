"""From the outputs of all label jobs to labelled frames and a ledger of those that got no label to be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.gate import Limits, check_energies, check_labels
from aiida_glassion.label_engines import engines
from aiida_glassion.label_engines.engine import LabelEngine, Refused

_Place = tuple[str, int]
"""A frame by label of its first group and index there."""


@dataclass
class Harvest:
    """The labels of all jobs, judged.

    Outputs are read twice, once to judge and once to hand out, so that memory never holds more than one job's.

    :param engine: name of the engine.
    :param settings: ``gate`` and ``engine``.
    :param plan: see :class:`~aiida_glassion.label_engines.grouping.LabelPlan`.
    :param records: of each job ``group`` (label of the first group), ``indices`` there, ``exit_status``, ``reason``;
        a job that took up what another left comes after it.
    :param jobs: of each job ``frames`` and the outputs that its engine reads.
    """

    engine: str
    settings: Mapping[str, Any]
    plan: Mapping[str, Any]
    records: Mapping[str, Any]
    jobs: Mapping[str, Any]
    accepted: dict[_Place, str] = field(init=False)
    _refused: dict[_Place, tuple[Refused, str | None]] = field(init=False)

    def __post_init__(self) -> None:
        self._judge()

    @property
    def _engine(self) -> type[LabelEngine]:
        return engines()[self.engine]

    def _results(self, label: str) -> tuple[Frames, list[Frames | Refused]]:
        """Frames of a job and what it gave for each."""
        outputs = dict(self.jobs[label])
        node: FramesData = outputs.pop('frames')
        frames = node.frames
        results = self._engine.read(frames, outputs, self.settings['engine'])
        for data in (node, *outputs.values()):
            getattr(data, 'clear_internal_cache', lambda: None)()
        return frames, results

    def _places(self, label: str) -> list[_Place]:
        record = self.records[label]
        return [(record['group'], index) for index in record['indices']]

    def _ordered(self) -> list[str]:
        """Labels of the jobs, those that took up what others left last."""
        return sorted(self.records, key=lambda label: (self.records[label]['round'], label))

    def _judge(self) -> None:
        limits = Limits(**self.settings['gate'])
        self.accepted, self._refused = {}, {}
        energies: dict[_Place, tuple[Mapping[str, int], float]] = {}
        for label in self._ordered():
            if label not in self.jobs:
                self._refuse_all(label)
                continue
            frames, results = self._results(label)
            for row, (place, result) in enumerate(zip(self._places(label), results, strict=True)):
                verdict = result if isinstance(result, Refused) else check_labels(frames[row], result, limits)
                if verdict is not None:
                    self._refuse(place, verdict.kind, verdict.reason, label)
                elif isinstance(result, Frames) and result.energies is not None:
                    self.accepted[place] = label
                    self._refused.pop(place, None)
                    energies[place] = (frames.counts, float(result.energies[0]))
        places = list(self.accepted)
        outliers = check_energies(
            [energies[place][0] for place in places], [energies[place][1] for place in places], limits
        )
        for row, refusal in outliers.items():
            self._refuse(places[row], refusal.kind, refusal.reason, self.accepted.pop(places[row]))

    def _refuse(self, place: _Place, kind: str, reason: str, label: str) -> None:
        record = self.records[label]
        if kind == 'failed' and record['exit_status'] != 0:
            reason = f'{reason}; it ended with [{record["exit_status"]}] {record["reason"]}'
        self._refused[place] = (Refused(kind, reason), label)

    def _refuse_all(self, label: str) -> None:
        for place in self._places(label):
            self._refuse(place, 'failed', 'the job left nothing', label)

    def labelled(self) -> Iterator[Frames]:
        """The frames that passed: geometry exactly as asked for, with their labels; job after job."""
        for label in self._ordered():
            places = self._places(label)
            if not any(self.accepted.get(place) == label for place in places):
                continue
            frames, results = self._results(label)
            for row, (place, result) in enumerate(zip(places, results, strict=True)):
                if self.accepted.get(place) == label and isinstance(result, Frames):
                    yield replace(
                        frames[row],
                        energies=result.energies,
                        forces=result.forces,
                        virials=result.virials,
                        magnetisations=result.magnetisations,
                    )

    def ledger(self) -> dict[str, Any]:
        """Every refused frame with kind and reason, and how many there are of each; plain JSON."""
        groups = self.plan['groups']
        refused = list(self.plan['refused'])
        for (group, index), (verdict, label) in self._refused.items():
            name, number = groups[group][index]
            entry = {'frames': name, 'index': number, 'kind': verdict.kind, 'reason': verdict.reason}
            refused.append(entry | {'job': label, 'pk': self.records[label]['pk']} if label else entry)
        tried = {place for label in self.records for place in self._places(label)}
        for group, members in groups.items():
            for index, (name, number) in enumerate(members):
                if (group, index) not in tried:
                    reason = 'too many had failed before its turn came'
                    refused.append({'frames': name, 'index': number, 'kind': 'not_tried', 'reason': reason})
        refused.sort(key=lambda entry: (entry['frames'], entry['index']))
        return {
            'labelled': len(self.accepted),
            'refused': refused,
            'by_kind': dict(sorted(Counter(entry['kind'] for entry in refused).items())),
            'known': len(self.plan['known']),
            'twice': len(self.plan['twice']),
            'jobs': len(self.records),
            'jobs_failed': sum(record['exit_status'] != 0 for record in self.records.values()),
        }
