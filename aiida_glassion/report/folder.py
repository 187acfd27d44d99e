"""The folder of a report: what is written into it, and in which form a figure goes into the page."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_glassion.report.figures.style import as_png, as_svg
from aiida_glassion.report.markup import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from aiida_glassion.report.provenance import Provenance

PAGE = 'index.html'
_VECTOR_MOST = 4
_VECTOR_FREE = 300_000
"""An SVG beyond these bytes and so many times larger than the PNG is not put into the page: many points are not."""


@dataclass(frozen=True, eq=False)
class StudyFigure:
    """A figure with its name in files, heading, caption and alternative text.

    :param vector: small enough as SVG; a picture of thousands of atoms is not.
    """

    name: str
    title: str
    caption: str
    figure: Drawing
    vector: bool = True


class ReportFolder:
    """Writes a report and remembers what was written.

    :param directory: made if it is not there; files of the same names are replaced.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.written: list[Path] = []
        directory.mkdir(parents=True, exist_ok=True)

    def save(self, name: str, content: str | bytes) -> None:
        """Write a file.

        :param name: path in the folder.
        """
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.written.append(path)

    def save_table(self, name: str, head: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
        """Write a table as CSV.

        :param name: without its ending.
        :param head: names of the columns with their units.
        """
        path = self.directory / f'{name}.csv'
        with path.open('w', newline='', encoding='utf-8') as stream:
            csv.writer(stream).writerows([head, *rows])
        self.written.append(path)

    def save_figure(self, drawn: StudyFigure) -> Figure:
        """Write a figure as PNG and, if it is one, as vector picture; returns what the page shows."""
        name, png = f'figures/{safe_name(drawn.name)}', as_png(drawn.figure)
        self.save(f'{name}.png', png)
        if drawn.vector:
            svg = as_svg(drawn.figure).encode()
            self.save(f'{name}.svg', svg)
            if len(svg) < max(_VECTOR_FREE, _VECTOR_MOST * len(png)):
                return drawn.title, drawn.caption, svg, 'svg+xml'
        return drawn.title, drawn.caption, png, 'png'

    def save_provenance(self, provenance: Provenance) -> str:
        """Write the provenance picture; returns it as SVG."""
        from aiida_glassion.report import provenance_picture

        picture = provenance_picture.as_svg(provenance)
        self.save('figures/provenance.svg', picture)
        self.save('figures/provenance.png', as_png(provenance_picture.provenance_figure(provenance)))
        return picture

    def save_page(self, write: Callable[[list[str]], str]) -> list[Path]:
        """Write the page.

        :param write: makes it, given the names of all other files.
        :returns: everything that was written, the page first.
        """
        self.save(PAGE, write([path.relative_to(self.directory).as_posix() for path in self.written]))
        return [self.written[-1], *self.written[:-1]]


def safe_name(name: str) -> str:
    """Name of a file; a label may come from a stranger's archive."""
    return re.sub(r'[^A-Za-z0-9_-]+', '_', name) or 'unnamed'
