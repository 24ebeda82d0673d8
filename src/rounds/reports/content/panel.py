"""What other estimators and the checks say beside the leading estimate, in words, charts and tables."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Effect, Interval
from rounds.learning.impact.panel.agreement import Difference
from rounds.learning.impact.panel.estimate import Estimate as PanelEstimate
from rounds.learning.impact.panel.estimate import NoEstimate
from rounds.learning.impact.panel.event_study import EventStudy
from rounds.learning.impact.panel.pre_trend import Drift
from rounds.learning.impact.panel.run import DidItWork
from rounds.learning.impact.panel.sensitivity import MAGNITUDES, Sensitivity
from rounds.learning.impact.panel.space import SpacePlacebo
from rounds.reports.charts.event_study import EventPoint, event_study_chart
from rounds.reports.charts.forest import APART, BESIDE, LEADING, ForestRow, forest_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.wording import listing, plural
from rounds.reports.insight import Cell, Exhibit, Mark, Table

NameOf = Callable[[str], str]
_SHARE_OF_EFFECT = 0.5
_COLUMNS = (
    "What",
    "Rate ratio",
    "Lower",
    "Upper",
    "Against the leading one",
    "Lower, against it",
    "Upper, against it",
    "Remark",
)
_P = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the exhibits are about, in words."""

    subject: str
    """what was measured, and where it is in effect, for the charts' titles"""
    better: str
    """which way is better, in words"""
    period: str
    """what a period is called: "month" """


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Something in the panel that makes a finding less certain."""

    words: str
    grave: bool


def change_words(ratio: float) -> str:
    """Return a rate ratio as a board reads it.

    >>> change_words(0.5), change_words(1.2), change_words(1.0)
    ('50% fewer', '20% more', 'no change')
    """
    change = round(100 * (ratio - 1))
    return f"{abs(change)}% {'fewer' if change < 0 else 'more'}" if change else "no change"


def doubts_of(found: DidItWork) -> tuple[Doubt, ...]:
    """Return what in the panel speaks against the leading estimate, the estimators' disagreement first."""
    doubts = []
    apart = () if found.agreement is None else found.agreement.flagged
    if apart:
        names = listing([one.name for one in apart])
        doubts.append(Doubt(words=f"other estimators disagree ({names}), so find out why", grave=False))
    drift, effect = found.drift, float(np.log(found.effect.rate_ratio.estimate))
    if isinstance(drift, Drift) and drift.p_value < _P:
        share = drift.adding_up_to / effect if effect else 0.0
        adds = f"which alone would amount to {change_words(float(np.exp(drift.adding_up_to)))}"
        doubts.append(
            Doubt(
                words=f"adopting sites were moving apart from the others before they adopted, {adds}",
                grave=share > _SHARE_OF_EFFECT,
            )
        )
    if found.together is not None and found.together.p_value < _P:
        doubts.append(Doubt(words="the steps before adoption are not level", grave=False))
    space, ratio = found.placebo_in_space, found.effect.rate_ratio
    if isinstance(space, SpacePlacebo) and space.p_value > _P and not ratio.lower <= 1 <= ratio.upper:
        words = f"adoption dealt out at random looks as strong {space.p_value:.0%} of the time"
        doubts.append(Doubt(words=words, grave=False))
    return tuple(doubts)


def support_of(found: DidItWork) -> str | None:
    """Return, in a clause, that other estimators agree; None where none applies or one does not."""
    if found.agreement is None or found.agreement.flagged:
        return None
    number = len(found.agreement.differences)
    return f"{plural(number, 'other estimator')} cannot be told apart from it"


def exhibits_of(found: DidItWork, setting: Setting, name_of: NameOf = str) -> tuple[Exhibit, ...]:
    """Return the charts and tables of the panel: the estimators compared, and before and after adoption.

    Args:
        found: the panel.
        setting: what it is about.
        name_of: gives a site's name.
    """
    compared = _compared(found, setting, name_of)
    study = found.event_study
    return (compared,) if isinstance(study, str) else (compared, _before_and_after(found, study, setting))


def _compared(found: DidItWork, setting: Setting, name_of: NameOf) -> Exhibit:
    applied = [one for one in found.estimates if isinstance(one, PanelEstimate)]
    differences = {} if found.agreement is None else {one.name: one for one in found.agreement.differences}
    rows = tuple(
        ForestRow(
            name=one.name,
            value=one.rate_ratio.estimate,
            lower=one.rate_ratio.lower,
            upper=one.rate_ratio.upper,
            state=LEADING
            if one is applied[0]
            else APART
            if one.name in differences and differences[one.name].flagged
            else BESIDE,
        )
        for one in applied
    )
    title = _agreement_words(found)
    return Exhibit(
        name="Estimators",
        title=title,
        chart=forest_chart(rows=rows, title=f"{setting.subject}: what each estimator says ({setting.better})"),
        alt_text=(
            f"Forest chart of {plural(len(rows), 'estimate')} of the rate ratio with 95% confidence intervals: "
            + "; ".join(f"{row.name} {row.value:.2f} ({row.lower:.2f} to {row.upper:.2f})" for row in rows)
            + "."
        ),
        table=Table(
            columns=_COLUMNS,
            rows=(*(_estimate_row(one, differences) for one in found.estimates), *_check_rows(found, name_of)),
        ),
        notes=_compared_notes(found, name_of),
    )


def _agreement_words(found: DidItWork) -> str:
    others = [one for one in found.estimates[1:] if isinstance(one, PanelEstimate)]
    if not others or found.agreement is None:
        return "No other estimator can be put beside this one."
    ratios = sorted(one.rate_ratio.estimate for one in (found.estimates[0], *others) if isinstance(one, PanelEstimate))
    span = f"between {change_words(ratios[0])} and {change_words(ratios[-1])}"
    apart = found.agreement.flagged
    if not apart:
        return f"{plural(len(others) + 1, 'estimator')} say {span}, and none disagrees with the leading one."
    names = listing([one.name for one in apart])
    return f"Estimators disagree: they say {span}, and {names} not what the leading one does."


_NONE = (Mark.NOT_AVAILABLE,) * 3


def _estimate_row(one: PanelEstimate | NoEstimate, differences: dict[str, Difference]) -> tuple[Cell, ...]:
    if isinstance(one, NoEstimate):
        return (one.name, *_NONE, *_NONE, f"does not apply: {one.reason}")
    apart = differences.get(one.name)
    against: tuple[Cell, ...] = (Mark.NOT_APPLICABLE,) * 3 if apart is None else _cells(apart.ratio)
    verdict = "" if apart is None else "disagrees. " if apart.flagged else "does not disagree. "
    left_out = f" {one.left_out[0].upper()}{one.left_out[1:]}." if one.left_out else ""
    return (one.name, *_cells(one.rate_ratio), *against, f"{verdict}{one.assumes}{left_out} Method: {one.method}")


def _cells(interval: Interval) -> tuple[Cell, ...]:
    return tidy(interval.estimate), tidy(interval.lower), tidy(interval.upper)


def _check_rows(found: DidItWork, name_of: NameOf) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    blank: tuple[Cell, ...] = (Mark.NOT_APPLICABLE,) * 3
    placebo = found.placebo_in_time
    if isinstance(placebo, Effect):
        rows.append(("Placebo in time", *_cells(placebo.rate_ratio), *blank, "should include 1"))
    space = found.placebo_in_space
    if isinstance(space, SpacePlacebo):
        ends = np.exp(np.quantile(space.log_ratios, [0.5, 0.025, 0.975]))
        remark = f"middle and 95% range of {space.runs} runs; p = {space.p_value:.3f}, at least {space.smallest:.3f}"
        rows.append(("Placebos in space", *(tidy(float(end)) for end in ends), *blank, remark))
    rows += [
        (
            f"Without {name_of(one.site)}",
            tidy(one.rate_ratio),
            Mark.NOT_AVAILABLE,
            Mark.NOT_AVAILABLE,
            *blank,
            "leading",
        )
        for one in found.influential
    ]
    if found.two_way is not None:
        remark = f"looked at only; {found.two_way.negative_weights:.0%} of its weights are below 0"
        if found.two_way.late_against_early is not None:
            remark += f"; {found.two_way.late_against_early:.0%} of it compares with sites that already had it"
        ratio = tidy(found.two_way.rate_ratio)
        rows.append(("Two-way fixed effects", ratio, Mark.NOT_AVAILABLE, Mark.NOT_AVAILABLE, *blank, remark))
    return rows


def _compared_notes(found: DidItWork, name_of: NameOf) -> tuple[str, ...]:
    notes = ["No estimator is chosen by its result: the first leads because it alone works on what is known of counts."]
    if found.draws > 1:
        notes.append(
            f"{found.withheld_share:.0%} of the counts are known between bounds. The other estimators take no bounds; "
            f"they were run on {found.draws} completed sets of counts, drawn from within the bounds, and their "
            "intervals allow for what is not known."
        )
    if found.agreement is not None:
        notes.append(
            "An estimator disagrees if its difference from the leading one is larger than sites, left out one by one, "
            "make likely; of panels in which all is well, fewer than 1 in 20 are flagged."
        )
    if found.agreement is not None and found.agreement.flagged:
        notes.append(
            "Usual reasons: the effect fades or grows, it differs between early and late adopters or large and small "
            "sites, or adopters were on another path already."
        )
    space = found.placebo_in_space
    if isinstance(space, SpacePlacebo):
        notes.append(
            f"Adoption was dealt out at random {space.runs} times among {space.sites} sites' time without it: "
            f"{_as_often(space)} (p = {space.p_value:.3f}; it cannot be below {space.smallest:.3f})."
        )
    elif isinstance(space, str):
        notes.append(f"No placebo in space: {space}.")
    if found.influential:
        first = found.influential[0]
        notes.append(
            f"The site that moves the estimate most is {name_of(first.site)}: without it, "
            f"{change_words(first.rate_ratio)}."
        )
    return tuple(notes)


def _as_often(space: SpacePlacebo) -> str:
    times = round(space.p_value * (space.runs + 1)) - 1
    return f"{times or 'none'} of them looked as strong as the real one"


def _before_and_after(found: DidItWork, study: EventStudy, setting: Setting) -> Exhibit:
    points = tuple(
        EventPoint(
            middle=(step.first + step.last) / 2,
            value=float(np.exp(step.log_ratio)),
            pointwise=_ratios(step.pointwise),
            simultaneous=_ratios(step.simultaneous),
        )
        for step in study.steps
    )
    width = plural(study.width, setting.period)
    rows: list[tuple[Cell, ...]] = [
        (
            f"{step.first} to {step.last}",
            tidy(float(np.exp(step.log_ratio))),
            *(tidy(end) for end in (*_ratios(step.pointwise), *_ratios(step.simultaneous))),
            step.sites,
        )
        for step in study.steps
    ]
    return Exhibit(
        name="Before and after",
        title=_before_words(found, study),
        chart=event_study_chart(
            points=points,
            reference=-(study.width + 1) / 2,
            unit=f"{setting.period}s",
            title=f"{setting.subject}: steps of {width} against the last before adoption ({setting.better})",
        ),
        alt_text=(
            f"Event study in steps of {width}, as rate ratios to the last step before adoption: "
            + "; ".join(f"from {step.first} to {step.last}, {np.exp(step.log_ratio):.2f}" for step in study.steps)
            + "."
        ),
        table=Table(
            columns=(
                f"{setting.period.capitalize()}s from adoption",
                "Rate ratio",
                "Lower, this step",
                "Upper, this step",
                "Lower, all steps",
                "Upper, all steps",
                "Adopting sites",
            ),
            rows=tuple(rows),
        ),
        notes=_before_notes(found, setting),
    )


def _ratios(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = np.exp(np.clip(ends, -50, 50))
    return float(low), float(high)


def _before_words(found: DidItWork, study: EventStudy) -> str:
    drift, steps = found.drift, found.together
    moving = isinstance(drift, Drift) and drift.p_value < _P
    uneven = steps is not None and steps.p_value < _P
    if moving or uneven:
        return "Sites that adopted were already moving apart from the others before they did."
    if isinstance(drift, str) and steps is None:
        return "Whether sites that adopted were already on another path cannot be tested."
    later = [step for step in study.steps if step.first >= 0]
    if later and all(step.simultaneous[1] < 0 or step.simultaneous[0] > 0 for step in later):
        return "Before adoption no difference was found; afterwards there is one in every step."
    return "Before adoption no difference was found, as far as the data can tell."


def _before_notes(found: DidItWork, setting: Setting) -> tuple[str, ...]:
    notes = ["Thick bars hold for each step alone 95 times in 100; thin ones for all steps together."]
    if found.together is not None:
        notes.append(
            f"The {plural(found.together.steps, 'step')} before adoption, tested together: p = "
            f"{found.together.p_value:.2f}."
        )
    drift = found.drift
    if isinstance(drift, Drift):
        notes.append(
            f"Before adoption, adopters moved {_pace(drift.per_period)} a {setting.period} against sites that never "
            f"adopt (95% CI {_pace(drift.lower)} to {_pace(drift.upper)}; p = {drift.p_value:.2f})."
        )
        notes.append(
            f"That test would notice a drift of {100 * np.expm1(drift.detectable):.1f}% a {setting.period} 4 times in "
            f"5. A smaller one can hide; one just as large would look like "
            f"{change_words(float(np.exp(-drift.hidden)))} by itself."
        )
    else:
        notes.append(f"A drift apart from sites that never adopt cannot be tested: {drift}.")
    told = found.sensitivity
    if isinstance(told, Sensitivity):
        notes += _sensitivity_notes(told)
    else:
        notes.append(f"How far trends may differ before the finding falls cannot be told: {told}.")
    return tuple(notes)


def _sensitivity_notes(told: Sensitivity) -> list[str]:
    mean = f"Over all steps after adoption, {change_words(float(np.exp(told.log_ratio)))}"
    if told.parallel.lower <= 0 <= told.parallel.upper:
        return [f"{mean}, which cannot be told from no change even if trends were parallel."]
    limit = told.relative_breakdown
    says = (
        f"{mean}. That stands as long as no step after adoption departs from parallel trends by more than "
        f"{limit:.1f} times the largest step seen before it"
        if np.isfinite(limit)
        else f"{mean}. No departure of up to 100 times the largest step seen before adoption undoes that"
    )
    notes = [f"{says} (a cautious bound; {MAGNITUDES[1]:.0f} is a common yardstick)."]
    if told.smooth:
        line = told.smooth[0]
        if line.lower <= 0 <= line.upper:
            notes.append("A drift along a straight line that began before adoption could explain it.")
        else:
            notes.append(
                "A drift along a straight line that began before adoption would not explain it; the line would have "
                f"to bend by more than {100 * np.expm1(told.smooth_breakdown):.1f}% from each step to the next."
            )
    return notes


def _pace(per_period: float) -> str:
    return f"{100 * np.expm1(per_period):+.1f}%"
