"""The ports of the making of initial data."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessSpec

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.calculations.packmol import PackmolCalculation
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.label_engines import engines
from aiida_glassion.workchains.initial_data_inputs import AIMD_ENGINES, check_inputs, check_settings
from aiida_glassion.workchains.md import MdWorkChain


def define_inputs(spec: ProcessSpec) -> None:
    """Declare the input ports."""
    convert = {'serializer': orm.to_aiida_type}
    spec.input_namespace(
        'crystals',
        dynamic=True,
        valid_type=CONFIGURATIONS,
        required=False,
        help='Crystals by name, Å: FramesData (its last frame), StructureData or TrajectoryData.',
    )
    spec.input(
        'mixtures',
        valid_type=orm.Dict,
        required=False,
        help="Random mixtures by name, e.g. {'glass': {'composition': '20Na2O-80SiO2', 'n_atoms': 100}}; also "
        'density (g/cm³), structures, pack_by, oxidation_states (e).',
        **convert,
    )
    spec.input(
        'settings',
        valid_type=orm.Dict,
        validator=check_settings,
        help='Protocol: lengths Å, strain as fraction, temperatures K, timestep fs (protocols/initial_data.yaml).',
        **convert,
    )
    spec.input(
        'seed',
        valid_type=orm.Int,
        help='Seed of the whole; every crystal, packing and dynamics derives its own from it and its name.',
        **convert,
    )
    optional = {'required': False, 'populate_defaults': False}
    spec.expose_inputs(
        PackmolCalculation,
        namespace='packmol',
        exclude=('seed', 'counts', 'units', 'density', 'cell'),
        namespace_options={**optional, 'help': 'How mixtures are packed, as for glassion.packmol.'},
    )
    spec.expose_inputs(
        MdWorkChain,
        namespace='md',
        exclude=('md.configuration', 'md.schedule', 'md.seed', 'clean_workdir'),
        namespace_options={**optional, 'help': 'How crystals are relaxed and dynamics run by a potential.'},
    )
    for engine in AIMD_ENGINES:
        engines()[engine].expose(spec)
    spec.input(
        'engine_settings',
        valid_type=orm.Dict,
        required=False,
        help='What quantumespresso or vasp computes (no unit of its own), see protocols/label_<engine>.yaml.',
        **convert,
    )
    spec.input(
        'max_concurrent',
        valid_type=orm.Int,
        default=lambda: orm.Int(4),
        help='How many processes run at the same time.',
        **convert,
    )
    spec.input(
        'tolerated_failures',
        valid_type=orm.Float,
        default=lambda: orm.Float(0.5),
        help='Fraction of the processes that may fail before the whole is a failure, 0 to 1.',
        **convert,
    )
    spec.inputs.validator = check_inputs


def define_outputs(spec: ProcessSpec) -> None:
    """Declare the output ports."""
    spec.output_namespace(
        'frames',
        dynamic=True,
        valid_type=FramesData,
        required=False,
        help='Structures by crystal or mixture, and <name>_dynamics from the dynamics by a potential; Å.',
    )
    spec.output(
        'labelled',
        valid_type=DatasetData,
        required=False,
        help='Steps of ab-initio dynamics with their labels: energies eV, forces eV/Å, virials eV.',
    )
    spec.output(
        'report',
        valid_type=orm.Dict,
        help='What was made of each crystal and mixture: number of structures, scales, those left out and why; '
        'processes that failed and why.',
    )
