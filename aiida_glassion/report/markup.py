"""Small pieces of HTML. Whatever text goes in is escaped here: it may come from a stranger's archive."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

Figure = tuple[str, str, bytes, str]
"""Heading, caption, content, kind of image."""


class Markup(str):
    """HTML that is safe already; every other text is escaped by :func:`html`."""

    __slots__ = ()


_PIXEL = 0.0254 / 96
"""Size of a pixel on a page, m."""


def html(value: Any) -> Markup:
    """Text as HTML."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def element(name: str, *content: Any, **attributes: str) -> Markup:
    """An element; ``class_`` is written ``class``.

    :param content: text (escaped) or :class:`Markup`.
    """
    given = ''.join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f'<{name}{given}>{"".join(html(part) for part in content)}</{name}>')


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]], caption: str = '', numbers_from: int = 99) -> Markup:
    """A table with its head and, in each row, its first cell as headings. A row of one cell heads a group.

    :param numbers_from: index of the first column of numbers.
    """

    def kind(index: int) -> dict[str, str]:
        return {'class_': 'number'} if index >= numbers_from else {}

    body = []
    for row in rows:
        if len(row) == 1:
            heading = element('th', row[0], colspan=str(len(head)), scope='colgroup')
            body.append(element('tr', heading, class_='group'))
            continue
        cells = [element('th', row[0], scope='row'), *(element('td', c, **kind(i)) for i, c in enumerate(row[1:], 1))]
        body.append(element('tr', *cells))
    heads = (element('th', text, scope='col', **kind(index)) for index, text in enumerate(head))
    parts = [element('caption', caption)] if caption else []
    parts += [element('thead', element('tr', *heads)), element('tbody', *body)]
    return element('div', element('table', *parts), class_='scroll')


def picture(content: bytes, kind: str, alt: str, caption: str) -> Markup:
    """A figure with its bytes inside the page.

    :param kind: ``png`` or ``svg+xml``.
    :param alt: what it shows, for those who cannot see it.
    """
    data = base64.b64encode(content).decode()
    width = _png_width(content) if kind == 'png' else None
    size = '' if width is None else f' width="{width}"'
    image = Markup(f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{data}"{size}>')
    return element('figure', image, element('figcaption', caption))


def _png_width(content: bytes) -> int | None:
    """Width at which a PNG is as large as its resolution says, as a vector figure is; None where it says nothing."""
    place = content.find(b'pHYs')
    per_metre = int.from_bytes(content[place + 4 : place + 8], 'big') if place >= 0 else 0
    return round(int.from_bytes(content[16:20], 'big') / per_metre / _PIXEL) if per_metre else None


def named_figure(about: str, figures: Mapping[str, Figure], name: str) -> Markup:
    """One of several figures, nothing if it is not there.

    :param about: what the page is about, for the alternative text.
    """
    if name not in figures:
        return html('')
    title, caption, content, kind = figures[name]
    return picture(content, kind, f'{title} of {about}. {caption}', caption)


def document(title: str, *body: Markup) -> str:
    """A whole page. Its policy lets the browser load nothing from anywhere and run no script."""
    style = (resources.files(__package__) / 'page.css').read_text(encoding='utf-8')
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<title>{escape(title)}</title><style>{style}</style>'
    )
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{"".join(body)}</body></html>\n'
