"""How ions move: non-Gaussian parameter, van Hove functions, mobile and trapped ions, each region for itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis
from aiida_glassion.analysis.block_numbers import require_periodic
from aiida_glassion.analysis.distinct import DistinctSums
from aiida_glassion.analysis.motion import MOTION_UNITS, Motion, MotionSettings, labels_of
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.transport.heterogeneity import N_BLOCKS, Peak, alpha_peak, mean_with_error, non_gaussian
from aiida_glassion.kernels.transport.lags import LagStream
from aiida_glassion.kernels.transport.mobility import split_by_threshold, two_populations
from aiida_glassion.kernels.transport.van_hove import Displacements, DisplacementSums

FloatArray = npt.NDArray[np.float64]

FEWEST_FRAMES = 20
_FEWEST_FOR_MIXTURE = 20


class DynamicsSettings(MotionSettings):
    """Settings of dynamics.

    :param per_octave: lags between one and its double.
    :param longest: longest lag, as share of the run.
    :param bin_width: of the self part, Å.
    :param r_max: end of the self part, Å.
    :param distance: how far an ion must go to count as mobile, Å.
    :param mobility_lag: over which ions are told apart, ps; default: the time of the peak of α₂ where it has one inside
        the run, else the longest lag.
    :param labels: a number from 0 for each atom, of its region (glass, interface, crystal); default: one region.
    :param label_names: of the numbers, in their order.
    :param distinct: pairs of ions whose distinct part is found (``Li-Li``); default: each with itself; empty: none.
    :param distinct_r_max: end of the distinct part, Å.
    :param distinct_every: at least so many frames lie between two origins of the distinct part.
    """

    per_octave: int = Field(default=8, ge=1, le=64)
    longest: float = Field(default=0.5, gt=0, le=1)
    bin_width: float = Field(default=0.1, ge=0.005, le=2)
    r_max: float = Field(default=15.0, gt=1, le=200)
    distance: float = Field(default=2.0, gt=0, le=100)
    mobility_lag: float | None = Field(default=None, gt=0)
    labels: list[int] | None = None
    label_names: list[str] | None = None
    distinct: list[str] | None = None
    distinct_r_max: float = Field(default=8.0, gt=1, le=30)
    distinct_every: int = Field(default=20, ge=1)


class DynamicsAnalysis(Analysis[DynamicsSettings]):
    """Displacements over lags that are dense at short times, in memory that does not grow with the trajectory."""

    Settings = DynamicsSettings
    needs_unwrapped = True

    def __init__(self, settings: DynamicsSettings, system: System) -> None:
        super().__init__(settings, system)
        require_periodic(system, 'dynamics')
        if settings.distance > settings.r_max:
            raise ValueError(f'distance: {settings.distance} Å is beyond r_max, {settings.r_max} Å')
        self.motion = Motion(settings, system)
        self.regions, self.names = labels_of(settings.labels, settings.label_names, system)
        atoms = np.concatenate([self.motion.atoms_of(element) for element in self.motion.ions])
        self.atoms = np.sort(atoms)
        self.elements = self.motion.symbols[self.atoms]
        groups = np.empty(len(self.atoms), dtype=np.int64)
        for number, element in enumerate(self.motion.ions):
            of_element = np.flatnonzero(self.elements == element)
            groups[of_element] = number * N_BLOCKS + np.arange(len(of_element)) % N_BLOCKS
        self.stream = LagStream(settings.per_octave)
        self.sums = DisplacementSums(groups, settings.bin_width, settings.r_max)
        pairs = [f'{e}-{e}' for e in self.motion.ions] if settings.distinct is None else settings.distinct
        self.distinct = DistinctSums(
            pairs, self.elements, settings.bin_width, settings.distinct_r_max, settings.distinct_every
        )

    def add(self, chunk: Chunk) -> None:
        """Compare each frame with those before it."""
        for moment in self.motion.take(chunk):
            now = np.ascontiguousarray(moment.positions[self.atoms].T)
            self.distinct.add(0, now, now, self.motion.cell)
            for place, lag, then in self.stream.add(now):
                self.sums.add(place, lag, now, then)
                self.distinct.add(lag, now, then, self.motion.cell)

    def result(self) -> Result:
        """By element, and by region where atoms have labels: MSD, α₂, mobile ions; van Hove functions by element."""
        motion, settings = self.motion, self.settings
        if motion.n_frames < FEWEST_FRAMES:
            raise ValueError(f'{motion.n_frames} frames are too few for dynamics, expected at least {FEWEST_FRAMES}')
        longest = max(1, int(settings.longest * (motion.n_frames - 1)))
        found = self.sums.displacements(longest)
        about = {'n_frames': motion.n_frames, 'frame_time': motion.frame_time, 'drift_removed': motion.reference}
        numbers: dict[str, Any] = {**motion.numbers(), 'longest_lag': float(found.lags[-1] * motion.frame_time)}
        numbers |= {'distance': settings.distance, 'ions': {}}
        curves: dict[str, Curve] = {}
        n_atoms = self.system.n_atoms
        per_atom = {'squared': np.full(n_atoms, np.nan), 'mobile': np.full(n_atoms, -1, dtype=np.int8)}
        warnings = motion.warnings()
        for number, element in enumerate(motion.ions):
            members = np.flatnonzero(self.elements == element)
            entry, own, lag = self._group(found, members, element, about, warnings)
            curves |= own
            curves |= self._self_part(found, number, element, about)
            per_atom['squared'][self.atoms[members]] = found.squared[lag, members]
            per_atom['mobile'][self.atoms[members]] = found.squared[lag, members] > settings.distance**2
            if self.regions is not None:
                entry['regions'] = {}
                for region, name in enumerate(self.names):
                    inside = members[self.regions[self.atoms[members]] == region]
                    if len(inside):
                        part, own, _ = self._group(found, inside, f'{element}_{name}', about, warnings, lag)
                        entry['regions'][name] = part
                        curves |= own
            numbers['ions'][element] = entry
        curves |= self.distinct.curves(motion.frame_time, longest, about)
        units = {
            **MOTION_UNITS, 'longest_lag': 'ps', 'distance': 'Å', 'alpha2_peak_time': 'ps', 'lag': 'ps',
            'mobile_squared': 'Å²', 'trapped_squared': 'Å²', 'threshold': 'Å²', 'squared': 'Å²', 'msd_longest': 'Å²',
        }  # fmt: skip
        return Result(numbers, units, curves, per_atom, warnings)

    def _group(
        self, found: Displacements, members: npt.NDArray[np.int64], name: str, about: dict[str, Any],
        warnings: list[str], lag: int | None = None,
    ) -> tuple[dict[str, Any], dict[str, Curve], int]:  # fmt: skip
        """Numbers and curves of some ions, and the place of the lag by which they were told apart."""
        times: FloatArray = np.asarray(found.lags * self.motion.frame_time, dtype=np.float64)
        squared, fourth = found.squared[:, members], found.fourth[:, members]
        msd, msd_error = mean_with_error(squared)
        alpha, error = non_gaussian(squared, fourth)
        peak = alpha_peak(times, alpha, error)
        if lag is None:
            lag = self._mobility_lag(times, peak)
            if peak.at_edge and peak.significant and peak.time == times[-1]:
                warnings.append(f'{name}: α₂ still grows at the longest lag, {times[-1]:g} ps: run longer for its peak')
        entry = {
            'n': len(members),
            'msd_longest': _number(float(msd[-1]), None if msd_error is None else float(msd_error[-1]), len(members)),
            'alpha2_peak': _number(peak.value, peak.value_error, len(members)),
            'alpha2_peak_time': peak.time,
            'alpha2_peak_inside': not peak.at_edge,
            'alpha2_significant': peak.significant,
            'mobility': self._mobility(squared[lag], float(times[lag])),
        }
        fractions = np.array([split_by_threshold(row, self.settings.distance).fraction for row in squared])
        n = len(members)
        spread = np.sqrt((fractions * n + 1) / (n + 2) * (1 - (fractions * n + 1) / (n + 2)) / n)
        origins = {**about, 'origins': 'every 2ᵏ-th frame for lags from p·2ᵏ to 2p·2ᵏ', 'errors': 'blocks of ions'}
        mobile = {**origins, 'distance': self.settings.distance, 'errors': 'ions, each counted as one draw'}
        curves = {
            f'msd_{name}': Curve(times, msd, 't', 'ps', 'MSD', 'Å²', msd_error, None, origins),
            f'alpha2_{name}': Curve(times, alpha, 't', 'ps', 'α₂', '', error, '3⟨r⁴⟩/5⟨r²⟩² − 1', origins),
            f'mobile_{name}': Curve(
                times, fractions, 't', 'ps', 'mobile ions', '', spread, 'own mean r² above distance²', mobile
            ),
        }
        return entry, curves, lag

    def _mobility_lag(self, times: FloatArray, peak: Peak) -> int:
        wanted = self.settings.mobility_lag
        if wanted is None:
            wanted = peak.time if peak.significant and not peak.at_edge else float(times[-1])
        elif not times[0] / 1.01 <= wanted <= times[-1] * 1.01:
            raise ValueError(
                f'mobility_lag: {wanted:g} ps, expected {times[0]:g} to {times[-1]:g} ps, the lags there are'
            )
        return int(np.argmin(np.abs(np.log(times / wanted))))

    def _mobility(self, squared: FloatArray, lag: float) -> dict[str, Any]:
        split = split_by_threshold(squared, self.settings.distance)
        found: dict[str, Any] = {
            'lag': lag,
            'mobile_fraction': _number(split.fraction, split.fraction_error, len(squared)),
            'mobile_squared': split.mobile_squared,
            'trapped_squared': split.trapped_squared,
            'carried': split.carried,
        }
        if len(squared) >= _FEWEST_FOR_MIXTURE:
            fit = two_populations(squared)
            found['two_populations'] = {'found': fit.found, 'bic_gain': fit.bic_gain, 'separation': fit.separation}
            if fit.found:
                found['two_populations'] |= {
                    'mobile_fraction': _number(fit.fraction, fit.fraction_error, len(squared)),
                    'trapped_squared': fit.squared[0],
                    'mobile_squared': fit.squared[1],
                    'threshold': fit.threshold,
                }
        return found

    def _self_part(self, found: Displacements, number: int, element: str, about: dict[str, Any]) -> dict[str, Curve]:
        """4πr²G_s for one lag in each octave, with errors from blocks of ions."""
        blocks = [number * N_BLOCKS + k for k in range(N_BLOCKS) if (found.groups == number * N_BLOCKS + k).any()]
        whole, beyond = found.self_van_hove(blocks), found.beyond(blocks)
        error = None
        if len(blocks) > 1:
            error = np.std([found.self_van_hove([b]) for b in blocks], axis=0, ddof=1) / np.sqrt(len(blocks))
        octaves = [k for k, lag in enumerate(found.lags) if lag & (lag - 1) == 0]
        return {
            f'van_hove_self_{element}_{found.lags[k]}': Curve(
                found.radii, whole[k], 'r', 'Å', '4πr²G_s', 'Å⁻¹', None if error is None else error[k],
                'integral 1',
                {**about, 'lag': float(found.lags[k] * self.motion.frame_time), 'lag_unit': 'ps',
                 'beyond': float(beyond[k]), 'errors': 'blocks of ions'},
            )
            for k in octaves
        }  # fmt: skip


def _number(mean: float, error: float | None, n: int) -> dict[str, Any]:
    return {'mean': mean, 'standard_error': error, 'n': n}
