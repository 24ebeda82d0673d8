"""Values in millionths: as people wrote them, the same in SQL as in Python, and in whatever order they come."""

from decimal import Decimal
from fractions import Fraction
from struct import pack, unpack

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rounds.engines.reference.rows import between
from rounds.engines.reference.summaries import lies_between
from rounds.engines.sql.plan import Plan
from rounds.engines.sql.summaries import summary_sql, with_values
from rounds.errors import DefinitionError
from rounds.measures.choices import Statistic
from rounds.measures.criteria import AllOf, Criterion, Events, Has, Not, Summary
from rounds.measures.events import EventTable
from rounds.measures.millionths import FARTHEST, MILLION, in_millionths, limit_in_millionths
from rounds.measures.single_values import by_single_values
from rounds.measures.traits import Value

SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)
WRITTEN = st.tuples(st.integers(-999_999, 999_999), st.integers(0, 6)).map(
    lambda said: Decimal(said[0]).scaleb(-said[1])
)
"""Decimals of six figures and no more than six places."""
ROWS = Has(events=Events(table=EventTable.MEASUREMENT, codes=None, where=Value(units=())))


def single(number: float | Decimal) -> float:
    return float(unpack("f", pack("f", float(number)))[0])


def summary(of: Statistic, **limits: float | bool) -> Summary:
    return Summary(of=of, rows=ROWS, limits=Value(units=(), **limits))  # type: ignore[arg-type]  # by name


@given(written=WRITTEN)
def test_a_decimal_of_six_figures_counts_as_it_was_written(written: Decimal) -> None:
    assert in_millionths(single(written)) == written * MILLION


@given(number=st.integers(-(2**24), 2**24))
def test_a_whole_number_counts_as_it_is_held(number: int) -> None:
    assert in_millionths(float(number)) == number * MILLION


@given(one=SINGLES, other=SINGLES)
def test_of_two_values_the_higher_does_not_count_as_less(one: float, other: float) -> None:
    assert in_millionths(min(one, other)) <= in_millionths(max(one, other))
    assert abs(in_millionths(one)) <= FARTHEST * MILLION


@given(values=st.lists(WRITTEN, min_size=1, max_size=20))
def test_a_mean_is_from_and_to_the_mean_of_what_was_written_in_any_order(values: list[Decimal]) -> None:
    held = [single(value) for value in values]
    mean = sum(map(Fraction, values)) / len(values)
    near = float(round(mean, 6))
    for some in (held, held[::-1], sorted(held)):
        assert lies_between(summary(Statistic.MEAN, low=near), some) == (mean >= Fraction(repr(near)))
        assert lies_between(summary(Statistic.MEAN, high=near), some) == (mean <= Fraction(repr(near)))


LIMITS = (6.5, -0.000001, 140.1, 1e12, -1e12, 0.0)


@settings(max_examples=15)
@given(
    groups=st.lists(
        st.lists(SINGLES | st.sampled_from((0.1, 140.2, 140.0, 1e38, -1e38)).map(single), min_size=1, max_size=4),
        min_size=1,
        max_size=30,
    )
)
@example(groups=[[single(140.2), 140.0], [single(1e38)] * 3, [-0.0], [single(-0.0000005)], [single(9.9999995)]])
def test_sql_reckons_as_the_reference_does(groups: list[list[float]]) -> None:
    rows = [(number, value) for number, values in enumerate(groups) for value in values]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE found (row BIGINT, value REAL)")
        connection.executemany("INSERT INTO found VALUES (?, ?)", rows)
        for asked in (
            summary(of, **{name: limit, f"{name}_included": included})
            for of in Statistic
            for limit in LIMITS
            for name, included in (("low", True), ("high", False))
        ):
            plan = Plan(concepts={})
            name = with_values(plan, "found", asked)
            table = f"({plan.steps[name]})" if name in plan.steps else name
            sql = f"SELECT e.row FROM {table} e GROUP BY e.row HAVING {summary_sql(asked)}"  # noqa: S608  our own names
            met = {row for (row,) in connection.execute(sql).fetchall()}
            assert met == {number for number, values in enumerate(groups) if lies_between(asked, values)}, asked


@given(
    values=st.lists(st.sampled_from((1.0, 2.0, 3.0, 4.0)), max_size=4),
    of=st.sampled_from((Statistic.LOWEST, Statistic.HIGHEST)),
    limits=st.sampled_from(((None, 2.0), (2.0, None), (2.0, 3.0))),
    included=st.tuples(st.booleans(), st.booleans()),
)
def test_a_lowest_and_a_highest_can_be_asked_of_single_values(
    values: list[float], of: Statistic, limits: tuple[float | None, float | None], included: tuple[bool, bool]
) -> None:
    low, high = limits
    between_them = Value(units=(), low=low, high=high, low_included=included[0], high_included=included[1])
    asked = Summary(of=of, rows=ROWS, limits=between_them)
    said = by_single_values(asked)
    assert said is not None
    assert _met(said, values) == lies_between(asked, values)


def _met(criterion: Criterion, values: list[float]) -> bool:
    """Say whether a criterion of single values is met by somebody who has some."""
    match criterion:
        case AllOf(of=several):
            return all(_met(one, values) for one in several)
        case Not(of=one):
            return not _met(one, values)
        case Has(provided=None):
            return bool(values)
        case Has(provided=Value() as asked):
            return any(between(asked, value, low=asked.low, high=asked.high) for value in values)
        case _:
            raise AssertionError(criterion)


@pytest.mark.parametrize("of", [Statistic.MEAN, Statistic.SUM])
def test_a_mean_and_a_sum_cannot_be_asked_of_single_values(of: Statistic) -> None:
    assert by_single_values(summary(of, low=1.0)) is None


@pytest.mark.parametrize(
    ("limit", "expected"), [(0.1, 100_000), (-140.000001, -140_000_001), (1e12, 10**18), (1e-7, None), (1.1e12, None)]
)
def test_a_limit_is_what_values_add_up_to(limit: float, expected: int | None) -> None:
    assert limit_in_millionths(limit) == expected
    if expected is None:
        with pytest.raises(DefinitionError):
            summary(Statistic.SUM, low=limit)
