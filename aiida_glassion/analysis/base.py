"""What every kind of analysis has in common, and the list of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from aiida_glassion.analysis.result import Result
from aiida_glassion.analysis.system import Chunk, System


class AnalysisSettings(BaseModel):
    """Base of the settings of an analysis: unknown keys and numbers that are not finite are refused."""

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False, frozen=True)


Chosen = TypeVar('Chosen', bound=AnalysisSettings)


class Analysis(ABC, Generic[Chosen]):
    """One analysis of one trajectory: takes its frames in chunks, keeps sums only, gives the result in the end.

    A subclass names its ``Settings``; ``__init__`` raises ValueError where they do not fit the system, before any frame
    is read.
    """

    Settings: ClassVar[type[AnalysisSettings]]

    def __init__(self, settings: Chosen, system: System) -> None:
        self.settings: Chosen = settings
        self.system = system

    @abstractmethod
    def add(self, chunk: Chunk) -> None:
        """Take some frames in."""

    @abstractmethod
    def result(self) -> Result:
        """The outcome, averaged over all frames that were added (at least one)."""


KINDS: dict[str, str] = {
    'rdf': 'rdf:RdfAnalysis',
    'coordination': 'coordination:CoordinationAnalysis',
    'angles': 'angles:AngleAnalysis',
    'network': 'network:NetworkAnalysis',
    'anions': 'anions:AnionAnalysis',
    'rings': 'rings:RingAnalysis',
    'scattering': 'scattering:ScatteringAnalysis',
    'powder': 'powder:PowderAnalysis',
    'voronoi': 'voronoi:VoronoiAnalysis',
    'voids': 'voids:VoidAnalysis',
    'disorder': 'disorder:DisorderAnalysis',
    'profiles': 'profiles:ProfileAnalysis',
    'regions': 'regions:RegionAnalysis',
    'checks': 'checks:CheckAnalysis',
    'diffusion': 'diffusion:DiffusionAnalysis',
    'dynamics': 'dynamics:DynamicsAnalysis',
    'channels': 'channels:ChannelAnalysis',
    'flexibility': 'flexibility:FlexibilityAnalysis',
}
"""Module and class of each kind of analysis; imported when it is asked for."""


def kind_of(name: str) -> type[Analysis[AnalysisSettings]]:
    """The class of a kind.

    :raises KeyError: no such kind.
    """
    module, _, attribute = KINDS[name].partition(':')
    found: type[Analysis[AnalysisSettings]] = getattr(import_module(f'aiida_glassion.analysis.{module}'), attribute)
    return found
