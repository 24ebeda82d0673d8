"""From what a tracker's rows say to dated adoption events, and what of it is left out because it contradicts itself."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Fidelity, Stage, read_fidelity
from rounds.learning.spread.tracker.moments import When
from rounds.learning.spread.tracker.rows import LeftOut, Stated, TrackerRow
from rounds.network.members import Member
from rounds.network.successions import Successions

_ORDER: Final = tuple(Stage)
_MOST_PLACES: Final = 6
Check = Callable[[AdoptionEvent], AdoptionEvent]
"""Returns an event that its organisation can have had, or raises DefinitionError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known besides the tracker."""

    innovation: str
    as_of: date
    """the day of the tracker: nothing in it has happened later"""
    members: Mapping[str, Member]
    """by ODS code"""
    successions: Successions
    recorded: Sequence[AdoptionEvent]
    """events of the network so far"""
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a tracker adds."""

    events: tuple[AdoptionEvent, ...]
    """new ones, by code and day"""
    already: int
    """events that were recorded before"""
    left_out: tuple[LeftOut, ...]
    noted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """A stage with the stretch within which it was reached."""

    stage: Stage
    when: When | None
    places: tuple[str, ...]
    is_status: bool
    reason: str = ""


def events_of(rows: Sequence[tuple[str, TrackerRow]], known: Known) -> Taken:
    """Return the events that a tracker's rows say, each row with the code of the organisation it is about.

    Rules `tracker@1`. Rows about one organisation are taken together; dates of one stage that overlap are narrowed to
    what they share, dates that do not are left out. A stage without a date lies between the stage before (or joining)
    and the tracker's day. What lies after the tracker's day is a plan. Of two stages on one day the further counts.

    Args:
        rows: (ODS code, row).
        known: the membership and what is recorded already.
    """
    gathered: dict[str, list[TrackerRow]] = defaultdict(list)
    for code, row in rows:
        gathered[code].append(row)
    events: list[AdoptionEvent] = []
    left_out: list[LeftOut] = []
    noted: list[str] = []
    already = 0
    recorded: dict[tuple[str, Stage], list[AdoptionEvent]] = defaultdict(list)
    for one in known.recorded:
        if one.innovation == known.innovation:
            recorded[one.ods_code, one.stage].append(one)
    for code in sorted(gathered):
        if len(gathered[code]) > 1:
            noted.append(f"{code} has {len(gathered[code])} rows ({_places(gathered[code])}): taken together.")
        reached = _reached(gathered[code], known, left_out, noted)
        for event in _dated(code, reached, gathered[code], known, left_out):
            same = recorded[event.ods_code, event.stage]
            if any(one.first_day <= event.day and event.first_day <= one.day for one in same):
                already += 1
                read = _read_since(event, known, gathered[code], left_out)
                events += [read] if read is not None else []
            elif same:
                left_out.append(
                    LeftOut(
                        place=_places(gathered[code]),
                        why=f"{event.ods_code} was recorded at {event.stage} on {same[-1].day}, and the tracker says "
                        f"{_stretch(event)}; correct adoptions.csv if the tracker is right",
                    )
                )
            else:
                events.append(event)
    return Taken(events=tuple(events), already=already, left_out=tuple(left_out), noted=tuple(noted))


def _reached(rows: Sequence[TrackerRow], known: Known, left_out: list[LeftOut], noted: list[str]) -> list[_Reached]:
    by_stage: dict[Stage, list[tuple[Stated, str]]] = defaultdict(list)
    for row in rows:
        for one in row.stated:
            by_stage[one.stage].append((one, row.place))
    found: dict[Stage, _Reached] = {}
    for stage, said in by_stage.items():
        places = tuple(dict.fromkeys(place for _, place in said))
        dates = list(dict.fromkeys(one.when for one, _ in said if one.when is not None))
        when = _shared(dates)
        if dates and when is None:
            left_out.append(
                LeftOut(place=some_places(places), why=f"dates of {stage} contradict each other; correct one")
            )
            continue
        is_status = any(one.is_status for one, _ in said)
        found[stage] = _Reached(stage=stage, when=when, places=places, is_status=is_status)
    return _plans_apart(found, rows, known, noted)


def _plans_apart(
    found: dict[Stage, _Reached], rows: Sequence[TrackerRow], known: Known, noted: list[str]
) -> list[_Reached]:
    """Return the stages that were reached; what is dated after the tracker is what somebody plans."""
    plans: list[tuple[Stage, When, tuple[str, ...]]] = []
    for stage, one in list(found.items()):
        when = one.when
        if when is None or when.latest <= known.as_of:
            continue
        begun = when.earliest is None or when.earliest <= known.as_of
        if begun and one.is_status:
            found[stage] = replace(one, when=When(earliest=when.earliest, latest=known.as_of))
            continue
        del found[stage]
        plans.append((stage, when, one.places))
    plans += [(Stage.LIVE, row.planned_for, (row.place,)) for row in rows if row.planned_for]
    furthest = max((_ORDER.index(stage) for stage in found), default=-1)
    for stage, when, places in plans:
        if stage is not Stage.PLANNED and when.latest > known.as_of:
            noted.append(f"{', '.join(places)}: {stage} on a day after {known.as_of} is a plan, not a fact.")
        if furthest <= _ORDER.index(Stage.PLANNED):
            ahead = _words(when)
            found[Stage.PLANNED] = _Reached(
                stage=Stage.PLANNED,
                when=found[Stage.PLANNED].when if Stage.PLANNED in found else None,
                places=places,
                is_status=False,
                reason=f"planned for {ahead}",
            )
    return [found[stage] for stage in _ORDER if stage in found]


def _dated(
    code: str, reached: list[_Reached], rows: Sequence[TrackerRow], known: Known, left_out: list[LeftOut]
) -> list[AdoptionEvent]:
    """Return an organisation's events in the order of their stages, each on or after the one before."""
    dated = [one.stage for one in reached if one.when is not None and one.stage is not Stage.STOPPED]
    last = max((_ORDER.index(stage) for stage in dated), default=-1)
    # A stage without a date that was passed on the way to one with a date says nothing more.
    reached = [one for one in reached if one.when is not None or _ORDER.index(one.stage) > last]
    now = reached[-1].stage if reached else None
    found: list[AdoptionEvent] = []
    for one in reached:
        event = _event(code, one, found[-1] if found else None, known)
        if event is None:
            left_out.append(
                LeftOut(
                    place=some_places(one.places),
                    why=f"{one.stage} is dated before a stage that it follows; correct a date",
                )
            )
            continue
        if one.stage is now:
            event = replace(event, fidelity=_told(rows, one.places, left_out), reason=_reason(one, rows, event))
        elif event.reason == "" and one.reason:
            event = replace(event, reason=one.reason)
        try:
            event = known.check(_as_known_then(event, known))
        except DefinitionError as error:
            left_out.append(LeftOut(place=some_places(one.places), why=str(error)))
            continue
        if found and found[-1].ods_code == event.ods_code and found[-1].day == event.day:
            earlier = found.pop()
            if earlier.earliest is None and event.earliest is None:
                left_out.append(
                    LeftOut(
                        place=some_places(one.places),
                        why=f"{code} is at {earlier.stage} and at {event.stage} on one day, {event.day}; "
                        f"{event.stage} is kept; correct a date or a stage in the tracker if that is wrong",
                    )
                )
            elif earlier.earliest is not None and earlier.first_day < event.day:
                found.append(earlier)
        found.append(event)
    return found


def _event(code: str, one: _Reached, before: AdoptionEvent | None, known: Known) -> AdoptionEvent | None:
    """Return the event of a stage that follows another; None if its dates say that it came before."""
    floor = before.first_day if before is not None else _joined(code, known)
    latest = one.when.latest if one.when is not None else known.as_of
    earliest = one.when.earliest if one.when is not None else None
    if earliest is None:
        earliest = floor
        if one.when is None and before is not None:
            earliest = before.day + timedelta(days=1)
    if before is not None:
        if latest < before.first_day:
            return None
        earliest = max(earliest, before.first_day)
    earliest = min(earliest, latest)
    return AdoptionEvent(
        ods_code=code,
        innovation=known.innovation,
        stage=one.stage,
        day=latest,
        earliest=earliest if earliest < latest else None,
    )


def _as_known_then(event: AdoptionEvent, known: Known) -> AdoptionEvent:
    """Return an event under the code that its organisation had on its day.

    What is told of an organisation that has taken over others, before it was there, was reached by one of those: it is
    dated at the latest from the day on which the work passed on.
    """
    codes = known.successions.after(event.ods_code, event.day)
    if len(codes) > 1:
        raise DefinitionError(
            f"by {event.day} {event.ods_code} had become {' and '.join(codes)}; write in the match file which is meant"
        )
    event = replace(event, ods_code=codes[0])
    member = known.members.get(event.ods_code)
    if member is None:
        following = known.successions.after(event.ods_code, date.max)
        if not any(one in known.members for one in following):
            raise DefinitionError(f"{event.ods_code} is not a member; add it to members.csv")
        return event
    began = [
        one.day for one in known.successions.all if one.new_code == event.ods_code and one.day <= member.first_joined
    ]
    if began and event.day < member.first_joined:
        told = f"told of {event.ods_code} before it was there: {_stretch(event)}"
        return replace(
            event, day=member.first_joined, earliest=None, reason="; ".join(filter(None, (event.reason, told)))
        )
    if event.earliest is not None and event.earliest < member.first_joined < event.day:
        return replace(event, earliest=member.first_joined)
    return event


def _joined(code: str, known: Known) -> date:
    member = known.members.get(code)
    return min(member.first_joined, known.as_of) if member is not None else date(1990, 1, 1)


def _told(rows: Sequence[TrackerRow], places: tuple[str, ...], left_out: list[LeftOut]) -> Fidelity | None:
    for row in rows:
        if row.fidelity and row.place in places:
            try:
                return read_fidelity(row.fidelity)
            except DefinitionError as error:
                left_out.append(LeftOut(place=row.place, why=f"its fidelity is left out: {error}"))
    return None


def _reason(one: _Reached, rows: Sequence[TrackerRow], event: AdoptionEvent) -> str:
    told = [row.reason for row in rows if row.reason and row.place in one.places]
    return "; ".join(dict.fromkeys(filter(None, (event.reason, one.reason, *told))))


def _shared(dates: Sequence[When]) -> When | None:
    """Return what stretches have in common; None if nothing."""
    if not dates:
        return None
    earliest = max((one.earliest for one in dates if one.earliest is not None), default=None)
    latest = min(one.latest for one in dates)
    if earliest is not None and earliest > latest:
        return None
    return When(earliest=earliest, latest=latest)


def _words(when: When) -> str:
    if when.earliest is None:
        return f"{when.latest} at the latest"
    return f"{when.latest}" if when.earliest == when.latest else f"{when.earliest} to {when.latest}"


def _read_since(
    event: AdoptionEvent, known: Known, rows: Sequence[TrackerRow], left_out: list[LeftOut]
) -> AdoptionEvent | None:
    """Return how fully an organisation uses it by the tracker's day, where that differs from what is recorded."""
    own = [one for one in known.recorded if (one.ods_code, one.innovation) == (event.ods_code, event.innovation)]
    read = [one for one in own if one.fidelity is not None and one.day <= known.as_of]
    last = max(read, key=lambda one: one.day, default=None)
    now = max((one for one in own if one.day <= known.as_of), key=lambda one: one.day, default=None)
    if event.fidelity is None or now is None or now.stage is not event.stage or event.stage is Stage.STOPPED:
        return None
    if last is not None and last.fidelity == event.fidelity:
        return None
    if now.day == known.as_of:
        left_out.append(
            LeftOut(
                place=_places(rows),
                why=f"{event.ods_code} was recorded on {now.day} with fidelity {now.fidelity or 'unknown'}, and the "
                f"tracker of that day says {event.fidelity}; correct adoptions.csv if the tracker is right",
            )
        )
        return None
    return replace(event, day=known.as_of, earliest=None, reason="how fully it was used, by the tracker of that day")


def _stretch(event: AdoptionEvent) -> str:
    return _words(When(earliest=event.first_day, latest=event.day))


def _places(rows: Sequence[TrackerRow]) -> str:
    return some_places([row.place for row in rows])


def some_places(places: Sequence[str]) -> str:
    """Return the places of some rows, of many the first few and how many more."""
    named = list(dict.fromkeys(places))
    more = f" and {len(named) - _MOST_PLACES:,} more" if len(named) > _MOST_PLACES else ""
    return ", ".join(named[:_MOST_PLACES]) + more
