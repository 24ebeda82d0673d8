"""Costs and effects of options, simulated: what everything else in this room starts from."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FEWEST = 2
"""Simulations, below which nothing can be said of uncertainty."""
SAME = 1e-12
"""Of the size of what is compared: differences below it are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over simulations, and between what 95 in 100 of them lie."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulations:
    """What each option costs and gains, simulation by simulation. Matrices have shape (draws, options).

    A row holds one set of what is not known, the same for all options.
    """

    options: tuple[str, ...]
    costs: Matrix
    """in one currency and price year, over the whole time looked at; savings below 0"""
    effects: Matrix
    """in one unit, more is better: events avoided, QALYs"""

    def __post_init__(self) -> None:
        if len(self.options) < 2:
            raise ValueError("an option is worth something against another: give at least two")
        if len(set(self.options)) < len(self.options):
            raise ValueError("two options have the same name; rename one")
        for values, what in ((self.costs, "costs"), (self.effects, "effects")):
            if values.ndim != 2 or values.shape[1] != len(self.options):
                raise ValueError(
                    f"{what} have shape {values.shape}: give a column for each of {len(self.options)} options"
                )
            bad = ~np.isfinite(values)
            if bad.any():
                row, column = (int(at[0]) for at in np.nonzero(bad))
                raise ValueError(
                    f"{what} of {self.options[column]} are missing or infinite in simulation {row + 1}; leave no gaps: "
                    "a simulation without a result is a result of its own"
                )
        if self.costs.shape != self.effects.shape:
            raise ValueError(
                f"{len(self.costs)} simulations of costs and {len(self.effects)} of effects: they must be the same ones"
            )
        if len(self.costs) < FEWEST:
            raise ValueError(
                f"{len(self.costs)} simulation tells nothing of how sure a result is; give {FEWEST} at least, "
                "better 1,000 or more"
            )

    @property
    def draws(self) -> int:
        """How many simulations there are."""
        return len(self.costs)

    def place(self, option: str) -> int:
        """Return an option's column.

        Raises:
            ValueError: if there is none of that name.
        """
        if option not in self.options:
            raise ValueError(f"there is no option {option}; there are {', '.join(self.options)}")
        return self.options.index(option)


def interval_of(values: ArrayLike) -> Interval:
    """Return the mean of simulated values with the 2.5th and the 97.5th percentile.

    >>> interval_of([1.0, 2.0, 3.0]).estimate
    2.0
    """
    drawn = np.asarray(values, dtype=np.float64)
    lower, upper = np.quantile(drawn, (0.025, 0.975))
    return Interval(estimate=float(drawn.mean()), lower=float(lower), upper=float(upper))


class Verdict(StrEnum):
    """How one option stands to another, by what both cost and gain on average."""

    DOMINATES = "gains more and costs no more"
    DOMINATED = "gains less and costs no less"
    GAINS_FOR_MORE = "gains more and costs more"
    SAVES_FOR_LESS = "gains less and costs less"
    CHEAPER_FOR_THE_SAME = "gains the same and costs less"
    DEARER_FOR_THE_SAME = "gains the same and costs more"
    THE_SAME = "gains and costs the same"


_RATIO = frozenset({Verdict.GAINS_FOR_MORE, Verdict.SAVES_FOR_LESS})
"""Only then does a ratio of costs to effects mean anything: a ratio below 0 has no order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One option against another."""

    option: str
    against: str
    cost: Interval
    """what it costs more"""
    effect: Interval
    """what it gains more"""
    verdict: Verdict
    icer: float | None
    """the incremental cost-effectiveness ratio; None where it would mean nothing"""
    icer_interval: tuple[float, float] | None
    """95 % of simulations; None where in more than 1 in 40 the effect is 0 or of the other sign: any ratio may be"""
    quadrants: tuple[float, float, float, float]
    """shares of simulations that gain and cost more, gain and cost no more, gain no more and cost no more, gain no more
    and cost more"""

    @property
    def ratio(self) -> float | None:
        """Cost over effect whatever their signs; None if the effect is 0. Beware: below 0 it has no meaning."""
        return None if self.verdict in _SAME_EFFECT else self.cost.estimate / self.effect.estimate


_SAME_EFFECT = frozenset({Verdict.CHEAPER_FOR_THE_SAME, Verdict.DEARER_FOR_THE_SAME, Verdict.THE_SAME})


def compare(simulations: Simulations, option: str, against: str) -> Comparison:
    """Return how an option stands to another.

    The ratio is that of the means, its interval that of the simulations' ratios.

    Raises:
        ValueError: if an option is unknown.

    Source: Drummond et al. (2015), Methods for the Economic Evaluation of Health Care Programmes, chapters 3 and 11;
        Briggs, Claxton and Sculpher (2006), Decision Modelling for Health Economic Evaluation, chapter 5.
    """
    one, other = simulations.place(option), simulations.place(against)
    cost = simulations.costs[:, one] - simulations.costs[:, other]
    effect = simulations.effects[:, one] - simulations.effects[:, other]
    verdict = stands(
        _clean(cost.mean(), simulations.costs[:, (one, other)]),
        _clean(effect.mean(), simulations.effects[:, (one, other)]),
    )
    more, dearer = effect > 0, cost > 0
    return Comparison(
        option=option,
        against=against,
        cost=interval_of(cost),
        effect=interval_of(effect),
        verdict=verdict,
        icer=float(cost.mean() / effect.mean()) if verdict in _RATIO else None,
        icer_interval=_ratio_ends(cost, effect) if verdict in _RATIO else None,
        quadrants=(
            float((more & dearer).mean()),
            float((more & ~dearer).mean()),
            float((~more & ~dearer).mean()),
            float((~more & dearer).mean()),
        ),
    )


def _clean(difference: float, sizes: Matrix) -> float:
    """Return a difference, 0 where it is rounding."""
    return 0.0 if abs(difference) <= SAME * float(np.abs(sizes).max()) else float(difference)


def stands(cost: float, effect: float) -> Verdict:
    """Return how something that costs and gains so much more stands to what it is compared with.

    >>> str(stands(100.0, 2.0)), str(stands(-1.0, 2.0)), str(stands(0.0, 0.0))
    ('gains more and costs more', 'gains more and costs no more', 'gains and costs the same')
    """
    if effect == 0:
        return (
            Verdict.THE_SAME if cost == 0 else Verdict.DEARER_FOR_THE_SAME if cost > 0 else Verdict.CHEAPER_FOR_THE_SAME
        )
    if effect > 0:
        return Verdict.GAINS_FOR_MORE if cost > 0 else Verdict.DOMINATES
    return Verdict.SAVES_FOR_LESS if cost < 0 else Verdict.DOMINATED


def _ratio_ends(cost: Vector, effect: Vector) -> tuple[float, float] | None:
    """Return between which ratios 95 in 100 simulations lie, or None where too many gain nothing.

    A simulation whose effect is not of the sign of the mean has a ratio beyond all others. So the ends are where the
    acceptability curve against the comparator reaches 2.5 % and 97.5 %.
    """
    way = np.sign(effect.mean())
    some = way * effect > 0
    ratios = np.sort(np.where(some, cost / np.where(some, effect, 1.0), np.inf))
    low, high = int(0.025 * len(ratios)), int(np.ceil(0.975 * len(ratios))) - 1
    return None if np.isinf(ratios[high]) else (float(ratios[low]), float(ratios[high]))
