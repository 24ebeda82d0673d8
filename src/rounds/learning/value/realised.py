"""What a benefit that was counted has cost and is worth: of time that has passed, where a case looks ahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from rounds.learning.value.programme import Declared, Per
from rounds.learning.value.simulations import Interval, Matrix, Vector

DRAWS: Final = 10_000
"""Simulations behind each interval."""
_AT_ONCE: Final = 1_000_000
"""Numbers simulated together, so that memory stays small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What sums of site-periods took: how often each kind of cost fell due, and events avoided. Shape (sums,) each."""

    times: Mapping[Per, Vector]
    """of all kinds but those for an event"""
    events: Vector
    error: Vector
    """standard error of `events`"""
    health_events: Vector
    """the same events, discounted as health is"""
    health_error: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What was spent and what came of it, in the declaration's currency; health in its unit."""

    spent: Interval
    saved: Interval
    net_cost: Interval
    """spent less saved; below 0 it pays for itself"""
    health: Interval | None
    """None where nobody said what an event is worth in health"""
    net_benefit: tuple[Interval, ...]
    """at each worth of the threshold; none without one"""

    @property
    def named(self) -> dict[str, Interval]:
        """What there is, by its name."""
        found = {"spent": self.spent, "saved": self.saved, "net cost": self.net_cost}
        if self.health is not None:
            found["health gained"] = self.health
        return found | {f"net benefit {at}": one for at, one in enumerate(self.net_benefit, start=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What something that was counted has cost and is worth."""

    declared: tuple[Declared, ...]
    """whose prices these are: of several programmes all in one currency, price year and worth"""
    now: Amounts
    """not discounted"""
    present: Amounts
    """present values: later financial years count less, the first in full"""
    since: str
    """that first financial year, such as "2022/23" """

    @property
    def worths(self) -> tuple[float, ...]:
        """What a unit of effect may be worth; none if nobody said."""
        threshold = self.declared[0].threshold
        return threshold.worths if threshold else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The means behind amounts, shape (sums,) each: any sum of them is that of the parts."""

    spent: Vector
    saved: Vector
    health: Vector
    worth: tuple[Vector, ...]
    """of the effect, at each worth of the threshold"""


def expected(declared: Declared, taken: Taken) -> Expected:
    """Return what sums have cost and are worth at the stated prices."""
    spent, saved = (_costs_at_stated(declared, taken, saving=saving) for saving in (False, True))
    per_event = 1.0 if declared.health is None else declared.health.amount.value
    health = taken.health_events * per_event
    worths = declared.threshold.worths if declared.threshold else ()
    return Expected(spent=spent, saved=saved, health=health, worth=tuple(worth * health for worth in worths))


def _costs_at_stated(declared: Declared, taken: Taken, *, saving: bool) -> Vector:
    found = np.zeros(len(taken.events))
    for cost in declared.costs:
        if cost.saving == saving:
            found = found + cost.amount.value * (taken.events if cost.per is Per.EVENT else taken.times[cost.per])
    return found


def ends(declared: Declared, taken: Taken, *, seed: int, draws: int) -> Matrix:
    """Return between what sums lie with 95 % probability, shape (sums, quantities, 2).

    The quantities are: spent, saved, net cost, health, and net benefit at each worth.

    Args:
        declared: the prices.
        taken: what the sums took.
        seed: of the random numbers.
        draws: how many simulations.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    normal = _spread(rng, draws)
    per_event = np.ones(draws) if declared.health is None else declared.health.amount.at(_spread(rng, draws))
    amounts = [cost.amount.at(_spread(rng, draws)) for cost in declared.costs]
    worths = declared.threshold.worths if declared.threshold else ()
    found = np.empty((len(taken.events), 4 + len(worths), 2))
    low, high = int(0.025 * draws), int(np.ceil(0.975 * draws)) - 1
    size = max(_AT_ONCE // draws, 1)
    for first in range(0, len(taken.events), size):
        at = slice(first, first + size)
        events = taken.events[at, None] + taken.error[at, None] * normal
        health = (taken.health_events[at, None] + taken.health_error[at, None] * normal) * per_event
        spent, saved = np.zeros_like(events), np.zeros_like(events)
        for cost, amount in zip(declared.costs, amounts, strict=True):
            into = saved if cost.saving else spent
            into += (events if cost.per is Per.EVENT else taken.times[cost.per][at, None]) * amount
        simulated = [spent, saved, spent - saved, health, *(worth * health - spent + saved for worth in worths)]
        for place, one in enumerate(simulated):
            found[at, place] = np.partition(one, (low, high), axis=1)[:, (low, high)]
    return found


def _spread(rng: np.random.Generator, draws: int) -> Vector:
    """Return standard normal values, one in each of as many equally likely parts of their range, in random order."""
    return np.asarray(ndtri((rng.permutation(draws) + 0.5) / draws), dtype=np.float64)
