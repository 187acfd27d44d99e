"""What every ``glassion.*`` entry point promises: help with units, numbered exit codes, a docstring."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest
from aiida import orm
from aiida.engine import CalcJob, Process, WorkChain
from aiida.engine.processes.ports import PortNamespace

GROUPS = ['aiida.data', 'aiida.calculations', 'aiida.parsers', 'aiida.workflows', 'aiida.calculations.monitors']
ENTRY_POINTS = [
    (group, entry)
    for group in GROUPS
    for entry in entry_points(group=group)
    if entry.value.startswith('aiida_glassion')
]
PROCESSES = [entry for group, entry in ENTRY_POINTS if group in ('aiida.calculations', 'aiida.workflows')]
CALCJOBS = [
    entry
    for group, entry in ENTRY_POINTS
    if group == 'aiida.calculations' and isinstance(entry.load(), type) and issubclass(entry.load(), CalcJob)
]

#: a unit, or a word that says that there is none.
UNIT = re.compile(
    r'Å|\beV|\bfs\b|\bps\b|\bns\b|\bK\b|K/ps|GPa|\bbar\b|g/cm|S/cm|cm²|MPa|J/m|\bamu\b|\be\b|\bs\b|\bh\b|\bkB\b|\bMB\b|°|%'
    r'|number|count|index|seed|step|fraction|ratio|factor|label|integer|dimensionless|per atom|no unit'
    r'|how many|every|units?\b',
    re.IGNORECASE,
)
NUMERIC = (orm.Float, orm.Int, orm.ArrayData, float, int)


def names(entries: list[Any]) -> list[str]:
    return [f'{entry.group.removeprefix("aiida.")}:{entry.name}' for entry in entries]


def process_class(entry: Any) -> Any:
    loaded = entry.load()
    return loaded if isinstance(loaded, type) else loaded.process_class


def inherited(cls: Any, which: str) -> set[str]:
    """Ports that come from a class outside this package."""
    found: set[str] = set()
    for base in cls.__mro__[1:]:
        if issubclass(base, Process) and not base.__module__.startswith('aiida_glassion'):
            found |= {path for path, _ in walk(getattr(base.spec(), which))}
    return found


def walk(namespace: PortNamespace, prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Every port under a namespace with its dotted name; ``metadata`` is AiiDA's own."""
    for name, port in namespace.items():
        if name == 'metadata' and not prefix:
            continue
        yield f'{prefix}{name}', port
        if isinstance(port, PortNamespace):
            yield from walk(port, f'{prefix}{name}.')


def own_ports(cls: Any, which: str) -> list[tuple[str, Any]]:
    foreign = inherited(cls, which)
    ports = walk(getattr(cls.spec(), which))
    return [(name, port) for name, port in ports if name not in foreign and '.metadata' not in name]


def valid_types(port: Any) -> tuple[Any, ...]:
    types = port.valid_type
    return types if isinstance(types, tuple) else (types,)


def test_entry_points_have_the_prefix():
    assert ENTRY_POINTS
    assert [entry.name for _, entry in ENTRY_POINTS if not entry.name.startswith('glassion.')] == []


@pytest.mark.parametrize(('group', 'entry'), ENTRY_POINTS, ids=[f'{g}:{e.name}' for g, e in ENTRY_POINTS])
def test_loads_and_says_what_it_is(group, entry):
    loaded = entry.load()
    text = (loaded.__doc__ or '').strip()
    assert len(text.splitlines()[0] if text else '') > 15, 'a docstring with one sentence of physics'
    kind = {'aiida.data': orm.Data, 'aiida.workflows': WorkChain}.get(group)
    if kind is not None:
        assert issubclass(loaded, kind)


@pytest.mark.parametrize('entry', PROCESSES, ids=names(PROCESSES))
def test_every_port_has_help(entry):
    cls = process_class(entry)
    for which in ('inputs', 'outputs'):
        silent = [name for name, port in own_ports(cls, which) if not (port.help or '').strip()]
        assert silent == [], f'{which} without help'


@pytest.mark.parametrize('entry', PROCESSES, ids=names(PROCESSES))
def test_numbers_name_their_unit(entry):
    cls = process_class(entry)
    for which in ('inputs', 'outputs'):
        without = [
            f'{name}: {port.help}'
            for name, port in own_ports(cls, which)
            if not isinstance(port, PortNamespace)
            and any(isinstance(kind, type) and issubclass(kind, NUMERIC) for kind in valid_types(port))
            and not UNIT.search(port.help or '')
        ]
        assert without == [], f'{which} that are numbers without a unit'


@pytest.mark.parametrize('entry', PROCESSES, ids=names(PROCESSES))
def test_exit_codes_are_numbered_and_named(entry):
    cls = process_class(entry)
    foreign: set[str] = set()
    for base in cls.__mro__[1:]:
        if issubclass(base, Process) and not base.__module__.startswith('aiida_glassion'):
            foreign |= set(base.spec().exit_codes)
    own = {label: code for label, code in cls.spec().exit_codes.items() if label not in foreign}
    assert [label for label in own if not label.startswith('ERROR_')] == []
    assert [f'{label}: {code.status}' for label, code in own.items() if not 200 <= code.status < 600] == []
    assert [label for label, code in own.items() if not code.message] == []
    statuses = [code.status for code in cls.spec().exit_codes.values()]
    twice = sorted({status for status in statuses if statuses.count(status) > 1})
    assert twice == [], 'two exit codes with one number'


@pytest.mark.parametrize('entry', CALCJOBS, ids=names(CALCJOBS))
def test_calcjobs_have_a_parser(entry):
    cls = process_class(entry)
    default = cls.spec().inputs['metadata']['options']['parser_name'].default
    parser = default() if callable(default) else default
    assert parser in {found.name for found in entry_points(group='aiida.parsers')}
