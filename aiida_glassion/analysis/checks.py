"""Is it a glass at all, one glass, and with the neighbours that it should have?"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.result import Result
from aiida_glassion.analysis.system import Chunk, System, View
from aiida_glassion.kernels.structure.coordination import coordination_numbers
from aiida_glassion.kernels.structure.crystallinity import Crystallinity, crystallinity_by_element
from aiida_glassion.kernels.structure.elements import odd_coordination, usual_coordination
from aiida_glassion.kernels.structure.phase_separation import Fluctuation, phase_separation

_MOST_FRAMES = 32
_MOST_NEIGHBOURS = 20


class CheckSettings(AnalysisSettings):
    """Limits beyond which is warned.

    :param contrast: of Bragg peaks; 1 in a glass.
    :param false_alarm: probability to call a random arrangement separated.
    :param odd_coordination: share of a former's atoms outside its usual coordination.
    """

    contrast: float = Field(default=3.0, gt=1)
    false_alarm: float = Field(default=1e-3, gt=1e-5, lt=0.5)
    odd_coordination: float = Field(default=0.05, ge=0, lt=1)


class CheckAnalysis(Analysis[CheckSettings]):
    """Bragg peaks, waves of density and composition, coordination; each with its value, its limit and words.

    Peaks and waves cost a Fourier transform: at most 32 frames are looked at, evenly spaced whatever their number.
    """

    Settings = CheckSettings

    def __init__(self, settings: CheckSettings, system: System) -> None:
        super().__init__(settings, system)
        self.anions = [e for e in system.elements if system.roles[e] == 'anion']
        self.formers = [e for e in system.elements if system.roles[e] == 'former']
        self.coordination = {e: np.zeros(_MOST_NEIGHBOURS + 1, dtype=np.int64) for e in self.formers}
        self.n_frames, self.stride = 0, 1
        self.looked_at: list[tuple[dict[str, Crystallinity], dict[str, Fluctuation]]] = []

    def add(self, chunk: Chunk) -> None:
        """Check some frames."""
        for view in chunk.views:
            self._count(view)
            if self.n_frames % self.stride == 0 and all(self.system.pbc):
                self.looked_at.append(self._look(view))
                if len(self.looked_at) > _MOST_FRAMES:
                    self.looked_at, self.stride = self.looked_at[::2], 2 * self.stride
            self.n_frames += 1

    def _count(self, view: View) -> None:
        elements = list(self.system.elements)
        around = [elements.index(e) for e in self.anions]
        for former in self.coordination:
            found = coordination_numbers(view.bonds, self.system.types, elements.index(former), around)
            self.coordination[former] += np.bincount(
                np.minimum(found, _MOST_NEIGHBOURS), minlength=_MOST_NEIGHBOURS + 1
            )

    def _look(self, view: View) -> tuple[dict[str, Crystallinity], dict[str, Fluctuation]]:
        system, settings = self.system, self.settings
        frame = (view.positions, view.cell, system.types, system.elements)
        return (
            crystallinity_by_element(*frame, threshold=settings.contrast),
            phase_separation(*frame, limit=settings.false_alarm, roles=system.roles),
        )

    def result(self) -> Result:
        """``checks``: by name ``value``, ``limit``, ``flagged`` (None where it could not be judged) and ``words``."""
        checks = {**self._crystallised(), **self._separated(), **self._coordinated()}
        warnings = [check['words'] for check in checks.values() if check['flagged']]
        if not all(self.system.pbc):
            warnings.append('crystallisation and phase separation: only judged in cells periodic in all directions')
        return Result({'checks': checks, 'frames_with_peaks_and_waves': len(self.looked_at)}, {}, {}, {}, warnings)

    def _crystallised(self) -> dict[str, Any]:
        limit, checks = self.settings.contrast, {}
        for element in self.system.elements if self.looked_at else ():
            found = [peaks[element] for peaks, _ in self.looked_at]
            judged = [one for one in found if one.judged]
            contrast = float(np.median([one.contrast for one in judged])) if judged else None
            words = f'{element}: too few wave vectors to look for Bragg peaks'
            if contrast is not None:
                words = f'{element}: Bragg peaks with a contrast of {contrast:.1f} (limit {limit:g}, a glass has 1)'
            flagged = None if contrast is None else contrast > limit
            checks[f'crystallised_{element}'] = _check(contrast, limit, flagged, words)
        return checks

    def _separated(self) -> dict[str, Any]:
        checks = {}
        for name in self.looked_at[0][1] if self.looked_at else ():
            found = [waves[name] for _, waves in self.looked_at]
            judged = [one for one in found if one.judged]
            others = 'anions' if name in self.anions else 'cations'
            what = 'density' if name == 'density' else f'{name} among the {others}'
            if not judged:
                words = f'{what}: the cell is too small, or holds too few atoms, to look for phases'
                checks[f'separated_{name}'] = _check(None, None, None, words)
                continue
            p, limit = float(np.median([one.p for one in judged])), judged[0].limit
            value = float(np.median([one.value for one in judged]))
            chance = float(np.median([one.threshold for one in judged]))
            wave = 2 * np.pi / judged[0].q_min
            words = (
                f'{what}: waves up to {wave:.0f} Å long are {value:.2g} times as large as by chance '
                f'(limit {chance:.2g}, which chance exceeds with a probability of {limit:.1g})'
            )
            checks[f'separated_{name}'] = {**_check(value, chance, p <= limit, words), 'p': p, 'p_limit': limit}
        return checks

    def _coordinated(self) -> dict[str, Any]:
        limit, checks = self.settings.odd_coordination, {}
        for former, counts in self.coordination.items():
            usual = usual_coordination(former, self.anions)
            if usual is None or not counts.sum():
                continue
            odd = odd_coordination(former, self.anions, {n: int(c) for n, c in enumerate(counts)}, tolerance=-1.0)
            assert odd is not None
            words = f'{odd.message} (limit {limit:.1%})'
            checks[f'coordination_{former}'] = _check(odd.fraction, limit, odd.fraction > limit, words)
        return checks


def _check(value: float | None, limit: float | None, flagged: bool | None, words: str) -> dict[str, Any]:
    return {'value': value, 'limit': limit, 'flagged': None if flagged is None else bool(flagged), 'words': words}
