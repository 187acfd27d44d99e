"""How flexible the framework is, and whether ions move where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis
from aiida_glassion.analysis.block_numbers import elements_among, require_periodic
from aiida_glassion.analysis.motion import MOTION_UNITS, Motion, MotionSettings, labels_of
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System, View
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.transport.displacements import Unwrap
from aiida_glassion.kernels.transport.flexibility import (
    PARTS,
    JumpFinder,
    MovingWindows,
    Window,
    correlation,
    nearby_mean,
)
from aiida_glassion.kernels.transport.heterogeneity import mean_with_error
from aiida_glassion.kernels.transport.lags import LagStream
from aiida_glassion.kernels.transport.van_hove import DisplacementSums

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_BIN, _WIDEST = 0.02, 5.0
_FEWEST_IONS = 5


class FlexibilitySettings(MotionSettings):
    """Settings of flexibility.

    :param unwrap: as in :class:`.MotionSettings`, but jumps are undone by default: a framework does not go far.
    :param formers: elements whose atoms are watched; default: the network formers.
    :param window: ps, in which a position spreads; longer than a vibration, shorter than a stay of an ion.
    :param jump: Å, how far an atom must go from one window to the next to have jumped.
    :param reach: Å, formers so near to an ion make the flexibility around it.
    :param longest: longest lag of the formers' MSD, as share of the run.
    :param labels: a number from 0 for each atom, of its region; default: one region.
    :param label_names: of the numbers, in their order.
    """

    unwrap: Unwrap = 'minimum_image'
    formers: list[str] | None = None
    window: float = Field(default=5.0, gt=0)
    jump: float = Field(default=1.0, gt=0, le=20)
    reach: float = Field(default=4.5, gt=0.5, le=15)
    longest: float = Field(default=0.5, gt=0, le=1)
    labels: list[int] | None = None
    label_names: list[str] | None = None


class FlexibilityAnalysis(Analysis[FlexibilitySettings]):
    """Spread, jumps and MSD of the formers, spread of their units, and the correlation with the ions near by."""

    Settings = FlexibilitySettings

    def __init__(self, settings: FlexibilitySettings, system: System) -> None:
        super().__init__(settings, system)
        require_periodic(system, 'flexibility')
        formers = [element for element in system.elements if system.roles[element] == 'former']
        if settings.formers is None and not formers:
            raise ValueError(f'formers: none of {", ".join(system.elements)} is a network former; name what is watched')
        self.formers = elements_among(system, formers if settings.formers is None else settings.formers, 'formers')
        has_ions = settings.ions is not None or 'modifier' in system.roles.values()
        self.motion = Motion(settings if has_ions else settings.model_copy(update={'ions': self.formers}), system)
        if not has_ions:
            self.motion = _framework_alone(self.motion, settings, system)
        self.regions, self.names = labels_of(settings.labels, settings.label_names, system)
        self.atoms = np.flatnonzero(np.isin(self.motion.symbols, self.formers))
        self.ions = {e: self.motion.atoms_of(e) for e in self.motion.ions if has_ions and e not in self.formers}
        self.moved = np.concatenate([self.atoms, *self.ions.values()])
        self.n_formers = len(self.atoms)
        self.stream, self.sums = LagStream(), DisplacementSums(np.zeros(self.n_formers, np.int64))
        self.windows: MovingWindows | None = None
        self.jumps = JumpFinder(self.n_formers, settings.jump)
        self.spread, self.unit_spread = BlockSums(), BlockSums()
        self.histogram: dict[str, BlockSums] = {element: BlockSums() for element in self.formers}
        self.together: dict[str, BlockSums] = {element: BlockSums() for element in self.ions}
        self.members = self.starts = self.sizes = np.zeros(0, dtype=np.int64)
        self._waiting: list[FloatArray] = []
        self._taken = 0

    def add(self, chunk: Chunk) -> None:
        """Move the windows on."""
        for moment in self.motion.take(chunk):
            if not len(self.members):
                units = self._units(moment.view)
                self.members, sizes = np.concatenate(units), np.array([len(unit) for unit in units])
                self.starts, self.sizes = np.cumsum(sizes) - sizes, sizes[:, None]
            formers = np.ascontiguousarray(moment.positions[self.atoms].T)
            for place, lag, then in self.stream.add(formers):
                self.sums.add(place, lag, formers, then)
            centres = np.add.reduceat(moment.positions[self.members], self.starts) / self.sizes
            self._waiting.append(np.concatenate([moment.positions[self.moved], centres]))
            if self.motion.n_frames < 2:
                continue
            if self.windows is None:
                length = self.settings.window / self.motion.frame_time
                if length < PARTS:
                    raise ValueError(
                        f'window: {self.settings.window:g} ps holds {length:.1f} frames, expected at least {PARTS}: '
                        f'{PARTS * self.motion.frame_time:g} ps'
                    )
                self.windows = MovingWindows(len(self.moved) + self.n_formers, round(length))
            for positions in self._waiting:
                window = self.windows.add(positions)
                if window is not None:
                    self._take(window)
            self._waiting = []

    def _units(self, view: View) -> list[IntArray]:
        """Each former and the anions that are bonded to it in the first frame."""
        bonds = view.bonds
        is_anion = np.array([self.system.roles[symbol] == 'anion' for symbol in self.system.symbols])
        kept = is_anion[bonds.second]
        first, second = bonds.first[kept], bonds.second[kept]
        return [np.append(second[first == atom], atom).astype(np.int64) for atom in self.atoms]

    def _take(self, window: Window) -> None:
        n, m = self.n_formers, len(self.moved)
        self.jumps.add(Window(window.frame, window.mean[:n], window.mean_before[:n], window.spread[:n], window.hop[:n]))
        self._taken += 1
        if (self._taken - 1) % PARTS:
            return
        spread = window.spread[:n]
        self.spread.add(spread)
        self.unit_spread.add(window.spread[m:])
        types = self.motion.symbols[self.atoms]
        for element, sums in self.histogram.items():
            sums.add(np.histogram(spread[types == element], round(_WIDEST / _BIN), (0, _WIDEST))[0])
        start = n
        for element, atoms in self.ions.items():
            of_ions = slice(start, start + len(atoms))
            start += len(atoms)
            before, after = window.mean_before[of_ions], window.mean[of_ions]
            near, counts = nearby_mean(before, window.mean_before[:n], spread, self.motion.cell, self.settings.reach)
            moved = np.linalg.norm(after - before, axis=1)
            use = counts > 0
            if use.sum() >= _FEWEST_IONS and np.ptp(near[use]) > 0 and np.ptp(moved[use]) > 0:
                self.together[element].add([correlation(near[use], moved[use]).spearman])

    def result(self) -> Result:
        """By element of the formers: spread, jumps, MSD; by kind of ion: the correlation with the spread around it."""
        motion, settings = self.motion, self.settings
        if self.windows is None or not self.spread.n:
            raise ValueError(
                f'window: two of {settings.window:g} ps are longer than the run, '
                f'{motion.n_frames} frames; take a shorter one'
            )
        spread, unit_spread = self.spread.mean(), self.unit_spread.mean()
        found = self.jumps.jumps()
        n_jumps = np.bincount(found.atoms, minlength=self.n_formers)
        # a jump needs a window on either side to be seen
        time = (motion.n_frames - 2 * self.windows.length + self.windows.part) * motion.frame_time
        moved = self.sums.displacements(max(1, int(settings.longest * (motion.n_frames - 1))))
        times = np.asarray(moved.lags * motion.frame_time, dtype=np.float64)
        about = {'window': self.windows.length * motion.frame_time, 'window_unit': 'ps', 'windows': self.spread.n}
        numbers: dict[str, Any] = {**motion.numbers(), **about, 'jump': settings.jump, 'formers': {}, 'ions': {}}
        numbers.pop('window_unit')
        curves: dict[str, Curve] = {}
        symbols = motion.symbols[self.atoms]
        for element in self.formers:
            members = np.flatnonzero(symbols == element)
            entry = self._group(
                members, spread, unit_spread, n_jumps, found.lengths[np.isin(found.atoms, members)], time
            )
            if self.regions is not None:
                entry['regions'] = {}
                for region, name in enumerate(self.names):
                    inside = members[self.regions[self.atoms[members]] == region]
                    if len(inside):
                        lengths = found.lengths[np.isin(found.atoms, inside)]
                        entry['regions'][name] = self._group(inside, spread, unit_spread, n_jumps, lengths, time)
            numbers['formers'][element] = entry
            msd, error = mean_with_error(moved.squared[:, members])
            curves[f'msd_{element}'] = Curve(
                times, msd, 't', 'ps', 'MSD', 'Å²', error, None,
                {'drift_removed': motion.reference, 'errors': 'blocks of atoms'},
            )  # fmt: skip
            counts, spread_error = self.histogram[element].mean(), self.histogram[element].error()
            scale = 1 / (len(members) * _BIN)
            curves[f'spread_{element}'] = Curve(
                (np.arange(len(counts)) + 0.5) * _BIN, counts * scale, 'spread', 'Å', 'p(spread)', 'Å⁻¹',
                None if spread_error is None else spread_error * scale, '√⟨(r − ⟨r⟩)²⟩ in a window', about,
            )  # fmt: skip
        warnings = motion.warnings()
        for element, sums in self.together.items():
            if not sums.n:
                warnings.append(f'{element}: too few ions with formers within {settings.reach:g} Å for a correlation')
                continue
            error = sums.error()
            numbers['ions'][element] = {
                'correlation': {
                    'mean': float(sums.mean()[0]),
                    'standard_error': None if error is None else float(error[0]),
                    'n': sums.n,
                }
            }
        arrays = {'spread': np.full(self.system.n_atoms, np.nan), 'jumps': np.zeros(self.system.n_atoms, np.int64)}
        arrays['spread'][self.atoms], arrays['jumps'][self.atoms] = spread, n_jumps
        units = {
            **MOTION_UNITS, 'window': 'ps', 'jump': 'Å', 'spread': 'Å', 'unit_spread': 'Å', 'jump_rate': 'ps⁻¹',
            'jump_length': 'Å',
        }  # fmt: skip
        return Result(numbers, units, curves, arrays, warnings)

    def _group(
        self, members: IntArray, spread: FloatArray, unit_spread: FloatArray, n_jumps: IntArray, lengths: FloatArray,
        time: float,
    ) -> dict[str, Any]:  # fmt: skip
        n = int(n_jumps[members].sum())
        scale = 1 / (len(members) * time)
        found: dict[str, Any] = {
            'n': len(members),
            'n_jumps': n,
            'jump_rate': {'mean': n * scale, 'standard_error': np.sqrt(max(n, 1)) * scale, 'n': n},
            'jump_length': float(lengths.mean()) if len(lengths) else None,
            'share_that_jumped': float((n_jumps[members] > 0).mean()),
        }
        for name, values in (('spread', spread), ('unit_spread', unit_spread)):
            mean, error = mean_with_error(values[None, members])
            found[name] = {
                'mean': float(mean[0]),
                'standard_error': None if error is None else float(error[0]),
                'n': len(members),
            }
        return found


def _framework_alone(motion: Motion, settings: FlexibilitySettings, system: System) -> Motion:
    """Where nothing but the framework is there, all of it rests together."""
    reference = list(system.elements) if settings.reference is None else settings.reference
    return Motion(settings.model_copy(update={'ions': motion.ions, 'reference': reference}), system)
