"""gap_fit's input and output: parameters that make no sense, the sign and order of a virial, logs however cut."""

from __future__ import annotations

import io

import numpy as np
import pytest

from aiida_glassion.formats.gap import (
    estimate_memory,
    read_label,
    read_log,
    read_parameters,
    read_sparse_files,
    write_config,
    write_frames,
)
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.gap import gap_potential
from aiida_glassion.workchains import protocols


def parameters(**changes):
    return protocols.load('gap', 'tiny', {'e0': 'average', **changes})


def test_configuration():
    fit = read_parameters(parameters(e0={'Si': -103.5, 'O': -432.1}), ['O', 'Si'])
    lines = write_config(fit, ['O', 'Si'], 7).splitlines()
    assert 'e0={O:-432.1:Si:-103.5}' in lines
    assert 'default_sigma={0.002 0.1 0.05 0.0}' in lines
    assert 'rnd_seed=7' in lines
    assert lines[-1].startswith('gap={distance_2b cutoff=4.0 n_sparse=10 delta=1.0 ')
    assert ' : soap cutoff=4.0 n_sparse=20 delta=0.3 n_max=4 l_max=3 ' in lines[-1]
    assert lines[-1].count('add_species=T') == 2
    assert fit.cutoff == 4.0
    assert fit.n_sparse(2) == 10 * 3 + 20 * 2
    assert 'e0_method=average' in write_config(read_parameters(parameters(), ['O', 'Si']), ['O', 'Si'], 7)


@pytest.mark.parametrize('protocol', sorted(protocols.available('gap')))
def test_protocols_are_valid_once_e0_is_chosen(protocol):
    assert read_parameters(protocols.load('gap', protocol, {'e0': 'average'}), ['O']).cutoff >= 4
    with pytest.raises(ValueError, match=r"e0: missing.*isolated atom.*'average'"):
        read_parameters(protocols.load('gap', protocol), ['O'])


SOAP = {'kind': 'soap', 'cutoff': 4.0, 'n_sparse': 20, 'delta': 0.3, 'n_max': 4, 'l_max': 3}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'e0': {'Si': -1.0}}, 'no energy of an isolated atom is given for O'),
        ({'e0': 'isolated'}, "e0: 'isolated' given"),
        ({'e0': {'Si': 'low', 'O': 0}}, r"e0\.Si: 'low' given"),
        ({'sigma': {'energy': 0.1}}, 'sigma: .* expected numbers for energy, force, virial'),
        ({'descriptors': []}, 'expected a list of descriptors'),
        ({'descriptors': [{**SOAP, 'kind': 'soup'}]}, r"descriptors\.0\.kind: 'soup'.*distance_2b, soap"),
        ({'descriptors': [{**SOAP, 'nsparse': 3}]}, r"did you mean 'n_sparse'"),
        ({'descriptors': [{k: v for k, v in SOAP.items() if k != 'l_max'}]}, r'l_max: missing; soap needs it'),
        ({'descriptors': [{**SOAP, 'n_max': 4.5}]}, r'n_max: 4\.5 given, expected a whole'),
        ({'descriptors': [{**SOAP, 'cutoff': 0}]}, r'cutoff: 0 given, expected a positive'),
        ({'descriptors': [{**SOAP, 'cutoff_transition_width': 5.0}]}, 'must be smaller than the cutoff'),
        ({'sparse_jiter': 1.0}, "did you mean 'sparse_jitter'"),
    ],
)
def test_parameters_that_make_no_sense(changes, message):
    content = {'e0': 'average', 'sigma': {'energy': 0.1, 'force': 0.1, 'virial': 0.1}, 'descriptors': [SOAP]}
    with pytest.raises(ValueError, match=message):
        read_parameters({**content, **changes}, ['O', 'Si'])


def labelled(**changes):
    cell = np.diag([4.0, 5.0, 6.0])[None]
    arrays = {'energies': np.array([-3.25]), 'forces': np.arange(6.0).reshape(1, 2, 3)}
    virial = np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]])
    return Frames(('Si', 'O'), np.ones((1, 2, 3)), cell, **{**arrays, 'virials': virial, **changes})


def test_frames_as_gap_fit_reads_them():
    handle = io.StringIO()
    counts = write_frames(handle, [labelled()])
    lines = handle.getvalue().splitlines()
    assert lines[0] == '2'
    assert 'Lattice="4 0 0 0 5 0 0 0 6"' in lines[1]
    assert 'Properties=species:S:1:pos:R:3:ref_forces:R:3' in lines[1]
    assert 'ref_energy=-3.25' in lines[1]
    assert 'ref_virial="1 4 7 2 5 8 3 6 9"' in lines[1], 'column by column'
    assert lines[3].split() == ['O', '1', '1', '1', '3', '4', '5']
    assert counts == {'frames': 1, 'atoms': 2, 'energies': 1, 'forces': 6, 'virials': 6}


def test_what_a_frame_lacks_is_left_out():
    handle = io.StringIO()
    assert write_frames(handle, [labelled(forces=None, virials=None)])['forces'] == 0
    assert 'ref_virial' not in handle.getvalue()
    with pytest.raises(ValueError, match='without energies'):
        write_frames(handle, [labelled(energies=None)])


def test_memory_grows_with_frames_times_sparse_points():
    counts = {'energies': 1000, 'forces': 300_000, 'virials': 6000}
    once, twice = (estimate_memory(counts, n) for n in (1000, 2000))
    assert 4 < once < 20
    assert twice == pytest.approx(2 * once, rel=0.05)


HEAD = 'libAtoms::Hello World: git version  https://github.com/libAtoms/QUIP,v0.10.3-dirty\n'


def test_logs():
    whole = read_log(HEAD + 'PEAK  18 MB\nlibAtoms::Finalise: Bye-Bye!\n')
    assert (whole.version, whole.finished, whole.error) == ('v0.10.3-dirty', True, None)
    assert whole.peak_memory == pytest.approx(0.018)
    cut = read_log(HEAD + 'PEAK  3.5 GB\nStarted sparse')
    assert (cut.started, cut.finished, cut.peak_memory) == (True, False, 3.5)
    abort = read_log(HEAD, 'SYSTEM ABORT: proc=0 Traceback (most recent call last)\n  File "x.f95", line 3\n')
    assert 'SYSTEM ABORT' in abort.error
    assert read_log(HEAD, 'Operating system error: Cannot allocate memory\n').out_of_memory
    assert not read_log('').started


XML = b'<GAP_2026_1>\n<a sparseX_filename="gap.xml.sparseX.GAP_2026_11"/>\n</GAP_2026_1>\n'


def test_what_gap_fit_wrote_as_a_potential():
    files = {'gap.xml': XML, 'gap.xml.sparseX.GAP_2026_11': b'1.0\n'}
    potential = gap_potential(files, ['Si', 'O'], 4.0)
    assert potential.commands_for(['O', 'Si']) == [
        'pair_style quip',
        'pair_coeff * * gap.xml "Potential xml_label=GAP_2026_1" 8 14',
    ]
    assert potential.files_for(['Si']) == files
    assert read_sparse_files(XML) == ['gap.xml.sparseX.GAP_2026_11']
    with pytest.raises(ValueError, match=r'names .*sparseX.*missing'):
        gap_potential({'gap.xml': XML}, ['Si'], 4.0)
    with pytest.raises(ValueError, match='no whole GAP'):
        read_label(XML[:-5])


@pytest.mark.parametrize(
    'command',
    [
        'pair_coeff * * gap.xml "Potential xml_label=GAP_1; shell rm" {numbers}',
        'pair_coeff * * gap.xml "Potential xml_label=$(x)" {numbers}',
        'pair_coeff * * other.xml "Potential xml_label=GAP_1" {numbers}',
        'pair_coeff * * gap.xml "IP GAP" {numbers}',
        'shell "Potential xml_label=GAP_1"',
    ],
)
def test_no_other_quoted_command_is_let_through(command):
    from aiida_glassion.potentials.allow_list import RefusedCommandError, check_commands

    with pytest.raises(RefusedCommandError):
        check_commands(['pair_style quip', command], ['gap.xml'], ['Si'])
