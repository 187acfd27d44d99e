"""The report of an active learning: read from its graph however it ended, and written so that a browser shows it."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from loops import LoopBuilder, make_parity

from aiida_glassion.kernels.learning.convergence import decide
from aiida_glassion.kernels.learning.convergence_settings import read_convergence
from aiida_glassion.kernels.learning.errors import committee_errors
from aiida_glassion.kernels.learning.iteration import build_record
from aiida_glassion.report.active_learning import Loop, read_loop
from aiida_glassion.report.active_learning_facts import (
    core_hours,
    criterion_name,
    doing,
    drawn_iterations,
    failures_of,
    initial_labels,
    is_converged,
    iteration_rows,
    labels_before,
    labels_by_program,
    short_reason,
    stage_progress,
    total_cost,
    verdict_of,
    warnings_of,
)
from aiida_glassion.report.active_learning_page import write_loop_page
from aiida_glassion.report.files import write_report

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


@pytest.fixture(scope='module')
def browser() -> str:
    """Path of a browser that can run without a display. Absence is a failure."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail('no chromium was found; install it: bash scripts/engines.sh chromium')
    return found


def browse(browser: str, page: Path, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Open a page in the browser, without a display, and leave."""
    command = [
        browser, '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars',
        f'--user-data-dir={profile}', '--virtual-time-budget=3000', '--enable-logging=stderr',
        *arguments, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)


@pytest.fixture(scope='class')
def node(aiida_profile_clean_class):
    return LoopBuilder().build()


@pytest.fixture(scope='class')
def loop(node):
    return read_loop(node)


@pytest.fixture(scope='class')
def written(node, tmp_path_factory):
    return write_report(node, tmp_path_factory.mktemp('report'))


class TestConverged:
    """A loop that ended converged: its graph and its report are made once."""

    def test_records_are_those_of_the_outputs(self, loop, node):
        assert [record['number'] for record in loop.records] == [1, 2, 3, 4, 5, 6]
        assert loop.decision['action'] == 'converged'
        assert loop.records[5] == node.outputs.iterations.iteration_06.get_dict(), 'judged again, with structures'
        assert is_converged(loop)
        assert verdict_of(loop).startswith('Converged after 6 iterations')
        assert loop.final
        assert loop.training is not None
        assert loop.unjudged is None
        assert doing(loop) == ''

    def test_labels_and_costs_add_up(self, loop):
        assert initial_labels(loop) == 96
        for before, after in zip(loop.records[:-1], loop.records[1:], strict=True):
            assert labels_before(after) == before['labels']['total']
        for record in loop.records:
            assert sum(labels_by_program(loop, record).values()) == record['labels']['labelled']
        assert set(labels_by_program(loop, loop.records[2])) == {'hold', 'compress'}
        total = total_cost(loop)
        hours = sum(sum(core_hours(record).values()) for record in loop.records)
        assert sum(own['core_hours'] for own in total.values()) == pytest.approx(hours)
        final = {'jobs': 5, 'seconds': 7200.0, 'core_hours': 2.0, 'cached': 0, 'measured': 5}
        first = {**final, 'jobs': 96}
        told = {'final_train': final, 'train': total['train'], 'label_initial': first}
        whole = total_cost(replace(loop, report={**loop.report, 'cost': told}))
        assert whole == {'label_initial': first, **total, 'final_train': final}
        assert list(whole) == ['label_initial', *total, 'final_train']

    def test_stages_and_the_gate(self, loop):
        assert [(s.name, s.rounds, s.state, s.limit) for s in stage_progress(loop)] == [
            ('crystals', 2, 'done', 0.01), ('melts', 2, 'done', 0.05), ('glasses', 2, 'done', 0.01),
        ]  # fmt: skip
        assert loop.gate['iteration'] == 6
        assert list(loop.gate_curves) == ['glass_1_seed_1', 'glass_1_seed_2']
        assert any('share an edge' in warning for warning in warnings_of(loop))
        assert len(failures_of(loop)) == 3

    def test_files_beside_the_page(self, written, loop):
        page, *others = written
        assert page.name == 'index.html'
        names = {path.relative_to(page.parent).as_posix() for path in others}
        figures = {'shares', 'course_deviation', 'course_error', 'labels', 'cost', 'structures', 'parity', 'deviation'}
        assert {f'figures/{name}.svg' for name in figures} <= names
        with (page.parent / 'iterations.csv').open() as stream:
            rows = list(csv.DictReader(stream))
        assert [row['decision'] for row in rows] == ['repeat', 'advance', 'repeat', 'advance', 'repeat', 'converged']
        assert float(rows[2]['force RMSE (meV/Å)']) == pytest.approx(loop.records[2]['errors']['force']['rmse']['mean'])
        assert float(rows[2]['candidate (%)']) == pytest.approx(
            100 * loop.records[2]['selection']['fractions']['candidate']
        )
        with (page.parent / 'criteria.csv').open() as stream:
            criteria = list(csv.DictReader(stream))
        assert len(criteria) == sum(len(record['decision']['criteria']) for record in loop.records)
        assert json.loads((page.parent / 'records.json').read_text()) == loop.records
        assert json.loads((page.parent / 'report.json').read_text())['converged'] is True

    def test_the_page_is_whole_by_itself(self, written):
        text = written[0].read_text()
        assert not re.search(r'(src|href)="(?!data:|#)', text), 'nothing is loaded from elsewhere'
        assert '<script' not in text
        assert 'atoms &lt;lost&gt;' in text, 'text from the graph is escaped'
        for image in re.findall('<img [^>]*>', text):
            assert re.match(r'<img alt="[^"]{20,}" src="data:image/', image), image[:80]
        links, ids = set(re.findall('href="#([^"]+)"', text)), re.findall(' id="([a-z]+)"', text)
        assert links <= set(ids)
        assert len(ids) == len(set(ids))
        for words in (
            'Converged after 6 iterations', 'g(r) Si–O, R_χ', 'held out error', 'not converged 3',
            'the final training', 'All 6 refused frames', 'Ledger of failures', 'iteration_06_assess_again',
            'Vertical lines: the trust levels',
        ):  # fmt: skip
            assert words in text, words

    def test_the_authors_title_heads_the_page(self, loop):
        assert loop.title == loop.subject
        text = write_loop_page(replace(loop, label='Silica <of> old'), {}, '<svg/>')
        assert '<h1>Silica &lt;of&gt; old</h1>' in text
        assert loop.subject in text, 'what was learned is told all the same'

    def test_a_browser_shows_it(self, written, browser, tmp_path):
        from PIL import Image

        page, picture = written[0], tmp_path / 'page.png'
        size = ('--window-size=1200,2600', f'--screenshot={picture}')
        done = browse(browser, page, tmp_path / 'profile', *size)
        assert 'Content Security Policy' not in done.stderr
        pixels = np.asarray(Image.open(picture).convert('RGB')).astype(int)
        assert pixels.shape == (2600, 1200, 3)
        for name, colour in (('accurate', (0, 158, 115)), ('candidate', (230, 159, 0)), ('text', (28, 32, 36))):
            close = np.abs(pixels - colour).max(axis=2) < 12
            assert close.sum() > 500, f'nothing is drawn in the colour of {name}'
        white = (pixels > 245).all(axis=2).mean()
        assert 0.5 < white < 0.97, 'neither blank nor dark'
        shown = browse(browser, page, tmp_path / 'profile', '--dump-dom').stdout
        headings = re.findall('<h2>([^<]+)</h2>', shown)
        assert headings[:6] == [
            'Stages', 'What was visited', 'Errors on held-out frames', 'Labels', 'Structures', 'Decisions',
        ]  # fmt: skip
        assert shown.rstrip().endswith('</html>')


@pytest.mark.parametrize(
    ('kind', 'state', 'words', 'stages'),
    [
        (
            {'ended': 'failed', 'judged': 4, 'begun': 'explore'},
            'failed',
            (
                'Not converged after 4 iterations',
                'exit code 510',
                'No glasses have been made',
                'Everything that it made',
            ),
            ['done', 'done', 'ended here'],
        ),
        (
            {'ended': 'running', 'judged': 3, 'begun': 'label'},
            'running',
            ('has not ended', 'iteration 4: frames are labelled', 'there is no final training yet'),
            ['done', 'here', 'to come'],
        ),
        (
            {'ended': 'killed', 'judged': 1, 'begun': 'train'},
            'failed',
            ('did not converge (killed: Killed by the user)', 'iteration_02_train'),
            ['ended here', 'to come', 'to come'],
        ),
        (
            {'ended': 'running', 'judged': 0, 'begun': None},
            'running',
            (
                'now it begins',
                'No exploration has been judged yet',
                'No committee has been trained yet',
                'Nothing failed',
            ),
            ['here', 'to come', 'to come'],
        ),
    ],
)
def test_a_loop_that_did_not_converge_says_what_is_missing(aiida_profile_clean, kind, state, words, stages):
    loop = read_loop(LoopBuilder(**kind).build())
    assert loop.state == state
    assert not is_converged(loop)
    assert [stage.state for stage in stage_progress(loop)] == stages
    text = write_loop_page(loop, {}, '<svg/>')
    for part in words:
        assert part in text, part
    assert loop.unjudged == (None if kind['begun'] is None else kind['judged'] + 1)


def test_a_record_that_is_no_output_yet_counts(aiida_profile_clean):
    """A loop is killed between the judgement and the moment when AiiDA attaches its outputs."""
    builder = LoopBuilder('killed', judged=2)
    builder.hand_out = lambda: None
    loop = read_loop(builder.build())
    assert [record['number'] for record in loop.records] == [1, 2]


def test_records_as_the_kernels_make_them():
    """The keys that are read here are those that are written there."""
    settings = {'candidate_fraction': 0.01}
    errors = committee_errors({f'seed_{i}': make_parity(12, i) for i in range(2)})
    selection = {
        'visited': 400, 'accurate': 350, 'candidate': 30, 'failed': 8, 'chosen': 20, 'discarded': {'known': 12},
        'fractions': {'accurate': 0.875, 'candidate': 0.075, 'failed': 0.02, 'set_aside': 0.03},
        'histogram': {'edges': [0.01, 0.1, 1.0], 'counts': [350, 50]}, 'by_run': {'hold_1': {'chosen': 20}},
    }  # fmt: skip
    ledger = {'labelled': 18, 'known': 0, 'refused': [{'frames': 'hold_1', 'kind': 'outlier'}] * 2,
              'by_kind': {'outlier': 2}}  # fmt: skip
    cost = {'jobs': 2, 'seconds': 60.0, 'core_hours': 0.5, 'cached': 0, 'measured': 2}
    facts = {'number': 1, 'stage_index': 0, 'stage_round': 1, 'labels_total': 118, 'cost': {'train': cost}}
    record = build_record(
        facts, {'name': 'melt'}, levels={'lower': 0.1, 'upper': 0.3}, selection=selection, errors=errors, ledger=ledger,
        exploration={'runs': {'hold_1': {'state': 'exploded', 'program': 'hold'}}},
    )  # fmt: skip
    record['decision'] = decide(read_convergence(settings), {'name': 'melt'}, 2, record)
    loop = Loop(1, 'uuid', 'running', 'not ended', None, datetime.now(timezone.utc), None)
    loop.settings = {'stages': [{'name': 'melt', 'programs': []}], 'convergence': settings}
    loop.records, loop.programs = [record], {1: {'hold_1': 'hold'}}
    (drawn,) = drawn_iterations(loop)
    assert drawn.levels == (0.1, 0.3)
    assert drawn.shares == selection['fractions']
    assert drawn.force.value == pytest.approx(errors['force']['rmse']['mean'])
    assert drawn.by_formula['O48Si24'].value == pytest.approx(errors['force']['by_formula']['O48Si24']['mean'])
    assert (drawn.labels, drawn.refused, drawn.learned) == ({'hold': 18}, {'outlier': 2}, 100)
    assert (drawn.cost, drawn.limit) == ({'train': 0.5}, 0.01)
    (row,) = iteration_rows(loop)
    assert (row['runs exploded'], row['labels asked'], row['decision']) == (1, 20, 'repeat')
    text = write_loop_page(loop, {}, '<svg/>')
    assert '30 of 400 visited frames were candidates' in text


def test_another_node_is_refused(aiida_profile_clean):
    with pytest.raises(ValueError, match='is no ActiveLearningWorkChain'):
        read_loop(orm.Int(1).store())


def test_reasons_are_short_where_criteria_tell_the_rest():
    reason = 'Stage melt is repeated: 1 of 6 criteria is not met. 0.5 % of 400 frames were candidates. The rest.'
    assert short_reason({'action': 'repeat', 'reason': reason}) == 'Stage melt is repeated: 1 of 6 criteria is not met.'
    assert short_reason({'action': 'stuck', 'reason': reason}) == reason
    assert short_reason({}) == ''


def test_names_of_criteria():
    assert criterion_name({'name': 'held_out_error'}) == 'held out error'
    assert criterion_name({'name': 'glass_1:made'}) == 'glass_1:made', 'the name of a set stays as it is'
    assert criterion_name({'name': 'R_χ'}) == 'R_χ'
