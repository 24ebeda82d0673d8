"""How is the network as a whole? Totals as bounds, period by period."""

from rounds.learning.bounded.pooled import METHOD, PooledRate
from rounds.learning.overlap import DistinctPeople
from rounds.measures.definitions import Measure
from rounds.reports.charts.pooled import PooledPoint, pooled_chart
from rounds.reports.content.cells import rate_cells, rate_columns, tidy, withheld_note
from rounds.reports.content.observed import Observed
from rounds.reports.content.wording import (
    NETWORK,
    across,
    better_words,
    dated,
    inline,
    period_noun,
    plural,
    rate_between,
    rate_noun,
    rate_span,
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


def pooled(  # noqa: PLR0913  all that a total says of itself
    *,
    periods: tuple[str, ...],
    observed: tuple[Observed | None, ...],
    members: tuple[int, ...],
    expected: tuple[int, ...],
    not_published: int = 0,
    distinct: DistinctPeople | None = None,
    estimates: tuple[PooledRate | None, ...] = (),
    measure: Measure,
    provenance: Provenance,
) -> Insight:
    """Return the total of the sites that answered, with the bounds that withheld counts leave.

    Args:
        periods: labels in order of time.
        observed: the network's sum in each period; None where nothing was received.
        members: how many organisations are in each period's sum. A publisher site stands for many.
        expected: how many would be, if everyone that ever sent a number had sent one while a member.
        not_published: how many organisation-periods have no number because their source published none.
        distinct: how many different people the latest total is of; None if it is not of people, or of one site.
        estimates: of each period, where counts are withheld: the rate that fits the bounds, with its interval. Empty
            where there is none.
        measure: what is counted.
        provenance: where the numbers come from.

    Raises:
        ValueError: if the series differ in length or no period has a number.
    """
    last = max((index for index, item in enumerate(observed) if item and item.denominator.upper), default=None)
    if last is None or not len(periods) == len(observed) == len(members) == len(expected):
        raise ValueError(f"{measure.id}: the pooled series differ in length or hold no number")
    latest = observed[last]
    assert latest is not None  # noqa: S101  # `last` was chosen so
    lower, upper = latest.rate_bounds(measure.scale)
    value = latest.rate(measure.scale)
    estimated = estimates or (None,) * len(periods)
    best = estimates[last] if estimates and (value is None or latest.noisy) else None
    level = rate_text(value, measure) if value is not None else rate_between(lower, upper, measure)
    if best is not None:
        chance = rate_span(measure.scale * best.lower95, measure.scale * best.upper95, measure)
        sure = "given the noise" if latest.noisy else "for certain"
        level = (
            f"about {rate_text(measure.scale * best.rate, measure)} (95% CI {chance}; {sure} "
            f"{rate_span(lower, upper, measure)})"
        )
    statement = (
        f"{measure.title} {across(provenance)}: {level} {dated(periods[last])} ({better_words(measure.better)})."
    )
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
        certainty=_confidence(latest, members[last], expected[last], measure, provenance, best),
        comparator=None if measure.target is None else f"The network's target is {rate_text(measure.target, measure)}.",
        benefit=None,
        chart=pooled_chart(
            points=tuple(
                PooledPoint(
                    label=label,
                    value=None if found and item.noisy else item.rate(measure.scale),
                    bounds=item.rate_bounds(measure.scale),
                    estimate=measure.scale * found.rate if found and (item.withheld or item.noisy) else None,
                )
                for label, item, found in zip(periods, observed, estimated, strict=True)
                if item is not None and item.denominator.upper
            ),
            target=measure.target,
            title=f"{measure.title}, {rate_unit(measure)}, {across(provenance)} ({better_words(measure.better)})",
        ),
        alt_text=(
            f"Band from the lowest to the highest possible {rate_noun(measure)} of {inline(measure.title)}, "
            f"{periods[0]} to {periods[-1]}. {statement}"
        ),
        table=Table(
            columns=("Period", "Organisations", *rate_columns(measure), *(_ESTIMATE_COLUMNS if estimates else ())),
            rows=tuple(
                (label, count, *rate_cells(item, measure), *(_estimate_cells(found, measure) if estimates else ()))
                for label, count, item, found in zip(periods, members, observed, estimated, strict=True)
            ),
        ),
        action=None,
        provenance=provenance,
        notes=(
            "The band holds every value that the withheld and rounded counts allow. It shows what is not "
            "known, not chance."
            if not any(item is not None and item.noisy for item in observed)
            else "The band holds every value that the withheld, rounded and noisy counts allow. It shows what is not "
            "known and what the noise hides, not chance in the care.",
            *_estimate_note(observed, estimates, measure),
            *_overlap_note(measure),
            *_distinct_note(distinct, periods[last]),
            *_members_note(members, last),
            *_not_published_note(not_published, measure),
            *withheld_note(observed, period_noun(measure)),
        ),
    )


_ESTIMATE_COLUMNS = ("Estimated rate", "Estimated rate, 95% lower", "Estimated rate, 95% upper")


def _estimate_cells(found: PooledRate | None, measure: Measure) -> tuple[Cell, ...]:
    """Return the estimate and its interval; not available where nothing happened or was received."""
    if found is None:
        return (Mark.NOT_AVAILABLE,) * 3
    return tuple(tidy(measure.scale * one) for one in (found.rate, found.lower95, found.upper95))


def _estimate_note(
    observed: tuple[Observed | None, ...], estimates: tuple[PooledRate | None, ...], measure: Measure
) -> tuple[str, ...]:
    if not estimates:
        return ()
    hidden = sum(item is not None and item.withheld for item in observed)
    noisy = sum(item is not None and item.noisy for item in observed)
    noun, of = period_noun(measure), len(observed)
    notes = []
    if hidden:
        notes.append(
            f"{plural(hidden, noun)} of {of} hold a withheld number. The estimate is the rate "
            "that fits the bounds of every count best (interval-censored Poisson or negative-binomial likelihood, with "
            "organisations and periods drawn towards their like); withheld counts are neither left out nor taken for a "
            "number. Its 95% confidence interval allows for chance and for what is withheld; the lowest and the "
            f"highest possible rate hold {'for certain' if not noisy else 'but for the noise'}."
        )
    if noisy:
        notes.append(
            f"{plural(noisy, noun)} of {of} hold a number with noise. The estimate is the rate that makes the numbers "
            "sent likeliest, each being a Poisson or negative-binomial count and noise of the width that its site's "
            "policy states; nothing is brought to 0 before it is added up. Its 95% confidence interval allows for "
            "chance and for the noise."
        )
    return tuple(notes)


def _overlap_note(measure: Measure) -> tuple[str, ...]:
    if measure.span == 1:
        return ()
    return (
        f"Each point is {measure.span} {measure.grain}s together, so points share patients: no control chart is drawn, "
        "and a change shows later and smoother than it happened.",
    )


def _distinct_note(distinct: DistinctPeople | None, period: str) -> tuple[str, ...]:
    if distinct is None or distinct.lower == distinct.upper:
        return ()
    return (
        f"The total {dated(period)} is of between {distinct.lower:,} and {distinct.upper:,} different people, because "
        "a person may be counted at several sites. The lower number is right if everybody is also seen at the largest "
        "site, the upper if nobody is seen at two.",
    )


def _members_note(members: tuple[int, ...], last: int) -> tuple[str, ...]:
    there = [count for count in members if count]
    if min(there) == max(there):
        return ()
    return (
        f"{plural(members[last], 'organisation')} contribute to the latest total, {min(there)} to {max(there)} over "
        "the whole time: periods also differ in who is counted.",
    )


def _not_published_note(gaps: int, measure: Measure) -> tuple[str, ...]:
    if not gaps:
        return ()
    noun = period_noun(measure)
    return (
        f"{plural(gaps, f'organisation-{noun}')} {'is' if gaps == 1 else 'are'} left out of the totals, not counted as "
        f"zero: the source published no number for {'it' if gaps == 1 else 'them'}, or not for the whole {noun}.",
    )


def _confidence(
    latest: Observed,
    members: int,
    expected: int,
    measure: Measure,
    provenance: Provenance,
    best: PooledRate | None = None,
) -> Confidence:
    lower, upper = latest.rate_bounds(measure.scale)
    spread = (upper - lower) / upper if upper else 0.0
    if spread <= 0.05:
        doubt, because = 0, "withheld and rounded counts leave almost no doubt"
    elif spread <= 0.3:
        doubt, because = 1, "withheld and rounded counts leave some doubt"
    elif best is not None and best.upper95 - best.lower95 <= 0.3 * best.upper95:
        doubt, because = 1, "many counts are withheld, and the rate is estimated from their bounds"
    else:
        doubt, because = 2, "so many counts are withheld that the total is only roughly known"
    reasons = [f"in the total of {plural(members, 'organisation')}, {because}"]
    if provenance.sites_out:
        doubt += 1
        reasons.append(f"{sites_out_words(provenance)}, and the total says nothing about them")
    if members < expected:
        doubt += 1
        reasons.append(
            f"missing from the latest total: {expected - members} of {expected} organisations that sent numbers"
        )
    level = (Certainty.HIGH, Certainty.MODERATE, Certainty.LOW)[min(doubt, 2)]
    if best is not None:
        estimate = Estimate(
            value=tidy(measure.scale * best.rate),
            lower=tidy(measure.scale * best.lower95),
            upper=tidy(measure.scale * best.upper95),
            interval="95% confidence, estimated from bounds",
            unit=rate_unit(measure),
        )
    else:
        estimate = Estimate(
            value=latest.rate(measure.scale),
            lower=lower,
            upper=upper,
            interval="lowest to highest possible",
            unit=rate_unit(measure),
        )
    return Confidence(
        level=level,
        because=f"{'; '.join(reasons)}. It says what was counted, and nothing about change.",
        estimate=estimate,
        method="pooled-bounds@1" if best is None else METHOD,
    )
