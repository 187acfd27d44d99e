"""What a diffusion analysis tells of one species, and of all charges together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.kernels.transport.conductivity import (
    FINITE_SIZE_NOTE,
    Conductivity,
    einstein_helfand,
    haven_ratio,
    nernst_einstein,
    per_diffusion,
)
from aiida_glassion.kernels.transport.diffusion import (
    Method,
    block_values,
    diffusion_coefficient,
    fit_diffusion,
    widened_by_blocks,
)
from aiida_glassion.kernels.transport.line import fit_lags, msd_errors
from aiida_glassion.kernels.transport.msd import msd_per_ion
from aiida_glassion.kernels.transport.regime import log_log_slope

FloatArray = npt.NDArray[np.floating[Any]]

_CURVE_POINTS = 200
_EXPONENT_POINTS = 40
_AGEING = 3.0
"""Standard errors between the halves of a run that are worth a word."""


def with_interval(value: float, error: float, interval: tuple[float, float], n: int) -> dict[str, Any]:
    """A number with its standard error and 95 % interval."""
    return {'mean': value, 'standard_error': error, 'low': interval[0], 'high': interval[1], 'n': n}


class SpeciesNumbers:
    """D of one element.

    :param pieces: displacements of its ions, consecutive pieces (n, n_ions, 3), Å.
    :param axes: Cartesian directions that count.
    :param time: ps between frames.
    :param lags: window of the fit, frames; None: found.
    """

    def __init__(
        self,
        element: str,
        pieces: Sequence[FloatArray],
        axes: Sequence[int],
        time: float,
        method: Method,
        lags: tuple[int, int] | None,
    ) -> None:
        self.element, self.time, self.axes = element, time, list(axes)
        chosen = list(pieces) if len(self.axes) == 3 else [piece[..., self.axes] for piece in pieces]
        alone, self.msd = diffusion_coefficient(chosen, time, method, lags)
        self.blocks = block_values(chosen, time, round(alone.window[0] / time)) if method == 'gls' else None
        self.fit = widened_by_blocks(alone, self.blocks)
        self.model_error = alone.error
        other: Method = 'window' if method == 'gls' else 'gls'
        self.other = fit_diffusion(self.msd, time, other, spread=self.fit.spread)
        self.method = method
        self.own_lag = max(1, self.msd.n_frames // 10)
        self.own_msd = msd_per_ion(chosen, [self.own_lag])[0]

    @property
    def lags(self) -> tuple[int, int]:
        """First and last lag of the fit, frames."""
        return round(self.fit.window[0] / self.time), round(self.fit.window[1] / self.time)

    def numbers(self) -> dict[str, Any]:
        """D with its interval, by both methods, by direction and by blocks of the run; and whether it is one."""
        fit, n = self.fit, self.msd.n_ions
        other = self.other
        return {
            'D': with_interval(fit.D, fit.error, fit.interval(), n),
            'method': self.method,
            f'D_{other.method}': with_interval(other.D, other.error, other.interval(), n),
            'D_by_direction': {
                'xyz'[axis]: {'mean': float(value), 'standard_error': float(error), 'n': n}
                for axis, value, error in zip(self.axes, fit.D_by_direction, fit.errors_by_direction, strict=True)
            },
            'D_blocks': None if self.blocks is None else self.blocks.tolist(),
            'widened_by_blocks': fit.widened,
            'diffusive': fit.regime.diffusive,
            'reason': fit.regime.reason,
            'exponent': _exponent(fit.regime.exponent, fit.regime.error, n),
            'late_exponent': _exponent(fit.regime.late, fit.regime.late_error, n),
            'window': {'first': fit.window[0], 'last': fit.window[1]},
            'intercept': {'mean': fit.intercept, 'standard_error': fit.intercept_error, 'n': n},
            'msd_longest': float(self.msd.total[-1]),
            'lag_of_own_msd': self.own_lag * self.time,
            'spread_of_ions': fit.spread,
            'chi2': fit.chi2,
        }

    def curves(self, about: Mapping[str, Any]) -> dict[str, Curve]:
        """``msd_Na``, ``msd_Na_x`` …, and the exponent between a lag and twice as long, ``exponent_Na``."""
        msd, name = self.msd, self.element
        lags = fit_lags(1, int(msd.lags[-1]), _CURVE_POINTS)
        errors = msd_errors(msd, lags, self.lags, spread=self.fit.spread)
        times = lags * self.time
        mine = {**about, 'n_ions': msd.n_ions, 'window': list(self.fit.window), 'intercept': self.fit.intercept}
        mine['error'] = 'closed form for Gaussian walkers of the fitted line, and the spread of the ions'
        curves = {f'msd_{name}': Curve(times, msd.total[lags], 't', 'ps', f'MSD_{name}(t)', 'Å²', errors, about=mine)}
        if len(self.axes) > 1:
            for column, axis in enumerate(self.axes):
                curves[f'msd_{name}_{"xyz"[axis]}'] = Curve(
                    times, msd.by_direction[lags, column], 't', 'ps', f'MSD_{name},{"xyz"[axis]}(t)', 'Å²', about=mine
                )
        starts = fit_lags(1, max(1, int(msd.lags[-1]) // 2), _EXPONENT_POINTS)
        slopes = np.array([log_log_slope(msd, lag, 2 * lag) for lag in starts.tolist()])
        known = np.isfinite(slopes).all(axis=1)
        curves[f'exponent_{name}'] = Curve(
            starts[known] * self.time, slopes[known, 0], 't', 'ps', 'd ln MSD/d ln t', '', slopes[known, 1],
            about={**mine, 'between': 't and 2t'},
        )  # fmt: skip
        return curves

    def warnings(self) -> list[str]:
        """Not diffusive, or not the same in both halves."""
        found = []
        if not self.fit.regime.diffusive:
            found.append(
                f'{self.element} is not diffusive: {self.fit.regime.reason}; its D is no diffusion coefficient'
            )
        if self.blocks is not None:
            one, two = np.split(self.blocks, 2)
            within = float(np.sqrt((one.var(ddof=1) + two.var(ddof=1)) / len(one)))
            # half a run has √2 times the error of the whole, the difference of two halves twice that
            error = max(within, 2 * self.model_error, 1e-300)
            if (apart := abs(float(one.mean() - two.mean())) / error) > _AGEING:
                found.append(
                    f'{self.element}: D of the first half of the run, {one.mean():.3g} cm²/s, and of the second, '
                    f'{two.mean():.3g}, are {apart:.1f} standard errors apart: it was not at equilibrium'
                )
        return found


class ConductivityNumbers:
    """Conductivity of independent ions and of all charges together, over the same lags as the fastest species."""

    def __init__(
        self,
        species: Mapping[str, SpeciesNumbers],
        displacement: FloatArray,
        counts: Mapping[str, int],
        charges: Mapping[str, float],
        volume: float,
        temperature: float,
        time: float,
    ) -> None:
        self.temperature, self.charges, self.time = temperature, dict(charges), time
        self.tracer = nernst_einstein(
            {element: (found.fit.D, found.fit.error) for element, found in species.items()},
            counts, charges, volume, temperature,
        )  # fmt: skip
        fastest = max(species.values(), key=lambda found: found.fit.D)
        self.lags = fastest.lags
        self.collective = einstein_helfand(displacement, time, volume, temperature, fastest.method, self.lags)
        squares = sum(counts[element] * charges[element] ** 2 for element in species)
        self.factor = per_diffusion(squares, volume, temperature)

    def numbers(self, all_charged: bool) -> dict[str, Any]:
        """σ by both ways, Haven ratio, D_σ."""
        collective, fit = self.collective.conductivity, self.collective.fit
        positive = collective.value > 0
        haven = haven_ratio(self.tracer, collective) if positive else None
        return {
            'temperature': self.temperature,
            'charges': self.charges,
            'charges_of': 'all elements' if all_charged else 'mobile ions, in the frame of the framework',
            'nernst_einstein': _conductivity(self.tracer),
            'collective': _conductivity(collective),
            'D_sigma': {
                'mean': collective.value / self.factor,
                'standard_error': collective.error / self.factor,
                'n': 1,
            },
            'haven_ratio': None
            if haven is None
            else {
                'mean': haven.value,
                'standard_error': haven.error,
                'low': haven.low,
                'high': haven.high if np.isfinite(haven.high) else None,
                'n': 1,
            },
            'exponent': _exponent(fit.regime.exponent, fit.regime.error, 1),
            'window': {'first': fit.window[0], 'last': fit.window[1]},
            'finite_size': FINITE_SIZE_NOTE,
        }

    def curves(self, about: Mapping[str, Any]) -> dict[str, Curve]:
        """``mscd``, ⟨|Σ z_i Δr_i|²⟩ of the whole cell."""
        mscd = self.collective.mscd
        lags = fit_lags(1, int(mscd.lags[-1]), _CURVE_POINTS)
        return {
            'mscd': Curve(
                lags * self.time, mscd.total[lags], 't', 'ps', '⟨|Σ z Δr|²⟩(t)', 'e²Å²',
                msd_errors(mscd, lags, self.lags),
                about={**about, 'charges': self.charges, 'window': list(self.collective.fit.window)},
            )
        }  # fmt: skip

    def warnings(self) -> list[str]:
        """A collective conductivity that the run does not tell."""
        sigma = self.collective.conductivity
        if sigma.value <= 2 * sigma.error:
            return [
                f'collective conductivity {sigma.value:.2g} ± {sigma.error:.2g} S/cm: the run is too short to tell it, '
                'and with it the Haven ratio'
            ]
        return []


def _exponent(value: float, error: float, n: int) -> dict[str, Any] | None:
    """An exponent with its error; None where nothing moves."""
    return {'mean': value, 'standard_error': error, 'n': n} if np.isfinite([value, error]).all() else None


def _conductivity(sigma: Conductivity) -> dict[str, Any]:
    return with_interval(sigma.value, sigma.error, sigma.interval(), 1)
