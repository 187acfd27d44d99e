"""The page of an elastic run: moduli side by side with their errors, and whether they can be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.elastic_figures import heading
from aiida_glassion.report.elastic_node import ElasticStudy
from aiida_glassion.report.figures.style import formula_text
from aiida_glassion.report.folder import safe_name
from aiida_glassion.report.markup import Figure, Markup, document, element, html, named_figure, table
from aiida_glassion.report.numbers import Number, format_number
from aiida_glassion.report.page import provenance_section

Figures = Mapping[str, Figure]
_MOST_TILES = 6
_ABOUT = (
    'K from p(V) is −V dp/dV. Of the elastic constants: K, G, E and ν of Hill, the mean of Voigt’s upper and Reuss’ '
    'lower bound. At 0 K atoms are relaxed at each strain; at a temperature the constants are isothermal.'
)


def write_elastic_page(study: ElasticStudy, figures: Figures, provenance_svg: str, files: Sequence[str] = ()) -> str:
    """Page of an elastic run.

    :param figures: by name, as :func:`~aiida_glassion.report.elastic_figures.elastic_figures` names them.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    """
    parts = [
        _head(study),
        _verdict(study),
        _navigation(),
        _numbers(study, figures),
        _tensors(study, figures),
        _samples(study, figures),
        _making(study),
        provenance_section(provenance_svg),
        _data(study, files),
        _ledger(study),
    ]
    return document(formula_text(study.title), *[part for part in parts if part])


def number_text(entry: Mapping[str, Any] | None) -> str:
    """Mean and standard error."""
    if not entry or entry.get('mean') is None:
        return '–'
    return format_number(Number(float(entry['mean']), entry.get('standard_error'), entry.get('n')))


def verdict_of(study: ElasticStudy) -> str:
    """How it ended, in a sentence."""
    ended = sum(bool(sample.record) for sample in study.samples)
    if study.state == 'running':
        return f'The run has not ended; {ended} of {len(study.samples)} samples that were begun have numbers.'
    if study.state == 'failed':
        return f'The run did not reach its end: {study.exit_text}'
    lost = sum(sample.record.get('reversible') is False for sample in study.samples)
    words = f'All {ended} samples have numbers.' if ended == len(study.samples) else f'{ended} samples have numbers.'
    return words + (
        f' {lost} of them did not come back to where they began.' if lost else ' All came back elastically.'
    )


def _head(study: ElasticStudy) -> Markup:
    facts = [
        f'protocol {study.settings["protocol"]}' if study.settings.get('protocol') else '',
        f'{len(study.samples)} sample{"s" * (len(study.samples) != 1)}',
        f'potential {study.potential["name"]}' if study.potential.get('name') else '',
        f'{study.started:%Y-%m-%d}',
        f'PK {study.pk}',
    ]
    note = element('p', study.description) if study.description else ''
    text = ' · '.join(fact for fact in facts if fact)
    return element('header', element('h1', formula_text(study.title)), element('p', text, class_='soft'), note)


def _verdict(study: ElasticStudy) -> Markup:
    warnings = study.results.get('warnings') or []
    kind = {'ok': 'warned' if warnings else 'ok'}.get(study.state, study.state)
    listed = element('ul', *(element('li', warning) for warning in warnings)) if warnings else ''
    box = element('section', element('p', verdict_of(study)), listed, class_=f'verdict {kind}', aria_label='Verdict')
    tiles: list[Markup] = []
    for group in study.groups:
        value, words = group['bulk'], 'K from p(V)'
        if group['moduli']:
            value, words = group['moduli']['young'], 'E'
        if value and len(tiles) < _MOST_TILES:
            name = f'{words} of {heading(group)} (GPa)'
            tiles.append(element('div', element('dt', name), element('dd', number_text(value))))
    return Markup(box + (element('dl', *tiles, class_='tiles') if tiles else ''))


def _navigation() -> Markup:
    links = [
        ('numbers', 'Moduli'), ('constants', 'Elastic constants'), ('samples', 'Samples'),
        ('making', 'How it was made'), ('provenance', 'Provenance'), ('data', 'Data'),
    ]  # fmt: skip
    return element('nav', *(element('a', text, href=f'#{name}') for name, text in links), aria_label='On this page')


def _section(name: str, title: str, *content: Any) -> Markup:
    return element('section', element('h2', title), *content, id=name)


def _numbers(study: ElasticStudy, figures: Figures) -> Markup:
    if not study.groups:
        return _section('numbers', 'Moduli', element('p', 'No sample has ended yet.'))
    head = (
        'Glass', 'T (K)', 'Samples', 'Atoms', 'Density (g/cm³)', 'K from p(V) (GPa)', 'K (GPa)', 'G (GPa)', 'E (GPa)',
        'ν',
    )  # fmt: skip
    rows = []
    for group in study.groups:
        moduli = group['moduli'] or {}
        rows.append(
            (
                group['group'],
                f'{group["temperature"]:g}',
                group['n'],
                ', '.join(str(number) for number in group['n_atoms']) or '–',
                number_text(group['density']),
                number_text(group['bulk']),
                *(number_text(moduli.get(name)) for name in ('bulk', 'shear', 'young', 'poisson')),
            )
        )
    caption = 'Mean ± standard error over the replicas; of one sample its own error, where it has one'
    about = element('p', _ABOUT, class_='soft')
    shown = [named_figure(study.title, figures, name) for name in ('moduli', 'pressure')]
    return _section('numbers', 'Moduli', table(head, rows, caption, numbers_from=1), about, *shown)


def _tensors(study: ElasticStudy, figures: Figures) -> Markup:
    groups = [group for group in study.groups if group['stiffness']]
    if not groups:
        return _section('constants', 'Elastic constants', element('p', 'There are none.'))
    head = (
        'Glass', 'K Reuss, Voigt (GPa)', 'G Reuss, Voigt (GPa)', 'Not isotropic (%)', 'Aᵁ', 'χ²',
        'Smallest eigenvalue (GPa)', 'C_ij − C_ji (GPa)',
    )  # fmt: skip
    rows = []
    for group in groups:
        tensor, moduli = group['stiffness'], group['moduli'] or {}
        judged = tensor['isotropy']
        stable = '' if tensor['stable'] else ' (not stable)'
        rows.append(
            (
                heading(group),
                *(
                    ', '.join(number_text(moduli.get(f'{name}_{bound}')) for bound in ('reuss', 'voigt'))
                    for name in ('bulk', 'shear')
                ),
                f'{100 * judged["deviation"]:.2g}',
                '–' if judged['universal'] is None else f'{judged["universal"]:.2g}',
                '–' if judged['chi2'] is None else f'{judged["chi2"]:.2g}',
                f'{tensor["lowest_stiffness"]:.3g}{stable}',
                f'{2 * tensor["asymmetry"]:.2g}',
            )
        )
    words = (
        'Not isotropic: |C − C_iso|/|C_iso|, a few per cent in cells of some thousand atoms. χ² is the same in units '
        'of the errors; about 1: isotropic as far as one can tell. A positive smallest eigenvalue means stable. The '
        'last column is what the two sides of the diagonal differed by before they were averaged.'
    )
    about = element('p', words, class_='soft')
    shown = named_figure(study.title, figures, 'constants')
    return _section('constants', 'Elastic constants', shown, table(head, rows, numbers_from=1), about)


def _samples(study: ElasticStudy, figures: Figures) -> Markup:
    head = (
        'Sample', 'Atoms', 'Density (g/cm³)', 'Largest stress left (GPa)', 'K from p(V) (GPa)', 'E (GPa)',
        'Back at no strain', 'Ended',
    )  # fmt: skip
    rows = []
    for sample in study.samples:
        record = sample.record
        moduli = (record.get('stiffness') or {}).get('moduli') or {}
        left = max((abs(value) for value in record.get('residual_stress') or ()), default=None)
        rows.append(
            (
                sample.label,
                record.get('n_atoms', '–'),
                '–' if 'density' not in record else f'{record["density"]:.3f}',
                '–' if left is None else f'{left:.2g}',
                number_text((record.get('bulk') or {}).get('modulus')),
                number_text(moduli.get('young')),
                _came_back(record),
                {'ok': 'well', 'running': 'not yet'}.get(sample.state, sample.exit_text),
            )
        )
    shown = []
    for sample in study.samples:
        name = f'stress_{safe_name(sample.label)}'
        if name in figures:
            shown.append(
                element('details', element('summary', figures[name][0]), named_figure(study.title, figures, name))
            )
    return _section('samples', 'Samples', table(head, rows, numbers_from=1), *shown)


def _came_back(record: Mapping[str, Any]) -> str:
    """Whether the sample was elastic, and how nearly."""
    returns = record.get('returns') or ()
    if not returns:
        return '–'
    worst = max(one['stress'] for one in returns)
    return f'{"yes" if record["reversible"] else "no"} (within {worst:.2g} GPa)'


def _making(study: ElasticStudy) -> Markup:
    potential, settings = study.potential, study.settings
    facts: list[Sequence[Any]] = []
    if potential:
        facts += [
            ('Potential', f'{potential.get("name")} ({potential.get("kind")}), PK {potential.get("pk")}'),
            ('Citation of the potential', potential.get('citation') or 'none given'),
        ]
    facts += [(f'Glass {label}', f'PK {pk}') for label, (pk, _) in study.glasses.items()]
    facts += [(words, _value(settings[key])) for key, words in _SETTINGS if settings.get(key) is not None]
    facts.append(('Seed', '–' if study.seed is None else study.seed))
    facts += list(study.software.items())
    return _section(
        'making',
        'How it was made',
        table(('What', 'Value'), facts),
        element(
            'details',
            element('summary', 'All settings of the protocol'),
            element('pre', element('code', json.dumps(settings, indent=1, ensure_ascii=False))),
        ),
    )


_SETTINGS = (
    ('methods', 'What was found'),
    ('strains', 'Strains of the elastic constants, each as plus and minus'),
    ('volume_strains', 'Changes of volume, each as plus and minus'),
    ('pressure', 'Pressure at no strain (GPa)'),
    ('coupling', 'What of the cell followed it before'),
    ('relax', 'At 0 K (K, ps, eV/Å)'),
    ('equilibrate', 'At a temperature: equilibrated for (ps)'),
    ('settle', 'after each strain (ps)'),
    ('sample', 'stress averaged over (ps)'),
    ('timestep', 'Timestep (fs)'),
)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ', '.join(f'{key.replace("_", " ")} {_value(entry)}' for key, entry in value.items())
    if isinstance(value, list):
        return ', '.join(_value(entry) for entry in value)
    return f'{value:g}' if isinstance(value, float) else str(value)


def _data(study: ElasticStudy, files: Sequence[str]) -> Markup:
    commands = (
        f'glassion archive {study.uuid} elastic.aiida   # the whole study, one file\n'
        f'{f"glassion report {study.uuid[:8]} report/":<68}# this page again'
    )
    rows = [('the run', study.pk, element('code', study.uuid))]
    rows += [(name, pk, element('code', uuid)) for name, (pk, uuid) in study.nodes.items()]
    rows += [(f'glass {label}', pk, element('code', uuid)) for label, (pk, uuid) in study.glasses.items()]
    listed = element('ul', *(element('li', element('code', name)) for name in files)) if files else ''
    return _section(
        'data',
        'How to get the data',
        element('pre', element('code', commands)),
        element('p', 'PKs change when an archive is imported, UUIDs never do.', class_='soft'),
        table(('Node', 'PK', 'UUID'), rows),
        element('h3', 'Files beside this page') if files else '',
        listed,
    )


def _ledger(study: ElasticStudy) -> Markup:
    if not study.ledger:
        return html('')
    rows = [
        (name, *(str(entry.get(key, '–')) for key in ('pk', 'exit_status', 'reason')))
        for name, entry in study.ledger.items()
        if isinstance(entry, Mapping)
    ]
    return _section('ledger', 'Ledger of failures', table(('Sample', 'PK', 'Exit code', 'Why'), rows))
