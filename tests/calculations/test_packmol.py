"""What a PackmolCalculation accepts, what it refuses before anything is submitted, and what it writes."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.folders import SandboxFolder
from aiida.engine import CalcJob, WorkChain
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager
from aiida.plugins import CalculationFactory

from aiida_glassion.calculations.packmol import PackmolCalculation

SILICA = {'counts': {'Si': 10, 'O': 20}, 'density': 2.2, 'seed': 1}


def build(code, **inputs):
    """Builder with the inputs: the door at which the validators stand."""
    builder = PackmolCalculation.get_builder()
    builder.code = code
    for name, value in inputs.items():
        if value is not None:
            builder[name] = value
    return builder


def refuse(code, **changes):
    """Message with which changed inputs are refused."""
    with pytest.raises((ValueError, TypeError)) as caught:
        instantiate_process(get_manager().get_runner(), build(code, **{**SILICA, **changes}))
    assert orm.QueryBuilder().append(orm.CalcJobNode).count() == 0, 'refused, yet a node was stored'
    return str(caught.value)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'counts': None}, ['counts', 'units', 'neither']),
        ({'units': {'SiO2': 10}}, ['counts', 'units', 'both']),
        ({'density': None}, ['density', 'cell', 'neither']),
        ({'cell': [9.0, 9.0, 9.0]}, ['density', 'cell', 'both']),
        ({'counts': {}}, ['counts', 'empty', "{'Si': 80"]),
        ({'counts': {'SiO2': 10}}, ['counts', "'SiO2'", 'not an element', 'units']),
        ({'counts': {'Xx': 10}}, ['counts', "'Xx'"]),
        ({'counts': {'Si': 0, 'O': 20}}, ['counts', "'Si' is 0", 'above 0']),
        ({'counts': {'Si': 1.5, 'O': 20}}, ['counts', '1.5', 'whole number']),
        ({'counts': {'Si': True, 'O': 20}}, ['counts', 'True']),
        ({'counts': {'Xe': 20}}, ['Xe', 'minimum_distances']),
        ({'counts': None, 'units': {'Si30O60': 3}}, ['units', '90 atoms', 'at most 60']),
        ({'counts': None, 'units': {'Sio2': 3}}, ['units', "'SiO2'"]),
        ({'counts': None, 'units': {'S8': 3}}, ['units', 'no cation or no anion']),
        ({'counts': None, 'units': {'SiO2': -3}}, ['units', '-3']),
        ({'density': 0.0}, ['density', '0.0', 'g/cm³']),
        ({'density': -2.2}, ['density', '-2.2']),
        ({'density': 2200.0}, ['density', '2200', 'between 0.01 and 25']),
        ({'density': float('nan')}, ['density', 'nan']),
        ({'density': 24.0}, ['density', '%', 'lower the density']),
        ({'density': None, 'cell': [9.0, 9.0]}, ['cell', '[9.0, 9.0]', 'three positive lengths']),
        ({'density': None, 'cell': [9.0, -9.0, 9.0]}, ['cell', '-9.0']),
        ({'density': None, 'cell': [3.0, 30.0, 30.0]}, ['cell', '3.00', 'twice']),
        ({'counts': {'Si': 1, 'O': 2}}, ['density', 'more atoms']),
        ({'seed': 0}, ['seed', '0', '2147483647']),
        ({'seed': 1.5}, ['seed', 'Int']),
        ({'seed': None}, ['seed', 'required']),
        ({'minimum_distances': {'Si-Na': 2.0}}, ['minimum_distances', "'Si-Na'", 'O-Si']),
        ({'minimum_distances': {'Si-O': -1.0}}, ['minimum_distances', '-1.0']),
        ({'minimum_distances': {'O-O': 9.0}}, ['%']),
        ({'loops': 0}, ['loops', 'at least 1']),
    ],
)
@pytest.mark.usefixtures('aiida_profile_clean')
def test_refused_before_submission(packmol_code, changes, words):
    message = refuse(packmol_code, **changes)
    for word in words:
        assert word in message, message


@pytest.mark.usefixtures('aiida_profile_clean')
def test_what_is_written(packmol_code):
    process = instantiate_process(get_manager().get_runner(), build(packmol_code, **SILICA, loops=7))
    with SandboxFolder() as folder:
        info = process.prepare_for_submission(folder)
        assert sorted(folder.get_content_list()) == ['01_O.xyz', '02_Si.xyz', 'packmol.inp']
        with folder.open('packmol.inp') as handle:
            text = handle.read()
    assert 'seed 1\n' in text
    assert 'nloop 7\n' in text
    assert info.codes_info[0].stdin_name == 'packmol.inp'
    assert info.codes_info[0].stdout_name == 'packmol.log'
    assert sorted(info.retrieve_list) == ['packed.xyz', 'packmol.log']


def test_a_workchain_may_keep_ports_back():
    class Packing(WorkChain):
        @classmethod
        def define(cls, spec):
            super().define(spec)
            spec.expose_inputs(PackmolCalculation, namespace='pack', exclude=('counts', 'units', 'density', 'cell'))

    assert Packing.spec().inputs.validate({'pack': {'seed': None}}) is not None
    namespace = Packing.spec().inputs['pack']
    assert namespace.validator is None or namespace.validator({}, namespace) is None


def test_entry_point_and_documentation():
    assert CalculationFactory('glassion.packmol') is PackmolCalculation
    assert issubclass(PackmolCalculation, CalcJob)
    spec = PackmolCalculation.spec()
    for name in ('counts', 'units', 'density', 'cell', 'seed', 'minimum_distances', 'loops'):
        assert spec.inputs[name].help, name
    codes = [code for code in spec.exit_codes.values() if 300 <= code.status < 310]
    assert len(codes) == 7
    assert all(code.message for code in codes)
