"""Tables of the page of a fracture study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.kernels.mechanics.bond_switching import SWITCHES
from aiida_glassion.report.fracture import Fracture, Group, Pull
from aiida_glassion.report.fracture_facts import (
    KINDS,
    QUANTITIES,
    STATUS,
    formers_of,
    number_in,
    pull_status,
    rate_text,
    size_text,
    text_of,
)
from aiida_glassion.report.markup import Markup, element, html, table
from aiida_glassion.report.numbers import Number, format_number


def pooled_table(study: Fracture) -> Markup:
    """Means over the samples of each kind, rate and size: a column for each, a row for each quantity."""
    groups = [group for group in study.groups if group.record]
    if not groups:
        return element('p', 'No numbers yet.')
    rows: list[Sequence[Any]] = [
        ('Strain rate', '', *(rate_text(group.rate) for group in groups)),
        ('Size', '', *(size_text(group) for group in groups)),
        ('Samples, of them broken', '', *(f'{g.record.get("n", 0)}, {g.record.get("n_broken", 0)}' for g in groups)),
    ]
    for name, (words, unit, _) in QUANTITIES.items():
        numbers = [number_in(group.record, name) for group in groups]
        if any(number is not None for number in numbers):
            rows.append((words, unit, *(_mean(group, number) for group, number in zip(groups, numbers, strict=True))))
    head = ('Quantity', 'Unit', *(KINDS.get(group.kind, group.kind) for group in groups))
    errors = any(len(group.pulls) > 1 for group in groups)
    caption = 'Mean ± standard error over the samples' if errors else 'One sample of each: no error can be given'
    return table(head, rows, caption, numbers_from=2)


def _mean(group: Group, number: Number | None) -> str:
    if number is None:
        return '–'
    few = number.n is not None and number.n < (group.record.get('n') or 0)
    return format_number(number, 3).replace(' ', '\u00a0') + (f' (n\u00a0=\u00a0{number.n})' if few else '')


def toughness_table(study: Fracture) -> Markup:
    """G_c and K_Ic of each notched sample, with the modulus that went into K_Ic."""
    rows: list[Sequence[Any]] = []
    for pull in study.pulls:
        if pull.kind != 'notched' or not pull.results.get('fracture'):
            continue
        elastic = pull.results.get('elastic') or {}
        complete = (pull.results.get('fracture') or {}).get('complete')
        energy = text_of(pull.results, 'G_c')
        rows.append(
            (
                pull.label,
                energy if complete or energy == '–' else f'at least {energy}',
                text_of(pull.results, 'K_Ic'),
                text_of(elastic, 'young'),
                text_of(elastic, 'poisson'),
                str(elastic.get('source') or '–'),
                text_of(pull.results, 'surface_energy'),
                text_of(pull.results, 'brittleness'),
            )
        )
    if not rows:
        return html('')
    formula = 'K_Ic = √(G_c E/(1 − ν²)), plane strain' if study.plane == 'strain' else 'K_Ic = √(G_c E), plane stress'
    note = element(
        'p',
        f'{formula}; G_c = A₀/(A₀ − A_crack) ∫ σ dL until the stress is gone. Linear elasticity: of a sample that '
        'flows before it breaks, K_Ic is that of an elastic body with the same G_c.',
        class_='soft',
    )
    head = ('Sample', 'G_c (J/m²)', 'K_Ic (MPa·√m)', 'E (GPa)', 'ν', 'E and ν from', 'γ_s (J/m²)', '2γ_s/G_c')
    return Markup(element('h3', 'Toughness of each notched sample') + note + table(head, rows))


def pulls_table(study: Fracture) -> Markup:
    """Every pull: how it ended and what it gave."""
    if not study.pulls:
        return element('p', 'No pull has begun.')
    rows = []
    for pull in study.pulls:
        words, kind = STATUS[pull_status(pull)]
        why = str(pull.results.get('reason') or '') or ('' if pull.state == 'running' else pull.exit_text)
        rows.append(
            (
                pull.label,
                element('span', words, class_=kind),
                pull.n_atoms or '–',
                rate_text(pull.rate),
                text_of(pull.results, 'young'),
                text_of(pull.results, 'strength'),
                text_of(pull.results, 'failure_strain'),
                why,
            )
        )
    head = ('Pull', 'State', 'Atoms', 'Rate', 'E (GPa)', 'Strength (GPa)', 'Failure (%)', 'How it ended')
    return table(head, rows)


def bonds_table(pull: Pull) -> Markup:
    """What became of the bonds of a sample at the strains of its maps, and at its end."""
    records = [*(pull.numbers.get('at_maps') or [])]
    last = pull.numbers.get('last')
    if last and (not records or records[-1].get('strain') != last.get('strain')):
        records.append(last)
    if not records or not formers_of(pull):
        return html('')
    rows: list[Sequence[Any]] = []
    for former in formers_of(pull):
        rows.append((f'{former}, share of its atoms (%)',))
        for name in SWITCHES:
            rows.append((name, *(_share(record, former, name) for record in records)))
    rows.append(('Neighbours, less those of the unstrained sample',))
    for pair in pull.numbers.get('cutoffs') or {}:
        values = [(record.get('coordination') or {}).get(pair) or {} for record in records]
        rows.append((pair.replace('-', '–'), *(_signed(value.get('change')) for value in values)))
    rows.append(('Sample',))
    rows.append(('Open share (%)', *(_crack(record, 'open_share', 100.0) for record in records)))
    rows.append(('Mean opening (Å)', *(_crack(record, 'opening', 1.0) for record in records)))
    halves = ['yes' if (record.get('crack') or {}).get('separated') else 'no' for record in records]
    rows.append(('In two halves', *halves))
    head = ('At a strain of', *(f'{100 * record["strain"]:.1f} %' for record in records))
    cutoffs = ', '.join(
        f'{pair.replace("-", "–")} {length:.2f} Å' for pair, length in (pull.numbers.get('cutoffs') or {}).items()
    )
    return table(head, rows, f'{pull.label}; cut-offs: {cutoffs}', numbers_from=1)


def _share(record: Mapping[str, Any], former: str, name: str) -> str:
    value = (((record.get('bonds') or {}).get(former) or {}).get('all') or {}).get(name)
    return '–' if value is None else f'{100 * value:.1f}'


def _crack(record: Mapping[str, Any], name: str, factor: float) -> str:
    value = (record.get('crack') or {}).get(name)
    return '–' if value is None else f'{factor * value:.1f}'


def _signed(value: Any) -> str:
    return '–' if value is None else f'{value:+.3f}'.replace('-', '−')
