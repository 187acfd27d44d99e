"""``glassion launch glass-ceramic``: a crystal into a glass, its interface healed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, committee_of, job_options
from aiida_glassion.cli.launch_settings import Charges, check, with_changes
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

if TYPE_CHECKING:
    from aiida_glassion.cli.launch_glasses import Glass

_POSITIVE = click.FloatRange(min=0, min_open=True)


class Triple(click.ParamType):
    """``0.5,0.5,0.25``."""

    name = 'x,y,z'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        """Split and read."""
        try:
            found = [float(word) for word in str(value).split(',')]
        except ValueError:
            found = []
        if len(found) != 3:
            self.fail(f'{value!r} given, expected three numbers with commas between, e.g. 0.5,0.5,0.5', param, ctx)
        return [int(number) if number == int(number) else number for number in found]


class OrientationWords(click.ParamType):
    """``random``, three Euler angles ``10,50,20``, or a direction of the crystal along a cell vector ``1,1,0:c``."""

    name = 'random|φ1,Φ,φ2|u,v,w:c'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Tell the three ways apart."""
        if str(value) == 'random':
            return {'random': True}
        numbers, colon, along = str(value).partition(':')
        try:
            three = Triple().convert(numbers, param, ctx)
        except click.BadParameter:
            self.fail(
                f'{value!r} given, expected random, Euler angles in degrees (10,50,20), or a direction of the crystal '
                'along a cell vector (1,1,0:c)',
                param,
                ctx,
            )
        return {'direction': three, 'along': along} if colon else {'euler': three}


@click.command('glass-ceramic')
@click.argument('glass')
@click.argument('crystal')
@click.option('--fraction', type=float, help='Of the volume that is to be crystal.  [default: 0.2]')
@click.option('--shape', metavar='NAME', help='sphere, box, or slab: through the whole cell.  [default: sphere]')
@click.option('--grains', type=int, help='How many, as spheres.  [default: 1]')
@click.option('--centre', type=Triple(), help='Of a single grain, in fractions of the cell vectors.')
@click.option('--gap', type=float, help='Between the surfaces of two grains, Å.')
@click.option('--orientation', type=OrientationWords(), help='Of spheres and boxes.  [default: as its cell lies]')
@click.option('--axis', metavar='a|b|c', help='Cell vector that a slab lies across.  [default: c]')
@click.option('--miller', type=Triple(), help='Plane of the crystal parallel to a slab: 1,0,1.  [default: 0,0,1]')
@click.option('--max-strain', type=float, help='Of a slab: 0.05.')
@click.option('--hot', type=_POSITIVE, help='Of the glass around the frozen crystal, K.  [default: 2500, sulfide 1000]')
@click.option('--potential', metavar='NAME|FILE|PK', help='As in melt-quench.  [default: the one that made the glass]')
@click.option('--coulomb', type=click.Choice(['pppm', 'dsf']), default='pppm', show_default=True)
@click.option('--valence', 'valences', type=Assignment(), multiple=True, help='V=4: where a potential has several.')
@click.option('--protocol', metavar='NAME', help='fast, moderate, sulfide.  [default: moderate]')
@click.option('--rate', type=_POSITIVE, help='Glass of which quench rate, K/ps.')
@click.option('--charges', type=Charges(), help='With which glass and crystal are neutral, e.  [default: usual states]')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting: timestep=2, heal.hot.hot.…')
@click.option('--seed', type=click.IntRange(min=1), default=1, show_default=True, help='Of all that is left to chance.')
@click.option('--ranks', type=click.IntRange(min=1), default=1, show_default=True, help='MPI ranks of each run.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.')
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS; a job that is cut goes on in the next one.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@click.option('--code', default='lmp@localhost', show_default=True, help='LAMMPS.')
@submission_options
@click.pass_context
def glass_ceramic(ctx: click.Context, /, profile: str | None, **given: Any) -> None:
    """Put CRYSTAL (CIF, POSCAR, extXYZ; PK) as grains into GLASS and heal the interface.

    GLASS is the PK of a configuration or of a process that made one glass (melt-quench, porous-glass …), or a file.

    \b
    glassion launch glass-ceramic 1234 quartz.cif --fraction 0.2 --shape sphere --dry-run
    glassion launch glass-ceramic 1234 quartz.cif --shape slab --miller 0,0,1 --axis c
    """  # noqa: D301
    load(profile)
    builder, told = _prepare(given)
    console().print(told)
    submit(ctx, builder, given)


def _prepare(given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Builder, checked, and what it will do, ready to print."""
    from aiida import orm

    from aiida_glassion.cli.launch_glass_ceramic_plan import plan_glass_ceramic
    from aiida_glassion.cli.launch_glass_ceramic_text import describe
    from aiida_glassion.cli.launch_glasses import potential_for, read_glass
    from aiida_glassion.data.frames import as_frames
    from aiida_glassion.kernels.build.glass_ceramic_settings import read_settings
    from aiida_glassion.workchains import protocols
    from aiida_glassion.workchains.glass_ceramic import GlassCeramicWorkChain

    glass = read_glass(given['glass'], given['rate'])
    name, crystal = crystal_of(given['crystal'])
    settings = protocols.load('glass_ceramic', given['protocol'], overrides_of(given))
    settings = with_changes(settings, given['changes'])
    read_settings(settings)
    frames = as_frames(crystal)
    potential, warnings = potential_for(given, [glass], frames.elements)
    builder = GlassCeramicWorkChain.get_builder_from_protocol(
        code_of(given['code'], 'code', 'glassion.md'),
        potential,
        glass.node,
        crystal,
        protocol=settings['protocol'],
        overrides={key: value for key, value in settings.items() if key != 'protocol'},
        seed=given['seed'],
        charges=given['charges'],
        options=job_options(given),
        committee=committee_of(given['potential']),
    )
    if given['threads'] > 1:
        builder.md.md.accelerator = {'suffix': 'omp', 'package': f'omp {given["threads"]}'}
    builder.metadata.label = f'{name} in {glass.label} ({settings["protocol"]})'[:250]
    check(builder)
    charges = builder.charges.get_dict() if isinstance(builder.charges, orm.Dict) else None
    plan = plan_glass_ceramic(
        as_frames(glass.node), frames, builder.settings.get_dict(), potential.potential, charges,
        seed=given['seed'], ranks=given['ranks'],
    )  # fmt: skip
    return builder, describe(plan, name, _origin(glass), potential.potential, warnings)


def _origin(glass: Glass) -> str:
    return f'{glass.label}: {glass.origin}'


def overrides_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for which there are options, those that were given."""
    grains = {key: given[option] for option, key in _OF_GRAINS.items() if given[option] is not None}
    found: dict[str, Any] = {'grains': grains} if grains else {}
    if given['hot'] is not None:
        found['hot_temperature'] = given['hot']
    return found


_OF_GRAINS = {
    'fraction': 'fraction',
    'shape': 'shape',
    'grains': 'n',
    'centre': 'centre',
    'gap': 'gap',
    'orientation': 'orientation',
    'axis': 'axis',
    'miller': 'miller',
    'max_strain': 'max_strain',
}
"""Option -> setting of the grains."""


def crystal_of(where: str) -> tuple[str, Any]:
    """Name and node of a crystal, not stored if it came from a file.

    :param where: a file with one structure, or a PK.
    :raises GlassionError: no such file or node, no crystal in it, or several.
    """
    from aiida_glassion.cli.launch_inputs import configuration_node
    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.formats.crystal import read_crystals

    if where.isdigit() and not Path(where).exists():
        node, _ = configuration_node(where, 'CRYSTAL')
        return f'crystal_{node.pk}', node
    try:
        found = read_crystals(where)
    except (OSError, ValueError) as error:
        raise GlassionError(f'CRYSTAL: {error}', exit_code=2) from None
    if len(found) != 1:
        raise GlassionError(f'CRYSTAL: {where} has {len(found)} structures, expected one.', exit_code=2)
    return found[0].name, FramesData(frames=found[0].frames)
