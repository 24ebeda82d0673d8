"""The counting rules: text with an id and a version, and what each does. A total names the rules it was made by.

A rule is never changed: a new version takes its place from a stated day, and what it changes is shown both ways.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from rounds.errors import DefinitionError
from rounds.learning.benefit.entries import Counted, Entry, Reached

ALL_TIME: Final = date(1900, 1, 1)
ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Rule:
    """One rule as people read it."""

    id: str
    version: int
    says: str

    def __str__(self) -> str:
        return f"{self.id}@{self.version}"


SPLIT_EVENLY: Final = Rule(
    id="split-evenly",
    version=1,
    says="One event avoided is counted once. On a day on which several programmes are in effect at a member and each "
    "has an estimate in the same measure, each counts its own estimate divided by how many they are; an estimate is "
    "spread evenly over the days of its period.",
)
FIRST_IN_EFFECT: Final = Rule(
    id="first-in-effect",
    version=1,
    says="One event avoided is counted once. On a day on which several programmes are in effect at a member and each "
    "has an estimate in the same measure, the one that was in effect there first counts all of its own, the others "
    "nothing; of those that began on the same day, the first by name. An estimate is spread evenly over the days of "
    "its period.",
)
OVERLAP_RULES: Final = (SPLIT_EVENLY, FIRST_IN_EFFECT)

LIKE_WITH_LIKE: Final = Rule(
    id="like-with-like",
    version=1,
    says="Only events of one measure are added up. Arrests avoided and admissions avoided are never one number.",
)
REACHED_UNION: Final = Rule(
    id="reached-union",
    version=1,
    says="Reached are those in the measure's denominator in periods throughout which the innovation was in effect. "
    "Visits and events of different members and periods are different ones, and are added up; people may be the same "
    "everywhere, so together they are at least as many as at the largest and at most the sum. Two programmes with the "
    "same measure reach the same ones at a member in a period; with different measures nobody knows who was reached by "
    "both: at least the more of the two, at most the sum, and never more than the population where that is known.",
)
MEMBER_ON_FIRST_DAY: Final = Rule(
    id="member-on-first-day",
    version=1,
    says="What happened at a member counts for the network if it belonged to it on the first day of the period. A "
    "member that became part of another counts under its successor from the day of the merger on, and under its own "
    "name before.",
)
OWN_BEFORE_MERGER: Final = Rule(
    id="own-before-merger",
    version=1,
    says="Members that became one are estimated as one. Before the merger each counts its own: its share of the events "
    "expected without the innovation, less its own events. The share is that of its denominator, weighed by how its "
    "rate stood to the others' in periods before the innovation. Together they are what was estimated, and so are "
    "their errors. Where not all of them had the innovation, it reached those that had it, and how many benefited is "
    "not said.",
)
QUARTER_OF_FIRST_DAY: Final = Rule(
    id="quarter-of-first-day",
    version=1,
    says="A period counts in the quarter and the year that hold its first day. Years begin in April.",
)
LATEST_ROUND: Final = Rule(
    id="latest-round",
    version=1,
    says="Of several rounds that speak about a programme at a member in a period, the one with the latest data counts; "
    "of the same round, what was recorded last. What it no longer says is withdrawn. Nothing is deleted.",
)
ERRORS_ADD: Final = Rule(
    id="errors-add",
    version=1,
    says="Within one estimate errors that parts share add up and the rest adds up in squares. Estimates of one network "
    "rest on the same counts, so their standard errors are added up; networks are independent, and theirs are added in "
    "squares. Intervals are 95 %.",
)
WHOLE_SUMS: Final = Rule(
    id="whole-sums",
    version=1,
    says="Numbers are shown whole. Each member's quarter is rounded up or down so that every member's, every quarter's "
    "and every year's sum is off by less than 1, and every total shown is the sum of the parts shown. Intervals do "
    "not add up.",
)
CLAIM_STATUS: Final = Rule(
    id="claim-status",
    version=1,
    says="A claim is supported if it lies inside the interval of the evidence and that interval excludes 0; it is "
    "contradicted if the whole interval lies on the other side of 0 than the claim, or if more are said to be reached "
    "than there can have been; with nothing known of the same quantity it has no evidence; else it is not supported. "
    "Claim and evidence are never merged.",
)

RULES: Final = (
    *OVERLAP_RULES,
    LIKE_WITH_LIKE,
    REACHED_UNION,
    MEMBER_ON_FIRST_DAY,
    OWN_BEFORE_MERGER,
    QUARTER_OF_FIRST_DAY,
    LATEST_ROUND,
    ERRORS_ADD,
    WHOLE_SUMS,
    CLAIM_STATUS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Which rule says how overlapping programmes share, and from when."""

    overlap: tuple[tuple[date, Rule], ...] = ((ALL_TIME, SPLIT_EVENLY),)
    """in order of the days from which they hold"""

    def __post_init__(self) -> None:
        days = [day for day, _ in self.overlap]
        if not days or days != sorted(set(days)):
            raise DefinitionError("rules hold from different days, the earliest first; correct their order")
        for _, rule in self.overlap:
            if rule not in OVERLAP_RULES:
                raise DefinitionError(f"{rule} is no rule for overlapping programmes; choose {known_overlap_rules()}")

    def at(self, day: date) -> Rule:
        """Return the rule in force on a day.

        Raises:
            DefinitionError: if none is yet.
        """
        held = [rule for since, rule in self.overlap if since <= day]
        if not held:
            raise DefinitionError(f"no rule for overlapping programmes holds on {day}; the first does from later on")
        return held[-1]

    def before(self, day: date) -> Rule | None:
        """Return the rule that was in force before the one of a day, or None if there was no other."""
        held = [rule for since, rule in self.overlap if since <= day]
        return held[-2] if len(held) > 1 else None


def known_overlap_rules() -> str:
    return " or ".join(f"`{rule}`" for rule in OVERLAP_RULES)


def overlap_rule(name: str) -> Rule:
    """Return a rule for overlapping programmes by its name, such as `split-evenly@1`.

    Raises:
        DefinitionError: if there is none of that name.
    """
    for rule in OVERLAP_RULES:
        if str(rule) == name:
            return rule
    raise DefinitionError(f"there is no rule `{name}` for overlapping programmes; choose {known_overlap_rules()}")


class Line(NamedTuple):
    """An entry with what it is an entry of."""

    innovation: str
    measure: str
    entry: Entry


def shares(entries: Sequence[Line], *, rule: Rule) -> tuple[float, ...]:
    """Return which part of each entry's benefit is counted, from 0 to 1; on every day the parts add up to 1.

    Args:
        entries: of any number of programmes and members, all in one measure. Those without an estimate take no part
            and get 1.
        rule: `SPLIT_EVENLY` or `FIRST_IN_EFFECT`.

    Raises:
        DefinitionError: if two entries of one programme and member share days.
    """
    take = {SPLIT_EVENLY: _evenly, FIRST_IN_EFFECT: _first}[rule]
    by_member: dict[str, list[int]] = {}
    for at, line in enumerate(entries):
        if line.entry.avoided is not None:
            by_member.setdefault(line.entry.member, []).append(at)
    found = [1.0] * len(entries)
    for places in by_member.values():
        for at, share in zip(places, _shares_at([entries[place] for place in places], take), strict=True):
            found[at] = share
    return tuple(found)


def _shares_at(here: Sequence[Line], take: Callable[[Sequence[Line]], list[float]]) -> list[float]:
    """Return the shares at one member, between every two days on which something begins or ends."""
    edges = sorted({day for line in here for day in (line.entry.start, line.entry.end + ONE_DAY)})
    days = [0.0] * len(here)
    order = sorted(range(len(here)), key=lambda at: here[at].entry.start)
    active: list[int] = []
    following = 0
    for begin, end in pairwise(edges):
        active = [at for at in active if here[at].entry.end >= begin]
        while following < len(order) and here[order[following]].entry.start <= begin:
            active.append(order[following])
            following += 1
        if active:
            present = [here[at] for at in active]
            _refuse_own_overlap(present)
            for at, part in zip(active, take(present), strict=True):
                days[at] += part * (end - begin).days
    return [share / line.entry.days for share, line in zip(days, here, strict=True)]


def _refuse_own_overlap(present: Sequence[Line]) -> None:
    names = [line.innovation for line in present]
    for name in names:
        if names.count(name) > 1:
            one, two = [line.entry for line in present if line.innovation == name][:2]
            raise DefinitionError(
                f"{name}, {one.member}: {one.start} to {one.end} and {two.start} to {two.end} share days; keep one"
            )


def _evenly(present: Sequence[Line]) -> list[float]:
    return [1.0 / len(present)] * len(present)


def _first(present: Sequence[Line]) -> list[float]:
    first = min(range(len(present)), key=lambda at: (present[at].entry.since, present[at].innovation))
    return [float(at == first) for at in range(len(present))]


def reached_together(lines: Sequence[Line], *, counted: Counted, population: int | None = None) -> Reached:
    """Return between what the number of those reached by any of some programmes lies.

    Args:
        lines: entries of one unit. Those of one measure, member and period have the same denominator, and count once.
        counted: whether they are people, who may be the same anywhere, or events, which are not.
        population: how many there are at most, if that is known.
    """
    alike: dict[tuple[str, str, date, date], Line] = {}
    for line in lines:
        key = (line.measure, line.entry.member, line.entry.start, line.entry.end)
        known = alike.get(key)
        if known is None or line.entry.reached.upper > known.entry.reached.upper:
            alike[key] = line
    if not alike:
        return Reached(lower=0, upper=0)
    bounds = [line.entry.reached for line in alike.values()]
    upper = sum(one.upper for one in bounds)
    if counted is Counted.PEOPLE:
        lower = max(one.lower for one in bounds)
    else:
        lower = sum(_fewest_events(lines) for lines in _sharing_days(alike.values()))
    if population is not None:
        upper = max(lower, min(upper, population))
    return Reached(lower=lower, upper=upper)


def _sharing_days(lines: Iterable[Line]) -> list[list[Line]]:
    """Return lines in groups: of one member, each sharing days with another of its group."""
    found: list[list[Line]] = []
    member, last = "", date.min
    for line in sorted(lines, key=lambda line: (line.entry.member, line.entry.start)):
        if found and line.entry.member == member and line.entry.start <= last:
            found[-1].append(line)
            last = max(last, line.entry.end)
        else:
            found.append([line])
            member, last = line.entry.member, line.entry.end
    return found


def _fewest_events(lines: Sequence[Line]) -> int:
    """A measure's own events differ from period to period; those of two measures may be the same ones."""
    by_measure: dict[str, int] = {}
    for line in lines:
        by_measure[line.measure] = by_measure.get(line.measure, 0) + line.entry.reached.lower
    return max(by_measure.values())
