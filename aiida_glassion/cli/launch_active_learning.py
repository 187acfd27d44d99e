"""``glassion launch active-learning``: a potential learned by a loop that decides by itself, from one study file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import Assignment
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console


@click.command('active-learning')
@click.argument('study', required=False, metavar='[STUDY.yaml]', type=click.Path(path_type=Path))
@click.option('--protocol', metavar='NAME', help='fast, moderate, napso.  [default: of the study, else moderate]')
@click.option(
    '--set', 'changes', type=Assignment(), multiple=True, help='Anything in the file: settings.max_labels=500'
)
@click.option('--from-frames', 'returned', multiple=True, metavar='PK', help='Runs whose frames are judged first.')
@click.option('--continue', 'earlier', metavar='PK', help='Go on from an earlier loop, however it ended.')
@click.option('--more-iterations', type=click.IntRange(min=1), help='With --continue: so many after those done.')
@submission_options
@click.pass_context
def active_learning(
    ctx: click.Context,
    /,
    profile: str | None,
    **given: Any,
) -> None:
    """Learn a potential: train a committee, explore where it disagrees, label that, until the rules are met.

    STUDY.yaml says what to begin with, who labels, how to train and explore, and when to stop; all of it is checked
    before anything is submitted.

    \b
    glassion launch active-learning study.yaml --dry-run
    glassion launch active-learning --continue 1234 --more-iterations 10
    """  # noqa: D301
    terminal = console()
    _check_options(given)
    load(profile)
    returned = frames_of_runs(given['returned'])
    if given['earlier'] is not None:
        from aiida_glassion.cli.launch_active_learning_continue import take_up

        builder, told = take_up(given['earlier'], given['changes'], given['more_iterations'], returned)
    else:
        builder, told = _from_study(given, returned)
    terminal.print(told)
    submit(ctx, builder, given)


def _from_study(given: Mapping[str, Any], returned: Mapping[str, Any]) -> tuple[Any, Any]:
    from aiida_glassion.cli.launch_active_learning_plan import look_ahead
    from aiida_glassion.cli.launch_active_learning_text import describe
    from aiida_glassion.cli.study_builder import assemble

    assembled = assemble(given['study'], given['changes'], given['protocol'], returned)
    outlook = look_ahead(assembled.builder, assembled.builder.seed.value)
    title = assembled.builder.metadata.label
    return assembled.builder, describe(title, outlook, assembled.builder, assembled.remarks)


def _check_options(given: Mapping[str, Any]) -> None:
    """Refuse options that do not go together.

    :raises GlassionError: says which.
    """
    if given['earlier'] is None and given['study'] is None:
        message = 'Give a study file, or --continue PK of an earlier active learning.'
        raise GlassionError(message, mend='glassion launch active-learning --help', exit_code=2)
    if given['earlier'] is None and given['more_iterations']:
        raise GlassionError(
            '--more-iterations goes with --continue; in a study it is settings.max_iterations.', exit_code=2
        )
    if given['earlier'] is not None:
        for name, value in (('a study file', given['study']), ('--protocol', given['protocol'])):
            if value is not None:
                message = f'--continue takes everything from the earlier loop: leave {name} away.'
                raise GlassionError(message, exit_code=2)


def frames_of_runs(identifiers: tuple[str, ...]) -> dict[str, Any]:
    """Trajectories of runs, by a name that AiiDA takes: of the process itself, or of every MD inside it.

    :raises GlassionError: no such node, or it has no frames.
    """
    from aiida.orm import ProcessNode

    from aiida_glassion.cli.launch_outputs import configurations_of
    from aiida_glassion.cli.show import find_node
    from aiida_glassion.data.frames import FramesData

    found: dict[str, Any] = {}
    for identifier in dict.fromkeys(identifiers):
        node = find_node(identifier)
        if isinstance(node, FramesData):
            found[f'run_{node.pk}'] = node
            continue
        if not isinstance(node, ProcessNode):
            raise GlassionError(f'--from-frames: node {identifier} is {type(node).__name__}, no frames.', exit_code=2)
        inner = [child for child in node.called_descendants if child.process_label == 'MdWorkChain']
        parts = {f'_{c.pk}': c.outputs.trajectory for c in inner if 'trajectory' in c.outputs}
        if 'trajectory' in node.outputs or not parts:
            named = configurations_of(node).items()
            parts = {f'_{_plain(name)}' if len(named) > 1 else '': frames for name, frames in named}
        found |= {f'run_{node.pk}{name}': frames for name, frames in parts.items()}
    return found


def _plain(name: str) -> str:
    return re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_')
