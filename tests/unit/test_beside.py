"""One site beside others: mixtures, wandering levels, what is refused and what is left out."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rounds.learning.impact.effect import NoEffect, Panel
from rounds.learning.impact.simplex import nearest_mixture, spread_of_mixtures
from rounds.learning.impact.single_site.beside import reckon_beside
from rounds.learning.impact.single_site.importance import choose_importance, mixture_of
from rounds.learning.impact.single_site.interrupted import interrupted
from rounds.learning.impact.single_site.reckoned import Beside, Reckoned, Untold
from rounds.learning.impact.single_site.structural import structural
from rounds.learning.impact.single_site.synthetic import Rates, limits, mix, placebo

Array = NDArray[np.float64]
PERIODS, BEFORE = 36, 20


def panel_of(
    *, others: int = 4, ratio: float = 0.5, before: int = BEFORE, own: float = 60.0, drift: float = 0.0
) -> Panel:
    rng = np.random.default_rng(8)
    levels = np.append(own, np.linspace(40.0, 80.0, others))
    mean = levels[:, None] * np.exp(0.2 * np.sin(2 * np.pi * np.arange(PERIODS) / 12))
    mean[0] *= np.exp(drift * np.arange(PERIODS))
    mean[0, before:] *= ratio
    counts = rng.poisson(mean).astype(np.float64)
    treated = np.zeros(counts.shape, dtype=np.bool_)
    treated[0, before:] = True
    return Panel(
        sites=("here", *(f"other {one}" for one in range(others))),
        lower=counts,
        upper=counts,
        exposure=np.full(counts.shape, 1000.0),
        treated=treated,
        excluded=np.zeros_like(treated),
        a_year=12,
    )


PLAIN = panel_of()


def beside(panel: Panel, *, controls: tuple[str, ...] | None = None) -> Beside:
    names = panel.sites[1:] if controls is None else controls
    leading = interrupted(panel, "here", controls=names)
    return reckon_beside(panel, "here", controls=names, leading=leading, generator=np.random.default_rng(1))


def with_counts(counts: Array, panel: Panel = PLAIN) -> Panel:
    return replace(panel, lower=counts, upper=counts)


def changed(rows: object, columns: object, value: float | Array, panel: Panel = PLAIN) -> Panel:
    counts = panel.lower.copy()
    counts[rows, columns] = value  # type: ignore[index] # any index that numpy takes
    return with_counts(counts, panel)


@pytest.mark.parametrize(("rows", "columns"), [(3, 8), (20, 5), (6, 6), (1, 4), (40, 15)])
def test_the_nearest_mixture_meets_the_conditions_of_a_minimum(rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows)
    for scale in (1.0, 1e6, 1e-6):
        features, target = scale * rng.normal(size=(rows, columns)), scale * (1 + rng.normal(size=rows))
        weights = nearest_mixture(features, target)
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)
        gradient = features.T @ (features @ weights - target) / scale**2
        assert np.all(gradient - weights @ gradient >= -1e-9)


def test_mixtures_that_are_as_near_are_told_by_what_they_say_after() -> None:
    """Two donors alike before, with 1 and 3 after, stand for any rate between; a third is of no use."""
    features, target = np.array([[2.0, 2.0, 9.0], [2.1, 2.1, 9.0]]), np.array([2.0, 2.1])
    weights = nearest_mixture(features, target)
    assert spread_of_mixtures(features, target, weights, np.array([1.0, 3.0, 7.0])) == pytest.approx((1.0, 3.0))
    assert spread_of_mixtures(features, target, weights, np.array([2.0, 2.0, 7.0])) == pytest.approx((2.0, 2.0))
    rates = Rates(
        own=np.array([2.0, 2.1, 1.5]),
        donors=np.vstack([features, [1.0, 3.0, 7.0]]),
        exposure=np.ones(3),
        before=2,
    )
    assert mix(rates).ratio_range == pytest.approx((0.5, 1.5))


def test_importance_that_cannot_reach_the_nearest_mixture_is_searched() -> None:
    """The only characteristics point to one donor, the outcome to the other."""
    own, donors = np.array([1.0, 0.9]), np.array([[1.0, 5.0], [1.0, 4.0]])
    outcome, outcomes = np.array([5.0, 6.0]), np.array([[1.0, 5.0], [2.0, 6.0]])
    found = choose_importance(own, donors, outcome=outcome, outcomes=outcomes, generator=np.random.default_rng(2))
    assert not found.best
    assert found.least == pytest.approx(0)
    for share in np.linspace(0, 1, 21):
        weights = mixture_of(own, donors, np.array([share, 1 - share]))
        assert found.misses <= np.mean((outcome - outcomes @ weights) ** 2) + 1e-12


def test_both_ways_find_what_was_planted() -> None:
    found = beside(PLAIN)
    for one in (found.synthetic, found.structural):
        assert isinstance(one, Reckoned)
        assert one.limited
        assert one.rate_ratio.lower < 0.5 < one.rate_ratio.upper < 0.8
        assert np.isnan(one.expected[:BEFORE]).all()
        seen = PLAIN.lower[0, BEFORE:].sum()
        assert one.avoided.estimate == pytest.approx(seen * (1 / one.rate_ratio.estimate - 1))
    assert isinstance(found.synthetic, Reckoned)
    assert found.synthetic.p_value == pytest.approx(0.2)
    assert found.mixture is not None
    assert found.mixture.weights.sum() == pytest.approx(1)
    assert not found.flagged
    again = beside(PLAIN).structural
    assert isinstance(again, Reckoned)
    assert isinstance(found.structural, Reckoned)
    assert again.rate_ratio == found.structural.rate_ratio


@pytest.mark.parametrize(
    ("panel", "controls", "says"),
    [
        (PLAIN, (), "comparable site"),
        (panel_of(before=6), None, "6 periods before"),
        (panel_of(before=1), None, "1 period before"),
        (changed(slice(1, None), slice(BEFORE, None), np.nan), None, "no comparable site"),
        (changed(0, slice(None), 0.0), None, "has a period with events before it"),
    ],
)
def test_what_neither_can_say_is_said(panel: Panel, controls: tuple[str, ...] | None, says: str) -> None:
    found = beside(panel, controls=controls)
    assert isinstance(found.synthetic, Untold)
    assert isinstance(found.structural, Untold)
    assert says in found.synthetic.reason
    assert found.synthetic.reason == found.structural.reason
    assert found.differences == ()


def test_who_took_it_up_too_and_who_has_gaps_is_left_out() -> None:
    treated = PLAIN.treated.copy()
    treated[2, 28:] = True
    gaps = PLAIN.lower.copy()
    gaps[3, :12] = np.nan
    gaps[4, 5] = np.nan
    found = beside(replace(with_counts(gaps), treated=treated))
    assert found.mixture is not None
    assert found.mixture.donors == ("other 0", "other 3")
    assert found.notes == (
        "Not among those mixed or followed, because they have it themselves: other 1.",
        "Not among those mixed or followed, because their counts have gaps: other 2.",
        "Left out of both, because one of the others has no count: 1 period.",
    )


def test_each_way_says_why_it_says_nothing() -> None:
    one = beside(PLAIN, controls=("other 0",))
    assert isinstance(one.synthetic, Untold)
    assert "two other sites" in one.synthetic.reason
    assert isinstance(one.structural, Reckoned)
    above = beside(panel_of(own=200.0))
    assert isinstance(above.synthetic, Untold)
    assert "no mixture of the others reaches its level" in above.synthetic.reason
    assert "below it" in above.synthetic.reason
    few = with_counts(np.round(PLAIN.lower / 60))
    sparse = beside(few)
    assert isinstance(sparse.structural, Untold)
    assert "fewer than 2 events are expected" in sparse.structural.reason


def test_collinear_and_constant_sites_are_no_problem() -> None:
    twice = changed(slice(1, None), slice(None), PLAIN.lower[1])
    found = beside(twice)
    assert isinstance(found.structural, Reckoned)
    assert found.structural.rate_ratio.upper < 0.8
    still = changed(1, slice(None), 50.0)
    assert isinstance(beside(still).structural, Reckoned)
    everywhere = with_counts(np.where(PLAIN.treated, 30.0, 60.0))
    same = beside(everywhere)
    assert isinstance(same.structural, Untold)
    assert "the same in every period" in same.structural.reason
    assert isinstance(same.synthetic, Untold)
    assert "chance cannot be told" in same.synthetic.reason


def test_a_drift_of_its_own_makes_the_ways_disagree() -> None:
    """The site rises by 4 % a month all along and nothing else happens; only time series allow for that."""
    found = beside(panel_of(ratio=1.0, drift=0.04, own=40.0))
    assert [one.name for one in found.flagged] == ["Synthetic control"]
    assert found.flagged[0].ratio > 1.5


def test_bounds_are_drawn_from_and_the_widest_limits_taken() -> None:
    rounded = (PLAIN.lower + 2) // 5 * 5
    found = beside(replace(PLAIN, lower=np.maximum(rounded - 2, 0), upper=rounded + 2))
    exact = beside(PLAIN)
    assert found.completed == 10
    assert isinstance(found.synthetic, Reckoned)
    assert isinstance(exact.synthetic, Reckoned)
    assert found.synthetic.rate_ratio.estimate == pytest.approx(exact.synthetic.rate_ratio.estimate, rel=0.05)
    assert found.synthetic.rate_ratio.upper >= exact.synthetic.rate_ratio.upper * 0.98


def test_no_limits_without_twenty_periods() -> None:
    few = Rates(own=np.arange(1.0, 13.0), donors=np.ones((12, 2)), exposure=np.ones(12), before=8)
    assert limits(few) is None
    assert placebo(few).smallest == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="two other sites"):
        Rates(own=np.ones(4), donors=np.ones((4, 1)), exposure=np.ones(4), before=2)
    with pytest.raises(ValueError, match="not finite"):
        Rates(own=np.array([1.0, np.inf]), donors=np.ones((2, 2)), exposure=np.ones(2), before=1)


def test_more_sites_than_periods_change_nothing_but_the_cost() -> None:
    """Sites that stand three times over say what one of them says with a coefficient three times as large."""
    rng = np.random.default_rng(3)
    sites = np.cumsum(rng.normal(size=(40, 20)), axis=0)
    series = sites[:, 0] + rng.normal(size=40)
    before = np.arange(40) < 30
    given = {"fixed": np.zeros((40, 0)), "before": before, "after": ~before, "draws": 2000}
    once = structural(series, sites, generator=np.random.default_rng(1), **given)  # type: ignore[arg-type]
    thrice = structural(series, np.tile(sites, 3), generator=np.random.default_rng(1), **given)  # type: ignore[arg-type]
    assert thrice.coefficients.shape == (2000, 60)
    together = thrice.coefficients.reshape(2000, 3, 20).sum(axis=1).mean(axis=0)
    np.testing.assert_allclose(together, once.coefficients.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(thrice.expected.mean(axis=0), once.expected.mean(axis=0), atol=0.2)


def test_nothing_is_held_against_time_series_that_say_nothing() -> None:
    found = reckon_beside(
        PLAIN,
        "here",
        controls=PLAIN.sites[1:],
        leading=NoEffect(reason="nothing"),
        generator=np.random.default_rng(1),
    )
    assert found.differences == ()
    with pytest.raises(ValueError, match="other 0 has no beds before the change"):
        reckon_beside(
            PLAIN,
            "here",
            controls=PLAIN.sites[1:],
            leading=NoEffect(reason="nothing"),
            generator=np.random.default_rng(1),
            alike_in={"beds": {"here": 1.0}},
        )
