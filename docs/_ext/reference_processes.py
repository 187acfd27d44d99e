"""Inputs, outputs and exit codes of every process, read from their specs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from markdown import code, docstring, prose, table

_PACKAGE = 'aiida_glassion'
KINDS = ('WorkChains', 'Calculations', 'Functions')


def processes() -> Iterator[tuple[str, str, Any, Any]]:
    """Kind, entry point, what it names (a class or a function) and the process class, by kind and name."""
    found = []
    for group in ('aiida.workflows', 'aiida.calculations'):
        for entry in entry_points(group=group):
            if not entry.name.startswith('glassion.'):
                continue
            loaded = entry.load()
            is_function = not isinstance(loaded, type)
            kind = 2 if is_function else int(group == 'aiida.calculations')
            found.append((kind, entry.name, loaded, loaded.process_class if is_function else loaded))
    for kind, name, loaded, process in sorted(found, key=lambda one: one[:2]):
        yield KINDS[kind], name, loaded, process


def page() -> str:
    """Tables of all processes."""
    parts = []
    heading = ''
    left_out = _inherited()
    for kind, name, loaded, process in processes():
        if kind != heading:
            heading = kind
            parts.append(f'## {heading}\n')
        parts += [f'### `{name}`\n', f'`{loaded.__module__}.{loaded.__name__}`\n', docstring(loaded) + '\n']
        spec = process.spec()
        rows = list(_inputs(spec.inputs, left_out))
        if rows:
            parts += ['**Inputs**\n', table(('input', 'type', 'required', 'default', 'what it is'), rows)]
        rows = list(_outputs(spec.outputs, left_out))
        if rows:
            parts += ['**Outputs**\n', table(('output', 'type', 'always', 'what it is'), rows)]
        codes = _own_codes(process)
        if codes:
            parts += ['**Exit codes**\n', table(('status', 'name', 'message'), codes)]
    return '\n'.join(parts)


def _inherited() -> set[str]:
    """Names of the ports that AiiDA gives to every process; its own documentation describes them."""
    from aiida.engine import BaseRestartWorkChain, CalcJob, WorkChain

    bases = (CalcJob, WorkChain, BaseRestartWorkChain)
    names = {name for base in bases for ports in (base.spec().inputs, base.spec().outputs) for name in ports}
    return names - {'code', 'max_iterations'}


def _walk(namespace: Any, left_out: set[str], prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Every port under a namespace with its dotted name, the required ones first."""
    from aiida.engine.processes.ports import PortNamespace

    for name, port in sorted(namespace.items(), key=lambda item: (not item[1].required, item[0])):
        if name in left_out:
            continue
        if not isinstance(port, PortNamespace) or port.help or not len(port):
            yield f'{prefix}{name}', port
        if isinstance(port, PortNamespace):
            yield from _walk(port, left_out, f'{prefix}{name}.')


def _inputs(namespace: Any, inherited: set[str]) -> Iterator[tuple[str, ...]]:
    for name, port in _walk(namespace, inherited):
        if name.endswith('code'):
            yield code(name), _types(port), 'yes', '', 'The program.'
        else:
            yield _name(name, port), _types(port), _yes(port.required), _default(port), prose(port.help or '')


def _outputs(namespace: Any, inherited: set[str]) -> Iterator[tuple[str, ...]]:
    for name, port in _walk(namespace, inherited):
        yield _name(name, port), _types(port), _yes(port.required), prose(port.help or '')


def _name(name: str, port: Any) -> str:
    from aiida.engine.processes.ports import PortNamespace

    return code(f'{name}.…' if isinstance(port, PortNamespace) else name)


def _own_codes(process: Any) -> list[tuple[int, str, str]]:
    """Exit codes that are not those of every WorkChain or CalcJob, nor of the parser of another package."""
    from aiida.engine import CalcJob, WorkChain

    bases = [
        base for base in process.__mro__ if issubclass(base, CalcJob) and base.__module__.split('.')[0] != _PACKAGE
    ]
    common = {found.status for found in WorkChain.spec().exit_codes.values()}
    common |= {found.status for base in bases for found in base.spec().exit_codes.values()}
    return sorted(
        (found.status, code(label), prose(found.message or ''))
        for label, found in process.spec().exit_codes.items()
        if found.status not in common
    )


def _types(port: Any) -> str:
    from aiida.engine.processes.ports import PortNamespace

    types = port.valid_type if isinstance(port.valid_type, tuple) else (port.valid_type,)
    names = [found.__name__ for found in types if found is not None and found is not type(None)]
    return '' if isinstance(port, PortNamespace) and names == ['Data'] else ', '.join(code(name) for name in names)


def _default(port: Any) -> str:
    if not port.has_default():
        return ''
    value = port.default() if callable(port.default) else port.default
    if hasattr(value, 'get_dict'):
        value = value.get_dict()
    return '' if value is None else code(getattr(value, 'value', value))


def _yes(flag: bool) -> str:
    return 'yes' if flag else ''
