"""The input with which a frozen TensorFlow model was trained: DeePMD-kit writes it into the model as text."""

from __future__ import annotations

import json
from typing import Any

_BEGIN = b'{"model":'
_LONGEST = 2_000_000


def read_training_script(model: bytes) -> dict[str, Any] | None:
    """The completed ``input.json`` inside a model.

    :param model: content of a frozen model.
    :returns: None where there is none.
    """
    at = model.find(_BEGIN)
    if at < 0:
        return None
    try:
        content, _ = json.JSONDecoder().raw_decode(model[at : at + _LONGEST].decode('utf-8', 'replace'))
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def sel_of_model(model: bytes) -> list[int] | None:
    """Largest number of neighbours of each type that a model takes in; None where the model does not say."""
    script = read_training_script(model) or {}
    descriptor = script.get('model', {}).get('descriptor', {})
    sel = descriptor.get('sel') if isinstance(descriptor, dict) else None
    is_list = isinstance(sel, list) and all(isinstance(number, int) for number in sel)
    return list(sel) if is_list and sel is not None else None
