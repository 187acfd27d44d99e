"""The rooms depend on each other in one direction, and ``import aiida_glassion`` is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aiida_glassion

PACKAGE = Path(aiida_glassion.__file__).parent
ROOT = PACKAGE.parent

#: each room may import from its own layer and from those above it in this list.
LAYERS = [
    ['units', 'frames', 'schedule'],
    ['kernels', 'formats'],
    ['analysis'],
    ['potentials'],
    ['data'],
    ['functions', 'calculations', 'parsers', 'monitors', 'label_engines'],
    ['workchains'],
    ['report'],
    ['cli'],
]
DEPTH = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
WITHOUT_AIIDA = {'units', 'frames', 'schedule', 'kernels', 'formats', 'analysis', 'potentials'}
#: rooms of one layer that do not know each other.
STRANGERS = [('kernels', 'formats'), ('formats', 'kernels')]

MODULES = sorted(PACKAGE.rglob('*.py'))


def room(path: Path) -> str:
    """The part of the package that a file belongs to; empty for ``aiida_glassion/__init__.py``."""
    return path.relative_to(PACKAGE).with_suffix('').parts[0].removeprefix('__init__')


def imports(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """Dotted names that a module imports, anywhere in it; ``from x import y`` gives ``x.y``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            start = '.'.join([*base, *([node.module] if node.module else [])])
            yield from (f'{start}.{alias.name}' for alias in node.names)


def violations(here: str, names: Iterator[str]) -> list[str]:
    """What a module of a room must not import, and why."""
    wrong = []
    for name in names:
        parts = name.split('.')
        if parts[0] == 'workchains':
            wrong.append(f'{name}: the launch scripts are imported by nothing')
        if parts[0] in ('aiida', 'aiida_lammps') and here in WITHOUT_AIIDA:
            wrong.append(f'{name}: {here} knows nothing of AiiDA')
        if parts[0] != 'aiida_glassion' or len(parts) < 2 or not here:
            continue
        there = parts[1]
        if there in DEPTH and DEPTH[there] > DEPTH[here]:
            wrong.append(f'{name}: {there} comes after {here}')
        if (here, there) in STRANGERS:
            wrong.append(f'{name}: {here} and {there} stand side by side')
    return wrong


def test_every_room_has_a_layer():
    assert {room(path) for path in MODULES} - {''} <= set(DEPTH)


@pytest.mark.parametrize('path', MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    package = ('aiida_glassion', *path.relative_to(PACKAGE).parent.parts)
    assert violations(room(path), imports(path.read_text(), package)) == []


def test_no_code_of_ours_imports_the_launch_scripts():
    found = []
    for path in [*MODULES, *(ROOT / 'tests').rglob('*.py'), *(ROOT / 'benchmarks').rglob('*.py')]:
        names = imports(path.read_text(), ('',))
        found += [f'{path.relative_to(ROOT)}: {name}' for name in names if name.split('.')[0] == 'workchains']
    assert found == []


@pytest.mark.parametrize(
    ('here', 'source', 'why'),
    [
        ('kernels', 'import aiida', 'knows nothing of AiiDA'),
        ('formats', 'def f():\n    from aiida.orm import Dict', 'knows nothing of AiiDA'),
        ('kernels', 'from aiida_glassion.data.frames import FramesData', 'data comes after kernels'),
        ('data', 'from aiida_glassion import workchains', 'workchains comes after data'),
        ('units', 'from . import frames, kernels', 'kernels comes after units'),
        ('workchains', 'from ..cli import main', 'cli comes after workchains'),
        ('formats', 'from aiida_glassion.kernels import structure', 'side by side'),
        ('cli', 'import workchains.melt_quench', 'imported by nothing'),
    ],
)
def test_a_wrong_import_is_seen(here, source, why):
    package = ('aiida_glassion',) if here == 'units' else ('aiida_glassion', here)
    assert why in '\n'.join(violations(here, imports(source, package)))


@pytest.mark.parametrize('module', ['aiida_glassion', 'aiida_glassion.cli', 'aiida_glassion.frames'])
def test_import_is_light(module, tmp_path):
    heavy = ['aiida', 'pymatgen', 'matplotlib', 'numba', 'ase']
    script = f'import sys, {module}; print([name for name in {heavy} if name in sys.modules])'
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, cwd=tmp_path, check=True, timeout=600
    )
    assert done.stdout.strip() == '[]'


def test_importing_every_module_loads_no_profile(tmp_path):
    script = """
import importlib, pkgutil, aiida_glassion
for module in pkgutil.walk_packages(aiida_glassion.__path__, 'aiida_glassion.'):
    importlib.import_module(module.name)
from aiida.manage import get_manager
print(get_manager().get_profile())
"""
    environment = {'AIIDA_PATH': str(tmp_path), 'PATH': '/usr/bin:/bin', 'HOME': str(tmp_path)}
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, env=environment, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == 'None'
