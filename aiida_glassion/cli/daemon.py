"""Whether the daemon of a profile runs: its process, not the file that it leaves behind when the machine goes down."""

from __future__ import annotations


def daemon_runs(profile: str) -> bool:
    """Whether a daemon serves a profile.

    AiiDA itself looks for the file with the daemon's process number only. That file outlives a kill or a restart of the
    machine, and then the number may have become another process's.

    :param profile: name.
    """
    import psutil
    from aiida.common.exceptions import ConfigurationError
    from aiida.engine.daemon.client import get_daemon_client

    try:
        pid = get_daemon_client(profile).get_daemon_pid()
    except ConfigurationError:
        return False
    if pid is None:
        return False
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    return any('circus' in word for word in words)
