"""How do organisations compare once age and sex are allowed for? Directly standardised rates, side by side."""

from collections.abc import Mapping

from rounds.learning.variation.between_sites.standardised import StandardisedRate
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.charts.interval import IntervalRow, interval_chart
from rounds.reports.content.cells import tidy
from rounds.reports.content.wording import (
    NETWORK,
    better_words,
    inline,
    listing,
    rate_between,
    rate_unit,
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

ALL = "All together"


def standardised(
    *,
    rates: Mapping[str, StandardisedRate],
    together: StandardisedRate,
    left_out: tuple[str, ...],
    over: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
) -> Insight:
    """Return what the rates of organisations are in the measure's standard population.

    Args:
        rates: by ODS code, in the order to show them.
        together: of all of them.
        left_out: ODS codes of those with too few of the standard's groups.
        over: the time covered, in words.
        measure: what is counted; it names its standard.
        membership: to name the members.
        provenance: where the numbers come from.

    Raises:
        ValueError: if the measure names no standard.
    """
    if measure.standard is None:
        raise ValueError(f"{measure.id}: it names no standard population")
    scale, unit = measure.scale, rate_unit(measure)
    rows = {**{membership.name_of(code): rate for code, rate in rates.items()}, ALL: together}
    withheld = sum(rate.value is None for rate in rates.values())
    apart = [
        membership.name_of(code)
        for code, rate in rates.items()
        if rate.lower95 > together.highest or rate.upper95 < together.lowest
    ]
    level = rate_between(scale * together.lowest, scale * together.highest, measure)
    statement = f"{measure.title}, allowing for age and sex: {level} for all together; " + (
        f"clearly different: {listing(apart)}." if apart else "no organisation is clearly different."
    )
    return Insight(
        id=slug(Kind.BETWEEN_SITES, "standardised", measure.id, NETWORK),
        kind=Kind.BETWEEN_SITES,
        statement=statement,
        direction=Direction.NEUTRAL,
        scope=NETWORK,
        scope_name="the network",
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=None,
        certainty=Confidence(
            level=Certainty.LOW if withheld else Certainty.MODERATE,
            because=(
                f"{withheld} of {len(rates)} rates rest on withheld or noisy counts; each organisation is compared "
                "with all together, so that of many a few differ by chance."
            ),
            estimate=Estimate(
                value=None if together.value is None else scale * together.value,
                lower=scale * together.lower95,
                upper=scale * together.upper95,
                interval="95% interval for all together",
                unit=unit,
            ),
            method="dsr-dobson-bounds@1",
        ),
        comparator=f"Each organisation is compared with all together over {over}.",
        benefit=None,
        chart=interval_chart(
            rows=tuple(_row(name, rate, scale) for name, rate in rows.items()),
            title=f"{measure.title}, standardised for age and sex, {unit} ({better_words(measure.better)})",
        ),
        alt_text=f"Standardised rates of {inline(measure.title)} by organisation, with 95% intervals. {statement}",
        table=Table(
            columns=(
                "Organisation",
                f"Standardised rate ({unit})",
                "Rate, lowest possible",
                "Rate, highest possible",
                "95% interval, lower",
                "95% interval, upper",
            ),
            rows=tuple((name, *_cells(rate, scale)) for name, rate in rows.items()),
        ),
        action=None,
        provenance=provenance,
        notes=(
            f"Directly standardised to the {measure.standard}: what the rate would be with the ages and sexes of that "
            "population. People of unknown sex are not in it. Intervals are 95% (Dobson, with Byar's limits), "
            "from that of the lowest to that of the highest counts that withheld and rounded numbers, and those with "
            "noise, allow.",
            *_left_out(left_out, membership),
        ),
    )


def _row(name: str, rate: StandardisedRate, scale: float) -> IntervalRow:
    return IntervalRow(
        label=name,
        value=None if rate.value is None else scale * rate.value,
        lower=scale * rate.lower95,
        upper=scale * rate.upper95,
        withheld=rate.value is None,
    )


def _cells(rate: StandardisedRate, scale: float) -> tuple[Cell, ...]:
    shown: Cell = Mark.WITHHELD if rate.value is None else tidy(scale * rate.value)
    return (shown, *(tidy(scale * end) for end in (rate.lowest, rate.highest, rate.lower95, rate.upper95)))


def _left_out(codes: tuple[str, ...], membership: Membership) -> tuple[str, ...]:
    if not codes:
        return ()
    names = listing([membership.name_of(code) for code in codes])
    return (f"Without a standardised rate, because too few age groups are counted there: {names}.",)
