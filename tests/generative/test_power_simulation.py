"""Power before you start, against simulated rollouts: the formula's error and chance are what estimates then show."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rounds.learning.impact.baseline import Baseline, learn_baseline
from rounds.learning.impact.coarse import Coarse
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, NoEffect, Panel
from rounds.learning.impact.power import Power, needed, rollout_power

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import impact_coverage

STARTS = {f"site {number}": 1 + number for number in range(1, 13)}
PAST, AHEAD, RATIO, SEEDS = 24, 24, 0.75, 40


def rolled_out(seed: int, *, mean: float, alpha: float, bounded: bool) -> tuple[Panel, Panel]:
    """Return the past and the whole of a network whose sites begin as planned."""
    drawn = impact_coverage.draw(seed, mean=mean, alpha=alpha, rate_ratio=1.0, months=PAST + AHEAD).exact
    treated = np.zeros_like(drawn.treated)
    for row, site in enumerate(drawn.sites):
        if site in STARTS:
            treated[row, PAST + STARTS[site] :] = True
    kept = (
        np.random.default_rng(10_000 + seed)
        .binomial(drawn.lower.astype(np.int64), np.where(treated, RATIO, 1.0))
        .astype(np.float64)
    )
    whole = replace(drawn, lower=kept, upper=kept, treated=treated)
    whole = impact_coverage.with_bounds(whole) if bounded else whole
    names = ("lower", "upper", "exposure", "treated", "excluded")
    return replace(whole, **{name: getattr(whole, name)[:, :PAST] for name in names}), whole


@pytest.mark.parametrize(("mean", "alpha", "bounded"), [(8.0, 0.05, False), (40.0, 0.02, True)])
def test_the_formula_says_what_estimates_then_show(mean: float, alpha: float, bounded: bool) -> None:
    """A standard deviation of 40 is within 25 % of the truth 97 times in 100; the formula adds what it learns by chance
    of unequal sites, so it may be higher but not lower."""
    coarse = Coarse(withheld=(1, 7), base=5) if bounded else None
    said, estimates, significant = [], [], []
    for seed in range(SEEDS):
        past, whole = rolled_out(seed, mean=mean, alpha=alpha, bounded=bounded)
        baseline = learn_baseline(past)
        assert isinstance(baseline, Baseline)
        found = rollout_power(baseline, starts=STARTS, ahead=AHEAD, rate_ratio=RATIO, coarse=coarse)
        effect = estimate_effect(whole)
        assert isinstance(found, Power)
        assert isinstance(effect, Effect)
        said.append((found.standard_error, found.power))
        estimates.append(np.log(effect.rate_ratio.estimate))
        significant.append(effect.rate_ratio.upper < 1)
    error, power = np.mean(said, axis=0)
    assert 0.75 < error / np.std(estimates) < 1.4
    assert abs(power - np.mean(significant)) < 0.12


BASELINE = Baseline(
    sites=("a", "b", "c", "d"), expected=np.full((4, 24), 10.0), alpha=0.0, site_variance=0.0, a_year=12
)
PLAN = {"a": 0, "b": 6, "c": 12}


def test_power_falls_with_all_that_hides_an_effect() -> None:
    def power(
        baseline: Baseline = BASELINE, *, ratio: float = 0.8, ahead: int = 18, coarse: Coarse | None = None
    ) -> Power:
        found = rollout_power(baseline, starts=PLAN, ahead=ahead, rate_ratio=ratio, coarse=coarse)
        assert isinstance(found, Power)
        return found

    best = power()
    for worse in (
        power(ratio=0.9),
        power(ahead=14),
        power(coarse=Coarse(withheld=(1, 7), base=5)),
        power(replace(BASELINE, alpha=0.1)),
        power(replace(BASELINE, site_variance=0.02)),
        power(replace(BASELINE, expected=BASELINE.expected / 4)),
    ):
        assert worse.power < best.power
    assert best.smallest is not None
    at_smallest = power(ratio=best.smallest)
    assert at_smallest.power == pytest.approx(0.8, abs=0.001)
    assert power(coarse=Coarse(base=1)).kept == 1
    found = needed(BASELINE, starts=PLAN, ahead=18, rate_ratio=best.smallest)
    assert found.periods == 18
    assert found.sites is not None
    for many, is_enough in ((found.sites, True), (found.sites - 1, False)):
        some = {site: PLAN[site] for site in list(PLAN)[:many]}
        tried = rollout_power(BASELINE, starts=some, ahead=18, rate_ratio=best.smallest)
        assert (isinstance(tried, Power) and tried.power >= 0.7999) is is_enough


def test_two_groups_before_and_after_are_the_textbook_formula() -> None:
    """One start, Poisson, equal means: Var(log ratio) = sum of 1 over each of the four totals."""
    plan = dict.fromkeys(("a", "b"), 0)
    found = rollout_power(BASELINE, starts=plan, ahead=12, rate_ratio=0.5)
    assert isinstance(found, Power)
    totals = (2 * 24 * 10, 2 * 24 * 10, 2 * 12 * 10, 2 * 12 * 10 * 0.5)
    assert found.standard_error == pytest.approx(np.sqrt(sum(1 / total for total in totals)), rel=1e-9)


def test_rollouts_that_cannot_tell_are_refused() -> None:
    at_once = rollout_power(BASELINE, starts=dict.fromkeys("abcd", 0), ahead=12, rate_ratio=0.5)
    never = rollout_power(BASELINE, starts={"a": 20}, ahead=12, rate_ratio=0.5)
    assert isinstance(at_once, NoEffect)
    assert isinstance(never, NoEffect)
    assert "nothing is left to compare with" in at_once.reason
    for wrong in ({"ahead": 0}, {"rate_ratio": 0.0}, {"rate_ratio": 1.0}, {"starts": {"z": 1}}, {"starts": {"a": -1}}):
        with pytest.raises(ValueError, match=r"."):
            rollout_power(BASELINE, **({"starts": PLAN, "ahead": 12, "rate_ratio": 0.5} | wrong))
    empty = np.full((4, 8), np.nan)
    flags = np.zeros((4, 8), dtype=np.bool_)
    past = Panel(sites=tuple("abcd"), lower=empty, upper=empty, exposure=empty, treated=flags, excluded=flags)
    assert isinstance(learn_baseline(past), NoEffect)
