"""Pooling with bounds: sums and rates of withheld numbers are intervals."""

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rounds.centre.pooling import totals, withheld_cells
from rounds.disclosure.bounded import State
from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef
from rounds.reports.content.observed import observed_from_cells, total
from rounds.storage.library import read_library, shipped_library_folder

ADMISSIONS = read_library(shipped_library_folder()).measure("people-admitted", 1)
REF = MeasureRef(id="m", version=1, digest="0" * 64)


def _cells(numerators: list[int], policy: Policy = Policy.HES) -> pl.DataFrame:
    cells = {
        "member": [f"M{row:03}" for row in range(len(numerators))],
        "period": [date(2025, 1, 1)] * len(numerators),
        "numerator": numerators,
        "denominator": [5_000] * len(numerators),
    }
    count = Count(measure=REF, strata=(), cells=pl.DataFrame(cells, schema=count_schema(())))
    return release(count, terms=Terms(rule=policy), already_public=policy is Policy.OPEN).cells


def test_a_sum_with_a_withheld_number_has_no_value_but_bounds() -> None:
    row = totals(_cells([3, 20, 0]), by=["period"]).row(0, named=True)
    assert (row["numerator_state"], row["numerator_value"]) == (State.WITHHELD, None)
    assert (row["numerator_lower"], row["numerator_upper"]) == (1 + 18, 7 + 22)


def test_a_sum_of_rounded_numbers_is_rounded() -> None:
    for numerators in ([11, 20], [0, 11, 20]):
        row = totals(_cells(numerators), by=["period"]).row(0, named=True)
        assert (row["numerator_state"], row["numerator_value"]) == (State.ROUNDED, 30)


def test_a_sum_of_exact_numbers_is_exact() -> None:
    row = totals(_cells([3, 4], Policy.OPEN), by=["period"]).row(0, named=True)
    assert (row["numerator_state"], row["numerator_value"], row["numerator_lower"]) == (State.EXACT, 7, 7)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_the_true_total_lies_in_the_bounds(numerators: list[int]) -> None:
    row = totals(_cells(numerators), by=["period"]).row(0, named=True)
    assert row["numerator_lower"] <= sum(numerators) <= row["numerator_upper"]
    assert withheld_cells(_cells(numerators)) == sum(1 <= one <= 7 for one in numerators)


def _noisy(numerators: list[int], noise: list[int]) -> pl.DataFrame:
    """Counts with the noise given, of a standard deviation of 2: bounds are 8 away."""
    terms = Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=2.0, periods_per_year=8))
    cells = (
        _cells(numerators, Policy.OPEN)
        .select("member", "period")
        .with_columns(numerator=pl.Series(numerators), denominator=pl.lit(5_000))
    )
    left = iter((noise, [0] * len(noise)))
    count = Count(measure=REF, strata=(), cells=cells.cast({"denominator": pl.Int64()}))
    return release(count, terms=terms, already_public=False, draw=lambda _, __: next(left)).cells


def test_noise_is_added_up_before_anything_is_brought_to_0_and_grows_with_the_root() -> None:
    row = totals(_noisy([0, 1, 2, 0], [-9, 3, -6, 2]), by=["period"]).row(0, named=True)
    assert (row["numerator_state"], row["numerator_value"]) == (State.NOISY, -7)
    assert (row["numerator_lower"], row["numerator_upper"]) == (0, 17 - 7)  # 17 is the root of 9^2 + 3 x 8^2, upwards
    again = totals(totals(_noisy([40, 50], [5, -3]), by=["member"]), by=[]).row(0, named=True)
    assert (again["numerator_value"], again["numerator_lower"], again["numerator_upper"]) == (92, 92 - 12, 92 + 12)


def test_one_withheld_number_hides_a_sum_with_noise_in_it() -> None:
    both = pl.concat([_noisy([40], [5]), _cells([3])])
    row = totals(both, by=["period"]).row(0, named=True)
    assert (row["numerator_state"], row["numerator_value"]) == (State.WITHHELD, None)
    assert (row["numerator_lower"], row["numerator_upper"]) == (45 - 8 + 1, 45 + 8 + 7)
    series = totals(both, by=["member", "period"])
    for sums, noise in ((series, True), (totals(series, by=[]), True), (totals(_cells([3]), by=[]), False)):
        assert sums["numerator_has_noise"].to_list() == [noise], "which the pages must say"
        (observed,) = observed_from_cells(sums, ADMISSIONS)
        assert (observed.withheld, observed.noisy) == (True, noise)
        assert total([observed, observed]).noisy == noise
