"""Questions in plain words, for the people who review them and for a site's owner who is asked."""

from datetime import date

from rounds.measures.criteria import (
    Age,
    AgeBy,
    AllOf,
    Answer,
    AnyOf,
    Choose,
    Covers,
    Criterion,
    Distinct,
    Events,
    Has,
    Not,
    Observed,
    Scored,
    Sex,
    Touches,
    Value,
)
from rounds.measures.events import EventTable
from rounds.measures.questions import ObservedOn, People, PublishedQuestion, Question, Rows
from rounds.measures.windows import AT_END, AT_START, EVER, THROUGHOUT, Anchor, Edge, Window

_OBSERVED = {
    ObservedOn.ANY_DAY: "on at least one day of the period",
    ObservedOn.FIRST_DAY: "on the first day of the period",
    ObservedOn.LAST_DAY: "on the last day of the period",
    ObservedOn.EVERY_DAY: "on every day of the period",
}
_TOUCHES = {Touches.STARTS: "that started", Touches.ENDS: "that ended", Touches.OVERLAPS: "that was under way"}


def question_in_words(question: Question) -> tuple[tuple[str, str], ...]:
    """Return the parts of a question, each with its name: what is counted, of whom, and what is asked."""
    if isinstance(question, PublishedQuestion):
        return (("counted", f"{question.numerator} / {question.denominator}, as published"),)
    if isinstance(question.unit, People):
        counted = f"people observed {_OBSERVED[question.unit.observed]}"
    else:
        counted = rows_in_words(question.unit)
    who = (("of whom", criterion_in_words(question.who)),) if question.who else ()
    return (("counted", counted), *who, ("numerator", criterion_in_words(question.numerator)))


def rows_in_words(unit: Rows) -> str:
    """Return what is counted where rows are, for example "visits (Inpatient visit) that started in the period"."""
    when = "started" if unit.counted_on is Anchor.START else "ended"
    return f"{events_in_words(unit.events)} that {when} in the period"


def criterion_in_words(criterion: Criterion) -> str:
    """Return a criterion as part of a sentence.

    >>> criterion_in_words(Age(low=18, high=64))
    'aged 18 to 64'
    """
    match criterion:
        case Age():
            return _age(criterion)
        case Sex():
            return " or ".join(criterion.among)
        case Observed():
            covered = "observed on every day" if criterion.covers is Covers.EVERY_DAY else "observed on any day"
            if criterion == Observed():
                return "observed then"
            return f"{covered} {window_in_words(criterion.window)}"
        case Value():
            return _value(criterion)
        case Answer():
            return f"answered {criterion.codes.title}"
        case Has():
            return _has(criterion)
        case AllOf():
            return _joined([criterion_in_words(part) for part in criterion.of], "and")
        case AnyOf(at_least=1):
            return _joined([criterion_in_words(part) for part in criterion.of], "or")
        case AnyOf():
            return f"at least {criterion.at_least} of: " + "; ".join(criterion_in_words(part) for part in criterion.of)
        case Not():
            return f"not ({criterion_in_words(criterion.of)})"


def events_in_words(events: Events | Scored) -> str:
    """Return the rows that are meant, for example "first ever drug era (Celecoxib), observed then"."""
    if isinstance(events, Scored):
        where = f", {criterion_in_words(events.where)}" if events.where else ""
        return f"{'first ever ' if events.first else ''}set of observations scored by {events.score.title}{where}"
    table = "visit" if events.table is EventTable.VISIT_OCCURRENCE else events.table.replace("_", " ")
    codes = f" ({events.codes.title})" if events.codes else ""
    where = f", {criterion_in_words(events.where)}" if events.where else ""
    return f"{'first ever ' if events.first else ''}{table}{codes}{where}"


def window_in_words(window: Window) -> str:
    """Return when, for example "from 12 months before the end to the end"."""
    if window == THROUGHOUT:
        return "in it"
    if window == EVER:
        return "at any time"
    if window in (AT_START, AT_END):
        return f"on {_edge(window.first)}"
    first = f"from {_edge(window.first)}" if window.first else ""
    last = f"up to {_edge(window.last)}" if window.last else "onwards"
    return " ".join(part for part in (first, last) if part)


def _edge(edge: Edge | None) -> str:
    if edge is None:
        return "any time"
    if isinstance(edge.anchor, date):
        return f"{edge.anchor:%-d %B %Y}"
    moved = [_moved(edge.months, "month"), _moved(edge.days, "day")]
    day = "the first day" if edge.anchor is Anchor.START else "the last day"
    return " and ".join(part for part in moved if part) + f" {day}" if any(moved) else day


def _moved(number: int, unit: str) -> str:
    if number == 0:
        return ""
    return f"{abs(number)} {unit}{'' if abs(number) == 1 else 's'} {'after' if number > 0 else 'before'}"


def _age(age: Age) -> str:
    on = " on the last day" if age.at is Anchor.END else ""
    by = " by birthday" if age.by is AgeBy.BIRTHDAY else ""
    if age.low is None:
        return f"aged {age.high} or less{by}{on}"
    return f"aged {age.low} or more{by}{on}" if age.high is None else f"aged {age.low} to {age.high}{by}{on}"


def _value(value: Value) -> str:
    low = "" if value.low is None else f"{'at least' if value.low_included else 'above'} {value.low:g}"
    high = "" if value.high is None else f"{'at most' if value.high_included else 'below'} {value.high:g}"
    limits = " and ".join(part for part in (low, high) if part) or "recorded"
    units = f" in the unit {' or '.join(map(str, value.units))}" if value.units else ""
    return f"a value {limits}{units}"


def _has(has: Has) -> str:
    which = {Choose.ANY: "", Choose.FIRST: "the first ", Choose.LAST: "the last "}[has.choose]
    times = f"at least {has.at_least} " if has.at_least > 1 else ""
    days = "days with " if has.distinct is Distinct.DAYS else ""
    provided = f", {criterion_in_words(has.provided)}" if has.provided else ""
    visit = " during the same visit" if has.same_visit else ""
    when = window_in_words(has.window)
    touching = _TOUCHES[has.touches]
    return f"{which}{times}{days}{events_in_words(has.events)} {touching} {when}{visit}{provided}"


def _joined(parts: list[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else "(" + f"; {word} ".join(parts) + ")"
