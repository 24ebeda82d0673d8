"""What a round says of the pipeline: which innovation comes first and how sure that is; what support came to."""

from collections.abc import Sequence

from rounds.learning.spread.pipeline.rank import METHOD, Factor, Ranked
from rounds.learning.spread.pipeline.support import RULES, SupportSummary, Total
from rounds.network.pipeline import OutcomeKind, ValueClaim
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.content.wording import NETWORK, listing, number, plural, quoted, slug
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

PIPELINE = "pipeline"
"""What stands in the place of a measure's id."""
RANK_COLUMNS = (
    "Rank",
    "First possible",
    "Last possible",
    "Innovation",
    "Title",
    "Stage",
    "Need",
    "Evidence",
    "Readiness",
    "Product",
    "Product, lowest",
    "Product, highest",
    "Why: need",
    "Why: evidence",
    "Why: readiness",
    "What would settle it",
)
_UNITS = {
    OutcomeKind.JOBS_CREATED: "jobs created",
    OutcomeKind.JOBS_SAFEGUARDED: "jobs safeguarded",
    OutcomeKind.INVESTMENT_GBP: "GBP of investment",
}
_MOST_SHOWN = 15
_LONGEST_LABEL = 28
_MOST_CLAIMS = 8


def ranking(found: tuple[Ranked, ...], *, provenance: Provenance, claims: Sequence[ValueClaim] = ()) -> Insight:
    """Return which innovation of the pipeline comes first, and how sure that is.

    Args:
        found: from the first on, at least one.
        provenance: where the numbers come from.
        claims: what others say that the innovations are worth; shown beside the ranking, and not weighed.
    """
    top, total = found[0], len(found)
    title = quoted(top.innovation.title)
    place = "first" if top.last == 1 else f"between 1st and {_ordinal(top.last)}"
    of = f"of {plural(total, 'innovation')} in the pipeline"
    statement = (
        f"{title} is the one innovation in the pipeline; its product of need, evidence and readiness is "
        f"{number(top.score.low)} to {number(top.score.high)}."
        if total == 1
        else f"{title} comes first {of} by need, evidence and readiness; with what is known it can stand {place}."
    )
    unknown = [one for one in found if one.missing]
    return Insight(
        id=slug(PIPELINE, "ranking"),
        kind=Kind.PIPELINE,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=PIPELINE,
        measure_title="Innovation pipeline",
        innovation=top.innovation.id,
        certainty=Confidence(
            level=_level(top, total),
            because=(
                f"ranks of {total - len(unknown)} of {total} rest on everything that the rules ask for; "
                "what is not recorded can be anything, so it widens a range instead of counting as none. The weights "
                "are stated rules that others may choose otherwise."
            ),
            estimate=Estimate(
                value=round(top.central, 3),
                lower=round(min(top.score.low, top.central), 3),
                upper=round(max(top.score.high, top.central), 3),
                interval="range of what is known",
                unit="of 1: need times evidence times readiness",
            ),
            method=METHOD,
        ),
        comparator=None if total == 1 else _next(found[1], total),
        benefit=None,
        chart=interval_chart(
            rows=tuple(
                IntervalRow(
                    label=_short(one.innovation.title),
                    value=one.central if not one.missing else None,
                    lower=one.score.low,
                    upper=one.score.high,
                    withheld=bool(one.missing),
                )
                for one in found[:_MOST_SHOWN]
            ),
            title="Need x evidence x readiness: the range that is possible with what is known",
            shown="Everything is recorded",
            hidden="Something is not recorded",
        ),
        alt_text=(
            f"Ranges of the product of need, evidence and readiness of "
            f"{plural(min(total, _MOST_SHOWN), 'innovation')}, from the first on. {statement}"
        ),
        table=Table(columns=RANK_COLUMNS, rows=rank_rows(found)),
        action=Action(
            text=f"Find out {top.missing[0]} of {title}." if top.missing else f"Decide whether to spread {title}.",
            owner_role="Innovation lead",
        ),
        provenance=provenance,
        notes=(
            *(f"{one.innovation.title}: {why}." for one in found[:3] for why in (_reasons(one),)),
            "A product of need (people whom it concerns in a year, by orders of ten), evidence (design, and what the "
            "interval says) and readiness (stage, and the approval that is furthest from held), each from 0 to 1.",
            f"Not recorded for some: {listing(sorted({gap for one in unknown for gap in one.missing}))}."
            if unknown
            else "Nothing that the rules ask for is missing.",
            *(f"Claimed, and not weighed here: {_claim(one, found)}." for one in claims[:_MOST_CLAIMS]),
        ),
    )


def rank_rows(found: tuple[Ranked, ...]) -> tuple[tuple[Cell, ...], ...]:
    """Return a ranking's rows in the order of `RANK_COLUMNS`."""
    return tuple(
        (
            place,
            one.first,
            one.last,
            one.innovation.id,
            one.innovation.title,
            one.stage.value if one.stage else Mark.NOT_AVAILABLE,
            *(_span(factor) for factor in (one.need, one.evidence, one.readiness)),
            round(one.central, 4),
            round(one.score.low, 4),
            round(one.score.high, 4),
            one.need.why,
            one.evidence.why,
            one.readiness.why,
            "; ".join(one.missing) or Mark.NOT_APPLICABLE,
        )
        for place, one in enumerate(found, start=1)
    )


def support(found: SupportSummary, *, provenance: Provenance) -> Insight:
    """Return what support to innovators came to, each company and each pound counted once.

    Args:
        found: with at least one total.
        provenance: where the numbers come from.
    """
    main = next((one for one in found.totals if one.kind is OutcomeKind.INVESTMENT_GBP), found.totals[0])
    twice = sum(one.claims - one.counted for one in found.totals)
    told = listing([_total_words(one) for one in found.totals])
    statement = f"Support to {plural(found.companies, 'innovator')} came to {told}."
    maybe = [f"{one.company} and {one.other}" for one in found.maybe_same]
    return Insight(
        id=slug(PIPELINE, "support"),
        kind=Kind.PIPELINE,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=PIPELINE,
        measure_title="Innovation pipeline",
        innovation=None,
        certainty=Confidence(
            level=Certainty.LOW if main.lower != main.upper else Certainty.MODERATE,
            because=(
                f"claims of programmes, not audited; {plural(twice, 'claim')} counted once already "
                f"{'was' if twice == 1 else 'were'} left out. What would have come without support is not known."
            ),
            estimate=Estimate(
                value=main.amount,
                lower=main.lower,
                upper=main.upper,
                interval="lowest without doubtful claims, highest with every claim as made",
                unit=_UNITS[main.kind],
            ),
            method=RULES,
        ),
        comparator=None,
        benefit=None,
        chart=interval_chart(
            rows=tuple(
                IntervalRow(label=_UNITS[one.kind], value=one.amount, lower=one.lower, upper=one.upper, withheld=False)
                for one in found.totals
                if (one.kind is OutcomeKind.INVESTMENT_GBP) == (main.kind is OutcomeKind.INVESTMENT_GBP)
            ),
            title="What support came to: counted once, and the range that doubtful claims leave",
            shown="Counted once, and its range",
        ),
        alt_text=f"Totals with the range that doubtful and repeated claims leave. {statement}",
        table=Table(
            columns=("Kind", "Counted once", "Lowest", "Highest", "Claims", "Claims counted"),
            rows=tuple(
                (_UNITS[one.kind], one.amount, one.lower, one.upper, one.claims, one.counted) for one in found.totals
            ),
        ),
        action=Action(text=f"Say whether these are one company: {listing(maybe)}.", owner_role="Innovation lead")
        if maybe
        else None,
        provenance=provenance,
        notes=(
            f"{plural(found.contacts, 'contact')} and {plural(found.supports, 'support')} are recorded.",
            "Two claims are one if they have the same reference, or the same company, kind and amount within 183 days, "
            "by another programme or in another quarter. The first to claim is the one that counts.",
        ),
    )


def _total_words(one: Total) -> str:
    amount = f"GBP {one.amount:,.0f} of investment" if one.kind is OutcomeKind.INVESTMENT_GBP else ""
    amount = amount or f"{number(one.amount)} {_UNITS[one.kind]}"
    return amount if one.lower == one.upper else f"{amount} ({number(one.lower)} to {number(one.upper)})"


def _reasons(one: Ranked) -> str:
    return f"need: {one.need.why}; evidence: {one.evidence.why.rstrip('.')}; readiness: {one.readiness.why}"


def _claim(one: ValueClaim, found: tuple[Ranked, ...]) -> str:
    titles = {row.innovation.id: row.innovation.title for row in found}
    amount = "" if one.amount is None else f", {number(one.amount)} {one.unit}".rstrip()
    basis = f" (basis: {one.basis})" if one.basis else " (no basis is given)"
    return f"{titles.get(one.innovation, one.innovation)} {one.says}{amount}, says {one.by}{basis}"


def _short(title: str) -> str:
    return title if len(title) <= _LONGEST_LABEL else f"{title[: _LONGEST_LABEL - 1].rstrip()}…"


def _span(factor: Factor) -> str:
    low, high = factor.span.low, factor.span.high
    return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"


def _next(one: Ranked, total: int) -> str:
    places = _ordinal(one.first) if one.first == one.last else f"{_ordinal(one.first)} to {_ordinal(one.last)}"
    return f"Next: {quoted(one.innovation.title)}, which can stand {places} of {total}."


def _level(top: Ranked, total: int) -> Certainty:
    if top.last == top.first:
        return Certainty.HIGH if not top.missing else Certainty.MODERATE
    return Certainty.MODERATE if top.last - top.first <= total / 3 else Certainty.LOW


def _ordinal(place: int) -> str:
    if place % 100 in (11, 12, 13):
        return f"{place}th"
    return f"{place}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th') }"
