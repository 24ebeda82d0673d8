"""Small sites for tests: OMOP tables written as text that a clinician can read, and measures over them."""

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Literal
from unittest.mock import patch

import polars as pl

from rounds.measures.codelists import CodeList
from rounds.measures.criteria import Criterion, Events, Has
from rounds.measures.definitions import Better, Measure
from rounds.measures.events import EventTable
from rounds.measures.groupings import Grouping
from rounds.measures.periods import Grain, Period, periods_between
from rounds.measures.questions import People, Question, RecordsQuestion, Rows
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Observed
from rounds.records.omop import Records, open_records
from rounds.records.quality import MINIMUM_PEOPLE, QualityReport
from rounds.records.tables import TABLES, ColumnType

AS_OF = date(2024, 12, 31)
WORDS = {"female": 8532, "male": 8507, "unknown": 0, "drug": 11, "other": 12, "inpatient": 9201, "outpatient": 9202}
_POLARS = {
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.NUMBER: pl.Float64(),
    ColumnType.DATE: pl.Date(),
    ColumnType.TIME: pl.Datetime(),
    ColumnType.TEXT: pl.String(),
}
_FIRST_FILLER = 900_001

DRUG = CodeList(id="drug", version=1, title="Drug", concepts=((11, "Drug"),), descendants=False)
INPATIENT = CodeList(id="inpatient", version=1, title="Inpatient", concepts=((9201, "Inpatient"),), descendants=False)

TableRows = str | pl.DataFrame | Iterable[tuple[object, ...]]


def parse_rows(table: str, rows: TableRows) -> pl.DataFrame:
    """Return a table from lines of words; `-` is an empty cell.

    The words are the table's required columns in their declared order; a first line that begins with `|` names other
    columns instead.
    """
    named = [column.name for column in TABLES[table].columns if column.required]
    if isinstance(rows, pl.DataFrame):
        return rows
    if not isinstance(rows, str):
        return pl.DataFrame(list(rows), schema={name: _polars(table, name) for name in named}, orient="row")
    lines = [line.strip() for line in rows.strip().splitlines() if line.strip()]
    if lines and lines[0].startswith("|"):
        named = lines.pop(0)[1:].split()
    parsed = [
        tuple(_value(word, TABLES[table].column(name).type) for name, word in zip(named, line.split(), strict=True))
        for line in lines
    ]
    return pl.DataFrame(parsed, schema={name: _polars(table, name) for name in named}, orient="row")


def _polars(table: str, column: str) -> pl.DataType:
    return _POLARS[TABLES[table].column(column).type]


def _value(word: str, kind: ColumnType) -> object:
    if word == "-":
        return None
    match kind:
        case ColumnType.INTEGER:
            return WORDS[word] if word in WORDS else int(word)
        case ColumnType.NUMBER:
            return float(word)
        case ColumnType.DATE:
            return date.fromisoformat(word)
        case ColumnType.TIME:
            return datetime.fromisoformat(word)
        case ColumnType.TEXT:
            return word


def write_site(
    folder: Path, *, fill: bool = True, fmt: Literal["parquet", "csv"] = "parquet", **tables: TableRows
) -> Path:
    """Write a site's tables. With `fill`, people who were never observed bring it to the size that may be counted."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {"person": "", "observation_period": "", **tables}.items():
        frame = parse_rows(name, rows)
        if name == "person" and fill:
            missing = range(_FIRST_FILLER, _FIRST_FILLER + MINIMUM_PEOPLE)
            fillers = parse_rows("person", [(person, 0, 1950) for person in missing])
            frame = pl.concat([frame, fillers], how="diagonal")
        if fmt == "csv":
            frame.write_csv(folder / f"{name}.csv")
        else:
            frame.write_parquet(folder / f"{name}.parquet")
    return folder


def open_site(folder: Path, *, outside: Literal["refuse", "exclude"] = "refuse") -> Records:
    return open_records(folder, site="site-a", as_of=AS_OF, outside_observation=outside)


def unchecked(folder: Path) -> Records:
    """Open records whatever their values are, such as rows of people who are not there yet."""
    with patch("rounds.records.value_checks.check_values", _nothing_wrong):
        return open_site(folder, outside="exclude")


def _nothing_wrong(*_: object, site: str, **__: object) -> object:
    return [], QualityReport(site=site, people=1_000, left_out=())


def drug_event(
    *,
    table: EventTable = EventTable.DRUG_ERA,
    first: bool = False,
    observed: bool = True,
    age_min: int | None = None,
    age_max: int | None = None,
) -> Has:
    codes = None if table is EventTable.DEATH else DRUG
    where = Observed() if observed else None
    return Has(events=Events(table=table, codes=codes, first=first, where=where), provided=_aged(age_min, age_max))


def people_measure(
    numerator: Criterion,
    *,
    grain: Grain = Grain.YEAR,
    strata: tuple[Stratum, ...] = (),
    groupings: tuple[Grouping, ...] = (),
    age_min: int | None = None,
    age_max: int | None = None,
) -> Measure:
    question = RecordsQuestion(unit=People(), who=_aged(age_min, age_max), numerator=numerator)
    return make_measure(question, grain=grain, strata=strata, groupings=groupings)


def visits_measure(
    numerator: Criterion,
    *,
    grain: Grain = Grain.YEAR,
    strata: tuple[Stratum, ...] = (),
    age_min: int | None = None,
    age_max: int | None = None,
) -> Measure:
    unit = Rows(events=Events(table=EventTable.VISIT_OCCURRENCE, codes=INPATIENT))
    question = RecordsQuestion(unit=unit, who=_aged(age_min, age_max), numerator=numerator)
    return make_measure(question, grain=grain, strata=strata)


def _aged(low: int | None, high: int | None) -> Age | None:
    return None if low is None and high is None else Age(low=low, high=high)


def make_measure(
    question: Question,
    *,
    grain: Grain = Grain.YEAR,
    strata: tuple[Stratum, ...] = (),
    groupings: tuple[Grouping, ...] = (),
    span: int = 1,
    unit: str = "people",
) -> Measure:
    mean = question.amount if isinstance(question, RecordsQuestion) else None
    return Measure(
        id="example",
        version=1,
        title="Example",
        description="An example.",
        question=question,
        grain=grain,
        strata=strata,
        groupings=groupings,
        span=span,
        per=100 if mean is None else 1,
        unit=unit,
        shown_in=None if mean is None else "steps",
        better=Better.LOWER,
        author="A",
        reviewer="B",
        next_review=date(2030, 1, 1),
    )


def years(first: int, last: int) -> tuple[Period, ...]:
    return periods_between(grain=Grain.YEAR, first=date(first, 1, 1), last=date(last, 12, 31))
