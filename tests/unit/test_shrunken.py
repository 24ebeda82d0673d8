"""Shrinkage: its coverage where truth is known, and what it refuses."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rounds.learning.variation.between_sites.shrunken import Shrunken, shrunken
from rounds.learning.variation.case_mix.families import Family

Vector = NDArray[np.float64]


def exactly(events: Vector, sizes: Vector, family: Family = Family.BINOMIAL) -> Shrunken:
    return shrunken(events_lower=events, events_upper=events, sizes=sizes, family=family)


@pytest.mark.parametrize("family", [Family.BINOMIAL, Family.POISSON])
def test_intervals_hold_the_truth_as_often_as_they_say(family: Family) -> None:
    """60 organisations, a spread of 0.3, counts by NHS England's rule; 5 networks, 300 intervals of 95 %."""
    draw = np.random.default_rng(5)
    held, own, closer = 0, [], []
    for _ in range(5):
        sizes = draw.integers(30, 400, 60).astype(float)
        true = np.log(0.1) + draw.normal(0, 0.3, 60)
        rates = 1 / (1 + np.exp(-true)) if family is Family.BINOMIAL else np.exp(true)
        events = (
            draw.binomial(sizes.astype(int), rates) if family is Family.BINOMIAL else draw.poisson(sizes * rates)
        ).astype(float)
        nearest, hidden = 5 * np.round(events / 5), (events > 0) & (events < 8)
        lower = np.where(hidden, 1, np.where(events > 0, np.maximum(nearest - 2, 8), 0))
        upper = np.where(hidden, 7, np.where(events > 0, nearest + 2, 0))
        found = shrunken(events_lower=lower, events_upper=upper, sizes=sizes, family=family)
        held += int(((found.lower <= rates) & (rates <= found.upper)).sum())
        exact = exactly(events, sizes, family)
        own.append(((events / sizes - rates) ** 2).mean())
        closer.append(((exact.values - rates) ** 2).mean())
    assert 0.89 <= held / 300 <= 0.985  # 93.5 % over many networks of this size; three standard errors of 300
    assert np.mean(closer) < 0.8 * np.mean(own)


def test_without_differences_all_are_believed_the_same() -> None:
    sizes = np.array([50.0, 100, 200, 400])
    found = exactly(0.1 * sizes, sizes)
    assert found.population.spread == 0
    np.testing.assert_allclose(found.values, 0.1, rtol=1e-9)
    assert (found.lower < 0.1).all()
    assert (found.upper > 0.1).all()
    assert found.notes[0].startswith("Chance alone explains")


def test_order_and_weights() -> None:
    found = exactly(np.array([3.0, 40, 300, 90, 1]), np.array([10.0, 200, 1000, 900, 30]))
    assert found.deviations[found.caterpillar()].tolist() == sorted(found.deviations.tolist())
    assert found.weights[2] > found.weights[0]
    assert (found.weights > 0).all()
    assert (found.weights < 1).all()


@pytest.mark.parametrize(
    ("events", "sizes", "problem"),
    [
        ([1.0, 2], [10.0, 10], "at least 3"),
        ([1.0, 2, 3], [10.0, 0, 10], "organisation 2 has nothing in its denominator"),
        ([1.0, 2, 30], [10.0, 10, 10], "organisation 3 has more events than people"),
        ([1.0, np.nan, 3], [10.0, 10, 10], "organisation 2 has a missing or infinite number"),
        ([-1.0, 2, 3], [10.0, 10, 10], "organisation 1 has impossible bounds"),
        ([0.0, 0, 0], [10.0, 10, 10], "no organisation has an event"),
        ([10.0, 10, 10], [10.0, 10, 10], "all that could happen did"),
    ],
)
def test_what_cannot_be_compared_is_refused(events: list[float], sizes: list[float], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        exactly(np.array(events), np.array(sizes))
