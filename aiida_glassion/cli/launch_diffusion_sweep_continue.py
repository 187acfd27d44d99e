"""A diffusion sweep once more: larger budget, more temperatures or runs; what was done comes from the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from aiida_glassion.cli.errors import GlassionError

_SETTLED = 'converged'


def take_up(given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Builder that goes on from an earlier sweep, checked, and what it will do, ready to print.

    :param given: options of the launcher; ``earlier`` is the PK of the sweep.
    :raises GlassionError: no such sweep, it still runs, or the changed inputs are refused.
    """
    from aiida import orm
    from rich.console import Group

    from aiida_glassion.cli import launch_diffusion_sweep as launcher
    from aiida_glassion.cli import show_parts as parts
    from aiida_glassion.cli.launch_diffusion_sweep_text import describe
    from aiida_glassion.cli.launch_settings import check, with_changes
    from aiida_glassion.workchains import protocols

    node = _sweep(given['earlier'])
    builder = node.get_builder_restart()
    before = node.inputs.settings.get_dict()
    settings = with_changes(protocols.merge(before, launcher.overrides_of(given)), given['changes'])
    temperatures = given['temperatures'] or node.inputs.temperatures.get_list()
    builder.settings = orm.Dict({**settings, 'temperatures': temperatures})
    builder.temperatures = orm.List(list(temperatures))
    if given['seed'] is not None:
        builder.seed = orm.Int(given['seed'])
    if given['max_concurrent'] is not None:
        builder.max_concurrent = orm.Int(given['max_concurrent'])
    ranks = _job_options(builder, given)
    launcher.finish(builder, given)
    check(builder)
    origins = {label: f'pk {glass.pk}' for label, glass in builder.glasses.items()}
    beside = builder.analysis.code.computer.label if 'analysis' in node.inputs else None
    plan = launcher.plan_of(builder, ranks)
    said = describe(plan, builder.md.md.potential.potential, origins, beside)
    title = parts.section(f'Once more: diffusion sweep {node.pk}', f'{node.label} ({_state(node)})')
    return builder, Group(title, *parts.warning_lines(_remarks(node, given), '·', ''), parts.blank(), said)


def _sweep(identifier: str) -> Any:
    from aiida_glassion.cli.show import find_node

    node = find_node(identifier)
    label = getattr(node, 'process_label', None) or type(node).__name__
    if label != 'DiffusionSweepWorkChain':
        raise GlassionError(f'--continue: node {identifier} is {label}, no diffusion sweep.', exit_code=2)
    if not node.is_terminated:
        message = f'--continue: sweep {identifier} has not ended; it goes on by itself.'
        raise GlassionError(message, mend=f'glassion watch {identifier}', exit_code=2)
    return node


def _job_options(builder: Any, given: Mapping[str, Any]) -> int:
    """Lay walltime and options of the scheduler over those of the earlier runs; returns their MPI ranks."""
    from aiida_glassion.cli.launch_inputs import job_options

    options = dict(builder.md.md.metadata.options)
    more = {key: value for key, value in job_options(given).items() if key != 'resources'}
    if given['ranks'] > 1:
        more['resources'] = {**options.get('resources', {}), 'num_mpiprocs_per_machine': given['ranks']}
    builder.md.md.metadata.options = {**options, **more}
    return int((more.get('resources') or options.get('resources') or {}).get('num_mpiprocs_per_machine', 1))


def _remarks(node: Any, given: Mapping[str, Any]) -> Iterator[str]:
    """What was reached, and whether it is taken from the cache."""
    from aiida.manage.caching import get_use_cache

    results = node.outputs.results.get_dict() if 'results' in node.outputs else {}
    runs = [
        run
        for entry in results.get('compositions', {}).values()
        for one in entry['temperatures'].values()
        for run in one['replicas'].values()
    ]
    if runs:
        counts = Counter(run['status'] for run in runs)
        others = ', '.join(
            f'{number} {status.replace("_", " ")}' for status, number in counts.items() if status != _SETTLED
        )
        yield f'of {len(runs)} runs {counts[_SETTLED]} converged' + (f', {others}' if others else '')
    if given['seed'] is not None and given['seed'] != node.inputs.seed.value:
        yield 'another seed: every run begins anew'
    elif get_use_cache(identifier='aiida.calculations:glassion.md'):
        yield 'what was computed is taken from the cache, as long as the folders of its jobs are still there'
    else:
        yield (
            'caching is off in this profile, so everything is computed again; switch it on first: '
            'verdi config set --append caching.enabled_for aiida.calculations:glassion.*'
        )


def _state(node: Any) -> str:
    if node.is_finished:
        return 'ended well' if node.exit_status == 0 else f'ended with {node.exit_status}'
    return str(node.process_state.value)
