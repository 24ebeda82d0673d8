"""How is the network as a whole, where nobody knows any site's own number? Sums with noise, period by period."""

from rounds.measures.definitions import Measure
from rounds.reports.charts.pooled import PooledPoint, pooled_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.observed import Observed
from rounds.reports.content.wording import (
    NETWORK,
    across,
    better_words,
    dated,
    inline,
    plural,
    rate_noun,
    rate_range,
    rate_text,
    rate_unit,
    sites_out_words,
    slug,
)
from rounds.reports.insight import (
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

_NOTES = (
    "The sites added their numbers up under masks that cancel only in the sum, each with its part of the noise. The "
    "centre knows the sum with its noise, and no site's number.",
    "The band is where the true rate lies in at least 95 of 100 cases, given the noise. It shows what the noise hides, "
    "not chance.",
    "Sums with noise are shown as 0 where they fall below it.",
)


def network_total(
    *, periods: tuple[str, ...], observed: tuple[Observed, ...], sites: int, measure: Measure, provenance: Provenance
) -> Insight:
    """Return the sums of a measure over sites whose own numbers nobody has.

    Args:
        periods: labels in order of time.
        observed: the sums in each period, as 95 % intervals of what the noise leaves open.
        sites: how many are added up.
        measure: what is counted.
        provenance: where the numbers come from.

    Raises:
        ValueError: if the series differ in length or no period surely has a denominator.
    """
    last = max((index for index, item in enumerate(observed) if item.denominator.lower), default=None)
    if last is None or len(periods) != len(observed):
        raise ValueError(f"{measure.id}: the pooled series differ in length or hold no number")
    latest = observed[last]
    lower, upper = latest.rate_bounds(measure.scale)
    value = latest.rate(measure.scale)
    level = rate_text(lower if value is None else value, measure)
    statement = (
        f"{measure.title} {across(provenance)}: {level} {dated(periods[last])} (95% interval of the noise "
        f"{rate_range(lower, upper, measure)}; {better_words(measure.better)})."
    )
    return Insight(
        id=slug("network total", measure.id, NETWORK),
        kind=Kind.OVER_TIME,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=_confidence(latest, sites, measure, provenance),
        comparator=None if measure.target is None else f"The network's target is {rate_text(measure.target, measure)}.",
        benefit=None,
        chart=pooled_chart(
            points=tuple(
                PooledPoint(label=label, value=item.rate(measure.scale), bounds=item.rate_bounds(measure.scale))
                for label, item in zip(periods, observed, strict=True)
                if item.denominator.lower
            ),
            target=measure.target,
            title=f"{measure.title}, {rate_unit(measure)}, {across(provenance)} ({better_words(measure.better)})",
            band="What the noise leaves open (95%)",
        ),
        alt_text=(
            f"Points with a band, where the {rate_noun(measure)} of {inline(measure.title)} lies given the noise, "
            f"{periods[0]} to {periods[-1]}. {statement}"
        ),
        table=Table(
            columns=_columns(measure),
            rows=tuple((label, *_cells(item, measure)) for label, item in zip(periods, observed, strict=True)),
        ),
        action=None,
        provenance=provenance,
        notes=_NOTES,
    )


def _columns(measure: Measure) -> tuple[str, ...]:
    rate, unit = rate_noun(measure).capitalize(), measure.denominator_unit.capitalize()
    events = "Events" if measure.amount is None else f"Sum ({measure.shown_in})"
    named = (f"{rate} ({rate_unit(measure)})", f"{events}, with noise", f"{unit}, with noise")
    return ("Period", *(f"{name}{part}" for name in named for part in ("", ", 95% from", ", 95% to")))


def _cells(item: Observed, measure: Measure) -> tuple[Cell, ...]:
    step = 1 if measure.amount is None else measure.scale
    rate: tuple[Cell, ...] = (Mark.NOT_APPLICABLE,) * 3
    shown = item.rate(measure.scale)
    if item.denominator.lower and shown is not None:
        rate = (tidy(shown), *(tidy(end) for end in item.rate_bounds(measure.scale)))
    top, bottom = item.numerator, item.denominator
    events = tuple(tidy(step * (one or 0)) for one in (top.value, top.lower, top.upper))
    return (*rate, *events, *(one or 0 for one in (bottom.value, bottom.lower, bottom.upper)))


def _confidence(latest: Observed, sites: int, measure: Measure, provenance: Provenance) -> Confidence:
    lower, upper = latest.rate_bounds(measure.scale)
    spread = (upper - lower) / upper if upper else 0.0
    if spread <= 0.05:
        doubt, because = 0, "the noise leaves almost no doubt"
    elif spread <= 0.3:
        doubt, because = 1, "the noise leaves some doubt"
    else:
        doubt, because = 2, "the numbers are so small that the noise hides most of them"
    reasons = [f"pooled over {plural(sites, 'site')}, no site's number is known to the centre; {because}"]
    if provenance.sites_out:
        doubt += 1
        reasons.append(f"{sites_out_words(provenance)}, and the total says nothing about them")
    return Confidence(
        level=(Certainty.HIGH, Certainty.MODERATE, Certainty.LOW)[min(doubt, 2)],
        because=f"{'; '.join(reasons)}. It says what was counted, and nothing about change.",
        estimate=Estimate(
            value=latest.rate(measure.scale),
            lower=lower,
            upper=upper,
            interval="95 % of the noise",
            unit=rate_unit(measure),
        ),
        method="pooled-noise@1",
    )
