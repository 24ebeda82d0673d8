"""Whom to help next with an innovation, why, and how sure the order is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.learning.spread.coverage import Stopped
from rounds.learning.spread.diffusion.curves import Vector
from rounds.learning.spread.expected import Contribution
from rounds.learning.spread.who_next import Ranked, WhoNext
from rounds.measures.definitions import Better, Measure
from rounds.network.innovations import Innovation
from rounds.network.members import Membership
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.outlook import reason_words
from rounds.reports.content.stopped import stopped_words
from rounds.reports.content.wording import NETWORK, inline, listing, number, plural, quoted, slug
from rounds.reports.insight import (
    Action,
    Cell,
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Insight,
    Kind,
    Mark,
    Provenance,
    Table,
)

METHOD: Final = "adoption-hazard-times-benefit@1"
MOST_ROWS: Final = 20
"""On the chart; the table has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Members by how many events would be avoided, or patients reached, and what that rests on."""

    found: WhoNext
    reasons: Mapping[str, tuple[Contribution, ...]]
    """what makes each more or less likely to adopt, by ODS code"""
    benefit_known: bool
    """whether places are by events avoided; without a known effect they are by patients reached"""
    rate_ratio: tuple[float, float, float] | None
    """with its interval, as it goes into the order"""
    months: int
    """of the horizon"""
    total: tuple[float, float, float]
    """of the first together, with a 95 % interval"""
    stopped: tuple[Stopped, ...] = ()
    """who had begun and stopped: not ranked"""
    uncounted: tuple[str, ...] = ()
    """ODS codes of who waits and has no numbers: not ranked"""


def total_of(found: WhoNext, draws: Vector) -> tuple[float, float, float]:
    """Return what the first bring together, as the sum of what is said of each, with the 95 % interval of the draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return sum(one.patients for one in found.ranked[: found.first]), float(low), float(high)


def next_members(
    told: Next,
    *,
    innovation: Innovation,
    stage: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return whom to help next.

    Args:
        told: members in order.
        innovation: what spreads.
        stage: which counts as adopted.
        measure: the outcome, whose denominators are who could benefit.
        membership: to name members.
        provenance: where the numbers come from.
    """
    title = quoted(innovation.title)
    ranked = told.found.ranked
    first = ranked[: told.found.first]
    names = [membership.name_of(one.member) for one in first]
    unit = _unit(told, measure)
    sure = "" if told.found.certain else "; others may come first"
    what = (
        f"most {inline(measure.title)} could be {'gained' if measure.better is Better.HIGHER else 'avoided'}"
        if told.benefit_known
        else f"most {measure.denominator_unit} could be reached"
    )
    value, low, high = told.total
    return Insight(
        id=slug(Kind.SPREAD, innovation.id, stage, "next"),
        kind=Kind.SPREAD,
        statement=f"By helping with {title} next, {what} at {listing(names)}{sure}.",
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=innovation.id,
        measure_title=innovation.title,
        innovation=innovation.id,
        certainty=Confidence(
            level=Certainty.MODERATE if told.found.certain and told.benefit_known else Certainty.LOW,
            because=_because(told, measure),
            estimate=Estimate(value=tidy(value), lower=tidy(low), upper=tidy(high), interval="95% interval", unit=unit),
            method=METHOD,
        ),
        comparator=None,
        benefit=None,
        chart=interval_chart(
            rows=tuple(
                IntervalRow(
                    label=membership.name_of(one.member),
                    value=tidy(one.patients),
                    lower=tidy(one.lower),
                    upper=tidy(one.upper),
                    withheld=False,
                )
                for one in ranked[:MOST_ROWS]
            ),
            title=f"{unit[0].upper()}{unit[1:]}, if helped next",
        ),
        alt_text=(
            f"Intervals of {unit} at {plural(len(ranked), 'member')} that {'has' if len(ranked) == 1 else 'have'} not "
            f"adopted {title}, from the most to the least. First: {listing(names)}."
        ),
        table=Table(
            columns=(
                "Place",
                "Member",
                unit[0].upper() + unit[1:],
                "Lower 95%",
                "Upper 95%",
                f"Chance that it adopts within {plural(told.months, 'month')} (%)",
                f"{measure.denominator_unit.capitalize()} a year, lowest possible",
                f"{measure.denominator_unit.capitalize()} a year, highest possible",
                f"Chance that it is among the first {told.found.first} (%)",
                "Why",
            ),
            rows=tuple(_row(one, told, membership) for one in ranked),
        ),
        action=Action(text=f"Offer help with {title} to {listing(names)}.", owner_role="Programme manager"),
        provenance=provenance,
        notes=_notes(told, measure, membership),
    )


def _unit(told: Next, measure: Measure) -> str:
    if not told.benefit_known:
        return f"{measure.denominator_unit} a year reached"
    way = "gained" if measure.better is Better.HIGHER else "avoided"
    return f"{inline(measure.title)} {way} a year"


def _row(one: Ranked, told: Next, membership: Membership) -> tuple[Cell, ...]:
    reasons = reason_words(told.reasons.get(one.member, ()))
    return (
        f"{one.place}=" if one.level else one.place,
        membership.name_of(one.member),
        tidy(one.patients),
        tidy(one.lower),
        tidy(one.upper),
        round(100 * one.probability, 1),
        tidy(one.eligible[0]),
        tidy(one.eligible[1]),
        round(100 * one.first, 1),
        "; ".join(reasons) or Mark.NOT_APPLICABLE,
    )


def _because(told: Next, measure: Measure) -> str:
    parts = ["chance that each adopts, as members like it did, times how many patients it has a year"]
    if told.benefit_known and told.rate_ratio is not None:
        ratio, low, high = told.rate_ratio
        parts.append(f"times what it did elsewhere (rate ratio {number(ratio)}, {number(low)} to {number(high)})")
    said = " ".join(parts) + "."
    if not told.benefit_known:
        title = inline(measure.title)
        why = f"Whether it changes {title} is not known"
        if measure.shown_in is not None:
            why = f"Nobody can be counted by a mean, as {title} is"
        said += f" {why}, so patients reached are counted, not benefited."
    if not told.found.certain:
        said += " The intervals overlap: others may belong among the first."
    return said


def _notes(told: Next, measure: Measure, membership: Membership) -> tuple[str, ...]:
    notes = [
        f"For {told.months} months ahead: as many adopt as the forecast says, and who they are follows from what went "
        "with adopting sooner. Nobody has measured what help does to the chance of adopting.",
        f"{measure.denominator_unit.capitalize()} are counted, and one patient may have several. The effect is taken "
        "to be the same everywhere.",
    ]
    withheld = [one for one in told.found.ranked if one.eligible[0] < one.eligible[1]]
    if withheld:
        notes.append(
            f"Of {plural(len(withheld), 'member')} the numbers are withheld or rounded: anything between the bounds is "
            "taken as equally likely."
        )
    if any(one.level for one in told.found.ranked):
        notes.append("Members with = are level: their order says nothing.")
    notes += stopped_words(told.stopped, membership)
    if told.uncounted:
        names = listing([membership.name_of(code) for code in told.uncounted])
        notes.append(f"Not ranked, because no {inline(measure.title)} were counted there: {names}.")
    return tuple(notes)
