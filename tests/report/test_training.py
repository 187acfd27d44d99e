"""The report of a training that failed or still runs says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.lcurve import read_lcurve
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.report.files import write_report
from aiida_glassion.report.training import read_training
from aiida_glassion.report.training_page import warnings_of

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'
SETTINGS = {'protocol': 'tiny', 'committee': 2, 'compress': True, 'parameters': {}}


@pytest.fixture
def training(study_builder):
    """A training of which one member failed and one gave a learning curve, without a test."""

    def make(running: bool):
        data = DatasetData.from_frames(read_system(FIXTURES / 'silica' / 'O16Si8'), method={'engine': '<b>lammps</b>'})
        inputs = {'settings': orm.Dict(SETTINGS), 'seed': orm.Int(3), 'datasets__melt': data}
        root = study_builder.process(
            orm.WorkChainNode, 'TrainWorkChain', inputs=inputs, status=500, message='0 of 2 models', running=running
        )
        member = study_builder.process(
            orm.WorkChainNode, 'TrainMemberWorkChain', root, 'train_seed_1',
            {'train__seed': orm.Int(11), 'train__training__melt': data}, running=running,
        )  # fmt: skip
        study_builder.process(
            orm.WorkChainNode, 'TrainMemberWorkChain', root, 'train_seed_2',
            {'train__seed': orm.Int(12)}, 412, 'Training failed: <script>',
        )  # fmt: skip
        job = study_builder.process(orm.CalcFunctionNode, 'DeepmdTrainCalculation', member, 'iteration_01')
        curve = orm.ArrayData(read_lcurve((FIXTURES / 'logs' / 'validation.lcurve').read_text()))
        study_builder.create(curve, job, 'learning_curve', (member, 'learning_curve'))
        ledger = orm.Dict(
            {'train_seed_2': {'pk': 5, 'seed': 12, 'exit_status': 412, 'reason': 'no', 'then': 'left out'}}
        )
        ledger.store().base.links.add_incoming(root, LinkType.RETURN, 'ledger')
        study_builder.hand_out()
        return root

    return make


def test_a_training_that_failed(training, tmp_path):
    node = training(running=False)
    found = read_training(node)
    assert found.title == 'O-Si potential'
    assert [(used.use, used.n_frames) for used in found.data] == [('training', 90)]
    warnings = warnings_of(found)
    assert warnings[0] == 'The training failed: ended with exit code 500: 0 of 2 models.'
    assert '0 of 2 models were trained' in warnings[1]
    page, *files = write_report(node, tmp_path / 'report')
    text = page.read_text()
    for words in ('No model has been tested yet', 'left out', 'Ledger of failures', '&lt;b&gt;lammps&lt;/b&gt;'):
        assert words in text
    assert '<script>' not in text
    names = {path.name for path in files}
    assert {'curves.png', 'curve_seed_1.csv', 'report.json'} <= names
    assert 'parity.png' not in names
    head = next(path for path in files if path.name == 'curve_seed_1.csv').read_text().splitlines()[0]
    assert head.startswith('step,energy training (eV/atom),force training (eV/Å)')


def test_a_training_that_runs(training, tmp_path):
    node = training(running=True)
    assert 'has not ended' in warnings_of(read_training(node))[0]
    assert 'is what is there so far' in write_report(node, tmp_path)[0].read_text()


def test_another_node_is_refused(study_builder):
    node = study_builder.process(orm.WorkChainNode, 'MdWorkChain')
    with pytest.raises(ValueError, match='is no TrainWorkChain'):
        read_training(node)
    with pytest.raises(ValueError, match='or a TrainWorkChain'):
        write_report(node, Path('nowhere'))
