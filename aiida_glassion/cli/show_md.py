"""``glassion show`` of an MD run: its stages, thermodynamic means, speed, and whether it can go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.values import with_error
from aiida_glassion.kernels.statistics import block_standard_error
from aiida_glassion.schedule import Timeless, duration_of, read_schedule

if TYPE_CHECKING:
    from rich.console import RenderableType

_MEANS = ('temperature', 'pressure', 'density', 'potential_energy', 'total_energy')
_LEAST_ROWS = 4


def md_summary(node: Any) -> dict[str, Any]:
    """Everything that an MD run gave, as plain numbers; energies of the whole cell, eV.

    :param node: MdCalculation or MdWorkChain, ended or not.
    """
    inputs = node.inputs.md if 'md' in node.inputs else node.inputs
    outputs = node.outputs
    thermo = outputs.thermo.arrays if 'thermo' in outputs else None
    results = outputs.results.get_dict() if 'results' in outputs else {}
    schedule = read_schedule(inputs.schedule.get_dict())
    done = results.get('stages_done', [])
    stages = []
    for plan in schedule.plan():
        stage = plan.stage
        entry: dict[str, Any] = {
            'name': stage.name,
            'kind': stage.kind,
            'steps': plan.steps,
            'done': plan.index in done,
        }
        if not isinstance(stage, Timeless):
            entry |= {'ensemble': stage.ensemble, 'duration': duration_of(stage), 'temperature': stage.temperature}
            entry['temperature_end'] = getattr(stage, 'temperature_end', stage.temperature)
        stages.append(entry | ({} if thermo is None else {'means': stage_means(thermo, plan.index)}))
    potential = inputs.potential
    return {
        **parts.process_facts(node),
        'potential': {'pk': potential.pk, 'name': potential.base.attributes.get('name')},
        'stages': stages,
        'results': results,
        'outputs': parts.outputs_of(node),
        'units': {'duration': 'ps', 'temperature': 'K', 'pressure': 'GPa', 'density': 'g/cm³', 'energy': 'eV'},
    }


def stage_means(thermo: Mapping[str, Any], stage: int) -> dict[str, Any]:
    """Mean and standard error of thermodynamic quantities in a stage, errors by blocking.

    :param thermo: arrays by name.
    :param stage: index of the stage; a minimisation gives nothing.
    """
    rows = (thermo['stage'] == stage) & (thermo['iteration'] == 0)
    if rows.sum() < _LEAST_ROWS:
        return {}
    means = {}
    for name in _MEANS:
        values = np.asarray(thermo[name][rows], dtype=float)
        error = float(block_standard_error(values).standard_error) if np.isfinite(values).all() else None
        means[name] = {'mean': float(values.mean()), 'standard_error': error, 'last': float(values[-1])}
    return means


def md_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of an MD run.

    :param content: what :func:`md_summary` gave.
    :param replicas: of no meaning here.
    """
    results = content['results']
    columns = ['stage', '<', 'steps', 'T / K', 'p / GPa', 'ρ / g/cm³', 'E_pot / eV']
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    shown += [parts.blank(), parts.numbers_table('Stages', columns, (_stage_row(s) for s in content['stages']))]
    warnings = results.get('warnings', [])
    shown += parts.warning_lines([*warnings, *results.get('problems', [])])
    shown += parts.warning_lines(results.get('errors', []), '✗', 'red')
    if content['outputs']:
        outputs = ', '.join(f'{name} {pk}' for name, pk in content['outputs'].items())
        shown += [parts.blank(), parts.facts_table([('outputs (pk)', outputs)])]
    if content['state'] in ('created', 'running', 'waiting'):
        shown.append(parts.next_line(f'glassion watch {content["pk"]}'))
    return shown


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    results, potential = content['results'], content['potential']
    yield 'potential', f'{potential["name"]} (pk {potential["pk"]})'
    if not results:
        return
    yield 'steps', f'{results["last_step"]} of {results["steps_wanted"]}'
    speed = results.get('atom_steps_per_second')
    if speed:
        lammps = f', LAMMPS {results["lammps_version"]}' if results.get('lammps_version') else ''
        yield 'speed', f'{speed:.3g} atom-steps/s; {results["loop_seconds"]:.1f} s in the loops{lammps}'
    if results.get('segments', 1) > 1:
        yield 'pieces', f'{results["segments"]}, joined'
    restart = results.get('newest_restart')
    if restart and not results.get('finished'):
        yield 'can go on', f'from step {restart["step"]} of stage {restart["stage"]}, file {restart["file"]}'


def _stage_row(stage: Mapping[str, Any]) -> list[str]:
    """What a stage was to do and what it measured; of a ramp, where it ended."""
    mark = '✓' if stage['done'] else '·'
    if 'duration' not in stage:
        return [f'{mark} {stage["name"]}', stage['kind'], '', '', '', '', '']
    ramp = stage['temperature'] != stage['temperature_end']
    target = f'{stage["temperature"]:g} → {stage["temperature_end"]:g} K' if ramp else f'{stage["temperature"]:g} K'
    means = stage.get('means') or {}
    cells = [_cell(means.get(name), ramp) for name in ('temperature', 'pressure', 'density', 'potential_energy')]
    words = f'{stage["ensemble"].upper()} {target}, {stage["duration"]:g} ps'
    return [f'{mark} {stage["name"]}', words, str(stage['steps']), *cells]


def _cell(entry: Mapping[str, Any] | None, ramp: bool) -> str:
    if not entry:
        return ''
    return f'→ {entry["last"]:.4g}' if ramp else with_error(entry['mean'], entry['standard_error'])
