"""DiffusionSweepWorkChain: how fast ions go at several temperatures, to an energy of activation and a conductivity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.transport import summarise_sweep
from aiida_glassion.kernels.transport.sweep_plan import PlannedRun, plan_runs, read_settings
from aiida_glassion.kernels.transport.sweep_summary import n_usable
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.diffusion_inputs import check_sweep, check_temperatures, elements_of
from aiida_glassion.workchains.diffusion_point import DiffusionPointWorkChain
from aiida_glassion.workchains.fan_out import FanOutWorkChain
from aiida_glassion.workchains.label_inputs import fill

_NAMESPACES = {
    'numbers': 'numbers',
    'curves_of_points': 'curves',
    'maps': 'per_atom',
    'trajectories': 'trajectory',
    'histories': 'history',
}
"""Namespace of the sweep -> output of a run."""
_FEWEST_TEMPERATURES = 2


class DiffusionSweepWorkChain(FanOutWorkChain):
    """Run glasses at several temperatures until D is known well enough, then fit ln D and ln(σT) over 1/T.

    Temperatures at which the ions do not diffuse within the budget are left out of the fit, with their reason and the
    largest D that they allow. A run that fails is written into the ledger and the others go on. Several glasses of one
    composition are replicas; those of several compositions give the conductivity over the composition.
    """

    RUN = DiffusionPointWorkChain
    RESULTS = (
        0,
        DiffusionPointWorkChain.exit_codes.ERROR_NOT_DIFFUSIVE.status,
        DiffusionPointWorkChain.exit_codes.ERROR_NOT_PRECISE.status,
    )

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input_namespace(
            'glasses',
            dynamic=True,
            valid_type=CONFIGURATIONS,
            help='The glasses by name, of one composition or of several: positions and cells, Å.',
        )
        spec.input(
            'temperatures',
            valid_type=orm.List,
            validator=check_temperatures,
            help='Temperatures of the sweep, at least two, K.',
            **convert,
        )
        spec.expose_inputs(
            DiffusionPointWorkChain, exclude=('configuration', 'temperature', 'seed'), namespace_options={}
        )
        spec.inputs.validator = check_sweep
        spec.outline(
            cls.setup,
            while_(cls.should_run)(cls.run_some, cls.inspect_some),
            cls.collect,
            cls.results,
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            required=False,
            help='By composition: D cm²/s, σ S/cm and Haven ratio at each temperature, of every run and pooled; what '
            'is left out and why; energies of activation eV, prefactors, D and σ at 300 K with intervals.',
        )
        spec.output(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Lines through the temperatures (K) with their 95 % bands: D cm²/s, σT S K/cm.',
        )
        for name, kind, text in (
            ('numbers', orm.Dict, 'Numbers of all analyses of each run, with units and errors.'),
            ('curves_of_points', orm.ArrayData, 'Curves of each run, Å, ps; the attribute `curves` names the units.'),
            ('maps', orm.ArrayData, 'Mobility of each atom in each run; units as in `numbers`.'),
            ('trajectories', FramesData, 'Some frames of each run, positions Å, times ps.'),
            ('histories', orm.Dict, 'How D of each run became known, segment by segment: ps, cm²/s.'),
        ):
            spec.output_namespace(name, dynamic=True, valid_type=kind, required=False, help=text)
        spec.exit_code(
            440,
            'ERROR_NO_TEMPERATURE_LEFT',
            message='{usable} of {temperatures} temperatures can be used, too few for an activation energy: {reason}',
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        potential: PotentialData,
        glasses: Mapping[str, orm.Data],
        temperatures: Sequence[float] | None = None,
        *,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        seed: int = 1,
        options: Mapping[str, Any] | None = None,
        analysis_code: orm.AbstractCode | None = None,
        analysis_options: Mapping[str, Any] | None = None,
        max_concurrent: int = 2,
        committee: Mapping[str, PotentialData] | None = None,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: LAMMPS.
        :param potential: interatomic potential that covers every element.
        :param glasses: configurations by name.
        :param temperatures: K; None: those of the protocol.
        :param protocol: name, see ``protocols/diffusion_sweep.yaml``.
        :param overrides: any setting of the protocol, nested.
        :param seed: seed of the sweep.
        :param options: ``metadata.options`` of the LAMMPS jobs (resources, walltime, queue …).
        :param analysis_code: Python with aiida-glassion on the computer of LAMMPS; frames then stay there.
        :param analysis_options: ``metadata.options`` of the analyses.
        :param max_concurrent: runs at the same time.
        :param committee: further models that say at every stored frame how far they disagree with the potential.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        settings = protocols.load('diffusion_sweep', protocol, overrides)
        builder.settings = orm.Dict(settings)
        builder.temperatures = orm.List(list(settings['temperatures'] if temperatures is None else temperatures))
        builder.glasses = dict(glasses)
        builder.seed = orm.Int(seed)
        builder.max_concurrent = orm.Int(max_concurrent)
        builder.md.md.code = code
        builder.md.md.potential = potential
        fill(builder.md.md.metadata.options, options or {})
        if committee:
            builder.md.md.committee = dict(committee)
        if analysis_code is not None:
            builder.analysis.code = analysis_code
            fill(builder.analysis.metadata.options, analysis_options or {})
        return builder

    @cached_property
    def plan(self) -> list[PlannedRun]:
        """All runs. Made anew from the inputs after a restart, so that checkpoints stay small."""
        replicas = read_settings(self.inputs.settings.get_dict()).replicas
        return plan_runs(
            self.inputs.temperatures.get_list(), list(self.inputs.glasses), replicas, self.inputs.seed.value
        )

    def inputs_of(self, planned: PlannedRun) -> AttributeDict:
        """Glass, temperature and seed of a run."""
        inputs = AttributeDict(self.exposed_inputs(DiffusionPointWorkChain))
        inputs.configuration = self.inputs.glasses[planned.glass]
        inputs.temperature = orm.Float(planned.temperature)
        inputs.seed = orm.Int(planned.seed)
        return inputs

    def collect(self) -> None:
        """Hand out what every run left, and put all together."""
        counts = {name: elements_of(node) for name, node in self.inputs.glasses.items()}
        plan: dict[str, Any] = {}
        pieces: dict[str, orm.Data] = {}
        for run, node, reason in self.ended_runs():
            about = {'temperature': run.temperature, 'glass': run.glass, 'seed': run.seed, 'counts': counts[run.glass]}
            if reason is not None:
                about['reason'] = reason
            plan[run.label] = about
            for namespace, name in _NAMESPACES.items():
                if name in node.outputs:
                    self.out(f'{namespace}.{run.label}', node.outputs[name])
            for name in ('results', 'numbers', 'curves'):
                if name in node.outputs:
                    pieces[f'{name}_{run.label}'] = node.outputs[name]
        found = summarise_sweep(orm.Dict({'runs': plan}), **pieces, metadata={'call_link_label': 'summarise'})
        for name, node in found.items():
            self.out(name, node)
        self.ctx.results = found['results']

    def results(self) -> ExitCode | None:
        """Say whether it makes an energy of activation."""
        failure = self.too_many_failed()
        if failure is not None:
            return failure
        usable = n_usable(self.ctx.results.get_dict())
        if usable < _FEWEST_TEMPERATURES:
            return self.exit_codes.ERROR_NO_TEMPERATURE_LEFT.format(
                usable=usable,
                temperatures=len(self.inputs.temperatures.get_list()),
                reason='; '.join(self.ctx.results['warnings']),
            )
        return None
