"""What is asked of a trajectory: which analyses, with which settings, over which frames."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aiida_glassion.analysis.base import KINDS, kind_of


class Request(BaseModel):
    """A request; :func:`read_request` makes one from a plain dictionary.

    :param analyses: settings of each kind of analysis (a key of :data:`.KINDS`), all of them written out.
    :param cutoffs: of bonds, Å, by pair of elements (``'O-Si'``, alphabetical; :func:`read_request` takes either
        order), in place of what the survey finds.
    :param first: index of the first frame that is taken, from 0.
    :param last: index of the last frame that may be taken; None: that of the trajectory.
    :param every: take every n-th frame.
    """

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False, frozen=True)

    analyses: dict[str, dict[str, Any]] = Field(min_length=1)
    cutoffs: dict[str, float] = Field(default_factory=dict)
    first: int = Field(default=0, ge=0)
    last: int | None = Field(default=None, ge=0)
    every: int = Field(default=1, ge=1)

    def as_dict(self) -> dict[str, Any]:
        """The request as JSON-ready dictionary, the same for two requests that mean the same."""
        plain = self.model_dump(mode='json')
        return {
            **plain,
            'analyses': dict(sorted(plain['analyses'].items())),
            'cutoffs': dict(sorted(plain['cutoffs'].items())),
        }


def read_request(mapping: Mapping[str, Any]) -> Request:
    """Check a request and write out its defaults.

    :param mapping: keys of :class:`Request`; a kind of analysis with ``None`` or ``{}`` has its default settings, and
        ``analyses`` may be a list of kinds.
    :raises ValueError: something in it cannot be done; one sentence for each problem.
    """
    if not isinstance(mapping, Mapping):
        raise ValueError(f'request: {type(mapping).__name__}, expected a dictionary with analyses')
    problems = [
        f'{key}: no such setting of a request{_near(str(key), Request.model_fields)}'
        for key in mapping
        if key not in Request.model_fields
    ]
    analyses, more = _analyses(mapping.get('analyses'))
    cutoffs, wrong = _cutoffs(mapping.get('cutoffs') or {})
    problems += more + wrong
    rest = {key: mapping[key] for key in ('first', 'last', 'every') if key in mapping}
    request = None
    try:
        request = Request(analyses={'rdf': {}}, cutoffs=cutoffs, **rest)
    except ValidationError as error:
        problems += _sentences(error, '')
    if request is not None and request.last is not None and request.last < request.first:
        problems.append(f'last: {request.last}, before first, which is {request.first}')
    if problems or request is None:
        raise ValueError('; '.join(problems))
    return request.model_copy(update={'analyses': analyses})


def _analyses(given: Any) -> tuple[dict[str, dict[str, Any]], list[str]]:
    if isinstance(given, (list, tuple)):
        given = dict.fromkeys(map(str, given))
    if not isinstance(given, Mapping) or not given:
        return {}, [f'analyses: none given, expected a dictionary of kinds and their settings: {", ".join(KINDS)}']
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for name, settings in given.items():
        if name not in KINDS:
            problems.append(f'analyses: there is no {name!r}{_near(str(name), KINDS)}')
            continue
        try:
            model = kind_of(name).Settings
        except ImportError as error:
            problems.append(f'analyses: {name} is not available in this installation ({error})')
            continue
        try:
            found[name] = model.model_validate(dict(settings or {})).model_dump(mode='json')
        except ValidationError as error:
            problems += _sentences(error, f'{name}.', model.model_fields)
        except (TypeError, ValueError):
            problems.append(f'{name}: {settings!r}, expected a dictionary of settings')
    return found, problems


def _cutoffs(given: Any) -> tuple[dict[str, float], list[str]]:
    from ase.data import atomic_numbers

    if not isinstance(given, Mapping):
        return {}, [f'cutoffs: {given!r}, expected a dictionary such as {{"Si-O": 2.2}}']
    found, problems = {}, []
    for pair, value in given.items():
        elements = str(pair).split('-')
        if len(elements) != 2 or not set(elements) <= set(atomic_numbers):
            problems.append(f'cutoffs: {pair!r}, expected a pair of elements such as Si-O')
        elif '-'.join(reversed(elements)) in given and elements[0] != elements[1]:
            problems.append(f'cutoffs: {pair} is given twice, in both orders')
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 20:
            problems.append(f'cutoffs: {pair} is {value!r}, expected a distance in Å, between 0 and 20')
        else:
            found['-'.join(sorted(elements))] = float(value)
    return found, problems


def _sentences(error: ValidationError, before: str, known: Mapping[str, Any] | None = None) -> list[str]:
    found = []
    for entry in error.errors():
        where = '.'.join(map(str, entry['loc']))
        if entry['type'] == 'extra_forbidden':
            found.append(f'{before}{where}: no such setting{_near(where, known or {})}')
        else:
            message = entry['msg'].removeprefix('Value error, ')
            given = '' if isinstance(entry['input'], Mapping) else f' (given: {str(entry["input"])[:80]})'
            found.append(f'{before}{where}: {message}{given}' if where else f'{before.rstrip(".")}: {message}')
    return found


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean {near[0]}?' if near else f'; there are {", ".join(known)}' if known else ''
