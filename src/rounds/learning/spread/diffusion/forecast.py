"""How many will have adopted by a day, and when half, four in five, nine in ten and all of them will have.

Three shapes of curve, with everybody adopting in the end or a share that never does, are weighed by how likely the data
are under each. What is not known of the curve, how hazards stray from it, and who of the rest happens to adopt are all
in the intervals. Members that are there now are the ones that may adopt; nobody is assumed to join or to stop.

Whether everybody adopts in the end is seldom in the data before it is over, and one interval of both cases together is
that of neither: it leaves out the end that belongs to the less likely one. So the ends are those of both cases, unless
the data rule one out: an interval holds what it says whichever is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from rounds.learning.spread.diffusion.curves import FORECAST_FROM, Curve, Vector
from rounds.learning.spread.diffusion.likelihood import FEWEST_ADOPTERS, why_no_fit
from rounds.learning.spread.diffusion.sampled import Sampled, sample_curves
from rounds.learning.spread.diffusion.times import AdoptionTimes, LifeTable, life_table

METHOD: Final = "three-curves-that-wander@2"
ASSUMES: Final = (
    "Members are alike but for chance; adoption goes on as one of three curves (logistic, Gompertz, Bass), from which "
    "its pace strays as much as it has so far; the members are those of today; and a share of them, not known, may "
    "never adopt."
)
SHARES: Final = (0.5, 0.8, 0.9, 1.0)
EVERYBODY: Final = 0.25
"""How likely it is before any data that everybody adopts in the end."""
RULED_OUT: Final = 0.025
"""The chance of either case, everybody or not, below which intervals no longer have to hold under it."""
_PATHS: Final = 4000
_Numbers = NDArray[np.int64] | NDArray[np.float64]
_TOO_WIDE: Final = 0.6
"""Share of members between the ends of the 95 % interval of the final number, from which on the data say little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Numbers that have adopted by each time, at the levels that are shown. Vectors have shape (times,)."""

    times: Vector
    """in periods since adoption became possible"""
    median: Vector
    lower80: Vector
    upper80: Vector
    lower95: Vector
    upper95: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """When a share of the members will have adopted. Times are infinite where that is later than was looked."""

    share: float
    number: int
    """members that are that share, rounded up"""
    already: bool
    median: float
    lower80: float
    upper80: float
    lower95: float
    upper95: float
    within: float
    """probability that it is reached as far as was looked"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is to be expected of adoption by the members of today."""

    members: int
    adopted: int
    now: float
    """in periods since adoption became possible"""
    band: Band
    reached: tuple[Reached, ...]
    """for each of `SHARES`"""
    until: float
    """how far was looked, in periods since adoption became possible"""
    weights: dict[Curve, float]
    """of each curve"""
    everybody: float
    """probability that everybody adopts in the end"""
    ceiling: tuple[float, float]
    """95 % interval of the chance that a member adopts in the end; of those that are here more may have already"""
    spread: float
    """standard deviation of the logarithm of hazards over the curve's: 0.35 is a third up or down"""
    numbers: NDArray[np.int64]
    """adopters by each time of `band` on each path that was drawn, shape (paths, times)"""
    method: str = METHOD
    assumes: str = ASSUMES
    notes: tuple[str, ...] = ()

    def new_by(self, time: float) -> NDArray[np.int64]:
        """Return how many more have adopted by a time on each path, shape (paths,)."""
        at = min(int(np.searchsorted(self.band.times, time - 1e-6)), len(self.band.times) - 1)
        return np.asarray(self.numbers[:, at] - self.adopted, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoForecast:
    """Why nothing can be forecast, in words."""

    reason: str


def forecast(
    times: AdoptionTimes,
    *,
    until: float,
    generator: np.random.Generator,
    members_now: int | None = None,
    adopted_now: int | None = None,
) -> Forecast | NoForecast:
    """Return how many of the members of today will have adopted by each coming period.

    Args:
        times: of all members that were ever there.
        until: how far to look, in periods since adoption became possible; above `times.now`.
        generator: of the paths that are drawn.
        members_now: members there today; as many as have times, if left out.
        adopted_now: of those, how many have adopted; as many as have times that say so, if left out.

    Returns:
        The forecast, or the reason why there is none: nobody adopted, fewer than five did, all at one time.

    Raises:
        ValueError: if more have adopted than there are members, or `until` is not in the future.
    """
    members = times.members if members_now is None else members_now
    adopted = times.adopted if adopted_now is None else adopted_now
    if not 0 <= adopted <= members:
        raise ValueError(f"{adopted} of {members} members have adopted: there cannot be more adopters than members")
    if not until > times.now:
        raise ValueError(f"a forecast until {until:g} of what is known until {times.now:g} looks into the past")
    if adopted == members and members > 0:
        return NoForecast(reason="All members have adopted: there is nothing left to forecast.")
    if reason := why_no_fit(times):
        return NoForecast(reason=reason)
    table = life_table(times)
    sampled = [sample_curves(curve, table, everybody=one) for curve in FORECAST_FROM for one in (False, True)]
    chances = _chances(sampled)
    length = float(table.edges[1] - table.edges[0])
    future: Vector = times.now + length * np.arange(1.0, np.ceil((until - times.now) / length) + 1)
    cases = [_case(whole, sampled, chances, times.now, future, members - adopted, generator) for whole in (False, True)]
    everybody = sum(chance for one, chance in zip(sampled, chances, strict=True) if one.everybody)
    counts = round(_PATHS * (1 - everybody)), round(_PATHS * everybody)
    numbers = adopted + np.concatenate([case[:count] for case, count in zip(cases, counts, strict=True)])
    likely = zip(cases, (1 - everybody, everybody), strict=True)
    parts = [numbers, *(adopted + case for case, chance in likely if chance >= RULED_OUT)]
    ends = np.concatenate(
        [
            generator.choice(one.ever, size=max(round(_PATHS * chance), 1), p=one.weights)
            for one, chance in zip(sampled, chances, strict=True)
        ]
    )
    ceiling = np.quantile(ends, [0.025, 0.975])
    spread = float(sum(chance * float(one.weights @ one.spread) for one, chance in zip(sampled, chances, strict=True)))
    band = _band(future, numbers, parts)
    return Forecast(
        members=members,
        adopted=adopted,
        now=times.now,
        band=band,
        reached=tuple(_reached(part, members, adopted, future, numbers, parts) for part in SHARES),
        until=float(future[-1]),
        weights={
            curve: sum(chance for one, chance in zip(sampled, chances, strict=True) if one.curve is curve)
            for curve in FORECAST_FROM
        },
        everybody=everybody,
        ceiling=(float(ceiling[0]), float(ceiling[1])),
        spread=spread,
        numbers=numbers,
        notes=_notes(band, members, table),
    )


def _chances(sampled: list[Sampled]) -> list[float]:
    before = np.log([EVERYBODY if one.everybody else 1 - EVERYBODY for one in sampled])
    logs = np.array([one.log_evidence for one in sampled]) + before
    weights = np.exp(logs - logs.max())
    return [float(weight) for weight in weights / weights.sum()]


def _paths(
    sampled: Sampled, count: int, now: float, future: Vector, rest: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return how many more have adopted by each coming time, shape (count, times)."""
    chosen = rng.choice(len(sampled.weights), size=count, p=sampled.weights)
    left = sampled.left(np.concatenate([[now], future]))[chosen]
    hazards = -np.diff(np.log(np.maximum(left, 1e-12)), axis=1)
    spread, memory = sampled.spread[chosen], sampled.memory[chosen]
    strayed = sampled.last[chosen] + np.sqrt(sampled.last_variance[chosen]) * rng.standard_normal(count)
    waiting = np.full(count, rest)
    found = np.empty((count, len(future)), dtype=np.int64)
    for at in range(len(future)):
        strayed = memory * strayed + spread * np.sqrt(1 - memory**2) * rng.standard_normal(count)
        chance = -np.expm1(-hazards[:, at] * np.exp(np.minimum(strayed, 6.0)))
        waiting = waiting - rng.binomial(waiting, np.clip(chance, 0.0, 1.0))
        found[:, at] = rest - waiting
    return found


def _case(
    everybody: bool,
    sampled: list[Sampled],
    chances: list[float],
    now: float,
    future: Vector,
    rest: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return paths of one case, everybody or not, by how likely its curves are within it; shape (_PATHS, times)."""
    own = [(one, chance) for one, chance in zip(sampled, chances, strict=True) if one.everybody is everybody]
    each = np.array([chance for _, chance in own]) + 1e-300  # a case may be so unlikely that it has no number
    ends = np.round(_PATHS * np.cumsum(each) / each.sum())
    counts = np.diff(ends, prepend=0.0).astype(int)
    made = np.concatenate(
        [_paths(one, count, now, future, rest, rng) for (one, _), count in zip(own, counts, strict=True) if count]
    )
    return np.asarray(rng.permutation(made))


def _band(future: Vector, numbers: NDArray[np.int64], cases: list[NDArray[np.int64]]) -> Band:
    # Whole numbers: an interval ends at numbers that can be, so it holds at least what it says.
    low95, low80 = (_lowest(cases, part, "lower") for part in (0.025, 0.1))
    high80, high95 = (_highest(cases, part, "higher") for part in (0.9, 0.975))
    middle = np.quantile(numbers, 0.5, axis=0, method="lower")
    low95, low80, middle, high80, high95 = (one.astype(np.float64) for one in (low95, low80, middle, high80, high95))
    return Band(times=future, median=middle, lower80=low80, upper80=high80, lower95=low95, upper95=high95)


def _reached(
    part: float,
    members: int,
    adopted: int,
    future: Vector,
    numbers: NDArray[np.int64],
    cases: list[NDArray[np.int64]],
) -> Reached:
    needed = int(np.ceil(part * members - 1e-9))
    times = _first_there(numbers, needed, future)
    of_cases = [_first_there(case, needed, future) for case in cases]
    return Reached(
        share=part,
        number=needed,
        already=adopted >= needed,
        median=float(np.quantile(times, 0.5, method="higher")),
        lower80=float(_lowest(of_cases, 0.1, "higher")),
        upper80=float(_highest(of_cases, 0.9, "higher")),
        lower95=float(_lowest(of_cases, 0.025, "higher")),
        upper95=float(_highest(of_cases, 0.975, "higher")),
        within=float(np.isfinite(times).mean()),
    )


def _first_there(numbers: NDArray[np.int64], needed: int, future: Vector) -> Vector:
    there = numbers >= needed
    return np.asarray(np.where(there.any(axis=1), future[np.argmax(there, axis=1)], np.inf))


def _lowest(cases: Sequence[_Numbers], part: float, method: Literal["lower", "higher"]) -> Vector:
    return np.asarray(np.min([np.quantile(case, part, axis=0, method=method) for case in cases], axis=0))


def _highest(cases: Sequence[_Numbers], part: float, method: Literal["lower", "higher"]) -> Vector:
    return np.asarray(np.max([np.quantile(case, part, axis=0, method=method) for case in cases], axis=0))


def _notes(band: Band, members: int, table: LifeTable) -> tuple[str, ...]:
    notes = []
    if (band.upper95[-1] - band.lower95[-1]) > _TOO_WIDE * members:
        notes.append("So few have adopted, or so early, that the data do not say how many will in the end.")
    if table.adopted.sum() < 2 * FEWEST_ADOPTERS:
        notes.append(f"Only {table.adopted.sum():.0f} have adopted so far: what any diffusion does weighs as much.")
    return tuple(notes)
