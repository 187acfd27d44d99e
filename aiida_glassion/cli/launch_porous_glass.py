"""``glassion launch porous-glass``: cut pores into a glass, its composition kept, and relax it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, committee_of, job_options
from aiida_glassion.cli.launch_porous_glass_pores import Centre, pores_of
from aiida_glassion.cli.launch_settings import Charges, check, with_changes
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

_POSITIVE = click.FloatRange(min=0, min_open=True)
_AXIS = click.Choice(['a', 'b', 'c'])


@click.command('porous-glass')
@click.argument('source', metavar='GLASS')
@click.option('--pore-diameter', type=_POSITIVE, help='Å.  [default: 14]')
@click.option('--pores', type=click.IntRange(min=1), help='How many; several are put at random.  [default: 1]')
@click.option('--porosity', type=_POSITIVE, help='As many pores as fill this share of the cell, at most 0.74.')
@click.option('--fit-diameter', is_flag=True, help='Change the diameter a little, so that --porosity is exact.')
@click.option('--gap', type=click.FloatRange(min=0), help='Least distance of the surfaces of several pores, Å.')
@click.option(
    '--centre', 'centres', type=Centre(), multiple=True, help='Of a pore, in fractions of the cell; repeat it.'
)
@click.option('--cylinder', type=_AXIS, metavar='a|b|c', help='A channel along this cell vector.')
@click.option('--slit', type=_AXIS, metavar='a|b|c', help='A layer across this cell vector, of a --width.')
@click.option('--width', type=_POSITIVE, help='Of a --slit, Å.')
@click.option('--keep-clusters', is_flag=True, help='Anion clusters (PS4, P2S7 …) go or stay whole.')
@click.option('--exact', type=click.Choice(['formula', 'neutral']), help='What must hold after the cut.')
@click.option(
    '--shell', type=click.FloatRange(min=0), help='Atoms so far from the surface are chosen among by chance, Å.'
)
@click.option('--charges', type=Charges(), help='That must sum to zero, e.  [default: of the potential]')
@click.option('--potential', metavar='NAME|FILE|PK', help='As in melt-quench.  [default: the one that made the glass]')
@click.option('--coulomb', type=click.Choice(['pppm', 'dsf']), default='pppm', show_default=True)
@click.option('--valence', 'valences', type=Assignment(), multiple=True, help='V=4: where a potential has several.')
@click.option('--rate', type=_POSITIVE, help='Glass of which quench rate, K/ps.')
@click.option('--protocol', metavar='NAME', help='fast, moderate, napso.  [default: moderate]')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting of the protocol: temperature=400')
@click.option('--seed', type=click.IntRange(min=1), default=1, show_default=True, help='Of places, choice, velocities.')
@click.option('--ranks', type=click.IntRange(min=1), default=1, show_default=True, help='MPI ranks.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.')
@click.option('--walltime', type=Walltime(), help='Of a job, HH:MM:SS; a job that is cut goes on in the next one.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@click.option('--code', default='lmp@localhost', show_default=True, help='LAMMPS.')
@submission_options
@click.pass_context
def porous_glass(ctx: click.Context, /, source: str, profile: str | None, **given: Any) -> None:
    """Cut pores into GLASS so that its composition holds, relax it, and say what became of the pores.

    GLASS is the PK of a configuration or of what made one, or a structure file. Without options it gets one spherical
    pore of 1.4 nm in its middle.

    \b
    glassion launch porous-glass 1234 --pore-diameter 14 --pores 3 --dry-run
    glassion launch porous-glass 1234 --porosity 0.1 --pore-diameter 10
    """  # noqa: D301
    wanted = pores_of(given)
    load(profile)
    builder, told = _build(source, wanted, given)
    console().print(told)
    submit(ctx, builder, given)


def _build(source: str, wanted: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Builder, checked, and what it will do, ready to print."""
    from aiida import orm

    from aiida_glassion.cli.launch_glasses import potential_for, read_glass
    from aiida_glassion.cli.launch_porous_glass_text import describe, plan_porous
    from aiida_glassion.data.frames import as_frames
    from aiida_glassion.kernels.build.porous_plan import read_settings
    from aiida_glassion.workchains import protocols
    from aiida_glassion.workchains.porous_glass import PorousGlassWorkChain
    from aiida_glassion.workchains.porous_glass_inputs import charges_to_keep

    glass = read_glass(source, given['rate'])
    overrides = {name: given[name] for name in ('exact', 'shell') if given[name] is not None}
    overrides |= {} if wanted is None else {'pores': wanted}
    overrides |= {'keep_clusters': True} if given['keep_clusters'] else {}
    settings = with_changes(protocols.load('porous_glass', given['protocol'], overrides), given['changes'])
    potential, warnings = potential_for(given, [glass])
    builder = PorousGlassWorkChain.get_builder_from_protocol(
        code_of(given['code'], 'code', 'glassion.md'),
        potential,
        glass.node,
        protocol=settings['protocol'],
        overrides={key: value for key, value in settings.items() if key != 'protocol'},
        charges=given['charges'],
        seed=given['seed'],
        options=job_options(given),
        committee=committee_of(given['potential']),
    )
    if given['threads'] > 1:
        builder.md.md.accelerator = {'suffix': 'omp', 'package': f'omp {given["threads"]}'}
    builder.metadata.label = f'porous {glass.label} ({settings["protocol"]})'[:250]
    check(builder)
    checked = read_settings(builder.settings.get_dict())
    charges = None if given['charges'] is None else orm.Dict(given['charges'])
    plan = plan_porous(
        as_frames(glass.node), checked, given['seed'], charges_to_keep(checked, charges, potential), potential.potential
    )
    return builder, describe(plan, glass, given['ranks'], warnings)
