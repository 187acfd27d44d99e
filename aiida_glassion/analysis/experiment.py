"""Measured diffraction curves beside those of a simulation: the same quantity, window and range, and R_χ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from aiida_glassion.analysis.base import AnalysisSettings
from aiida_glassion.analysis.result import Curve
from aiida_glassion.kernels.scattering.quantities import (
    PRETTY,
    REAL_SPACE,
    UNITS_OF,
    Quantity,
    Unit,
    check_unit,
    from_correlation,
    from_structure_factor,
)
from aiida_glassion.kernels.scattering.tables import form_factors
from aiida_glassion.kernels.scattering.transform import Window, broaden, correlation_function
from aiida_glassion.kernels.scattering.weights import Normalisation, ratio_of_norms, square_of_mean
from aiida_glassion.kernels.structure.agreement import r_chi

FloatArray = npt.NDArray[np.floating[Any]]
Radiation = Literal['neutron', 'xray']

_LEAST_POINTS = 3


class Experiment(AnalysisSettings):
    """A measured curve and what it is.

    :param name: letters, digits and single underscores.
    :param radiation: ``neutron`` or ``xray``.
    :param quantity: S, S-1, F, i, Q(S-1) in Q; G, D, T, g in r.
    :param unit: of y; see :data:`~aiida_glassion.kernels.scattering.quantities.UNITS_OF`. Default: 1 for S, S-1 and g;
        barn/sr/atom (neutrons) or electron^2/atom (X-rays) for F and i; 1/angstrom for Q(S-1);
        1/angstrom^2 for G, D, T.
    :param normalisation: of S: ``faber-ziman`` or ``mean-square``.
    :param x: increasing, in ``x_unit``.
    :param y: as many.
    :param error: of y, as many, not negative.
    :param x_unit: ``angstrom`` (r in Å, Q in Å⁻¹) or ``nm`` (nm, nm⁻¹).
    :param q_max: Å⁻¹, in r: where the measured S(Q) was cut before the transform; default the end of the
        simulated S(Q).
    :param window: in r: of the transform from Q to r.
    :param resolution: Å⁻¹, standard deviation of the instrument's Gaussian in Q, given to the simulation, on
        top of that of the analysis.
    :param range: part of x that is compared, Å⁻¹ or Å; default all that the simulation covers.
    :param scale: fit the factor of the simulated curve that makes the squared differences least; it is reported.
    """

    name: str = Field('experiment', pattern=r'^[A-Za-z0-9]+(_[A-Za-z0-9]+)*$')
    radiation: Radiation
    quantity: Quantity
    unit: Unit | None = None
    normalisation: Normalisation = 'faber-ziman'
    x: tuple[float, ...]
    y: tuple[float, ...]
    error: tuple[float, ...] | None = None
    x_unit: Literal['angstrom', 'nm'] = 'angstrom'
    q_max: float | None = Field(None, gt=0)
    window: Window = 'none'
    resolution: float = Field(0.0, ge=0)
    range: tuple[float, float] | None = None
    scale: bool = False

    @model_validator(mode='after')
    def _fits_together(self) -> Experiment:
        check_unit(self.quantity, self.unit_of_y)
        if len(self.x) != len(self.y) or (self.error is not None and len(self.error) != len(self.x)):
            raise ValueError(
                f'{self.name}: x, y and error must be of one length, {len(self.x)} and {len(self.y)} given'
            )
        if len(self.x) < _LEAST_POINTS:
            raise ValueError(f'{self.name}: {len(self.x)} points, at least {_LEAST_POINTS} are needed')
        if not (np.diff(self.x) > 0).all():
            at = int(np.argmax(np.diff(self.x) <= 0))
            raise ValueError(f'{self.name}: x must increase; it goes from {self.x[at]:g} to {self.x[at + 1]:g}')
        if self.error is not None and min(self.error) < 0:
            raise ValueError(f'{self.name}: error: {min(self.error):g}, must not be negative')
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f'{self.name}: range: {self.range}, expected low < high')
        wrong = {'barn/sr/atom': 'xray', 'barn/angstrom^2': 'xray', 'electron^2/atom': 'neutron'}.get(self.unit_of_y)
        if self.radiation == wrong:
            raise ValueError(f'{self.name}: unit: {self.unit_of_y} is not one of {self.radiation}')
        absolute = self.unit_of_y not in ('1', '1/angstrom', '1/angstrom^2') or self.quantity in ('T', 'g')
        if absolute and self.normalisation != 'faber-ziman':
            raise ValueError(f'{self.name}: normalisation: {self.quantity} in {self.unit_of_y} knows faber-ziman only')
        if not self.in_real_space and (self.q_max is not None or self.window != 'none'):
            raise ValueError(f'{self.name}: q_max and window belong to quantities in r; {self.quantity} is one in Q')
        return self

    @property
    def in_real_space(self) -> bool:
        """Whether x is r."""
        return self.quantity in REAL_SPACE

    @property
    def unit_of_y(self) -> Unit:
        """The unit given, or the usual one."""
        if self.unit is not None:
            return self.unit
        usual: Unit = UNITS_OF[self.quantity][0]  # type: ignore[assignment]
        return 'electron^2/atom' if usual == 'barn/sr/atom' and self.radiation == 'xray' else usual

    @property
    def points(self) -> FloatArray:
        """(n,), x in Å or Å⁻¹."""
        x = np.array(self.x)
        if self.x_unit == 'angstrom':
            return x
        return x * 10 if self.in_real_space else x / 10

    @property
    def needed_q_max(self) -> float:
        """Å⁻¹: how far the simulated S(Q) must go; 0 where any will do."""
        if self.in_real_space:
            return self.q_max or 0.0
        points = self.points
        return float(points.max() if self.range is None else min(points.max(), self.range[1]))


@dataclass(frozen=True, eq=False)
class Comparison:
    """A measured curve against a simulated one.

    :param numbers: JSON-ready: ``r_chi`` in per cent, and all that its value depends on.
    :param curves: ``experiment_NAME`` and ``simulation_NAME``, on the same points, in the same quantity.
    :param warnings: what was left out.
    """

    numbers: dict[str, Any]
    curves: dict[str, Curve]
    warnings: list[str] = field(default_factory=list)


def match(experiment: Experiment, curves: Mapping[str, Curve]) -> Comparison:
    """Bring the simulated S(Q) to the quantity of an experiment and compare it there.

    R_χ = 100 √(Σ (y_exp − k y_sim)²/Σ y_exp²) over the measured points in the range (A. C. Wright, J. Non-Cryst.
    Solids 159, 264 (1993)), k = 1 or the fitted scale. Between Q points S is linear. In r the simulated S(Q) is cut and
    windowed as the measured one was, and transformed.

    :param curves: with ``S_neutron`` or ``S_xray`` as :class:`.ScatteringAnalysis` makes them.
    :raises ValueError: there is no such curve, it ends before the ``q_max`` of the experiment, or fewer than three
        measured points are in the range.
    """
    name = f'S_{experiment.radiation}'
    if name not in curves:
        raise ValueError(
            f'{experiment.name}: no curve {name} to compare with; add {experiment.radiation} to the radiations'
        )
    curve = curves[name]
    low, high = _known_range(experiment, curve)
    x, y = experiment.points, np.array(experiment.y)
    asked = experiment.range or (-np.inf, np.inf)
    wanted = (x >= asked[0]) & (x <= asked[1])
    inside = wanted & (x >= low - 1e-9) & (x <= high + 1e-9)
    left_out = int((wanted & ~inside).sum())
    n_points = int(inside.sum())
    if n_points < _LEAST_POINTS:
        raise ValueError(
            f'{experiment.name}: {n_points} measured points from {max(low, asked[0]):g} to {min(high, asked[1]):g}, at '
            f' least {_LEAST_POINTS} are needed; x runs from {x[0]:g} to {x[-1]:g}'
        )
    x, y = x[inside], y[inside]
    simulated = _simulated(experiment, curve, x)
    power = float(simulated @ simulated)
    scale = float(y @ simulated) / power if experiment.scale and power > 0 else 1.0
    simulated = scale * simulated
    unit = experiment.unit_of_y
    numbers: dict[str, Any] = {
        'r_chi': r_chi(np.asarray(y), np.asarray(simulated, dtype=np.float64), np.asarray(y)),
        'scale': scale,
        'scale_fitted': experiment.scale,
        'quantity': experiment.quantity,
        'unit': unit,
        'radiation': experiment.radiation,
        'normalisation': experiment.normalisation,
        'low': float(x[0]),
        'high': float(x[-1]),
        'n_points': n_points,
        'resolution': experiment.resolution,
    }
    if experiment.in_real_space:
        numbers |= {'window': experiment.window, 'q_max': experiment.q_max or float(curve.x[-1])}
    about = {**{key: value for key, value in curve.about.items() if key != 'normalisation'}, **numbers}
    axis = ('r', 'Å') if experiment.in_real_space else ('Q', 'Å⁻¹')
    label = f'{experiment.quantity}({axis[0]})' if '(' not in experiment.quantity else experiment.quantity
    common = (*axis, label, PRETTY[unit])
    error = None if experiment.error is None else np.array(experiment.error)[inside]
    overlay = {
        f'experiment_{experiment.name}': Curve(x, y, *common, error, experiment.normalisation, numbers),
        f'simulation_{experiment.name}': Curve(x, simulated, *common, None, experiment.normalisation, about),
    }
    warnings = []
    if left_out:
        warnings.append(
            f'{experiment.name}: {left_out} measured points outside {low:g} to {high:g} {axis[1]}, where the '
            'simulation says something, are left out'
        )
    return Comparison(numbers, overlay, warnings)


def _known_range(experiment: Experiment, curve: Curve) -> tuple[float, float]:
    if not experiment.in_real_space:
        return float(curve.x[0]), float(curve.x[-1])
    if experiment.q_max is not None and experiment.q_max > curve.x[-1] * (1 + 1e-6):
        raise ValueError(
            f'{experiment.name}: q_max: {experiment.q_max:g} Å⁻¹, but the simulated S(Q) ends at {curve.x[-1]:g} Å⁻¹; '
            'raise q_max of the analysis'
        )
    return 0.0, float(curve.about.get('r_max', np.inf))


def _simulated(experiment: Experiment, curve: Curve, x: FloatArray) -> FloatArray:
    """The simulated curve in the quantity of the experiment, at its points."""
    fractions, amplitudes = composition_of(curve)
    excess: FloatArray = (curve.y - 1.0) / ratio_of_norms(fractions, amplitudes, curve.about['normalisation'])
    s: FloatArray = 1.0 + excess * ratio_of_norms(fractions, amplitudes, experiment.normalisation)
    s = broaden(curve.x, s, experiment.resolution)
    square, unit = square_of_mean(fractions, amplitudes), experiment.unit_of_y
    if experiment.in_real_space:
        d = correlation_function(curve.x, s, x, experiment.q_max or float(curve.x[-1]), experiment.window)
        density = float(curve.about['density'])
        return from_correlation(x, d, experiment.quantity, unit, density, float(square[0]))
    at_points = np.interp(x, curve.x, square) if len(square) > 1 else float(square[0])
    return from_structure_factor(x, np.interp(x, curve.x, s), experiment.quantity, unit, at_points)


def composition_of(curve: Curve) -> tuple[FloatArray, FloatArray]:
    """Number fractions (n_types,) and amplitudes (n_types, n_q or 1) behind a total S(Q), from what it says of itself.

    :raises ValueError: it says nothing.
    """
    composition, lengths = curve.about.get('composition'), curve.about.get('scattering_lengths')
    if not composition:
        raise ValueError('the curve does not name the composition it was made with')
    fractions: FloatArray = np.array(list(composition.values()), dtype=np.float64)
    if lengths:
        return fractions, np.array([[lengths[element]] for element in composition], dtype=np.float64)
    return fractions, form_factors(list(composition), curve.x)
