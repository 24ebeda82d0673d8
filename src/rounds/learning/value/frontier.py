"""Several options on one frontier: which are dominated, and what each step further costs."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rounds.learning.value.simulations import SAME, Simulations


class Place(StrEnum):
    """Where an option lies."""

    ON_FRONTIER = "on the frontier"
    DOMINATED = "dominated"
    """another gains as much or more for as little or less"""
    EXTENDEDLY_DOMINATED = "extendedly dominated"
    """a mixture of two others gains more for the same cost"""
    THE_SAME = "the same"
    """costs and gains what another does, which stands in its place"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One option, its mean cost and effect, and what it means beside the others."""

    option: str
    cost: float
    effect: float
    place: Place
    by: tuple[str, ...]
    """what dominates it: one option, or the two that it lies behind; what it is the same as"""
    from_option: str | None
    """the option before it on the frontier; None for the first, and off the frontier"""
    icer: float | None
    """what each unit gained costs on the way from that option; None for the first, and off the frontier"""


def frontier(simulations: Simulations) -> tuple[Step, ...]:
    """Return every option, from the least effect to the most, with its place on the cost-effectiveness frontier.

    On the frontier ratios rise from step to step. What lies off it is never best, whatever a unit of effect is worth.

    Source: Johannesson and Weinstein (1993), J Health Econ 12:459-467 (extended dominance).
    """
    return frontier_of(
        simulations.options,
        tuple(float(one) for one in simulations.costs.mean(axis=0)),
        tuple(float(one) for one in simulations.effects.mean(axis=0)),
    )


def frontier_of(options: tuple[str, ...], costs: tuple[float, ...], effects: tuple[float, ...]) -> tuple[Step, ...]:
    """Return the same from means.

    Args:
        options: names, no two alike.
        costs: of each.
        effects: of each.

    Raises:
        ValueError: if lengths differ or a number is missing or infinite.

    >>> [str(one.place) for one in frontier_of(("a", "b", "c"), (0.0, 9.0, 10.0), (0.0, 1.0, 2.0))]
    ['on the frontier', 'extendedly dominated', 'on the frontier']
    """
    if not len(options) == len(costs) == len(effects):
        raise ValueError(
            f"{len(options)} options, {len(costs)} costs and {len(effects)} effects: give each one of both"
        )
    if not (np.isfinite(costs).all() and np.isfinite(effects).all()):
        raise ValueError("a mean cost or effect is missing or infinite")
    order = sorted(range(len(options)), key=lambda at: (effects[at], -costs[at]))
    beaten = {at: _beaten(at, costs, effects) for at in order}
    off = {at: (place, (options[by],)) for at, (place, by) in beaten.items() if place is not Place.ON_FRONTIER}
    hull: list[int] = []
    for at in (one for one in order if one not in off):
        while len(hull) > 1 and _ratio(hull[-2], hull[-1], costs, effects) >= _ratio(hull[-1], at, costs, effects):
            hull.pop()
        hull.append(at)
    steps = []
    for at in order:
        place: Place = Place.ON_FRONTIER
        by: tuple[str, ...] = ()
        place, by = off.get(at, (place, by))
        before: int | None = None
        if at in hull:
            before = hull[hull.index(at) - 1] if hull.index(at) else None
        elif at not in off:
            lower = max((one for one in hull if effects[one] < effects[at]), key=lambda one: effects[one])
            upper = min((one for one in hull if effects[one] > effects[at]), key=lambda one: effects[one])
            place, by = Place.EXTENDEDLY_DOMINATED, (options[lower], options[upper])
        steps.append(
            Step(
                option=options[at],
                cost=costs[at],
                effect=effects[at],
                place=place,
                by=by,
                from_option=None if before is None else options[before],
                icer=None if before is None else _ratio(before, at, costs, effects),
            )
        )
    return tuple(steps)


def _beaten(at: int, costs: tuple[float, ...], effects: tuple[float, ...]) -> tuple[Place, int]:
    """Return whether another option is as good in all and better in something, and which; the best of several.

    Of those that are the same the first stands for all.
    """
    dear, wide = SAME * max(map(abs, costs)), SAME * max(map(abs, effects))
    for other in sorted(range(len(costs)), key=lambda one: (costs[one], -effects[one], one)):
        gain, saved = effects[other] - effects[at], costs[at] - costs[other]
        if other == at or gain < -wide or saved < -dear:
            continue
        if gain > wide or saved > dear:
            return Place.DOMINATED, other
        if other < at:
            return Place.THE_SAME, other
    return Place.ON_FRONTIER, at


def _ratio(one: int, other: int, costs: tuple[float, ...], effects: tuple[float, ...]) -> float:
    return (costs[other] - costs[one]) / (effects[other] - effects[one])
