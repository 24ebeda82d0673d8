"""The yearly budget of noise: how much all that is told of a year may tell of one person.

Losses are in zero-concentrated differential privacy (zCDP), which adds up: one draw of a discrete Gaussian of standard
deviation sigma, of a number that one person changes by 1, costs rho = 1 / (2 sigma^2).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from rounds.errors import DefinitionError, DisclosureRefusal

MOST_RHO: Final = 2.0
"""Above it, whether somebody is counted would be guessed in more than five of six tries."""

DRAWS_PER_CELL: Final = 2
"""A numerator and a denominator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What all releases about one calendar year may tell of a person, and over how many it is shared out."""

    rho_per_year: float
    """zCDP"""
    periods_per_year: int
    """measures times the periods of each in a year, revisions included: the budget is shared out evenly over them"""

    def __post_init__(self) -> None:
        if not 0 < self.rho_per_year <= MOST_RHO:
            raise DefinitionError(f"`rho_per_year` is above 0 and at most {MOST_RHO:g}", field="rho_per_year")
        if self.periods_per_year < 1:
            raise DefinitionError("`periods_per_year` is 1 or more", field="periods_per_year")

    @property
    def sigma(self) -> float:
        """The standard deviation of one draw, in people, with which the budget lasts for the periods planned."""
        return math.sqrt(DRAWS_PER_CELL * self.periods_per_year / (2 * self.rho_per_year))

    @property
    def rho_per_period(self) -> float:
        """What one measure's period costs: two draws in each cell. A person is in one cell of a partition."""
        return self.rho_per_year / self.periods_per_year

    def in_words(self) -> str:
        """Return the budget in words for a data guardian.

        >>> print(Budget(rho_per_year=0.5, periods_per_year=48).in_words())
        noise is added (standard deviation 9.8 people; 2 in 3 numbers are off by less); who knows all about a person \
but whether they were counted, and sees everything of a year, guesses right in 69 of 100 tries instead of 50
        """
        right = 100 * (1 + advantage(self.rho_per_year)) / 2
        return (
            f"noise is added (standard deviation {self.sigma:.1f} people; 2 in 3 numbers are off by less); who knows "
            "all about a person but whether they were counted, and sees everything of a year, guesses right in "
            f"{right:.0f} of 100 tries instead of 50"
        )


def advantage(rho: float) -> float:
    """Return how much better than a coin one person's presence is told apart from their absence, 0 to 1.

    Args:
        rho: zCDP of everything seen, 0 or more.

    Source: Gaussian trade-off, 2 Phi(mu / 2) - 1 with mu = sqrt(2 rho); Dong, Roth, Su (2022), JRSS B 84:3-37.

    >>> round(advantage(1 / 8), 2), round(advantage(12 / 8), 2)
    (0.2, 0.61)
    """
    return 2 * NormalDist().cdf(math.sqrt(2 * rho) / 2) - 1


Period = tuple[str, str, int]
"""Digest of a measure, first day of a period, epoch."""
Costs = dict[int, dict[Period, float]]
"""By calendar year, what draws for each period cost. A period of several years costs in each: somebody may be in it by
what happened in the last alone."""


def refuse_overspent(
    wanted: Mapping[int, Iterable[Period]],
    charged: Mapping[int, Mapping[Period, float]],
    budget: Budget,
    *,
    measure: str,
) -> Costs:
    """Return what drawing for some periods costs, if the budget holds.

    Nothing here depends on a count: the same question is refused whatever the records hold.

    Args:
        wanted: by calendar year, the periods asked for.
        charged: by calendar year, what was charged for each period so far.
        budget: the site's.
        measure: for the message.

    Raises:
        DisclosureRefusal: if a year's budget would be spent.
    """
    costs = {year: dict.fromkeys(periods, budget.rho_per_period) for year, periods in wanted.items()}
    return refuse_beyond(costs, charged, budget.rho_per_year, measure=measure)


def refuse_beyond(
    costs: Mapping[int, Mapping[Period, float]],
    charged: Mapping[int, Mapping[Period, float]],
    rho_per_year: float,
    *,
    measure: str,
) -> Costs:
    """Return by year what the draws for some periods cost, if no year's charges go beyond a limit.

    A period for which is drawn again costs again; what is released again as it was is not drawn.

    Args:
        costs: by calendar year, what each period that is asked for costs, in zCDP.
        charged: by calendar year, what was charged for each period so far.
        rho_per_year: the limit.
        measure: for the message.

    Raises:
        DisclosureRefusal: if a year's charges would.
    """
    for year, fresh in sorted(costs.items()):
        before = charged.get(year, {})
        total = math.fsum([*before.values(), *fresh.values()])
        if total > rho_per_year * (1 + 1e-9):
            left = max(0.0, rho_per_year - math.fsum(before.values()))
            raise DisclosureRefusal(
                f"{measure}: the budget of {year} is spent: {len(fresh)} more periods cost "
                f"{math.fsum(fresh.values()):.3g}, and {left:.3g} of {rho_per_year:g} is left; ask for fewer "
                "measures or periods, what was answered before is answered again without a charge"
            )
    return {year: dict(periods) for year, periods in costs.items() if periods}


def add_costs(so_far: dict[int, dict[Period, float]], costs: Costs) -> None:
    """Add what draws cost to what was charged so far."""
    for year, periods in costs.items():
        charged = so_far.setdefault(year, {})
        for period, rho in periods.items():
            charged[period] = charged.get(period, 0.0) + rho
