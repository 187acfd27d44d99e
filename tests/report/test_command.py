"""``glassion report``."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.cli import report as command
from aiida_glassion.report import files


@pytest.fixture
def in_this_profile(monkeypatch):
    monkeypatch.setattr(command, 'load', lambda profile: None)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / 'mine.txt').write_text('mine')
    done = CliRunner().invoke(main, ['report', '1', str(tmp_path)])
    assert done.exit_code == 2
    assert 'is not empty' in done.output
    assert 'glassion report --force' in done.output
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_no_such_node(aiida_profile_clean, in_this_profile, tmp_path):
    done = CliRunner().invoke(main, ['report', '987654', str(tmp_path / 'report')])
    assert done.exit_code == 2
    assert 'There is no node 987654' in done.output


def test_it_says_what_to_open(study_builder, in_this_profile, tmp_path, monkeypatch):
    monkeypatch.setattr(files, 'glass_figures', lambda study, glass: iter(()))
    study_builder.replicas = 1
    node = study_builder.build()
    directory = tmp_path / 'report'
    (tmp_path / 'report').mkdir()
    (directory / 'mine.txt').write_text('mine')
    done = CliRunner().invoke(main, ['report', '--force', str(node.pk), str(directory)])
    assert done.exit_code == 0, done.output
    assert str(directory / 'index.html') in done.output
    assert (directory / 'mine.txt').read_text() == 'mine'
    assert node.uuid in (directory / 'index.html').read_text()
