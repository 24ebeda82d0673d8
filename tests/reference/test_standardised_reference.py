"""Directly standardised rates equal those of PHEindicatormethods, and hold for every count between the bounds."""

import csv
from collections import defaultdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from rounds.learning.variation.between_sites.standardised import GroupCounts, StandardisedRate, standardised_rate

HELD_AGAINST = (("Directly standardised rates", "PHEindicatormethods 2.1.0", "1e-9"),)

CASE = Path(__file__).resolve().parents[2].parent / "shared" / "oracles" / "phe" / "dsr_dobson"


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((CASE / name).read_text(encoding="utf-8").splitlines()))


def _exactly(events: list[float], size: list[float]) -> GroupCounts:
    of, among = np.array(events, dtype=float), np.array(size, dtype=float)
    return GroupCounts(
        events_lower=of, events_upper=of, size_lower=among, size_upper=among, events=of, size=among, over_time=True
    )


def _rate(counts: GroupCounts, weights: list[float]) -> StandardisedRate:
    found = standardised_rate(counts, weights=np.array(weights, dtype=float))
    assert found is not None
    return found


@pytest.mark.skipif(not CASE.exists(), reason="the reference cases are not beside the checkout")
def test_rates_and_limits_equal_the_published_method() -> None:
    areas: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for row in _rows("input.csv"):
        areas[row["area"]].append((float(row["obs"]), float(row["pop"]), float(row["esp2013"])))
    compared = 0
    for row in _rows("expected.csv"):
        events, size, weights = map(list, zip(*areas[row["area"]], strict=True))
        if row["value"] in ("", "NA"):
            continue  # they show no rate of fewer than ten events
        found = _rate(_exactly(events, size), weights)
        assert found.value is not None
        for ours, theirs in (
            (found.value, "value"),
            (found.lower95, "lower95_0cl"),
            (found.upper95, "upper95_0cl"),
        ):
            assert 1e5 * ours == pytest.approx(float(row[theirs]), rel=1e-9)
        compared += 1
    assert compared >= 3


def test_the_interval_is_that_of_the_ends_of_the_bounds() -> None:
    withheld = GroupCounts(
        events_lower=np.array([1.0, 18.0]),
        events_upper=np.array([7.0, 22.0]),
        size_lower=np.array([98.0, 198.0]),
        size_upper=np.array([102.0, 202.0]),
        events=np.array([np.nan, 20.0]),
        size=np.array([100.0, 200.0]),
    )
    found = _rate(withheld, [60, 40])
    assert found.value is None
    for one, other, small, large in product((1, 4, 7), (18, 22), (98, 102), (198, 202)):
        exact = _rate(_exactly([one, other], [small, large]), [60, 40])
        assert exact.value is not None
        assert found.lowest - 1e-12 <= exact.value <= found.highest + 1e-12
        # The method's limits do not rise with every single count; they rise with all of them.
        assert 0.99 * found.lower95 <= exact.lower95 <= exact.upper95 <= 1.01 * found.upper95


def test_no_proportion_is_above_one() -> None:
    counts = GroupCounts(
        events_lower=np.array([1.0]),
        events_upper=np.array([7.0]),
        size_lower=np.array([1.0]),
        size_upper=np.array([7.0]),
        events=np.array([np.nan]),
        size=np.array([np.nan]),
    )
    assert _rate(counts, [1]).highest == 1.0


def test_nothing_happened_still_has_an_upper_limit() -> None:
    found = _rate(_exactly([0, 0], [100, 1000]), [50, 50])
    assert (found.value, found.lower95) == (0.0, 0.0)
    assert 0.018 < found.upper95 < 0.021  # 3.7 events times the largest weight over size, 0.5 / 100


def test_too_little_of_the_standard_is_no_rate() -> None:
    assert standardised_rate(_exactly([5, 0], [100, 0]), weights=np.array([80.0, 20.0])) is None
    assert standardised_rate(_exactly([5, 0], [100, 0]), weights=np.array([95.0, 5.0])) is not None
