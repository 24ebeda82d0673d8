"""Money and health in different years: prices of one year, and what comes later counts less."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from rounds.learning.value.simulations import Matrix, Vector

GREEN_BOOK = 0.035
"""A year, for costs and benefits, in real terms, over the first 30 years. HM Treasury, The Green Book."""
GREEN_BOOK_HEALTH = 0.015
"""A year, for health effects, where the decision is one of public health. The same."""
MOST_YEARS = 60


def discount_factors(years: int, rate: float) -> Vector:
    """Return what 1 is worth today in each year; the first year is not discounted. Shape (years,).

    Args:
        years: from 1 to 60.
        rate: a year, such as 0.035; 0 does not discount.

    Raises:
        ValueError: if there are no years, or the rate is missing, below 0 or above 1.

    Source: HM Treasury (2022), The Green Book, A6; year 0 as there.

    >>> discount_factors(3, 0.035).round(4).tolist()
    [1.0, 0.9662, 0.9335]
    """
    if not 1 <= years <= MOST_YEARS:
        raise ValueError(f"{years} years: choose from 1 to {MOST_YEARS}")
    if not 0 <= rate <= 1:  # NaN is neither
        raise ValueError(f"a discount rate of {rate:g} a year is not between 0 and 1: write 0.035 for 3.5 %")
    return np.asarray((1 + rate) ** -np.arange(years, dtype=np.float64), dtype=np.float64)


def present_value(amounts: ArrayLike, rate: float) -> Vector:
    """Return what sums of consecutive years are worth today, over the last axis.

    Raises:
        ValueError: as `discount_factors`, or if a sum is missing or infinite.
    """
    found: Matrix = np.asarray(amounts, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError("a year's sum is missing or infinite")
    return np.asarray(found @ discount_factors(found.shape[-1], rate), dtype=np.float64)


def yearly(capital: float, years: int, rate: float) -> float:
    """Return the equal yearly sums whose present value is `capital`: what a purchase costs a year of its use.

    Raises:
        ValueError: as `discount_factors`.
    """
    return float(capital / discount_factors(years, rate).sum())


def repriced(amount: float, *, from_year: str, to_year: str, index: Mapping[str, float]) -> float:
    """Return a sum of one price year in prices of another.

    Args:
        amount: the sum.
        from_year: its price year, such as "2019/20".
        to_year: the price year wanted.
        index: of prices, by year; all above 0.

    Raises:
        ValueError: if the index lacks a year, or says 0 or less.

    >>> repriced(100.0, from_year="2019/20", to_year="2023/24", index={"2019/20": 80.0, "2023/24": 100.0})
    125.0
    """
    if from_year == to_year:
        return amount
    for year in (from_year, to_year):
        if year not in index:
            raise ValueError(f"the price index has no year {year}; it has {', '.join(sorted(index)) or 'none'}")
        if not (np.isfinite(index[year]) and index[year] > 0):
            raise ValueError(f"the price index of {year} is {index[year]:g}: it must be above 0")
    return amount * index[to_year] / index[from_year]
