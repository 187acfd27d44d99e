"""What the documentation shows exists: commands and their options, links and headings, included files, Python names."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / 'docs'
PAGES = sorted(
    path
    for path in [*ROOT.glob('*.md'), *DOCS.rglob('*.md'), *ROOT.glob('examples/**/*.md'), *ROOT.glob('benchmarks/*.md')]
    if not {'_build', '_generated'} & set(path.parts)
)
SCRIPTS = sorted(ROOT.glob('examples/**/*.sh'))
FENCE = re.compile(r'^(?P<fence>`{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)\s*$', re.MULTILINE | re.DOTALL)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Language (or directive) and body of every fenced block of a page."""
    for found in FENCE.finditer(path.read_text(encoding='utf-8')):
        yield found['info'].strip(), found['body']


def prose(path: Path) -> str:
    """A page without its fenced blocks and without inline code."""
    return re.sub(r'`[^`\n]*`', '', FENCE.sub('', path.read_text(encoding='utf-8')))


def shell_lines(text: str) -> Iterator[str]:
    for line in text.replace('\\\n', ' ').splitlines():
        yield line.strip().removeprefix('$ ')


def command_lines() -> Iterator[tuple[str, str]]:
    """Every `glassion …` that is shown, with its page: in blocks, in scripts, and in the text."""
    for path in [*PAGES, *SCRIPTS]:
        if path.suffix == '.sh':
            texts = [path.read_text(encoding='utf-8')]
        else:
            texts = [body for info, body in blocks(path) if info in ('bash', 'sh', 'console', '')]
            texts += re.findall(r'`(glassion [^`\n]*)`', FENCE.sub('', path.read_text(encoding='utf-8')))
        for text in texts:
            for line in shell_lines(text):
                if line.startswith('glassion '):
                    yield relative(path), line


COMMANDS = sorted(set(command_lines()))


def problems_of(line: str) -> list[str]:
    """What the `glassion` command would refuse in a line."""
    from aiida_glassion.cli import main

    words = shlex.split(line, comments=True)[1:]
    context = click.Context(main, info_name='glassion')
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith('-'):
        found = command.get_command(context, words[0]) if words[0] in command.list_commands(context) else None
        if found is None:
            return [f'no command {words[0]!r} of {command.name}']
        command, words = found, words[1:]
    options = {
        name: parameter
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    problems, arguments = [], []
    book = (command.name or '').replace('-', '_')
    if book == 'label':
        book = f'label_{words[words.index("--engine") + 1]}' if '--engine' in words else 'label'
    while words:
        word = words.pop(0)
        if not word.startswith('-'):
            arguments.append(word)
            continue
        name, _, value = word.partition('=')
        if name in ('--help', '-h'):
            continue
        if name not in options:
            problems.append(f'{command.name} has no option {name}')
        elif not options[name].is_flag:
            problems += problems_of_value(options[name], value or (words.pop(0) if words else ''), book)
    takes = [parameter.nargs for parameter in command.params if isinstance(parameter, click.Argument)]
    at_most = len(arguments) if -1 in takes else sum(takes)
    if len(arguments) > at_most:
        problems.append(f'{command.name} takes {at_most} arguments, not {arguments}')
    return problems


def problems_of_value(option: click.Option, value: str, book: str) -> list[str]:
    from aiida_glassion.potentials import library

    if not value:
        return [f'{option.opts[0]} without a value']
    if value.isupper() or value.startswith('$'):  # a place holder such as NAME
        return []
    known = {'--protocol': list(_protocols(book)), '--potential': list(library.available())}
    is_node = option.opts[0] == '--potential' and value.isdigit()
    if option.opts[0] in known and '.' not in value and not is_node and value not in known[option.opts[0]]:
        return [f'{option.opts[0]}: there is no {value!r}']
    if isinstance(option.type, click.Path):
        return []
    try:
        converted = option.type.convert(value, option, None)
    except click.BadParameter as error:
        return [f'{option.opts[0]}: {error.message}']
    return problems_of_setting(*converted, book) if option.opts[0] == '--set' else []


_BOOKS = ('melt', 'train', 'initial', 'label', 'active', 'diffusion', 'elastic', 'fracture', 'porous', 'glass_ceramic')


def _protocols(book: str) -> dict[str, str]:
    from aiida_glassion.workchains import protocols

    return protocols.available(book) if book.startswith(_BOOKS) else {}


def problems_of_setting(path: str, value: Any, book: str) -> list[str]:
    from aiida_glassion.analysis.request import read_request
    from aiida_glassion.cli.launch_inputs import settings_of
    from aiida_glassion.workchains import protocols

    nothing = dict.fromkeys(('atoms', 'replicas', 'melt_temperature', 'rates', 'protocol'))
    try:
        if book == 'melt_quench':
            settings_of({**nothing, 'changes': [(path, value)]})
        elif book in ('analyse', 'analysis'):
            kind, _, place = path.partition('.')
            read_request(
                {'analyses': {kind: reduce(lambda inner, key: {key: inner}, reversed(place.split('.')), value)}}
            )
        elif book == 'active_learning':  # a place in the study file
            return problems_of_place(path, value)
        else:
            protocols.load(book, None, reduce(lambda inner, key: {key: inner}, reversed(path.split('.')), value))
    except ValueError as error:
        return [f'--set {path}: {error}']
    return []


def problems_of_place(path: str, value: Any) -> list[str]:
    from aiida_glassion.cli.study_file import KEYS
    from aiida_glassion.workchains import protocols

    first, *rest = path.split('.')
    if first == 'settings':
        protocols.load('active_learning', None, reduce(lambda inner, key: {key: inner}, reversed(rest), value))
        return []
    known: Any = KEYS
    for key in (first, *rest):
        if isinstance(known, dict) and key not in known:
            return [f'--set {path}: a study has no {key}']
        known = known[key] if isinstance(known, dict) else None
    return []


def test_commands_are_found():
    assert len(COMMANDS) > 20
    assert any(page == 'README.md' for page, _ in COMMANDS)
    assert any(page == 'examples/first_glass/run.sh' for page, _ in COMMANDS)


@pytest.mark.parametrize(('page', 'line'), COMMANDS, ids=[f'{page}: {line}' for page, line in COMMANDS])
def test_command_shown_is_understood(page, line):
    assert problems_of(line) == []


@pytest.mark.parametrize(
    'line',
    [
        'glassion lunch melt-quench SiO2',
        'glassion launch melt-quench SiO2 --no-such-option 3',
        'glassion launch melt-quench SiO2 --protocol fastest',
        'glassion launch melt-quench SiO2 --potential pmcs',
        'glassion launch melt-quench SiO2 --coulomb ewald',
        'glassion launch melt-quench SiO2 --ranks many',
        'glassion launch melt-quench SiO2 --set relax.sampel.duration=3',
        'glassion launch melt-quench SiO2 P2O5',
        'glassion launch label melt.extxyz --engine vasp --set kspacing=0.5',
        'glassion launch label melt.extxyz --engine vasp --protocol pmmcs',
        'glassion analyse glass.extxyz --set rings.bigest=9',
    ],
)
def test_what_is_wrong_would_be_seen(line):
    assert problems_of(line)


@pytest.mark.parametrize('page', PAGES, ids=relative)
def test_make_targets_exist(page):
    targets = set(re.findall(r'^([a-z]+):', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE))
    text = page.read_text(encoding='utf-8')
    shown = set(re.findall(r'`make ([a-z]+)`', text)) | set(re.findall(r'^make ([a-z]+)', text, re.MULTILINE))
    assert shown <= targets


def slug(heading: str) -> str:
    """Anchor of a heading, as GitHub and MyST make it."""
    text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading).strip().lower()
    return re.sub(r'[^\w\- ]', '', text).replace(' ', '-')


def anchors(path: Path) -> set[str]:
    return {slug(found) for found in re.findall(r'^#+ (.+)$', FENCE.sub('', path.read_text('utf-8')), re.MULTILINE)}


@pytest.mark.parametrize('page', PAGES, ids=relative)
def test_links_lead_somewhere(page):
    broken = []
    for target in re.findall(r'\]\(([^)\s]+)\)', prose(page)):
        if re.match(r'[a-z]+:', target):
            continue
        name, _, anchor = target.partition('#')
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize('page', PAGES, ids=relative)
def test_included_files_exist(page):
    generated = generator().PAGES
    missing = []
    for info, body in blocks(page):
        directive = re.fullmatch(r'\{(\w+)\}\s*(.*)', info)
        if directive is None:
            continue
        name, target = directive[1], directive[2]
        if name in ('include', 'literalinclude', 'image', 'figure'):
            path = (page.parent / target).resolve()
            known = path.name in generated if path.parent.name == '_generated' else path.is_file()
            missing += [] if known else [target]
        if name == 'toctree':
            entries = [line for line in body.splitlines() if line.strip() and not line.startswith(':')]
            missing += [entry for entry in entries if not (page.parent / f'{entry}.md').is_file()]
    assert missing == []


def test_every_page_is_in_the_table_of_contents():
    listed = {'index'}
    for info, body in blocks(DOCS / 'index.md'):
        if info == '{toctree}':
            listed |= {line for line in body.splitlines() if line.strip() and not line.startswith(':')}
    assert {str(path.relative_to(DOCS).with_suffix('')) for path in PAGES if DOCS in path.parents} == listed


def python_blocks() -> list[tuple[str, int, str]]:
    return [
        (relative(page), number, body)
        for page in PAGES
        for number, (info, body) in enumerate(blocks(page))
        if info == 'python'
    ]


@pytest.mark.parametrize(('page', 'number', 'body'), python_blocks(), ids=[f'{p}:{n}' for p, n, _ in python_blocks()])
def test_python_shown_compiles_and_its_imports_exist(page, number, body):
    for node in ast.walk(ast.parse(body)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith('aiida_glassion'):
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize('page', PAGES, ids=relative)
def test_yaml_shown_can_be_read(page):
    for info, body in blocks(page):
        if info == 'yaml':
            assert yaml.safe_load(body)


def test_schedule_shown_is_valid():
    from aiida_glassion.schedule import read_schedule

    shown = [body for info, body in blocks(DOCS / 'reference' / 'schedule.md') if info == 'yaml']
    assert [read_schedule(yaml.safe_load(body)).duration for body in shown] == [pytest.approx(50 + 370)]


def generator() -> Any:
    """The module that writes the generated pages."""
    folder = str(DOCS / '_ext')
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module('reference_pages')


def test_generated_reference_is_complete(aiida_profile):
    """Every process, port, exit code and command is in the generated pages."""
    import reference_commands
    import reference_processes

    text = reference_processes.page()
    for _, name, _, process in reference_processes.processes():
        assert f'`{name}`' in text
        for code in reference_processes._own_codes(process):
            assert f'| {code[0]} | {code[1]} |' in text
    assert '| `md.schedule` | `Dict` | yes |' in text
    assert '| `max_softer` | `Int` |  | `2` |' in text
    commands = reference_commands.page()
    assert all(f'## `{name}`' in commands for name, _ in reference_commands.commands())
    assert '`--melt-temperature`' in commands


@pytest.mark.parametrize('name', sorted(set(generator().PAGES) - {'processes.md', 'commands.md'}))
def test_generated_page_has_content(name):
    text = generator().PAGES[name]()
    assert text.count('\n') > 5
    assert 'PydanticUndefined' not in text
    assert '<function' not in text


def test_changelog_has_this_version():
    from aiida_glassion import __version__

    assert f'## [{__version__}] - ' in (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
