"""``glassion analyse``: what it says of good and of bad inputs, with no profile for files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import open_source
from aiida_glassion.cli import main
from aiida_glassion.cli.analyse_choice import WHAT, default_kinds
from aiida_glassion.cli.analyse_inputs import FrameChoice, Range
from aiida_glassion.kernels.structure.agreement import r_chi

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'structure'
GLASS, OTHER = (str(EXAMPLE / f'glass_{number}.extxyz') for number in (1, 2))
MEASURED = str(EXAMPLE / 'synthetic_neutron.sq')
QUICK = ['--set', 'scattering.q_max=8', '--set', 'scattering.partials=false']


def run(*arguments: str, status: int = 0) -> str:
    done = CliRunner(env={'COLUMNS': '200'}).invoke(main, ['analyse', *map(str, arguments)])
    assert done.exit_code == status, done.output
    assert 'Traceback' not in done.output
    return ' '.join(done.output.split())


@pytest.fixture
def lines() -> list[str]:
    """The first frame of the example and the head of the second."""
    return Path(GLASS).read_text().splitlines()[:1204]


def test_tables_are_the_numbers_of_the_analyses(tmp_path):
    said = json.loads(run(GLASS, '--what', 'network', '--frames', '0:4:2', '--cutoff', 'Si-O=2.2', '--json'))
    trajectory = said['trajectories']['glass_1.extxyz']
    assert trajectory['n_frames'] == 3
    request = read_request({'analyses': ['network'], 'cutoffs': {'Si-O': 2.2}, 'every': 2})
    wanted = analyse(request, open_source(GLASS)).results['network'].numbers
    assert trajectory['analyses']['network']['numbers']['connectivity'] == wanted['connectivity']
    shown = run(GLASS, '--what', 'network', '--frames', '0:4:2', '--cutoff', 'Si-O=2.2')
    assert f'Si: {wanted["connectivity"]["Si"]["mean"]:.4f} ±' in shown
    assert '600: 80 Na, 360 O, 160 Si' in shown
    assert 'next: glassion analyse' in shown


def test_files_need_no_profile(glassion, tmp_path):
    done = glassion('analyse', GLASS, '--what', 'rdf', '--frames', '0', '--output', str(tmp_path / 'results'))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ['results'], 'no AiiDA home was made'
    assert (tmp_path / 'results' / 'structure_sheet.pdf').read_bytes().startswith(b'%PDF')
    page = (tmp_path / 'results' / 'index.html').read_text()
    assert 'src="http' not in page


def test_overlay_is_the_kernels(tmp_path):
    options = ['--experiment', MEASURED, '--quantity', 'S', '--radiation', 'neutron', '--range', '1:8']
    said = run(GLASS, '--what', 'scattering', '--frames', '0', *QUICK, *options, '-o', tmp_path / 'results')
    data = tmp_path / 'results' / 'data'
    columns = {}
    for name in ('experiment', 'simulation'):
        rows = [r for r in csv.reader((data / f'scattering__{name}_synthetic_neutron.csv').open()) if '#' not in r[0]]
        columns[name] = np.array(rows[1:], dtype=float)[:, :2].T
    numbers = json.loads((data / 'numbers.json').read_text())['analyses']['scattering']['numbers']
    at, measured = columns['experiment']
    points = np.loadtxt(MEASURED)
    inside = (points[:, 0] >= 1) & (points[:, 0] <= 8)
    assert at == pytest.approx(points[inside, 0])
    assert measured == pytest.approx(points[inside, 1])
    found = r_chi(measured, columns['simulation'][1], measured)
    assert numbers['experiments']['synthetic_neutron']['r_chi'] == pytest.approx(found)
    assert f'R_χ: {found:.3f}' in said
    assert f'>{found:.2f}<' in (tmp_path / 'results' / 'index.html').read_text()


def test_several_are_compared_or_averaged():
    side = run(GLASS, OTHER, '--what', 'coordination')
    assert '2 trajectories side by side (--as replicas' in side
    assert 'glass_1.extxyz glass_2.extxyz unit' in side
    mean = json.loads(run(GLASS, OTHER, '--what', 'coordination', '--as', 'replicas', '--json'))
    both = [t['analyses']['coordination']['numbers'] for t in mean['trajectories'].values()]
    values = [numbers['coordination']['Si-O']['mean']['mean'] for numbers in both]
    found = mean['means']['mean']['analyses']['coordination']['numbers']['coordination']['Si-O']['mean']
    assert found['mean'] == pytest.approx(np.mean(values))
    assert found['standard_error'] == pytest.approx(abs(values[0] - values[1]) / 2)
    assert found['n'] == 2


def test_replicas_are_of_one_composition(tmp_path, lines):
    other = tmp_path / 'other.extxyz'
    other.write_text('\n'.join(line.replace('Na ', 'Li ') for line in lines[:602]) + '\n')
    said = run(GLASS, other, '--what', 'rdf', '--as', 'replicas', status=2)
    assert 'replicas are of one composition; compare them with --as compare' in said


def test_dry_run_says_what_would_be_done(tmp_path):
    said = run(
        GLASS, '--dry-run', '--experiment', MEASURED, '--quantity', 'S', '--radiation', 'neutron', '-o', tmp_path
    )
    assert 'measured synthetic_neutron neutron S, 485 points from 0.6 to 20' in said
    assert 'on one core' in said
    assert 'Nothing was analysed' in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('counts', 'there', 'absent'),
    [
        ({'Na': 80, 'Si': 160, 'O': 360}, {'network', 'rings', 'scattering', 'voids'}, {'anions', 'powder'}),
        ({'Li': 300, 'P': 100, 'S': 400}, {'anions', 'network'}, {'regions'}),
        ({'Na': 80_000, 'Si': 160_000, 'O': 360_000}, {'network', 'scattering'}, {'rings', 'voids', 'voronoi'}),
        ({'Cu': 500}, {'rdf', 'scattering', 'checks'}, {'network', 'angles', 'rings'}),
    ],
)
def test_what_suits_the_elements(counts, there, absent):
    kinds = set(default_kinds(counts))
    assert there <= kinds <= set(WHAT)
    assert not kinds & absent


def test_choice_of_frames_and_ranges():
    assert FrameChoice().convert('2:8:3', None, None) == {'first': 2, 'last': 8, 'every': 3}
    assert FrameChoice().convert('::5', None, None) == {'every': 5}
    assert FrameChoice().convert('7', None, None) == {'first': 7, 'last': 7}
    assert Range().convert('0.5:', None, None) == (0.5, None)


def changed(lines, number, text):
    return [*lines[:number], text, *lines[number + 1 :]]


BAD_FILES = {
    'empty': (lambda lines: [], 'bad.extxyz: the file is empty'),
    'other atoms later': (
        lambda lines: [*lines[:602], '599', lines[603], *lines[605:1204]],
        'frame 1 (line 603): 599 atoms, but 600 in the frames before',
    ),
    'not a number': (lambda lines: changed(lines[:602], 5, 'Na nan 1 2'), 'frame 0 (line 6): a position that is not'),
    'text': (lambda lines: changed(lines[:602], 5, 'Na x 1 2'), "(line 6): 'Na x 1 2', expected 4 columns"),
    'no element': (lambda lines: changed(lines[:602], 2, 'Xx 1 1 2'), '(line 3): Xx is not an element'),
    'no cell': (lambda lines: changed(lines[:602], 1, 'Properties=species:S:1:pos:R:3'), 'no cell'),
}


@pytest.mark.parametrize('name', BAD_FILES)
def test_bad_trajectories(name, lines, tmp_path):
    spoil, wanted = BAD_FILES[name]
    path = tmp_path / 'bad.extxyz'
    path.write_text(''.join(f'{line}\n' for line in spoil(lines)))
    said = run(path, '--what', 'rdf', status=2)
    assert 'bad.extxyz' in said
    assert wanted in said


def test_an_element_without_a_scattering_length(lines, tmp_path):
    path = tmp_path / 'polonium.extxyz'
    path.write_text(''.join(f'{line.replace("Na ", "Po ")}\n' for line in lines[:602]))
    said = run(path, '--what', 'rdf,scattering', status=1)
    assert 'scattering: Po: no neutron scattering length is known' in said
    assert 'Radial distribution' in said, 'the other analyses go on'


def test_a_wrapped_dump_without_elements(tmp_path):
    path = tmp_path / 'wrapped.lammpstrj'
    head = 'ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n'
    path.write_text(head + 'ITEM: ATOMS id type x y z\n1 1 1 1 1\n2 2 9.5 1 1\n')
    assert '--species 1=Na,2=O' in run(path, '--what', 'rdf', status=2)
    said = run(path, '--what', 'rdf', '--species', '1=Na,2=O', '--r-max', '4')
    assert '1 Na, 1 O' in said, 'a structure does not mind wrapped atoms'
    for kind, wanted in (('xy xz yz pp pp pp', 3), ('abc origin pp pp pp', 4)):
        path.write_text(path.read_text().replace('BOUNDS pp pp pp', f'BOUNDS {kind}'))
        assert f'2 numbers in a line, expected {wanted}' in run(path, '--what', 'rdf', status=2)
        path.write_text(path.read_text().replace(f'BOUNDS {kind}', 'BOUNDS pp pp pp'))


BAD_CURVES = {
    'x falls': ('0.5 1\n0.6 1\n0.55 1\n0.7 1\n', 'line 3: x goes from 0.6 to 0.55; it must increase'),
    'not a number': ('0.5 1\n0.6 nan\n0.7 1\n0.8 1\n', 'line 2: column 1 is nan'),
    'empty': ('# nothing\n', 'no data, the file is empty but for comments'),
    'one column': ('1\n2\n3\n', 'one column; x and y are needed'),
}


@pytest.mark.parametrize('name', BAD_CURVES)
def test_bad_measured_curves(name, tmp_path):
    text, wanted = BAD_CURVES[name]
    path = tmp_path / 'bad.sq'
    path.write_text(text)
    said = run(GLASS, '--experiment', path, '--quantity', 'S', '--radiation', 'neutron', status=2)
    assert '--experiment' in said
    assert wanted in said


@pytest.mark.parametrize(
    ('options', 'wanted'),
    [
        (['--experiment', MEASURED], '--quantity with one of S, S-1, F'),
        (['--experiment', MEASURED, '--quantity', 'S'], 'say --radiation neutron or xray'),
        (['--experiment', 'no.sq', '--quantity', 'S', '--radiation', 'xray'], 'there is no file no.sq'),
        (['--experiment', MEASURED, *['--quantity', 'S'] * 2, '--radiation', 'xray'], '2 given for 1 measured curves'),
        (
            [
                '--what',
                'rdf',
                '--experiment',
                MEASURED,
                '--quantity',
                'F',
                '--radiation',
                'xray',
                '--unit',
                'barn/sr/atom',
            ],
            'barn/sr/atom is not one of xray',
        ),
        (['--quantity', 'S'], 'says what --experiment FILE holds'),
        (['--what', 'rfd'], "there is no analysis 'rfd'; did you mean rdf?"),
        (['--what', 'rdf', '--q-max', '20'], 'add scattering to --what'),
        (['--what', 'rdf', '--set', 'rdf.bin_widht=1'], 'rdf.bin_widht: no such setting; did you mean bin_width?'),
        (['--what', 'rdf', '--set', 'angles.width=1'], '--set angles.width: expected KIND.SETTING'),
        (['--cutoff', 'Si-O=two'], "'Si-O=two': expected a pair of elements and a length in Å"),
        (['--what', 'rdf', '--cutoff', 'Si-S=2.2'], '--cutoff Si-S: there is no S; the elements are Na, O, Si'),
        (['--what', 'rdf', '--frames', '10:20'], 'no frame from 10 on; it has 5 frames'),
        (['--what', 'rdf', '--frames', '4:2'], 'last: 2, before first, which is 4'),
        (['--frames', 'some'], "'some': expected FIRST:LAST:EVERY"),
        (['--species', '1=Nx'], "'1=Nx', expected types with their elements"),
        (['--format', 'vaps'], "there is no 'vaps'"),
    ],
)
def test_options_that_cannot_be(options, wanted):
    assert wanted in run(GLASS, *options, status=2)


def test_no_such_file():
    assert 'no.xyz: there is no such file, and it is no PK' in run('no.xyz', status=2)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / 'mine').write_text('mine')
    assert '--force' in run(GLASS, '-o', tmp_path, status=2)


def test_request_from_a_file(tmp_path):
    (tmp_path / 'data.sq').write_bytes(Path(MEASURED).read_bytes())
    path = tmp_path / 'request.yaml'
    path.write_text(
        'analyses:\n  rdf: {}\n  scattering:\n    q_max: 8\n    partials: false\n    experiments:\n'
        '      - {file: data.sq, quantity: S, radiation: neutron, range: [1, 8], name: mine}\ncutoffs: {Si-O: 2.2}\n'
    )
    said = json.loads(run(GLASS, '--request', path, '--frames', '0', '--json'))
    experiment = said['request']['analyses']['scattering']['experiments'][0]
    assert (experiment['name'], len(experiment['x'])) == ('mine', 485)
    assert said['request']['cutoffs'] == {'O-Si': 2.2}
    assert said['request']['last'] == 0
    path.write_text('analyses: {rfd: {}, scattering: {qmax: 3}}\nevry: 3\n')
    wrong = run(GLASS, '--request', path, status=2)
    assert all(hint in wrong for hint in ('did you mean every?', 'did you mean rdf?', 'did you mean q_max?'))


def test_nodes_and_what_a_study_left(aiida_profile_clean, monkeypatch, localhost):
    from aiida import orm
    from aiida.common.links import LinkType

    from aiida_glassion.cli import profile
    from aiida_glassion.data.frames import FramesData

    monkeypatch.setattr(profile, 'load', lambda name=None: None)
    study, glasses = orm.WorkChainNode().store(), []
    for number, file in enumerate((GLASS, OTHER)):
        frames = open_source(file).read(range(1))
        job = orm.CalcFunctionNode()
        job.base.links.add_incoming(study, LinkType.CALL_CALC, f'job_{number}')
        job.store()
        node = FramesData.from_frames(frames)
        node.base.links.add_incoming(job, LinkType.CREATE, 'final')
        glasses.append(node.store())
        node.base.links.add_incoming(study, LinkType.RETURN, f'glass__replica_0{number}_rate_10')
    one = json.loads(run(str(glasses[0].pk), '--what', 'rdf', '--json'))
    assert next(iter(one['trajectories'])) == f'FramesData {glasses[0].pk}'
    said = run(str(study.pk), '--what', 'rdf')
    assert '2 trajectories as replicas of one glass' in said
    remote = orm.RemoteData(remote_path='/scratch', computer=localhost).store()
    assert f'glassion launch analysis {remote.pk} --code python@{localhost.label}' in run(str(remote.pk), status=2)
    assert 'There is no node 987654' in run('987654', status=2)


def test_all_frames_of_a_lammps_trajectory(aiida_profile_clean, monkeypatch):
    import io

    from aiida_lammps.data.trajectory import LammpsTrajectory

    from aiida_glassion.cli import profile

    monkeypatch.setattr(profile, 'load', lambda name=None: None)
    frames = open_source(GLASS).read(range(5))
    dump = io.StringIO()
    for step in range(frames.n_frames):
        dump.write(f'ITEM: TIMESTEP\n{1000 * step}\nITEM: NUMBER OF ATOMS\n{frames.n_atoms}\n')
        dump.write('ITEM: BOX BOUNDS xy xz yz pp pp pp\n')
        dump.write(''.join(f'0.0 {float(frames.cells[step, axis, axis])!r} 0.0\n' for axis in range(3)))
        dump.write('ITEM: ATOMS id type element x y z\n')
        for atom, (symbol, place) in enumerate(zip(frames.symbols, frames.positions[step], strict=True)):
            dump.write(f'{atom + 1} 1 {symbol} ' + ' '.join(f'{x:.8f}' for x in place) + '\n')
    dump.seek(0)
    node = LammpsTrajectory(dump).store()
    wanted = json.loads(run(GLASS, '--what', 'coordination', '--frames', '1::2', '--cutoff', 'Si-O=2.2', '--json'))
    said = json.loads(run(str(node.pk), '--what', 'coordination', '--frames', '1::2', '--cutoff', 'Si-O=2.2', '--json'))
    of_file, of_node = wanted['trajectories']['glass_1.extxyz'], said['trajectories'][f'LammpsTrajectory {node.pk}']
    assert of_node['n_frames'] == of_file['n_frames'] == 2
    pairs = [each['analyses']['coordination']['numbers']['coordination']['Na-O'] for each in (of_node, of_file)]
    assert pairs[0]['mean']['mean'] == pytest.approx(pairs[1]['mean']['mean'], abs=1e-4)
    assert json.loads(run(str(node.pk), '--what', 'rdf', '--json'))['trajectories'].popitem()[1]['n_frames'] == 5
