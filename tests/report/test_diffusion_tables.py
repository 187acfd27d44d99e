"""The table of how ions move says where its hops are not to be trusted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aiida_glassion.report.diffusion_tables import motion_table


def group(*shares):
    """Runs at 1000 K whose ions are on sites for these shares of the time."""

    def point(share):
        hops = {'on_sites': share, 'rate': {'mean': 0.1}, 'distance': 4.0}
        return SimpleNamespace(of_ion=lambda kind, ion: {'hops': hops} if kind == 'channels' else {}, numbers={})

    points = [point(share) for share in shares]
    return SimpleNamespace(temperatures=[1000.0], points=points, at=lambda t: points)


@pytest.mark.parametrize(('shares', 'missed'), [((0.8, 0.9), False), ((0.8, 0.3), True)])
def test_hops_that_are_missed(shares, missed):
    table = str(motion_table(group(*shares), 'Na'))
    assert 'Time on sites' in table
    assert 'Hop distance' in table
    assert ('hops are missed' in table) is missed
