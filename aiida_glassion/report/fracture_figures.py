"""Which figures a fracture study has, with what to say under each."""

from __future__ import annotations

from collections.abc import Iterator

from aiida_glassion.report.figures.along_strain import (
    coordination_figure,
    nonaffine_figure,
    regions_figure,
    switching_figure,
    where_figure,
)
from aiida_glassion.report.figures.crack import crack_figure
from aiida_glassion.report.figures.fracture_sheet import Sheet, fracture_sheet
from aiida_glassion.report.figures.strain_map import Slices, strain_map_figure
from aiida_glassion.report.figures.stress_strain import stress_strain_figure, trend_figure
from aiida_glassion.report.folder import StudyFigure
from aiida_glassion.report.fracture import Fracture, Group, Pull
from aiida_glassion.report.fracture_facts import KINDS, chosen_text, text_of, title_of
from aiida_glassion.report.fracture_series import (
    coordination_courses,
    main_groups,
    motions,
    openings,
    region_courses,
    snapshots_shown,
    stress_panels,
    switching_courses,
    trends,
    where_maps,
)

BANDS = 'Bands: one standard error over the samples.'
_DOTTED = 'Dotted: where the samples are strongest.'


def fracture_figures(study: Fracture) -> Iterator[StudyFigure]:
    """Figures of a study, one after the other; those without anything to show are left out."""
    panels = stress_panels(study)
    if any(not panel.empty for panel in panels):
        mean = any(len(bundle.samples) > 1 and bundle.mean for panel in panels for bundle in panel.bundles)
        lines = 'Thin: samples; thick: their mean. ' if mean else ''
        yield StudyFigure(
            'stress_strain',
            'Stress over strain',
            f'{_sentence(chosen_text(study))} {lines}Dots: strengths, noise averaged; crosses: where '
            'the stress fell below half of it for good. Stress is force over the present cross section of the cell, a '
            f'notch included. {BANDS if mean else ""}'.strip(),
            stress_strain_figure(panels),
        )
    gone = trends(study)
    if gone:
        yield StudyFigure(
            'trends', 'With the rate and the size', 'Means over the samples; bars: one standard error.',
            trend_figure(gone),
        )  # fmt: skip
    shown = snapshots_shown(study)
    for pull, cut in shown:
        yield StudyFigure(
            f'strain_map_{pull.kind}', f'How it broke: {KINDS[pull.kind].lower()}', map_caption(pull, cut),
            strain_map_figure(cut), vector=False,
        )  # fmt: skip
    opened = openings(study)
    if opened:
        yield StudyFigure(
            'crack',
            'The crack',
            'Looked for along the load in columns about 5 Å wide: the longest stretch without an atom, where it is '
            'longer than 8 Å. A notch is open from the start. Diamonds: no chain of atoms nearer than 3.5 Å holds the '
            'two halves together. Right: middle of the crack in the last snapshot, less its mean; the band is its '
            'opening.',
            crack_figure(opened),
        )
    yield from _along(study)
    if any(not panel.empty for panel in panels):
        yield StudyFigure('fracture_sheet', 'On one sheet', '', fracture_sheet(sheet_of(study)), vector=False)


def _along(study: Fracture) -> Iterator[StudyFigure]:
    """What bonds and atoms do."""
    several = any(len(group.analysed) > 1 for group in main_groups(study))
    marks = f'{_DOTTED} {BANDS}' if several else _DOTTED
    whose = ' and '.join(f'{KINDS[g.kind].lower()} (n = {len(g.analysed)})' for g in main_groups(study))
    bonds = switching_courses(study)
    if bonds:
        yield StudyFigure(
            'bond_switching',
            'Bonds that switched',
            f'{_sentence(whose)} Neighbours of each network former against those it had in the unstrained sample, by '
            'identity; what is left of 100 % is unchanged. Snapshots at a temperature also show bonds that vibrate '
            f'across the cut-off. {marks}',
            switching_figure(bonds),
        )
    coordination = coordination_courses(study)
    if coordination:
        yield StudyFigure(
            'coordination',
            'Coordination',
            f'Mean number of neighbours within the cut-offs of the unstrained sample, less that of the unstrained '
            f'sample. {marks}',
            coordination_figure(coordination),
        )
    moved = motions(study)
    if any(motion.course.curves for motion in moved):
        radius = next((p.numbers['settings']['radius'] for g in main_groups(study) for p in g.analysed
                       if (p.numbers.get('settings') or {}).get('radius')), 6.0)  # fmt: skip
        yield StudyFigure(
            'nonaffine',
            'Motion that is not affine',
            f'D²min: summed over the neighbours within {radius:g} Å; local shear: von Mises invariant. Right: the '
            'smallest share of atoms that has half of all D²min, 50 % if all had the same; the less, the more '
            f'localised. Vibration alone gives D²min too, as the first snapshots show. {marks}',
            nonaffine_figure(moved),
        )
    maps = where_maps(study)
    if maps:
        yield StudyFigure(
            'where',
            'Where it shears',
            'Mean local shear in slabs across the load, by their place in the unstrained sample: the pull spreads over '
            'the whole sample, the crack does not.',
            where_figure(maps),
        )
    for group, course, switched in region_courses(study):
        yield StudyFigure(
            f'regions_{group.kind}',
            f'By region: {KINDS[group.kind].lower()}',
            f'Glass, interface and crystal as they were in the unstrained sample. {marks}',
            regions_figure(course, switched),
        )


def map_caption(pull: Pull, cut: Slices) -> str:
    """What the slices of a pull are."""
    what = 'The whole sample' if cut.whole else f'A slab {cut.thickness:.0f} Å thick'
    numbers = [
        f'{name} {text_of(pull.results, key)} {unit}'
        for name, key, unit in (('strength', 'strength', 'GPa'), ('G_c', 'G_c', 'J/m²'), ('K_Ic', 'K_Ic', 'MPa·√m'))
        if text_of(pull.results, key) != '–'
    ]
    return (
        f'{pull.label}: {", ".join(numbers)}. {what}, the load ({cut.axes[1]}) upwards, the way of the crack '
        f'({cut.axes[0]}) to the right, all at one scale, moved along the load so that the crack is inside. Above: '
        'local shear strain. Below: network formers by what became of their bonds; other atoms are small and grey.'
    )


def sheet_of(study: Fracture) -> Sheet:
    """What goes on the sheet."""
    shown = snapshots_shown(study)
    potential = f'  {study.potential["name"]}' if study.potential.get('name') else ''
    rows = [
        (name, *(text_of(group.record, key) for group in _sheet_groups(study)))
        for name, key in _SHEET_NUMBERS.items()
        if any(text_of(group.record, key) != '–' for group in _sheet_groups(study))
    ]
    return Sheet(
        title=f'{title_of(study)}{potential}',
        chosen=f'{chosen_text(study)}; K_Ic in plane {study.plane}',
        panels=[panel for panel in stress_panels(study) if not panel.empty],
        bonds=switching_courses(study),
        openings=openings(study),
        cut=shown[-1][1] if shown else None,
        heads=[KINDS[group.kind] for group in _sheet_groups(study)],
        rows=rows,
    )


_SHEET_NUMBERS = {
    'E (GPa)': 'young',
    'Strength (GPa)': 'strength',
    'Strain there (%)': 'strength_strain',
    'Failure (%)': 'failure_strain',
    'G_c (J/m²)': 'G_c',
    'γ_s (J/m²)': 'surface_energy',
    'K_Ic (MPa·√m)': 'K_Ic',
    '2γ_s/G_c': 'brittleness',
}


def _sheet_groups(study: Fracture) -> list[Group]:
    found = [study.main(kind) for kind in KINDS]
    return [group for group in found if group is not None and group.record]


def _sentence(text: str) -> str:
    return f'{text[:1].upper()}{text[1:]}.' if text else ''
