"""No withheld number is 0 or blank in all that a round publishes: pages, JSON, Excel, what charts are drawn from.

What is withheld is read from the sites' replies, and looked up wherever a reader can meet it.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from rounds.centre.learn import FEWEST_PERIODS_FOR_A_CHART
from rounds.learning.spread.adoption import Stage
from rounds.measures.kinds import CountKind
from rounds.reports.content.wording import number, slug
from rounds.storage.workspace import read_workspace

WITHHELD = "[c]"
MARKS = ("[c]", "[x]", "[z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A period of an organisation's measure, or the network's, with a number withheld, and what events can be."""

    insight: str
    period: str
    column: str
    lower: int
    upper: int


@pytest.fixture(scope="module")
def hidden(finished: Path) -> list[Hidden]:
    """Every (measure, organisation, period) of which a site withheld events; a mean's sum is scaled, so not here."""
    library = read_workspace(finished).library
    found: dict[tuple[str, str, str], list[int]] = {}
    withheld = set()
    for path in (finished / "exchange").glob("*/replies/*.json"):
        for table in json.loads(path.read_bytes())["body"]["tables"]:
            measure = library.measure(table["measure"], table["version"])
            if measure.kind is CountKind.MEAN or measure.span > 1:
                continue
            columns = table["columns"]
            for row, member in enumerate(columns["member"]):
                label = measure.label(date.fromisoformat(columns["period"][row]))
                said = [slug("pooled", measure.id, "network")]
                if len(set(columns["period"])) >= FEWEST_PERIODS_FOR_A_CHART:
                    said.append(slug("over time", measure.id, member))
                for insight in said:
                    key = (insight, label, "Events")
                    ends = found.setdefault(key, [0, 0])
                    ends[0] += columns["numerator_lower"][row]
                    ends[1] += columns["numerator_upper"][row]
                    if columns["numerator_state"][row] == "withheld":
                        withheld.add(key)
    return [
        Hidden(insight=key[0], period=key[1], column=key[2], lower=found[key][0], upper=found[key][1])
        for key in sorted(withheld)
    ]


@pytest.fixture(scope="module")
def outputs(finished: Path) -> Path:
    (folder,) = (finished / "outputs").iterdir()
    return folder


@pytest.fixture(scope="module")
def insights(outputs: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((outputs / "insights.json").read_bytes())["insights"]
    return {insight["id"]: insight for insight in found}


def _check(cells: dict[str, Any], one: Hidden, *, shown: Any) -> None:
    """Check a row: the marker, and the bounds beside it as this format writes numbers."""
    assert cells[one.column] == WITHHELD, one
    assert cells[f"{one.column}, lowest possible"] == shown(one.lower), one
    assert cells[f"{one.column}, highest possible"] == shown(one.upper), one
    rate = next(name for name in cells if name.startswith("Rate ("))
    assert cells[rate] == WITHHELD, one
    for name in ("Rate, lowest possible", "Rate, highest possible"):
        assert str(cells[name]) not in ("", "None", *MARKS), one
    assert cells["Rate, highest possible"] not in (0, 0.0, "0"), one


def _check_shape(rows: list[list[Any]], where: str) -> int:
    """Check that no cell is blank and that a withheld number stands beside its bounds; return how many there are."""
    count = 0
    for row in rows:
        assert None not in row, (where, row)
        assert "" not in [str(cell).strip() for cell in row], (where, row)
        for at, cell in enumerate(row):
            if cell == WITHHELD:
                count += 1
                lower, upper = (float(str(end).replace(",", "")) for end in row[at + 1 : at + 3])
                assert lower <= upper, (where, row)
                assert upper > 0, (where, row)
    return count


def test_something_is_withheld(hidden: list[Hidden]) -> None:
    assert len(hidden) > 20
    assert len({one.insight for one in hidden}) >= 3
    assert all(one.upper > one.lower >= 0 for one in hidden)


def test_json_shows_every_withheld_number_as_withheld_with_its_bounds(
    hidden: list[Hidden], insights: dict[str, dict[str, Any]]
) -> None:
    for one in hidden:
        table = insights[one.insight]["table"]
        names = [column["name"] for column in table["columns"]]
        (row,) = (row for row in table["rows"] if row[0] == one.period)
        _check(dict(zip(names, row, strict=True)), one, shown=lambda end: end)
    counted = [_check_shape(insight["table"]["rows"], key) for key, insight in insights.items()]
    assert sum(counted) >= 2 * len(hidden)


def test_a_note_counts_what_is_withheld(hidden: list[Hidden], insights: dict[str, dict[str, Any]]) -> None:
    for key, count in Counter(one.insight for one in hidden).items():
        notes = insights[key]["notes"]
        rows = len(insights[key]["table"]["rows"])
        (note,) = (note for note in notes if "withheld to protect patients. Withheld is not zero" in note)
        told, of = note.split(" withheld")[0].split(" of ")
        assert int(told.split(" ")[0]) >= count  # a denominator may be withheld besides
        assert int(of) == rows


def _values(spec: Any) -> Iterator[dict[str, Any]]:
    """Every row of data in a chart's specification."""
    if isinstance(spec, dict):
        if isinstance(spec.get("values"), list):
            yield from (row for row in spec["values"] if isinstance(row, dict))
        for part in spec.values():
            yield from _values(part)
    elif isinstance(spec, list):
        for part in spec:
            yield from _values(part)


def test_charts_draw_a_bar_and_never_a_point_for_a_withheld_number(
    hidden: list[Hidden], insights: dict[str, dict[str, Any]]
) -> None:
    for one in hidden:
        rows = [row for row in _values(insights[one.insight]["chart"]) if row.get("period") == one.period]
        if one.insight.startswith("pooled"):
            points = [row for row in rows if "value" in row]
            assert all(row["kind"].startswith("Estimate") and row["value"] > 0 for row in points), one
            assert all(bar["upper"] > bar["lower"] for bar in rows if "lower" in bar), one
            continue
        bars = [row for row in rows if "lower" in row]
        assert len(bars) == 1, one
        assert bars[0]["upper"] > bars[0]["lower"] >= 0, one
        assert all(row["value"] is None and row["shown"] == WITHHELD for row in rows if "value" in row), one
    for key, insight in insights.items():
        for row in _values(insight["chart"]):
            if "value" in row and row["value"] is None:
                beside = row.get("shown") == WITHHELD or ("lower" in row and "upper" in row)
                missing = not any(
                    line[0] == row.get("period") and WITHHELD in line for line in insight["table"]["rows"]
                )
                assert beside or missing, (key, row)


def test_excel_marks_every_withheld_number_and_says_what_the_mark_means(hidden: list[Hidden], outputs: Path) -> None:
    book = openpyxl.load_workbook(outputs / "insights.xlsx")
    legend = {row[0].value: row[1].value for row in book["notes"].iter_rows(min_row=3)}
    assert "not zero" in legend[WITHHELD]
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    count = 0
    for sheet in book.worksheets:
        if not sheet.tables:
            continue
        (table,) = sheet.tables.values()
        heading, *rows = [[cell.value for cell in row] for row in sheet[table.ref]]
        count += _check_shape(rows, sheet.title)
        if heading[0] == "Identifier" and "Period" in heading:
            found |= {(row[0], row[2]): dict(zip(heading, row, strict=True)) for row in rows}
    for one in hidden:
        _check(found[one.insight, one.period], one, shown=lambda end: end)
    assert count >= 2 * len(hidden)


def test_the_return_counts_those_reached_between_their_bounds(finished: Path, outputs: Path) -> None:
    """Those admitted while the programme was embedded, added up here from the sites' replies; and no cell is blank."""
    space = read_workspace(finished)
    since = {event.ods_code: event.day for event in space.adoptions if event.stage is Stage.EMBEDDED}
    ends = [0, 0]
    for path in (finished / "exchange").glob("*/replies/*.json"):
        for table in json.loads(path.read_bytes())["body"]["tables"]:
            columns = table["columns"]
            for row, member in enumerate(columns["member"]):
                start = date.fromisoformat(columns["period"][row])
                if table["measure"] == "cardiac-arrests" and member in since and since[member] <= start:
                    ends[0] += columns["denominator_lower"][row]
                    ends[1] += columns["denominator_upper"][row]
    assert 0 < ends[0] < ends[1]
    files = outputs.glob("benefit-return/*.csv")
    tables = {path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in files}
    whole = next(row for row in tables["return"] if row["Period"] == "since the start")
    assert [int(whole["Reached, lowest"]), int(whole["Reached, highest"])] == ends
    for rows in tables.values():
        assert all(cell.strip() for row in rows for cell in row.values())
        _check_shape([list(row.values()) for row in rows], "benefit-return")
    book = openpyxl.load_workbook(outputs / "benefit-return.xlsx")
    for sheet in book.worksheets:
        for table in sheet.tables.values():
            assert all(cell.value not in (None, "") for row in sheet[table.ref] for cell in row), sheet.title


FORMATS = {".html", ".json", ".xlsx", ".csv", ".css"}
"""What a round publishes. A new format needs a test here that no withheld number in it is 0 or blank."""


def test_every_format_that_is_published_is_looked_at(outputs: Path) -> None:
    assert {path.suffix for path in outputs.rglob("*") if path.is_file()} == FORMATS


def test_files_that_travel_hold_a_withheld_number_as_a_state_with_bounds(finished: Path) -> None:
    """A reply has no value for it, never 0; a reader that skips the state still meets the bounds."""
    withheld = 0
    for path in (finished / "exchange").glob("*/replies/*.json"):
        for table in json.loads(path.read_bytes())["body"]["tables"]:
            columns = table["columns"]
            for name in ("numerator", "denominator"):
                parts = (columns[f"{name}_{part}"] for part in ("state", "value", "lower", "upper"))
                for state, value, lower, upper in zip(*parts, strict=True):
                    assert (value is None) == (state == "withheld"), path.name
                    if state == "withheld":
                        assert 0 <= lower < upper, path.name
                        withheld += 1
    assert withheld > 20


def test_models_take_bounds_and_say_so(insights: dict[str, dict[str, Any]]) -> None:
    """An effect from withheld counts: what was counted is [c] between bounds, and a remark says why."""
    found = [insight for insight in insights.values() if insight["kind"] == "impact"]
    assert found
    counted = 0
    for insight in found:
        names = [column["name"] for column in insight["table"]["columns"]]
        assert names[2:5] == ["Value", "Lower", "Upper"]
        for row in insight["table"]["rows"]:
            if row[2] == WITHHELD:
                assert 0 <= row[3] < row[4]
                assert "withheld" in row[5]
                counted += 1
    assert counted > 0


class _Tables(HTMLParser):
    """The tables of a page: the identifier of each caption, and its rows as text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[list[str]]]] = []
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.found.append(("", []))
        elif tag == "caption":
            self.found[-1] = (dict(attrs).get("id") or "", self.found[-1][1])
        elif tag == "tr":
            self.found[-1][1].append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag == "svg" and self._cell is not None:
            self._cell.append(dict(attrs).get("aria-label") or "")

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.found[-1][1][-1].append("".join(self._cell).strip())
            self._cell = None


def test_pages_show_every_withheld_number_as_withheld_with_its_bounds(
    hidden: list[Hidden], outputs: Path, insights: dict[str, dict[str, Any]]
) -> None:
    seen: dict[tuple[str, str], int] = {}
    pages = sorted(outputs.rglob("*.html"))
    wanted = {(one.insight, one.period): one for one in hidden}
    for page in pages:
        tables = _Tables()
        tables.feed(page.read_text(encoding="utf-8"))
        for caption, (heading, *rows) in tables.found:
            assert all("" not in row for row in rows), (page.name, caption)
            key = caption.removesuffix("-caption")
            if key not in insights:
                continue
            _check_shape(rows, f"{page.name}: {key}")
            for row in rows:
                one = wanted.get((key, row[0]))
                if one is not None:
                    _check(dict(zip(heading, row, strict=True)), one, shown=lambda end: number(float(end)))
                    seen[key, row[0]] = seen.get((key, row[0]), 0) + 1
    assert set(seen) == set(wanted)
    assert len(pages) > 10


def test_estimates_stand_beside_bounds_and_never_in_place_of_a_withheld_number(
    insights: dict[str, dict[str, Any]],
) -> None:
    """The network's total: the estimate has columns of its own; it lies within what is possible for certain."""
    estimated = 0
    for insight in insights.values():
        names = [column["name"] for column in insight["table"]["columns"]]
        if "Estimated rate" not in names:
            continue
        for row in insight["table"]["rows"]:
            cells = dict(zip(names, row, strict=True))
            if cells["Estimated rate"] in MARKS:
                continue
            lowest, highest = cells["Rate, lowest possible"], cells["Rate, highest possible"]
            assert lowest - 1e-4 * highest <= cells["Estimated rate"] <= highest * 1.0001
            assert cells["Estimated rate, 95% lower"] < cells["Estimated rate, 95% upper"]
            estimated += cells["Events"] == WITHHELD
    assert estimated > 5
