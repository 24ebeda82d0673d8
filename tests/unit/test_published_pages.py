"""What readers of published counts are told: gaps, missing sites, units, and charts that fit a screen."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import polars as pl
import pytest
import reports_fixture as given

from rounds.centre.learn import variation_insights
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.measures.counts import Count, count_schema
from rounds.measures.periods import periods_between
from rounds.network.members import Member, Membership
from rounds.reports.content.not_compared import MOST_ROWS, not_compared
from rounds.reports.content.observed import Known, Observed
from rounds.reports.excel import write_workbook
from rounds.reports.insight import Estimate, Kind
from rounds.reports.pages.write import _estimate as estimate_words
from rounds.reports.pages.write import write_pages

MONTHS = periods_between(grain=given.WAITS.grain, first=date(2024, 1, 1), last=date(2024, 12, 31))


def _notes(gaps: set[tuple[str, int]]) -> str:
    rows = [
        (code, month.start, 20, 100)
        for code in given.CODES[:4]
        for number, month in enumerate(MONTHS, start=1)
        if (code, number) not in gaps
    ]
    cells = pl.DataFrame(rows, schema=count_schema(()), orient="row")
    count = Count(measure=given.WAITS.ref, strata=(), cells=cells)
    received = release(count, terms=Terms(rule=Policy.OPEN), already_public=True).cells
    found = PooledMeasure(
        measure=given.WAITS, periods=MONTHS, cells=received, series=totals(received, by=["member", "period"])
    )
    said = variation_insights(found, membership=given.MEMBERSHIP, provenance=given.PROVENANCE, embedded={})
    return " ".join(said[0].notes)


def test_months_that_were_not_published_are_said_to_be_left_out() -> None:
    assert "left out" not in _notes(set())
    assert "1 organisation-month is left out of the totals, not counted as zero: the source" in _notes({("RX01", 3)})
    assert "2 organisation-months are left out" in _notes({("RX01", 3), ("RX02", 12)})


@pytest.mark.parametrize(("members", "drawn"), [(MOST_ROWS, MOST_ROWS), (212, MOST_ROWS)])
def test_a_chart_of_many_organisations_fits_a_screen_and_its_table_has_all(members: int, drawn: int) -> None:
    codes = tuple(f"R{number:03d}" for number in range(members))
    known = tuple(
        Member(ods_code=code, name=f"Trust {code}", kind="NHS trust", region="North", joined=date(2010, 1, 1))
        for code in codes
    )
    insight = not_compared(
        members=codes,
        observed=tuple(
            Observed(numerator=Known(value=None, lower=1, upper=7), denominator=Known.exactly(100 + number))
            for number in range(members)
        ),
        over="2024",
        measure=given.WAITS,
        membership=Membership(members=known),
        provenance=given.PROVENANCE,
    )
    shown = {row["group"] for row in insight.chart["layer"][0]["data"]["values"]}
    assert len(shown) == drawn
    assert f"Trust {codes[-1]}" in shown
    assert len(insight.table.rows) == members
    assert insight.chart["height"] < 1500
    assert any("40 largest of 212" in note for note in insight.notes) is (members > drawn)


def test_a_sheet_of_totals_names_the_sites_that_are_missing(tmp_path: Path) -> None:
    assert given.PROVENANCE.sites_out
    book = openpyxl.load_workbook(write_workbook(tmp_path / "partial.xlsx", given.report(members=1)))
    partial = [sheet for sheet in book.worksheets if str(sheet["A1"].value).startswith("Partial total: ")]
    assert partial
    for sheet in partial:
        assert "1 of 15 sites asked did not answer (hospital-15): these numbers are without them." in sheet["A2"].value
    assert not any("Network total" in str(sheet["A1"].value) for sheet in book.worksheets)


def test_both_ends_of_a_percentage_carry_the_sign() -> None:
    found = Estimate(value=27.4, lower=0.35, upper=49.3, interval="lowest and highest", unit="% of attendances")
    assert estimate_words(found) == "27.4% of attendances; lowest and highest 0.35% to 49.3%"
    assert estimate_words(replace(found, value=None)).startswith("0.35% to 49.3% of attendances (")


def test_one_site_is_not_called_sites_and_a_target_has_its_unit(tmp_path: Path) -> None:
    report = given.report(members=1)
    alone = replace(report, provenance=replace(report.provenance, sites_in=("publisher",), sites_out=()))
    write_pages(tmp_path, report=alone)
    assert ". 1 site in. " in (tmp_path / "index.html").read_text(encoding="utf-8")
    page = (tmp_path / "measures" / f"{given.WAITS.id}.html").read_text(encoding="utf-8")
    assert "The network's target is 5%. Version" in page


def test_a_round_without_programmes_says_so(tmp_path: Path) -> None:
    report = given.report(members=1)
    plain = tuple(one for one in report.insights if one.kind not in (Kind.SPREAD, Kind.IMPACT))
    write_pages(tmp_path, report=replace(report, insights=plain))
    page = (tmp_path / "commissioner.html").read_text(encoding="utf-8")
    assert "This round follows no programme" in page
    assert "no effect of a programme to report" in page
    assert "nothing to say here" not in page
