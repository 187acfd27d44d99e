"""Which figures a diffusion sweep has, with what to say under each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiida_glassion.report.diffusion import Group, Sweep
from aiida_glassion.report.diffusion_literature import Literature
from aiida_glassion.report.diffusion_series import arrhenius_panels, courses_of, havens_of, series_points
from aiida_glassion.report.figures.arrhenius import ArrheniusPanel, arrhenius_figure
from aiida_glassion.report.figures.channels import best_points, channels_figure, channels_of
from aiida_glassion.report.figures.diffusion_course import course_figure, haven_figure, series_figure
from aiida_glassion.report.figures.diffusion_sheet import Sheet, diffusion_sheet
from aiida_glassion.report.figures.mobility import alpha2_figure, has_curve, mobile_figure
from aiida_glassion.report.figures.msd import msd_figure, regime_figure, walks_of
from aiida_glassion.report.figures.style import formula_text
from aiida_glassion.report.figures.van_hove import drawn_temperatures, van_hove_figure
from aiida_glassion.report.folder import StudyFigure, safe_name

BANDS = 'Bands: one standard error over the replicas, or of the runs themselves where that is larger.'


def diffusion_figures(sweep: Sweep, literature: Sequence[Literature] = ()) -> Iterator[StudyFigure]:
    """Figures of a sweep, one after the other; those without anything to show are left out."""
    panels = arrhenius_panels(sweep, literature)
    if any(not series.empty for panel in panels for series in panel.series):
        yield StudyFigure('arrhenius', 'Arrhenius lines', arrhenius_caption(panels), arrhenius_figure(panels))
    series = series_points(sweep, sweep.ions[0]) if sweep.ions else []
    if len(series) > 1:
        yield StudyFigure(
            'series',
            'Conductivity of the series',
            'Nernst-Einstein conductivity at each temperature and, dashed, as the Arrhenius line says it at 300 K; '
            'bars: 95 % intervals. Right: energy of activation of σT.',
            series_figure(series, sweep.ions[0]),
        )
    havens = havens_of(sweep)
    if any(each.pooled for each in havens):
        yield StudyFigure(
            'haven',
            'Haven ratio',
            'D* of single ions over D_σ of all charges together; bars: 95 % intervals, small points: replicas. Below 1 '
            'the ions go with each other.',
            haven_figure(havens),
        )
    for group in sweep.groups:
        for ion in sweep.ions:
            yield from _of_ion(sweep, group, ion)
    sheet = sheet_of(sweep, literature)
    if sheet is not None:
        yield StudyFigure('diffusion_sheet', 'On one sheet', '', diffusion_sheet(sheet), vector=False)


def name_of(sweep: Sweep, group: Group, ion: str, name: str) -> str:
    """Name of a figure, or of its file, with composition and ion where there are several."""
    parts = [name]
    if len(sweep.groups) > 1:
        parts.append(safe_name(group.formula))
    if len(sweep.ions) > 1:
        parts.append(ion)
    return '_'.join(parts)


def _of_ion(sweep: Sweep, group: Group, ion: str) -> Iterator[StudyFigure]:
    """How the ions of one composition move."""
    where = f' in {formula_text(group.formula)}' if len(sweep.groups) > 1 else ''
    whose = f', {ion}{where}' if where or len(sweep.ions) > 1 else ''

    def named(name: str) -> str:
        return name_of(sweep, group, ion, name)

    walks = walks_of(group, ion)
    if walks:
        how = 'All time origins, drift of the framework removed. '
        drift = walks[0].mean.about.get('drift_removed')
        if isinstance(drift, list):
            how = f'All time origins, drift of {", ".join(drift)} removed. ' if drift else 'All time origins. '
        yield StudyFigure(
            named('msd'),
            f'Mean squared displacement{whose}',
            f'{how}Grey: window of the fit, mean over the replicas; dashed: 2d·D·t + intercept of the fits. {BANDS}',
            msd_figure(walks),
        )
        yield StudyFigure(
            named('regime'),
            f'Is it diffusion?{whose}',
            'Left: the same on logarithmic axes; thick: window of the fit; dotted: slope 1, diffusion. Right: the '
            f'exponent between a lag and twice as long. {BANDS}',
            regime_figure(walks),
        )
    courses = courses_of(sweep, group, ion)
    if courses:
        yield StudyFigure(
            named('history'),
            f'Length and error{whose}',
            'Relative standard error of D after each segment of each run; every segment is as long as all before. '
            'Dotted: how errors of independent stretches of time fall.',
            course_figure(courses, sweep.goal),
        )
    if has_curve(group, f'alpha2_{ion}'):
        yield StudyFigure(
            named('alpha2'),
            f'Non-Gaussian parameter{whose}',
            'Left: α₂(t), largest when some ions have left their places and others not. Right: when, run by run; '
            f'black: geometric mean. {BANDS}',
            alpha2_figure(group, ion),
        )
    if has_curve(group, f'mobile_{ion}'):
        yield StudyFigure(
            named('mobile'),
            f'Mobile and trapped ions{whose}',
            'Left: share of the ions whose own mean r² over the lag is beyond the distance. Right: the same at the lag '
            'of the α₂ peak of each run (else the longest), and by a mixture of two populations where there are two; '
            f'bars: standard errors. {BANDS}',
            mobile_figure(group, ion),
        )
    if drawn_temperatures(group, ion):
        yield StudyFigure(
            named('van_hove'),
            f'Van Hove functions{whose}',
            'Above: self part 4πr²G_s(r, t), its integral over r is 1 (brightest colour: its 98 % quantile). Middle: '
            'cuts through it. Below: distinct part, 1 where nothing is remembered; what grows at r = 0 are ions that '
            f'go where others were. {BANDS}',
            van_hove_figure(group, ion),
        )
    for number, point in enumerate(best_points(group.points)):
        channels = channels_of(point, point.load(), ion)
        if channels is not None:
            through = 'opens in one direction' in _threshold_words(channels.thresholds)
            yield StudyFigure(
                named(f'channels_{number + 1}'),
                f'Ways and density of {ion} at {point.temperature:g} K{where}',
                f'{point.label}, projected on three planes. Above: ways of the ions that went farthest, folded into '
                'the cell; dots: the framework. Below: the largest density behind each point'
                + (
                    ', with the outlines of the surfaces of equal density that just lead through the cell.'
                    if through
                    else '; no surface leads through the cell.'
                ),
                channels_figure(channels, ion),
                vector=False,
            )


def _threshold_words(thresholds: object) -> str:
    return 'opens in one direction' if isinstance(thresholds, dict) and thresholds.get('1') else ''


def arrhenius_caption(panels: Sequence[ArrheniusPanel]) -> str:
    """What the marks of the Arrhenius figure are."""
    series = [each for panel in panels for each in panel.series]
    words = ['Means over the replicas with 95 % intervals; small: replicas.']
    if any(each.line for each in series):
        words.append(
            'Line: weighted fit, solid and with a dark 95 % band over the temperatures of the fit; dashed, light and '
            'on grey where it is extrapolated.'
        )
    if any(each.room for each in series):
        words.append('Star: what it says at 300 K.')
    if any(not counts for each in series for *_, counts in each.replicas):
        words.append('Hollow: left out of the line, not diffusive.')
    if any(dot.upper_limit for each in series for dot in each.dots):
        words.append('Arrows: upper limits.')
    words += [f'{foreign.name}: from the literature.' for panel in panels for foreign in panel.foreign]
    return ' '.join(words)


def sheet_of(sweep: Sweep, literature: Sequence[Literature] = ()) -> Sheet | None:
    """What goes on the sheet: of the first composition and ion; None while there is nothing."""
    groups = [group for group in sweep.groups if group.points]
    if not groups or not sweep.ions:
        return None
    group, ion = groups[0], sweep.ions[0]
    channels = None
    for point in best_points(group.points)[:1]:
        channels = channels_of(point, point.load(), ion)
    return Sheet(
        title=' '.join(
            part
            for part in (
                formula_text(group.formula) if len(groups) == 1 else f'{len(groups)} compositions',
                f'  {ion} diffusion',
                f'  {sweep.potential["name"]}' if sweep.potential.get('name') else '',
            )
            if part
        ),
        panels=arrhenius_panels(sweep, literature),
        walks=walks_of(group, ion),
        group=group,
        ion=ion,
        channels=channels,
        courses=courses_of(sweep, group, ion),
        goal=sweep.goal,
        series=series_points(sweep, ion),
    )
