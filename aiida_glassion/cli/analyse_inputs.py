"""What the options of ``glassion analyse`` ask for, as a request."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from aiida_glassion.analysis.base import KINDS
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import Assignment

_Command = TypeVar('_Command', bound=Callable[..., Any])

QUANTITIES = ('S', 'S-1', 'F', 'i', 'Q(S-1)', 'G', 'D', 'T', 'g')
_FAR = 1e4
_OF_EXPERIMENTS = ('quantity', 'radiation', 'unit', 'range')


class FrameChoice(click.ParamType):
    """``FIRST:LAST:EVERY``, each of which may be left out; frames count from 0, the last is taken too."""

    name = 'first:last:every'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, int]:
        """Read up to three whole numbers."""
        found = re.fullmatch(r'(\d*)(?::(\d*))?(?::(\d*))?', str(value))
        if not found or not str(value).strip(':'):
            self.fail(
                f'{value!r}: expected FIRST:LAST:EVERY with whole numbers from 0, e.g. 100:: or 0:999:10', param, ctx
            )
        first, last, every = (None if not text else int(text) for text in found.groups())
        if ':' not in str(value):
            last = first
        if every == 0:
            self.fail(f'{value!r}: every 0th frame cannot be; 1 takes all', param, ctx)
        given = {'first': first, 'last': last, 'every': every}
        return {name: number for name, number in given.items() if number is not None}


class Cutoff(click.ParamType):
    """``Si-O=2.2``."""

    name = 'a-b=å'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Split into a pair of elements and a length."""
        found = re.fullmatch(r'\s*([A-Z][a-z]?)\s*-\s*([A-Z][a-z]?)\s*=\s*([\d.eE+-]+)\s*', str(value))
        try:
            length = float(found[3]) if found else -1.0
        except ValueError:
            length = -1.0
        if found is None or not 0 < length < 20:
            self.fail(f'{value!r}: expected a pair of elements and a length in Å, e.g. Si-O=2.2', param, ctx)
        return f'{found[1]}-{found[2]}', length


class Range(click.ParamType):
    """``0.5:20``, either end may be left out."""

    name = 'low:high'

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float | None, float | None]:
        """Split into two numbers."""
        low, colon, high = str(value).partition(':')
        try:
            ends = (float(low) if low.strip() else None, float(high) if high.strip() else None)
        except ValueError:
            ends = (None, None)
        if not colon or ends == (None, None) or (None not in ends and ends[0] >= ends[1]):  # type: ignore[operator]
            self.fail(f'{value!r}: expected two numbers, the lower first, e.g. 0.5:20', param, ctx)
        return ends


ANALYSIS_OPTIONS = (
    click.option('--what', metavar='rdf,network,…', help='Kinds of analysis.  [default: what suits the elements]'),
    click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting: scattering.window=lorch'),
    click.option(
        '--cutoff', 'cutoffs', type=Cutoff(), multiple=True, help='Of bonds, Å.  [default: first minimum of g(r)]'
    ),
    click.option(
        '--r-max', type=click.FloatRange(1, 100), help='Reach of g(r), Å.  [default: half the width of the cell]'
    ),
    click.option('--q-max', type=click.FloatRange(1, 100), help='Reach of S(Q), Å⁻¹.'),
    click.option('--frames', type=FrameChoice(), help='Frames that are taken, from 0.  [default: all]'),
    click.option('--species', metavar='1=Na,2=Si', help='Elements of the types of a LAMMPS file.'),
    click.option('--format', 'form', metavar='NAME', help='Of the files.  [default: told by name and content]'),
    click.option('--experiment', metavar='FILE', multiple=True, help='Measured curve, two or three columns.'),
    click.option('--quantity', type=click.Choice(QUANTITIES), multiple=True, help='What it holds.'),
    click.option('--radiation', type=click.Choice(['neutron', 'xray']), multiple=True, help='Of the experiment.'),
    click.option('--unit', metavar='UNIT', multiple=True, help='Of its values, where not the usual one.'),
    click.option('--range', type=Range(), multiple=True, help='Of the comparison, Å⁻¹ or Å.'),
    click.option('--scale', is_flag=True, help='Fit a factor between the curves; it is reported.'),
    click.option('--request', type=click.Path(exists=True, dir_okay=False, path_type=Path), help='All of it, as YAML.'),
)


def analysis_options(command: _Command) -> _Command:
    """Give a command the options that :func:`request_of` reads."""
    decorated: _Command = reduce(lambda inner, option: option(inner), reversed(ANALYSIS_OPTIONS), command)
    return decorated


def species_of(text: str | None) -> dict[str, str] | None:
    """``1=Na,2=Si`` as a dictionary.

    :raises GlassionError: it is not of that form, or an element is none.
    """
    if text is None:
        return None
    from aiida_glassion.kernels.build.formula import known_elements

    species: dict[str, str] = {}
    for part in text.split(','):
        number, _, element = (word.strip() for word in part.partition('='))
        if not number.isdigit() or element not in known_elements():
            raise GlassionError(
                f'--species: {part.strip()!r}, expected types with their elements: 1=Na,2=O', exit_code=2
            )
        if number in species:
            raise GlassionError(f'--species: type {number} is given twice', exit_code=2)
        species[number] = element
    return species


def kinds_of(text: str | None) -> list[str] | None:
    """``rdf,network`` as a list; None: not given.

    :raises GlassionError: there is no such kind.
    """
    if text is None:
        return None
    kinds = list(dict.fromkeys(word for word in re.split(r'[\s,]+', text.strip()) if word))
    for kind in kinds:
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, 1, 0.5)
            hint = f'did you mean {near[0]}?' if near else f'there are {", ".join(KINDS)}'
            raise GlassionError(f'--what: there is no analysis {kind!r}; {hint}', exit_code=2)
    if not kinds:
        raise GlassionError(f'--what: nothing named; there are {", ".join(KINDS)}', exit_code=2)
    return kinds


def request_of(given: Mapping[str, Any], default: Sequence[str]) -> dict[str, Any]:
    """The request as a plain dictionary: the file first, what was given as options over it.

    :param given: options of the command.
    :param default: kinds that are taken where neither the file nor ``--what`` names one.
    :raises GlassionError: an option does not fit what is asked for.
    """
    request = read_request_file(given['request']) if given['request'] else {}
    kinds = kinds_of(given['what'])
    analyses = _settings_by_kind(request.get('analyses'))
    if kinds is not None:
        analyses = {kind: analyses.get(kind, {}) for kind in kinds}
    elif not analyses:
        analyses = {kind: {} for kind in default}
    request['analyses'] = analyses
    if given['experiment']:
        analyses.setdefault('scattering', {})
    for option, name in (('r_max', 'r_max'), ('q_max', 'q_max')):
        if given[option] is not None:
            _everywhere(analyses, name, given[option])
    for path, value in given['changes']:
        kind, _, place = path.partition('.')
        if kind not in analyses or not place:
            raise GlassionError(
                f'--set {path}: expected KIND.SETTING with a kind that is asked for: {", ".join(analyses)}', exit_code=2
            )
        _put(analyses[kind], place.split('.'), value)
    if given['cutoffs']:
        request['cutoffs'] = {**request.get('cutoffs', {}), **dict(given['cutoffs'])}
    if given['frames']:
        request = {**{key: v for key, v in request.items() if key not in ('first', 'last', 'every')}, **given['frames']}
    experiments = experiments_of(given)
    if experiments:
        before = analyses['scattering'].get('experiments') or []
        analyses['scattering'] = {**analyses['scattering'], 'experiments': [*before, *experiments]}
    return request


def _settings_by_kind(analyses: Any) -> dict[str, Any]:
    """Analyses of a file as kinds with their settings; what is wrong with them is said later, all at once."""
    if isinstance(analyses, (list, tuple)):
        return {str(kind): {} for kind in analyses}
    if isinstance(analyses, Mapping):
        return {str(kind): dict(s) if isinstance(s, Mapping) else s or {} for kind, s in analyses.items()}
    return {}


def read_request_file(path: Path) -> dict[str, Any]:
    """A request from a YAML file. Measured curves may be named by their file, beside it.

    :raises GlassionError: the file is no YAML mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())
        raise GlassionError(f'--request: {path} cannot be read as YAML: {reason}', exit_code=2) from None
    if not isinstance(content, Mapping):
        raise GlassionError(
            f'--request: {path} holds {type(content).__name__}, expected keys such as analyses, cutoffs', exit_code=2
        )
    request = dict(content)
    settings = _settings_by_kind(request.get('analyses')).get('scattering')
    if isinstance(settings, dict) and isinstance(settings.get('experiments'), list):
        settings['experiments'] = [
            measured(entry, path.parent) if isinstance(entry, Mapping) and 'file' in entry else entry
            for entry in settings['experiments']
        ]
        request['analyses'] = {**_settings_by_kind(request['analyses']), 'scattering': settings}
    return request


def measured(entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Settings of a comparison with the measured numbers inside, in place of their file.

    :param entry: ``file``, optionally ``columns`` (x, y, error; from 0), and the settings of an experiment.
    :raises GlassionError: the file cannot be read.
    """
    from aiida_glassion.formats.measured_curve import read_measured_curve

    path = folder / str(entry['file'])
    if not path.is_file():
        raise GlassionError(f'--experiment: there is no file {path}', exit_code=2)
    columns = entry.get('columns')
    try:
        curve = read_measured_curve(path, columns=None if columns is None else tuple(columns))
    except (OSError, TypeError, ValueError) as error:
        raise GlassionError(f'--experiment: {error}', exit_code=2) from None
    rest = {key: value for key, value in entry.items() if key not in ('file', 'columns')}
    name = re.sub(r'[^A-Za-z0-9]+', '_', path.stem).strip('_') or 'experiment'
    found: dict[str, Any] = {'name': name, 'x': curve.x.tolist(), 'y': curve.y.tolist()}
    if curve.error is not None:
        found['error'] = curve.error.tolist()
    return found | rest


def experiments_of(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Measured curves of the options: one value of each option for all curves, or as many as there are curves.

    :raises GlassionError: an option was given otherwise, or is missing.
    """
    files: Sequence[str] = given['experiment']
    for option in _OF_EXPERIMENTS:
        values = given[option]
        if values and not files:
            raise GlassionError(
                f'--{option} {values[0]}: says what --experiment FILE holds; none was given', exit_code=2
            )
        if len(values) not in (0, 1, len(files)):
            raise GlassionError(
                f'--{option}: {len(values)} given for {len(files)} measured curves; give one for all or one for each',
                exit_code=2,
            )
    if given['scale'] and not files:
        raise GlassionError('--scale: scales the curve of --experiment FILE; none was given', exit_code=2)
    if files and not given['quantity']:
        raise GlassionError(
            f'--experiment {files[0]}: what it holds must be said, --quantity with one of {", ".join(QUANTITIES)}; '
            'R_χ of the same data differs by a factor of six between S and S-1',
            exit_code=2,
        )
    if files and not given['radiation']:
        raise GlassionError(f'--experiment {files[0]}: say --radiation neutron or xray', exit_code=2)
    found = []
    for index, file in enumerate(files):
        entry: dict[str, Any] = {'file': file}
        for option in _OF_EXPERIMENTS:
            values = given[option]
            if values:
                entry[option] = values[index if len(values) > 1 else 0]
        if 'range' in entry:
            low, high = entry['range']
            entry['range'] = (0.0 if low is None else low, _FAR if high is None else high)
        if given['scale']:
            entry['scale'] = True
        found.append(measured(entry, Path()))
    for index, entry in enumerate(found):
        if [other['name'] for other in found].count(entry['name']) > 1:
            entry['name'] = f'{entry["name"]}_{index + 1}'
    return found


def _everywhere(analyses: dict[str, Any], name: str, value: Any) -> None:
    """Set a setting in every analysis that has it and does not say otherwise.

    :raises GlassionError: none has it.
    """
    from aiida_glassion.analysis.base import kind_of

    having = []
    for kind, settings in list(analyses.items()):
        try:
            fields = kind_of(kind).Settings.model_fields
        except (ImportError, KeyError):
            continue
        if name in fields:
            having.append(kind)
            analyses[kind] = {**settings, name: value}
    if not having:
        option = f'--{name.replace("_", "-")}'
        known = 'rdf or scattering' if name == 'r_max' else 'scattering'
        raise GlassionError(
            f'{option} {value:g}: none of {", ".join(analyses)} has it; add {known} to --what', exit_code=2
        )


def _put(nested: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        inner = nested.get(key)
        nested[key] = dict(inner) if isinstance(inner, Mapping) else {}
        nested = nested[key]
    nested[path[-1]] = value
