"""What the launchers read: settings, potentials, configurations, codes, options of the jobs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from aiida_glassion.cli.errors import GlassionError


class Assignment(click.ParamType):
    """``key=value`` with a value that YAML reads."""

    name = 'key=value'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split and read."""
        import yaml

        key, sign, text = str(value).partition('=')
        if not sign or not key.strip():
            self.fail(f'{value!r} is not of the form key=value', param, ctx)
        try:
            return key.strip(), yaml.safe_load(text)
        except yaml.YAMLError:
            self.fail(f'the value of {key} cannot be read: {text!r}', param, ctx)


class Walltime(click.ParamType):
    """A time as HH:MM:SS, in seconds."""

    name = 'hh:mm:ss'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read hours, minutes, seconds."""
        found = re.fullmatch(r'(\d+):([0-5]?\d):([0-5]?\d)', str(value))
        if not found or not any(int(part) for part in found.groups()):
            self.fail(f'{value!r} is not a time as HH:MM:SS, e.g. 12:00:00', param, ctx)
        hours, minutes, seconds = (int(part) for part in found.groups())
        return 3600 * hours + 60 * minutes + seconds


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the protocol with everything that was given laid over it.

    :raises ValueError: an unknown protocol or setting, or a number that cannot be.
    """
    from aiida_glassion.workchains import protocols

    named = {'n_atoms': given['atoms'], 'replicas': given['replicas'], 'melt_temperature': given['melt_temperature']}
    overrides: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if given['rates']:
        overrides['rates'] = list(dict.fromkeys(given['rates']))
    settings = protocols.load('melt_quench', given['protocol'], overrides)
    name = settings.pop('protocol')
    for path, value in given['changes']:
        settings = protocols.merge(settings, nested(path, value, settings))
    for key, least in (('replicas', 1), ('n_atoms', 2)):
        value = settings[key]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            option = {'replicas': '--replicas', 'n_atoms': '--atoms'}[key]
            raise ValueError(f'{option}: {value!r} given, expected a whole number of at least {least}')
    return {'protocol': name, **settings}


def nested(path: str, value: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``a.b=value`` as a nested mapping; a number in the path is the place in a list, whose rest is kept.

    :raises ValueError: no such place.
    """
    first, _, rest = path.partition('.')
    if not rest:
        return {first: value}
    inner = settings.get(first)
    if isinstance(inner, list):
        place, _, key = rest.partition('.')
        names = [entry.get('name') if isinstance(entry, Mapping) else None for entry in inner]
        index = names.index(place) if place in names else int(place) if place.isdigit() else len(inner)
        if index >= len(inner) or not key:
            known = ', '.join(f'{first}.{name}.…' for name in names if name)
            raise ValueError(f'--set {path}: there is no such place; there are {known}')
        changed = [dict(entry) for entry in inner]
        changed[index][key] = value
        return {first: changed}
    return {first: nested(rest, value, inner if isinstance(inner, Mapping) else {})}


def elements_of(given: Mapping[str, Any]) -> Sequence[str]:
    """Elements of what is to be melted."""
    if given['configuration'] is not None:
        return list(read_configuration(given['configuration']).elements)
    from aiida_glassion.kernels.build.composition import parse_composition

    return list(parse_composition(given['composition']).elements)


def potential_of(given: Mapping[str, Any], elements: Sequence[str] | None = None) -> tuple[Any, list[str]]:
    """Node of the potential, not stored if new, and what it warns of.

    :param elements: what it must cover; None: those of what is to be melted.
    :raises ValueError: none was chosen, it is unknown, or it lacks an element.
    """
    from pathlib import Path

    from aiida_glassion.cli import launch_plan
    from aiida_glassion.data.potential import PotentialData

    name, elements = given['potential'], elements_of(given) if elements is None else elements
    valences = {element: value for element, value in given['valences']}
    if name is None:
        name = launch_plan.choose_potential(elements)
    if name.isdigit() or re.fullmatch(r'[0-9a-f]{8}-[0-9a-f-]{27}', name):
        return potential_node(name, elements), []
    if name.endswith(('.yaml', '.yml')) or Path(name).is_file():
        node = PotentialData.from_file(name)
        node.potential.check_covers(elements)
        return node, []
    try:
        potential, warnings = launch_plan.load_published(name, elements, given['coulomb'], valences)
    except ValueError as error:
        others = [other for other in launch_plan.candidates(elements) if other != name]
        hint = f'. These cover all of it: {", ".join(others)}' if 'no parameters' in str(error) and others else ''
        raise ValueError(f'{error}{hint}') from None
    return PotentialData.from_potential(potential), warnings


def potential_node(identifier: str, elements: Sequence[str]) -> Any:
    """Potential by pk or UUID.

    :param elements: what it must cover.
    :raises GlassionError: no such node, or no potential.
    :raises ValueError: it lacks an element.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import ProcessNode, load_node
    from aiida_lammps.data.potential import LammpsPotentialData

    from aiida_glassion.data.potential import PotentialData

    try:
        node = load_node(identifier)
    except NotExistent:
        raise GlassionError(f'--potential: there is no node {identifier} in this profile.', exit_code=2) from None
    if isinstance(node, ProcessNode):
        node = next(iter(models_of(node).values()), node)
    if isinstance(node, LammpsPotentialData):
        node = PotentialData.from_lammps_potential(node)
    if not isinstance(node, PotentialData):
        raise GlassionError(f'--potential: node {identifier} is {type(node).__name__}, no potential.', exit_code=2)
    node.potential.check_covers(elements)
    return node


def models_of(process: Any) -> dict[str, Any]:
    """Models that a training or an active learning handed out, by name; empty for another process."""
    return dict(sorted(process.outputs.potentials.items())) if 'potentials' in process.outputs else {}


def committee_of(identifier: str | None) -> dict[str, Any]:
    """Where the potential is that of a process with several models: all but the first, by name."""
    from aiida.orm import ProcessNode, load_node

    if identifier is None or not identifier.isdigit():
        return {}
    node = load_node(identifier)
    return dict(list(models_of(node).items())[1:]) if isinstance(node, ProcessNode) else {}


def oxidation_of(given: Mapping[str, Any]) -> dict[str, float]:
    """Oxidation states that were given, e.

    :raises ValueError: one is no number.
    """
    for element, value in given['oxidation']:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f'--oxidation {element}={value}: expected a number, e.g. V=4.5')
    return {element: float(value) for element, value in given['oxidation']}


def read_configuration(where: str, option: str = '--configuration') -> Any:
    """Frames of a file or node; the last frame of several.

    :param option: what it was given as.
    :raises GlassionError: there is none, or it cannot be read.
    """
    from pathlib import Path

    from aiida_glassion.frames import Frames

    if where.isdigit():
        return configuration_node(where, option)[1]
    path = Path(where)
    if not path.is_file():
        raise GlassionError(f'{option}: there is no file {where}.', exit_code=2)
    try:
        if path.suffix in ('.data', '.lmp', '.lammps') or path.name.startswith('data.'):
            from aiida_glassion.formats.lammps.data import read_data

            return read_data(path.read_text(encoding='utf-8'))
        import ase.io

        return Frames.from_ase(ase.io.read(path))
    except Exception as error:  # every reader of ASE has errors of its own
        raise GlassionError(f'{option}: {where} cannot be read: {error}', exit_code=2) from None


def configuration_node(identifier: str, option: str = '--configuration') -> tuple[Any, Any]:
    """Node that holds a configuration, and its frames.

    :param option: what it was given as.
    :raises GlassionError: no such node, or one without atoms.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node

    from aiida_glassion.data.frames import as_frames

    try:
        node = load_node(identifier)
        return node, as_frames(node)
    except (NotExistent, TypeError, ValueError) as error:
        raise GlassionError(f'{option}: {error}', exit_code=2) from None


def code_of(label: str, option: str, plugin: str, also: Sequence[str] = ()) -> Any:
    """Code by label or PK.

    :param option: the option it was given by, without dashes.
    :param plugin: entry point of the calculation that is to run it.
    :param also: of calculations whose codes will do as well.
    :raises GlassionError: there is none, or it was set up for another calculation of this package.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import InstalledCode, QueryBuilder, load_code

    try:
        code = load_code(label)
    except MultipleObjectsError:
        raise GlassionError(f'Several codes are called {label}: add @computer.', exit_code=2) from None
    except NotExistent:
        known = sorted({code.full_label for (code,) in QueryBuilder().append(InstalledCode).iterall()})
        message = f'There is no code {label} in this profile; there are: {", ".join(known) or "none"}.'
        raise GlassionError(message, mend='glassion setup', exit_code=2) from None
    made_for = code.default_calc_job_plugin or plugin
    if made_for not in (plugin, *also) and made_for.startswith('glassion.'):
        raise GlassionError(f'--{option}: {label} is a code for {made_for}, expected one for {plugin}.', exit_code=2)
    return code


def job_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """``metadata.options`` of the LAMMPS jobs.

    :raises ValueError: an option that no job has.
    """
    from aiida_glassion.calculations.md import MdCalculation

    known = sorted(MdCalculation.spec().inputs['metadata']['options'])
    for key, _ in given['options']:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f'; did you mean {near[0]}?' if near else f'; there are: {", ".join(known)}'
            raise ValueError(f'--option {key}: jobs have no such option{hint}')
    resources = {'num_machines': 1, 'num_mpiprocs_per_machine': given['ranks']}
    options: dict[str, Any] = {'resources': resources}
    if given['threads'] > 1:
        resources['num_cores_per_mpiproc'] = given['threads']
        options['environment_variables'] = {'OMP_NUM_THREADS': str(given['threads'])}
    if given['walltime'] is not None:
        options['max_wallclock_seconds'] = given['walltime']
    return options | dict(given['options'])
