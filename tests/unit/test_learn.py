"""What the centre says of a pooled measure, and that it never falls silent for want of a number."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import reports_fixture as given
from small_site import drug_event, people_measure, visits_measure

from rounds.centre.funnels import funnel_of
from rounds.centre.last_need import measured_need
from rounds.centre.learn import variation_insights
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.errors import DefinitionError
from rounds.learning.spread.pipeline.rank import Measured, NotMeasured
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Better
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain, periods_between
from rounds.network.rebases import StatedRebase
from rounds.reports.insight import Certainty, Insight, Kind, Mark, Provenance
from rounds.storage.rebase_files import read_rebases

MEASURE = given.ARRESTS
MONTHS = tuple(period.start for period in periods_between(
    grain=MEASURE.grain, first=date(2024, 1, 1), last=date(2024, 12, 31)
))  # fmt: skip


def pooled_measure(monthly: dict[str, tuple[int, int]], *, policy: Policy = Policy.HES) -> PooledMeasure:
    """The same (numerator, denominator) in every month of a year, by member, released and received."""
    rows = [(code, month, top, bottom) for code, (top, bottom) in monthly.items() for month in MONTHS]
    count = Count(measure=MEASURE.ref, strata=(), cells=pl.DataFrame(rows, schema=count_schema(()), orient="row"))
    released = release(count, terms=Terms(rule=policy), already_public=policy is Policy.OPEN).cells
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
    """Nobody's counts are shown, so that nothing tells how large they are."""
    insight = between(pooled_measure(dict.fromkeys(given.CODES, (4, 1000))))
    assert insight is not None
    assert insight.statement == (
        "Cardiac arrests in hospital: organisations cannot be compared, because 15 of 15 have withheld counts."
    )
    assert insight.certainty.level is Certainty.LOW
    assert insight.certainty.estimate.value is None
    assert len(insight.table.rows) == 15
    first = next(row for row in insight.table.rows if row[1] == "RX01")
    assert (first[2], *first[5:8]) == (Mark.WITHHELD, Mark.WITHHELD, 12, 84)
    assert any("no funnel plot" in note for note in insight.notes)


@pytest.mark.parametrize(("small", "compared"), [(1, True), (2, False)])
def test_a_tenth_of_the_patients_may_be_withheld_in_a_funnel_without_estimates(small: int, compared: bool) -> None:
    known, withheld = _totals(known=15 - small), _totals(withheld=small)
    assert (funnel_of(known, withheld, CountKind.PROPORTION, expected=None) is not None) is compared


def test_a_funnel_needs_what_is_expected_to_tell_enough() -> None:
    known, withheld = _totals(known=2), _totals(withheld=13)
    for information, drawn in ((0.05, False), (0.5, True)):
        expected = pl.DataFrame(
            {
                "member": [*known["member"], *withheld["member"]],
                "expected": 48.0,
                "information": information,
            }
        )
        found = funnel_of(known, withheld, CountKind.PROPORTION, expected=expected)
        assert (found is not None) is drawn
    assert found is not None
    assert found.estimated
    assert np.isnan(found.values).tolist() == [False] * 2 + [True] * 13
    assert found.centre == pytest.approx((2 * 480 + 13 * 48) / (15 * 12_000))


@pytest.mark.parametrize(
    ("policy", "monthly", "lower", "upper"),
    [(Policy.OPEN, 10, 1800, 1800), (Policy.HES, 4, 180, 1260)],
)
def test_a_measure_shows_how_many_a_need_concerns(policy: Policy, monthly: int, lower: int, upper: int) -> None:
    """Fifteen hospitals, the same each month of 2024; a withheld number is from 1 to 7."""
    shown = measured_need(pooled_measure(dict.fromkeys(given.CODES, (monthly, 1000)), policy=policy))
    assert isinstance(shown, Measured)
    assert (shown.lower, shown.upper) == pytest.approx((lower * 365.25 / 366, upper * 365.25 / 366))
    assert "a year in the numerator of" in shown.words


def test_of_a_measure_that_is_better_higher_the_rest_is_the_need() -> None:
    found = pooled_measure(dict.fromkeys(given.CODES, (400, 1000)), policy=Policy.OPEN)
    higher = replace(found, measure=replace(found.measure, better=Better.HIGHER))
    shown = measured_need(higher)
    assert isinstance(shown, Measured)
    assert shown.lower == pytest.approx(15 * 12 * 600 * 365.25 / 366)
    neither = measured_need(replace(found, measure=replace(found.measure, better=Better.NEITHER)))
    assert isinstance(neither, NotMeasured)
    assert neither.because.endswith("is better neither way")


def _totals(*, known: int = 0, withheld: int = 0) -> pl.DataFrame:
    """A year's totals of so many members: 480 events shown, or withheld, among 12,000."""
    return pl.DataFrame(
        {
            "member": [f"K{index}" for index in range(known)] + [f"W{index}" for index in range(withheld)],
            "numerator_value": pl.Series([480] * known + [None] * withheld, dtype=pl.Int64()),
            "denominator_value": pl.Series([12_000] * (known + withheld), dtype=pl.Int64()),
        }
    )


def test_a_funnel_is_drawn_where_the_bounds_tell_what_is_withheld() -> None:
    """Seven of fifteen have every month withheld: each is judged by its bounds, and is possibly low."""
    few = dict.fromkeys(given.CODES[:7], (4, 1000))
    many = dict.fromkeys(given.CODES[7:], (40, 1000))
    insight = between(pooled_measure(few | many))
    assert insight is not None
    assert "no organisation clearly differs from the network's 23.0 per 1,000 admissions (20.7 to 25.7)" in (
        insight.statement
    )
    assert "7 possibly, which cannot be told" in insight.statement
    told = {row[1]: row[-2] for row in insight.table.rows}
    assert [told[code] for code in given.CODES] == ["possible"] * 7 + ["no"] * 8
    assert any("7 organisations of 15 have withheld counts" in note and "likelihood" in note for note in insight.notes)


def test_the_network_s_rate_is_estimated_beside_its_bounds() -> None:
    few = dict.fromkeys(given.CODES[:7], (4, 1000))
    many = dict.fromkeys(given.CODES[7:], (40, 1000))
    found = pooled_measure(few | many)
    insight = variation_insights(found, membership=given.MEMBERSHIP, provenance=given.PROVENANCE, embedded={})[0]
    row = dict(zip(insight.table.columns, insight.table.rows[-1], strict=True))
    low, best, high = (row[f"Estimated rate{end}"] for end in (", 95% lower", "", ", 95% upper"))
    assert row["Rate (per 1,000 admissions)"] is Mark.WITHHELD
    assert isinstance(low, float)
    assert isinstance(best, float)
    assert isinstance(high, float)
    assert row["Rate, lowest possible"] < best < row["Rate, highest possible"]
    assert low < best < high
    assert best == pytest.approx((7 * 4 + 8 * 40) / 15, rel=0.02)
    assert insight.certainty.method == "interval-count-pooling@1"
    assert "(95% CI 20.8 to 25.4; for certain 20.7 to 25.7) in Dec 2024" in insight.statement
    assert any("12 months of 12 hold a withheld number" in note for note in insight.notes)


def test_limits_are_drawn_where_some_points_are_withheld() -> None:
    found = pooled_measure(dict.fromkeys(given.CODES, (40, 1000)))
    quiet = [9, 4, 12, 3, 9, 14, 8, 9, 5, 12, 10, 6]
    rows = [(code, month, top, 1000) for code in given.CODES for month, top in zip(MONTHS, quiet, strict=True)]
    count = Count(measure=MEASURE.ref, strata=(), cells=pl.DataFrame(rows, schema=count_schema(()), orient="row"))
    cells = release(count, terms=Terms(rule=Policy.HES), already_public=False).cells.with_columns(
        pl.col("member").alias("site")
    )
    said = variation_insights(
        replace(found, cells=cells, series=totals(cells, by=["member", "period"])),
        membership=given.MEMBERSHIP,
        provenance=given.PROVENANCE,
        embedded={},
    )
    insight = next(one for one in said if one.scope == given.CODES[0])
    rows_shown = [dict(zip(insight.table.columns, row, strict=True)) for row in insight.table.rows]
    assert {row["Flagged"] for row in rows_shown} <= {"certain", "possible", "no"}
    mean, lower, upper = (rows_shown[0][name] for name in ("Mean", "Lower limit", "Upper limit"))
    assert mean == pytest.approx(np.mean(quiet), rel=0.1)
    width = 2.66 * np.abs(np.diff(quiet)).mean()
    assert upper == pytest.approx(np.mean(quiet) + width, rel=0.15)
    assert lower == 0.0
    assert insight.certainty.method == "xmr-nhs-bounds@1"
    assert any("4 months of 12 withheld. The mean and the moving ranges" in note for note in insight.notes)


def test_limits_start_anew_where_people_say_so_and_why() -> None:
    found = pooled_measure(dict.fromkeys(given.CODES, (40, 1000)), policy=Policy.OPEN)
    levels = [40, 42, 41, 43, 40, 42, 80, 82, 81, 83, 80, 82]
    rows = [(code, month, top, 1000) for code in given.CODES for month, top in zip(MONTHS, levels, strict=True)]
    count = Count(measure=MEASURE.ref, strata=(), cells=pl.DataFrame(rows, schema=count_schema(()), orient="row"))
    cells = release(count, terms=Terms(rule=Policy.OPEN), already_public=True).cells.with_columns(
        pl.col("member").alias("site")
    )
    stated = StatedRebase(ods_code="RX01", measure=MEASURE.id, since=date(2024, 7, 15), reason="a new ward opened.")
    said = variation_insights(
        replace(found, cells=cells, series=totals(cells, by=["member", "period"])),
        membership=given.MEMBERSHIP,
        provenance=given.PROVENANCE,
        embedded={},
        rebases=[stated, replace(stated, ods_code="RX02", since=date(2031, 1, 1))],
    )
    of = {one.scope: one for one in said if one.kind is Kind.OVER_TIME}
    means = {
        code: [row[of[code].table.columns.index("Mean")] for row in of[code].table.rows] for code in ("RX01", "RX02")
    }
    assert means["RX01"] == pytest.approx([np.mean(levels[:6])] * 6 + [np.mean(levels[6:])] * 6, rel=1e-5)
    assert means["RX02"] == pytest.approx([np.mean(levels)] * 12, rel=1e-5)
    assert "Limits were recalculated from Jul 2024: a new ward opened." in of["RX01"].notes
    assert not any("recalculated from" in note for note in of["RX02"].notes)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("RX99,cardiac-arrests,2024-07-01,x", 'line 2: "RX99" is not a member'),
        ("RX01,cardiac-arrest,2024-07-01,x", 'line 2: there is no measure "cardiac-arrest"; did you mean'),
        ("RX01,cardiac-arrests,July,x", "line 2, column since: the date is not written"),
        ("RX01,cardiac-arrests,2024-07-01,", "line 2, column reason: the cell is empty"),
        ("RX01,cardiac-arrests,2024-07-01,x\nRX01,cardiac-arrests,2024-07-01,y", "line 3: limits of cardiac"),
    ],
)  # fmt: skip
def test_rebases_that_cannot_be_are_refused(tmp_path: Path, row: str, says: str) -> None:
    path = tmp_path / "rebases.csv"
    path.write_text(f"ods_code,measure,since,reason\n{row}\n")
    with pytest.raises(DefinitionError, match=f"rebases.csv, {says}"):
        read_rebases(path, membership=given.MEMBERSHIP, measures={"cardiac-arrests"})
    assert read_rebases(tmp_path / "none.csv", membership=given.MEMBERSHIP, measures=()) == ()


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
