"""``glassion launch analysis``: the structure of a trajectory, by a job beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from aiida_glassion.cli.analyse_inputs import analysis_options, request_of, species_of
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, job_options
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console


@click.command()
@click.argument('source', metavar='PK|FOLDER')
@click.option('--file', 'files', metavar='NAME', multiple=True, help='In the folder; several: one after the other.')
@click.option('--code', default='python@localhost', show_default=True, help='Python of an environment with glassion.')
@analysis_options
@click.option('--ranks', type=click.IntRange(min=1), default=1, hidden=True)
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='Threads of the job.')
@click.option('--walltime', type=Walltime(), help='HH:MM:SS; what is done by then is kept.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@submission_options
@click.pass_context
def analysis(ctx: click.Context, /, source: str, profile: str | None, **given: Any) -> None:
    """Analyse a trajectory where it lies: a node, what a process left behind, or a folder on the computer of the code.

    Only curves and numbers come back. What is small is analysed at once by `glassion analyse`.

    \b
    glassion launch analysis 1234 --file trajectory.dump --what rdf,scattering
    glassion launch analysis /scratch/run_7 --file dump.lammpstrj --species 1=Na,2=O,3=Si --what rdf --code python@cluster
    """  # noqa: D301, E501
    load(profile)
    from aiida_glassion.calculations.analysis import AnalysisCalculation

    code = code_of(given['code'], 'code', 'glassion.analysis', also=['glassion.label.ase'])
    data, counts = data_of(source, given['files'], code)
    request = checked_request(given, counts)
    builder = AnalysisCalculation.get_builder()
    builder.code = code
    builder.request = request
    for name, value in data.items():
        builder[name] = value
    species = species_of(given['species'])
    if species is not None:
        builder.species = species
    if given['form'] is not None:
        builder.format = given['form']
    builder.metadata.options = job_options(given)
    builder.metadata.label = f'analyse {source}'[:250]
    _check(builder)
    console().print(describe(source, data, request, builder))
    submit(ctx, builder, given)


def data_of(source: str, files: tuple[str, ...], code: Any) -> tuple[dict[str, Any], dict[str, int] | None]:
    """Inputs of the job that say where its frames are, and the atoms of each element if that is known here.

    :param source: PK or UUID of a node, or an absolute path on the computer of the code.
    :param files: names of the files in the folder.
    :raises GlassionError: there are no frames, or it takes a file's name to find them.
    """
    from aiida import orm

    from aiida_glassion.cli.launch_outputs import configurations_of
    from aiida_glassion.cli.show import find_node
    from aiida_glassion.data.frames import as_frames

    if source.startswith('/'):
        return _in_folder(orm.RemoteData(remote_path=source, computer=code.computer), files, 'remote'), None
    node = find_node(source)
    if isinstance(node, orm.ProcessNode) and files:
        node = node.base.links.get_outgoing(link_label_filter='remote_folder').first()
        if node is None:
            raise GlassionError(f'{source} left no remote folder in which --file {files[0]} could lie.', exit_code=2)
        node = node.node
    if isinstance(node, orm.RemoteData):
        return _in_folder(node, files, 'remote'), None
    if isinstance(node, orm.FolderData):
        return _in_folder(node, files, 'folder'), None
    if isinstance(node, orm.SinglefileData):
        return {'folder': node}, None
    if isinstance(node, orm.ProcessNode):
        found = configurations_of(node)
        if len(found) > 1:
            names = ', '.join(f'{member.pk} ({name})' for name, member in found.items())
            raise GlassionError(f'{source} left several configurations; give the PK of one: {names}', exit_code=2)
        node = next(iter(found.values()))
    try:
        return {'frames': node}, as_frames(node).counts
    except (TypeError, ValueError) as error:
        raise GlassionError(f'node {node.pk}: {error}', exit_code=2) from None


def _in_folder(node: Any, files: tuple[str, ...], port: str) -> dict[str, Any]:
    if not files:
        raise GlassionError('Say which files of the folder hold the trajectory: --file trajectory.dump', exit_code=2)
    return {port: node, 'files': list(files)}


def checked_request(given: Mapping[str, Any], counts: Mapping[str, int] | None) -> dict[str, Any]:
    """The request, complete.

    :param counts: atoms of each element, None where the elements are not known here.
    :raises GlassionError: nothing says what is to be analysed.
    """
    from aiida_glassion.analysis.request import read_request
    from aiida_glassion.cli.analyse_choice import default_kinds

    if counts is None and not (given['what'] or given['request']):
        raise GlassionError(
            'Say --what is to be analysed: the elements are only known where the file lies. '
            'For a glass: --what rdf,coordination,angles,network,rings,scattering,checks',
            exit_code=2,
        )
    return read_request(request_of(given, default_kinds(counts or {}))).as_dict()


def _check(builder: Any) -> None:
    """Check as it will be on submission.

    :raises GlassionError: the job refuses the inputs.
    """
    ports = builder.process_class.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        raise GlassionError(f'{problem.port}: {problem.message}', exit_code=2)


def describe(source: str, data: Mapping[str, Any], request: Mapping[str, Any], builder: Any) -> Any:
    """What will be done, ready to print."""
    from rich.console import Group

    from aiida_glassion.analysis.request import read_request
    from aiida_glassion.cli import show_parts as parts
    from aiida_glassion.cli.analyse_text import request_facts

    port = next(name for name in ('remote', 'folder', 'frames') if name in data)
    path = data[port].get_remote_path() if port == 'remote' else ''
    lies = ' '.join(str(part) for part in (type(data[port]).__name__, data[port].pk, path) if part)
    facts = [('data', f'{lies}: {", ".join(data["files"])}' if 'files' in data else lies)]
    facts.append(('code', f'{builder.code.full_label} on {builder.code.computer.label}'))
    last = 'the last' if request['last'] is None else request['last']
    facts.append(('frames', f'from {request["first"]} to {last}, every {request["every"]}'))
    return Group(
        parts.section('Analyse', f'{source}, beside the data'),
        parts.facts_table(facts),
        parts.blank(),
        parts.facts_table(request_facts(read_request(request))),
    )
