"""The provenance picture: a call tree laid out in columns, drawn as SVG or with matplotlib. No graphviz needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from aiida_glassion.report.figures.style import new_figure, styled
from aiida_glassion.report.provenance import Provenance, Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT, GAP, ROW, MARGIN, HEAD = 186, 40, 34, 50, 14, 40
_LETTERS = 28
COLOURS = {
    'ok': ('#E4F3EC', '#00805A'),
    'failed': ('#FBE1D8', '#B5400B'),
    'running': ('#FFF4D2', '#946C00'),
    'folded': ('#F1F1F1', '#6B6B6B'),
    'data': ('#E6EFF9', '#2F6DA8'),
}
"""Fill and edge by state; the mark says the same without colour."""
MARKS = {'ok': '✓', 'failed': '✗', 'running': '…', 'folded': '+', 'data': ''}
_MEANING = {'ok': 'ended well', 'failed': 'failed', 'running': 'not ended', 'folded': 'folded', 'data': 'data'}


@dataclass(frozen=True)
class Box:
    """A process or data, in pixels from the upper left corner."""

    x: float
    y: float
    state: str
    label: str
    detail: str
    note: str = ''

    @property
    def hint(self) -> str:
        """All of its text."""
        return ' · '.join(part for part in (self.label, self.detail, self.note) if part)


@dataclass
class Drawing:
    """Boxes and the lines between them, in pixels."""

    width: float = 0.0
    height: float = 0.0
    title: str = ''
    boxes: list[Box] = field(default_factory=list)
    lines: list[tuple[str, list[tuple[float, float]]]] = field(default_factory=list)
    heads: list[tuple[float, str]] = field(default_factory=list)


def lay_out(provenance: Provenance) -> Drawing:
    """Columns by call depth, time downwards; inputs at the left, at the right what each process gave to the study."""
    drawing = Drawing(title=_title(provenance))
    depth = _depth(provenance.root)
    rows = _place(drawing, provenance.root, 1, 0, depth + 1)
    root = drawing.boxes[-1]
    for index, (name, value) in enumerate(provenance.inputs):
        box = Box(_column(0), _row(index), 'data', name, value)
        drawing.boxes.append(box)
        drawing.lines.append(('data', _elbow(box, root)))
    heads = {0: 'inputs', 1: 'study', 2: 'what it called, in time downwards', depth + 1: 'results'}
    drawing.heads = [(_column(index), text) for index, text in heads.items()]
    drawing.width = _column(depth + 1) + WIDTH + MARGIN
    drawing.height = _row(max(rows, len(provenance.inputs))) + 34
    return drawing


def _title(provenance: Provenance) -> str:
    text = f'{provenance.n_processes} processes'
    if provenance.n_folded:
        text += f', {provenance.n_folded} of them folded into “more” boxes'
    return text


def _depth(step: Step) -> int:
    return 1 + max((_depth(child) for child in step.calls), default=0)


def _column(index: int) -> float:
    return MARGIN + index * (WIDTH + GAP)


def _row(index: int) -> float:
    return HEAD + index * ROW


def _elbow(start: Box, end: Box) -> list[tuple[float, float]]:
    """From the right of one box to the left of another, with its corner shortly before the latter."""
    left, right = (start.x + WIDTH, start.y + HEIGHT / 2), (end.x, end.y + HEIGHT / 2)
    turn = right[0] - GAP / 2
    return [left, (turn, left[1]), (turn, right[1]), right]


def _place(drawing: Drawing, step: Step, column: int, row: int, last_column: int) -> int:
    """Put a step and all that it called; returns the next free row. The step's box is the last one added."""
    box = Box(_column(column), _row(row), step.state, step.name, step.detail, step.note)
    free = row
    for child in step.calls:
        free = _place(drawing, child, column + 1, free, last_column)
        child_box = drawing.boxes[-1]
        drawing.lines.append(('call', _elbow(box, child_box)))
    if step.data:
        names = ', '.join(name.partition('.')[0] for name, _ in step.data)
        which = dict.fromkeys(name.partition('.')[2] for name, _ in step.data if '.' in name)
        made = ' '.join([*which, *(f'<{pk}>' for _, pk in step.data)])
        data = Box(_column(last_column), box.y, 'data', names, made, ', '.join(name for name, _ in step.data))
        drawing.boxes.append(data)
        middle = box.y + HEIGHT / 2
        drawing.lines.append(('data', [(box.x + WIDTH, middle), (data.x, middle)]))
    drawing.boxes.append(box)
    return max(free, row + 1)


def shortened(text: str, letters: int = _LETTERS) -> str:
    """Text that fits into a box, cut in its middle: the ends carry what tells names apart."""
    if len(text) <= letters:
        return text
    tail = (letters - 1) // 3
    return f'{text[: letters - 1 - tail]}…{text[-tail:]}'


def as_svg(provenance: Provenance) -> str:
    """The picture as one self-contained SVG text: no script, no link, no font to load."""
    drawing = lay_out(provenance)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:.0f} {drawing.height:.0f}" '
        f'width="{drawing.width:.0f}" height="{drawing.height:.0f}" role="img" '
        'font-family="DejaVu Sans, Verdana, Arial, sans-serif">',
        f'<title>Provenance of the study: {escape(drawing.title)}</title>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for x, text in drawing.heads:
        parts.append(f'<text x="{x:.0f}" y="24" font-size="12" fill="#6b6b6b">{escape(text)}</text>')
    for kind, points in drawing.lines:
        path = 'M' + ' L'.join(f'{x:.1f} {y:.1f}' for x, y in points)
        stroke = 'stroke="#2F6DA8" stroke-dasharray="4 3"' if kind == 'data' else 'stroke="#7a7a7a"'
        parts.append(f'<path d="{path}" fill="none" {stroke} stroke-width="1.2"/>')
    parts += [_svg_box(box) for box in drawing.boxes]
    parts += _svg_legend(drawing)
    parts.append('</svg>')
    return '\n'.join(parts)


def _svg_box(box: Box) -> str:
    fill, edge = COLOURS[box.state]
    dash = ' stroke-dasharray="5 3"' if box.state == 'folded' else ''
    mark = MARKS[box.state]
    text_x = box.x + (24 if mark else 9)
    drawn_mark = (
        f'<text x="{box.x + 8:.0f}" y="{box.y + 17:.0f}" font-size="12" font-weight="bold" fill="{edge}">{mark}</text>'
        if mark
        else ''
    )
    room = _LETTERS - (3 if mark else 1)
    label, detail = escape(shortened(box.label, room - 3)), escape(shortened(box.detail, room + 4))
    corner = 14 if box.state == 'data' else 4
    return (
        f'<g><title>{escape(box.hint)}</title>'
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="{corner}" '
        f'fill="{fill}" stroke="{edge}" stroke-width="1.2"{dash}/>{drawn_mark}'
        f'<text x="{text_x:.0f}" y="{box.y + 17:.0f}" font-size="11" font-weight="bold" fill="#202020">'
        f'{label}</text>'
        f'<text x="{text_x:.0f}" y="{box.y + 32:.0f}" font-size="9.5" fill="#404040">{detail}</text></g>'
    )


def _svg_legend(drawing: Drawing) -> list[str]:
    parts, x, y = [], MARGIN, drawing.height - 16
    for state in dict.fromkeys(box.state for box in drawing.boxes):
        fill, edge = COLOURS[state]
        text = f'{MARKS[state]} {_MEANING[state]}'.strip()
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="3" fill="{fill}" stroke="{edge}"/>')
        parts.append(f'<text x="{x + 17}" y="{y}" font-size="11" fill="#404040">{text}</text>')
        x += 40 + 7 * len(text)
    parts.append(f'<text x="{x + 10}" y="{y}" font-size="11" fill="#6b6b6b">{escape(drawing.title)}</text>')
    return parts


@styled
def provenance_figure(provenance: Provenance) -> Figure:
    """The same picture by matplotlib, for those who need a PNG."""
    from matplotlib.patches import FancyBboxPatch

    drawing = lay_out(provenance)
    figure = new_figure(drawing.width / 100, drawing.height / 100)
    figure.set_layout_engine('none')  # the drawing has laid itself out
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)
    axes.set_axis_off()
    for x, text in drawing.heads:
        axes.text(x, 24, text, fontsize=8.5, color='#6b6b6b')
    for kind, points in drawing.lines:
        data = kind == 'data'
        axes.plot(
            *zip(*points, strict=True),
            color='#2F6DA8' if data else '#7a7a7a',
            linewidth=0.9,
            linestyle='--' if data else '-',
            zorder=1,
        )
    for box in drawing.boxes:
        fill, edge = COLOURS[box.state]
        style = f'round,pad=0,rounding_size={14 if box.state == "data" else 4}'
        dash = '--' if box.state == 'folded' else '-'
        axes.add_patch(
            FancyBboxPatch(
                (box.x, box.y), WIDTH, HEIGHT, style, facecolor=fill, edgecolor=edge, linestyle=dash, zorder=2
            )
        )
        mark = MARKS[box.state]
        text_x = box.x + (24 if mark else 9)
        room = _LETTERS - (3 if mark else 1)
        axes.text(box.x + 8, box.y + 17, mark, fontsize=8.5, color=edge, fontweight='bold', zorder=3)
        label, detail = shortened(box.label, room - 3), shortened(box.detail, room + 4)
        axes.text(text_x, box.y + 17, label, fontsize=7.8, fontweight='bold', parse_math=False, zorder=3)
        axes.text(text_x, box.y + 32, detail, fontsize=6.8, color='#404040', parse_math=False, zorder=3)
    marks = '   '.join(
        f'{MARKS[state]} {_MEANING[state]}'.strip() for state in dict.fromkeys(box.state for box in drawing.boxes)
    )
    axes.text(MARGIN, drawing.height - 16, f'{marks}      {drawing.title}', fontsize=8, color='#404040')
    return figure
