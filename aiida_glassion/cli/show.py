"""``glassion show``: tables of what a node holds or what came out of a process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console

if TYPE_CHECKING:
    from rich.console import RenderableType


@click.command()
@click.argument('pk')
@profile_option
@click.option('--replicas', is_flag=True, help='Every replica or sample too.')
@click.option('--json', 'as_json', is_flag=True, help='Everything as JSON, with units.')
def show(pk: str, profile: str | None, replicas: bool, as_json: bool) -> None:
    """Tables of the node PK (or UUID): a study, a run, a potential, configurations."""
    load(profile)
    node = find_node(pk)
    summary, tables = room_for(node)
    content = summary(node)
    if as_json:
        click.echo(json.dumps(content, indent=2, ensure_ascii=False, default=_as_json))
        return
    for part in tables(content, replicas):
        console().print(part)


def find_node(identifier: str) -> Any:
    """Node by pk or UUID.

    :raises GlassionError: there is none.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_node

    try:
        return load_node(identifier)
    except (NotExistent, ValueError):
        message = f'There is no node {identifier} in this profile; `verdi process list -a` lists its studies.'
        raise GlassionError(message, exit_code=2) from None
    except MultipleObjectsError:
        raise GlassionError(f'Several nodes begin with {identifier}: give more of the UUID.', exit_code=2) from None


def room_for(node: Any) -> tuple[Callable[[Any], dict[str, Any]], Callable[..., list[RenderableType]]]:
    """What reads a node into a plain dictionary, and what makes tables of that."""
    from aiida.orm import ProcessNode

    from aiida_glassion.cli import (
        show_active_learning,
        show_analysis,
        show_data,
        show_dataset,
        show_diffusion,
        show_elastic,
        show_explore,
        show_fracture,
        show_glass,
        show_glass_ceramic,
        show_initial_data,
        show_label,
        show_md,
        show_porous,
        show_train,
    )
    from aiida_glassion.data.dataset import DatasetData
    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.data.potential import PotentialData

    if isinstance(node, PotentialData):
        return show_data.potential_summary, show_data.potential_tables
    if isinstance(node, DatasetData):
        return show_dataset.dataset_summary, show_dataset.dataset_tables
    if isinstance(node, FramesData):
        return show_data.frames_summary, show_data.frames_tables
    if isinstance(node, ProcessNode):
        rooms: dict[str, tuple[Any, Any]] = {
            'ActiveLearningWorkChain': (show_active_learning.loop_summary, show_active_learning.loop_tables),
            'AnalysisCalculation': (show_analysis.analysis_summary, show_analysis.analysis_tables),
            'DiffusionPointWorkChain': (show_diffusion.point_summary, show_diffusion.point_tables),
            'DiffusionSweepWorkChain': (show_diffusion.sweep_summary, show_diffusion.sweep_tables),
            'ElasticSampleWorkChain': (show_elastic.sample_summary, show_elastic.sample_tables),
            'ElasticWorkChain': (show_elastic.elastic_summary, show_elastic.elastic_tables),
            'ExploreWorkChain': (show_explore.explore_summary, show_explore.explore_tables),
            'FracturePullWorkChain': (show_fracture.pull_summary, show_fracture.pull_tables),
            'FractureWorkChain': (show_fracture.fracture_summary, show_fracture.fracture_tables),
            'StructureGateWorkChain': (show_explore.gate_summary, show_explore.gate_tables),
            'GlassCeramicWorkChain': (show_glass_ceramic.ceramic_summary, show_glass_ceramic.ceramic_tables),
            'InitialDataWorkChain': (show_initial_data.initial_data_summary, show_initial_data.initial_data_tables),
            'LabelWorkChain': (show_label.label_summary, show_label.label_tables),
            'MeltQuenchWorkChain': (show_glass.glass_summary, show_glass.glass_tables),
            'PorousGlassWorkChain': (show_porous.porous_summary, show_porous.porous_tables),
            'TrainWorkChain': (show_train.train_summary, show_train.train_tables),
            **dict.fromkeys(show_train.JOBS, (show_train.job_summary, show_train.job_tables)),
            'MdWorkChain': (show_md.md_summary, show_md.md_tables),
            'MdCalculation': (show_md.md_summary, show_md.md_tables),
            'GapMdCalculation': (show_md.md_summary, show_md.md_tables),
            'PackmolCalculation': (show_data.packmol_summary, show_data.packmol_tables),
        }
        if node.process_label in rooms:
            return rooms[node.process_label]
    return show_data.any_summary, show_data.any_tables


def _as_json(value: Any) -> Any:
    """Numpy numbers and arrays as JSON has them."""
    return value.tolist() if hasattr(value, 'tolist') else str(value)
