"""The facts of another query language's specification, asked of ours: missing values, sorting and picking, dates.

Each person is observed in a year of their own, so that a count by year says of whom a criterion holds.
"""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from every_engine import ENGINES
from small_site import make_measure, open_site, write_site

from rounds.errors import DefinitionError
from rounds.measures.choices import Choose, Distinct
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import AllOf, AnyOf, Criterion, Events, Has, Not, Value
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain, periods_between
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.windows import EVER, Anchor, Edge, Window

SPEC = Path(__file__).resolve().parents[3] / "shared" / "data" / "ehrql_spec_cases" / "spec_cases.ndjson"
pytestmark = pytest.mark.skipif(not SPEC.is_file(), reason="the data set ehrql_spec_cases is not beside the checkout")

DAY = date(2000, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    person: int
    column: str
    value: float | None = None
    day: date = DAY
    minute: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A case in our words: rows, and criteria with what each should be for every person."""

    rows: list[Row]
    asked: list[tuple[Criterion, dict[int, bool]]] = field(default_factory=list)


Cells = list[dict[str, Any]]
Expected = dict[int, Any]


def cases() -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in SPEC.read_text(encoding="utf-8").splitlines()] if SPEC.is_file() else []
    return {
        f"{Path(case['file']).stem.removeprefix('test_')}.{case['test'].removeprefix('test_')}": case for case in found
    }


def cells_of(text: str) -> Cells:
    """Return the rows of a case's table; an empty cell is None."""
    header, _, *lines = [line for line in text.splitlines() if line.strip()]
    names = ["person", *(name.strip() for name in header.split("|")[1:])]
    return [dict(zip(names, map(_cell, line.split("|")), strict=False)) for line in lines]


def _cell(text: str) -> Any:
    word = text.strip()
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word):
        return date.fromisoformat(word)
    if re.fullmatch(r"-?\d+(\.\d+)?", word):
        return float(word) if "." in word else int(word)
    return {"": None, "T": 1, "F": 0}.get(word, word)


def expected_of(text: str) -> Expected:
    plain = ast.literal_eval(re.sub(r"date(?=\()", "", text))
    return {person: date(*value) if isinstance(value, tuple) else value for person, value in plain.items()}


def _column(name: str) -> CodeList:
    return CodeList(id=name, version=1, title=name, concepts=((_concept(name), name),), descendants=False)


def _concept(name: str) -> int:
    return 1000 + sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 1_000_000


def had(*names: str, **said: Any) -> Has:
    concepts = tuple(sorted((_concept(name), name) for name in names))
    codes = CodeList(id="columns", version=1, title="Columns", concepts=concepts, descendants=False)
    events = Events(table=EventTable.MEASUREMENT, codes=codes, where=said.pop("where", None))
    return Has(events=events, **{"window": EVER, **said})


def valued(low: float | None = None, high: float | None = None, **said: Any) -> Value:
    return Value(units=(), low=low, high=high, **said)


def values(cells: Cells, *columns: str) -> list[Row]:
    """Return a row for each cell; an empty cell is a row without a number."""
    return [Row(person=row["person"], column=name, value=row.get(name)) for row in cells for name in columns]


def true_of(expected: Expected) -> dict[int, bool]:
    """Two answers for three: what is not known is not met."""
    return {person: value is True for person, value in expected.items()}


def counted(cells: Cells, expected: Expected, *, by_day: str = "") -> Mapped:
    """At least so many rows, or different days: a cell that is empty is no day."""
    rows = [
        Row(person=row["person"], column="row", day=DAY + timedelta(days=row[by_day] if by_day else 0))
        for row in cells
        if not by_day or row[by_day] is not None
    ]
    distinct = Distinct.DAYS if by_day else Distinct.ROWS
    asked = [
        (had("row", at_least=number, distinct=distinct), {who: found >= number for who, found in expected.items()})
        for number in (1, 2, 3)
    ]
    return Mapped(rows=rows, asked=asked)


def exists(cells: Cells, expected: Expected) -> Mapped:
    return Mapped(
        rows=[Row(person=row["person"], column="row") for row in cells], asked=[(had("row"), true_of(expected))]
    )


def lowest(cells: Cells, expected: Expected, *columns: str) -> Mapped:
    """The lowest of some columns is m if a value is at most m and none is below it."""
    asked: list[tuple[Criterion, dict[int, bool]]] = []
    for lowest_value in {value for value in expected.values() if value is not None}:
        reached = had(*columns, provided=valued(high=lowest_value))
        passed = had(*columns, provided=valued(high=lowest_value, high_included=False))
        is_lowest = AllOf(of=(reached, Not(of=passed)))
        asked.append((is_lowest, {who: value == lowest_value for who, value in expected.items()}))
    return Mapped(rows=values(cells, *columns), asked=asked)


def latest(cells: Cells, expected: Expected, *columns: str) -> Mapped:
    """The latest of some dates is d if there is one on d and none after it."""
    rows = [Row(person=row["person"], column=name, day=row[name]) for row in cells for name in columns if row[name]]
    asked: list[tuple[Criterion, dict[int, bool]]] = []
    for day in {value for value in expected.values() if value is not None}:
        here = had(*columns, window=dates(day, day))
        later = had(*columns, window=dates(day + timedelta(days=1), None))
        asked.append((AllOf(of=(here, Not(of=later))), {who: value == day for who, value in expected.items()}))
    return Mapped(rows=rows, asked=asked)


def both(cells: Cells, expected: Expected) -> Mapped:
    true = valued(low=1)
    asked = AllOf(of=(had("b1", provided=true), had("b2", provided=true)))
    return Mapped(rows=values(cells, "b1", "b2"), asked=[(asked, true_of(expected))])


def coded(cells: Cells, expected: Expected, column: str, *, among: tuple[str, ...], within: bool) -> Mapped:
    """A cell is a row with that code; an empty one is no row."""
    rows = [Row(person=row["person"], column=str(row[column])) for row in cells if row[column] is not None]
    every = tuple({row.column for row in rows})
    asked: Criterion = had(*among) if within else AllOf(of=(had(*every), Not(of=had(*among))))
    return Mapped(rows=rows, asked=[(asked, true_of(expected))])


def dates(first: date | None, last: date | None) -> Window:
    return Window(first=Edge(anchor=first) if first else None, last=Edge(anchor=last) if last else None)


def dated(cells: Cells, expected: Expected, criterion: Callable[[], Criterion], *columns: str) -> Mapped:
    rows = [Row(person=row["person"], column=name, day=row[name]) for row in cells for name in columns if row[name]]
    return Mapped(rows=rows, asked=[(criterion(), true_of(expected))])


def moved(cells: Cells, expected: Expected, *, days: int) -> Mapped:
    """A hundred days after a date is the day that is expected."""
    rows = [Row(person=row["person"], column="d1", day=row["d1"]) for row in cells if row["d1"]]
    rows += [Row(person=who, column="then", day=day) for who, day in expected.items() if day]
    edge = Edge(anchor=Anchor.START, days=days)
    asked = had("d1", provided=had("then", window=Window(first=edge, last=edge)))
    return Mapped(rows=rows, asked=[(asked, {who: day is not None for who, day in expected.items()})])


def empty(cells: Cells, expected: Expected) -> Mapped:
    return Mapped(rows=values(cells, "i1"), asked=[(Not(of=had("i1", provided=valued())), true_of(expected))])


def picked(
    cells: Cells, expected: Expected, *, then_by: str = "", value: str = "i1", above: int | None = None
) -> Mapped:
    """The first by i1, as its day, and then by another column, as its time of day."""
    rows = [
        Row(
            person=row["person"],
            column="row",
            value=row[value],
            day=DAY + timedelta(days=row["i1"]),
            minute=row[then_by] if then_by else 0,
        )
        for row in cells
    ]
    where = None if above is None else valued(low=above, low_included=False)
    asked: list[tuple[Criterion, dict[int, bool]]] = [
        (
            had("row", where=where, choose=Choose.FIRST, provided=valued(low=found, high=found)),
            {who: other == found for who, other in expected.items()},
        )
        for found in expected.values()
    ]
    return Mapped(rows=rows, asked=asked)


def _is_not_on(*days: date) -> Criterion:
    return AllOf(of=(had("d1"), Not(of=AnyOf(of=tuple(had("d1", window=dates(day, day)) for day in days)))))


def _before_other() -> Criterion:
    after = Window(first=Edge(anchor=Anchor.START, days=1), last=None)
    return had("d1", provided=had("d2", window=after))


COUNTERPARTS: dict[str, Callable[[Cells, Expected], Mapped]] = {
    "count_for_patient.count_for_patient_on_event_frame": counted,
    "exists_for_patient.exists_for_patient_on_event_frame": exists,
    "count_distinct_for_patient.count_distinct_for_patient_integer": partial(counted, by_day="i1"),
    "minimum_and_maximum_for_patient.minimum_for_patient": lambda cells, found: lowest(cells, found, "i1"),
    "logical_ops.and": both,
    "dummy.function_with_docstring": both,
    "containment.is_not_in": lambda cells, found: coded(cells, found, "c1", among=("123000", "789000"), within=False),
    "containment.is_in": lambda cells, found: coded(cells, found, "i1", among=("101", "301"), within=True),
    "date_comparison_types.accepts_python_date_object": lambda cells, found: dated(
        cells, found, lambda: had("d1", window=dates(None, date(2000, 1, 19))), "d1"
    ),
    "date_comparison_types.accepts_another_date_series": lambda cells, found: dated(
        cells, found, _before_other, "d1", "d2"
    ),
    "date_comparisons.is_on_or_before": lambda cells, found: dated(
        cells, found, lambda: had("d1", window=dates(None, date(2000, 1, 1))), "d1"
    ),
    "date_comparisons.is_on_or_after": lambda cells, found: dated(
        cells, found, lambda: had("d1", window=dates(date(2000, 1, 1), None)), "d1"
    ),
    "date_comparisons.is_not_in": lambda cells, found: dated(
        cells, found, lambda: _is_not_on(date(2010, 1, 1), date(1900, 1, 1)), "d1"
    ),
    "date_series_ops.add_date_to_duration": partial(moved, days=100),
    "equality.is_null": empty,
    "maximum_of_and_minimum_of_event_series.minimum_of_two_integer_event_series": lambda cells, found: lowest(
        cells, found, "i1", "i2"
    ),
    "maximum_of_and_minimum_of_event_series.minimum_of_two_float_event_series": lambda cells, found: lowest(
        cells, found, "f1", "f2"
    ),
    "maximum_of_and_minimum_of_event_series.maximum_of_two_date_event_series": lambda cells, found: latest(
        cells, found, "d1", "d2"
    ),
    "maximum_of_and_minimum_of_patient_series.minimum_of_two_integer_patient_series": lambda cells, found: lowest(
        cells, found, "i1", "i2"
    ),
    "maximum_of_and_minimum_of_patient_series.minimum_of_two_float_patient_series": lambda cells, found: lowest(
        cells, found, "f1", "f2"
    ),
    "maximum_of_and_minimum_of_patient_series.maximum_of_two_date_patient_series": lambda cells, found: latest(
        cells, found, "d1", "d2"
    ),
    "sort_by_column_and_pick.sort_by_column_pick_first": picked,
    "sort_by_interleaved_with_where.sort_by_before_where": partial(picked, above=102),
    "sort_by_multiple_columns_and_pick.sort_by_multiple_columns_pick_first": partial(picked, then_by="i2", value="i2"),
}

ARITHMETIC = "we ask about recorded numbers and compute none"
CATEGORIES = "we ask whether something holds; nothing is turned into words"
TWO_COLUMNS = "limits are constants; two recorded numbers are not compared"
DATE_PARTS = "dates are compared through windows; no part of a date and no difference is computed"
REFUSED = "refused when it is written; see below"
CLAMPED = "a number is not limited by a constant"
NO_COUNTERPART = {
    r"count_distinct_for_patient\..*_string": "rows and days are counted, not different texts",
    r"mean_for_patient\..*|sum_for_patient\..*": ARITHMETIC,
    r"case\..*|map_codes_to_categories\..*|map_values\..*": CATEGORIES,
    r"event_series_and_.*|patient_series_and_value\..*|arithmetic_ops\..*|when_null_then\..*": ARITHMETIC,
    r"conversion\..*|casting\..*|.*\.(float_as_float|integer_as_int)": "there is nothing to convert a number to",
    r".*(truedivide|floordivide|power|raise_constant|absolute|negate|multiply|subtract).*": ARITHMETIC,
    r".*\.(less_than|greater_than)_or_equal_to|equality\.equals|containment_with_series\.is_in_series": TWO_COLUMNS,
    r"date_series_ops\.(get_month|to_first_of_year|difference.*|reversed.*)": DATE_PARTS,
    r"date_series_ops\.add_(days|months.*)": "a window moves by the same for everybody, not by a recorded number",
    r"date_comparisons\.is_on_or_between_backwards|containment\.is_in_empty_list": REFUSED,
    r"date_comparisons\.is_on_or_between": "the data set holds another table than the case's own",
    r".*contains_code": "a row has one code",
    r"maximum_of_and_minimum_of_.*(_a_value|string).*": CLAMPED + "; texts have no order",
    r"sort_by_column_with_nulls_and_pick\..*": "every row has a day; one without is refused at import",
    r"sort_extends_.*": "of rows at one moment ours takes the highest, theirs the lowest",
}


def _site(folder: Path, mapped: Mapped, people: set[int]) -> None:
    measurement = pl.DataFrame(
        [
            (row.person, _concept(row.column), row.day, row.value, datetime.combine(row.day, datetime.min.time()))
            for row in mapped.rows
        ],
        schema={
            "person_id": pl.Int64(),
            "measurement_concept_id": pl.Int64(),
            "measurement_date": pl.Date(),
            "value_as_number": pl.Float64(),
            "measurement_datetime": pl.Datetime("us"),
        },
        orient="row",
    ).with_columns(pl.col("measurement_datetime") + pl.Series([timedelta(minutes=row.minute) for row in mapped.rows]))
    write_site(
        folder,
        person=[(person, 8532, 1950) for person in sorted(people)],
        observation_period=[(who, date(2000 + who, 1, 1), date(2000 + who, 12, 31)) for who in sorted(people)],
        measurement=measurement,
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "case"), [pytest.param(name, case, id=name) for name, case in cases().items() if name in COUNTERPARTS]
)
def test_the_same_facts(engine: str, name: str, case: dict[str, Any], tmp_path: Path) -> None:
    (cells,) = [cells_of(text) for table, text in case["tables"].items() if case["expression"].count(f"{table}.")]
    expected = expected_of(case["expected"])
    mapped = COUNTERPARTS[name](cells, expected)
    people = {row["person"] for row in cells} | set(expected)
    _site(tmp_path, mapped, people)
    periods = periods_between(grain=Grain.YEAR, first=date(2001, 1, 1), last=date(2000 + max(people), 12, 31))
    assert mapped.asked
    for criterion, answers in mapped.asked:
        measure = make_measure(RecordsQuestion(unit=People(), numerator=criterion))
        records = open_site(tmp_path, outside="exclude")
        counts = ENGINES[engine](measure, records, member="RX1", periods=periods).cells
        met = {start.year - 2000: numerator == 1 for start, numerator in counts.select("period", "numerator").rows()}
        assert {who: met[who] for who in answers} == answers, criterion


def test_every_case_has_a_counterpart_or_a_reason_for_none() -> None:
    without = [name for name in cases() if name not in COUNTERPARTS]
    reasons = {
        name: [why for pattern, why in NO_COUNTERPART.items() if re.fullmatch(pattern, name)] for name in without
    }
    assert {name: why for name, why in reasons.items() if not why} == {}
    assert set(COUNTERPARTS) <= set(cases())
    assert [pattern for pattern in NO_COUNTERPART if not any(re.fullmatch(pattern, name) for name in without)] == []


def test_what_they_answer_with_nobody_we_refuse() -> None:
    with pytest.raises(DefinitionError, match="ends before it begins"):
        dates(date(2010, 1, 4), date(2010, 1, 2))
    with pytest.raises(DefinitionError, match="name at least one"):
        CodeList(id="none", version=1, title="None", concepts=(), descendants=False)
