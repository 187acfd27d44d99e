"""How far ions go and how fast: mean squared displacements, diffusion coefficients, conductivity."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.block_numbers import elements_among
from aiida_glassion.analysis.diffusion_numbers import ConductivityNumbers, SpeciesNumbers
from aiida_glassion.analysis.frame_times import FrameClock
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.transport.conductivity import FORMAL_CHARGES, check_charges
from aiida_glassion.kernels.transport.diffusion import Method
from aiida_glassion.kernels.transport.displacements import DisplacementStore, Unwrap

FloatArray = npt.NDArray[np.floating[Any]]

FEWEST_FRAMES = 20
"""Fewer tell nothing about diffusion."""
_AGEING_VOLUME = 0.02


class DiffusionSettings(AnalysisSettings):
    """Settings of diffusion and conductivity.

    :param ions: elements that diffuse; default: the network modifiers (Li, Na, …).
    :param reference: elements whose mean displacement is taken off, so that they rest; default: all but the ions; an
        empty list: nothing is taken off.
    :param temperature: K, of the run; without it there is no conductivity.
    :param charges: e, by element: of the ions alone (default: formal charges), or of all elements, their sum over
        the cell zero.
    :param allow_net_charge: take charges whose sum is not zero.
    :param directions: in which the ions are watched: ``xyz``, ``xy``, ``z`` …
    :param method: of the D that counts: ``gls``, or ``window``; both are given.
    :param window: first and last lag of the fit, ps; default: ``gls`` finds where diffusion begins and ends at half the
        run, ``window`` takes 50 to 95 % of the longest lag.
    :param frame_time: ps between the frames that are taken; default: the times in the file.
    :param unwrap: ``check``: atoms that jump at the boundaries are an error; ``minimum_image``: jumps are undone, right
        where no atom goes further than half the cell between frames; ``trust``: long steps are motion.
    """

    ions: list[str] | None = None
    reference: list[str] | None = None
    temperature: float | None = Field(default=None, gt=0, le=20000)
    charges: dict[str, float] | None = None
    allow_net_charge: bool = False
    directions: str = Field(default='xyz', pattern='^(x?y?z?)$', min_length=1)
    method: Method = 'gls'
    window: tuple[float, float] | None = None
    frame_time: float | None = Field(default=None, gt=0)
    unwrap: Unwrap = 'check'

    @field_validator('window')
    @classmethod
    def _ascending(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 < value[0] < value[1]:
            raise ValueError(f'{list(value)}, expected two times in ps, the first above 0 and below the second')
        return value


class DiffusionAnalysis(Analysis[DiffusionSettings]):
    """D and conductivity of the mobile ions, from all time origins.

    Memory: 12 bytes per ion and frame, whatever the framework.
    """

    Settings = DiffusionSettings
    needs_unwrapped = True

    def __init__(self, settings: DiffusionSettings, system: System) -> None:
        super().__init__(settings, system)
        modifiers = [element for element in system.elements if system.roles[element] == 'modifier']
        if settings.ions is None and not modifiers:
            raise ValueError(f'ions: none of {", ".join(system.elements)} is a network modifier; name what diffuses')
        self.ions = elements_among(system, modifiers if settings.ions is None else settings.ions, 'ions')
        rest = [element for element in system.elements if element not in self.ions]
        self.reference = rest
        if settings.reference is not None:
            self.reference = elements_among(system, settings.reference, 'reference') if settings.reference else []
        symbols = np.array(system.symbols)
        self.counts = {element: int((symbols == element).sum()) for element in system.elements}
        self.warnings: list[str] = []
        self.charges, self.all_charged = self._charges()
        self.axes = ['xyz'.index(letter) for letter in settings.directions]
        self.clock = FrameClock(settings.frame_time)
        self.store = DisplacementStore(
            system.types,
            np.isin(symbols, self.ions),
            np.isin(symbols, self.reference),
            system.pbc,
            settings.unwrap,
        )

    def _charges(self) -> tuple[dict[str, float], bool]:
        """Charges by element, and whether they are those of all elements."""
        given = self.settings.charges
        if given is None:
            unknown = [element for element in self.ions if element not in FORMAL_CHARGES]
            if unknown:
                if self.settings.temperature is not None:
                    self.warnings.append(f'no conductivity: no formal charge is known for {", ".join(unknown)}')
                return {}, False
            given = {element: float(FORMAL_CHARGES[element]) for element in self.ions}
        everything = check_charges(self.counts, given, self.ions, self.settings.allow_net_charge)
        if not everything and not self.reference and self.settings.temperature is not None:
            raise ValueError('charges: those of the ions alone need a framework at rest; name one, or give all charges')
        return given, everything

    def add(self, chunk: Chunk) -> None:
        """Keep the displacements of the ions."""
        frames = chunk.frames
        keep = self.clock.take(frames.times, frames.n_frames, frames.steps)
        if keep.any():
            positions, cells = np.asarray(frames.positions), np.asarray(frames.cells)
            self.store.add(positions if keep.all() else positions[keep], cells if keep.all() else cells[keep])

    def result(self) -> Result:
        """Numbers of each species under ``ions``, of all together under ``conductivity``; MSDs with their errors."""
        settings, store = self.settings, self.store
        if store.n_frames < FEWEST_FRAMES:
            raise ValueError(f'{store.n_frames} frames are too few for diffusion, expected at least {FEWEST_FRAMES}')
        time, volumes = self.clock.spacing, store.volumes
        warnings = list(self.warnings)
        symbols = np.array(self.system.symbols)
        about = {
            'origins': 'all',
            'drift_removed': list(self.reference),
            'directions': settings.directions,
            'n_frames': store.n_frames,
            'frame_time': time,
        }
        numbers: dict[str, Any] = {
            'n_frames': store.n_frames,
            'frame_time': time,
            'length': (store.n_frames - 1) * time,
            'volume': float(volumes.mean()),
            'drift_removed': list(self.reference),
            'ions': {},
        }
        curves: dict[str, Curve] = {}
        own_msd = np.full(self.system.n_atoms, np.nan)
        species: dict[str, SpeciesNumbers] = {}
        for element in self.ions:
            atoms = np.flatnonzero(symbols == element)
            found = SpeciesNumbers(element, store.of_ions(atoms), self.axes, time, settings.method, self._lags(time))
            species[element] = found
            numbers['ions'][element] = found.numbers()
            curves |= found.curves(about)
            own_msd[atoms] = found.own_msd
            warnings += found.warnings()
        numbers['not_diffusive'] = [element for element, found in species.items() if not found.fit.regime.diffusive]
        if settings.temperature is not None and self.charges:
            weights = np.array([self.counts[e] * self.charges.get(e, 0.0) for e in self.system.elements])
            displacement = np.einsum('ftd,t->fd', store.by_type(), weights)[:, self.axes]
            together = ConductivityNumbers(
                species, displacement, self.counts, self.charges, float(volumes.mean()), settings.temperature, time
            )
            numbers['conductivity'] = together.numbers(self.all_charged)
            curves |= together.curves(about)
            warnings += together.warnings()
        elif settings.temperature is None:
            warnings.append('temperature: not given, so there is no conductivity')
        warnings += self._oddities(volumes)
        units = {
            'frame_time': 'ps', 'length': 'ps', 'volume': 'Å³', 'D': 'cm²/s', 'D_window': 'cm²/s',
            'D_gls': 'cm²/s', 'intercept': 'Å²', 'msd_longest': 'Å²', 'lag_of_own_msd': 'ps', 'nernst_einstein': 'S/cm',
            'collective': 'S/cm', 'D_sigma': 'cm²/s', 'temperature': 'K', 'conductivity.charges': 'e',
            'conductivity.window': 'ps',
        }  # fmt: skip
        for element in self.ions:
            units |= {
                f'ions.{element}.{key}': unit
                for key, unit in (('D_by_direction', 'cm²/s'), ('D_blocks', 'cm²/s'), ('window', 'ps'))
            }
        return Result(numbers, units, curves, {'own_msd': own_msd}, warnings)

    def _lags(self, time: float) -> tuple[int, int] | None:
        """The window in frames."""
        window = self.settings.window
        if window is None:
            return None
        first, last = (round(value / time) for value in window)
        if not 1 <= first < last < self.store.n_frames:
            raise ValueError(
                f'window: {window[0]:g} to {window[1]:g} ps, expected within {time:g} ps (one frame) and '
                f'{(self.store.n_frames - 1) * time:g} ps (the run)'
            )
        return first, last

    def _oddities(self, volumes: FloatArray) -> list[str]:
        """What is odd about the trajectory."""
        found = []
        if self.clock.left_out:
            found.append(f'{self.clock.left_out} frames stand twice, at the same time; each was taken once')
        if not self.reference:
            found.append('no drift was removed: no framework was named')
        tenth = max(1, len(volumes) // 10)
        change = float(volumes[-tenth:].mean() / volumes[:tenth].mean() - 1)
        if abs(change) > _AGEING_VOLUME:
            found.append(f'the volume changes by {100 * change:+.1f} % over the run: it is not at equilibrium')
        return found
