"""The page of an elastic run: moduli side by side with their errors, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.elastic_figures import heading
from aiida_glassion.report.elastic_node import ElasticStudy
from aiida_glassion.report.figures.style import formula_text
from aiida_glassion.report.folder import safe_name
from aiida_glassion.report.markup import Figure, Markup, document, element, named_figure, table
from aiida_glassion.report.numbers import Number, format_number
from aiida_glassion.report.page_parts import (
    data_section,
    head,
    ledger_section,
    making_section,
    missing,
    navigation,
    node_rows,
    potential_facts,
    provenance_section,
    section,
    setting_facts,
    soft,
    tiles,
    verdict,
)

Figures = Mapping[str, Figure]
_MOST_TILES = 6
_LINKS = {
    'numbers': 'Moduli', 'constants': 'Elastic constants', 'samples': 'Samples', 'making': 'How it was made',
    'provenance': 'Provenance', 'data': 'Data',
}  # fmt: skip
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
        verdict(study.state, verdict_of(study), study.results.get('warnings') or []),
        tiles(_tiles(study)),
        navigation(_LINKS),
        _numbers(study, figures),
        _tensors(study, figures),
        _samples(study, figures),
        _making(study),
        provenance_section(provenance_svg),
        _data(study, files),
        ledger_section(study.ledger, 'Sample'),
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
    facts = (
        f'protocol {study.settings["protocol"]}' if study.settings.get('protocol') else '',
        f'{len(study.samples)} sample{"s" * (len(study.samples) != 1)}',
        f'potential {study.potential["name"]}' if study.potential.get('name') else '',
        f'{study.started:%Y-%m-%d}',
        f'PK {study.pk}',
    )
    return head(formula_text(study.title), facts, study.description)


def _tiles(study: ElasticStudy) -> list[tuple[str, str]]:
    """E of each group, or K where there is no more, of the first ones."""
    chosen = []
    for group in study.groups:
        value, words = (group['moduli']['young'], 'E') if group['moduli'] else (group['bulk'], 'K from p(V)')
        if value:
            chosen.append((f'{words} of {heading(group)} (GPa)', number_text(value)))
    return chosen[:_MOST_TILES]


def _numbers(study: ElasticStudy, figures: Figures) -> Markup:
    if not study.groups:
        return section('numbers', 'Moduli', missing('No sample has ended yet.'))
    names = (
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
    shown = [named_figure(study.title, figures, name) for name in ('moduli', 'pressure')]
    return section('numbers', 'Moduli', table(names, rows, caption, numbers_from=1), soft(_ABOUT), *shown)


def _tensors(study: ElasticStudy, figures: Figures) -> Markup:
    groups = [group for group in study.groups if group['stiffness']]
    if not groups:
        return section('constants', 'Elastic constants', missing('There are none.'))
    names = (
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
    shown = named_figure(study.title, figures, 'constants')
    return section('constants', 'Elastic constants', shown, table(names, rows, numbers_from=1), soft(words))


def _samples(study: ElasticStudy, figures: Figures) -> Markup:
    names = (
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
    return section('samples', 'Samples', table(names, rows, numbers_from=1), *shown)


def _came_back(record: Mapping[str, Any]) -> str:
    """Whether the sample was elastic, and how nearly."""
    returns = record.get('returns') or ()
    if not returns:
        return '–'
    worst = max(one['stress'] for one in returns)
    return f'{"yes" if record["reversible"] else "no"} (within {worst:.2g} GPa)'


def _making(study: ElasticStudy) -> Markup:
    glasses = [(f'Glass {label}', f'PK {pk}') for label, (pk, _) in study.glasses.items()]
    facts = [*potential_facts(study.potential), *glasses, *setting_facts(study.settings, _SETTINGS)]
    units = 'Temperatures K, durations ps, pressures GPa, timestep fs, strains as fractions.'
    return making_section(facts, study.seed, study.software, study.settings, units)


_SETTINGS = {
    'methods': 'What was found',
    'strains': 'Strains of the elastic constants, each as plus and minus',
    'volume_strains': 'Changes of volume, each as plus and minus',
    'pressure': 'Pressure at no strain (GPa)',
    'coupling': 'What of the cell followed it before',
    'relax': 'At 0 K (K, ps, eV/Å)',
    'equilibrate': 'At a temperature: equilibrated for (ps)',
    'settle': 'after each strain (ps)',
    'sample': 'stress averaged over (ps)',
    'timestep': 'Timestep (fs)',
}


def _data(study: ElasticStudy, files: Sequence[str]) -> Markup:
    rows = node_rows({'the run': (study.pk, study.uuid), **study.nodes}) + node_rows(study.glasses, 'glass ')
    return data_section(study.uuid, 'elastic.aiida', rows, files)
