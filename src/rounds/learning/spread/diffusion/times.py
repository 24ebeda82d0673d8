"""When members adopted, as far as it is known: between two days, or not yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from rounds.learning.spread.diffusion.curves import Vector

DAYS_A_MONTH: Final = 30.4375


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A member, since when it could adopt, and when it did as far as that is known."""

    member: str
    joined: date
    left: date | None = None
    """the first day on which it no longer belonged"""
    earliest: date | None = None
    """the first day on which it may have adopted; None: as early as `joined`, if `latest` is there"""
    latest: date | None = None
    """the last day on which it may have adopted, at which it had; None: it has not"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionTimes:
    """Times of adoption in periods since it became possible. Vectors have shape (members,)."""

    entry: Vector
    """since when a member could be seen to adopt, 0 or more"""
    lower: Vector
    """adopted after this; for who has not, the last time it was seen not to have"""
    upper: Vector
    """adopted by this; infinite for who has not"""
    now: float
    """how far adoption is known, in periods"""

    def __post_init__(self) -> None:
        if not (self.entry.shape == self.lower.shape == self.upper.shape and self.entry.ndim == 1):
            raise ValueError("entry, lower and upper need one number a member")
        if not len(self.entry):
            raise ValueError("there are no members: nobody can adopt")
        if not np.isfinite(self.now) or self.now <= 0:
            raise ValueError(f"adoption is known up to {self.now:g} periods; it needs to be more than 0")
        ends = np.where(np.isinf(self.upper), self.lower, self.upper)
        for bad, problem in (
            (~np.isfinite(self.entry) | ~np.isfinite(self.lower) | np.isnan(self.upper), "has a missing time"),
            (self.upper <= self.lower, "adopted at a time that ends before it begins"),
            (self.lower < self.entry, "adopted, or was seen, before it could be seen to"),
            (self.entry < 0, "was seen before adoption became possible"),
            (ends > self.now + 1e-9, "adopted later than adoption is known"),
        ):
            if bad.any():
                raise ValueError(f"member {int(np.argmax(bad)) + 1} {problem}; correct or leave it out")

    @property
    def adopted(self) -> int:
        """How many have adopted."""
        return int(np.isfinite(self.upper).sum())

    @property
    def members(self) -> int:
        return len(self.entry)


def times_of(watched: Sequence[Watched], *, start: date, now: date, period_days: float = DAYS_A_MONTH) -> AdoptionTimes:
    """Return when members adopted, in periods since a day.

    Who has not adopted counts as not having by `now`, or by the day it left; it is never counted as adopting last.

    Args:
        watched: each member once.
        start: the day from which adoption was possible.
        now: the last day of which adoption is known.
        period_days: how long a period is.

    Raises:
        ValueError: if a member comes twice, adopts before it belongs, after it left or in the future, or nobody
            belonged; the message names it.

    >>> told = [Watched(member="RX1", joined=date(2024, 1, 1), latest=date(2024, 1, 10)),
    ...         Watched(member="RX2", joined=date(2024, 1, 1))]
    >>> times_of(told, start=date(2024, 1, 1), now=date(2024, 1, 20), period_days=10).upper.tolist()
    [1.0, inf]
    """
    if now < start:
        raise ValueError(f"adoption is known up to {now}, which is before it became possible ({start})")
    seen: set[str] = set()
    rows = []
    for one in watched:
        if one.member in seen:
            raise ValueError(f"member {one.member} comes twice; keep one row a member, with its first day of use")
        seen.add(one.member)
        row = _row(one, start, now)
        if row is not None:
            rows.append(row)
    if not rows:
        raise ValueError(f"no member belonged between {start} and {now}: nobody could adopt")
    entry, lower, upper = np.array(rows, dtype=np.float64).T / period_days
    return AdoptionTimes(entry=entry, lower=lower, upper=upper, now=((now - start).days + 1) / period_days)


def _row(one: Watched, start: date, now: date) -> tuple[float, float, float] | None:
    """Return entry and bounds in days; None for who never belonged while adoption was possible and known."""
    if one.joined > now and one.latest is None:
        return None
    if one.latest is not None and one.latest > now:
        raise ValueError(f"member {one.member} adopts on {one.latest}, after {now}, up to which adoption is known")
    if one.earliest is not None and (one.latest is None or one.earliest > one.latest):
        raise ValueError(
            f"member {one.member} adopts between {one.earliest} and {one.latest}, which is no span of days"
        )
    if one.latest is not None and one.latest < one.joined:
        raise ValueError(f"member {one.member} adopts on {one.latest}, before it joined ({one.joined})")
    if one.left is not None and one.latest is not None and one.latest >= one.left:
        raise ValueError(f"member {one.member} adopts on {one.latest}, when it had left ({one.left})")
    entry = max((one.joined - start).days, 0)
    if one.latest is None:
        last = min(now, one.left) if one.left is not None else now
        days = (last - start).days + (1 if one.left is None or one.left > now else 0)
        return None if days <= entry else (entry, days, np.inf)
    upper = (one.latest - start).days + 1
    if upper <= 0:
        return (0, 0, 1)  # before anybody counted: in the first day
    first = one.earliest if one.earliest is not None else one.latest
    return entry, float(min(max((first - start).days, entry), upper - 1)), upper


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeTable:
    """New adopters and members at risk by period; they may be parts of members. Vectors have shape (periods,)."""

    edges: Vector
    """ends of the periods, from 0; shape (periods + 1,)"""
    adopted: Vector
    at_risk: Vector


def life_table(times: AdoptionTimes, *, weights: Vector | None = None, most: int = 60) -> LifeTable:
    """Return adopters by period, with those whose time is known only between bounds spread over them.

    Args:
        times: of the members.
        weights: relative chance of adopting in each period, to spread them by; evenly if left out. Shape (periods,).
        most: periods that are told apart; with more, as many are joined as make them fewer.
    """
    whole = max(round(times.now), 1)
    joined = -(-whole // most)
    count = -(-whole // joined)
    edges = np.linspace(0.0, times.now, count + 1)
    begin, end = edges[:-1], edges[1:]
    chance = np.ones(count) if weights is None else np.maximum(np.asarray(weights, dtype=np.float64), 1e-12)
    density = chance / (end - begin)
    exact = np.minimum(times.upper, times.now)
    overlap = np.clip(np.minimum(exact[:, None], end) - np.maximum(times.lower[:, None], begin), 0.0, None) * density
    total = overlap.sum(axis=1, keepdims=True)
    has = np.isfinite(times.upper)
    each = np.where(has[:, None], overlap / np.where(total > 0, total, 1.0), 0.0)
    before = np.cumsum(each, axis=1) - each
    last = np.where(has, times.now, times.lower)
    present = (times.entry[:, None] < end) & (last[:, None] >= begin + (end - begin) / 2)
    risk = np.where(present, 1.0 - before, 0.0)
    return LifeTable(edges=edges, adopted=each.sum(axis=0), at_risk=np.maximum(risk, each).sum(axis=0))
