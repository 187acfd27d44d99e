"""Settings that are laid over a protocol at the command line, and the check of what they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import nested


class Charges(click.ParamType):
    """``Na=1,Si=4,O=-2`` in e."""

    name = 'Na=1,O=-2,…'

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """Split and read."""
        found = {}
        for word in str(value).strip(' ,').split(','):
            element, _, number = word.partition('=')
            try:
                found[element.strip()] = float(number)
            except ValueError:
                self.fail(f'{word!r} is no charge; write them as Na=1,Si=4,O=-2 (e)', param, ctx)
        return found


def with_changes(settings: Mapping[str, Any], changes: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Settings with ``--set`` laid over them.

    :raises ValueError: an unknown setting.
    """
    from aiida_glassion.workchains import protocols

    changed = dict(settings)
    for path, value in changes:
        changed = protocols.merge(changed, nested(path, value, changed))
    return changed


def check(builder: Any) -> None:
    """Check as it will be on submission.

    :raises GlassionError: the WorkChain refuses the inputs.
    """
    ports = builder.process_class.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        raise GlassionError(
            problem.message if problem.port == 'inputs' else f'{problem.port}: {problem.message}', exit_code=2
        )
