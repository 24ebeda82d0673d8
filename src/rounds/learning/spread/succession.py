"""What becomes of adoption when organisations merge, split or change their code."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.network.successions import Succession, Successions

_ORDER = tuple(Stage)
_NONE = -1
"""The place of an organisation that is at no stage."""


def followed(events: Iterable[AdoptionEvent], successions: Successions) -> tuple[AdoptionEvent, ...]:
    """Return adoption events with those that organisations take over from the ones they succeed.

    Rules `succession@1`. From the day of a succession the new organisation is at the furthest stage that any of its
    predecessors had reached the day before, if that is further than its own; what is recorded of the new organisation
    on that day or later stands. Each of several new organisations takes over from the one that was split. Of a
    predecessor that had stopped nothing is taken over. A predecessor's own events stay as they are.

    Args:
        events: in any order, of any innovations.
        successions: who carries on whose work from which day.

    Returns:
        The events in their order, and behind them those taken over, which say so in `reason`.
    """
    events = tuple(events)
    taken: list[AdoptionEvent] = []
    for innovation in sorted({event.innovation for event in events}):
        histories: dict[str, list[AdoptionEvent]] = defaultdict(list)
        for event in events:
            if event.innovation == innovation:
                histories[event.ods_code].append(event)
        for new_code, day, old_codes in _steps(successions.all):
            event_taken = _taken_over(histories, innovation, new_code, day, old_codes)
            if event_taken is not None:
                histories[new_code].append(event_taken)
                taken.append(event_taken)
    return (*events, *taken)


def _steps(successions: Iterable[Succession]) -> list[tuple[str, date, tuple[str, ...]]]:
    """Return (new, day, those whose work it takes on), by day; what changes hands twice on one day goes all the way."""
    by_day: dict[date, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in successions:
        by_day[one.day][one.new_code].add(one.old_code)
    steps = []
    for day in sorted(by_day):
        old_of = by_day[day]
        for new_code in sorted(old_of):
            known: set[str] = set()
            pending = list(old_of[new_code])
            while pending:
                code = pending.pop()
                if code not in known:
                    known.add(code)
                    pending += old_of.get(code, ())
            steps.append((new_code, day, tuple(sorted(known))))
    return steps


def _taken_over(
    histories: dict[str, list[AdoptionEvent]], innovation: str, new_code: str, day: date, old_codes: tuple[str, ...]
) -> AdoptionEvent | None:
    if any(event.day == day for event in histories.get(new_code, ())):
        return None
    eve = day - timedelta(days=1)
    own = _at(histories.get(new_code, ()), eve)
    before = {code: last for code in old_codes if (last := _at(histories.get(code, ()), eve)) is not None}
    if not before:
        return None
    furthest = max(sorted(before), key=lambda code: _place(before[code]))
    best = before[furthest]
    if _place(best) <= _place(own):
        return None
    at_least = [code for code in before if _place(before[code]) >= _place(best)]
    parts = len(old_codes) + (1 if new_code in histories and own is not None else 0)
    shared = f"; {len(at_least)} of {parts} organisations that came together" if parts > 1 else ""
    reached = f"{best.stage.replace('_', ' ')} since {best.day}"
    return AdoptionEvent(
        ods_code=new_code,
        innovation=innovation,
        stage=best.stage,
        day=day,
        fidelity=best.fidelity if parts == 1 else None,
        reason=f"taken over from {' and '.join(sorted(at_least))}, {reached}{shared}",
    )


def _at(history: Iterable[AdoptionEvent], day: date) -> AdoptionEvent | None:
    known = [event for event in history if event.day <= day]
    return max(known, key=lambda event: (event.day, _ORDER.index(event.stage)), default=None)


def _place(event: AdoptionEvent | None) -> int:
    return _NONE if event is None or event.stage is Stage.STOPPED else _ORDER.index(event.stage)
