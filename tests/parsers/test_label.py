"""The parsers of label jobs on what real jobs left, cut at any byte: never an exception, always what is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from ase.build import bulk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_glassion.calculations import scripts
from aiida_glassion.calculations.label_ase import FRAMES_FILE, LABELS_FILE, SETTINGS_FILE, _packed
from aiida_glassion.calculations.md import LOG_FILE
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.lammps import label_script as lammps
from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.frames import Frames
from aiida_glassion.parsers.label_ase import AseLabelParser
from aiida_glassion.parsers.label_lammps import LammpsLabelParser
from aiida_glassion.potentials.potential import Potential

OUTPUT = 'label.out'
ARGON = Potential(
    name='argon',
    kind='user',
    elements=('Ar',),
    units='metal',
    atom_style='atomic',
    commands=('pair_style lj/cut 5.0', 'pair_coeff {Ar} {Ar} 0.0104 3.4'),
)
FRAMES = Frames.from_ase([bulk('Ar', 'fcc', a, cubic=True) * (2, 2, 2) for a in (5.2, 5.3, 5.4)])
COPPER = Frames.from_ase([bulk('Cu', 'fcc', a, cubic=True) for a in (3.5, 3.6, 3.7)])
SOME_CUTS = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope='module')
def lammps_files(lmp, tmp_path_factory):
    """What LAMMPS leaves of three frames."""
    folder = tmp_path_factory.mktemp('lammps')
    script = lammps.write_label_script(ARGON.commands_for(['Ar']), 3, 'metal', 'atomic', False)
    (folder / 'input.in').write_text(script)
    (folder / lammps.DATA_FILE).write_text(write_data(lammps.first_frame(FRAMES), atom_style='atomic'))
    lammps.write_frames(FRAMES, folder / lammps.FRAMES_FILE)
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    command = [lmp, '-in', 'input.in', '-log', LOG_FILE, '-screen', 'none']
    subprocess.run(command, cwd=folder, check=True, env=environment, timeout=600)
    return {name: (folder / name).read_bytes() for name in (LOG_FILE, lammps.LABELS_FILE, lammps.FORCES_FILE)}


@pytest.fixture(scope='module')
def ase_files(tmp_path_factory):
    """What the script leaves of three frames."""
    folder = tmp_path_factory.mktemp('ase')
    (folder / FRAMES_FILE).write_bytes(_packed(COPPER))
    (folder / SETTINGS_FILE).write_text(
        json.dumps({'path': 'ase.calculators.emt:EMT', 'kwargs': {}, 'energy': 'energy'})
    )
    script = Path(scripts.__file__).with_name('label_ase.py')
    subprocess.run([sys.executable, script], cwd=folder, check=True, timeout=600)
    return {LABELS_FILE: (folder / LABELS_FILE).read_bytes(), OUTPUT: b''}


@pytest.fixture(scope='module')
def parse(aiida_profile, tmp_path_factory):
    """Parse files as if they had been retrieved; returns outputs by name and the exit status."""
    computer = orm.Computer(
        label='parsing-labels', hostname='localhost', transport_type='core.local', scheduler_type='core.direct'
    ).store()
    kinds = {
        LammpsLabelParser: (
            'glassion.label.lammps',
            {'frames': FramesData(frames=FRAMES), 'potential': PotentialData.from_potential(ARGON)},
        ),
        AseLabelParser: ('glassion.label.ase', {'frames': FramesData(frames=COPPER)}),
    }

    def _parse(parser, files, temporary=True):
        name, inputs = kinds[parser]
        node = orm.CalcJobNode(computer=computer, process_type=f'aiida.calculations:{name}')
        node.set_option('output_filename', OUTPUT)
        for label, value in inputs.items():
            node.base.links.add_incoming(value.store(), LinkType.INPUT_CALC, link_label=label)
        node.store()
        retrieved = orm.FolderData()
        folder = tmp_path_factory.mktemp('temporary')
        for file, content in files.items():
            if file in (LOG_FILE, OUTPUT):
                retrieved.base.repository.put_object_from_bytes(content, file)
            else:
                (folder / file).write_bytes(content)
        retrieved.base.links.add_incoming(node, LinkType.CREATE, link_label='retrieved')
        retrieved.store()
        options = {'retrieved_temporary_folder': str(folder)} if temporary else {}
        outputs, function = parser.parse_from_node(node, store_provenance=False, **options)
        return outputs, function.exit_status

    return _parse


def test_whole_jobs(parse, lammps_files, ase_files):
    for parser, files, frames in ((LammpsLabelParser, lammps_files, FRAMES), (AseLabelParser, ase_files, COPPER)):
        outputs, status = parse(parser, files)
        assert status == 0
        labels = outputs['labels'].frames
        np.testing.assert_array_equal(labels.positions, frames.positions)
        np.testing.assert_array_equal(labels.steps, [0, 1, 2])
        assert labels.virials.shape == (3, 3, 3)
        assert outputs['results']['labelled'] == 3
        assert outputs['labels'].base.attributes.get('units')['virials'] == 'eV'


@SOME_CUTS
@given(share=st.floats(0, 1), file=st.sampled_from([LOG_FILE, lammps.LABELS_FILE, lammps.FORCES_FILE]))
def test_lammps_cut_at_any_byte(parse, lammps_files, share, file):
    cut = lammps_files | {file: lammps_files[file][: int(share * len(lammps_files[file]))]}
    outputs, status = parse(LammpsLabelParser, cut)
    labelled = outputs['results']['labelled']
    assert labelled == (outputs['labels'].n_frames if 'labels' in outputs else 0)
    assert status == (0 if labelled == 3 else 304 if labelled else 302)


@SOME_CUTS
@given(share=st.floats(0, 1))
def test_ase_cut_at_any_byte(parse, ase_files, share):
    content = ase_files[LABELS_FILE]
    outputs, status = parse(AseLabelParser, {LABELS_FILE: content[: int(share * len(content))]})
    labelled = outputs['results']['labelled']
    assert labelled == (outputs['labels'].n_frames if 'labels' in outputs else 0)
    assert status == (0 if labelled == 3 else 304 if labelled else 302)


def test_how_lammps_may_end(parse, lammps_files):
    def status(**changes):
        names = {'log': LOG_FILE, 'labels': lammps.LABELS_FILE, 'forces': lammps.FORCES_FILE}
        files = dict(lammps_files)
        for name, content in changes.items():
            if content is None:
                del files[names[name]]
            else:
                files[names[name]] = content
        return parse(LammpsLabelParser, files)[1]

    first = lammps_files[lammps.LABELS_FILE].splitlines(keepends=True)[0]
    log = lammps_files[LOG_FILE]
    assert status(log=None, labels=None, forces=None) == 301
    assert status(labels=None) == 302
    assert status(labels=first) == 304
    assert status(log=None) == 0, 'all labels are there'
    assert status(log=log + b'ERROR: Unrecognized pair style (src/force.cpp:1)\n', labels=None) == 310
    assert status(log=log + b'ERROR: Lost atoms: original 32 current 31 (src/thermo.cpp:1)\n', labels=first) == 320
    not_finite = first.replace(first.split()[3], b'-nan')
    outputs, code = parse(LammpsLabelParser, {LOG_FILE: log, lammps.LABELS_FILE: not_finite})
    assert code == 304
    assert outputs['results']['refused'][0]['kind'] == 'not_finite'
    assert parse(LammpsLabelParser, lammps_files, temporary=False)[1] == 302


def test_how_the_script_may_end(parse, ase_files):
    failed = b''.join(b'{"index": %d, "error": "ValueError: no"}\n' % index for index in range(3))
    assert parse(AseLabelParser, {LABELS_FILE: failed})[1] == 311
    assert parse(AseLabelParser, {OUTPUT: b'ModuleNotFoundError: No module named ase\n'})[1] == 302
    assert parse(AseLabelParser, {})[1] == 302
    assert parse(AseLabelParser, ase_files, temporary=False)[1] == 302
