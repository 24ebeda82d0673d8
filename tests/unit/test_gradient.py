"""Gradients over deprivation and where to look first: what the bounds allow, and how sure it is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
import reports_fixture as given
from small_site import drug_event, people_measure

from rounds.centre.groups import equity_insights
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.learning.variation.between_groups.gaps import GroupBounds
from rounds.learning.variation.between_groups.slope_bounds import SlopeWithin, slope_within
from rounds.learning.variation.between_groups.slopes import SlopeScale, inequality_slope
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Better, Measure
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.periods import Grain, periods_between
from rounds.measures.strata import Stratum
from rounds.reports.insight import Insight, Mark

FIFTHS = ("1 most deprived", "2", "3", "4", "5 least deprived")
SIZES = (9_000, 8_000, 7_500, 7_000, 6_500)
YEAR = (date(2024, 1, 1), date(2024, 12, 31))


def measure_by(stratum: Stratum = Stratum.DEPRIVATION, *, better: Better = Better.LOWER) -> Measure:
    grouping = Grouping(
        id="fifths",
        version=1,
        title="Fifths",
        by=stratum,
        attribute=Attribute.RACE if stratum is Stratum.ETHNICITY else Attribute.AREA_CODE,
        named=FIFTHS,
        values=tuple((str(at), level) for at, level in enumerate(FIFTHS)),
    )
    plain = people_measure(drug_event())
    return replace(plain, strata=(stratum,), groupings=(grouping,), better=better, grain=Grain.YEAR)


def said(
    events: Sequence[int],
    *,
    policy: Policy = Policy.OPEN,
    measure: Measure | None = None,
    sizes: Sequence[int] = SIZES,
) -> Insight:
    found = measure or measure_by()
    stratum = found.strata[0]
    rows = [
        ("RX01", YEAR[0], level, top, size)
        for level, top, size in zip((*FIFTHS, "unknown"), (*events, 40), (*sizes, 900), strict=True)
    ]
    schema = count_schema(found.strata)
    frame = pl.DataFrame(rows, schema=["member", "period", str(stratum), "numerator", "denominator"], orient="row")
    count = Count(measure=found.ref, strata=found.strata, cells=frame.select(list(schema)).cast(dict(schema)))
    terms = Terms(rule=policy)
    cells = release(count, terms=terms, already_public=policy is Policy.OPEN).cells.with_columns(site=pl.col("member"))
    pooled = PooledMeasure(
        measure=found,
        periods=periods_between(grain=found.grain, first=YEAR[0], last=YEAR[1]),
        cells=cells,
        series=totals(cells, by=["member", "period"]),
    )
    return equity_insights(pooled, membership=given.MEMBERSHIP, provenance=given.PROVENANCE)[0]


STEEP = (720, 520, 400, 300, 220)


def test_a_gradient_is_the_librarys() -> None:
    insight = said(STEEP)
    sizes, tops = np.array(SIZES, dtype=float), np.array(STEEP, dtype=float)
    rates = tops / sizes
    expected = inequality_slope(
        values=rates,
        standard_errors=np.sqrt(rates * (1 - rates) / sizes),
        people=sizes,
        scale=SlopeScale.LOGIT,
    )
    assert (
        f"along the line from 1 most deprived to 5 least deprived the rate changes by the factor {expected.rii:.2f} "
        f"(95% interval {expected.rii_lower:.2f} to {expected.rii_upper:.2f})."
    ) in insight.statement
    note = next(note for note in insight.notes if note.startswith("Slope index"))
    assert f": {100 * expected.sii:.2f} (95% interval {100 * expected.sii_lower:.2f} to" in note
    assert any("not that deprivation makes them so" in note for note in insight.notes)


def test_bounds_widen_a_gradient_and_too_wide_ones_are_no_line() -> None:
    rounded = said(STEEP, policy=Policy.HES)
    assert "the rate changes by the factor 0.3" in rounded.statement
    flat = said((60, 60, 60, 60, 60), sizes=(1000, 1000, 1000, 1000, 1000))
    assert "which chance or withheld counts could make" in flat.statement
    steps = said((90, 60, 40, 20, 5), policy=Policy.HES)
    assert sum("off the line by more than chance" in note for note in steps.notes) <= 1
    nobody = said((0, 20, 30, 40, 50))
    assert "factor" not in nobody.statement
    assert "No slope index of inequality: a group may have no event, which has no place on the line." in nobody.notes


def test_an_index_holds_for_every_count_within_the_bounds() -> None:
    draw = np.random.default_rng(4)
    sizes = np.array(SIZES, dtype=float)
    lower = np.array([1.0, 40, 1, 60, 80])
    upper = np.array([80.0, 44, 7, 64, 84])
    bounds = GroupBounds(events_lower=lower, events_upper=upper, size_lower=sizes, size_upper=sizes)
    found = slope_within(bounds)
    assert isinstance(found, SlopeWithin)
    for _ in range(200):
        events = draw.uniform(lower, upper)
        one = slope_within(GroupBounds(events_lower=events, events_upper=events, size_lower=sizes, size_upper=sizes))
        assert isinstance(one, SlopeWithin)
        for inner, outer in ((one.sii, found.sii), (one.rii, found.rii)):
            assert outer.least <= inner.least <= inner.most <= outer.most
            assert outer.lower <= inner.lower <= inner.upper <= outer.upper


@pytest.mark.parametrize(
    ("lower", "upper", "sizes", "reason"),
    [
        ((5, 6), (5, 6), (100, 100), "fewer than 3 groups"),
        ((5, 6, 7), (5, 6, 7), (100, 0, 100), "nobody in it"),
        ((5, 6, 7), (5, 6, 100), (100, 100, 100), "everybody in a group"),
        ((5,) * 11, (6,) * 11, (100,) * 11, "more than 10 groups"),
    ],
)
def test_why_there_is_no_line(
    lower: tuple[int, ...], upper: tuple[int, ...], sizes: tuple[int, ...], reason: str
) -> None:
    size = np.array(sizes, dtype=float)
    # A group of nobody has no event; GroupBounds refuses one, as it should.
    tops = np.minimum(np.array([lower, upper], dtype=float), size)
    found = slope_within(GroupBounds(events_lower=tops[0], events_upper=tops[1], size_lower=size, size_upper=size))
    assert isinstance(found, str)
    assert reason in found


def test_where_to_look_first_says_how_sure_it_is() -> None:
    insight = said(STEEP)
    columns = insight.table.columns
    rows = {row[0]: dict(zip(columns, row, strict=True)) for row in insight.table.rows}
    fewer, chance = "Events fewer at the rate of all together", "Chance that it is among the first 2 (%)"
    assert rows["1 most deprived"][fewer] > 0 > rows["5 least deprived"][fewer]
    assert rows["1 most deprived"][chance] == 100
    assert rows["1 most deprived"]["Rank, best case"] == rows["1 most deprived"]["Rank, worst case"] == 1
    assert rows["unknown"][fewer] is Mark.NOT_APPLICABLE
    note = next(note for note in insight.notes if note.startswith("Where most events could be avoided"))
    assert "1 most deprived (" in note
    assert "% sure to be among the first 2)" in note
    assert said(STEEP) == insight  # the same answers make the same list


def test_chance_alone_puts_nobody_first_and_some_measures_have_no_list() -> None:
    alike = said(tuple(size // 20 for size in SIZES))
    assert any(note.startswith("Nowhere is anything to be gained") for note in alike.notes)
    either = said(STEEP, measure=measure_by(better=Better.NEITHER))
    assert not any("Events" in column and "rate of all" in column for column in either.table.columns)
    by_ethnicity = said(STEEP, measure=measure_by(Stratum.ETHNICITY, better=Better.HIGHER))
    assert "factor" not in by_ethnicity.statement
    assert "Events more at the rate of all together" in by_ethnicity.table.columns
