"""How much faster the pack engine is than SQL at what hospitals ask: by deprivation, by ward, NEWS2, falls per bed-day.

Counts one measure of each kind over sixty months with both engines in the same process, and refuses to print a time if
the numbers differ or the pack left any to SQL. Read the ratios, not the seconds.

    .venv/bin/rounds synthetic --preset region region
    .venv/bin/python benchmarks/hospital.py region/sites/site-01/records
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
from pack import same, times_of, unchecked

from rounds.engines import duck
from rounds.engines.asked import Asked
from rounds.engines.pack import count_saying_how, open_pack
from rounds.engines.pack.build import build_pack
from rounds.measures.codelists import CodeList
from rounds.measures.counts import Count
from rounds.measures.criteria import Events, Has, Scored
from rounds.measures.definitions import Better, Measure
from rounds.measures.events import EventTable
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.periods import Grain
from rounds.measures.questions import People, PersonTime, RecordsQuestion, Rows
from rounds.measures.strata import Stratum
from rounds.measures.traits import Value
from rounds.records.omop import Records
from rounds.storage.library import read_library, shipped_library_folder

FIRST, LAST = date(2020, 1, 1), date(2024, 12, 31)
INPATIENT = CodeList(id="in", version=1, title="Inpatient", concepts=((9201, "Inpatient Visit"),), descendants=False)


def grouping_of(records: Records, by: Stratum, attribute: Attribute, sql: str) -> Grouping:
    """Return a grouping whose values and levels a query finds."""
    with records.connect() as connection:
        values = tuple(sorted(connection.execute(sql).fetchall()))
    named = tuple(sorted({level for _, level in values}))
    return Grouping(id=str(by), version=1, title=str(by), by=by, attribute=attribute, named=named, values=values)


def by_deprivation(records: Records) -> Grouping:
    file = records.folder / "location.parquet"
    sql = f"SELECT location_source_value, 'quintile ' || deprivation_quintile FROM '{file}'"  # noqa: S608  our own path
    return grouping_of(records, Stratum.DEPRIVATION, Attribute.AREA_CODE, sql)


def by_ward(records: Records) -> Grouping:
    kind = "regexp_extract(care_site_name, ', (.*)$', 1)"
    sql = f"SELECT care_site_name, {kind} FROM care_site WHERE {kind} <> ''"  # noqa: S608  our own words
    return grouping_of(records, Stratum.WARD, Attribute.CARE_SITE_NAME, sql)


def commonest(records: Records, table: str, column: str) -> CodeList:
    with records.connect() as connection:
        sql = f"SELECT {column} FROM {table} GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"  # noqa: S608  our own names
        ((concept,),) = connection.execute(sql).fetchall()
    return CodeList(id="common", version=1, title="Common", concepts=((concept, "common"),), descendants=False)


def questions(records: Records) -> Iterator[tuple[str, RecordsQuestion, tuple[Grouping, ...], str]]:
    """Yield the name of each measure, what it asks, what it is split by and its unit."""
    condition = Events(
        table=EventTable.CONDITION_OCCURRENCE,
        codes=commonest(records, "condition_occurrence", "condition_concept_id"),
    )
    admissions = Events(table=EventTable.VISIT_OCCURRENCE, codes=INPATIENT)
    stays = Events(table=EventTable.VISIT_DETAIL, codes=None)
    score = next(one for one in read_library(shipped_library_folder()).scores if one.id == "news2")
    high = Has(events=Scored(score=score), provided=Value(units=(), low=7))
    deprivation, ward = by_deprivation(records), by_ward(records)
    yield "people by deprivation", RecordsQuestion(unit=People(), numerator=Has(events=condition)), (deprivation,), "a"
    yield "stays by ward", RecordsQuestion(unit=Rows(events=stays), numerator=Has(events=condition)), (ward,), "a"
    yield "admissions with a high NEWS2", RecordsQuestion(unit=Rows(events=admissions), numerator=high), (), "a"
    bed_days = RecordsQuestion(unit=PersonTime(visits=admissions), numerator=Has(events=condition))
    yield "events per bed-day", bed_days, (), "bed-days"
    yield "events per person-year", replace(bed_days, unit=PersonTime()), (deprivation,), "person-years"


def measures(records: Records) -> Iterator[tuple[str, Measure]]:
    for place, (name, question, groupings, unit) in enumerate(questions(records)):
        yield name, Measure(
            id=f"measure-{place}", version=1, title=name, description="Made up.", question=question, grain=Grain.MONTH,
            strata=tuple(one.by for one in groupings), groupings=groupings, per=1000, unit=unit, better=Better.NEITHER,
            author="A", reviewer="B", next_review=date(2030, 1, 1),
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pack", type=Path, help="where the pack is, if not beside the records")
    parser.add_argument("--months", type=int, default=60, help="how many of the last months to count")
    parser.add_argument("--no-sql", action="store_true", help="time the pack alone")
    chosen = parser.parse_args()
    records = unchecked(chosen.records)
    pack = open_pack(records, chosen.pack) or build_pack(records, chosen.pack)
    print(f"{pack.people:,} people, {chosen.months} months; DuckDB {duckdb.__version__}")
    for name, measure in measures(records):
        asked = [Asked(measure=measure, periods=measure.periods(first=FIRST, last=LAST)[-chosen.months :])]
        found = count_saying_how(asked, records, member="RX1", pack=pack)
        assert not found.fell_back, found.fell_back
        again = partial(count_saying_how, asked, records, member="RX1", pack=pack)
        clock, cores = times_of(again, repeats=chosen.repeats)
        said = f"{name}: {clock:.3f} s, {cores:.3f} of all cores"
        if not chosen.no_sql:
            by_sql, of_sql = times_of(partial(counted_by_duck, asked, records, found.counts))
            said += f"; SQL {by_sql:.2f} s, {by_sql / clock:.0f} x ({of_sql / cores:.0f} x of all cores)"
        print(said, flush=True)


def counted_by_duck(asked: list[Asked], records: Records, expected: tuple[Count, ...]) -> None:
    same(duck.count_all(asked, records, member="RX1"), expected)


if __name__ == "__main__":
    main()
