"""A count that contradicts itself cannot be made."""

from datetime import date

import polars as pl
import pytest

from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef

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


def test_a_count_has_just_its_columns() -> None:
    cells = _count(ROW).cells.with_columns(person=pl.lit(1))
    with pytest.raises(ValueError, match="expected"):
        Count(measure=REF, strata=(), cells=cells)
