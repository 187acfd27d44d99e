"""Builders of an active learning: from protocols, or from where an earlier one ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessBuilder

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.kernels.learning.convergence_settings import read_convergence
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.active_learning_inputs import explored_from, number_of
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

    It takes over the iterations that have a record, with their data and models. An iteration that was interrupted is
    made again with the same seeds, so that its finished jobs come from the cache; if its frames were labelled already,
    they are kept as data and it is made with them.

    :raises ValueError: it is no active learning, or still runs.
    """
    if node.process_label != LABEL:
        raise ValueError(f'process {node.pk} is {node.process_label}, no {LABEL}')
    if not node.is_terminated:
        raise ValueError(f'process {node.pk} still runs; two loops would do the same work: kill it, or wait')
    links = node.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK))
    inputs: dict[str, Any] = links.nested()
    node.recursive_merge(inputs, node.get_metadata_inputs() or {})
    inputs['settings'] = orm.Dict(protocols.merge(node.inputs.settings.get_dict(), overrides))
    inputs['metadata'] = {'label': node.label, 'description': node.description}
    done = _outputs(node, 'iterations')
    data = {port: _outputs(node, port) for port in ('datasets', 'test_set', 'memory')}
    if data['datasets']:
        labelled = {*done, *data['datasets']}
        data['memory'] = {
            name: part for name, part in data['memory'].items() if name in labelled or not name.startswith('iteration_')
        }
        for port, nodes in data.items():
            data[port] = {_kept_name(name, done, node.pk): dataset for name, dataset in nodes.items()}
        inputs.pop('initial', None)
        if done:
            inputs.pop('returned', None)
        inputs['datasets'], inputs['test'] = data['datasets'], data['test_set']
        inputs['configurations'] = {**inputs.get('configurations', {}), **_initial_frames(node)}
        earlier = {'iterations': done, 'memory': data['memory'], 'frozen': _frozen_of_last(node, done)}
        earlier['parities'] = _last_parities(node, done)
        inputs['earlier'] = {name: nodes for name, nodes in earlier.items() if nodes}
    builder: ProcessBuilder = process_class.get_builder()
    fill(builder, inputs)
    return builder


def _outputs(node: orm.ProcessNode, port: str) -> dict[str, orm.Data]:
    return dict(node.outputs[port]) if port in node.outputs else {}


def _kept_name(name: str, done: Mapping[str, Any], pk: int) -> str:
    """Name of a dataset in the next loop; one of an interrupted iteration leaves its own free."""
    return name if name in done or not name.startswith('iteration_') else f'kept_{name.rpartition("_")[2]}_{pk}'


def _initial_frames(node: orm.ProcessNode) -> dict[str, orm.Data]:
    """Frames that the loop made to begin with."""
    for link in node.base.links.get_outgoing(link_label_filter='initial_data').all():
        if 'frames' in link.node.outputs:
            frames = dict(link.node.outputs.frames)
            return {name: frames[name] for name in explored_from(frames, link.node.inputs)}
    return {}


def _last_parities(node: orm.ProcessNode, done: Mapping[str, Any]) -> dict[str, orm.Data]:
    """Held-out predictions of the iterations that a decision may look back at, from this loop and those before it."""
    needed = read_convergence(node.inputs.settings['convergence']).records_needed
    earlier = dict(node.inputs.earlier) if 'earlier' in node.inputs else {}
    found = {name: parity for name, parity in dict(earlier.get('parities', {})).items() if name in done}
    for name in sorted(done, key=number_of)[-needed:]:
        for link in node.base.links.get_outgoing(link_label_filter=f'{name}_train').all():
            if 'parity' in link.node.outputs:
                found[name] = link.node.outputs.parity
    return {name: found[name] for name in sorted(found, key=number_of)[-needed:]}


def _frozen_of_last(node: orm.ProcessNode, done: Mapping[str, Any]) -> dict[str, orm.Data]:
    """Models of the last iteration that has a record, or of the final training; or those that the loop began with."""
    for name in ('final_train', f'{max(done, key=number_of)}_train' if done else ''):
        for link in node.base.links.get_outgoing(link_label_filter=name).all() if name else ():
            if link.node.is_finished_ok and 'frozen' in link.node.outputs:
                return dict(link.node.outputs.frozen)
    return dict(node.inputs.earlier.frozen) if 'earlier' in node.inputs and 'frozen' in node.inputs.earlier else {}
