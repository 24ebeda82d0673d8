"""Days and windows in plain words."""

from datetime import date

from rounds.measures.events import WITH_END, EventTable
from rounds.measures.windows import THROUGHOUT, Anchor, Edge, PeriodAnchor, Window

NOUNS = {
    EventTable.CONDITION_OCCURRENCE: ("diagnosis", "diagnoses"),
    EventTable.CONDITION_ERA: ("spell of illness", "spells of illness"),
    EventTable.DRUG_EXPOSURE: ("drug record", "drug records"),
    EventTable.DRUG_ERA: ("course of treatment", "courses of treatment"),
    EventTable.PROCEDURE_OCCURRENCE: ("procedure", "procedures"),
    EventTable.DEVICE_EXPOSURE: ("device use", "device uses"),
    EventTable.MEASUREMENT: ("measurement", "measurements"),
    EventTable.OBSERVATION: ("observation", "observations"),
    EventTable.VISIT_OCCURRENCE: ("visit", "visits"),
    EventTable.VISIT_DETAIL: ("stay in a unit", "stays in a unit"),
    EventTable.DEATH: ("death", "deaths"),
    EventTable.COHORT: ("entry into the cohort", "entries into the cohort"),
}
"""What one row of a table is called, and what several are."""


def window_in_words(window: Window, *, of: EventTable | None = None) -> str:
    """Return when, for example "from 12 months before the last day of the period to that day"."""
    if window == THROUGHOUT:
        return _throughout(of)
    first, last = window.first, window.last
    if first is None:
        return "at any time" if last is None else f"up to {_edge(last, of)}"
    if last is None:
        return f"on {_edge(first, of)} or later"
    if first == last:
        return f"on {'the day ' if _moved(first) else ''}{_edge(first, of)}"
    if first.anchor == last.anchor and not (last.months or last.days):
        if first.months < 0 and first.days == 1:
            return f"in the {_number(first.months, 'month')} up to {_edge(last, of)}"
        return f"from {_moved(first)} {_edge(last, of)} to that day"
    if first.anchor == last.anchor and not isinstance(last.anchor, date):
        begin = _edge(first, of) if not (first.months or first.days) else f"{_moved(first)} {day_in_words(first, of)}"
        return f"from {begin} to {_moved(last)} {'it' if begin == day_in_words(first, of) else 'that day'}"
    return f"from {_edge(first, of)} to {_edge(last, of)}"


def _throughout(of: EventTable | None) -> str:
    if of is None:
        return "in the period"
    if of in (EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL):
        return f"during the {thing_in_words(of)}"
    if is_a_day(of):
        return f"on the day of the {thing_in_words(of)}"
    return f"from the first to the last day of the {thing_in_words(of)}"


def thing_in_words(of: EventTable | None) -> str:
    """Return what a unit is called: a row of a table, or without one the period."""
    return "period" if of is None else NOUNS[of][0]


def is_a_day(of: EventTable | None) -> bool:
    """Say whether a unit lasts one day, so that it has no first and last."""
    return of is not None and of not in WITH_END


def day_in_words(edge: Edge, of: EventTable | None) -> str:
    """Return what an edge is measured from, for example "the last day of the period"."""
    if isinstance(edge.anchor, date):
        return f"{edge.anchor:%-d %B %Y}"
    if isinstance(edge.anchor, PeriodAnchor):
        return f"the {'first' if edge.anchor is PeriodAnchor.START else 'last'} day of the period"
    if is_a_day(of):
        return f"the day of the {thing_in_words(of)}"
    return f"the {'first' if edge.anchor is Anchor.START else 'last'} day of the {thing_in_words(of)}"


def _edge(edge: Edge, of: EventTable | None) -> str:
    return f"{_moved(edge)} {day_in_words(edge, of)}".strip()


def _moved(edge: Edge) -> str:
    """Return how far an edge is moved. Months are moved first, so they stand next to the day they are counted from."""
    parts = [(edge.days, "day"), (edge.months, "month")]
    return " ".join(
        f"{_number(number, unit)} {'after' if number > 0 else 'before'}" for number, unit in parts if number
    )


def _number(number: int, unit: str) -> str:
    years = unit == "month" and number % 12 == 0 and abs(number) > 12
    number, unit = (number // 12, "year") if years else (number, unit)
    return f"{abs(number)} {unit}{'' if abs(number) == 1 else 's'}"
