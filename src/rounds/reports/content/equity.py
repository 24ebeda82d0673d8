"""Who is affected? Rates by age band or sex, with intervals that allow for withheld counts."""

from collections.abc import Mapping

from rounds.learning.variation.between_groups.slope_bounds import SlopeWithin
from rounds.measures.definitions import Measure
from rounds.measures.strata import UNKNOWN, Stratum
from rounds.network.members import Membership
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.content.cells import rate_cells, rate_columns, tidy, withheld_note
from rounds.reports.content.gradient import (
    NOTHING_BESIDE,
    Gradient,
    first_cells,
    first_columns,
    first_notes,
    slope_notes,
    slope_words,
)
from rounds.reports.content.observed import Observed, total
from rounds.reports.content.wording import (
    NETWORK,
    across,
    better_words,
    inline,
    interval_method,
    interval_name,
    rate_noun,
    rate_range,
    rate_unit,
    scope_name,
    slug,
    where,
)
from rounds.reports.insight import (
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Insight,
    Kind,
    Provenance,
    Table,
)

WORDS = {stratum: stratum.replace("_", " ") for stratum in Stratum}


def equity(
    *,
    groups: Mapping[str, Observed],
    stratum: Stratum,
    over: str,
    member: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
    gradient: Gradient = NOTHING_BESIDE,
) -> Insight:
    """Return how a rate differs between the levels of a stratum.

    Args:
        groups: counts by level, over the same time.
        stratum: what the levels are of.
        over: the time covered, in words.
        member: an ODS code, or `network`.
        measure: what is counted.
        membership: to name the member.
        provenance: where the numbers come from.
        gradient: how the rate changes along the levels, and where most could be gained.

    Raises:
        ValueError: if no level has anybody in it.
    """
    rows = {
        level: groups[level] for level in measure.levels(stratum) if level in groups and groups[level].denominator.upper
    }
    if not rows:
        raise ValueError(f"{measure.id}: no {WORDS[stratum]} has anybody in it; leave the statement out")
    intervals = {level: item.interval95(measure.scale) for level, item in rows.items()}
    statement, clear = _statement(
        intervals, stratum, measure, across(provenance) if member == NETWORK else where(member, membership)
    )
    slope, first = gradient.slope, gradient.first
    if isinstance(slope, SlopeWithin):
        named = [level for level in rows if level != UNKNOWN]
        statement = f"{statement.removesuffix('.')}; {slope_words(slope, measure, (named[0], named[-1]))}."
    withheld = sum(item.withheld for item in rows.values())
    lower, upper = min(low for low, _ in intervals.values()), max(high for _, high in intervals.values())
    return Insight(
        id=slug(Kind.EQUITY, measure.id, stratum, member),
        kind=Kind.EQUITY,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=member,
        scope_name=scope_name(member, membership),
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=Confidence(
            level=Certainty.MODERATE if clear and not withheld else Certainty.LOW,
            because=(
                f"the intervals of the highest and lowest {WORDS[stratum]} {'do not overlap' if clear else 'overlap'}; "
                f"{withheld} of {len(rows)} withheld; the groups may differ in more than {WORDS[stratum]}."
            ),
            estimate=Estimate(
                value=total(rows.values()).rate(measure.scale),
                lower=lower,
                upper=upper,
                interval="over all groups; 95% intervals of the groups reach from",
                unit=rate_unit(measure),
            ),
            method=interval_method(measure),
        ),
        comparator=f"Groups are compared with each other over {over}.",
        benefit=None,
        chart=interval_chart(
            rows=tuple(
                IntervalRow(
                    label=level,
                    value=item.rate(measure.scale),
                    lower=intervals[level][0],
                    upper=intervals[level][1],
                    withheld=item.withheld,
                )
                for level, item in rows.items()
            ),
            title=f"{measure.title}, {rate_unit(measure)}, by {WORDS[stratum]} ({better_words(measure.better)})",
        ),
        alt_text=(
            f"{rate_noun(measure).capitalize()}s of {inline(measure.title)} by {WORDS[stratum]} with 95% intervals. "
            f"{statement}"
        ),
        table=Table(
            columns=(
                WORDS[stratum].capitalize(),
                *rate_columns(measure),
                "95% interval, lower",
                "95% interval, upper",
                *(first_columns(first, measure) if first else ()),
            ),
            rows=tuple(
                (
                    level,
                    *rate_cells(item, measure),
                    *(tidy(end) for end in intervals[level]),
                    *(first_cells(first, level) if first else ()),
                )
                for level, item in rows.items()
            ),
        ),
        action=None,
        provenance=provenance,
        notes=(
            f"Crude {rate_noun(measure)}s: not standardised. Intervals are 95% ({interval_name(measure)}) and cover "
            "every value that withheld counts allow.",
            *slope_notes(slope, measure),
            *(first_notes(first, measure) if first else ()),
            *withheld_note(tuple(rows.values()), "group"),
        ),
    )


def _statement(
    intervals: Mapping[str, tuple[float, float]],
    stratum: Stratum,
    measure: Measure,
    place: str,
) -> tuple[str, bool]:
    """Return the sentence, and whether the extremes are clearly apart."""
    highest = max(intervals, key=lambda level: intervals[level][0])
    lowest = min(intervals, key=lambda level: intervals[level][1])
    if intervals[highest][0] > intervals[lowest][1]:
        names = (
            f"{highest} ({rate_range(*intervals[highest], measure)}) than for {lowest} "
            f"({rate_range(*intervals[lowest], measure)})"
        )
        return f"{measure.title} {place} by {WORDS[stratum]}: higher for {names}.", True
    return f"{measure.title} {place}: no clear difference by {WORDS[stratum]}.", False
