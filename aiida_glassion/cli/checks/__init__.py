"""What ``glassion doctor`` proves. A file in this folder registers its checks with :func:`check`: no more is needed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiida_glassion.cli.engines import Program
from aiida_glassion.cli.errors import explain, is_debug


@dataclass(frozen=True)
class Finding:
    """What one check saw.

    :param part: the part that was tried.
    :param verdict: ``ok``, ``warning`` (works, or is not needed at once), ``failed`` or ``skipped``.
    :param seen: what was seen.
    :param mend: the one command that mends it.
    """

    part: str
    verdict: str
    seen: str
    mend: str | None = None


@dataclass(frozen=True)
class Machine:
    """Where the checks run.

    :param profile: name of the loaded AiiDA profile, None where there is none.
    """

    profile: str | None

    def codes(self, plugin: str) -> list[tuple[str, Program | None]]:
        """Codes of the profile whose default plugin is ``plugin``, with the program where it is on this machine.

        :param plugin: entry point, like ``glassion.md``.
        :return: (full label, program); the program is None on a computer that is not this one.
        """
        if self.profile is None:
            return []
        from aiida.orm import InstalledCode, QueryBuilder

        found: list[tuple[str, Program | None]] = []
        query = QueryBuilder().append(InstalledCode, filters={'attributes.input_plugin': plugin})
        for code in query.all(flat=True):
            if code.is_hidden:
                continue
            computer = code.computer
            program = None
            if computer.transport_type == 'core.local':
                texts = [computer.get_prepend_text(), code.prepend_text]
                path, mpirun = Path(code.filepath_executable), computer.get_mpirun_command()
                program = Program(path, '\n'.join(text for text in texts if text), tuple(mpirun))
            found.append((code.full_label, program))
        return found


Check = Callable[[Machine], Iterator[Finding]]
_registry: list[tuple[int, str, Check]] = []


def check(part: str, order: int) -> Callable[[Check], Check]:
    """Register a check.

    :param part: what it is called when the check itself breaks.
    :param order: place in the report: 0–99 the machine and AiiDA, 100 and more the engines.
    """

    def register(function: Check) -> Check:
        _registry.append((order, part, function))
        return function

    return register


def run_checks(machine: Machine) -> Iterator[Finding]:
    """Run every check, in order; one that breaks is a finding like any other."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f'{__name__}.{module.name}')
    for _, part, function in sorted(_registry, key=lambda entry: entry[:2]):
        try:
            yield from function(machine)
        except Exception as error:
            if is_debug():
                raise
            yield Finding(part, 'failed', explain(error).message)


def remote(label: str) -> Finding:
    """Look at a code on another computer: its executable must be there, which is all that can be seen without a job."""
    from aiida.common.exceptions import ValidationError
    from aiida.orm import load_code

    code = load_code(label)
    try:
        code.validate_filepath_executable()
    except ValidationError as error:
        return Finding(label, 'failed', str(error), f'verdi computer test {code.computer.label}')
    return Finding(label, 'ok', f'{code.filepath_executable} is there; it runs on another computer, so it was not run')
