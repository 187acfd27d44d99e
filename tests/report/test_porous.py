"""The report and ``glassion show`` of a porous glass: open, closed, failed and still in the making."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from ase.io import read
from click.testing import CliRunner
from graphs import GraphBuilder

from aiida_glassion.cli import main
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.build import carve_pores, describe_pores
from aiida_glassion.report.figures.style import as_png
from aiida_glassion.report.files import write_report
from aiida_glassion.report.porous_figures import porous_figures
from aiida_glassion.report.porous_node import read_porous
from aiida_glassion.report.porous_page import write_porous_page
from aiida_glassion.workchains import protocols

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

MELT = Path(__file__).parent.parent / 'fixtures' / 'silicate' / 'melt.extxyz'
WIDE = [{'shape': 'sphere', 'diameter': 9.0}]


def made(pores=WIDE, *, relax=True, status=0, message='', shrink=1.0, running=False):
    """A porous glass as the WorkChain leaves it: real carving and measuring, the relaxation a change of the cell."""
    settings = orm.Dict(protocols.load('porous_glass', 'fast', {'pores': pores, 'voids': {'spacing': 0.5}}))
    potential = PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf')
    glass = FramesData.from_ase(read(MELT))
    inputs = {'glass': glass, 'settings': settings, 'seed': orm.Int(4), 'md__md__potential': potential}
    graph = GraphBuilder()
    more = {'running': running, 'status': status, 'message': message}
    node = graph.process(orm.WorkChainNode, 'PorousGlassWorkChain', inputs=inputs, **more)
    outputs = {}
    if not running:
        cut, _ = carve_pores.run_get_node(glass, settings, inputs['seed'])
        after = {}
        if relax:
            carved = cut['carved'].to_ase() if hasattr(cut['carved'], 'to_ase') else cut['carved'].frames.to_ase()
            carved.set_cell(carved.cell * shrink, scale_atoms=True)
            time = np.arange(40) * 0.25
            course = {'time': time, 'density': 2.0 - np.exp(-time), 'stage': (time > 5) + 1, 'iteration': 0 * time}
            after = {'relaxed': FramesData.from_ase(carved), 'thermo': orm.ArrayData(course)}
            outputs['glass'] = after['relaxed']
        told, _ = describe_pores.run_get_node(
            glass, carved=cut['carved'], record=cut['record'], settings=settings, **after
        )
        outputs |= {'carved': cut['carved'], 'chosen': cut['chosen'], **told}
    for name, data in outputs.items():
        data.base.links.add_incoming(node, LinkType.RETURN, name)
    return node


def plain(text):
    """Text of a page without its marks, with ordinary blanks."""
    return ' '.join(re.sub(r'<[^>]+>', ' ', text).replace('\u00a0', ' ').split())


def table(path):
    with path.open(encoding='utf-8') as stream:
        return list(csv.reader(stream))


def shown(node, *more):
    done = CliRunner(env={'COLUMNS': '160'}).invoke(main, ['show', str(node.pk), *more])
    assert done.exit_code == 0, done.output
    return ' '.join(done.output.split())


def test_the_whole_report(tmp_path):
    """Numbers of the page, the tables and report.json are those of the nodes."""
    node = made()
    results = node.outputs.results.get_dict()
    page, *files = write_report(node, tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in files}
    for name in ('slices', 'pore_sizes', 'density', 'provenance'):
        assert {f'figures/{name}.png', f'figures/{name}.svg'} <= names
    text = plain(page.read_text(encoding='utf-8'))
    pore = results['closed']['pores'][0]
    for words in (
        'Porous Na₂Si₄O₉',
        'The pore is open: the largest sphere went from',
        f'Porosity as cut {100 * results["porosity"]:.1f} %',
        f'{pore["carved"]:.2f} → {pore["relaxed"]:.2f}',
        f'{results["carving"]["units_after"]} of 5 formula units Na₂Si₄O₉ are left, exactly',
        f'{results["states"]["carved"]["density"]:.4g}',
        'the probe has a radius of 1.4 Å',
    ):
        assert words in text, words
    assert 'None' not in text
    assert not re.search(r'\bnan\b', text)
    states = table(tmp_path / 'states.csv')
    assert states[0] == ['quantity', 'without pores', 'as cut', 'relaxed']
    assert float(states[2][2]) == results['states']['carved']['density']
    assert len(table(tmp_path / 'pores.csv')) == 2
    chosen = table(tmp_path / 'chosen.csv')[1:]
    assert len(chosen) == results['carving']['n_also_removed'] + results['carving']['n_left_inside']
    course = np.array(table(tmp_path / 'course_density.csv')[1:], dtype=float)
    np.testing.assert_array_equal(course[:, 1], node.outputs.curves.get_array('course__density__y'))
    content = json.loads((tmp_path / 'report.json').read_text(encoding='utf-8'))
    assert content['results'] == results
    assert content['uuid'] == node.uuid
    said = shown(node)
    assert '✓ open: the largest sphere went from' in said
    assert 'pores 1 sphere of 9 Å' in said
    assert json.loads(CliRunner().invoke(main, ['show', str(node.pk), '--json']).output)['results']['porosity'] > 0


def test_a_closed_pore_is_a_result_with_a_warning(tmp_path):
    reason = 'No pore is left: the pore closed: the largest sphere fell from 5 to 1 Å'
    node = made(shrink=0.72, status=450, message=reason)
    assert node.outputs.results['closed']['closed']
    porous = read_porous(node)
    assert porous.state == 'ok'
    page = write_porous_page(porous, {}, '<svg></svg>')
    assert 'class="verdict warned"' in page
    assert 'No pore is left: the pore closed' in plain(page)
    assert '✗ the pore closed' in shown(node)


def test_a_relaxation_that_failed_shows_what_was_cut(tmp_path):
    node = made(relax=False, status=331, message='The porous glass could not be relaxed: the moon')
    page, *files = write_report(node, tmp_path)
    text = plain(page.read_text(encoding='utf-8'))
    assert 'It failed' in text
    assert 'the moon' in text
    assert 'as cut' in text
    assert {'slices.png', 'pore_sizes.png'} <= {path.name for path in files}
    assert 'density.png' not in {path.name for path in files}
    assert 'verdi process report' in shown(node)


def test_one_in_the_making_has_a_page_too(tmp_path):
    node = made(running=True)
    page, *_ = write_report(node, tmp_path)
    text = plain(page.read_text(encoding='utf-8'))
    assert 'The porous glass is still being made.' in text
    assert 'Nothing has been cut yet.' in text
    assert f'glassion watch {node.pk}' in shown(node)


@pytest.mark.parametrize(
    'pores',
    [
        [{'shape': 'slit', 'axis': 'a', 'width': 4.0}],
        [{'shape': 'cylinder', 'axis': 'b', 'diameter': 6.0}],
        [{'shape': 'box', 'lengths': [0.7, 0.7, 0.5]}, {'shape': 'sphere', 'centre': [0, 0, 0], 'diameter': 5.0}],
    ],
)
def test_every_shape_is_drawn(pores):
    drawn = {figure.name: as_png(figure.figure, dpi=40) for figure in porous_figures(read_porous(made(pores)))}
    assert {'slices', 'pore_sizes', 'density'} == set(drawn)
    assert all(content.startswith(b'\x89PNG') for content in drawn.values())
