"""Writes the generated parts of the reference before the documentation is built, so that they cannot fall behind."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import reference_commands
import reference_data
import reference_processes
import reference_settings

PAGES: dict[str, Callable[[], str]] = {
    'processes.md': reference_processes.page,
    'commands.md': reference_commands.page,
    'schedule.md': reference_settings.schedule_page,
    'protocols.md': reference_settings.protocols_page,
    'protocol_table.md': reference_settings.protocol_table,
    'potentials.md': reference_data.potentials_page,
    'data_nodes.md': reference_data.data_nodes_page,
    'thermo.md': reference_data.thermo_table,
}
"""Name of each generated file and what writes it."""


def write(folder: Path) -> list[Path]:
    """Write every generated file; one that has not changed is left alone, so that nothing is built again for it."""
    _load_profile()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, page in PAGES.items():
        path, text = folder / name, page()
        if not path.exists() or path.read_text(encoding='utf-8') != text:
            path.write_text(text, encoding='utf-8')
        written.append(path)
    return written


def _load_profile() -> None:
    """A profile in memory: the defaults of ports are nodes, which cannot be made without one."""
    warnings.filterwarnings('ignore', message='Creating AiiDA configuration folder')
    logging.disable(logging.INFO)
    from aiida.manage.configuration import load_profile
    from aiida.storage.sqlite_temp import SqliteTempBackend

    load_profile(SqliteTempBackend.create_profile('docs'), allow_switch=True)
    logging.disable(logging.NOTSET)


def _before_reading(app: Any, *_: Any) -> None:
    write(Path(app.srcdir) / 'reference' / '_generated')


def _escape_bars(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """``|k|`` is a length in our docstrings, not a substitution of reStructuredText."""
    lines[:] = [line.replace('|', '\\|') for line in lines]


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect('builder-inited', _before_reading)
    app.connect('autodoc-process-docstring', _escape_bars)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
