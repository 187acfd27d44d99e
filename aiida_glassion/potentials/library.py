"""The published potentials: YAML tables beside this file, and how each becomes LAMMPS commands."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import resources
from typing import Any

import yaml

from aiida_glassion.potentials.pair_table import RUN_POINTS, pair_table
from aiida_glassion.potentials.potential import Potential
from aiida_glassion.potentials.repair import RepairedBuckingham


class OneSourceWarning(UserWarning):
    """Parameters rest on one publication and were not checked against another."""


def available() -> tuple[str, ...]:
    """Names of the published potentials."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(f.name[:-5].replace('_', '-') for f in files if f.name.endswith('.yaml')))


def load(
    name: str,
    elements: Iterable[str] | None = None,
    *,
    coulomb: str = 'pppm',
    accuracy: float = 1e-5,
    dsf_damping: float = 0.25,
    dsf_cutoff: float = 8.0,
    short_range_cutoff: float | None = None,
    coulomb_cutoff: float | None = None,
    valences: Mapping[str, int] | None = None,
) -> Potential:
    """Load a published potential.

    :param name: one of :func:`available`.
    :param elements: keep only these; all by default.
    :param coulomb: ``pppm``, or ``dsf`` (damped shifted force: 2-3 times faster, approximate).
    :param accuracy: relative error of pppm's forces.
    :param dsf_damping: damping of dsf, Å⁻¹.
    :param dsf_cutoff: cutoff of dsf, Å.
    :param short_range_cutoff: cutoff of the short-range part, Å; the published or usual one by default.
    :param coulomb_cutoff: real-space cutoff of pppm, Å; changes the speed, not the result.
    :param valences: valence of an element that has several, such as ``{'V': 4}``.
    :raises ValueError: unknown name, option or valence, or an element that the potential lacks.
    """
    table = read_table(name, valences or {})
    wanted = sorted(set(elements)) if elements is not None else sorted(table['charges'])
    missing = [element for element in wanted if element not in table['charges']]
    if missing:
        raise ValueError(
            f'potential {table["name"]} has no parameters for {", ".join(missing)}; '
            f'it covers {", ".join(sorted(table["charges"]))}'
        )
    if coulomb not in ('pppm', 'dsf'):
        raise ValueError(f'coulomb must be pppm or dsf, not {coulomb!r}')
    positive = {
        'accuracy': accuracy,
        'dsf_damping': dsf_damping,
        'dsf_cutoff': dsf_cutoff,
        'short_range_cutoff': short_range_cutoff,
        'coulomb_cutoff': coulomb_cutoff,
    }
    for option, value in positive.items():
        if value is not None and not 0 < value < float('inf'):
            raise ValueError(f'{option} must be a positive number, not {value}')
    pairs = {pair: row for pair, row in table['pairs'].items() if set(pair) <= set(wanted)}
    short = float(short_range_cutoff or table['short_range_cutoff'])
    long = float(dsf_cutoff if coulomb == 'dsf' else coulomb_cutoff or table['coulomb_cutoff'])

    if coulomb == 'dsf':
        coulomb_style, kspace = f'coul/dsf {float(dsf_damping)!r} {long!r}', []
    else:
        coulomb_style, kspace = f'coul/long {long!r}', [f'kspace_style pppm {float(accuracy)!r}']
    commands, files = _FORMS[table['form']](pairs, short, coulomb_style)

    if table.get('one-source'):
        warnings.warn(f'{table["name"]}: {table["notes"]}', OneSourceWarning, stacklevel=2)
    return Potential(
        name=table['name'],
        kind='published',
        elements=tuple(wanted),
        units='metal',
        atom_style='charge',
        charges={element: float(table['charges'][element]) for element in wanted},
        commands=(*commands, *kspace),
        files=files,
        cutoff=max(short, long),
        citation=table['citation'],
        notes=table['notes'],
    )


def read_table(name: str, valences: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Read a table, with those that it extends and the chosen valences put in.

    :param name: one of :func:`available`.
    :param valences: valence of each element that has several.
    :returns: the table; ``pairs`` by tuples of two elements.
    :raises ValueError: unknown name or valence.
    """
    name = name.lower().replace('_', '-')
    if name not in available():
        near = get_close_matches(name, available(), n=1)
        hint = f'; did you mean {near[0]}?' if near else ''
        raise ValueError(f'no published potential {name!r}: there are {", ".join(available())}{hint}')
    text = resources.files(__package__).joinpath(f'{name.replace("-", "_")}.yaml').read_text(encoding='utf-8')
    table: dict[str, Any] = yaml.safe_load(text)
    pairs = {_pair(key): row for key, row in table['pairs'].items()}
    charges = dict(table.get('charges', {}))

    choices = table.pop('valences', {})
    unknown = set(valences or {}) - set(choices)
    if unknown:
        raise ValueError(f'potential {name} knows only one valence of {", ".join(sorted(unknown))}')
    for element, choice in choices.items():
        valence = (valences or {}).get(element, choice['default'])
        if valence not in choice or valence == 'default':
            known = ', '.join(str(v) for v in choice if v != 'default')
            raise ValueError(f'potential {name} has no {element} of valence {valence}: only {known}')
        charges[element] = choice[valence]['charge']
        pairs |= {_pair(key): row for key, row in choice[valence]['pairs'].items()}

    if 'extends' in table:
        base = read_table(table.pop('extends'))
        charges = base['charges'] | charges
        pairs = base['pairs'] | {pair: base['pairs'].get(pair, {}) | row for pair, row in pairs.items()}
        table = base | table
    return table | {'name': name, 'charges': charges, 'pairs': pairs}


def _pair(key: str) -> tuple[str, str]:
    first, second = key.split('-')
    return first, second


_Pairs = Mapping[tuple[str, str], Mapping[str, float]]
_Written = tuple[list[str], dict[str, bytes]]


def _pedone(pairs: _Pairs, cutoff: float, coulomb_style: str) -> _Written:
    """LAMMPS writes D{[1−x]²−1} + C/r¹² as D{x²−2x} + C/r¹², x = exp[−a(r−r0)]: the same."""
    rows = [
        f'pair_coeff {{{i}}} {{{j}}} pedone {row["D"]!r} {row["a"]!r} {row["r0"]!r} {row["C"]!r}'
        for (i, j), row in pairs.items()
    ]
    return [*_overlay(f'pedone {cutoff!r}', coulomb_style), *rows], {}


def _buckingham(pairs: _Pairs, cutoff: float, coulomb_style: str) -> _Written:
    if coulomb_style.startswith('coul/long'):  # one style for both parts is faster than an overlay
        start, sub_style = [f'pair_style buck/coul/long {cutoff!r} {coulomb_style.split()[1]}'], ''
    else:
        start, sub_style = _overlay(f'buck {cutoff!r}', coulomb_style), 'buck '
    rows = [
        f'pair_coeff {{{i}}} {{{j}}} {sub_style}{row["A"]!r} {row["rho"]!r} {row["C"]!r}'
        for (i, j), row in pairs.items()
    ]
    return [*start, *rows], {}


def _repaired_buckingham(pairs: _Pairs, cutoff: float, coulomb_style: str) -> _Written:
    commands, files = _overlay(f'table spline {RUN_POINTS}', coulomb_style), {}
    for (i, j), row in pairs.items():
        form = RepairedBuckingham(A=row['A'], rho=row['rho'], C=row['C'])
        name = f'{i}_{j}'
        files[f'{name}.table'] = pair_table(name, cutoff, form.energy_and_force)
        commands.append(f'pair_coeff {{{i}}} {{{j}}} table {name}.table {name} {cutoff!r}')
    return commands, files


def _overlay(short_style: str, coulomb_style: str) -> list[str]:
    """All pairs have the Coulomb part; those without a row of their own have nothing else."""
    return [
        f'pair_style hybrid/overlay {short_style} {coulomb_style}',
        f'pair_coeff * * {coulomb_style.split(maxsplit=1)[0]}',
    ]


_FORMS = {'pedone': _pedone, 'buckingham': _buckingham, 'repaired-buckingham': _repaired_buckingham}
