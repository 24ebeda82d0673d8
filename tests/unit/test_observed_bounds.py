"""Intervals of observed rates hold whatever the true counts between the bounds are; peers are of one's own kind."""

from dataclasses import replace
from math import sqrt

import pytest
import reports_fixture as given

from rounds.network.members import Membership
from rounds.reports.content.observed import Known, Observed
from rounds.reports.content.peers import better_peer

Z = 1.959964


def _wilson(events: int, size: int) -> tuple[float, float]:
    """Wilson (1927) as the roots of (p - x)^2 = z^2 x (1 - x) / n, solved for x."""
    p = events / size
    a, b, c = 1 + Z**2 / size, -(2 * p + Z**2 / size), p**2
    root = sqrt(max(0.0, b**2 - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@pytest.mark.parametrize(
    ("top", "bottom"),
    [((1, 7), (98, 102)), ((1, 7), (1, 7)), ((8, 12), (8, 12)), ((0, 0), (8, 12)), ((18, 22), (38, 42))],
)
def test_the_interval_holds_that_of_every_possible_count(top: tuple[int, int], bottom: tuple[int, int]) -> None:
    observed = Observed(
        numerator=Known(value=None, lower=top[0], upper=top[1]),
        denominator=Known(value=None, lower=bottom[0], upper=bottom[1]),
    )
    lower, upper = observed.interval95(1)
    lowest, highest = observed.rate_bounds(1)
    for size in range(bottom[0], bottom[1] + 1):
        for events in range(top[0], min(top[1], size) + 1):
            low, high = _wilson(events, size)
            assert lower - 1e-6 <= low <= high <= upper + 1e-6
            assert lowest <= events / size <= highest
    assert lower >= 0
    assert upper <= 1


def test_a_peer_is_of_the_same_kind() -> None:
    totals = {
        code: Observed(numerator=Known.exactly(events), denominator=Known.exactly(10_000))
        for code, events in (("RX01", 200), ("RX02", 20))
    }
    hospitals = given.MEMBERSHIP
    mixed = Membership(
        members=tuple(
            replace(member, kind="hospice") if member.ods_code == "RX02" else member for member in hospitals.members
        )
    )
    found = [
        better_peer(member="RX01", totals=totals, measure=given.ARRESTS, membership=membership, over="2024")
        for membership in (hospitals, mixed)
    ]
    assert found[0] is not None
    assert found[0].ods_code == "RX02"
    assert found[1] is None
