"""What the centre says of a pooled measure, and that it never falls silent for want of a number."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest
import reports_fixture as given
from small_site import drug_event, people_measure, visits_measure

from rounds.centre.learn import PooledMeasure, variation_insights
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy
from rounds.disclosure.release import release
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import Grain, periods_between
from rounds.reports.insight import Certainty, Insight, Kind, Mark, Provenance

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


def between(found: PooledMeasure, *, provenance: Provenance = given.PROVENANCE) -> Insight | None:
    said = variation_insights(found, membership=given.MEMBERSHIP, provenance=provenance, embedded={})
    return next((insight for insight in said if insight.kind is Kind.BETWEEN_SITES), None)


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


@pytest.mark.parametrize(("small", "compared"), [(1, True), (2, False)])
def test_a_tenth_of_the_patients_may_be_withheld_in_a_funnel(small: int, compared: bool) -> None:
    monthly = {code: (40 + index, 1000) for index, code in enumerate(given.CODES)}
    monthly |= dict.fromkeys(given.CODES[:small], (3, 1000))
    insight = between(pooled_measure(monthly))
    assert insight is not None
    assert ("cannot be compared" in insight.statement) is not compared


def test_a_funnel_of_a_round_allows_for_over_dispersion() -> None:
    insight = between(pooled_measure({code: (40 + 6 * index, 1000) for index, code in enumerate(given.CODES)}))
    assert insight is not None
    assert "over-dispersion is allowed for" in insight.certainty.because


@pytest.mark.parametrize(
    ("grain", "last", "recent", "start"),
    [
        (Grain.MONTH, date(2024, 12, 31), 12, date(2024, 1, 1)),
        (Grain.MONTH, date(2025, 6, 30), 12, date(2024, 7, 1)),
        (Grain.QUARTER, date(2024, 12, 31), 4, date(2024, 1, 1)),
        (Grain.YEAR, date(2024, 12, 31), 1, date(2024, 1, 1)),
        (Grain.ALL, date(2024, 12, 31), 1, date(2022, 1, 1)),
    ],
)
def test_recent_is_the_last_twelve_months_counted(grain: Grain, last: date, recent: int, start: date) -> None:
    whole = pooled_measure(dict.fromkeys(given.CODES[:3], (40, 1000)))
    found = replace(whole, periods=periods_between(grain=grain, first=date(2022, 1, 1), last=last))
    assert (len(found.recent), found.recent[0].start) == (recent, start)


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
    found = pooled_measure(monthly, policy=Policy.OPEN)
    everyone = replace(given.PROVENANCE, sites_out=())
    insight = between(found, provenance=everyone)
    assert insight is not None
    assert insight.certainty.because.startswith("all 15 organisations with numbers")
    partial = between(found)
    assert partial is not None
    assert partial.certainty.because.startswith("15 organisations with numbers; 1 of 15 sites asked")


def test_a_publisher_s_total_counts_its_organisations_and_not_itself() -> None:
    """One site publishes for 15; one organisation leaves the network in July, and another just stops reporting."""
    found = pooled_measure(dict.fromkeys(given.CODES, (40, 1000)), policy=Policy.OPEN)
    left, silent = given.CODES[0], given.CODES[1]
    late = pl.col("period") >= date(2024, 7, 1)
    cells = found.cells.with_columns(pl.lit("nhs-england").alias("site")).filter(
        ~(late & pl.col("member").is_in([left, silent]))
    )
    members = tuple(
        replace(member, left=date(2024, 7, 1)) if member.ods_code == left else member
        for member in given.MEMBERSHIP.members
    )
    published = replace(found, cells=cells, series=totals(cells, by=["member", "period"]))
    insight = variation_insights(
        published,
        membership=replace(given.MEMBERSHIP, members=members),
        provenance=replace(given.PROVENANCE, sites_in=("nhs-england",), sites_out=()),
        embedded={},
    )[0]
    assert [row[1] for row in insight.table.rows] == [15] * 6 + [13] * 6
    assert "missing from the latest total: 1 of 14 organisations that sent numbers" in insight.certainty.because
    assert any("13 organisations contribute to the latest total, 13 to 15" in note for note in insight.notes)


def test_months_that_are_withheld_are_not_called_missing() -> None:
    found = pooled_measure({given.CODES[0]: (4, 1000), given.CODES[1]: (40, 1000)})
    unsent = (pl.col("member") == given.CODES[1]) & (pl.col("period") == MONTHS[5])
    cells = found.cells.filter(~unsent)
    said = variation_insights(
        replace(found, cells=cells, series=totals(cells, by=["member", "period"])),
        membership=given.MEMBERSHIP,
        provenance=given.PROVENANCE,
        embedded={},
    )
    because = {insight.scope: insight.certainty.because for insight in said if insight.kind is Kind.OVER_TIME}
    assert "of 12 points 12 are withheld" in because[given.CODES[0]]
    assert "of 12 points 1 is missing" in because[given.CODES[1]]


def test_people_at_several_sites_are_told_as_bounds() -> None:
    monthly = {given.CODES[0]: (40, 1000), given.CODES[1]: (40, 600), given.CODES[2]: (40, 400)}
    published = pooled_measure(monthly, policy=Policy.OPEN)
    people = replace(published, measure=replace(MEASURE, question=people_measure(drug_event()).question))
    visits = replace(published, measure=replace(MEASURE, question=visits_measure(drug_event()).question))

    def said(found: PooledMeasure) -> list[str]:
        first, *_ = variation_insights(found, membership=given.MEMBERSHIP, provenance=given.PROVENANCE, embedded={})
        return [note for note in first.notes if "different people" in note]

    assert said(published) == said(visits) == []
    (note,) = said(people)
    assert note.startswith(
        "The total in Dec 2024 is of between 1,000 and 2,000 different people, because a person may be "
    )
    assert said(replace(people, cells=people.cells.filter(pl.col("site") == given.CODES[0]))) == []
