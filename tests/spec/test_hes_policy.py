"""The `hes` policy: 0 is shown, 1 to 7 are withheld with bounds, everything else goes to the nearest 5."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rounds.disclosure.bounded import State, bounded_problem
from rounds.disclosure.completeness import BoundedShare
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import Released, release
from rounds.errors import DisclosureRefusal
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef

REF = MeasureRef(id="m", version=1, digest="0" * 64)


def _release(numerators: list[int], denominators: list[int], policy: Policy = Policy.HES) -> Released:
    cells = {
        "member": [f"M{row}" for row in range(len(numerators))],
        "period": [date(2025, 1, 1)] * len(numerators),
        "numerator": numerators,
        "denominator": denominators,
    }
    count = Count(measure=REF, strata=(), cells=pl.DataFrame(cells, schema=count_schema(())))
    return release(count, terms=Terms(rule=policy), already_public=policy is Policy.OPEN)


# true count, state, value, lower, upper
RULE = [
    (0, State.EXACT, 0, 0, 0),
    (1, State.WITHHELD, None, 1, 7),
    (4, State.WITHHELD, None, 1, 7),
    (7, State.WITHHELD, None, 1, 7),
    (8, State.ROUNDED, 10, 8, 12),
    (10, State.ROUNDED, 10, 8, 12),
    (12, State.ROUNDED, 10, 8, 12),
    (13, State.ROUNDED, 15, 13, 17),
    (17, State.ROUNDED, 15, 13, 17),
    (18, State.ROUNDED, 20, 18, 22),
    (1_002, State.ROUNDED, 1_000, 998, 1_002),
    (1_003, State.ROUNDED, 1_005, 1_003, 1_007),
]


@pytest.mark.parametrize(("true", "state", "value", "lower", "upper"), RULE)
def test_each_count(true: int, state: State, value: int | None, lower: int, upper: int) -> None:
    row = _release([true], [max(true, 50)]).cells.row(0, named=True)
    assert (row["numerator_state"], row["numerator_value"]) == (state.value, value)
    assert (row["numerator_lower"], row["numerator_upper"]) == (lower, upper)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)), min_size=1, max_size=15))
def test_the_truth_lies_in_the_bounds_and_cannot_be_told_apart(pairs: list[tuple[int, int]]) -> None:
    numerators, denominators = [min(pair) for pair in pairs], [max(pair) for pair in pairs]
    cells = _release(numerators, denominators).cells
    assert bounded_problem(cells, ()) is None
    for name, truth in (("numerator", numerators), ("denominator", denominators)):
        for row, true in zip(cells.iter_rows(named=True), truth, strict=True):
            lower, upper = row[f"{name}_lower"], row[f"{name}_upper"]
            assert lower <= true <= upper
            others = [_release([n], [n]).cells.row(0)[2:6] for n in (lower, upper)]
            same = tuple(row[f"{name}_{part}"] for part in ("state", "value", "lower", "upper"))
            assert all(other == same for other in others), "every number in the bounds would have looked the same"


def test_a_withheld_denominator_is_withheld_too() -> None:
    row = _release([2], [5]).cells.row(0, named=True)
    assert row["denominator_state"] == State.WITHHELD
    assert row["denominator_value"] is None


def test_open_leaves_public_counts_as_they_are() -> None:
    row = _release([3], [5], Policy.OPEN).cells.row(0, named=True)
    assert (row["numerator_state"], row["numerator_value"], row["numerator_lower"], row["numerator_upper"]) == (
        State.EXACT,
        3,
        3,
        3,
    )


@pytest.mark.parametrize(
    ("column", "wrong", "problem"),
    [
        ("numerator_value", 3, "exactly when it is not withheld"),
        ("numerator_lower", 9, "0 <= lower <= upper"),
        ("numerator_lower", -1, "0 <= lower <= upper"),
        ("numerator_state", "hidden", "unknown state"),
        ("denominator_value", 4_000, "outside its own bounds"),
    ],
)
def test_a_table_that_contradicts_itself_is_no_release(column: str, wrong: object, problem: str) -> None:
    cells = _release([3], [40]).cells.with_columns(
        pl.lit(wrong).cast(_release([3], [40]).cells[column].dtype).alias(column)
    )
    assert problem in (bounded_problem(cells, ()) or "")


@pytest.mark.parametrize("column", ["member", "period", "numerator_state", "numerator_lower", "denominator_upper"])
def test_only_a_value_may_be_empty(column: str) -> None:
    cells = _release([3], [40]).cells.with_columns(
        pl.lit(None).cast(_release([3], [40]).cells[column].dtype).alias(column)
    )
    assert bounded_problem(cells, ()) == f"column {column} has an empty cell"


def test_a_table_with_a_row_twice_is_no_release() -> None:
    cells = _release([3], [40]).cells
    assert "same member" in (bounded_problem(pl.concat([cells, cells]), ()) or "")


def test_what_is_not_bounded_is_no_release() -> None:
    released = _release([20], [40])
    assert bounded_problem(released.cells.drop("numerator_lower"), ()) is not None
    with pytest.raises(DisclosureRefusal, match="the release is refused because its columns are"):
        replace(released, cells=released.cells.drop("numerator_lower"))
    with pytest.raises(DisclosureRefusal, match="refused because its completeness is not in steps of 5 per cent"):
        replace(released, completeness=(BoundedShare(name="sex", lower=93, upper=94),))
