"""What a programme is declared to cost, and what follows from it and from the events that it avoids, year by year."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import numpy as np

from rounds.learning.value.inputs import Uncertain
from rounds.learning.value.simulations import Matrix, Vector

RATE: Final = "Events avoided per site and year"
KEPT: Final = "Effect kept from year to year"
HEALTH: Final = "Health per event avoided"


class Per(StrEnum):
    """What a cost is for."""

    ONCE = "programme, once"
    YEAR = "programme and year"
    SITE_ONCE = "site, once"
    """when a site joins"""
    SITE_YEAR = "site and year"
    EVENT = "event avoided"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCost:
    """What something costs or saves, with its range, in the price year of the declaration."""

    id: str
    title: str
    saving: bool
    per: Per
    amount: Uncertain
    """above 0 for savings too"""
    source: str
    stated: str
    """the sum and price year as they were stated"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One thing that could be done: at how many sites it is in use, in each year from now on."""

    id: str
    title: str
    sites: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What one event avoided is worth in health."""

    unit: str
    amount: Uncertain
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What one unit of effect is worth to who pays."""

    worths: tuple[float, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounting:
    """How much less a year later counts."""

    costs: float
    health: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """An effect that somebody states, where no round of the network has found one."""

    avoided: float
    """events, with a 95 % interval"""
    lower: float
    upper: float
    site_years: float
    """sites times years in which they were avoided"""
    outcome: str
    """what the events are, in the plural"""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedGroups:
    """Events of the outcome by group, between bounds."""

    by: str
    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    values: tuple[float | None, ...]
    """as they are shown, which may be rounded; None where they are withheld"""
    where: str
    """whose events they are, in words that follow "events\""""
    left_out: str
    """what of that is not in them, in sentences; empty if nothing is"""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What has to be stated of groups before anything can be said of inequality. Tuples have one value a group."""

    names: tuple[str, ...]
    burden: tuple[float, ...]
    """which part of what the money would have bought elsewhere each forgoes; adds up to 1"""
    people: tuple[float, ...]
    before: tuple[float, ...]
    """health of a person, in the declaration's unit"""
    aversions: tuple[float, ...]
    """to inequality, each of which the case is told for"""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Everything about a programme's value that somebody has to say, because no count tells it."""

    id: str
    version: int
    title: str
    problem: str
    innovation: str
    measure: str
    groups_measure: str
    """that counts the events by group; the same one, or one beside it"""
    perspective: str
    currency: str
    price_year: str
    sites_now: int
    """at which it is in use before the first year"""
    plans: tuple[Plan, ...]
    costs: tuple[UnitCost, ...]
    kept: Uncertain
    """of the effect, from one year to the next"""
    kept_source: str
    inflation: str
    """where the index of prices is from; empty if every sum was in prices of the year"""
    discounting: Discounting
    health: Health | None
    threshold: Threshold | None
    stated: Stated | None
    """None where a round has to find the effect"""
    groups: StatedGroups | None
    distribution: Distribution | None
    risks: tuple[str, ...]
    unknown: tuple[str, ...]
    author: str
    reviewer: str
    next_review: date
    digest: str
    """of the file"""

    def __post_init__(self) -> None:
        if not self.plans:
            raise ValueError("no plan is given: say at how many sites it would be in use in each year")
        lengths = {len(plan.sites) for plan in self.plans}
        if len(lengths) > 1 or not min(lengths):
            raise ValueError("every plan needs the same number of years, one at least")
        if any(sites < 0 for plan in self.plans for sites in plan.sites) or self.sites_now < 0:
            raise ValueError("a number of sites is below 0")
        for names, what in (([one.id for one in self.plans], "plans"), ([one.id for one in self.costs], "costs")):
            if len(set(names)) < len(names):
                raise ValueError(f"two {what} have the same id; rename one")

    @property
    def years(self) -> int:
        """How many years are looked at."""
        return len(self.plans[0].sites)

    @property
    def unit(self) -> str:
        """What effects are counted in."""
        return "event avoided" if self.health is None else self.health.unit

    @property
    def units(self) -> str:
        """The same of several."""
        return "events avoided" if self.health is None else f"{self.health.unit}s"

    def inputs(self, rate: Uncertain) -> tuple[Uncertain, ...]:
        """Return everything that is not known, beside the events avoided per site and year."""
        health = () if self.health is None else (self.health.amount,)
        return (rate, self.kept, *health, *(one.amount for one in self.costs))


def rate_of(avoided: float, lower: float, upper: float, *, site_years: float) -> tuple[float, float, float]:
    """Return events avoided per site and year with their interval, from those of all sites together.

    Args:
        avoided: events avoided in all, below 0 where there were more.
        lower: end of the 95 % interval.
        upper: the other end.
        site_years: sites times years in which the innovation was in use, > 0.

    Raises:
        ValueError: if there was no time, or the interval does not hold the estimate.
    """
    if not (np.isfinite(site_years) and site_years > 0):
        raise ValueError(f"{site_years:g} site-years: events avoided need time in which they were avoided")
    if not lower <= avoided <= upper:
        raise ValueError(f"{avoided:g} events avoided do not lie between {lower:g} and {upper:g}")
    return avoided / site_years, lower / site_years, upper / site_years


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """What a plan costs, saves and gains, against not using the innovation. Matrices have shape (draws, years)."""

    spent: Matrix
    saved: Matrix
    events: Matrix
    """avoided"""
    effect: Matrix
    """in the declaration's unit: events, or health"""


def flows(declared: Declared, plan: Plan, drawn: Mapping[str, Vector]) -> Flows:
    """Return a plan's flows under simulated inputs.

    Args:
        declared: says what costs what.
        plan: one of its plans.
        drawn: values of `declared.inputs` by name, each of shape (draws,).
    """
    draws, years = len(drawn[RATE]), declared.years
    sites = np.array(plan.sites, dtype=np.float64)
    joining = np.maximum(np.diff(sites, prepend=float(declared.sites_now)), 0.0)
    used = (sites > 0).astype(np.float64)
    first = used * (np.cumsum(used) == 1) * (declared.sites_now == 0)
    events = drawn[RATE][:, None] * sites * drawn[KEPT][:, None] ** np.arange(years)
    times: dict[Per, Matrix] = {
        Per.ONCE: np.broadcast_to(first, (draws, years)),
        Per.YEAR: np.broadcast_to(used, (draws, years)),
        Per.SITE_ONCE: np.broadcast_to(joining, (draws, years)),
        Per.SITE_YEAR: np.broadcast_to(sites, (draws, years)),
        Per.EVENT: events,
    }
    spent, saved = np.zeros((draws, years)), np.zeros((draws, years))
    for cost in declared.costs:
        into = saved if cost.saving else spent
        into += times[cost.per] * drawn[cost.amount.name][:, None]
    effect = events if declared.health is None else events * drawn[HEALTH][:, None]
    return Flows(spent=spent, saved=saved, events=events, effect=effect)
