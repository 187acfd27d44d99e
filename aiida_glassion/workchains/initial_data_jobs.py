"""The processes that InitialDataWorkChain runs: relaxations, packings, dynamics."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import WorkChain

from aiida_glassion.calculations.packmol import PackmolCalculation
from aiida_glassion.functions.composition import apportion_atoms
from aiida_glassion.functions.initial_data import take_frame
from aiida_glassion.kernels.build.initial_data import dynamics_schedule, packing_distances, relax_schedule, seed_of
from aiida_glassion.label_engines.quantumespresso_relax import relax_inputs
from aiida_glassion.workchains.md import MdWorkChain


class InitialDataJobs(WorkChain):
    """Submits one process for a planned job: ``kind``, ``name`` of the crystal or mixture, ``label`` of the link."""

    def submit_job(self, job: Mapping[str, Any]) -> orm.ProcessNode:
        """Submit a planned job."""
        return {'relax': self._relax, 'pack': self._pack, 'dynamics': self._dynamics}[job['kind']](job)

    def apportion(self, name: str, mixture: Mapping[str, Any]) -> Any:
        """Whole atoms of a mixture, and its density, g/cm³."""
        optional: dict[str, orm.Data] = {}
        if mixture['density'] is not None:
            optional['density'] = orm.Float(mixture['density'])
        if mixture['oxidation_states']:
            optional['oxidation_states'] = orm.Dict(mixture['oxidation_states'])
        return apportion_atoms(
            orm.Str(mixture['composition']),
            orm.Int(mixture['n_atoms']),
            orm.Str(mixture['pack_by']),
            **optional,
            metadata={'call_link_label': f'apportion_{name}'},
        )

    def _md(self, label: str, configuration: orm.Data, schedule: Any) -> orm.ProcessNode:
        inputs = AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md'))
        inputs.md.configuration = configuration
        inputs.md.schedule = orm.Dict(schedule.model_dump(exclude_none=True))
        inputs.md.seed = orm.Int(seed_of(self.inputs.seed.value, label))
        inputs.metadata.call_link_label = label
        return self.submit(MdWorkChain, **inputs)

    def _relax(self, job: Mapping[str, Any]) -> orm.ProcessNode:
        crystal = self.inputs.crystals[job['name']]
        if self._engine('relax') == 'md':
            return self._md(job['label'], crystal, relax_schedule(self.ctx.settings))
        start = take_frame(crystal, orm.Int(-1), metadata={'call_link_label': f'start_{job["label"]}'})
        relax = {key: value for key, value in self.ctx.settings['relax'].items() if key not in ('engine', 'settle')}
        return self._ab_initio(job['label'], *relax_inputs(start, *self._engine_inputs('relax'), **relax))

    def _engine_inputs(self, stage: str) -> tuple[dict[str, Any], Any]:
        """Settings and inputs of the label engine of a stage."""
        return self.inputs.engine_settings.get_dict(), self.inputs[self._engine(stage)]

    def _ab_initio(self, label: str, process: Any, inputs: dict[str, Any]) -> orm.ProcessNode:
        inputs.setdefault('metadata', {})['call_link_label'] = label
        return self.submit(process, **inputs)

    def _pack(self, job: Mapping[str, Any]) -> orm.ProcessNode:
        inputs = AttributeDict(self.exposed_inputs(PackmolCalculation, namespace='packmol'))
        atoms = self.ctx.atoms[job['name']]
        inputs.density = atoms['density']
        inputs |= {port: atoms[port] for port in ('counts', 'units') if port in atoms}
        inputs.seed = orm.Int(seed_of(self.inputs.seed.value, job['label']))
        if 'minimum_distances' not in inputs:
            elements = atoms['report']['counts']
            inputs.minimum_distances = packing_distances(elements, self.ctx.settings['mixture']['closest'])
        inputs.metadata.call_link_label = job['label']
        return self.submit(PackmolCalculation, **inputs)

    def _dynamics(self, job: Mapping[str, Any]) -> orm.ProcessNode:
        link = {'call_link_label': f'start_{job["label"]}'}
        start = take_frame(self.ctx.made[job['name']], orm.Int(job['index']), metadata=link)
        dynamics = self.ctx.settings['dynamics']
        packed = job['name'] in self.ctx.mixtures
        temperature = (dynamics['mixture_temperature'] if packed else None) or dynamics['temperature']
        if self._engine('dynamics') == 'md':
            return self._md(job['label'], start, dynamics_schedule(self.ctx.settings, temperature, settle=packed))
        self.ctx.starts[job['label']] = start
        aimd_inputs = importlib.import_module(
            f'aiida_glassion.label_engines.{self._engine("dynamics")}_aimd'
        ).aimd_inputs
        run = (temperature, dynamics['steps'], dynamics['timestep'], seed_of(self.inputs.seed.value, job['label']))
        return self._ab_initio(job['label'], *aimd_inputs(start, *self._engine_inputs('dynamics'), *run))

    def _engine(self, stage: str) -> str:
        return str(self.ctx.settings[stage]['engine'])
