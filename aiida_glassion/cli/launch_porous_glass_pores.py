"""Which pores the options of ``glassion launch porous-glass`` ask for. Knows nothing of AiiDA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from aiida_glassion.cli.errors import GlassionError

DIAMETER = 14.0
"""Å, of the pores of J. Mater. Chem. A 12, 33518 (2024)."""
_MIDDLE = (0.5, 0.5, 0.5)


class Centre(click.ParamType):
    """``0.5,0.5,0.25`` in fractions of the cell vectors."""

    name = 'a,b,c'

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float]:
        """Split and read."""
        words = str(value).replace(',', ' ').split()
        try:
            a, b, c = (float(word) for word in words)
        except ValueError:
            self.fail(f'{value!r} is no place; write fractions of the cell vectors: 0.5,0.5,0.25', param, ctx)
        return a, b, c


def pores_of(given: Mapping[str, Any]) -> Any:
    """Setting ``pores`` of the protocol, None where no option says any.

    :param given: ``pore_diameter`` Å, ``pores``, ``porosity``, ``fit_diameter``, ``gap`` Å, ``centres``, ``cylinder``,
        ``slit`` (a, b or c), ``width`` Å.
    :raises GlassionError: options that do not go together.
    """
    _check(given)
    diameter = given['pore_diameter'] or DIAMETER
    gap = given['gap'] or 0.0
    centres = [list(centre) for centre in given['centres'] or [_MIDDLE]]
    if given['slit']:
        return [
            {'shape': 'slit', 'axis': given['slit'], 'centre': centre, 'width': given['width']} for centre in centres
        ]
    if given['cylinder']:
        about = {'shape': 'cylinder', 'axis': given['cylinder'], 'diameter': diameter}
        return [{**about, 'centre': centre} for centre in centres]
    if given['porosity'] is not None:
        fit = given['fit_diameter']
        return {'porosity': given['porosity'], 'diameter': diameter, 'gap': gap, 'fit_diameter': fit}
    if given['pores'] is not None and given['pores'] > 1:
        return {'diameter': diameter, 'n': given['pores'], 'gap': gap}
    if given['pore_diameter'] is None and not given['centres'] and given['pores'] is None:
        return None
    return [{'shape': 'sphere', 'centre': centre, 'diameter': diameter} for centre in centres]


def _check(given: Mapping[str, Any]) -> None:
    """Refuse options that do not go together."""
    options = {
        '--porosity': given['porosity'] is not None,
        '--pores': given['pores'] is not None,
        '--centre': bool(given['centres']),
        '--cylinder': bool(given['cylinder']),
        '--slit': bool(given['slit']),
        '--width': given['width'] is not None,
        '--pore-diameter': given['pore_diameter'] is not None,
        '--fit-diameter': given['fit_diameter'],
        '--gap': given['gap'] is not None,
    }
    for one, others in (
        ('--porosity', ('--pores', '--centre', '--cylinder', '--slit')),
        ('--pores', ('--centre', '--cylinder', '--slit')),
        ('--cylinder', ('--slit',)),
        ('--slit', ('--pore-diameter',)),
    ):
        for other in others:
            if options[one] and options[other]:
                raise GlassionError(f'{one} and {other} do not go together: leave one of them away.', exit_code=2)
    if options['--slit'] != options['--width']:
        raise GlassionError('--slit and --width go together: --slit c --width 10 (Å).', exit_code=2)
    if options['--fit-diameter'] and not options['--porosity']:
        raise GlassionError('--fit-diameter is for a --porosity.', exit_code=2)
    if options['--gap'] and not options['--porosity'] and (given['pores'] or 1) < 2:
        raise GlassionError('--gap is for several pores: --pores 3 or --porosity 0.1.', exit_code=2)
