"""Who labels frames. Each file in this folder holds one engine; no more than a file is needed for another."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from aiida_glassion.label_engines.engine import LabelEngine


@cache
def engines() -> dict[str, type[LabelEngine]]:
    """Every engine by name: the classes called ``Engine`` of the files in this folder."""
    found: dict[str, type[LabelEngine]] = {}
    for module in pkgutil.iter_modules(__path__):
        engine = getattr(importlib.import_module(f'{__name__}.{module.name}'), 'Engine', None)
        if engine is not None:
            found[engine.name] = engine
    return dict(sorted(found.items()))
