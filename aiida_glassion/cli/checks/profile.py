"""The AiiDA profile: can it keep a node, carry a message, and run a job?"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

from aiida_glassion.cli.checks import Finding, Machine, check
from aiida_glassion.cli.daemon import daemon_runs

#: longest wait for the daemon to run one trivial job, s. It takes about 5 s.
JOB_TIMEOUT = 60.0
#: longest wait for a message to come back, s.
MESSAGE_TIMEOUT = 5.0


@check('storage', order=10)
def storage(machine: Machine) -> Iterator[Finding]:
    """Store a node with a file, read the file back, delete the node."""
    if machine.profile is None:
        yield Finding('profile', 'failed', 'there is no AiiDA profile yet', 'glassion setup')
        return
    from aiida.manage import get_config, get_manager
    from aiida.orm import SinglefileData

    profile = get_manager().get_profile()
    yield Finding('profile', 'ok', f'{profile.name} ({profile.storage_backend}, in {get_config().dirpath})')
    content = b'glassion doctor'
    node = SinglefileData(io.BytesIO(content), filename='doctor.txt', label='glassion doctor').store()
    same = node.get_content(mode='rb') == content
    _delete([node.pk])
    if same:
        yield Finding('storage', 'ok', 'a node and its file were stored, read back and deleted')
    else:
        yield Finding('storage', 'failed', 'a stored file came back changed', 'verdi storage maintain')


@check('broker', order=20)
def broker(machine: Machine) -> Iterator[Finding]:
    """Send a message to ourselves through the broker."""
    if machine.profile is None:
        yield Finding('broker', 'skipped', 'needs a profile')
        return
    from aiida.manage import get_manager

    manager = get_manager()
    name = manager.get_profile().process_control_backend
    if not name:
        mend = f'verdi -p {machine.profile} profile configure-broker core.zeromq -n'
        yield Finding('broker', 'failed', 'the profile has none, so no job can be submitted', mend)
        return
    if name == 'core.zeromq' and not daemon_runs(machine.profile):
        yield Finding('broker', 'ok', f'{name}, which starts with the daemon')
        return
    communicator = manager.get_broker().get_communicator()
    address = communicator.add_rpc_subscriber(lambda _communicator, message: message, 'glassion-doctor')
    started = time.monotonic()
    answer = communicator.rpc_send(address, 'ping')
    while hasattr(answer, 'result') and not isinstance(answer, str):
        answer = answer.result(timeout=MESSAGE_TIMEOUT)
    elapsed = time.monotonic() - started
    communicator.remove_rpc_subscriber(address)
    if answer == 'ping':
        yield Finding('broker', 'ok', f'{name}: a message came back in {1e3 * elapsed:.0f} ms')
    else:
        yield Finding('broker', 'failed', f'{name}: a message came back as {answer!r}', _restart(machine))


@check('daemon', order=30)
def daemon(machine: Machine) -> Iterator[Finding]:
    """Let the daemon run one trivial job on this machine: 1 + 2."""
    if machine.profile is None:
        yield Finding('daemon', 'skipped', 'needs a profile')
        return
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage import get_manager

    if not get_manager().get_profile().process_control_backend:
        yield Finding('daemon', 'skipped', 'needs a broker')
        return
    if not daemon_runs(machine.profile):
        mend = f'verdi -p {machine.profile} daemon start'
        yield Finding('daemon', 'warning', 'not running: what is submitted waits until it is', mend)
        return
    workers = get_daemon_client(machine.profile).get_number_of_workers()
    crew = f'{workers} worker{"s" if workers != 1 else ""}'
    computer = _this_machine()
    if computer is None:
        yield Finding('daemon', 'failed', f'{crew}, but no computer for this machine', 'glassion setup')
        return
    result = _add(computer)
    if result is None:
        seen = f'{crew}, but a trivial job did not end within {JOB_TIMEOUT:.0f} s'
        yield Finding('daemon', 'failed', seen, _restart(machine))
    elif result[0] != 3:
        seen = f'{crew}, but a trivial job gave {result[0]}'
        yield Finding('daemon', 'failed', seen, f'verdi -p {machine.profile} daemon logshow')
    else:
        yield Finding('daemon', 'ok', f'{crew}; a trivial job took {result[1]:.0f} s')


def _restart(machine: Machine) -> str:
    verdi = f'verdi -p {machine.profile}'
    return f'{verdi} daemon stop; {verdi} process repair; {verdi} daemon start'


def _this_machine() -> Any:
    """Return a computer of the profile that is this machine without a queue, or None."""
    from aiida.orm import Computer, QueryBuilder, User

    user = User.collection.get_default()
    filters = {'transport_type': 'core.local', 'scheduler_type': 'core.direct'}
    for computer in QueryBuilder().append(Computer, filters=filters).all(flat=True):
        if computer.is_configured and computer.is_user_enabled(user):
            return computer
    return None


def _add(computer: Any) -> tuple[Any, float] | None:
    """Submit 1 + 2 to the daemon.

    Its few nodes stay: SQLite gives the pk of a deleted node to the next one, and a worker that has seen the first
    under that pk would lose the second.

    :return: (sum or how it ended, s), None if it did not end.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.engine import submit
    from aiida.orm import InstalledCode, Int, load_code
    from aiida.plugins import CalculationFactory

    plugin = 'core.arithmetic.add'
    try:
        code = load_code(f'glassion-doctor@{computer.label}')
    except NotExistent:
        code = InstalledCode(
            label='glassion-doctor', computer=computer, filepath_executable='/bin/bash', default_calc_job_plugin=plugin
        ).store()
    builder = CalculationFactory(plugin).get_builder()
    builder.code, builder.x, builder.y = code, Int(1), Int(2)
    builder.metadata.label = 'glassion doctor'
    builder.metadata.options.resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    builder.metadata.options.withmpi = False
    builder.metadata.disable_cache = True
    started = time.monotonic()
    job = submit(builder)
    while not job.is_terminated:
        if time.monotonic() - started > JOB_TIMEOUT:
            return None
        time.sleep(0.1)
    elapsed = time.monotonic() - started
    return (job.outputs.sum.value if job.is_finished_ok else job.process_state.value), elapsed


def _delete(pks: list[int]) -> None:
    from aiida.common.log import override_log_level
    from aiida.tools import delete_nodes

    with override_log_level():
        delete_nodes(pks, dry_run=False)
