"""The page of an elastic run, its figures and tables, from stored graphs: ended, and still running."""

from __future__ import annotations

import csv
import json

import pytest
from elastic_runs import REASON, elastic_graph

from aiida_glassion.report.elastic_node import read_elastic
from aiida_glassion.report.files import write_report


@pytest.fixture
def written(aiida_profile_clean, tmp_path):
    node = elastic_graph()
    return node, write_report(node, tmp_path / 'report')


def table(folder, name):
    with (folder / name).open(encoding='utf-8') as stream:
        return list(csv.DictReader(stream))


def test_the_page_has_both_side_by_side_and_what_failed(written):
    node, files = written
    page = files[0].read_text(encoding='utf-8')
    assert '<h1>Elasticity of Na₂Si₄O₉</h1>' in page
    for words in ('dense', 'porous', 'Moduli side by side', 'Pressure over volume', 'Stress over strain', REASON):
        assert words in page, words
    assert page.index('>dense<') < page.index('>porous<')
    assert node.uuid in page
    names = {path.name for path in files}
    assert {'moduli.png', 'pressure.svg', 'constants.svg', 'stress_T0000_dense_1.svg', 'provenance.svg'} <= names


def test_tables_and_record_hold_the_numbers(written):
    _, files = written
    folder = files[0].parent
    rows = {(row['group'], float(row['temperature (K)'])): row for row in table(folder, 'moduli.csv')}
    record = json.loads((folder / 'report.json').read_text())
    dense = record['results']['groups']['dense']['T0000']
    assert float(rows['dense', 0.0]['young (GPa)']) == pytest.approx(dense['moduli']['young']['mean'])
    assert float(rows['dense', 0.0]['bulk_from_pressure_error']) == pytest.approx(dense['bulk']['standard_error'])
    assert rows['porous', 300.0]['young (GPa)'] == ''
    assert len(table(folder, 'constants.csv')) == 3 * 21
    stress = table(folder, 'T0000_porous_stress.csv')
    assert len(stress) == 24
    assert float(stress[0]['strain_xx']) == 0.01
    assert len(table(folder, 'T0300_dense_1_pressure.csv')) == 5
    assert 'did not reach its end' not in record['verdict']


def test_one_that_still_runs_has_a_page_of_what_there_is(aiida_profile_clean, tmp_path):
    node = elastic_graph(running=True)
    study = read_elastic(node)
    assert study.preliminary
    assert [group['group'] for group in study.groups] == ['dense', 'porous', 'dense']
    page = write_report(node, tmp_path)[0].read_text(encoding='utf-8')
    assert 'The run has not ended' in page


def test_a_single_sample_has_a_page(aiida_profile_clean, tmp_path):
    node = elastic_graph()
    sample = next(child for child in node.called if child.process_label == 'ElasticSampleWorkChain')
    page = write_report(sample, tmp_path)[0].read_text(encoding='utf-8')
    assert 'Stress over strain' in page
