"""FractureWorkChain: how stiff, strong and tough glasses are, pulled apart with and without a notch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.fracture import summarise_fracture
from aiida_glassion.functions.mechanics_samples import replicate
from aiida_glassion.kernels.mechanics.pull_plan import PlannedPull, plan_pulls, size_label
from aiida_glassion.kernels.mechanics.pull_settings import FractureSettings, read_fracture
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.fan_out import FanOutWorkChain
from aiida_glassion.workchains.fracture_inputs import (
    check_fracture,
    check_fracture_settings,
    check_poisson,
    check_young,
)
from aiida_glassion.workchains.fracture_pull import FracturePullWorkChain
from aiida_glassion.workchains.label_inputs import fill

_SET_HERE = ('configuration', 'settings', 'axis', 'seed', 'regions')
_NAMESPACES = {
    'reference': 'reference',
    'final': 'final',
    'snapshots': 'snapshots',
    'curves_of_pulls': 'curves',
    'notches': 'notch',
    'regions_of_pulls': 'regions',
}
"""Namespace of the study -> output of a pull."""
_ANALYSES = {'numbers': 'numbers', 'along': 'curves', 'maps': 'maps'}
"""Namespace of the study -> output of a pull's analysis."""


class FractureWorkChain(FanOutWorkChain):
    """Pull samples apart along several axes, at several rates and sizes, with a notch and without.

    Tension gives Young's modulus, strength and work; with a notch the work on the ligament is G_c, and K_Ic follows
    with the modulus of the same sample. A pull that fails is written into the ledger and the others go on. Numbers are
    pooled by kind, rate and size, for they depend on all three.
    """

    RUN = FracturePullWorkChain
    RESULTS = (0, FracturePullWorkChain.exit_codes.ERROR_NOT_BROKEN.status)
    RUNS = 'pulls'

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input_namespace(
            'glasses',
            dynamic=True,
            valid_type=CONFIGURATIONS,
            help='The samples by name: positions and cells with right angles, Å.',
        )
        spec.expose_inputs(FracturePullWorkChain, exclude=_SET_HERE, namespace_options={})
        spec.input(
            'settings',
            valid_type=orm.Dict,
            validator=check_fracture_settings,
            help='Protocol: strains as fractions, rates 1/ps, durations ps, timestep fs, temperature K, pressure GPa '
            '(protocols/fracture.yaml).',
            **convert,
        )
        spec.input_namespace(
            'regions',
            dynamic=True,
            required=False,
            valid_type=orm.ArrayData,
            help='By name of a glass: array `labels`, an index for each atom: 0 glass, 1 interface, 2 crystal.',
        )
        spec.input(
            'young',
            valid_type=orm.Float,
            required=False,
            validator=check_young,
            help="Young's modulus for K_Ic, GPa; absent: of the tensions.",
            **convert,
        )
        spec.input(
            'poisson',
            valid_type=orm.Float,
            required=False,
            validator=check_poisson,
            help="Poisson's ratio for K_Ic; absent: of the tensions.",
            **convert,
        )
        spec.inputs.validator = check_fracture
        spec.outline(
            cls.setup,
            cls.make_samples,
            while_(cls.should_run)(cls.run_some, cls.inspect_some),
            cls.collect,
            cls.results,
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            required=False,
            help='Of each sample and pooled by kind, rate and size: E GPa, ν, strength GPa, strain at failure, '
            'toughness J/m³, G_c J/m², K_Ic MPa·m^0.5, γ_s J/m², brittleness; units in `units`.',
        )
        spec.output(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Mean stress over strain of each group, GPa, with its standard error; attribute `curves` says whose.',
        )
        for name, kind, text in (
            ('reference', FramesData, 'Each sample as the pull began with it, Å.'),
            ('final', FramesData, 'Each sample where its pull ended, Å.'),
            ('snapshots', FramesData, 'Strained samples of each pull, positions Å, times ps.'),
            ('curves_of_pulls', orm.ArrayData, 'Stress GPa over strain of each pull; units in the attribute `units`.'),
            ('notches', orm.Dict, 'What was cut of each notched sample.'),
            ('regions_of_pulls', orm.ArrayData, 'Labels of the atoms of each sample: index of the region.'),
            ('numbers', orm.Dict, 'Of bonds, local strain and crack at the end of each pull; units within.'),
            ('along', orm.ArrayData, 'The same over strain; units in the attribute `units`.'),
            ('maps', orm.ArrayData, 'D²min Å², local strain and bonds of each atom; units in the attribute `units`.'),
        ):
            spec.output_namespace(name, dynamic=True, valid_type=kind, required=False, help=text)

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        potential: PotentialData,
        glasses: Mapping[str, orm.Data],
        *,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        regions: Mapping[str, orm.ArrayData] | None = None,
        charges: Mapping[str, float] | None = None,
        young: float | None = None,
        poisson: float | None = None,
        seed: int = 1,
        options: Mapping[str, Any] | None = None,
        max_concurrent: int = 2,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: LAMMPS.
        :param potential: interatomic potential that covers every element.
        :param glasses: configurations by name.
        :param protocol: name, see ``protocols/fracture.yaml``.
        :param overrides: any setting of the protocol, nested.
        :param regions: labels of the atoms, by name of the glass.
        :param charges: e, by element, for the neutrality of notched samples.
        :param young: GPa, and ``poisson``: for K_Ic, where they are not to come from the tensions.
        :param seed: seed of the study.
        :param options: ``metadata.options`` of the LAMMPS jobs (resources, walltime, queue …).
        :param max_concurrent: pulls at the same time.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        builder.settings = orm.Dict(protocols.load('fracture', protocol, overrides))
        builder.glasses = dict(glasses)
        builder.seed = orm.Int(seed)
        builder.max_concurrent = orm.Int(max_concurrent)
        builder.md.md.code = code
        builder.md.md.potential = potential
        fill(builder.md.md.metadata.options, options or {})
        if regions:
            builder.regions = dict(regions)
        if charges:
            builder.charges = orm.Dict(dict(charges))
        for name, value in (('young', young), ('poisson', poisson)):
            if value is not None:
                builder[name] = orm.Float(value)
        return builder

    @cached_property
    def _settings(self) -> FractureSettings:
        return read_fracture(self.inputs.settings.get_dict())

    @cached_property
    def plan(self) -> list[PlannedPull]:
        """All pulls. Made anew from the inputs after a restart, so that checkpoints stay small."""
        return plan_pulls(self._settings, list(self.inputs.glasses), self.inputs.seed.value)

    def make_samples(self) -> None:
        """Repeat the samples where larger ones are wanted."""
        self.ctx.samples = {}
        regions = self.inputs.regions if 'regions' in self.inputs else {}
        for pull in self.plan:
            name = f'{pull.glass}_{size_label(pull.size)}'
            if pull.size == (1, 1, 1) or name in self.ctx.samples:
                continue
            inputs = {'configuration': self.inputs.glasses[pull.glass], 'size': orm.List(list(pull.size))}
            if pull.glass in regions:
                inputs['regions'] = regions[pull.glass]
            found = replicate(**inputs, metadata={'call_link_label': f'replicate_{name}'})
            self.ctx.samples[name] = {key: node.pk for key, node in found.items()}

    def _sample(self, pull: PlannedPull) -> dict[str, orm.Data]:
        """Configuration of a pull, and labels of its atoms if there are any."""
        made = self.ctx.samples.get(f'{pull.glass}_{size_label(pull.size)}')
        if made is not None:
            found = {'configuration': orm.load_node(made['sample'])}
            return found | ({'regions': orm.load_node(made['regions'])} if 'regions' in made else {})
        regions = self.inputs.regions if 'regions' in self.inputs else {}
        found = {'configuration': self.inputs.glasses[pull.glass]}
        return found | ({'regions': regions[pull.glass]} if pull.glass in regions else {})

    def inputs_of(self, planned: PlannedPull) -> AttributeDict:
        """Sample, settings, axis and seed of a pull."""
        inputs = AttributeDict(self.exposed_inputs(FracturePullWorkChain))
        inputs.update(self._sample(planned))
        inputs.settings = orm.Dict(self._settings.pull(planned.kind, planned.rate))
        inputs.axis, inputs.seed = orm.Str(planned.axis), orm.Int(planned.seed)
        return inputs

    def collect(self) -> None:
        """Hand out what every pull left, and put all together."""
        pulls: dict[str, Any] = {}
        pieces: dict[str, orm.Data] = {}
        for pull, node, reason in self.ended_runs():
            about = {'sample': pull.glass, 'size': list(pull.size)}
            if reason is not None:
                about['reason'] = reason
            pulls[pull.label] = about
            self._hand_out(pull.label, node)
            for name in ('results', 'curves'):
                if name in node.outputs:
                    pieces[f'{name}_{pull.label}'] = node.outputs[name]
        given = {name: self.inputs[name].value for name in ('young', 'poisson') if name in self.inputs}
        plan = {'pulls': pulls, **given, 'plane': self._settings.plane, 'grid': self._grid}
        found = summarise_fracture(orm.Dict(plan), **pieces, metadata={'call_link_label': 'summarise'})
        for name, node in found.items():
            self.out(name, node)

    @property
    def _grid(self) -> float:
        """Step of mean curves, in strain."""
        return self._settings.step if self._settings.mode == 'steps' else self._settings.bin

    def _hand_out(self, label: str, node: orm.WorkChainNode) -> None:
        for namespace, name in _NAMESPACES.items():
            if name in node.outputs:
                self.out(f'{namespace}.{label}', node.outputs[name])
        for namespace, name in _ANALYSES.items():
            if 'analysis' in node.outputs and name in node.outputs.analysis:
                self.out(f'{namespace}.{label}', node.outputs.analysis[name])

    def results(self) -> ExitCode | None:
        """Say whether enough came out."""
        return self.too_many_failed()
