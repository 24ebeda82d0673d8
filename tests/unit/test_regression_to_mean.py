"""Regression to the mean: no effect is found where there is none, one is found where there is, and what is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rounds.learning.variation.between_sites.regression_to_mean import Picked, TwoTimes, regression_to_mean
from rounds.learning.variation.case_mix.families import Family

Vector = NDArray[np.float64]


def network(draw: np.random.Generator, *, family: Family, effect: float = 1.0, change: float = 0.8) -> TwoTimes:
    """Return 80 organisations whose rate falls by a fifth everywhere; of the worst ten by `effect` besides."""
    sizes = draw.integers(60, 300, 80).astype(float)
    true = 0.12 * np.exp(draw.normal(0, 0.25, 80))
    before = draw.binomial(sizes.astype(int), true) if family is Family.BINOMIAL else draw.poisson(sizes * true)
    worst = np.argsort(before / sizes)[-10:]
    later = change * true
    later[worst] *= effect
    after = draw.binomial(sizes.astype(int), later) if family is Family.BINOMIAL else draw.poisson(sizes * later)
    return TwoTimes(
        events_before=before.astype(float),
        sizes_before=sizes,
        events_after=after.astype(float),
        sizes_after=sizes,
        family=family,
    )


def worst(times: TwoTimes) -> NDArray[np.bool_]:
    found = np.zeros(80, dtype=bool)
    found[np.argsort(times.events_before / times.sizes_before)[-10:]] = True
    return found


@pytest.mark.parametrize("family", [Family.BINOMIAL, Family.POISSON])
def test_those_picked_fall_by_chance_alone_and_no_effect_is_claimed(family: Family) -> None:
    draw = np.random.default_rng(8)
    claimed, z, plain = 0, [], []
    for _ in range(10):
        times = network(draw, family=family)
        picked = worst(times)
        found = regression_to_mean(times, picked=picked)
        claimed += found.probability < 0.05
        z.extend(found.z[picked].tolist())
        fallen = found.actual_picked - 0.8 * found.baseline_picked
        error = np.sqrt(found.actual_picked / times.sizes_after[picked].sum() * 2)
        plain.append(fallen / error)
    assert np.mean(plain) < -1  # without the correction those picked seem to do better than all
    assert claimed <= 3  # half a round expected of 10; more than 3 has a chance of 0.1 %
    assert abs(np.mean(z)) < 0.25
    assert 0.8 < np.std(z) < 1.2


def test_a_real_effect_is_found_beside_it() -> None:
    draw = np.random.default_rng(9)
    found = 0
    for _ in range(4):
        times = network(draw, family=Family.POISSON, effect=0.6)
        result = regression_to_mean(times, picked=worst(times))
        found += result.probability < 0.05 and result.actual_picked < result.lower_picked
        assert 0 < result.by_chance < 1
    assert found >= 3


def test_outliers_are_picked_unless_said_otherwise() -> None:
    times = network(np.random.default_rng(10), family=Family.BINOMIAL)
    high, low = regression_to_mean(times), regression_to_mean(times, picked=Picked.LOW)
    rates = times.events_before / times.sizes_before
    assert 0 < high.picked.sum() < 20
    assert rates[high.picked].min() > np.median(rates)
    assert high.expected_picked < high.baseline_picked
    assert low.picked.sum() == 0 or rates[low.picked].max() < np.median(rates)
    assert (high.believed[high.picked] < high.baseline[high.picked]).all()


def test_what_cannot_be_told_has_a_reason() -> None:
    times = network(np.random.default_rng(10), family=Family.BINOMIAL)
    nobody = regression_to_mean(times, picked=np.zeros(80, dtype=bool))
    assert nobody.reason is not None
    assert nobody.reason.startswith("Nobody was picked")
    assert np.isnan(nobody.probability)
    everybody = regression_to_mean(times, picked=np.ones(80, dtype=bool))
    assert everybody.reason is not None
    assert everybody.reason.startswith("Fewer than 3 organisations were not picked")
    with pytest.raises(ValueError, match="whether it was picked"):
        regression_to_mean(times, picked=np.ones(3, dtype=bool))
    with pytest.raises(ValueError, match="organisation 1 has impossible numbers after"):
        TwoTimes(
            events_before=times.events_before,
            sizes_before=times.sizes_before,
            events_after=times.sizes_after + 1,
            sizes_after=times.sizes_after,
            family=Family.BINOMIAL,
        )
