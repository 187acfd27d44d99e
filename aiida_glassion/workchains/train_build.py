"""The builder of a committee's training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.workchains import protocols


def fill_builder(
    builder: ProcessBuilder,
    code: orm.AbstractCode,
    datasets: Mapping[str, DatasetData],
    protocol: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    seed: int = 1,
    committee: int | None = None,
    test: Mapping[str, DatasetData] | None = None,
    validation: Mapping[str, DatasetData] | None = None,
    warm_start: Mapping[str, PotentialData] | None = None,
    options: Mapping[str, Any] | None = None,
    max_concurrent: int = 4,
) -> ProcessBuilder:
    """Fill every choice of a protocol in.

    :param builder: an empty one.
    :param code: the ``dp`` program of DeePMD-kit.
    :param datasets: labelled frames, by any names.
    :param protocol: name, see ``protocols/train.yaml``.
    :param overrides: any setting of the protocol, nested.
    :param seed: seed of the committee.
    :param committee: number of models; None: that of the protocol.
    :param test: frames to test on; None: some of the datasets.
    :param validation: frames to watch; None: some of the datasets.
    :param warm_start: uncompressed models to begin with, one for each member.
    :param options: ``metadata.options`` of the training jobs (resources, walltime, queue …).
    :param max_concurrent: members at the same time.
    :raises ValueError: an unknown protocol or setting.
    """
    changes = {**(overrides or {}), **({} if committee is None else {'committee': committee})}
    builder.settings = orm.Dict(protocols.load('train', protocol, changes))
    builder.seed = orm.Int(seed)
    builder.max_concurrent = orm.Int(max_concurrent)
    builder.datasets = dict(datasets)
    builder.member.train.code = code
    for name, nodes in (('test', test), ('validation', validation), ('warm_start', warm_start)):
        if nodes:
            builder[name] = dict(nodes)
    if options:
        builder.member.train.metadata.options = dict(options)
        builder.test_job.metadata.options = dict(options)
    return builder
