"""Where does care differ between organisations? One measure over a network, from a funnel plot."""

from dataclasses import dataclass

from rounds.learning.variation.funnel import Funnel, Outlier
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.charts.funnel import FunnelSite, funnel_chart
from rounds.reports.content.cells import rate_cells, rate_columns, tidy, withheld_note
from rounds.reports.content.observed import Observed
from rounds.reports.content.wording import (
    NETWORK,
    better_words,
    inline,
    listing,
    number,
    plural,
    rate_text,
    rate_unit,
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

LIMITS_NOTE = (
    "Limits at 95% and 99.8%, widened for the differences that organisations have anyway (over-dispersion). "
    "In a network without any real difference about 1 organisation in 20 lies outside the 95% limits, "
    "and 1 in 500 outside the 99.8% limits."
)
PROMPT_NOTE = (
    "A funnel plot is a prompt to ask why, not a verdict: case mix, coding and how services are organised "
    "all play a part."
)
WORDS = {
    Outlier.HIGH_998: "higher (outside 99.8% limits)",
    Outlier.HIGH_95: "perhaps higher (outside 95% limits)",
    Outlier.INSIDE: "inside the limits",
    Outlier.LOW_95: "perhaps lower (outside 95% limits)",
    Outlier.LOW_998: "lower (outside 99.8% limits)",
}


@dataclass(frozen=True, slots=True)
class _Verdict:
    code: str
    status: Outlier
    certain: bool
    """False where the bounds of a withheld count lie on both sides of a limit"""

    @property
    def words(self) -> str:
        return WORDS[self.status] if self.certain else f"cannot be told: may be {WORDS[self.status]}"


def between_sites(
    *,
    funnel: Funnel,
    members: tuple[str, ...],
    observed: tuple[Observed, ...],
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
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

    Raises:
        ValueError: if funnel, members and counts differ in length or are empty.
    """
    if not len(members) == len(observed) == funnel.values.size or not members:
        raise ValueError(f"{measure.id}: funnel, members and counts differ in length or are empty")
    verdicts = tuple(_verdict(funnel, index, code, observed[index]) for index, code in enumerate(members))
    statement, far = _statement(verdicts, funnel, measure, membership)
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
        certainty=_confidence(funnel, verdicts, observed, measure),
        comparator=f"Each organisation is compared with the network's "
        f"{rate_text(measure.per * funnel.centre, measure)} over {over}.",
        benefit=None,
        chart=funnel_chart(
            sites=_sites(funnel, verdicts, observed, measure, membership),
            centre=measure.per * funnel.centre,
            size_title=f"{measure.unit.capitalize()} over {over}",
            title=f"{measure.title}, {rate_unit(measure)} ({better_words(measure.better)})",
        ),
        alt_text=(
            f"Funnel plot of {inline(measure.title)} for {plural(len(members), 'organisation')} against "
            f"their size, with 95% and 99.8% "
            f"limits around {rate_text(measure.per * funnel.centre, measure)}. {statement}"
        ),
        table=_table(funnel, verdicts, observed, measure, membership),
        action=Action(
            text=f"Ask {listing([membership.name_of(item.code) for item in far])} what lies behind the "
            f"difference: data first, then patients, then care.",
            owner_role="Network clinical lead",
        )
        if far
        else None,
        provenance=provenance,
        notes=(LIMITS_NOTE, *_dispersion_note(funnel), PROMPT_NOTE, *withheld_note(observed, "organisation")),
    )


def _verdict(funnel: Funnel, index: int, code: str, observed: Observed) -> _Verdict:
    if observed.rate(1) is not None:
        return _Verdict(code, funnel.outliers[index], certain=True)
    ends = [_status(funnel, index, rate) for rate in observed.rate_bounds(1)]
    if ends[0] is ends[1]:
        return _Verdict(code, ends[0], certain=True)
    further = next((end for end in ends if end is not Outlier.INSIDE), Outlier.INSIDE)
    return _Verdict(code, further, certain=False)


def _status(funnel: Funnel, index: int, rate: float) -> Outlier:
    if rate > funnel.upper998[index]:
        return Outlier.HIGH_998
    if rate > funnel.upper95[index]:
        return Outlier.HIGH_95
    if rate < funnel.lower998[index]:
        return Outlier.LOW_998
    return Outlier.LOW_95 if rate < funnel.lower95[index] else Outlier.INSIDE


def _statement(
    verdicts: tuple[_Verdict, ...], funnel: Funnel, measure: Measure, membership: Membership
) -> tuple[str, tuple[_Verdict, ...]]:
    """Return the sentence and the organisations it is about."""
    sure = [item for item in verdicts if item.certain]
    high = [item for item in sure if item.status is Outlier.HIGH_998]
    low = [item for item in sure if item.status is Outlier.LOW_998]
    unsure = sum(not item.certain for item in verdicts)
    tail = f"; {unsure} cannot be told because numbers are withheld" if unsure else ""
    centre = rate_text(measure.per * funnel.centre, measure)
    if not high and not low:
        some = sum(item.status is not Outlier.INSIDE for item in sure)
        near = f"; {some} of {len(verdicts)} may differ (outside the 95% limits)" if some else ""
        return f"{measure.title}: no organisation clearly differs from the network's {centre}{near}{tail}.", ()
    parts = []
    for group, word in ((high, "higher"), (low, "lower")):
        if group:
            named = listing([membership.name_of(item.code) for item in group], limit=3)
            parts.append(f"{len(group)} {word} ({named})" if len(group) <= 3 else f"{len(group)} {word}")
    return (
        f"{measure.title}: {len(high) + len(low)} of {plural(len(verdicts), 'organisation')} differ from "
        f"the network's {centre} by more than "
        f"chance and ordinary differences explain, {' and '.join(parts)}{tail}."
    ), (*high, *low)


def _confidence(
    funnel: Funnel, verdicts: tuple[_Verdict, ...], observed: tuple[Observed, ...], measure: Measure
) -> Confidence:
    unsure = sum(not item.certain for item in verdicts)
    withheld = sum(item.withheld for item in observed)
    if unsure:
        level, because = (
            Certainty.LOW,
            f"{unsure} of {plural(len(verdicts), 'organisation')} cannot be judged from withheld numbers.",
        )
    elif withheld or len(verdicts) < 10:
        level = Certainty.MODERATE
        because = (
            f"{plural(len(verdicts), 'organisation')}, {withheld} with withheld numbers; not adjusted for case mix."
        )
    else:
        level = Certainty.MODERATE
        because = (
            f"all {plural(len(verdicts), 'organisation')} have numbers; over-dispersion is allowed "
            f"for, case mix is not adjusted for."
        )
    lows, highs = zip(*(item.rate_bounds(measure.per) for item in observed), strict=True)
    estimate = Estimate(
        value=measure.per * funnel.centre,
        lower=min(lows),
        upper=max(highs),
        interval="lowest and highest organisation",
        unit=rate_unit(measure),
    )
    return Confidence(level=level, because=because, estimate=estimate, method="funnel-spiegelhalter@1")


def _dispersion_note(funnel: Funnel) -> tuple[str, ...]:
    if funnel.phi > 1:
        return (
            f"Over-dispersion: organisations vary {number(funnel.phi)} times as much as chance alone would "
            f"make them (phi); "
            f"the limits allow for it (tau squared {number(funnel.tau2)}).",
        )
    return ("No over-dispersion: organisations vary no more than chance makes them.",)


def _sites(
    funnel: Funnel,
    verdicts: tuple[_Verdict, ...],
    observed: tuple[Observed, ...],
    measure: Measure,
    membership: Membership,
) -> tuple[FunnelSite, ...]:
    per = measure.per
    return tuple(
        FunnelSite(
            name=membership.name_of(item.code),
            size=float(funnel.denominators[index]),
            value=observed[index].rate(per),
            bounds=observed[index].rate_bounds(per),
            outside=item.status is not Outlier.INSIDE and item.certain,
            far_outside=item.status in (Outlier.HIGH_998, Outlier.LOW_998) and item.certain,
            limits95=(per * float(funnel.lower95[index]), per * float(funnel.upper95[index])),
            limits998=(per * float(funnel.lower998[index]), per * float(funnel.upper998[index])),
        )
        for index, item in enumerate(verdicts)
    )


def _table(
    funnel: Funnel,
    verdicts: tuple[_Verdict, ...],
    observed: tuple[Observed, ...],
    measure: Measure,
    membership: Membership,
) -> Table:
    names = [membership.name_of(item.code) for item in verdicts]
    order = sorted(range(len(verdicts)), key=lambda index: names[index])
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
            "Against the network",
        ),
        rows=tuple(
            (
                names[index],
                verdicts[index].code,
                *rate_cells(observed[index], measure),
                *(tidy(measure.per * float(limit[index])) for limit in limits),
                verdicts[index].words,
            )
            for index in order
        ),
    )
