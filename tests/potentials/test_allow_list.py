"""What a potential from a stranger may contain."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiida_glassion.potentials.allow_list import COMMANDS, RefusedCommandError, check_commands, check_file_names

STYLE = 'pair_style zero 8.0'


@pytest.mark.parametrize(
    'command',
    [
        'shell rm -rf x',
        'python run input 1',
        'include more.in',
        'plugin load evil.so',
        'jump SELF',
        'print hello',
        'variable a getenv HOME',
        'run 10',
        'write_dump all atom x',
        'read_data x',
        'pair_write 1 1 10 r 1 2 f X',
        'shell',
        '',
        '   ',
        'PAIR_STYLE zero',
        'pair_coeff * * $(shell)',
        'pair_coeff * * ${x}',
        'pair_coeff * * `id`',
        'pair_coeff * * 1 & shell id',
        'pair_coeff * * 1 # x',
        'pair_coeff * * 1; shell id',
        'pair_coeff * * "a b"',
        "pair_coeff * * 'a b'",
        'pair_coeff * * 1\nshell id',
        'pair_coeff * * 1\tshell',
        'pair_coeff * * /etc/passwd Si',
        'pair_coeff * * ../x.eam Si',
        'pair_coeff * * sub/x.eam Si',
        'pair_coeff * * unknown.eam Si',
        'pair_coeff 1 2 1.0',
        'pair_coeff 1*2 * 1.0',
        'pair_coeff {Na} {O} 1.0',
        'pair_coeff * * v_x',
        'kspace_style pppm 1e-5 other',
        'kspace_style scafacos p3m 1e-5',
        'fix 1 all nve',
        'fix 1 all python/invoke 1 end_of_step f',
        'fix 1 all qeq/point 1 10 1e-6 100 param.qeq',
        'fix 1',
        'neigh_modify exclude type 1 1',
    ],
)
def test_refused(command):
    with pytest.raises(RefusedCommandError):
        check_commands([STYLE, command], ['Si.eam'], ['Si', 'O'])


@pytest.mark.parametrize(
    'command',
    [
        'pair_style python 5.0',
        'pair_style kim EAM_x',
        'pair_style mliap unified model.x',
        'pair_style hybrid/overlay coul/long 9.0 mliap model mliappy x',
        'pair_style hybrid/overlay coul/long 9.0 python 5.0',
        'pair_style table/../../x linear 10',
        'pair_style list x',
        'pair_style deepmd graph.pb out_file _aiidasubmit.sh',
        'pair_style metatomic model.x',
        'pair_style',
    ],
)
def test_refused_styles(command):
    if command == 'pair_style':
        check_commands([command])  # LAMMPS will say what it lacks
        return
    with pytest.raises(RefusedCommandError, match='pair_style'):
        check_commands([command], ['graph.pb'], ['Si', 'O'])


@pytest.mark.parametrize(
    'commands',
    [
        ['pair_style deepmd graph.pb', 'pair_coeff * * {elements}'],
        ['pair_style deepmd a.pth b.pth relative 1.0', 'pair_coeff * *'],
        ['pair_style eam/alloy', 'pair_coeff * * SiO.eam.alloy {elements}'],
        ['pair_style meam', 'pair_coeff * * library.meam Si O SiO.meam {elements}'],
        ['pair_style vashishta', 'pair_coeff * * SiO.vashishta {elements}'],
        [
            'pair_style reaxff NULL checkqeq yes safezone 1.6',
            'pair_coeff * * ffield {elements}',
            'fix charges all qeq/reaxff 1 0.0 10.0 1.0e-6 reaxff',
        ],
        [
            'pair_style hybrid/overlay buck 8.0 coul/dsf 0.25 8.0',
            'pair_coeff * * coul/dsf',
            'pair_coeff {Si} {O} buck 13702.9 .19 54.',
            'pair_modify shift yes',
            'neighbor 2.0 bin',
            'neigh_modify delay 0 every 1 check yes',
        ],
        ['pair_style table spline 1000', 'pair_coeff {O} {O} x.table O_O 8.0'],
        ['pair_style buck/coul/long 8 12', 'kspace_style pppm 1.0e-5', 'kspace_modify mesh 32 32 32', 'dielectric 1'],
    ],
)
def test_allowed(commands):
    files = [
        'graph.pb',
        'a.pth',
        'b.pth',
        'SiO.eam.alloy',
        'library.meam',
        'SiO.meam',
        'SiO.vashishta',
        'ffield',
        'x.table',
    ]
    check_commands(commands, files, ['Si', 'O'])


def test_error_quotes_the_command_and_names_what_is_allowed():
    with pytest.raises(RefusedCommandError) as error:
        check_commands([STYLE, 'shell touch x'])
    assert "'shell touch x'" in str(error.value)
    assert all(command in str(error.value) for command in COMMANDS)


@pytest.mark.parametrize('commands', [[], ['pair_coeff * * 1'], [STYLE, STYLE]])
def test_exactly_one_pair_style(commands):
    with pytest.raises(RefusedCommandError, match='exactly one pair_style'):
        check_commands(commands)


@pytest.mark.parametrize(
    'name',
    [
        '',
        '.',
        '..',
        '/etc/passwd',
        'a/b',
        'a\\b',
        'a b',
        'a\nb',
        '-x',
        '.hidden',
        '1.0',
        '$x',
        'a..b',
        'x.pkl',
        'X.PY',
        'lib.so',
        'model.pt',
        'model.pt2',
        '_aiidasubmit.sh',
        '_scheduler-stdout.txt',
        'aiida.out',
        'log.lammps',
        'input.in',
        'my.in',
        'lammps.out',
        'stage_00.bin',
        'x.restart',
        'x.data',
        'é',
    ],
)
def test_refused_file_names(name):
    with pytest.raises(RefusedCommandError):
        check_file_names([name])


@given(st.text(alphabet=string.printable, max_size=40))
@example('shell id')
def test_only_known_commands_pass(text):
    """Whatever passes starts with an allowed command and holds nothing that LAMMPS or a shell would interpret."""
    try:
        check_commands([STYLE, text])
    except RefusedCommandError:
        return
    assert text.split()[0] in COMMANDS
    assert not set(text) & set('$`&;#"\'\n\r\t|<>()\\!~')
