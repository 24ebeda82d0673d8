"""Small sites for tests: OMOP tables written as text that a clinician can read, and measures over them."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl

from rounds.measures.definitions import (
    Better,
    CodeList,
    Event,
    EventTable,
    Measure,
    PersonQuestion,
    Question,
    VisitQuestion,
)
from rounds.measures.periods import Grain, Period, periods_between
from rounds.measures.strata import Stratum
from rounds.records.omop import Records, open_records
from rounds.records.quality import MINIMUM_PEOPLE
from rounds.records.tables import TABLES, ColumnType

AS_OF = date(2024, 12, 31)
WORDS = {"female": 8532, "male": 8507, "unknown": 0, "drug": 11, "other": 12, "inpatient": 9201, "outpatient": 9202}
_POLARS = {ColumnType.INTEGER: pl.Int64(), ColumnType.DATE: pl.Date(), ColumnType.TEXT: pl.String()}
_FIRST_FILLER = 900_001

DRUG = CodeList(id="drug", version=1, title="Drug", concepts=((11, "Drug"),), descendants=False)
INPATIENT = CodeList(id="inpatient", version=1, title="Inpatient", concepts=((9201, "Inpatient"),), descendants=False)

Rows = str | Iterable[tuple[object, ...]]


def parse_rows(table: str, rows: Rows) -> pl.DataFrame:
    """Return a table from lines of words in the order of its declared columns; `-` is an empty cell."""
    columns = TABLES[table].columns
    schema = {name: _POLARS[kind] for name, kind in columns}
    if not isinstance(rows, str):
        return pl.DataFrame(list(rows), schema=schema, orient="row")
    parsed = [
        tuple(_value(word, kind) for word, (_, kind) in zip(line.split(), columns, strict=True))
        for line in rows.strip().splitlines()
        if line.strip()
    ]
    return pl.DataFrame(parsed, schema=schema, orient="row")


def _value(word: str, kind: ColumnType) -> object:
    if word == "-":
        return None
    match kind:
        case ColumnType.INTEGER:
            return WORDS[word] if word in WORDS else int(word)
        case ColumnType.DATE:
            return date.fromisoformat(word)
        case ColumnType.TEXT:
            return word


def write_site(folder: Path, *, fill: bool = True, fmt: Literal["parquet", "csv"] = "parquet", **tables: Rows) -> Path:
    """Write a site's tables. With `fill`, people who were never observed bring it to the size that may be counted."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {"person": "", "observation_period": "", **tables}.items():
        frame = parse_rows(name, rows)
        if name == "person" and fill:
            missing = range(_FIRST_FILLER, _FIRST_FILLER + MINIMUM_PEOPLE)
            frame = pl.concat([frame, parse_rows("person", [(person, 0, 1950) for person in missing])])
        if fmt == "csv":
            frame.write_csv(folder / f"{name}.csv")
        else:
            frame.write_parquet(folder / f"{name}.parquet")
    return folder


def open_site(folder: Path, *, outside: Literal["refuse", "exclude"] = "refuse") -> Records:
    return open_records(folder, site="site-a", as_of=AS_OF, outside_observation=outside)


def drug_event(
    *,
    table: EventTable = EventTable.DRUG_ERA,
    first: bool = False,
    observed: bool = True,
    age_min: int | None = None,
    age_max: int | None = None,
) -> Event:
    codes = None if table is EventTable.DEATH else DRUG
    return Event(table=table, codes=codes, first=first, observed=observed, age_min=age_min, age_max=age_max)


def people_measure(
    event: Event,
    *,
    grain: Grain = Grain.YEAR,
    strata: tuple[Stratum, ...] = (),
    age_min: int | None = None,
    age_max: int | None = None,
) -> Measure:
    return make_measure(PersonQuestion(numerator=event, age_min=age_min, age_max=age_max), grain=grain, strata=strata)


def visits_measure(
    event: Event,
    *,
    grain: Grain = Grain.YEAR,
    strata: tuple[Stratum, ...] = (),
    age_min: int | None = None,
    age_max: int | None = None,
) -> Measure:
    question = VisitQuestion(visits=INPATIENT, numerator=event, age_min=age_min, age_max=age_max)
    return make_measure(question, grain=grain, strata=strata)


def make_measure(question: Question, *, grain: Grain = Grain.YEAR, strata: tuple[Stratum, ...] = ()) -> Measure:
    return Measure(
        id="example",
        version=1,
        title="Example",
        description="An example.",
        question=question,
        grain=grain,
        strata=strata,
        per=100,
        unit="people",
        better=Better.LOWER,
        author="A",
        reviewer="B",
        next_review=date(2030, 1, 1),
    )


def years(first: int, last: int) -> tuple[Period, ...]:
    return periods_between(grain=Grain.YEAR, first=date(first, 1, 1), last=date(last, 12, 31))
