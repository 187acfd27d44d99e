"""How frames were labelled, as plain JSON, and whether the energies of two labellings compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any


def hash_method(method: Mapping[str, Any]) -> str:
    """Hash of how frames were labelled, independent of the order of the keys."""
    return hashlib.sha256(json.dumps(method, sort_keys=True).encode()).hexdigest()[:16]


def differences(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two methods do not have in common; none: their energies compare.

    A table by element, such as that of the pseudopotentials, is compared for the elements that both have: labels of
    Na3PS4 and of Na3PS3O compare when Na, P and S were treated alike.

    :returns: both values of everything that differs; an unknown method (empty) differs from every known one.
    """
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted(set(first) | set(other)):
        one: Any = first.get(key)
        two: Any = other.get(key)
        if _is_by_element(one) and _is_by_element(two):
            for element in sorted(set(one) & set(two)):
                if one[element] != two[element]:
                    found[f'{key} of {element}'] = (one[element], two[element])
        elif one != two:
            found[key] = (one, two)
    return found


def union(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The method of frames of two methods that do not differ: tables by element are joined."""
    joined = dict(first)
    for key, value in other.items():
        joined[key] = {**first[key], **value} if _is_by_element(value) and _is_by_element(first.get(key)) else value
    return joined


def _is_by_element(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and set(value) <= _symbols()


@cache
def _symbols() -> frozenset[str]:
    from ase.data import chemical_symbols

    return frozenset(chemical_symbols[1:])
