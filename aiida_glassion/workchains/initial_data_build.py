"""The builder of initial data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.data.potential import PotentialData
from aiida_glassion.label_engines import engines
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.initial_data_inputs import ab_initio_engines
from aiida_glassion.workchains.label_inputs import fill


def fill_builder(
    builder: ProcessBuilder,
    crystals: Mapping[str, orm.Data] | None = None,
    mixtures: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    protocol: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int = 1,
    code: orm.AbstractCode | None = None,
    potential: PotentialData | None = None,
    packmol: orm.AbstractCode | None = None,
    options: Mapping[str, Any] | None = None,
    dft_code: orm.AbstractCode | None = None,
    dft_protocol: str | None = None,
    dft_overrides: Mapping[str, Any] | None = None,
    dft_options: Mapping[str, Any] | None = None,
    max_concurrent: int = 4,
) -> ProcessBuilder:
    """Fill every choice of a protocol in.

    :param builder: an empty one.
    :param crystals: structures by name.
    :param mixtures: see the input of that name.
    :param protocol: name, see ``protocols/initial_data.yaml``.
    :param overrides: any setting of the protocol, nested, e.g. ``{'relax': {'engine': 'md'}}``.
    :param seed: of the whole.
    :param code: LAMMPS, where crystals are relaxed or dynamics run by a potential.
    :param potential: for those.
    :param packmol: packmol, for mixtures.
    :param options: ``metadata.options`` of the LAMMPS jobs.
    :param dft_code: pw.x or VASP, for relaxation or dynamics ab initio.
    :param dft_protocol: of ``protocols/label_<engine>.yaml``.
    :param dft_overrides: any setting of it.
    :param dft_options: what the engine needs, as for a labelling: ``pseudo_family`` and ``elements``, ``options`` …
    :param max_concurrent: processes that run at the same time.
    :raises ValueError: an unknown protocol or setting.
    """
    builder.settings = orm.Dict(protocols.load('initial_data', protocol, overrides))
    builder.seed = orm.Int(seed)
    builder.max_concurrent = orm.Int(max_concurrent)
    if crystals:
        builder.crystals = dict(crystals)
    if mixtures:
        builder.mixtures = orm.Dict({name: dict(mixture) for name, mixture in mixtures.items()})
        builder.packmol.code = packmol
    if code is not None:
        builder.md.md.code = code
        builder.md.md.potential = potential
        if options:
            builder.md.md.metadata.options = dict(options)
    for engine in ab_initio_engines(builder.settings.get_dict()) if dft_code is not None else ():
        chosen = protocols.load(f'label_{engine}', dft_protocol, dft_overrides)
        builder.engine_settings = orm.Dict(chosen)
        inputs = engines()[engine].inputs_from_settings(dft_code, chosen, **(dft_options or {}))
        fill(builder[engine], inputs)
    return builder
