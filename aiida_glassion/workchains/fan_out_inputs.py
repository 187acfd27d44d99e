"""Checks of the inputs of WorkChains that run many others, some at a time."""

from __future__ import annotations

from typing import Any


def check_room(inputs: Any) -> str | None:
    """``max_concurrent`` and ``tolerated_failures``: what is wrong with them, or None."""
    room, tolerated = inputs['max_concurrent'].value, inputs['tolerated_failures'].value
    if room < 1:
        return f'max_concurrent: {room} given, expected at least 1'
    if not 0 <= tolerated <= 1:
        return f'tolerated_failures: {tolerated} given, expected a fraction, 0 to 1'
    return None
