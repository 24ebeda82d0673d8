"""Millionths: values as the decimals that people wrote, in whole numbers, so that sums are the same in any order.

Values are held in single precision, which is sure of six figures. 140.2 is held as 140.19999695: the mean of it and 140
would lie below 140.1. So a value that is added to others counts as the nearest decimal of six figures, at the finest a
millionth. Whole numbers of six figures and more count as they are held.
"""

import math
from fractions import Fraction
from typing import Final

MILLION: Final = 1_000_000

FARTHEST: Final = 1e12
"""A value beyond it, either way, counts as this much: in millionths it is a whole number of 64 bits."""

PARTS: Final[tuple[tuple[float, int], ...]] = tuple((float(10**power), MILLION // 10**power) for power in range(6))
"""Below a limit a value counts in so many parts of one; above the last in whole ones."""


def in_millionths(value: float) -> int:
    """Return a value in millionths; halves are rounded up.

    It counts as `floor(v * parts + 0.5)` parts, in double precision, where `parts` is by its size as in `PARTS`.

    Args:
        value: any number, as single precision holds it.

    >>> in_millionths(140.1999969482422), in_millionths(-0.0000005), in_millionths(16777215.0)
    (140200000, 0, 16777215000000)
    """
    held = min(max(value, -FARTHEST), FARTHEST)
    for below, parts in PARTS:
        if abs(held) < below:
            return math.floor(held * parts + 0.5) * (MILLION // parts)
    return math.floor(held + 0.5) * MILLION


def limit_in_millionths(limit: float) -> int | None:
    """Return a limit as it is written, in millionths; None if it is finer than that or lies beyond `FARTHEST`.

    >>> limit_in_millionths(140.1), limit_in_millionths(1e-7)
    (140100000, None)
    """
    if not abs(limit) <= FARTHEST:
        return None
    found = Fraction(repr(float(limit))) * MILLION
    return int(found) if found.denominator == 1 else None
