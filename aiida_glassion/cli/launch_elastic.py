"""``glassion launch elastic``: how stiff glasses are, relaxed and at temperatures, dense and porous side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_diffusion_sweep import Temperatures, finish
from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, job_options
from aiida_glassion.cli.launch_settings import check, with_changes
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

_POSITIVE = click.FloatRange(min=0, min_open=True)
_METHODS = {'bulk': ['bulk'], 'stiffness': ['stiffness'], 'both': ['bulk', 'stiffness']}


class Strains(click.ParamType):
    """``0.005,0.01`` as fractions."""

    name = '0.005,…'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """Split and read."""
        try:
            return [float(word) for word in str(value).replace(' ', ',').split(',') if word]
        except ValueError:
            self.fail(f'{value!r} are no strains; write them as fractions: 0.005,0.01', param, ctx)


@click.command('elastic')
@click.argument('sources', nargs=-1, metavar='GLASS...')
@click.option(
    '--potential', metavar='NAME|FILE|PK', help='As in melt-quench.  [default: the one that made the glasses]'
)
@click.option('--coulomb', type=click.Choice(['pppm', 'dsf']), default='pppm', show_default=True)
@click.option('--valence', 'valences', type=Assignment(), multiple=True, help='V=4: where a potential has several.')
@click.option(
    '--method', type=click.Choice(list(_METHODS)), help='K from p(V), all elastic constants, or both.  [default: both]'
)
@click.option(
    '--temperatures', '--temperature', type=Temperatures(), help='K; 0 is relaxed: 0,300.  [default: 0; napso: 300]'
)
@click.option('--strains', type=Strains(), help='Of the elastic constants, each as plus and minus.')
@click.option('--volume-strains', type=Strains(), help='Of the bulk modulus: changes of volume, as plus and minus.')
@click.option('--protocol', metavar='NAME', help='fast, moderate, napso.  [default: moderate]')
@click.option('--rate', type=_POSITIVE, help='Glasses of which quench rate, K/ps.')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting of the protocol: coupling=iso')
@click.option('--seed', type=click.IntRange(min=1), default=1, show_default=True, help='Of the whole.')
@click.option('--ranks', type=click.IntRange(min=1), default=1, show_default=True, help='MPI ranks of each job.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.')
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS; one at 0 K that is cut begins again.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@click.option('--max-concurrent', type=click.IntRange(min=1), default=2, show_default=True, help='Samples at a time.')
@click.option('--tolerate', type=click.FloatRange(0, 1), help='Fraction of the samples that may fail.')
@click.option('--code', default='lmp@localhost', show_default=True, help='LAMMPS.')
@submission_options
@click.pass_context
def elastic(ctx: click.Context, /, sources: tuple[str, ...], profile: str | None, **given: Any) -> None:
    """Elastic constants, bulk modulus, E, G and Poisson's ratio of GLASSes, at 0 K and at temperatures.

    GLASS is the PK of a configuration or of what made glasses (melt-quench, porous-glass …), or a structure file. A
    name may stand before it. dense_1 and dense_2 with as many atoms are replicas; porous stands beside them.

    \b
    glassion launch elastic 1234 --dry-run
    glassion launch elastic dense=1234 porous=1301 --temperatures 0,300
    """  # noqa: D301
    if not sources:
        message = 'Give a GLASS: the PK of a melt-quench or of a configuration, or a structure file.'
        raise GlassionError(message, mend='glassion launch elastic --help', exit_code=2)
    load(profile)
    builder, told = _from_glasses(sources, given)
    console().print(told)
    submit(ctx, builder, given)


def _from_glasses(sources: Sequence[str], given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Builder, checked, and what it will do, ready to print."""
    from aiida_glassion.cli.launch_elastic_plan import plan_elastic
    from aiida_glassion.cli.launch_elastic_text import describe
    from aiida_glassion.cli.launch_glasses import potential_for, read_glasses
    from aiida_glassion.cli.launch_plan import ATOM_STEPS_PER_SECOND, speed_kind
    from aiida_glassion.kernels.mechanics.elastic_settings import read_settings
    from aiida_glassion.workchains import protocols
    from aiida_glassion.workchains.elastic import ElasticWorkChain

    glasses = read_glasses(sources, given['rate'])
    settings = protocols.load('elastic', given['protocol'], _overrides_of(given))
    settings = with_changes(settings, given['changes'])
    read = read_settings(settings)
    potential, warnings = potential_for(given, glasses)
    builder = ElasticWorkChain.get_builder_from_protocol(
        code_of(given['code'], 'code', 'glassion.md'),
        potential,
        {glass.label: glass.node for glass in glasses},
        settings['temperatures'],
        protocol=settings['protocol'],
        overrides={key: value for key, value in settings.items() if key != 'protocol'},
        seed=given['seed'],
        options=job_options(given),
        max_concurrent=given['max_concurrent'],
    )
    finish(builder, given)
    names = ', '.join(glass.label for glass in glasses)
    builder.metadata.label = f'elasticity of {names} ({settings["protocol"]})'[:250]
    check(builder)
    kind = speed_kind(potential.potential)
    plan = plan_elastic(
        {glass.label: glass.counts for glass in glasses},
        read,
        read.temperatures,
        ATOM_STEPS_PER_SECOND[kind],
        kind,
        ranks=given['ranks'],
        seed=given['seed'],
        max_concurrent=given['max_concurrent'],
    )
    origins = {glass.label: glass.origin for glass in glasses}
    return builder, describe(plan, potential.potential, origins, warnings)


def _overrides_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for which there are options, those that were given."""
    named = ('temperatures', 'strains', 'volume_strains')
    overrides = {name: given[name] for name in named if given[name] is not None}
    return overrides | ({'methods': _METHODS[given['method']]} if given['method'] else {})
