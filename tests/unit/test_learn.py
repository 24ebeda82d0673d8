"""What the centre says of a pooled measure, and that it never falls silent for want of a number."""

from datetime import date

import polars as pl
import pytest
import reports_fixture as given

from rounds.centre.learn import PooledMeasure, variation_insights
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy
from rounds.disclosure.release import release
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import periods_between
from rounds.reports.insight import Certainty, Insight, Kind, Mark

MEASURE = given.ARRESTS
MONTHS = tuple(period.start for period in periods_between(
    grain=MEASURE.grain, first=date(2024, 1, 1), last=date(2024, 12, 31)
))  # fmt: skip


def pooled_measure(monthly: dict[str, tuple[int, int]], *, policy: Policy = Policy.HES) -> PooledMeasure:
    """The same (numerator, denominator) in every month of a year, by member, released and received."""
    rows = [(code, month, top, bottom) for code, (top, bottom) in monthly.items() for month in MONTHS]
    count = Count(measure=MEASURE.ref, strata=(), cells=pl.DataFrame(rows, schema=count_schema(()), orient="row"))
    released = release(count, policy=policy, already_public=policy is Policy.OPEN).cells
    cells = released.with_columns(pl.col("member").alias("site"))
    return PooledMeasure(
        measure=MEASURE,
        periods=periods_between(grain=MEASURE.grain, first=MONTHS[0], last=date(2024, 12, 31)),
        cells=cells,
        series=totals(cells, by=["member", "period"]),
    )


def said(found: PooledMeasure) -> tuple[Insight, ...]:
    return variation_insights(found, membership=given.MEMBERSHIP, provenance=given.PROVENANCE, embedded={})


def between(found: PooledMeasure) -> Insight | None:
    return next((insight for insight in said(found) if insight.kind is Kind.BETWEEN_SITES), None)


def test_a_funnel_that_withholding_prevents_says_so() -> None:
    few = dict.fromkeys(given.CODES[:7], (4, 1000))
    many = dict.fromkeys(given.CODES[7:], (40, 1000))
    insight = between(pooled_measure(few | many))
    assert insight is not None
    assert insight.statement == (
        "Cardiac arrests in hospital: organisations cannot be compared, because 7 of 15 have withheld counts."
    )
    assert insight.certainty.level is Certainty.LOW
    assert insight.certainty.estimate.value is None
    assert len(insight.table.rows) == 15
    first = next(row for row in insight.table.rows if row[1] == "RX01")
    assert (first[2], *first[5:8]) == (Mark.WITHHELD, Mark.WITHHELD, 12, 84)
    assert any("no funnel plot" in note for note in insight.notes)


@pytest.mark.parametrize("members", [1, 2])
def test_one_or_two_organisations_are_not_compared_at_all(members: int) -> None:
    assert between(pooled_measure(dict.fromkeys(given.CODES[:members], (4, 1000)))) is None


def test_a_withheld_denominator_is_left_out_and_counted() -> None:
    monthly = {code: (40 + index, 1000) for index, code in enumerate(given.CODES[:11])} | {given.CODES[11]: (2, 5)}
    insight = between(pooled_measure(monthly))
    assert insight is not None
    assert "1 left out, because the denominator is withheld" in insight.certainty.because
    assert "all 11" not in insight.certainty.because
    assert "Not in the funnel, because the denominator is withheld: Redcliffe Hospital." in insight.notes
    assert given.CODES[11] not in {row[1] for row in insight.table.rows}


def test_with_all_numbers_nobody_is_left_out() -> None:
    monthly = {code: (40 + index, 1000) for index, code in enumerate(given.CODES)}
    insight = between(pooled_measure(monthly, policy=Policy.OPEN))
    assert insight is not None
    assert insight.certainty.because.startswith("all 15 organisations have numbers")
