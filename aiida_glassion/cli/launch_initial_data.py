"""``glassion launch initial-data``: the structures with which the learning of a potential begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, job_options
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

if TYPE_CHECKING:
    from rich.console import RenderableType

_DFT = {
    'quantumespresso': ('pw@localhost', 'quantumespresso.pw'),
    'vasp': ('vasp@localhost', 'vasp.vasp'),
}


@click.command('initial-data')
@click.argument('crystals', nargs=-1, metavar='[FILE|PK]...')
@click.option('--mixture', 'mixtures', multiple=True, metavar='COMPOSITION', help='Packed at random: 20Na2O-80SiO2.')
@click.option('--materials-project', 'identifiers', multiple=True, metavar='ID', help='mp-28602, with your MP_API_KEY.')
@click.option('--protocol', metavar='NAME', help='fast, moderate, napso.  [default: moderate]')
@click.option('--relax', type=click.Choice(['none', 'md', 'quantumespresso']), help='Relax the crystals first.')
@click.option('--dynamics', type=click.Choice(['none', 'md', *_DFT]), help='Short dynamics from the structures.')
@click.option('--structures', type=click.IntRange(min=0), help='Perturbed structures of each crystal.')
@click.option('--atoms', type=click.IntRange(min=2), help='Of a packed mixture.')
@click.option('--density', type=click.FloatRange(0.1, 25), help='Of the mixtures, g/cm³.  [default: estimated]')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting: crystal.strain=0.05 …')
@click.option('--seed', type=click.IntRange(min=0), default=1, show_default=True, help='Of the whole.')
@click.option('--potential', metavar='NAME|FILE|PK', help='For relaxation or dynamics by md.')
@click.option('--coulomb', type=click.Choice(['pppm', 'dsf']), default='pppm', show_default=True)
@click.option('--code', default='lmp@localhost', show_default=True, help='LAMMPS.')
@click.option('--packmol', default='packmol@localhost', show_default=True, help='Packmol.')
@click.option('--dft-code', help='pw.x or VASP.  [default: pw or vasp @localhost]')
@click.option('--dft-protocol', metavar='NAME', help='What is computed ab initio, as for glassion launch label.')
@click.option('--dft-set', 'dft_changes', type=Assignment(), multiple=True, help='Any setting of it.')
@click.option('--pseudo-family', metavar='LABEL', help='quantumespresso: installed family of pseudopotentials.')
@click.option('--max-concurrent', type=click.IntRange(min=1), default=4, show_default=True, help='Jobs at a time.')
@click.option('--ranks', type=click.IntRange(min=1), default=1, show_default=True, help='MPI ranks of each job.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='OpenMP threads per rank.')
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…')
@submission_options
@click.pass_context
def initial_data(
    ctx: click.Context,
    /,
    profile: str | None,
    **given: Any,
) -> None:
    """Structures around crystals (CIF, extXYZ, POSCAR, node) and packed mixtures, to be labelled first.

    \b
    glassion launch initial-data quartz.cif --mixture 20Na2O-80SiO2 --protocol fast --dry-run
    """  # noqa: D301
    terminal = console()
    load(profile)
    crystals, notes = _crystals(given)
    if not crystals and not given['mixtures']:
        raise GlassionError('Give crystals (files, nodes, --materials-project) or --mixture, or both.', exit_code=2)
    builder = _builder(given, crystals)
    ports = builder.process_class.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        raise GlassionError(f'{problem.port}: {problem.message}', exit_code=2)
    terminal.print(describe(builder, crystals, notes))
    submit(ctx, builder, given)


def _crystals(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Nodes by name, and what the readers remarked.

    :raises GlassionError: two of one name.
    """
    from aiida_glassion.cli.launch_inputs import configuration_node
    from aiida_glassion.cli.materials_project import fetch
    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.formats.crystal import read_crystals

    found: list[tuple[str, Any]] = []
    notes: list[str] = []
    for where in given['crystals']:
        if where.isdigit():
            found.append((f'node_{where}', configuration_node(where)[0]))
            continue
        for crystal in read_crystals(where):
            found.append((crystal.name, FramesData(frames=crystal.frames)))
            notes += [f'{where}: {note}' for note in crystal.notes]
    for crystal in fetch(given['identifiers']) if given['identifiers'] else ():
        found.append((crystal.name, FramesData(frames=crystal.frames)))
    crystals = dict(found)
    if len(crystals) < len(found):
        raise GlassionError(f'Two crystals have one name, of {", ".join(name for name, _ in found)}.', exit_code=2)
    return crystals, notes


def _overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    named = {'relax.engine': 'relax', 'dynamics.engine': 'dynamics', 'crystal.structures': 'structures'}
    named |= {'mixture.n_atoms': 'atoms'}
    changes = [(path, given[option]) for path, option in named.items() if given[option] is not None]
    for path, value in [*changes, *given['changes']]:
        group, _, key = path.partition('.')
        if not key:
            raise GlassionError(f'--set {path}: expected a setting like crystal.strain=0.05.', exit_code=2)
        overrides.setdefault(group, {})[key] = value
    return overrides


def _builder(given: Mapping[str, Any], crystals: Mapping[str, Any]) -> Any:
    from aiida_glassion.cli.launch_label_plan import teacher
    from aiida_glassion.kernels.build.composition import parse_composition
    from aiida_glassion.workchains import protocols
    from aiida_glassion.workchains.initial_data import InitialDataWorkChain

    overrides = _overrides(given)
    settings = protocols.load('initial_data', given['protocol'], overrides)
    engines = {settings['relax']['engine'], settings['dynamics']['engine']}
    elements = {element for node in crystals.values() for element in _elements(node)}
    more: dict[str, Any] = {}
    mixtures = {}
    for text in given['mixtures']:
        composition = parse_composition(text)
        elements |= set(composition.elements)
        density = {} if given['density'] is None else {'density': given['density']}
        mixtures[_mixture_name(composition.label)] = {'composition': composition.label, **density}
    if mixtures:
        more['packmol'] = code_of(given['packmol'], 'packmol', 'glassion.packmol')
    if 'md' in engines:
        more['code'] = code_of(given['code'], 'code', 'glassion.md')
        more['potential'] = teacher(given['potential'], sorted(elements), given['coulomb'])
        more['options'] = job_options(given)
    for engine in sorted(engines & set(_DFT)):
        label, plugin = _DFT[engine]
        more['dft_code'] = code_of(given['dft_code'] or label, 'dft-code', plugin)
        family = {'pseudo_family': given['pseudo_family']} if given['pseudo_family'] else {}
        more['dft_options'] = {'elements': sorted(elements), 'options': job_options(given), **family}
        more['dft_protocol'] = given['dft_protocol']
        more['dft_overrides'] = dict(given['dft_changes'])
    builder = InitialDataWorkChain.get_builder_from_protocol(
        crystals,
        mixtures,
        protocol=given['protocol'],
        overrides=overrides,
        seed=given['seed'],
        max_concurrent=given['max_concurrent'],
        **more,
    )
    builder.metadata.label = f'initial data {", ".join([*crystals, *mixtures])}'[:250]
    return builder


def _elements(node: Any) -> list[str]:
    from aiida_glassion.data.frames import as_frames

    return list(as_frames(node).elements)


def describe(builder: Any, crystals: Mapping[str, Any], notes: list[str]) -> RenderableType:
    """What will be made, ready to print."""
    from math import prod

    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from aiida_glassion.data.frames import as_frames
    from aiida_glassion.kernels.build.initial_data import chosen_starts, perturbation
    from aiida_glassion.kernels.build.perturb import repeats_for

    settings = builder.settings.get_dict()
    chosen = perturbation(settings)
    dynamics = settings['dynamics']
    table = Table(box=None, padding=(0, 0, 0, 2), header_style='dim')
    for column, justify in (('of', 'left'), ('atoms', 'right'), ('structures', 'right'), ('dynamics', 'right')):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    rows = []
    for name, node in crystals.items():
        frames = as_frames(node)
        repeats = repeats_for(frames.cells[-1], chosen.repeats, chosen.least_height)
        made = chosen.structures + len(chosen.scales) * chosen.unperturbed
        rows.append((name, frames.n_atoms * prod(repeats), made))
    mixtures = builder.mixtures.get_dict() if 'mixtures' in builder._inputs(prune=True) else {}
    for name, mixture in mixtures.items():
        n_atoms = mixture.get('n_atoms', settings['mixture']['n_atoms'])
        rows.append((name, n_atoms, settings['mixture']['structures']))
    for name, n_atoms, made in rows:
        runs = 0 if dynamics['engine'] == 'none' else len(chosen_starts(made, dynamics['starts']))
        table.add_row(name, str(n_atoms), str(made), f'{runs} × {dynamics["steps"]} steps' if runs else '–')
    facts = [
        f'protocol {settings["protocol"]}; relaxation: {settings["relax"]["engine"]}; dynamics: {dynamics["engine"]}',
        f'scales {", ".join(f"{scale:g}" for scale in chosen.scales)}; displacement {chosen.displacement:g} Å '
        f'({chosen.distribution}); strain up to {100 * chosen.strain:g} %; seed {builder.seed.value}',
    ]
    remarks = [Text(f'! {note}', style='yellow') for note in notes]
    title = Text('Structures to begin with', style='bold')
    return Group(title, *(Text(fact) for fact in facts), Text(), table, *remarks)


def _mixture_name(label: str) -> str:
    """Name of a mixture among the outputs: mixture_20Na2O_80SiO2."""
    return 'mixture_' + re.sub(r'\W+', '_', label, flags=re.ASCII).strip('_')
