"""What the records of a fracture study say, in words and values: the page, figures and tables share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_glassion import units
from aiida_glassion.report.figures.style import formula_text
from aiida_glassion.report.fracture import Fracture, Group, Pull
from aiida_glassion.report.numbers import Number, format_number, read_number

KINDS = {'tension': 'Tension', 'notched': 'Notched'}
STATUS = {
    'broken': ('✓ broken', 'good'),
    'whole': ('✗ not broken', 'wait'),
    'running': ('… running', 'wait'),
    'failed': ('✗ failed', 'bad'),
}
QUANTITIES: dict[str, tuple[str, str, float]] = {
    'young': ("Young's modulus E", 'GPa', 1.0),
    'poisson': ("Poisson's ratio ν", '', 1.0),
    'strength': ('Strength', 'GPa', 1.0),
    'strength_strain': ('Strain at the strength', '%', 100.0),
    'failure_strain': ('Strain at failure', '%', 100.0),
    'broken_strain': ('Strain when broken', '%', 100.0),
    'toughness': ('Area under the curve', 'GJ/m³', 1e-9),
    'work': ('Work per cross section', 'J/m²', 1.0),
    'G_c': ('G_c', 'J/m²', 1.0),
    'K_Ic': ('K_Ic', 'MPa·√m', 1.0),
    'surface_energy': ('Surface energy γ_s', 'J/m²', 1.0),
    'brittleness': ('Brittleness 2γ_s/G_c', '', 1.0),
}
"""Name in words, unit shown, and factor from the unit of the results."""
_MOST_WARNINGS = 12


def number_in(record: Mapping[str, Any], name: str) -> Number | None:
    """A number of a pull or of a group in the unit shown; None where there is none."""
    held = record.get(name)
    if held is None and name not in ('young', 'poisson'):
        held = (record.get('tension') or {}).get(name)
    if isinstance(held, Mapping) and 'value' in held:
        held = {'mean': held['value'], 'standard_error': held.get('error'), 'n': None}
    found = read_number(held)
    return None if found is None else found.scaled(QUANTITIES[name][2])


def text_of(record: Mapping[str, Any], name: str) -> str:
    """A number of a pull or of a group, ``2.48 ± 0.12``."""
    return format_number(number_in(record, name), 3).replace(' ', '\u00a0')


def pull_status(pull: Pull) -> str:
    """Key of :data:`STATUS`."""
    if pull.state in ('running', 'failed'):
        return pull.state
    return 'broken' if pull.broken else 'whole'


def rate_text(rate: float | None) -> str:
    """A rate as people compare it: ``1 × 10⁹ 1/s``; of steps a word."""
    if rate is None:
        return 'steps'
    digits, _, power = f'{rate * units.PER_PS_TO_PER_S:.3e}'.partition('e')
    raised = str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))
    value = float(digits)
    return (f'10{raised} 1/s' if value == 1 else f'{value:g} × 10{raised} 1/s').replace(' ', '\u00a0')


def size_text(group: Group) -> str:
    """``2×2×1, 8640 atoms``."""
    size = '×'.join(str(n) for n in group.size)
    return f'{size}, {group.n_atoms} atoms' if group.n_atoms else size


def group_text(group: Group, groups: list[Group]) -> str:
    """What tells a group from others of its kind: rate and size; ``n = 3``."""
    own = [other for other in groups if other.kind == group.kind]
    parts = []
    if len({other.rate for other in own}) > 1 or len(own) == 1:
        parts.append(rate_text(group.rate))
    if len({other.size for other in own}) > 1 or not parts:
        parts.append(f'{group.n_atoms} atoms' if group.n_atoms else size_text(group))
    return ', '.join(parts) + f' (n = {len(group.pulls)})'


def region_names(pull: Pull) -> list[str]:
    """Regions of which there are numbers, beside all atoms."""
    found = [name.split('__')[1] for name in pull.along if name.startswith('d2min__') and name.endswith('__mean')]
    return [name for name in found if name != 'all']


def formers_of(pull: Pull) -> list[str]:
    """Elements whose bonds were followed."""
    return sorted({name.split('__')[1] for name in pull.along if name.startswith('bonds__')})


def verdict_of(study: Fracture) -> str:
    """What came of it, in one sentence."""
    broken = sum(pull_status(pull) == 'broken' for pull in study.pulls)
    if study.single:
        pull = study.pulls[0]
        what = {
            'broken': 'The sample was pulled until it broke.',
            'whole': 'The sample was pulled to the end and did not break.',
            'running': 'The pull has not ended.',
            'failed': f'The pull did not reach its end: {study.exit_text}.',
        }
        return what[pull_status(pull)]
    ended = sum(pull.state != 'running' for pull in study.pulls)
    if study.state == 'running':
        return f'The study has not ended: {ended} of {study.planned} pulls are through, broken: {broken}.'
    if study.state == 'failed':
        return f'The study did not reach its end: {study.exit_text}.'
    return f'The study ended well: {broken} of {len(study.pulls)} samples were pulled until they broke.'


def warnings_of(study: Fracture) -> list[str]:
    """What a reader must know before taking a number from the page."""
    found: list[str] = []
    if study.preliminary:
        found.append('The means are preliminary: formed for this page from the pulls that have ended.')
    if not study.pulls:
        found.append('No pull has begun.')
    found += [str(warning) for warning in study.results.get('warnings') or []]
    groups = [group for group in study.groups if group.record]
    if not study.single and groups and all(len(group.pulls) < 2 for group in groups):
        found.append('One sample of each kind, rate and size: no error over samples can be given.')
    if groups and not any(group.kind == 'notched' for group in study.groups):
        found.append('No sample was notched: there is no G_c and no K_Ic.')
    told = ' '.join(found)
    for label, entry in study.ledger.items():
        if label not in told:
            found.append(f'{label} failed: {entry.get("reason", entry) if isinstance(entry, Mapping) else entry}')
    for pull in study.pulls:
        found += [f'{pull.label}: {warning}' for warning in pull.numbers.get('warnings') or []]
    kept = list(dict.fromkeys(text.rstrip('. ') + '.' for text in found))
    if len(kept) > _MOST_WARNINGS:
        kept = [*kept[:_MOST_WARNINGS], f'… and {len(kept) - _MOST_WARNINGS} more, see the table of the pulls.']
    return kept


def chosen_text(study: Fracture) -> str:
    """What was chosen, for the captions: rates, sides, temperature, formula."""
    settings = study.settings
    parts = []
    if settings.get('temperature') is not None:
        parts.append(f'{settings["temperature"]:g} K')
    if settings.get('lateral'):
        parts.append(
            f'sides at {settings.get("pressure") or 0:g} GPa' if settings['lateral'] == 'free' else 'sides fixed'
        )
    rates = list(dict.fromkeys(rate_text(pull.rate) for pull in study.pulls))
    parts += [f'strain rate {", ".join(rates)}'] if rates and rates != ['steps'] else ['in steps'] if rates else []
    atoms = sorted({n for pull in study.pulls if (n := pull.n_atoms)})
    if atoms:
        parts.append(f'{atoms[0]} atoms' if len(atoms) == 1 else f'{atoms[0]} to {atoms[-1]} atoms')
    return ', '.join(parts)


def title_of(study: Fracture) -> str:
    """Heading of the page."""
    return formula_text(study.title)
