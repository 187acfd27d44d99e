"""A porous glass as its page takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.transport.sweep import formula_of

STATES = {'dense': 'without pores', 'carved': 'as cut', 'relaxed': 'relaxed'}


@dataclass(eq=False)
class Porous:
    """All that a reader of a porous glass wants to know.

    :param frames: by state, as far as they are there.
    :param results: as ``describe_pores`` writes them, or what was cut where nothing else is known; empty before.
    :param curves: by name, ``carved__pore_sizes``, ``course__density``.
    :param chosen: indices of atoms in the glass without pores.
    """

    pk: int
    uuid: str
    state: str
    exit_text: str
    exit_status: int | None
    started: datetime
    description: str = ''
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    potential: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    chosen: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    frames: Mapping[str, Frames] = field(default_factory=dict)
    nodes: dict[str, tuple[int, str]] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)

    @property
    def formula(self) -> str:
        """Reduced formula of the glass."""
        return formula_of(self.frames['dense'].counts) if 'dense' in self.frames else ''

    @property
    def title(self) -> str:
        """What it is."""
        return f'Porous {self.formula}' if self.formula else 'Porous glass'

    @property
    def states(self) -> dict[str, dict[str, Any]]:
        """Numbers of each state that is known, in the order in which they came about."""
        known = self.results.get('states') or {}
        return {name: known[name] for name in STATES if name in known}

    @property
    def closed(self) -> dict[str, Any]:
        """Whether the pores closed, by which rule; empty where that is not known."""
        return dict(self.results.get('closed') or {})

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader must know before taking a number from the page."""
        found = [str(text) for text in self.results.get('warnings') or []]
        if self.state == 'running':
            return [f'It has not ended ({self.exit_text}): what is shown is what is there so far.', *found]
        return found

    @property
    def verdict(self) -> str:
        """One sentence on how it ended."""
        if self.state == 'running':
            return 'The porous glass is still being made.'
        if self.exit_status == 450:
            return f'No pore is left: {self.closed.get("reason", self.exit_text)}.'
        if self.state == 'failed':
            return f'It failed: {self.exit_text}.'
        pores = 'The pore is' if len(self.results.get('pores') or []) == 1 else 'The pores are'
        return f'{pores} {self.closed.get("reason", "cut")}.'
