"""Groups against each other: coverage where truth is known, bounds, and what is refused."""

from itertools import product

import numpy as np
import pytest

from rounds.learning.variation.between_groups.concentration import atkinson, concentration, gini, mean_log_deviation
from rounds.learning.variation.between_groups.gaps import GroupBounds, gaps, unmet_need
from rounds.learning.variation.between_groups.priority import priority
from rounds.learning.variation.between_groups.quantiles import quantiles
from rounds.learning.variation.between_groups.slopes import SlopeScale, inequality_slope


def exactly(events: list[float], sizes: list[float], *, over_time: bool = False) -> GroupBounds:
    top, bottom = np.array(events, dtype=float), np.array(sizes, dtype=float)
    return GroupBounds(events_lower=top, events_upper=top, size_lower=bottom, size_upper=bottom, over_time=over_time)


def test_newcombes_example() -> None:
    """Newcombe (1998), table II: 56/70 less 48/80 has the interval 0.0524 to 0.3339 by method 10."""
    found = gaps(exactly([48, 56], [80, 70]), reference=0)
    assert (round(found.lower[1], 4), round(found.upper[1], 4)) == (0.0524, 0.3339)
    assert found.signals == ("no", "certain")
    assert found.lowest[1] == found.highest[1] == pytest.approx(0.2)


def test_a_gap_holds_for_every_count_behind_the_bounds() -> None:
    bounds = GroupBounds(
        events_lower=np.array([1.0, 28]),
        events_upper=np.array([7.0, 32]),
        size_lower=np.array([98.0, 98]),
        size_upper=np.array([102.0, 102]),
    )
    found = gaps(bounds, reference=0)
    assert found.signals[1] == "certain"
    for one, other, size in product((1, 4, 7), (28, 30, 32), (98, 100, 102)):
        exact = gaps(exactly([one, other], [size, size]), reference=0)
        assert found.lowest[1] <= exact.lowest[1] <= found.highest[1]
        assert found.lower[1] <= exact.lower[1]
        assert exact.upper[1] <= found.upper[1]


def test_a_gap_may_be_possible_or_none() -> None:
    hidden = GroupBounds(
        events_lower=np.array([1.0, 10, 4]),
        events_upper=np.array([7.0, 10, 4]),
        size_lower=np.full(3, 60.0),
        size_upper=np.full(3, 60.0),
    )
    assert gaps(hidden, reference=0).signals == ("no", "possible", "no")
    few = gaps(exactly([1, 3], [5, 100]), reference=1)
    assert few.reasons == ("Too few people are known to be in one of the groups.", None)
    assert np.isnan(few.lower[0])


def test_gaps_of_rates_over_time_cover() -> None:
    draw = np.random.default_rng(3)
    days = [900.0, 700.0]
    held = 0
    for _ in range(400):
        events = [float(draw.poisson(0.02 * days[0])), float(draw.poisson(0.05 * days[1]))]
        found = gaps(exactly(events, days, over_time=True), reference=0)
        held += found.lower[1] <= 0.03 <= found.upper[1]
    assert 0.93 <= held / 400 <= 1.0


def test_need_that_is_not_met() -> None:
    found = unmet_need(exactly([60, 20], [200, 200]), exactly([20, 21], [200, 200]))
    assert (found.lower[0] > 0, found.lower[1] < 0) == (True, True)
    assert found.lowest[0] == pytest.approx(0.2)
    assert found.people_lower[0] < 40 < found.people_upper[0]
    assert found.people_lower[1] == 0
    with pytest.raises(ValueError, match="different groups"):
        unmet_need(exactly([1], [20]), exactly([1, 2], [20, 20]))


@pytest.mark.parametrize("scale", [SlopeScale.PLAIN, SlopeScale.LOG])
def test_slopes_cover(scale: SlopeScale) -> None:
    draw = np.random.default_rng(4)
    people = np.array([3000.0, 2500, 2500, 2000, 2000])
    positions = (np.cumsum(people) - people / 2) / people.sum()
    truth = 0.2 - 0.08 * positions if scale is SlopeScale.PLAIN else 0.2 * np.exp(-0.5 * positions)
    sii = -0.08 if scale is SlopeScale.PLAIN else 0.2 * (np.exp(-0.5) - 1)
    rii = 0.12 / 0.2 if scale is SlopeScale.PLAIN else np.exp(-0.5)
    held = np.zeros(2)
    for _ in range(1000):
        rates = draw.poisson(people * truth) / people
        found = inequality_slope(values=rates, standard_errors=np.sqrt(rates / people), people=people, scale=scale)
        held += [found.sii_lower <= sii <= found.sii_upper, found.rii_lower <= rii <= found.rii_upper]
    assert (held / 1000 > 0.929).all()
    assert (held / 1000 < 0.971).all()


def test_a_curve_is_no_line() -> None:
    found = inequality_slope(
        values=np.array([10.0, 2, 2, 2, 10]), standard_errors=np.full(5, 0.5), people=np.full(5, 100.0)
    )
    assert found.notes[1].startswith("Groups lie off the line")


def test_the_concentration_index_covers() -> None:
    draw = np.random.default_rng(6)
    people, truth = np.full(5, 1500.0), np.array([0.2, 0.17, 0.15, 0.12, 0.1])
    index = concentration(values=truth, people=people).index
    assert index < 0
    held = 0
    for _ in range(400):
        rates = draw.poisson(people * truth) / people
        found = concentration(values=rates, people=people, standard_errors=np.sqrt(rates / people))
        held += found.lower <= index <= found.upper
    assert 0.92 <= held / 400 <= 0.98


def test_the_list_says_how_sure_it_is() -> None:
    draw = np.random.default_rng(1)
    found = priority(
        gains=np.array([100.0, 40, 38, 0]), standard_errors=np.array([5.0, 10, 10, 2]), top=2, generator=draw
    )
    assert found.order.tolist()[:2] == [0, 1]
    assert found.sure.tolist() == [True, False, False, False]
    assert found.chance_of_top.sum() == pytest.approx(2)
    assert (found.rank_lower[0], found.rank_upper[0]) == (1, 1)
    assert found.rank_upper[1] == 3
    # Of two normals with means 40 and 38 the first is larger with probability Phi(2 / sqrt(200)).
    assert found.chance_of_top[1] == pytest.approx(0.556, abs=0.03)
    assert found.chance_of_gain[3] == pytest.approx(0.5, abs=0.03)


def test_impossible_numbers_are_refused() -> None:
    ones = np.ones(3)
    for work, problem in (
        (lambda: gini(np.array([1.0, -1])), "group 2 has a number below 0"),
        (lambda: gini(np.zeros(3)), "nothing to share"),
        (lambda: gini(np.array([])), "at least one group"),
        (lambda: mean_log_deviation(np.array([0.0, 1])), "no logarithm"),
        (lambda: atkinson(ones, aversion=0), "aversion is above 0"),
        (lambda: inequality_slope(values=ones[:2], standard_errors=ones[:2], people=ones[:2]), "two make a gap"),
        (lambda: inequality_slope(values=ones, standard_errors=0 * ones, people=ones), "group 1 has no standard error"),
        (
            lambda: inequality_slope(values=0 * ones, standard_errors=ones, people=ones, scale=SlopeScale.LOG),
            "group 1 has a value without a log",
        ),
        (lambda: gaps(exactly([30], [20]), reference=0), "group 1 has more events than people"),
        (lambda: gaps(exactly([3], [20]), reference=4), "no group 5"),
        (lambda: quantiles(ones, number=9), "cannot be cut into 9"),
        (
            lambda: priority(gains=ones, standard_errors=ones, top=0, generator=np.random.default_rng(1)),
            "how many of them to look at",
        ),
    ):
        with pytest.raises(ValueError, match=problem):
            work()
    assert gini(ones) == pytest.approx(0)
    assert atkinson(np.array([0.0, 1]), aversion=1) == 1
