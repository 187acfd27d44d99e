"""``glassion show`` of an analysis that ran as a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts

if TYPE_CHECKING:
    from rich.console import RenderableType


def analysis_summary(node: Any) -> dict[str, Any]:
    """Everything that the analysis gave, as plain numbers.

    :param node: the AnalysisCalculation, ended or not.
    """
    outputs = node.outputs
    return {
        **parts.process_facts(node),
        'request': node.inputs.request.get_dict(),
        'numbers': outputs.numbers.get_dict() if 'numbers' in outputs else {},
        'run': outputs.run.get_dict() if 'run' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def analysis_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of an analysis.

    :param content: what :func:`analysis_summary` gave.
    """
    shown: list[RenderableType] = [parts.heading(content)]
    if content['numbers']:
        from aiida.orm import load_node

        from aiida_glassion.cli.analyse_text import outcome_tables
        from aiida_glassion.report.analysis_node import analysed_node

        shown += outcome_tables([analysed_node(load_node(content['pk']))], '')
    if content['state'] in ('created', 'running', 'waiting'):
        return [*shown, parts.next_line(f'glassion watch {content["pk"]}')]
    if not content['numbers']:
        return [*shown, parts.next_line(f'verdi process report {content["pk"]}')]
    return [*shown, parts.next_line(f'glassion report {content["pk"]} results')]
