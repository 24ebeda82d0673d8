"""Sites that became one: a row all along where all of them sent counts, and what is done where they did not."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, auto

import numpy as np

from rounds.learning.bounded.counts import Vector
from rounds.learning.impact.effect import Panel
from rounds.learning.impact.histories import Days
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.site_rows import Row, sum_of
from rounds.network.successions import Successions


class Before(Enum):
    """What an organisation was before it carried on another's work."""

    THERE = auto()
    NEW = auto()
    """it began on that day"""
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Merger:
    """Some organisations whose work another carries on from a day."""

    new: str
    olds: tuple[str, ...]
    day: date
    divided: bool
    """one of them was divided, so that nobody knows whose counts are whose"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """What is known of organisations beside their counts."""

    before: Callable[[str, date], Before]
    """what an organisation was on the day before a day"""
    effective_from: Mapping[str, date]
    """first day the innovation was in effect, by site, as it is recorded of that site itself"""
    stopped_on: Mapping[str, date]
    """first day it no longer was, by site, what was taken over from others included"""
    name_of: Callable[[str], str] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A panel with rows joined, and from when rows that could not be joined count something else."""

    panel: Panel
    breaks: Mapping[str, tuple[date, ...]]


def joined(
    panel: Panel,
    periods: Sequence[Days],
    successions: Successions,
    known: Histories,
    *,
    breaks: Mapping[str, Sequence[date]] | None = None,
) -> Joined:
    """Return a panel in which sites that became one are one row, under the last one's name, all along.

    Before the day the row is the sum of all that became one, with what the bounds of each say of that sum; on periods
    that begin on the day or later it is the successor's own. The period of the day is left out. Where only some of them
    had the innovation in effect, the row is neither with it nor without. From the day on the successor has it if it
    took it up itself since, or all of them had it.

    Rows are joined only where that is the sum: all sent counts of before, and the successor of after; who it was
    before is known; nobody was divided. Else rows stay as they are, and the successor's counts of before and after,
    which are not of the same patients, get a level each. Each of these is said in the panel's notes.

    Args:
        panel: one row a site, as it reported, with the innovation as it is recorded of each itself; one that sent no
            counts and is known to have been one of those that merged has an empty row.
        periods: first and last day of each column.
        successions: who became whom and when; chains are followed.
        known: what is known of the sites beside their counts.
        breaks: by site, days from which its counts mean something else.

    Raises:
        ValueError: if lengths differ.
    """
    if len(periods) != panel.lower.shape[1]:
        raise ValueError(f"there are {len(periods)} periods and {panel.lower.shape[1]} columns")
    work = _Work(panel, periods, known, breaks or {})
    for merger in mergers(successions):
        work.take(merger)
    return work.found()


def mergers(successions: Successions) -> tuple[Merger, ...]:
    """Return who became one, and when, in order of time; on one day those first whose successor is succeeded too."""
    into: dict[tuple[str, date], list[str]] = defaultdict(list)
    following: dict[str, set[str]] = defaultdict(set)
    for one in successions.all:
        into[one.new_code, one.day].append(one.old_code)
        following[one.old_code].add(one.new_code)

    def depth(new: str, day: date) -> int:
        return 1 + max((depth(old, day) for old in into[new, day] if (old, day) in into), default=0)

    return tuple(
        Merger(
            new=new,
            olds=tuple(sorted(set(into[new, day]))),
            day=day,
            divided=any(len(following[old]) > 1 for old in into[new, day]),
        )
        for new, day in sorted(into, key=lambda key: (key[1], depth(*key), key[0]))
    )


class _Work:
    """Rows by name while mergers are taken one after another."""

    def __init__(
        self, panel: Panel, periods: Sequence[Days], known: Histories, breaks: Mapping[str, Sequence[date]]
    ) -> None:
        empty = np.full(panel.lower.shape, np.nan)
        noisy, sigma = (empty if values is None else values for values in (panel.noisy, panel.sigma))
        self.panel, self.periods, self.known = panel, periods, known
        self.rows = {
            name: Row(
                lower=panel.lower[at].copy(),
                upper=panel.upper[at].copy(),
                exposure=panel.exposure[at].copy(),
                treated=panel.treated[at].copy(),
                excluded=panel.excluded[at].copy(),
                noisy=noisy[at].copy(),
                sigma=sigma[at].copy(),
                parts={column: parts for (whose, column), parts in panel.parts.items() if whose == name},
            )
            for at, name in enumerate(panel.sites)
        }
        self.breaks = {name: set(days) for name, days in breaks.items()}
        self.in_effect: dict[str, Mask] = {}
        self.stands_for: dict[str, tuple[str, ...]] = {}
        """by an organisation that sent nothing, whose counts would be in its own: a step of a chain"""
        self.ended: dict[str, Mask] = {}
        self.notes: list[str] = []

    def take(self, merger: Merger) -> None:
        """Join the rows of a merger, or give its successor levels of its own, or leave all as it is."""
        day, new = merger.day, self.rows.get(merger.new)
        before = np.array([end < day for _, end in self.periods], dtype=np.bool_)
        after = np.array([start >= day for start, _ in self.periods], dtype=np.bool_)
        direct = [name for name in merger.olds if name in self.rows]
        if new is None or not direct:
            return
        was = self.known.before(merger.new, day)
        own = [merger.new] if was is Before.THERE else []
        status = self._status(merger, [*direct, *own], after)
        olds = [one for name in direct for one in self.stands_for.get(name, (name,))]
        parties = [*olds, *own]
        sent = [name for name in parties if self.rows[name].there[before].any()]
        own_before = bool(new.there[before].any())
        if not new.there.any():
            self.stands_for[merger.new] = tuple(olds)
            new.treated = np.where(before, status.together, status.treated)
            new.excluded = np.where(before, status.touched & ~status.together, status.excluded)
        if not new.there[after].any():
            if any(name in sent for name in olds) and after.any():
                self._say(merger, "it sent no counts of since then, and their rows stay their own")
            return
        self._end(merger, olds, before)
        if len(sent) == len(parties) and was is not Before.UNKNOWN and not merger.divided:
            if own_before and was is Before.NEW:
                self._say(
                    merger,
                    f"counts that {self.known.name_of(merger.new)} sent of before are left out: those it began from "
                    "sent theirs",
                )
            self._join(merger, parties, before, after, status)
            return
        touched = np.logical_or.reduce([self.rows[name].touched for name in olds])
        if any(name in sent for name in olds) and own_before and was is not Before.THERE:
            new.without(before)
        keeps_level = was is Before.NEW and not any(name in sent for name in olds)
        new.excluded = np.where(before, new.excluded | (touched & ~new.treated), status.excluded)
        new.treated = np.where(before, new.treated, status.treated)
        if own_before or sent:
            self._say(merger, self._why_apart(merger, parties, sent, was, keeps_level=keeps_level))
        if not keeps_level:
            self.breaks.setdefault(merger.new, set()).add(day)

    def _status(self, merger: Merger, parties: Sequence[str], after: Mask) -> "_Status":
        """Return where the successor is with the innovation from the day on, and all of them together before."""
        own, rows = self.rows[merger.new], [self.rows[name] for name in parties]
        together: Mask = np.logical_and.reduce([row.treated for row in rows])
        touched: Mask = np.logical_or.reduce([row.touched for row in rows]) | own.touched
        itself = own.treated & (self.known.effective_from.get(merger.new, date.min) >= merger.day)
        with_it = np.where(after, together | itself, False)
        stopped = self.known.stopped_on.get(merger.new)
        if stopped is not None:
            over = np.array([end >= stopped for _, end in self.periods], dtype=np.bool_) & after
            with_it, touched = with_it & ~over, touched | over
        return _Status(together=together, treated=with_it, excluded=touched & ~with_it, touched=touched)

    def _end(self, merger: Merger, olds: Sequence[str], before: Mask) -> None:
        """An organisation that is no more has no counts of after."""
        late = [name for name in olds if (self.rows[name].there & ~before).any()]
        for name in olds:
            self.rows[name].without(~before)
            self.ended[name] = before
        if late:
            names = _listed([self.known.name_of(name) for name in late])
            self._say(merger, f"counts that {names} sent of the merger's period and later are left out")

    def _join(self, merger: Merger, parties: Sequence[str], before: Mask, after: Mask, status: "_Status") -> None:
        own, rows = self.rows[merger.new], {name: self.rows[name] for name in parties}
        senders = {name: row for name, row in rows.items() if row.there[before].any()}
        for name, row in rows.items():
            in_effect = self.in_effect.get(name, np.zeros(len(before), dtype=np.bool_))
            self.in_effect[name] = in_effect | (row.treated & before)
        whole = sum_of(senders, before)
        treated = np.where(before, status.together, status.treated)
        excluded = np.where(before, status.touched & ~status.together, status.excluded)
        for mine, theirs in (
            (whole.lower, own.lower),
            (whole.upper, own.upper),
            (whole.exposure, own.exposure),
            (whole.noisy, own.noisy),
            (whole.sigma, own.sigma),
        ):
            mine[after] = theirs[after]
        whole.treated, whole.excluded = treated, excluded
        inherited = {one for name in parties for one in self.breaks.get(name, ()) if one < merger.day}
        later = {one for one in self.breaks.get(merger.new, ()) if one >= merger.day}
        for name in parties:
            if name != merger.new:
                del self.rows[name]
                self.breaks.pop(name, None)
        self.rows[merger.new] = whole
        self.breaks[merger.new] = inherited | later
        words = f"before that {self.known.name_of(merger.new)} is their sum, one row all along"
        if len(parties) == 1:
            words = "they are one row all along"
        if not whole.there[before].any():
            words += ", which has no counts of before, as theirs have noise or gaps"
        if (excluded & after).any() and not treated[after].any() and status.touched.any():
            words += "; as only some of them had the innovation, later periods are left out"
        self._say(merger, words)

    def _why_apart(
        self, merger: Merger, parties: Sequence[str], sent: Sequence[str], was: Before, *, keeps_level: bool
    ) -> str:
        name_of, silent = self.known.name_of, [name for name in parties if name not in sent]
        new = name_of(merger.new)
        if keeps_level:
            return f"only {new} sent counts, which are taken as one history"
        if merger.divided:
            why = "one of them was divided"
        elif silent:
            why = f"no counts of before came from {_listed([name_of(name) for name in silent])}"
        elif was is Before.UNKNOWN:
            why = f"{new} became a member later, and what it was before is not known"
        else:
            why = "they cannot be added up"
        return f"the rows were not joined, as {why}; {new} since then is compared with itself since then only"

    def _say(self, merger: Merger, words: str) -> None:
        name_of = self.known.name_of
        olds = _listed([name_of(name) for name in merger.olds])
        self.notes.append(f"{olds} became {name_of(merger.new)} on {merger.day}: {words}.")

    def found(self) -> Joined:
        """Return the panel of the rows as they are now."""
        panel, rows = self.panel, self.rows
        for name, before in self.ended.items():
            if name in rows:
                rows[name].treated, rows[name].excluded = rows[name].treated & before, rows[name].excluded & before
        kept = [name for name in panel.sites if name in rows]

        def stacked(of: Callable[[Row], Vector]) -> Vector:
            return np.vstack([of(rows[name]) for name in kept])

        made = replace(
            panel,
            sites=tuple(kept),
            lower=stacked(lambda row: row.lower),
            upper=stacked(lambda row: row.upper),
            exposure=stacked(lambda row: row.exposure),
            treated=np.vstack([rows[name].treated for name in kept]).astype(np.bool_),
            excluded=np.vstack([rows[name].excluded for name in kept]).astype(np.bool_),
            noisy=None if panel.noisy is None else stacked(lambda row: row.noisy),
            sigma=None if panel.sigma is None else stacked(lambda row: row.sigma),
            parts={(name, at): parts for name in kept for at, parts in rows[name].parts.items()},
            in_effect=self.in_effect,
            notes=(*panel.notes, *self.notes),
        )
        return Joined(panel=made, breaks={name: tuple(sorted(days)) for name, days in self.breaks.items() if days})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """Of a merged row, by period."""

    together: Mask
    """all had the innovation in effect"""
    treated: Mask
    """so has the successor, after"""
    excluded: Mask
    touched: Mask
    """some had it, or were getting it"""


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
