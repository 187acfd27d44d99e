"""``glassion archive``: what was exported comes back whole in an empty profile."""

from __future__ import annotations

import json

import pytest

MAKE = """
import json
from aiida import load_profile, orm
from aiida.engine import calcfunction, workfunction
load_profile('glassion')

@calcfunction
def melt(x):
    return orm.Int(x.value + 1)

@calcfunction
def quench(x, rate):
    return orm.Int(x.value * rate.value)

@workfunction
def study(x, rate):
    return quench(melt(x), rate)

elsewhere = orm.Int(99).store()
result, node = study.run_get_node(orm.Int(1), orm.Int(3))
print(json.dumps({'study': node.pk, 'uuid': node.uuid, 'result': result.pk, 'other': elsewhere.uuid}))
"""
COUNT = """
import json
from aiida import load_profile, orm
load_profile('empty')
print(json.dumps({'nodes': orm.QueryBuilder().append(orm.Node).count(),
                  'calculations': orm.QueryBuilder().append(orm.CalculationNode).count(),
                  'result': orm.load_node('UUID').outputs.result.value,
                  'called': sorted(node.process_label for node in orm.load_node('UUID').called)}))
"""


@pytest.fixture(scope='module')
def study(home, run_in):
    done = run_in(home, 'python', '-c', MAKE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize('start', ['study', 'result', 'uuid'])
def test_whole_study_comes_back_in_an_empty_profile(start, study, at_home, run_in, tmp_path):
    file = tmp_path / 'study.aiida'
    done = at_home('glassion', 'archive', str(study[start]), str(file))
    assert done.returncode == 0, done.stderr
    assert '7 nodes (1 workflows, 2 calculations, 4 data)' in done.stdout
    assert f'verdi archive import {file}' in done.stdout

    empty = tmp_path / 'empty'
    run_in(empty, 'verdi', 'presto', '-n', '-p', 'empty', '--no-broker')
    imported = run_in(empty, 'verdi', 'archive', 'import', str(file))
    assert imported.returncode == 0, imported.stderr
    seen = run_in(empty, 'python', '-c', COUNT.replace('UUID', study['uuid']))
    assert seen.returncode == 0, seen.stderr
    answer = json.loads(seen.stdout.splitlines()[-1])
    assert answer == {'nodes': 7, 'calculations': 2, 'result': 6, 'called': ['melt', 'quench']}


def test_does_not_overwrite_unless_told(study, at_home, tmp_path):
    file = tmp_path / 'study.aiida'
    file.write_text('precious')
    done = at_home('glassion', 'archive', str(study['study']), str(file))
    assert done.returncode == 2
    assert 'exists already' in done.stderr
    assert file.read_text() == 'precious'
    assert at_home('glassion', 'archive', '--force', str(study['study']), str(file)).returncode == 0
    assert file.read_bytes()[:2] == b'PK'


@pytest.mark.parametrize('wrong', ['424242', 'nonsense', '-- -5'])
def test_no_such_node(wrong, study, at_home, tmp_path):
    done = at_home('glassion', 'archive', *wrong.split(), str(tmp_path / 'x.aiida'))
    assert done.returncode == 2
    assert 'There is no node' in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_running_study_is_refused(study, at_home, tmp_path):
    call = (
        'from aiida import load_profile, orm; load_profile("glassion"); '
        'print(orm.WorkChainNode(label="unsealed").store().pk)'
    )
    pk = at_home('python', '-c', call).stdout.split()[-1]
    done = at_home('glassion', 'archive', pk, str(tmp_path / 'x.aiida'))
    assert done.returncode == 1
    assert 'still running' in done.stderr
    assert not (tmp_path / 'x.aiida').exists()
