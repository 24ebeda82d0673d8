"""The facts of another query language's specification, asked of ours: missing values, sorting and picking, dates.

Each person is observed in a year of their own, so that a count by year says of whom a criterion holds. Which cases have
a counterpart, and why the others have none, stands in `ehrql_counterparts`.
"""

import re
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ehrql_asked import Mapped, concept_of, dates
from ehrql_cases import SPEC, cases, cells_of, expected_of
from ehrql_counterparts import (
    ANY_OTHER,
    ARITHMETIC,
    COUNTERPARTS,
    DATE_PARTS,
    NO_COUNTERPART,
    NO_DAY,
    OTHER_TABLE,
    OWN_SHIFT,
    REFUSED,
    TEXTS,
)
from every_engine import ENGINES
from small_site import make_measure, open_site, write_site

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.periods import Grain, periods_between
from rounds.measures.questions import People, RecordsQuestion

HELD_AGAINST = (("Missing values, sorting and picking, dates", "ehrQL's specification", "exact"),)

README = Path(__file__).resolve().parents[2] / "README.md"

pytestmark = pytest.mark.skipif(not SPEC.is_file(), reason="the data set ehrql_spec_cases is not beside the checkout")


def _site(folder: Path, mapped: Mapped, people: set[int]) -> None:
    measurement = pl.DataFrame(
        [
            (row.person, concept_of(row.column), row.day, row.value, datetime.combine(row.day, datetime.min.time()))
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
    assert {name: why for name, why in reasons.items() if len(why) != 1} == {}
    assert set(COUNTERPARTS) <= set(cases())
    assert [pattern for pattern in NO_COUNTERPART if not any(re.fullmatch(pattern, name) for name in without)] == []
    assert Counter(why for (why,) in reasons.values()) == {
        ARITHMETIC: 18,
        ANY_OTHER: 1,
        DATE_PARTS: 4,
        OWN_SHIFT: 3,
        TEXTS: 4,
        NO_DAY: 1,
        REFUSED: 2,
        OTHER_TABLE: 3,
    }
    # As the documentation says.
    assert f"{len(COUNTERPARTS)} of the {len(cases())} cases" in README.read_text(encoding="utf-8")


def test_what_they_answer_with_nobody_we_refuse() -> None:
    with pytest.raises(DefinitionError, match="ends before it begins"):
        dates(date(2010, 1, 4), date(2010, 1, 2))
    with pytest.raises(DefinitionError, match="name at least one"):
        CodeList(id="none", version=1, title="None", concepts=(), descendants=False)
