"""Cardiac arrests for 1,000 admissions, by ward and period; and what an estimate of impact needs of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rounds.learning.deterioration.shares import Amount, Known, Share, Vector, share

Rows = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WardCounts:
    """Arrests and admissions. Counts have shape (wards, periods)."""

    wards: tuple[str, ...]
    arrests: Known
    """admissions to the ward during which somebody's heart stopped"""
    admissions: Known
    """admissions to the ward: one hospital stay may have several, one for each ward"""

    def __post_init__(self) -> None:
        shape = self.arrests.value.shape
        if len(shape) != 2 or shape != self.admissions.value.shape or shape[0] != len(self.wards):
            raise ValueError(
                f"arrests {shape} and admissions {self.admissions.value.shape}: give one row for each of "
                f"{len(self.wards)} wards and one column for each period"
            )
        wrong = self.arrests.lower > self.admissions.upper
        if wrong.any():
            ward, period = np.argwhere(wrong)[0]
            raise ValueError(f"ward {self.wards[ward]}, period {period + 1} has more arrests than admissions")


def count_by_ward(
    *, wards: Sequence[str], period_starts: Rows, admitted_to: Rows, admitted_on: Rows, arrested: Rows
) -> WardCounts:
    """Return a site's own admissions by ward and by the period they began in, and those with an arrest. For a site.

    Args:
        wards: each ward once; admissions to others are left out.
        period_starts: the first day of each period, rising, then the day after the last, as day numbers, shape
            (periods + 1,).
        admitted_to: the ward of each admission, shape (admissions,).
        admitted_on: its first day, as a day number; those outside the periods are left out.
        arrested: whether there was an arrest during it.

    Raises:
        ValueError: if shapes differ or the days do not rise.
    """
    if not admitted_to.shape == admitted_on.shape == arrested.shape:
        raise ValueError("admitted_to, admitted_on and arrested differ in length: give one of each for an admission")
    if len(period_starts) < 2 or (np.diff(period_starts) <= 0).any():
        raise ValueError("period_starts rise, and end with the day after the last period")
    named = np.asarray(wards)
    order = np.argsort(named)
    at = order[np.minimum(np.searchsorted(named[order], admitted_to), len(named) - 1)]
    period = np.searchsorted(period_starts, admitted_on, side="right") - 1
    inside = (named[at] == admitted_to) & (period >= 0) & (period < len(period_starts) - 1)
    shape = (len(named), len(period_starts) - 1)
    cells = np.ravel_multi_index((at[inside], period[inside]), shape)
    size = shape[0] * shape[1]
    admissions = np.bincount(cells, minlength=size).reshape(shape).astype(np.float64)
    arrests = np.bincount(cells[arrested[inside].astype(np.bool_)], minlength=size).reshape(shape).astype(np.float64)
    return WardCounts(wards=tuple(wards), arrests=Known.exact(arrests), admissions=Known.exact(admissions))


def arrest_shares(counts: WardCounts) -> tuple[Share | None, ...]:
    """Return each ward's arrests over its admissions, all periods together, with bounds and Wilson's interval.

    None where a ward had no admission. Times 1,000 it is the rate that is published.
    """
    found = []
    for at in range(len(counts.wards)):
        arrests, admissions = (
            Amount(value=float(of.value[at].sum()), lower=float(of.lower[at].sum()), upper=float(of.upper[at].sum()))
            for of in (counts.arrests, counts.admissions)
        )
        without = Amount(
            value=admissions.value - arrests.value,
            lower=max(0.0, admissions.lower - arrests.upper),
            upper=max(0.0, admissions.upper - arrests.lower),
        )
        found.append(share(arrests, without))
    return tuple(found)


def for_impact(counts: WardCounts) -> tuple[Vector, Vector, Vector]:
    """Return (lower, upper, exposure) as a panel of `learning.impact` takes them, each of shape (wards, periods).

    Where a ward had no admission, or how many is withheld, all three are NaN: nothing was counted there.
    """
    there = counts.admissions.value > 0
    nothing = np.full(there.shape, np.nan)
    lower, upper = (np.where(there, bound, nothing) for bound in (counts.arrests.lower, counts.arrests.upper))
    return lower, upper, np.where(there, counts.admissions.value, nothing)
