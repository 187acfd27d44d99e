"""Where the frames of a run lie: its pieces by provenance, whatever happened to it."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.workchains.md_pieces import parts_of, species_of

HOLD = {'kind': 'hold', 'name': 'hold', 'temperature': 900, 'duration': 8.0}
SETTLE = {**HOLD, 'name': 'settle', 'duration': 0.6, 'timestep': 0.5}
SCHEDULE = {'timestep': 1.0, 'thermo_every': 0.01, 'frames_every': 0.05, 'restart_every': 0.1, 'stages': [HOLD]}
DONE = {'finished': True, 'stage': 0, 'last_step': 8000, 'left_trusted_region': None}

pytestmark = pytest.mark.usefixtures('aiida_profile')


def killed(step: int, stage: int = 0, **more) -> dict:
    return {'finished': False, 'stage': stage, 'last_step': step, 'left_trusted_region': None, **more}


def dictionary(content: dict) -> orm.Dict:
    return orm.Dict(content).store()


@pytest.fixture
def job(localhost):
    """A finished glassion.md job."""

    def make(results: dict | None, schedule=SCHEDULE, restart: dict | None = None, thermo=None) -> orm.CalcJobNode:
        node = orm.CalcJobNode(computer=localhost, process_type='aiida.calculations:glassion.md')
        node.base.links.add_incoming(dictionary(schedule), LinkType.INPUT_CALC, 'schedule')
        if restart is not None:
            node.base.links.add_incoming(dictionary(restart), LinkType.INPUT_CALC, 'restart__point')
        node.store()
        outputs = {'remote_folder': orm.RemoteData(computer=localhost, remote_path=f'/scratch/{node.pk}')}
        if results is not None:
            outputs['results'] = orm.Dict(results)
        if thermo is not None:
            outputs['thermo'] = orm.ArrayData(thermo)
        for label, output in outputs.items():
            output.base.links.add_incoming(node, LinkType.CREATE, label)
            output.store()
        return node

    return make


def run_of(*pieces: tuple[orm.CalcJobNode, dict]) -> orm.WorkChainNode:
    """A finished MdWorkChain of one job, or of several whose results were joined."""
    node = orm.WorkChainNode(process_type='aiida.workflows:glassion.md')
    frames = Frames(('Si', 'Na'), np.zeros((1, 2, 3)), np.eye(3)[None] * 9)
    node.base.links.add_incoming(FramesData(frames=frames).store(), LinkType.INPUT_WORK, 'md__configuration')
    node.store()
    results = pieces[0][0].outputs.results
    if len(pieces) > 1:
        join = orm.CalcFunctionNode()
        offsets = [{'step': 0, 'time': 0.0, 'stages': [0], 'until': None, **offset} for _, offset in pieces]
        join.base.links.add_incoming(orm.List(offsets).store(), LinkType.INPUT_CALC, 'bookkeeping')
        for index, (piece, _) in enumerate(pieces):
            join.base.links.add_incoming(piece.outputs.results, LinkType.INPUT_CALC, f'results_{index}')
        join.base.links.add_incoming(node, LinkType.CALL_CALC, 'join_segments')
        join.store()
        results = orm.Dict({})
        results.base.links.add_incoming(join, LinkType.CREATE, 'results')
        results.store()
    results.base.links.add_incoming(node, LinkType.RETURN, 'results')
    return node


def where(node: orm.WorkChainNode, time: float = 0.0) -> list[tuple]:
    """File, time, timestep and last step of each part, and that each has its folder."""
    remotes, parts = parts_of(node, 'run', time)
    assert [part['remote'] for part in parts] == [f'run_{index:02d}' for index in range(len(parts))]
    assert sorted(remotes) == sorted(part['remote'] for part in parts)
    return [(p['file'], pytest.approx(p['time']), pytest.approx(p['timestep']), p['until']) for p in parts]


def test_one_job_is_one_part(job):
    node = run_of((job(DONE), {}))
    assert where(node, 12.5) == [('stage_00.bin', 12.5, 1e-3, None)]
    remotes, _ = parts_of(node, 'run', 0.0)
    assert remotes['run_00'].get_remote_path().startswith('/scratch/')
    assert species_of(node) == {'1': 'Na', '2': 'Si'}


def test_the_last_stage_begins_at_its_own_step_and_has_its_own_timestep(job):
    stages = [SETTLE, {**HOLD, 'timestep': 2.0}]
    node = run_of((job({**DONE, 'stage': 1, 'last_step': 5200}, {**SCHEDULE, 'stages': stages}), {}))
    # 1200 steps of 0.5 fs before it: step 0 would be 2.4 ps before it
    assert where(node, 10.0) == [('stage_01.bin', 10.0 - 2.4, 2e-3, None)]


def test_pieces_of_a_killed_run(job):
    start = {'file': 'stage_00_a.restart', 'stage': 0, 'step': 2500}
    node = run_of((job(killed(2610)), {'until': 2500}), (job(DONE, restart=start), {}))
    assert where(node, 1.0) == [('stage_00.bin', 1.0, 1e-3, 2500), ('stage_00.bin', 1.0, 1e-3, None)]


def test_a_piece_killed_before_the_last_stage_is_left_out(job):
    schedule = {**SCHEDULE, 'stages': [SETTLE, HOLD]}
    first = job(killed(900), schedule)
    start = {'file': 'stage_00_a.restart', 'stage': 0, 'step': 800}
    last = job({**DONE, 'stage': 1, 'last_step': 9200}, schedule, start)
    node = run_of((first, {'until': 800, 'stages': [0, 1]}), (last, {'stages': [0, 1]}))
    remotes, _ = parts_of(node, 'run', 0.0)
    assert remotes['run_00'].creator.pk == last.pk
    assert where(node) == [('stage_01.bin', -1.2, 1e-3, None)]


def test_a_piece_whose_only_frame_begins_the_next_is_left_out(job):
    schedule = {**SCHEDULE, 'stages': [SETTLE, HOLD]}
    first = job(killed(1210, 1), schedule)
    start = {'file': 'stage_00_end.restart', 'stage': 1, 'step': 1200}
    second = job({**DONE, 'stage': 1, 'last_step': 9200}, schedule, start)
    node = run_of((first, {'until': 1200, 'stages': [0, 1]}), (second, {'stages': [0, 1]}))
    assert len(where(node)) == 1
    # between two frames: nothing but what comes after
    short = job(killed(1040), restart={'file': 'stopped.restart', 'stage': 0, 'step': 1010})
    node = run_of(
        (job(killed(1015)), {'until': 1010}),
        (short, {'until': 1040}),
        (job(DONE, restart={'file': 'stopped.restart', 'stage': 0, 'step': 1040}), {}),
    )
    assert where(node) == [('stage_00.bin', 0.0, 1e-3, 1010), ('stage_00.bin', 0.0, 1e-3, None)]


def test_an_explosion_goes_on_with_half_the_timestep(job):
    rest = {**SCHEDULE, 'timestep': 0.5, 'stages': [{**HOLD, 'duration': 6.0}]}
    fresh = {'file': 'stage_00_a.restart', 'stage': 0, 'step': 0, 'fresh': True}
    continued = {'file': 'stage_00_b.restart', 'stage': 0, 'step': 5000}
    node = run_of(
        (job(killed(2310)), {'until': 2000}),
        (job(killed(5130), rest, fresh), {'step': 2000, 'time': 2.0, 'until': 7000}),
        (job({**DONE, 'last_step': 12000}, rest, continued), {'step': 2000, 'time': 2.0}),
    )
    assert where(node, 50.0) == [
        ('stage_00.bin', 50.0, 1e-3, 2000),
        ('stage_00.bin', 52.0, 0.5e-3, 5000),
        ('stage_00.bin', 52.0, 0.5e-3, None),
    ]


def test_a_soft_beginning_is_not_the_stage_that_was_asked_for(job):
    soft = [{'kind': 'minimise'}, {**HOLD, 'ensemble': 'langevin', 'duration': 1.0}, HOLD]
    schedule = {**SCHEDULE, 'timestep': 0.25, 'stages': soft}
    node = run_of((job({**DONE, 'stage': 2, 'last_step': 36000}, schedule), {}))
    assert where(node, 3.0) == [('stage_02.bin', 3.0 - 1.0, 0.25e-3, None)]


def test_a_run_that_failed_counts_up_to_the_fault(job):
    steps = np.arange(0, 3000, 10)
    thermo = {name: np.ones(len(steps)) for name in ('temperature', 'pressure', 'potential_energy')}
    thermo |= {'step': steps, 'iteration': np.zeros(len(steps), dtype=int)}
    thermo['potential_energy'][-5] = np.nan
    node = run_of((job(killed(2990), thermo=thermo), {}))
    assert where(node)[0][3] == 2950 - 1
    trusted = {'step': 1400, 'stage': 0, 'time': 1.4, 'deviation': 3.0}
    node = run_of((job(killed(1400, left_trusted_region=trusted)), {}))
    assert where(node)[0][3] == 1400


def test_a_folder_that_was_cleaned_is_said(job):
    piece = job(DONE)
    piece.outputs.remote_folder.base.extras.set(orm.RemoteData.KEY_EXTRA_CLEANED, True)
    with pytest.raises(ValueError, match=rf'the folder of its job {piece.pk} was cleaned'):
        parts_of(run_of((piece, {})), 'run', 0.0)


def test_runs_without_frames_are_said(job):
    for results, schedule in (
        (DONE, {**SCHEDULE, 'frames_every': 0}),
        (killed(0), SCHEDULE),
        ({'finished': False, 'last_step': 0}, SCHEDULE),
    ):
        with pytest.raises(ValueError, match='no frame of its last stage was stored'):
            parts_of(run_of((job(results, schedule), {})), 'run', 0.0)
    empty = orm.WorkChainNode(process_type='aiida.workflows:glassion.md').store()
    with pytest.raises(ValueError, match='it left no results'):
        parts_of(empty, 'run', 0.0)
