"""Did it work, and for how many? From a difference-in-differences and its placebo."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Effect, Interval, MeanEffect, NoEffect, Panel
from rounds.learning.impact.panel.run import DidItWork
from rounds.learning.spread.adoption import Stage
from rounds.measures.definitions import Better, Measure
from rounds.network.innovations import Innovation
from rounds.network.members import Membership
from rounds.reports.charts.impact import impact_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.impact_points import impact_points
from rounds.reports.content.impact_words import Setting, Words, main_effect, mean_notes
from rounds.reports.content.panel import exhibits_of
from rounds.reports.content.reading import Reading, no_reading, reading_of
from rounds.reports.content.wording import (
    NETWORK,
    better_words,
    inline,
    listing,
    number,
    period_noun,
    plural,
    quoted,
    rate_unit,
    slug,
)
from rounds.reports.insight import (
    Action,
    Benefit,
    Cell,
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Exhibit,
    Insight,
    Kind,
    Mark,
    Provenance,
    Table,
)

CI = "95% confidence interval"
STAGE_WORDS = {
    Stage.AWARE: "known",
    Stage.PLANNED: "planned",
    Stage.IN_PROGRESS: "being introduced",
    Stage.LIVE: "live",
    Stage.EMBEDDED: "embedded",
    Stage.STOPPED: "stopped",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a difference-in-differences found, and what it looked at."""

    effect: Effect | MeanEffect | NoEffect
    placebo: Effect | MeanEffect | NoEffect | None
    """the same estimate where nothing should be found; None if not tried"""
    panel: Panel
    periods: tuple[str, ...]
    """labels of the panel's periods"""
    beside: DidItWork | None = None
    """other estimators and checks; None if not made"""
    restarted: tuple[str, ...] = ()
    """ODS codes of sites that stopped and started again"""

    def __post_init__(self) -> None:
        if self.panel.lower.shape != (len(self.panel.sites), len(self.periods)):
            raise ValueError(
                f"the panel has shape {self.panel.lower.shape}, but there are {len(self.panel.sites)} sites and "
                f"{len(self.periods)} period labels"
            )


def impact(
    *,
    evaluation: Evaluation,
    innovation: Innovation,
    stage: Stage,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return what an innovation did to a measure where it is in effect, or why that cannot be said.

    Args:
        evaluation: the estimate with its placebo, or the reason that there is none.
        innovation: what was introduced; its title is quoted.
        stage: the stage from which it counts as in effect.
        measure: the outcome.
        membership: to name the sites.
        provenance: where the numbers come from.
    """
    effect, placebo, panel, periods = evaluation.effect, evaluation.placebo, evaluation.panel, evaluation.periods
    title = quoted(innovation.title)
    in_effect = f"where {title} is {STAGE_WORDS[stage]}"
    words = Words(shown_in=measure.shown_in)
    if isinstance(effect, NoEffect):
        reading = no_reading(effect, in_effect, title=measure.title)
        estimate, method = _counted(panel, measure), "none"
        sites: tuple[str, ...] = ()
    else:
        reading = reading_of(
            effect,
            placebo,
            panel,
            in_effect,
            title=measure.title,
            better=measure.better,
            beside=evaluation.beside,
            words=words,
        )
        estimate, method = _effect(effect, words), effect.method
        used = [row for row, mask in zip(panel.sites, panel.treated, strict=True) if mask.any()]
        sites = tuple(dict.fromkeys(membership.name_of(panel.member_of(row)) for row in used))
    chart_title = f"{measure.title}, {rate_unit(measure)}, {in_effect} ({better_words(measure.better)})"
    return Insight(
        id=slug(Kind.IMPACT, innovation.id, measure.id, NETWORK),
        kind=Kind.IMPACT,
        statement=reading.statement,
        direction=reading.direction,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=innovation.id,
        certainty=Confidence(level=reading.level, because=reading.because, estimate=estimate, method=method),
        comparator=_comparator(effect, in_effect),
        benefit=_benefit(effect, reading, title, measure),
        chart=impact_chart(
            points=impact_points(effect, panel, periods, measure.scale),
            observed_label=words.observed,
            expected_label="Expected without",
            title=chart_title,
        ),
        alt_text=(
            f"Chart of {inline(measure.title)} {in_effect}, as counted and as expected without it, "
            f"from {periods[0]} to {periods[-1]}. "
            f"{reading.statement}"
        ),
        table=_table(effect, placebo, panel, periods, measure),
        action=_action(reading, title, measure),
        provenance=provenance,
        notes=(*_notes(effect, placebo, sites, measure), *_restart_note(evaluation.restarted, membership)),
        exhibits=_exhibits(evaluation, measure, in_effect, membership),
    )


def _restart_note(restarted: tuple[str, ...], membership: Membership) -> tuple[str, ...]:
    if not restarted:
        return ()
    names = listing([membership.name_of(code) for code in restarted])
    return (
        f"Stopped and started again: {names}. What came after the first stop is in no estimate, so what starting again "
        "did is not said.",
    )


def _exhibits(evaluation: Evaluation, measure: Measure, in_effect: str, membership: Membership) -> tuple[Exhibit, ...]:
    beside, panel = evaluation.beside, evaluation.panel
    if beside is None:
        return ()

    def name_of(row: str) -> str:
        member = panel.member_of(row)
        return membership.name_of(member) + row.removeprefix(member)

    words = Words(shown_in=measure.shown_in)
    setting = Setting(
        subject=f"{measure.title}{words.unit} {in_effect}",
        better=better_words(measure.better),
        period=period_noun(measure),
        words=words,
    )
    return exhibits_of(beside, setting, name_of)


def _effect(effect: Effect | MeanEffect, words: Words) -> Estimate:
    found = main_effect(effect)
    unit = f"{words.effect[0].lower()}{words.effect[1:]} ({words.scale.none:.0f} is no change)"
    return Estimate(value=found.estimate, lower=found.lower, upper=found.upper, interval=CI, unit=unit)


def _counted(panel: Panel, measure: Measure) -> Estimate:
    """Return what is known without an estimate: the events counted, or the mean, while it was in effect.

    Where the denominator is unknown there may have been events too; then the unit says which part was counted.
    """
    used = panel.treated & ~panel.excluded
    known = int((used & ~np.isnan(panel.lower)).sum())
    every = int(used.sum())
    if panel.mean_of is not None:
        return _mean_counted(panel, measure, known=known, every=every)
    lower, upper = (float(np.nansum(np.where(used, bound, np.nan))) for bound in (panel.lower, panel.upper))
    unit = "events counted while it was in effect"
    if known < every:
        unit += f", in the {known:,} of {plural(every, 'site-period')} whose denominator is known"
    return Estimate(
        value=lower if lower == upper and known == every else None,
        lower=lower,
        upper=upper,
        interval="lowest to highest possible; not an effect",
        unit=unit,
    )


def _mean_counted(panel: Panel, measure: Measure, *, known: int, every: int) -> Estimate:
    """Return the mean of all site-periods with it; where there is none, between what a mean lies at all."""
    there = panel.treated & ~np.isnan(panel.lower)
    unit = f"{measure.shown_in}, the mean while it was in effect, in {known:,} of {plural(every, 'site-period')}"
    if not there.any():
        ends = (measure.shown_from, measure.shown_to)
        return Estimate(
            value=None, lower=ends[0], upper=ends[1], interval="what a mean can be; not an effect", unit=unit
        )
    sizes, means, reach = panel.exposure[there], panel.means[there], panel.reach[there]
    mean, half = float((sizes * means).sum() / sizes.sum()), float((sizes * reach).sum() / sizes.sum())
    return Estimate(
        value=mean if half == 0.0 else None,
        lower=mean - half,
        upper=mean + half,
        interval="lowest to highest possible; not an effect",
        unit=unit,
    )


def _comparator(effect: Effect | MeanEffect | NoEffect, in_effect: str) -> str | None:
    if isinstance(effect, NoEffect):
        return None
    return (
        f"What was counted {in_effect} against what was expected there without it, from the same sites "
        f"before and the others meanwhile."
    )


def _benefit(effect: Effect | MeanEffect | NoEffect, reading: Reading, title: str, measure: Measure) -> Benefit | None:
    """Return the events avoided (or gained) where the estimate says it got better; a possible harm is no benefit.

    Of a mean nobody can be named who benefited: it moves by a few people far or by many a little.
    """
    if not isinstance(effect, Effect) or reading.direction is not Direction.BETTER:
        return None
    sign = -1 if measure.better is Better.HIGHER else 1
    ends = sorted((sign * effect.avoided.lower, sign * effect.avoided.upper))
    unit = f"events {'gained' if sign < 0 else 'avoided'} ({inline(measure.title)})"
    return Benefit(
        patients=Estimate(value=sign * effect.avoided.estimate, lower=ends[0], upper=ends[1], interval=CI, unit=unit),
        counterfactual=f"what would have been expected in the same "
        f"{plural(effect.treated_periods, 'site-period')} without {title}",
        site_periods=effect.treated_periods,
    )


def _table(
    effect: Effect | MeanEffect | NoEffect,
    placebo: Effect | MeanEffect | NoEffect | None,
    panel: Panel,
    periods: tuple[str, ...],
    measure: Measure,
) -> Table:
    rate = rate_unit(measure)
    rows = _of_all(effect, placebo, measure)
    for point in impact_points(effect, panel, periods, measure.scale):
        exact = point.lower == point.upper
        counted: Cell = point.shown if point.shown is not None else point.lower if exact else Mark.WITHHELD
        rows.append(
            (
                "Counted",
                point.label,
                counted,
                point.lower,
                point.upper,
                f"{rate}, {plural(point.sites, 'site')}{'' if exact else '; some counts withheld or rounded'}",
            )
        )
        if not isinstance(effect, NoEffect):
            expected: Cell = Mark.NOT_AVAILABLE if point.expected is None else point.expected
            remark = rate if point.expected is not None else "no site without it to compare with"
            rows.append(("Expected without it", point.label, expected, Mark.NOT_AVAILABLE, Mark.NOT_AVAILABLE, remark))
    return Table(columns=("What", "Period", "Value", "Lower", "Upper", "Unit or remark"), rows=tuple(rows))


def _of_all(
    effect: Effect | MeanEffect | NoEffect, placebo: Effect | MeanEffect | NoEffect | None, measure: Measure
) -> list[tuple[Cell, ...]]:
    """Return the rows of the table that are about all periods."""
    words = Words(shown_in=measure.shown_in)
    none = f"{words.scale.none:.0f}"
    main = (None if isinstance(one, NoEffect) or one is None else main_effect(one) for one in (effect, placebo))
    first, last = (_cells(one) for one in main)
    share = effect.share if isinstance(effect, MeanEffect) else None
    total = effect.total if isinstance(effect, MeanEffect) else None
    between: list[tuple[Cell, ...]] = (
        [("Events avoided", "all", *_avoided(effect), "below 0: more events than expected")]
        if measure.shown_in is None
        else [
            ("Share of the mean without it", "all", *_cells(share), "-0.1 is a tenth less"),
            (f"All {measure.shown_in}", "all", *_cells(total), f"of all {measure.unit} with it"),
        ]
    )
    effect_is = words.effect[0].lower() + words.effect[1:]
    return [
        (words.effect, "all", *first, f"{none} is no change"),
        *between,
        (f"Placebo {effect_is}", "all", *last, f"should include {none}"),
    ]


def _avoided(effect: Effect | MeanEffect | NoEffect) -> tuple[Cell, Cell, Cell]:
    return _cells(effect.avoided if isinstance(effect, Effect) else None)


def _cells(interval: Interval | None) -> tuple[Cell, Cell, Cell]:
    if interval is None:
        return (Mark.NOT_AVAILABLE,) * 3
    return tidy(interval.estimate), tidy(interval.lower), tidy(interval.upper)


def _action(reading: Reading, title: str, measure: Measure) -> Action:
    if reading.direction is Direction.BETTER and reading.level is not Certainty.LOW:
        text = f"Carry on spreading {title}, and keep measuring."
        return Action(text=text, owner_role="Commissioner")
    if reading.direction is Direction.WORSE:
        text = f"Pause before spreading {title} further and find out why {inline(measure.title)} got worse."
        return Action(text=text, owner_role="Programme board")
    return Action(text=f"Do not claim a benefit for {title} yet; look again next round.", owner_role="Programme board")


def _notes(
    effect: Effect | MeanEffect | NoEffect,
    placebo: Effect | MeanEffect | NoEffect | None,
    sites: tuple[str, ...],
    measure: Measure,
) -> tuple[str, ...]:
    notes = [f"For {inline(measure.title)}, {better_words(measure.better)}."]
    if isinstance(effect, NoEffect):
        return (*notes, "No estimate means that we do not know; it does not mean that there was no effect.")
    notes.append(f"In effect at {', '.join(sites)}: {plural(effect.treated_periods, 'site-period')}.")
    if isinstance(effect, Effect) and effect.withheld_share:
        notes.append(
            f"{100 * effect.withheld_share:.0f}% of the counts used are withheld, rounded or have noise; the chart "
            f"draws their lowest to highest possible value."
        )
    notes += [*effect.notes, f"Assumed: {effect.assumes}"]
    if placebo is not None and not isinstance(placebo, NoEffect):
        notes.append("The placebo asks the same question where the answer should be no change.")
    if isinstance(effect, Effect):
        notes.append(
            f"Events are counted, not people: one patient may have several. Dispersion {number(effect.dispersion)}."
        )
    else:
        notes += mean_notes(effect, Words(shown_in=measure.shown_in))
        notes.append(
            "How many patients benefited is not said: a mean moves by few people far or by many a little, and no rule "
            "of the benefit ledger makes people of it."
        )
    return tuple(notes)
