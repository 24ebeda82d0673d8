"""What the reference cases do not say of funnels: refusals, edges, limits' shape, chance, notes."""

import numpy as np
import pytest

from rounds.learning.variation.between_sites.funnel import funnel_proportions
from rounds.learning.variation.between_sites.limits import Outlier, Vector, proportion_limits
from rounds.learning.variation.between_sites.notes import funnel_notes

SIZES = np.array([40.0, 100, 100, 250, 400, 1000])


def vector(*numbers: float) -> Vector:
    return np.array(numbers, dtype=np.float64)


@pytest.mark.parametrize(
    ("numerators", "denominators", "problem"),
    [
        (vector(1, 5), vector(10, 4), "organisation 2 has a numerator above its denominator"),
        (vector(1, 0), vector(10, 0), "organisation 2 has nobody in its denominator"),
        (vector(-1, 2), vector(10, 10), "organisation 1 has a numerator below 0"),
        (vector(1, np.nan), vector(10, 10), "organisation 2 has no finite count: leave it out and say so"),
        (vector(1, 2), vector(10, np.inf), "organisation 2 has no finite count"),
        (vector(1), vector(10), "give at least two"),
        (vector(), vector(), "give at least two"),
        (vector(1, 2), vector(10, 10, 10), "give one of each per organisation"),
    ],
)
def test_impossible_counts_are_refused(numerators: Vector, denominators: Vector, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        funnel_proportions(numerators=numerators, denominators=denominators)


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_identical_organisations_have_no_outlier(share: float) -> None:
    funnel = funnel_proportions(numerators=share * SIZES, denominators=SIZES)
    assert funnel.phi == pytest.approx(0, abs=1e-20)
    assert funnel.tau2 == 0
    assert set(funnel.outliers) == {Outlier.INSIDE}
    assert (funnel.lower998 <= funnel.centre).all()
    assert (funnel.upper998 >= funnel.centre).all()


def test_two_organisations_are_enough() -> None:
    funnel = funnel_proportions(numerators=vector(10, 90), denominators=vector(1000, 1000), overdispersion=False)
    assert funnel.outliers == (Outlier.LOW_998, Outlier.HIGH_998)


def test_each_status() -> None:
    """At 1,000 patients and 20 % the limits are 17.6 and 22.5 % (95 %), 16.2 and 24.0 % (99.8 %)."""
    percent = vector(25, 23, 20, 17, 15)
    rest = vector(200 * 5 - percent.sum() * 10)
    funnel = funnel_proportions(
        numerators=np.concatenate([percent * 10, rest + 200_000]),
        denominators=np.concatenate([np.full(5, 1000.0), vector(1_000_000)]),
        overdispersion=False,
    )
    assert funnel.centre == pytest.approx(0.2, abs=1e-4)
    assert funnel.outliers[:5] == tuple(Outlier)


def test_overdispersion_widens_the_limits_and_plain_limits_still_tell_it() -> None:
    numerators = SIZES * vector(0.1, 0.3, 0.12, 0.25, 0.08, 0.2)
    widened = funnel_proportions(numerators=numerators, denominators=SIZES)
    plain = funnel_proportions(numerators=numerators, denominators=SIZES, overdispersion=False)
    assert widened.phi == plain.phi > 1
    assert widened.tau2 > 0
    assert plain.tau2 == 0
    assert (widened.upper95 > plain.upper95).all()
    assert (widened.lower998 < plain.lower998).all()


@pytest.mark.parametrize("tau2", [0.0, 0.002, 0.3])
def test_limits_narrow_with_size_and_stay_inside_each_other(tau2: float) -> None:
    sizes = np.arange(1.0, 3000.0)
    for limits in (
        proportion_limits(centre=0.03, tau2=tau2, denominators=sizes),
        proportion_limits(centre=0.9, tau2=tau2, denominators=sizes),
    ):
        for lower in (limits.lower95, limits.lower998):
            assert (np.diff(lower) >= 0).all()
            assert (lower >= 0).all()
        for upper in (limits.upper95, limits.upper998):
            assert (np.diff(upper) <= 0).all()
        assert (limits.lower998 <= limits.lower95).all()
        assert (limits.upper998 >= limits.upper95).all()
    assert proportion_limits(centre=0.03, tau2=tau2, denominators=vector(1)).upper998[0] <= 1


def test_a_proportion_and_its_complement_are_mirror_images() -> None:
    numerators = np.array([3.0, 30, 12, 60, 41, 199])
    widened = funnel_proportions(numerators=numerators, denominators=SIZES)
    assert funnel_proportions(numerators=SIZES - numerators, denominators=SIZES).tau2 == pytest.approx(widened.tau2)
    deaths = funnel_proportions(numerators=numerators, denominators=SIZES, overdispersion=False)
    survivors = funnel_proportions(numerators=SIZES - numerators, denominators=SIZES, overdispersion=False)
    np.testing.assert_allclose(survivors.lower95, 1 - deaths.upper95, atol=1e-12)
    mirrored = dict(zip(Outlier, reversed(Outlier), strict=True))
    assert survivors.outliers == tuple(mirrored[status] for status in deaths.outliers)
    assert set(deaths.outliers) != {Outlier.INSIDE}


def test_chance_alone_puts_few_outside() -> None:
    """At 40 or more expected events about 5 % lie beyond the 95 % limits and 0.2 % beyond the 99.8 % ones."""
    rng = np.random.default_rng(11)
    sizes = rng.integers(400, 4000, size=100)
    statuses = [
        status
        for _ in range(100)
        for status in funnel_proportions(
            numerators=rng.binomial(sizes, 0.1).astype(float), denominators=sizes.astype(float)
        ).outliers
    ]
    beyond_998 = sum(status in (Outlier.HIGH_998, Outlier.LOW_998) for status in statuses) / len(statuses)
    beyond_95 = sum(status is not Outlier.INSIDE for status in statuses) / len(statuses)
    assert 0.0005 < beyond_998 < 0.004
    assert 0.04 < beyond_95 < 0.06


def test_notes() -> None:
    sizes = np.array([40.0, 100, 100, 250, 400, 1000])
    widened = funnel_proportions(numerators=sizes * vector(0.1, 0.3, 0.12, 0.25, 0.08, 0.2), denominators=sizes)
    limits, chance, sparse = funnel_notes(widened)
    assert "widened for over-dispersion" in limits
    assert f"vary {widened.phi:.1f} times as much as chance" in limits
    assert "about 0.3 of 6 organisations" in chance
    assert "Fewer than 10 events are expected at 1 of 6 organisations" in sparse
    calm = funnel_proportions(numerators=sizes * 0.98, denominators=sizes)
    assert "not widened, as no over-dispersion was found" in funnel_notes(calm)[0]
    assert "at 5 of 6 organisations" in funnel_notes(calm)[-1]
