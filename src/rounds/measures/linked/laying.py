"""Laying: the days on which something is asked of a unit, once it is known of what it is asked."""

from dataclasses import dataclass, replace
from datetime import date

from rounds.measures.choices import AgeBy
from rounds.measures.linked.conditions import ANYTHING, SO, Span, Trait, age_trait, ages
from rounds.measures.periods import Period
from rounds.measures.traits import Age
from rounds.measures.windows import Anchor, Edge, PeriodAnchor, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Of what a criterion is asked."""

    rows: bool
    """A row, and not a person in a period."""
    counted: bool = False
    """That which the measure counts, and not a row that is looked for."""
    period: Period | None = None
    """Of which period its days are put in."""
    ever: bool = False
    """Windows that are laid on it are opened, and its ages are left out."""


def age_limit(age: Age, asked: Asked) -> tuple[Trait, int]:
    """Return the limit that somebody of an age meets."""
    at = age.at
    if asked.ever:
        return age_trait(age.by, None), ANYTHING
    if asked.counted and not asked.rows:  # of a person in a period the unit's days are the period's
        if isinstance(at, PeriodAnchor):
            at = Anchor.START if at is PeriodAnchor.START else Anchor.END
        if isinstance(at, Anchor) and asked.period is not None:
            at = asked.period.start if at is Anchor.START else asked.period.end
    on = at.year if isinstance(at, date) and age.by is AgeBy.YEAR else at
    allowed = ages(age.low, age.high)
    if allowed is None:
        return age_trait((age.by, age.low, age.high), on), SO
    return age_trait(age.by, on), allowed


def span(window: Window, asked: Asked) -> Span:
    """Return the edges of a window; days are put in where they are known."""
    return _edge(window.first, asked), _edge(window.last, asked)


def _edge(edge: Edge | None, asked: Asked) -> Edge | None:
    if asked.ever:
        return None
    if edge is None or asked.rows or not asked.counted or isinstance(edge.anchor, date):
        return edge
    if asked.period is not None:
        if isinstance(edge.anchor, PeriodAnchor):
            return edge.in_period(asked.period.start, asked.period.end)
        return Edge(anchor=edge.on(asked.period.start, asked.period.end))
    if isinstance(edge.anchor, PeriodAnchor):
        return replace(edge, anchor=Anchor.START if edge.anchor is PeriodAnchor.START else Anchor.END)
    return edge
