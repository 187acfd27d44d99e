"""Builders of an active learning: from protocols, or from where an earlier one ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.explore_inputs import load_curriculum
from aiida_glassion.workchains.explore_inputs import load_settings as load_run_settings
from aiida_glassion.workchains.label import LabelWorkChain
from aiida_glassion.workchains.label_inputs import fill
from aiida_glassion.workchains.train import TrainWorkChain

LABEL = 'ActiveLearningWorkChain'


def load_settings(
    protocol: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    stages: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Settings of a protocol with its curriculum and the settings of the structure gate written out.

    :param protocol: name, see ``protocols/active_learning.yaml``.
    :param overrides: any setting, nested.
    :param stages: a curriculum of one's own instead of that of the protocol, see ``protocols/explore.yaml``.
    :raises ValueError: an unknown protocol or setting.
    """
    settings = protocols.load('active_learning', protocol, overrides)
    own = {} if stages is None else {'stages': [dict(stage) for stage in stages]}
    settings['stages'] = load_curriculum(settings['curriculum'], own)
    gate = dict(settings['gate'])
    gate['parameters'] = protocols.load('structure_gate', gate['protocol'], gate['parameters'])
    return {**settings, 'gate': gate}


def fill_builder(
    builder: ProcessBuilder,
    *,
    train_code: orm.AbstractCode,
    md_code: orm.AbstractCode,
    label: Mapping[str, Any],
    datasets: Mapping[str, DatasetData] | None = None,
    initial: ProcessBuilder | None = None,
    test: Mapping[str, DatasetData] | None = None,
    configurations: Mapping[str, orm.Data] | None = None,
    returned: Mapping[str, FramesData] | None = None,
    reference: Mapping[str, FramesData] | None = None,
    protocol: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    stages: Sequence[Mapping[str, Any]] | None = None,
    train_protocol: str | None = None,
    train_overrides: Mapping[str, Any] | None = None,
    committee: int | None = None,
    train_options: Mapping[str, Any] | None = None,
    md_options: Mapping[str, Any] | None = None,
    max_concurrent: int = 4,
    seed: int = 1,
) -> ProcessBuilder:
    """Fill a builder with every choice of the protocols.

    :param train_code: the ``dp`` program of DeePMD-kit.
    :param md_code: LAMMPS with the plugin of DeePMD-kit.
    :param label: arguments of ``LabelWorkChain.get_builder_from_protocol``: ``engine``, ``code``, ``protocol`` …
    :param datasets: labelled frames to begin with, by name.
    :param initial: builder of an ``InitialDataWorkChain``, where there are none.
    :param test: labelled frames to test on; None: a fraction of the datasets.
    :param configurations: from which exploration starts; None: the first frames.
    :param returned: frames of any runs, judged by the first committee.
    :param reference: sampled glasses for the structure gate, by the name of the start.
    :param protocol: see ``protocols/active_learning.yaml``.
    :param overrides: any setting of it, nested.
    :param stages: curriculum; None: that of the protocol.
    :param train_protocol: of ``protocols/train.yaml``; None: that of the protocol.
    :param train_overrides: any setting of it, nested.
    :param committee: number of models.
    :param train_options: ``metadata.options`` of the training jobs.
    :param md_options: of the LAMMPS jobs.
    :param max_concurrent: jobs of a part that run at the same time.
    :param seed: of the whole.
    :raises ValueError: an unknown protocol or setting.
    """
    settings = load_settings(protocol, overrides, stages)
    builder.settings = orm.Dict(settings)
    builder.seed = orm.Int(seed)
    namespaces = (
        ('datasets', datasets), ('test', test), ('configurations', configurations), ('returned', returned),
        ('reference', reference),
    )  # fmt: skip
    for name, nodes in namespaces:
        if nodes:
            builder[name] = dict(nodes)
    if initial is not None:
        fill(builder.initial, initial._inputs(prune=True))
    engine, code, options = label['engine'], label['code'], {**label}
    labels = LabelWorkChain.get_builder_from_protocol(
        engine, code, {}, **{key: value for key, value in options.items() if key not in ('engine', 'code')}
    )
    fill(builder.label, {key: value for key, value in labels._inputs(prune=True).items() if key != 'frames'})
    training = TrainWorkChain.get_builder_from_protocol(
        train_code,
        {},
        train_protocol or settings['train_protocol'],
        train_overrides,
        committee=committee,
        options=train_options,
        max_concurrent=max_concurrent,
    )
    own = {key: value for key, value in training._inputs(prune=True).items() if key not in ('datasets', 'seed')}
    fill(builder.train, own)
    builder.explore.md.md.code = md_code
    if md_options:
        builder.explore.md.md.metadata.options = dict(md_options)
    builder.explore.settings = orm.Dict(load_run_settings(settings['curriculum']))
    builder.explore.max_concurrent = orm.Int(max_concurrent)
    return builder


def earlier_inputs(process_class: Any, node: orm.ProcessNode, overrides: Mapping[str, Any]) -> ProcessBuilder:
    """Builder that goes on where an earlier active learning ended.

    :raises ValueError: it is no active learning, or left nothing to go on from.
    """
    if node.process_label != LABEL:
        raise ValueError(f'process {node.pk} is {node.process_label}, no {LABEL}')
    builder = node.get_builder_restart()
    outputs = node.outputs
    settings = protocols.merge(node.inputs.settings.get_dict(), overrides)
    builder.settings = orm.Dict(settings)
    builder.metadata.label = node.label
    if 'datasets' not in outputs:
        if not node.is_terminated:
            raise ValueError(f'process {node.pk} has not labelled anything yet and still runs: kill it, or wait')
        return builder
    names = {port: dict(outputs[port]) if port in outputs else {} for port in ('datasets', 'test_set')}
    builder.datasets, builder.test = names['datasets'], names['test_set']
    for port in ('initial', 'returned') if 'iterations' in outputs else ('initial',):
        if port in builder:
            builder[port] = {}
    given = dict(node.inputs.configurations) if 'configurations' in node.inputs else {}
    builder.configurations = {**given, **_initial_frames(node)}
    builder.earlier.memory = dict(outputs.memory) if 'memory' in outputs else {}
    if 'iterations' in outputs:
        builder.earlier.iterations = dict(outputs.iterations)
    frozen = _last_frozen(node)
    if frozen:
        builder.earlier.frozen = frozen
    return builder


def _initial_frames(node: orm.ProcessNode) -> dict[str, orm.Data]:
    """Frames that the loop made to begin with."""
    for link in node.base.links.get_outgoing(link_label_filter='initial_data').all():
        if 'frames' in link.node.outputs:
            return dict(link.node.outputs.frames)
    return {}


def _last_frozen(node: orm.ProcessNode) -> dict[str, orm.Data]:
    """Models of the newest training that ended well; those of the final one are the best."""
    trainings = sorted(
        (link.node for link in node.base.links.get_outgoing().all() if link.link_label.endswith('_train')),
        key=lambda child: child.pk,
    )
    good = [child for child in trainings if child.is_finished_ok and 'frozen' in child.outputs]
    return dict(good[-1].outputs.frozen) if good else {}
