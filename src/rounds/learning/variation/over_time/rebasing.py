"""Which points limits rest on: a frozen start, points left out, and new limits from a stated date for a stated reason.

Nothing here is found from the data. Limits that recalculate themselves follow any drift and never flag it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rounds.learning.variation.over_time.windows import Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebase:
    """New limits from one period on, and why: what is known to have changed in how the work is done."""

    since: str | int
    """the first period of the new limits: its label, or its place counted from 0"""
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(
                f"limits are to be recalculated from {self.since}, but no reason is given: say what changed"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What limits rest on, beside the points themselves."""

    rebases: tuple[Rebase, ...] = ()
    freeze: int | None = None
    """limits rest on the first so many points, and hold for all that follow; not with `rebases`"""
    exclude: tuple[int, ...] = field(default=())
    """places, counted from 0, of points that are drawn but on which nothing rests and which no rule flags"""

    def __post_init__(self) -> None:
        if self.freeze is not None and self.rebases:
            raise ValueError("limits are either frozen or recalculated from a date: give `freeze` or `rebases`")
        if self.freeze is not None and self.freeze < 1:
            raise ValueError(f"limits cannot be frozen at the first {self.freeze} points")

    def stretches(self, points: int, labels: Sequence[str] | None) -> tuple["Stretch", ...]:
        """Return the stretches that have limits of their own, in order of time.

        Args:
            points: how many there are.
            labels: of the periods, shape (points,); None where rebases are given by place.

        Raises:
            ValueError: if a rebase names no period of the series or one twice, starts with the first, or a place that
                is excluded or frozen lies outside the series.
        """
        starts = [(_place(rebase.since, points, labels), rebase) for rebase in self.rebases]
        starts.sort(key=lambda start: start[0])
        places = [place for place, _ in starts]
        if len(set(places)) < len(places):
            raise ValueError("limits are to be recalculated twice from one period: give one rebase for it")
        if self.freeze is not None and self.freeze > points:
            raise ValueError(f"limits are to be frozen at the first {self.freeze} points; the series has {points}")
        firsts: list[tuple[int, Rebase | None]] = [(0, None), *starts]
        ends = [*places, points]
        return tuple(
            Stretch(first=first, end=end, rebase=rebase) for (first, rebase), end in zip(firsts, ends, strict=True)
        )

    def included(self, points: int) -> Flags:
        """Return which points are not left out, shape (points,).

        Raises:
            ValueError: if a place lies outside the series.
        """
        for place in self.exclude:
            if not 0 <= place < points:
                raise ValueError(f"point {place} is to be excluded, but the series has points 0 to {points - 1}")
        found = np.ones(points, dtype=bool)
        found[list(self.exclude)] = False
        return found

    def baseline(self, points: int) -> Flags:
        """Return which points limits may rest on, shape (points,)."""
        found = self.included(points)
        if self.freeze is not None:
            found[self.freeze :] = False
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Points that share limits: from `first` to before `end`."""

    first: int
    end: int
    rebase: Rebase | None
    """why they begin here; None for the first stretch"""


def _place(since: str | int, points: int, labels: Sequence[str] | None) -> int:
    if isinstance(since, str):
        if labels is None:
            raise ValueError(f"limits are to be recalculated from {since}, but the periods have no labels: give them")
        if since not in labels:
            raise ValueError(f"limits are to be recalculated from {since}, which is no period of the series")
        since = list(labels).index(since)
    if not 0 < since < points:
        raise ValueError(
            f"limits are to be recalculated from point {since}: give a point after the first (0) and up to {points - 1}"
        )
    return since
