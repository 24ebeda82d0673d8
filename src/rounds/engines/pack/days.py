"""Days as numbers: 0 is 1899-12-31, and so is every day before; 65535 is 2079-06-06, and so is every day after."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rounds.measures.windows import Anchor, Edge, Window

ORIGIN: Final = date(1899, 12, 31)
LAST_DAY: Final = 65_535
DAYS: Final = LAST_DAY + 1

Days = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint64]
Span = tuple[int, int]

_OPEN: Final = 10_000_000

EVERY_BIT: Final[Masks] = np.full(DAYS, ~np.uint64(0), dtype=np.uint64)
"""The mask of every day that is in every span."""
EVERY_BIT.setflags(write=False)
_NO_MASKS: Final[Masks] = np.empty(0, dtype=np.uint64)
_NO_MASKS.setflags(write=False)


def unless_every(masks: Masks) -> Masks:
    """Return masks of days, or none at all if every day has every bit, so that nobody looks them up."""
    return _NO_MASKS if masks is EVERY_BIT else masks


def day_number(day: date) -> int:
    """Return a day's number, below 0 or above `LAST_DAY` where the pack cannot hold it."""
    if day in (date.min, date.max):
        return -_OPEN if day == date.min else _OPEN
    return day.toordinal() - ORIGIN.toordinal()


def outside(days: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Say which days a pack cannot hold."""
    return np.asarray((days < 1) | (days >= LAST_DAY))


def clipped(days: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """Return days as a pack holds them."""
    held: npt.NDArray[np.uint16] = np.clip(days, 0, LAST_DAY).astype(np.uint16)
    return held


def is_open(day: int) -> bool:
    """Say whether an edge lies farther than any record can."""
    return abs(day) == _OPEN


def inside(spans: Sequence[Span]) -> Masks:
    """Return for each day which spans it lies in: one bit a span, of at most 64. A span that ends first holds none."""
    turns = np.zeros(DAYS + 1, dtype=np.uint64)
    for place, (first, last) in enumerate(spans):
        if first <= last and last >= 0 and first <= LAST_DAY:
            bit = np.uint64(1 << place)
            turns[max(first, 0)] ^= bit
            turns[min(last, LAST_DAY) + 1] ^= bit
    masks: Masks = np.bitwise_xor.accumulate(turns[:-1])
    masks.setflags(write=False)
    return masks


def ending_by(spans: Sequence[Span]) -> Masks:
    """Return for each day the spans that are not over before it."""
    return inside([(-_OPEN, last) if first <= last else (1, 0) for first, last in spans])


def begun_by(spans: Sequence[Span]) -> Masks:
    """Return for each day the spans that have begun by it."""
    return inside([(first, _OPEN) if first <= last else (1, 0) for first, last in spans])


def edge_days(edge: Edge | None, first: Days, last: Days, *, open_end: int) -> Days:
    """Return the day of an edge for each of some rows."""
    if edge is None:
        return np.full(len(first), open_end * _OPEN, dtype=np.int64)
    if isinstance(edge.anchor, date):
        return np.full(len(first), day_number(edge.anchor), dtype=np.int64)
    days = first if edge.anchor is Anchor.START else last
    if edge.months:
        days = _moved(edge.months)[days]
    return days + edge.days


def window_days(window: Window, first: Days, last: Days) -> tuple[Days, Days]:
    """Return the first and the last day of a window laid on each of some rows."""
    return edge_days(window.first, first, last, open_end=-1), edge_days(window.last, first, last, open_end=1)


@cache
def years() -> Days:
    """Return the year of each day."""
    found: Days = _calendar().astype("datetime64[Y]").astype(np.int64) + 1970
    return found


@cache
def days_of_year() -> Days:
    """Return month and day of each day as one number, such as 229 for 29 February."""
    months = _calendar().astype("datetime64[M]")
    of_month = (_calendar() - months.astype("datetime64[D]")).astype(np.int64) + 1
    found: Days = (months.astype(np.int64) % 12 + 1) * 100 + of_month
    return found


@cache
def _calendar() -> npt.NDArray[np.datetime64]:
    return np.datetime64(ORIGIN) + np.arange(DAYS)


@cache
def _moved(months: int) -> Days:
    """Return each day so many months later, or that month's last day where it is shorter."""
    month = _calendar().astype("datetime64[M]")
    of_month = _calendar() - month.astype("datetime64[D]")
    moved = month + months
    length = (moved + 1).astype("datetime64[D]") - moved.astype("datetime64[D]")
    days = moved.astype("datetime64[D]") + np.minimum(of_month, length - 1)
    numbers: Days = (days - np.datetime64(ORIGIN)).astype(np.int64)
    return numbers
