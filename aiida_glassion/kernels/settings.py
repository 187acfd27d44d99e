"""Settings as models that check themselves, and what is wrong with them in words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Settings(BaseModel):
    """Settings with known names and finite numbers only."""

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)


_Model = TypeVar('_Model', bound=Settings)
_PART = re.compile(r'[\w-]+(\.[\w-]+)*: ')


def read_model(model: type[_Model], mapping: Mapping[str, Any], path: str = '') -> _Model:
    """Validate settings.

    :param path: stands before the names in messages: ``pores.``.
    :raises ValueError: with the setting, what was given and what would be right.
    """
    try:
        return model.model_validate(dict(mapping))
    except ValidationError as error:
        problems = dict.fromkeys(_explain(problem, model, path) for problem in error.errors())
        raise ValueError('; '.join(problems)) from None


def _explain(problem: Any, model: type[Settings], path: str) -> str:
    where = path + '.'.join(str(part) for part in problem['loc'])
    message = problem['msg'].removeprefix('Value error, ')
    if problem['type'] == 'extra_forbidden':
        near = difflib.get_close_matches(where.rpartition('.')[2], model.model_fields, 1)
        message = 'no such setting' + (f"; did you mean '{near[0]}'?" if near else '')
    if problem['type'] == 'missing':
        return f'{where}: missing'
    if problem['type'] == 'value_error':  # says itself what was given, and sometimes of which part
        return f'{where}.{message}' if problem['loc'] and _PART.match(message) else _placed(where, message)
    given = '' if isinstance(problem['input'], Mapping) else f' (given: {problem["input"]!r})'
    return _placed(where, f'{message}{given}')


def _placed(where: str, message: str) -> str:
    return f'{where.rstrip(".")}: {message}' if where else message
