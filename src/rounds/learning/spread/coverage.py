"""Where an innovation has got to: members at a stage on a day, coverage of the membership and its curve."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionCurve, AdoptionEvent, Coverage, Stage

_STAGES = tuple(Stage)
_ORDER = (Stage.AWARE, Stage.PLANNED, Stage.IN_PROGRESS, Stage.LIVE, Stage.EMBEDDED)


def stage_reached(
    events: Iterable[AdoptionEvent], stage: Stage, day: date, *, innovation: str | None = None
) -> frozenset[str]:
    """Return the ODS codes of those who surely are at `stage` or beyond at the end of `day`.

    The latest event up to that day says where a member is: `stopped` removes it, a fall back to an earlier stage
    moves it back, and a member that starts again counts again. Of an event whose day is known only as a stretch, each
    day of it is possible: a member surely is at a stage if it is whichever of them it was.

    Args:
        events: in any order; the same event may come twice.
        stage: any stage but `stopped`.
        day: events after it are not yet known.
        innovation: whose events count; may be left out when all events are of one innovation.

    Raises:
        ValueError: if `stage` is `stopped`, or several innovations are mixed and none is named.
        DefinitionError: if a member has two stages of one innovation on one day.

    >>> went_live = AdoptionEvent(ods_code="RX1", innovation="news2", stage=Stage.LIVE, day=date(2024, 3, 1))
    >>> sorted(stage_reached([went_live], Stage.PLANNED, date(2024, 3, 1)))
    ['RX1']
    """
    return frozenset(
        code for code, standing in _standing(events, stage, day, innovation=innovation).items() if standing is True
    )


def _standing(
    events: Iterable[AdoptionEvent], stage: Stage, day: date, *, innovation: str | None
) -> dict[str, bool | None]:
    """Return by ODS code whether it is at a stage or beyond; None where that hangs on when something was."""
    events = tuple(events)
    if innovation is None:
        named = sorted({event.innovation for event in events})
        if len(named) > 1:
            raise ValueError(f"events of {len(named)} innovations ({', '.join(named)}): say which one is meant")
        innovation = named[0] if named else ""
    _require_reachable(stage)
    found: dict[str, bool | None] = {}
    for code, history in _histories(events, innovation).items():
        known = [event for event in history if event.day <= day]
        there = {bool(known) and _at_or_beyond(known[-1].stage, stage)}
        there |= {_at_or_beyond(event.stage, stage) for event in history if event.first_day <= day < event.day}
        found[code] = there.pop() if len(there) == 1 else None
    return found


def coverage(
    events: Iterable[AdoptionEvent], *, innovation: str, stage: Stage, day: date, members_on_day: Collection[str]
) -> Coverage:
    """Return how many of the members of a day surely are at `stage` or beyond on that day, and which others may be.

    Adopters that are not members on the day are in neither number.

    Args:
        events: adoption events, of this and other innovations.
        innovation: the innovation's id.
        stage: any stage but `stopped`.
        day: the day asked about.
        members_on_day: ODS codes of the membership as it was on `day`.

    Raises:
        ValueError: if `stage` is `stopped`.
        DefinitionError: if a member has two stages of one innovation on one day.
    """
    members = frozenset(members_on_day)
    standing = _standing(events, stage, day, innovation=innovation)
    adopted = {code for code in members if standing.get(code) is True}
    return Coverage(
        day=day,
        adopted=len(adopted),
        members=len(members),
        not_yet=tuple(sorted(members - adopted)),
        maybe=tuple(sorted(code for code in members if standing.get(code, False) is None)),
    )


def adoption_curve(
    events: Iterable[AdoptionEvent],
    *,
    innovation: str,
    stage: Stage,
    days: Sequence[date],
    members_on: Callable[[date], Collection[str]],
) -> AdoptionCurve:
    """Return coverage on each of `days`, each against the membership as it was then.

    The curve may fall: members stop, and members that have not adopted join.

    Args:
        events: adoption events, of this and other innovations.
        innovation: the innovation's id.
        stage: any stage but `stopped`.
        days: usually the last day of each period, rising.
        members_on: gives the ODS codes of the members on a day.

    Raises:
        ValueError: if `stage` is `stopped` or the days do not rise.
        DefinitionError: if a member has two stages of one innovation on one day.
    """
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise ValueError("the days of an adoption curve must rise")
    events = tuple(events)
    points = tuple(
        coverage(events, innovation=innovation, stage=stage, day=day, members_on_day=members_on(day)) for day in days
    )
    return AdoptionCurve(innovation=innovation, stage=stage, points=points)


def first_reached(events: Iterable[AdoptionEvent], innovation: str, stage: Stage) -> dict[str, date]:
    """Return, by ODS code, the day each organisation first was at `stage` or beyond. Who never was is not in it.

    Of a stretch of days it is the last: from then on the organisation surely was.

    Raises:
        ValueError: if `stage` is `stopped`.
        DefinitionError: if a member has two stages of one innovation on one day.
    """
    return {code: latest for code, (_, latest) in reached_between(events, innovation, stage).items()}


def reached_between(events: Iterable[AdoptionEvent], innovation: str, stage: Stage) -> dict[str, tuple[date, date]]:
    """Return, by ODS code, the first and the last day on which it can have reached `stage` or beyond.

    They are the same where the day is known. Who never reached it is not in it.

    Raises:
        ValueError: if `stage` is `stopped`.
        DefinitionError: if a member has two stages of one innovation on one day.
    """
    _require_reachable(stage)
    return {
        code: (min(event.first_day for event in reached), reached[0].day)
        for code, history in _histories(events, innovation).items()
        if (reached := [event for event in history if _at_or_beyond(event.stage, stage)])
    }


def stopped_on(events: Iterable[AdoptionEvent], innovation: str, stage: Stage) -> dict[str, date]:
    """Return, by ODS code, the first day an organisation that had reached `stage` no longer was at it or beyond.

    It stopped, or fell back to an earlier stage. A later restart does not take the day away: what happens after it is
    no longer a plain comparison of before and after.

    Raises:
        ValueError: if `stage` is `stopped`.
        DefinitionError: if a member has two stages of one innovation on one day.
    """
    started = first_reached(events := tuple(events), innovation, stage)
    histories = _histories(events, innovation)
    return {
        code: ended[0].day
        for code, start in started.items()
        if (
            ended := [event for event in histories[code] if event.day > start and not _at_or_beyond(event.stage, stage)]
        )
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A member that had begun, or meant to, and no longer does. Whether it begins again is a question of its own."""

    member: str
    day: date
    """on which it stopped, or the last on which it can have"""
    earliest: date | None = None
    """the first on which it can have; None where the day is known"""
    had: Stage | None
    """the furthest stage that it had been at before; None if none is recorded"""
    since: date | None
    """from when on it was there"""
    reason: str
    """in its own words; empty if it gave none"""


def stopped_members(
    events: Iterable[AdoptionEvent], innovation: str, stage: Stage, day: date, *, among: Collection[str]
) -> tuple[Stopped, ...]:
    """Return who stopped and has not begun again by the end of a day, in order of code.

    That is who stopped last of all it did, at whatever stage; and who had been at `stage` and fell back behind it.

    Args:
        events: of this and other innovations.
        innovation: the innovation's id.
        stage: which counts as using it; any but `stopped`.
        day: what came after it is not known.
        among: ODS codes of the members of that day; others are left out.

    Raises:
        ValueError: if `stage` is `stopped`.
        DefinitionError: if a member has two stages of one innovation on one day.
    """
    _require_reachable(stage)
    found = []
    for code, history in sorted(_histories(events, innovation).items()):
        known = [event for event in history if event.day <= day]
        if code not in among or not known or _at_or_beyond(known[-1].stage, stage):
            continue
        before = [event for event in known if event.stage is not Stage.STOPPED]
        furthest = max((event.stage for event in before), key=_ORDER.index, default=None)
        fell_back = furthest is not None and _at_or_beyond(furthest, stage)
        if known[-1].stage is not Stage.STOPPED and not fell_back:
            continue
        last = max((at for at, event in enumerate(known) if _at_or_beyond(event.stage, stage)), default=-1)
        ended = known[-1] if known[-1].stage is Stage.STOPPED else known[last + 1]
        found.append(
            Stopped(
                member=code,
                day=ended.day,
                earliest=ended.earliest,
                had=furthest,
                since=min((event.day for event in before if event.stage is furthest), default=None),
                reason=ended.reason,
            )
        )
    return tuple(found)


def _histories(events: Iterable[AdoptionEvent], innovation: str) -> dict[str, list[AdoptionEvent]]:
    by_day: dict[str, dict[date, AdoptionEvent]] = defaultdict(dict)
    for event in _settled([event for event in events if event.innovation == innovation]):
        days = by_day[event.ods_code]
        other = days.setdefault(event.day, event)
        if other.stage is not event.stage and (other.earliest or event.earliest):
            # Stretches that end on one day say nothing of its order; the stages do.
            days[event.day] = max(other, event, key=lambda one: _STAGES.index(one.stage))
        elif other.stage is not event.stage:
            stages = " and ".join(sorted((other.stage, event.stage)))
            raise DefinitionError(
                f"member {event.ods_code}: {innovation} is both {stages} on {event.day}; "
                f"keep one adoption event for that day"
            )
    return {code: [days[day] for day in sorted(days)] for code, days in by_day.items()}


def _settled(events: list[AdoptionEvent]) -> list[AdoptionEvent]:
    """Return events whose stretches end before the next stage was reached: who was live in June was planned by then."""
    if not any(event.earliest for event in events):
        return events
    by_code: dict[str, list[AdoptionEvent]] = defaultdict(list)
    for event in events:
        by_code[event.ods_code].append(event)
    found = []
    for event in events:
        place = _STAGES.index(event.stage)
        later = [
            other.day
            for other in by_code[event.ods_code]
            if event.first_day < other.day < event.day and _STAGES.index(other.stage) > place
        ]
        if event.earliest is None or not later:
            found.append(event)
            continue
        last = min(later) - timedelta(days=1)
        found.append(replace(event, day=last, earliest=event.earliest if event.earliest < last else None))
    return found


def _at_or_beyond(reached: Stage, stage: Stage) -> bool:
    return reached is not Stage.STOPPED and _ORDER.index(reached) >= _ORDER.index(stage)


def _require_reachable(stage: Stage) -> None:
    if stage is Stage.STOPPED:
        raise ValueError("`stopped` ends adoption and cannot be reached; ask for one of the stages before it")
