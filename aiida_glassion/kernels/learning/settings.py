"""Settings given as a dictionary, validated by a pydantic class, with problems in words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Settings(BaseModel):
    """Base of grouped settings: unknown keys and numbers that are not finite are refused."""

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False, frozen=True)


Kind = TypeVar('Kind', bound=BaseModel)


def read_settings(kind: type[Kind], content: Mapping[str, Any], name: str) -> Kind:
    """Validate settings.

    :param kind: the class that knows them.
    :param content: by key.
    :param name: of the group, for the message: ``levels``.
    :raises ValueError: every problem on its own line: where, what was given, what would be right.
    """
    try:
        return kind.model_validate(dict(content))
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            path = '.'.join([name, *(str(part) for part in problem['loc'])])
            message = problem['msg'].removeprefix('Value error, ')
            if problem['type'] == 'extra_forbidden':
                near = difflib.get_close_matches(str(problem['loc'][-1]), list(kind.model_fields), 1)
                known = f'; did you mean {near[0]!r}?' if near else f'; known are {", ".join(kind.model_fields)}'
                message = f'unknown key{known}'
            given = problem.get('input')
            problems.append(f'{path}: {message}' + ('' if isinstance(given, dict) else f' (given: {given!r})'))
        raise ValueError('\n'.join(problems)) from None
