"""What the pages have in common: head, verdict, tiles, how it was made, where the data are, and what failed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida_glassion.report.markup import Markup, element, html, table

STATES = {'ok': ('✓ ended well', 'good'), 'failed': ('✗ failed', 'bad'), 'running': ('… not ended', 'wait')}
Nodes = Mapping[str, tuple[int, str]]
"""By name: PK and UUID."""
_LEDGER = {'pk': 'PK', 'exit_status': 'Exit code', 'reason': 'Why'}


def section(name: str, title: str, *content: Any) -> Markup:
    """A section with its heading.

    :param name: to be linked to.
    """
    return element('section', element('h2', title), *content, id=name)


def soft(words: str) -> Markup:
    """A remark."""
    return element('p', words, class_='soft')


def missing(words: str) -> Markup:
    """A sentence on what is not there."""
    return element('p', words)


def head(title: str, facts: Iterable[str], description: str = '') -> Markup:
    """Title, and what it is about in a line.

    :param facts: empty ones are left out.
    :param description: what its author wrote.
    """
    note = element('p', description) if description else ''
    return element('header', element('h1', title), soft(' · '.join(fact for fact in facts if fact)), note)


def verdict(state: str, said: str, remarks: Sequence[str] = (), warned: bool | None = None) -> Markup:
    """Box with how it ended, and what a reader must know.

    :param state: ``ok``, ``failed`` or ``running``.
    :param warned: whether what ended well is marked all the same; None: if there are remarks.
    """
    marked = bool(remarks) if warned is None else warned
    kind = ('warned' if marked else 'ok') if state == 'ok' else state
    listed = element('ul', *(element('li', remark) for remark in remarks)) if remarks else ''
    return element('section', element('p', said), listed, class_=f'verdict {kind}', aria_label='Verdict')


def tiles(chosen: Iterable[tuple[str, str]]) -> Markup:
    """The numbers that one looks for first: words and number."""
    made = [element('div', element('dt', words), element('dd', text)) for words, text in chosen]
    return element('dl', *made, class_='tiles') if made else html('')


def navigation(links: Mapping[str, str]) -> Markup:
    """Links to sections, by their names."""
    made = (element('a', text, href=f'#{name}') for name, text in links.items())
    return element('nav', *made, aria_label='On this page')


def provenance_section(svg: str) -> Markup:
    """Where the numbers come from, as a picture."""
    caption = (
        'Every box is a node of the AiiDA graph with its PK. Solid lines: who called whom; dashed: data. '
        'Hover over a box for its full text.'
    )
    image = element('div', Markup(svg), tabindex='0', aria_label='Provenance picture, scrollable')
    content = element('figure', image, element('figcaption', caption), class_='provenance')
    return section('provenance', 'Where the numbers come from', content)


def potential_facts(potential: Mapping[str, Any], charges: bool = False) -> list[tuple[str, Any]]:
    """Name and citation of a potential.

    :param potential: empty if there is none.
    :param charges: those of its elements too.
    """
    if not potential:
        return []
    facts = [
        ('Potential', f'{potential.get("name")} ({potential.get("kind")}), PK {potential.get("pk")}'),
        ('Citation of the potential', potential.get('citation') or 'none given'),
    ]
    if charges:
        own = (potential.get('charges') or {}).items()
        told = ', '.join(f'{name} {charge:+g}' for name, charge in own if isinstance(charge, (int, float)))
        facts.append(('Its charges (e)', told or '–'))
    return facts


def setting_facts(settings: Mapping[str, Any], words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Those settings that are worth a line.

    :param words: by setting, what it is; of those that are there and not empty.
    """
    return [(text, value_text(settings[key])) for key, text in words.items() if settings.get(key) not in (None, [], {})]


def value_text(value: Any) -> str:
    """A setting as it is read."""
    if isinstance(value, Mapping):
        entries = ((key.replace('_', ' '), entry) for key, entry in value.items() if entry is not None)
        return ', '.join(f'{key} {value_text(entry)}' for key, entry in entries)
    if isinstance(value, (list, tuple)):
        return ('; ' if any(isinstance(entry, Mapping) for entry in value) else ', ').join(map(value_text, value))
    return f'{value:g}' if isinstance(value, float) else str(value)


def making_section(
    facts: Iterable[Sequence[Any]],
    seed: int | None,
    software: Mapping[str, str],
    settings: Any,
    units: str = '',
    content: Sequence[Any] = (),
) -> Markup:
    """How it was made: facts, seed, versions, and every setting.

    :param units: of the settings.
    :param content: between the facts and the settings.
    """
    whole = json.dumps(settings, indent=1, ensure_ascii=False)
    rows = [*facts, ('Seed', '–' if seed is None else seed), *software.items()]
    return section(
        'making',
        'How it was made',
        table(('What', 'Value'), rows),
        *content,
        soft(units) if units else '',
        element('details', element('summary', 'All settings'), element('pre', element('code', whole))),
    )


def node_rows(nodes: Nodes, prefix: str = '') -> list[tuple[str, int, Markup]]:
    """Rows of a table of nodes."""
    return [(f'{prefix}{name}'.strip(), pk, element('code', uuid)) for name, (pk, uuid) in nodes.items()]


def data_section(
    uuid: str,
    archive: str,
    nodes: Sequence[Sequence[Any]],
    files: Sequence[str] = (),
    commands: Mapping[str, str] | None = None,
    content: Sequence[Any] = (),
) -> Markup:
    """How to get the data: commands, nodes and the files beside the page.

    :param archive: name of the archive that the commands make.
    :param nodes: rows of name, PK and UUID.
    :param commands: further ones, with what they are for.
    :param content: between the nodes and the files.
    """
    told = {
        f'glassion archive {uuid} {archive}': 'the whole study with its provenance, one file',
        f'verdi archive import {archive}': 'anybody, into any profile',
        f'glassion report {uuid[:8]} report/': 'this page again',
        **(commands or {}),
    }
    width = max(len(command) for command in told)
    lines = '\n'.join(f'{command:<{width}}   # {what}' for command, what in told.items())
    listed = element('ul', *(element('li', element('code', name)) for name in files)) if files else ''
    return section(
        'data',
        'How to get the data',
        element('pre', element('code', lines)),
        soft('PKs change when an archive is imported, UUIDs never do.'),
        table(('Node', 'PK', 'UUID'), nodes),
        *content,
        element('h3', 'Files beside this page') if files else '',
        listed,
    )


def ledger_section(ledger: Mapping[str, Any], what: str, columns: Mapping[str, str] | None = None) -> Markup:
    """What failed, and why; nothing if nothing did.

    :param ledger: by name, what is known of it.
    :param what: what an entry is.
    :param columns: of an entry, with their headings.
    """
    if not ledger:
        return html('')
    wanted = columns or _LEDGER
    rows = [
        (name, *(str(entry.get(key, '–')) for key in wanted))
        if isinstance(entry, Mapping)
        else (name, *('–' for _ in range(len(wanted) - 1)), str(entry))
        for name, entry in ledger.items()
    ]
    return section('ledger', 'Ledger of failures', table((what, *wanted.values()), rows))
