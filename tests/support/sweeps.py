"""Diffusion sweeps made of numbers: what the analyses of runs would say if D were known."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_glassion import units
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.transport.conductivity import Conductivity, haven_ratio, per_diffusion
from aiida_glassion.kernels.transport.diffusion import positive_interval
from aiida_glassion.kernels.transport.sweep_plan import plan_runs
from aiida_glassion.kernels.transport.sweep_point import density_of

SILICATE = {'Na': 20, 'Si': 40, 'O': 90}
DISILICATE = {'Na': 40, 'Si': 40, 'O': 100}


def number(value: float, error: float, n: int = 1) -> dict[str, Any]:
    low, high = positive_interval(value, error)
    return {'mean': value, 'standard_error': error, 'low': low, 'high': high, 'n': n}


def numbers_of(
    counts: dict[str, int],
    temperature: float,
    D: float,
    error: float,
    *,
    diffusive: bool = True,
    collective: float = 2.0,
) -> dict[str, Any]:
    """What an analysis of diffusion says, as `analysis.store.as_dict` writes it; collective: σ over that of D."""
    length, volume = 100.0, 13.0 * sum(counts.values())
    factor = per_diffusion(counts['Na'], volume, temperature)
    sigma = Conductivity(factor * D, factor * error)
    together = Conductivity(collective * sigma.value, 0.3 * collective * sigma.value)
    haven = haven_ratio(sigma, together) if collective > 0 else None
    reason = (
        'MSD grows as t^1.00±0.02' if diffusive else 'MSD grows as t^0.42±0.05, slower than diffusion (t^0.9 to t^1.1)'
    )
    ion = {
        'D': number(D, error, counts['Na']),
        'diffusive': diffusive,
        'reason': reason,
        'exponent': {'mean': 1.0 if diffusive else 0.42, 'standard_error': 0.02, 'n': counts['Na']},
        'window': {'first': 5.0, 'last': 50.0},
        'msd_longest': 1.5 + 6 * length * D / units.ANGSTROM2_PER_PS_TO_CM2_PER_S,
    }
    conductivity = {
        'temperature': temperature,
        'charges': {'Na': 1.0},
        'nernst_einstein': number(sigma.value, sigma.error),
        'collective': number(together.value, together.error),
        'haven_ratio': haven and number(haven.value, haven.error),
    }
    found = {'length': length, 'volume': volume, 'ions': {'Na': ion}, 'conductivity': conductivity}
    return {
        'system': {'counts': counts, 'roles': network_roles(counts), 'bond_lengths': {'O-Si': 1.62}},
        'analyses': {'diffusion': {'numbers': found}},
        'failed': {},
    }


def results_of(numbers: dict[str, Any], temperature: float, seed: int) -> dict[str, Any]:
    found = numbers['analyses']['diffusion']['numbers']
    ion = found['ions']['Na']
    return {
        'temperature': temperature,
        'seed': seed,
        'length': found['length'],
        'n_segments': 3,
        'status': 'converged' if ion['diffusive'] else 'not_diffusive',
        'reason': ion['reason'],
        'relative_error': {'Na': ion['D']['standard_error'] / ion['D']['mean']},
        'volume': found['volume'],
        'density': density_of(numbers['system']['counts'], found['volume']),
    }


def arrhenius_D(temperature: float, energy: float = 0.6, prefactor: float = 2e-3) -> float:
    return float(prefactor * np.exp(-energy / (units.KB_EV_PER_K * temperature)))


def sweep_pieces(
    temperatures=(600.0, 800.0, 1000.0, 1200.0),
    glasses=None,
    replicas: int = 2,
    *,
    too_cold: float = 700.0,
    relative: float = 0.05,
    seed: int = 3,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Plan and pieces of a sweep, as the work chain gives them to `summarise_sweep`; below `too_cold` nothing diffuses.

    By default: two glasses of 20Na2O-40SiO2 and so on, of two compositions, the richer one with the lower barrier.
    """
    glasses = glasses or {'poor_a': SILICATE, 'poor_b': SILICATE, 'rich': DISILICATE}
    random, plan, pieces = np.random.default_rng(seed), {}, {}
    for run in plan_runs(temperatures, list(glasses), replicas, seed):
        counts = glasses[run.glass]
        true = arrhenius_D(run.temperature, 0.6 if counts['Na'] < 30 else 0.5)
        measured = true * float(np.exp(relative * random.normal()))
        numbers = numbers_of(
            counts, run.temperature, measured, relative * measured, diffusive=run.temperature > too_cold
        )
        about = {'temperature': run.temperature, 'glass': run.glass, 'seed': run.seed, 'counts': counts}
        plan[run.label] = about
        pieces[f'results_{run.label}'] = results_of(numbers, run.temperature, run.seed)
        pieces[f'numbers_{run.label}'] = numbers
    return {'runs': plan}, pieces


def sweep_nodes(**choices: Any) -> dict[str, Any]:
    """`results` and `curves` of such a sweep as nodes: two compositions, the coldest temperature left out."""
    from aiida import orm

    from aiida_glassion.functions.transport import summarise_sweep

    plan, pieces = sweep_pieces(**choices)
    return summarise_sweep(orm.Dict(plan), **{label: orm.Dict(piece) for label, piece in pieces.items()})
