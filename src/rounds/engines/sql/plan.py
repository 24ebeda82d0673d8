"""A plan: the tables a count is made through, each made once however many measures need it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.periods import Period
from rounds.measures.windows import Anchor, Edge, PeriodAnchor, Window

FARTHEST_DAYS = (date(1, 1, 1), date(9999, 12, 31))


@dataclass(slots=True, kw_only=True)
class Plan:
    """Steps in the order they must be made. Asking for the same SQL twice gives the same table."""

    concepts: Mapping[CodeList | Cohort, tuple[int, ...]]
    """What each code list means at the site, and the number of each cohort."""
    steps: dict[str, str] = field(default_factory=dict)
    """SQL by table name."""
    _names: dict[str, str] = field(default_factory=dict)

    def step(self, kind: str, sql: str) -> str:
        """Return the name of the table that holds what a query gives."""
        if sql not in self._names:
            name = f"{kind}_{len(self._names)}"
            self._names[sql] = name
            self.steps[name] = sql
        return self._names[sql]


def date_sql(day: date) -> str:
    return f"DATE '{day.isoformat()}'"


def periods_sql(periods: Sequence[Period], *, bits: bool = False) -> str:
    """Return periods as a table `t`: the place of each among them, its first and last day, `lo` and `hi`, and its bit.

    Args:
        periods: at most as many as a mask has bits if these are asked for.
        bits: whether there is a column `bit`.
    """
    values = ", ".join(
        f"({place}, {date_sql(period.start)}, {date_sql(period.end)}{f', {1 << place}' if bits else ''})"
        for place, period in enumerate(periods)
    )
    return f"(VALUES {values}) AS t(place, lo, hi{', bit' if bits else ''})"


def edge_sql(edge: Edge, first: str, last: str) -> str:
    """Return SQL for the day of an edge, of something whose first and last day are SQL too."""
    if isinstance(edge.anchor, date):
        return date_sql(edge.anchor)
    if isinstance(edge.anchor, PeriodAnchor):
        raise TypeError("the period has not been put in")
    day = first if edge.anchor is Anchor.START else last
    if edge.months:
        day = f"CAST({day} + INTERVAL '{edge.months}' MONTH AS DATE)"
    if edge.days:
        day = f"CAST({day} + INTERVAL '{edge.days}' DAY AS DATE)"
    return day


def window_sql(window: Window, first: str, last: str) -> tuple[str | None, str | None]:
    """Return SQL for the first and the last day of a window; None where it is open."""
    return (
        edge_sql(window.first, first, last) if window.first else None,
        edge_sql(window.last, first, last) if window.last else None,
    )


def conditions(*found: str | None) -> str:
    """Return conditions joined by AND; `true` if there is none."""
    return " AND ".join(part for part in found if part) or "true"


def day_before(day: date) -> date:
    return day - timedelta(days=1) if day > FARTHEST_DAYS[0] else day
