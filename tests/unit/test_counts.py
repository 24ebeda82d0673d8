"""A count that contradicts itself cannot be made."""

from datetime import date

import polars as pl
import pytest
from small_site import drug_event, people_measure, visits_measure

from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef
from rounds.measures.kinds import CountKind

REF = MeasureRef(id="m", version=1, digest="0" * 64)
ROW = ("A", date(2025, 1, 1), 3, 40)


def _count(*rows: tuple[object, ...]) -> Count:
    return Count(measure=REF, strata=(), cells=pl.DataFrame(list(rows), schema=count_schema(()), orient="row"))


def test_a_sound_count_can_be_made() -> None:
    assert _count(ROW, ("B", date(2025, 1, 1), 40, 40), ("A", date(2025, 2, 1), 0, 0)).cells.height == 3


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([("A", date(2025, 1, 1), 41, 40)], "above its denominator"),
        ([("A", date(2025, 1, 1), -1, 40)], "below 0"),
        ([("A", date(2025, 1, 1), None, 40)], "no empty cells"),
        ([("A", None, 3, 40)], "no empty cells"),
        ([ROW, ("A", date(2025, 1, 1), 4, 41)], "two rows for the same member"),
    ],
)
def test_a_count_that_contradicts_itself_is_refused(rows: list[tuple[object, ...]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        _count(*rows)


def test_a_count_of_rows_has_people_behind_it() -> None:
    schema = count_schema((), CountKind.PROPORTION_OF_ROWS)
    cells = pl.DataFrame([(*ROW, 2, 30)], schema=schema, orient="row")
    assert list(cells.columns[2:]) == ["numerator", "denominator", "numerator_people", "denominator_people"]
    assert Count(measure=REF, strata=(), cells=cells, kind=CountKind.PROPORTION_OF_ROWS).cells.height == 1
    with pytest.raises(ValueError, match="expected"):
        Count(measure=REF, strata=(), cells=cells)
    with pytest.raises(ValueError, match="expected"):
        Count(measure=REF, strata=(), cells=_count(ROW).cells, kind=CountKind.PROPORTION_OF_ROWS)


def test_visits_are_another_kind_of_number_than_people() -> None:
    numerator = drug_event()
    assert visits_measure(numerator).kind is CountKind.PROPORTION_OF_ROWS
    assert people_measure(numerator).kind is CountKind.PROPORTION
    assert [kind for kind in CountKind if kind.is_proportion] == [CountKind.PROPORTION, CountKind.PROPORTION_OF_ROWS]


def test_a_count_has_just_its_columns() -> None:
    cells = _count(ROW).cells.with_columns(person=pl.lit(1))
    with pytest.raises(ValueError, match="expected"):
        Count(measure=REF, strata=(), cells=cells)
