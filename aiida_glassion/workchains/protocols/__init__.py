"""Protocols: one YAML per WorkChain, each protocol only its difference from the default."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

_NAMED_BY_USER = ('cutoffs', 'distances', 'magnetic_moments', 'radii')
"""Keys below which any key goes, e.g. elements or pairs of elements."""
_CHECKED_ELSEWHERE = ('parameters', 'kwargs', 'analyses')
"""Keys below which, at any depth, any key goes, because another program checks them; null leaves one out."""


def _content(workchain: str) -> dict[str, Any]:
    text = (resources.files(__package__) / f'{workchain}.yaml').read_text(encoding='utf-8')
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def available(workchain: str) -> dict[str, str]:
    """Names and descriptions of a WorkChain's protocols."""
    return {name: content.get('description', '') for name, content in _content(workchain)['protocols'].items()}


def load(workchain: str, protocol: str | None = None, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A protocol with its defaults filled in and the user's overrides on top.

    :param workchain: name of the YAML, e.g. ``melt_quench``.
    :param protocol: None: the default one.
    :param overrides: nested; a list replaces a list.
    :raises ValueError: an unknown protocol or key, with the nearest known one.
    """
    content = _content(workchain)
    name = protocol or content['default_protocol']
    if name not in content['protocols']:
        raise ValueError(f'protocol {name!r} is not known{nearest(name, content["protocols"])}')
    chosen = {key: value for key, value in content['protocols'][name].items() if key != 'description'}
    merged = merge(merge(content['default'], chosen), overrides or {})
    return {'protocol': name, **merged}


def merge(base: Mapping[str, Any], changes: Mapping[str, Any], path: str = '') -> dict[str, Any]:
    """Lay changes over a nested mapping whose keys are the only ones known."""
    merged = dict(base)
    for key, value in changes.items():
        if key not in base and not _is_free(path.rstrip('.').split('.')):
            raise ValueError(f'{path}{key} is not a setting{nearest(key, base)}')
        inner = base.get(key)
        left_out = value is None and _is_free(path.rstrip('.').split('.'))
        if isinstance(inner, Mapping) and not isinstance(value, Mapping) and not left_out:
            raise ValueError(f'{path}{key}: {value!r} given, expected settings by name: {sorted(inner)}')
        merged[key] = merge(inner, value, f'{path}{key}.') if isinstance(inner, Mapping) and not left_out else value
    return merged


def _is_free(path: list[str]) -> bool:
    return path[-1] in _NAMED_BY_USER or any(name in _CHECKED_ELSEWHERE for name in path)


def nearest(key: Any, known: Mapping[str, Any]) -> str:
    """The nearest known key as a half-sentence, else all of them."""
    near = difflib.get_close_matches(str(key), list(known), 1)
    return f"; did you mean '{near[0]}'?" if near else f'; known are {", ".join(known)}'
