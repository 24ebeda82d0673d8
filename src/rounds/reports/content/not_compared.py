"""Organisations side by side where no funnel can be drawn: what can be said all the same, and why there is none."""

from collections import Counter
from dataclasses import dataclass

from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.content.cells import rate_cells, rate_columns, tidy, withheld_note
from rounds.reports.content.observed import Observed, total
from rounds.reports.content.wording import (
    NETWORK,
    better_words,
    inline,
    interval_method,
    interval_name,
    listing,
    rate_between,
    rate_noun,
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

MOST_ROWS = 40
"""A chart with more rows than this fits no screen; the table still has everybody."""

FUNNEL_NOTE = (
    "There is no funnel plot: its centre would rest on the organisations whose counts are shown, and would lie too "
    "high, because the withheld counts are the small ones."
)
NOISE_NOTE = (
    "There is no funnel plot: noise makes organisations differ more than they do, and its limits allow for chance "
    "alone. The intervals allow for both."
)
MEANS_NOTE = (
    "There is no funnel plot of means: its limits would rest on how much {units} differ from one another, and that "
    "does not leave a site. The intervals are as wide as values between the lowest and the highest can make them, so "
    "they are wider than they need be. An organisation is called different only if its whole interval lies outside "
    "what all together can be."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What is said of organisations side by side, how sure that is, and why there is no funnel."""

    statement: str
    because: str
    note: str


def not_compared(
    *,
    members: tuple[str, ...],
    observed: tuple[Observed, ...],
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return that withheld counts, or noise, keep organisations from being compared, with each one's bounds.

    Args:
        members: ODS codes.
        observed: the counts of each, in the same order; some withheld or with noise.
        over: the time covered, in words.
        measure: what is counted.
        membership: to name the members.
        provenance: where the numbers come from.

    Raises:
        ValueError: if members and counts differ in length, or nothing is withheld and no noise was added.
    """
    noisy = sum(item.noisy for item in observed)
    unsure = noisy or sum(item.withheld for item in observed)
    if len(members) != len(observed) or not unsure:
        raise ValueError(f"{measure.id}: members and counts differ in length, or each has a number without noise")
    return _side_by_side(
        members=members,
        observed=observed,
        over=over,
        measure=measure,
        membership=membership,
        provenance=provenance,
        said=_Said(
            statement=(
                f"{measure.title}: organisations cannot be compared, because {unsure} of {len(members)} "
                f"{'has' if unsure == 1 else 'have'} {'noise in their' if noisy else 'withheld'} counts."
            ),
            because="limits must not rest on guessed numbers; only the bounds of each organisation are known.",
            note=NOISE_NOTE if noisy else FUNNEL_NOTE,
        ),
    )


def means_compared(
    *,
    members: tuple[str, ...],
    observed: tuple[Observed, ...],
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return the means of organisations with their intervals, and which are clearly not as all together.

    Args:
        members: ODS codes.
        observed: the sums and units of each, in the same order.
        over: the time covered, in words.
        measure: what is counted.
        membership: to name the members.
        provenance: where the numbers come from.

    Raises:
        ValueError: if members and sums differ in length.
    """
    if len(members) != len(observed):
        raise ValueError(f"{measure.id}: members and sums differ in length")
    least, most = total(observed).rate_bounds(measure.scale)
    ends = {code: item.interval95(measure.scale) for code, item in zip(members, observed, strict=True)}
    apart = [membership.name_of(code) for code, (lower, upper) in ends.items() if lower > most or upper < least]
    level = rate_between(least, most, measure)
    found = f"clearly different: {listing(apart)}" if apart else "no organisation is clearly different"
    return _side_by_side(
        members=members,
        observed=observed,
        over=over,
        measure=measure,
        membership=membership,
        provenance=provenance,
        said=_Said(
            statement=f"{measure.title}: {level} for all together; {found}.",
            because=(
                f"how much {measure.denominator_unit} differ from one another does not leave a site, so intervals are "
                "as wide as they can be; case mix is not adjusted for."
            ),
            note=MEANS_NOTE.format(units=measure.denominator_unit),
        ),
    )


def _side_by_side(
    *,
    members: tuple[str, ...],
    observed: tuple[Observed, ...],
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
    said: _Said,
) -> Insight:
    together = total(observed)
    lower, upper = together.rate_bounds(measure.scale)
    labels = _labels(members, membership)
    rows = sorted(zip(labels, members, observed, strict=True), key=lambda row: row[0])
    largest = sorted(rows, key=lambda row: (-row[2].denominator.lower, row[0]))[:MOST_ROWS]
    drawn = sorted(largest, key=lambda row: row[0])
    which = f" (the {len(drawn)} largest of {len(rows)})" if len(drawn) < len(rows) else ""
    return Insight(
        id=slug(Kind.BETWEEN_SITES, measure.id, NETWORK),
        kind=Kind.BETWEEN_SITES,
        statement=said.statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=Confidence(
            level=Certainty.LOW,
            because=said.because,
            estimate=Estimate(
                value=together.rate(measure.scale),
                lower=lower,
                upper=upper,
                interval="lowest to highest possible for all together",
                unit=rate_unit(measure),
            ),
            method=interval_method(measure),
        ),
        comparator=None,
        benefit=None,
        chart=interval_chart(
            rows=tuple(_interval(label, item, measure.scale) for label, _, item in drawn),
            title=f"{measure.title}, {rate_unit(measure)} ({better_words(measure.better)}){which}",
        ),
        alt_text=(
            f"{rate_noun(measure).capitalize()}s of {inline(measure.title)} by organisation{which} over {over}, with "
            f"95% intervals. {said.statement}"
        ),
        table=Table(
            columns=(
                "Organisation",
                "ODS code",
                *rate_columns(measure),
                "95% interval, lower",
                "95% interval, upper",
            ),
            rows=tuple(
                (
                    membership.name_of(code),
                    code,
                    *rate_cells(item, measure),
                    *(tidy(end) for end in item.interval95(measure.scale)),
                )
                for _, code, item in rows
            ),
        ),
        action=None,
        provenance=provenance,
        notes=(
            said.note,
            *_drawn_note(len(drawn), len(rows)),
            f"Counts over {over}. Intervals are 95% ({interval_name(measure)}) and cover every value that withheld "
            "counts allow.",
            *withheld_note(observed, "organisation"),
        ),
    )


def _drawn_note(drawn: int, rows: int) -> tuple[str, ...]:
    if drawn == rows:
        return ()
    return (f"The chart shows the {drawn} largest of {rows} organisations; the table gives all of them.",)


def _labels(members: tuple[str, ...], membership: Membership) -> list[str]:
    """Return names, with the code beside those that two organisations share: a chart has one row a label."""
    names = [membership.name_of(code) for code in members]
    shared = {name for name, count in Counter(names).items() if count > 1}
    return [f"{name} ({code})" if name in shared else name for name, code in zip(names, members, strict=True)]


def _interval(label: str, item: Observed, per: float) -> IntervalRow:
    lower, upper = item.interval95(per)
    return IntervalRow(label=label, value=item.rate(per), lower=lower, upper=upper, withheld=item.withheld)
