"""Where does care differ between organisations? One measure over a network, from a funnel plot."""

from rounds.learning.variation.between_sites.funnel import Funnel
from rounds.learning.variation.between_sites.limits import Outlier
from rounds.learning.variation.between_sites.notes import funnel_notes, withheld_words
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.charts.funnel import FunnelSite, funnel_chart
from rounds.reports.content.cells import rate_cells, rate_columns, tidy, withheld_note
from rounds.reports.content.observed import Observed
from rounds.reports.content.verdicts import Verdict, centre_bounds, verdicts
from rounds.reports.content.wording import (
    NETWORK,
    better_words,
    inline,
    listing,
    plural,
    rate_between,
    rate_span,
    rate_text,
    rate_unit,
    sites_out_words,
    slug,
)
from rounds.reports.insight import (
    Action,
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Insight,
    Kind,
    Provenance,
    Table,
)


def between_sites(
    *,
    funnel: Funnel,
    members: tuple[str, ...],
    observed: tuple[Observed, ...],
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
    left_out: tuple[str, ...] = (),
) -> Insight:
    """Return which organisations differ by more than chance and ordinary differences explain.

    Args:
        funnel: values and limits as proportions (0 to 1), shape (organisations,); a withheld value is NaN.
        members: ODS codes, in the order of the funnel.
        observed: the counts behind each value, in the same order.
        over: the time covered, in words: "Jan to Dec 2024".
        measure: what is counted.
        membership: to name the members.
        provenance: where the numbers come from.
        left_out: ODS codes of those that are in no funnel, because their denominator is withheld.

    Raises:
        ValueError: if funnel, members and counts differ in length or are empty.
    """
    if not len(members) == len(observed) == funnel.values.size or not members:
        raise ValueError(f"{measure.id}: funnel, members and counts differ in length or are empty")
    found = verdicts(funnel, members, observed)
    centre = _centre_words(funnel, observed, measure)
    statement, far = _statement(found, observed, centre, measure, membership)
    return Insight(
        id=slug(Kind.BETWEEN_SITES, measure.id, NETWORK),
        kind=Kind.BETWEEN_SITES,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=_confidence(funnel, found, observed, left_out, measure, provenance),
        comparator=f"Each organisation is compared with the network's {centre} over {over}.",
        benefit=None,
        chart=funnel_chart(
            sites=_sites(funnel, found, observed, measure, membership),
            centre=measure.scale * funnel.centre,
            size_title=f"{measure.denominator_unit.capitalize()} over {over}",
            title=f"{measure.title}, {rate_unit(measure)} ({better_words(measure.better)})",
        ),
        alt_text=(
            f"Funnel plot of {inline(measure.title)} for {plural(len(members), 'organisation')} against "
            f"their size, with 95% and 99.8% "
            f"limits around {rate_text(measure.scale * funnel.centre, measure)}. {statement}"
        ),
        table=_table(funnel, found, observed, measure, membership),
        action=Action(
            text=f"Ask {listing([membership.name_of(item.code) for item in far])} what lies behind the "
            f"difference: data first, then patients, then care.",
            owner_role="Network clinical lead",
        )
        if far
        else None,
        provenance=provenance,
        notes=(
            *funnel_notes(funnel),
            *_centre_note(funnel, observed, measure),
            *withheld_note(observed, "organisation"),
            *_estimated_note(funnel, observed),
            *_left_out_note(left_out, membership),
        ),
    )


def _centre_words(funnel: Funnel, observed: tuple[Observed, ...], measure: Measure) -> str:
    """Return the network's rate, with its bounds where withheld or rounded counts leave any."""
    lower, upper = (measure.scale * end for end in centre_bounds(funnel, observed))
    level = rate_text(measure.scale * funnel.centre, measure)
    return level if lower == upper else f"{level} ({rate_span(lower, upper, measure)})"


def _centre_note(funnel: Funnel, observed: tuple[Observed, ...], measure: Measure) -> tuple[str, ...]:
    lower, upper = (measure.scale * end for end in centre_bounds(funnel, observed))
    if lower == upper:
        return ()
    return (
        f"Withheld and rounded counts leave the network's rate {rate_between(lower, upper, measure)}. An organisation "
        "is called different only if it is so at both ends of its own bounds and of the network's.",
    )


def _statement(
    found: tuple[Verdict, ...], observed: tuple[Observed, ...], centre: str, measure: Measure, membership: Membership
) -> tuple[str, tuple[Verdict, ...]]:
    """Return the sentence and the organisations it is about."""
    sure = [item for item in found if item.certain]
    high = [item for item in sure if item.status is Outlier.HIGH_998]
    low = [item for item in sure if item.status is Outlier.LOW_998]
    tail = _unsure_words(found, observed)
    if not high and not low:
        some = sum(item.status is not Outlier.INSIDE for item in sure)
        near = f"; {some} of {len(found)} may differ (outside the 95% limits)" if some else ""
        return f"{measure.title}: no organisation clearly differs from the network's {centre}{near}{tail}.", ()
    parts = []
    for group, word in ((high, "higher"), (low, "lower")):
        if group:
            named = listing([membership.name_of(item.code) for item in group], limit=3)
            parts.append(f"{len(group)} {word} ({named})" if len(group) <= 3 else f"{len(group)} {word}")
    return (
        f"{measure.title}: {len(high) + len(low)} of {plural(len(found), 'organisation')} "
        f"{'differs' if len(high) + len(low) == 1 else 'differ'} from the network's {centre} by more than "
        f"chance and ordinary differences explain, {' and '.join(parts)}{tail}."
    ), (*high, *low)


def _left_out_note(left_out: tuple[str, ...], membership: Membership) -> tuple[str, ...]:
    if not left_out:
        return ()
    names = listing([membership.name_of(code) for code in left_out])
    return (f"Not in the funnel, because the denominator is withheld: {names}.",)


def _estimated_note(funnel: Funnel, observed: tuple[Observed, ...]) -> tuple[str, ...]:
    withheld = sum(item.numerator.value is None for item in observed)
    return (withheld_words(funnel, withheld, len(observed)),) if withheld else ()


def _unsure_words(found: tuple[Verdict, ...], observed: tuple[Observed, ...]) -> str:
    unsure = [item for item in found if not item.certain]
    if not unsure:
        return ""
    withheld = any(item.withheld for item in observed)
    why = "withheld or rounded" if withheld else "rounded"
    return f"; {len(unsure)} possibly, which cannot be told because counts are {why}"


def _confidence(
    funnel: Funnel,
    found: tuple[Verdict, ...],
    observed: tuple[Observed, ...],
    left_out: tuple[str, ...],
    measure: Measure,
    provenance: Provenance,
) -> Confidence:
    unsure = sum(not item.certain for item in found)
    withheld = sum(item.withheld for item in observed)
    if unsure:
        level, numbers = (
            Certainty.LOW,
            f"{unsure} of {plural(len(found), 'organisation')} cannot be judged from withheld or rounded counts",
        )
    else:
        level = Certainty.MODERATE
        partial = withheld or left_out or provenance.sites_out
        numbers = f"{'' if partial else 'all '}{plural(len(found), 'organisation')} with numbers"
        numbers += f", {withheld} of them withheld" if withheld else ""
    because = "; ".join(
        (
            numbers,
            *([f"{len(left_out)} left out, because the denominator is withheld"] if left_out else ()),
            *([sites_out_words(provenance)] if provenance.sites_out else ()),
            "over-dispersion is allowed for" if funnel.tau2 > 0 else "no over-dispersion was found",
            "case mix is not adjusted for.",
        )
    )
    lows, highs = zip(*(item.rate_bounds(measure.scale) for item in observed), strict=True)
    estimate = Estimate(
        value=measure.scale * funnel.centre,
        lower=min(lows),
        upper=max(highs),
        interval="lowest and highest organisation",
        unit=rate_unit(measure),
    )
    return Confidence(level=level, because=because, estimate=estimate, method="funnel-spiegelhalter@1")


def _sites(
    funnel: Funnel,
    found: tuple[Verdict, ...],
    observed: tuple[Observed, ...],
    measure: Measure,
    membership: Membership,
) -> tuple[FunnelSite, ...]:
    per = measure.scale
    return tuple(
        FunnelSite(
            name=membership.name_of(item.code),
            size=float(funnel.denominators[index]),
            value=observed[index].rate(per),
            bounds=observed[index].rate_bounds(per),
            outside=item.certain and item.status is not Outlier.INSIDE,
            far_outside=item.certain and item.status in (Outlier.HIGH_998, Outlier.LOW_998),
            limits95=(per * float(funnel.lower95[index]), per * float(funnel.upper95[index])),
            limits998=(per * float(funnel.lower998[index]), per * float(funnel.upper998[index])),
        )
        for index, item in enumerate(found)
    )


def _table(
    funnel: Funnel,
    found: tuple[Verdict, ...],
    observed: tuple[Observed, ...],
    measure: Measure,
    membership: Membership,
) -> Table:
    names = [membership.name_of(item.code) for item in found]
    order = sorted(range(len(found)), key=lambda index: names[index])
    limits = (funnel.lower95, funnel.upper95, funnel.lower998, funnel.upper998)
    return Table(
        columns=(
            "Organisation",
            "ODS code",
            *rate_columns(measure),
            "Lower 95% limit",
            "Upper 95% limit",
            "Lower 99.8% limit",
            "Upper 99.8% limit",
            "Outside the limits",
            "Against the network",
        ),
        rows=tuple(
            (
                names[index],
                found[index].code,
                *rate_cells(observed[index], measure),
                *(tidy(measure.scale * float(limit[index])) for limit in limits),
                str(found[index].told),
                found[index].words,
            )
            for index in order
        ),
    )
