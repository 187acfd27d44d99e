"""A committee trained by the real DeePMD-kit, tested, and reported on."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from aiida.engine import run_get_node
from rich.console import Console

from aiida_glassion.cli.show_train import job_summary, job_tables, train_summary, train_tables
from aiida_glassion.cli.watch_rows import rows_of
from aiida_glassion.cli.watch_tree import TreeReader
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.report.files import write_report
from aiida_glassion.workchains.train import TrainWorkChain
from aiida_glassion.workchains.train_inputs import member_seed

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

SILICA = Path(__file__).parent.parent / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
METHOD = {'engine': 'lammps', 'potential': 'pmmcs'}


def silica(part=slice(None)) -> DatasetData:
    frames = Frames.concatenate(list(read_system(SILICA)))
    return DatasetData.from_frames(frames[part], method=METHOD)


def printed(tables) -> str:
    console = Console(width=160, file=io.StringIO())
    for part in tables:
        console.print(part)
    return console.file.getvalue()


def test_a_committee_of_two(dp_code, tmp_path):
    changes = {'parameters': {'training': {'numb_steps': 300, 'disp_freq': 5}}}
    data = {'hot': silica(slice(30, None)), 'cold': silica(slice(0, 30))}
    builder = TrainWorkChain.get_builder_from_protocol(dp_code, data, 'tiny', changes, seed=3)
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, (node.exit_message, node.outputs)
    assert sorted(outputs['potentials']) == sorted(outputs['frozen']) == ['seed_1', 'seed_2']
    assert 'ledger' not in outputs
    calls = {link.link_label: link.node for link in node.base.links.get_outgoing().all() if 'seed_' in link.link_label}
    assert {'train_seed_1', 'train_seed_2', 'test_seed_1', 'test_seed_2'} <= set(calls)
    for number in (1, 2):
        assert calls[f'train_seed_{number}'].inputs.train.seed.value == member_seed(3, number)
        assert calls[f'test_seed_{number}'].inputs.potential.uuid == outputs['potentials'][f'seed_{number}'].uuid

    used = calls['train_seed_1'].inputs.train
    held_out = outputs['test_set']
    sizes = [sum(part.n_frames for part in parts.values()) for parts in (used.training, used.validation, held_out)]
    assert sizes == [73, 8, 9]
    errors = outputs['errors'].get_dict()
    assert errors['n_frames'] == 9
    results = [calls[f'test_seed_{number}'].outputs.results.get_dict() for number in (1, 2)]
    for quantity in ('energy', 'force', 'virial'):
        values = [result[quantity]['rmse'] for result in results]
        assert errors[quantity]['rmse']['mean'] == pytest.approx(sum(values) / 2)
        assert errors[quantity]['rmse']['spread'] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert errors['force']['committee']['mean'] < max(result['force']['rmse'] for result in results)
    leak = errors['verdict']['leak']
    assert leak['n_compared'] == 9
    assert leak['n_same'] == 0
    assert 0.3 < leak['median_distance'] < 3
    parity = outputs['parity'].arrays
    assert len(parity['max_force_deviation']) == 9
    assert parity['max_force_deviation'].max() == pytest.approx(errors['deviation']['largest'])
    said = printed(train_tables(train_summary(node)))
    assert 'Errors on 9 test frames' in said
    assert 'RMSE, Si' in said
    assert f'glassion report {node.pk} report' in said
    said = printed(job_tables(job_summary(calls['test_seed_1'])))
    assert f'{results[0]["force"]["rmse"]:.4g}' in said
    said = printed(job_tables(job_summary(calls['train_seed_1'])))
    assert '300 of 300' in said
    with TreeReader() as reader:
        rows = rows_of(reader.read(node.pk))
    assert [(row.name, row.status, row.done) for row in rows][:2] == [
        ('train_seed_1', 'done', 300), ('train_seed_2', 'done', 300),
    ]  # fmt: skip

    page, *files = write_report(node, tmp_path / 'report')
    text = page.read_text()
    assert 'O-Si potential' in text
    assert 'The test set has 9 frames: its errors are uncertain.' in text
    assert {'errors.csv', 'test_frames.csv', 'curve_seed_1.csv'} <= {path.name for path in files}
    assert json.loads((tmp_path / 'report' / 'report.json').read_text())['errors']['n_frames'] == 9
