"""From a trigger to what it calls for: a review, an escalation. For a site, over its rows.

Who is never reviewed is not left out: that wait is known to be longer than the rest of the stay (censored).
"""

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rounds.learning.deterioration.sets import Index, first_after
from rounds.learning.deterioration.shares import Interval, Vector
from rounds.learning.intervals import Z95

Rows = NDArray[Any]

_ROUNDING = 1e-12
"""A product of fractions that is a half may be this much more."""
ASSUMES = (
    "Who left or died without a response would have waited as others did from then on; triggers are independent of one "
    "another, though a patient may have several."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """From each trigger to the first response. Arrays have shape (triggers,)."""

    minutes: Vector
    """to the response, or to the end of the stay where there was none"""
    answered: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How soon triggers of one group were answered."""

    group: str
    triggers: int
    answered: int
    never: int
    median_minutes: float | None
    """None where fewer than half were answered"""
    median_interval: tuple[float | None, float | None]
    """95 % confidence limits; None where one cannot be told"""
    within: float
    """the share answered within the limit"""
    within_interval: Interval
    assumes: str = ASSUMES


def triggers(*, stays: Rows, minutes: Rows, warns: Rows) -> Index:
    """Return the sets at which a score reaches the threshold: those that warn and are the first of their stay to, or
    follow one that does not.

    A score that stays high triggers once; it may again after it has been low.

    Args:
        stays: of each complete set, shape (sets,).
        minutes: shape (sets,).
        warns: whether the set is at the threshold or above, shape (sets,).

    Returns:
        Their positions, by stay and minute.
    """
    order = np.lexsort((minutes, stays))
    warned = warns[order].astype(np.bool_)
    before = np.zeros(len(order), dtype=np.bool_)
    before[1:] = warned[:-1] & (stays[order][1:] == stays[order][:-1])
    return np.asarray(order[warned & ~before], dtype=np.int64)


def waits(*, stays: Rows, minutes: Rows, stay_ends: Rows, response_stays: Rows, response_minutes: Rows) -> Waits:
    """Return how long each trigger waited for its first response.

    Args:
        stays: of each trigger, shape (triggers,).
        minutes: of each trigger.
        stay_ends: when its stay ended, or the records did.
        response_stays: of each review or escalation, shape (responses,), in any order.
        response_minutes: of each.

    Raises:
        ValueError: if a trigger lies after the end of its stay.
    """
    if late := int(np.count_nonzero(stay_ends < minutes)):
        raise ValueError(f"{late:,} triggers lie after the end of their stay; correct the ends, or leave them out")
    first = first_after(stays=stays, minutes=minutes, event_stays=response_stays, event_minutes=response_minutes)
    answered = first <= stay_ends
    return Waits(minutes=np.where(answered, first, stay_ends).astype(np.float64) - minutes, answered=answered)


def responses(found: Waits, *, groups: Rows, within_minutes: float) -> tuple[Response, ...]:
    """Return by group how soon triggers were answered.

    Args:
        found: from `waits`.
        groups: the ward of each trigger, or what else to tell apart, shape (triggers,).
        within_minutes: the limit, which is itself in time.

    Source: Kaplan and Meier (1958), J Am Stat Assoc 53:457-481; Greenwood's variance on the scale of log(-log);
        Brookmeyer and Crowley (1982), Biometrics 38:29-41, for the median's interval.
    """
    return tuple(
        _response(str(group), found.minutes[groups == group], found.answered[groups == group], within_minutes)
        for group in np.unique(groups)
    )


def _response(group: str, minutes: Vector, answered: NDArray[np.bool_], within: float) -> Response:
    times, alive, variance = _kaplan_meier(minutes, answered)
    limits = [_limits(one, spread) for one, spread in zip(alive, variance, strict=True)]
    passed = int(np.searchsorted(times, within, side="right"))
    waiting = float(alive[passed - 1]) if passed else 1.0
    still = limits[passed - 1] if passed else None
    if still is None:
        still = _of_none_or_all(waiting, int(np.count_nonzero((minutes > within) | answered)))
    return Response(
        group=group,
        triggers=len(minutes),
        answered=int(answered.sum()),
        never=int((~answered).sum()),
        median_minutes=_first(times, [one <= 0.5 + _ROUNDING for one in alive]),
        median_interval=(
            _first(times, [one is None or one.lower <= 0.5 for one in limits]),
            _first(times, [one is not None and one.upper < 0.5 for one in limits]),
        ),
        within=1 - waiting,
        within_interval=Interval(lower=1 - still.upper, upper=1 - still.lower),
    )


def _of_none_or_all(waiting: float, among: int) -> Interval:
    """Return the limits where nobody (or everybody) was answered in time: Clopper and Pearson's of none (or all)."""
    reach = 1 - 0.025 ** (1 / among) if among else 1.0
    return Interval(lower=1 - reach, upper=1.0) if waiting == 1.0 else Interval(lower=0.0, upper=reach)


def _kaplan_meier(minutes: Vector, answered: NDArray[np.bool_]) -> tuple[Vector, Vector, Vector]:
    """Return the times of responses, the share that still waits after each, and the sum in Greenwood's variance."""
    times = np.unique(minutes[answered])
    ordered = np.sort(minutes)
    at_risk = len(minutes) - np.searchsorted(ordered, times, side="left")
    events = np.diff(np.searchsorted(np.sort(minutes[answered]), times, side="right"), prepend=0)
    alive = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
    return times.astype(np.float64), alive.astype(np.float64), variance.astype(np.float64)


def _limits(alive: float, variance: float) -> Interval | None:
    """Return the limits of a share that still waits; None at 0, where they cannot be told."""
    if alive <= 0:
        return None
    half = Z95 * sqrt(variance) / abs(log(alive))
    return Interval(lower=alive ** exp(half), upper=alive ** exp(-half))


def _first(times: Vector, reached: list[bool]) -> float | None:
    return float(times[reached.index(True)]) if True in reached else None
