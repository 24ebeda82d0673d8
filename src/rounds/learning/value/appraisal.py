"""A programme's plans weighed: net benefit, return, budget by year, what matters most and what breaks even."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rounds.learning.value.inputs import Uncertain, draw
from rounds.learning.value.programme import RATE, Declared, Flows, Plan, flows
from rounds.learning.value.simulations import Interval, Simulations, Vector, interval_of
from rounds.learning.value.years import present_value

WITHOUT = "Do not use it"
"""What every plan is held against: the innovation is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What comes back for what is spent: (back - spent) / spent, in present values."""

    money: Interval
    """of savings alone"""
    all: Interval | None
    """with health at its worth; None where nobody said what it is worth"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """One plan against not using the innovation."""

    plan: Plan
    events: Interval
    """avoided over all years, not discounted"""
    effect: Interval
    """in the declaration's unit, as present value"""
    spent: Interval
    """present value"""
    saved: Interval
    net_cost: Interval
    """spent less saved; below 0 it pays for itself"""
    net_benefit: tuple[Interval, ...]
    """at each worth of the threshold; none without one"""
    chance: tuple[float, ...]
    """that it is above 0, at each worth"""
    returns: Return | None
    """None where something is not spent in every simulation"""
    spent_by_year: tuple[Interval, ...]
    """budget impact: not discounted"""
    saved_by_year: tuple[Interval, ...]
    net_by_year: tuple[Interval, ...]
    pays_back_in: int | None
    """the first year, from 1, by whose end savings have made good what was spent, on average"""
    worst_chance: float
    """the share of simulations in which it gains nothing"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """All plans of a declaration, simulated together."""

    simulations: Simulations
    """`WITHOUT` and each plan by its title; effects in the declaration's unit; present values"""
    appraisals: tuple[Appraisal, ...]
    drawn: Mapping[str, Vector]
    """the inputs behind each simulation"""


def weigh(declared: Declared, rate: Uncertain, *, draws: int, seed: int) -> Weighed:
    """Return every plan of a declaration weighed against not using the innovation.

    Args:
        declared: costs and what else somebody had to say.
        rate: events avoided per site and year, named `RATE`.
        draws: how many simulations.
        seed: of their random numbers: the same one gives the same result.

    Raises:
        ValueError: if an input is impossible.
    """
    drawn = draw(declared.inputs(rate), draws=draws, seed=seed)
    found = [(plan, flows(declared, plan, drawn)) for plan in declared.plans]
    nothing = np.zeros(draws)
    rates = declared.discounting
    costs = [nothing, *(present_value(one.spent - one.saved, rates.costs) for _, one in found)]
    effects = [nothing, *(present_value(one.effect, rates.health) for _, one in found)]
    return Weighed(
        simulations=Simulations(
            options=(WITHOUT, *(plan.title for plan in declared.plans)),
            costs=np.column_stack(costs),
            effects=np.column_stack(effects),
        ),
        appraisals=tuple(_appraise(declared, plan, one) for plan, one in found),
        drawn=drawn,
    )


def _appraise(declared: Declared, plan: Plan, found: Flows) -> Appraisal:
    rates, worths = declared.discounting, declared.threshold.worths if declared.threshold else ()
    spent, saved = present_value(found.spent, rates.costs), present_value(found.saved, rates.costs)
    effect = present_value(found.effect, rates.health)
    benefits = [worth * effect - spent + saved for worth in worths]
    years = range(declared.years)
    paid = np.cumsum((found.spent - found.saved).mean(axis=0)) <= 0
    return Appraisal(
        plan=plan,
        events=interval_of(found.events.sum(axis=1)),
        effect=interval_of(effect),
        spent=interval_of(spent),
        saved=interval_of(saved),
        net_cost=interval_of(spent - saved),
        net_benefit=tuple(interval_of(one) for one in benefits),
        chance=tuple(float((one > 0).mean()) for one in benefits),
        returns=returns(spent, saved, worths[0] * effect if worths else None),
        spent_by_year=tuple(interval_of(found.spent[:, year]) for year in years),
        saved_by_year=tuple(interval_of(found.saved[:, year]) for year in years),
        net_by_year=tuple(interval_of(found.spent[:, year] - found.saved[:, year]) for year in years),
        pays_back_in=int(paid.argmax()) + 1 if paid.any() and found.spent.any() else None,
        worst_chance=float((effect <= 0).mean()),
    )


def returns(spent: Vector, saved: Vector, worth: Vector | None) -> Return | None:
    """Return what comes back for what is spent, or None where nothing is spent in some simulation.

    Args:
        spent: present values, shape (draws,).
        saved: the same.
        worth: what the health gained is worth; None where nobody said.
    """
    if (spent <= 0).any():
        return None
    return Return(
        money=interval_of((saved - spent) / spent),
        all=None if worth is None else interval_of((saved + worth - spent) / spent),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """What one input does to the net benefit, the others at their stated values."""

    name: str
    at_lower: float
    """the net benefit with the input at the lower end of its range"""
    at_upper: float

    @property
    def width(self) -> float:
        """How far apart both are."""
        return abs(self.at_upper - self.at_lower)


def swings(declared: Declared, plan: Plan, rate: Uncertain, worth: float) -> tuple[float, tuple[Swing, ...]]:
    """Return a plan's net benefit with every input at its stated value, and its swings, the widest first.

    Args:
        declared: as in `weigh`.
        plan: one of its plans.
        rate: as in `weigh`.
        worth: of one unit of effect.
    """
    inputs = declared.inputs(rate)
    stated = {one.name: one.value for one in inputs}
    found = [
        Swing(
            name=one.name,
            at_lower=_at(declared, plan, stated | {one.name: one.lower}, worth),
            at_upper=_at(declared, plan, stated | {one.name: one.upper}, worth),
        )
        for one in inputs
        if one.lower < one.upper
    ]
    return _at(declared, plan, stated, worth), tuple(sorted(found, key=lambda one: -one.width))


def break_even(declared: Declared, plan: Plan, rate: Uncertain, worth: float) -> float | None:
    """Return how many events a site must avoid in a year for a plan's net benefit to be 0; None if none would do.

    Every other input stands at its stated value.
    """
    stated = {one.name: one.value for one in declared.inputs(rate)}
    none, one = (_at(declared, plan, stated | {RATE: float(events)}, worth) for events in (0, 1))
    return -none / (one - none) if one > none else None


def _at(declared: Declared, plan: Plan, values: Mapping[str, float], worth: float) -> float:
    found = flows(declared, plan, {name: np.array([value]) for name, value in values.items()})
    costs = present_value(found.spent - found.saved, declared.discounting.costs)
    return float((worth * present_value(found.effect, declared.discounting.health) - costs)[0])
