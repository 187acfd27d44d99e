from __future__ import annotations

import pytest
from ase.data import chemical_symbols

from aiida_glassion.kernels.structure import elements as module
from aiida_glassion.kernels.structure.elements import network_roles, odd_coordination, usual_coordination


@pytest.mark.parametrize(
    ('glass', 'roles'),
    [
        ('Na Si O', 'modifier former anion'),
        ('Li S P', 'modifier anion former'),
        ('Na P S O', 'modifier former anion anion'),
        ('Li Al Ti P O', 'modifier former former former anion'),
        ('Na V P O', 'modifier former former anion'),
        ('Li B P O', 'modifier former former anion'),
        ('Zn Te O', 'modifier former anion'),
        ('Ge Te', 'former anion'),
        ('Li P O N', 'modifier former anion anion'),
        ('Ag I P O', 'modifier anion former anion'),
        ('K Ca Mg', 'modifier modifier modifier'),
    ],
)
def test_roles(glass, roles):
    assert network_roles(glass.split()) == dict(zip(glass.split(), roles.split(), strict=True))


def test_tables_name_real_elements_and_formers_only():
    assert chemical_symbols[0] == 'X'
    real = set(chemical_symbols[1:])
    assert real >= module.FORMERS | module.ANIONS
    for table in (module._OXIDE, module._CHALCOGENIDE):
        assert set(table) <= module.FORMERS
        assert all(1 <= usual.low <= usual.high <= 6 and usual.reason for usual in table.values())


@pytest.mark.parametrize(
    ('former', 'anions', 'expected'),
    [
        ('Si', ['O'], (4, 4)),
        ('Si', ['S'], (4, 4)),
        ('P', ['O', 'S'], (3, 4)),
        ('B', ['O'], (3, 4)),
        ('Al', ['O'], (4, 6)),
        ('V', ['O'], (4, 6)),
        ('Te', ['O', 'Te'], (3, 4)),
        ('P', ['O', 'N'], (4, 4)),
    ],
)
def test_usual_coordination(former, anions, expected):
    usual = usual_coordination(former, anions)
    assert (usual.low, usual.high) == expected


def test_nothing_tabulated_is_no_warning():
    assert usual_coordination('V', ['S']) is None
    assert odd_coordination('V', ['S'], {9: 1.0}) is None


def test_odd_coordination():
    assert odd_coordination('Si', ['O'], {4: 97, 5: 3}) is None
    odd = odd_coordination('Si', ['O'], {3: 10, 4: 80, 5: 10})
    assert odd.fraction == pytest.approx(0.2)
    assert '20.0% of Si' in odd.message
    assert odd_coordination('P', ['O'], {5: 1.0}).fraction == 1.0
    assert odd_coordination('B', ['O'], {3: 0.6, 4: 0.4}) is None


@pytest.mark.parametrize('distribution', [{}, {4: 0.0}, {4: 1.0, 3: -0.1}])
def test_odd_coordination_refuses(distribution):
    with pytest.raises(ValueError, match=r'distribution|empty'):
        odd_coordination('Si', ['O'], distribution)
