"""The workbook and the JSON file: complete, safe to open, and the same every time."""

import json
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
import reports_fixture as given

from rounds.errors import MessageError
from rounds.measures.definitions import Measure
from rounds.reports.excel import write_workbook
from rounds.reports.insight import Insight, Mark, Table
from rounds.reports.json_file import insights_json, read_insights
from rounds.reports.workbook import SHEET_NAME_LIMIT, sheet_names

REPORT = given.report(members=4)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> openpyxl.Workbook:
    return openpyxl.load_workbook(write_workbook(tmp_path_factory.mktemp("excel") / "report.xlsx", REPORT))


def tables(book: openpyxl.Workbook) -> dict[str, list[tuple]]:
    """Every sheet's one table: its heading and rows."""
    found = {}
    for sheet in book.worksheets:
        if sheet.tables:
            (table,) = sheet.tables.values()
            found[sheet.title] = [tuple(cell.value for cell in row) for row in sheet[table.ref]]
    return found


def test_the_workbook_opens_with_cover_contents_and_notes(book: openpyxl.Workbook) -> None:
    assert book.sheetnames[:4] == ["cover", "contents", "notes", "statements"]
    assert book["cover"]["A1"].value == "Northern Deterioration Network: First quarter of 2025"
    listed = [row[0].value for row in book["contents"].iter_rows(min_row=3)]
    assert listed == book.sheetnames[2:]
    notes = {row[0].value: row[1].value for row in book["notes"].iter_rows(min_row=3)}
    assert notes["[c]"].startswith("Withheld to protect patients. It is not zero")


def test_every_sheet_holds_one_named_table_with_a_frozen_heading(book: openpyxl.Workbook) -> None:
    names = []
    for sheet in book.worksheets[3:]:
        (name,) = sheet.tables
        names.append(name)
        assert sheet.freeze_panes == "B4"
        assert len(sheet.title) <= SHEET_NAME_LIMIT
    assert len(names) == len(set(names))


def test_no_withheld_cell_is_zero_or_blank(book: openpyxl.Workbook) -> None:
    withheld = 0
    for rows in tables(book).values():
        heading = rows[0]
        for row in rows[1:]:
            assert None not in row
            assert "" not in row
            for at, name in enumerate(heading):
                if row[at] == str(Mark.WITHHELD) and name == "Events":
                    withheld += 1
                    assert heading[at + 1 : at + 3] == ("Events, lowest possible", "Events, highest possible")
                    assert row[at + 1 : at + 3] != (0, 0)
    expected = sum(
        cell is Mark.WITHHELD and name == "Events"
        for insight in REPORT.insights
        for row in insight.table.rows
        for name, cell in zip(insight.table.columns, row, strict=True)
    )
    assert withheld == expected > 50


def test_every_statement_and_every_row_is_there(book: openpyxl.Workbook) -> None:
    found = tables(book)
    assert [row[0] for row in found["statements"][1:]] == [insight.statement for insight in REPORT.insights]
    rows = sum(len(rows) - 1 for name, rows in found.items() if name != "statements")
    assert rows == sum(len(insight.table.rows) for insight in REPORT.insights) + len(REPORT.completeness)


def test_the_workbook_has_the_same_bytes_again(tmp_path: Path) -> None:
    first = write_workbook(tmp_path / "one.xlsx", REPORT).read_bytes()
    assert write_workbook(tmp_path / "two.xlsx", REPORT).read_bytes() == first


def renamed(insight: Insight, name: str) -> Insight:
    return replace(insight, scope_name=name, measure_title=name)


def test_text_that_looks_like_a_formula_or_a_link_stays_text(tmp_path: Path) -> None:
    nasty = '=HYPERLINK("http://x.example")'
    report = replace(REPORT, insights=(renamed(REPORT.insights[0], nasty),))
    found = openpyxl.load_workbook(write_workbook(tmp_path / "report.xlsx", report))
    cell = found["statements"]["C4"]
    assert (cell.value, cell.data_type) == (nasty, "s")
    assert cell.hyperlink is None


def test_sheet_names_are_short_and_unique() -> None:
    titles = ["Over time: A&E attendances over four hours"] * 12 + ["Notes", "!!!x", "x" * 60]
    found = sheet_names(titles)
    assert len(set(found)) == len(titles)
    assert all(len(name) <= SHEET_NAME_LIMIT for name in found)
    assert "notes" not in found


def test_an_empty_report_is_a_workbook_too(tmp_path: Path) -> None:
    found = openpyxl.load_workbook(
        write_workbook(tmp_path / "report.xlsx", replace(REPORT, insights=(), completeness=()))
    )
    assert found.sheetnames == ["cover", "contents", "notes", "statements"]


def test_json_comes_back_as_it_went() -> None:
    assert read_insights(insights_json(REPORT)) == REPORT.insights


def test_json_has_the_same_bytes_again_and_says_what_it_is() -> None:
    data = insights_json(REPORT)
    assert data == insights_json(replace(REPORT))
    document = json.loads(data)
    assert document["format"] == "rounds-insights/1"
    assert document["round"] == {"as_of": "2025-01-31", "id": "2025-q1", "title": "First quarter of 2025"}
    assert [item["ods_code"] for item in document["members"]] == list(given.CODES)
    assert {item["digest"] for item in document["measures"]} == {of.digest for of in REPORT.measures}
    assert document["provenance"]["sites_out"] == ["hospital-15"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not json", "no file of insights"),
        (b"[]", "no file of insights"),
        (b'{"format": "rounds-insights/9", "insights": []}', "reads rounds-insights/1"),
        (b'{"format": "rounds-insights/1", "insights": [{"id": "x"}]}', "damaged"),
        (b'{"format": "rounds-insights/1"}', "damaged"),
    ],
)
def test_json_that_is_something_else_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MessageError, match=message):
        read_insights(data)


def test_json_refuses_what_it_could_not_read_back() -> None:
    mixed = Table(columns=("day",), rows=((REPORT.as_of,), ("later",)))
    with pytest.raises(ValueError, match="mixes dates"):
        insights_json(replace(REPORT, insights=(replace(REPORT.insights[0], table=mixed),)))
    endless = Table(columns=("rate",), rows=((float("nan"),),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        insights_json(replace(REPORT, insights=(replace(REPORT.insights[0], table=endless),)))


def test_a_definition_is_found_without_reckoning_its_digest_again(monkeypatch: pytest.MonkeyPatch) -> None:
    report = REPORT
    insight = next(insight for insight in report.insights if insight.measure.startswith(given.WAITS.id))

    def refuse(_: Measure) -> str:
        raise AssertionError("a digest was reckoned for a look-up")

    monkeypatch.setattr(Measure, "digest", property(refuse))
    assert report.measure_of(insight) is given.WAITS


def test_a_workbook_that_finds_no_room_is_refused_by_the_system() -> None:
    with pytest.raises(OSError, match="No space left on device"):
        write_workbook(Path("/dev/full"), REPORT)
