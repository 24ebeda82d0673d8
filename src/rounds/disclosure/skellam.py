"""Skellam noise: the difference of two Poisson numbers. Shares of it, drawn apart, add up to one draw of it.

A sum of independent Skellam numbers is a Skellam number whose variance is the sum of theirs: `n` sites that each draw a
share of variance `V/n` have together drawn one of variance `V`, and none of them knows it. Numbers are drawn exactly:
by inversion, with as many random bits as it takes to know on which side of a boundary they fall.

Source: Agarwal, Kairouz and Liu (2021), The Skellam mechanism for differentially private federated learning,
    NeurIPS 34.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Final

RandomBits = Callable[[int], int]
"""Returns a whole number of so many random bits, each 0 or 1 with equal chance. `secrets.randbits` is one."""

_LARGEST_AT_ONCE: Final = 4096
"""A Poisson number of a greater mean is the sum of several: a table of its chances stays short."""

_FIRST_BITS: Final = 128
_GUARD_BITS: Final = 64


def draw_skellam(variance: Fraction, random_bits: RandomBits) -> int:
    """Return a Skellam number of mean 0, exactly distributed.

    Args:
        variance: above 0.
        random_bits: where chance comes from.

    Raises:
        ValueError: if the variance is not above 0.
    """
    half = variance / 2
    return draw_poisson(half, random_bits) - draw_poisson(half, random_bits)


def draw_poisson(mean: Fraction, random_bits: RandomBits) -> int:
    """Return a Poisson number, exactly distributed.

    Args:
        mean: above 0.
        random_bits: where chance comes from.

    Raises:
        ValueError: if the mean is not above 0.

    Source: Devroye (1986), Non-Uniform Random Variate Generation, chapter II.2 (inversion); exact because a draw that
        falls nearer to a boundary than the table is precise is drawn on, with more bits against a longer table.
    """
    return sum(_invert(part, random_bits) for part in _parts(mean))


@lru_cache(maxsize=64)
def _parts(mean: Fraction) -> tuple[tuple[int, int], ...]:
    """Return means that add up to one, each as its numerator and denominator, and none too large for a table."""
    if mean <= 0:
        raise ValueError(f"a Poisson mean is above 0, not {mean}")
    whole, rest = divmod(mean, _LARGEST_AT_ONCE)
    return ((_LARGEST_AT_ONCE, 1),) * whole + (((rest.numerator, rest.denominator),) if rest else ())


def _invert(mean: tuple[int, int], random_bits: RandomBits) -> int:
    bits, drawn = _FIRST_BITS, random_bits(_FIRST_BITS)
    while True:
        boundaries = _boundaries(mean, bits)
        found = bisect_right(boundaries, drawn)
        # Each boundary is known to within 2; `drawn` stands for all numbers from itself to the next.
        near = boundaries[max(0, found - 1) : found + 1]
        if found < len(boundaries) and all(not -3 <= drawn - boundary <= 2 for boundary in near):
            return found
        drawn = drawn << bits | random_bits(bits)
        bits *= 2


@lru_cache(maxsize=64)
def _boundaries(mean: tuple[int, int], bits: int) -> tuple[int, ...]:
    """Return for each number `k` the chance of `k` or less, times two to the power of `bits`, to within 2.

    With `w[k] = mean**k / k!`, each cut off below, the error of a sum of them is at most their number `K` times the
    last `e**mean` units, which is `K` units of their sum's last `_GUARD_BITS` bits; what is cut off at the end is less.
    """
    weight, weights = 1 << (bits + _GUARD_BITS), []
    while weight:
        weights.append(weight)
        weight = weight * mean[0] // (mean[1] * len(weights))
    whole, so_far, boundaries = sum(weights), 0, []
    for weight in weights:
        so_far += weight
        boundaries.append((so_far << bits) // whole)
    return tuple(boundaries)


def probabilities(variance: float) -> tuple[float, ...]:
    """Return the chances of 0, 1, 2 and so on, as far as they matter; of -1 it is as of 1.

    Args:
        variance: above 0.

    Source: P(k) = exp(-variance) I_k(variance); the Bessel functions by Miller's backward recurrence (Abramowitz and
        Stegun 1964, 9.12), which their sum over all `k` makes into chances.
    """
    above, here, found = 0.0, 1e-250, []
    for k in range(40 + math.ceil(10 * math.sqrt(variance)), 0, -1):
        found.append(here)
        above, here = here, above + 2 * k / variance * here
    found.append(here)
    whole = here + 2 * math.fsum(found[:-1])
    return tuple(chance / whole for chance in reversed(found))


@lru_cache(maxsize=256)
def half_width(variance: float, *, level: float) -> int:
    """Return the least `q` so that a Skellam number lies between `-q` and `q` with a chance of at least `level`.

    >>> half_width(9, level=0.95)
    6
    """
    chances = probabilities(variance)
    inside, q = chances[0], 0
    while inside < level:
        q += 1
        inside += 2 * chances[q]
    return q


def skellam_rho(*, variance: Fraction, most: int) -> float:
    """Return the zCDP of one draw: how much a number that one person changes by `most` tells of that person.

    Args:
        variance: of the noise in the sum, as far as nobody who looks knows a part of it.
        most: the most that one person can add to the number, above 0.

    Source: the Renyi divergence of order `a` is at most `a D^2/2V + min(((2a-1)D^2 + 6D)/4V^2, 3D/2V)` (Agarwal et al.
        2021, theorem 3.1), of which this is the least multiple of `a` that is as much for all `a` above 1. Tests
        compare it with divergences that are computed term by term.

    >>> round(skellam_rho(variance=Fraction(9), most=1), 4)
    0.0772
    """
    spread, square = float(variance), float(most) ** 2
    smaller = max(square + 6 * most, 2 * square) / (4 * spread**2)
    return square / (2 * spread) + min(smaller, 3 * most / (2 * spread))
