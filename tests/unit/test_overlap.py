"""Bounds on different people hold for every way in which sites can share them, and no narrower bounds would."""

from itertools import combinations, product

import numpy as np
import pytest

from rounds.learning.overlap import DistinctPeople, distinct_people


def bounds(*people: int, **known: object) -> tuple[int, int]:
    found = distinct_people(lower=np.array(people), upper=np.array(people), **known)  # type: ignore[arg-type]
    return found.lower, found.upper


def every_way(sizes: tuple[int, ...], *, least: float, most: float) -> set[int]:
    """Return how many different people there can be, by trying how many are seen at each set of two or more sites."""
    several = [one for size in range(2, len(sizes) + 1) for one in combinations(range(len(sizes)), size)]
    found = set()
    for numbers in product(range(max(sizes) + 1), repeat=len(several)):
        shared = [sum(n for n, one in zip(numbers, several, strict=True) if site in one) for site in range(len(sizes))]
        if all(least * size <= part <= most * size for part, size in zip(shared, sizes, strict=True)):
            found.add(sum(sizes) - sum(shared) + sum(numbers))
    return found


@pytest.mark.parametrize("sizes", [(4, 2), (3, 3), (4, 4, 2), (4, 2, 2), (5, 1, 1)])
@pytest.mark.parametrize(("least", "most"), [(0, 1), (0, 0.5), (0.5, 1), (0.25, 0.5), (0, 0)])
def test_bounds_hold_whoever_is_shared(sizes: tuple[int, ...], least: float, most: float) -> None:
    ways = every_way(sizes, least=least, most=most)
    lower, upper = bounds(*sizes, shared_at_least=least, shared_at_most=most)
    assert not ways or (lower <= min(ways) and max(ways) <= upper)


@pytest.mark.parametrize("sizes", [(4, 2), (3, 3), (4, 4, 2), (4, 2, 2)])
def test_with_nothing_known_they_are_reached(sizes: tuple[int, ...]) -> None:
    ways = every_way(sizes, least=0, most=1)
    assert bounds(*sizes) == (min(ways), max(ways)) == (max(sizes), sum(sizes))


def test_known_parts_narrow_them() -> None:
    assert bounds(1_000, 600, 400) == (1_000, 2_000)
    assert bounds(1_000, 600, 400, shared_at_most=0.1) == (1_900, 2_000)
    assert bounds(1_000, 600, 400, shared_at_least=0.05, shared_at_most=0.1) == (1_900, 1_950)
    assert bounds(1_000, 600, 400, shared_at_most=0) == (2_000, 2_000)


def test_nobody_is_seen_in_two_regions() -> None:
    assert bounds(1_000, 600, 400, regions=["north", "south", "north"]) == (1_600, 2_000)
    assert bounds(1_000, 600, 400, regions=["a", "b", "c"]) == (2_000, 2_000)


def test_withheld_counts_widen_them() -> None:
    found = distinct_people(lower=np.array([1, 50]), upper=np.array([7, 50]))
    assert found == DistinctPeople(lower=50, upper=57)


@pytest.mark.parametrize(
    "known",
    [
        {"shared_at_most": 1.1},
        {"shared_at_least": -0.1},
        {"shared_at_least": 0.5, "shared_at_most": 0.1},
        {"regions": []},
    ],
)
def test_what_cannot_be_is_refused(known: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1|at least one site"):
        bounds(1, 2, **known)


def test_no_sites_and_bounds_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one site"):
        bounds()
    with pytest.raises(ValueError, match="in order"):
        DistinctPeople(lower=3, upper=2)
