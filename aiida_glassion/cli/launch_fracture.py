"""``glassion launch fracture``: glasses pulled apart, with a notch and without, to E, strength, G_c and K_Ic."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_diffusion_sweep import finish
from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, job_options
from aiida_glassion.cli.launch_settings import Charges, check, with_changes
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

_POSITIVE = click.FloatRange(min=0, min_open=True)
_KINDS = {'tension': ['tension'], 'notched': ['notched'], 'both': ['tension', 'notched']}


class Rates(click.ParamType):
    """``0.01,0.001`` in 1/ps."""

    name = '1/ps,…'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """Split and read."""
        found = []
        for word in str(value).replace(' ', ',').strip(',').split(','):
            try:
                found.append(float(word))
            except ValueError:
                self.fail(f'{word!r} is no rate; write them as 0.01,0.001 (1/ps; 0.001 is 1e9 1/s)', param, ctx)
        return found


class Sizes(click.ParamType):
    """``1,2x2x1``: how often a sample is repeated along its cell vectors."""

    name = '1,2x2x1,…'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[list[int]]:
        """Split and read."""
        found = []
        for word in str(value).replace(' ', ',').strip(',').split(','):
            if not re.fullmatch(r'\d+|\d+x\d+x\d+', word):
                self.fail(f'{word!r} is no size; write how often a sample is repeated: 1,2 or 2x2x1', param, ctx)
            numbers = [int(part) for part in word.split('x')]
            found.append(numbers if len(numbers) == 3 else numbers * 3)
        return found


class Axes(click.ParamType):
    """``x,y,z``."""

    name = 'x,y,z'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Split and check."""
        found = str(value).replace(' ', ',').strip(',').split(',')
        unknown = [word for word in found if word not in ('x', 'y', 'z')]
        if unknown:
            self.fail(f'{unknown[0]!r} is no axis; write them as x,y,z', param, ctx)
        return found


@click.command('fracture')
@click.argument('sources', nargs=-1, metavar='GLASS...')
@click.option(
    '--potential', metavar='NAME|FILE|PK', help='As in melt-quench.  [default: the one that made the glasses]'
)
@click.option('--coulomb', type=click.Choice(['pppm', 'dsf']), default='pppm', show_default=True)
@click.option('--valence', 'valences', type=Assignment(), multiple=True, help='V=4: where a potential has several.')
@click.option('--protocol', metavar='NAME', help='fast, default, aau, aau_notch.  [default: default]')
@click.option('--kind', type=click.Choice(list(_KINDS)), help='Without a notch, with one, or both.')
@click.option('--axes', type=Axes(), help='Along which it is pulled.  [default: z]')
@click.option('--rates', type=Rates(), help='Of the length at the start, 1/ps.  [default: 0.001, 1e9 1/s; fast: 0.02]')
@click.option('--sizes', type=Sizes(), help='How often a glass is repeated: 1,2 or 2x2x1.  [default: 1]')
@click.option('--mode', type=click.Choice(['continuous', 'steps']), help='At a rate, or in steps of 1 %.')
@click.option('--lateral', type=click.Choice(['free', 'fixed']), help='Sides at constant pressure, or as they are.')
@click.option('--temperature', type=_POSITIVE, help='K.  [default: 300]')
@click.option('--notch-length', type=_POSITIVE, help='Part of the cell along the crack.  [default: 0.333]')
@click.option('--notch-opening', type=_POSITIVE, help='Along the load, Å.  [default: 10]')
@click.option('--max-strain', type=_POSITIVE, help='Where a pull ends that did not break.  [default: 1.1]')
@click.option('--young', type=float, help='E for K_Ic, GPa.  [default: of the tensions]')
@click.option('--poisson', type=float, help='ν for K_Ic.  [default: of the tensions]')
@click.option('--charges', type=Charges(), help='For the notch, e.  [default: oxidation states]')
@click.option('--quench-rate', '--rate', 'rate', type=_POSITIVE, help='Glasses of which quench rate, K/ps.')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting of the protocol: timestep=2')
@click.option('--seed', type=click.IntRange(min=1), default=1, show_default=True, help='Of the whole.')
@click.option('--ranks', type=click.IntRange(min=1), default=1, show_default=True, help='MPI ranks of each job.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.')
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS; a job that is cut goes on in the next one.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@click.option('--max-concurrent', type=click.IntRange(min=1), default=2, show_default=True, help='Pulls at a time.')
@click.option('--tolerate', type=click.FloatRange(0, 1), help='Fraction of the pulls that may fail.')
@click.option('--code', default='lmp@localhost', show_default=True, help='LAMMPS.')
@submission_options
@click.pass_context
def fracture(ctx: click.Context, /, sources: tuple[str, ...], profile: str | None, **given: Any) -> None:
    """Pull GLASSes apart: E, strength and work without a notch, G_c and K_Ic with one.

    GLASS is the PK of a configuration or of what made glasses (melt-quench, porous-glass, glass-ceramic …), or a
    structure file. A name may stand before it. A pull ends when the sample is broken.

    \b
    glassion launch fracture 1234 --dry-run
    glassion launch fracture dense=1234 porous=1301 --rates 0.01,0.001 --sizes 1,2 --axes x,y,z
    """  # noqa: D301
    if not sources:
        message = 'Give a GLASS: the PK of a melt-quench or of a configuration, or a structure file.'
        raise GlassionError(message, mend='glassion launch fracture --help', exit_code=2)
    load(profile)
    builder, told = _from_glasses(sources, given)
    console().print(told)
    submit(ctx, builder, given)


def _from_glasses(sources: Sequence[str], given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Builder, checked, and what it will do, ready to print."""
    from aiida_glassion.cli.launch_fracture_plan import plan_fracture
    from aiida_glassion.cli.launch_fracture_text import describe
    from aiida_glassion.cli.launch_glasses import potential_for, read_glasses
    from aiida_glassion.cli.launch_plan import ATOM_STEPS_PER_SECOND, speed_kind
    from aiida_glassion.data.frames import as_frames
    from aiida_glassion.workchains import protocols
    from aiida_glassion.workchains.fracture import FractureWorkChain

    glasses = read_glasses(sources, given['rate'])
    settings = protocols.load('fracture', given['protocol'], _overrides_of(given))
    settings = with_changes(settings, given['changes'])
    potential, warnings = potential_for(given, glasses)
    builder = FractureWorkChain.get_builder_from_protocol(
        code_of(given['code'], 'code', 'glassion.md'),
        potential,
        {glass.label: glass.node for glass in glasses},
        protocol=settings['protocol'],
        overrides={key: value for key, value in settings.items() if key != 'protocol'},
        regions=_regions(glasses),
        charges=given['charges'],
        young=given['young'],
        poisson=given['poisson'],
        seed=given['seed'],
        options=job_options(given),
        max_concurrent=given['max_concurrent'],
    )
    finish(builder, given)
    names = ', '.join(glass.label for glass in glasses)
    builder.metadata.label = f'fracture of {names} ({settings["protocol"]})'[:250]
    check(builder)
    kind = speed_kind(potential.potential)
    plan = plan_fracture(
        {glass.label: as_frames(glass.node)[-1] for glass in glasses},
        builder.settings.get_dict(),
        given['charges'],
        ATOM_STEPS_PER_SECOND[kind],
        kind,
        ranks=given['ranks'],
        seed=given['seed'],
        max_concurrent=given['max_concurrent'],
    )
    origins = {glass.label: glass.origin for glass in glasses}
    return builder, describe(plan, potential.potential, origins, warnings)


def _overrides_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for which there are options, those that were given.

    :raises GlassionError: rates are given for steps.
    """
    named = ('axes', 'rates', 'sizes', 'mode', 'lateral', 'temperature', 'max_strain')
    overrides: dict[str, Any] = {name: given[name] for name in named if given[name] is not None}
    if given['kind'] is not None:
        overrides['kinds'] = _KINDS[given['kind']]
    notch = {'length': given['notch_length'], 'opening': given['notch_opening']}
    notch = {name: value for name, value in notch.items() if value is not None}
    if given['mode'] == 'steps':
        if given['rates'] is not None:
            raise GlassionError('--rates: steps have no rate; leave it away.', exit_code=2)
        overrides['rates'] = []
    return overrides | ({'notch': notch} if notch else {})


def _regions(glasses: Sequence[Any]) -> dict[str, Any]:
    """Labels of the atoms of glass-ceramics: beside the glass among the outputs of the process that made it."""
    from aiida.common.links import LinkType

    found = {}
    for glass in glasses:
        if not glass.node.is_stored:
            continue
        for link in glass.node.base.links.get_incoming(link_type=LinkType.RETURN).all():
            outputs = link.node.outputs
            if link.link_label == 'glass' and 'regions' in outputs and 'labels' in outputs.regions.get_arraynames():
                found[glass.label] = outputs.regions
    return found
