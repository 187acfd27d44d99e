"""The numbers of the benchmark of active learning as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

UNITS = {'density': ' (g/cm³)', 'potential_energy_per_atom': ' (eV)'}


def loop_table(loop: Mapping[str, Any]) -> list[str]:
    """One loop: its course, its errors, and both potentials side by side."""
    lines = [
        '',
        f'## Seed {loop["seed"]}: exit {loop["exit_status"]} {loop["exit_message"] or ""}, {loop["wall"]:.0f} s',
    ]
    head = ['iteration', 'stage', 'levels, eV/Å', 'accurate', 'candidate', 'failed', 'labels', 'held-out, meV/Å']
    lines += ['', *rows([*head, 'gate', 'then'])]
    for row in loop['iterations']:
        share = row['fractions']
        lines.append(
            _row(
                [
                    row['iteration'].removeprefix('iteration_'), row['stage'],
                    f'{row["levels"][0]:.2f}, {row["levels"][1]:.2f}',
                    *(f'{100 * (share.get(kind) or 0):.1f} %' for kind in ('accurate', 'candidate', 'failed')),
                    row['labels'], f'{row["force_rmse_mev"]:.0f}', row['gate'], row['action'],
                ]
            )
        )  # fmt: skip
    lines += force_table(loop.get('forces') or {})
    lines += [f'failed: {name}: {words}' for name, words in (loop.get('failed') or {}).items()]
    if 'glass' in loop:
        lines += side_table(loop['glass']['numbers'])
        lines += ['', *rows(['R_χ of T(r) against the teacher, %', 'pair', 'teacher, other seeds', 'learned'])]
        for what in ('glass', 'melt'):
            values = loop[what]['r_chi']
            lines += [
                _row([what, pair, f'{value:.1f}', f'{values["learned"][pair]:.1f}'])
                for pair, value in values['teacher_again'].items()
            ]
        lines += ['', *rows(['diffusion, cm²/s', 'mean', 'standard error', 'blocks'])]
        lines += [
            _row([side, f'{entry["mean"]:.3g}', f'{entry["standard_error"]:.1g}', entry['n']])
            for side, entry in loop['melt']['diffusion'].items()
        ]
    return lines


def side_table(numbers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Numbers of the glasses: teacher, teacher with other seeds, learned; and by how many errors they differ."""
    lines = ['', *rows(['glass', *numbers, 'learned − teacher, in its error'])]
    for name, entry in numbers['teacher'].items():
        cells = [_value(side.get(name)) for side in numbers.values()]
        difference, error = _difference(numbers['learned'].get(name), entry)
        sigmas = f'{difference:+.3g} ± {error:.2g}' if error else f'{difference:+.3g}'
        lines.append(_row([name + UNITS.get(name, ''), *cells, sigmas]))
    return lines


def force_table(forces: Mapping[str, Any]) -> list[str]:
    """Errors of each member on each test set."""
    lines = ['', *rows(['test set', 'model', 'force, meV/Å', 'of the forces', 'energy, meV/atom', 'frames'])]
    for name, members in forces.items():
        for member, entry in members.items():
            force = f'{1e3 * entry["force_rmse"]:.0f} ± {1e3 * entry["force_rmse_error"]:.0f}'
            share = f'{100 * entry["force_rmse"] / entry["reference_rms"]:.0f} %'
            lines.append(_row([name, member, force, share, f'{entry["energy_rmse_mev"]:.1f}', entry['n_frames']]))
    return lines


def baseline_table(arms: Mapping[str, Mapping[Any, Any]]) -> list[str]:
    """Force errors of the last committees of each arm, and of nets trained alike on what it labelled."""
    return [
        *_arms_table('last committee', arms, 'forces'),
        *_arms_table('trained alike', arms, 'alike'),
    ]


def _arms_table(title: str, arms: Mapping[str, Mapping[Any, Any]], kind: str) -> list[str]:
    """Mean over seeds of the members' mean, standard error over seeds; ratios to the loop's own selection by seed."""
    errors = {
        arm: {
            test: [1e3 * np.mean([entry['force_rmse'] for entry in run[kind][test].values()]) for run in runs.values()]
            for test in next(iter(runs.values()))[kind]
        }
        for arm, runs in arms.items()
        if all(kind in run for run in runs.values())
    }
    tests = list(errors['ours'])
    heads = (f'force on {test}, meV/Å' for test in tests)
    lines = ['', *rows([title, 'labels', *heads, 'over ours, by seed'])]
    for arm, of_tests in errors.items():
        labels = ', '.join(str(run['labels']) for run in arms[arm].values())
        ratios = [np.divide(of_tests[test], errors['ours'][test]) for test in tests]
        told = ', '.join('/'.join(f'{ratio:.2f}' for ratio in of_seeds) for of_seeds in ratios)
        lines.append(_row([arm, labels, *(_mean_error(of_tests[test]) for test in tests), told]))
    return lines


def rows(names: Iterable[str]) -> list[str]:
    """Head of a table."""
    names = list(names)
    return [_row(names), '|' + '---|' * len(names)]


def _row(cells: Iterable[Any]) -> str:
    return '| ' + ' | '.join(str(cell) for cell in cells) + ' |'


def _value(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return str(entry)
    error = entry.get('standard_error')
    return f'{entry["mean"]:.4g} ± {error:.1g}' if error is not None else f'{entry["mean"]:.4g}'


def _difference(learned: Any, teacher: Any) -> tuple[float, float]:
    if not isinstance(learned, Mapping) or not isinstance(teacher, Mapping):
        return float('nan'), 0.0
    one, other = (float(entry.get('standard_error') or 0.0) for entry in (learned, teacher))
    return learned['mean'] - teacher['mean'], float(np.hypot(one, other))


def _mean_error(values: list[Any]) -> str:
    mean = float(np.mean(values))
    return f'{mean:.0f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.0f}' if len(values) > 1 else f'{mean:.0f}'
