"""How is the network as a whole? Totals as bounds, period by period."""

from rounds.measures.definitions import Measure
from rounds.reports.charts.pooled import PooledPoint, pooled_chart
from rounds.reports.content.cells import rate_cells, rate_columns, withheld_note
from rounds.reports.content.observed import Observed
from rounds.reports.content.wording import (
    NETWORK,
    better_words,
    dated,
    grain_noun,
    inline,
    rate_between,
    rate_text,
    rate_unit,
    slug,
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


def pooled(
    *,
    periods: tuple[str, ...],
    observed: tuple[Observed | None, ...],
    sites: tuple[int, ...],
    measure: Measure,
    provenance: Provenance,
) -> Insight:
    """Return the network's total, with the bounds that withheld counts leave.

    Args:
        periods: labels in order of time.
        observed: the network's sum in each period; None where nothing was received.
        sites: how many sites are in each period's sum.
        measure: what is counted.
        provenance: where the numbers come from.

    Raises:
        ValueError: if the series differ in length or no period has a number.
    """
    last = max((index for index, item in enumerate(observed) if item and item.denominator.upper), default=None)
    if last is None or not len(periods) == len(observed) == len(sites):
        raise ValueError(f"{measure.id}: the pooled series differ in length or hold no number")
    latest = observed[last]
    assert latest is not None  # noqa: S101  # `last` was chosen so
    lower, upper = latest.rate_bounds(measure.per)
    value = latest.rate(measure.per)
    level = rate_text(value, measure) if value is not None else rate_between(lower, upper, measure)
    statement = f"{measure.title} across the network: {level} {dated(periods[last])} ({better_words(measure.better)})."
    return Insight(
        id=slug("pooled", measure.id, NETWORK),
        kind=Kind.OVER_TIME,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=_confidence(latest, sites, last, measure),
        comparator=None if measure.target is None else f"The network's target is {rate_text(measure.target, measure)}.",
        benefit=None,
        chart=pooled_chart(
            points=tuple(
                PooledPoint(label=label, value=item.rate(measure.per), bounds=item.rate_bounds(measure.per))
                for label, item in zip(periods, observed, strict=True)
                if item is not None and item.denominator.upper
            ),
            target=measure.target,
            title=f"{measure.title}, {rate_unit(measure)}, whole network ({better_words(measure.better)})",
        ),
        alt_text=(
            f"Band from the lowest to the highest possible network rate of {inline(measure.title)}, "
            f"{periods[0]} to {periods[-1]}. {statement}"
        ),
        table=Table(
            columns=("Period", "Sites", *rate_columns(measure)),
            rows=tuple(
                (label, count, *rate_cells(item, measure))
                for label, count, item in zip(periods, sites, observed, strict=True)
            ),
        ),
        action=None,
        provenance=provenance,
        notes=(
            "The band holds every value that the withheld and rounded counts allow. It shows what is not "
            "known, not chance.",
            *withheld_note(observed, grain_noun(measure.grain)),
        ),
    )


def _confidence(latest: Observed, sites: tuple[int, ...], last: int, measure: Measure) -> Confidence:
    lower, upper = latest.rate_bounds(measure.per)
    spread = (upper - lower) / upper if upper else 0.0
    if spread <= 0.05:
        level, because = Certainty.HIGH, "withheld and rounded counts leave almost no doubt about the total"
    elif spread <= 0.3:
        level, because = Certainty.MODERATE, "withheld and rounded counts leave some doubt about the total"
    else:
        level, because = Certainty.LOW, "so many counts are withheld that the total is only roughly known"
    if sites[last] < max(sites):
        level, because = (
            Certainty.LOW,
            f"{because}; {max(sites) - sites[last]} of {max(sites)} sites are not in the latest total",
        )
    return Confidence(
        level=level,
        because=f"{because}. It says what was counted, and nothing about change.",
        estimate=Estimate(
            value=latest.rate(measure.per),
            lower=lower,
            upper=upper,
            interval="lowest to highest possible",
            unit=rate_unit(measure),
        ),
        method="pooled-bounds@1",
    )
