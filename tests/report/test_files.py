"""The whole report of a study on disk, from a graph of real nodes."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser

import pytest
from aiida import orm

from aiida_glassion.report.files import write_report
from aiida_glassion.report.page import write_page
from aiida_glassion.report.provenance import read_provenance
from aiida_glassion.report.provenance_picture import as_svg
from aiida_glassion.report.study import read_study

VOID = {'meta', 'img', 'br', 'hr', 'link', 'input', 'rect', 'path'}


class Checker(HTMLParser):
    """Every element closed in order; what would load something from elsewhere is collected."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == 'script'
        self.loads += [value for name, value in attrs if name in ('src', 'href', 'xlink:href', 'style') and value]
        self.scripts += any(name.startswith('on') for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return checker


def page_of(node) -> str:
    """The page without drawing its figures, which takes seconds."""
    study = read_study(node)
    figures = {glass.label: [(study.title, study.title, b'png', 'png')] for glass in study.glasses}
    return write_page(study, figures, as_svg(read_provenance(node)), ['a.csv'])


def test_a_finished_study(study_builder, tmp_path):
    study_builder.longer = {1}
    node = study_builder.build()
    written = write_report(node, tmp_path / 'report')
    page = written[0].read_text()
    assert written[0].name == 'index.html'
    assert all(path.stat().st_size > 100 for path in written)
    mean = orm.load_node(node.pk).base.links.get_outgoing(link_label_filter='structure__rate_100').first().node
    density = mean.get_dict()['density']
    assert f'{density["mean"]:.4f}'.rstrip('0')[:4] in page
    for text in (
        '20Na2O-80SiO2',
        'g/cm³',
        'Pedone',
        '±',
        node.uuid,
        'Seed of replica_02',
        '102',
        'verdi archive import',
    ):
        assert text in page, text
    assert 'replica_01 was held 2 times' in page
    checker = checked(page)
    assert checker.scripts == 0
    assert [load for load in checker.loads if not load.startswith(('data:image/', '#'))] == []
    names = {path.relative_to(tmp_path / 'report').as_posix() for path in written}
    for name in ('picture.png', 'radial.svg', 'radial.png', 'angles.svg', 'network.svg', 'run.svg', 'cooling.png'):
        assert f'figures/rate_100_{name}' in names
    assert {'figures/provenance.svg', 'report.json', 'rate_100_numbers.csv', 'rate_100_radial.csv'} <= names

    the_tables_hold_what_the_nodes_hold(node, tmp_path / 'report')


def the_tables_hold_what_the_nodes_hold(node, directory):
    study = read_study(node)
    with (directory / 'rate_100_numbers.csv').open() as stream:
        rows = {row['name']: row for row in csv.DictReader(stream)}
    mean = study.glasses[0].numbers
    assert float(rows['density']['mean']) == mean['density']['mean']
    assert float(rows['density']['standard_error']) == mean['density']['standard_error']
    assert rows['density']['unit'] == 'g/cm³'
    assert float(rows['density']['replica_01']) == study.glasses[0].replicas['replica_01']['density']
    assert float(rows['network.qn.Si.Q3']['mean']) == pytest.approx(100 * mean['network']['qn']['Si']['Q3']['mean'])
    assert rows['network.qn.Si.Q3']['unit'] == '%'
    with (directory / 'rate_100_radial.csv').open() as stream:
        radial = list(csv.DictReader(stream))
    assert [float(row['r (Å)']) for row in radial] == pytest.approx(study.glasses[0].curves['r'])
    assert [float(row['g_O_Si']) for row in radial] == pytest.approx(study.glasses[0].curves['g_O_Si'])
    content = json.loads((directory / 'report.json').read_text())
    assert content['glasses']['rate_100']['mean']['density']['mean'] == mean['density']['mean']


def test_the_run_is_joined_in_time(study_builder):
    study_builder.replicas = 1
    run = read_study(study_builder.build()).glasses[0].runs['replica_00']
    assert [stage.name for stage in run.stages] == ['melt', 'quench', 'relax', 'sample']
    assert (run.time[1:] >= run.time[:-1]).all()
    assert run.stages[1].start == run.stages[0].end
    assert -15 < run.energy.mean() < -14, 'eV per atom'


def test_what_comes_from_nodes_is_escaped(study_builder):
    evil = '<script>alert(1)</script><img src=x onerror=alert(1)>'
    study_builder.composition = evil
    study_builder.citation = evil
    study_builder.warnings = [evil]
    study_builder.failed = {2}
    study_builder.exit_message = evil
    node = study_builder.build()
    node.description = evil
    page = page_of(node)
    assert '<script' not in page.lower()
    assert '<img src=x' not in page
    assert '&lt;script&gt;alert(1)' in page
    checker = checked(page)
    assert checker.scripts == 0


def test_no_address_in_the_page(study_builder):
    page = page_of(study_builder.build())
    addresses = set(re.findall(r'https?://[^\s"<]+', page))
    assert addresses <= {'http://www.w3.org/2000/svg'}, 'the name space of SVG is a name, not an address'


def test_a_partly_failed_study_says_so(study_builder):
    study_builder.failed = {1}
    page = page_of(study_builder.build())
    assert 'replica_01 failed' in page
    assert 'exploded' in page


def test_a_failed_study_has_a_page(study_builder):
    study_builder.failed = {0, 1, 2}
    page = page_of(study_builder.build())
    assert 'exit code 500' in page
    assert 'No replica has reached a glass' in page


def test_an_unfinished_study_has_preliminary_means(study_builder):
    study_builder.running = True
    node = study_builder.build()
    glass = read_study(node).glasses[0]
    assert not glass.final
    assert glass.numbers['replicas'] == 2
    page = page_of(node)
    assert 'has not ended' in page
    assert 'preliminary' in page


def test_another_node_is_refused(aiida_profile_clean):
    with pytest.raises(ValueError, match='is a Int'):
        read_study(orm.Int(1).store())
