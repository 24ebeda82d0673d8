"""Skellam noise against SciPy's distribution, and what it tells of a person against divergences term by term."""

import math
import secrets
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rounds.disclosure import skellam
from rounds.disclosure.skellam import draw_poisson, draw_skellam, half_width, probabilities, skellam_rho

HELD_AGAINST = (
    ("Skellam noise and what it tells of a person", "SciPy's distribution; divergences term by term", "1e-9 or better"),
)

UNLIKELY = 1e-6
"""Draws come from the system, so that a test that is right fails once in a million runs."""


def _chi_square(drawn: np.ndarray, chance: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return how likely draws differ from a distribution so much, in bins of at least eight expected."""
    values = np.arange(drawn.min(), drawn.max() + 1)
    expected = chance(values) * len(drawn)
    kept = values[expected >= 8]
    observed = np.array([(drawn == value).sum() for value in kept])
    inside = expected[expected >= 8]
    rest = len(drawn) - observed.sum(), len(drawn) - inside.sum()
    return float(stats.chisquare([*observed, rest[0]], [*inside, rest[1]]).pvalue)


@pytest.mark.parametrize("variance", [Fraction(9, 20), Fraction(3), Fraction(9), Fraction(961 * 9, 20)])
def test_draws_are_distributed_as_scipy_says(variance: Fraction) -> None:
    drawn = np.array([draw_skellam(variance, secrets.randbits) for _ in range(20_000)])
    half = float(variance / 2)
    assert _chi_square(drawn, lambda values: stats.skellam.pmf(values, half, half)) > UNLIKELY
    # Moments within five standard errors: the second's variance is (3V^2 + V - V^2)/n, the fourth's by its kurtosis.
    v, n = float(variance), len(drawn)
    assert abs(drawn.mean()) < 5 * math.sqrt(v / n)
    assert abs(drawn.var() - v) < 5 * math.sqrt((2 * v * v + v) / n)
    assert abs(float(stats.skew(drawn))) < 5 * math.sqrt((6 + 15 / v) / n)


@pytest.mark.parametrize("sites", [3, 20])
def test_shares_add_up_to_one_draw(sites: int) -> None:
    share = Fraction(9, sites)
    drawn = np.array([sum(draw_skellam(share, secrets.randbits) for _ in range(sites)) for _ in range(4_000)])
    assert _chi_square(drawn, lambda values: stats.skellam.pmf(values, 4.5, 4.5)) > UNLIKELY


@pytest.mark.parametrize("mean", [10_000, 8192])
def test_a_great_mean_is_drawn_in_parts(mean: int) -> None:
    drawn = np.array([draw_poisson(Fraction(mean), secrets.randbits) for _ in range(1_000)])
    assert abs(drawn.mean() - mean) < 5 * math.sqrt(mean / len(drawn))
    assert abs(drawn.var() / mean - 1) < 5 * math.sqrt(2 / len(drawn))


@pytest.mark.parametrize("mean", [Fraction(1, 2), Fraction(9, 2)])
def test_boundaries_are_those_of_exact_arithmetic(mean: Fraction) -> None:
    """Each is within 2 of what it should be, and twice as many bits tell more of the same."""
    terms = [mean**k / math.factorial(k) for k in range(200)]
    whole, so_far = sum(terms), Fraction(0)
    exact = []
    for term in terms:
        so_far += term
        exact.append(so_far / whole)
    for bits in (128, 256):
        found = skellam._boundaries(mean.as_integer_ratio(), bits)
        assert all(abs(one - chance * 2**bits) <= 2 for one, chance in zip(found, exact, strict=False))


def test_a_draw_near_a_boundary_is_drawn_on() -> None:
    """With so many bits nobody knows on which side it lies; with the next ones it is known, and both sides occur."""
    bits, mean = 128, Fraction(9, 2)
    for place, boundary in enumerate(skellam._boundaries(mean.as_integer_ratio(), bits)[:12]):
        below = _script([boundary - 1, 0])
        above = _script([boundary + 1, 2**bits - 1])
        assert draw_poisson(mean, below.__next__) == place
        assert draw_poisson(mean, above.__next__) == place + 1
        assert not list(below), "it had to be drawn on"
        assert not list(above)


class _script:  # noqa: N801 - a source of bits that gives what is written
    def __init__(self, numbers: list[int]) -> None:
        self._numbers = numbers

    def __next__(self, _: int = 0) -> int:
        return self._numbers.pop(0)

    def __iter__(self):
        return iter(self._numbers)


def test_the_top_end_is_drawn_on_too() -> None:
    """The largest number of bits is beyond every boundary but the last: a longer table says how far out it lies."""
    low = draw_poisson(Fraction(1, 2), _script([2**128 - 1, 0]).__next__)
    high = draw_poisson(Fraction(1, 2), _script([2**128 - 1, 2**128 - 1, 0]).__next__)
    assert 20 < low < high


def test_a_variance_is_above_nothing() -> None:
    with pytest.raises(ValueError, match="above 0"):
        draw_skellam(Fraction(0), secrets.randbits)


@pytest.mark.parametrize("variance", [0.45, 3.0, 9.0, 180.0, 90_000.0])
def test_chances_are_scipys(variance: float) -> None:
    found = np.array(probabilities(variance))
    expected = stats.skellam.pmf(np.arange(len(found)), variance / 2, variance / 2)
    assert np.abs(found - expected).max() < 1e-12


@pytest.mark.parametrize("level", [0.5, 0.95, 0.975])
@pytest.mark.parametrize("variance", [0.45, 3.0, 9.0, 180.0, 90_000.0])
def test_an_interval_holds_just_enough(variance: float, level: float) -> None:
    reach, half = half_width(variance, level=level), variance / 2

    def inside(q: int) -> float:
        return float(stats.skellam.cdf(q, half, half) - stats.skellam.cdf(-q - 1, half, half))

    assert inside(reach) >= level - 1e-9
    assert reach == 0 or inside(reach - 1) < level


@pytest.mark.parametrize("most", [1, 2, 5, 31])
@pytest.mark.parametrize("variance", [1.0, 3.0, 6.0, 8.55, 9.0, 50.0, 8649.0])
def test_no_divergence_is_above_what_is_charged(variance: float, most: int) -> None:
    """Of every order from just above 1 to 100: what is charged is above it, and not by much where numbers are usual."""
    chances = np.array(probabilities(variance))[:-20]  # the recurrence needs some terms to settle
    whole = np.concatenate([chances[:0:-1], chances])
    here, there = np.log(whole[most:]), np.log(whole[:-most])
    rho = skellam_rho(variance=Fraction(variance), most=most)
    shares = [float((np.exp(here) * (here - there)).sum()) / rho]
    for order in (1.01, 1.2, 1.5, 1.9, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0):
        if order * most > 4 * math.sqrt(variance) + 20:
            continue  # the sum would be of terms that lie beyond the table
        terms = order * here + (1 - order) * there
        top = terms.max()
        shares.append((top + math.log(np.exp(terms - top).sum())) / (order - 1) / order / rho)
    assert max(shares) <= 1 + 1e-9
    if (variance, most) == (9.0, 1):
        assert max(shares) > 0.7


def test_more_noise_and_less_of_a_person_tell_less() -> None:
    rhos = [skellam_rho(variance=Fraction(variance), most=1) for variance in (3, 6, 9, 18)]
    assert all(before > after for before, after in pairwise(rhos))
    for variance, most in product((Fraction(9), Fraction(42), Fraction(900)), range(1, 41)):
        assert skellam_rho(variance=variance, most=most + 1) > skellam_rho(variance=variance, most=most)
        # Noise made for the most of a person hides at least as well as noise for 1 does.
        assert skellam_rho(variance=variance * most**2, most=most) <= skellam_rho(variance=variance, most=1) + 1e-12


def test_the_table_that_guardians_read_is_right() -> None:
    """Each row of docs/statistics/pooled.md follows from the variance that hides: two draws, and Pinsker's bound."""
    text = (Path(__file__).resolve().parents[2] / "docs/statistics/pooled.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ") and line.count("|") == 6]
    told = [[cell.strip() for cell in row] for row in rows if row[2].strip()[0].isdigit()]
    assert len(told) == 6
    for sites, _, hides, spent, guesses in told:
        rho = 2 * skellam_rho(variance=Fraction(hides), most=1)
        assert spent == f"{rho:.3f}"
        assert int(guesses) == round(50 * (1 + min(1.0, math.sqrt(rho / 2))))
        known = round((9 - float(hides)) / 9 * int(sites)) if sites.isdigit() else 0
        assert float(hides) == pytest.approx(9 * (1 - known / int(sites)) if sites.isdigit() else 9)
