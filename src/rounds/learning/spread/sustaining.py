"""Does it last: how many still use an innovation some time after they began, and where use is falling off."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rounds.learning.intervals import Z95

Vector = NDArray[np.float64]

FALSE_ALARMS_A_YEAR: Final = 0.5
"""In the whole network, where nothing changes."""
_BASELINE: Final = 6
_WINDOW: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sustained:
    """Share of members that still use it, by time since they began. Vectors have shape (times,)."""

    times: Vector
    """at which some stopped"""
    share: Vector
    lower: Vector
    """95 % interval, by the log(-log) of the share and Greenwood's variance"""
    upper: Vector
    at_risk: Vector
    stopped: Vector
    longest: float
    """how long the longest has been watched"""
    members: int

    def at(self, time: float) -> tuple[float, float, float]:
        """Return the share that lasts for a time, and its interval; NaN beyond what was watched."""
        if time > self.longest:
            return (np.nan,) * 3
        place = int(np.searchsorted(self.times, time, side="right")) - 1
        if place < 0:
            return 1.0, (_none_stopped(self.members)), 1.0
        return float(self.share[place]), float(self.lower[place]), float(self.upper[place])


def _none_stopped(members: int) -> float:
    """Return the lower end of a share of which none has stopped: the exact one of a proportion."""
    return float(0.025 ** (1 / members))


def sustained(durations: ArrayLike, stopped: ArrayLike) -> Sustained:
    """Return the share that still uses it by time since it began: Kaplan and Meier's estimate.

    Args:
        durations: how long each member has used it, up to when it stopped or to now; each above 0; shape (members,).
        stopped: whether it stopped, same shape.

    Raises:
        ValueError: if shapes differ, nobody began, or a duration is missing, infinite or not above 0.

    Source: Kaplan and Meier (1958), J Am Stat Assoc 53:457-481; interval: Kalbfleisch and Prentice (2002), The
    Statistical Analysis of Failure Time Data, section 1.4.

    >>> found = sustained([1.0, 2.0, 3.0, 4.0], [True, False, True, False])
    >>> found.share.tolist()
    [0.75, 0.375]
    """
    long, ended = np.asarray(durations, dtype=np.float64), np.asarray(stopped, dtype=np.bool_)
    if long.shape != ended.shape or long.ndim != 1 or not len(long):
        raise ValueError("give a duration and whether it ended for each member that began, of one at least")
    if not (np.isfinite(long).all() and (long > 0).all()):
        raise ValueError("a duration is missing, infinite or not above 0: a member uses it for a day or more")
    times = np.unique(long[ended])
    at_risk = np.array([(long >= time).sum() for time in times], dtype=np.float64)
    gone = np.array([((long == time) & ended).sum() for time in times], dtype=np.float64)
    share = np.asarray(np.cumprod(1 - gone / at_risk), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(gone / (at_risk * (at_risk - gone)))
        error = np.sqrt(greenwood) / np.abs(np.log(share))
        lower, upper = share ** np.exp(Z95 * error), share ** np.exp(-Z95 * error)
    none = share <= 0
    # When the last one has stopped the variance has no value; at most what one member of those left can hide.
    return Sustained(
        times=times,
        share=share,
        lower=np.where(none, 0.0, lower),
        upper=np.where(none, 1 - 0.025 ** (1 / np.maximum(at_risk, 1.0)), upper),
        at_risk=at_risk,
        stopped=gone,
        longest=float(long.max()),
        members=len(long),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much a member that has embedded an innovation uses it, from then on. Vectors have shape (periods,)."""

    member: str
    done: Vector
    """times it was used as meant; NaN where that is not known"""
    done_upper: Vector
    """the same, or the highest it can be where it is withheld"""
    due: Vector
    """times it should have been used"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """A member whose use has fallen."""

    member: str
    before: float
    """share of what was due, when it was new"""
    now: float
    """and in the last periods, at most"""
    chance: float
    """of a fall as deep where nothing changed"""
    certain: bool
    """whether it has fallen whatever withheld numbers are"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayAlarm:
    """Members whose use has fallen, by a rule whose false alarms are stated."""

    members: tuple[Decay, ...]
    watched: int
    """members with enough periods to be watched"""
    false_alarms_a_year: float
    """expected in the network where nothing changes, if it is looked at in every period"""
    dispersion: float
    """how much more a member's use varies from period to period than chance"""
    rule: str


def decay_alarm(
    uses: Sequence[Use], *, periods_a_year: int, false_alarms_a_year: float = FALSE_ALARMS_A_YEAR
) -> DecayAlarm:
    """Return the members whose use of an innovation has fallen since it was new.

    The last three periods are compared with the first six, on the arcsine scale, with the variance between periods
    that all members' first six show. Looked at in each period of a year, all members together give
    `false_alarms_a_year` where nothing changes: the chance of each look is that number over looks.

    Args:
        uses: of members that have embedded it, from then on.
        periods_a_year: 12 where periods are months.
        false_alarms_a_year: in the network.

    Raises:
        ValueError: if a number is below 0, more was done than due, or the rate of false alarms is not above 0.

    >>> steady = Use(member="A", done=np.full(12, 90.0), done_upper=np.full(12, 90.0), due=np.full(12, 100.0))
    >>> falls = np.array([90.0] * 9 + [70.0, 62.0, 55.0])
    >>> fallen = Use(member="B", done=falls, done_upper=falls, due=np.full(12, 100.0))
    >>> [one.member for one in decay_alarm([steady, fallen], periods_a_year=12).members]
    ['B']
    """
    if not false_alarms_a_year > 0 or periods_a_year < 1:
        raise ValueError("a rule with no false alarms sounds never: allow more than 0 a year")
    watched = []
    for use in uses:
        known = np.isfinite(use.done) & np.isfinite(use.due) & (use.due > 0)
        if (use.done[known] < 0).any() or (use.done_upper[known] > use.due[known]).any():
            raise ValueError(f"member {use.member}: more was done than due, or less than nothing; correct the counts")
        if known.sum() >= _BASELINE + _WINDOW:
            watched.append((use.member, use.done[known], use.done_upper[known], use.due[known]))
    looks = max(len(watched), 1) * periods_a_year
    limit = false_alarms_a_year / looks
    dispersion = _dispersion(watched)
    found = []
    for member, done, most, due in watched:
        first, last = slice(0, _BASELINE), slice(-_WINDOW, None)
        # Certain: as high now and as low before as withheld numbers allow. Possible: the other way round.
        sure = _chance(done[first], most[last], due[first], due[last], dispersion)
        perhaps = _chance(most[first], done[last], due[first], due[last], dispersion)
        if perhaps < limit:
            found.append(
                Decay(
                    member=member,
                    before=float(done[first].sum() / due[first].sum()),
                    now=float(most[last].sum() / due[last].sum()),
                    chance=sure,
                    certain=sure < limit,
                )
            )
    return DecayAlarm(
        members=tuple(sorted(found, key=lambda one: one.chance)),
        watched=len(watched),
        false_alarms_a_year=false_alarms_a_year,
        dispersion=dispersion,
        rule=(
            f"Use in the last {_WINDOW} periods lies below that in the first {_BASELINE} by more than chance allows; "
            f"over {len(watched)} members and {periods_a_year} looks a year, {false_alarms_a_year:g} false alarms a "
            "year."
        ),
    )


def _dispersion(watched: Sequence[tuple[str, Vector, Vector, Vector]]) -> float:
    chi, freedom = 0.0, 0
    for _, done, most, due in watched:
        seen, total = (done[:_BASELINE] + most[:_BASELINE]) / 2, due[:_BASELINE]
        part = seen.sum() / total.sum()
        if 0 < part < 1:
            chi += float(((seen - part * total) ** 2 / (total * part * (1 - part))).sum())
            freedom += _BASELINE - 1
    return max(chi / freedom, 1.0) if freedom else 1.0


def _chance(before: Vector, now: Vector, due_before: Vector, due_now: Vector, dispersion: float) -> float:
    sizes = due_before.sum(), due_now.sum()
    angles = [
        float(np.arcsin(np.sqrt((part.sum() + 0.375) / (size + 0.75))))
        for part, size in ((before, sizes[0]), (now, sizes[1]))
    ]
    error = np.sqrt(dispersion * (1 / (4 * sizes[0] + 2) + 1 / (4 * sizes[1] + 2)))
    return NormalDist().cdf((angles[1] - angles[0]) / float(error))
