"""Where an innovation has got to: members at a stage on a day, coverage of the membership and its curve."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from itertools import pairwise

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionCurve, AdoptionEvent, Coverage, Stage

_ORDER = (Stage.AWARE, Stage.PLANNED, Stage.IN_PROGRESS, Stage.LIVE, Stage.EMBEDDED)


def stage_reached(
    events: Iterable[AdoptionEvent], stage: Stage, day: date, *, innovation: str | None = None
) -> frozenset[str]:
    """Return the ODS codes of those who are at `stage` or beyond at the end of `day`.

    The latest event up to that day says where a member is: `stopped` removes it, a fall back to an earlier stage
    moves it back, and a member that starts again counts again.

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
    events = tuple(events)
    if innovation is None:
        named = sorted({event.innovation for event in events})
        if len(named) > 1:
            raise ValueError(f"events of {len(named)} innovations ({', '.join(named)}): say which one is meant")
        innovation = named[0] if named else ""
    _require_reachable(stage)
    return frozenset(
        code
        for code, history in _histories(events, innovation).items()
        if (known := [event for event in history if event.day <= day]) and _at_or_beyond(known[-1].stage, stage)
    )


def coverage(
    events: Iterable[AdoptionEvent], *, innovation: str, stage: Stage, day: date, members_on_day: Collection[str]
) -> Coverage:
    """Return how many of the members of a day are at `stage` or beyond on that day.

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
    adopted = members & stage_reached(events, stage, day, innovation=innovation)
    return Coverage(day=day, adopted=len(adopted), members=len(members), not_yet=tuple(sorted(members - adopted)))


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

    Raises:
        ValueError: if `stage` is `stopped`.
        DefinitionError: if a member has two stages of one innovation on one day.
    """
    _require_reachable(stage)
    return {
        code: reached[0].day
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


def _histories(events: Iterable[AdoptionEvent], innovation: str) -> dict[str, list[AdoptionEvent]]:
    by_day: dict[str, dict[date, AdoptionEvent]] = defaultdict(dict)
    for event in events:
        if event.innovation != innovation:
            continue
        other = by_day[event.ods_code].setdefault(event.day, event)
        if other.stage is not event.stage:
            stages = " and ".join(sorted((other.stage, event.stage)))
            raise DefinitionError(
                f"member {event.ods_code}: {innovation} is both {stages} on {event.day}; "
                f"keep one adoption event for that day"
            )
    return {code: [days[day] for day in sorted(days)] for code, days in by_day.items()}


def _at_or_beyond(reached: Stage, stage: Stage) -> bool:
    return reached is not Stage.STOPPED and _ORDER.index(reached) >= _ORDER.index(stage)


def _require_reachable(stage: Stage) -> None:
    if stage is Stage.STOPPED:
        raise ValueError("`stopped` ends adoption and cannot be reached; ask for one of the stages before it")
